use super::*;

#[test]
fn an_attempt_goes_on_under_another_name_with_a_larger_fence_than_both_names_have_had() {
    let resume = Begin { absent: ELSEWHERE, hold: true, ..begin(other(), None) };
    let (effect, outcome) = apply(None, &Command::Begin(resume.clone()), NOW);
    assert_eq!(outcome, Outcome::Acquired { fence: NOW.us, attempt: 7, recovered: true });
    let Effect::Write { record, .. } = effect else { panic!("{effect:?}") };
    assert_eq!(record.flags, Flags { hold: true, recovered: true, waited: false });
    // The clock of another server may be behind.
    let then = Now { us: FENCE - 9 };
    let (_, outcome) = apply(None, &Command::Begin(resume.clone()), then);
    assert_eq!(outcome, Outcome::Acquired { fence: FENCE + 6, attempt: 7, recovered: true });
    let released = stored("released", Flags::default());
    let (_, outcome) = apply(released.as_ref(), &Command::Begin(resume), then);
    assert_eq!(outcome, Outcome::Acquired { fence: FENCE + 6, attempt: 7, recovered: true });
    // Its own attempt number does not fall either.
    let early = Begin { absent: Absent::Resume { fence: 1, attempt: 1, recovered: false }, ..begin(other(), None) };
    let (_, outcome) = apply(released.as_ref(), &Command::Begin(early), then);
    assert_eq!(outcome, Outcome::Acquired { fence: FENCE + 1, attempt: 3, recovered: false });
}
