//! Large writes on which connections have ended travel alone, one at a time, on a connection beside the one that all
//! others share: a server that hangs up on such a write ends no other call's connection.

use std::sync::Arc;

use super::Fleet;
use crate::clock::{MILLI, Micros};
use crate::store::Store as _;
use crate::store::ask::Request;
use crate::store::redis::pending::Pending;
use crate::store::redis::wire::Wire;

/// How long no write of a size that the server did not take is risked on the shared connection. After that it is tried
/// again, because somebody may have raised the server's limit.
const REMEMBERED: Micros = 60_000 * MILLI;

/// What a server did not take.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    bytes: usize,
    until: Micros,
}

impl Fleet {
    /// Whether the server has lately not taken a write of this size.
    pub(super) fn is_risky(&self, request: &Request, now: Micros) -> bool {
        self.refused.is_some_and(|refused| now < refused.until && request.ask.payload_len() >= refused.bytes)
    }

    /// `shared` is the connection that is spared.
    pub(super) fn send_alone(&mut self, shared: usize, pending: Pending, now: Micros) {
        let known = self.wires.iter().position(|wire| wire.beside == Some(shared));
        let index = known.unwrap_or_else(|| {
            self.wires.push(Wire::beside(shared, Arc::clone(&self.wires[shared].target), self.command_timeout));
            self.wires.len() - 1
        });
        self.wires[shared].engine.bear_witness(true);
        self.wires[index].engine.take_over(pending, now);
    }

    /// Called before a connection is used that was made again: judges why the one before it ended.
    pub(super) fn judge(&mut self, connection: usize, now: Micros) {
        let Some(shared) = self.wires[connection].beside else { return };
        // If the network was cut, the shared connection has ended as well, and we may not have read that yet.
        self.turn_one(shared, now);
        let witness = &mut self.wires[shared].engine;
        let up_since = witness.up_since();
        witness.bear_witness(true);
        if let Some(bytes) = self.wires[connection].engine.judge(up_since) {
            let known = self.refused.filter(|refused| now < refused.until).map_or(bytes, |refused| refused.bytes);
            self.refused = Some(Refused { bytes: bytes.min(known), until: now + REMEMBERED });
        }
    }

    /// Ends the connections that have nothing to carry any more. Nobody has to bear witness then.
    pub(super) fn end_idle(&mut self, now: Micros) {
        for index in 0..self.wires.len() {
            let wire = &mut self.wires[index];
            let Some(shared) = wire.beside.filter(|_| wire.engine.is_idle()) else { continue };
            if wire.engine.is_through() {
                wire.disconnect(now);
                wire.engine.rest();
            }
            self.wires[shared].engine.bear_witness(false);
        }
    }
}
