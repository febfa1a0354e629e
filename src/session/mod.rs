//! One client's calls, above any store: which operation is where, who waits for what, what JavaScript is told.
//! It hosts the backend (the embedded store, or a fleet of Redis servers) and is turned by an executor. Like the engine it
//! reads no clock.
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
use std::sync::atomic::{AtomicU64, Ordering};

use rustc_hash::FxHashMap;

use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::lease::{Leases, Loss};
use crate::model::{Command, Failure, Flags, Owner, Record, State};
use crate::seal::Sealer;
use crate::store::embedded::MemoryStore;
use crate::store::keys::Hasher;
use crate::store::redis::connect::{Established, Failure as ConnectFailure};
use crate::store::redis::fleet::Fleet;
use crate::store::redis::request::{Ask, Event, Request};

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

static WATCHERS: AtomicU64 = AtomicU64::new(0);

pub enum Backend {
    Memory(Arc<MemoryStore>),
    Redis(Box<Fleet>),
}

/// What the world outside the executor's thread has to say.
pub enum Notice {
    LeaseLost(u32, Loss),
    /// The embedded store changed a record somebody waits for.
    Changed(String),
    /// The fleet's connection with this number is made, or not.
    Connected(usize, Result<Established, ConnectFailure>),
    /// A large payload is in the form in which it is stored.
    Sealed(Box<Request>),
    /// A large payload is what it was, or why it cannot be read: the last word on its operation.
    Told(Delivery),
}

pub struct Session {
    pub backend: Backend,
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
    /// Names this session to the embedded store.
    watcher: u64,
    has_told_eviction: bool,
    closed: bool,
}

impl Session {
    #[must_use]
    pub fn new(backend: Backend, hashers: Vec<Hasher>, sealer: Arc<Sealer>, leases: Arc<Leases>, post: Post) -> Self {
        Self {
            backend,
            hashers,
            leases,
            ops: FxHashMap::default(),
            waits: Waits::default(),
            machines: Machines::default(),
            deliveries: Vec::new(),
            sealer,
            apart: 0,
            post,
            watcher: WATCHERS.fetch_add(1, Ordering::Relaxed),
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
        let never_left = match &mut self.backend {
            Backend::Redis(fleet) => fleet.forget(u64::from(id)),
            Backend::Memory(_) => false,
        };
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
        let for_us = match &self.backend {
            Backend::Redis(fleet) if !fleet.can_listen(&key) => for_us.min(waits::POLL_WITHOUT_NEWS),
            _ => for_us,
        };
        self.waits.start(id, now + for_us);
    }

    /// True when changes are heard from this moment on; otherwise a change is announced when they are.
    fn listen(&mut self, id: u32, key: &str, now: Micros) -> bool {
        let first = self.waits.listen(id, key);
        match &mut self.backend {
            Backend::Memory(store) => {
                if first {
                    let (post, changed) = (Arc::clone(&self.post), key.to_owned());
                    store.subscribe(key, self.watcher, Box::new(move || post(Notice::Changed(changed.clone()))));
                }
                true
            }
            Backend::Redis(fleet) => {
                fleet.subscribe(key, now);
                !first
            }
        }
    }

    fn stop_listening(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if !std::mem::take(&mut op.listening) {
            return;
        }
        let key = Arc::clone(op.key());
        if self.waits.unlisten(id, &key) {
            match &mut self.backend {
                Backend::Memory(store) => store.unsubscribe(&key, self.watcher),
                Backend::Redis(fleet) => fleet.unsubscribe(&key, now),
            }
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
                if let Backend::Redis(fleet) = &mut self.backend {
                    fleet.install(index, result, now);
                }
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
        if let Backend::Redis(fleet) = &mut self.backend {
            fleet.turn_all(now);
        }
        self.catch_up(now);
    }

    /// As [`Session::turn`], for the connection with this number only.
    pub fn turn_one(&mut self, index: usize, now: Micros) {
        if let Backend::Redis(fleet) = &mut self.backend {
            fleet.turn(index, now);
        }
        self.catch_up(now);
    }

    fn catch_up(&mut self, now: Micros) {
        self.take_events(now);
        for id in self.waits.expired(now) {
            self.deliver(Delivery::bare(id, Tag::Woken));
        }
    }

    /// Hands the engine's news on; answering may ask anew, which the engine then holds ready to write.
    pub fn take_events(&mut self, now: Micros) {
        let Backend::Redis(fleet) = &mut self.backend else { return };
        for event in fleet.take_events(now) {
            match event {
                Event::Answer(id, answer) => self.answer(id, answer, now),
                Event::Changed(key) => self.changed(&key),
                Event::Evicts(policy) => self.evicts(policy),
                // A fleet keeps these to itself.
                Event::Moved { .. } | Event::Slots(_) => {}
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
        let engine = match &self.backend {
            Backend::Memory(_) => Micros::MAX,
            Backend::Redis(fleet) => fleet.wake_at(),
        };
        engine.min(self.waits.next())
    }

    /// Somebody waits for an answer: the process must stay.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.waits.is_empty() || self.apart > 0 || matches!(&self.backend, Backend::Redis(fleet) if !fleet.is_idle())
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
        if let Backend::Redis(fleet) = &mut self.backend {
            fleet.fail_all(&StoreError::Closed);
        }
        self.take_events(now);
        for id in self.ops.keys().copied().collect::<Vec<_>>() {
            self.stop_listening(id, now);
            self.leases.release(id);
        }
        self.ops.clear();
        if let Backend::Redis(fleet) = &mut self.backend {
            // Claims of calls that were answered just now are withdrawn with what the socket takes at once.
            fleet.disconnect(now);
        }
    }
}

/// Request ids carry the operation in their lower half.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
pub fn op_of(id: u64) -> u32 {
    (id & u64::from(u32::MAX)) as u32
}
