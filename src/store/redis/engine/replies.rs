//! What comes back over the connection: replies in the order of the commands, and pushes between them.

use redis::{PushKind, Value};

use super::in_flight::{InFlight, Sent};
use super::{Engine, Link};
use crate::clock::{Micros, ServerClock};
use crate::error::StoreError;
use crate::store::ask::Event;
use crate::store::redis::fields;
use crate::store::redis::pending::{ClusterNews, Pending};
use crate::store::redis::slots;
use crate::store::redis::stage::{Progress, Stage};
use crate::store::redis::verdict::{self, Verdict};

/// Room for as many requests as are usually in flight.
const USUALLY_IN_FLIGHT: usize = 1_024;

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
                    if self.in_flight.is_empty() {
                        self.in_flight.shrink_to(USUALLY_IN_FLIGHT);
                    }
                    return;
                }
                Ok(Some(Value::Push { kind, data })) => {
                    if let Err(why) = self.pushed(&kind, &data) {
                        return self.retire(why, now);
                    }
                }
                Ok(Some(value)) => {
                    let Some(flight) = self.in_flight.pop_front() else {
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
    fn answered(&mut self, flight: InFlight, value: Value, now: Micros) -> Result<(), StoreError> {
        let (pending, stage) = match flight.sent {
            Sent::Request(pending, stage) => (pending, stage),
            Sent::Time => return self.heard_time(&value, flight.at, now),
            Sent::Acknowledgement => return self.acknowledged(&value, now),
            Sent::Slots => {
                self.cluster_news.push(ClusterNews::Slots(slots::ranges(&value)));
                return Ok(());
            }
            Sent::Subscribe(channel) => {
                // A confirmation is a push; an ordinary reply is an error: we may not.
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.is_denied = true;
                    self.events.push(Event::Changed(channel));
                }
                return Ok(());
            }
            Sent::Unsubscribe(_) | Sent::Orphan => return Ok(()),
        };
        let Value::ServerError(error) = &value else {
            return match pending.read(stage, value, flight.at) {
                Ok(Progress::Answered(answer)) => {
                    self.tell(pending, answer);
                    Ok(())
                }
                Ok(Progress::Next(stage)) => {
                    self.write(pending, stage, now);
                    Ok(())
                }
                Err(why) => {
                    self.send_again(pending, &why);
                    Err(why)
                }
            };
        };
        match verdict::judge(error) {
            Verdict::Retire(why) => {
                self.waiting.push_front(pending);
                return Err(why);
            }
            Verdict::Later(why) => self.postpone(pending, why, now),
            // A server that answers IFEQ with an error has not compared, so it has not set.
            Verdict::Final(StoreError::Protocol(_)) if matches!(stage, Stage::IfEqual) => {
                self.write(pending, Stage::Script { loaded: false }, now);
            }
            // What nobody understands may pass, a proxy's complaint for one; an outcome is not given up for it, nor a
            // lease.
            Verdict::Final(why @ (StoreError::Full(_) | StoreError::Protocol(_)))
                if pending.outlives_final_errors() =>
            {
                let mut pending = pending;
                self.events.extend(pending.lose_patience());
                self.postpone(pending, why, now);
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
                self.cluster_news.push(ClusterNews::Moved { pending, slot, address, once });
            }
            Verdict::WrongType(reason) => self.events.push(pending.unreadable(reason)),
        }
        Ok(())
    }

    /// No other command is answered like this one, so it also shows whether replies still come in their places.
    fn heard_time(&mut self, value: &Value, sent_at: Micros, now: Micros) -> Result<(), StoreError> {
        if matches!(value, Value::ServerError(_)) {
            return Ok(());
        }
        let server = fields::time(value).ok_or_else(|| StoreError::Protocol("TIME answered no time".into()))?;
        if let Link::Up { features, .. } = &mut self.link {
            features.clock = ServerClock::measured(server, sent_at, now);
        }
        Ok(())
    }

    /// Tries again on this connection, a little later.
    pub fn postpone(&mut self, pending: Pending, why: StoreError, now: Micros) {
        self.last_error = Some(why);
        self.later.push((now + self.backoff.pause(), pending));
    }

    fn pushed(&mut self, kind: &PushKind, data: &[Value]) -> Result<(), StoreError> {
        let Some(channel) = data.first().and_then(fields::text) else { return Ok(()) };
        match kind {
            PushKind::Message => self.events.push(Event::Changed(channel)),
            PushKind::Subscribe | PushKind::Unsubscribe => {
                // Confirmations come in the order of the commands, between the replies.
                let confirmed = match self.in_flight.front().map(|flight| &flight.sent) {
                    Some(Sent::Subscribe(asked)) => *asked == channel && *kind == PushKind::Subscribe,
                    Some(Sent::Unsubscribe(asked)) => *asked == channel && *kind == PushKind::Unsubscribe,
                    _ => false,
                };
                if !confirmed {
                    // What is in its place stays in flight, to be sent again.
                    return Err(StoreError::Protocol("a subscription nobody asked for".into()));
                }
                self.in_flight.pop_front();
                if *kind == PushKind::Subscribe && self.channels.contains_key(&channel) {
                    self.events.push(Event::Changed(channel));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
