//! What a test of a user's code does to a client of the embedded store: it lets time pass at once, or lets an owner's
//! process die.

use super::{Delivery, Session};
use crate::clock::{Clock, MILLI, Micros};
use crate::lease::keeper::renew;
use crate::store::Store as _;

impl Session {
    /// Lets this much time pass, from one appointment to the next, as if the keeper had looked after its leases all
    /// along: held leases stay held, up to `maxLeaseMs`.
    pub fn advance(&mut self, clock: &Clock, by: Micros) {
        if !self.store.runs_on_process_time() {
            return;
        }
        // The keeper's thread looks after the same leases, so it must not act meanwhile.
        let steady = clock.steady();
        let end = clock.now() + by;
        let (mut renewals, mut losses) = (Vec::new(), Vec::new());
        loop {
            let now = clock.now();
            let next = self.leases.turn(now, &mut renewals, &mut losses);
            let has_renewed = !renewals.is_empty();
            for renewal in renewals.drain(..) {
                renew(&self.leases, &mut self.store, renewal, now, &mut losses);
            }
            for (op, loss) in losses.drain(..) {
                self.deliver(Delivery::lease_lost(op, loss));
            }
            self.turn(now);
            if now >= end {
                break;
            }
            // A renewal makes appointments of its own, which the next look finds.
            let step = if has_renewed { 0 } else { next.min(self.wake_at()).saturating_sub(now) };
            clock.advance(step.max(MILLI).min(end - now));
        }
        drop(steady);
        self.leases.wake_keeper();
    }

    /// Acts as if the process that runs this operation had died: its lease is not renewed, and its outcome is ignored.
    pub fn crash(&mut self, id: u32, now: Micros) {
        self.let_go(id, now);
    }
}
