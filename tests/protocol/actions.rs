//! What can happen next, and what follows from it.

use actonce::model::{Command, Outcome, Owner, Resolution};
use stateright::{Model, Property};

use super::caller::{Attempt, Caller, End, Phase, RETENTION_MS, Request, Told, What};
use super::laws::{self, Law};
use super::world::{By, Fault, Setting, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Tick,
    /// The caller's first begin, or another begin after an in-progress answer.
    Begin(usize),
    /// The server carries out the session's request.
    Arrive(usize),
    /// The session hears the answer.
    Hear(usize),
    /// The session heard nothing and sends the request again.
    Repeat(usize),
    /// A copy of an earlier command arrives, late, and its answer goes nowhere.
    Copy(usize, What),
    /// The keeper renews and hears the answer. A renewal whose answer is not heard is a copy.
    Renew(usize),
    Finish(usize, End),
    GiveUp(usize),
    Crash(usize),
    Operate(Operation),
    Replicate,
    Suffer(Fault),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Rerun { force: bool },
    Value,
    Reset { force: bool },
}

const OPERATIONS: [Operation; 4] = [
    Operation::Rerun { force: false },
    Operation::Rerun { force: true },
    Operation::Value,
    Operation::Reset { force: false },
];

impl Model for Setting {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self.policies.len())]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.ticks < self.ticks {
            actions.push(Action::Tick);
        }
        for (at, caller) in world.callers.iter().enumerate() {
            self.offer(world, at, caller, actions);
        }
        if self.operator && !world.past.operated {
            actions.extend(OPERATIONS.map(Action::Operate));
        }
        actions.extend(self.fault.filter(|_| world.faults == 0).map(Action::Suffer));
        // After a failover only a caller that waits for a replica is affected by the next one.
        let is_watched = world.faults == 0 || self.waits_for_replica;
        if self.fault == Some(Fault::Failover) && is_watched && world.replica != world.stored {
            actions.push(Action::Replicate);
        }
    }

    fn next_state(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        match action {
            Action::Tick => world.ticks += 1,
            Action::Begin(at) => {
                world.callers[at].phase = Phase::Beginning;
                world.send(at);
            }
            Action::Arrive(at) => {
                let outcome = world.arrive(self, at, world.callers[at].asks());
                world.callers[at].call.as_mut()?.reply = Some(timeless(outcome));
            }
            Action::Hear(at) => world.hear(self, at)?,
            Action::Repeat(at) => {
                world.send(at);
                world.callers[at].call.as_mut()?.again = true;
            }
            Action::Copy(at, what) => {
                world.copies += 1;
                let _ = world.arrive(self, at, what);
            }
            Action::Renew(at) => {
                world.callers[at].copies.extend = true;
                match world.arrive(self, at, What::Extend) {
                    Outcome::Done => world.callers[at].deadline_ms = Caller::deadline_after(world.now_ms()),
                    _ => world.callers[at].lost = true,
                }
            }
            Action::Finish(at, end) => {
                let Phase::Running(attempt) = world.callers[at].phase else { return None };
                world.callers[at].phase = Phase::Ending(attempt, end);
                world.callers[at].copies.end = Some((attempt, end));
                world.send(at);
            }
            Action::GiveUp(at) => {
                world.callers[at].copies.withdrawal = true;
                world.callers[at].rest(Phase::Told(Told::GaveUp));
            }
            Action::Crash(at) => world.callers[at].rest(Phase::Crashed),
            Action::Operate(operation) => world.operate(self, operation),
            Action::Replicate => world.replica.clone_from(&world.stored),
            Action::Suffer(fault) => world.suffer(fault),
        }
        let now_ms = world.now_ms();
        if !world.past.forced && world.callers.iter().filter(|caller| caller.acts(now_ms)).count() > 1 {
            world.breaks(Law::OneHolder);
        }
        (world != *last).then_some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        laws::properties()
    }

    /// A bound, because copies that acquire and release could count attempts up forever.
    fn within_boundary(&self, world: &World) -> bool {
        world.stored.as_ref().is_none_or(|stored| stored.record.attempt <= 1 + self.policies.len() as u64)
    }
}

impl Setting {
    fn offer(&self, world: &World, at: usize, caller: &Caller, actions: &mut Vec<Action>) {
        let now_ms = world.now_ms();
        if let Some(request) = &caller.call {
            actions.push(if request.reply.is_some() { Action::Hear(at) } else { Action::Arrive(at) });
            if request.reply.is_some() || request.sent_ms < now_ms {
                actions.push(Action::Repeat(at));
            }
        }
        match caller.phase {
            // Callers that have not begun yet are alike, so only the first of them begins.
            Phase::Idle if at > 0 && world.callers[at - 1].phase == Phase::Idle && self.alike() => {}
            Phase::Idle => actions.push(Action::Begin(at)),
            Phase::Beginning => {
                if caller.call.is_none() {
                    actions.push(Action::Begin(at));
                }
                actions.extend([Action::GiveUp(at), Action::Crash(at)]);
            }
            Phase::Running(_) => {
                actions.extend(self.ends.iter().map(|&end| Action::Finish(at, end)));
                actions.push(Action::Crash(at));
            }
            Phase::Ending(..) => actions.push(Action::Crash(at)),
            Phase::Told(_) | Phase::Crashed => {}
        }
        let is_due = caller.deadline_ms < Caller::deadline_after(now_ms);
        if caller.keeps(now_ms) && is_due {
            actions.push(Action::Renew(at));
        }
        if world.copies == self.copies {
            return;
        }
        let copies = [
            (What::Begin, caller.copies.begin),
            (What::Extend, caller.copies.extend),
            (What::End, caller.copies.end.is_some()),
            (What::Withdrawal, caller.copies.withdrawal),
        ];
        actions.extend(copies.into_iter().filter(|(_, sent)| *sent).map(|(what, _)| Action::Copy(at, what)));
    }
}

/// No decision of a caller depends on these times, so worlds that differ only in them need not be explored twice.
fn timeless(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::InProgress { fence, .. } => Outcome::InProgress { fence, remaining_ms: 1 },
        Outcome::Indeterminate { fence, .. } => Outcome::Indeterminate { fence, since_ms: 1 },
        other => other,
    }
}

impl World {
    /// Sends the session's request, for the first time or again.
    fn send(&mut self, at: usize) {
        let sent_ms = self.now_ms();
        let caller = &mut self.callers[at];
        caller.copies.begin |= caller.asks() == What::Begin;
        let again = caller.call.as_ref().is_some_and(|request| request.again);
        caller.call = Some(Request { sent_ms, again, reply: None });
    }

    fn arrive(&mut self, setting: &Setting, at: usize, what: What) -> Outcome {
        let command = self.callers[at].command(at, what, setting.hold(at));
        let outcome = self.execute(setting, By::Caller(at), &command);
        let caller = &mut self.callers[at];
        if what == What::End && outcome == Outcome::Done {
            caller.recorded = true;
            caller.released |= matches!(caller.copies.end, Some((_, End::Release)));
        }
        outcome
    }

    fn hear(&mut self, setting: &Setting, at: usize) -> Option<()> {
        let request = self.callers[at].call.take()?;
        let (now_ms, may_start) = (self.now_ms(), !setting.waits_for_replica || self.replica_knows(at));
        let (caller, outcome) = (&mut self.callers[at], request.reply?);
        match (caller.phase, outcome) {
            (Phase::Beginning, Outcome::Acquired { fence, attempt: number, recovered }) => {
                let deadline_ms = Caller::deadline_after(request.sent_ms);
                if deadline_ms <= now_ms {
                    // The answer came too late to start the function, so the session asks again.
                    self.send(at);
                } else if may_start {
                    caller.deadline_ms = deadline_ms;
                    self.start(setting, at, Attempt { fence, number, recovered });
                } else {
                    return None;
                }
            }
            (Phase::Beginning, Outcome::InProgress { fence, .. }) => caller.awaited = Some(fence),
            (Phase::Beginning, Outcome::Replay { .. } | Outcome::ReplayError { .. }) => {
                caller.rest(Phase::Told(Told::Replayed));
            }
            (Phase::Beginning, Outcome::Indeterminate { .. }) => caller.rest(Phase::Told(Told::Indeterminate)),
            (Phase::Beginning, Outcome::Released { .. }) => caller.rest(Phase::Told(Told::SharedError)),
            (Phase::Ending(_, end), outcome) => self.learn(at, end, &outcome, request.again),
            (phase, outcome) => unreachable!("{outcome:?} in {phase:?}"),
        }
        Some(())
    }

    /// Starts the caller's function.
    fn start(&mut self, setting: &Setting, at: usize, attempt: Attempt) {
        let others = || self.callers.iter().enumerate().filter(|(other, _)| *other != at);
        let fences_apart = others().all(|(_, other)| other.started != Some(attempt.fence));
        let unaccounted = others().any(|(other, it)| setting.hold(other) && it.started.is_some() && !it.released);
        if !fences_apart {
            self.breaks(Law::RunsApart);
        }
        if unaccounted && !self.past.operated {
            self.breaks(Law::HoldOnce);
        }
        let caller = &mut self.callers[at];
        caller.phase = Phase::Running(attempt);
        caller.started = Some(attempt.fence);
        caller.awaited = None;
    }

    /// Compares what the store says about an outcome with what it did.
    fn learn(&mut self, at: usize, end: End, outcome: &Outcome, again: bool) {
        let caller = &self.callers[at];
        // The engine takes a repeated release that is stale for a release that was done, which endangers nobody.
        let is_done = *outcome == Outcome::Done || (again && end == End::Release);
        let is_true = match outcome {
            Outcome::Done => caller.recorded,
            // After a release the record may hold another attempt; an operator may have set the outcome aside.
            Outcome::Stale { .. } | Outcome::Lost => !caller.recorded || end == End::Release || self.past.operated,
            _ => false,
        };
        if !is_true {
            self.breaks(Law::EveryoneKnows);
        }
        let told = if is_done { Told::Recorded { again } } else { Told::LeaseLost };
        self.callers[at].rest(Phase::Told(told));
    }

    fn replica_knows(&self, at: usize) -> bool {
        self.replica.as_ref().is_some_and(|stored| stored.record.owner == Caller::owner(at))
    }

    fn operate(&mut self, setting: &Setting, operation: Operation) {
        let owner = Owner::from_random([99; 12]);
        let resolve = |to, force| Command::Resolve { owner, to, force };
        let rerun = Resolution::Rerun { retention_ms: RETENTION_MS };
        let value = Resolution::Value { payload: vec![99], retention_ms: RETENTION_MS };
        let command = match operation {
            Operation::Rerun { force } => resolve(rerun, force),
            Operation::Value => resolve(value, false),
            Operation::Reset { force } => Command::Reset { owner, retention_ms: RETENTION_MS, force },
        };
        if self.execute(setting, By::Operator, &command) == Outcome::Done {
            self.past.operated = true;
            self.past.forced |=
                matches!(operation, Operation::Rerun { force: true } | Operation::Reset { force: true });
        }
    }
}
