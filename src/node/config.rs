//! The configuration as TypeScript sends it. TypeScript has validated it, and this module validates it again.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::clock::{MILLI, Micros};
use crate::error::StoreError;
use crate::seal::{Key, Keyring, Sealer};
use crate::store::keys::Hasher;
use crate::store::{Durability, Location, Options, Tls};

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ExecutorChoice {
    #[default]
    Auto,
    Loop,
    Thread,
}

/// Neither `Config` nor a part of it that holds a secret has `Debug`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    url: String,
    pub prefix: String,
    /// The first secret writes, all of them read. An empty list means one secret, the empty text.
    secrets: Vec<String>,
    pub executor: ExecutorChoice,
    connect_timeout_ms: u64,
    command_timeout_ms: u64,
    tls: Option<Tls>,
    durability: Option<Durability>,
    #[serde(default)]
    refuses_eviction: bool,
    encryption: Option<Encryption>,
    compression: Option<Compression>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Encryption {
    /// The first key seals, all of them open.
    keys: Vec<NamedKey>,
    reads_plaintext: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedKey {
    id: String,
    /// 32 bytes, base64.
    key: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Compression {
    min_bytes: usize,
}

impl Config {
    fn sealer(&self) -> Result<Sealer, StoreError> {
        let compress_from = self.compression.as_ref().map(|compression| compression.min_bytes);
        let Some(encryption) = &self.encryption else { return Ok(Sealer::new(None, compress_from, true)) };
        let mut keys = encryption.keys.iter().map(NamedKey::read).collect::<Result<Vec<_>, _>>()?.into_iter();
        let first = keys.next().ok_or_else(|| StoreError::Invalid("encryption.keys: a key is needed".into()))?;
        let keyring = Keyring::new(first, keys.collect());
        Ok(Sealer::new(Some(keyring), compress_from, encryption.reads_plaintext))
    }
}

impl NamedKey {
    fn read(&self) -> Result<Key, StoreError> {
        let bytes = STANDARD.decode(&self.key).ok().and_then(|bytes| bytes.try_into().ok());
        let key = bytes.and_then(|bytes: [u8; 32]| Key::new(&self.id, &bytes));
        key.ok_or_else(|| StoreError::Invalid(format!("encryption.keys: '{}' is not a key of 32 bytes", self.id)))
    }
}

/// A valid configuration.
pub struct Settings {
    pub config: Config,
    pub location: Location,
    pub sealer: Arc<Sealer>,
}

impl Settings {
    /// # Errors
    /// `Invalid` with the reason.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let config: Config = serde_json::from_str(text).map_err(|error| {
            // The parser's own message may quote a value.
            let at = error.column();
            StoreError::Invalid(format!("the addon is of another version than lib/: it does not take character {at}"))
        })?;
        if config.prefix.is_empty() || config.prefix.contains(['{', '}']) {
            return Err(StoreError::Invalid("prefix: must not be empty or contain braces".into()));
        }
        let options = Options {
            tls: config.tls.clone(),
            connect_timeout: config.connect_timeout_ms * MILLI,
            command_timeout: config.command_timeout_ms * MILLI,
            durability: config.durability,
            refuses_eviction: config.refuses_eviction,
        };
        let location = Location::new(&config.url, options)?;
        let sealer = Arc::new(config.sealer()?);
        Ok(Self { config, location, sealer })
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

/// Milliseconds from JavaScript: a double that TypeScript has checked. A value that is not a duration becomes 0.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from f64 saturates")]
pub fn millis(value: f64) -> Micros {
    (value as u64).saturating_mul(MILLI)
}
