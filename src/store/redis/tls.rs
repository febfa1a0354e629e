//! Which servers a client trusts, and what it says about a server that it does not trust. The only I/O is reading the
//! system's certificate authorities, and that happens only when a connection is made.
//!
//! | the client was given | it accepts |
//! |---|---|
//! | nothing | a chain to an authority of the system or of Node (`roots`), for the server's name |
//! | `ca` | a chain to that authority and to no other, for the server's name |
//! | `fingerprint256` | a certificate with this fingerprint, whatever its issuer, its name and its dates |

use std::io;
use std::sync::{Arc, OnceLock};

use ring::digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore,
    SignatureScheme,
};
use serde::Deserialize;

use crate::error::StoreError;

/// The option `tls` as TypeScript sends it; certificates are PEM texts. It has no `Debug`, because `key` is a secret.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// The client trusts it instead of the system's authorities and `roots`.
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
    /// The client sends this name to the server and expects it in the certificate; without it, the host of the URL.
    pub servername: Option<String>,
    /// The SHA-256 of each accepted certificate, in hexadecimal digits.
    pub fingerprint256: Vec<String>,
    /// The authorities that Node trusts, besides the system's. The client leaves out what it cannot read, as Node does.
    pub roots: Option<String>,
}

/// How one client recognises its servers.
pub struct Trust {
    given: Tls,
    name: Option<ServerName<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, StoreError>>,
}

type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

impl Tls {
    /// Whether a user gave any of it: every client gets `roots`.
    pub(super) fn is_an_option(&self) -> bool {
        let Self { ca, cert, key, servername, fingerprint256, roots: _ } = self;
        ca.is_some() || cert.is_some() || key.is_some() || servername.is_some() || !fingerprint256.is_empty()
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>, StoreError> {
        self.fingerprint256
            .iter()
            .map(|text| {
                fingerprint(text).ok_or_else(|| invalid("tls.fingerprint256: must be 64 hexadecimal digits".into()))
            })
            .collect()
    }
}

impl Trust {
    /// # Errors
    /// `Invalid` for PEM that does not parse, for a key that does not fit its certificate, and for a malformed name.
    pub(super) fn new(given: Tls) -> Result<Self, StoreError> {
        let name = given.servername.clone().map(|name| {
            ServerName::try_from(name)
                .map_err(|_| invalid("tls.servername: must be a host name or an IP address".into()))
        });
        if given.ca.is_some() && !given.fingerprint256.is_empty() {
            return Err(invalid("tls.fingerprint256: must not be given together with ca".into()));
        }
        let trust = Self { name: name.transpose()?, config: OnceLock::new(), given };
        if trust.given.is_an_option() {
            trust.build(&[])?;
        }
        Ok(trust)
    }

    /// The name that the certificate of the server at `host` must have.
    ///
    /// # Errors
    /// A certificate cannot have the name `host`.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, StoreError> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned()).map_err(|error| StoreError::Refused(format!("tls: {error}"))),
        }
    }

    /// It is built once, off the event loop, because reading the system's authorities takes time.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, StoreError> {
        let build = || {
            let has_own = self.given.ca.is_some() || !self.given.fingerprint256.is_empty();
            let system = if has_own { Vec::new() } else { rustls_native_certs::load_native_certs().certs };
            self.build(&system).map(Arc::new)
        };
        self.config.get_or_init(build).clone()
    }

    fn build(&self, system: &[CertificateDer<'static>]) -> Result<ClientConfig, StoreError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| invalid(format!("tls: {error}")))?;
        let accepted = self.given.fingerprints()?;
        let builder = if accepted.is_empty() {
            builder.with_root_certificates(self.roots(system)?)
        } else {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned { accepted, algorithms }))
        };
        match (&self.given.cert, &self.given.key) {
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

    fn roots(&self, system: &[CertificateDer<'static>]) -> Result<RootCertStore, StoreError> {
        let mut roots = RootCertStore::empty();
        if let Some(pem) = &self.given.ca {
            for certificate in certificates("tls.ca", pem)? {
                roots.add(certificate).map_err(|error| invalid(format!("tls.ca: {error}")))?;
            }
            return Ok(roots);
        }
        let of_node = self.given.roots.as_deref().unwrap_or_default();
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(of_node.as_bytes()).flatten());
        roots.add_parsable_certificates(system.iter().cloned());
        Ok(roots)
    }

    /// As [`refusal`], for a handshake under this client's options.
    pub(super) fn refusal(&self, error: &io::Error) -> Option<String> {
        refusal(error, self.given.ca.as_deref())
    }
}

/// About a server under `rediss://` that says nothing.
pub(super) const NO_ANSWER: &str = ": the server did not answer the TLS handshake. A server that does not speak TLS \
    does the same; its url must begin with redis://";
/// About a server under `redis://` that ends the connection before it has said anything.
pub(super) const MAY_BE_WANTED: &str =
    "a server that expects TLS ends a plain connection like this; its url must begin with rediss://";
/// About a server under `redis://` that answers with a TLS alert.
pub(super) const IS_WANTED: &str = "the server speaks TLS: its url must begin with rediss://";

/// Whether a server's first bytes are a TLS alert: the answer of some TLS servers to a command in plain text.
pub(super) fn is_alert(first: &[u8]) -> bool {
    matches!(first, [21, 3, ..])
}

/// Why a TLS handshake failed, and what to do about it. `None` when the connection was merely lost: a certificate that
/// one side rejects shows as invalid data.
pub(super) fn refusal(error: &io::Error, ca: Option<&str>) -> Option<String> {
    if error.kind() != io::ErrorKind::InvalidData {
        return None;
    }
    let advice = match error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(reason)) => advice(reason, ca.is_some()),
        Some(TlsError::InvalidMessage(_)) => "the server does not speak TLS; its url must begin with redis://",
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server wants a certificate of the client: give tls.cert and tls.key"
        }
        _ => "",
    };
    Some(if advice.is_empty() { format!("tls: {error}") } else { format!("tls: {error}; {advice}") })
}

fn advice(reason: &CertificateError, has_ca: bool) -> &'static str {
    match reason {
        CertificateError::UnknownIssuer if has_ca => {
            "the authority in tls.ca has not signed the server's certificate. Give the authority that has, or pin the \
             certificate with tls.fingerprint256"
        }
        CertificateError::UnknownIssuer => {
            "no authority that Node or the system trusts has signed the server's certificate. Give its authority as \
             tls.ca or in the file that NODE_EXTRA_CA_CERTS names, or pin the certificate with tls.fingerprint256"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "if this is the right server, give the name in its certificate as tls.servername"
        }
        CertificateError::ApplicationVerificationFailure => {
            "the server's certificate has none of the fingerprints in tls.fingerprint256"
        }
        // rustls passes these two on as webpki's own errors, whose type this crate does not have.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is self-signed and is its own authority. Pin it with tls.fingerprint256"
        }
        CertificateError::Other(other) if format!("{other:?}").contains("UnsupportedCertVersion") => {
            "the server's certificate has X.509 version 1. Make one of version 3, with a subjectAltName"
        }
        _ => "",
    }
}

/// Accepts a certificate by its fingerprint. The handshake's signature still has to prove that the server has the key.
#[derive(Debug)]
struct Pinned {
    accepted: Vec<Fingerprint>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let found = digest::digest(&digest::SHA256, certificate);
        if self.accepted.iter().any(|accepted| accepted == found.as_ref()) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Reads `AB:CD:…`, as openssl and Node write a fingerprint, or the digits alone.
fn fingerprint(text: &str) -> Option<Fingerprint> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let mut bytes = [0; digest::SHA256_OUTPUT_LEN];
    if digits.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(bytes)
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
mod tests;
