//! The only table of what can go wrong below TypeScript. Each variant says when it happens and which public code
//! it becomes. TypeScript decides the classes and whether a retry helps (`lib/errors.ts`).

use thiserror::Error;

/// Public codes. An error crosses to JavaScript as its code's index in this array.
pub const CODES: [&str; 7] = [
    "ERR_STORE_UNAVAILABLE",
    "ERR_STORE_FULL",
    "ERR_STORE_REFUSED",
    "ERR_STORE_PROTOCOL",
    "ERR_CLOSED",
    "ERR_INVALID_ARGUMENT",
    "ERR_DURABILITY",
];

#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum StoreError {
    /// No answer came within the budget: the server is unreachable, silent, loading, failing over, or busy.
    #[error("{0}")]
    Unavailable(String),
    /// `OOM`: the server is out of memory and evicts nothing.
    #[error("{0}")]
    Full(String),
    /// The server answered but refuses service: authentication, ACL, read-only, too old, or a cluster node.
    #[error("{0}")]
    Refused(String),
    /// This protocol does not allow the bytes that came back.
    #[error("{0}")]
    Protocol(String),
    /// `close()` was called.
    #[error("the client is closed")]
    Closed,
    /// The configuration, or a request, is not valid.
    #[error("{0}")]
    Invalid(String),
    /// Fewer replicas or disks than required had the write in time. The primary has the write.
    #[error("{0}")]
    Durability(String),
}

impl StoreError {
    /// Index into [`CODES`].
    #[must_use]
    pub fn code(&self) -> usize {
        match self {
            Self::Unavailable(_) => 0,
            Self::Full(_) => 1,
            Self::Refused(_) => 2,
            Self::Protocol(_) => 3,
            Self::Closed => 4,
            Self::Invalid(_) => 5,
            Self::Durability(_) => 6,
        }
    }
}
