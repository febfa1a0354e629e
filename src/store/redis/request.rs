//! One request on its way: what it asks, how it is packed, what its reply means. A command on a record is usually
//! one script; `begin` of a new key is one plain `SET … NX GET`, which costs Redis a third of the script.

use std::fmt;
use std::sync::Arc;

use redis::{Value, cmd};

use super::engine::Features;
use super::slots::Range;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::quota::{Admission, Verdict};
use crate::model::{Command, Failure, Outcome, Record, machine};
use crate::scripts::machine::{self as machine_scripts, Keys, Prepared};
use crate::scripts::{self, ADMIT, Clock, DUE, Script, TRANSITION, quota as quota_scripts};

/// What is left of a record that somebody made permanent: as much as JavaScript counts exactly.
pub const NO_EXPIRY_MS: u64 = (1 << 53) - 1;

pub enum Ask {
    Command(Command),
    /// The record and what is left of its time, changing nothing.
    Inspect,
    /// Whether there is a record.
    Find,
    /// One more key in the count of its scope.
    Admit(Admission),
    /// A command on a state machine's instance.
    Machine(Box<MachineAsk>),
    /// At most so many of those in a due set whose timer should have fired.
    Due {
        limit: u64,
    },
}

pub struct MachineAsk {
    pub prepared: Arc<Prepared>,
    pub command: machine::Command,
    /// Where its timer is listed, and as what.
    pub due_set: Arc<str>,
    pub member: Box<str>,
}

pub struct Request {
    pub id: u64,
    pub key: Arc<str>,
    pub ask: Ask,
    /// It is answered by now, whatever happens.
    pub deadline: Micros,
    /// The caller is told once when it takes longer than this.
    pub patience: Micros,
    /// How long the wire may be silent under it.
    pub silence: Micros,
    /// It may have reached the server.
    pub was_sent: bool,
    /// An answer to it was lost: the server may have done it without our knowing.
    pub is_repeat: bool,
    /// For a completion: the record that its begin wrote. While it is still there, no script is needed.
    pub held: Option<Box<Record>>,
    /// In a cluster: how it got to this node.
    pub route: Route,
}

/// How a request got to a cluster's node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Its slot is on the move to this node: the node must be told that we know.
    pub asking: bool,
    /// How often it was sent on.
    pub hops: u8,
}

/// What is on the wire for a request.
pub enum Stage {
    /// `SET key record NX GET PX ttl`; the fence is the one in that record.
    Plain {
        fence: u64,
    },
    /// `SET key completed IFEQ held PX retention`.
    IfEqual,
    /// `EVALSHA`; `loaded` when its script went out just before it.
    Script {
        loaded: bool,
    },
    Get,
    Pttl {
        record: Option<Vec<u8>>,
    },
    /// `GETRANGE key 0 0`, empty where there is no record: unlike `EXISTS` a right that every user needs.
    FirstByte,
}

pub enum Sent {
    Request(Request, Stage),
    Time,
    Slots,
    /// How many have what was written before.
    Acknowledgement,
    Subscribe(String),
    Unsubscribe(String),
    /// Nobody waits for this reply.
    Orphan,
}

impl Sent {
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        match self {
            Self::Request(request, _) => Some(request.id),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub enum Answer {
    /// `sent_at`: when the command that was answered had been written.
    Outcome {
        outcome: Outcome,
        sent_at: Micros,
    },
    Inspected(Option<(Vec<u8>, u64)>),
    Found(bool),
    Admission(Verdict),
    Machine(machine::Outcome),
    Due(Vec<String>),
    /// It takes longer; an answer comes later.
    Delayed,
    /// `unknown`: the server may have done it all the same.
    Failed {
        error: StoreError,
        unknown: bool,
    },
    /// What is at the key is not a record.
    Unreadable(String),
}

#[derive(Debug)]
pub enum Event {
    Answer(u64, Answer),
    /// The record behind this channel may have changed.
    Changed(String),
    /// Another node of the cluster has it.
    Moved {
        request: Box<Request>,
        slot: u16,
        address: String,
        once: bool,
    },
    /// The server may evict records, by this policy.
    Evicts(String),
    /// Which nodes have which slots, as this node knows it; `None` when it did not tell.
    Slots(Option<Vec<Range>>),
}

impl Event {
    /// It says that something was done, which must not be said of what may be lost.
    #[must_use]
    pub fn stands_for_a_write(&self) -> bool {
        let Self::Answer(_, answer) = self else { return false };
        match answer {
            Answer::Outcome { outcome, .. } => matches!(outcome, Outcome::Acquired { .. } | Outcome::Done),
            Answer::Machine(outcome) => outcome.stands_for_a_write(),
            _ => false,
        }
    }
}

pub enum Step {
    Answered(Event),
    /// Ask on.
    Next(Stage),
}

/// Values and keys are nobody's business.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Request({})", self.id)
    }
}

impl Request {
    /// One that nobody is in a hurry for, not sent yet.
    #[must_use]
    pub fn new(id: u64, key: Arc<str>, ask: Ask, deadline: Micros) -> Self {
        Self {
            id,
            key,
            ask,
            deadline,
            patience: Micros::MAX,
            silence: Micros::MAX,
            was_sent: false,
            is_repeat: false,
            held: None,
            route: Route::default(),
        }
    }

    #[must_use]
    pub fn next_check(&self) -> Micros {
        self.deadline.min(self.patience)
    }

    /// An outcome of `fn` to record: a full store is waited out, nothing is lost.
    #[must_use]
    pub fn is_outcome(&self) -> bool {
        matches!(self.ask, Ask::Command(Command::Complete { .. } | Command::Fail { .. }))
    }

    /// It may change something in the store.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.ask, Ask::Command(_) | Ask::Machine(_))
    }

    /// It may wait for a server that will have us: nobody may start what it stands for again meanwhile.
    pub fn outlives_refusal(&self) -> bool {
        self.is_outcome() || matches!(self.ask, Ask::Command(Command::Extend { .. }))
    }

    /// Doing it twice is doing it once, whatever came between.
    pub fn is_repeatable(&self) -> bool {
        !self.was_sent || !matches!(self.ask, Ask::Command(Command::Reset { .. } | Command::Resolve { .. }))
    }

    #[must_use]
    pub fn first_stage(&self, features: &Features, now: Micros) -> Stage {
        let command = match &self.ask {
            Ask::Command(command) => command,
            Ask::Machine(_) | Ask::Due { .. } | Ask::Admit(_) => return Stage::Script { loaded: false },
            Ask::Inspect => return Stage::Get,
            Ask::Find => return Stage::FirstByte,
        };
        match command {
            // A repeat goes through the script, which renews a lease that is ours already.
            Command::Begin(begin) if features.set_nx_get && !self.was_sent && begin.awaited_fence.is_none() => {
                // The fence must also outgrow a record that has expired: only an estimate much better than that time serves.
                if begin.retention_ms * MILLI > 10 * features.clock.error(now) {
                    return Stage::Plain { fence: features.clock.estimate(now) };
                }
                Stage::Script { loaded: false }
            }
            Command::Complete { .. } if features.set_if_equal && !self.was_sent && self.held.is_some() => {
                Stage::IfEqual
            }
            _ => Stage::Script { loaded: false },
        }
    }

    pub fn pack(&self, stage: &Stage, out: &mut Vec<u8>) {
        match (stage, &self.ask) {
            (Stage::Plain { fence }, Ask::Command(Command::Begin(begin))) => {
                scripts::pack_set_if_absent(begin, self.key.as_bytes(), *fence, out);
            }
            (Stage::IfEqual, Ask::Command(Command::Complete { record, retention_ms })) => {
                let held = self.held.as_deref().unwrap_or(record);
                scripts::pack_set_if_equal(held, record, *retention_ms, self.key.as_bytes(), out);
            }
            (Stage::Script { .. } | Stage::Plain { .. } | Stage::IfEqual, Ask::Command(command)) => {
                scripts::pack(command, self.key.as_bytes(), Clock::Server, out);
            }
            (_, Ask::Machine(ask)) => {
                let keys = Keys {
                    instance: self.key.as_bytes(),
                    due_set: ask.due_set.as_bytes(),
                    member: ask.member.as_bytes(),
                };
                machine_scripts::pack(&ask.command, &ask.prepared, keys, Clock::Server, out);
            }
            (_, Ask::Due { limit }) => machine_scripts::pack_due(self.key.as_bytes(), *limit, Clock::Server, out),
            (_, Ask::Admit(admission)) => quota_scripts::pack(*admission, self.key.as_bytes(), Clock::Server, out),
            (_, Ask::Find) | (Stage::FirstByte, _) => {
                cmd("GETRANGE").arg(&*self.key).arg(0).arg(0).write_packed_command(out);
            }
            (Stage::Pttl { .. }, _) => cmd("PTTL").arg(&*self.key).write_packed_command(out),
            (_, Ask::Inspect) | (Stage::Get, _) => cmd("GET").arg(&*self.key).write_packed_command(out),
        }
    }

    pub fn load_script(&self, out: &mut Vec<u8>) {
        let script: &Script = match &self.ask {
            Ask::Command(command) => Script::of(command),
            Ask::Machine(_) => &TRANSITION,
            Ask::Due { .. } => &DUE,
            Ask::Admit(_) => &ADMIT,
            Ask::Inspect | Ask::Find => return,
        };
        cmd("SCRIPT").arg("LOAD").arg(&script.source).write_packed_command(out);
    }

    /// # Errors
    /// The reply is none that its command can have: it is to be sent again over another connection.
    pub fn read(&self, stage: Stage, value: Value, sent_at: Micros) -> Result<Step, StoreError> {
        match (stage, value) {
            (Stage::Plain { fence }, reply @ (Value::Nil | Value::BulkString(_))) => {
                let record = if let Value::BulkString(record) = reply { Some(record) } else { None };
                let Ask::Command(Command::Begin(begin)) = &self.ask else { return strange("a begin's reply") };
                let outcome = scripts::judge_set(record, begin, fence);
                let script = Step::Next(Stage::Script { loaded: false });
                Ok(outcome.map_or(script, |outcome| self.outcome(outcome, sent_at)))
            }
            (Stage::IfEqual, Value::Okay) => Ok(self.outcome(Outcome::Done, sent_at)),
            // Somebody waits, or this is a repeat, or it is not ours any more.
            (Stage::IfEqual, Value::Nil) => Ok(Step::Next(Stage::Script { loaded: false })),
            (Stage::Script { .. }, reply) => {
                let parts: Option<Vec<&[u8]>> = match &reply {
                    Value::Array(parts) => parts.iter().map(bytes).collect(),
                    one => bytes(one).map(|word| vec![word]),
                };
                match parts.and_then(|parts| self.interpret(&parts, sent_at)) {
                    Some(answer) => Ok(Step::Answered(Event::Answer(self.id, answer))),
                    None => strange("a reply that none of the scripts gives"),
                }
            }
            (Stage::FirstByte, Value::BulkString(byte)) => {
                Ok(Step::Answered(Event::Answer(self.id, Answer::Found(!byte.is_empty()))))
            }
            (Stage::Get, Value::Nil) => Ok(Step::Answered(Event::Answer(self.id, Answer::Inspected(None)))),
            (Stage::Get, Value::BulkString(record)) => Ok(Step::Next(Stage::Pttl { record: Some(record) })),
            (Stage::Pttl { record }, Value::Int(left)) => {
                // -2: it went away in between.
                let left = if left == -1 { Some(NO_EXPIRY_MS) } else { u64::try_from(left).ok() };
                let found = record.zip(left);
                Ok(Step::Answered(Event::Answer(self.id, Answer::Inspected(found))))
            }
            _ => strange("a reply of a kind its command does not have"),
        }
    }

    /// What its script's reply means.
    fn interpret(&self, parts: &[&[u8]], sent_at: Micros) -> Option<Answer> {
        match &self.ask {
            Ask::Machine(_) => machine_scripts::parse(parts).ok().map(Answer::Machine),
            Ask::Admit(_) => quota_scripts::parse(parts).ok().map(Answer::Admission),
            Ask::Due { .. } => {
                let members = parts.iter().map(|member| String::from_utf8(member.to_vec()).ok());
                members.collect::<Option<_>>().map(Answer::Due)
            }
            _ => scripts::parse(parts).ok().map(|outcome| self.judged(outcome, sent_at)),
        }
    }

    fn outcome(&self, outcome: Outcome, sent_at: Micros) -> Step {
        Step::Answered(Event::Answer(self.id, self.judged(outcome, sent_at)))
    }

    fn judged(&self, outcome: Outcome, sent_at: Micros) -> Answer {
        let outcome = if self.was_released_before(&outcome) { Outcome::Done } else { outcome };
        Answer::Outcome { outcome, sent_at }
    }

    /// A release lets others acquire. Whom it finds when it comes a second time is most likely one of them, and nothing
    /// of theirs is in danger: a release that is stale changes nothing.
    fn was_released_before(&self, outcome: &Outcome) -> bool {
        let is_release = matches!(&self.ask, Ask::Command(Command::Fail { failure: Failure::Release { .. }, .. }));
        self.is_repeat && is_release && matches!(outcome, Outcome::Stale { .. })
    }

    #[must_use]
    pub fn fail(&self, error: StoreError) -> Event {
        Event::Answer(self.id, Answer::Failed { error, unknown: self.was_sent })
    }

    #[must_use]
    pub fn unreadable(&self, reason: String) -> Event {
        Event::Answer(self.id, Answer::Unreadable(reason))
    }

    pub fn lose_patience(&mut self) -> Option<Event> {
        let impatient = self.patience != Micros::MAX;
        self.patience = Micros::MAX;
        impatient.then_some(Event::Answer(self.id, Answer::Delayed))
    }

    /// False when its time is over: it has been answered.
    pub fn check(&mut self, now: Micros, error: &StoreError, events: &mut Vec<Event>) -> bool {
        if self.deadline <= now {
            events.push(self.fail(error.clone()));
            return false;
        }
        if self.patience <= now {
            events.extend(self.lose_patience());
        }
        true
    }
}

fn strange(what: &str) -> Result<Step, StoreError> {
    Err(StoreError::Protocol(format!("the server sent {what}")))
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
