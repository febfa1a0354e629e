//! What JavaScript is told, as numbers and at most one text. `lib/native/answer.ts` has the same table, and
//! `__test__/native/seam.test.mjs` compares the two.

use crate::error::StoreError;
use crate::lease::Loss;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Acquired = 0,
    Replay = 1,
    ReplayError = 2,
    InProgress = 3,
    Mismatch = 4,
    Indeterminate = 5,
    Released = 6,
    Done = 7,
    Stale = 8,
    Lost = 9,
    Woken = 10,
    Delayed = 11,
    StoreError = 12,
    LeaseLost = 13,
    Record = 14,
    Settled = 15,
    Unreadable = 16,
    Instance = 17,
    Moved = 18,
    Illegal = 19,
    Conflict = 20,
    Absent = 21,
    UnknownState = 22,
    Due = 23,
    Quota = 24,
    /// Belongs to no operation: the server may evict records, under the policy that the text names.
    Evicts = 25,
    /// The store does not take an outcome for its size; a smaller one may take its place, within so many milliseconds.
    TooLarge = 26,
}

#[derive(Debug)]
pub struct Delivery {
    pub op: u32,
    pub tag: Tag,
    pub fence: u64,
    pub attempt: u64,
    /// Of a store error: there is a record at the key.
    pub recovered: bool,
    /// Milliseconds or a small code, depending on the tag.
    pub ms: u64,
    pub code: usize,
    /// UTF-8, unless a record holds foreign bytes.
    pub text: Option<Vec<u8>>,
}

impl Delivery {
    #[must_use]
    pub fn bare(op: u32, tag: Tag) -> Self {
        Self { op, tag, fence: 0, attempt: 0, recovered: false, ms: 0, code: 0, text: None }
    }

    #[must_use]
    pub fn failed(op: u32, error: &StoreError) -> Self {
        let text = Some(error.to_string().into_bytes());
        Self { code: error.code(), text, ..Self::bare(op, Tag::StoreError) }
    }

    #[must_use]
    pub fn lease_lost(op: u32, loss: Loss) -> Self {
        let ms = match loss {
            Loss::Expired => 0,
            Loss::Refused => 1,
            Loss::MaxLease => 2,
        };
        Self { ms, ..Self::bare(op, Tag::LeaseLost) }
    }

    #[must_use]
    pub fn text(op: u32, tag: Tag, text: Vec<u8>) -> Self {
        Self { text: Some(text), ..Self::bare(op, tag) }
    }
}
