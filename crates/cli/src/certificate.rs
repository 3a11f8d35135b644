//! A server's certificate that was refused, for a script and for a person to compare.

use homeward_core::view::Certificate;
use serde::Serialize;

use crate::output::rfc3339;

/// As scripts read it; times are RFC 3339 in UTC. Nothing in it is proven but the fingerprint.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CertificateShown {
    fingerprint: String,
    pinned: Option<String>,
    names: Vec<String>,
    issuer: Option<String>,
    self_issued: bool,
    not_before: Option<String>,
    not_after: Option<String>,
}

impl From<&Certificate> for CertificateShown {
    fn from(certificate: &Certificate) -> Self {
        let Certificate { fingerprint, pinned, names, issuer, self_issued, not_before_ms, not_after_ms } =
            certificate.clone();
        let at = |ms: Option<i64>| ms.and_then(rfc3339);
        Self {
            fingerprint,
            pinned,
            names,
            issuer,
            self_issued,
            not_before: at(not_before_ms),
            not_after: at(not_after_ms),
        }
    }
}

/// For a person.
pub(crate) fn lines(certificate: &CertificateShown) -> Vec<String> {
    let unknown = || "unknown".to_owned();
    let day = |at: &Option<String>| at.as_deref().and_then(|at| at.get(..10)).map_or_else(unknown, str::to_owned);
    let issuer = match &certificate.issuer {
        Some(issuer) if certificate.self_issued => format!("{issuer}, itself"),
        Some(issuer) => issuer.clone(),
        None => unknown(),
    };
    let names = if certificate.names.is_empty() { unknown() } else { certificate.names.join(", ") };
    let mut rows = vec![
        ("issued to", names),
        ("issued by", issuer),
        ("valid", format!("{} to {}", day(&certificate.not_before), day(&certificate.not_after))),
    ];
    // Below each other, to be compared.
    rows.extend(certificate.pinned.iter().map(|pinned| ("trusted", pinned.clone())));
    rows.push((if certificate.pinned.is_some() { "shown" } else { "SHA-256" }, certificate.fingerprint.clone()));
    rows.into_iter().map(|(label, text)| format!("    {label:9}  {text}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pinned: Option<&str>) -> CertificateShown {
        CertificateShown::from(&Certificate {
            fingerprint: "9F:2C".to_owned(),
            pinned: pinned.map(str::to_owned),
            names: vec!["home.test".to_owned(), "192.0.2.1".to_owned()],
            issuer: Some("home.test".to_owned()),
            self_issued: true,
            not_before_ms: Some(-631_152_000_000),
            not_after_ms: None,
        })
    }

    #[test]
    fn a_person_reads_for_whom_it_is_by_whom_when_and_its_fingerprint() {
        assert_eq!(
            lines(&shown(None)),
            [
                "    issued to  home.test, 192.0.2.1",
                "    issued by  home.test, itself",
                "    valid      1950-01-01 to unknown",
                "    SHA-256    9F:2C",
            ]
        );
    }

    #[test]
    fn a_changed_certificate_stands_below_the_trusted_one() {
        assert_eq!(lines(&shown(Some("A1:00"))).split_off(3), ["    trusted    A1:00", "    shown      9F:2C"]);
    }
}
