//! Requests on their way to the store, and payloads on their way back. A payload is sealed before its request leaves,
//! and opened before its outcome is told. A small payload is sealed or opened at once; a large one on the seal thread,
//! so that nobody else's call waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::delivery::{Delivery, Tag};
use super::op::{Op, Phase};
use super::{Notice, Session};
use crate::clock::Micros;
use crate::error::StoreError;
use crate::model::Origin;
use crate::seal::{self, Place, Sealer};
use crate::store::{Ask, Request, Store as _, op_of};
use crate::threads;

impl Session {
    /// Sends a request after putting its payload into the form in which it is stored.
    pub(super) fn submit(&mut self, mut request: Request, now: Micros) {
        if !self.sealer.changes_payloads() {
            return self.dispatch(request, now);
        }
        let id = op_of(request.id);
        // A withdrawal has no operation any more, and it has no payload.
        let Some(origin) = self.ops.get(&id).map(Op::origin) else { return self.dispatch(request, now) };
        if !payload_len(&mut request).is_some_and(|length| self.sealer.seals_slowly(length)) {
            seal(&self.sealer, &mut request, origin);
            return self.dispatch(request, now);
        }
        let sealer = Arc::clone(&self.sealer);
        self.hand_to_seal_thread(id, move || {
            seal(&sealer, &mut request, origin);
            Notice::Sealed(Box::new(request))
        });
    }

    fn dispatch(&mut self, request: Request, now: Micros) {
        let id = request.id;
        if let Some(answer) = self.store.submit(request, now) {
            self.answer(id, answer, now);
        }
    }

    /// The seal thread has sealed a request.
    pub(super) fn sealed(&mut self, request: Request, now: Micros) {
        self.on_seal_thread -= 1;
        // An operation that is missing was given up meanwhile.
        if self.ops.contains_key(&op_of(request.id)) {
            self.dispatch(request, now);
        }
    }

    /// Delivers the last word on an operation, with a payload that `origin` stored in a record of this state.
    pub(super) fn end_with(&mut self, id: u32, delivery: Delivery, origin: Origin, state: u8, now: Micros) {
        let Some(op) = self.ops.get_mut(&id) else { return };
        if state == b'R' && delivery.text.as_ref().is_some_and(Vec::is_empty) {
            // A release without an error has no payload, so nothing was sealed.
            return self.end(id, delivery, now);
        }
        let place = Place { key: Arc::clone(op.key()), origin, state };
        if !delivery.text.as_ref().is_some_and(|stored| self.sealer.opens_slowly(stored)) {
            let delivery = open(&self.sealer, delivery, &place);
            return self.end(id, delivery, now);
        }
        op.phase = Phase::Opening;
        let sealer = Arc::clone(&self.sealer);
        self.hand_to_seal_thread(id, move || Notice::Ended(open(&sealer, delivery, &place)));
    }

    /// Delivers the last word on an operation after those that are being opened. A caller that resets a record and then
    /// forgets its cached outcome must not hear of an older outcome after that.
    pub(super) fn end_in_order(&mut self, id: u32, delivery: Delivery, now: Micros) {
        match self.ops.get_mut(&id) {
            Some(op) if self.on_seal_thread > 0 => {
                op.phase = Phase::Opening;
                self.hand_to_seal_thread(id, move || Notice::Ended(delivery));
            }
            _ => self.end(id, delivery, now),
        }
    }

    /// Delivers the last word on an operation, from the seal thread.
    pub(super) fn ended(&mut self, delivery: Delivery, now: Micros) {
        self.on_seal_thread -= 1;
        if self.ops.contains_key(&delivery.op) {
            self.end(delivery.op, delivery, now);
        }
    }

    /// Does `work` on the seal thread, which posts the result.
    fn hand_to_seal_thread(&mut self, id: u32, work: impl FnOnce() -> Notice + Send + 'static) {
        self.on_seal_thread += 1;
        let post = Arc::clone(&self.post);
        threads::seal().spawn(async move {
            // A caller that waits must get an answer even when this library has a bug.
            let bug = StoreError::Protocol("a payload could not be sealed or opened; please report this bug".into());
            post(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Notice::Ended(Delivery::failed(id, &bug))));
        });
    }
}

fn payload_len(request: &mut Request) -> Option<usize> {
    let Ask::Command(command) = &mut request.ask else { return None };
    seal::payload_of(command).map(|(payload, ..)| payload.len())
}

fn seal(sealer: &Sealer, request: &mut Request, origin: Origin) {
    let Ask::Command(command) = &mut request.ask else { return };
    if let Some((payload, state, by)) = seal::payload_of(command) {
        let place = Place { key: Arc::clone(&request.key), origin, state };
        sealer.seal(payload, &place, by);
    }
}

/// The delivery with its payload opened, or with the reason why the payload cannot be read.
fn open(sealer: &Sealer, mut delivery: Delivery, place: &Place) -> Delivery {
    match delivery.text.as_mut().map(|stored| sealer.open(stored, place)) {
        Some(Err(why)) => Delivery::text(delivery.op, Tag::Unreadable, why.to_string().into_bytes()),
        _ => delivery,
    }
}
