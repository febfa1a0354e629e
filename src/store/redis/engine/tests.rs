use super::*;
use crate::clock::ServerClock;
use crate::model::{Absent, Begin, Command, Failure, Outcome, Owner, Record, State};
use crate::store::ask::{Answer, Ask};

mod lost;
mod protocol;
mod size;

const NOW: Micros = 1_000 * MILLI;
const TIMEOUT: Micros = 200 * MILLI;
const SERVER: Micros = 1_700_000_000_000_000;
const OK: &[u8] = b"$4\r\ndone\r\n";

fn owner(seed: u8) -> Owner {
    Owner::from_random([seed; 12])
}

fn request(id: u64, ask: Ask) -> Request {
    Request::new(id, format!("actonce:{{{id}}}").into(), ask, NOW + 1_000 * MILLI)
}

fn begin(id: u64) -> Request {
    let begin = Begin {
        owner: owner(1),
        fingerprint: None,
        lease_ms: 30_000,
        retention_ms: 86_400_000,
        hold: false,
        mark_waited: true,
        awaited_fence: None,
        absent: Absent::Acquire,
    };
    request(id, Ask::Command(Command::Begin(begin)))
}

fn release(id: u64) -> Request {
    let failure = Failure::Release { payload: Vec::new(), told_for_ms: 0 };
    let mut request = request(id, Ask::Command(Command::Fail { owner: owner(1), failure }));
    request.patience = NOW + 500 * MILLI;
    request
}

fn up() -> Engine {
    let mut engine = Engine::new(TIMEOUT, None);
    connect(&mut engine, NOW);
    engine
}

fn connect(engine: &mut Engine, now: Micros) {
    engine.connecting();
    engine.connected(
        Features { clock: ServerClock::measured(SERVER, NOW, NOW), set_nx_get: true, set_if_equal: false },
        now,
    );
}

fn written(engine: &mut Engine) -> String {
    let text = String::from_utf8_lossy(engine.out()).into_owned();
    engine.out().clear();
    text
}

fn events(engine: &mut Engine) -> Vec<Event> {
    std::mem::take(engine.events())
}

fn outcomes(engine: &mut Engine) -> Vec<(u64, Outcome)> {
    let outcome = |event| match event {
        Event::Answer(id, Answer::Outcome { outcome, .. }) => (id, outcome),
        other => panic!("not an outcome: {other:?}"),
    };
    events(engine).into_iter().map(outcome).collect()
}

fn the_error(engine: &mut Engine) -> (StoreError, bool) {
    match events(engine).pop() {
        Some(Event::Answer(_, Answer::Failed { error, unknown, .. })) => (error, unknown),
        other => panic!("not an error: {other:?}"),
    }
}

fn bulk(record: &Record) -> Vec<u8> {
    let mut text = Vec::new();
    record.encode(&mut text);
    [format!("${}\r\n", text.len()).as_bytes(), &text, b"\r\n"].concat()
}

fn record(state: State) -> Record {
    Record { fence: 7, owner: owner(9), fingerprint: None, flags: crate::model::Flags::default(), attempt: 1, state }
}

#[test]
fn a_new_key_costs_one_plain_command_whose_fence_is_the_estimated_server_time() {
    let mut engine = up();
    engine.submit(begin(1), NOW + 5);
    let sent = written(&mut engine);
    assert!(sent.contains("SET") && sent.contains("NX") && !sent.contains("EVALSHA"), "{sent}");
    engine.received(b"_\r\n", NOW + 10);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Acquired { fence: SERVER + 5, attempt: 1, recovered: false })]);
}

#[test]
fn an_idle_server_is_given_half_of_a_turn_and_a_busy_one_what_it_reads_at_once() {
    let mut engine = up();
    let mut next = 0;
    let mut call = |engine: &mut Engine| {
        next += 1;
        engine.submit(begin(next), NOW);
        let bytes = engine.out().len();
        engine.wants_early_write(bytes)
    };
    let leave = |engine: &mut Engine| {
        engine.sending(NOW);
        written(engine).len()
    };
    assert!((0..8).all(|_| !call(&mut engine)), "nobody knows how many will come");
    let size = leave(&mut engine) / 8;
    engine.received(&b"_\r\n".repeat(7), NOW);
    assert!((0..7).all(|_| !call(&mut engine)), "behind one that is on its way");
    leave(&mut engine);
    engine.received(&b"_\r\n".repeat(8), NOW);
    assert_eq!([(); 4].map(|()| call(&mut engine)), [false, false, false, true], "half of eight");
    leave(&mut engine);
    engine.received(&b"_\r\n".repeat(4), NOW);
    assert!((0..4).all(|_| !call(&mut engine)), "too few to be sent in two parts");
    leave(&mut engine);
    let most = EARLY_WRITE_BYTES / size;
    assert!((1..most).all(|_| !call(&mut engine)), "less than is worth a system call");
    assert!([(); 2].iter().any(|()| call(&mut engine)), "as much as is read at once");
}

#[test]
fn what_waits_for_replicas_leaves_together() {
    let durability = Durability { replicas: 1, timeout_ms: 100, fsync: false };
    let mut engine = Engine::new(TIMEOUT, Some(durability));
    connect(&mut engine, NOW);
    engine.submit(begin(1), NOW);
    assert!(!engine.wants_early_write(EARLY_WRITE_BYTES));
}

#[test]
fn a_completed_record_is_replayed_without_a_script() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    written(&mut engine);
    let completed = record(State::Completed { payload: b"J1".to_vec() });
    engine.received(&bulk(&completed), NOW);
    let replay = Outcome::Replay { fence: 7, attempt: 1, origin: completed.origin(), payload: b"J1".to_vec() };
    assert_eq!(outcomes(&mut engine), [(1, replay)]);
    assert_eq!(written(&mut engine), "");
}

#[test]
fn a_record_in_progress_is_judged_by_the_script() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    written(&mut engine);
    engine.received(&bulk(&record(State::Processing { lease_ms: 1_000, ttl_ms: 3_600_000 })), NOW);
    assert!(written(&mut engine).contains("EVALSHA"));
    engine.received(b"*3\r\n$11\r\nin_progress\r\n$1\r\n7\r\n$3\r\n900\r\n", NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::InProgress { fence: 7, remaining_ms: 900 })]);
}

#[test]
fn a_server_that_compares_and_sets_completes_without_a_script_unless_the_record_has_changed() {
    let held = record(State::Processing { lease_ms: 1_000, ttl_ms: 3_600_000 });
    let completed = Record { state: State::Completed { payload: b"J1".to_vec() }, ..held.clone() };
    let complete = |id| {
        let command = Command::Complete { record: completed.clone(), retention_ms: 1_000 };
        Request { held: Some(Box::new(held.clone())), ..request(id, Ask::Command(command)) }
    };
    let mut engine = Engine::new(TIMEOUT, None);
    engine.connecting();
    let clock = ServerClock::measured(SERVER, NOW, NOW);
    engine.connected(Features { clock, set_nx_get: true, set_if_equal: true }, NOW);
    engine.submit(complete(1), NOW);
    assert!(written(&mut engine).contains("IFEQ"));
    engine.received(b"+OK\r\n", NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
    engine.submit(complete(2), NOW);
    written(&mut engine);
    engine.received(b"_\r\n", NOW);
    assert!(written(&mut engine).contains("EVALSHA"));
    engine.received(OK, NOW);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[test]
fn a_retention_no_longer_than_the_clock_is_uncertain_takes_the_fence_from_the_server() {
    let mut engine = Engine::new(TIMEOUT, None);
    engine.connecting();
    let clock = ServerClock::measured(SERVER, NOW, NOW + 40 * MILLI);
    engine.connected(Features { clock, set_nx_get: true, set_if_equal: false }, NOW);
    let mut short = begin(1);
    if let Ask::Command(Command::Begin(begin)) = &mut short.ask {
        begin.retention_ms = 200;
    }
    engine.submit(short, NOW + 40 * MILLI);
    assert!(written(&mut engine).contains("EVALSHA"));
}
