//! The embedded store: the model's decisions on a table in this process. It answers at once and starts no thread.
//!
//! `table` has the records, instances and counts with their expiry; `shelf` removes what has expired. `memory` is a
//! table behind a lock, with its watchers, and `machines` carries out commands on instances. `sweeper` empties a store
//! that nobody uses any more. [`EmbeddedStore`] is such a store as one thread uses it.

mod machines;
mod memory;
mod shelf;
mod sweeper;
mod table;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Answer, Ask, Changed, Options, Request, Store};
use crate::clock::{self, Micros};
use crate::error::StoreError;
use crate::model::Now;

pub use memory::{MemoryStore, Watch};
use sweeper::Sweeper;

static WATCHERS: AtomicU64 = AtomicU64::new(0);

/// The embedded store for one session, or for its keeper.
pub struct EmbeddedStore {
    store: Arc<MemoryStore>,
    changed: Changed,
    /// Tells this watcher from all others of the same store.
    watcher: u64,
    sweeper: Sweeper,
}

/// Returns a function that opens the store of this name, as often as it is called.
///
/// # Errors
/// `Invalid` for an option that the store cannot fulfil.
pub fn opener(name: &str, options: &Options) -> Result<impl Fn(Changed) -> EmbeddedStore + use<>, StoreError> {
    if options.durability.is_some() {
        return Err(StoreError::Invalid("durability: the embedded store has no replicas and no disk".into()));
    }
    let store = MemoryStore::named(name);
    Ok(move |changed| EmbeddedStore::new(Arc::clone(&store), changed))
}

impl EmbeddedStore {
    fn new(store: Arc<MemoryStore>, changed: Changed) -> Self {
        let watcher = WATCHERS.fetch_add(1, Ordering::Relaxed);
        Self { store, changed, watcher, sweeper: Sweeper::default() }
    }
}

impl Store for EmbeddedStore {
    fn submit(&mut self, Request { key, ask, .. }: Request, now: Micros) -> Option<Answer> {
        let server = Now { us: clock::embedded(now) };
        Some(match &ask {
            Ask::Command(command) => {
                Answer::Outcome { outcome: self.store.execute(&key, command, server), sent_at: now }
            }
            Ask::Inspect => Answer::Inspected(self.store.inspect(&key, server)),
            Ask::Find => Answer::Found(self.store.holds(&key, server)),
            Ask::Quota(quota) => Answer::Quota(self.store.admit(&key, *quota, server)),
            Ask::Count => Answer::Quota(self.store.counted(&key, server)),
            Ask::Machine(ask) => {
                let listed = (&*ask.due_set, &*ask.member);
                Answer::Machine(self.store.transition(&ask.prepared.machine, &key, listed, &ask.command, server))
            }
            Ask::Due { skipped, limit } => {
                let [skipped, limit] = [*skipped, *limit].map(|count| usize::try_from(count).unwrap_or(usize::MAX));
                Answer::Due(self.store.due(&key, (skipped, limit), server))
            }
        })
    }

    fn listen(&mut self, key: &str, _: Micros) -> bool {
        let (changed, name) = (Arc::clone(&self.changed), key.to_owned());
        self.store.subscribe(key, self.watcher, Box::new(move || changed(name.clone())));
        true
    }

    fn stop_listening(&mut self, key: &str, _: Micros) {
        self.store.unsubscribe(key, self.watcher);
    }

    fn sweep(&mut self, now: Micros) -> Micros {
        self.sweeper.turn(&self.store, now)
    }

    fn runs_on_process_time(&self) -> bool {
        true
    }
}
