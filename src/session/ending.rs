//! How an operation ends: its run completes or fails, and the store is told; or the operation is given up.

use std::sync::Arc;

use super::delivery::{Delivery, Tag};
use super::op::{Claim, Phase};
use super::{Ask, FailMode, Recording, Request, Session};
use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::model::{Command, Failure, Flags, Owner, Record, State};
use crate::shrink;
use crate::store::Store as _;

/// Marks a request that undoes a begin for which nobody waits any more. Its answer interests nobody.
pub const WITHDRAWAL: u64 = 1 << 32;

impl Session {
    pub fn complete(&mut self, id: u32, payload: String, recording: Recording, now: Micros) {
        let op = self.ops.get_mut(&id);
        let Some((op, claim)) = op.and_then(|op| op.ends(now + recording.budget).map(|claim| (op, claim))) else {
            return self.deliver(Delivery::bare(id, Tag::Lost));
        };
        let Claim { fence, attempt, recovered } = claim;
        let held = op.begin().record(fence, attempt, Flags { recovered, ..Flags::default() });
        let state = State::Completed { payload: payload.into_bytes() };
        let record = Record { flags: Flags::default(), state, ..held.clone() };
        let command = Command::Complete { record, retention_ms: recording.retention_ms };
        let key = Arc::clone(op.key());
        self.send_ending(id, key, command, Some(Box::new(held)), recording, now);
    }

    pub fn fail(&mut self, id: u32, mode: FailMode, payload: Option<String>, recording: Recording, now: Micros) {
        let op = self.ops.get_mut(&id);
        let Some(op) = op.and_then(|op| op.ends(now + recording.budget).map(|_| op)) else {
            return self.deliver(Delivery::bare(id, Tag::Lost));
        };
        let payload = payload.unwrap_or_default().into_bytes();
        let failure = match mode {
            FailMode::Release => Failure::Release { payload, told_for_ms: recording.retention_ms },
            FailMode::Record => Failure::Record { payload, retention_ms: recording.retention_ms },
            FailMode::Hold => Failure::Hold,
        };
        let (key, command) = (Arc::clone(op.key()), Command::Fail { owner: op.owner, failure });
        self.send_ending(id, key, command, None, recording, now);
    }

    fn send_ending(
        &mut self,
        id: u32,
        key: Arc<str>,
        command: Command,
        held: Option<Box<Record>>,
        recording: Recording,
        now: Micros,
    ) {
        self.leases.ending(id);
        let request = Request {
            patience: now + recording.patience,
            held,
            ..Request::new(u64::from(id), key, Ask::Command(command), now + recording.budget)
        };
        self.submit(request, now);
    }

    /// The store has not taken an outcome, and takes none of its size: the attempt may end with a smaller one, once.
    pub(super) fn too_large(&mut self, id: u32, why: &StoreError, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let failed = Delivery::failed(id, why);
        let Phase::Ending { claim, is_smaller: false } = op.phase else { return self.end(id, failed, now) };
        op.phase = Phase::Oversized(claim);
        let left_ms = op.deadline.saturating_sub(now).div_ceil(MILLI);
        self.deliver(Delivery { tag: Tag::TooLarge, ms: left_ms, ..failed });
    }

    /// Gives an operation up. A begin that may have been applied is withdrawn: the run it stood for never started.
    pub fn forget(&mut self, id: u32, now: Micros) {
        self.stop_listening(id, now);
        let Some(mut op) = self.ops.remove(&id) else { return };
        self.leases.release(id);
        let never_left = self.store.forget(u64::from(id));
        // Held: the key was acquired while its caller, who has not heard of it yet, gave up.
        if matches!(op.phase, Phase::Beginning | Phase::Held(_)) && !never_left {
            self.withdraw(id, Arc::clone(op.key()), op.owner, op.terms.lease_ms, now);
        }
        if let Some(carried) = op.names.arrive() {
            self.withdraw(id, carried.key, op.owner, op.terms.lease_ms, now);
        }
    }

    pub(super) fn withdraw(&mut self, id: u32, key: Arc<str>, owner: Owner, lease_ms: u64, now: Micros) {
        self.fail_unheard(id, key, owner, Failure::Release { payload: Vec::new(), told_for_ms: 0 }, lease_ms, now);
    }

    /// Ends an attempt that never ran, with nobody to tell.
    pub(super) fn fail_unheard(
        &mut self,
        id: u32,
        key: Arc<str>,
        owner: Owner,
        failure: Failure,
        lease_ms: u64,
        now: Micros,
    ) {
        let command = Command::Fail { owner, failure };
        let deadline = now + lease_ms * MILLI;
        self.ask(u64::from(id) | WITHDRAWAL, key, Ask::Command(command), deadline, now);
    }

    /// Delivers the last word on an operation.
    pub(super) fn end(&mut self, id: u32, delivery: Delivery, now: Micros) {
        self.let_go(id, now);
        self.deliver(delivery);
    }

    /// Removes everything about the operation here; the store stays as it is.
    pub(super) fn let_go(&mut self, id: u32, now: Micros) {
        self.stop_listening(id, now);
        self.ops.remove(&id);
        shrink::after_removal(&mut self.ops);
        self.leases.release(id);
    }
}
