//! What a store is asked, and what it answers. Every request names one key. Every request is answered by its deadline:
//! with an outcome of the model, with what was found, or with the reason why there is neither.

use std::fmt;
use std::sync::Arc;

use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::quota::{self, Quota};
use crate::model::{Command, Outcome, Record, machine};
use crate::scripts::machine::Prepared;

/// The time left of a record that somebody made permanent: the largest integer that is exact in JavaScript.
pub const NO_EXPIRY_MS: u64 = (1 << 53) - 1;

/// One request to a store.
pub struct Request {
    pub id: u64,
    pub key: Arc<str>,
    pub ask: Ask,
    /// The request is answered by then, whatever happens.
    pub deadline: Micros,
    /// If the request takes longer than this, [`Answer::Delayed`] tells the caller once.
    pub patience: Micros,
    /// How long a server may be silent while this request waits for it.
    pub silence: Micros,
    /// For a completion: the record that its begin wrote. A store that can compare values needs nothing else.
    pub held: Option<Box<Record>>,
}

pub enum Ask {
    /// A command on a record.
    Command(Command),
    /// Returns the record and the time left of it, and changes nothing.
    Inspect,
    /// Finds out whether there is a record.
    Find,
    /// Counts one more key of its scope, within this quota.
    Quota(Quota),
    /// Finds out how many keys of a scope are counted, and changes nothing.
    Count,
    /// A command on an instance of a state machine.
    Machine(Box<MachineAsk>),
    /// Lists the members of a due set whose timer should have fired: at most this many, after this many of the oldest.
    Due { skipped: u64, limit: u64 },
}

pub struct MachineAsk {
    /// The machine, with what a script is told about it, which is made once per definition.
    pub prepared: Arc<Prepared>,
    pub command: machine::Command,
    /// The due set that lists the instance's timer; `member` is the instance's name there.
    pub due_set: Arc<str>,
    pub member: Box<str>,
}

#[derive(Debug)]
pub enum Answer {
    /// `sent_at`: when the answered command was written.
    Outcome {
        outcome: Outcome,
        sent_at: Micros,
    },
    /// The record's text and the milliseconds left of it.
    Inspected(Option<(Vec<u8>, u64)>),
    Found(bool),
    Quota(quota::Outcome),
    Machine(machine::Outcome),
    Due(Vec<String>),
    /// The request takes longer than its patience; the last answer comes later.
    Delayed,
    /// `unknown`: the store may have carried the command out all the same. `has_record`: a begin that found one.
    Failed {
        error: StoreError,
        unknown: bool,
        has_record: bool,
    },
    /// An outcome that the store does not take for its size, whatever it holds of the key: there may be a smaller one.
    TooLarge(StoreError),
    /// What is at the key is not a record.
    Unreadable(String),
}

/// What a store reports of its own accord.
#[derive(Debug)]
pub enum Event {
    /// The answer to the request with this id.
    Answer(u64, Answer),
    /// The record at this key, which somebody listens to, may have changed.
    Changed(String),
    /// The server may evict records, under this policy.
    Evicts(String),
}

impl Ask {
    /// Bytes of what a function made, as they are stored.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Command(command) => command.payload_len(),
            Self::Machine(ask) => ask.command.payload_len(),
            Self::Inspect | Self::Find | Self::Quota(_) | Self::Count | Self::Due { .. } => 0,
        }
    }
}

impl Request {
    /// A request that nobody is in a hurry for.
    #[must_use]
    pub fn new(id: u64, key: Arc<str>, ask: Ask, deadline: Micros) -> Self {
        Self { id, key, ask, deadline, patience: Micros::MAX, silence: Micros::MAX, held: None }
    }
}

/// Shows neither values nor keys.
impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Request({})", self.id)
    }
}

/// Request ids carry the operation in their lower half.
#[must_use]
#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
pub fn op_of(id: u64) -> u32 {
    (id & u64::from(u32::MAX)) as u32
}
