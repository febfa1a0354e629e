//! How an operation begins, and what it asks before that: whether there is a record under an older secret, and whether
//! its scope may have one more key.
//!
//! A key is counted before it is claimed, because a crash in between must not leave a record that nobody counted. Its
//! record is looked for before the key is counted, because a key that has a record was counted when it was new.

use std::sync::Arc;

use super::delivery::{Delivery, Tag};
use super::op::{NextAsk, Op, Phase};
use super::{Ask, Command, ScopeQuota, Session, Terms};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::quota::Outcome;

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
        let mut op = Op::new(&self.hashers, identity, payload, terms, now + terms.budget);
        if let Some(ScopeQuota { scope, limit }) = quota {
            op = op.with_quota(self.hashers[0].quota_key(scope), *limit);
        }
        self.ops.insert(id, op);
        self.go_on(id, now);
    }

    /// Sends the next question, and the begin itself after all others.
    fn go_on(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let deadline = op.deadline;
        match op.next_ask() {
            NextAsk::Find(key) => self.ask(u64::from(id), key, Ask::Find, deadline, now),
            NextAsk::Quota(key, quota) => self.ask(u64::from(id), key, Ask::Quota(quota), deadline, now),
            NextAsk::Begin => self.send_begin(id, now),
        }
    }

    pub(super) fn found(&mut self, id: u32, has_record: bool, now: Micros) {
        if has_record && let Some(op) = self.ops.get_mut(&id) {
            op.choose_found();
        }
        self.go_on(id, now);
    }

    pub(super) fn admitted(&mut self, id: u32, outcome: Outcome, now: Micros) {
        match outcome {
            Outcome::Admitted => self.go_on(id, now),
            Outcome::Full { free_in_ms } => {
                self.end(id, Delivery { ms: free_in_ms, ..Delivery::bare(id, Tag::Quota) }, now);
            }
        }
    }

    /// Begins once more for the same caller, because the attempt it was blocked behind may have ended.
    pub fn again(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.deadline = now + op.terms.budget;
        self.waits.stop(id);
        if matches!(op.phase, Phase::Machine(_)) { self.look_again(id, now) } else { self.send_begin(id, now) }
    }

    fn send_begin(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        op.phase = Phase::Beginning;
        let begin = op.begin();
        let (key, deadline) = (Arc::clone(op.key()), op.deadline);
        self.ask(u64::from(id), key, Ask::Command(Command::Begin(begin)), deadline, now);
    }
}
