//! Who waits for which record to change, and until when. The store brings news of a change; the time limit is a safety
//! net in case news is lost, and the only wake-up when an owner dies (`Session::catch_up` in mod.rs). Waking an
//! operation claims nothing: `Flight.receive` in lib/call/flights.ts
//! then asks again (for an instance of a machine, lib/machine/wait.ts does).

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::Session;
use super::delivery::{Delivery, Tag};
use crate::clock::{MILLI, Micros};
use crate::store::Store as _;

/// How often to look where the server does not let this user listen.
const POLL_WITHOUT_NEWS: Micros = 100 * MILLI;

#[derive(Default)]
pub struct Waits {
    /// By record, the operations that want to hear of changes.
    listeners: HashMap<String, Vec<u32>>,
    until: FxHashMap<u32, Micros>,
    order: BTreeSet<(Micros, u32)>,
}

impl Waits {
    /// True when nobody listened to this record before.
    pub fn listen(&mut self, id: u32, key: &str) -> bool {
        let listeners = self.listeners.entry(key.to_owned()).or_default();
        listeners.push(id);
        listeners.len() == 1
    }

    /// True when nobody listens to this record any more.
    pub fn unlisten(&mut self, id: u32, key: &str) -> bool {
        self.stop(id);
        let Some(listeners) = self.listeners.get_mut(key) else { return false };
        listeners.retain(|listener| *listener != id);
        let last = listeners.is_empty();
        if last {
            self.listeners.remove(key);
        }
        last
    }

    #[must_use]
    pub fn listeners(&self, key: &str) -> Vec<u32> {
        self.listeners.get(key).cloned().unwrap_or_default()
    }

    pub fn start(&mut self, id: u32, until: Micros) {
        self.stop(id);
        self.until.insert(id, until);
        self.order.insert((until, id));
    }

    /// Stops a wait. True when the operation was waiting.
    pub fn stop(&mut self, id: u32) -> bool {
        let until = self.until.remove(&id);
        until.is_some_and(|until| self.order.remove(&(until, id)))
    }

    pub fn expired(&mut self, now: Micros) -> Vec<u32> {
        let mut expired = Vec::new();
        while let Some((until, id)) = self.order.first().copied().filter(|(until, _)| *until <= now) {
            self.order.remove(&(until, id));
            self.until.remove(&id);
            expired.push(id);
        }
        expired
    }

    #[must_use]
    pub fn next(&self) -> Micros {
        self.order.first().map_or(Micros::MAX, |(until, _)| *until)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.until.is_empty()
    }

    pub fn all(&mut self) -> Vec<u32> {
        self.order.clear();
        self.until.drain().map(|(id, _)| id).collect()
    }
}

impl Session {
    /// A blocked operation waits until the record may have changed, for `for_us` at most. An operation's first wait
    /// also ends as soon as changes can be heard, because earlier changes were missed.
    pub fn wait(&mut self, id: u32, for_us: Micros, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let key = Arc::clone(op.key());
        let first = op.listens_to.as_ref() != Some(&key);
        if first {
            self.stop_listening(id, now);
        }
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.listens_to = Some(Arc::clone(&key));
        let changed = std::mem::take(&mut op.changed);
        let mut audible_already = false;
        if first {
            audible_already = self.listen(id, &key, now);
        }
        if changed || audible_already {
            return self.deliver(Delivery::bare(id, Tag::Woken));
        }
        let for_us = if self.store.hears_of(&key) { for_us } else { for_us.min(POLL_WITHOUT_NEWS) };
        self.waits.start(id, now + for_us);
    }

    /// True when changes are heard from this moment on; otherwise a change is announced as soon as they are.
    fn listen(&mut self, id: u32, key: &str, now: Micros) -> bool {
        let is_first = self.waits.listen(id, key);
        !is_first || self.store.listen(key, now)
    }

    pub(super) fn stop_listening(&mut self, id: u32, now: Micros) {
        let Some(key) = self.ops.get_mut(&id).and_then(|op| op.listens_to.take()) else { return };
        if self.waits.unlisten(id, &key) {
            self.store.stop_listening(&key, now);
        }
    }

    pub(super) fn changed(&mut self, key: &str) {
        for id in self.waits.listeners(key) {
            if self.waits.stop(id) {
                self.deliver(Delivery::bare(id, Tag::Woken));
            } else if let Some(op) = self.ops.get_mut(&id) {
                op.changed = true;
            }
        }
    }
}
