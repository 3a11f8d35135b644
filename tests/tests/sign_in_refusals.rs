//! Every way in which signing in goes wrong has its own code at its own layer, and nothing is tried again where trying
//! again cannot help.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{AccountCheck, AccountForm, Connection, Layer, LayerState};
use homeward_protocol::secret::Secret;
use homeward_tests::alone;
use homeward_tests::bad_server::{self, BadServer, Behaviour};
use homeward_tests::peer::Peer;
use homeward_tests::remote_house::now_ms;
use homeward_tests::server::{self, Kind, Server, form_for};
use homeward_tests::stage::{Stage, connection, open_home, set_account, until_within};
use serde_json::json;
use tokio::net::TcpListener;
use xtask::servers::{Ending, Options, ServerCertificate};

const JID: &str = "ada@home.test";

/// How long a layer may stay silent before it is said so (10 s), and some air for two busy cores.
const SILENCE: Duration = Duration::from_secs(14);

fn failed(check: &AccountCheck) -> Option<(Layer, Code)> {
    check.layers.iter().find_map(|layer| match &layer.state {
        LayerState::Failed { error } => Some((layer.layer, error.code)),
        _ => None,
    })
}

/// Checks an account against a bad server; the layers before the failed one have passed, those behind were not tried.
async fn refuses(behaviour: Behaviour, layer: Layer, code: Code) {
    let bad = BadServer::start(behaviour).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let form = form_for(JID, bad.address.port(), &bad.ca_file());
    let check = home.check_account(&form, Some(Secret::new(bad_server::PASSWORD))).await;
    let check = check.unwrap_or_else(|error| panic!("{behaviour:?}: the form is good, but {error:?}"));
    assert_eq!(failed(&check), Some((layer, code)), "{behaviour:?}: {check:#?}");
    for one in &check.layers {
        let fits = match one.layer.cmp(&layer) {
            std::cmp::Ordering::Less => one.state == LayerState::Passed,
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => one.state == LayerState::Waiting,
        };
        assert!(fits, "{behaviour:?}: {one:?}");
    }
    assert!(!check.running);
    // What is no XMPP in the clear may be direct TLS (XEP-0368): that is tried once.
    let most = if code == Code::NotXmpp { 2 } else { 1 };
    assert!(bad.connections() <= most, "{behaviour:?}: a check tries once, not {} times", bad.connections());
    // The password itself is never said, whatever the server offers (RA-10).
    let plain =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("\0ada\0{}", bad_server::PASSWORD));
    assert!(!bad.heard().contains(&plain) && !bad.heard().contains(bad_server::PASSWORD), "{behaviour:?}");
    home.close().await;
}

macro_rules! rows {
    ($($name:ident: $behaviour:expr, $layer:ident, $code:ident;)*) => {$(
        #[test]
        fn $name() {
            alone(|| refuses($behaviour, Layer::$layer, Code::$code));
        }
    )*};
}

rows! {
    a_server_that_says_nothing: Behaviour::SaysNothing, Tls, Silent;
    a_server_that_speaks_http: Behaviour::SpeaksHttp, Tls, NotXmpp;
    a_server_of_another_domain: Behaviour::HostUnknown, Tls, HostUnknown;
    a_server_without_tls: Behaviour::OffersNoTls, Tls, TlsNotOffered;
    a_certificate_that_has_expired: Behaviour::Shows(ServerCertificate::Expired), Tls, CertificateExpired;
    a_certificate_for_another_name: Behaviour::Shows(ServerCertificate::WrongName), Tls, CertificateWrongName;
    a_certificate_of_an_unknown_authority: Behaviour::Shows(ServerCertificate::UnknownCa), Tls, CertificateUnknown;
    a_certificate_that_signed_itself: Behaviour::Shows(ServerCertificate::SelfSigned), Tls, CertificateUnknown;
    a_server_that_drops_the_line_after_tls: Behaviour::DropsAfterTls, Sasl, ServerClosed;
    a_server_that_falls_silent_after_tls: Behaviour::SilentAfterTls, Sasl, Silent;
    a_server_with_plain_only: Behaviour::PlainOnly, Sasl, NoSafeMechanism;
    a_wrong_password: Behaviour::RefusesPassword, Sasl, NotAuthorized;
    a_disabled_account: Behaviour::AccountDisabled, Sasl, AccountDisabled;
    a_server_with_a_wrong_signature: Behaviour::WrongSignature, Sasl, ServerNotProven;
    a_server_without_a_signature: Behaviour::NoSignature, Sasl, ServerNotProven;
    a_list_cut_down_to_scram_sha_1_by_somebody_without_the_password: Behaviour::LeavesSha1Only, Sasl, ServerNotProven;
    a_server_that_changes_the_resource: Behaviour::ChangesResource, Bind, ResourceChanged;
    a_resource_that_is_taken: Behaviour::BindConflict, Bind, ResourceConflict;
    a_server_that_falls_silent_at_the_binding: Behaviour::SilentAtBind, Bind, Silent;
    a_server_that_refuses_the_roster: Behaviour::RefusesRoster, Roster, RosterRefused;
}

#[test]
fn an_untrusted_certificate_shows_its_fingerprint() {
    alone(async || {
        let bad = BadServer::start(Behaviour::Shows(ServerCertificate::UnknownCa)).await;
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        let form = form_for(JID, bad.address.port(), &bad.ca_file());
        let check = home.check_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
        let certificate = check.certificate.expect("the certificate is shown");
        assert_eq!(certificate.fingerprint.split(':').count(), 32, "{certificate:?}");
    });
}

#[test]
fn where_the_server_lists_tls_exporter_the_sign_in_is_bound_to_the_tls_session() {
    alone(async || {
        let server = BadServer::start(Behaviour::BindsChannel).await;
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        let form = form_for(JID, server.address.port(), &server.ca_file());
        let check = home.check_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
        assert_eq!(failed(&check), None, "{check:#?}");
        assert!(server.heard().contains("SCRAM-SHA-256-PLUS"));
    });
}

/// Checks the account there; what the server has heard.
async fn heard_in_a_check(behaviour: Behaviour) -> (AccountCheck, String) {
    let bad = BadServer::start(behaviour).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let form = form_for(JID, bad.address.port(), &bad.ca_file());
    let check = home.check_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
    (check, bad.heard())
}

#[test]
fn where_the_list_has_several_mechanisms_the_strongest_is_taken() {
    alone(async || {
        // Its list begins with SCRAM-SHA-1, and ends with PLAIN.
        let (_, heard) = heard_in_a_check(Behaviour::WrongSignature).await;
        assert!(heard.contains("SCRAM-SHA-256"), "{heard}");
        assert!(!heard.contains("SCRAM-SHA-1") && !heard.contains("PLAIN"), "{heard}");
    });
}

#[test]
fn a_server_whose_channel_binding_was_struck_from_its_list_is_told_so_and_gets_no_proof() {
    alone(async || {
        let (check, heard) = heard_in_a_check(Behaviour::BindingStruck).await;
        // Which code is prosody's word for it, `malformed-request`, is not said here.
        assert_eq!(failed(&check).map(|(layer, _)| layer), Some(Layer::Sasl), "{check:#?}");
        // `y,,n=ada,`: we would have bound, and were not offered it (RFC 5802 §6).
        assert!(heard.contains("eSwsbj1hZGEs"), "{heard}");
        assert!(!heard.contains("<response"), "{heard}");
    });
}

#[test]
fn a_port_where_nobody_listens() {
    alone(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        let form = AccountForm { ca: None, ..form_for(JID, port, folder.path()) };
        let check = home.check_account(&form, Some(Secret::new("any"))).await.unwrap();
        assert_eq!(failed(&check), Some((Layer::Tcp, Code::TcpRefused)));
    });
}

#[test]
fn a_name_without_an_address() {
    alone(async || {
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        // RFC 6761 §6.4: `.invalid` never has one.
        let form = AccountForm { jid: "ada@server.invalid".into(), port: "5222".into(), ..AccountForm::default() };
        let check = home.check_account(&form, Some(Secret::new("any"))).await.unwrap();
        assert_eq!(failed(&check), Some((Layer::Dns, Code::DnsFailed)), "{check:#?}");
    });
}

#[test]
fn what_is_wrong_in_the_form_is_said_before_any_network() {
    alone(async || {
        let bad = BadServer::start(Behaviour::SaysNothing).await;
        let folder = tempfile::tempdir().unwrap();
        let (empty, text) = (folder.path().join("empty.pem"), folder.path().join("text.pem"));
        std::fs::write(&empty, "").unwrap();
        std::fs::write(&text, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n").unwrap();
        let home = open_home(folder.path().join("home"), |_| ()).await;
        let good = form_for(JID, bad.address.port(), &bad.ca_file());
        let with = |change: &dyn Fn(&mut AccountForm)| {
            let mut form = good.clone();
            change(&mut form);
            form
        };
        let jid = |text: &str| with(&|form| form.jid = text.to_owned());
        let port = |text: &str| with(&|form| form.port = text.to_owned());
        let ca = |path: &std::path::Path| with(&|form| form.ca = path.to_str().map(str::to_owned));
        let rows = [
            (jid("ada@home.test/phone"), Code::JidInvalid),
            (jid("ada"), Code::JidInvalid),
            (jid("ada@"), Code::JidInvalid),
            (jid("@home.test"), Code::JidInvalid),
            (jid("a da@home.test"), Code::JidInvalid),
            (jid("ada@home .test"), Code::JidInvalid),
            (jid(""), Code::JidInvalid),
            (port("0"), Code::PortInvalid),
            (port("70000"), Code::PortInvalid),
            (port("-1"), Code::PortInvalid),
            (port("imap"), Code::PortInvalid),
            (with(&|form| form.server = "two words".to_owned()), Code::ServerInvalid),
            (ca(&folder.path().join("missing.pem")), Code::CaFileInvalid),
            (ca(&empty), Code::CaFileInvalid),
            (ca(&text), Code::CaFileInvalid),
            (ca(folder.path()), Code::CaFileInvalid),
        ];
        for (form, code) in rows {
            let checked = home.check_account(&form, Some(Secret::new("any"))).await;
            assert_eq!(checked.as_ref().err().map(|error| error.code), Some(code), "{form:?}: {checked:?}");
            let set = home.set_account(&form, Some(Secret::new("any"))).await;
            assert_eq!(set.as_ref().err().map(|error| error.code), Some(code), "{form:?}: {set:?}");
        }
        // Of this one no keyring knows a password.
        let none = home.check_account(&jid("nobody@home.test"), None).await;
        assert_eq!(none.err().map(|error| error.code), Some(Code::PasswordMissing));
        assert_eq!(bad.connections(), 0, "the network was asked");
        assert_eq!(home.account(), None);
    });
}

#[test]
fn loopback_is_refused_unless_the_search_is_limited_to_it() {
    alone(async || {
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |config| config.interfaces = Vec::new()).await;
        for server in ["127.0.0.1", "127.5.5.5", "::1", "localhost"] {
            let form =
                AccountForm { jid: JID.into(), server: server.into(), port: "5222".into(), ..AccountForm::default() };
            let refused = home.check_account(&form, Some(Secret::new("any"))).await;
            assert_eq!(refused.err().map(|error| error.code), Some(Code::LoopbackAddress), "{server}");
        }
    });
}

/// Signs in for good against a bad server: refused once, and not tried again.
async fn is_not_tried_again(behaviour: Behaviour, code: Code) {
    let bad = BadServer::start(behaviour).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let form = form_for(JID, bad.address.port(), &bad.ca_file());
    home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
    let what = format!("{behaviour:?} is refused");
    let refused = connection(&home, &what, |now| matches!(now, Connection::Refused { .. })).await;
    let Connection::Refused { error } = refused else { unreachable!() };
    assert_eq!(error.code, code, "{behaviour:?}");
    let tries = bad.connections();
    // Longer than the first pauses of any retry.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(bad.connections(), tries, "{behaviour:?} is tried again");
    assert_eq!(tries, 1, "{behaviour:?}");
    home.try_now();
    until_within(&home, "the next try", Duration::from_secs(5), |_| (bad.connections() == 2).then_some(())).await;
    home.close().await;
}

#[test]
fn nothing_is_tried_again_where_that_cannot_help() {
    alone(async || {
        let rows = [
            (Behaviour::RefusesPassword, Code::NotAuthorized),
            (Behaviour::AccountDisabled, Code::AccountDisabled),
            (Behaviour::WrongSignature, Code::ServerNotProven),
            (Behaviour::PlainOnly, Code::NoSafeMechanism),
            (Behaviour::OffersNoTls, Code::TlsNotOffered),
            (Behaviour::HostUnknown, Code::HostUnknown),
            (Behaviour::Shows(ServerCertificate::UnknownCa), Code::CertificateUnknown),
            (Behaviour::ChangesResource, Code::ResourceChanged),
            (Behaviour::BindConflict, Code::ResourceConflict),
            (Behaviour::EndsWith("conflict"), Code::ResourceConflict),
        ];
        let mut tasks = tokio::task::JoinSet::new();
        for (behaviour, code) in rows {
            tasks.spawn(is_not_tried_again(behaviour, code));
        }
        tasks.join_all().await;
    });
}

#[test]
fn a_server_that_goes_down_is_tried_again() {
    alone(async || {
        for behaviour in [Behaviour::EndsWith("system-shutdown"), Behaviour::DropsAfterTls] {
            let bad = BadServer::start(behaviour).await;
            let folder = tempfile::tempdir().unwrap();
            let home = open_home(folder.path().to_owned(), |_| ()).await;
            let form = form_for(JID, bad.address.port(), &bad.ca_file());
            home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
            until_within(&home, "a second try", SILENCE, |_| (bad.connections() >= 2).then_some(())).await;
            connection(&home, "suspended", |now| matches!(now, Connection::Suspended { .. })).await;
            assert!(bad.connections() < 6, "{behaviour:?}: tried without a pause");
            home.close().await;
        }
    });
}

/// Waits until a try is this far away, and counts the connections until then.
async fn tried_until_the_next_is(at_least: Duration, behaviour: Behaviour) -> usize {
    let bad = BadServer::start(behaviour).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let form = form_for(JID, bad.address.port(), &bad.ca_file());
    home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
    until_within(&home, "a long pause", Duration::from_secs(40), |snapshot| {
        let Connection::Suspended { retry_at_ms, .. } = snapshot.connection else { return None };
        (u128::from(retry_at_ms) >= u128::from(now_ms()) + at_least.as_millis()).then_some(())
    })
    .await;
    home.close().await;
    bad.connections()
}

#[test]
fn a_server_that_breaks_every_session_is_tried_ever_less_often() {
    alone(async || {
        let forgets = tried_until_the_next_is(Duration::from_secs(4), Behaviour::BreaksAndForgets);
        let resumes = tried_until_the_next_is(Duration::from_secs(3), Behaviour::BreaksAndResumes);
        let (forgets, resumes) = tokio::join!(forgets, resumes);
        assert!((6..=20).contains(&forgets), "tried {forgets} times");
        assert!((3..=6).contains(&resumes), "tried {resumes} times");
    });
}

#[test]
fn a_session_that_falls_silent_is_noticed_by_ping() {
    alone(async || {
        let bad = BadServer::start(Behaviour::FallsSilent).await;
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        let form = form_for(JID, bad.address.port(), &bad.ca_file());
        home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
        // A ping after 8 s of silence, 5 s for its answer (RA-21).
        until_within(&home, "the loss", Duration::from_secs(20), |snapshot| {
            matches!(snapshot.connection, Connection::Suspended { .. }).then_some(())
        })
        .await;
        home.close().await;
    });
}

async fn real_server_refuses_a_wrong_password(kind: Kind) {
    let server = Server::start(kind).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let check = home.check_account(&server.form(), Some(Secret::new("wrong"))).await.unwrap();
    assert_eq!(failed(&check), Some((Layer::Sasl, Code::NotAuthorized)));
    let check = home.check_account(&server.form(), Some(server::password())).await.unwrap();
    assert_eq!(failed(&check), None, "{check:#?}");
    assert_eq!(home.account(), None, "a check keeps nothing");
}

#[test]
fn prosody_refuses_a_wrong_password_and_takes_the_right_one() {
    alone(|| real_server_refuses_a_wrong_password(Kind::Prosody));
}

#[test]
fn ejabberd_refuses_a_wrong_password_and_takes_the_right_one() {
    alone(|| real_server_refuses_a_wrong_password(Kind::Ejabberd));
}

/// RA-10 asks for SCRAM-SHA-1 at the least: a server that never knew more is signed in to.
async fn scram_sha_1_is_enough(kind: Kind) {
    let options = Options { mechanisms: vec!["SCRAM-SHA-1".to_owned()], ..Options::default() };
    let server = Server::start_with(kind, options).await;
    let folder = tempfile::tempdir().unwrap();
    let home = open_home(folder.path().to_owned(), |_| ()).await;
    let check = home.check_account(&server.form(), Some(server::password())).await.unwrap();
    assert_eq!(failed(&check), None, "{check:#?}");
    let check = home.check_account(&server.form(), Some(Secret::new("wrong"))).await.unwrap();
    assert_eq!(failed(&check), Some((Layer::Sasl, Code::NotAuthorized)));
}

#[test]
fn a_server_with_scram_sha_1_alone_is_signed_in_to_prosody() {
    alone(|| scram_sha_1_is_enough(Kind::Prosody));
}

#[test]
fn a_server_with_scram_sha_1_alone_is_signed_in_to_ejabberd() {
    alone(|| scram_sha_1_is_enough(Kind::Ejabberd));
}

async fn weakened(kind: Kind) {
    let mut stage = Stage::signed_in(kind).await;
    stage.server.restart_with(|options| options.mechanisms = vec!["SCRAM-SHA-1".to_owned()]).await;
    let refused = connection(&stage.home, "refused", |now| matches!(now, Connection::Refused { .. })).await;
    let Connection::Refused { error } = refused else { unreachable!() };
    assert_eq!((error.code, error.details.as_deref()), (Code::SignInWeakened, Some("SCRAM-SHA-1")));
    // It is not forgotten with the program.
    stage.home.close().await;
    let again = open_home(stage.folder.path().to_owned(), |config| config.password = Some(server::password())).await;
    connection(&again, "refused", |now| matches!(now, Connection::Refused { .. })).await;
    // The person has asked the operator, and sets the account anew.
    set_account(&again, &stage.server.form()).await;
    again.connected(SILENCE).await.unwrap();
    again.close().await;
}

#[test]
fn a_server_that_offers_less_than_before_is_not_signed_in_to_prosody() {
    alone(|| weakened(Kind::Prosody));
}

#[test]
fn a_server_that_offers_less_than_before_is_not_signed_in_to_ejabberd() {
    alone(|| weakened(Kind::Ejabberd));
}

#[test]
fn ejabberds_limit_of_sessions_is_named_and_not_fought() {
    alone(async || {
        let options = Options { max_user_sessions: Some(2), ..Options::default() };
        let stage = Stage::start_with(Kind::Ejabberd, options).await;
        stage.sign_in().await;
        let mut others = Vec::new();
        for number in 0..2 {
            let mut other = Peer::client().await;
            let jid = format!("{}/other{number}", stage.server.jid());
            let (host, port, ca) = (stage.server.host(), stage.server.port(), stage.server.ca_file());
            let order = json!({"do": "sign-in", "jid": jid, "password": server::PASSWORD, "server": host, "port": port, "ca": ca});
            other.ask(order).await;
            others.push(other);
        }
        let ended = connection(&stage.home, "thrown out", |now| matches!(now, Connection::Refused { .. })).await;
        let Connection::Refused { error } = ended else { unreachable!() };
        assert_eq!(error.code, Code::TooManySessions);
    });
}

#[test]
fn a_server_that_restarts_is_found_again() {
    alone(async || {
        let mut stage = Stage::signed_in(Kind::Prosody).await;
        stage.server.stop(Ending::Abrupt).await;
        connection(&stage.home, "suspended", |now| matches!(now, Connection::Suspended { .. })).await;
        stage.server.restart().await;
        connection(&stage.home, "connected again", |now| matches!(now, Connection::Connected { .. })).await;
    });
}

#[test]
fn a_saved_account_connects_at_the_next_start_by_itself() {
    alone(async || {
        let server = Server::start(Kind::Prosody).await;
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        set_account(&home, &server.form()).await;
        home.connected(SILENCE).await.unwrap();
        home.close().await;
        drop(home);
        // RA-22; the password from this run's environment, as there may be no keyring here.
        let again = open_home(folder.path().to_owned(), |config| config.password = Some(server::password())).await;
        connection(&again, "connected", |now| matches!(now, Connection::Connected { .. })).await;
        again.close().await;
    });
}
