//! The account: what the person typed, checked before any network; where its server is; each layer of a sign-in.
//!
//! Scope: pure checks of the form, the DNS look-up, the layer-by-layer check. Non-scope: staying connected (`remote`),
//! the keyring (`store`).

use std::cmp::Reverse;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use homeward_xmpp::{Cause, Failure, Fingerprint, NoFingerprint, Progress, Trust};
use xmpp_parsers::jid::BareJid;

use crate::error::{Code, Error};
use crate::remote::{layer_view, roster_of};
use crate::view::{
    AccountCheck, AccountForm, AccountWarning, Certificate, Layer, LayerCheck, LayerState, ServerSuggestion,
};

/// RFC 6120 §14.7.
const DEFAULT_PORT: u16 = 5222;
/// How long one layer may take; then it is said which one fell silent.
pub(super) const LAYER_DEADLINE: Duration = Duration::from_secs(10);
/// Our choice: a suggestion that comes later than this is of no use to somebody who types.
const SUGGESTION_DEADLINE: Duration = Duration::from_secs(4);
const LAYERS: [Layer; 6] = [Layer::Dns, Layer::Tcp, Layer::Tls, Layer::Sasl, Layer::Bind, Layer::Roster];

/// A form that can be tried.
pub(super) struct Checked {
    pub(super) jid: BareJid,
    pub(super) server: String,
    pub(super) port: u16,
    pub(super) ca: Option<String>,
    pub(super) pin: Option<Fingerprint>,
    pub(super) warnings: Vec<AccountWarning>,
}

/// The bare JID of an account (RA-1): `user@domain`.
pub(super) fn jid(text: &str) -> Result<BareJid, Error> {
    let refused = |why: &str| Error::new(Code::JidInvalid, format!("{:?} is no account address: {why}", text.trim()));
    let jid = BareJid::from_str(text.trim()).map_err(|error| refused(&error.to_string()))?;
    if jid.node().is_none() {
        return Err(refused("it has no user before an @"));
    }
    Ok(jid)
}

/// Checks what the person typed, without any network but the DNS look-up where server or port is left open.
pub(super) async fn check_form(form: &AccountForm, loopback_only: bool) -> Result<Checked, Error> {
    let jid = jid(&form.jid)?;
    let port = match form.port.trim() {
        "" => None,
        text => Some(
            text.parse::<u16>()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| Error::new(Code::PortInvalid, format!("{text:?} is no port: 1 to 65535 are")))?,
        ),
    };
    let server = match form.server.trim() {
        "" => None,
        text => Some(host(text)?),
    };
    let ca = form.ca.as_deref().map(str::trim).filter(|file| !file.is_empty());
    // Kept as an absolute path: the next start may be in another folder.
    let ca =
        ca.map(|file| std::path::absolute(file).map_or(file.to_owned(), |path| path.to_string_lossy().into_owned()));
    let pin = form.pin.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(pin).transpose()?;
    trust(ca.as_deref(), pin)?;
    let (server, port) = match (server, port) {
        (Some(server), port) => (server, port.unwrap_or(DEFAULT_PORT)),
        (None, port) => {
            let found = suggest(jid.domain().as_str()).await;
            (found.server, port.unwrap_or(found.port))
        }
    };
    if !loopback_only && (is_loopback(&server) || is_number_of_loopback(&server).await) {
        return Err(Error::new(
            Code::LoopbackAddress,
            format!("{server} means this computer: no device could reach it there"),
        ));
    }
    let mut warnings = Vec::new();
    if is_private(&server) {
        warnings.push(AccountWarning::PrivateAddress);
    }
    if ca.is_some() {
        warnings.push(AccountWarning::OwnCa);
    }
    if pin.is_some() {
        warnings.push(AccountWarning::PinnedCertificate);
    }
    Ok(Checked { jid, server, port, ca, pin, warnings })
}

/// The fingerprint of the only certificate to trust, with or without colons.
pub(super) fn pin(text: &str) -> Result<Fingerprint, Error> {
    text.parse().map_err(|error: NoFingerprint| Error::new(Code::PinInvalid, error.to_string()))
}

/// Which certificates are believed: those of the system's authorities and of the file's, or one alone.
pub(super) fn trust(ca: Option<&str>, pin: Option<Fingerprint>) -> Result<Trust, Error> {
    match (ca, pin) {
        (Some(_), Some(_)) => Err(Error::new(
            Code::PinInvalid,
            "a certificate authority's file and a trusted certificate exclude each other",
        )),
        (None, Some(pin)) => Ok(Trust::Pinned(pin)),
        (ca, None) => Trust::load(ca.map(Path::new)).map_err(|error| {
            Error::new(Code::CaFileInvalid, "the certificate authority's file cannot be used")
                .with_details(error.to_string())
        }),
    }
}

/// A host name or an address, without brackets.
fn host(text: &str) -> Result<String, Error> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let named = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let is_name = bare.len() <= 253 && bare.strip_suffix('.').unwrap_or(bare).split('.').all(named);
    if bare.parse::<IpAddr>().is_ok() || is_name {
        return Ok(bare.to_owned());
    }
    Err(Error::new(Code::ServerInvalid, format!("{text:?} is no host name or address")))
}

fn is_loopback(server: &str) -> bool {
    let name = server.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || server.parse::<IpAddr>().is_ok_and(|ip| {
            ip.is_loopback()
                || ip.is_unspecified()
                || matches!(ip, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback()))
        })
}

/// `127.1`, `0x7f.1`, `2130706433`: names that the system reads as numbers.
async fn is_number_of_loopback(server: &str) -> bool {
    if !server.chars().all(|c| c.is_ascii_hexdigit() || matches!(c, '.' | 'x' | 'X')) {
        return false;
    }
    let looked_up = tokio::net::lookup_host((server, DEFAULT_PORT)).await;
    looked_up
        .is_ok_and(|mut addresses| addresses.any(|address| address.ip().is_loopback() || address.ip().is_unspecified()))
}

fn is_private(server: &str) -> bool {
    let name = server.trim_end_matches('.').to_ascii_lowercase();
    match server.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => v4.is_private() || v4.is_link_local(),
        Ok(IpAddr::V6(v6)) => v6.is_unique_local() || v6.is_unicast_link_local(),
        Err(_) => name.ends_with(".local") || !name.contains('.'),
    }
}

/// Where DNS says that the domain's server is: `_xmpp-client` (STARTTLS, which the devices need) before
/// `_xmpps-client` (RFC 6120 §3.2.1, XEP-0368); else the domain itself and 5222.
pub(super) async fn suggest(domain: &str) -> ServerSuggestion {
    let fallback = ServerSuggestion { server: domain.to_owned(), port: DEFAULT_PORT, from_dns: false };
    tokio::time::timeout(SUGGESTION_DEADLINE, async {
        let Ok(builder) = TokioResolver::builder_tokio() else { return None };
        let Ok(resolver) = builder.build() else { return None };
        for service in ["_xmpp-client", "_xmpps-client"] {
            let Ok(found) = resolver.srv_lookup(format!("{service}._tcp.{domain}.")).await else { continue };
            let best =
                srv_records(&found).into_iter().filter(|(_, _, target)| target != ".").min_by_key(|(order, ..)| *order);
            if let Some((_, port, target)) = best {
                let server = target.trim_end_matches('.').to_owned();
                return Some(ServerSuggestion { server, port, from_dns: true });
            }
        }
        None
    })
    .await
    .ok()
    .flatten()
    .unwrap_or(fallback)
}

/// Priority before weight, the heavier first (RFC 2782); port; target.
fn srv_records(found: &hickory_resolver::lookup::Lookup) -> Vec<((u16, Reverse<u16>), u16, String)> {
    use hickory_resolver::proto::rr::RData;
    found
        .answers()
        .iter()
        .filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(((srv.priority, Reverse(srv.weight)), srv.port, srv.target.to_string())),
            _ => None,
        })
        .collect()
}

/// A check before its first layer.
pub(super) fn fresh(warnings: Vec<AccountWarning>) -> AccountCheck {
    let waiting = |layer| LayerCheck { layer, state: LayerState::Waiting, elapsed_ms: None };
    AccountCheck { layers: LAYERS.map(waiting).into(), running: true, warnings, certificate: None }
}

/// Signs in layer by layer and leaves again; tells of every change.
pub(super) async fn check_layers(
    account: &homeward_xmpp::Account,
    warnings: Vec<AccountWarning>,
    tell: impl Fn(AccountCheck) + Send + Sync,
) -> AccountCheck {
    let mut check = fresh(warnings);
    tell(check.clone());
    let mut began = Instant::now();
    let mut progress = |step: Progress| {
        match step {
            Progress::Began(layer) => {
                began = Instant::now();
                put(&mut check, layer_view(layer), LayerState::Working, None);
            }
            Progress::Passed(layer, took) => put(&mut check, layer_view(layer), LayerState::Passed, Some(took)),
            Progress::DirectTls => check.warnings.push(AccountWarning::DirectTlsOnly),
        }
        tell(check.clone());
    };
    let signed_in = match homeward_xmpp::sign_in(account, &mut progress).await {
        Ok(mut session) => {
            progress(Progress::Began(homeward_xmpp::Layer::Roster));
            let asked = Instant::now();
            let roster = roster_of(&mut session, account.layer_deadline).await;
            session.handle.close().await;
            match roster {
                Ok(_) => {
                    progress(Progress::Passed(homeward_xmpp::Layer::Roster, asked.elapsed()));
                    Ok(())
                }
                Err(cause) => Err(Failure { layer: homeward_xmpp::Layer::Roster, cause }),
            }
        }
        Err(failure) => Err(failure),
    };
    if let Err(Failure { layer, cause }) = signed_in {
        check.certificate = refused_certificate(&cause);
        let error = Error::from_cause(layer_view(layer), &cause);
        put(&mut check, layer_view(layer), LayerState::Failed { error }, Some(began.elapsed()));
    }
    check.running = false;
    tell(check.clone());
    check
}

/// The certificate that was shown and refused.
fn refused_certificate(cause: &Cause) -> Option<Certificate> {
    let shown = cause.certificate()?;
    let pinned = match cause {
        Cause::CertificateChanged { pinned, .. } => Some(pinned.to_string()),
        _ => None,
    };
    // Milliseconds, as every time that a reader sees.
    let ms = |seconds: i64| seconds.checked_mul(1000);
    Some(Certificate {
        fingerprint: shown.fingerprint.to_string(),
        pinned,
        names: shown.names.clone(),
        issuer: shown.issuer.clone(),
        self_issued: shown.self_issued,
        not_before_ms: shown.not_before.and_then(ms),
        not_after_ms: shown.not_after.and_then(ms),
    })
}

fn put(check: &mut AccountCheck, layer: Layer, state: LayerState, took: Option<Duration>) {
    for entry in check.layers.iter_mut().filter(|entry| entry.layer == layer) {
        entry.state = state.clone();
        entry.elapsed_ms = took.map(|took| u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn form(jid: &str, server: &str, port: &str) -> AccountForm {
        AccountForm { jid: jid.to_owned(), server: server.to_owned(), port: port.to_owned(), ..AccountForm::default() }
    }

    async fn code(form: AccountForm) -> Option<Code> {
        check_form(&form, false).await.err().map(|error| error.code)
    }

    #[tokio::test]
    async fn what_is_no_bare_jid_is_refused() {
        for jid in
            ["", "home", "home@", "@home.test", "home@home.test/phone", "my home@home.test", "home@ho me", "a@b@c"]
        {
            assert_eq!(code(form(jid, "xmpp.home.test", "5222")).await, Some(Code::JidInvalid), "{jid:?}");
        }
        for jid in ["home@home.test", " home@home.test ", "hömé@exämple.test", "HOME@Home.Test"] {
            assert_eq!(code(form(jid, "xmpp.home.test", "5222")).await, None, "{jid:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_port_is_refused() {
        for port in ["0", "70000", "-1", "xmpp", "5222 5223", "52 22"] {
            assert_eq!(code(form("home@home.test", "xmpp.home.test", port)).await, Some(Code::PortInvalid), "{port:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_host_is_refused() {
        for server in ["a b", "http://home.test", "home.test:5222", "-a.test", "a..b", "a/b"] {
            assert_eq!(code(form("home@home.test", server, "5222")).await, Some(Code::ServerInvalid), "{server:?}");
        }
    }

    #[tokio::test]
    async fn this_computer_is_refused_unless_the_search_is_limited_to_it() {
        for server in ["127.0.0.1", "::1", "[::1]", "localhost", "LOCALHOST.", "0.0.0.0", "::ffff:127.0.0.1", "127.1"] {
            let form = form("home@home.test", server, "5222");
            assert_eq!(code(form.clone()).await, Some(Code::LoopbackAddress), "{server:?}");
            assert!(check_form(&form, true).await.is_ok(), "{server:?}");
        }
    }

    #[tokio::test]
    async fn a_private_address_comes_with_a_warning() {
        for (server, warned) in [
            ("192.168.4.2", true),
            ("fd00::1", true),
            ("nas.local", true),
            ("nas", true),
            ("xmpp.home.test", false),
            ("192.0.2.1", false),
        ] {
            let checked = check_form(&form("home@home.test", server, "5222"), false).await.unwrap();
            assert_eq!(checked.warnings.contains(&AccountWarning::PrivateAddress), warned, "{server}");
        }
    }

    #[tokio::test]
    async fn a_ca_file_that_is_none_is_refused_before_any_network() {
        let form = AccountForm {
            ca: Some("/nonexistent/ca.pem".to_owned()),
            ..form("home@home.test", "xmpp.home.test", "5222")
        };
        assert_eq!(code(form).await, Some(Code::CaFileInvalid));
    }

    const PIN: &str = "9F:2C:41:A8:07:D3:5E:B1:60:1A:CC:94:7B:E2:38:0D:F4:19:86:5A:2D:C7:73:0E:B8:4F:A1:36:59:ED:12:C0";

    fn pinned(pin: &str) -> AccountForm {
        AccountForm { pin: Some(pin.to_owned()), ..form("home@home.test", "xmpp.home.test", "5222") }
    }

    #[tokio::test]
    async fn a_pin_is_taken_in_any_writing_and_comes_with_a_warning() {
        for text in [PIN.to_owned(), PIN.replace(':', ""), PIN.to_lowercase(), format!(" {PIN} ")] {
            let checked = check_form(&pinned(&text), false).await.unwrap();
            assert_eq!(checked.pin.map(|pin| pin.to_string()).as_deref(), Some(PIN), "{text}");
            assert_eq!(checked.warnings, [AccountWarning::PinnedCertificate]);
        }
        let none = check_form(&pinned("  "), false).await.unwrap();
        assert!(none.pin.is_none() && none.warnings.is_empty());
    }

    #[tokio::test]
    async fn what_is_no_fingerprint_is_refused_and_so_is_a_pin_beside_a_ca_file() {
        let sha1 = PIN.get(..59).unwrap();
        for text in ["yes", sha1, "9F:2C"] {
            assert_eq!(code(pinned(text)).await, Some(Code::PinInvalid), "{text}");
        }
        let both = AccountForm { ca: Some("/etc/ca.pem".to_owned()), ..pinned(PIN) };
        assert_eq!(code(both).await, Some(Code::PinInvalid));
    }
}
