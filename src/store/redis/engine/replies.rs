//! What comes back over the connection: replies in the order of the commands, and pushes between them.

use redis::{PushKind, Value};

use super::{Engine, Flight, Link};
use crate::clock::{Micros, ServerClock};
use crate::error::StoreError;
use crate::store::redis::fields;
use crate::store::redis::request::{Event, Request, Sent, Stage, Step};
use crate::store::redis::slots;
use crate::store::redis::verdict::{self, Verdict};

/// Room for as many as are usually in flight.
const IN_FLIGHT: usize = 1_024;

impl Engine {
    pub fn received(&mut self, bytes: &[u8], now: Micros) {
        if let Link::Up { heard_at, .. } = &mut self.link {
            *heard_at = now;
        }
        self.uploading = 0;
        if let Err(why) = self.inbox.push(bytes) {
            return self.retire(why, now);
        }
        self.heard_together = 0;
        loop {
            match self.inbox.next_reply() {
                Ok(None) => {
                    // After a burst of calls it would keep what its peak took.
                    if self.flying.is_empty() {
                        self.flying.shrink_to(IN_FLIGHT);
                    }
                    return;
                }
                Ok(Some(Value::Push { kind, data })) => {
                    if let Err(why) = self.pushed(&kind, &data) {
                        return self.retire(why, now);
                    }
                }
                Ok(Some(value)) => {
                    let Some(flight) = self.flying.pop_front() else {
                        return self.retire(StoreError::Protocol("a reply nobody asked for".into()), now);
                    };
                    self.heard_together += 1;
                    if let Err(why) = self.answered(flight, value, now) {
                        return self.retire(why, now);
                    }
                }
                Err(why) => return self.retire(why, now),
            }
        }
    }

    /// # Errors
    /// The reason why this connection must go.
    fn answered(&mut self, flight: Flight, value: Value, now: Micros) -> Result<(), StoreError> {
        let (request, stage) = match flight.sent {
            Sent::Request(request, stage) => (request, stage),
            Sent::Time => {
                if let (Link::Up { features, .. }, Some(server)) = (&mut self.link, fields::time(&value)) {
                    features.clock = ServerClock::measured(server, flight.at, now);
                }
                return Ok(());
            }
            Sent::Acknowledgement => {
                self.acknowledged(&value, now);
                return Ok(());
            }
            Sent::Slots => {
                self.events.push(Event::Slots(slots::ranges(&value)));
                return Ok(());
            }
            Sent::Subscribe(channel) => {
                // A confirmation is a push; an ordinary reply is the server's refusal.
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.refused = true;
                    self.events.push(Event::Changed(channel));
                }
                return Ok(());
            }
            Sent::Unsubscribe(_) | Sent::Orphan => return Ok(()),
        };
        let Value::ServerError(error) = &value else {
            return match request.read(stage, value, flight.at) {
                Ok(Step::Answered(event)) => {
                    self.tell(request, event);
                    Ok(())
                }
                Ok(Step::Next(stage)) => {
                    self.write(request, stage, now);
                    Ok(())
                }
                Err(why) => {
                    self.send_again(request, &why);
                    Err(why)
                }
            };
        };
        match verdict::judge(error) {
            Verdict::Retire(why) => {
                self.waiting.push_front(request);
                return Err(why);
            }
            Verdict::Later(why) => self.postpone(request, why, now),
            // A server that answers IFEQ with an error has not compared, so it has not set.
            Verdict::Final(StoreError::Protocol(_)) if matches!(stage, Stage::IfEqual) => {
                self.write(request, Stage::Script { loaded: false }, now);
            }
            // What nobody understands may pass, a proxy's complaint for one; an outcome is not given up for it, nor a lease.
            Verdict::Final(why @ (StoreError::Full(_) | StoreError::Protocol(_))) if request.outlives_refusal() => {
                let mut request = request;
                self.events.extend(request.lose_patience());
                self.postpone(request, why, now);
            }
            Verdict::Final(why) => self.events.push(request.fail(why)),
            Verdict::NoScript if matches!(stage, Stage::Script { loaded: true }) => {
                let why = "Redis forgets scripts as soon as they are loaded, or does not let us load them";
                self.postpone(request, StoreError::Unavailable(why.into()), now);
            }
            Verdict::NoScript => {
                request.load_script(&mut self.out);
                self.fly(Sent::Orphan, now);
                self.write(request, Stage::Script { loaded: true }, now);
            }
            Verdict::Moved { slot, address, once } => {
                let request = Box::new(request);
                self.events.push(Event::Moved { request, slot, address, once });
            }
            Verdict::WrongType(reason) => self.events.push(request.unreadable(reason)),
        }
        Ok(())
    }

    /// Tries again on this connection, a little later.
    pub fn postpone(&mut self, request: Request, why: StoreError, now: Micros) {
        self.last_error = Some(why);
        self.later.push((now + self.backoff.pause(), request));
    }

    fn pushed(&mut self, kind: &PushKind, data: &[Value]) -> Result<(), StoreError> {
        let Some(channel) = data.first().and_then(fields::text) else { return Ok(()) };
        match kind {
            PushKind::Message => self.events.push(Event::Changed(channel)),
            PushKind::Subscribe | PushKind::Unsubscribe => {
                // Confirmations come in the order of the commands, between the replies.
                let confirmed = match self.flying.front().map(|flight| &flight.sent) {
                    Some(Sent::Subscribe(asked)) => *asked == channel && *kind == PushKind::Subscribe,
                    Some(Sent::Unsubscribe(asked)) => *asked == channel && *kind == PushKind::Unsubscribe,
                    _ => false,
                };
                if !confirmed {
                    // What is in its place stays in flight, to be sent again.
                    return Err(StoreError::Protocol("a subscription nobody asked for".into()));
                }
                self.flying.pop_front();
                if *kind == PushKind::Subscribe && self.channels.contains_key(&channel) {
                    self.events.push(Event::Changed(channel));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
