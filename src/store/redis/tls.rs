//! Which server is believed, and what is said of one that is not. Owns the certificates a client was given, the authorities
//! it trusts and the name it expects. No I/O but reading the system's authorities, and that only when a connection is made.
//!
//! | given | accepted |
//! |---|---|
//! | nothing | a chain to an authority of the system or of Node (`roots`), for the server's name |
//! | `ca` | a chain to that authority and to no other, for the server's name |
//! | `fingerprint256` | this certificate, whoever signed it, whatever its name and its days |

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

/// As TypeScript sends it: PEM texts, and the rest of what the option `tls` may hold. No `Debug`: `key` is a secret.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Trusted instead of the system's authorities and of `roots`.
    pub ca: Option<String>,
    pub cert: Option<String>,
    pub key: Option<String>,
    /// The name its certificate must have, and that it is told; else the host of the URL.
    pub servername: Option<String>,
    /// SHA-256 of the certificates that are accepted, in hexadecimal digits.
    pub fingerprint256: Vec<String>,
    /// What Node trusts, besides the system's authorities. One that cannot be read is left out, as Node does.
    pub roots: Option<String>,
}

/// How a client's servers are told from others.
pub struct Trust {
    given: Tls,
    name: Option<ServerName<'static>>,
    config: OnceLock<Result<Arc<ClientConfig>, StoreError>>,
}

type Fingerprint = [u8; digest::SHA256_OUTPUT_LEN];

impl Tls {
    /// More than what every client is given.
    pub(super) fn is_an_option(&self) -> bool {
        let Self { ca, cert, key, servername, fingerprint256, roots: _ } = self;
        ca.is_some() || cert.is_some() || key.is_some() || servername.is_some() || !fingerprint256.is_empty()
    }

    fn fingerprints(&self) -> Result<Vec<Fingerprint>, StoreError> {
        self.fingerprint256
            .iter()
            .map(|text| {
                fingerprint(text)
                    .ok_or_else(|| invalid("tls.fingerprint256: a SHA-256 has 64 hexadecimal digits".into()))
            })
            .collect()
    }
}

impl Trust {
    /// # Errors
    /// `Invalid` for PEM that does not parse, a key that does not fit its certificate, a name that is none.
    pub(super) fn new(given: Tls) -> Result<Self, StoreError> {
        let name = given.servername.clone().map(|name| {
            ServerName::try_from(name)
                .map_err(|_| invalid("tls.servername: must be a host name or an IP address".into()))
        });
        if given.ca.is_some() && !given.fingerprint256.is_empty() {
            return Err(invalid("tls.fingerprint256: a pinned certificate needs no ca".into()));
        }
        let trust = Self { name: name.transpose()?, config: OnceLock::new(), given };
        if trust.given.is_an_option() {
            trust.build(&[])?;
        }
        Ok(trust)
    }

    /// What the certificate of the server at `host` must name.
    ///
    /// # Errors
    /// `host` is no name that a certificate can have.
    pub(super) fn name_of(&self, host: &str) -> Result<ServerName<'static>, StoreError> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => ServerName::try_from(host.to_owned()).map_err(|error| StoreError::Refused(format!("tls: {error}"))),
        }
    }

    /// Built once, off the event loop: reading the authorities of the system takes its time.
    ///
    /// # Errors
    /// As [`Trust::new`].
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>, StoreError> {
        let build = || {
            let is_told_whom = self.given.ca.is_some() || !self.given.fingerprint256.is_empty();
            let system = if is_told_whom { Vec::new() } else { rustls_native_certs::load_native_certs().certs };
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

    /// As [`refusal`], of a server that was to be one of these.
    pub(super) fn refusal(&self, error: &io::Error) -> Option<String> {
        refusal(error, self.given.ca.as_deref())
    }
}

/// Of a server under `rediss://` that says nothing.
pub(super) const NO_ANSWER: &str = ": the TLS handshake was not answered. A server that does not speak TLS is silent like \
    that; its url begins with redis://";
/// Of a server under `redis://` that ends the connection.
pub(super) const MAY_BE_WANTED: &str =
    "a server that wants TLS ends a plain connection like that; its url begins with rediss://";
/// Of a server under `redis://` that says so.
pub(super) const IS_WANTED: &str = "the server speaks TLS: its url begins with rediss://";

/// What a TLS server answers to a command in plain text: a fatal alert.
pub(super) fn is_alert(first: &[u8]) -> bool {
    matches!(first, [21, 3, ..])
}

/// Why there is no TLS with a server, in words that say what to do. `None` when the connection was merely lost: a
/// certificate that one side does not accept shows as invalid data.
pub(super) fn refusal(error: &io::Error, ca: Option<&str>) -> Option<String> {
    if error.kind() != io::ErrorKind::InvalidData {
        return None;
    }
    let advice = match error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
        Some(TlsError::InvalidCertificate(reason)) => advice(reason, ca.is_some()),
        Some(TlsError::InvalidMessage(_)) => "the server does not speak TLS; its url begins with redis://",
        Some(TlsError::AlertReceived(AlertDescription::CertificateRequired)) => {
            "the server wants a certificate of this client: tls.cert and tls.key"
        }
        _ => "",
    };
    Some(if advice.is_empty() { format!("tls: {error}") } else { format!("tls: {error}; {advice}") })
}

fn advice(reason: &CertificateError, has_ca: bool) -> &'static str {
    match reason {
        CertificateError::UnknownIssuer if has_ca => {
            "no authority in tls.ca has signed the server's certificate. Give its authority, or pin the certificate with \
             tls.fingerprint256"
        }
        CertificateError::UnknownIssuer => {
            "no authority that Node or the system trusts has signed the server's certificate. Give its authority as tls.ca \
             or in the file that NODE_EXTRA_CA_CERTS names, or pin the certificate with tls.fingerprint256"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "if this is the right server, say the name in its certificate as tls.servername"
        }
        CertificateError::ApplicationVerificationFailure => {
            "the server's certificate is none of those in tls.fingerprint256"
        }
        // The words of webpki, which has no types for them here.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "the server's certificate is self-signed and its own authority, so nobody vouches for it. Pin it with \
             tls.fingerprint256"
        }
        CertificateError::Other(other) if format!("{other:?}").contains("UnsupportedCertVersion") => {
            "the server's certificate is of X.509 version 1. Make one of version 3, with a subjectAltName"
        }
        _ => "",
    }
}

/// Accepts a certificate for what it is. That the server has its key, the handshake's signature shows as ever.
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

/// `AB:CD:…` as openssl and Node write it, or the digits alone.
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
