//! How long to wait before the next try. The first try after the loss of a working connection comes at once. Later
//! pauses double from 50 ms to 2 s, with jitter so that many processes do not come back together.

use crate::clock::{MILLI, Micros};

const FIRST: Micros = 50 * MILLI;
const LONGEST: Micros = 2_000 * MILLI;
/// A connection that lived this long counts as one that worked.
const GOOD: Micros = 1_000 * MILLI;

pub struct Backoff {
    next: Micros,
    connected_at: Micros,
    seed: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        let seed = uuid::Uuid::new_v4().as_u64_pair().0 | 1;
        Self { next: FIRST, connected_at: Micros::MAX, seed }
    }
}

impl Backoff {
    pub fn connected(&mut self, now: Micros) {
        self.connected_at = now;
    }

    pub fn connected_at(&self) -> Micros {
        self.connected_at
    }

    pub fn after_loss(&mut self, now: Micros) -> Micros {
        if now.saturating_sub(self.connected_at) >= GOOD {
            self.next = FIRST;
            return 0;
        }
        self.next()
    }

    pub fn next(&mut self) -> Micros {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        self.jitter(pause)
    }

    /// The pause between tries of one command on a connection that works.
    pub fn pause(&mut self) -> Micros {
        self.jitter(FIRST)
    }

    /// 50 to 100 per cent of `pause`.
    fn jitter(&mut self, pause: Micros) -> Micros {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        pause / 2 + self.seed % (pause / 2 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_with_jitter_up_to_two_seconds() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..10).map(|_| backoff.next()).collect();
        assert!((FIRST / 2..=FIRST).contains(&pauses[0]));
        assert!((LONGEST / 2..=LONGEST).contains(&pauses[9]));
    }

    #[test]
    fn a_connection_that_worked_is_replaced_at_once() {
        let mut backoff = Backoff::default();
        backoff.next();
        backoff.connected(1_000);
        assert!(backoff.after_loss(2_000) > 0);
        backoff.connected(1_000);
        assert_eq!(backoff.after_loss(1_000 + GOOD), 0);
    }
}
