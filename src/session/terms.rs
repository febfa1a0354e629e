//! How an operation wants to run and to be recorded.

use crate::clock::Micros;
use crate::model::{Absent, Begin, Fingerprint, Owner};

pub const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// How an operation wants to run, as JavaScript gives it.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub lease_ms: u64,
    pub max_lease_ms: u64,
    pub retention_ms: u64,
    pub hold: bool,
    pub will_wait: bool,
    pub budget: Micros,
}

impl Terms {
    /// The terms of an operation that holds no lease.
    #[must_use]
    pub fn without_lease(budget: Micros) -> Self {
        let (hold, will_wait) = (false, false);
        Self { lease_ms: DAY_MS, max_lease_ms: DAY_MS, retention_ms: DAY_MS, hold, will_wait, budget }
    }

    /// The command that begins an attempt under these terms.
    #[must_use]
    pub fn begin(
        &self,
        owner: Owner,
        fingerprint: Option<Fingerprint>,
        awaited_fence: Option<u64>,
        absent: Absent,
    ) -> Begin {
        let &Self { lease_ms, retention_ms, will_wait: mark_waited, .. } = self;
        // Under an older name no attempt runs, so one that vanishes there is not held.
        let hold = self.hold && absent != Absent::Refuse;
        Begin { owner, fingerprint, lease_ms, retention_ms, hold, mark_waited, awaited_fence, absent }
    }
}

/// Limits how many keys a scope may have at a time.
#[derive(Clone, Debug)]
pub struct ScopeQuota {
    /// The part of an identity that comes before its key.
    pub scope: String,
    pub limit: u64,
}

/// How long an outcome may take to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Recording {
    /// How long the outcome is kept; for a released error, how long those who waited can get it.
    pub retention_ms: u64,
    pub patience: Micros,
    pub budget: Micros,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailMode {
    Release,
    Record,
    Hold,
}
