//! Who gets the error of a released attempt, and for how long.

use super::*;

/// A released attempt that somebody waited for, with its error beside it.
fn released_and_told(payload: &[u8], told_for_ms: u64) -> (Effect, Stored) {
    let waited = stored("live", Flags { waited: true, ..Flags::default() });
    let failure = Failure::Release { payload: payload.to_vec(), told_for_ms };
    let (effect, _) = apply(waited.as_ref(), &Command::Fail { owner: owner(), failure }, NOW);
    let Effect::Write { record, ttl_ms, tell, .. } = effect.clone() else { panic!("{effect:?}") };
    (effect, Stored::new(record, ttl_ms, tell, NOW))
}

#[test]
fn the_error_of_a_released_attempt_is_not_in_the_record() {
    let (_, stored) = released_and_told(b"eboom", 400);
    assert_eq!(stored.record.state, State::Released { payload: Vec::new() });
    assert_eq!(stored.told.unwrap().payload, b"eboom");
    assert_eq!(released_and_told(b"", 400).1.told, None, "nothing to tell");
    let Effect::Write { tell, .. } = apply(stored_live().as_ref(), &command("release, owner"), NOW).0 else { panic!() };
    assert_eq!(tell, None, "nobody waits");
}

fn stored_live() -> Option<Stored> {
    stored("live", Flags::default())
}

#[test]
fn who_waited_is_told_for_as_long_as_was_said_and_no_longer_than_the_record_lives() {
    let waiting = |awaited_fence| Command::Begin(Begin { awaited_fence, ..begin(other(), None) });
    let (_, stored) = released_and_told(b"eboom", 400);
    let origin = stored.record.origin();
    let told = Outcome::Released { fence: FENCE, attempt: 2, origin, payload: b"eboom".to_vec() };
    let at = |later_ms: u64| Now { us: NOW.us + later_ms * 1_000 };
    assert_eq!(apply(Some(&stored), &waiting(Some(FENCE)), at(399)), (Effect::Keep, told));
    for (awaited, later_ms) in [(Some(FENCE), 400), (Some(FENCE - 1), 0), (None, 0)] {
        let (_, outcome) = apply(Some(&stored), &waiting(awaited), at(later_ms));
        assert!(matches!(outcome, Outcome::Acquired { .. }), "{awaited:?} after {later_ms} ms: {outcome:?}");
    }
    let (_, stored) = released_and_told(b"eboom", u64::MAX);
    assert_eq!(stored.told.as_ref().unwrap().expires_at_ms, stored.expires_at_ms);
}

#[test]
fn who_waited_shares_the_error_that_an_earlier_version_kept_in_the_record() {
    let released = |payload: &[u8]| {
        let record = record(State::Released { payload: payload.to_vec() });
        Stored { record, expires_at_ms: NOW.ms() + TTL_MS, told: None }
    };
    let waited_for = |awaited_fence, payload: &[u8]| {
        let caller = Begin { awaited_fence, ..begin(other(), None) };
        apply(Some(&released(payload)), &Command::Begin(caller), NOW).1
    };
    let origin = released(b"eboom").record.origin();
    let shared = Outcome::Released { fence: FENCE, attempt: 2, origin, payload: b"eboom".to_vec() };
    assert_eq!(waited_for(Some(FENCE), b"eboom"), shared);
    assert!(matches!(waited_for(Some(FENCE), b""), Outcome::Acquired { .. }));
    assert!(matches!(waited_for(Some(FENCE - 1), b"eboom"), Outcome::Acquired { .. }));
    assert!(matches!(waited_for(None, b"eboom"), Outcome::Acquired { .. }));
}
