//! Commands on one instance of a state machine, run through the model, the Lua and the embedded store side by side.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actonce::model::Now;
use actonce::model::machine::{Command, Due, Effect, Fields, Instance, Machine, Outcome, Snapshot, Write, apply};
use actonce::scripts::machine::{Keys, Prepared, pack, parse};
use actonce::scripts::{ALL, TRANSITION, TimeSource};
use actonce::store::embedded::MemoryStore;

use super::link::{self, Link, Reply};
use super::machine_steps::{Elapse, Step};
use super::run::agree;

pub const KEYS: Keys<'static> =
    Keys { instance: b"actonce:{m}:m:test:1", due_set: b"actonce:{m}:due:test", member: b"1" };
pub const KEY: &str = "actonce:{m}:m:test:1";
pub const LISTED: (&str, &str) = ("actonce:{m}:due:test", "1");
/// The TTL every instance gets before a command. No command sets this TTL.
const MARK_MS: i64 = 7_777_777;
const SLACK_MS: i64 = 5_000;
pub const START_US: u64 = 1_763_900_000_000_000;
/// A script reads the hash, because it gives an array in RESP3 too.
const GET_ALL: [&[u8]; 4] = [b"EVAL", b"return redis.call('HGETALL', KEYS[1])", b"1", KEYS.instance];

/// The script in a real server.
pub struct Lua {
    pub link: Link,
    sha1: String,
}

#[derive(Debug)]
struct Seen {
    outcome: Outcome,
    /// `None` without an instance.
    fields: Option<Fields>,
    pttl_ms: i64,
    due_ms: Option<u64>,
    published: usize,
}

impl Lua {
    pub fn load(mut link: Link) -> Self {
        for script in ALL {
            let sha1 = link.call(&[b"SCRIPT", b"LOAD", script.source.as_bytes()]);
            assert_eq!(sha1, Reply::Text(script.sha1.clone().into()), "{}", script.name);
        }
        let mut request = Vec::new();
        link::pack(&[b"SUBSCRIBE", KEYS.instance], &mut request);
        link.send(&request);
        assert_eq!(link.call(&[b"PING"]), Reply::Text(b"PONG".to_vec()));
        Self { link, sha1: TRANSITION.sha1.clone() }
    }

    /// From now on `source` runs in place of the script.
    pub fn replace(&mut self, source: &str) {
        match self.link.call(&[b"SCRIPT", b"LOAD", source.as_bytes()]) {
            Reply::Text(sha1) => self.sha1 = String::from_utf8(sha1).unwrap(),
            reply => panic!("{reply:?}"),
        }
    }

    pub fn clear(&mut self) {
        self.link.call(&[b"DEL", KEYS.instance, KEYS.due_set]);
        self.link.heard.clear();
    }

    pub fn put(&mut self, fields: &Fields) {
        self.link.call(&[b"DEL", KEYS.instance]);
        for (field, value) in fields {
            self.link.call(&[b"HSET", KEYS.instance, field, value]);
        }
    }

    pub fn get(&mut self) -> Option<Fields> {
        fields(self.link.call(&GET_ALL))
    }

    pub fn ask(&mut self, command: &Command, prepared: &Prepared, clock: TimeSource) -> Result<Outcome, String> {
        let mut request = Vec::new();
        self.pack(command, prepared, clock, &mut request);
        self.link.send(&request);
        outcome(&self.link.read())
    }

    fn pack(&self, command: &Command, prepared: &Prepared, clock: TimeSource, request: &mut Vec<u8>) {
        let start = request.len();
        pack(command, prepared, KEYS, clock, request);
        let own = TRANSITION.sha1.as_bytes();
        let at = request[start..].windows(own.len()).position(|bytes| bytes == own).unwrap();
        request[start + at..start + at + own.len()].copy_from_slice(self.sha1.as_bytes());
    }

    fn run(&mut self, command: &Command, prepared: &Prepared, now: Now) -> Result<Seen, String> {
        let mut request = Vec::new();
        link::pack(&[b"PEXPIRE", KEYS.instance, MARK_MS.to_string().as_bytes()], &mut request);
        self.pack(command, prepared, TimeSource::Test { now, left_ms: 0 }, &mut request);
        link::pack(&GET_ALL, &mut request);
        link::pack(&[b"PTTL", KEYS.instance], &mut request);
        // `ZSCORE` gives a double in RESP3, but a script gives a text.
        let score = b"return redis.call('ZSCORE', KEYS[1], ARGV[1])";
        link::pack(&[b"EVAL", score, b"1", KEYS.due_set, KEYS.member], &mut request);
        self.link.send(&request);
        let _marked = self.link.read();
        let reply = self.link.read();
        let fields = fields(self.link.read());
        let Reply::Integer(pttl_ms) = self.link.read() else { panic!("PTTL gives a number") };
        let due_ms = bytes(self.link.read()).map(|score| std::str::from_utf8(&score).unwrap().parse().unwrap());
        let published = self.link.heard.drain(..).count();
        Ok(Seen { outcome: outcome(&reply)?, fields, pttl_ms, due_ms, published })
    }
}

fn outcome(reply: &Reply) -> Result<Outcome, String> {
    let words = match reply {
        Reply::Array(words) => words.clone(),
        word => vec![word.clone()],
    };
    let words: Option<Vec<_>> = words.into_iter().map(bytes).collect();
    let outcome = words.and_then(|words| parse(&words).ok());
    outcome.ok_or_else(|| format!("the script replied {reply:?}"))
}

fn fields(reply: Reply) -> Option<Fields> {
    let Reply::Array(texts) = reply else { panic!("a script gives a hash as an array") };
    let texts: Vec<_> = texts.into_iter().filter_map(bytes).collect();
    let pairs = texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    (!texts.is_empty()).then(|| pairs.collect())
}

fn bytes(reply: Reply) -> Option<Vec<u8>> {
    match reply {
        Reply::Text(text) => Some(text),
        _ => None,
    }
}

/// Runs `steps` through the model, the Lua and the embedded store; the first difference is the error. `twice` delivers
/// every command a second time.
pub fn compare(lua: &mut Lua, machine: &Machine, steps: &[Step], twice: bool) -> Result<(), String> {
    lua.clear();
    let mut trial = Trial::new(lua, Prepared::new(machine.clone()));
    for (number, step) in steps.iter().enumerate() {
        trial.elapse(&step.elapse);
        let command = step.ask.command(machine, trial.instance.as_ref());
        let first = trial.deliver(&command);
        let delivered = match first {
            Ok(first) if twice => trial.deliver_again(&command, &first),
            other => other.map(drop),
        };
        delivered.map_err(|error| format!("step {number}, {command:?}: {error}"))?;
    }
    Ok(())
}

/// One instance in all three.
pub struct Trial<'a> {
    lua: &'a mut Lua,
    pub prepared: Prepared,
    memory: MemoryStore,
    told: Arc<AtomicUsize>,
    pub instance: Option<Instance>,
    expires_at_ms: u64,
    due_ms: Option<u64>,
    now: Now,
}

impl<'a> Trial<'a> {
    pub fn new(lua: &'a mut Lua, prepared: Prepared) -> Self {
        let (memory, told) = (MemoryStore::default(), Arc::new(AtomicUsize::new(0)));
        let teller = Arc::clone(&told);
        let tell = move || {
            teller.fetch_add(1, Ordering::Relaxed);
        };
        memory.subscribe(KEY, 1, Box::new(tell));
        let now = Now { us: START_US };
        Self { lua, prepared, memory, told, instance: None, expires_at_ms: u64::MAX, due_ms: None, now }
    }

    fn elapse(&mut self, elapse: &Elapse) {
        let timer_end = self
            .instance
            .as_ref()
            .and_then(|instance| Some(instance.entered_ms + self.prepared.machine.timer(&instance.state)?.ms));
        self.now.us = match (elapse, timer_end) {
            (Elapse::Micros(us), _) => self.now.us + us,
            (Elapse::BackMs(ms), _) => self.now.us - ms * 1_000,
            (Elapse::Timer(further), Some(end)) => self.now.us.max(end.saturating_add_signed(*further) * 1_000),
            (Elapse::Timer(_), None) => self.now.us,
        };
        if self.expires_at_ms <= self.now.ms() && self.instance.take().is_some() {
            self.lua.link.call(&[b"DEL", KEYS.instance]);
        }
    }

    pub fn deliver(&mut self, command: &Command) -> Result<Outcome, String> {
        let Self { prepared, now, .. } = self;
        let (machine, now) = (&prepared.machine, *now);
        let seen = self.lua.run(command, prepared, now)?;
        let remembered = self.memory.transition(machine, KEY, LISTED, command, now);
        let had_ttl = self.instance.as_ref().map(|instance| instance.expires);
        let (instance, effect, outcome) = apply(machine, self.instance.take(), command, now);
        self.instance = instance;
        self.take_effect(effect);

        agree("outcome", &outcome, &seen.outcome)?;
        let fields = self.fields();
        agree_on_fields("instance", fields.as_ref(), seen.fields.as_ref())?;
        self.agree_on_ttl(effect, had_ttl, &seen)?;
        agree("due", &self.due_ms, &seen.due_ms)?;
        agree("published", &usize::from(effect.publish), &seen.published)?;

        let (kept, due_ms) = self.memory.inspect_instance(KEY, LISTED, now);
        let (kept, left_ms) = kept.unzip();
        agree("outcome in memory", &outcome, &remembered)?;
        if self.instance != kept {
            return Err(format!("in memory: the model says {:?}, not {kept:?}", self.instance));
        }
        let left = |at: u64| if at == u64::MAX { at } else { at - now.ms() };
        agree("time left in memory", &self.instance.as_ref().map(|_| left(self.expires_at_ms)), &left_ms)?;
        agree("due in memory", &self.due_ms, &due_ms)?;
        agree("told by memory", &usize::from(effect.publish), &self.told.swap(0, Ordering::Relaxed))?;
        if let Some(fields) = fields {
            let read = Instance::decode(&fields);
            if read.as_ref().ok() != self.instance.as_ref() {
                return Err(format!("read again, it is {read:?}"));
            }
        }
        Ok(outcome)
    }

    /// After a lost reply the command comes again and changes nothing. It gets the same answer as before, once timers
    /// have fired.
    fn deliver_again(&mut self, command: &Command, first: &Outcome) -> Result<(), String> {
        let before = (self.fields(), self.due_ms, self.expires_at_ms);
        let again = self.deliver(command).map_err(|error| format!("delivered again, {error}"))?;
        agree_on_fields("instance after the second delivery", before.0.as_ref(), self.fields().as_ref())?;
        agree("timer and expiry after it", &(before.1, before.2), &(self.due_ms, self.expires_at_ms))?;
        match (first, &again) {
            // Timers that fired in between may have made the history forget the data.
            (
                Outcome::Moved { from, to } | Outcome::Replayed { from, to },
                Outcome::Moved { from: again, to: then } | Outcome::Replayed { from: again, to: then },
            ) if then.data.is_empty() => {
                agree("from", from, again)?;
                agree("to", &Snapshot { data: Vec::new(), ..to.clone() }, then)
            }
            (Outcome::Instance { fired: 1.., at, .. }, Outcome::Instance { at: then, .. }) => agree("state", at, then),
            _ => agree("outcome of the second delivery", first, &again),
        }
    }

    fn take_effect(&mut self, effect: Effect) {
        match effect.write {
            Write::Store { ttl_ms } => self.expires_at_ms = ttl_ms.map_or(u64::MAX, |ttl_ms| self.now.ms() + ttl_ms),
            Write::Keep | Write::Patch => {}
        }
        match effect.due {
            Due::At { ms } => self.due_ms = Some(ms),
            Due::Remove => self.due_ms = None,
            Due::RemoveUntil { ms } => self.due_ms = self.due_ms.filter(|due_ms| *due_ms > ms),
            Due::Keep => {}
        }
    }

    /// `had_ttl`: whether the instance had a TTL before; `None` if there was no instance.
    fn agree_on_ttl(&self, effect: Effect, had_ttl: Option<bool>, seen: &Seen) -> Result<(), String> {
        let expected = match effect.write {
            _ if self.instance.is_none() => -2,
            Write::Store { ttl_ms: Some(ttl_ms) } => i64::try_from(ttl_ms).unwrap(),
            Write::Store { ttl_ms: None } if had_ttl != Some(false) => -1,
            // The script takes away only a TTL that it set.
            Write::Store { ttl_ms: None } | Write::Keep | Write::Patch => MARK_MS,
        };
        let slack_ms = if expected < 0 { 0 } else { SLACK_MS };
        if (expected - slack_ms..=expected).contains(&seen.pttl_ms) {
            return Ok(());
        }
        agree("TTL", &expected, &seen.pttl_ms)
    }

    fn fields(&self) -> Option<Fields> {
        self.instance.as_ref().map(Instance::fields)
    }
}

fn agree_on_fields(what: &str, model: Option<&Fields>, other: Option<&Fields>) -> Result<(), String> {
    if model == other { Ok(()) } else { agree(what, &shown(model), &shown(other)) }
}

/// The fields as a person reads them in a failure.
fn shown(fields: Option<&Fields>) -> String {
    let Some(fields) = fields else { return "no instance".into() };
    let lines = fields.iter().map(|(field, value)| format!("{}: {}\n", field.escape_ascii(), value.escape_ascii()));
    lines.collect::<String>().replace(&"x".repeat(30_000), "[30000 x]")
}
