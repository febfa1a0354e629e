//! Renews the leases that [`Leases`] says are due, from a thread and a connection of its own. Since that thread exists
//! anyway, it also lets the store sweep, for a process that has nothing else to do.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

use tokio::sync::Notify;

use super::{Leases, Loss, Renewal};
use crate::clock::{Clock, Micros};
use crate::model::{Command, Outcome};
use crate::store::{Answer, Ask, Event, Location, Request, Store, Turner, op_of};
use crate::threads;

/// Ends the keeper's task when dropped. Leases that are still held then run out.
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
    /// The keeper's thread calls `report` for every lost lease.
    #[must_use]
    pub fn new(location: Location, clock: Clock, report: Arc<dyn Fn(u32, Loss) + Send + Sync>) -> Self {
        let stop = Arc::new(Stop::default());
        let started = Once::new();
        let leases = Arc::new_cyclic(|leases: &std::sync::Weak<Leases>| {
            let (leases, stop) = (leases.clone(), Arc::clone(&stop));
            Leases::new(Box::new(move || {
                // The first lease starts the task: a client that never begins costs no thread.
                started.call_once(|| {
                    if let Some(leases) = leases.upgrade() {
                        let (location, clock, report) = (location.clone(), clock.clone(), Arc::clone(&report));
                        threads::keeper().spawn(keep(leases, location, clock, report, Arc::clone(&stop)));
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
    location: Location,
    clock: Clock,
    report: Arc<dyn Fn(u32, Loss) + Send + Sync>,
    stop: Arc<Stop>,
) {
    let mut renewals = Vec::new();
    let mut losses = Vec::new();
    // The store connects only when the first renewal is due. The keeper listens to no changes.
    let mut store = location.open(Arc::new(|_| ()));
    let mut turner = Turner::default();
    while !stop.stopped.load(Ordering::Acquire) {
        let steady = clock.steady();
        let now = clock.now();
        store.turn(now);
        for event in store.take_events(now) {
            if let Event::Answer(id, answer) = event {
                answered(&leases, op_of(id), &answer, &mut losses);
            }
        }
        let mut wake_at = leases.turn(now, &mut renewals, &mut losses);
        for renewal in std::mem::take(&mut renewals) {
            let next = now + renewal.interval;
            if renew(&leases, &mut store, renewal, now, &mut losses) {
                wake_at = wake_at.min(next);
            }
        }
        for (op, loss) in losses.drain(..) {
            report(op, loss);
        }
        wake_at = wake_at.min(store.sweep(now));
        drop(steady);
        turner.write(&mut store, now);
        wake_at = clock.on_boot_clock(wake_at.min(store.wake_at()));
        tokio::select! { () = stop.wake.notified() => {}, () = turner.idle(&mut store, wake_at) => {} }
    }
}

/// Sends the renewals. True when the store has answered at once.
pub fn renew(
    leases: &Leases,
    store: &mut impl Store,
    renewal: Renewal,
    now: Micros,
    losses: &mut Vec<(u32, Loss)>,
) -> bool {
    let Renewal { op, key, owner, deadline, interval } = renewal;
    let ask = Ask::Command(Command::Extend { owner });
    let request = Request { silence: interval, ..Request::new(u64::from(op), key, ask, deadline) };
    let answer = store.submit(request, now);
    if let Some(answer) = &answer {
        answered(leases, op, answer, losses);
    }
    answer.is_some()
}

fn answered(leases: &Leases, op: u32, answer: &Answer, losses: &mut Vec<(u32, Loss)>) {
    match answer {
        Answer::Outcome { outcome: Outcome::Done, sent_at } => leases.renewed(op, *sent_at),
        Answer::Outcome { .. } => leases.refused(op, losses),
        // A failed renewal is not a refusal: the lease may still be held, and its deadline decides.
        _ => {}
    }
}
