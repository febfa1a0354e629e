//! How an operation begins, and what it asks before that: whether there is a record under an older secret, and whether
//! its scope may have one more key.
//!
//! A key is counted before it is claimed, because a crash in between must not leave a record that nobody counted. Its
//! record is looked for before the key is counted, because a key that has a record was counted when it was new.

use std::sync::Arc;

use super::delivery::{Delivery, Tag};
use super::names::{Names, NextAsk};
use super::op::{Claim, Op, Phase};
use super::{Ask, Command, ScopeQuota, Session, Terms};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::Failure;
use crate::model::quota::{Outcome, Quota};

impl Session {
    pub fn begin(
        &mut self,
        id: u32,
        identity: &str,
        payload: Option<&str>,
        terms: Terms,
        quota: Option<&ScopeQuota>,
        now: Micros,
    ) {
        if self.closed {
            return self.deliver(Delivery::failed(id, &StoreError::Closed));
        }
        let mut names = Names::of(&self.hashers, identity, payload);
        if let Some(ScopeQuota { scope, limit }) = quota {
            names.count(&self.hashers, scope, Quota { limit: *limit, retention_ms: terms.retention_ms });
        }
        self.ops.insert(id, Op::new(names, terms, now + terms.budget));
        self.go_on(id, now);
    }

    /// Sends the next question, and the begin itself after all others.
    fn go_on(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let deadline = op.deadline;
        match op.names.next_ask() {
            NextAsk::Find(key) => self.ask(u64::from(id), key, Ask::Find, deadline, now),
            NextAsk::Count(key) => self.ask(u64::from(id), key, Ask::Count, deadline, now),
            NextAsk::Full { free_in_ms } => self.refuse_for_quota(id, free_in_ms, now),
            NextAsk::Quota(key, quota) => self.ask(u64::from(id), key, Ask::Quota(quota), deadline, now),
            NextAsk::Begin => self.send_begin(id, now),
        }
    }

    pub(super) fn found(&mut self, id: u32, has_record: bool, now: Micros) {
        if has_record && let Some(op) = self.ops.get_mut(&id) {
            op.names.choose_found();
        }
        self.go_on(id, now);
    }

    pub(super) fn admitted(&mut self, id: u32, outcome: Outcome, now: Micros) {
        match outcome {
            Outcome::Admitted => self.go_on(id, now),
            Outcome::Counted { keys, free_in_ms } => {
                if let Some(op) = self.ops.get_mut(&id) {
                    op.names.count_older(keys, free_in_ms);
                }
                self.go_on(id, now);
            }
            Outcome::Full { free_in_ms } => {
                let free_in_ms = self.ops.get(&id).map_or(free_in_ms, |op| op.names.free_in_ms(free_in_ms));
                self.refuse_for_quota(id, free_in_ms, now);
            }
        }
    }

    fn refuse_for_quota(&mut self, id: u32, free_in_ms: u64, now: Micros) {
        self.end(id, Delivery { ms: free_in_ms, ..Delivery::bare(id, Tag::Quota) }, now);
    }

    /// Begins once more for the same caller, because the attempt it was blocked behind may have ended.
    pub fn again(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.deadline = now + op.terms.budget;
        let (is_machine, has_older) = (matches!(op.phase, Phase::Machine(_)), op.names.has_older());
        self.waits.stop(id);
        match (is_machine, has_older) {
            (true, _) => self.look_again(id, now),
            (_, true) => self.search(id, now),
            _ => self.send_begin(id, now),
        }
    }

    /// Looks up every name once more, because another attempt may have moved to another name meanwhile.
    fn search(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.phase = Phase::Beginning;
        op.names.look_anew();
        self.go_on(id, now);
    }

    /// The key was acquired under an older name, and goes on under the first.
    pub(super) fn carry_on(&mut self, id: u32, claim: Claim, now: Micros) {
        if let Some(op) = self.ops.get_mut(&id) {
            op.names.carry(claim);
        }
        self.send_begin(id, now);
    }

    /// The first name now has a record, so the record under the older name is removed.
    pub(super) fn leave_behind(&mut self, id: u32, now: Micros) {
        self.take_leave(id, Failure::Leave, now);
    }

    /// The key could not be begun under the first name, so the older name is released for another attempt.
    pub(super) fn give_back(&mut self, id: u32, now: Micros) {
        self.take_leave(id, Failure::Release { payload: Vec::new(), told_for_ms: 0 }, now);
    }

    fn take_leave(&mut self, id: u32, failure: Failure, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let (owner, lease_ms) = (op.owner, op.terms.lease_ms);
        if let Some(carried) = op.names.arrive() {
            self.fail_unheard(id, carried.key, owner, failure, lease_ms, now);
        }
    }

    /// The record that was found no longer exists, so the search goes on.
    pub(super) fn look_on(&mut self, id: u32, now: Micros) {
        if let Some(op) = self.ops.get_mut(&id) {
            op.names.look_on();
        }
        self.go_on(id, now);
    }

    fn send_begin(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.phase = Phase::Beginning;
        let begin = op.begin();
        let (key, deadline) = (Arc::clone(op.key()), op.deadline);
        self.ask(u64::from(id), key, Ask::Command(Command::Begin(begin)), deadline, now);
    }
}
