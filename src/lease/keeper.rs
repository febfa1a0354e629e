//! Renews what [`Leases`] says is due, from a thread and a connection of its own. As it is there anyway, it also sweeps
//! the embedded store of a process that has nothing to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use tokio::sync::Notify;

use super::{Leases, Loss, Renewal};
use crate::clock::{self, Clock, MILLI, Micros};
use crate::model::{Command, Now, Outcome};
use crate::session::op_of;
use crate::store::embedded::MemoryStore;
use crate::store::redis::fleet::Fleet;
use crate::store::redis::request::{Answer, Ask, Event, Request};
use crate::store::redis::target::Servers;
use crate::store::redis::task::{Turner, sleep_until};
use crate::threads;

/// Where leases are renewed.
#[derive(Clone)]
pub enum KeptStore {
    Memory(Arc<MemoryStore>),
    Redis { servers: Arc<Servers>, command_timeout: Micros },
}

/// Ends the keeper's task when dropped; leases that are still held then run out.
pub struct Keeper {
    pub leases: Arc<Leases>,
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    stopped: AtomicBool,
    wake: Notify,
}

impl Keeper {
    /// `report` is called on the keeper's thread with every lease that is lost.
    #[must_use]
    pub fn new(store: KeptStore, clock: Clock, report: Arc<dyn Fn(u32, Loss) + Send + Sync>) -> Self {
        let stop = Arc::new(Stop::default());
        let started = Once::new();
        let leases = Arc::new_cyclic(|leases: &std::sync::Weak<Leases>| {
            let (leases, stop) = (leases.clone(), Arc::clone(&stop));
            Leases::new(Box::new(move || {
                // The first lease starts the task: a client that never begins costs no thread.
                started.call_once(|| {
                    if let Some(leases) = leases.upgrade() {
                        let (store, clock, report) = (store.clone(), clock.clone(), Arc::clone(&report));
                        threads::keeper().spawn(keep(leases, store, clock, report, Arc::clone(&stop)));
                    }
                });
                stop.wake.notify_one();
            }))
        });
        Self { leases, stop }
    }

    pub fn stop(&self) {
        self.stop.stopped.store(true, Ordering::Release);
        self.stop.wake.notify_one();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep(
    leases: Arc<Leases>,
    store: KeptStore,
    clock: Clock,
    report: Arc<dyn Fn(u32, Loss) + Send + Sync>,
    stop: Arc<Stop>,
) {
    let mut renewals = Vec::new();
    let mut losses = Vec::new();
    // A connection is made when the first renewal is due, not before.
    let mut fleet = match &store {
        KeptStore::Memory(_) => None,
        KeptStore::Redis { servers, command_timeout } => Some(Fleet::new(servers, *command_timeout)),
    };
    let mut turner = Turner::default();
    let mut broom = Broom::default();
    while !stop.stopped.load(Ordering::Acquire) {
        let steady = clock.steady();
        let now = clock.now();
        if let Some(fleet) = &mut fleet {
            fleet.turn_all(now);
            for event in fleet.take_events(now) {
                heard(&leases, event, &mut losses);
            }
        }
        let mut wake_at = leases.turn(now, &mut renewals, &mut losses);
        for renewal in std::mem::take(&mut renewals) {
            match (&store, &mut fleet) {
                (_, Some(fleet)) => fleet.submit(request(renewal), now),
                (KeptStore::Memory(memory), None) => {
                    wake_at = wake_at.min(now + renewal.interval);
                    renew_embedded(&leases, memory, &renewal, now, &mut losses);
                }
                (KeptStore::Redis { .. }, None) => {}
            }
        }
        for (op, loss) in losses.drain(..) {
            report(op, loss);
        }
        if let KeptStore::Memory(memory) = &store {
            wake_at = wake_at.min(broom.turn(memory, now));
        }
        drop(steady);
        let Some(fleet) = &mut fleet else {
            tokio::select! { () = stop.wake.notified() => {}, () = sleep_until(clock.on_boot_clock(wake_at)) => {} }
            continue;
        };
        turner.write(fleet, now);
        wake_at = wake_at.min(fleet.wake_at());
        tokio::select! { () = stop.wake.notified() => {}, () = turner.idle(fleet, wake_at) => {} }
    }
}

/// Sweeps the embedded store once in a while.
#[derive(Default)]
struct Broom {
    due: Micros,
}

impl Broom {
    /// It looks at every record, so not whenever the keeper wakes.
    const EVERY: Micros = 60_000 * MILLI;

    /// Returns when it has to be called again; never, as long as nothing is in the store.
    fn turn(&mut self, store: &MemoryStore, now: Micros) -> Micros {
        if self.due <= now {
            self.due = now + Self::EVERY;
            if !store.tidy(Now { us: clock::embedded(now) }) {
                return Micros::MAX;
            }
        }
        self.due
    }
}

/// In the embedded store, where the answer is there at once.
pub fn renew_embedded(
    leases: &Leases,
    store: &MemoryStore,
    renewal: &Renewal,
    now: Micros,
    losses: &mut Vec<(u32, Loss)>,
) {
    let command = Command::Extend { owner: renewal.owner };
    let outcome = store.execute(&renewal.key, &command, Now { us: clock::embedded(now) });
    settle(leases, renewal.op, &outcome, now, losses);
}

fn request(renewal: Renewal) -> Request {
    let ask = Ask::Command(Command::Extend { owner: renewal.owner });
    let id = u64::from(renewal.op);
    Request { silence: renewal.interval, ..Request::new(id, renewal.key, ask, renewal.deadline) }
}

fn heard(leases: &Leases, event: Event, losses: &mut Vec<(u32, Loss)>) {
    // What failed is not refused: the lease may still be ours, and its deadline will tell.
    if let Event::Answer(id, Answer::Outcome { outcome, sent_at }) = event {
        settle(leases, op_of(id), &outcome, sent_at, losses);
    }
}

fn settle(leases: &Leases, op: u32, outcome: &Outcome, sent_at: Micros, losses: &mut Vec<(u32, Loss)>) {
    match outcome {
        Outcome::Done => leases.renewed(op, sent_at),
        _ => leases.refused(op, losses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::Admission;

    const SECOND: Micros = 1_000 * MILLI;

    #[test]
    fn the_store_is_swept_once_a_minute_however_often_the_keeper_wakes() {
        let (store, mut broom, start) = (MemoryStore::default(), Broom::default(), clock::now());
        assert_eq!(broom.turn(&store, start), Micros::MAX, "nothing is in it");
        let used = Now { us: clock::embedded(start + SECOND) };
        store.admit("k", Admission { limit: 1, retention_ms: 1 }, used);
        // It has expired, and is swept only when its minute has come.
        assert_eq!(broom.turn(&store, start + 30 * SECOND), start + 60 * SECOND);
        assert_eq!(broom.turn(&store, start + 60 * SECOND), Micros::MAX);
    }
}
