//! What becomes of a request that the server refuses: it is tried again, asked otherwise, or answered with the refusal.

use redis::{ServerError, Value};

use super::Engine;
use super::in_flight::{InFlight, Sent};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::store::redis::pending::{FleetNews, Pending};
use crate::store::redis::stage::{Refusal, Stage};
use crate::store::redis::verdict::{self, Verdict};

impl Engine {
    /// # Errors
    /// The reason why this connection must go.
    pub(super) fn refused(
        &mut self,
        pending: Pending,
        stage: Stage,
        error: &ServerError,
        sent_at: Micros,
        now: Micros,
    ) -> Result<(), StoreError> {
        let verdict = match verdict::judge(error) {
            // Not for what this one holds.
            Verdict::TooLarge(why) if pending.request.ask.payload_len() == 0 => Verdict::Final(why),
            verdict => verdict,
        };
        let stage = match (stage, &verdict) {
            // Not even that may be looked at.
            (Stage::AnyRecord(refusal), Verdict::Later(_) | Verdict::Final(_)) => {
                self.refuse(pending, refusal, now);
                return Ok(());
            }
            (stage, _) => stage,
        };
        match verdict {
            Verdict::Retire(why) => {
                self.waiting.push_front(pending);
                return Err(why);
            }
            // What is there is known to the script, which reads before it writes.
            Verdict::Final(StoreError::Full(_)) if matches!(stage, Stage::Plain { .. }) => {
                self.write(pending, Stage::Script { loaded: false }, now);
            }
            Verdict::Later(why) if matches!(stage, Stage::Script { .. }) && pending.is_begin() => {
                self.look(pending, Refusal { why, passes: true }, now);
            }
            Verdict::Later(why) => self.postpone(pending, why, now),
            // A server that answers IFEQ with an error has not compared, so it has not set.
            Verdict::Final(StoreError::Protocol(_)) if matches!(stage, Stage::IfEqual) => {
                self.write(pending, Stage::Script { loaded: false }, now);
            }
            // Memory may be freed, a right may be given back, and what nobody understands may pass: no outcome and no
            // lease is given up for it.
            Verdict::Final(why) if pending.outlives_final_errors() => self.wait_out(pending, why, now),
            // Only the size does not pass.
            Verdict::TooLarge(why) => self.events.push(pending.too_large(why)),
            Verdict::HungUp(why) => {
                let mut pending = pending;
                self.hold_against(&mut pending, sent_at);
                self.in_flight.push_front(InFlight { sent: Sent::Request(pending, stage), at: sent_at, ahead: 0 });
                return Err(why);
            }
            Verdict::Final(why @ (StoreError::Full(_) | StoreError::Protocol(_))) if pending.is_begin() => {
                self.look(pending, Refusal { why, passes: false }, now);
            }
            Verdict::Final(why) => self.events.push(pending.fail(why)),
            Verdict::NoScript if matches!(stage, Stage::Script { loaded: true }) => {
                let why = "Redis forgets scripts as soon as they are loaded, or does not let us load them";
                self.postpone(pending, StoreError::Unavailable(why.into()), now);
            }
            Verdict::NoScript => {
                pending.load_script(&mut self.out);
                self.sent(Sent::Orphan, now);
                self.write(pending, Stage::Script { loaded: true }, now);
            }
            Verdict::Moved { slot, address, once } => {
                let pending = Box::new(pending);
                self.fleet_news.push(FleetNews::Moved { pending, slot, address, once });
            }
            Verdict::WrongType(reason) => self.events.push(pending.unreadable(reason)),
        }
        Ok(())
    }

    /// Tries again on this connection, a little later.
    pub fn postpone(&mut self, pending: Pending, why: StoreError, now: Micros) {
        self.last_error = Some(why);
        self.later.push((now + self.backoff.pause(), pending));
    }

    /// As [`Engine::postpone`], where the caller is not to wait for it.
    pub fn wait_out(&mut self, mut pending: Pending, why: StoreError, now: Micros) {
        self.events.extend(pending.lose_patience());
        self.postpone(pending, why, now);
    }

    /// A begin may not write. Whether its key is new decides if its caller may do without the store.
    fn look(&mut self, pending: Pending, refusal: Refusal, now: Micros) {
        if pending.has_record {
            self.refuse(pending, refusal, now);
        } else {
            self.write(pending, Stage::AnyRecord(refusal), now);
        }
    }

    /// # Errors
    /// The reason why this connection must go.
    pub(super) fn looked(
        &mut self,
        mut pending: Pending,
        refusal: Refusal,
        first_byte: &Value,
        now: Micros,
    ) -> Result<(), StoreError> {
        let Value::BulkString(byte) = first_byte else {
            let why = StoreError::Protocol("GETRANGE answered no text".into());
            self.send_again(pending, &why);
            return Err(why);
        };
        pending.has_record = !byte.is_empty();
        self.refuse(pending, refusal, now);
        Ok(())
    }

    fn refuse(&mut self, pending: Pending, Refusal { why, passes }: Refusal, now: Micros) {
        if passes {
            self.postpone(pending, why, now);
        } else {
            self.events.push(pending.fail(why));
        }
    }
}
