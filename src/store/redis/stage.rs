//! How each request is packed, and what the replies mean. A command on a record is usually one script; the `begin` of a
//! new key is one plain `SET … NX GET`, which costs Redis a third of the script.

use redis::{Value, cmd};

use super::features::Features;
use super::pending::Pending;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::{Command, Failure, Outcome};
use crate::scripts::machine::{self as machine_scripts, Keys};
use crate::scripts::{self, ADMIT, DUE, Script, TRANSITION, TimeSource, quota as quota_scripts};
use crate::store::ask::{Answer, Ask, NO_EXPIRY_MS, Request};

/// What is on the wire for a request.
pub enum Stage {
    /// `SET key record NX GET PX ttl`; the fence is the one in the record.
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
    /// `GETRANGE key 0 0`, empty where there is no record. Unlike `EXISTS`, every user needs the right to it anyway.
    FirstByte,
    /// The same for a begin that was not allowed to write.
    AnyRecord(Refusal),
}

/// Why a begin may not write.
pub struct Refusal {
    pub why: StoreError,
    /// For the moment: it is tried again.
    pub passes: bool,
}

pub enum Progress {
    Answered(Answer),
    /// The next command is to be sent.
    Next(Stage),
}

impl Pending {
    #[must_use]
    pub fn first_stage(&self, features: &Features, now: Micros) -> Stage {
        let command = match &self.request.ask {
            Ask::Command(command) => command,
            Ask::Machine(_) | Ask::Due { .. } | Ask::Quota(_) | Ask::Count => return Stage::Script { loaded: false },
            Ask::Inspect => return Stage::Get,
            Ask::Find => return Stage::FirstByte,
        };
        match command {
            // A repeat goes through the script, which renews the lease if this owner has it already.
            Command::Begin(begin) if features.set_nx_get && !self.was_sent && begin.may_be_plain() => {
                // The fence must also exceed that of an expired record, so the error of the estimate must be much
                // smaller than the retention.
                if begin.retention_ms * MILLI > 10 * features.clock.error(now) {
                    return Stage::Plain { fence: features.clock.estimate(now) };
                }
                Stage::Script { loaded: false }
            }
            Command::Complete { .. } if features.set_if_equal && !self.was_sent && self.request.held.is_some() => {
                Stage::IfEqual
            }
            _ => Stage::Script { loaded: false },
        }
    }

    pub fn pack(&self, stage: &Stage, out: &mut Vec<u8>) {
        let Request { key, ask, .. } = &self.request;
        match (stage, ask) {
            (Stage::Plain { fence }, Ask::Command(Command::Begin(begin))) => {
                scripts::pack_set_if_absent(begin, key.as_bytes(), *fence, out);
            }
            (Stage::IfEqual, Ask::Command(Command::Complete { record, retention_ms })) => {
                let held = self.request.held.as_deref().unwrap_or(record);
                scripts::pack_set_if_equal(held, record, *retention_ms, key.as_bytes(), out);
            }
            (Stage::Script { .. } | Stage::Plain { .. } | Stage::IfEqual, Ask::Command(command)) => {
                scripts::pack(command, key.as_bytes(), TimeSource::Server, out);
            }
            (_, Ask::Machine(ask)) => {
                let keys =
                    Keys { instance: key.as_bytes(), due_set: ask.due_set.as_bytes(), member: ask.member.as_bytes() };
                machine_scripts::pack(&ask.command, &ask.prepared, keys, TimeSource::Server, out);
            }
            (_, Ask::Due { skipped, limit }) => {
                machine_scripts::pack_due(key.as_bytes(), (*skipped, *limit), TimeSource::Server, out);
            }
            (_, Ask::Count) => quota_scripts::pack_count(key.as_bytes(), TimeSource::Server, out),
            (_, Ask::Quota(quota)) => quota_scripts::pack(*quota, key.as_bytes(), TimeSource::Server, out),
            (_, Ask::Find) | (Stage::FirstByte | Stage::AnyRecord(_), _) => {
                cmd("GETRANGE").arg(&**key).arg(0).arg(0).write_packed_command(out);
            }
            (Stage::Pttl { .. }, _) => cmd("PTTL").arg(&**key).write_packed_command(out),
            (_, Ask::Inspect) | (Stage::Get, _) => cmd("GET").arg(&**key).write_packed_command(out),
        }
    }

    pub fn load_script(&self, out: &mut Vec<u8>) {
        let script: &Script = match &self.request.ask {
            Ask::Command(command) => Script::of(command),
            Ask::Machine(_) => &TRANSITION,
            Ask::Due { .. } => &DUE,
            Ask::Quota(_) | Ask::Count => &ADMIT,
            Ask::Inspect | Ask::Find => return,
        };
        cmd("SCRIPT").arg("LOAD").arg(&script.source).write_packed_command(out);
    }

    /// # Errors
    /// The command cannot have this reply, so it is to be sent again over another connection.
    pub fn read(&self, stage: Stage, value: Value, sent_at: Micros) -> Result<Progress, StoreError> {
        match (stage, value) {
            (Stage::Plain { fence }, reply @ (Value::Nil | Value::BulkString(_))) => {
                let record = if let Value::BulkString(record) = reply { Some(record) } else { None };
                let Ask::Command(Command::Begin(begin)) = &self.request.ask else { return strange("a begin's reply") };
                // If a reply was lost on the way, a record of another payload may be the answer to another command. So the
                // script has to agree before a caller is told that its key was used for something else.
                let outcome = scripts::judge_set(record, begin, fence)
                    .filter(|outcome| !matches!(outcome, Outcome::Mismatch { .. }));
                let script = Progress::Next(Stage::Script { loaded: false });
                Ok(outcome.map_or(script, |outcome| self.outcome(outcome, sent_at)))
            }
            (Stage::IfEqual, Value::Okay) => Ok(self.outcome(Outcome::Done, sent_at)),
            // Somebody waits, or this is a repeat, or this attempt does not own the record any more.
            (Stage::IfEqual, Value::Nil) => Ok(Progress::Next(Stage::Script { loaded: false })),
            (Stage::Script { .. }, reply) => {
                let parts: Option<Vec<&[u8]>> = match &reply {
                    Value::Array(parts) => parts.iter().map(bytes).collect(),
                    one => bytes(one).map(|word| vec![word]),
                };
                match parts.and_then(|parts| self.interpret(&parts, sent_at)) {
                    Some(answer) => Ok(Progress::Answered(answer)),
                    None => strange("a reply that none of the scripts gives"),
                }
            }
            (Stage::FirstByte, Value::BulkString(byte)) => Ok(Progress::Answered(Answer::Found(!byte.is_empty()))),
            (Stage::Get, Value::Nil) => Ok(Progress::Answered(Answer::Inspected(None))),
            (Stage::Get, Value::BulkString(record)) => Ok(Progress::Next(Stage::Pttl { record: Some(record) })),
            (Stage::Pttl { record }, Value::Int(left)) => {
                // -2: the record went away in between.
                let left = if left == -1 { Some(NO_EXPIRY_MS) } else { u64::try_from(left).ok() };
                let found = record.zip(left);
                Ok(Progress::Answered(Answer::Inspected(found)))
            }
            _ => strange("a reply of a kind its command does not have"),
        }
    }

    /// What the reply of the request's script means.
    fn interpret(&self, parts: &[&[u8]], sent_at: Micros) -> Option<Answer> {
        match &self.request.ask {
            Ask::Machine(_) => machine_scripts::parse(parts).ok().map(Answer::Machine),
            Ask::Quota(_) | Ask::Count => quota_scripts::parse(parts).ok().map(Answer::Quota),
            Ask::Due { .. } => {
                let members = parts.iter().map(|member| String::from_utf8(member.to_vec()).ok());
                members.collect::<Option<_>>().map(Answer::Due)
            }
            _ => {
                let outcome = scripts::parse(parts).ok().filter(|outcome| self.can_have(outcome));
                outcome.map(|outcome| self.judged(outcome, sent_at))
            }
        }
    }

    /// An outcome of another payload is the answer to another command: a reply was lost on the way, and those behind it
    /// have moved up.
    fn can_have(&self, outcome: &Outcome) -> bool {
        match (&self.request.ask, outcome) {
            (
                Ask::Command(Command::Begin(begin)),
                Outcome::Replay { origin, .. } | Outcome::ReplayError { origin, .. } | Outcome::Released { origin, .. },
            ) => origin.fits(begin.fingerprint.as_ref()),
            _ => true,
        }
    }

    fn outcome(&self, outcome: Outcome, sent_at: Micros) -> Progress {
        Progress::Answered(self.judged(outcome, sent_at))
    }

    fn judged(&self, outcome: Outcome, sent_at: Micros) -> Answer {
        let outcome = if self.was_released_before(&outcome) { Outcome::Done } else { outcome };
        Answer::Outcome { outcome, sent_at }
    }

    /// A release lets others acquire the key. A repeated release most likely finds the record of one of them, and puts
    /// nothing of theirs in danger: a stale release changes nothing.
    fn was_released_before(&self, outcome: &Outcome) -> bool {
        let is_release =
            matches!(&self.request.ask, Ask::Command(Command::Fail { failure: Failure::Release { .. }, .. }));
        self.is_repeat && is_release && matches!(outcome, Outcome::Stale { .. })
    }
}

fn strange(what: &str) -> Result<Progress, StoreError> {
    Err(StoreError::Protocol(format!("the server sent {what}")))
}

fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
