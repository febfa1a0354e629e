//! Time as this process sees it. Deadlines are measured on the boot-time clock, which goes on while the
//! machine sleeps, so a laptop or a frozen VM that wakes up knows at once that its lease is over.
//! The wall clock decides nothing; the server's clock is only estimated, from `TIME`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rustix::time::{ClockId, clock_gettime};

/// Microseconds since boot. Code that takes a `Micros` named `now` is tested by passing time in.
pub type Micros = u64;

pub const MILLI: Micros = 1_000;

#[cfg(any(target_os = "linux", target_os = "android"))]
const CLOCK: ClockId = ClockId::Boottime;
/// The monotonic clock of macOS already counts time asleep.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const CLOCK: ClockId = ClockId::Monotonic;

#[must_use]
pub fn now() -> Micros {
    micros(clock_gettime(CLOCK))
}

/// One client's time: the boot clock, plus the time that a test has let pass.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead: Arc<AtomicU64>,
    leap: Arc<Mutex<()>>,
}

impl Clock {
    #[must_use]
    pub fn now(&self) -> Micros {
        now() + self.ahead.load(Ordering::Acquire)
    }

    /// Time makes no leap while this guard is held: the keeper renews what it found due, and a caller that lets time
    /// pass finds nothing half renewed.
    pub fn steady(&self) -> MutexGuard<'_, ()> {
        self.leap.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For users' tests, on the embedded store. The caller holds the guard of [`steady`](Self::steady).
    pub fn advance(&self, by: Micros) {
        self.ahead.fetch_add(by, Ordering::AcqRel);
    }

    /// Converts a time of this clock to the boot clock, by which timers run.
    #[must_use]
    pub fn on_boot_clock(&self, at: Micros) -> Micros {
        if at == Micros::MAX { at } else { at.saturating_sub(self.ahead.load(Ordering::Acquire)) }
    }
}

/// The wall clock's nanoseconds, which tell apart two machines that were cloned from one.
#[must_use]
pub fn nanoseconds() -> u64 {
    let time = clock_gettime(ClockId::Realtime);
    u64::try_from(time.tv_sec).unwrap_or(0).wrapping_mul(1_000_000_000) ^ u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// The embedded store's server time: microseconds since the epoch. It starts from the wall clock at process start and
/// then moves with the boot clock, so that setting the wall clock does not affect a lease.
#[must_use]
pub fn embedded(now: Micros) -> Micros {
    static OFFSET: OnceLock<Micros> = OnceLock::new();
    now + OFFSET.get_or_init(|| micros(clock_gettime(ClockId::Realtime)).saturating_sub(self::now()))
}

fn micros(time: rustix::time::Timespec) -> Micros {
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000
}

/// What this process knows of a server's clock: one `TIME` reply, and how far the reply can be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerClock {
    /// The server's microseconds at `taken_at`.
    server: Micros,
    taken_at: Micros,
    /// Half the round trip of the `TIME` that was asked.
    error: Micros,
}

impl ServerClock {
    /// Two quartz clocks drift apart by at most this many parts per million.
    const DRIFT_PPM: u64 = 500;

    #[must_use]
    pub fn measured(server: Micros, sent: Micros, received: Micros) -> Self {
        let half = received.saturating_sub(sent) / 2;
        Self { server, taken_at: sent + half, error: half }
    }

    #[must_use]
    pub fn estimate(&self, now: Micros) -> Micros {
        self.server + now.saturating_sub(self.taken_at)
    }

    #[must_use]
    pub fn error(&self, now: Micros) -> Micros {
        self.error + now.saturating_sub(self.taken_at) * Self::DRIFT_PPM / 1_000_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_moves_with_local_time_and_its_error_grows_with_age() {
        let clock = ServerClock::measured(5_000_000, 1_000, 3_000);
        assert_eq!(clock.estimate(2_000), 5_000_000);
        assert_eq!(clock.estimate(1_002_000), 6_000_000);
        assert_eq!(clock.error(2_000), 1_000);
        assert_eq!(clock.error(2_000 + 1_000_000), 1_500);
    }

    #[test]
    fn the_boot_clock_runs_forward() {
        let before = now();
        assert!(now() >= before);
    }
}
