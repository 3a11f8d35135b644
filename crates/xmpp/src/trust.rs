//! Which certificates are believed: the system's authorities, and at most one file of the person's own.
//!
//! Scope: a TLS configuration for one connection, which remembers the certificate that it refused. Non-scope: names:
//! the caller gives the JID's domain.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};

/// Our choice: more than any bundle of authorities.
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Which authorities may vouch for a server.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// The system's.
    #[default]
    System,
    /// The system's, and these.
    SystemAnd(Vec<CertificateDer<'static>>),
}

/// Why a CA file is none.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It holds no certificate in PEM form.
    #[error("the file holds no certificate (PEM)")]
    NoCertificate,
    /// It is not the size of a CA file.
    #[error("the file is too large to be a certificate")]
    TooLarge,
}

impl Trust {
    /// Reads a PEM file with one or more authorities; without a file, the system's only.
    ///
    /// # Errors
    /// [`TrustError`], as its variants say.
    pub fn load(file: Option<&Path>) -> Result<Self, TrustError> {
        let Some(file) = file else { return Ok(Trust::System) };
        if std::fs::metadata(file)?.len() > MAX_CA_FILE {
            return Err(TrustError::TooLarge);
        }
        let pem = std::fs::read(file)?;
        let certificates: Vec<_> =
            CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|_| TrustError::NoCertificate)?;
        // A file with the right armour and the wrong contents is found out here, not at the first connection.
        let usable = Verifier::new_with_extra_roots(certificates.clone(), provider()).is_ok();
        if certificates.is_empty() || !usable {
            return Err(TrustError::NoCertificate);
        }
        Ok(Trust::SystemAnd(certificates))
    }

    /// A configuration for one connection.
    ///
    /// # Errors
    /// The system's authorities cannot be loaded.
    pub(crate) fn config(&self) -> Result<(ClientConfig, RefusedCertificate), TlsError> {
        let verifier = match self {
            Trust::System => Verifier::new(provider())?,
            Trust::SystemAnd(extra) => Verifier::new_with_extra_roots(extra.iter().cloned(), provider())?,
        };
        let refused = RefusedCertificate::default();
        let witness = Witness { verifier, refused: refused.clone() };
        let config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(witness))
            .with_no_client_auth();
        Ok((config, refused))
    }
}

/// rustls panics where two providers are compiled in and none is named.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The fingerprint of the certificate that was refused, once one was.
#[derive(Debug, Clone, Default)]
pub(crate) struct RefusedCertificate(Arc<Mutex<Option<String>>>);

impl RefusedCertificate {
    pub(crate) fn fingerprint(&self) -> String {
        self.0.lock().ok().and_then(|seen| seen.clone()).unwrap_or_default()
    }
}

/// The platform's verifier, beside a note of what it refused. It decides nothing itself.
#[derive(Debug)]
struct Witness {
    verifier: Verifier,
    refused: RefusedCertificate,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let verdict = self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if verdict.is_err()
            && let Ok(mut seen) = self.refused.0.lock()
        {
            *seen = Some(fingerprint(end_entity));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// SHA-256 over the DER form, as `AB:CD:…`.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = ::ring::digest::digest(&::ring::digest::SHA256, certificate);
    digest.as_ref().iter().enumerate().fold(String::new(), |mut text, (at, byte)| {
        let colon = if at == 0 { "" } else { ":" };
        write!(text, "{colon}{byte:02X}").expect("a String takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_certificate_is_refused() {
        let folder = std::env::temp_dir().join(format!("homeward-trust-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a temporary folder");
        for (name, contents) in [
            ("empty", ""),
            ("text", "hello"),
            ("armour", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        ] {
            let file = folder.join(name);
            std::fs::write(&file, contents).expect("written");
            assert!(matches!(Trust::load(Some(&file)), Err(TrustError::NoCertificate)), "{name}");
        }
        assert!(matches!(Trust::load(Some(&folder.join("none"))), Err(TrustError::Unreadable(_))));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
