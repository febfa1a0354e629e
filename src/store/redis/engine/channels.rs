//! Channels that somebody waits on. The engine subscribes to each once, and again over every new connection. Where the
//! server does not allow subscribing, the waiters poll.

use redis::cmd;

use super::in_flight::Sent;
use super::{Engine, Link};
use crate::clock::Micros;

/// A channel somebody waits on.
#[derive(Default)]
pub(super) struct Channel {
    /// The server does not let this user listen, so the waiter polls instead.
    pub(super) is_denied: bool,
}

impl Engine {
    /// Reports [`Event::Changed`](crate::store::Event::Changed) when the channel is live, and at every message on it.
    pub fn subscribe(&mut self, channel: &str, now: Micros) {
        if !self.channels.contains_key(channel) {
            self.channels.insert(channel.to_owned(), Channel::default());
            self.send_subscribe(channel, now);
        }
    }

    /// Somebody waits on this channel here.
    #[must_use]
    pub fn knows(&self, channel: &str) -> bool {
        self.channels.contains_key(channel)
    }

    #[must_use]
    pub fn can_listen(&self, channel: &str) -> bool {
        self.channels.get(channel).is_some_and(|known| !known.is_denied)
    }

    pub fn unsubscribe(&mut self, channel: &str, now: Micros) {
        if self.channels.remove(channel).is_some() && matches!(self.link, Link::Up { .. }) {
            cmd("UNSUBSCRIBE").arg(channel).write_packed_command(&mut self.out);
            self.sent(Sent::Unsubscribe(channel.to_owned()), now);
        }
    }

    pub(super) fn send_subscribe(&mut self, channel: &str, now: Micros) {
        if self.is_up() {
            cmd("SUBSCRIBE").arg(channel).write_packed_command(&mut self.out);
            self.sent(Sent::Subscribe(channel.to_owned()), now);
        }
    }
}
