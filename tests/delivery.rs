//! The promises as a caller sees them, when commands arrive late and more than once. The test is a black box that looks
//! only at answers, so it also finds a rule that model and Lua get wrong in the same way.
#![allow(clippy::unwrap_used, reason = "a test that unwraps says where it failed, which is what a test is for")]

mod support;

use std::collections::HashMap;

use actonce::model::{Absent, Begin, Command, Failure, Outcome, Owner, Record};
use actonce::store::embedded::MemoryStore;
use proptest::prelude::*;
use proptest::sample::Index;

use support::cases;
use support::run::World;
use support::sequence::{Ask, Elapse, Step, steps};

/// What callers have been told so far.
#[derive(Default)]
struct History {
    /// Who was given each fence, and for how long a lease.
    given: HashMap<u64, (Owner, u64)>,
    /// What was replayed under each fence.
    replayed: HashMap<u64, (u64, Vec<u8>)>,
    newest_fence: u64,
    /// Who was told that it holds the key, for how long a lease, and until when at least.
    held: Option<(Owner, u64, u64)>,
}

impl History {
    fn add(&mut self, command: &Command, outcome: &Outcome, now_ms: u64) -> Result<(), String> {
        match (command, outcome, self.held) {
            (Command::Begin(begin), &Outcome::Acquired { fence, .. }, _) => return self.acquired(begin, fence, now_ms),
            (_, Outcome::Replay { fence, attempt, payload, .. }, _) => {
                let first = self.replayed.entry(*fence).or_insert_with(|| (*attempt, payload.clone()));
                if *first != (*attempt, payload.clone()) {
                    return Err(format!("fence {fence} was replayed as {first:?} before"));
                }
            }
            (Command::Extend { owner }, Outcome::Done, Some((holder, lease_ms, _))) if *owner == holder => {
                self.held = Some((holder, lease_ms, now_ms + lease_ms));
            }
            // Nothing is left under this name, and nothing is promised of it.
            (Command::Fail { failure: Failure::Leave, .. }, Outcome::Done, _) => *self = Self::default(),
            (_, Outcome::Done, _) => self.held = None,
            _ => {}
        }
        Ok(())
    }

    fn acquired(&mut self, begin: &Begin, fence: u64, now_ms: u64) -> Result<(), String> {
        let before = self.given.get(&fence).copied();
        // A repeated begin renews the lease of the first.
        let (owner, lease_ms) = *self.given.entry(fence).or_insert((begin.owner, begin.lease_ms));
        if owner != begin.owner {
            return Err(format!("fence {fence} was given to {owner:?}"));
        }
        if before.is_none() && fence <= self.newest_fence {
            return Err(format!("fence {} was given before", self.newest_fence));
        }
        self.newest_fence = self.newest_fence.max(fence);
        match self.held.replace((owner, lease_ms, now_ms + lease_ms)) {
            Some((holder, _, until_ms)) if holder != owner && now_ms < until_ms => {
                Err(format!("{holder:?} holds the key until {until_ms}"))
            }
            _ => Ok(()),
        }
    }
}

/// Turns steps into what clients of this library send: every begin has a token of its own, and an attempt has one end.
#[derive(Default)]
struct Clients {
    completed: HashMap<Owner, Record>,
}

impl Clients {
    fn speak(&mut self, number: usize, step: &Step, world: &World) -> Command {
        let stored = world.stored.as_ref();
        let mut ask = step.ask.clone();
        if let Ask::Complete { known, .. } = &mut ask {
            *known = 3;
        }
        let mut command = ask.command(stored);
        let fresh = Owner::from_random([100 + u8::try_from(number).unwrap(); 12]);
        if let Command::Begin(Begin { absent: Absent::Resume { fence, .. }, .. }) = &mut command {
            // Given under another name, and not in the future.
            *fence = (*fence).min(world.now.us - 1);
        }
        match &mut command {
            Command::Begin(Begin { owner, .. }) if stored.is_none_or(|stored| stored.record.owner != *owner) => {
                *owner = fresh;
            }
            Command::Resolve { owner, .. } | Command::Reset { owner, .. } => *owner = fresh,
            Command::Complete { record, .. } => {
                *record = self.completed.entry(record.owner).or_insert_with(|| record.clone()).clone();
            }
            _ => {}
        }
        command
    }
}

/// Sends `steps`, and after some of them sends earlier commands once more.
fn send(steps: &[Step], repeats: &[(Index, Index)]) -> Result<(), String> {
    let (mut world, store) = (World::new(), MemoryStore::default());
    let (mut history, mut clients, mut sent) = (History::default(), Clients::default(), Vec::new());
    for (number, step) in steps.iter().enumerate() {
        // The promises do not cover a clock that goes back.
        if !matches!(step.elapse, Elapse::BackMs(_)) {
            world.reach(step.elapse.from(world.now, world.stored.as_ref()));
        }
        sent.push(clients.speak(number, step, &world));
        let late = repeats.iter().filter(|(_, after)| after.index(steps.len()) == number);
        let late = late.map(|(what, _)| &sent[what.index(sent.len())]);
        for command in sent.last().into_iter().chain(late) {
            let outcome = store.execute("key", command, world.now);
            world.apply(command);
            history
                .add(command, &outcome, world.now.ms())
                .map_err(|error| format!("step {number}, {command:?} answered {outcome:?}, but {error}"))?;
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(1_000, 200_000), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn late_and_repeated_commands_break_no_promise(
        steps in steps(),
        repeats in proptest::collection::vec((any::<Index>(), any::<Index>()), 0..20),
    ) {
        send(&steps, &repeats).map_err(TestCaseError::fail)?;
    }
}
