//! Commands on instances of state machines. JavaScript's request, in indices, becomes a command of the model, and the
//! outcome becomes indices again. A state that the definition does not know is told by its name.

use std::sync::Arc;

use serde::Serialize;

use super::delivery::{Delivery, Tag};
use super::names::Names;
use super::op::{Op, Phase};
use super::trail::RunNames;
use super::{Ask, Session, Terms};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::machine::{By, Caller, Cause, Command, Entry, Look, Machine, Outcome, Send, Snapshot, Token};
use crate::scripts::machine::Prepared;
use crate::store::MachineAsk;
use crate::store::keys::{self, PARTITIONS};

/// The machines a client has defined, by the number it gave them.
#[derive(Default)]
pub struct Machines(Vec<Option<Defined>>);

#[derive(Clone)]
struct Defined {
    prepared: Arc<Prepared>,
    due_sets: Arc<[Arc<str>; PARTITIONS]>,
}

/// Why an instance is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Glance,
    History,
    /// Everything that is remembered, and which of it this run did.
    Trail(RunNames),
    Drain,
    /// Look until the instance is in one of these states.
    Reach(Vec<usize>),
}

/// An event as JavaScript sends it.
#[derive(Clone, Debug)]
pub struct SentEvent {
    pub event: usize,
    pub data: Option<String>,
    pub payload: Option<String>,
    /// Names the step. A repeat of the same step gets the answer of the first.
    pub key: Option<String>,
    /// The attempt that this event is sent for.
    pub attempt: Option<Attempt>,
    pub expected_version: Option<u64>,
    pub create: bool,
}

/// The attempt of an idempotency key that takes a step.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The key's record.
    pub record: String,
    pub fence: u64,
    /// This is the record's first attempt.
    pub is_first: bool,
    /// How long the record is kept.
    pub retention_ms: u64,
}

/// What an operation asked, as far as its delivery depends on that.
pub struct Asked {
    machine: u32,
    id: Box<str>,
    purpose: Purpose,
}

impl Session {
    /// From now on `number` is this machine.
    pub fn define(&mut self, number: u32, machine: Machine) {
        let prefix = self.hashers[0].prefix();
        let due_sets = Arc::new(std::array::from_fn(|index| keys::due_set_key(prefix, &machine.id, index)));
        let at = number as usize;
        if self.machines.0.len() <= at {
            self.machines.0.resize(at + 1, None);
        }
        self.machines.0[at] = Some(Defined { prepared: Arc::new(Prepared::new(machine)), due_sets });
    }

    pub fn create(&mut self, op: u32, machine: u32, id: &str, data: Option<String>, budget: Micros, now: Micros) {
        let data = data.unwrap_or_default().into_bytes();
        self.command(op, machine, id, Purpose::Glance, budget, now, |token| Command::Create { token, data });
    }

    pub fn send(&mut self, op: u32, machine: u32, id: &str, sent: SentEvent, budget: Micros, now: Micros) {
        self.command(op, machine, id, Purpose::Glance, budget, now, |call| {
            let by = match (&sent.attempt, &sent.key) {
                (Some(attempt), _) => attempt.by(),
                (None, Some(_)) => By::Call(call),
                (None, None) => By::Itself,
            };
            Command::Send(Send {
                token: sent.key.map_or(call, |key| token_of(&key)),
                by,
                is_first: sent.attempt.is_some_and(|attempt| attempt.is_first),
                event: sent.event,
                data: sent.data.map(String::into_bytes),
                payload: sent.payload.unwrap_or_default().into_bytes(),
                expected_version: sent.expected_version,
                create: sent.create,
            })
        });
    }

    pub fn look(&mut self, op: u32, machine: u32, id: &str, purpose: Purpose, budget: Micros, now: Micros) {
        let command = Command::Look { purpose: look(&purpose) };
        self.command(op, machine, id, purpose, budget, now, |_| command);
    }

    /// Lists the instances of one partition whose timer should have fired.
    #[allow(clippy::too_many_arguments, reason = "what a call of JavaScript says, once")]
    pub fn due(
        &mut self,
        id: u32,
        machine: u32,
        partition: usize,
        (skipped, limit): (u64, u64),
        budget: Micros,
        now: Micros,
    ) {
        let Some(due_set) = self.defined(machine).and_then(|defined| defined.due_sets.get(partition).cloned()) else {
            return self.deliver(Delivery::failed(id, &undefined()));
        };
        self.ops.insert(id, Op::new(Names::at(Arc::clone(&due_set)), Terms::without_lease(budget), now + budget));
        self.ask(u64::from(id), due_set, Ask::Due { skipped, limit }, now + budget, now);
    }

    /// An operation that waits looks once more.
    pub(super) fn look_again(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.changed = false;
        let (deadline, key) = (op.deadline, Arc::clone(op.key()));
        let Phase::Machine(asked) = &op.phase else { return };
        let (machine, member) = (asked.machine, asked.id.clone());
        let command = Command::Look { purpose: look(&asked.purpose) };
        let Some(defined) = self.defined(machine) else { return };
        let partition = keys::partition_of(&defined.prepared.machine.id, &member);
        self.ask_machine(id, machine, key, partition, member, command, deadline, now);
    }

    #[allow(clippy::too_many_arguments, reason = "what a call of JavaScript says, once")]
    fn command(
        &mut self,
        op: u32,
        machine: u32,
        id: &str,
        purpose: Purpose,
        budget: Micros,
        now: Micros,
        command: impl FnOnce(Token) -> Command,
    ) {
        if self.closed {
            return self.deliver(Delivery::failed(op, &StoreError::Closed));
        }
        let Some(name) = self.defined(machine).map(|defined| &defined.prepared.machine.id) else {
            return self.deliver(Delivery::failed(op, &undefined()));
        };
        let partition = keys::partition_of(name, id);
        let key = keys::instance_key(self.hashers[0].prefix(), name, id, partition);
        let deadline = now + budget;
        let mut opened = Op::new(Names::at(Arc::clone(&key)), Terms::without_lease(budget), deadline);
        // The owner is random, so no other command has this token.
        let command = command(Token::start_of(opened.owner.as_bytes()));
        opened.phase = Phase::Machine(Asked { machine, id: id.into(), purpose });
        self.ops.insert(op, opened);
        self.ask_machine(op, machine, key, partition, id.into(), command, deadline, now);
    }

    #[allow(clippy::too_many_arguments, reason = "the parts of one request")]
    fn ask_machine(
        &mut self,
        id: u32,
        machine: u32,
        key: Arc<str>,
        partition: usize,
        member: Box<str>,
        command: Command,
        deadline: Micros,
        now: Micros,
    ) {
        let Some(Defined { prepared, due_sets }) = self.defined(machine).cloned() else { return };
        let due_set = Arc::clone(&due_sets[partition]);
        let ask = Ask::Machine(Box::new(MachineAsk { prepared, command, due_set, member }));
        self.ask(u64::from(id), key, ask, deadline, now);
    }

    fn defined(&self, machine: u32) -> Option<&Defined> {
        self.machines.0.get(machine as usize)?.as_ref()
    }

    pub(super) fn listed(&mut self, id: u32, members: &[String], now: Micros) {
        let text = serde_json::to_vec(members).unwrap_or_default();
        self.end(id, Delivery::text(id, Tag::Due, text), now);
    }

    pub(super) fn transitioned(&mut self, id: u32, outcome: Outcome, now: Micros) {
        let Some(Phase::Machine(asked)) = self.ops.get(&id).map(|op| &op.phase) else { return };
        let Some(defined) = self.defined(asked.machine) else { return };
        let translator = Translator { id, machine: &defined.prepared.machine };
        let purpose = &asked.purpose;
        let delivery = match outcome {
            Outcome::Moved { from, to } => translator.moved(&from, to, false),
            Outcome::Replayed { from, to } => translator.moved(&from, to, true),
            Outcome::Instance { history, .. } if matches!(purpose, Purpose::History) => translator.history(&history),
            Outcome::Instance { history, .. } if let Purpose::Trail(run) = purpose => run.told(id, &history),
            Outcome::Instance { at, fired, created, .. } => {
                let state = translator.machine.state(&at.state);
                let waits_on = match purpose {
                    Purpose::Reach(wanted) => state.is_some_and(|state| !wanted.contains(&state)),
                    _ => false,
                };
                let delivery = translator.instance(at, fired, created);
                if waits_on {
                    let delivery = Delivery { tag: Tag::InProgress, text: None, ..delivery };
                    return self.deliver(delivery);
                }
                delivery
            }
            Outcome::Illegal { state, version } => translator.unmoved(Tag::Illegal, state, version),
            Outcome::Conflict { state, version } => translator.unmoved(Tag::Conflict, state, version),
            Outcome::Stale { fence } => Delivery { fence, ..Delivery::bare(id, Tag::Stale) },
            Outcome::Mismatch { event } => Delivery::text(id, Tag::Mismatch, event.into_bytes()),
            Outcome::Absent => Delivery::bare(id, Tag::Absent),
            Outcome::Unreadable(why) => Delivery::text(id, Tag::Unreadable, why.to_string().into_bytes()),
        };
        self.end(id, delivery, now);
    }
}

impl Attempt {
    fn by(&self) -> By {
        let caller = Caller { record: keys::name_of(&self.record), fence: self.fence };
        By::Attempt { caller, until: self.fence.saturating_add(self.retention_ms.saturating_mul(1_000)) }
    }
}

/// The token of a command with this key.
pub(super) fn token_of(key: &str) -> Token {
    Token::start_of(&keys::name_of(key))
}

fn look(purpose: &Purpose) -> Look {
    match purpose {
        Purpose::Glance => Look::Glance,
        Purpose::History => Look::History,
        Purpose::Trail(_) => Look::Trail,
        Purpose::Drain => Look::Drain,
        Purpose::Reach(_) => Look::Wait,
    }
}

fn undefined() -> StoreError {
    StoreError::Invalid("this client has not defined this state machine".into())
}

/// Translates an outcome, which has names, into a delivery, which has numbers.
/// `attempt` carries the version, `fence` when the state was entered, and `ms` one more than the timer's time left.
/// `code` carries the state, and in its upper half the state before or how many timers fired. The text is the data.
struct Translator<'a> {
    id: u32,
    machine: &'a Machine,
}

impl Translator<'_> {
    fn moved(&self, from: &str, to: Snapshot, replayed: bool) -> Delivery {
        match self.machine.state(from) {
            Some(from) => self.snapshot(Tag::Moved, to, from, replayed),
            None => self.unknown(from.to_owned()),
        }
    }

    fn instance(&self, at: Snapshot, fired: u64, created: bool) -> Delivery {
        self.snapshot(Tag::Instance, at, usize::try_from(fired).unwrap_or(0), created)
    }

    fn snapshot(&self, tag: Tag, at: Snapshot, upper: usize, flag: bool) -> Delivery {
        let Some(state) = self.machine.state(&at.state) else { return self.unknown(at.state) };
        Delivery {
            attempt: at.version,
            fence: at.entered_ms,
            ms: at.left_ms.map_or(0, |left_ms| left_ms + 1),
            code: state | upper << 16,
            recovered: flag,
            text: (!at.data.is_empty()).then_some(at.data),
            ..Delivery::bare(self.id, tag)
        }
    }

    fn unmoved(&self, tag: Tag, state: String, version: u64) -> Delivery {
        match self.machine.state(&state) {
            Some(code) => Delivery { code, attempt: version, ..Delivery::bare(self.id, tag) },
            None => self.unknown(state),
        }
    }

    fn unknown(&self, state: String) -> Delivery {
        Delivery::text(self.id, Tag::UnknownState, state.into_bytes())
    }

    fn history(&self, entries: &[Entry]) -> Delivery {
        let shown: Vec<_> = entries.iter().map(Shown::of).collect();
        Delivery::text(self.id, Tag::Record, serde_json::to_vec(&shown).unwrap_or_default())
    }
}

/// An entry of a history as JavaScript reads it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    version: u64,
    at_ms: u64,
    event: Option<&'a str>,
    after_ms: Option<u64>,
    from: &'a str,
    state: &'a str,
    payload: Option<&'a str>,
}

impl<'a> Shown<'a> {
    fn of(entry: &'a Entry) -> Self {
        let (event, after_ms) = match &entry.cause {
            Cause::Created => (None, None),
            Cause::Event(event) => (Some(event.as_str()), None),
            Cause::After { ms } => (None, Some(*ms)),
        };
        let payload = std::str::from_utf8(&entry.payload).ok().filter(|payload| !payload.is_empty());
        let Entry { version, at_ms, from, to, .. } = entry;
        Self { version: *version, at_ms: *at_ms, event, after_ms, from, state: to, payload }
    }
}
