//! A request that waits for its answer: whether it was sent, whether it may be sent again, and how its time runs out.

use super::slots::Range;
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::Command;
use crate::store::ask::{Answer, Ask, Event, Request};

/// A request that has not had its last answer, and what has become of it so far.
pub struct Pending {
    pub request: Request,
    /// The request may have reached the server.
    pub was_sent: bool,
    /// An answer to the request was lost, so the server may have carried it out unnoticed.
    pub is_repeat: bool,
    /// A begin that may not write, whose key has a record: it is somebody's run, or its outcome.
    pub has_record: bool,
    /// Connections that the other side has ended while this large write was on its way.
    pub ends: u8,
    /// In a cluster: how it got to this node.
    pub route: Route,
}

/// How a request got to a cluster's node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The request's slot is moving to this node, so the node must get an `ASKING` first.
    pub asking: bool,
    /// How often the request was redirected.
    pub hops: u8,
}

/// What only the fleet has to know.
pub enum FleetNews {
    /// Another node of the cluster has the request's key; `once`: for this command only.
    Moved { pending: Box<Pending>, slot: u16, address: String, once: bool },
    /// Which nodes have which slots, as this node knows it; `None` when it did not tell.
    Slots(Option<Vec<Range>>),
    /// Connections have ended on this large write: it is to have one of its own.
    Alone(Box<Pending>),
}

impl Pending {
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self { request, was_sent: false, is_repeat: false, has_record: false, ends: 0, route: Route::default() }
    }

    #[must_use]
    pub fn next_check(&self) -> Micros {
        self.request.deadline.min(self.request.patience)
    }

    /// The request records an outcome of `fn`. It waits until a full store has room, so that nothing is lost.
    #[must_use]
    pub fn is_outcome(&self) -> bool {
        matches!(self.request.ask, Ask::Command(Command::Complete { .. } | Command::Fail { .. }))
    }

    /// The request may change something in the store.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.request.ask, Ask::Command(_) | Ask::Machine(_))
    }

    #[must_use]
    pub fn is_begin(&self) -> bool {
        matches!(self.request.ask, Ask::Command(Command::Begin(_)))
    }

    /// An error that is final for others makes it wait: nobody may start meanwhile what it stands for.
    pub fn outlives_final_errors(&self) -> bool {
        self.is_outcome() || matches!(self.request.ask, Ask::Command(Command::Extend { .. }))
    }

    /// Carrying out the request twice equals carrying it out once, whatever came in between.
    pub fn is_repeatable(&self) -> bool {
        !self.was_sent || !matches!(self.request.ask, Ask::Command(Command::Reset { .. } | Command::Resolve { .. }))
    }

    #[must_use]
    pub fn fail(&self, error: StoreError) -> Event {
        Event::Answer(self.request.id, Answer::Failed { error, unknown: self.was_sent, has_record: self.has_record })
    }

    #[must_use]
    pub fn unreadable(&self, reason: String) -> Event {
        Event::Answer(self.request.id, Answer::Unreadable(reason))
    }

    pub fn lose_patience(&mut self) -> Option<Event> {
        let impatient = self.request.patience != Micros::MAX;
        self.request.patience = Micros::MAX;
        impatient.then_some(Event::Answer(self.request.id, Answer::Delayed))
    }

    /// False when the request's time is over; it has been answered then.
    pub fn check(&mut self, now: Micros, error: &StoreError, events: &mut Vec<Event>) -> bool {
        if self.request.deadline <= now {
            events.push(self.fail(error.clone()));
            return false;
        }
        if self.request.patience <= now {
            events.extend(self.lose_patience());
        }
        true
    }
}
