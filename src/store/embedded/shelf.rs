//! A table whose entries expire. Every command sweeps a little of it.

use indexmap::IndexMap;

use crate::model::Now;

pub trait Expires {
    /// `u64::MAX` when the entry never expires.
    fn expires_at_ms(&self) -> u64;
}

pub struct Shelf<T> {
    /// Indexed as well as hashed, so that a sweep can go on from where the last sweep ended.
    pub(super) slots: IndexMap<Box<str>, T>,
    pub(super) sweep: Sweep,
}

/// Goes round the table, but only while something in it may have expired.
pub(super) struct Sweep {
    /// Where it looks next.
    pub(super) hand: usize,
    /// Nothing expires before this.
    pub(super) due_ms: u64,
    /// What `due_ms` becomes when the round is over: the earliest expiry seen or written during the round.
    next_due_ms: u64,
}

/// Live entries that a sweep looks at. With two commands per operation, expired entries stay a fraction of the live.
pub(super) const LIVE_PER_SWEEP: usize = 2;
/// The same for a sweep that no command pays for. Commands wait for it, a few microseconds at most.
pub(super) const LIVE_PER_TIDY: usize = 128;
/// Entries that a sweep removes at most. An expired burst goes quickly, and no single call pays for all of it.
const EXPIRED_PER_SWEEP: usize = 32;
/// A table of at most this capacity gives no memory back.
pub(super) const SMALLEST_CAPACITY: usize = 64;

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { slots: IndexMap::new(), sweep: Sweep { hand: 0, due_ms: u64::MAX, next_due_ms: u64::MAX } }
    }
}

impl<T: Expires> Shelf<T> {
    pub fn is_due(&self, now: Now) -> bool {
        now.ms() >= self.sweep.due_ms
    }

    /// The entry at `key`, unless it has expired.
    pub fn live(&self, key: &str, now: Now) -> Option<&T> {
        self.slots.get(key).filter(|entry| !expired(*entry, now))
    }

    /// Call this whenever an entry's expiry was set.
    pub fn expect(&mut self, expires_at_ms: u64) {
        self.sweep.due_ms = self.sweep.due_ms.min(expires_at_ms);
        self.sweep.next_due_ms = self.sweep.next_due_ms.min(expires_at_ms);
    }

    /// Removes the entry in this slot. The last entry moves there, where the sweep may have been already, so the sweep
    /// is told its time again.
    pub fn remove(&mut self, slot: usize) {
        self.slots.swap_remove_index(slot);
        if let Some(expires_at_ms) = self.slots.get_index(slot).map(|(_, moved)| moved.expires_at_ms()) {
            self.expect(expires_at_ms);
        }
    }

    /// Removes some expired entries, and looks at no more live entries than `most_live`.
    pub fn sweep(&mut self, now: Now, most_live: usize) {
        let (mut live, mut removed) = (0, 0);
        while self.is_due(now) && live < most_live && removed < EXPIRED_PER_SWEEP {
            match self.slots.get_index(self.sweep.hand) {
                Some((_, entry)) if expired(entry, now) => {
                    self.slots.swap_remove_index(self.sweep.hand);
                    removed += 1;
                }
                Some((_, entry)) => {
                    self.sweep.pass(entry.expires_at_ms());
                    live += 1;
                }
                None => self.sweep.begin_round(),
            }
        }
        let (len, capacity) = (self.slots.len(), self.slots.capacity());
        if removed > 0 && capacity > SMALLEST_CAPACITY && len < capacity / 4 {
            self.slots.shrink_to(len * 2);
        }
    }
}

impl Sweep {
    fn pass(&mut self, expires_at_ms: u64) {
        self.hand += 1;
        self.next_due_ms = self.next_due_ms.min(expires_at_ms);
    }

    fn begin_round(&mut self) {
        self.hand = 0;
        self.due_ms = std::mem::replace(&mut self.next_due_ms, u64::MAX);
    }
}

fn expired(entry: &impl Expires, now: Now) -> bool {
    entry.expires_at_ms() <= now.ms()
}
