//! The scripts as texts: their headers say what Rust sends and reads, the scripts touch nothing that is not declared,
//! and time reaches them in one way only.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::collections::BTreeSet;

use actonce::model::{Begin, Command, Failure, Flags, Now, Outcome, Owner, Record, Resolution, State, Stored};
use actonce::scripts::{self, ADMIT, ALL, Malformed, RECORD_SCRIPTS, Script, TimeSource};

use support::lua::{KEY, Lua};
use support::sequence::Ask;
use support::server::Server;

const NOW: Now = Now { us: 1_763_900_000_000_000 };

/// One command for every script, and for every way to call it.
fn commands() -> Vec<Command> {
    let owner = Owner::from_random([1; 12]);
    let fail = |failure| Command::Fail { owner, failure };
    let resolve = |to| Command::Resolve { owner, to, force: true };
    vec![
        Ask::begin_by(1).command(None),
        Command::Extend { owner },
        Ask::complete_by(1).command(None),
        fail(Failure::Release { payload: Vec::new(), told_for_ms: 0 }),
        fail(Failure::Record { payload: b"e".to_vec(), retention_ms: 1 }),
        fail(Failure::Hold),
        resolve(Resolution::Value { payload: b"j".to_vec(), retention_ms: 1 }),
        resolve(Resolution::Rerun { retention_ms: 1 }),
        Command::Reset { owner, retention_ms: 1, force: false },
    ]
}

/// The comment lines before the first statement.
fn header(script: &Script) -> Vec<&str> {
    script.source.lines().map_while(|line| line.strip_prefix("-- ")).collect()
}

/// How many `KEYS[n]` or `ARGV[n]` the header declares. They must be numbered without gaps.
fn declared(script: &Script, table: &str) -> usize {
    let lines = header(script).into_iter().filter_map(|line| line.strip_prefix(table)).collect::<Vec<_>>();
    for (index, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("[{}] ", index + 1)), "{}: {table}{line}", script.name);
    }
    lines.len()
}

/// The replies the header declares: a name and its fields.
fn declared_replies(script: &Script) -> BTreeSet<Vec<&str>> {
    let header = header(script);
    let first = header.iter().position(|line| line.starts_with("Replies")).unwrap();
    let replies = header[first..].iter().flat_map(|line| line.trim_start_matches("Replies").split('|'));
    replies.map(|reply| reply.split_whitespace().collect::<Vec<_>>()).filter(|reply| !reply.is_empty()).collect()
}

/// The replies the code gives: each is what follows a `return`, as a name and a number of fields.
fn given_replies(source: &str) -> BTreeSet<(String, usize)> {
    let code: String =
        source.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
    let mut given = BTreeSet::new();
    for statement in code.split("return ").skip(1) {
        let (fields, bare) = match statement.strip_prefix('{') {
            Some(table) => (table.split('}').next().unwrap(), false),
            None => (statement.split([' ', '\n']).next().unwrap(), true),
        };
        let name = fields.split('\'').nth(1).unwrap().to_owned();
        assert_eq!(bare, ["done", "lost", "settled"].contains(&name.as_str()), "{name}");
        given.insert((name, top_level_commas(fields)));
    }
    given
}

fn top_level_commas(fields: &str) -> usize {
    let (mut depth, mut commas) = (0, 0);
    for byte in fields.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => commas += 1,
            _ => {}
        }
    }
    commas
}

/// The parts of a request.
fn parts(request: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = request.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let count = lines.next().unwrap().strip_prefix(b"*").unwrap();
    let count: usize = std::str::from_utf8(count).unwrap().parse().unwrap();
    let parts: Vec<_> =
        lines.collect::<Vec<_>>().chunks(2).map(<[&[u8]]>::to_vec).filter(|pair| pair.len() == 2).collect();
    assert_eq!(parts.len(), count);
    parts.into_iter().map(|pair| pair[1].to_vec()).collect()
}

#[test]
fn headers_declare_what_rust_sends() {
    for command in commands() {
        let script = Script::of(&command);
        let mut request = Vec::new();
        scripts::pack(&command, KEY, TimeSource::Test { now: NOW, left_ms: 5 }, &mut request);
        let parts = parts(&request);
        assert_eq!(parts[..2], [b"EVALSHA".to_vec(), script.sha1.clone().into_bytes()]);
        let keys: usize = std::str::from_utf8(&parts[2]).unwrap().parse().unwrap();
        assert_eq!(keys, declared(script, "KEYS"), "{}", script.name);
        assert_eq!(parts[3], KEY);
        assert_eq!(parts.len() - 3 - keys, declared(script, "ARGV"), "{}: {command:?}", script.name);
    }
}

#[test]
fn headers_declare_what_scripts_read_and_nothing_else_is_read() {
    for script in RECORD_SCRIPTS.into_iter().chain([&ADMIT]) {
        let code =
            script.source.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
        for table in ["KEYS", "ARGV"] {
            let read: BTreeSet<usize> = code
                .split(&format!("{table}["))
                .skip(1)
                .map(|rest| rest.split(']').next().unwrap().parse().unwrap())
                .collect();
            let all: BTreeSet<usize> = (1..=declared(script, table)).collect();
            assert_eq!(read, all, "{}: {table}", script.name);
        }
        assert!(code.contains("local key") && code.contains("= KEYS[1]"), "{}", script.name);
        for call in code.split("call('").skip(1) {
            let (name, rest) = call.split_once('\'').unwrap();
            assert!(
                name == "TIME" || rest.starts_with(", key") || rest.starts_with(", KEYS[1]"),
                "{}: {name}",
                script.name
            );
        }
    }
}

#[test]
fn headers_declare_every_reply_and_rust_reads_them_all() {
    for script in RECORD_SCRIPTS {
        let declared = declared_replies(script);
        let counted = declared.iter().map(|reply| (reply[0].to_owned(), reply.len() - 1)).collect();
        assert_eq!(given_replies(&script.source), counted, "{}", script.name);
        for reply in declared {
            let example = |field: &&str| match *field {
                "reason" => "malformed",
                "origin" => "owner-of-16-charfingerprint-of-22-char",
                _ => "1",
            };
            let words: Vec<_> = std::iter::once(reply[0]).chain(reply[1..].iter().map(example)).collect();
            let outcome = scripts::parse(&words);
            assert_ne!(outcome, Err(Malformed), "{}: {reply:?}", script.name);
            let variant: String =
                format!("{:?}", outcome.unwrap()).chars().take_while(char::is_ascii_alphanumeric).collect();
            let letters = reply[0].replace('_', "");
            assert_eq!(variant.to_lowercase(), letters, "{}: named as the variant", script.name);
        }
    }
}

#[test]
fn time_comes_from_the_server_or_from_the_clock_argument_only() {
    for script in ALL.into_iter().chain([&ADMIT]) {
        let source = &script.source;
        for forbidden in ["os.", "math.random", "tostring", "%d\", ", "'%d'", "@include", "EXPIREAT", "EXPIRETIME"] {
            assert!(!source.contains(forbidden), "{}: {forbidden}", script.name);
        }
        for format in source.split("string.format(").skip(1) {
            assert!(format.starts_with("'%.0f'") || format.starts_with("'%016.0f'"), "{}: {format}", script.name);
        }
        for (read, guard) in [("redis.call('TIME')", "if not now_us then\n"), ("redis.call('PTTL'", "clock ~= '' and ")]
        {
            for before in source.split(read).collect::<Vec<_>>().split_last().unwrap().1 {
                assert!(
                    before[before.len() - 140..].contains(guard),
                    "{}: {read} whatever the clock says",
                    script.name
                );
            }
        }
    }
}

#[test]
fn scripts_are_named_by_the_sha1_redis_gives_them() {
    let server = Server::start();
    // Loading compares each name.
    let _loaded = Lua::load(server.connect());
    assert_eq!(ALL.iter().map(|script| &script.sha1).collect::<BTreeSet<_>>().len(), ALL.len());
}

#[test]
fn in_production_the_servers_clock_decides() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    let before = lua.time_us();
    let Ok(Outcome::Acquired { fence, attempt: 1, recovered: false }) = lua.run_now(&Ask::begin_by(1).command(None))
    else {
        panic!("a free key is acquired");
    };
    assert!((before..=lua.time_us()).contains(&fence), "the fence is the server's time");
    let Ok(Outcome::InProgress { remaining_ms, .. }) = lua.run_now(&Ask::begin_by(2).command(None)) else {
        panic!("a live lease is in progress");
    };
    assert!((25_000..=30_000).contains(&remaining_ms), "{remaining_ms} ms of 30 s");

    // The age of a lease is how far its TTL has run down; without a TTL its age is unknown.
    let record = lua.get().unwrap();
    lua.put(&record, Some(86_400_000 - 30_000));
    assert!(matches!(
        lua.run_now(&Ask::begin_by(2).command(None)),
        Ok(Outcome::Acquired { attempt: 2, recovered: true, .. })
    ));
    lua.put(&record, None);
    assert!(matches!(lua.run_now(&Ask::begin_by(3).command(None)), Ok(Outcome::Unreadable(_))));
}

#[test]
fn where_the_server_has_set_ifeq_a_complete_is_one_plain_command() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    if !lua.set_if_equal {
        return;
    }
    let command = Ask::begin_by(1).command(None);
    let Ok(Outcome::Acquired { fence, attempt, .. }) = lua.run_now(&command) else { panic!("a free key is acquired") };
    let Command::Begin(begin) = command else { panic!() };
    let held = begin.record(fence, attempt, Flags::default());
    let completed = Record { state: State::Completed { payload: b"j1".to_vec() }, ..held.clone() };
    let (stored, after) = lua.plain_complete(&held, &completed);
    assert!(stored && after.unwrap().ends_with(b"1 j1"), "what the client knows of its record is the record");

    let Command::Begin(waiting) = Ask::begin_by(2).command(None) else { panic!() };
    lua.run_now(&Command::Begin(Begin { mark_waited: true, ..waiting })).unwrap();
    let (stored, _) = lua.plain_complete(&held, &completed);
    assert!(!stored, "those who wait must be told, which only the script does");
}

#[test]
fn a_full_server_still_answers_renews_and_replays() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    let begin = |caller| Ask::begin_by(caller).command(None);
    lua.run_now(&begin(1)).unwrap();
    lua.link.call(&[b"CONFIG", b"SET", b"maxmemory", b"1"]);
    let Command::Begin(waiting) = begin(2) else { panic!() };
    let waiting = Command::Begin(Begin { mark_waited: true, ..waiting });
    assert!(matches!(lua.run_now(&waiting), Ok(Outcome::InProgress { .. })), "the mark is given up, the answer is not");
    let owner = Owner::from_random([1; 12]);
    assert_eq!(lua.run_now(&Command::Extend { owner }), Ok(Outcome::Done));
    let stored = Stored { record: Record::decode(lua.get().unwrap()).unwrap(), expires_at_ms: u64::MAX, told: None };
    let complete = Ask::complete_by(1).command(Some(&stored));
    let refused = lua.run_now(&complete).unwrap_err();
    assert!(refused.contains("OOM"), "{refused}");
    lua.link.call(&[b"CONFIG", b"SET", b"maxmemory", b"0"]);
    assert_eq!(lua.run_now(&complete), Ok(Outcome::Done), "nothing was written the first time");
    assert!(matches!(lua.run_now(&begin(2)), Ok(Outcome::Replay { .. })));
}
