//! Sweeps an embedded store once in a while, for a process that has nothing else to do.

use super::MemoryStore;
use crate::clock::{self, MILLI, Micros};
use crate::model::Now;

#[derive(Default)]
pub struct Sweeper {
    due: Micros,
}

impl Sweeper {
    /// A sweep looks at every record, so it does not run each time the keeper wakes.
    const EVERY: Micros = 60_000 * MILLI;

    /// Returns when to call this again: never, as long as the store is empty.
    pub fn turn(&mut self, store: &MemoryStore, now: Micros) -> Micros {
        if self.due <= now {
            self.due = now + Self::EVERY;
            if !store.tidy(Now { us: clock::embedded(now) }) {
                return Micros::MAX;
            }
        }
        self.due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::quota::Quota;

    const SECOND: Micros = 1_000 * MILLI;

    #[test]
    fn the_store_is_swept_once_a_minute_however_often_the_keeper_wakes() {
        let (store, mut sweeper, start) = (MemoryStore::default(), Sweeper::default(), clock::now());
        assert_eq!(sweeper.turn(&store, start), Micros::MAX, "nothing is in it");
        let used = Now { us: clock::embedded(start + SECOND) };
        store.admit("k", Quota { limit: 1, retention_ms: 1 }, used);
        // The record has expired, but the sweeper removes it only when its minute has come.
        assert_eq!(sweeper.turn(&store, start + 30 * SECOND), start + 60 * SECOND);
        assert_eq!(sweeper.turn(&store, start + 60 * SECOND), Micros::MAX);
    }
}
