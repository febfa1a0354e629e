//! Answers that wait until replicas, or the disk, have the writes they stand for. A `WAIT` covers everything that this
//! connection wrote before it, and blocks the connection meanwhile. So there is one `WAIT` at a time, for all that was
//! written while the last one was out. A call then takes at most two timeouts, however many calls there are.

use redis::{Value, cmd};
use serde::Deserialize;

use super::Engine;
use super::in_flight::Sent;
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::Outcome;
use crate::store::ask::{Answer, Event};
use crate::store::redis::pending::Pending;

/// Which replicas and disks must have a write before it counts.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Durability {
    pub replicas: u64,
    pub timeout_ms: u64,
    /// The write must be on disk, not only in memory: on the primary's, and on that of this many replicas.
    #[serde(default)]
    pub fsync: bool,
}

impl Durability {
    /// How much longer a reply may take because of the `WAIT`.
    #[must_use]
    pub fn patience(self) -> Micros {
        self.timeout_ms * MILLI
    }

    fn pack(self, out: &mut Vec<u8>) {
        if self.fsync {
            cmd("WAITAOF").arg(1).arg(self.replicas).arg(self.timeout_ms).write_packed_command(out);
        } else {
            cmd("WAIT").arg(self.replicas).arg(self.timeout_ms).write_packed_command(out);
        }
    }

    /// Who has it, by the server's answer: what is missing, if anything is.
    ///
    /// # Errors
    /// `Protocol` for what is no answer to it.
    fn judge(self, value: &Value) -> Result<Option<String>, StoreError> {
        let Self { replicas, timeout_ms, fsync } = self;
        let (local, remote) = match value {
            Value::Int(remote) => (1, *remote),
            Value::Array(parts) => match parts.as_slice() {
                [Value::Int(local), Value::Int(remote)] => (*local, *remote),
                _ => return Err(unasked()),
            },
            Value::ServerError(error) => return Ok(Some(format!("Redis answered {error}"))),
            _ => return Err(unasked()),
        };
        if local >= 1 && u64::try_from(remote).is_ok_and(|remote| remote >= replicas) {
            return Ok(None);
        }
        let disk = match (fsync, local) {
            (false, _) => "",
            (true, 0) => ", and the primary's disk does not have it",
            (true, _) => " on their disks",
        };
        Ok(Some(format!("within {timeout_ms} ms {remote} of {replicas} replicas had the write{disk}")))
    }
}

fn unasked() -> StoreError {
    StoreError::Protocol("WAIT answered no number".into())
}

/// What has been answered and is not acknowledged yet.
pub(super) struct Parked {
    pub(super) pending: Pending,
    answer: Answer,
}

/// True when the answer says that something was done, which must not be said of a write that may be lost.
fn stands_for_a_write(answer: &Answer) -> bool {
    match answer {
        Answer::Outcome { outcome, .. } => matches!(outcome, Outcome::Acquired { .. } | Outcome::Done),
        Answer::Machine(outcome) => outcome.stands_for_a_write(),
        _ => false,
    }
}

impl Engine {
    /// Another connection may have carried out this request's write, but `WAIT` counts only writes of this connection.
    /// So the engine writes something that expires by itself and means nothing.
    pub(super) fn write_something(&mut self, pending: &Pending, now: Micros) {
        if self.durability.is_some() && pending.is_repeat && pending.writes() {
            self.write_asking(pending, now);
            let key = format!("{}:w", pending.request.key);
            cmd("SET").arg(key).arg(1).arg("PX").arg(1_000).write_packed_command(&mut self.out);
            self.sent(Sent::Orphan, now);
        }
    }

    /// Appends a `WAIT` behind the commands that are about to leave.
    pub(super) fn ask_acknowledgement(&mut self, now: Micros) {
        if self.durability.is_none() {
            return;
        }
        let is_write = |sent: &Sent| matches!(sent, Sent::Request(pending, _) if pending.writes());
        self.unacknowledged |= self.in_flight.iter().rev().take(self.unsent).any(|flight| is_write(&flight.sent));
        let is_out = self.in_flight.iter().any(|flight| matches!(flight.sent, Sent::Acknowledgement));
        if self.unacknowledged && !is_out {
            self.send_wait(now);
        }
    }

    fn send_wait(&mut self, now: Micros) {
        let Some(durability) = self.durability else { return };
        durability.pack(&mut self.out);
        self.sent(Sent::Acknowledgement, now);
        self.unacknowledged = false;
    }

    /// Reports an answer, now or when its write is acknowledged.
    pub(super) fn tell(&mut self, pending: Pending, answer: Answer) {
        if self.durability.is_some() && pending.writes() {
            self.parked.push(Parked { pending, answer });
        } else {
            self.events.push(Event::Answer(pending.request.id, answer));
        }
    }

    /// # Errors
    /// The reason why this connection must go.
    pub(super) fn acknowledged(&mut self, value: &Value, now: Micros) -> Result<(), StoreError> {
        let Some(durability) = self.durability else { return Ok(()) };
        let missing = durability.judge(value)?.map(StoreError::Durability);
        for Parked { pending, answer } in std::mem::take(&mut self.parked) {
            self.events.push(match &missing {
                Some(error) if stands_for_a_write(&answer) => pending.fail(error.clone()),
                _ => Event::Answer(pending.request.id, answer),
            });
        }
        if self.unacknowledged {
            self.send_wait(now);
        }
        Ok(())
    }

    /// The connection was lost before the acknowledgement. The requests go out again over the next connection, where
    /// the server recognises them.
    pub(super) fn send_parked_again(&mut self, why: &StoreError) {
        for pending in self.take_parked().into_iter().rev() {
            self.send_again(pending, why);
        }
    }

    pub(super) fn take_parked(&mut self) -> Vec<Pending> {
        self.parked.drain(..).map(|parked| parked.pending).collect()
    }
}
