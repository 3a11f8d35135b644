//! A throwaway CA and the certificate that a test server shows, good or bad in one chosen way.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// What is wrong with the certificate that a server shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ServerCertificate {
    /// Nothing: signed by the CA of [`Chain::ca`], for the domain, valid now.
    #[default]
    Good,
    /// It ran out in 2021.
    Expired,
    /// It is for `elsewhere.test`.
    WrongName,
    /// It is signed by a CA other than that of [`Chain::ca`].
    UnknownCa,
    /// It signed itself.
    SelfSigned,
}

/// A CA, and a server's certificate with its key, all as PEM.
pub struct Chain {
    /// The CA that a client is told to trust.
    pub ca: String,
    /// The server's certificate.
    pub certificate: String,
    /// The server's private key.
    pub key: String,
}

impl Chain {
    /// Makes a CA and a server certificate for `domain`.
    ///
    /// # Errors
    /// When `domain` cannot stand in a certificate.
    pub fn new(domain: &str, kind: ServerCertificate) -> Result<Chain, rcgen::Error> {
        let (ca, issuer) = authority()?;
        let key = KeyPair::generate()?;
        let params = server_params(domain, kind)?;
        let certificate = match kind {
            ServerCertificate::SelfSigned => params.self_signed(&key)?,
            ServerCertificate::UnknownCa => params.signed_by(&key, &authority()?.1)?,
            ServerCertificate::Good | ServerCertificate::Expired | ServerCertificate::WrongName => {
                params.signed_by(&key, &issuer)?
            }
        };
        Ok(Chain { ca: ca.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

fn authority() -> Result<(Certificate, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "Homeward throwaway CA");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate, Issuer::new(params, key)))
}

fn server_params(domain: &str, kind: ServerCertificate) -> Result<CertificateParams, rcgen::Error> {
    let name = if kind == ServerCertificate::WrongName { "elsewhere.test" } else { domain };
    let mut params = CertificateParams::new(vec![name.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(if kind == ServerCertificate::Expired { 2021 } else { 2049 }, 1, 1);
    if kind != ServerCertificate::SelfSigned {
        params.use_authority_key_identifier_extension = true;
    }
    Ok(params)
}
