//! A connection's whole life, told by bytes: requests, whatever the server says and when, losses, reconnections.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use actonce::clock::{MILLI, Micros, ServerClock};
use actonce::error::StoreError;
use actonce::model::machine::{self, Look, Machine};
use actonce::model::quota::Quota;
use actonce::model::{Absent, Begin, Command, Failure, Flags, Owner, Record, State};
use actonce::scripts::machine::Prepared;
use actonce::store::redis::FleetNews;
use actonce::store::redis::engine::Engine;
use actonce::store::redis::features::{ConnectError, Features};
use actonce::store::{Answer, Ask, Event, MachineAsk, Request};

const START: Micros = 1_000 * MILLI;
const TIMEOUT: Micros = 200 * MILLI;
/// After this every request has had its last answer.
const LIFE: Micros = 1_000 * MILLI;
const MACHINE: &str = r#"{"id":"m","initial":0,"states":[{"name":"a","final":false,"after":null}],"events":[],"historyLimit":1,"retentionMs":1}"#;
static PREPARED: LazyLock<Arc<Prepared>> =
    LazyLock::new(|| Arc::new(Prepared::new(Machine::parse(MACHINE).expect("a machine"))));

/// Replies that fit, so that a mutation gets beyond the first of them.
const FITTING: [&[u8]; 12] = [
    b"_\r\n",
    b"+OK\r\n",
    b"$4\r\ndone\r\n",
    b"*4\r\n$8\r\nacquired\r\n$16\r\n1763900000000000\r\n$1\r\n1\r\n$1\r\n0\r\n",
    b"*3\r\n$11\r\nin_progress\r\n$16\r\n1763900000000000\r\n$1\r\n9\r\n",
    b"*2\r\n$5\r\nstale\r\n$16\r\n1763900000000000\r\n",
    b":-1\r\n",
    b"*0\r\n",
    b"-NOSCRIPT No matching script.\r\n",
    b"-OOM command not allowed\r\n",
    b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nC\r\n",
];

/// However it goes, every request gets exactly one last answer by its deadline, and nothing is left.
pub fn engine(mut script: &[u8]) {
    let mut life = Life::new();
    while let Some((&step, rest)) = script.split_first() {
        script = rest;
        match step % 16 {
            0..=5 => life.ask(step),
            6 => life.engine.subscribe("c", life.now),
            7 => life.engine.unsubscribe("c", life.now),
            8 => life.pass(MILLI),
            9 => life.pass(TIMEOUT),
            10 => life.connect(step),
            11 => life.engine.retire(StoreError::Unavailable("cut".into()), life.now),
            12 => life.refuse(step >= 128),
            13 => life.engine.received(FITTING[usize::from(step / 16) % FITTING.len()], life.now),
            14 => life.engine.received(FITTING[(usize::from(step / 16) + 5) % FITTING.len()], life.now),
            _ => {
                let said = script.iter().position(|&byte| byte == 0).unwrap_or(script.len());
                life.engine.received(&script[..said], life.now);
                script = script.get(said + 1..).unwrap_or_default();
            }
        }
        life.hear();
    }
    life.end();
}

struct Life {
    engine: Engine,
    now: Micros,
    /// Each request's deadline until it has had its last answer.
    open: HashMap<u64, Micros>,
    next_id: u64,
}

impl Life {
    fn new() -> Self {
        let engine = Engine::new(TIMEOUT, None);
        let mut life = Self { engine, now: START, open: HashMap::new(), next_id: 0 };
        life.connect(0);
        life
    }

    fn connect(&mut self, seed: u8) {
        if !self.engine.is_up() {
            let clock = ServerClock::measured(1_763_900_000_000_000, self.now, self.now);
            self.engine.connecting();
            self.engine.connected(Features { clock, set_nx_get: seed < 128, set_if_equal: seed % 32 < 16 }, self.now);
        }
    }

    fn refuse(&mut self, is_final: bool) {
        if !self.engine.is_up() {
            self.engine.connecting();
            self.engine.failed(ConnectError { error: StoreError::Refused("no".into()), is_final }, self.now);
        }
    }

    fn ask(&mut self, step: u8) {
        let owner = Owner::from_random([1; 12]);
        let state = State::Completed { payload: vec![b'x'; usize::from(step)] };
        let record = Record { fence: 1, owner, fingerprint: None, flags: Flags::default(), attempt: 1, state };
        let held = (step % 16 == 1).then(|| Box::new(record.clone()));
        let ask = match step % 16 {
            0 => Ask::Command(Command::Begin(Begin {
                owner,
                fingerprint: None,
                lease_ms: 30_000,
                retention_ms: 86_400_000,
                hold: false,
                mark_waited: true,
                awaited_fence: None,
                absent: Absent::Acquire,
            })),
            1 => Ask::Command(Command::Complete { record, retention_ms: 1 }),
            2 => {
                Ask::Command(Command::Fail { owner, failure: Failure::Release { payload: Vec::new(), told_for_ms: 1 } })
            }
            3 => Ask::Command(Command::Reset { owner, retention_ms: 1, force: true }),
            4 if step < 128 => Ask::Inspect,
            4 => Ask::Due { skipped: 0, limit: 10 },
            5 if step < 128 => Ask::Find,
            5 => Ask::Quota(Quota { limit: 10, retention_ms: 1 }),
            _ => Ask::Machine(Box::new(MachineAsk {
                prepared: Arc::clone(&PREPARED),
                command: machine::Command::Look { purpose: Look::History },
                due_set: "d".into(),
                member: "m".into(),
            })),
        };
        self.next_id += 1;
        let deadline = self.now + LIFE;
        self.open.insert(self.next_id, deadline);
        let patience = self.now + LIFE / 2;
        let request = Request { patience, held, ..Request::new(self.next_id, "k".into(), ask, deadline) };
        self.engine.submit(request, self.now);
    }

    /// The socket takes everything, and time goes on.
    fn pass(&mut self, by: Micros) {
        let length = self.engine.out().len();
        self.engine.sending(self.now);
        self.engine.out().clear();
        self.engine.progressed(length);
        self.now += by;
        self.engine.tick(self.now);
    }

    fn hear(&mut self) {
        for event in std::mem::take(self.engine.events()) {
            match event {
                Event::Answer(_, Answer::Delayed) | Event::Changed(_) | Event::Evicts(_) => {}
                Event::Answer(id, answer) => {
                    let deadline = self.open.remove(&id);
                    assert!(deadline.is_some(), "a second last answer to {id}: {answer:?}");
                }
            }
        }
        for news in std::mem::take(self.engine.fleet_news()) {
            if let FleetNews::Moved { pending, .. } | FleetNews::Alone(pending) = news {
                // Somebody else's from here on.
                self.open.remove(&pending.request.id);
            }
        }
        // Only `pass` lets time go on, and it ticks.
        assert!(self.open.values().all(|&deadline| deadline > self.now), "one is overdue");
    }

    fn end(&mut self) {
        self.pass(LIFE);
        self.hear();
        assert!(self.open.is_empty(), "never answered: {:?}", self.open.keys());
        assert!(self.engine.is_idle());
    }
}
