//! How a server lets in every connection of one client, by its login; and, for TLS, which servers the client trusts.

use redis::RedisConnectionInfo;

use super::engine::Durability;
use super::tls::{Tls, Trust};
use crate::clock::Micros;
use crate::error::StoreError;

/// What every connection of one client has in common.
pub struct Access {
    pub login: RedisConnectionInfo,
    pub connect_timeout: Micros,
    pub durability: Option<Durability>,
    /// The client does not connect to a server that may evict records.
    pub refuses_eviction: bool,
    pub(super) trust: Trust,
}

impl Access {
    /// # Errors
    /// `Invalid` for an option of TLS that cannot be used.
    pub fn new(
        login: RedisConnectionInfo,
        connect_timeout: Micros,
        durability: Option<Durability>,
        refuses_eviction: bool,
        tls: Tls,
    ) -> Result<Self, StoreError> {
        Ok(Self { login, connect_timeout, durability, refuses_eviction, trust: Trust::new(tls)? })
    }
}
