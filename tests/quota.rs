//! The count of a scope's keys: the Lua on a real Redis, the embedded store and the pure model agree, for random keys
//! at random times. `ACTONCE_LONG=1` runs the long form.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use actonce::model::Now;
use actonce::model::quota::{Count, Outcome, Quota};
use actonce::scripts::{ADMIT, TimeSource, quota};
use actonce::store::embedded::MemoryStore;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use support::cases;
use support::link::{Link, Reply};
use support::server::Server;

const KEY: &[u8] = b"actonce:{scope}:quota";
const START: Now = Now { us: 1_795_471_188_432_100 };
/// Longer than a test takes, because the server's time goes on by itself.
const SHORTEST_MS: u64 = 100_000;

/// A key that comes some time after the previous one.
#[derive(Clone, Copy, Debug)]
struct Key {
    after_ms: u64,
    quota: Quota,
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    let after_ms = prop_oneof![Just(0), 0..20_000_u64, 0..400_000_u64];
    let retention_ms = prop_oneof![4 => Just(SHORTEST_MS), 1 => SHORTEST_MS..4 * SHORTEST_MS];
    let key = (after_ms, 1..12_u64, retention_ms)
        .prop_map(|(after_ms, limit, retention_ms)| Key { after_ms, quota: Quota { limit, retention_ms } });
    prop::collection::vec(key, 1..40)
}

/// The script or a mutant of it, beside the model and the embedded store.
struct Trio {
    link: Link,
    sha1: String,
}

impl Trio {
    fn load(mut link: Link, source: &str) -> Self {
        match link.call(&[b"SCRIPT", b"LOAD", source.as_bytes()]) {
            Reply::Text(sha1) => Self { link, sha1: String::from_utf8(sha1).unwrap() },
            reply => panic!("{reply:?}"),
        }
    }

    fn ask(&mut self, quota: Quota, now: Now) -> Result<Outcome, String> {
        let mut request = Vec::new();
        quota::pack(quota, KEY, TimeSource::Test { now, left_ms: 0 }, &mut request);
        self.reply(request)
    }

    fn count(&mut self, now: Now) -> Result<Outcome, String> {
        let mut request = Vec::new();
        quota::pack_count(KEY, TimeSource::Test { now, left_ms: 0 }, &mut request);
        self.reply(request)
    }

    fn reply(&mut self, mut request: Vec<u8>) -> Result<Outcome, String> {
        let at = request.windows(40).position(|bytes| bytes == ADMIT.sha1.as_bytes()).unwrap();
        request[at..at + 40].copy_from_slice(self.sha1.as_bytes());
        self.link.send(&request);
        let words = match self.link.read() {
            Reply::Array(words) => words,
            word => vec![word],
        };
        let texts = words.iter().map(|word| if let Reply::Text(text) = word { text.as_slice() } else { b"" });
        quota::parse(&texts.collect::<Vec<_>>()).map_err(|_| format!("the script replied {words:?}"))
    }

    fn agree(&mut self, keys: &[Key]) -> Result<(), String> {
        self.link.call(&[b"DEL", KEY]);
        let (mut count, store) = (Count::default(), MemoryStore::default());
        let mut now = START;
        for key in keys {
            now.us += key.after_ms * 1_000;
            let counted = count.counted(now);
            let told = (self.count(now)?, store.counted("count", now));
            if told != (counted, counted) {
                return Err(format!("{told:?} instead of {counted:?} at {now:?}"));
            }
            let expected = count.admit(key.quota, now);
            let seen = (self.ask(key.quota, now)?, store.admit("count", key.quota, now));
            if seen != (expected, expected) {
                return Err(format!("{seen:?} instead of {expected:?} at {now:?}"));
            }
            // A refusal writes nothing.
            if expected == Outcome::Admitted {
                self.stored_as(&count, &store, now)?;
            }
        }
        Ok(())
    }

    fn stored_as(&mut self, count: &Count, store: &MemoryStore, now: Now) -> Result<(), String> {
        let (text, left_ms) = (self.link.call(&[b"GET", KEY]), self.link.call(&[b"PTTL", KEY]));
        let expected = count.text();
        if text != Reply::Text(expected.clone().into()) || store.count("count", now).as_ref() != Some(&expected) {
            return Err(format!("{text:?} is stored instead of {expected}"));
        }
        let due_ms = i64::try_from(count.expires_at_ms() - now.us / 1_000).unwrap();
        match left_ms {
            Reply::Integer(left_ms) if (due_ms - 30_000..=due_ms).contains(&left_ms) => Ok(()),
            other => Err(format!("{other:?} of {due_ms} ms are left")),
        }
    }
}

/// Finds the first disagreement with random keys.
fn disagreement(source: &str, cases: u32) -> Option<String> {
    let server = Server::start();
    let trio = std::cell::RefCell::new(Trio::load(server.connect(), source));
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let agree = |keys: Vec<Key>| trio.borrow_mut().agree(&keys).map_err(TestCaseError::fail);
    TestRunner::new(config).run(&keys(), agree).err().map(|error| error.to_string())
}

#[test]
fn the_lua_the_model_and_the_embedded_store_agree() {
    assert_eq!(disagreement(&ADMIT.source, cases(300, 30_000)), None);
}

#[test]
fn a_script_that_is_broken_anywhere_is_found_out() {
    for (sound, broken) in [
        ("total >= tonumber", "total > tonumber"),
        ("/ slice_ms) + 1)", "/ slice_ms))"),
        ("ends_ms > now_ms", "ends_ms >= now_ms - 1000"),
        ("keys + 1, true", "keys, true"),
        ("total + keys", "total + 1"),
        ("math.min(first_ms", "math.max(first_ms"),
        ("math.max(last_ms", "math.min(last_ms"),
        ("last_ms - now_ms))", "slice_ms))"),
        ("table.concat(slices, ' ')", "slices[#slices]"),
        ("if not is_counted then", "if true then"),
        ("total > 0 and first_ms - now_ms or 0", "first_ms - now_ms"),
        ("string.format('%.0f', total), free_in_ms", "string.format('%.0f', total + 1), free_in_ms"),
        ("total), free_in_ms}", "total), '0'}"),
    ] {
        let mutant = ADMIT.source.replacen(sound, broken, 1);
        assert_ne!(mutant, ADMIT.source, "'{sound}' is in the script");
        assert!(disagreement(&mutant, 300).is_some(), "'{broken}' for '{sound}' is not noticed");
    }
}

#[test]
fn the_header_declares_what_rust_sends_and_every_reply() {
    let mut request = Vec::new();
    quota::pack(Quota { limit: 1, retention_ms: 1 }, KEY, TimeSource::Server, &mut request);
    let lines: Vec<_> = ADMIT.source.lines().map_while(|line| line.strip_prefix("-- ")).collect();
    let declared = |table| lines.iter().filter(|line| line.starts_with(table)).count();
    assert!(request.starts_with(format!("*{}\r\n", 3 + declared("KEYS[") + declared("ARGV[")).as_bytes()));
    assert_eq!(lines.last(), Some(&"Replies  admitted | full free_in_ms | counted keys free_in_ms"));
    assert_eq!(quota::parse(&["admitted"]), Ok(Outcome::Admitted));
    assert_eq!(quota::parse(&["full", "7"]), Ok(Outcome::Full { free_in_ms: 7 }));
    assert_eq!(quota::parse(&["counted", "3", "7"]), Ok(Outcome::Counted { keys: 3, free_in_ms: 7 }));
    for reply in
        [&[][..], &["full"], &["full", "-1"], &["full", "1", "2"], &["admitted", "1"], &["counted", "1"], &["done"]]
    {
        assert!(quota::parse(reply).is_err(), "{reply:?}");
    }
}

#[test]
fn in_production_the_servers_clock_decides() {
    let server = Server::start();
    let mut link = Trio::load(server.connect(), &ADMIT.source).link;
    let mut ask = |limit| {
        let mut request = Vec::new();
        quota::pack(Quota { limit, retention_ms: 3_600_000 }, KEY, TimeSource::Server, &mut request);
        link.send(&request);
        link.read()
    };
    assert_eq!(ask(1), Reply::Text(b"admitted".to_vec()));
    let Reply::Array(full) = ask(1) else { panic!("one too many") };
    let Reply::Text(left_ms) = &full[1] else { panic!("{full:?}") };
    let left_ms: u64 = std::str::from_utf8(left_ms).unwrap().parse().unwrap();
    assert!((3_540_000..=3_600_000 + 225_000).contains(&left_ms), "{left_ms} ms");
}
