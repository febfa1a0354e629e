//! One connection's protocol without its socket: requests in, bytes out, bytes in, answers out. The engine owns order,
//! timeouts, sending again after a lost connection, and the decision that a connection is of no use any more.
//! It does no I/O and reads no clock: callers pass the time in. Every request is answered by its deadline.
//!
//! Sending a request again is safe, because it names its owner: Redis recognises what it already did. An operator's
//! reset and resolve are the exceptions; their outcome is reported as unknown instead.

mod channels;
mod cluster;
mod durability;
mod in_flight;
mod refusals;
mod replies;
mod size;

use std::collections::{HashMap, VecDeque};

use channels::Channel;
pub use durability::Durability;
use durability::Parked;
use in_flight::{InFlight, Sent};
use size::Alone;

use super::backoff::Backoff;
use super::features::{ConnectError, Features};
use super::inbox::Inbox;
use super::pending::{FleetNews, Pending};
use super::stage::Stage;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::store::ask::{Event, Request};
use redis::cmd;

/// How long a measured server clock is used before it is measured again.
const CLOCK_AGE: Micros = 60_000 * MILLI;

/// Bytes per second: what the kernel has buffered may travel this slowly before the server is taken for silent.
const SLOWEST_UPLOAD: u64 = 128 * 1024;
/// An upload smaller than this arrives at once.
const SMALL_UPLOAD: u64 = 64 * 1024;

/// Bytes that are worth a write before the end of a turn. Redis reads 16 KiB at once, and gets the next bytes before it
/// has worked through those.
const EARLY_WRITE_BYTES: usize = 8 * 1024;

/// Replies that come together lead to as many requests, which are written in two parts. With fewer replies than this,
/// half of the requests is not worth another system call.
const EARLY_WRITE_REPLIES: usize = 8;

enum Link {
    Down { retry_at: Micros },
    Connecting,
    Up { features: Features, heard_at: Micros, clock_due: Micros },
}

pub struct Engine {
    command_timeout: Micros,
    durability: Option<Durability>,
    link: Link,
    backoff: Backoff,
    waiting: VecDeque<Pending>,
    later: Vec<(Micros, Pending)>,
    in_flight: VecDeque<InFlight>,
    /// How many of the newest of them the socket has not received yet.
    unsent: usize,
    /// How many replies the last bytes from the server held.
    heard_together: usize,
    /// Bytes the socket took since the server was last heard. They take time to arrive.
    uploading: u64,
    channels: HashMap<String, Channel>,
    /// Somebody wants to know who has which slots.
    wants_slots: bool,
    /// Another connection wants to know whether this one lives.
    is_witness: bool,
    /// It carries one large write at a time, and nothing else.
    alone: Option<Alone>,
    /// Answered, and not acknowledged yet.
    parked: Vec<Parked>,
    /// Something was written since the last `WAIT`.
    unacknowledged: bool,
    out: Vec<u8>,
    inbox: Inbox,
    events: Vec<Event>,
    fleet_news: Vec<FleetNews>,
    /// Earliest deadline or end of patience among all requests; may be earlier than the truth, never later.
    next_check: Micros,
    last_error: Option<StoreError>,
}

impl Engine {
    #[must_use]
    pub fn new(command_timeout: Micros, durability: Option<Durability>) -> Self {
        Self {
            command_timeout,
            durability,
            link: Link::Down { retry_at: 0 },
            backoff: Backoff::default(),
            waiting: VecDeque::new(),
            later: Vec::new(),
            in_flight: VecDeque::new(),
            unsent: 0,
            heard_together: 0,
            uploading: 0,
            channels: HashMap::new(),
            wants_slots: false,
            is_witness: false,
            alone: None,
            parked: Vec::new(),
            unacknowledged: false,
            out: Vec::with_capacity(16 * 1024),
            inbox: Inbox::default(),
            events: Vec::new(),
            fleet_news: Vec::new(),
            next_check: Micros::MAX,
            last_error: None,
        }
    }

    pub fn submit(&mut self, request: Request, now: Micros) {
        self.take_over(Pending::new(request), now);
    }

    /// The same as [`Engine::submit`], for a request that another engine had.
    pub fn take_over(&mut self, pending: Pending, now: Micros) {
        self.next_check = self.next_check.min(pending.next_check());
        if matches!(self.link, Link::Up { .. }) { self.send(pending, now) } else { self.waiting.push_back(pending) }
    }

    /// Nobody is interested in the answer to this request any more. A request on the wire is still executed; true when
    /// the request never left.
    pub fn forget(&mut self, id: u64) -> bool {
        let mut unsent = self.waiting.iter().chain(self.later.iter().map(|(_, pending)| pending));
        let never_left = unsent.any(|pending| pending.request.id == id && !pending.was_sent);
        self.waiting.retain(|pending| pending.request.id != id);
        self.later.retain(|(_, pending)| pending.request.id != id);
        self.parked.retain(|parked| parked.pending.request.id != id);
        for flight in &mut self.in_flight {
            if flight.sent.id() == Some(id) {
                flight.sent = Sent::Orphan;
            }
        }
        never_left
    }

    #[must_use]
    pub fn wants_connection(&self, now: Micros) -> bool {
        matches!(self.link, Link::Down { retry_at } if retry_at <= now) && self.has_work()
    }

    fn has_work(&self) -> bool {
        self.wants_slots || self.is_witness || self.is_needed()
    }

    pub fn connecting(&mut self) {
        self.link = Link::Connecting;
    }

    pub fn connected(&mut self, features: Features, now: Micros) {
        self.backoff.connected(now);
        self.last_error = None;
        self.is_witness = false;
        self.link = Link::Up { features, heard_at: now, clock_due: now + CLOCK_AGE };
        let channels: Vec<String> = self.channels.keys().cloned().collect();
        for channel in channels {
            self.send_subscribe(&channel, now);
        }
        self.send_slots(now);
        for pending in std::mem::take(&mut self.waiting) {
            self.send(pending, now);
        }
    }

    pub fn failed(&mut self, why: ConnectError, now: Micros) {
        self.link = Link::Down { retry_at: now + self.backoff.next() };
        if why.is_final {
            // One refused greeting (a password being rotated, a balancer's junk) must not lose what has happened: an
            // outcome or a renewal waits until its own deadline.
            let (patient, refused): (VecDeque<_>, VecDeque<_>) =
                std::mem::take(&mut self.waiting).into_iter().partition(Pending::outlives_final_errors);
            self.waiting = patient;
            self.events.extend(refused.iter().map(|pending| pending.fail(why.error.clone())));
            self.events.extend(self.waiting.iter_mut().filter_map(Pending::lose_patience));
        }
        self.last_error = Some(why.error);
        if std::mem::take(&mut self.wants_slots) {
            self.fleet_news.push(FleetNews::Slots(None));
        }
    }

    /// The stream ended or broke. What became of the requests on the wire is unknown, so they go out again, in order.
    pub fn retire(&mut self, why: StoreError, now: Micros) {
        self.link = Link::Down { retry_at: now + self.backoff.after_loss(now) };
        self.out.clear();
        self.unsent = 0;
        self.unacknowledged = false;
        self.uploading = 0;
        self.inbox = Inbox::default();
        for flight in std::mem::take(&mut self.in_flight).into_iter().rev() {
            match flight.sent {
                Sent::Request(pending, _) => self.send_again(pending, &why),
                Sent::Slots => self.fleet_news.push(FleetNews::Slots(None)),
                _ => {}
            }
        }
        self.send_parked_again(&why);
        self.last_error = Some(why);
        for channel in self.channels.values_mut() {
            *channel = Channel::default();
        }
    }

    /// Nobody knows whether the request was applied. A command that names the owner of an attempt is recognised when it
    /// comes again. An operator's reset is not, and could hit an attempt that began after it.
    fn send_again(&mut self, mut pending: Pending, why: &StoreError) {
        if pending.is_repeatable() {
            pending.is_repeat = pending.was_sent;
            self.waiting.push_front(pending);
        } else {
            self.events.push(pending.fail(why.clone()));
        }
    }

    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// The socket is about to get what is in [`Engine::out`]. A busy event loop may have kept those bytes for long, so
    /// the server's silence begins now.
    pub fn sending(&mut self, now: Micros) {
        self.ask_acknowledgement(now);
        for flight in self.in_flight.iter_mut().rev().take(self.unsent) {
            flight.at = now;
        }
        self.unsent = 0;
    }

    /// Whether what is in [`Engine::out`] should leave before the end of the turn, so that Redis works while JavaScript
    /// does. When Redis is idle, half of what the last replies will bring leaves early; after that, as much as Redis
    /// reads at once. With `WAIT`, nothing leaves early, because one `WAIT` is to cover all.
    pub fn wants_early_write(&self, bytes: usize) -> bool {
        let is_idle = self.in_flight.len() == self.unsent;
        let is_half = self.heard_together >= EARLY_WRITE_REPLIES && 2 * self.unsent >= self.heard_together;
        self.unsent > 0 && self.durability.is_none() && (bytes >= EARLY_WRITE_BYTES || (is_idle && is_half))
    }

    /// The socket has taken this much.
    pub fn progressed(&mut self, bytes: usize) {
        self.uploading += bytes as u64;
    }

    /// Bytes for the socket; whoever writes them drains them.
    pub fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    pub fn events(&mut self) -> &mut Vec<Event> {
        &mut self.events
    }

    pub fn fleet_news(&mut self) -> &mut Vec<FleetNews> {
        &mut self.fleet_news
    }

    fn send(&mut self, pending: Pending, now: Micros) {
        if !self.may_carry(&pending) {
            return self.set_aside(pending);
        }
        let Link::Up { features, clock_due, .. } = &mut self.link else { return self.waiting.push_back(pending) };
        let features = *features;
        if *clock_due <= now {
            *clock_due = now + CLOCK_AGE;
            cmd("TIME").write_packed_command(&mut self.out);
            self.sent(Sent::Time, now);
        }
        let stage = pending.first_stage(&features, now);
        self.write(pending, stage, now);
    }

    fn write(&mut self, mut pending: Pending, stage: Stage, now: Micros) {
        self.write_something(&pending, now);
        self.write_asking(&pending, now);
        pending.pack(&stage, &mut self.out);
        pending.was_sent = true;
        self.sent(Sent::Request(pending, stage), now);
    }

    fn sent(&mut self, sent: Sent, now: Micros) {
        let ahead = self.uploading + self.out.len() as u64;
        self.in_flight.push_back(InFlight { sent, at: now, ahead });
        self.unsent += 1;
    }

    /// When the connection is taken for dead, unless the server is heard before.
    fn silent_at(&self) -> Option<Micros> {
        let Link::Up { heard_at, .. } = self.link else { return None };
        let oldest = self.in_flight.front().filter(|_| self.unsent < self.in_flight.len())?;
        let allowed = match &oldest.sent {
            Sent::Request(pending, _) => pending.request.silence.min(self.command_timeout),
            _ => self.command_timeout,
        };
        Some(
            heard_at.max(oldest.at)
                + allowed
                + self.durability.map_or(0, Durability::patience)
                + oldest.ahead.saturating_sub(SMALL_UPLOAD) * 1_000 * MILLI / SLOWEST_UPLOAD,
        )
    }

    /// Call this after the socket was read, so that a blocked event loop is not taken for a silent server.
    pub fn tick(&mut self, now: Micros) {
        if self.silent_at().is_some_and(|at| at <= now) {
            let timeout = self.command_timeout / MILLI;
            self.retire(StoreError::Unavailable(format!("Redis gave no answer for up to {timeout} ms")), now);
        }
        if self.is_up() && self.later.iter().any(|(due, _)| *due <= now) {
            let (due, later) = std::mem::take(&mut self.later).into_iter().partition(|(due, _)| *due <= now);
            self.later = later;
            let due: Vec<(Micros, Pending)> = due;
            for (_, pending) in due {
                self.send(pending, now);
            }
        }
        if self.next_check <= now {
            self.check_deadlines(now);
        }
    }

    fn check_deadlines(&mut self, now: Micros) {
        let error = self
            .last_error
            .clone()
            .unwrap_or_else(|| StoreError::Unavailable("Redis gave no answer within the time allowed".into()));
        let mut next = Micros::MAX;
        let events = &mut self.events;
        let mut keep = |pending: &mut Pending| {
            let alive = pending.check(now, &error, events);
            if alive {
                next = next.min(pending.next_check());
            }
            alive
        };
        self.waiting.retain_mut(&mut keep);
        self.later.retain_mut(|(_, pending)| keep(pending));
        self.parked.retain_mut(|parked| keep(&mut parked.pending));
        for flight in &mut self.in_flight {
            if let Sent::Request(pending, _) = &mut flight.sent
                && !keep(pending)
            {
                flight.sent = Sent::Orphan;
            }
        }
        self.next_check = next;
    }

    /// When [`Engine::tick`] has something to do next.
    #[must_use]
    pub fn wake_at(&self) -> Micros {
        let retry = match self.link {
            Link::Down { retry_at } if self.has_work() => retry_at,
            _ => Micros::MAX,
        };
        // Without a connection nothing is sent, however long a request has been due.
        let later = self.later.iter().map(|(due, _)| *due).filter(|_| self.is_up()).min().unwrap_or(Micros::MAX);
        self.next_check.min(retry).min(later).min(self.silent_at().unwrap_or(Micros::MAX))
    }

    /// Nothing is asked of this connection, so it must not keep a process alive.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.later.is_empty()
            && self.parked.is_empty()
            && !self.in_flight.iter().any(|flight| matches!(flight.sent, Sent::Request(..)))
    }

    /// Answers every request with `error`; `close()` uses this.
    pub fn fail_all(&mut self, error: &StoreError) {
        let in_flight = std::mem::take(&mut self.in_flight).into_iter().filter_map(|flight| match flight.sent {
            Sent::Request(pending, _) => Some(pending),
            _ => None,
        });
        let all = in_flight
            .chain(std::mem::take(&mut self.waiting))
            .chain(std::mem::take(&mut self.later).into_iter().map(|(_, pending)| pending))
            .chain(self.take_parked());
        for pending in all.collect::<Vec<_>>() {
            self.events.push(pending.fail(error.clone()));
        }
        self.channels.clear();
    }
}

#[cfg(test)]
mod tests;
