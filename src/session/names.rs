//! The names of an operation's record: one per secret. A record may be found under any of them, but the key is run
//! under the first secret only. So nothing new is left under an older secret, and that secret can be dropped in time.

use std::sync::Arc;

use super::op::Claim;
use crate::model::quota::Quota;
use crate::model::{Absent, Fingerprint};
use crate::store::keys::Hasher;

/// What to ask the store next.
pub enum NextAsk {
    /// Whether there is a record.
    Find(Arc<str>),
    /// How many keys the scope has under an older secret; their count is at this key.
    Count(Arc<str>),
    /// Whether the scope may have one more key; its count is at this key.
    Quota(Arc<str>, Quota),
    /// Nothing: the counts under older secrets already reach the limit. The next place is free after this time.
    Full {
        free_in_ms: u64,
    },
    Begin,
}

/// The record's name under one secret.
struct Name {
    key: Arc<str>,
    fingerprint: Option<Fingerprint>,
}

pub struct Names {
    /// The name under the secret that writes.
    first: Name,
    /// The names under older secrets.
    older: Vec<Name>,
    /// The name in use: 0 for the first, then the older ones.
    chosen: usize,
    /// How many names have been looked up: the older ones, then the first.
    looked: usize,
    /// The name looked up last has a record.
    has_found: bool,
    counting: Option<Box<Counting>>,
    carried: Option<Box<Carried>>,
}

/// Counts a new key with the keys that its scope has under all secrets.
struct Counting {
    /// The key of the count under the first secret; `None` once it has been asked.
    first: Option<Arc<str>>,
    /// The keys of the counts under older secrets that are still to be asked. The last one is asked next.
    older: Vec<Arc<str>>,
    /// Its limit is less the keys that are counted under older secrets.
    quota: Quota,
    /// The time until a key that is counted under an older secret makes room.
    free_in_ms: Option<u64>,
}

/// An attempt that was acquired under an older name and goes on under the first.
pub struct Carried {
    /// The older name.
    pub key: Arc<str>,
    claim: Claim,
}

impl Names {
    #[must_use]
    pub fn of(hashers: &[Hasher], identity: &str, payload: Option<&str>) -> Self {
        let name = |hasher: &Hasher| {
            let hash = hasher.hash(identity);
            let fingerprint = payload.map(|payload| hasher.fingerprint(&hash, payload));
            Name { key: hasher.record_key(&hash), fingerprint }
        };
        Self { older: hashers[1..].iter().map(name).collect(), ..Self::only(name(&hashers[0])) }
    }

    #[must_use]
    pub fn at(key: Arc<str>) -> Self {
        Self::only(Name { key, fingerprint: None })
    }

    fn only(first: Name) -> Self {
        let (older, chosen, looked, has_found) = (Vec::new(), 0, 0, false);
        Self { first, older, chosen, looked, has_found, counting: None, carried: None }
    }

    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        &self.in_use().key
    }

    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.in_use().fingerprint
    }

    fn in_use(&self) -> &Name {
        self.chosen.checked_sub(1).map_or(&self.first, |older| &self.older[older])
    }

    #[must_use]
    pub fn is_older(&self) -> bool {
        self.chosen > 0
    }

    #[must_use]
    pub fn has_older(&self) -> bool {
        !self.older.is_empty()
    }

    /// What a begin does if the name in use has no record.
    #[must_use]
    pub fn absent(&self) -> Absent {
        match self.carried.as_deref() {
            Some(&Carried { claim: Claim { fence, attempt, recovered }, .. }) => {
                Absent::Resume { fence, attempt, recovered }
            }
            None if self.is_older() => Absent::Refuse,
            None => Absent::Acquire,
        }
    }

    /// Has a key without a record counted before it begins.
    pub fn count(&mut self, hashers: &[Hasher], scope: &str, quota: Quota) {
        let first = Some(hashers[0].quota_key(scope));
        let older = hashers[1..].iter().map(|hasher| hasher.quota_key(scope)).collect();
        self.counting = Some(Box::new(Counting { first, older, quota, free_in_ms: None }));
    }

    /// Takes the answer of a count under an older secret.
    pub fn count_older(&mut self, keys: u64, free_in_ms: u64) {
        let Some(counting) = self.counting.as_mut().filter(|_| keys > 0) else { return };
        counting.quota.limit = counting.quota.limit.saturating_sub(keys);
        counting.free_in_ms = Some(counting.free_in_ms.map_or(free_in_ms, |sooner| sooner.min(free_in_ms)));
    }

    /// The time until a place is free, when the count under the first secret says `free_in_ms`.
    #[must_use]
    pub fn free_in_ms(&self, free_in_ms: u64) -> u64 {
        let older = self.counting.as_ref().and_then(|counting| counting.free_in_ms);
        older.map_or(free_in_ms, |older| older.min(free_in_ms))
    }

    /// There may be a record under an older name, which is then used. A key that has a record is not counted.
    pub fn next_ask(&mut self) -> NextAsk {
        if self.has_found {
            return NextAsk::Begin;
        }
        let counts = self.counting.as_ref().is_some_and(|counting| counting.first.is_some());
        let name = match self.older.get(self.looked) {
            None if counts && self.looked == self.older.len() => &self.first,
            None => return self.counting.as_mut().map_or(NextAsk::Begin, |counting| counting.next_ask()),
            Some(name) => name,
        };
        self.looked += 1;
        NextAsk::Find(Arc::clone(&name.key))
    }

    /// The name looked up last has a record, so this name is used, and nothing else is to be asked.
    pub fn choose_found(&mut self) {
        let is_older = self.looked <= self.older.len();
        self.chosen = if is_older { self.looked } else { 0 };
        self.has_found = true;
    }

    /// The record that was found no longer exists, so the search goes on.
    pub fn look_on(&mut self) {
        (self.chosen, self.has_found) = (0, false);
    }

    /// Starts the search again, because another attempt may have moved to another name meanwhile.
    pub fn look_anew(&mut self) {
        self.look_on();
        self.looked = 0;
    }

    /// Takes an attempt that was acquired under an older name to the first name.
    pub fn carry(&mut self, claim: Claim) {
        let key = Arc::clone(self.key());
        self.carried = Some(Box::new(Carried { key, claim }));
        self.chosen = 0;
    }

    /// The attempt has been acquired under an older name, and not yet under the first.
    #[must_use]
    pub fn is_carried(&self) -> bool {
        self.carried.is_some()
    }

    /// The first name has answered. Returns what is left under the older name.
    pub fn arrive(&mut self) -> Option<Box<Carried>> {
        self.carried.take()
    }

    /// Goes on to the next name, for an operator's request. False after the last name.
    pub fn choose_next(&mut self) -> bool {
        let more = self.chosen < self.older.len();
        self.chosen += usize::from(more);
        more
    }
}

impl Counting {
    fn next_ask(&mut self) -> NextAsk {
        if let Some(older) = self.older.pop() {
            return NextAsk::Count(older);
        }
        if self.quota.limit == 0 {
            return NextAsk::Full { free_in_ms: self.free_in_ms.unwrap_or_default() };
        }
        self.first.take().map_or(NextAsk::Begin, |first| NextAsk::Quota(first, self.quota))
    }
}

#[cfg(test)]
mod tests;
