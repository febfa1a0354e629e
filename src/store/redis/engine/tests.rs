use proptest::prelude::*;

use super::*;
use crate::model::{Begin, Command, Failure as Fail, Outcome, Owner, Record, State};
use crate::store::redis::request::{Answer, Ask};

const NOW: Micros = 1_000 * MILLI;
const TIMEOUT: Micros = 200 * MILLI;
const SERVER: Micros = 1_700_000_000_000_000;
const OK: &[u8] = b"$4\r\ndone\r\n";

fn owner(seed: u8) -> Owner {
    Owner::from_random([seed; 12])
}

fn request(id: u64, ask: Ask) -> Request {
    Request {
        id,
        key: format!("actonce:{{{id}}}").into(),
        ask,
        deadline: NOW + 1_000 * MILLI,
        patience: Micros::MAX,
        silence: Micros::MAX,
        was_sent: false,
        is_repeat: false,
        held: None,
    }
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
    };
    request(id, Ask::Command(Command::Begin(begin)))
}

fn release(id: u64) -> Request {
    let failure = Fail::Release { payload: Vec::new() };
    let mut request = request(id, Ask::Command(Command::Fail { owner: owner(1), failure }));
    request.patience = NOW + 500 * MILLI;
    request
}

fn up() -> Engine {
    let mut engine = Engine::new(TIMEOUT);
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
        Some(Event::Answer(_, Answer::Failed { error, unknown })) => (error, unknown),
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
fn a_completed_record_is_replayed_without_a_script() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    written(&mut engine);
    engine.received(&bulk(&record(State::Completed { payload: b"J1".to_vec() })), NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Replay { fence: 7, attempt: 1, payload: b"J1".to_vec() })]);
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
    let mut engine = Engine::new(TIMEOUT);
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
    let mut engine = Engine::new(TIMEOUT);
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

#[test]
fn what_was_on_the_wire_goes_out_again_in_order_and_as_a_script() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    engine.submit(release(2), NOW);
    written(&mut engine);
    engine.retire(StoreError::Unavailable("cut".into()), NOW);
    assert!(engine.wake_at() < NOW + 100 * MILLI);
    connect(&mut engine, NOW + 100 * MILLI);
    let sent = written(&mut engine);
    assert!(!sent.contains("\r\nNX\r\n"), "a repeat renews its own lease: {sent}");
    assert!(sent.find("{1}") < sent.find("{2}"), "{sent}");
    engine.received(b"*4\r\n$8\r\nacquired\r\n$1\r\n8\r\n$1\r\n1\r\n$1\r\n0\r\n", NOW + 101 * MILLI);
    engine.received(OK, NOW + 101 * MILLI);
    let acquired = Outcome::Acquired { fence: 8, attempt: 1, recovered: false };
    assert_eq!(outcomes(&mut engine), [(1, acquired), (2, Outcome::Done)]);
}

#[test]
fn a_silent_connection_is_retired_and_a_talking_one_is_not() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.submit(release(2), NOW);
    engine.sending(NOW);
    engine.received(OK, NOW + TIMEOUT - 1);
    engine.tick(NOW + TIMEOUT + 1);
    assert!(engine.is_up());
    engine.tick(NOW + 2 * TIMEOUT);
    assert!(!engine.is_up());
}

#[test]
fn a_busy_event_loop_that_wrote_late_is_not_a_silent_server() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.tick(NOW + 2 * TIMEOUT);
    assert!(engine.is_up());
    engine.sending(NOW + 2 * TIMEOUT);
    engine.submit(release(2), NOW + 2 * TIMEOUT);
    engine.tick(NOW + 3 * TIMEOUT - 1);
    assert!(engine.is_up());
    engine.tick(NOW + 3 * TIMEOUT);
    assert!(!engine.is_up());
}

#[test]
fn every_request_is_answered_by_its_deadline_with_the_last_reason() {
    let mut engine = Engine::new(TIMEOUT);
    engine.submit(begin(1), NOW);
    assert!(engine.wants_connection(NOW));
    engine.connecting();
    engine.failed(Failure { error: StoreError::Unavailable("refused".into()), final_: false }, NOW);
    assert!(events(&mut engine).is_empty());
    engine.tick(NOW + 1_000 * MILLI);
    assert_eq!(the_error(&mut engine), (StoreError::Unavailable("refused".into()), false));
}

#[test]
fn a_server_that_refuses_us_is_not_asked_again() {
    let mut engine = Engine::new(TIMEOUT);
    engine.submit(begin(1), NOW);
    engine.connecting();
    engine.failed(Failure { error: StoreError::Refused("WRONGPASS".into()), final_: true }, NOW);
    assert_eq!(the_error(&mut engine), (StoreError::Refused("WRONGPASS".into()), false));
}

#[test]
fn one_refused_greeting_loses_no_outcome() {
    let mut engine = Engine::new(TIMEOUT);
    engine.submit(release(1), NOW);
    engine.submit(begin(2), NOW);
    engine.connecting();
    engine.failed(Failure { error: StoreError::Refused("WRONGPASS".into()), final_: true }, NOW);
    let seen: Vec<String> = events(&mut engine).iter().map(|event| format!("{event:?}")).collect();
    assert!(seen[0].contains("Answer(2, Failed") && seen[1].contains("Answer(1, Delayed"), "{seen:?}");
    connect(&mut engine, NOW + 100 * MILLI);
    engine.received(OK, NOW + 100 * MILLI);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_reset_whose_reply_was_lost_is_not_sent_again_at_whoever_came_after_it() {
    let mut engine = up();
    let reset = Command::Reset { owner: owner(3), retention_ms: 1_000, force: false };
    engine.submit(request(1, Ask::Command(reset)), NOW);
    engine.retire(StoreError::Unavailable("cut".into()), NOW);
    assert_eq!(the_error(&mut engine), (StoreError::Unavailable("cut".into()), true));
    connect(&mut engine, NOW + 100 * MILLI);
    assert!(!written(&mut engine).contains("EVALSHA") || engine.is_idle());
}

#[test]
fn an_error_nobody_understands_does_not_end_an_outcome() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.received(b"-ERR max requests limit exceeded\r\n", NOW);
    assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Delayed)]));
    engine.tick(NOW + 100 * MILLI);
    engine.received(OK, NOW + 101 * MILLI);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_large_upload_may_take_its_time() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    let mut large = release(2);
    if let Ask::Command(Command::Fail { failure, .. }) = &mut large.ask {
        *failure = Fail::Release { payload: vec![b'x'; 1024 * 1024] };
    }
    engine.submit(large, NOW);
    engine.sending(NOW);
    engine.received(OK, NOW + 1);
    engine.tick(NOW + 5_000 * MILLI - 1_000);
    assert!(engine.is_up());
}

#[test]
fn a_demoted_node_is_left_and_the_command_goes_to_the_next_connection() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.received(b"-READONLY You can't write against a read only replica.\r\n", NOW);
    assert!(!engine.is_up());
    connect(&mut engine, NOW + 10);
    written(&mut engine);
    engine.received(OK, NOW + 20);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_flushed_script_cache_is_filled_again_unseen() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    written(&mut engine);
    engine.received(b"-NOSCRIPT No matching script. Please use EVAL.\r\n", NOW);
    let sent = written(&mut engine);
    assert!(sent.contains("LOAD") && sent.contains("EVALSHA"), "{sent}");
    engine.received(b"$40\r\n0000000000000000000000000000000000000000\r\n", NOW);
    engine.received(OK, NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_script_that_is_forgotten_again_and_again_is_not_asked_for_without_a_pause() {
    let missing = b"-NOSCRIPT No matching script.\r\n";
    let mut engine = up();
    engine.submit(release(1), NOW);
    let mut tries = 0;
    for now in (NOW..NOW + 1_000 * MILLI).step_by(1_000) {
        engine.tick(now);
        let sent = written(&mut engine);
        if sent.contains("LOAD\r\n") {
            engine.received(b"-NOPERM no rights to run 'script|load'\r\n", now);
        }
        if sent.contains("EVALSHA\r\n") {
            tries += 1;
            engine.received(missing, now);
        }
    }
    assert!((20..=90).contains(&tries), "{tries} in a second");
    events(&mut engine);
    engine.tick(NOW + 1_000 * MILLI);
    assert!(matches!(the_error(&mut engine), (StoreError::Unavailable(why), _) if why.contains("load")));
}

#[test]
fn a_release_whose_reply_was_lost_is_not_stale_because_others_have_acquired_since() {
    let stale = b"*2\r\n$5\r\nstale\r\n$1\r\n9\r\n";
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.received(stale, NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Stale { fence: 9 })]);
    engine.submit(release(2), NOW);
    engine.retire(StoreError::Unavailable("cut".into()), NOW);
    connect(&mut engine, NOW + 100 * MILLI);
    engine.received(stale, NOW + 100 * MILLI);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[test]
fn an_error_nobody_understands_does_not_end_a_lease() {
    let mut engine = up();
    engine.submit(request(1, Ask::Command(Command::Extend { owner: owner(1) })), NOW);
    engine.received(b"-ERR max requests limit exceeded\r\n", NOW);
    assert!(events(&mut engine).is_empty());
    engine.tick(NOW + 100 * MILLI);
    engine.received(OK, NOW + 101 * MILLI);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_full_server_refuses_a_begin_at_once_and_an_outcome_never() {
    let oom = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";
    let mut engine = up();
    engine.submit(begin(1), NOW);
    engine.received(oom, NOW);
    assert!(matches!(the_error(&mut engine), (StoreError::Full(_), _)));
    engine.submit(release(2), NOW);
    engine.received(oom, NOW);
    assert!(matches!(events(&mut engine)[..], [Event::Answer(2, Answer::Delayed)]));
    written(&mut engine);
    engine.tick(NOW + 100 * MILLI);
    assert!(written(&mut engine).contains("EVALSHA"));
    engine.received(OK, NOW + 101 * MILLI);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[test]
fn what_is_to_be_sent_again_does_not_wake_an_engine_without_connection() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.received(b"-BUSY running a script\r\n", NOW);
    engine.retire(StoreError::Unavailable("cut".into()), NOW);
    engine.connecting();
    let later = NOW + 200 * MILLI;
    engine.tick(later);
    assert!(engine.wake_at() > later);
    connect(&mut engine, later);
    assert!(engine.wake_at() <= later);
}

#[test]
fn patience_ends_once_and_the_answer_still_comes() {
    let mut engine = Engine::new(TIMEOUT);
    engine.submit(release(1), NOW);
    engine.tick(NOW + 500 * MILLI);
    engine.tick(NOW + 600 * MILLI);
    assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Delayed)]));
    connect(&mut engine, NOW + 700 * MILLI);
    engine.received(OK, NOW + 700 * MILLI);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn bytes_that_are_no_protocol_end_the_connection_and_nothing_else() {
    for garbage in [&b"hello\r\n"[..], b"$-5\r\nx", b"*1\r\n:1\r\n", b":1\r\n", b"+OK\r\n"] {
        let mut engine = up();
        engine.submit(release(1), NOW);
        engine.sending(NOW);
        engine.received(garbage, NOW);
        assert!(!engine.is_up() || !engine.is_idle(), "{garbage:?}");
        engine.tick(NOW + TIMEOUT);
        assert!(!engine.is_up(), "{garbage:?}");
        assert!(events(&mut engine).is_empty());
        engine.tick(NOW + 1_000 * MILLI);
        let (error, unknown) = the_error(&mut engine);
        assert!(unknown && matches!(error, StoreError::Protocol(_) | StoreError::Unavailable(_)), "{error:?}");
    }
}

#[test]
fn a_reply_nobody_asked_for_ends_the_connection() {
    let mut engine = up();
    engine.received(b"+OK\r\n", NOW);
    assert!(!engine.is_up());
}

#[test]
fn a_foreign_type_at_the_key_is_told_as_such() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    engine.received(b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n", NOW);
    assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Unreadable(_))]));
}

#[test]
fn a_subscription_is_confirmed_between_the_replies_and_tells_of_changes() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.subscribe("c", NOW);
    engine.submit(release(2), NOW);
    engine.received(OK, NOW);
    engine.received(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", NOW);
    engine.received(b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nC\r\n", NOW);
    engine.received(OK, NOW);
    let seen: Vec<String> = events(&mut engine).iter().map(|event| format!("{event:?}")).collect();
    assert!(seen[0].contains("Answer(1") && seen[3].contains("Answer(2"), "{seen:?}");
    assert_eq!(seen[1..3], ["Changed(\"c\")", "Changed(\"c\")"]);
    assert!(engine.can_listen("c"));
}

#[test]
fn a_refused_subscription_does_not_shift_the_replies_and_is_remembered() {
    let mut engine = up();
    engine.subscribe("c", NOW);
    engine.submit(release(1), NOW);
    engine.received(b"-NOPERM this user has no permissions to access one of the channels\r\n", NOW);
    engine.received(OK, NOW);
    assert!(!engine.can_listen("c"));
    assert_eq!(events(&mut engine).len(), 2);
}

#[test]
fn channels_are_subscribed_again_after_a_reconnect() {
    let mut engine = up();
    engine.subscribe("c", NOW);
    engine.retire(StoreError::Unavailable("cut".into()), NOW);
    assert!(engine.wants_connection(NOW + 100 * MILLI));
    connect(&mut engine, NOW + 100 * MILLI);
    assert!(written(&mut engine).contains("SUBSCRIBE"));
}

#[test]
fn what_is_forgotten_is_not_answered_and_does_not_shift_the_replies() {
    let mut engine = up();
    engine.submit(release(1), NOW);
    engine.submit(release(2), NOW);
    engine.forget(1);
    engine.received(OK, NOW);
    engine.received(OK, NOW);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[derive(Clone, Debug)]
enum Happening {
    Submit,
    Reply(Vec<u8>),
    Cut,
    Connect,
    ConnectFails(bool),
    Pass(Micros),
}

fn happening() -> impl Strategy<Value = Happening> {
    let reply = prop_oneof![
        4 => Just(OK.to_vec()),
        1 => Just(b"-LOADING Redis is loading\r\n".to_vec()),
        1 => Just(b"-BUSY running a script\r\n".to_vec()),
        1 => Just(b"-OOM full\r\n".to_vec()),
        1 => Just(b"-NOSCRIPT gone\r\n".to_vec()),
        1 => Just(b"_\r\n".to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..20),
    ];
    prop_oneof![
        3 => Just(Happening::Submit),
        5 => reply.prop_map(Happening::Reply),
        1 => Just(Happening::Cut),
        2 => Just(Happening::Connect),
        1 => any::<bool>().prop_map(Happening::ConnectFails),
        2 => (0..300 * MILLI).prop_map(Happening::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// Whatever the network does: exactly one last answer each, in time.
    #[test]
    fn every_request_gets_exactly_one_last_answer(happenings in proptest::collection::vec(happening(), 1..60)) {
        let (mut engine, mut now, mut submitted) = (Engine::new(TIMEOUT), NOW, 0_u64);
        let mut answered = HashMap::<u64, u32>::new();
        let mut count = |engine: &mut Engine| {
            for event in std::mem::take(engine.events()) {
                if let Event::Answer(id, answer) = event {
                    *answered.entry(id).or_default() += u32::from(!matches!(answer, Answer::Delayed));
                }
            }
        };
        for happening in happenings {
            match happening {
                Happening::Submit => {
                    submitted += 1;
                    let mut request = if submitted % 2 == 0 { begin(submitted) } else { release(submitted) };
                    request.deadline = now + 1_000 * MILLI;
                    request.patience = if submitted % 2 == 0 { Micros::MAX } else { now + 300 * MILLI };
                    engine.submit(request, now);
                }
                Happening::Reply(bytes) if engine.is_up() => engine.received(&bytes, now),
                Happening::Cut if engine.is_up() => engine.retire(StoreError::Unavailable("cut".into()), now),
                Happening::Connect if engine.wants_connection(now) => connect(&mut engine, now),
                Happening::ConnectFails(final_) if engine.wants_connection(now) => {
                    engine.connecting();
                    engine.failed(Failure { error: StoreError::Unavailable("no".into()), final_ }, now);
                }
                Happening::Pass(time) => {
                    now += time;
                    engine.tick(now);
                }
                _ => {}
            }
            count(&mut engine);
        }
        engine.tick(now + 1_000 * MILLI);
        count(&mut engine);
        for id in 1..=submitted {
            prop_assert_eq!(answered.get(&id), Some(&1), "request {}", id);
        }
        prop_assert!(engine.is_idle());
    }
}
