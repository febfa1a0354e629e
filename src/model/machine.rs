//! A user's state machine, as a function. docs/state-machines.md says what it promises.
//!
//! [`apply`] decides what a command does to one instance. Before any command, timers that are due fire, by the
//! store's time and as if each had fired in its millisecond. Every command that changes something carries a token. A
//! command that comes again gets the answer it got the first time.

mod by;
mod command;
mod definition;
mod history;
mod instance;
mod text;

use by::Kinship;
pub use by::{By, Caller, Token};
pub use command::{Command, Due, Effect, Look, Outcome, Send, Snapshot, Write};
pub use definition::{Edge, Event, Machine, StateNode, Timer};
pub use history::{Cause, Entry, History};
pub use instance::{Fields, Instance};

use super::idempotency::Now;

/// What `command` makes of an instance, and what it answers. Only the returned instance is changed.
#[must_use]
pub fn apply(
    machine: &Machine,
    stored: Option<Instance>,
    command: &Command,
    now: Now,
) -> (Option<Instance>, Effect, Outcome) {
    match (stored, command) {
        (None, Command::Create { token, data }) => {
            let mut step = Step::created(machine, *token, now.ms());
            step.instance.data.clone_from(data);
            let outcome = step.shown(Vec::new(), true);
            step.done(outcome)
        }
        (None, Command::Send(send)) if send.create => {
            let blank = Step::created(machine, Token::NONE, now.ms());
            if let Some(objection) = blank.objection(send, 0) {
                return (None, Effect::NONE, objection);
            }
            blank.send(send)
        }
        (None, Command::Look { purpose: Look::Drain }) => {
            (None, Effect { due: Due::Remove, ..Effect::NONE }, Outcome::Absent)
        }
        (None, _) => (None, Effect::NONE, Outcome::Absent),
        (Some(instance), command) => {
            let mut step = Step::begin(machine, instance, now.ms());
            step.fire();
            match command {
                Command::Create { token, .. } => {
                    let made = step.instance.history.entries().any(|entry| entry.token == *token);
                    let outcome = step.shown(Vec::new(), made);
                    step.done(outcome)
                }
                Command::Look { purpose } => step.look(*purpose),
                Command::Send(send) => step.repeat_or_send(send),
            }
        }
    }
}

/// One command on one instance.
struct Step<'a> {
    machine: &'a Machine,
    instance: Instance,
    now_ms: u64,
    had_timer: bool,
    was_waited: bool,
    fired: u64,
    change: Change,
    /// Corrects the list of running timers even when the instance does not change.
    repairs: bool,
}

/// Another version of the config may have given this state a timer that this version does not know: while a deployment
/// rolls, or after it was rolled back. A timer that no version has fired for this long is taken off the list.
const FOREIGN_TIMER_MS: u64 = 86_400_000;

/// What the command has done to the instance so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    None,
    /// What the instance remembers has changed; its state has not.
    Patched,
    Moved,
}

type Done = (Option<Instance>, Effect, Outcome);

impl<'a> Step<'a> {
    fn begin(machine: &'a Machine, instance: Instance, now_ms: u64) -> Self {
        let (had_timer, was_waited) = (machine.timer(&instance.state).is_some(), instance.waited);
        Self { machine, instance, now_ms, had_timer, was_waited, fired: 0, change: Change::None, repairs: false }
    }

    fn created(machine: &'a Machine, token: Token, now_ms: u64) -> Self {
        let state = machine.states[machine.initial].name.clone();
        let instance = Instance {
            version: 0,
            entered_ms: now_ms,
            waited: false,
            expires: false,
            callers: Vec::new(),
            state: String::new(),
            data: Vec::new(),
            history: History::default(),
        };
        let mut step = Self::begin(machine, instance, now_ms);
        step.go(Cause::Created, state, now_ms, (token, By::Itself), Vec::new(), None);
        step
    }

    /// Fires all timers that are due, one after the other.
    fn fire(&mut self) {
        while let Some(timer) = self.machine.timer(&self.instance.state) {
            let at_ms = self.instance.entered_ms + timer.ms;
            if at_ms > self.now_ms {
                break;
            }
            let to = self.machine.states[timer.to].name.clone();
            let by_nobody = (Token::NONE, By::Itself);
            self.go(Cause::After { ms: timer.ms }, to, at_ms, by_nobody, Vec::new(), None);
            self.fired += 1;
        }
    }

    fn look(mut self, purpose: Look) -> Done {
        self.repairs = purpose == Look::Drain;
        // A transition by this command has cleared the mark of those who waited before.
        if purpose == Look::Wait && !self.instance.waited {
            self.instance.waited = true;
            self.patch();
        }
        // The answer must not hold entries that are then forgotten.
        self.forget();
        let history = match purpose {
            Look::History => self.instance.history.newest(self.machine.history_limit).cloned().collect(),
            Look::Trail => self.instance.history.entries().cloned().collect(),
            _ => Vec::new(),
        };
        let outcome = self.shown(history, false);
        self.done(outcome)
    }

    fn repeat_or_send(mut self, send: &Send) -> Done {
        let caller = send.caller();
        if let Some(caller) = caller
            && let Some(fence) = self.instance.fence_of(&caller.record).filter(|&fence| fence > caller.fence)
        {
            return self.done(Outcome::Stale { fence });
        }
        if let Some(outcome) = self.repeated(send) {
            if let (Some(caller), Outcome::Moved { .. } | Outcome::Replayed { .. }) = (caller, &outcome)
                && self.instance.meet(caller)
            {
                self.patch();
            }
            return self.done(outcome);
        }
        match self.objection(send, self.instance.version) {
            Some(objection) => self.done(objection),
            None => self.send(send),
        }
    }

    /// The answer that this command got the first time.
    fn repeated(&self, send: &Send) -> Option<Outcome> {
        let entry = self.instance.history.find(send.token)?;
        let kinship = send.by.kinship(&entry.by, send.is_first);
        match (kinship, &entry.cause) {
            (Kinship::None, _) => return None,
            (Kinship::Stale { fence }, _) => return Some(Outcome::Stale { fence }),
            (_, Cause::Event(first)) if *first != self.machine.events[send.event].name => {
                return Some(Outcome::Mismatch { event: first.clone() });
            }
            _ => {}
        }
        let is_current = entry.version == self.instance.version;
        let to = Snapshot {
            state: entry.to.clone(),
            version: entry.version,
            entered_ms: entry.at_ms,
            left_ms: self.left_ms().filter(|_| is_current),
            data: self.instance.data_at(entry.version).to_vec(),
        };
        let from = entry.from.clone();
        Some(if kinship == Kinship::Same { Outcome::Moved { from, to } } else { Outcome::Replayed { from, to } })
    }

    /// Why the event cannot be sent now. An instance that does not exist yet has version 0.
    fn objection(&self, send: &Send, version: u64) -> Option<Outcome> {
        let state = || self.instance.state.clone();
        if send.expected_version.is_some_and(|expected| expected != version) {
            return Some(Outcome::Conflict { state: state(), version });
        }
        let leads_on = self.machine.target(send.event, &self.instance.state).is_some();
        (!leads_on).then(|| Outcome::Illegal { state: state(), version })
    }

    /// Carries out an event that nothing stands against.
    fn send(mut self, send: &Send) -> Done {
        let from = self.instance.state.clone();
        let to = self.machine.target(send.event, &from).unwrap_or(&from).to_owned();
        let before = send.data.as_ref().map(|data| std::mem::replace(&mut self.instance.data, data.clone()));
        let cause = Cause::Event(self.machine.events[send.event].name.clone());
        self.instance.history.disown(send.token);
        self.go(cause, to, self.now_ms, (send.token, send.by), send.payload.clone(), before);
        if let Some(caller) = send.caller() {
            self.instance.meet(caller);
        }
        let to = self.snapshot();
        self.done(Outcome::Moved { from, to })
    }

    fn go(
        &mut self,
        cause: Cause,
        to: String,
        at_ms: u64,
        (token, by): (Token, By),
        payload: Vec<u8>,
        before: Option<Vec<u8>>,
    ) {
        let instance = &mut self.instance;
        instance.version += 1;
        instance.entered_ms = at_ms;
        instance.waited = false;
        let from = std::mem::replace(&mut instance.state, to.clone());
        let version = instance.version;
        instance.history.push(Entry { version, at_ms, token, by, cause, from, to, payload, before });
        self.change = Change::Moved;
    }

    /// Makes room for the entries that the timers or the event have added.
    fn forget(&mut self) {
        if self.change == Change::Moved {
            self.instance.history.forget(self.machine.history_limit);
        }
    }

    fn patch(&mut self) {
        self.change = self.change.max(Change::Patched);
    }

    fn left_ms(&self) -> Option<u64> {
        let timer = self.machine.timer(&self.instance.state)?;
        Some((self.instance.entered_ms + timer.ms).saturating_sub(self.now_ms))
    }

    fn snapshot(&self) -> Snapshot {
        let Instance { state, version, entered_ms, data, .. } = &self.instance;
        let left_ms = self.left_ms();
        Snapshot { state: state.clone(), version: *version, entered_ms: *entered_ms, left_ms, data: data.clone() }
    }

    fn shown(&self, history: Vec<Entry>, created: bool) -> Outcome {
        Outcome::Instance { at: self.snapshot(), fired: self.fired, created, history }
    }

    fn done(mut self, outcome: Outcome) -> Done {
        let moved = self.change == Change::Moved;
        let due = match self.machine.timer(&self.instance.state) {
            Some(timer) if moved || self.repairs => Due::At { ms: self.instance.entered_ms + timer.ms },
            None if moved && self.had_timer => Due::Remove,
            // A timer that this config does not know is left to the config that does.
            None if self.repairs && self.machine.state(&self.instance.state).is_some() => {
                Due::RemoveUntil { ms: self.now_ms.saturating_sub(FOREIGN_TIMER_MS) }
            }
            _ => Due::Keep,
        };
        let write = match self.change {
            Change::None => Write::Keep,
            Change::Patched => Write::Patch,
            Change::Moved => {
                self.forget();
                self.instance.expires = self.machine.is_final(&self.instance.state);
                Write::Store { ttl_ms: self.instance.expires.then_some(self.machine.retention_ms) }
            }
        };
        (Some(self.instance), Effect { write, due, publish: moved && self.was_waited }, outcome)
    }
}

#[cfg(test)]
mod tests;
