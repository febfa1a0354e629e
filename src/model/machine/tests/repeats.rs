//! What counts as a repeat of a command, and how long it is known.

use super::*;

#[test]
fn s71_another_call_with_the_token_is_answered_as_the_first_time_with_the_data_of_then() {
    let mut world = World::created();
    let by = |call| Command::Send(Send { data: Some(b"1".to_vec()), by: By::Call(token(call)), ..send(PROCESS, 1) });
    let Outcome::Moved { from, to } = world.ask(&by(7)) else { panic!() };
    assert_eq!(world.ask(&by(8)), Outcome::Replayed { from: from.clone(), to: to.clone() });
    world.ask(&Command::Send(Send { data: Some(b"2".to_vec()), ..send(COMPLETE, 2) }));
    let then = Snapshot { left_ms: None, ..to };
    assert_eq!(world.ask(&by(8)), Outcome::Replayed { from: from.clone(), to: then.clone() });
    // Its own answer was lost: nobody else did it.
    assert_eq!(world.ask(&by(7)), Outcome::Moved { from, to: then });
    assert_eq!(world.send(FAIL, 1), Outcome::Mismatch { event: "PROCESS".into() });
}

#[test]
fn s73_the_history_is_in_order_and_keeps_the_newest() {
    let mut world = World::created();
    world.send(PROCESS, 1);
    // Five are shown, sixteen are remembered, and sixteen more until those are forgotten together.
    for n in 0..15 {
        world.send(FAIL, 2 + 2 * n);
        world.send(RETRY, 3 + 2 * n);
    }
    let newest = |world: &mut World| {
        let Outcome::Instance { history, .. } = world.look(Look::History) else { panic!() };
        history.iter().map(|entry| entry.version).collect::<Vec<_>>()
    };
    let kept = |world: &mut World| {
        let Outcome::Instance { history, .. } = world.look(Look::Trail) else { panic!() };
        history.iter().map(|entry| entry.version).collect::<Vec<_>>()
    };
    let repeats = |n| Command::Send(Send { by: By::Call(token(40)), ..send(FAIL, n) });
    assert_eq!((newest(&mut world), kept(&mut world).len()), (vec![28, 29, 30, 31, 32], 32));
    assert!(matches!(world.ask(&repeats(2)), Outcome::Replayed { .. }));
    world.send(FAIL, 32);
    assert_eq!((newest(&mut world), kept(&mut world)), (vec![29, 30, 31, 32, 33], (18..=33).collect()));
    world.send(RETRY, 33);
    assert!(matches!(world.ask(&repeats(18)), Outcome::Replayed { .. }));
    // A forgotten token can be sent again.
    assert!(matches!(world.ask(&repeats(2)), Outcome::Moved { .. }));
}

/// The bytes of payload and of the data before, by version; `None` where the data stayed as it was.
fn bulk(world: &mut World) -> Vec<(u64, usize, Option<usize>)> {
    let Outcome::Instance { history, .. } = world.look(Look::Trail) else { panic!() };
    let before = |entry: &Entry| entry.before.as_ref().map(Vec::len);
    history.iter().map(|entry| (entry.version, entry.payload.len(), before(entry))).collect()
}

#[test]
fn a_history_over_64_kib_forgets_what_is_large_in_the_oldest_and_no_step() {
    let mut world = World::created();
    let with = |event, n, payload, data: usize| {
        Command::Send(Send {
            payload: vec![b'x'; payload],
            data: (data > 0).then(|| vec![b'd'; data]),
            by: By::Call(token(n)),
            ..send(event, n)
        })
    };
    world.ask(&with(PROCESS, 1, 10_000, 20_000));
    world.ask(&with(FAIL, 2, 10_000, 70_000));
    world.ask(&with(RETRY, 3, 70_000, 0));
    // The newest is not counted, however large it is.
    assert_eq!(bulk(&mut world), [(1, 0, None), (2, 10_000, Some(2)), (3, 10_000, Some(20_000)), (4, 70_000, None)]);
    world.ask(&with(FAIL, 4, 0, 1));
    assert_eq!(bulk(&mut world)[1..], [(2, 0, Some(0)), (3, 0, Some(0)), (4, 0, None), (5, 0, Some(70_000))]);
    // Each is a repeat still; the data of then is told where it is known.
    let data = |world: &mut World, event, n| {
        let repeat = Command::Send(Send { by: By::Call(token(30)), ..send(event, n) });
        let Outcome::Replayed { to, .. } = world.ask(&repeat) else { panic!("{n}") };
        to.data.len()
    };
    assert_eq!(
        [(PROCESS, 1), (FAIL, 2), (RETRY, 3), (FAIL, 4)].map(|(event, n)| data(&mut world, event, n)),
        [0, 70_000, 70_000, 1]
    );
    let instance = world.instance.unwrap();
    assert_eq!(Instance::decode(&instance.fields()), Ok(instance));
}

#[test]
fn many_small_entries_over_64_kib_are_forgotten_until_a_quarter_is_free() {
    let mut world = World::new();
    world.machine.history_limit = 1_000;
    world.machine.states[0].name = "r".repeat(600);
    world.machine.events[FAIL].edges = vec![Edge { from: 1, to: 0 }];
    world.ask(&Command::Create { token: token(0), data: Vec::new() });
    let mut kept = Vec::new();
    for n in 0_u8..150 {
        let mut token = token(1);
        token.0[0] = b'!' + n % 90;
        token.0[1] = b'0' + n / 90;
        let event = if n % 2 == 0 { PROCESS } else { FAIL };
        assert!(matches!(world.ask(&Command::Send(Send { token, ..send(event, 1) })), Outcome::Moved { .. }));
        kept.push(world.instance.as_ref().unwrap().history.entries().count());
    }
    // Each has about 650 bytes: at a hundred, a quarter goes.
    let cut =
        kept.iter().position(|count| *count < 90).map(|_| kept.windows(2).find(|pair| pair[1] < pair[0]).unwrap());
    assert!(matches!(cut, Some([95..=105, 70..=80])), "{cut:?} of {kept:?}");
}

#[test]
fn a_smaller_fence_of_the_same_record_is_refused_and_a_larger_one_is_told_what_happened() {
    let mut world = World::created();
    let by = |(record, fence), event, n| Command::Send(Send { by: attempt(record, fence, 99), ..send(event, n) });
    world.ask(&by((1, 10), PROCESS, 1));
    assert!(matches!(world.ask(&by((1, 11), PROCESS, 1)), Outcome::Replayed { .. }));
    assert_eq!(world.effect.write, Write::Patch);
    assert_eq!(world.ask(&by((1, 10), COMPLETE, 2)), Outcome::Stale { fence: 11 });
    assert_eq!(world.ask(&by((1, 10), PROCESS, 1)), Outcome::Stale { fence: 11 });
    // Another record's fences are its own.
    assert!(matches!(world.ask(&by((2, 5), COMPLETE, 3)), Outcome::Moved { .. }));
}

#[test]
fn a_smaller_fence_is_refused_by_the_entry_after_the_instance_has_forgotten_the_record() {
    let mut world = World::created();
    let by = |(record, fence), event, n| Command::Send(Send { by: attempt(record, fence, 99), ..send(event, n) });
    world.ask(&by((1, 10), PROCESS, 1));
    for n in 2..20 {
        world.ask(&by((n, 1), if n % 2 == 0 { FAIL } else { RETRY }, n));
    }
    assert_eq!(world.instance.as_ref().unwrap().fence_of(&[1; 22]), None);
    assert_eq!(world.ask(&by((1, 9), PROCESS, 1)), Outcome::Stale { fence: 10 });
    assert!(matches!(world.ask(&by((1, 10), PROCESS, 1)), Outcome::Moved { .. }));
    assert!(matches!(world.ask(&by((1, 11), PROCESS, 1)), Outcome::Replayed { .. }));
}

#[test]
fn a_step_of_a_record_that_is_gone_is_no_repeat_and_its_token_is_the_new_entrys() {
    let mut world = World::created();
    let by = |fence, is_first, event, n| {
        Command::Send(Send { by: attempt(1, fence, fence + 100), is_first, ..send(event, n) })
    };
    world.ask(&by(10, true, PROCESS, 1));
    world.send(FAIL, 2);
    assert!(matches!(world.ask(&by(110, false, PROCESS, 1)), Outcome::Replayed { .. }));
    let refused = Outcome::Illegal { state: "failed".into(), version: 3 };
    assert_eq!(world.ask(&by(111, false, PROCESS, 1)), refused);
    assert_eq!(world.ask(&by(11, true, PROCESS, 1)), Outcome::Stale { fence: 110 });
    assert_eq!(world.ask(&by(112, true, PROCESS, 1)), refused);
    // Where the event leads on, it is a new one.
    world.ask(&by(113, false, RETRY, 3));
    world.send(FAIL, 4);
    assert!(matches!(world.ask(&by(300, true, RETRY, 3)), Outcome::Moved { to, .. } if to.version == 6));
    assert!(matches!(world.ask(&by(301, false, RETRY, 3)), Outcome::Replayed { to, .. } if to.version == 6));
    let tokens: Vec<_> = world.instance.unwrap().history.entries().map(|entry| entry.token.0[0]).collect();
    assert_eq!(tokens, *b"abc-ed");
}

#[test]
fn an_entry_that_does_not_say_who_sent_it_is_a_repeat_to_all_but_a_first_attempt() {
    let mut world = World::created();
    world.send(PROCESS, 1);
    let by = |by, is_first| Command::Send(Send { by, is_first, ..send(PROCESS, 1) });
    assert!(matches!(world.ask(&by(By::Call(token(5)), false)), Outcome::Replayed { .. }));
    assert!(matches!(world.ask(&by(attempt(1, 10, 20), false)), Outcome::Replayed { .. }));
    assert!(matches!(world.ask(&by(attempt(1, 10, 20), true)), Outcome::Illegal { .. }));
}
