use std::collections::HashMap;

use actonce::model::{Begin, Command, Now, Outcome, Record};
use actonce::scripts::{self, Script, TimeSource};

use super::link::{Link, Reply, pack};

pub const KEY: &[u8] = b"actonce:{differential}";
/// Where the error lies that those who waited get.
const BESIDE: &[u8] = b"actonce:{differential}:e";
/// Where the plain commands are tried beside the scripts.
const PLAIN_KEY: &[u8] = b"actonce:{plain}";
/// The TTL every record gets before a command. No command sets this TTL, so a TTL that was touched shows.
pub const MARK_MS: u64 = 7_777_777;

/// The scripts in a real server, as they are or with one of them replaced.
pub struct Lua {
    pub link: Link,
    /// Whether the server knows `SET … IFEQ`.
    pub set_if_equal: bool,
    /// By the SHA-1 that requests carry, the SHA-1 of the script to run instead.
    replaced: HashMap<&'static str, String>,
}

/// Everything a command did.
#[derive(Debug)]
pub struct Seen {
    pub outcome: Outcome,
    pub record: Option<Vec<u8>>,
    pub pttl_ms: i64,
    pub beside: Option<Vec<u8>>,
    pub beside_pttl_ms: i64,
    /// What was published on the record's channel.
    pub published: Vec<Vec<u8>>,
}

impl Lua {
    pub fn load(mut link: Link) -> Self {
        for script in scripts::ALL {
            let sha1 = link.call(&[b"SCRIPT", b"LOAD", script.source.as_bytes()]);
            assert_eq!(sha1, Reply::Text(script.sha1.clone().into()), "{}", script.name);
        }
        link.send(b"*2\r\n$9\r\nSUBSCRIBE\r\n$22\r\nactonce:{differential}\r\n");
        assert_eq!(link.call(&[b"PING"]), Reply::Text(b"PONG".to_vec()));
        let set_if_equal = link.call(&[b"SET", PLAIN_KEY, b"x", b"IFEQ", b"y"]) == Reply::Nil;
        Self { link, set_if_equal, replaced: HashMap::new() }
    }

    /// From now on `source` runs in place of `script`.
    pub fn replace(&mut self, script: &'static Script, source: &str) {
        match self.link.call(&[b"SCRIPT", b"LOAD", source.as_bytes()]) {
            Reply::Text(sha1) => self.replaced.insert(&script.sha1, String::from_utf8(sha1).unwrap()),
            reply => panic!("{}: {reply:?}", script.name),
        };
    }

    pub fn restore(&mut self) {
        self.replaced.clear();
    }

    pub fn clear(&mut self) {
        self.link.call(&[b"DEL", KEY, BESIDE, PLAIN_KEY]);
        self.link.heard.clear();
    }

    /// Removes that error, whose time is over by the test's clock.
    pub fn forget_told(&mut self) {
        self.link.call(&[b"DEL", BESIDE]);
    }

    /// Puts `record` at the key, without a TTL when `left_ms` is none.
    pub fn put(&mut self, record: &[u8], left_ms: Option<u64>) {
        self.link.call(&[b"SET", KEY, record]);
        if let Some(left_ms) = left_ms {
            self.link.call(&[b"PEXPIRE", KEY, left_ms.to_string().as_bytes()]);
        }
    }

    /// Runs `command` on the record as it is at the key, marking its TTL first.
    pub fn run(&mut self, command: &Command, now: Now, left_ms: i64) -> Result<Seen, String> {
        let mut request = Vec::new();
        pack(&[b"PEXPIRE", KEY, MARK_MS.to_string().as_bytes()], &mut request);
        self.pack(command, now, left_ms, &mut request);
        pack(&[b"GET", KEY], &mut request);
        pack(&[b"PTTL", KEY], &mut request);
        pack(&[b"GET", BESIDE], &mut request);
        pack(&[b"PTTL", BESIDE], &mut request);
        self.link.send(&request);
        let _marked = self.link.read();
        let reply = self.link.read();
        let record = self.link.read();
        let pttl_ms = self.link.read().integer();
        let beside = text(self.link.read());
        let beside_pttl_ms = self.link.read().integer();
        let published = self.link.heard.drain(..).map(|(_, message)| message).collect();
        Ok(Seen { outcome: outcome(&reply)?, record: text(record), pttl_ms, beside, beside_pttl_ms, published })
    }

    /// Runs `command` as production does, by the server's clock.
    pub fn run_now(&mut self, command: &Command) -> Result<Outcome, String> {
        let mut request = Vec::new();
        scripts::pack(command, KEY, TimeSource::Server, &mut request);
        self.link.send(&request);
        outcome(&self.link.read())
    }

    pub fn get(&mut self) -> Option<Vec<u8>> {
        text(self.link.call(&[b"GET", KEY]))
    }

    pub fn time_us(&mut self) -> u64 {
        let Reply::Array(parts) = self.link.call(&[b"TIME"]) else { panic!("TIME gives an array") };
        let number = |part: &Reply| -> u64 {
            let Reply::Text(text) = part else { panic!("TIME gives texts") };
            std::str::from_utf8(text).unwrap().parse().unwrap()
        };
        number(&parts[0]) * 1_000_000 + number(&parts[1])
    }

    /// What a plain `SET NX GET` makes of the same begin, on a copy of the record: the client's answer, or none when
    /// the client would go on to the script; and the record afterwards.
    pub fn plain_begin(&mut self, begin: &Begin, now: Now) -> (Option<Outcome>, Option<Vec<u8>>) {
        let (reply, after) = self.on_a_copy(|request| scripts::pack_set_if_absent(begin, PLAIN_KEY, now.us, request));
        (scripts::judge_set(text(reply), begin, now.us), after)
    }

    /// What a plain `SET IFEQ` makes of a complete, on a copy of the record: whether it was stored, and the record
    /// afterwards.
    pub fn plain_complete(&mut self, held: &Record, completed: &Record) -> (bool, Option<Vec<u8>>) {
        let (reply, after) =
            self.on_a_copy(|request| scripts::pack_set_if_equal(held, completed, MARK_MS, PLAIN_KEY, request));
        (reply != Reply::Nil, after)
    }

    fn on_a_copy(&mut self, pack_set: impl FnOnce(&mut Vec<u8>)) -> (Reply, Option<Vec<u8>>) {
        let mut request = Vec::new();
        pack(&[b"DEL", PLAIN_KEY], &mut request);
        pack(&[b"COPY", KEY, PLAIN_KEY], &mut request);
        pack_set(&mut request);
        pack(&[b"GET", PLAIN_KEY], &mut request);
        self.link.send(&request);
        let replies: Vec<_> = (0..4).map(|_| self.link.read()).collect();
        let [_, _, set, after] = replies.try_into().unwrap();
        (set, text(after))
    }

    fn pack(&self, command: &Command, now: Now, left_ms: i64, request: &mut Vec<u8>) {
        let start = request.len();
        scripts::pack(command, KEY, TimeSource::Test { now, left_ms }, request);
        let sha1 = &Script::of(command).sha1;
        if let Some(other) = self.replaced.get(sha1.as_str()) {
            let at = request[start..].windows(sha1.len()).position(|bytes| bytes == sha1.as_bytes()).unwrap();
            request[start + at..start + at + sha1.len()].copy_from_slice(other.as_bytes());
        }
    }
}

fn outcome(reply: &Reply) -> Result<Outcome, String> {
    let words = match reply {
        Reply::Array(words) => words.clone(),
        word => vec![word.clone()],
    };
    let words: Option<Vec<_>> = words.into_iter().map(text).collect();
    let outcome = words.ok_or(()).and_then(|words| scripts::parse(&words).map_err(drop));
    outcome.map_err(|()| format!("the script replied {reply:?}"))
}

fn text(reply: Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Text(text) => Some(text),
        _ => None,
    }
}
