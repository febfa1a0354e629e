//! The configuration as TypeScript sends it, validated there once and here again: nothing is trusted.

use std::sync::Arc;

use serde::Deserialize;

use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::lease::keeper::KeptStore;
use crate::session::Backend;
use crate::store::keys::Hasher;
use crate::store::memory::MemoryStore;
use crate::store::redis::engine::Durability;
use crate::store::redis::fleet::Fleet;
use crate::store::redis::target::{Servers, Tls};

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ExecutorChoice {
    #[default]
    Auto,
    Loop,
    Thread,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    url: String,
    pub prefix: String,
    /// The first writes, all read; empty means one secret that is the empty text.
    secrets: Vec<String>,
    pub executor: ExecutorChoice,
    connect_timeout_ms: u64,
    command_timeout_ms: u64,
    tls: Option<Tls>,
    durability: Option<Durability>,
}

/// A configuration that can be used.
pub struct Settings {
    pub config: Config,
    pub store: KeptStore,
}

impl Settings {
    /// # Errors
    /// `Invalid` with the reason.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let config: Config = serde_json::from_str(text).map_err(|error| StoreError::Invalid(error.to_string()))?;
        if config.prefix.is_empty() || config.prefix.contains(['{', '}']) {
            return Err(StoreError::Invalid("prefix: must be text without braces".into()));
        }
        let store = if let Some(name) = config.url.strip_prefix("memory:") {
            if config.durability.is_some() {
                return Err(StoreError::Invalid("durability: the embedded store has no replicas and no disk".into()));
            }
            KeptStore::Memory(MemoryStore::named(name))
        } else {
            let tls = config.tls.clone().unwrap_or_default();
            let servers = Servers::new(&config.url, tls, config.connect_timeout_ms * MILLI, config.durability)?;
            KeptStore::Redis { servers: Arc::new(servers), command_timeout: config.command_timeout_ms * MILLI }
        };
        Ok(Self { config, store })
    }

    #[must_use]
    pub fn backend(&self) -> Backend {
        match &self.store {
            KeptStore::Memory(store) => Backend::Memory(Arc::clone(store)),
            KeptStore::Redis { servers, command_timeout } => {
                Backend::Redis(Box::new(Fleet::new(servers, *command_timeout)))
            }
        }
    }

    #[must_use]
    pub fn hashers(&self) -> Vec<Hasher> {
        let Config { prefix, secrets, .. } = &self.config;
        if secrets.is_empty() {
            return vec![Hasher::new(prefix, "")];
        }
        secrets.iter().map(|secret| Hasher::new(prefix, secret)).collect()
    }
}

/// Milliseconds from JavaScript: a double that TypeScript has checked; what is no duration becomes 0.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
pub fn millis(value: f64) -> Micros {
    (value as u64).saturating_mul(MILLI)
}
