//! A certificate as a person can compare it: whom it is for, who signed it, its time, its fingerprint.
//!
//! Scope: reading one DER certificate (RFC 5280) for display. Non-scope: whether it is to be believed (`trust`). Nothing
//! in it is proven: whoever made the certificate chose every word but the fingerprint.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

/// Our choice: certificates of large hosts have hundreds, and nobody reads on.
const MAX_NAMES: usize = 16;
/// Our choice, in characters: a host name has 253 at the most.
const MAX_NAME: usize = 256;
/// SHA-256, in bytes.
const LENGTH: usize = 32;

/// SHA-256 over a certificate's DER form. Shown as `AB:CD:…`; read with or without colons, in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; LENGTH]);

/// The text is no SHA-256 fingerprint: 64 hexadecimal digits, with or without colons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a SHA-256 fingerprint has 64 hexadecimal digits, with or without colons")]
pub struct NoFingerprint;

impl Fingerprint {
    /// Of a certificate in DER form.
    pub fn of(der: &[u8]) -> Self {
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, der);
        let mut bytes = [0; LENGTH];
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(at, byte)| {
            let colon = if at == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")
        })
    }
}

impl FromStr for Fingerprint {
    type Err = NoFingerprint;

    fn from_str(text: &str) -> Result<Self, NoFingerprint> {
        let mut bytes = [0; LENGTH];
        // White space too: it is shown in groups and in lines, and copied so.
        let mut digits = text.chars().filter(|c| *c != ':' && !c.is_whitespace());
        let mut digit = || digits.next().and_then(|c| c.to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
        for byte in &mut bytes {
            *byte = digit().ok_or(NoFingerprint)? << 4 | digit().ok_or(NoFingerprint)?;
        }
        if digits.next().is_some() { Err(NoFingerprint) } else { Ok(Self(bytes)) }
    }
}

/// A certificate, as far as it can be read. Its words are stripped of what would steer a display, and cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Of the whole.
    pub fingerprint: Fingerprint,
    /// The hosts and addresses that it is for; without any, the subject's common name. The first 16.
    pub names: Vec<String>,
    /// Who says that he signed it: common name, then organisation.
    pub issuer: Option<String>,
    /// Whether issuer and subject are the same name: as a rule it signed itself.
    pub self_issued: bool,
    /// The begin of its time, in seconds since the Unix epoch.
    pub not_before: Option<i64>,
    /// The end of its time, in seconds since the Unix epoch.
    pub not_after: Option<i64>,
}

impl Certificate {
    /// Reads DER; of what is no certificate, only the fingerprint is known.
    pub fn read(der: &[u8]) -> Self {
        let fingerprint = Fingerprint::of(der);
        let Ok((_, read)) = X509Certificate::from_der(der) else {
            return Self {
                fingerprint,
                names: Vec::new(),
                issuer: None,
                self_issued: false,
                not_before: None,
                not_after: None,
            };
        };
        let validity = read.validity();
        Self {
            fingerprint,
            names: names(&read),
            issuer: name(read.issuer()),
            self_issued: read.issuer().as_raw() == read.subject().as_raw(),
            not_before: Some(validity.not_before.timestamp()),
            not_after: Some(validity.not_after.timestamp()),
        }
    }
}

fn names(read: &X509Certificate<'_>) -> Vec<String> {
    let alternative = read.subject_alternative_name().ok().flatten();
    let all = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let names: Vec<String> = all.filter_map(host).take(MAX_NAMES).collect();
    if names.is_empty() { name(read.subject()).into_iter().collect() } else { names }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(plain(name)),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
            let any = v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes))));
            any.ok().map(|address| address.to_string())
        }
        _ => None,
    }
}

fn name(name: &X509Name<'_>) -> Option<String> {
    let common = name.iter_common_name().find_map(|value| value.as_str().ok()).map(plain);
    let organisation = name.iter_organization().find_map(|value| value.as_str().ok()).map(plain);
    match (common, organisation) {
        (Some(common), Some(organisation)) if common != organisation => Some(format!("{common} ({organisation})")),
        (common, organisation) => common.or(organisation),
    }
}

/// Without control characters and those that turn the direction of writing.
fn plain(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().take(MAX_NAME).map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2049, 12, 31);
        change(&mut params);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::read(certificate.der())
    }

    #[test]
    fn names_addresses_issuer_and_time_are_read() {
        let read = self_signed(|params| {
            params.distinguished_name.push(DnType::CommonName, "hearth.example");
            params.distinguished_name.push(DnType::OrganizationName, "Hearth");
            params.subject_alt_names = vec![
                SanType::DnsName("hearth.example".try_into().unwrap()),
                SanType::IpAddress("192.0.2.1".parse().unwrap()),
                SanType::IpAddress("2001:db8::1".parse().unwrap()),
            ];
        });
        assert_eq!(read.names, ["hearth.example", "192.0.2.1", "2001:db8::1"]);
        assert_eq!(read.issuer.as_deref(), Some("hearth.example (Hearth)"));
        assert!(read.self_issued);
        // `date -ud 2024-02-29 +%s` and `date -ud 2049-12-31 +%s`.
        assert_eq!((read.not_before, read.not_after), (Some(1_709_164_800), Some(2_524_521_600)));
    }

    #[test]
    fn without_host_names_the_subjects_own_name_stands_for_them() {
        let read = self_signed(|params| params.distinguished_name.push(DnType::CommonName, "An old server"));
        assert_eq!(read.names, ["An old server"]);
        assert_eq!(self_signed(|_| ()).names, Vec::<String>::new());
    }

    #[test]
    fn words_that_would_steer_a_display_are_stripped_and_cut() {
        let read = self_signed(|params| {
            params.distinguished_name.push(DnType::CommonName, "a\u{202e}b\u{1b}[2J\n");
            params.distinguished_name.push(DnType::OrganizationName, "x".repeat(5000));
            params.subject_alt_names =
                (0..100).map(|n| SanType::DnsName(format!("n{n}.example").try_into().unwrap())).collect();
        });
        let issuer = read.issuer.unwrap();
        assert!(issuer.starts_with("a\u{fffd}b\u{fffd}[2J\u{fffd} (xxx") && issuer.len() < 2 * MAX_NAME, "{issuer}");
        assert_eq!(read.names.len(), MAX_NAMES);
    }

    #[test]
    fn of_what_is_no_certificate_only_the_fingerprint_is_known() {
        let read = Certificate::read(b"abc");
        assert_eq!((read.names.len(), read.issuer, read.not_after), (0, None, None));
        // FIPS 180-2, appendix B.1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(read.fingerprint, known.parse().unwrap());
    }

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown_and_as_programs_print_it() {
        let fingerprint = Fingerprint::of(b"a certificate");
        let shown = fingerprint.to_string();
        assert_eq!(shown.len(), 95);
        for text in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace(':', ""),
            shown.replace(':', " "),
            format!(" {}\n{}\n", shown.get(..48).unwrap(), shown.get(48..).unwrap()),
        ] {
            assert_eq!(text.parse(), Ok(fingerprint), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        let shown = Fingerprint::of(b"a certificate").to_string();
        // SHA-1's 20 bytes; a byte too much; no hexadecimal digits; full-width digits.
        for text in ["", shown.get(..59).unwrap(), &format!("{shown}:00"), &"g".repeat(64), &"０".repeat(64)] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NoFingerprint), "{text:?}");
        }
    }
}
