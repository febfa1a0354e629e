//! The result of greeting a server: what it can do, or why there is no connection.

use std::fmt::Display;
use std::io;

use super::tls;
use crate::clock::ServerClock;
use crate::error::StoreError;

/// What the server on the other side can do.
#[derive(Clone, Copy, Debug)]
pub struct Features {
    pub clock: ServerClock,
    /// `SET … NX GET` together: Redis 7.0, every Valkey.
    pub set_nx_get: bool,
    /// `SET … IFEQ`: Redis 8.4, Valkey 8.1.
    pub set_if_equal: bool,
}

/// Why there is no connection.
#[derive(Clone, Debug)]
pub struct ConnectError {
    pub error: StoreError,
    /// Trying again would end the same way.
    pub is_final: bool,
}

impl ConnectError {
    /// The server's verdict on the client's certificate comes only after the handshake, in place of the first reply.
    pub fn broken(at: &dyn Display, error: &io::Error) -> Self {
        let refused = tls::refusal(error, None).map(|reason| Self::refused(&reason));
        refused.unwrap_or_else(|| Self::unreachable(at, &error.to_string()))
    }

    pub fn unreachable(at: &dyn Display, reason: &str) -> Self {
        Self::may_pass(StoreError::Unavailable(format!("cannot reach Redis at {at}: {reason}")))
    }

    /// Something else listens there, or something in between damages the stream, which may pass.
    pub fn garbled(error: &impl Display) -> Self {
        Self::may_pass(StoreError::Protocol(format!("not a Redis server: {error}")))
    }

    pub fn refused(reason: &str) -> Self {
        Self::lasting(StoreError::Refused(reason.into()))
    }

    pub fn lasting(error: StoreError) -> Self {
        Self { error, is_final: true }
    }

    pub fn may_pass(error: StoreError) -> Self {
        Self { error, is_final: false }
    }
}
