//! What an embedded store holds, each entry with its expiry, and how an [`Effect`] of the model changes it.

use std::collections::HashMap;

use super::machines::{DueSet, Kept};
use super::shelf::{Expires, LIVE_PER_SWEEP, Shelf};
use crate::model::quota::Count;
use crate::model::{Command, Effect, Now, Outcome, Stored, apply};

#[derive(Default)]
pub(super) struct Table {
    pub(super) records: Shelf<Stored>,
    pub(super) instances: Shelf<Kept>,
    pub(super) counts: Shelf<Count>,
    /// By their key, the due sets: the instances whose timer runs, by when it fires.
    pub(super) due_sets: HashMap<Box<str>, DueSet>,
}

impl Table {
    /// Returns whether those who watch the record are to be told, and the answer to the caller.
    pub(super) fn execute(&mut self, key: &str, command: &Command, now: Now) -> (bool, Outcome) {
        let slot = self.records.slots.get_index_of(key);
        if let Some(slot) = slot {
            self.records.slots[slot].forget_told(now);
        }
        let (effect, outcome) = apply(slot.map(|slot| &self.records.slots[slot]), command, now);
        let publish = matches!(effect, Effect::Write { publish: true, .. } | Effect::Remove { publish: true });
        self.carry_out(effect, key, slot, now);
        (publish, outcome)
    }

    fn carry_out(&mut self, effect: Effect, key: &str, slot: Option<usize>, now: Now) {
        if let (Effect::Remove { .. }, Some(slot)) = (&effect, slot) {
            return self.records.remove(slot);
        }
        if let Effect::Write { ttl_ms, .. } | Effect::Renew { ttl_ms } = effect {
            self.records.expect(now.ms().saturating_add(ttl_ms));
        }
        let slots = &mut self.records.slots;
        let stored = slot.and_then(|slot| slots.get_index_mut(slot)).map(|(_, stored)| stored);
        match (effect, stored) {
            (Effect::Write { record, ttl_ms, tell, .. }, stored) => {
                let written = Stored::new(record, ttl_ms, tell, now);
                match stored {
                    Some(stored) => *stored = written,
                    None => drop(slots.insert(key.into(), written)),
                }
            }
            (Effect::Patch { record }, Some(stored)) => stored.record = record,
            (Effect::Renew { ttl_ms }, Some(stored)) => stored.expires_at_ms = now.ms().saturating_add(ttl_ms),
            (Effect::Keep | Effect::Patch { .. } | Effect::Renew { .. } | Effect::Remove { .. }, _) => {}
        }
    }

    /// True when something may have expired.
    pub(super) fn is_due(&self, now: Now) -> bool {
        self.records.is_due(now) || self.instances.is_due(now) || self.counts.is_due(now)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.slots.is_empty() && self.instances.slots.is_empty() && self.counts.slots.is_empty()
    }

    /// Removes some of what has expired, a little with every command.
    pub(super) fn sweep(&mut self, now: Now) {
        self.sweep_past(now, LIVE_PER_SWEEP);
    }

    /// The same as [`Table::sweep`], but looks at no more live entries than `most_live`.
    pub(super) fn sweep_past(&mut self, now: Now, most_live: usize) {
        self.records.sweep(now, most_live);
        self.instances.sweep(now, most_live);
        self.counts.sweep(now, most_live);
    }
}

impl Expires for Stored {
    fn expires_at_ms(&self) -> u64 {
        self.expires_at_ms
    }
}

impl Expires for Count {
    fn expires_at_ms(&self) -> u64 {
        self.expires_at_ms()
    }
}
