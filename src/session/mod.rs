//! One client's calls, above any store: which operation is where, who waits for what, what JavaScript is told.
//! A session asks a store without knowing which one it is. An executor turns the session, which reads no clock.
//!
//! An operation begins. Then it is answered for good, or held (its lease is renewed until it completes, fails or is
//! forgotten), or blocked behind another attempt (until it is tried again or forgotten).
//!
//! `begin` starts an operation, `waits` has the blocked ones, and `ending` ends one. `answers` says what a store's
//! answer means for its operation. `payloads` seals what goes to the store and opens what comes back. `machines` has
//! the commands on instances, and `trail` what a run did to one; `admin` has those of an operator, `rehearsal` those of
//! a test. `op` is one operation, `names` the names of its record, `terms` how it wants to run, and `delivery` what
//! JavaScript is told.

mod admin;
mod answers;
mod begin;
mod delivery;
mod ending;
mod machines;
mod names;
mod op;
mod payloads;
mod rehearsal;
mod terms;
mod trail;
mod waits;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::lease::{Leases, Loss, renewal_interval};
use crate::model::Command;
use crate::seal::Sealer;
use crate::store::keys::Hasher;
use crate::store::{AnyStore, Ask, Connected, Event, Location, Request, Store as _, op_of};

pub use admin::AdminRequest;
pub use delivery::{Delivery, Tag};
use machines::Machines;
pub use machines::{Attempt, Purpose, SentEvent};
use op::{Op, Phase};
pub use terms::{FailMode, Recording, ScopeQuota, Terms};
use waits::Waits;

/// JavaScript gives no operation this number.
const OF_NO_OPERATION: u32 = 0;

/// How any thread tells the session something.
pub type Post = Arc<dyn Fn(Notice) + Send + Sync>;

/// News from outside the executor's thread.
pub enum Notice {
    LeaseLost(u32, Loss),
    /// The record at this key, which somebody waits for, has changed.
    Changed(String),
    /// The attempt to make the store's connection with this number has ended.
    Connected(usize, Connected),
    /// A large payload is in the form in which it is stored.
    Sealed(Box<Request>),
    /// The seal thread has prepared an operation's last delivery: a large payload is opened, or cannot be read.
    Ended(Delivery),
}

pub struct Session {
    pub store: AnyStore,
    /// The first one writes. A record found under a later one is read where it is; a new attempt moves to the first.
    hashers: Vec<Hasher>,
    leases: Arc<Leases>,
    ops: FxHashMap<u32, Op>,
    waits: Waits,
    machines: Machines,
    deliveries: Vec<Delivery>,
    sealer: Arc<Sealer>,
    /// How many payloads are on the seal thread.
    on_seal_thread: usize,
    post: Post,
    has_told_eviction: bool,
    closed: bool,
}

impl Session {
    #[must_use]
    pub fn new(at: &Location, hashers: Vec<Hasher>, sealer: Arc<Sealer>, leases: Arc<Leases>, post: Post) -> Self {
        let tell = Arc::clone(&post);
        Self {
            store: at.open(Arc::new(move |key| tell(Notice::Changed(key)))),
            hashers,
            leases,
            ops: FxHashMap::default(),
            waits: Waits::default(),
            machines: Machines::default(),
            deliveries: Vec::new(),
            sealer,
            on_seal_thread: 0,
            post,
            has_told_eviction: false,
            closed: false,
        }
    }

    pub fn notice(&mut self, notice: Notice, now: Micros) {
        match notice {
            Notice::LeaseLost(id, loss) => {
                if self.ops.get(&id).is_some_and(|op| matches!(op.phase, Phase::Held(_))) {
                    self.deliver(Delivery::lease_lost(id, loss));
                }
            }
            Notice::Changed(key) => self.changed(&key),
            Notice::Sealed(request) => self.sealed(*request, now),
            Notice::Ended(delivery) => self.ended(delivery, now),
            Notice::Connected(index, result) => {
                self.store.connected(index, result, now);
                self.take_events(now);
            }
        }
    }

    fn ask(&mut self, id: u64, key: Arc<str>, ask: Ask, deadline: Micros, now: Micros) {
        let silence = self.ops.get(&op_of(id)).map_or(Micros::MAX, |op| renewal_interval(op.terms.lease_ms * MILLI));
        let request = Request { silence, ..Request::new(id, key, ask, deadline) };
        self.submit(request, now);
    }

    /// A socket may be ready, or a time has come: reads what is there, and does everything that follows from it.
    pub fn turn(&mut self, now: Micros) {
        self.store.turn(now);
        self.catch_up(now);
    }

    /// Does the same as [`Session::turn`] for the connection with this number only.
    pub fn turn_one(&mut self, index: usize, now: Micros) {
        self.store.turn_one(index, now);
        self.catch_up(now);
    }

    fn catch_up(&mut self, now: Micros) {
        self.take_events(now);
        for id in self.waits.expired(now) {
            self.deliver(Delivery::bare(id, Tag::Woken));
        }
    }

    /// Handles the store's news. An answer may lead to another request, which a store on a server holds ready to
    /// write.
    pub fn take_events(&mut self, now: Micros) {
        for event in self.store.take_events(now) {
            match event {
                Event::Answer(id, answer) => self.answer(id, answer, now),
                Event::Changed(key) => self.changed(&key),
                Event::Evicts(policy) => self.evicts(policy),
            }
        }
    }

    /// Reports eviction once, however many connections and servers there are.
    fn evicts(&mut self, policy: String) {
        if !std::mem::replace(&mut self.has_told_eviction, true) {
            self.deliver(Delivery::text(OF_NO_OPERATION, Tag::Evicts, policy.into_bytes()));
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.deliveries.push(delivery);
    }

    pub fn deliveries(&mut self) -> &mut Vec<Delivery> {
        &mut self.deliveries
    }

    #[must_use]
    pub fn wake_at(&self) -> Micros {
        self.store.wake_at().min(self.waits.next())
    }

    /// Somebody waits for an answer, so the process must stay alive.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.waits.is_empty() || self.on_seal_thread > 0 || !self.store.is_idle()
    }

    /// A payload is on the seal thread, which will post the result.
    #[must_use]
    pub fn waits_for_seal_thread(&self) -> bool {
        self.on_seal_thread > 0
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn close(&mut self, now: Micros) {
        self.closed = true;
        for id in self.waits.all() {
            self.deliver(Delivery::failed(id, &StoreError::Closed));
        }
        self.store.fail_all(&StoreError::Closed);
        self.take_events(now);
        for id in self.ops.keys().copied().collect::<Vec<_>>() {
            self.stop_listening(id, now);
            self.leases.release(id);
        }
        self.ops.clear();
        // The withdrawals of claims whose calls were answered just now leave as far as the socket takes them.
        self.store.disconnect(now);
    }
}
