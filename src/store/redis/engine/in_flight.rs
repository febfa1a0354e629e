//! What has been packed for the socket and is not answered yet. Replies come in this order.

use crate::clock::Micros;
use crate::store::redis::pending::Pending;
use crate::store::redis::stage::Stage;

/// What was packed and not answered yet, in order.
pub(super) struct InFlight {
    pub(super) sent: Sent,
    /// When it went to the socket; until then, when it was packed.
    pub(super) at: Micros,
    /// Bytes that had not been answered when it was packed, its own included: they have to arrive first.
    pub(super) ahead: u64,
}

/// What went out, and so what its reply is.
pub(super) enum Sent {
    Request(Pending, Stage),
    Time,
    Slots,
    /// How many have what was written before.
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
