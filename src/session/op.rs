//! One operation: what it asked for, under which key, and how far it is.

use std::sync::Arc;

use super::Terms;
use crate::clock::Micros;
use crate::model::{Begin, Fingerprint, Origin, Owner};
use crate::store::keys::{self, Hasher};

/// Where an operation is.
pub enum Phase {
    /// Looking under older secrets, or a begin is on its way.
    Beginning,
    /// Another attempt holds the key.
    Blocked,
    /// Ours to run.
    Held { fence: u64, attempt: u64, recovered: bool },
    /// Its outcome is being recorded.
    Settling,
    /// It is answered; another thread has its last word.
    Opening,
    /// An operator's request.
    Admin(super::AdminRequest),
    /// A command on a state machine's instance.
    Machine(super::machines::Asked),
}

/// The record's name under one secret.
struct Name {
    key: Arc<str>,
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
    /// Under the secret that writes.
    first: Name,
    /// Under older secrets.
    older: Vec<Name>,
    /// The name in use: 0 the first, then the older ones.
    chosen: usize,
    /// How many of the older names have been looked under.
    probed: usize,
}

impl Op {
    #[must_use]
    pub fn new(hashers: &[Hasher], identity: &str, payload: Option<&str>, terms: Terms, deadline: Micros) -> Self {
        let name = |hasher: &Hasher| {
            let hash = hasher.hash(identity);
            let fingerprint = payload.map(|payload| hasher.fingerprint(&hash, payload));
            Name { key: hasher.record_key(&hash), fingerprint }
        };
        Self::named(name(&hashers[0]), hashers[1..].iter().map(name).collect(), terms, deadline)
    }

    /// An operator names a record by what logs show.
    #[must_use]
    pub fn of_hash(hasher: &Hasher, hash: &str, terms: Terms, deadline: Micros) -> Self {
        let name = Name { key: hasher.record_key(hash), fingerprint: None };
        Self::named(name, Vec::new(), terms, deadline)
    }

    /// A command on what lies at `key`.
    #[must_use]
    pub fn at(key: Arc<str>, terms: Terms, deadline: Micros) -> Self {
        Self::named(Name { key, fingerprint: None }, Vec::new(), terms, deadline)
    }

    fn named(first: Name, older: Vec<Name>, terms: Terms, deadline: Micros) -> Self {
        Self {
            owner: keys::new_owner(),
            terms,
            deadline,
            phase: Phase::Beginning,
            awaited: None,
            listening: false,
            changed: false,
            first,
            older,
            chosen: 0,
            probed: 0,
        }
    }

    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.name().key
    }

    fn name(&self) -> &Name {
        self.chosen.checked_sub(1).map_or(&self.first, |older| &self.older[older])
    }

    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.name().fingerprint
    }

    /// What its payload is stored under, when it stores one.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::new(self.owner, self.fingerprint().as_ref())
    }

    /// The command that begins it, again and again the same.
    pub fn begin(&self) -> Begin {
        Begin {
            owner: self.owner,
            fingerprint: self.fingerprint(),
            lease_ms: self.terms.lease_ms,
            retention_ms: self.terms.retention_ms,
            hold: self.terms.hold,
            mark_waited: self.terms.will_wait,
            awaited_fence: self.awaited,
        }
    }

    /// The next older name to look under before a new record is made.
    pub fn next_probe(&mut self) -> Option<Arc<str>> {
        let name = self.older.get(self.probed)?;
        self.probed += 1;
        Some(Arc::clone(&name.key))
    }

    /// The name probed last has a record.
    pub fn choose_probed(&mut self) {
        self.chosen = self.probed;
    }

    /// Every name in turn, for an operator's request. False after the last.
    pub fn choose_next(&mut self) -> bool {
        let more = self.chosen < self.older.len();
        self.chosen += usize::from(more);
        more
    }
}
