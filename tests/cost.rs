//! What a fresh operation costs the stores themselves. Redis is measured by its own `INFO commandstats` (target P6): a
//! plain `SET NX GET PX` and a complete, against the three commands of the naive pattern, alternating on one server.
//! The embedded store is measured by the clock (part of P8). The tests print and assert nothing, because a shared
//! machine proves nothing.
//! `cargo test --release --no-default-features --test cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::time::Instant;

use actonce::model::{Absent, Begin, Command, Fingerprint, Flags, Now, Outcome, Owner, Record, State};
use actonce::scripts::{self, TimeSource};
use actonce::store::embedded::MemoryStore;

use support::link::{Link, Reply, pack};
use support::lua::Lua;
use support::server::Server;

/// Fresh keys per round. Half a megabyte of them stays in the processor's caches; fifty megabytes do not.
const FRESH_KEYS: [usize; 2] = [1_000, 100_000];
const ROUNDS: usize = 9;
const FENCE: u64 = 1_763_900_000_000_000;
/// Requests on the wire at once.
const IN_FLIGHT: usize = 64;

type Request = Vec<u8>;

struct Operation {
    key: String,
    begin: Begin,
    payload: Vec<u8>,
}

impl Operation {
    fn new(round: usize, number: usize) -> Self {
        let mut bits = [0; 16];
        bits[..8].copy_from_slice(&(round as u64).to_be_bytes());
        bits[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let mut owner = [0; 12];
        owner.copy_from_slice(&bits[4..]);
        let hash = Fingerprint::from_hash(bits);
        let begin = Begin {
            owner: Owner::from_random(owner),
            fingerprint: Some(hash),
            lease_ms: 30_000,
            retention_ms: 86_400_000,
            hold: false,
            mark_waited: false,
            awaited_fence: None,
            absent: Absent::Acquire,
        };
        let payload = format!("j{{\"orderId\":\"{}\"}}", "x".repeat(236)).into_bytes();
        Self { key: format!("actonce:{{{hash:?}}}"), begin, payload }
    }

    fn naive(&self) -> [Request; 3] {
        let key = self.key.as_bytes();
        let request = |parts: &[&[u8]]| {
            let mut out = Vec::new();
            pack(parts, &mut out);
            out
        };
        [
            request(&[b"GET", key]),
            request(&[b"SET", key, b"PROCESSING", b"NX", b"EX", b"60"]),
            request(&[b"SET", key, &self.payload[1..]]),
        ]
    }

    fn commands(&self) -> [Command; 2] {
        let held = self.begin.record(FENCE, 1, Flags::default());
        let record = Record { state: State::Completed { payload: self.payload.clone() }, ..held };
        [Command::Begin(self.begin.clone()), Command::Complete { record, retention_ms: 86_400_000 }]
    }

    /// A begin and a complete; the complete is the script or `SET IFEQ`.
    fn actonce(&self, script: bool) -> [Request; 2] {
        let (key, fence, retention_ms) = (self.key.as_bytes(), FENCE, 86_400_000);
        let (mut begin, mut complete) = (Vec::new(), Vec::new());
        scripts::pack_set_if_absent(&self.begin, key, fence, &mut begin);
        let held = self.begin.record(fence, 1, Flags::default());
        let record = Record { state: State::Completed { payload: self.payload.clone() }, ..held.clone() };
        if script {
            scripts::pack(&Command::Complete { record, retention_ms }, key, TimeSource::Server, &mut complete);
        } else {
            scripts::pack_set_if_equal(&held, &record, retention_ms, key, &mut complete);
        }
        [begin, complete]
    }

    fn scripted_begin(&self, clock: TimeSource) -> Request {
        let mut begin = Vec::new();
        scripts::pack(&Command::Begin(self.begin.clone()), self.key.as_bytes(), clock, &mut begin);
        begin
    }

    fn scripted(&self) -> [Request; 2] {
        let [_, complete] = self.actonce(true);
        [self.scripted_begin(TimeSource::Test { now: Now { us: FENCE }, left_ms: -2 }), complete]
    }
}

/// What Redis has spent in these commands since it started.
fn spent_us(link: &mut Link, command: &str) -> u64 {
    let Reply::Text(stats) = link.call(&[b"INFO", b"commandstats"]) else { panic!("INFO gives a text") };
    let lines = String::from_utf8(stats).unwrap();
    let found = lines.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
    let us = found.and_then(|line| line.split("usec=").nth(1)).and_then(|rest| rest.split(',').next());
    us.map_or(0, |us| us.parse().unwrap())
}

/// Sends fresh operations, a batch at a time and stage by stage, and sums up the time of each stage's command.
fn us_per_operation<const N: usize>(link: &mut Link, operations: &[[Request; N]], commands: [&str; N]) -> [f64; N] {
    link.call(&[b"FLUSHALL"]);
    let mut spent = [0; N];
    for batch in operations.chunks(IN_FLIGHT) {
        for (stage, command) in commands.into_iter().enumerate() {
            let before = spent_us(link, command);
            link.send(&batch.iter().flat_map(|requests| requests[stage].iter().copied()).collect::<Vec<_>>());
            for _ in batch {
                let reply = link.read();
                let refused = matches!(&reply, Reply::Array(words) if words[0] != Reply::Text(b"acquired".to_vec()));
                assert!(!refused && !matches!(reply, Reply::Error(_)), "{reply:?}");
            }
            spent[stage] += spent_us(link, command) - before;
        }
    }
    spent.map(|us| us as f64 / operations.len() as f64)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "a measurement"]
fn a_fresh_operation_in_redis_own_time() {
    let server = Server::start();
    let mut lua = Lua::load(server.connect());
    println!("Redis {:?}, µs of its own time per fresh operation, median of {ROUNDS} rounds", lua.link.version);
    for fresh in FRESH_KEYS {
        let mut columns: [Vec<f64>; 4] = Default::default();
        for round in 0..ROUNDS {
            let operations: Vec<_> = (0..fresh).map(|number| Operation::new(round, number)).collect();
            let naive: Vec<_> = operations.iter().map(Operation::naive).collect();
            columns[0].push(us_per_operation(&mut lua.link, &naive, ["get", "set", "set"]).iter().sum());
            if lua.link.version < (7, 0) {
                // Without `SET NX GET` both halves are scripts, and the begin asks for the time.
                let begins: Vec<_> =
                    operations.iter().map(|operation| [operation.scripted_begin(TimeSource::Server)]).collect();
                columns[1].extend(us_per_operation(&mut lua.link, &begins, ["evalsha"]));
                let scripted: Vec<_> = operations.iter().map(Operation::scripted).collect();
                columns[2].push(us_per_operation(&mut lua.link, &scripted, ["evalsha", "evalsha"])[1]);
                continue;
            }
            let scripted: Vec<_> = operations.iter().map(|operation| operation.actonce(true)).collect();
            let [begin, complete] = us_per_operation(&mut lua.link, &scripted, ["set", "evalsha"]);
            columns[1].push(begin);
            columns[2].push(complete);
            if lua.set_if_equal {
                let plain: Vec<_> = operations.iter().map(|operation| operation.actonce(false)).collect();
                columns[3].push(us_per_operation(&mut lua.link, &plain, ["set", "set"])[1]);
            }
        }
        let plain = (!columns[3].is_empty()).then(|| median(columns[3].clone()));
        let [naive, begin, complete, _] = columns.map(|column| if column.is_empty() { 0.0 } else { median(column) });
        println!(
            "{fresh:>7} keys: naive {naive:.2}; begin {begin:.2}, complete by the script {complete:.2}: ratio {:.2}",
            (begin + complete) / naive
        );
        if let Some(plain) = plain {
            println!("{:>14}complete by SET IFEQ {plain:.2}: ratio {:.2}", "", (begin + plain) / naive);
        }
    }
}

#[test]
#[ignore = "a measurement"]
fn a_fresh_operation_in_the_embedded_store() {
    for fresh in FRESH_KEYS {
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let store = MemoryStore::default();
            let operations: Vec<_> = (0..fresh).map(|number| Operation::new(round, number)).collect();
            let commands: Vec<_> = operations.iter().map(Operation::commands).collect();
            let started = Instant::now();
            for (operation, commands) in operations.iter().zip(&commands) {
                for command in commands {
                    let outcome = store.execute(&operation.key, command, Now { us: FENCE });
                    assert!(matches!(outcome, Outcome::Acquired { .. } | Outcome::Done), "{outcome:?}");
                }
            }
            rounds.push(started.elapsed().as_nanos() as f64 / fresh as f64);
        }
        println!("{fresh:>7} keys: begin + complete {:.0} ns", median(rounds));
    }
}
