//! Commands that have been packed for the socket and are not answered yet. Replies come in the same order.

use crate::clock::Micros;
use crate::store::redis::pending::Pending;
use crate::store::redis::stage::Stage;

/// A command that was packed and is not answered yet.
pub(super) struct InFlight {
    pub(super) sent: Sent,
    /// When the command went to the socket; until then, when it was packed.
    pub(super) at: Micros,
    /// Bytes that had not been answered when the command was packed, its own included. They have to arrive first.
    pub(super) ahead: u64,
}

/// What went out, and therefore what its reply is.
pub(super) enum Sent {
    Request(Pending, Stage),
    Time,
    Slots,
    /// A `WAIT`, whose reply says how many have the writes before it.
    Acknowledgement,
    Subscribe(String),
    Unsubscribe(String),
    /// Nobody waits for this reply.
    Orphan,
}

impl Sent {
    pub(super) fn id(&self) -> Option<u64> {
        match self {
            Self::Request(pending, _) => Some(pending.request.id),
            _ => None,
        }
    }
}
