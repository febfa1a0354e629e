//! The state machine of one idempotency key, as a function. Its table of states and commands: `idempotency/tests.rs`.
//!
//! [`apply`] decides what a command does to a record and what it answers. Every command carries the token of the
//! attempt it speaks for, so the same command sent twice gives the same record and the same answer: a caller that
//! lost a reply sends the command again.

use std::borrow::Cow;

use super::command::{Absent, Begin, Command, Failure, Resolution};
use super::record::{Flags, Origin, Owner, Record, State, Unreadable, unfinished_ttl_ms};

/// The store's time, never the caller's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    pub us: u64,
}

impl Now {
    pub fn ms(self) -> u64 {
        self.us / 1_000
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Stored {
    pub record: Record,
    pub expires_at_ms: u64,
    pub told: Option<Box<Told>>,
}

/// The error of a released attempt, kept beside the record for those who waited for this attempt. It exists only if
/// somebody waited, and only for as long as one of them may ask.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Told {
    pub payload: Vec<u8>,
    pub expires_at_ms: u64,
}

impl Stored {
    /// What an [`Effect::Write`] leaves behind.
    pub fn new(record: Record, ttl_ms: u64, tell: Option<Tell>, now: Now) -> Self {
        let expires_at_ms = |ttl_ms: u64| now.ms().saturating_add(ttl_ms);
        let told =
            tell.map(|Tell { payload, ttl_ms }| Box::new(Told { payload, expires_at_ms: expires_at_ms(ttl_ms) }));
        Self { record, expires_at_ms: expires_at_ms(ttl_ms), told }
    }

    /// Forgets what those who waited are told, when the time for it is over.
    pub fn forget_told(&mut self, now: Now) {
        if self.told.as_ref().is_some_and(|told| told.expires_at_ms <= now.ms()) {
            self.told = None;
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    Keep,
    /// Write the record with a new TTL. `publish`: send the letter of its state to those who wait. `tell`: keep this
    /// beside the record for them.
    Write {
        record: Record,
        ttl_ms: u64,
        publish: bool,
        tell: Option<Tell>,
    },
    /// Write the record and leave its TTL untouched.
    Patch {
        record: Record,
    },
    /// Leave the record untouched and renew its TTL.
    Renew {
        ttl_ms: u64,
    },
    /// Remove the record, and tell those who wait.
    Remove {
        publish: bool,
    },
}

/// What becomes [`Told`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tell {
    pub payload: Vec<u8>,
    pub ttl_ms: u64,
}

/// What the caller is told. The Lua replies with the same names in `snake_case` and with the fields in this order; it
/// sends an origin as the record's owner and fingerprint.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The caller runs now. `recovered`: an earlier attempt started, and its end is unknown.
    Acquired {
        fence: u64,
        attempt: u64,
        recovered: bool,
    },
    /// Another attempt's lease is live for this much longer.
    InProgress {
        fence: u64,
        remaining_ms: u64,
    },
    /// The key was begun with another payload.
    Mismatch {
        fence: u64,
    },
    /// The key has been held as indeterminate since this server time.
    Indeterminate {
        fence: u64,
        since_ms: u64,
    },
    /// The attempt gave the key back. The payload is its error, or empty.
    Released {
        fence: u64,
        attempt: u64,
        origin: Origin,
        payload: Vec<u8>,
    },
    /// The recorded result.
    Replay {
        fence: u64,
        attempt: u64,
        origin: Origin,
        payload: Vec<u8>,
    },
    /// The recorded error.
    ReplayError {
        fence: u64,
        attempt: u64,
        origin: Origin,
        payload: Vec<u8>,
    },
    Done,
    /// The record holds another attempt, or another end of this one.
    Stale {
        fence: u64,
    },
    /// There is no record any more.
    Lost,
    /// The record already has an outcome, so there is nothing to resolve.
    Settled,
    /// The stored value is not a record of this format; nothing was written.
    Unreadable(Unreadable),
}

/// What `command` does to what is stored, and what it answers.
pub fn apply(stored: Option<&Stored>, command: &Command, now: Now) -> (Effect, Outcome) {
    let Some(stored) = stored.filter(|stored| stored.expires_at_ms > now.ms()) else {
        return match command {
            Command::Begin(begin) if begin.absent != Absent::Refuse => acquired(begin, begin.first_record(now.us)),
            Command::Fail { failure: Failure::Leave, .. } => (Effect::Keep, Outcome::Done),
            _ => (Effect::Keep, Outcome::Lost),
        };
    };
    match command {
        Command::Begin(begin) => apply_begin(stored, begin, now),
        Command::Extend { owner } => apply_extend(&stored.record, *owner),
        Command::Complete { record, retention_ms } => apply_complete(&stored.record, record, *retention_ms),
        Command::Fail { owner, failure } => apply_fail(&stored.record, *owner, failure, now),
        Command::Resolve { owner, to, force } => apply_resolve(stored, *owner, to, *force, now),
        Command::Reset { owner, retention_ms, force } => apply_reset(stored, *owner, *retention_ms, *force, now),
    }
}

/// The answer to `begin` when it depends on no clock and changes nothing in the record; otherwise `None`. It saves
/// running the script after a plain `SET NX GET` has returned the record.
pub fn outcome_at_any_time(record: Cow<'_, Record>, begin: &Begin) -> Option<Outcome> {
    let Record { fence, attempt, .. } = *record;
    let same_owner = record.owner == begin.owner;
    let other_payload = !same_owner
        && record.fingerprint.zip(begin.fingerprint).is_some_and(|(theirs, ours)| theirs != ours)
        && matches!(record.state, State::Processing { .. } | State::Completed { .. } | State::Failed { .. });
    if other_payload {
        return Some(Outcome::Mismatch { fence });
    }
    let origin = record.origin();
    match &record.state {
        // Even this owner's own lease needs the script, which renews the lease from the moment of this begin.
        State::Processing { .. } => None,
        State::Indeterminate { since_ms, .. } => Some(Outcome::Indeterminate { fence, since_ms: *since_ms }),
        // A record of an earlier version holds the error itself. Only the script reads what lies beside a record.
        State::Released { payload } => {
            let shared = begin.awaited_fence == Some(fence) && !payload.is_empty();
            (same_owner || shared).then(|| Outcome::Released { fence, attempt, origin, payload: payload_of(record) })
        }
        State::Completed { .. } => Some(Outcome::Replay { fence, attempt, origin, payload: payload_of(record) }),
        State::Failed { .. } => Some(Outcome::ReplayError { fence, attempt, origin, payload: payload_of(record) }),
    }
}

/// Takes the payload of an owned record, and copies it from a borrowed one.
fn payload_of(record: Cow<'_, Record>) -> Vec<u8> {
    record.into_owned().state.take_payload()
}

fn apply_begin(stored: &Stored, begin: &Begin, now: Now) -> (Effect, Outcome) {
    let record = &stored.record;
    if let Some(outcome) = outcome_at_any_time(Cow::Borrowed(record), begin) {
        return (Effect::Keep, outcome);
    }
    let &Record { fence, attempt, flags, .. } = record;
    let State::Processing { lease_ms, ttl_ms } = record.state else {
        let told =
            stored.told.as_ref().filter(|told| begin.awaited_fence == Some(fence) && told.expires_at_ms > now.ms());
        if let Some(told) = told {
            let (origin, payload) = (record.origin(), told.payload.clone());
            return (Effect::Keep, Outcome::Released { fence, attempt, origin, payload });
        }
        return acquire(begin, record, Flags { recovered: flags.recovered, ..Flags::default() }, now);
    };
    if record.owner == begin.owner {
        return (Effect::Renew { ttl_ms }, Outcome::Acquired { fence, attempt, recovered: flags.recovered });
    }
    if let Some(remaining_ms) = remaining_lease_ms(stored, now) {
        let effect = if begin.mark_waited && !flags.waited {
            Effect::Patch { record: Record { flags: Flags { waited: true, ..flags }, ..record.clone() } }
        } else {
            Effect::Keep
        };
        return (effect, Outcome::InProgress { fence, remaining_ms });
    }
    if flags.hold {
        let since_ms = now.ms();
        return (held(record, lease_ms, ttl_ms, since_ms), Outcome::Indeterminate { fence, since_ms });
    }
    // The takeover: the lease is over. Those who waited for the vanished attempt now wait for this one.
    acquire(begin, record, Flags { recovered: true, waited: flags.waited, hold: false }, now)
}

/// Acquires the attempt after that of `record`, or the one that was acquired under another name if that one is later.
fn acquire(begin: &Begin, record: &Record, inherited: Flags, now: Now) -> (Effect, Outcome) {
    let (mut fence, mut attempt, mut flags) = (record.fence, record.attempt + 1, inherited);
    if let Absent::Resume { fence: theirs, attempt: their_attempt, recovered } = begin.absent {
        (fence, attempt) = (fence.max(theirs), attempt.max(their_attempt));
        flags.recovered |= recovered;
    }
    acquired(begin, begin.record(next_fence(fence, now), attempt, flags))
}

fn acquired(begin: &Begin, record: Record) -> (Effect, Outcome) {
    let outcome = Outcome::Acquired { fence: record.fence, attempt: record.attempt, recovered: record.flags.recovered };
    (Effect::Write { record, ttl_ms: begin.ttl_ms(), publish: false, tell: None }, outcome)
}

fn apply_extend(record: &Record, owner: Owner) -> (Effect, Outcome) {
    match record.state {
        State::Processing { ttl_ms, .. } if record.owner == owner => (Effect::Renew { ttl_ms }, Outcome::Done),
        _ => stale(record),
    }
}

fn apply_complete(record: &Record, completed: &Record, retention_ms: u64) -> (Effect, Outcome) {
    debug_assert!(matches!(completed.state, State::Completed { .. }), "Complete stores a completed record");
    match record.state {
        // The fence is compared too: an attempt that came back to life under a larger fence is another attempt.
        _ if (record.fence, record.owner) != (completed.fence, completed.owner) => stale(record),
        State::Processing { .. } | State::Indeterminate { .. } => {
            (write(record, completed.clone(), retention_ms), Outcome::Done)
        }
        State::Completed { .. } => (Effect::Keep, Outcome::Done),
        State::Released { .. } | State::Failed { .. } => stale(record),
    }
}

fn apply_fail(record: &Record, owner: Owner, failure: &Failure, now: Now) -> (Effect, Outcome) {
    if record.owner != owner {
        return stale(record);
    }
    let effect = match (&record.state, failure) {
        (
            State::Processing { ttl_ms, .. } | State::Indeterminate { ttl_ms, .. },
            Failure::Release { payload, told_for_ms },
        ) => {
            let flags = Flags { recovered: record.flags.recovered, ..Flags::default() };
            let state = State::Released { payload: Vec::new() };
            let is_told = record.flags.waited && !payload.is_empty();
            let tell = is_told.then(|| Tell { payload: payload.clone(), ttl_ms: *told_for_ms.min(ttl_ms) });
            release(record, Record { flags, state, ..record.clone() }, *ttl_ms, tell)
        }
        (State::Processing { .. } | State::Indeterminate { .. }, Failure::Record { payload, retention_ms }) => {
            let state = State::Failed { payload: payload.clone() };
            write(record, Record { flags: Flags::default(), state, ..record.clone() }, *retention_ms)
        }
        (State::Processing { lease_ms, ttl_ms }, Failure::Hold) => held(record, *lease_ms, *ttl_ms, now.ms()),
        (State::Processing { .. }, Failure::Leave) => Effect::Remove { publish: record.flags.waited },
        (State::Released { .. }, Failure::Release { .. })
        | (State::Failed { .. }, Failure::Record { .. })
        | (State::Indeterminate { .. }, Failure::Hold) => Effect::Keep,
        _ => return stale(record),
    };
    (effect, Outcome::Done)
}

fn apply_resolve(stored: &Stored, owner: Owner, to: &Resolution, force: bool, now: Now) -> (Effect, Outcome) {
    let record = &stored.record;
    match (&record.state, to) {
        (State::Completed { .. }, Resolution::Value { .. }) if record.owner == owner => {
            return (Effect::Keep, Outcome::Done);
        }
        (State::Completed { .. } | State::Failed { .. }, _) => return (Effect::Keep, Outcome::Settled),
        (State::Released { .. }, Resolution::Rerun { .. }) => return (Effect::Keep, Outcome::Done),
        _ => {}
    }
    if let Some(remaining_ms) = remaining_lease_ms(stored, now).filter(|_| !force) {
        return (Effect::Keep, Outcome::InProgress { fence: record.fence, remaining_ms });
    }
    let effect = match to {
        Resolution::Value { payload, retention_ms } => {
            let state = State::Completed { payload: payload.clone() };
            overrule(record, owner, Flags::default(), state, *retention_ms, now)
        }
        Resolution::Rerun { retention_ms } => bury(record, owner, true, *retention_ms, now),
    };
    (effect, Outcome::Done)
}

fn apply_reset(stored: &Stored, owner: Owner, retention_ms: u64, force: bool, now: Now) -> (Effect, Outcome) {
    let record = &stored.record;
    if matches!(record.state, State::Released { .. }) && record.owner == owner {
        return (Effect::Keep, Outcome::Done);
    }
    if let Some(remaining_ms) = remaining_lease_ms(stored, now).filter(|_| !force) {
        return (Effect::Keep, Outcome::InProgress { fence: record.fence, remaining_ms });
    }
    let unfinished = matches!(record.state, State::Processing { .. } | State::Indeterminate { .. });
    (bury(record, owner, unfinished, retention_ms, now), Outcome::Done)
}

/// The time left of the lease; `None` when the lease is over or the record has none.
fn remaining_lease_ms(stored: &Stored, now: Now) -> Option<u64> {
    let State::Processing { lease_ms, ttl_ms } = stored.record.state else { return None };
    let age_ms = ttl_ms.saturating_sub(stored.expires_at_ms.saturating_sub(now.ms()));
    lease_ms.checked_sub(age_ms).filter(|&remaining_ms| remaining_ms > 0)
}

fn next_fence(fence: u64, now: Now) -> u64 {
    now.us.max(fence + 1)
}

fn stale(record: &Record) -> (Effect, Outcome) {
    (Effect::Keep, Outcome::Stale { fence: record.fence })
}

/// Writes `next` over `record`. The state changes, so those who wait are told.
fn write(record: &Record, next: Record, ttl_ms: u64) -> Effect {
    release(record, next, ttl_ms, None)
}

/// As [`write`], with an error for those who wait.
fn release(record: &Record, next: Record, ttl_ms: u64, tell: Option<Tell>) -> Effect {
    Effect::Write { record: next, ttl_ms, publish: record.flags.waited, tell }
}

fn held(record: &Record, lease_ms: u64, ttl_ms: u64, since_ms: u64) -> Effect {
    let state = State::Indeterminate { lease_ms, ttl_ms, since_ms };
    write(record, Record { flags: Flags { waited: false, ..record.flags }, state, ..record.clone() }, ttl_ms)
}

/// Writes a record that no earlier attempt can change: its fence is larger and its owner is fresh.
fn overrule(record: &Record, owner: Owner, flags: Flags, state: State, ttl_ms: u64, now: Now) -> Effect {
    let fence = next_fence(record.fence, now);
    write(record, Record { fence, owner, flags, state, ..record.clone() }, ttl_ms)
}

fn bury(record: &Record, owner: Owner, recovered: bool, retention_ms: u64, now: Now) -> Effect {
    let flags = Flags { recovered, ..Flags::default() };
    let state = State::Released { payload: Vec::new() };
    overrule(record, owner, flags, state, unfinished_ttl_ms(retention_ms, 0), now)
}

#[cfg(test)]
mod tests;
