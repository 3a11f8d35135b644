//! One certificate alone is trusted: its server is signed in to, whoever signed it; any other is refused, loudly and for
//! good, before anything of the account is said.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use homeward_core::view::{AccountCheck, AccountForm, AccountWarning, Connection, Layer, LayerState};
use homeward_core::{Code, Home};
use homeward_protocol::secret::Secret;
use homeward_tests::alone;
use homeward_tests::bad_server::{self, BadServer, Behaviour};
use homeward_tests::cli::Homewardctl;
use homeward_tests::server::{self, Kind, Server, form_for};
use homeward_tests::stage::{connection, open_home, set_account};
use serde_json::json;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use xtask::servers::{Options, Prosody, ServerCertificate};

/// 2020-01-01 and 2049-01-01, the time of the throwaway certificates, in milliseconds since the Unix epoch.
const TIME: (Option<i64>, Option<i64>) = (Some(1_577_836_800_000), Some(2_493_072_000_000));
/// A fingerprint that no certificate has.
const NOBODYS: &str = "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00";

async fn self_signed() -> Server {
    Server::start_with(Kind::Prosody, Options { certificate: ServerCertificate::SelfSigned, ..Options::default() })
        .await
}

fn prosody(server: &Server) -> &Prosody {
    let Server::Prosody(prosody) = server else { unreachable!("a prosody was started") };
    prosody
}

/// What the operator of the server reads on the server itself.
fn fingerprint_on(server: &Server) -> String {
    let pem = std::fs::read(prosody(server).folder().join("server.pem")).unwrap();
    let certificate = CertificateDer::from_pem_slice(&pem).unwrap();
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate);
    let mut text = String::new();
    digest.as_ref().iter().for_each(|byte| write!(text, ":{byte:02X}").unwrap());
    text.split_off(1)
}

fn pinned(form: AccountForm, fingerprint: &str) -> AccountForm {
    AccountForm { ca: None, pin: Some(fingerprint.to_owned()), ..form }
}

fn failed(check: &AccountCheck) -> Option<(Layer, Code)> {
    check.layers.iter().find_map(|layer| match &layer.state {
        LayerState::Failed { error } => Some((layer.layer, error.code)),
        _ => None,
    })
}

async fn home_in(folder: &Path) -> Home {
    open_home(folder.to_owned(), |config| config.password = Some(server::password())).await
}

#[test]
fn a_certificate_that_nobody_signed_is_shown_compared_and_signed_in_with() {
    alone(async || {
        let server = self_signed().await;
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path()).await;
        let unpinned = AccountForm { ca: None, ..server.form() };

        let check = home.check_account(&unpinned, None).await.unwrap();
        assert_eq!(failed(&check), Some((Layer::Tls, Code::CertificateUnknown)));
        let shown = check.certificate.expect("the certificate is shown");
        assert_eq!(shown.fingerprint, fingerprint_on(&server));
        assert_eq!(shown.names, ["home.test"]);
        assert_eq!((shown.issuer.as_deref(), shown.self_issued), (Some("home.test"), true));
        assert_eq!((shown.not_before_ms, shown.not_after_ms), TIME);
        assert_eq!(shown.pinned, None);
        assert_eq!(home.account(), None, "what was refused is not kept");

        let form = pinned(unpinned, &shown.fingerprint.replace(':', "").to_lowercase());
        let check = home.check_account(&form, None).await.unwrap();
        assert_eq!((failed(&check), check.certificate), (None, None));
        assert!(check.warnings.contains(&AccountWarning::PinnedCertificate));
        set_account(&home, &form).await;
        connection(&home, "connected", |now| matches!(now, Connection::Connected { .. })).await;
        assert_eq!(home.account().unwrap().pin, Some(shown.fingerprint));
        home.close().await;
        drop(home);

        // RA-22; the pin is kept with the account.
        let again = home_in(folder.path()).await;
        connection(&again, "connected again", |now| matches!(now, Connection::Connected { .. })).await;
        again.close().await;
    });
}

#[test]
fn a_server_that_changes_its_certificate_is_left_and_not_tried_again() {
    alone(async || {
        let mut server = self_signed().await;
        let former = fingerprint_on(&server);
        let folder = tempfile::tempdir().unwrap();
        let home = home_in(folder.path()).await;
        set_account(&home, &pinned(server.form(), &former)).await;
        connection(&home, "connected", |now| matches!(now, Connection::Connected { .. })).await;

        let Server::Prosody(prosody) = &mut server else { unreachable!("a prosody was started") };
        tokio::task::block_in_place(|| prosody.restart_with(|now| now.certificate = ServerCertificate::UnknownCa))
            .unwrap();
        let refused = connection(&home, "refused", |now| matches!(now, Connection::Refused { .. })).await;
        let Connection::Refused { error } = refused else { unreachable!() };
        assert_eq!(error.code, Code::CertificateChanged);
        let details = error.details.unwrap();
        assert!(details.contains(&former) && details.contains(&fingerprint_on(&server)), "{details}");

        // The check says both, and what the new one says of itself.
        let account = home.account().unwrap();
        let check = home.check_account(&account.into(), None).await.unwrap();
        assert_eq!(failed(&check), Some((Layer::Tls, Code::CertificateChanged)));
        let shown = check.certificate.unwrap();
        assert_eq!((shown.pinned, shown.fingerprint), (Some(former), fingerprint_on(&server)));
        assert_eq!((shown.issuer.as_deref(), shown.self_issued), (Some("Homeward throwaway CA"), false));
        home.close().await;
    });
}

#[test]
fn nothing_of_the_account_is_said_to_a_server_with_another_certificate() {
    alone(async || {
        // Signed by an authority that is trusted elsewhere, or by nobody: it makes no difference.
        for kind in [ServerCertificate::Good, ServerCertificate::SelfSigned] {
            let bad = BadServer::start(Behaviour::Shows(kind)).await;
            let folder = tempfile::tempdir().unwrap();
            let home = open_home(folder.path().to_owned(), |_| ()).await;
            let form = pinned(form_for("ada@home.test", bad.address.port(), &bad.ca_file()), NOBODYS);
            home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
            let refused = connection(&home, "refused", |now| matches!(now, Connection::Refused { .. })).await;
            assert!(
                matches!(&refused, Connection::Refused { error } if error.code == Code::CertificateChanged),
                "{kind:?}: {refused:?}"
            );
            // Longer than the first pauses of any retry.
            tokio::time::sleep(Duration::from_secs(4)).await;
            assert_eq!(bad.connections(), 1, "{kind:?} is tried again");
            let heard = bad.heard();
            assert!(heard.contains("starttls") && !heard.contains("<auth") && !heard.contains("ada"), "{heard}");
            home.close().await;
        }
    });
}

#[test]
fn an_expired_certificate_and_one_for_another_name_are_told_and_can_be_pinned() {
    alone(async || {
        for (kind, code, name) in [
            (ServerCertificate::Expired, Code::CertificateExpired, "home.test"),
            (ServerCertificate::WrongName, Code::CertificateWrongName, "elsewhere.test"),
        ] {
            let bad = BadServer::start(Behaviour::Shows(kind)).await;
            let folder = tempfile::tempdir().unwrap();
            let home = open_home(folder.path().to_owned(), |_| ()).await;
            let form = form_for("ada@home.test", bad.address.port(), &bad.ca_file());
            let password = || Some(Secret::new(bad_server::PASSWORD));
            let check = home.check_account(&form, password()).await.unwrap();
            assert_eq!(failed(&check), Some((Layer::Tls, code)));
            let shown = check.certificate.unwrap_or_else(|| panic!("{kind:?} is not shown"));
            assert_eq!((shown.names, shown.issuer.as_deref()), (vec![name.to_owned()], Some("Homeward throwaway CA")));
            let check = home.check_account(&pinned(form, &shown.fingerprint), password()).await.unwrap();
            assert_eq!(failed(&check), None, "{kind:?}");
            home.close().await;
        }
    });
}

#[test]
fn the_terminal_program_shows_the_certificate_and_takes_its_fingerprint() {
    alone(async || {
        let server = self_signed().await;
        let fingerprint = fingerprint_on(&server);
        let folder = tempfile::tempdir().unwrap();
        let terminal = Homewardctl::new(folder.path());
        let (jid, host, port) = (server.jid(), server.host(), server.port().to_string());
        let set = ["account", "set", "--jid", &jid, "--server", &host, "--port", &port];
        terminal.run(&set).await.exits(0);

        let refused = terminal.run(&["account", "check", "--json"]).await.exits(4);
        assert_eq!(
            refused.lines().last().unwrap()["certificate"],
            json!({"fingerprint": fingerprint, "pinned": null, "names": ["home.test"], "issuer": "home.test",
                "selfIssued": true, "notBefore": "2020-01-01T00:00:00Z", "notAfter": "2049-01-01T00:00:00Z"})
        );
        let person = terminal.run(&["account", "check"]).await.exits(4).output;
        for words in ["issued to  home.test", "2020-01-01 to 2049-01-01", &fingerprint] {
            assert!(person.contains(words), "{person}");
        }

        terminal.run(&[&set as &[&str], &["--pin", &fingerprint]].concat()).await.exits(0);
        let passed = terminal.run(&["account", "check", "--json"]).await.exits(0);
        assert!(passed.lines().iter().all(|line| line.get("certificate").is_none()), "{passed:#?}");

        terminal.run(&[&set as &[&str], &["--pin", NOBODYS]].concat()).await.exits(0);
        let changed = terminal.run(&["account", "check", "--json"]).await.exits(4);
        let line = changed.lines().pop().unwrap();
        assert_eq!((&line["layer"], &line["code"]), (&json!("tls"), &json!("certificate-changed")));
        assert_eq!(line["certificate"]["pinned"], NOBODYS);
        assert_eq!(line["certificate"]["fingerprint"], fingerprint);
    });
}
