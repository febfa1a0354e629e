//! Writes that are too large for the server. One server says so. Another hangs up, which looks like a network that is cut.
//! So a large write on which connections end gets a connection of its own (`fleet/alone.rs`). When that one ends as well,
//! while another to the same server lives on, the write was the reason.

use super::in_flight::Sent;
use super::{Engine, Link};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::store::ask::{Answer, Event};
use crate::store::redis::backoff::Backoff;
use crate::store::redis::pending::{FleetNews, Pending};

/// No server hangs up on less than this.
const LARGE: usize = 64 * 1024;

/// How many connections may end on a write before it has to travel alone.
const ENDS: u8 = 2;

/// What is known of the large writes that travel alone.
#[derive(Default)]
pub(super) struct Alone {
    /// The one with which the last connection ended, and when it was sent.
    suspect: Option<(u64, Micros)>,
}

impl Pending {
    #[must_use]
    pub fn too_large(&self, why: StoreError) -> Event {
        if self.is_outcome() {
            return Event::Answer(self.request.id, Answer::TooLarge(why));
        }
        self.fail(why)
    }
}

impl Engine {
    /// One that carries large writes, one at a time, beside another to the same server.
    #[must_use]
    pub fn alone(self) -> Self {
        Self { alone: Some(Alone::default()), ..self }
    }

    /// Whether a request may be sent on this connection now.
    pub(super) fn may_carry(&self, pending: &Pending) -> bool {
        if self.alone.is_some() { self.in_flight.is_empty() } else { pending.ends < ENDS }
    }

    pub(super) fn set_aside(&mut self, pending: Pending) {
        if self.alone.is_some() {
            self.waiting.push_back(pending);
        } else {
            self.fleet_news.push(FleetNews::Alone(Box::new(pending)));
        }
    }

    /// Sends the next large write, once the one before is answered.
    pub(super) fn carry_next(&mut self, now: Micros) {
        if self.alone.is_some()
            && self.in_flight.is_empty()
            && let Some(next) = self.waiting.pop_front()
        {
            self.send(next, now);
        }
    }

    /// The other side has ended the connection: perhaps for what was on its way.
    pub fn hung_up(&mut self, why: StoreError, now: Micros) {
        let given = self.in_flight.len() - self.unsent;
        let mut in_flight = std::mem::take(&mut self.in_flight);
        for flight in in_flight.iter_mut().take(given) {
            if let Sent::Request(pending, _) = &mut flight.sent {
                self.hold_against(pending, flight.at);
            }
        }
        self.in_flight = in_flight;
        self.retire(why, now);
    }

    /// A connection has ended while this was on its way.
    pub(super) fn hold_against(&mut self, pending: &mut Pending, sent_at: Micros) {
        if pending.request.ask.payload_len() > LARGE {
            pending.ends = pending.ends.saturating_add(1);
            if let Some(alone) = &mut self.alone {
                alone.suspect = Some((pending.request.id, sent_at));
            }
        }
    }

    /// Since when this connection has lived.
    #[must_use]
    pub fn up_since(&self) -> Option<Micros> {
        matches!(self.link, Link::Up { .. }).then(|| self.backoff.connected_at())
    }

    /// Whether it has to be there, because a write is to be judged.
    pub fn bear_witness(&mut self, is_needed: bool) {
        self.is_witness = is_needed && !self.is_up();
    }

    /// A new connection is made, and small commands were answered on it. The last one ended with a large write. If another
    /// connection, the witness, has lived since before that write was sent, no network was cut: the server does not
    /// take the write.
    ///
    /// Returns how many bytes the server does not take.
    pub fn judge(&mut self, witness: Option<Micros>) -> Option<usize> {
        let (id, sent_at) = self.alone.as_mut()?.suspect.take()?;
        let index = self.waiting.iter().position(|pending| pending.request.id == id)?;
        if witness.is_none_or(|since| since > sent_at) {
            return None;
        }
        let pending = self.waiting.remove(index)?;
        let bytes = pending.request.ask.payload_len();
        let why = format!("the server ends every connection on which these {bytes} bytes are sent, and no other");
        self.events.push(pending.too_large(StoreError::Protocol(why)));
        // The next of that size is not to wait for what this one has done.
        self.backoff = Backoff::default();
        Some(bytes)
    }

    /// Nobody needs this connection any more.
    #[must_use]
    pub fn is_through(&self) -> bool {
        self.alone.is_some() && self.is_up() && self.is_idle() && self.in_flight.is_empty()
    }

    /// It was ended by us: the next one may be made at once.
    pub fn rest(&mut self) {
        self.backoff = Backoff::default();
        self.link = Link::Down { retry_at: 0 };
    }
}
