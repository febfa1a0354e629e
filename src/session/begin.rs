//! How an operation begins, and what is asked before: whether older secrets know the key, and whether its scope may have
//! one more.
//!
//! A key is counted before it is claimed, since a crash in between must not leave a record that nobody counted; and it is
//! looked for before it is counted, since a key that has a record was counted when it was new.

use std::sync::Arc;

use super::delivery::{Delivery, Tag};
use super::op::{Op, Phase, Step};
use super::{Ask, Command, Quota, Session, Terms};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::quota::Verdict;

impl Session {
    pub fn begin(
        &mut self,
        id: u32,
        identity: &str,
        payload: Option<&str>,
        terms: Terms,
        quota: Option<&Quota>,
        now: Micros,
    ) {
        if self.closed {
            return self.deliver(Delivery::failed(id, &StoreError::Closed));
        }
        let mut op = Op::new(&self.hashers, identity, payload, terms, now + terms.budget);
        if let Some(Quota { scope, limit }) = quota {
            op = op.counted(self.hashers[0].count_key(scope), *limit);
        }
        self.ops.insert(id, op);
        self.go_on(id, now);
    }

    /// Asks what is to be asked next, the begin itself after all else.
    fn go_on(&mut self, id: u32, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        let deadline = op.deadline;
        match op.next_step() {
            Step::Find(key) => self.ask(u64::from(id), key, Ask::Find, deadline, now),
            Step::Admit(count, admission) => self.ask(u64::from(id), count, Ask::Admit(admission), deadline, now),
            Step::Begin => self.send_begin(id, now),
        }
    }

    pub(super) fn found(&mut self, id: u32, has_record: bool, now: Micros) {
        if has_record && let Some(op) = self.ops.get_mut(&id) {
            op.settle_on_found();
        }
        self.go_on(id, now);
    }

    pub(super) fn admission(&mut self, id: u32, verdict: Verdict, now: Micros) {
        match verdict {
            Verdict::Admitted => self.go_on(id, now),
            Verdict::Full { free_in_ms } => {
                self.end(id, Delivery { ms: free_in_ms, ..Delivery::bare(id, Tag::Quota) }, now);
            }
        }
    }

    /// Once more, for the same caller: the attempt it was blocked behind may have ended.
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
