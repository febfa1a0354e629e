//! One operation: what it asked for, under which key, and how far it is.

use super::Terms;
use crate::clock::Micros;
use crate::model::{Fingerprint, Owner};
use crate::store::keys::{self, Hasher};

/// Where an operation is.
pub enum Phase {
    /// Looking under older secrets, or a begin is on its way.
    Beginning,
    /// Another attempt holds the key.
    Blocked,
    /// Ours to run.
    Held { fence: u64, attempt: u64 },
    /// Its outcome is being recorded.
    Settling,
    /// An operator's request.
    Admin(super::AdminRequest),
}

/// The record's name under one secret.
struct Name {
    key: String,
    fingerprint: Option<Fingerprint>,
}

pub struct Op {
    pub owner: Owner,
    pub terms: Terms,
    pub deadline: Micros,
    pub phase: Phase,
    /// The attempt it was last blocked behind.
    pub awaited: Option<u64>,
    /// It has asked to be told of changes.
    pub listening: bool,
    /// A change was heard of while it was not waiting.
    pub changed: bool,
    names: Vec<Name>,
    /// The name in use.
    chosen: usize,
    /// The older name to look under next.
    probe: usize,
}

impl Op {
    #[must_use]
    pub fn new(hashers: &[Hasher], identity: &str, payload: Option<&str>, terms: Terms, deadline: Micros) -> Self {
        let name = |hasher: &Hasher| {
            let hash = hasher.hash(identity);
            let fingerprint = payload.map(|payload| hasher.fingerprint(&hash, payload));
            Name { key: hasher.record_key(&hash), fingerprint }
        };
        Self::with_names(hashers.iter().map(name).collect(), terms, deadline)
    }

    /// An operator names a record by what logs show.
    #[must_use]
    pub fn of_hash(hasher: &Hasher, hash: &str, terms: Terms, deadline: Micros) -> Self {
        Self::with_names(vec![Name { key: hasher.record_key(hash), fingerprint: None }], terms, deadline)
    }

    fn with_names(names: Vec<Name>, terms: Terms, deadline: Micros) -> Self {
        Self {
            owner: keys::new_owner(),
            terms,
            deadline,
            phase: Phase::Beginning,
            awaited: None,
            listening: false,
            changed: false,
            names,
            chosen: 0,
            probe: 1,
        }
    }

    #[must_use]
    pub fn key(&self) -> &str {
        &self.names[self.chosen].key
    }

    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.names[self.chosen].fingerprint
    }

    /// The next older name to look under before a new record is made.
    pub fn next_probe(&mut self) -> Option<String> {
        let name = self.names.get(self.probe)?;
        self.probe += 1;
        Some(name.key.clone())
    }

    /// The name probed last has a record.
    pub fn choose_probed(&mut self) {
        self.chosen = self.probe - 1;
    }

    /// Every name in turn, for an operator's request. False after the last.
    pub fn choose_next(&mut self) -> bool {
        let more = self.chosen + 1 < self.names.len();
        self.chosen += usize::from(more);
        more
    }
}
