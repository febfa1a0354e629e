//! What a connection to a cluster's node also does: it learns which node has which slots, and hands over what belongs
//! to another node.

use redis::cmd;

use super::in_flight::Sent;
use super::{Engine, Link};
use crate::clock::Micros;
use crate::store::redis::pending::Pending;

impl Engine {
    /// Requests or channels depend on this connection.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        !self.waiting.is_empty() || !self.later.is_empty() || !self.channels.is_empty()
    }

    /// Tells by `FleetNews::Slots`, as soon as there is a connection, which node of the cluster has what.
    pub fn ask_slots(&mut self, now: Micros) {
        self.wants_slots = true;
        self.send_slots(now);
    }

    pub(super) fn send_slots(&mut self, now: Micros) {
        if self.is_up() && std::mem::take(&mut self.wants_slots) {
            cmd("CLUSTER").arg("SLOTS").write_packed_command(&mut self.out);
            self.sent(Sent::Slots, now);
        }
    }

    /// Before every command on a slot that is on its way to this node: it is asked for one at a time.
    pub(super) fn write_asking(&mut self, pending: &Pending, now: Micros) {
        if pending.route.asking {
            cmd("ASKING").write_packed_command(&mut self.out);
            self.sent(Sent::Orphan, now);
        }
    }

    /// Without a connection: hands over what another node of the cluster has by now, requests and channels.
    pub fn surrender(&mut self, is_elsewhere: impl Fn(&str) -> bool) -> (Vec<Pending>, Vec<String>) {
        let waiting = std::mem::take(&mut self.waiting);
        let later = std::mem::take(&mut self.later);
        let mut gone = Vec::new();
        for pending in waiting {
            if is_elsewhere(&pending.request.key) { gone.push(pending) } else { self.waiting.push_back(pending) }
        }
        for (due, pending) in later {
            if is_elsewhere(&pending.request.key) { gone.push(pending) } else { self.later.push((due, pending)) }
        }
        let channels: Vec<String> = self.channels.keys().filter(|channel| is_elsewhere(channel)).cloned().collect();
        for channel in &channels {
            self.channels.remove(channel);
        }
        (gone, channels)
    }

    /// When there may be a connection; 0 when there is one.
    #[must_use]
    pub fn up_at(&self) -> Micros {
        match self.link {
            Link::Up { .. } => 0,
            Link::Down { retry_at } => retry_at.max(1),
            Link::Connecting => Micros::MAX,
        }
    }
}
