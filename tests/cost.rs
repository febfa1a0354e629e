//! What a fresh operation costs Redis itself (target P6 of the performance goals), by its own `INFO commandstats`:
//! a plain `SET NX GET PX` and the complete script, against the three commands of the naive pattern, alternating on
//! one server. Prints; asserts nothing, since a shared machine proves nothing.
//! `cargo test --release --no-default-features --test cost -- --ignored --nocapture`
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use actonce::model::{Begin, Command, Fingerprint, Flags, Owner, Record, State};
use actonce::scripts::{self, Clock};

use support::link::{Link, Reply, pack};
use support::server::Server;

/// Fresh keys in a round. Half a megabyte of them stays in the processor's caches; fifty megabytes does not.
const FRESH_KEYS: [usize; 2] = [1_000, 100_000];
const ROUNDS: usize = 9;
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

    fn actonce(&self) -> [Request; 2] {
        let (key, fence) = (self.key.as_bytes(), 1_763_900_000_000_000);
        let (mut set, mut complete) = (Vec::new(), Vec::new());
        scripts::pack_set_if_absent(&self.begin, key, fence, &mut set);
        let state = State::Completed { payload: self.payload.clone() };
        let record = Record { state, ..self.begin.record(fence, 1, Flags::default()) };
        scripts::pack(&Command::Complete { record, retention_ms: 86_400_000 }, key, Clock::Server, &mut complete);
        [set, complete]
    }
}

/// Sends every operation's requests, one stage after the other for each batch, and reads what Redis says they took.
fn microseconds_per_operation<const STAGES: usize>(link: &mut Link, operations: &[[Request; STAGES]]) -> Vec<f64> {
    link.call(&[b"FLUSHALL"]);
    link.call(&[b"CONFIG", b"RESETSTAT"]);
    for batch in operations.chunks(IN_FLIGHT) {
        for stage in 0..STAGES {
            link.send(&batch.iter().flat_map(|requests| requests[stage].iter().copied()).collect::<Vec<_>>());
            for _ in batch {
                let reply = link.read();
                assert!(!matches!(reply, Reply::Error(_)), "{reply:?}");
            }
        }
    }
    let Reply::Text(stats) = link.call(&[b"INFO", b"commandstats"]) else { panic!("INFO gives a text") };
    let lines = String::from_utf8(stats).unwrap();
    let total = |command: &str| {
        let line = lines.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:")));
        let usec = line.and_then(|line| line.split("usec=").nth(1)).and_then(|rest| rest.split(',').next());
        usec.map_or(0.0, |usec| usec.parse::<f64>().unwrap()) / operations.len() as f64
    };
    ["get", "set", "evalsha", "getrange"].map(total).to_vec()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
#[ignore = "a measurement"]
fn a_fresh_operation_in_redis_own_time() {
    let server = Server::start();
    let mut link = server.connect();
    for script in scripts::ALL {
        link.call(&[b"SCRIPT", b"LOAD", script.source.as_bytes()]);
    }
    println!("Redis {:?}, median of {ROUNDS} rounds, µs of Redis' own time per operation", link.version);
    for fresh in FRESH_KEYS {
        let (mut naive, mut begin, mut complete) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let operations: Vec<_> = (0..fresh).map(|number| Operation::new(round, number)).collect();
            let requests: Vec<_> = operations.iter().map(Operation::naive).collect();
            let stats = microseconds_per_operation(&mut link, &requests);
            naive.push(stats[0] + stats[1]);
            let requests: Vec<_> = operations.iter().map(Operation::actonce).collect();
            let stats = microseconds_per_operation(&mut link, &requests);
            // The script's own SET is counted twice, in `set` and in `evalsha`: the begin is measured alone.
            complete.push(stats[2]);
            let requests: Vec<_> = operations.iter().map(|operation| [operation.actonce()[0].clone()]).collect();
            begin.push(microseconds_per_operation(&mut link, &requests)[1]);
        }
        let (naive, begin, complete) = (median(naive), median(begin), median(complete));
        println!(
            "{fresh:>7} fresh keys: naive {naive:.2}; SET NX GET PX {begin:.2} + complete {complete:.2}; ratio {:.2}",
            (begin + complete) / naive
        );
    }
}
