use std::io::Write as _;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion};

use super::*;

/// A self-signed certificate as `openssl req -x509` makes it. It has expired and names no host.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
MIIBbTCCAROgAwIBAgIUdairV6XRKfx5fRb4hnhnZ4htibowCgYIKoZIzj0EAwIw
DDEKMAgGA1UEAwwBYTAeFw0yNjExMjgyMjQwMzRaFw0yNjExMzAyMjQwMzRaMAwx
CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARdghFa7+fwPXdb
cDC4gxE5b8cdp6+44jz0xoMWw1F07Ou1K4j59gTEzorpe6lmFEyS7+dlV+pGUeCA
2YGttkYIo1MwUTAdBgNVHQ4EFgQUAw7vZLKk+z+9qWzSHhNGAdLlF58wHwYDVR0j
BBgwFoAUAw7vZLKk+z+9qWzSHhNGAdLlF58wDwYDVR0TAQH/BAUwAwEB/zAKBggq
hkjOPQQDAgNIADBFAiEA6Eoi+uvj+YvAfjPWtL0fg3ny4OVWvqOMRUKdWDzMNzMC
IEyU1N7dAuZg+VbjRDXz9I+fzdoiGFguEf6ZceN/bkLO
-----END CERTIFICATE-----";
const FINGERPRINT: &str =
    "8C:21:DC:EB:D8:E3:69:10:39:8C:69:3C:E5:88:31:0D:18:61:87:D3:B8:9F:8C:31:19:D1:86:55:78:3D:AC:26";

fn pinning(text: &str) -> Tls {
    Tls { fingerprint256: vec![text.into()], ..Tls::default() }
}

fn reason(tls: Tls) -> String {
    Trust::new(tls).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn a_fingerprint_is_read_as_openssl_and_node_write_it() {
    let digits = FINGERPRINT.replace(':', "");
    let read = fingerprint(FINGERPRINT).unwrap();
    assert_eq!((read[0], read[31]), (0x8c, 0x26));
    assert_eq!(fingerprint(&digits), Some(read));
    assert_eq!(fingerprint(&digits.to_lowercase()), Some(read));
    for none in ["", "8C", &digits[1..], &format!("{digits}00"), &digits.replace('8', "G"), &"é".repeat(32)] {
        assert_eq!(fingerprint(none), None, "{none}");
    }
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_connects() {
    let certificate = || Some(CERTIFICATE.to_owned());
    assert!(reason(pinning("nonsense")).contains("64 hexadecimal digits"));
    assert!(reason(Tls { ca: certificate(), ..pinning(FINGERPRINT) }).contains("together with ca"));
    assert!(reason(Tls { servername: Some("a b".into()), ..Tls::default() }).contains("tls.servername"));
    assert!(reason(Tls { ca: Some("garbage".into()), ..Tls::default() }).contains("tls.ca"));
    assert!(reason(Tls { cert: certificate(), ..Tls::default() }).contains("together"));
    assert_eq!(reason(Tls { ca: certificate(), servername: Some("redis.example".into()), ..Tls::default() }), "");
}

#[test]
fn of_nodes_authorities_one_that_cannot_be_read_is_left_out() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let roots = Some(format!("{broken}{CERTIFICATE}\n# a remark\n"));
    let trust = Trust::new(Tls { roots, ..Tls::default() }).unwrap();
    assert_eq!(trust.roots(&[]).unwrap().len(), 1);
}

/// A server that presents the certificate and signs with another key, as anybody can who has seen the certificate.
#[derive(Debug)]
struct Liar(Arc<CertifiedKey>);

impl ResolvesServerCert for Liar {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn liar(version: &'static SupportedProtocolVersion) -> ServerConnection {
    let other = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
    let key = any_ecdsa_type(&PrivatePkcs8KeyDer::from(other.as_ref()).into()).unwrap();
    let shown = CertifiedKey::new(certificates("test", CERTIFICATE).unwrap(), key);
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Liar(Arc::new(shown))));
    ServerConnection::new(Arc::new(config)).unwrap()
}

fn handshake(trust: &Trust, server: &mut ServerConnection) -> Result<(), TlsError> {
    let name = trust.name_of("127.0.0.1").unwrap();
    let mut client = ClientConnection::new(trust.config().unwrap(), name).unwrap();
    while client.is_handshaking() {
        let mut out = Vec::new();
        client.write_tls(&mut out).unwrap();
        server.read_tls(&mut &out[..]).unwrap();
        server.process_new_packets().unwrap();
        let mut back = Vec::new();
        server.write_tls(&mut back).unwrap();
        client.read_tls(&mut &back[..]).unwrap();
        client.process_new_packets()?;
    }
    client.writer().flush().unwrap();
    Ok(())
}

#[test]
fn who_shows_the_pinned_certificate_and_has_not_its_key_is_refused() {
    let trust = Trust::new(pinning(FINGERPRINT)).unwrap();
    for version in [&TLS12, &TLS13] {
        let refused = handshake(&trust, &mut liar(version)).unwrap_err();
        assert_eq!(refused, TlsError::InvalidCertificate(CertificateError::BadSignature), "{version:?}");
    }
}

#[test]
fn another_certificate_than_the_pinned_one_is_refused() {
    let trust = Trust::new(pinning(&"00".repeat(32))).unwrap();
    let refused = handshake(&trust, &mut liar(&TLS13)).unwrap_err();
    assert_eq!(refused, TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
}
