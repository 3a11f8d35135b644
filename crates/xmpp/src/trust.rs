//! Which certificates are believed: the system's authorities and at most one file of the person's own, or one certificate
//! alone.
//!
//! Scope: a TLS configuration for one connection, which remembers the certificate that it refused. Non-scope: names:
//! the caller gives the JID's domain.

use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls_platform_verifier::Verifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, SignatureScheme};

use crate::certificate::{Certificate, Fingerprint};
use crate::failure::Cause;

/// Our choice: more than any bundle of authorities.
const MAX_CA_FILE: u64 = 4 * 1024 * 1024;

/// Which certificates are believed.
#[derive(Clone, Debug, Default)]
pub enum Trust {
    /// Those that the system's authorities vouch for.
    #[default]
    System,
    /// Those that the system's authorities vouch for, or these.
    SystemAnd(Vec<CertificateDer<'static>>),
    /// This one and no other, whoever vouches for it: a person compared its fingerprint with the server's own. The server
    /// must still sign the handshake with the certificate's key. Issuer, names and dates are not asked: they are there to
    /// tell a stranger's certificate, and this one is known byte for byte. So it outlives its own end date, and nobody can
    /// revoke it but the person.
    Pinned(Fingerprint),
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
        let judge: Arc<dyn ServerCertVerifier> = match self {
            Trust::System => Arc::new(Verifier::new(provider())?),
            Trust::SystemAnd(extra) => Arc::new(Verifier::new_with_extra_roots(extra.iter().cloned(), provider())?),
            Trust::Pinned(pin) => Arc::new(Pinned { pin: *pin, algorithms: algorithms() }),
        };
        let refused = RefusedCertificate { shown: Arc::default(), trust: self.clone() };
        let witness = Witness { judge, refused: refused.clone() };
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

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// The certificate that was refused, once one was.
#[derive(Debug, Clone)]
pub(crate) struct RefusedCertificate {
    shown: Arc<Mutex<Option<Certificate>>>,
    trust: Trust,
}

impl RefusedCertificate {
    /// Why the handshake failed, if the certificate was to blame. It was not where the server only failed to sign with
    /// the certificate's key.
    pub(crate) fn cause(&self, error: &TlsError) -> Option<Cause> {
        let TlsError::InvalidCertificate(reason) = error else { return None };
        let shown = Box::new(self.shown.lock().ok()?.clone()?);
        Some(match (&self.trust, reason) {
            (Trust::Pinned(pinned), _) => Cause::CertificateChanged { pinned: *pinned, shown },
            (
                _,
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. },
            ) => Cause::CertificateExpired(shown),
            (_, CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
                Cause::CertificateWrongName(shown)
            }
            _ => Cause::CertificateUnknown(shown),
        })
    }
}

/// Another verifier, beside a note of what it refused. It decides nothing itself.
#[derive(Debug)]
struct Witness {
    judge: Arc<dyn ServerCertVerifier>,
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
        let verdict = self.judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if verdict.is_err()
            && let Ok(mut shown) = self.refused.shown.lock()
        {
            *shown = Some(Certificate::read(end_entity));
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.judge.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.judge.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

/// Believes one certificate, and that only from a server that has its key.
#[derive(Debug)]
struct Pinned {
    pin: Fingerprint,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if Fingerprint::of(end_entity) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(TlsError::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[path = "trust_tests.rs"]
mod tests;
