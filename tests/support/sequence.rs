//! Random sequences of commands that keep hitting the edge cases: the holder's own commands, the last millisecond of a
//! lease, a fence in the same microsecond, a clock that goes back.

use actonce::model::{
    Absent, Begin, Command, Failure, Fingerprint, Flags, Now, Owner, Record, Resolution, State, Stored,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
pub struct Step {
    pub elapse: Elapse,
    pub ask: Ask,
}

/// Time that passes before a command.
#[derive(Clone, Debug)]
pub enum Elapse {
    Micros(u64),
    /// To the lease's end, plus this many milliseconds.
    LeaseEnd(i64),
    /// To the record's end, plus this many milliseconds.
    RecordEnd(i64),
    /// To the moment when those who waited can no longer get the error, and this many milliseconds further.
    ToldEnd(i64),
    /// The server's clock is set back.
    BackMs(u64),
}

#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// The caller whose token is in the record.
    Holder,
    Caller(u8),
}

#[derive(Clone, Copy, Debug)]
pub enum Awaited {
    Nothing,
    /// The fence that is in the record.
    Current,
    Earlier,
}

/// What a begin does with a key that has no record.
#[derive(Clone, Copy, Debug)]
pub enum Without {
    Acquire,
    Refuse,
    /// Relative to the record: the fence is this much later, and the attempt this much further.
    Resume {
        later: i64,
        further: i64,
        recovered: bool,
    },
}

/// A command whose parts depend on the record that it will meet.
#[derive(Clone, Debug)]
pub enum Ask {
    Begin {
        who: Who,
        payload: u8,
        lease_ms: u64,
        retention_ms: u64,
        hold: bool,
        mark_waited: bool,
        awaited: Awaited,
        absent: Without,
    },
    Extend {
        who: Who,
    },
    /// `known`: how many of fence, fingerprint and attempt, in this order, equal those in the record.
    Complete {
        who: Who,
        known: u8,
        text: u8,
        retention_ms: u64,
    },
    Release {
        who: Who,
        text: u8,
        told_for_ms: u64,
    },
    Leave {
        who: Who,
    },
    Record {
        who: Who,
        text: u8,
        retention_ms: u64,
    },
    Hold {
        who: Who,
    },
    Resolve {
        who: Who,
        value: Option<u8>,
        retention_ms: u64,
        force: bool,
    },
    Reset {
        who: Who,
        retention_ms: u64,
        force: bool,
    },
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec((elapse(), asks()).prop_map(|(elapse, ask)| Step { elapse, ask }), 1..40)
}

fn elapse() -> impl Strategy<Value = Elapse> {
    prop_oneof![
        6 => Just(Elapse::Micros(0)),
        3 => (1..3_000_000_u64).prop_map(Elapse::Micros),
        4 => (-1..=1_i64).prop_map(Elapse::LeaseEnd),
        1 => (-1..=1_i64).prop_map(Elapse::RecordEnd),
        1 => (-1..=1_i64).prop_map(Elapse::ToldEnd),
        1 => (1..100_000_u64).prop_map(Elapse::BackMs),
    ]
}

pub fn asks() -> impl Strategy<Value = Ask> {
    let caller = || prop_oneof![1 => Just(Who::Holder), 4 => (0..4_u8).prop_map(Who::Caller)];
    let holder = || prop_oneof![4 => Just(Who::Holder), 1 => (0..4_u8).prop_map(Who::Caller)];
    let operator = || prop_oneof![4 => (4..7_u8).prop_map(Who::Caller), 1 => Just(Who::Holder)];
    // Long enough not to end by itself while a case runs, so that only the injected clock ends a record.
    let retention = || prop_oneof![Just(20_000_u64), Just(600_000), Just(86_400_000)];
    let lease = prop_oneof![Just(100_u64), Just(30_000), Just(1_000_000)];
    let awaited = prop_oneof![2 => Just(Awaited::Nothing), 2 => Just(Awaited::Current), 1 => Just(Awaited::Earlier)];
    // One is shorter and one longer than the life of an unfinished record.
    let told_for = prop_oneof![Just(20_000_u64), Just(100_000_000_000)];
    let text = || 0..5_u8;
    let known = prop_oneof![8 => Just(3_u8), 1 => 0..3_u8];
    prop_oneof![
        10 => (caller(), 0..3_u8, lease, retention(), any::<bool>(), any::<bool>(), awaited, without()).prop_map(
            |(who, payload, lease_ms, retention_ms, hold, mark_waited, awaited, absent)| Ask::Begin {
                who, payload, lease_ms, retention_ms, hold, mark_waited, awaited, absent
            }
        ),
        3 => holder().prop_map(|who| Ask::Extend { who }),
        4 => (holder(), known, text(), retention())
            .prop_map(|(who, known, text, retention_ms)| Ask::Complete { who, known, text, retention_ms }),
        4 => (holder(), text(), told_for).prop_map(|(who, text, told_for_ms)| Ask::Release { who, text, told_for_ms }),
        1 => holder().prop_map(|who| Ask::Leave { who }),
        2 => (holder(), text(), retention()).prop_map(|(who, text, retention_ms)| Ask::Record { who, text, retention_ms }),
        2 => holder().prop_map(|who| Ask::Hold { who }),
        3 => (operator(), proptest::option::of(text()), retention(), any::<bool>())
            .prop_map(|(who, value, retention_ms, force)| Ask::Resolve { who, value, retention_ms, force }),
        2 => (operator(), retention(), any::<bool>())
            .prop_map(|(who, retention_ms, force)| Ask::Reset { who, retention_ms, force }),
    ]
}

fn without() -> impl Strategy<Value = Without> {
    let resume = (-2..=2_000_000_i64, -1..3_i64, any::<bool>())
        .prop_map(|(later, further, recovered)| Without::Resume { later, further, recovered });
    prop_oneof![4 => Just(Without::Acquire), 1 => Just(Without::Refuse), 2 => resume]
}

impl Elapse {
    pub fn from(&self, now: Now, stored: Option<&Stored>) -> Now {
        let reach = |ms: u64, further: i64| Now { us: now.us.max(ms.saturating_add_signed(further) * 1_000) };
        match (self, stored) {
            (Self::Micros(us), _) => Now { us: now.us + us },
            (Self::BackMs(ms), _) => Now { us: now.us - ms * 1_000 },
            (Self::RecordEnd(further), Some(stored)) => reach(stored.expires_at_ms, *further),
            (Self::ToldEnd(further), Some(Stored { told: Some(told), .. })) => reach(told.expires_at_ms, *further),
            (Self::LeaseEnd(further), Some(Stored { record, expires_at_ms, .. })) => match record.state {
                State::Processing { lease_ms, ttl_ms } => reach(expires_at_ms - ttl_ms + lease_ms, *further),
                _ => now,
            },
            _ => now,
        }
    }
}

impl Ask {
    /// A begin like any other.
    pub fn begin_by(caller: u8) -> Self {
        Self::Begin {
            who: Who::Caller(caller),
            payload: 1,
            lease_ms: 30_000,
            retention_ms: 86_400_000,
            hold: false,
            mark_waited: false,
            awaited: Awaited::Nothing,
            absent: Without::Acquire,
        }
    }

    pub fn complete_by(caller: u8) -> Self {
        Self::Complete { who: Who::Caller(caller), known: 3, text: 1, retention_ms: 86_400_000 }
    }

    pub fn command(&self, stored: Option<&Stored>) -> Command {
        let known = stored.map(|stored| &stored.record);
        let whom = |who: Who| match (who, known) {
            (Who::Holder, Some(record)) => record.owner,
            (Who::Holder, None) => Owner::from_random([0; 12]),
            (Who::Caller(number), _) => Owner::from_random([number; 12]),
        };
        match *self {
            Self::Begin { who, payload, lease_ms, retention_ms, hold, mark_waited, awaited, absent } => {
                Command::Begin(Begin {
                    owner: whom(who),
                    fingerprint: (payload > 0).then(|| Fingerprint::from_hash([payload; 16])),
                    lease_ms,
                    retention_ms,
                    hold,
                    mark_waited,
                    awaited_fence: match awaited {
                        Awaited::Nothing => None,
                        Awaited::Current => known.map(|record| record.fence),
                        Awaited::Earlier => known.map(|record| record.fence - 1),
                    },
                    absent: match absent {
                        Without::Acquire => Absent::Acquire,
                        Without::Refuse => Absent::Refuse,
                        Without::Resume { later, further, recovered } => Absent::Resume {
                            fence: known
                                .map_or(1_763_900_000_000_000, |record| record.fence)
                                .saturating_add_signed(later),
                            attempt: known.map_or(1, |record| record.attempt).saturating_add_signed(further).max(1),
                            recovered,
                        },
                    },
                })
            }
            Self::Extend { who } => Command::Extend { owner: whom(who) },
            Self::Complete { who, known: right, text, retention_ms } => {
                let part = |number: u8| known.filter(|_| number < right);
                let fence = part(0).map_or(42, |record| record.fence);
                let fingerprint = part(1).and_then(|record| record.fingerprint);
                let attempt = part(2).map_or(1, |record| record.attempt);
                let state = State::Completed { payload: payload(text) };
                let record = Record { fence, owner: whom(who), fingerprint, flags: Flags::default(), attempt, state };
                Command::Complete { record, retention_ms }
            }
            Self::Release { who, text, told_for_ms } => {
                Command::Fail { owner: whom(who), failure: Failure::Release { payload: payload(text), told_for_ms } }
            }
            Self::Leave { who } => Command::Fail { owner: whom(who), failure: Failure::Leave },
            Self::Record { who, text, retention_ms } => {
                Command::Fail { owner: whom(who), failure: Failure::Record { payload: payload(text), retention_ms } }
            }
            Self::Hold { who } => Command::Fail { owner: whom(who), failure: Failure::Hold },
            Self::Resolve { who, value, retention_ms, force } => {
                let to = match value {
                    Some(text) => Resolution::Value { payload: payload(text), retention_ms },
                    None => Resolution::Rerun { retention_ms },
                };
                Command::Resolve { owner: whom(who), to, force }
            }
            Self::Reset { who, retention_ms, force } => Command::Reset { owner: whom(who), retention_ms, force },
        }
    }
}

/// Texts that a careless parser would stumble over.
fn payload(text: u8) -> Vec<u8> {
    match text {
        0 => Vec::new(),
        1 => b"j{\"orderId\":7}".to_vec(),
        2 => b"1 2 3".to_vec(),
        3 => b"\0\r\n\xff%s%d$".to_vec(),
        _ => vec![b'x'; 300],
    }
}
