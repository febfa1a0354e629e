//! What comes back over the connection: replies in the order of the commands, and pushes between them.

use redis::{PushKind, Value};

use super::in_flight::{InFlight, Sent};
use super::{Engine, Link};
use crate::clock::{Micros, ServerClock};
use crate::error::StoreError;
use crate::store::ask::Event;
use crate::store::redis::fields;
use crate::store::redis::pending::FleetNews;
use crate::store::redis::slots;
use crate::store::redis::stage::{Progress, Stage};

/// As many requests as are usually in flight, for which room is kept.
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
                    // After a burst of calls the queue would keep the memory of its peak.
                    if self.in_flight.is_empty() {
                        self.in_flight.shrink_to(USUALLY_IN_FLIGHT);
                    }
                    return self.carry_next(now);
                }
                Ok(Some(Value::Push { kind, data })) => {
                    if let Err(why) = self.pushed(&kind, &data) {
                        return self.retire(why, now);
                    }
                }
                Ok(Some(value)) => {
                    let Some(flight) = self.in_flight.pop_front() else {
                        return self.retire(StoreError::Protocol("a reply that nobody asked for".into()), now);
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
    /// Says why this connection must go.
    fn answered(&mut self, flight: InFlight, value: Value, now: Micros) -> Result<(), StoreError> {
        let (pending, stage) = match flight.sent {
            Sent::Request(pending, stage) => (pending, stage),
            Sent::Time => return self.heard_time(&value, flight.at, now),
            Sent::Acknowledgement => return self.acknowledged(&value, now),
            Sent::Slots => {
                self.fleet_news.push(FleetNews::Slots(slots::ranges(&value)));
                return Ok(());
            }
            Sent::Subscribe(channel) => {
                // A confirmation is a push. An ordinary reply is an error: this user may not subscribe.
                if let Some(known) = self.channels.get_mut(&channel) {
                    known.is_denied = true;
                    self.events.push(Event::Changed(channel));
                }
                return Ok(());
            }
            Sent::Unsubscribe(_) | Sent::Orphan => return Ok(()),
        };
        let Value::ServerError(error) = &value else {
            if let Stage::AnyRecord(refusal) = stage {
                return self.looked(pending, refusal, &value, now);
            }
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
        self.refused(pending, stage, error, flight.at, now)
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
                    // The request in the confirmation's place stays in flight, to be sent again.
                    return Err(StoreError::Protocol("a subscription that nobody asked for".into()));
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
