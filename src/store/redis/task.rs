//! Turns a [`Wire`] on a tokio thread: the keeper's connection, and the data path where Node's loop is not to be had.

use std::future::pending;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;

use super::connect::{Established, Failure, connect};
use super::wire::Wire;
use crate::clock::{self, MILLI, Micros};
use crate::error::StoreError;

type Connecting = JoinHandle<Result<Established, Failure>>;

/// What the task knows of its wire's socket and of a connection under way.
#[derive(Default)]
pub struct Turner {
    /// Readiness of the wire's socket. The descriptor is the wire's and outlives this registration.
    ready: Option<AsyncFd<RawFd>>,
    connecting: Option<Connecting>,
    wants_write: bool,
}

impl Turner {
    /// Connects when the engine wants to, and writes what it has to say.
    pub fn write(&mut self, wire: &mut Wire, now: Micros) {
        if wire.engine.wants_connection(now) && self.connecting.is_none() {
            wire.engine.connecting();
            self.connecting = Some(tokio::spawn(connect(wire.target.clone())));
        }
        self.wants_write = wire.write(now);
        // The registration ends before its descriptor is closed.
        let descriptor = wire.stream().map(AsRawFd::as_raw_fd);
        if wire.has_retired() || self.ready.as_ref().map(|ready| *ready.get_ref()) != descriptor {
            self.ready = None;
            drop(wire.take_retired());
            self.ready = descriptor.and_then(registered);
        }
    }

    /// Waits until the socket is ready, a connection is made (installed at once) or the time has come.
    pub async fn idle(&mut self, wire: &mut Wire, wake_at: Micros) {
        tokio::select! {
            result = joined(&mut self.connecting) => {
                self.connecting = None;
                wire.install(result, clock::now());
            }
            () = readiness(self.ready.as_ref(), self.wants_write) => {}
            () = sleep_until(wake_at) => {}
        }
    }
}

#[allow(unsafe_code, reason = "tokio has no safe registration of a descriptor that somebody else owns")]
fn registered(descriptor: RawFd) -> Option<AsyncFd<RawFd>> {
    // SAFETY: the wire keeps this descriptor open until `take_retired`, and the registration is dropped before that.
    unsafe { AsyncFd::register(descriptor).ok() }
}

async fn joined(connecting: &mut Option<Connecting>) -> Result<Established, Failure> {
    match connecting {
        None => pending().await,
        Some(handle) => handle.await.unwrap_or_else(|panic| {
            let error = StoreError::Unavailable(format!("connecting failed: {panic}"));
            Err(Failure { error, final_: false })
        }),
    }
}

async fn readiness(ready: Option<&AsyncFd<RawFd>>, wants_write: bool) {
    let Some(ready) = ready else { return pending().await };
    let interest = if wants_write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    if let Ok(mut guard) = ready.ready(interest).await {
        // The turn that follows empties the socket, so the readiness is used up.
        guard.clear_ready();
    }
}

/// Tokio's clock stands still while the machine is suspended, ours goes on: no sleep is longer than this, and who wakes
/// looks at our clock.
const LONGEST_SLEEP: Micros = 1_000 * MILLI;

/// Wakes at `at`, or earlier: the caller looks at the clock and comes back.
pub async fn sleep_until(at: Micros) {
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
