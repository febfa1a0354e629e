//! One operation: what it asked for, under which key, and how far it has come.

use std::sync::Arc;

use super::Terms;
use super::names::Names;
use crate::clock::Micros;
use crate::model::{Begin, Origin, Owner};
use crate::store::keys;

/// Where an operation is.
pub enum Phase {
    /// The begin, or a question before it, is on its way.
    Beginning,
    /// Another attempt holds the key.
    Blocked,
    /// Ours to run.
    Held(Claim),
    /// Its outcome is on its way to the store; `is_smaller`: in place of one that was too large.
    Ending { claim: Claim, is_smaller: bool },
    /// Its outcome was too large for the store: a smaller one is to come.
    Oversized(Claim),
    /// It is answered; another thread has its last word.
    Opening,
    /// An operator's request.
    Admin(super::AdminRequest),
    /// A command on a state machine's instance.
    Machine(super::machines::Asked),
}

/// What an attempt has acquired.
#[derive(Clone, Copy)]
pub struct Claim {
    pub fence: u64,
    pub attempt: u64,
    pub recovered: bool,
}

pub struct Op {
    pub owner: Owner,
    pub terms: Terms,
    pub deadline: Micros,
    pub phase: Phase,
    /// The fence of the attempt that this operation was last blocked behind.
    pub awaited: Option<u64>,
    /// The key of which the operation has asked to be told changes.
    pub listens_to: Option<Arc<str>>,
    /// A change was heard of while the operation was not waiting.
    pub changed: bool,
    /// The names of its record.
    pub names: Names,
}

impl Op {
    #[must_use]
    pub fn new(names: Names, terms: Terms, deadline: Micros) -> Self {
        Self {
            owner: keys::new_owner(),
            terms,
            deadline,
            phase: Phase::Beginning,
            awaited: None,
            listens_to: None,
            changed: false,
            names,
        }
    }

    #[must_use]
    pub fn key(&self) -> &Arc<str> {
        self.names.key()
    }

    /// Its outcome is sent to the store. `None` when there is no attempt that could have one.
    pub fn ends(&mut self, deadline: Micros) -> Option<Claim> {
        let (claim, is_smaller) = match self.phase {
            Phase::Held(claim) => (claim, false),
            Phase::Oversized(claim) => (claim, true),
            _ => return None,
        };
        self.phase = Phase::Ending { claim, is_smaller };
        self.deadline = deadline;
        Some(claim)
    }

    /// The origin under which the operation's payload is stored, if it stores one.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::new(self.owner, self.names.fingerprint().as_ref())
    }

    /// The command that begins the operation, the same each time.
    pub fn begin(&self) -> Begin {
        let Self { owner, names, .. } = self;
        self.terms.begin(*owner, names.fingerprint(), self.awaited, names.absent())
    }
}
