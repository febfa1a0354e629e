//! Instances of state machines in the embedded store.

use std::collections::{BTreeSet, HashMap};

use super::memory::MemoryStore;
use super::shelf::Expires;
use super::table::Table;
use crate::model::Now;
use crate::model::machine::{Command, Due, Instance, Machine, Outcome, Write, apply};

pub struct Kept {
    /// `None` only while a command works on the instance under the store's lock.
    instance: Option<Instance>,
    expires_at_ms: u64,
}

impl Expires for Kept {
    fn expires_at_ms(&self) -> u64 {
        self.expires_at_ms
    }
}

/// The instances of one machine whose timer runs.
#[derive(Default)]
pub struct DueSet {
    in_order: BTreeSet<(u64, Box<str>)>,
    at_ms: HashMap<Box<str>, u64>,
}

impl DueSet {
    fn set(&mut self, member: &str, at_ms: u64) {
        self.remove(member);
        self.in_order.insert((at_ms, member.into()));
        self.at_ms.insert(member.into(), at_ms);
    }

    /// Removes it unless it is listed for a later time.
    fn remove_until(&mut self, member: &str, ms: u64) {
        if self.at_ms.get(member).is_some_and(|at_ms| *at_ms <= ms) {
            self.remove(member);
        }
    }

    fn remove(&mut self, member: &str) {
        if let Some((member, at_ms)) = self.at_ms.remove_entry(member) {
            self.in_order.remove(&(at_ms, member));
        }
    }
}

impl Table {
    /// Returns whether those who watch the instance are to be told, and the answer to the caller.
    fn transition(
        &mut self,
        machine: &Machine,
        key: &str,
        (due_set, member): (&str, &str),
        command: &Command,
        now: Now,
    ) -> (bool, Outcome) {
        let live = self.instances.slots.get_mut(key).filter(|kept| kept.expires_at_ms > now.ms());
        let stored = live.and_then(|kept| kept.instance.take());
        let (instance, effect, outcome) = apply(machine, stored, command, now);
        if let Some(instance) = instance {
            self.keep(key, instance, effect.write, now);
        }
        match effect.due {
            Due::At { ms } => self.due_sets.entry(due_set.into()).or_default().set(member, ms),
            Due::Remove => {
                if let Some(set) = self.due_sets.get_mut(due_set) {
                    set.remove(member);
                }
            }
            Due::RemoveUntil { ms } => {
                if let Some(set) = self.due_sets.get_mut(due_set) {
                    set.remove_until(member, ms);
                }
            }
            Due::Keep => {}
        }
        (effect.publish, outcome)
    }

    fn keep(&mut self, key: &str, instance: Instance, write: Write, now: Now) {
        let slot = self.instances.slots.entry(key.into());
        let kept = slot.or_insert(Kept { instance: None, expires_at_ms: u64::MAX });
        kept.instance = Some(instance);
        if let Write::Store { ttl_ms } = write {
            kept.expires_at_ms = ttl_ms.map_or(u64::MAX, |ttl_ms| now.ms().saturating_add(ttl_ms));
            let expires_at_ms = kept.expires_at_ms;
            self.instances.expect(expires_at_ms);
        }
    }
}

impl MemoryStore {
    /// Carries out one command on the instance at `key`; `due_set` and `member` say where its timer is listed.
    pub fn transition(
        &self,
        machine: &Machine,
        key: &str,
        (due_set, member): (&str, &str),
        command: &Command,
        now: Now,
    ) -> Outcome {
        let mut state = self.lock();
        state.table.sweep(now);
        let (publish, outcome) = state.table.transition(machine, key, (due_set, member), command, now);
        let watches = if publish { state.watches(key) } else { Vec::new() };
        drop(state);
        for watch in watches {
            watch();
        }
        outcome
    }

    /// The members of `due_set` whose timer should have fired, the oldest first, without the first `skipped`.
    pub fn due(&self, due_set: &str, (skipped, limit): (usize, usize), now: Now) -> Vec<String> {
        let state = self.lock();
        let Some(set) = state.table.due_sets.get(due_set) else { return Vec::new() };
        let due = set.in_order.iter().take_while(|(at_ms, _)| *at_ms <= now.ms());
        due.skip(skipped).take(limit).map(|(_, member)| member.to_string()).collect()
    }

    /// The instance, the time left of it (`u64::MAX` when it does not expire), and when its timer is listed to fire.
    pub fn inspect_instance(
        &self,
        key: &str,
        (due_set, member): (&str, &str),
        now: Now,
    ) -> (Option<(Instance, u64)>, Option<u64>) {
        let state = self.lock();
        let found = state.table.instances.live(key, now).and_then(|kept| {
            let left_ms = if kept.expires_at_ms == u64::MAX { u64::MAX } else { kept.expires_at_ms - now.ms() };
            Some((kept.instance.clone()?, left_ms))
        });
        (found, state.table.due_sets.get(due_set).and_then(|set| set.at_ms.get(member)).copied())
    }
}
