//! The model can fail: each of these mutants breaks a law. A mutant changes what goes into `apply` or comes out of it.

use actonce::model::{Command, Effect, Now, Outcome, State, Stored, apply};

use super::caller::{End, TICK_MS};
use super::explore;
use super::laws::Law;
use super::world::OnCrash::{self, Hold, Rerun};
use super::world::{Apply, Setting};

struct Mutant {
    what: &'static str,
    policy: OnCrash,
    apply: Apply,
    breaks: Law,
}

const MUTANTS: [Mutant; 7] = [
    Mutant { what: "a lease a tick too short", policy: Rerun, apply: impatient, breaks: Law::OneHolder },
    Mutant { what: "a fence kept", policy: Rerun, apply: same_fence, breaks: Law::FencesGrow },
    Mutant { what: "any owner completes", policy: Rerun, apply: any_owner, breaks: Law::OneAuthority },
    Mutant { what: "an outcome overwritten", policy: Rerun, apply: overwriting, breaks: Law::OutcomeStays },
    Mutant { what: "the policy hold ignored", policy: Hold, apply: careless, breaks: Law::HoldOnce },
    Mutant { what: "a holder not recognised", policy: Rerun, apply: forgetful, breaks: Law::HolderIsRecognised },
    Mutant { what: "a repeated outcome refused", policy: Rerun, apply: not_idempotent, breaks: Law::EveryoneKnows },
];

fn impatient(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let early = Now { us: now.us + TICK_MS * 1_000 };
    apply(stored, command, if matches!(command, Command::Begin(_)) { early } else { now })
}

fn same_fence(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let (mut effect, mut outcome) = apply(stored, command, now);
    if let (Some(stored), Effect::Write { record, .. }, Outcome::Acquired { fence, .. }) =
        (stored, &mut effect, &mut outcome)
    {
        (record.fence, *fence) = (stored.record.fence, stored.record.fence);
    }
    (effect, outcome)
}

fn any_owner(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let mut command = command.clone();
    if let (Some(stored), Command::Complete { record, .. }) = (stored, &mut command) {
        (record.fence, record.owner) = (stored.record.fence, stored.record.owner);
    }
    apply(stored, &command, now)
}

/// A caller that comes after an outcome runs again.
fn overwriting(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let (Some(Stored { record, .. }), Command::Begin(_)) = (stored, command) else {
        return apply(stored, command, now);
    };
    let is_outcome = matches!(record.state, State::Completed { .. });
    apply(stored.filter(|_| !is_outcome), command, now)
}

fn careless(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let stored = stored.cloned().map(|mut stored| {
        stored.record.flags.hold = false;
        stored
    });
    apply(stored.as_ref(), command, now)
}

fn forgetful(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    match (stored, command) {
        (Some(Stored { record, .. }), Command::Begin(begin)) if record.owner == begin.owner => {
            (Effect::Keep, Outcome::InProgress { fence: record.fence, remaining_ms: 1 })
        }
        _ => apply(stored, command, now),
    }
}

fn not_idempotent(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    match apply(stored, command, now) {
        (Effect::Keep, Outcome::Done) => (Effect::Keep, Outcome::Lost),
        other => other,
    }
}

#[test]
fn every_broken_apply_is_noticed() {
    for Mutant { what, policy, apply, breaks } in MUTANTS {
        let ends = vec![End::Value, End::Record];
        let setting = Setting { ends, copies: 1, apply, ..Setting::new(what, &[policy, policy], 2) };
        let found = explore(&setting);
        assert!(found.broken.contains(breaks.text()), "{what}: broken are only {:?}", found.broken);
    }
}
