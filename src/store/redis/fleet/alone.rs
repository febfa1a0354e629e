//! Large writes on which connections have ended travel alone, one at a time, on a connection beside the one that all share:
//! a server that hangs up on them does so to nobody else.

use std::sync::Arc;

use super::Fleet;
use crate::clock::{MILLI, Micros};
use crate::store::Store as _;
use crate::store::ask::Request;
use crate::store::redis::pending::Pending;
use crate::store::redis::wire::Wire;

/// For so long nothing of a size that a server did not take is risked on the shared connection. Its limit may be raised.
const REMEMBERED: Micros = 60_000 * MILLI;

/// What a server did not take.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    bytes: usize,
    until: Micros,
}

impl Fleet {
    pub(super) fn is_risky(&self, request: &Request, now: Micros) -> bool {
        self.refused.is_some_and(|refused| now < refused.until && request.ask.payload_len() >= refused.bytes)
    }

    /// @param shared the connection that is spared
    pub(super) fn send_alone(&mut self, shared: usize, pending: Pending, now: Micros) {
        let known = self.wires.iter().position(|wire| wire.beside == Some(shared));
        let index = known.unwrap_or_else(|| {
            self.wires.push(Wire::beside(shared, Arc::clone(&self.wires[shared].target), self.command_timeout));
            self.wires.len() - 1
        });
        self.wires[shared].engine.bear_witness();
        self.wires[index].engine.take_over(pending, now);
    }

    /// Before a connection is used that is made again: whether the one before it ended for what it carried.
    pub(super) fn judge(&mut self, connection: usize, now: Micros) {
        let Some(shared) = self.wires[connection].beside else { return };
        // If the network was cut, that one has ended as well, and it may not have been read yet.
        self.turn_one(shared, now);
        let witness = &mut self.wires[shared].engine;
        let up_since = witness.up_since();
        witness.bear_witness();
        if let Some(bytes) = self.wires[connection].engine.judge(up_since) {
            let known = self.refused.filter(|refused| now < refused.until).map_or(bytes, |refused| refused.bytes);
            self.refused = Some(Refused { bytes: bytes.min(known), until: now + REMEMBERED });
        }
    }

    /// Ends the connections that have nothing to carry any more.
    pub(super) fn end_idle(&mut self, now: Micros) {
        for wire in self.wires.iter_mut().filter(|wire| wire.engine.is_through()) {
            wire.disconnect(now);
            wire.engine.rest();
        }
    }
}
