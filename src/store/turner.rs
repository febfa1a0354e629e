//! Turns a store on a tokio thread: the keeper's, and the data path where Node's loop is not available.

use std::future::{Future as _, pending, poll_fn};
use std::os::fd::RawFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use super::{Connected, Connection, Store};
use crate::clock::{self, MILLI, Micros};

/// What a task knows about its store's sockets, and about connections that are being made.
#[derive(Default)]
pub struct Turner {
    /// One socket for each connection.
    sockets: Vec<Socket>,
}

#[derive(Default)]
struct Socket {
    /// Readiness of the connection's socket. The connection owns the descriptor, which outlives this registration.
    ready: Option<AsyncFd<RawFd>>,
    connecting: Option<JoinHandle<Connected>>,
    wants_write: bool,
}

impl Turner {
    /// Starts the connections that are due, and writes pending output.
    pub fn write(&mut self, store: &mut impl Store, now: Micros) {
        let connections = store.connections();
        self.sockets.resize_with(connections.len(), Socket::default);
        for (socket, connection) in self.sockets.iter_mut().zip(connections) {
            socket.write(connection, now);
        }
    }

    /// Waits until a socket is ready, a connection is made (the store is told at once) or the time has come.
    pub async fn idle(&mut self, store: &mut impl Store, wake_at: Micros) {
        let news = tokio::select! {
            news = poll_fn(|context| self.poll(context)) => news,
            () = sleep_until(wake_at) => None,
        };
        if let Some((index, result)) = news {
            store.connected(index, result, clock::now());
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<(usize, Connected)>> {
        let mut is_ready = false;
        for (index, socket) in self.sockets.iter_mut().enumerate() {
            if let Poll::Ready(result) = socket.poll_connecting(context) {
                return Poll::Ready(Some((index, result)));
            }
            is_ready |= socket.poll_ready(context);
        }
        if is_ready { Poll::Ready(None) } else { Poll::Pending }
    }
}

impl Socket {
    fn write(&mut self, connection: &mut Connection, now: Micros) {
        if connection.wants_to_connect(now) && self.connecting.is_none() {
            self.connecting = Some(tokio::spawn(connection.connect()));
        }
        self.wants_write = connection.write(now);
        // The registration ends before its descriptor is closed.
        let descriptor = connection.descriptor();
        if connection.has_retired() || self.ready.as_ref().map(|ready| *ready.get_ref()) != descriptor {
            self.ready = None;
            connection.drop_retired();
            self.ready = descriptor.and_then(registered);
        }
    }

    fn poll_connecting(&mut self, context: &mut Context<'_>) -> Poll<Connected> {
        let Some(handle) = &mut self.connecting else { return Poll::Pending };
        let Poll::Ready(joined) = Pin::new(handle).poll(context) else { return Poll::Pending };
        self.connecting = None;
        Poll::Ready(joined.unwrap_or_else(|panic| Connection::broken_off(&panic)))
    }

    /// The turn that follows empties the socket, so the readiness is used up.
    fn poll_ready(&self, context: &mut Context<'_>) -> bool {
        let Some(ready) = &self.ready else { return false };
        let mut is_ready = false;
        if let Poll::Ready(guard) = ready.poll_read_ready(context) {
            is_ready = true;
            let _ = guard.map(|mut guard| guard.clear_ready());
        }
        if self.wants_write
            && let Poll::Ready(guard) = ready.poll_write_ready(context)
        {
            is_ready = true;
            let _ = guard.map(|mut guard| guard.clear_ready());
        }
        is_ready
    }
}

#[allow(unsafe_code, reason = "tokio has no safe registration of a descriptor that somebody else owns")]
fn registered(descriptor: RawFd) -> Option<AsyncFd<RawFd>> {
    // SAFETY: the connection keeps this descriptor open until `drop_retired`, and the registration is dropped before
    // that.
    unsafe { AsyncFd::register(descriptor).ok() }
}

/// Tokio's clock stands still while the machine is suspended; the boot-time clock goes on. So no sleep is longer than
/// this, and a task that wakes looks at the boot-time clock.
const LONGEST_SLEEP: Micros = 1_000 * MILLI;

/// Wakes at `at`, or earlier: the caller looks at the clock and comes back.
async fn sleep_until(at: Micros) {
    if at == Micros::MAX {
        return pending().await;
    }
    tokio::time::sleep(Duration::from_micros(nap(at, clock::now()))).await;
}

fn nap(at: Micros, now: Micros) -> Micros {
    at.saturating_sub(now).min(LONGEST_SLEEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sleep_outlasts_a_suspended_machine_by_more_than_a_second() {
        assert_eq!(nap(10_000 * MILLI, 2_000 * MILLI), LONGEST_SLEEP);
        assert_eq!(nap(2_300 * MILLI, 2_000 * MILLI), 300 * MILLI);
        assert_eq!(nap(1_000 * MILLI, 2_000 * MILLI), 0);
    }
}
