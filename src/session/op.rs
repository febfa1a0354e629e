//! One operation: what it asked for, under which key, and how far it has come.

use std::sync::Arc;

use super::Terms;
use crate::clock::Micros;
use crate::model::quota::Quota;
use crate::model::{Begin, Fingerprint, Origin, Owner};
use crate::store::keys::{self, Hasher};

/// Where an operation is.
pub enum Phase {
    /// The begin, or a question before it, is on its way.
    Beginning,
    /// Another attempt holds the key.
    Blocked,
    /// Ours to run.
    Held(Claim),
    /// Its outcome is on its way to the store; `is_smaller`: in place of one that was too large.
    Ending { claim: Claim, is_smaller: bool },
    /// Its outcome was too large for the store: a smaller one is to come.
    Oversized(Claim),
    /// It is answered; another thread has its last word.
    Opening,
    /// An operator's request.
    Admin(super::AdminRequest),
    /// A command on a state machine's instance.
    Machine(super::machines::Asked),
}

/// What an attempt has acquired.
#[derive(Clone, Copy)]
pub struct Claim {
    pub fence: u64,
    pub attempt: u64,
    pub recovered: bool,
}

/// What to ask the store next.
pub enum NextAsk {
    /// Whether there is a record.
    Find(Arc<str>),
    /// Whether the scope may have one more key; its count is at this key.
    Quota(Arc<str>, Quota),
    Begin,
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
    /// The fence of the attempt that this operation was last blocked behind.
    pub awaited: Option<u64>,
    /// The operation has asked to be told of changes.
    pub listening: bool,
    /// A change was heard of while the operation was not waiting.
    pub changed: bool,
    /// The name under the secret that writes.
    first: Name,
    /// The names under older secrets.
    older: Vec<Name>,
    /// The name in use: 0 for the first, then the older ones.
    chosen: usize,
    /// How many names have been looked up: the older ones, then the first.
    looked: usize,
    /// The quota that a new key still has to ask for, and the key of its count.
    quota: Option<(Arc<str>, Quota)>,
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

    /// An operator's request for a record, named by the hash that logs show.
    #[must_use]
    pub fn of_hash(hasher: &Hasher, hash: &str, terms: Terms, deadline: Micros) -> Self {
        let name = Name { key: hasher.record_key(hash), fingerprint: None };
        Self::named(name, Vec::new(), terms, deadline)
    }

    /// A command on the value at `key`.
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
            looked: 0,
            quota: None,
        }
    }

    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.name().key
    }

    /// Its outcome is sent to the store. `None` when there is no attempt that could have one.
    pub fn ends(&mut self, deadline: Micros) -> Option<Claim> {
        let (claim, is_smaller) = match self.phase {
            Phase::Held(claim) => (claim, false),
            Phase::Oversized(claim) => (claim, true),
            _ => return None,
        };
        self.phase = Phase::Ending { claim, is_smaller };
        self.deadline = deadline;
        Some(claim)
    }

    fn name(&self) -> &Name {
        self.chosen.checked_sub(1).map_or(&self.first, |older| &self.older[older])
    }

    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.name().fingerprint
    }

    /// The origin under which the operation's payload is stored, if it stores one.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::new(self.owner, self.fingerprint().as_ref())
    }

    /// The command that begins the operation, the same each time.
    pub fn begin(&self) -> Begin {
        self.terms.begin(self.owner, self.fingerprint(), self.awaited)
    }

    /// Has a key without a record counted before it begins; the count lies at `key`.
    #[must_use]
    pub fn with_quota(self, key: Arc<str>, limit: u64) -> Self {
        let quota = Quota { limit, retention_ms: self.terms.retention_ms };
        Self { quota: Some((key, quota)), ..self }
    }

    /// There may be a record under an older name, which is then used. A key that has a record is not counted.
    pub fn next_ask(&mut self) -> NextAsk {
        let name = match self.older.get(self.looked) {
            None if self.quota.is_some() && self.looked == self.older.len() => &self.first,
            None => return self.quota.take().map_or(NextAsk::Begin, |(key, quota)| NextAsk::Quota(key, quota)),
            Some(name) => name,
        };
        self.looked += 1;
        NextAsk::Find(Arc::clone(&name.key))
    }

    /// The name looked up last has a record, so this name is used, and nothing else is to be asked.
    pub fn choose_found(&mut self) {
        let is_older = self.looked <= self.older.len();
        self.chosen = if is_older { self.looked } else { 0 };
        self.looked = self.older.len();
        self.quota = None;
    }

    /// Goes on to the next name, for an operator's request. False after the last name.
    pub fn choose_next(&mut self) -> bool {
        let more = self.chosen < self.older.len();
        self.chosen += usize::from(more);
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(secrets: &[&str], has_quota: bool) -> Op {
        let hashers: Vec<_> = secrets.iter().map(|secret| Hasher::new("p", secret)).collect();
        let op = Op::new(&hashers, "k1:k", None, Terms::without_lease(1), 1);
        if has_quota { op.with_quota("count".into(), 5) } else { op }
    }

    /// What the operation asks when `found` is the only name with a record.
    fn asked(mut op: Op, found: &str) -> String {
        let mut asked = Vec::new();
        loop {
            match op.next_ask() {
                NextAsk::Begin => {
                    asked.push(format!("begin {}", op.key()));
                    return asked.join(", ");
                }
                NextAsk::Quota(key, quota) => asked.push(format!("{key} {}", quota.limit)),
                NextAsk::Find(key) => {
                    asked.push(key.to_string());
                    if found == &*key {
                        op.choose_found();
                    }
                }
            }
        }
    }

    #[test]
    fn the_usual_call_asks_nothing_before_it_begins() {
        let key = Arc::clone(op(&["new"], false).key());
        assert_eq!(asked(op(&["new"], false), ""), format!("begin {key}"));
    }

    #[test]
    fn names_are_looked_under_the_older_ones_first_and_a_new_key_is_counted() {
        let secrets = ["new", "old", "older"];
        let [new, old, older] = secrets.map(|secret| Arc::clone(op(&[secret], false).key()));
        let all = |found| asked(op(&secrets, true), found);
        assert_eq!(all(""), format!("{old}, {older}, {new}, count 5, begin {new}"));
        assert_eq!(all(&new), format!("{old}, {older}, {new}, begin {new}"));
        assert_eq!(all(&older), format!("{old}, {older}, begin {older}"));
        assert_eq!(all(&old), format!("{old}, begin {old}"));
        assert_eq!(asked(op(&secrets, false), ""), format!("{old}, {older}, begin {new}"));
        assert_eq!(asked(op(&["new"], true), ""), format!("{new}, count 5, begin {new}"));
    }
}
