//! One call: what its session asks, what its keeper believes, and what it was told.

use actonce::clock::{MILLI, Micros};
use actonce::lease::margin;
use actonce::model::{Absent, Begin, Command, Failure, Flags, Outcome, Owner, Record, State};

/// Time passes in ticks; a lease is two ticks long.
pub const TICK_MS: u64 = 100;
pub const LEASE_MS: u64 = 200;
pub const RETENTION_MS: u64 = 86_400_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Caller {
    pub phase: Phase,
    pub call: Option<Request>,
    /// Commands that the call sent earlier, of which a copy may still be on its way.
    pub copies: Copies,
    /// The attempt because of which it was last refused.
    pub awaited: Option<u64>,
    /// Until when the call believes, by its own clock, that it holds the lease.
    pub deadline_ms: u64,
    pub lost: bool,
    /// The fence under which its function was started.
    pub started: Option<u64>,
    /// Its function failed, and the store was told that a retry may run.
    pub released: bool,
    /// Its end was written to the store.
    pub recorded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    Idle,
    /// A begin is on its way, or was answered with in-progress.
    Beginning,
    Running(Attempt),
    Ending(Attempt, End),
    Told(Told),
    Crashed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    pub fence: u64,
    pub number: u64,
    pub recovered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    Value,
    Record,
    Release,
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// `again`: it had to ask more than once.
    Recorded {
        again: bool,
    },
    LeaseLost,
    Replayed,
    Indeterminate,
    SharedError,
    GaveUp,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    pub sent_ms: u64,
    /// The request or an answer to it was lost.
    pub again: bool,
    pub reply: Option<Outcome>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Copies {
    pub begin: bool,
    pub extend: bool,
    pub end: Option<(Attempt, End)>,
    pub withdrawal: bool,
}

/// The kinds of command that a call sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    Begin,
    Extend,
    End,
    Withdrawal,
}

impl Caller {
    pub fn new() -> Self {
        Self {
            phase: Phase::Idle,
            call: None,
            copies: Copies::default(),
            awaited: None,
            deadline_ms: 0,
            lost: false,
            started: None,
            released: false,
            recorded: false,
        }
    }

    /// From now on only copies of the call's commands are under way.
    pub fn rest(&mut self, phase: Phase) {
        let Self { copies, started, released, recorded, .. } = *self;
        *self = Self { phase, copies, started, released, recorded, ..Self::new() };
    }

    pub fn owner(index: usize) -> Owner {
        Owner::from_random([u8::try_from(index).unwrap(); 12])
    }

    /// By its own clock the call still holds the lease, and the keeper renews it.
    pub fn keeps(&self, now_ms: u64) -> bool {
        !self.lost && now_ms < self.deadline_ms
    }

    /// Its function may act on the outside world.
    pub fn acts(&self, now_ms: u64) -> bool {
        matches!(self.phase, Phase::Running(_)) && self.keeps(now_ms)
    }

    /// The deadline as `lease/table.rs` computes it: from when the command was sent, a margin earlier than the server.
    pub fn deadline_after(sent_ms: u64) -> u64 {
        let lease: Micros = LEASE_MS * MILLI;
        sent_ms + (lease - margin(lease)) / MILLI
    }

    /// What the session's request asks in this phase.
    pub fn asks(&self) -> What {
        if matches!(self.phase, Phase::Ending(..)) { What::End } else { What::Begin }
    }

    pub fn command(&self, index: usize, what: What, hold: bool) -> Command {
        let owner = Self::owner(index);
        match what {
            What::Begin => Command::Begin(self.begin(index, hold)),
            What::Extend => Command::Extend { owner },
            What::Withdrawal => {
                Command::Fail { owner, failure: Failure::Release { payload: Vec::new(), told_for_ms: 0 } }
            }
            What::End => {
                let (attempt, end) = self.copies.end.unwrap();
                self.end(index, attempt, end, hold)
            }
        }
    }

    fn begin(&self, index: usize, hold: bool) -> Begin {
        Begin {
            owner: Self::owner(index),
            fingerprint: None,
            lease_ms: LEASE_MS,
            retention_ms: RETENTION_MS,
            hold,
            // The error of a released attempt is kept only where somebody waits.
            mark_waited: true,
            awaited_fence: self.awaited,
            absent: Absent::Acquire,
        }
    }

    fn end(&self, index: usize, attempt: Attempt, end: End, hold: bool) -> Command {
        let payload = vec![u8::try_from(index).unwrap()];
        let failure = match end {
            End::Value => {
                let Attempt { fence, number, recovered } = attempt;
                let begun = self.begin(index, hold).record(fence, number, Flags { recovered, ..Flags::default() });
                let record = Record { flags: Flags::default(), state: State::Completed { payload }, ..begun };
                return Command::Complete { record, retention_ms: RETENTION_MS };
            }
            End::Record => Failure::Record { payload, retention_ms: RETENTION_MS },
            End::Release => Failure::Release { payload, told_for_ms: RETENTION_MS },
            End::Hold => Failure::Hold,
        };
        Command::Fail { owner: Self::owner(index), failure }
    }
}
