//! The embedded store: the model's decisions on a table in this process, and a lock.
//!
//! Owns records with their expiry and who watches them. Stores are process-wide by name, so that worker threads and
//! re-evaluated modules meet in the same one. Time is passed in; nothing here reads a clock or starts a thread.

mod machines;
mod shelf;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use machines::{DueSet, Kept};
use shelf::{Expires, LIVE_PER_SWEEP, LIVE_PER_TIDY, Shelf};

use crate::model::quota::{Admission, Count, Verdict};
use crate::model::{Command, Effect, Now, Outcome, Stored, apply};

/// Called when a watched record's state has changed, from the thread that changed it and without the store's lock.
pub type Watch = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub struct MemoryStore {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    records: Shelf<Stored>,
    instances: Shelf<Kept>,
    counts: Shelf<Count>,
    /// By their key: the instances whose timer runs, by when it fires.
    due_sets: HashMap<Box<str>, DueSet>,
    watchers: HashMap<Box<str>, Vec<Watcher>>,
}

struct Watcher {
    id: u64,
    watch: Arc<Watch>,
}

impl MemoryStore {
    /// The store of this name (`memory:` has the empty one), the same for the whole life of the process.
    pub fn named(name: &str) -> Arc<Self> {
        static STORES: LazyLock<Mutex<HashMap<String, Arc<MemoryStore>>>> = LazyLock::new(Mutex::default);
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stores.entry(name.to_owned()).or_default())
    }

    pub fn execute(&self, key: &str, command: &Command, now: Now) -> Outcome {
        let mut table = self.lock();
        table.sweep(now);
        let slot = table.records.slots.get_index_of(key);
        let (effect, outcome) = apply(slot.map(|slot| &table.records.slots[slot]), command, now);
        let publish = matches!(effect, Effect::Write { publish: true, .. });
        table.carry_out(effect, key, slot, now);
        let watches = if publish { table.watches(key) } else { Vec::new() };
        drop(table);
        for watch in watches {
            watch();
        }
        outcome
    }

    /// Removes whatever has expired, for a store that nobody uses meanwhile. False when nothing is left in it.
    pub fn tidy(&self, now: Now) -> bool {
        loop {
            // The lock is given up in between: a command does not wait for all of it.
            let mut table = self.lock();
            if !table.is_due(now) {
                return !table.is_empty();
            }
            table.sweep_past(now, LIVE_PER_TIDY);
        }
    }

    /// The record's text, as Redis would hold it, and how many milliseconds are left of it.
    pub fn inspect(&self, key: &str, now: Now) -> Option<(Vec<u8>, u64)> {
        let table = self.lock();
        let stored = table.records.live(key, now)?;
        let mut text = Vec::new();
        stored.record.encode(&mut text);
        Some((text, stored.expires_at_ms - now.ms()))
    }

    /// Whether there is a record.
    pub fn holds(&self, key: &str, now: Now) -> bool {
        self.lock().records.live(key, now).is_some()
    }

    /// One more key in the count of a scope, which lies at `key`.
    pub fn admit(&self, key: &str, admission: Admission, now: Now) -> Verdict {
        let mut table = self.lock();
        table.sweep(now);
        let count = table.counts.slots.entry(key.into()).or_default();
        let verdict = count.admit(admission, now);
        let expires_at_ms = count.expires_at_ms();
        table.counts.expect(expires_at_ms);
        verdict
    }

    /// A scope's count as Redis would hold it.
    pub fn count(&self, key: &str, now: Now) -> Option<String> {
        self.lock().counts.live(key, now).map(Count::text)
    }

    /// Calls `watch` whenever a command that is waited for ends, until [`MemoryStore::unsubscribe`]; a call that has
    /// begun by then may still arrive. One watcher may watch many keys, each with one callback.
    pub fn subscribe(&self, key: &str, watcher_id: u64, watch: Watch) {
        let watcher = Watcher { id: watcher_id, watch: Arc::new(watch) };
        let mut table = self.lock();
        let watchers = table.watchers.entry(key.into()).or_default();
        let replaced = watchers.iter().position(|known| known.id == watcher_id).map(|at| watchers.swap_remove(at));
        watchers.push(watcher);
        drop(table);
        // What a callback holds is dropped without the lock, as it is called.
        drop(replaced);
    }

    pub fn unsubscribe(&self, key: &str, watcher_id: u64) {
        let mut table = self.lock();
        let Some(watchers) = table.watchers.get_mut(key) else { return };
        let removed = watchers.iter().position(|known| known.id == watcher_id).map(|at| watchers.swap_remove(at));
        if watchers.is_empty() {
            table.watchers.remove(key);
        }
        drop(table);
        drop(removed);
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing between lock and unlock leaves the table half changed.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn carry_out(&mut self, effect: Effect, key: &str, slot: Option<usize>, now: Now) {
        if let Effect::Write { ttl_ms, .. } | Effect::Renew { ttl_ms } = effect {
            self.records.expect(now.ms().saturating_add(ttl_ms));
        }
        let slots = &mut self.records.slots;
        let stored = slot.and_then(|slot| slots.get_index_mut(slot)).map(|(_, stored)| stored);
        match (effect, stored) {
            (Effect::Write { record, ttl_ms, .. }, stored) => {
                let written = Stored { record, expires_at_ms: now.ms().saturating_add(ttl_ms) };
                match stored {
                    Some(stored) => *stored = written,
                    None => drop(slots.insert(key.into(), written)),
                }
            }
            (Effect::Patch { record }, Some(stored)) => stored.record = record,
            (Effect::Renew { ttl_ms }, Some(stored)) => stored.expires_at_ms = now.ms().saturating_add(ttl_ms),
            (Effect::Keep | Effect::Patch { .. } | Effect::Renew { .. }, _) => {}
        }
    }

    fn watches(&self, key: &str) -> Vec<Arc<Watch>> {
        let watchers = self.watchers.get(key).map_or(&[][..], Vec::as_slice);
        watchers.iter().map(|watcher| Arc::clone(&watcher.watch)).collect()
    }

    /// Something may have expired.
    fn is_due(&self, now: Now) -> bool {
        self.records.is_due(now) || self.instances.is_due(now) || self.counts.is_due(now)
    }

    fn is_empty(&self) -> bool {
        self.records.slots.is_empty() && self.instances.slots.is_empty() && self.counts.slots.is_empty()
    }

    /// Removes some of what has expired, a little with every command.
    fn sweep(&mut self, now: Now) {
        self.sweep_past(now, LIVE_PER_SWEEP);
    }

    fn sweep_past(&mut self, now: Now, most_live: usize) {
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

#[cfg(test)]
mod tests;
