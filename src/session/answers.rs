//! What a store's answer means for the operation it belongs to.

use std::sync::Arc;

use super::Session;
use super::delivery::{Delivery, Tag};
use super::ending::WITHDRAWAL;
use super::op::{Claim, Phase};
use crate::clock::{MILLI, Micros};
use crate::lease::{Held, margin};
use crate::model::Outcome;
use crate::store::{Answer, op_of};

impl Session {
    pub(super) fn answer(&mut self, request: u64, answer: Answer, now: Micros) {
        let id = op_of(request);
        if request & WITHDRAWAL != 0 || !self.ops.contains_key(&id) {
            return;
        }
        match answer {
            Answer::Outcome { outcome, sent_at } => self.outcome(id, outcome, sent_at, now),
            Answer::Inspected(found) => self.shown(id, found, now),
            Answer::Found(has_record) => self.found(id, has_record, now),
            Answer::Quota(outcome) => self.admitted(id, outcome, now),
            Answer::Machine(outcome) => self.transitioned(id, outcome, now),
            Answer::Due(members) => self.listed(id, &members, now),
            Answer::Delayed => self.deliver(Delivery::bare(id, Tag::Delayed)),
            Answer::TooLarge(why) => self.too_large(id, &why, now),
            Answer::Unreadable(reason) => {
                self.give_back(id, now);
                self.end(id, Delivery::text(id, Tag::Unreadable, reason.into_bytes()), now);
            }
            Answer::Failed { error, unknown, has_record } => {
                let delivery = Delivery { recovered: has_record, ..Delivery::failed(id, &error) };
                let beginning = self.ops.get(&id).is_some_and(|op| matches!(op.phase, Phase::Beginning));
                if let Some(op) = self.ops.get(&id).filter(|_| beginning && unknown) {
                    let (key, owner, lease_ms) = (Arc::clone(op.key()), op.owner, op.terms.lease_ms);
                    self.withdraw(id, key, owner, lease_ms, now);
                }
                self.give_back(id, now);
                self.end(id, delivery, now);
            }
        }
    }

    fn outcome(&mut self, id: u32, outcome: Outcome, sent_at: Micros, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if matches!(op.phase, Phase::Admin(_)) {
            return self.administered(id, &outcome, now);
        }
        if op.names.is_carried() {
            match outcome {
                Outcome::Unreadable(_) => self.give_back(id, now),
                _ => self.leave_behind(id, now),
            }
            return self.outcome(id, outcome, sent_at, now);
        }
        let bare = |tag| Delivery::bare(id, tag);
        match outcome {
            Outcome::Acquired { fence, attempt, recovered } => {
                let lease = op.terms.lease_ms * MILLI;
                if sent_at + lease - margin(lease) <= now {
                    // The loop was blocked for so long that the lease ended before the answer was read. Asking again
                    // renews the lease, or tells who has taken over. Starting now would be a second run.
                    return self.again(id, now);
                }
                let claim = Claim { fence, attempt, recovered };
                if op.names.is_older() {
                    return self.carry_on(id, claim, now);
                }
                op.phase = Phase::Held(claim);
                let held = Held {
                    key: Arc::clone(op.key()),
                    owner: op.owner,
                    lease: op.terms.lease_ms * MILLI,
                    sent_at,
                    ends_at: now + op.terms.max_lease_ms * MILLI,
                };
                self.stop_listening(id, now);
                self.leases.hold(id, held);
                self.deliver(Delivery { fence, attempt, recovered, ..bare(Tag::Acquired) });
            }
            Outcome::InProgress { fence, remaining_ms } => {
                op.phase = Phase::Blocked;
                op.awaited = Some(fence);
                op.changed = false;
                self.deliver(Delivery { fence, ms: remaining_ms, ..bare(Tag::InProgress) });
            }
            Outcome::Replay { fence, attempt, origin, payload } => {
                let delivery = Delivery { fence, attempt, text: Some(payload), ..bare(Tag::Replay) };
                self.end_with(id, delivery, origin, b'C', now);
            }
            Outcome::ReplayError { fence, attempt, origin, payload } => {
                let delivery = Delivery { fence, attempt, text: Some(payload), ..bare(Tag::ReplayError) };
                self.end_with(id, delivery, origin, b'F', now);
            }
            Outcome::Released { fence, attempt, origin, payload } => {
                let delivery = Delivery { fence, attempt, text: Some(payload), ..bare(Tag::Released) };
                self.end_with(id, delivery, origin, b'R', now);
            }
            Outcome::Mismatch { fence } => self.end(id, Delivery { fence, ..bare(Tag::Mismatch) }, now),
            Outcome::Indeterminate { fence, since_ms } => {
                self.end(id, Delivery { fence, ms: since_ms, ..bare(Tag::Indeterminate) }, now);
            }
            Outcome::Stale { fence } => self.end(id, Delivery { fence, ..bare(Tag::Stale) }, now),
            Outcome::Done => self.end(id, bare(Tag::Done), now),
            Outcome::Lost if matches!(op.phase, Phase::Beginning) => self.look_on(id, now),
            Outcome::Lost => self.end(id, bare(Tag::Lost), now),
            Outcome::Settled => self.end(id, bare(Tag::Settled), now),
            Outcome::Unreadable(why) => {
                self.end(id, Delivery::text(id, Tag::Unreadable, why.to_string().into_bytes()), now);
            }
        }
    }
}
