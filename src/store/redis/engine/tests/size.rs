//! What is too large for the server, told by its words, and by connections that end.

use super::*;
use crate::store::redis::pending::{FleetNews, Pending};

const CUT: &str = "the server closed the connection";

fn large(id: u64) -> Request {
    let payload = vec![b'x'; 64 * 1024 + 1];
    Request { patience: Micros::MAX, ..release_of(id, payload) }
}

fn release_of(id: u64, payload: Vec<u8>) -> Request {
    let failure = Failure::Release { payload, told_for_ms: 1 };
    request(id, Ask::Command(Command::Fail { owner: owner(1), failure }))
}

fn hung_up(engine: &mut Engine, now: Micros) {
    engine.sending(now);
    engine.hung_up(StoreError::Unavailable(CUT.into()), now);
}

fn alone(engine: &mut Engine) -> Vec<Pending> {
    let pending = |news| match news {
        FleetNews::Alone(pending) => *pending,
        _ => panic!("other news"),
    };
    std::mem::take(engine.fleet_news()).into_iter().map(pending).collect()
}

fn too_large(engine: &mut Engine) -> Vec<u64> {
    let id = |event| match event {
        Event::Answer(id, Answer::TooLarge(StoreError::Protocol(_))) => id,
        other => panic!("{other:?}"),
    };
    events(engine).into_iter().map(id).collect()
}

#[test]
fn a_size_that_is_refused_is_told_at_once_and_only_of_an_outcome() {
    let refusal = b"-ERR max request size exceeded. Limit: 1048576 bytes\r\n";
    let mut engine = up();
    engine.submit(large(1), NOW);
    engine.received(refusal, NOW);
    assert_eq!(too_large(&mut engine), [1]);
    engine.submit(request(2, Ask::Command(Command::Extend { owner: owner(1) })), NOW);
    engine.submit(release(3), NOW);
    engine.received(&refusal.repeat(2), NOW);
    assert!(
        matches!(events(&mut engine)[..], [Event::Answer(3, Answer::Delayed)]),
        "what holds nothing is tried again, the lease too"
    );
    assert!(!engine.is_idle());
}

#[test]
fn a_large_write_on_which_two_connections_end_is_to_travel_alone_and_the_others_go_on() {
    let mut engine = up();
    engine.submit(large(1), NOW);
    engine.submit(release(2), NOW);
    hung_up(&mut engine, NOW);
    connect(&mut engine, NOW);
    assert!(written(&mut engine).contains("{1}"));
    hung_up(&mut engine, NOW);
    connect(&mut engine, NOW);
    let sent = written(&mut engine);
    assert!(!sent.contains("{1}") && sent.contains("{2}"), "{sent}");
    assert_eq!(alone(&mut engine).iter().map(|pending| pending.request.id).collect::<Vec<_>>(), [1]);
    engine.received(OK, NOW);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[test]
fn what_is_small_or_was_not_given_to_the_socket_or_ends_otherwise_counts_for_nothing() {
    for end in ["small", "unsent", "silent", "garbage"] {
        let mut engine = up();
        let payload = vec![b'x'; if end == "small" { 64 * 1024 } else { 64 * 1024 + 1 }];
        engine.submit(release_of(1, payload), NOW);
        for _ in 0..5 {
            match end {
                "small" => hung_up(&mut engine, NOW),
                "unsent" => engine.hung_up(StoreError::Unavailable(CUT.into()), NOW),
                "silent" => engine.retire(StoreError::Unavailable("silent".into()), NOW),
                _ => {
                    engine.sending(NOW);
                    engine.received(b"hello\r\n", NOW);
                }
            }
            connect(&mut engine, NOW);
        }
        assert!(alone(&mut engine).is_empty(), "{end}");
        written(&mut engine);
        engine.received(OK, NOW);
        assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)], "{end}");
    }
}

#[test]
fn a_breach_of_the_protocol_counts_for_the_write_that_it_answers() {
    let mut engine = up();
    engine.submit(large(1), NOW);
    engine.submit(large(2), NOW);
    for _ in 0..2 {
        engine.sending(NOW);
        engine.received(b"-ERR Protocol error: invalid bulk length\r\n", NOW);
        assert!(!engine.is_up());
        connect(&mut engine, NOW);
    }
    assert_eq!(alone(&mut engine).iter().map(|pending| pending.request.id).collect::<Vec<_>>(), [1]);
    engine.received(OK, NOW);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

/// One that carries `large(1)` to its end, from `NOW + 10` on.
fn ended_alone(more: &[u64]) -> Engine {
    let mut engine = Engine::new(TIMEOUT, None).alone();
    for id in [1].iter().chain(more) {
        engine.submit(large(*id), NOW);
    }
    connect(&mut engine, NOW + 10);
    engine.sending(NOW + 10);
    assert!(written(&mut engine).contains("{1}"));
    hung_up(&mut engine, NOW + 20);
    engine.connecting();
    engine
}

#[test]
fn alone_large_writes_travel_one_after_the_other() {
    let mut engine = Engine::new(TIMEOUT, None).alone();
    connect(&mut engine, NOW);
    for id in [1, 2, 3] {
        engine.submit(large(id), NOW);
    }
    for id in [1, 2, 3] {
        let sent = written(&mut engine);
        let carried: Vec<bool> = [1, 2, 3].map(|other| sent.contains(&format!("{{{other}}}"))).into();
        assert_eq!(carried, [1, 2, 3].map(|other| other == id));
        engine.received(OK, NOW);
        assert_eq!(outcomes(&mut engine), [(id, Outcome::Done)]);
    }
    assert!(engine.is_through());
}

#[test]
fn a_write_that_ends_its_own_connection_while_another_lives_is_too_large() {
    let mut engine = ended_alone(&[2]);
    assert_eq!(engine.judge(Some(NOW + 10)), Some(64 * 1024 + 1));
    assert_eq!(too_large(&mut engine), [1]);
    connect(&mut engine, NOW + 30);
    assert!(written(&mut engine).contains("{2}"));
    engine.received(OK, NOW + 30);
    assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
}

#[test]
fn where_no_other_connection_lived_all_the_time_nothing_is_known() {
    for witness in [None, Some(NOW + 11)] {
        let mut engine = ended_alone(&[]);
        assert_eq!(engine.judge(witness), None);
        connect(&mut engine, NOW + 30);
        assert!(written(&mut engine).contains("{1}"), "it is tried again");
        engine.received(OK, NOW + 30);
        assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
    }
}

#[test]
fn a_write_that_was_given_up_is_not_judged() {
    let mut engine = ended_alone(&[]);
    engine.forget(1);
    assert_eq!(engine.judge(Some(NOW)), None);
    assert!(events(&mut engine).is_empty());
}

#[test]
fn a_witness_connects_though_nothing_is_asked_of_it() {
    let mut engine = Engine::new(TIMEOUT, None);
    assert!(!engine.wants_connection(NOW));
    engine.bear_witness(true);
    assert!(engine.wants_connection(NOW) && engine.is_idle());
    connect(&mut engine, NOW + 5);
    assert_eq!(engine.up_since(), Some(NOW + 5));
    engine.bear_witness(true);
    engine.retire(StoreError::Unavailable(CUT.into()), NOW + 6);
    assert!(!engine.wants_connection(Micros::MAX));
    engine.bear_witness(true);
    assert!(engine.wants_connection(Micros::MAX));
    engine.bear_witness(false);
    assert!(!engine.wants_connection(Micros::MAX), "nothing is to be judged any more");
}
