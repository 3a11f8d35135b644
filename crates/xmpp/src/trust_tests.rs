#![allow(clippy::unwrap_used, clippy::panic)]

use std::io;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;

/// What a server shows, and with which key it signs.
struct Shown {
    certificate: CertificateDer<'static>,
    key: KeyPair,
}

/// Its time is over, and it is for another host than the one that is asked for.
fn old_certificate() -> Shown {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["elsewhere.test".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
    Shown { certificate: params.self_signed(&key).unwrap().der().clone(), key }
}

#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// One handshake with a server that shows this; `None` where it succeeds.
async fn refusal(trust: &Trust, shown: &Shown, tls12: bool) -> Option<Option<Cause>> {
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    let key = ring::sign::any_supported_type(&key).unwrap();
    let certified = CertifiedKey::new(vec![shown.certificate.clone()], key);
    let versions = if tls12 { [&TLS12] } else { [&TLS13] };
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&versions)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
    let (ours, theirs) = tokio::io::duplex(16 * 1024);
    let serving = tokio::spawn(TlsAcceptor::from(Arc::new(server)).accept(theirs));
    let (config, refused) = trust.config().unwrap();
    let name = ServerName::try_from("home.test").unwrap();
    let connected = TlsConnector::from(Arc::new(config)).connect(name, ours).await;
    let _ = serving.await;
    connected.err().map(|error: io::Error| refused.cause(error.get_ref().unwrap().downcast_ref().unwrap()))
}

#[tokio::test]
async fn the_pinned_certificate_is_believed_whatever_it_says_of_itself() {
    let shown = old_certificate();
    for tls12 in [false, true] {
        let pinned = Trust::Pinned(Fingerprint::of(&shown.certificate));
        assert_eq!(refusal(&pinned, &shown, tls12).await, None);
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_and_both_are_told() {
    let (pinned, shown) = (Fingerprint::of(&old_certificate().certificate), old_certificate());
    for tls12 in [false, true] {
        let Some(Some(Cause::CertificateChanged { pinned: wanted, shown: seen })) =
            refusal(&Trust::Pinned(pinned), &shown, tls12).await
        else {
            panic!("it is believed, or refused for another reason");
        };
        assert_eq!((wanted, seen.fingerprint), (pinned, Fingerprint::of(&shown.certificate)));
        assert_eq!(seen.names, ["elsewhere.test"]);
    }
}

#[tokio::test]
async fn the_pinned_certificate_is_not_believed_from_a_server_without_its_key() {
    let stolen = Shown { key: KeyPair::generate().unwrap(), ..old_certificate() };
    for tls12 in [false, true] {
        let pinned = Trust::Pinned(Fingerprint::of(&stolen.certificate));
        // Refused, and the certificate was not to blame.
        assert_eq!(refusal(&pinned, &stolen, tls12).await, Some(None));
    }
}

#[tokio::test]
async fn a_refused_certificate_is_told_with_the_reason() {
    let Some(Some(cause)) = refusal(&Trust::System, &old_certificate(), false).await else {
        panic!("it is believed");
    };
    let shown = cause.certificate().unwrap_or_else(|| panic!("without the certificate: {cause:?}"));
    assert_eq!((shown.names.as_slice(), shown.self_issued), (["elsewhere.test".to_owned()].as_slice(), true));
}

#[test]
fn a_file_that_is_no_certificate_is_refused() {
    let folder = std::env::temp_dir().join(format!("homeward-trust-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    for (name, contents) in
        [("empty", ""), ("text", "hello"), ("armour", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")]
    {
        let file = folder.join(name);
        std::fs::write(&file, contents).expect("written");
        assert!(matches!(Trust::load(Some(&file)), Err(TrustError::NoCertificate)), "{name}");
    }
    assert!(matches!(Trust::load(Some(&folder.join("none"))), Err(TrustError::Unreadable(_))));
    std::fs::remove_dir_all(&folder).expect("removed");
}
