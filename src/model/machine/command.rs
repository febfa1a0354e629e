//! What an instance can be asked, what it answers, and what the store then has to do.

use super::by::{By, Caller, Token};
use super::history::Entry;
use crate::model::record::Unreadable;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Makes an instance, unless there is one.
    Create {
        token: Token,
        data: Vec<u8>,
    },
    Send(Send),
    Look {
        purpose: Look,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Send {
    pub token: Token,
    pub by: By,
    /// This is the first attempt of its record, so an earlier entry with its token was made under another record.
    pub is_first: bool,
    /// Index of the event.
    pub event: usize,
    /// Replaces the instance's data; `None` leaves the data as it is.
    pub data: Option<Vec<u8>>,
    /// The history keeps this payload.
    pub payload: Vec<u8>,
    pub expected_version: Option<u64>,
    /// Creates the instance first if there is none.
    pub create: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    Glance,
    /// The answer holds the history.
    History,
    /// The answer holds every entry that is remembered.
    Trail,
    /// The next transition is published.
    Wait,
    /// Sent because the instance's timer was listed as due; corrects the list.
    Drain,
}

/// An instance as it is now, or as a transition left it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    pub state: String,
    pub version: u64,
    pub entered_ms: u64,
    /// The time until its timer fires.
    pub left_ms: Option<u64>,
    pub data: Vec<u8>,
}

/// What the caller is told. The Lua replies with the same names in `snake_case`, and the fields in this order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    Moved {
        from: String,
        to: Snapshot,
    },
    /// An earlier command with this token did this before.
    Replayed {
        from: String,
        to: Snapshot,
    },
    /// `fired`: how many timers this command fired.
    Instance {
        at: Snapshot,
        fired: u64,
        created: bool,
        history: Vec<Entry>,
    },
    /// The event has no edge from this state; `version` is 0 when there is no instance yet.
    Illegal {
        state: String,
        version: u64,
    },
    /// The instance's version is not the expected one.
    Conflict {
        state: String,
        version: u64,
    },
    /// The instance has met the caller's record with a larger fence.
    Stale {
        fence: u64,
    },
    /// The token belongs to another event.
    Mismatch {
        event: String,
    },
    Absent,
    Unreadable(Unreadable),
}

impl Command {
    /// Bytes that it stores.
    pub fn payload_len(&self) -> usize {
        match self {
            Self::Create { data, .. } => data.len(),
            Self::Send(send) => send.payload.len() + send.data.as_ref().map_or(0, Vec::len),
            Self::Look { .. } => 0,
        }
    }
}

impl Send {
    #[must_use]
    pub fn caller(&self) -> Option<Caller> {
        match self.by {
            By::Attempt { caller, .. } => Some(caller),
            By::Itself | By::Call(_) => None,
        }
    }
}

impl Outcome {
    /// True when the instance was changed, by this command or by the same command earlier.
    #[must_use]
    pub fn stands_for_a_write(&self) -> bool {
        match self {
            Self::Moved { .. } | Self::Replayed { .. } => true,
            Self::Instance { fired, created, .. } => *created || *fired > 0,
            _ => false,
        }
    }
}

/// What the store has to do besides keeping the instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Effect {
    pub write: Write,
    pub due: Due,
    /// Tell those who wait.
    pub publish: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Write {
    Keep,
    /// Write the instance and leave its TTL untouched.
    Patch,
    /// Write the instance with a new TTL, or with none.
    Store {
        ttl_ms: Option<u64>,
    },
}

/// The instance's place in the list of running timers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    Keep,
    At {
        ms: u64,
    },
    Remove,
    /// Remove it unless it is listed for a later time.
    RemoveUntil {
        ms: u64,
    },
}

impl Effect {
    pub(super) const NONE: Self = Self { write: Write::Keep, due: Due::Keep, publish: false };
}
