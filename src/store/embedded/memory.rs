//! A table in memory behind a lock, and the watchers of its keys.
//!
//! Stores are process-wide by name, so that worker threads and re-evaluated modules meet in the same store. Callers
//! pass the time in.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use super::shelf::LIVE_PER_TIDY;
use super::table::Table;
use crate::model::quota::{self, Count, Quota};
use crate::model::{Command, Now, Outcome};

/// Called when a watched record's state has changed, by the thread that changed it and without the store's lock.
pub type Watch = Box<dyn Fn() + Send + Sync>;

#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) table: Table,
    pub(super) watchers: HashMap<Box<str>, Vec<Watcher>>,
}

pub(super) struct Watcher {
    id: u64,
    watch: Arc<Watch>,
}

impl MemoryStore {
    /// The store of this name (`memory:` has the empty name). It stays the same for the whole life of the process.
    pub fn named(name: &str) -> Arc<Self> {
        static STORES: LazyLock<Mutex<HashMap<String, Arc<MemoryStore>>>> = LazyLock::new(Mutex::default);
        let mut stores = STORES.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(stores.entry(name.to_owned()).or_default())
    }

    pub fn execute(&self, key: &str, command: &Command, now: Now) -> Outcome {
        let mut state = self.lock();
        state.table.sweep(now);
        let (publish, outcome) = state.table.execute(key, command, now);
        let watches = if publish { state.watches(key) } else { Vec::new() };
        drop(state);
        for watch in watches {
            watch();
        }
        outcome
    }

    /// Removes everything that has expired, for a store that nobody uses meanwhile. False when the store is empty then.
    pub fn tidy(&self, now: Now) -> bool {
        loop {
            // The lock is released in between, so that no command waits for the whole sweep.
            let mut state = self.lock();
            if !state.table.is_due(now) {
                return !state.table.is_empty();
            }
            state.table.sweep_past(now, LIVE_PER_TIDY);
        }
    }

    /// The record's text as Redis would hold it, and the milliseconds left of the record.
    pub fn inspect(&self, key: &str, now: Now) -> Option<(Vec<u8>, u64)> {
        let state = self.lock();
        let stored = state.table.records.live(key, now)?;
        let mut text = Vec::new();
        stored.record.encode(&mut text);
        Some((text, stored.expires_at_ms - now.ms()))
    }

    /// Whether there is a record.
    pub fn holds(&self, key: &str, now: Now) -> bool {
        self.lock().table.records.live(key, now).is_some()
    }

    /// Counts one more key of the scope whose count lies at `key`, within `quota`.
    pub fn admit(&self, key: &str, quota: Quota, now: Now) -> quota::Outcome {
        let mut state = self.lock();
        state.table.sweep(now);
        let count = state.table.counts.slots.entry(key.into()).or_default();
        let outcome = count.admit(quota, now);
        let expires_at_ms = count.expires_at_ms();
        state.table.counts.expect(expires_at_ms);
        outcome
    }

    /// How many keys of a scope are counted.
    pub fn counted(&self, key: &str, now: Now) -> quota::Outcome {
        let state = self.lock();
        state.table.counts.live(key, now).map_or_else(|| Count::default().counted(now), |count| count.counted(now))
    }

    /// A scope's count as Redis would hold it.
    pub fn count(&self, key: &str, now: Now) -> Option<String> {
        self.lock().table.counts.live(key, now).map(Count::text)
    }

    /// Calls `watch` whenever a change at `key` is published, until [`MemoryStore::unsubscribe`]; a call that has begun
    /// by then may still arrive. One watcher may watch many keys, each with one callback.
    pub fn subscribe(&self, key: &str, watcher_id: u64, watch: Watch) {
        let watcher = Watcher { id: watcher_id, watch: Arc::new(watch) };
        let mut state = self.lock();
        let watchers = state.watchers.entry(key.into()).or_default();
        let replaced = watchers.iter().position(|known| known.id == watcher_id).map(|at| watchers.swap_remove(at));
        watchers.push(watcher);
        drop(state);
        // A callback is dropped without the lock, as it is called without the lock.
        drop(replaced);
    }

    pub fn unsubscribe(&self, key: &str, watcher_id: u64) {
        let mut state = self.lock();
        let Some(watchers) = state.watchers.get_mut(key) else { return };
        let removed = watchers.iter().position(|known| known.id == watcher_id).map(|at| watchers.swap_remove(at));
        if watchers.is_empty() {
            state.watchers.remove(key);
        }
        drop(state);
        drop(removed);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing between lock and unlock leaves the table half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn watches(&self, key: &str) -> Vec<Arc<Watch>> {
        let watchers = self.watchers.get(key).map_or(&[][..], Vec::as_slice);
        watchers.iter().map(|watcher| Arc::clone(&watcher.watch)).collect()
    }
}
