//! What becomes of requests when connections, replies or scripts are lost, or when time runs out.

use super::*;

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
    let mut engine = Engine::new(TIMEOUT, None);
    engine.submit(begin(1), NOW);
    assert!(engine.wants_connection(NOW));
    engine.connecting();
    engine.failed(ConnectError { error: StoreError::Unavailable("refused".into()), is_final: false }, NOW);
    assert!(events(&mut engine).is_empty());
    engine.tick(NOW + 1_000 * MILLI);
    assert_eq!(the_error(&mut engine), (StoreError::Unavailable("refused".into()), false));
}

#[test]
fn a_server_that_refuses_us_is_not_asked_again() {
    let mut engine = Engine::new(TIMEOUT, None);
    engine.submit(begin(1), NOW);
    engine.connecting();
    engine.failed(ConnectError { error: StoreError::Refused("WRONGPASS".into()), is_final: true }, NOW);
    assert_eq!(the_error(&mut engine), (StoreError::Refused("WRONGPASS".into()), false));
}

#[test]
fn one_refused_greeting_loses_no_outcome() {
    let mut engine = Engine::new(TIMEOUT, None);
    engine.submit(release(1), NOW);
    engine.submit(begin(2), NOW);
    engine.connecting();
    engine.failed(ConnectError { error: StoreError::Refused("WRONGPASS".into()), is_final: true }, NOW);
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
        *failure = Failure::Release { payload: vec![b'x'; 1024 * 1024], told_for_ms: 1 };
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

const OOM: &[u8] = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n";

#[test]
fn a_full_server_refuses_a_new_key_at_once_and_an_outcome_never() {
    for (first_byte, found) in [(&b"$0\r\n\r\n"[..], false), (b"$1\r\n1\r\n", true)] {
        let mut engine = up();
        engine.submit(begin(1), NOW);
        written(&mut engine);
        engine.received(OOM, NOW);
        assert!(written(&mut engine).contains("EVALSHA"), "the script reads before it writes");
        engine.received(OOM, NOW);
        assert!(written(&mut engine).contains("GETRANGE"));
        engine.received(first_byte, NOW);
        match &events(&mut engine)[..] {
            [Event::Answer(1, Answer::Failed { error: StoreError::Full(_), has_record, .. })] => {
                assert_eq!(*has_record, found);
            }
            other => panic!("{other:?}"),
        }
        engine.submit(release(2), NOW);
        engine.received(OOM, NOW);
        assert!(matches!(events(&mut engine)[..], [Event::Answer(2, Answer::Delayed)]));
        written(&mut engine);
        engine.tick(NOW + 100 * MILLI);
        assert!(written(&mut engine).contains("EVALSHA"));
        engine.received(OK, NOW + 101 * MILLI);
        assert_eq!(outcomes(&mut engine), [(2, Outcome::Done)]);
    }
}

#[test]
fn what_a_full_server_has_is_told() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    engine.received(OOM, NOW);
    engine.received(b"*3\r\n$11\r\nin_progress\r\n$1\r\n7\r\n$3\r\n900\r\n", NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::InProgress { fence: 7, remaining_ms: 900 })]);
}

#[test]
fn a_begin_that_may_not_write_for_the_moment_looks_for_a_record_once() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    let (mut tries, mut looks) = (0, 0);
    for at in (NOW..=NOW + 1_000 * MILLI).step_by(1_000) {
        engine.tick(at);
        let sent = written(&mut engine);
        if sent.contains("GETRANGE") {
            looks += 1;
            engine.received(b"$1\r\n1\r\n", at);
        } else if sent.contains("SET") || sent.contains("EVALSHA") {
            tries += 1;
            engine.received(b"-NOREPLICAS Not enough good replicas to write.\r\n", at);
        }
    }
    assert!(tries > 10, "{tries}");
    assert_eq!(looks, 1);
    let found = Answer::Failed {
        error: StoreError::Unavailable("Redis answered NOREPLICAS Not enough good replicas to write.".into()),
        unknown: true,
        has_record: true,
    };
    assert_eq!(format!("{:?}", events(&mut engine)), format!("{:?}", [Event::Answer(1, found)]));
}

#[test]
fn a_server_that_refuses_everything_is_asked_for_a_record_and_then_no_more() {
    let mut engine = up();
    engine.submit(begin(1), NOW);
    for command in ["NX", "GETRANGE"] {
        assert!(written(&mut engine).contains(command));
        engine.received(b"-ERR max requests limit exceeded\r\n", NOW);
    }
    assert!(matches!(the_error(&mut engine), (StoreError::Protocol(why), _) if why.contains("max requests")));
    assert!(written(&mut engine).is_empty() && engine.is_idle());
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
    let mut engine = Engine::new(TIMEOUT, None);
    engine.submit(release(1), NOW);
    engine.tick(NOW + 500 * MILLI);
    engine.tick(NOW + 600 * MILLI);
    assert!(matches!(events(&mut engine)[..], [Event::Answer(1, Answer::Delayed)]));
    connect(&mut engine, NOW + 700 * MILLI);
    engine.received(OK, NOW + 700 * MILLI);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}

/// The write of no meaning counts for this connection only if the node takes it: before it, too, the node has to be told
/// that we know of the move.
#[test]
fn a_repeat_that_waits_for_replicas_writes_to_a_slot_on_the_move() {
    let durability = Durability { replicas: 1, timeout_ms: 100, fsync: false };
    let mut engine = Engine::new(TIMEOUT, Some(durability));
    connect(&mut engine, NOW);
    let mut repeat = Pending::new(release(1));
    (repeat.was_sent, repeat.is_repeat, repeat.route.asking) = (true, true, true);
    engine.take_over(repeat, NOW);
    let sent = written(&mut engine);
    let commands = ["ASKING", "SET", "ASKING", "EVALSHA"];
    let seen: Vec<&str> = sent.split("\r\n").filter(|word| commands.contains(word)).collect();
    assert_eq!(seen, commands, "{sent}");
    engine.sending(NOW);
    assert!(written(&mut engine).contains("WAIT"));
    engine.received(b"+OK\r\n+OK\r\n+OK\r\n", NOW);
    engine.received(OK, NOW);
    engine.received(b":1\r\n", NOW);
    assert_eq!(outcomes(&mut engine), [(1, Outcome::Done)]);
}
