//! The embedded store: the model's decisions on a table in this process, and a lock.
//!
//! Owns records with their expiry and who watches them. Stores are process-wide by name, so that worker threads and
//! re-evaluated modules meet in the same one. Time is passed in; nothing here reads a clock or starts a thread.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use crate::model::{Command, Effect, Now, Outcome, Stored, apply};

/// Called when a watched record's state has changed, from the thread that changed it and without the store's lock.
pub type Watch = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub struct MemoryStore {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// Indexed as well as hashed, so that a sweep can go on from where the last one ended.
    records: IndexMap<Box<str>, Stored>,
    sweep: Sweep,
    watchers: HashMap<Box<str>, Vec<Watcher>>,
}

/// Goes round the table, and only while something in it may have expired.
struct Sweep {
    /// Where it looks next.
    hand: usize,
    /// Nothing expires before this.
    due_ms: u64,
    /// What `due_ms` becomes when the round is over: the least of all that was seen or written during it.
    next_due_ms: u64,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { hand: 0, due_ms: u64::MAX, next_due_ms: u64::MAX }
    }
}

struct Watcher {
    id: u64,
    watch: Arc<Watch>,
}

/// Live records a sweep looks at: with two commands an operation, expired ones stay a fraction of the live.
const LIVE_PER_SWEEP: usize = 2;
/// Records a sweep removes at most: a burst that expired goes quickly, without one call paying for all of it.
const EXPIRED_PER_SWEEP: usize = 32;
/// Below this nothing is given back.
const SMALLEST_CAPACITY: usize = 64;

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
        let slot = table.records.get_index_of(key);
        let (effect, outcome) = apply(slot.map(|slot| &table.records[slot]), command, now);
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
            if now.ms() < table.sweep.due_ms {
                return !table.records.is_empty();
            }
            table.sweep(now);
        }
    }

    /// The record's text, as Redis would hold it, and how many milliseconds are left of it.
    pub fn inspect(&self, key: &str, now: Now) -> Option<(Vec<u8>, u64)> {
        let table = self.lock();
        let stored = table.records.get(key).filter(|stored| !expired(stored, now))?;
        let mut text = Vec::new();
        stored.record.encode(&mut text);
        Some((text, stored.expires_at_ms - now.ms()))
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
        let stored = slot.and_then(|slot| self.records.get_index_mut(slot)).map(|(_, stored)| stored);
        match (effect, stored) {
            (Effect::Write { record, ttl_ms, .. }, stored) => {
                let written = Stored { record, expires_at_ms: self.sweep.expiry(ttl_ms, now) };
                match stored {
                    Some(stored) => *stored = written,
                    None => drop(self.records.insert(key.into(), written)),
                }
            }
            (Effect::Patch { record }, Some(stored)) => stored.record = record,
            (Effect::Renew { ttl_ms }, Some(stored)) => stored.expires_at_ms = self.sweep.expiry(ttl_ms, now),
            (Effect::Keep | Effect::Patch { .. } | Effect::Renew { .. }, _) => {}
        }
    }

    fn watches(&self, key: &str) -> Vec<Arc<Watch>> {
        let watchers = self.watchers.get(key).map_or(&[][..], Vec::as_slice);
        watchers.iter().map(|watcher| Arc::clone(&watcher.watch)).collect()
    }

    /// Removes some expired records, a little with every command.
    fn sweep(&mut self, now: Now) {
        let (mut live, mut removed) = (0, 0);
        while now.ms() >= self.sweep.due_ms && live < LIVE_PER_SWEEP && removed < EXPIRED_PER_SWEEP {
            match self.records.get_index(self.sweep.hand) {
                Some((_, stored)) if expired(stored, now) => {
                    self.records.swap_remove_index(self.sweep.hand);
                    removed += 1;
                }
                Some((_, stored)) => {
                    self.sweep.pass(stored);
                    live += 1;
                }
                None => self.sweep.begin_round(),
            }
        }
        let (len, capacity) = (self.records.len(), self.records.capacity());
        if removed > 0 && capacity > SMALLEST_CAPACITY && len < capacity / 4 {
            self.records.shrink_to(len * 2);
        }
    }
}

impl Sweep {
    /// When something written now expires.
    fn expiry(&mut self, ttl_ms: u64, now: Now) -> u64 {
        let expires_at_ms = now.ms().saturating_add(ttl_ms);
        self.due_ms = self.due_ms.min(expires_at_ms);
        self.next_due_ms = self.next_due_ms.min(expires_at_ms);
        expires_at_ms
    }

    fn pass(&mut self, live: &Stored) {
        self.hand += 1;
        self.next_due_ms = self.next_due_ms.min(live.expires_at_ms);
    }

    fn begin_round(&mut self) {
        self.hand = 0;
        self.due_ms = std::mem::replace(&mut self.next_due_ms, u64::MAX);
    }
}

fn expired(stored: &Stored, now: Now) -> bool {
    stored.expires_at_ms <= now.ms()
}

#[cfg(test)]
mod tests;
