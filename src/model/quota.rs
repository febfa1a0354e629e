//! How many keys a scope has begun recently, and whether it may begin one more.
//!
//! A key is counted under the slice of time in which its retention ends, and a slice that is over is forgotten as a
//! whole. So the count is never less than the number of keys that are kept; a key stays counted for at most a sixteenth
//! of its retention too long; and what is stored is bounded, however many keys there are.

use std::fmt::Write as _;

use super::Now;

/// How many keys a scope may have. Each key says so before it is begun.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quota {
    /// At most this many keys are counted at a time; at least 1.
    pub limit: u64,
    pub retention_ms: u64,
}

/// The answer. The Lua replies with the same names in `snake_case`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The key has been counted.
    Admitted,
    /// The key has not been counted; the next slice is over after this time.
    Full { free_in_ms: u64 },
    /// Only the count was asked. This many keys are counted; the next slice is over after this time.
    Counted { keys: u64, free_in_ms: u64 },
}

/// The keys of one scope.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Count {
    slices: Vec<Slice>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Slice {
    ends_ms: u64,
    keys: u64,
}

impl Quota {
    /// A power of two, so that retentions of the same order of magnitude share their slices.
    #[must_use]
    pub fn slice_ms(self) -> u64 {
        1 << (self.retention_ms / 16).max(1).ilog2()
    }

    /// The end of the slice in which the retention of a key that begins now ends.
    fn ends_ms(self, now: Now) -> u64 {
        ((now.ms() + self.retention_ms) / self.slice_ms() + 1) * self.slice_ms()
    }
}

impl Count {
    /// Counts one more key, unless the quota is used up.
    pub fn admit(&mut self, quota: Quota, now: Now) -> Outcome {
        self.slices.retain(|slice| slice.ends_ms > now.ms());
        let (keys, free_in_ms) = self.so_far(now);
        if keys >= quota.limit {
            return Outcome::Full { free_in_ms };
        }
        let ends_ms = quota.ends_ms(now);
        match self.slices.iter_mut().find(|slice| slice.ends_ms == ends_ms) {
            Some(slice) => slice.keys += 1,
            None => self.slices.push(Slice { ends_ms, keys: 1 }),
        }
        Outcome::Admitted
    }

    /// How many keys are counted. Changes nothing.
    #[must_use]
    pub fn counted(&self, now: Now) -> Outcome {
        let (keys, free_in_ms) = self.so_far(now);
        Outcome::Counted { keys, free_in_ms }
    }

    /// How many keys are counted, and after how many ms the next slice is over.
    fn so_far(&self, now: Now) -> (u64, u64) {
        let running = || self.slices.iter().filter(|slice| slice.ends_ms > now.ms());
        let first_ms = running().map(|slice| slice.ends_ms).min().unwrap_or(now.ms());
        (running().map(|slice| slice.keys).sum(), first_ms - now.ms())
    }

    /// When the last slice is over.
    #[must_use]
    pub fn expires_at_ms(&self) -> u64 {
        self.slices.iter().map(|slice| slice.ends_ms).max().unwrap_or_default()
    }

    /// The count as Redis stores it: the end of each slice and its number of keys, with spaces between.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for Slice { ends_ms, keys } in &self.slices {
            let space = if text.is_empty() { "" } else { " " };
            // Writing to a String does not fail.
            let _ = write!(text, "{space}{ends_ms} {keys}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn at_ms(ms: u64) -> Now {
        Now { us: ms * 1_000 }
    }

    fn quota(limit: u64, retention_ms: u64) -> Quota {
        Quota { limit, retention_ms }
    }

    #[test]
    fn the_key_after_the_last_is_refused_until_the_first_is_forgotten() {
        let (mut count, ask) = (Count::default(), quota(10_000, DAY_MS));
        for key in 0..10_000 {
            assert_eq!(count.admit(ask, at_ms(key)), Outcome::Admitted);
        }
        let Outcome::Full { free_in_ms } = count.admit(ask, at_ms(10_000)) else { panic!("one too many") };
        assert_eq!(count.admit(ask, at_ms(10_000 + free_in_ms - 1)), Outcome::Full { free_in_ms: 1 });
        assert_eq!(count.admit(ask, at_ms(10_000 + free_in_ms)), Outcome::Admitted);
    }

    #[test]
    fn a_key_is_counted_for_its_retention_and_a_sixteenth_more_at_most() {
        for retention_ms in [1, 2, 15, 16, 17, 1_000, 60_000, 3_600_001, DAY_MS, 315_360_000_000] {
            for now_ms in [0, 1, 999, 1_795_471_188_432] {
                let (mut count, ask) = (Count::default(), quota(1, retention_ms));
                assert_eq!(count.admit(ask, at_ms(now_ms)), Outcome::Admitted);
                assert!(matches!(count.admit(ask, at_ms(now_ms + retention_ms)), Outcome::Full { .. }));
                let late = now_ms + retention_ms + (retention_ms / 16).max(1);
                assert_eq!(count.admit(ask, at_ms(late)), Outcome::Admitted, "{retention_ms} ms at {now_ms}");
            }
        }
    }

    #[test]
    fn what_is_stored_is_bounded_whatever_the_retentions_are() {
        let mut count = Count::default();
        for key in 0..100_000 {
            count.admit(quota(u64::MAX, DAY_MS), at_ms(key * 10_000));
        }
        assert!(count.slices.len() <= 33, "{} slices", count.slices.len());
        for key in 0..100_000 {
            count.admit(quota(u64::MAX, DAY_MS + key * 863), at_ms(1_000_000_000));
        }
        assert!(count.slices.len() <= 2 * 33, "{} slices", count.slices.len());
    }

    #[test]
    fn its_text_is_what_redis_holds() {
        let mut count = Count::default();
        for now_ms in [1_000, 1_001, 9_000] {
            count.admit(quota(9, 16_000), at_ms(now_ms));
        }
        assert_eq!(count.text(), "17408 2 25088 1");
        assert_eq!(count.expires_at_ms(), 25_088);
    }
}
