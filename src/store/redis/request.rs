//! One request on its way: what it asks, how it is packed, what its reply means. A command on a record is usually
//! one script; `begin` of a new key is one plain `SET … NX GET`, which costs Redis a third of the script.

use redis::{Value, cmd};

use super::engine::Features;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::{Begin, Command, Flags, Outcome, Record, State, outcome_at_any_time, unfinished_ttl_ms};
use crate::scripts;

pub enum Ask {
    Command(Command),
    /// The record and what is left of its time, changing nothing.
    Inspect,
}

pub struct Request {
    pub id: u64,
    pub key: String,
    pub ask: Ask,
    /// It is answered by now, whatever happens.
    pub deadline: Micros,
    /// The caller is told once when it takes longer than this.
    pub patience: Micros,
    /// How long the wire may be silent under it.
    pub silence: Micros,
    /// It may have reached the server.
    pub was_sent: bool,
}

/// What is on the wire for a request.
pub enum Stage {
    /// `SET key record NX GET PX ttl`; the fence is the one in that record.
    Plain { fence: u64 },
    Script,
    Get,
    Pttl { record: Option<Vec<u8>> },
}

pub enum Sent {
    Request(Request, Stage),
    Time,
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
    Outcome { outcome: Outcome, sent_at: Micros },
    Inspected(Option<(Vec<u8>, u64)>),
    /// It takes longer; an answer comes later.
    Delayed,
    /// `unknown`: the server may have done it all the same.
    Failed { error: StoreError, unknown: bool },
    /// What is at the key is not a record.
    Unreadable(String),
}

#[derive(Debug)]
pub enum Event {
    Answer(u64, Answer),
    /// The record behind this channel may have changed.
    Changed(String),
}

pub enum Step {
    Answered(Event),
    /// Ask on.
    Send(Request, Stage),
}

impl Request {
    #[must_use]
    pub fn next_check(&self) -> Micros {
        self.deadline.min(self.patience)
    }

    /// An outcome of `fn` to record: a full store is waited out, nothing is lost.
    #[must_use]
    pub fn is_outcome(&self) -> bool {
        matches!(self.ask, Ask::Command(Command::Complete { .. } | Command::Fail { .. }))
    }

    #[must_use]
    pub fn first_stage(&self, features: &Features, now: Micros) -> Stage {
        let Ask::Command(command) = &self.ask else { return Stage::Get };
        match command {
            // A repeat goes through the script, which renews a lease that is ours already.
            Command::Begin(begin) if features.set_nx_get && !self.was_sent && begin.awaited_fence.is_none() => {
                // The fence must also outgrow a record that has expired: only an estimate much better than that time serves.
                if begin.retention_ms * MILLI > 10 * features.clock.error(now) {
                    return Stage::Plain { fence: features.clock.estimate(now) };
                }
                Stage::Script
            }
            _ => Stage::Script,
        }
    }

    pub fn pack(&self, stage: &Stage, out: &mut Vec<u8>) {
        match (stage, &self.ask) {
            (Stage::Plain { fence }, Ask::Command(Command::Begin(begin))) => {
                let ttl_ms = unfinished_ttl_ms(begin.retention_ms, begin.lease_ms);
                let mut record = Vec::with_capacity(96);
                fresh_record(begin, *fence, ttl_ms).encode(&mut record);
                let mut set = cmd("SET");
                set.arg(&self.key).arg(record).arg("NX").arg("GET").arg("PX").arg(ttl_ms);
                set.write_packed_command(out);
            }
            (Stage::Script | Stage::Plain { .. }, Ask::Command(command)) => scripts::pack(&self.key, command, out),
            (Stage::Pttl { .. }, _) => cmd("PTTL").arg(&self.key).write_packed_command(out),
            (_, Ask::Inspect) | (Stage::Get, _) => cmd("GET").arg(&self.key).write_packed_command(out),
        }
    }

    pub fn load_script(&self, out: &mut Vec<u8>) {
        if let Ask::Command(command) = &self.ask {
            cmd("SCRIPT").arg("LOAD").arg(scripts::of(command).source).write_packed_command(out);
        }
    }

    /// # Errors
    /// The request, to be sent again over another connection, when the reply is none that its command can have.
    pub fn read(self, stage: Stage, value: Value, sent_at: Micros) -> Result<Step, Box<(Self, StoreError)>> {
        match (stage, value) {
            (Stage::Plain { fence }, Value::Nil) => {
                Ok(self.outcome(Outcome::Acquired { fence, attempt: 1, recovered: false }, sent_at))
            }
            (Stage::Plain { .. }, Value::BulkString(text)) => match (Record::decode(&text), &self.ask) {
                (Err(why), _) => Ok(self.outcome(Outcome::Unreadable(why), sent_at)),
                (Ok(record), Ask::Command(Command::Begin(begin))) => match outcome_at_any_time(&record, begin) {
                    Some(outcome) => Ok(self.outcome(outcome, sent_at)),
                    None => Ok(Step::Send(self, Stage::Script)),
                },
                _ => self.strange("a reply to another command"),
            },
            (Stage::Script, Value::Array(parts)) => {
                let parts: Option<Vec<&[u8]>> = parts.iter().map(bytes).collect();
                match parts.as_deref().and_then(scripts::parse) {
                    Some(outcome) => Ok(self.outcome(outcome, sent_at)),
                    None => self.strange("a reply that none of its scripts gives"),
                }
            }
            (Stage::Get, Value::Nil) => Ok(Step::Answered(Event::Answer(self.id, Answer::Inspected(None)))),
            (Stage::Get, Value::BulkString(record)) => Ok(Step::Send(self, Stage::Pttl { record: Some(record) })),
            (Stage::Pttl { record }, Value::Int(left)) => {
                let left = u64::try_from(left).ok();
                let found = record.zip(left);
                Ok(Step::Answered(Event::Answer(self.id, Answer::Inspected(found))))
            }
            _ => self.strange("a reply of a kind its command does not have"),
        }
    }

    fn outcome(&self, outcome: Outcome, sent_at: Micros) -> Step {
        Step::Answered(Event::Answer(self.id, Answer::Outcome { outcome, sent_at }))
    }

    fn strange(self, what: &str) -> Result<Step, Box<(Self, StoreError)>> {
        let error = StoreError::Protocol(format!("the server sent {what}"));
        Err(Box::new((self, error)))
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
        impatient.then(|| Event::Answer(self.id, Answer::Delayed))
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

fn fresh_record(begin: &Begin, fence: u64, ttl_ms: u64) -> Record {
    Record {
        fence,
        owner: begin.owner,
        fingerprint: begin.fingerprint,
        flags: Flags { hold: begin.hold, ..Flags::default() },
        attempt: 1,
        state: State::Processing { lease_ms: begin.lease_ms, ttl_ms },
    }
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
