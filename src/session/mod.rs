//! One client's calls, above any store: which operation is where, who waits for what, what JavaScript is told.
//! It asks a store, knows nothing of which one that is, and is turned by an executor. It reads no clock.
//!
//! An operation is begun, and then either answered for good, or held (its lease is renewed until it is completed,
//! failed or forgotten), or blocked behind another attempt (until it is tried again or forgotten).

mod admin;
mod answers;
mod begin;
mod delivery;
mod machines;
mod op;
mod payloads;
mod rehearsal;
mod terms;
mod waits;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::lease::{Leases, Loss};
use crate::model::{Command, Failure, Flags, Owner, Record, State};
use crate::seal::Sealer;
use crate::store::keys::Hasher;
use crate::store::{AnyStore, Ask, Connected, Event, Location, Request, Store as _, op_of};

pub use admin::AdminRequest;
pub use delivery::{Delivery, Tag};
use machines::Machines;
pub use machines::{Purpose, Sent};
use op::{Op, Phase};
pub use terms::{FailMode, Quota, Recording, Terms};
use waits::Waits;

/// A request that undoes a begin nobody waits for any more; its answer interests nobody.
const WITHDRAWAL: u64 = 1 << 32;

/// JavaScript gives no operation this number.
const OF_NO_OPERATION: u32 = 0;

/// How any thread tells the session something.
pub type Post = Arc<dyn Fn(Notice) + Send + Sync>;

/// What the world outside the executor's thread has to say.
pub enum Notice {
    LeaseLost(u32, Loss),
    /// The record at this key, which somebody waits for, has changed.
    Changed(String),
    /// The store's connection with this number is made, or not.
    Connected(usize, Connected),
    /// A large payload is in the form in which it is stored.
    Sealed(Box<Request>),
    /// A large payload is what it was, or why it cannot be read: the last word on its operation.
    Told(Delivery),
}

pub struct Session {
    pub store: AnyStore,
    /// The first writes; a record found under a later one is used where it is.
    hashers: Vec<Hasher>,
    leases: Arc<Leases>,
    ops: FxHashMap<u32, Op>,
    waits: Waits,
    machines: Machines,
    deliveries: Vec<Delivery>,
    sealer: Arc<Sealer>,
    /// Payloads that other threads work on.
    apart: usize,
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
            apart: 0,
            post,
            has_told_eviction: false,
            closed: false,
        }
    }

    pub fn complete(&mut self, id: u32, payload: String, recording: Recording, now: Micros) {
        let Some((op, Phase::Held { fence, attempt, recovered })) = self.ops.get(&id).map(|op| (op, &op.phase)) else {
            return self.deliver(Delivery::bare(id, Tag::Lost));
        };
        let held = op.begin().record(*fence, *attempt, Flags { recovered: *recovered, ..Flags::default() });
        let state = State::Completed { payload: payload.into_bytes() };
        let record = Record { flags: Flags::default(), state, ..held.clone() };
        let command = Command::Complete { record, retention_ms: recording.retention_ms };
        self.settle(id, Arc::clone(op.key()), command, Some(Box::new(held)), recording, now);
    }

    pub fn fail(&mut self, id: u32, mode: FailMode, payload: Option<String>, recording: Recording, now: Micros) {
        let Some(op) = self.ops.get(&id) else { return self.deliver(Delivery::bare(id, Tag::Lost)) };
        let payload = payload.unwrap_or_default().into_bytes();
        let failure = match mode {
            FailMode::Release => Failure::Release { payload },
            FailMode::Record => Failure::Record { payload, retention_ms: recording.retention_ms },
            FailMode::Hold => Failure::Hold,
        };
        let (key, command) = (Arc::clone(op.key()), Command::Fail { owner: op.owner, failure });
        self.settle(id, key, command, None, recording, now);
    }

    fn settle(
        &mut self,
        id: u32,
        key: Arc<str>,
        command: Command,
        held: Option<Box<Record>>,
        recording: Recording,
        now: Micros,
    ) {
        self.leases.settle(id);
        if let Some(op) = self.ops.get_mut(&id) {
            op.phase = Phase::Settling;
        }
        let request = Request {
            patience: now + recording.patience,
            held,
            ..Request::new(u64::from(id), key, Ask::Command(command), now + recording.budget)
        };
        self.submit(request, now);
    }

    /// Gives an operation up. A begin that may have been applied is withdrawn: the run it stood for never started.
    pub fn forget(&mut self, id: u32, now: Micros) {
        self.stop_listening(id, now);
        let Some(op) = self.ops.remove(&id) else { return };
        self.leases.release(id);
        let never_left = self.store.forget(u64::from(id));
        // Held: the key was acquired while its caller, who has not heard of it yet, gave up.
        if matches!(op.phase, Phase::Beginning | Phase::Held { .. }) && !never_left {
            self.withdraw(id, Arc::clone(op.key()), op.owner, op.terms.lease_ms, now);
        }
    }

    fn withdraw(&mut self, id: u32, key: Arc<str>, owner: Owner, lease_ms: u64, now: Micros) {
        let command = Command::Fail { owner, failure: Failure::Release { payload: Vec::new() } };
        let deadline = now + lease_ms * MILLI;
        self.ask(u64::from(id) | WITHDRAWAL, key, Ask::Command(command), deadline, now);
    }

    /// Blocked: tells when the record may have changed, after `for_us` at the latest. The first call of an operation
    /// also tells as soon as changes can be heard: what happened before was missed.
    pub fn wait(&mut self, id: u32, for_us: Micros, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let first = !std::mem::replace(&mut op.listening, true);
        let changed = std::mem::take(&mut op.changed);
        let key = Arc::clone(op.key());
        let mut audible_already = false;
        if first {
            audible_already = self.listen(id, &key, now);
        }
        if changed || audible_already {
            return self.deliver(Delivery::bare(id, Tag::Woken));
        }
        let for_us = if self.store.hears_of(&key) { for_us } else { for_us.min(waits::POLL_WITHOUT_NEWS) };
        self.waits.start(id, now + for_us);
    }

    /// True when changes are heard from this moment on; otherwise a change is announced when they are.
    fn listen(&mut self, id: u32, key: &str, now: Micros) -> bool {
        let is_first = self.waits.listen(id, key);
        !is_first || self.store.listen(key, now)
    }

    fn stop_listening(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if !std::mem::take(&mut op.listening) {
            return;
        }
        let key = Arc::clone(op.key());
        if self.waits.unlisten(id, &key) {
            self.store.stop_listening(&key, now);
        }
    }

    pub fn notice(&mut self, notice: Notice, now: Micros) {
        match notice {
            Notice::LeaseLost(id, loss) => {
                if self.ops.get(&id).is_some_and(|op| matches!(op.phase, Phase::Held { .. })) {
                    self.deliver(Delivery::lease_lost(id, loss));
                }
            }
            Notice::Changed(key) => self.changed(&key),
            Notice::Sealed(request) => self.sealed(*request, now),
            Notice::Told(delivery) => self.told(delivery, now),
            Notice::Connected(index, result) => {
                self.store.connected(index, result, now);
                self.take_events(now);
            }
        }
    }

    fn ask(&mut self, id: u64, key: Arc<str>, ask: Ask, deadline: Micros, now: Micros) {
        let silence = self.ops.get(&op_of(id)).map_or(Micros::MAX, |op| op.terms.lease_ms * MILLI / 3);
        let request = Request { silence, ..Request::new(id, key, ask, deadline) };
        self.submit(request, now);
    }

    /// A socket may be ready, or the time has come: reads what is there, and does everything that follows from it.
    pub fn turn(&mut self, now: Micros) {
        self.store.turn(now);
        self.catch_up(now);
    }

    /// As [`Session::turn`], for the connection with this number only.
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

    /// Hands the store's news on. An answer may lead to another request, which a store on a server holds ready to write.
    pub fn take_events(&mut self, now: Micros) {
        for event in self.store.take_events(now) {
            match event {
                Event::Answer(id, answer) => self.answer(id, answer, now),
                Event::Changed(key) => self.changed(&key),
                Event::Evicts(policy) => self.evicts(policy),
            }
        }
    }

    fn changed(&mut self, key: &str) {
        for id in self.waits.listeners(key) {
            if self.waits.stop(id) {
                self.deliver(Delivery::bare(id, Tag::Woken));
            } else if let Some(op) = self.ops.get_mut(&id) {
                op.changed = true;
            }
        }
    }

    /// Told once, however many connections and servers there are.
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

    /// Somebody waits for an answer: the process must stay.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.waits.is_empty() || self.apart > 0 || !self.store.is_idle()
    }

    /// Another thread works on a payload, and will post it.
    #[must_use]
    pub fn works_apart(&self) -> bool {
        self.apart > 0
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
        // Claims of calls that were answered just now are withdrawn with what the socket takes at once.
        self.store.disconnect(now);
    }
}
