//! Who waits for which record to change, and until when. News come from the backend; the time is a net under them.

use std::collections::{BTreeSet, HashMap};

use rustc_hash::FxHashMap;

use crate::clock::{MILLI, Micros};

/// How often to look where the server does not let us listen.
pub const POLL_WITHOUT_NEWS: Micros = 100 * MILLI;

#[derive(Default)]
pub struct Waits {
    /// Operations that want to hear of a record.
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

    /// True when it was waiting.
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
