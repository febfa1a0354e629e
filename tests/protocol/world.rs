//! The world: the server with its record and its clock, the callers, and what is remembered to judge them by.

use actonce::model::{Command, Effect, Now, Outcome, State, Stored, apply};

use super::caller::{Caller, End, LEASE_MS, TICK_MS};
use super::laws::Law;

pub const EPOCH_MS: u64 = 1_763_900_000_000;

pub type Apply = fn(Option<&Stored>, &Command, Now) -> (Effect, Outcome);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnCrash {
    Rerun,
    Hold,
}

/// What may go wrong once, against which a promise may or may not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The server's clock jumps by a lease.
    ClockForward,
    ClockBack,
    /// The record is gone, because of a flush, an eviction or a restart without persistence.
    Loss,
    /// A replica that does not have the last writes is promoted.
    Failover,
}

/// What to explore.
#[derive(Clone)]
pub struct Setting {
    pub name: &'static str,
    pub policies: Vec<OnCrash>,
    pub ticks: u64,
    /// How a function may end.
    pub ends: Vec<End>,
    /// At most this many delayed duplicates arrive.
    pub copies: u8,
    pub operator: bool,
    pub fault: Option<Fault>,
    /// No function starts before a replica has its claim, as with `WAIT`.
    pub waits_for_replica: bool,
    pub apply: Apply,
}

impl Setting {
    pub fn new(name: &'static str, policies: &[OnCrash], ticks: u64) -> Self {
        let policies = policies.to_vec();
        let ends = vec![End::Value, End::Release];
        Self { name, policies, ticks, ends, copies: 0, operator: false, fault: None, waits_for_replica: false, apply }
    }

    pub fn alike(&self) -> bool {
        self.policies.iter().all(|policy| *policy == self.policies[0])
    }

    pub fn hold(&self, caller: usize) -> bool {
        self.policies[caller] == OnCrash::Hold
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    pub ticks: u64,
    /// How far the server's clock is ahead of everybody else's.
    pub ahead_ms: i64,
    pub faults: u64,
    pub copies: u8,
    pub stored: Option<Stored>,
    /// What a replica has. This is kept up only in settings with a failover.
    pub replica: Option<Stored>,
    pub callers: Vec<Caller>,
    pub past: Past,
}

/// What no record tells, as a witness would have noted it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Past {
    pub newest_fence: u64,
    /// The caller whose attempt that was; nobody's after an operator has stepped in.
    pub acquirer: Option<usize>,
    pub operated: bool,
    pub forced: bool,
    /// A bit for each law.
    broken: u16,
}

impl Past {
    pub fn has_broken(&self, law: Law) -> bool {
        self.broken & (1 << law as u16) != 0
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    Caller(usize),
    Operator,
}

impl World {
    pub fn new(callers: usize) -> Self {
        Self {
            ticks: 0,
            ahead_ms: 0,
            faults: 0,
            copies: 0,
            stored: None,
            replica: None,
            callers: vec![Caller::new(); callers],
            past: Past::default(),
        }
    }

    /// The time by the callers' clocks, which run alike.
    pub fn now_ms(&self) -> u64 {
        self.ticks * TICK_MS
    }

    /// The time by the server's clock. Losing a record takes longer than the microseconds by which fences had grown.
    pub fn server_time(&self) -> Now {
        let ms = (EPOCH_MS + self.now_ms()).saturating_add_signed(self.ahead_ms);
        Now { us: ms * 1_000 + self.faults * 100 }
    }

    pub fn live(&self) -> Option<&Stored> {
        self.stored.as_ref().filter(|stored| stored.expires_at_ms > self.server_time().ms())
    }

    pub fn breaks(&mut self, law: Law) {
        self.past.broken |= 1 << law as u16;
    }

    /// The server carries out `command` with the code that is being checked.
    pub fn execute(&mut self, setting: &Setting, by: By, command: &Command) -> Outcome {
        let now = self.server_time();
        let (effect, outcome) = (setting.apply)(self.stored.as_ref(), command, now);
        self.judge(by, command, &effect, &outcome);
        let expires_at = |ttl_ms: u64| now.ms() + ttl_ms;
        match effect {
            Effect::Keep => {}
            Effect::Write { record, ttl_ms, tell, .. } => self.stored = Some(Stored::new(record, ttl_ms, tell, now)),
            Effect::Patch { record } => self.stored.as_mut().unwrap().record = record,
            Effect::Renew { ttl_ms } => self.stored.as_mut().unwrap().expires_at_ms = expires_at(ttl_ms),
            Effect::Remove { .. } => self.stored = None,
        }
        if let Some(stored) = self.stored.as_mut() {
            forget_times(stored);
        }
        outcome
    }

    /// Checks the laws about one step of the store, before the step is carried out.
    fn judge(&mut self, by: By, command: &Command, effect: &Effect, outcome: &Outcome) {
        let before = self.live().map(|stored| stored.record.clone());
        let ended = |state: &State| matches!(state, State::Completed { .. } | State::Failed { .. });
        let By::Caller(caller) = by else {
            if let Effect::Write { record, .. } = effect {
                if record.fence <= self.past.newest_fence {
                    self.breaks(Law::FencesGrow);
                }
                (self.past.newest_fence, self.past.acquirer) = (record.fence, None);
            }
            return;
        };
        if *effect != Effect::Keep && before.as_ref().is_some_and(|record| ended(&record.state)) {
            self.breaks(Law::OutcomeStays);
        }
        let is_its_own = self.past.acquirer == Some(caller);
        match (command, effect) {
            (Command::Begin(_), Effect::Write { record, .. }) => {
                if let Outcome::Acquired { fence, .. } = *outcome {
                    if fence <= self.past.newest_fence {
                        self.breaks(Law::FencesGrow);
                    }
                    (self.past.newest_fence, self.past.acquirer) = (record.fence, Some(caller));
                }
            }
            (Command::Begin(_), _) => {
                let is_processing = before.is_some_and(|record| matches!(record.state, State::Processing { .. }));
                let is_told = matches!(outcome, Outcome::Acquired { fence, .. } if *fence == self.past.newest_fence);
                if is_processing && is_its_own && !is_told {
                    self.breaks(Law::HolderIsRecognised);
                }
            }
            (_, Effect::Keep) => {}
            (Command::Complete { record, .. }, _) if record.fence != self.past.newest_fence => {
                self.breaks(Law::OneAuthority);
            }
            _ if !is_its_own => self.breaks(Law::OneAuthority),
            _ => {}
        }
    }

    pub fn suffer(&mut self, fault: Fault) {
        let lease_ms = LEASE_MS.cast_signed();
        match fault {
            Fault::ClockForward => self.ahead_ms += lease_ms,
            Fault::ClockBack => self.ahead_ms -= lease_ms,
            Fault::Loss => self.stored = None,
            Fault::Failover => self.stored = self.replica.clone(),
        }
        self.faults += 1;
    }
}

/// Only a lease ends within the explored time; everything else with a TTL outlives it.
fn forget_times(stored: &mut Stored) {
    match &mut stored.record.state {
        State::Processing { .. } => return,
        State::Indeterminate { since_ms, .. } => *since_ms = 1,
        State::Released { .. } | State::Completed { .. } | State::Failed { .. } => {}
    }
    stored.expires_at_ms = EPOCH_MS * 2;
    if let Some(told) = &mut stored.told {
        told.expires_at_ms = EPOCH_MS * 2;
    }
}
