//! The single table of what can go wrong below TypeScript. Each variant says when it happens and which public
//! code it becomes; the classes, and whether a retry helps, are TypeScript's (`lib/errors.ts`).

use thiserror::Error;

/// Public codes in the order in which their index crosses to JavaScript.
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
    /// No answer within the budget: unreachable, silent, loading, failing over, or busy.
    #[error("{0}")]
    Unavailable(String),
    /// `OOM`: the server is out of memory and evicts nothing.
    #[error("{0}")]
    Full(String),
    /// The server answered, and will not serve us: authentication, ACL, read-only, too old, a cluster node.
    #[error("{0}")]
    Refused(String),
    /// The bytes that came back are not what this protocol allows.
    #[error("{0}")]
    Protocol(String),
    /// `close()` was called.
    #[error("the client is closed")]
    Closed,
    /// The configuration cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Fewer replicas (or disks) than asked for had the write in time; the primary has it.
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
