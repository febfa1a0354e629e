//! Where the server is and how to be let in: an URL (parsed by the redis crate) and, for TLS, certificates.
//! No I/O but reading the system's root certificates, and that only when a connection is made.

use std::sync::{Arc, OnceLock};

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

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

pub struct Target {
    pub info: ConnectionInfo,
    pub connect_timeout: Micros,
    tls: Tls,
    config: OnceLock<Result<Arc<ClientConfig>, StoreError>>,
}

impl Target {
    /// # Errors
    /// `Invalid` for a scheme, address or certificate that cannot be used. Passwords never appear in the text.
    pub fn new(url: &str, tls: Tls, connect_timeout: Micros) -> Result<Self, StoreError> {
        let scheme = url.split(':').next().unwrap_or_default();
        if !matches!(scheme, "redis" | "rediss" | "unix") {
            return Err(invalid(format!(
                "url: '{scheme}:' is not a scheme this version knows; use redis://, rediss://, unix:// or memory:"
            )));
        }
        let info = url.into_connection_info().map_err(|error| invalid(format!("url: {error}")))?;
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            return Err(invalid("url: #insecure would accept any certificate; give the server's CA as tls.ca".into()));
        }
        let target = Self { info, connect_timeout, tls, config: OnceLock::new() };
        if target.tls.ca.is_some() || target.tls.cert.is_some() || target.tls.key.is_some() {
            if !matches!(target.info.addr(), ConnectionAddr::TcpTls { .. }) {
                return Err(invalid("tls: certificates need a rediss:// url".into()));
            }
            target.tls_config()?;
        }
        Ok(target)
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
            _ => Err(invalid("tls: cert and key go together".into())),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(url: &str) -> String {
        Target::new(url, Tls::default(), 1).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn schemes_are_checked_and_secrets_stay_out_of_the_message() {
        assert_eq!(reason("redis://localhost"), "");
        assert_eq!(reason("rediss://user:pw@example.com:6380/3"), "");
        assert_eq!(reason("unix:///run/redis.sock?db=2"), "");
        assert!(reason("http://localhost").contains("'http:'"));
        assert!(reason("rediss://localhost/#insecure").contains("tls.ca"));
        assert!(!reason("redis://u:hunter2@host:99999").contains("hunter2"));
        assert!(reason("redis://host/notanumber").contains("database"));
    }

    #[test]
    fn certificates_need_a_tls_url_and_pem_text() {
        let tls = Tls { ca: Some("garbage".into()), ..Tls::default() };
        assert!(matches!(Target::new("redis://h", tls.clone(), 1), Err(StoreError::Invalid(_))));
        assert!(matches!(Target::new("rediss://h", tls, 1), Err(StoreError::Invalid(_))));
    }
}
