//! What can be asked of the record of one idempotency key.
//!
//! Every command names the attempt it speaks for by its owner token, so that sending it again is harmless.

use super::record::{Fingerprint, Flags, Owner, Record, State, unfinished_ttl_ms};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begin {
    pub owner: Owner,
    pub fingerprint: Option<Fingerprint>,
    pub lease_ms: u64,
    pub retention_ms: u64,
    /// If this attempt vanishes, hold the key as indeterminate instead of running again.
    pub hold: bool,
    /// An in-progress answer also marks the record, so that the attempt's end is published.
    pub mark_waited: bool,
    /// The attempt the caller waited for: if it was released with an error, the caller shares that error.
    pub awaited_fence: Option<u64>,
    pub absent: Absent,
}

/// What a begin does with a key that has no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Absent {
    /// It begins the first attempt.
    Acquire,
    /// It does nothing: the record that was seen here no longer exists, and no attempt may begin under this name.
    Refuse,
    /// It goes on with this attempt, which was acquired under another name of the key.
    Resume { fence: u64, attempt: u64, recovered: bool },
}

impl Begin {
    /// The record of the attempt that this begin starts; `inherited` are the flags it takes over from the last record.
    pub fn record(&self, fence: u64, attempt: u64, inherited: Flags) -> Record {
        let &Self { owner, fingerprint, lease_ms, hold, .. } = self;
        let state = State::Processing { lease_ms, ttl_ms: self.ttl_ms() };
        Record { fence, owner, fingerprint, flags: Flags { hold, ..inherited }, attempt, state }
    }

    /// The record of a key that had none. `now_fence` is the fence of this moment.
    pub fn first_record(&self, now_fence: u64) -> Record {
        match self.absent {
            Absent::Resume { fence, attempt, recovered } => {
                self.record(now_fence.max(fence + 1), attempt, Flags { recovered, ..Flags::default() })
            }
            Absent::Acquire | Absent::Refuse => self.record(now_fence, 1, Flags::default()),
        }
    }

    /// Whether a `SET NX GET` may begin it. If the key has no record, that command always writes one.
    #[must_use]
    pub fn may_be_plain(&self) -> bool {
        self.awaited_fence.is_none() && self.absent != Absent::Refuse
    }

    pub fn ttl_ms(&self) -> u64 {
        unfinished_ttl_ms(self.retention_ms, self.lease_ms)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    Begin(Begin),
    /// Renews the lease.
    Extend {
        owner: Owner,
    },
    /// Stores `record`: the whole completed record as its owner knows it, with [`State::Completed`].
    Complete {
        record: Record,
        retention_ms: u64,
    },
    Fail {
        owner: Owner,
        failure: Failure,
    },
    /// An operator's answer to an indeterminate record. `owner` is a fresh token, which shuts the vanished owner out.
    Resolve {
        owner: Owner,
        to: Resolution,
        /// Act even while the lease is live.
        force: bool,
    },
    /// Forgets the outcome: the next begin runs again. `owner` is a fresh token, as for [`Command::Resolve`].
    Reset {
        owner: Owner,
        retention_ms: u64,
        /// Act even while the lease is live.
        force: bool,
    },
}

impl Command {
    /// Bytes of the outcome that it stores.
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Complete { record, .. } => record.state.payload_len(),
            Self::Fail { failure: Failure::Release { payload, .. } | Failure::Record { payload, .. }, .. }
            | Self::Resolve { to: Resolution::Value { payload, .. }, .. } => payload.len(),
            Self::Begin(_) | Self::Extend { .. } | Self::Fail { .. } | Self::Resolve { .. } | Self::Reset { .. } => 0,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Failure {
    /// A retry may run. The payload is the error for those who waited; it is empty when the run never started. They can
    /// get the error for `told_for_ms`.
    Release { payload: Vec<u8>, told_for_ms: u64 },
    /// The error is the outcome, which a replay throws again.
    Record { payload: Vec<u8>, retention_ms: u64 },
    /// Nobody knows whether the work was done, so nobody runs until somebody resolves the record.
    Hold,
    /// The attempt goes on under another name of the key, so the record is removed.
    Leave,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// The work was done, with this result.
    Value { payload: Vec<u8>, retention_ms: u64 },
    /// The work was not done, or may be done again.
    Rerun { retention_ms: u64 },
}
