//! What the server says: replies, news and nonsense, each for the request it belongs to.

use proptest::prelude::*;

use super::*;
use crate::model::quota::{self, Quota};
use crate::model::{Fingerprint, Origin};

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

/// A begin of a caller whose payload has this fingerprint, as it waits for the attempt with fence 7.
fn begin_with(id: u64, payload: u8) -> Request {
    let mut request = begin(id);
    if let Ask::Command(Command::Begin(begin)) = &mut request.ask {
        begin.fingerprint = Some(Fingerprint::from_hash([payload; 16]));
        begin.awaited_fence = Some(7);
    }
    request
}

fn script_reply(word: &str, payload: u8) -> Vec<u8> {
    let origin = Origin::new(owner(9), Some(&Fingerprint::from_hash([payload; 16])));
    let fields = [word, "7", "1", std::str::from_utf8(origin.as_bytes()).unwrap(), "J1"];
    let bulks = fields.map(|field| format!("${}\r\n{field}\r\n", field.len()));
    format!("*{}\r\n{}", fields.len(), bulks.concat()).into_bytes()
}

#[test]
fn an_outcome_of_another_payload_is_somebody_elses_answer_and_ends_the_connection() {
    for word in ["replay", "replay_error", "released"] {
        let mut engine = up();
        engine.submit(begin_with(1, 1), NOW);
        engine.submit(begin_with(2, 2), NOW);
        // The answer to the first has been lost between here and Redis.
        engine.received(&script_reply(word, 2), NOW);
        assert!(!engine.is_up(), "{word}");
        assert!(events(&mut engine).is_empty(), "{word}");
        connect(&mut engine, NOW + 100 * MILLI);
        // The one whose place it came in is asked last.
        engine.received(&[script_reply(word, 2), script_reply(word, 1)].concat(), NOW + 100 * MILLI);
        assert_eq!(outcomes(&mut engine).iter().map(|(id, _)| *id).collect::<Vec<_>>(), [2, 1], "{word}");
    }
}

#[test]
fn a_record_of_another_payload_is_looked_at_twice_before_its_key_is_called_reused() {
    let mut engine = up();
    let mut first = begin_with(1, 1);
    if let Ask::Command(Command::Begin(begin)) = &mut first.ask {
        begin.awaited_fence = None;
    }
    engine.submit(first, NOW);
    assert!(written(&mut engine).contains("NX"));
    let other = Record {
        fingerprint: Some(Fingerprint::from_hash([2; 16])),
        ..record(State::Completed { payload: b"J1".to_vec() })
    };
    engine.received(&bulk(&other), NOW);
    assert!(events(&mut engine).is_empty());
    assert!(written(&mut engine).contains("EVALSHA"));
    engine.received(b"*2\r\n$8\r\nmismatch\r\n$1\r\n7\r\n", NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Mismatch { fence: 7 })]);
}

#[test]
fn a_time_that_is_none_shows_that_the_answers_have_shifted() {
    for reply in [&b"_\r\n"[..], OK, b"*2\r\n$1\r\n1\r\n$1\r\nx\r\n"] {
        let mut engine = up();
        engine.submit(release(1), NOW + CLOCK_AGE);
        assert!(written(&mut engine).contains("TIME"));
        engine.received(reply, NOW + CLOCK_AGE);
        assert!(!engine.is_up(), "{}", reply.escape_ascii());
        assert!(events(&mut engine).is_empty());
    }
}

#[test]
fn a_count_of_replicas_that_is_none_shows_the_same() {
    for (reply, is_up) in [(&b"_\r\n"[..], false), (OK, false), (b"*0\r\n", false), (b"-ERR unknown\r\n", true)] {
        let durability = Durability { replicas: 1, timeout_ms: 100, fsync: false };
        let mut engine = Engine::new(TIMEOUT, Some(durability));
        connect(&mut engine, NOW);
        engine.submit(release(1), NOW);
        engine.sending(NOW);
        engine.received(OK, NOW);
        engine.received(reply, NOW);
        assert_eq!(engine.is_up(), is_up, "{}", reply.escape_ascii());
        assert_eq!(events(&mut engine).len(), usize::from(is_up));
    }
}

#[test]
fn a_server_that_refuses_its_time_is_used_on() {
    let mut engine = up();
    let mut request = release(1);
    request.deadline = NOW + 2 * CLOCK_AGE;
    engine.submit(request, NOW + CLOCK_AGE);
    engine.received(b"-NOPERM this user has no permissions to run the 'time' command\r\n", NOW + CLOCK_AGE);
    engine.received(OK, NOW + CLOCK_AGE);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

#[test]
fn a_record_is_looked_for_by_its_first_byte() {
    for (reply, has_record) in [(&b"$0\r\n\r\n"[..], false), (b"$1\r\n1\r\n", true)] {
        let mut engine = up();
        engine.submit(request(1, Ask::Find), NOW);
        assert_eq!(written(&mut engine), "*4\r\n$8\r\nGETRANGE\r\n$11\r\nactonce:{1}\r\n$1\r\n0\r\n$1\r\n0\r\n");
        engine.received(reply, NOW);
        assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Found(found))] if found == has_record));
    }
}

#[test]
fn the_script_of_a_quota_is_loaded_when_it_is_first_asked_for() {
    let mut engine = up();
    engine.submit(request(1, Ask::Quota(Quota { limit: 5, retention_ms: 1_000 })), NOW);
    assert!(written(&mut engine).starts_with("*8\r\n$7\r\nEVALSHA"));
    engine.received(b"-NOSCRIPT No matching script. Please use EVAL.\r\n", NOW);
    let sent = written(&mut engine);
    assert!(sent.contains("LOAD") && sent.contains("-- admit:") && sent.contains("EVALSHA"), "{sent}");
    engine.received(b"$40\r\n0000000000000000000000000000000000000000\r\n*2\r\n$4\r\nfull\r\n$2\r\n17\r\n", NOW);
    let full = quota::Outcome::Full { free_in_ms: 17 };
    assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Quota(outcome))] if outcome == full));
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

/// Fuzzing found this: the request in whose place the confirmation came was dropped, and its caller waited forever.
#[test]
fn a_confirmation_nobody_asked_for_ends_the_connection_and_loses_no_request() {
    for kind in ["subscribe", "unsubscribe"] {
        let mut engine = up();
        engine.submit(release(1), NOW);
        engine.received(format!(">3\r\n+{kind}\r\n$1\r\nc\r\n:1\r\n").as_bytes(), NOW);
        assert!(!engine.is_up());
        connect(&mut engine, NOW);
        engine.received(OK, NOW);
        assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
    }
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

    /// Whatever the network does, each request gets exactly one last answer, in time.
    #[test]
    fn every_request_gets_exactly_one_last_answer(happenings in proptest::collection::vec(happening(), 1..60)) {
        let (mut engine, mut now, mut submitted) = (Engine::new(TIMEOUT, None), NOW, 0_u64);
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
                Happening::ConnectFails(is_final) if engine.wants_connection(now) => {
                    engine.connecting();
                    engine.failed(ConnectError { error: StoreError::Unavailable("no".into()), is_final }, now);
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
