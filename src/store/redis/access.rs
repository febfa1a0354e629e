//! How a server lets in every connection of one client: by its login and, for TLS, certificates. The only I/O is
//! reading the system's root certificates, and that happens only when a connection is made.

use std::sync::{Arc, OnceLock};

use redis::RedisConnectionInfo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::engine::Durability;
use crate::clock::Micros;
use crate::error::StoreError;

/// PEM texts. Without `ca` the system's roots are trusted; `cert` and `key` identify this client.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
}

/// What every connection of one client has in common.
pub struct Access {
    pub login: RedisConnectionInfo,
    pub connect_timeout: Micros,
    pub durability: Option<Durability>,
    /// The client does not connect to a server that may evict records.
    pub refuses_eviction: bool,
    tls: Tls,
    config: OnceLock<Result<Arc<ClientConfig>, StoreError>>,
}

impl Access {
    #[must_use]
    pub fn new(
        login: RedisConnectionInfo,
        connect_timeout: Micros,
        durability: Option<Durability>,
        refuses_eviction: bool,
        tls: Tls,
    ) -> Self {
        Self { login, connect_timeout, durability, refuses_eviction, tls, config: OnceLock::new() }
    }

    /// Built once, off the event loop unless certificates were given as text.
    ///
    /// # Errors
    /// `Invalid` for PEM that does not parse or a key that does not fit its certificate.
    pub fn tls_config(&self) -> Result<Arc<ClientConfig>, StoreError> {
        self.config.get_or_init(|| self.build_tls().map(Arc::new)).clone()
    }

    fn build_tls(&self) -> Result<ClientConfig, StoreError> {
        let mut roots = RootCertStore::empty();
        if let Some(pem) = &self.tls.ca {
            for certificate in certificates("tls.ca", pem)? {
                roots.add(certificate).map_err(|error| invalid(format!("tls.ca: {error}")))?;
            }
        } else {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(format!("tls: {error}")))?
            .with_root_certificates(roots);
        match (&self.tls.cert, &self.tls.key) {
            (None, None) => Ok(builder.with_no_client_auth()),
            (Some(cert), Some(key)) => {
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
                    .map_err(|error| invalid(format!("tls.key: {error}")))?;
                builder
                    .with_client_auth_cert(certificates("tls.cert", cert)?, key)
                    .map_err(|error| invalid(format!("tls.cert: {error}")))
            }
            _ => Err(invalid("tls: cert and key must be given together".into())),
        }
    }
}

fn certificates(what: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, StoreError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(format!("{what}: {error}")))?;
    if found.is_empty() { Err(invalid(format!("{what}: no certificate in this PEM text"))) } else { Ok(found) }
}

fn invalid(reason: String) -> StoreError {
    StoreError::Invalid(reason)
}
