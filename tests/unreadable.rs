//! Every script answers `unreadable` to a value that is not a record of this version, by the same grammar as the
//! model's decoder, and writes nothing.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::borrow::Cow;
use std::cell::RefCell;

use actonce::model::{
    Command, Effect, Fingerprint, Flags, Now, Outcome, Owner, Record, State, Stored, Unreadable, apply,
    outcome_at_any_time,
};
use actonce::scripts::ALL;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use support::cases;
use support::lua::{Lua, MARK_MS};
use support::run::{agree, text};
use support::sequence::{Ask, asks};
use support::server::Server;

const NOW: Now = Now { us: 1_763_900_000_000_000 };

/// A real record, or a record that was cut or had bytes replaced.
fn nearly_a_record() -> impl Strategy<Value = Vec<u8>> {
    // The last number has one digit more than is read.
    let number = || prop_oneof![8 => 1..200_000_u64, 1 => Just(999_999_999_999_999), 1 => Just(1_000_000_000_000_000)];
    let payload = || proptest::collection::vec(any::<u8>(), 0..8);
    let state = prop_oneof![
        3 => (number(), number()).prop_map(|(lease_ms, ttl_ms)| State::Processing { lease_ms, ttl_ms }),
        2 => (number(), number(), number())
            .prop_map(|(lease_ms, ttl_ms, since_ms)| State::Indeterminate { lease_ms, ttl_ms, since_ms }),
        1 => payload().prop_map(|payload| State::Released { payload }),
        1 => payload().prop_map(|payload| State::Completed { payload }),
        1 => payload().prop_map(|payload| State::Failed { payload }),
    ];
    let header = (1..8_999_999_999_999_999_u64, 0..4_u8, proptest::option::of(1..3_u8), any::<[bool; 3]>(), number());
    let record =
        (header, state).prop_map(|((fence, owner, payload, [waited, recovered, hold], attempt), state)| Record {
            fence,
            owner: Owner::from_random([owner; 12]),
            fingerprint: payload.map(|payload| Fingerprint::from_hash([payload; 16])),
            flags: Flags { waited, recovered, hold },
            attempt,
            state,
        });
    let byte = prop_oneof![any::<u8>(), Just(b' '), Just(b'0'), b'0'..=b'9', b'+'..=b'z'];
    let edits = proptest::collection::vec((any::<prop::sample::Index>(), byte), 0..3);
    let length = prop_oneof![3 => Just(usize::MAX), 1 => 0..90_usize];
    (record, edits, length).prop_map(|(record, edits, length)| {
        let mut bytes = text(&record);
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(length);
        bytes
    })
}

/// Whether this command must know the age of the lease, for which the key needs an expiry.
fn judges_the_lease(record: &Record, command: &Command) -> bool {
    matches!(record.state, State::Processing { .. })
        && match command {
            Command::Begin(begin) => {
                record.owner != begin.owner && outcome_at_any_time(Cow::Borrowed(record), begin).is_none()
            }
            Command::Resolve { .. } | Command::Reset { .. } => true,
            _ => false,
        }
}

/// When all 54 bytes of fence, owner and fingerprint are its own, `complete` trusts that this library wrote the record,
/// and does not read what comes after the header.
fn trusted_by_its_header(bytes: &[u8], command: &Command) -> bool {
    let Command::Complete { record, .. } = command else { return false };
    bytes.len() > 56 && bytes.starts_with(b"1P") && bytes[2..56] == text(record)[2..56]
}

fn expected(bytes: &[u8], command: &Command, left_ms: Option<u64>) -> (Effect, Outcome) {
    let unreadable = |reason| (Effect::Keep, Outcome::Unreadable(reason));
    match (Record::decode(bytes), left_ms) {
        (Err(reason), _) => unreadable(reason),
        (Ok(record), None) if judges_the_lease(&record, command) => unreadable(Unreadable::NoExpiry),
        (Ok(record), left_ms) => {
            let stored = Stored { record, expires_at_ms: NOW.ms() + left_ms.unwrap_or(1), told: None };
            apply(Some(&stored), command, NOW)
        }
    }
}

fn check(lua: &mut Lua, bytes: &[u8], ask: &Ask, left_ms: Option<u64>) -> Result<(), String> {
    let stored = Record::decode(bytes).ok().map(|record| Stored { record, expires_at_ms: u64::MAX, told: None });
    let command = ask.command(stored.as_ref());
    if trusted_by_its_header(bytes, &command) {
        return Ok(());
    }
    lua.clear();
    lua.put(bytes, Some(MARK_MS));
    let left = left_ms.map_or(-1, |ms| i64::try_from(ms).unwrap());
    let seen = lua.run(&command, NOW, left)?;
    let (effect, outcome) = expected(bytes, &command, left_ms);
    let record = match &effect {
        Effect::Keep | Effect::Renew { .. } => Some(bytes.to_vec()),
        Effect::Write { record, .. } | Effect::Patch { record } => Some(text(record)),
        Effect::Remove { .. } => None,
    };
    let what = |error: String| format!("{command:?} on {}: {error}", bytes.escape_ascii());
    agree("outcome", &outcome, &seen.outcome).map_err(what)?;
    agree("record", &record, &seen.record).map_err(what)
}

fn run_cases(mut runner: TestRunner, lua: &RefCell<Lua>) -> Result<(), String> {
    let left_ms = proptest::option::weighted(0.8, 1..200_000_u64);
    let run = runner.run(&(nearly_a_record(), asks(), left_ms), |(bytes, ask, left_ms)| {
        check(&mut lua.borrow_mut(), &bytes, &ask, left_ms).map_err(TestCaseError::fail)
    });
    run.map_err(|error| error.to_string())
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

#[test]
fn garbled_records_are_refused_alike_by_the_lua_and_the_model() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    run_cases(TestRunner::new(config(cases(10_000, 1_000_000))), &lua).unwrap();
}

/// Edits of the included grammar, each of which lets an unreadable value through.
const HOLES: [(&str, &str); 12] = [
    ("if string.sub(stored, 1, 1) ~= '1' then", "if stored == '' then"),
    ("#stored < 59", "#stored < 0"),
    ("'^([1-9]%d*) ()'", "'^(%d+) ()'"),
    ("'^([1-9]%d*) ([1-9]%d*)$'", "'^([1-9]%d*) ([1-9]%d*)'"),
    ("#attempt <= 15 and ", ""),
    (" and #ttl_ms <= 15", ""),
    ("not string.find(state, '^[PIRCF]$')", "false"),
    ("not string.find(fence, '^[0-8]%d+$')", "false"),
    ("not string.find(flags, '^[0-7]$')", "false"),
    ("string.find(owner, '[^%w_-]')", "false"),
    ("string.find(fingerprint, '[^%w_-]')", "false"),
    ("if left_ms == -1 then return {'unreadable', 'no_expiry'} end", ""),
];

#[test]
fn every_hole_in_the_grammar_is_noticed() {
    let server = Server::start();
    let lua = RefCell::new(Lua::load(server.connect()));
    for (from, to) in HOLES {
        lua.borrow_mut().restore();
        for script in ALL.iter().filter(|script| script.source.contains(from)) {
            lua.borrow_mut().replace(script, &script.source.replace(from, to));
        }
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let runner = TestRunner::new_with_rng(Config { max_shrink_iters: 0, ..config(20_000) }, random);
        assert!(run_cases(runner, &lua).is_err(), "{from:?} became {to:?} and nobody noticed");
    }
}

#[test]
fn a_key_of_a_foreign_type_or_without_expiry_is_left_alone() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    let begin = Ask::begin_by(1).command(None);
    lua.link.call(&[b"LPUSH", support::lua::KEY, b"a list"]);
    let refused = lua.run(&begin, NOW, -1).unwrap_err();
    assert!(refused.contains("WRONGTYPE"), "{refused}");

    lua.clear();
    lua.put(b"{\"somebody\":\"else's\"}", None);
    assert_eq!(lua.run(&begin, NOW, -1).unwrap().outcome, Outcome::Unreadable(Unreadable::Version));
}
