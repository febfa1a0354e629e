//! Which leases are held, until when, and which are due for renewal. No I/O, no clock.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;

use crate::clock::{MILLI, Micros};
use crate::model::Owner;
use crate::shrink;

/// Why a lease is not held any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The local deadline passed without a confirmed renewal.
    Expired,
    /// The store said that the record belongs to another attempt, or is gone.
    Refused,
    /// The operation outlived `maxLeaseMs`.
    MaxLease,
}

/// A lease as `begin` acquired it.
pub struct Held {
    pub key: Arc<str>,
    pub owner: Owner,
    /// Length of the lease.
    pub lease: Micros,
    /// When the acquiring command was written. On the server the lease ends no earlier than `lease` after that.
    pub sent_at: Micros,
    /// Renewal stops here.
    pub ends_at: Micros,
}

/// One renewal to send.
#[derive(Debug, PartialEq, Eq)]
pub struct Renewal {
    pub op: u32,
    pub key: Arc<str>,
    pub owner: Owner,
    /// The lease is lost here unless the answer comes first, or its operation has had its longest time.
    pub deadline: Micros,
    pub interval: Micros,
}

struct Lease {
    held: Held,
    deadline: Micros,
    due: Micros,
    /// The outcome is on its way to the store. The answer will say whether the lease was lost; nobody is told before.
    is_ending: bool,
    lost: bool,
}

impl Lease {
    fn interval(&self) -> Micros {
        renewal_interval(self.held.lease)
    }

    /// When to look at the lease while a renewal is under way.
    fn appointment(&self) -> Micros {
        self.deadline.min(self.held.ends_at)
    }

    /// Not renewed any more. Told after another loss, too: whoever waits for the function to end must not wait forever.
    fn outlive(&mut self, op: u32, losses: &mut Vec<(u32, Loss)>) {
        if !self.is_ending {
            losses.push((op, Loss::MaxLease));
        }
        self.lost = true;
        self.due = Micros::MAX;
    }
}

/// If the answer to one renewal is lost, there is time for another.
const RENEWALS_PER_LEASE: u64 = 3;

/// How long after its beginning or its last renewal a lease is renewed.
#[must_use]
pub fn renewal_interval(lease: Micros) -> Micros {
    lease / RENEWALS_PER_LEASE
}

/// How much earlier than the server this process treats a lease as lost.
#[must_use]
pub fn margin(lease: Micros) -> Micros {
    (50 * MILLI).max(lease / 50).min(lease / 4)
}

#[derive(Default)]
struct Table {
    leases: FxHashMap<u32, Lease>,
    /// A queue per renewal interval, in order of due time: leases of equal length come due in the order in which they
    /// were taken. Entries of ended leases are skipped, and swept when they outnumber the live ones.
    queues: FxHashMap<Micros, VecDeque<(Micros, u32)>>,
    /// Exact appointments: deadlines of renewals under way, ends of `maxLeaseMs`.
    timed: BTreeSet<(Micros, u32)>,
    /// When the keeper will look next.
    wake_at: Micros,
}

impl Table {
    fn schedule(&mut self, op: u32, due: Micros) {
        let Some(lease) = self.leases.get_mut(&op) else { return };
        let interval = lease.interval();
        if lease.held.ends_at <= due {
            lease.due = Micros::MAX;
            self.timed.insert((lease.held.ends_at, op));
            return;
        }
        lease.due = due;
        let queue = self.queues.entry(interval).or_default();
        if queue.len() > 1_024 + 2 * self.leases.len() {
            queue.retain(|(due, op)| self.leases.get(op).is_some_and(|lease| lease.due == *due));
        }
        queue.push_back((due, op));
    }

    /// The lease is not renewed any more; only the end of `maxLeaseMs` is still awaited.
    fn lose(&mut self, op: u32, loss: Loss, losses: &mut Vec<(u32, Loss)>) {
        let Some(lease) = self.leases.get_mut(&op) else { return };
        if lease.lost {
            return;
        }
        lease.lost = true;
        lease.due = Micros::MAX;
        if !lease.is_ending {
            losses.push((op, loss));
        }
        let (appointment, end) = (lease.appointment(), lease.held.ends_at);
        self.timed.remove(&(appointment, op));
        self.timed.insert((end, op));
    }

    fn next_appointment(&mut self) -> Micros {
        let leases = &self.leases;
        let mut next = self.timed.first().map_or(Micros::MAX, |(at, _)| *at);
        self.queues.retain(|_, queue| {
            while let Some((due, op)) = queue.front() {
                if leases.get(op).is_some_and(|lease| lease.due == *due) {
                    next = next.min(*due);
                    return true;
                }
                queue.pop_front();
            }
            false
        });
        next
    }
}

pub struct Leases {
    table: Mutex<Table>,
    wake_keeper: Box<dyn Fn() + Send + Sync>,
}

impl Leases {
    /// `wake_keeper` is called when a lease comes due earlier than the keeper expects.
    #[must_use]
    pub fn new(wake_keeper: Box<dyn Fn() + Send + Sync>) -> Self {
        let table = Table { wake_at: Micros::MAX, ..Table::default() };
        Self { table: Mutex::new(table), wake_keeper }
    }

    /// Ignores a panic of another holder of the lock: going on matters more than what it may have left half changed.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hold(&self, op: u32, held: Held) {
        let mut table = self.table();
        let deadline = held.sent_at + held.lease - margin(held.lease);
        let due = held.sent_at + renewal_interval(held.lease);
        let first = due.min(held.ends_at);
        table.leases.insert(op, Lease { held, deadline, due, is_ending: false, lost: false });
        table.schedule(op, due);
        if first < table.wake_at {
            table.wake_at = first;
            drop(table);
            (self.wake_keeper)();
        }
    }

    /// Makes the keeper look again after time has made a leap.
    pub fn wake_keeper(&self) {
        (self.wake_keeper)();
    }

    /// Notes that the operation's outcome is on its way to the store.
    pub fn ending(&self, op: u32) {
        if let Some(lease) = self.table().leases.get_mut(&op) {
            lease.is_ending = true;
        }
    }

    pub fn release(&self, op: u32) {
        let mut table = self.table();
        table.leases.remove(&op);
        shrink::after_removal(&mut table.leases);
    }

    #[must_use]
    pub fn is_held(&self, op: u32, now: Micros) -> bool {
        self.table().leases.get(&op).is_some_and(|lease| !lease.lost && now < lease.deadline)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.table().leases.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keeper's turn: collects what to renew and what is lost, and returns when to look again.
    pub fn turn(&self, now: Micros, renewals: &mut Vec<Renewal>, losses: &mut Vec<(u32, Loss)>) -> Micros {
        let mut table = self.table();
        while let Some((at, op)) = table.timed.first().copied().filter(|(at, _)| *at <= now) {
            table.timed.remove(&(at, op));
            let Some(lease) = table.leases.get_mut(&op) else { continue };
            if now >= lease.held.ends_at {
                lease.outlive(op, losses);
            } else if now >= lease.deadline {
                table.lose(op, Loss::Expired, losses);
            }
        }
        let intervals: Vec<Micros> = table.queues.keys().copied().collect();
        for interval in intervals {
            while let Some((due, op)) = table.queues.get_mut(&interval).and_then(|queue| pop_due(queue, now)) {
                let Some(lease) = table.leases.get_mut(&op).filter(|lease| lease.due == due) else { continue };
                lease.due = Micros::MAX;
                if now >= lease.held.ends_at {
                    lease.outlive(op, losses);
                    continue;
                }
                if now >= lease.deadline {
                    table.lose(op, Loss::Expired, losses);
                    continue;
                }
                let (key, owner, deadline) = (lease.held.key.clone(), lease.held.owner, lease.appointment());
                renewals.push(Renewal { op, key, owner, deadline, interval });
                table.timed.insert((deadline, op));
            }
        }
        table.wake_at = table.next_appointment();
        table.wake_at
    }

    /// The store renewed the lease by a command written at `sent_at`.
    pub fn renewed(&self, op: u32, sent_at: Micros) {
        let mut table = self.table();
        let Some(lease) = table.leases.get_mut(&op) else { return };
        let old = lease.appointment();
        lease.deadline = sent_at + lease.held.lease - margin(lease.held.lease);
        let due = sent_at + lease.interval();
        let lost = lease.lost;
        table.timed.remove(&(old, op));
        if !lost {
            table.schedule(op, due);
        }
    }

    /// The store refused to renew the lease.
    pub fn refused(&self, op: u32, losses: &mut Vec<(u32, Loss)>) {
        self.table().lose(op, Loss::Refused, losses);
    }
}

fn pop_due(queue: &mut VecDeque<(Micros, u32)>, now: Micros) -> Option<(Micros, u32)> {
    queue.front().copied().filter(|(due, _)| *due <= now)?;
    queue.pop_front()
}

#[cfg(test)]
mod tests;
