//! The account check in the real window: what is wrong is said where it is wrong, and can be put right in place.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_tests::alone;
use homeward_tests::bad_server::{BadServer, Behaviour, PASSWORD};
use homeward_tests::journey;
use homeward_tests::server::{self, Kind, Server, form_for};
use homeward_tests::window::{Scheme, Window};
use xtask::servers::ServerCertificate;

/// The app at its account form, filled in for a server at this port.
async fn at_the_form(folder: &tempfile::TempDir, port: u16, ca: &std::path::Path) -> Window {
    let window = journey::open(Scheme::Light, form_for("ada@home.test", port, ca), folder.path()).await;
    window.clicks("welcome-start").await;
    window.sees("account-jid").await;
    window
}

async fn code_of(window: &Window, layer: &str) -> String {
    let words = window.sees_css(&format!("[data-test=layer-{layer}] [data-code]")).await;
    words.attr("data-code").await.unwrap().unwrap()
}

#[test]
fn a_wrong_password_is_said_at_the_sign_in_and_can_be_corrected() {
    alone(async || {
        let server = Server::start(Kind::Prosody).await;
        let folder = tempfile::tempdir().unwrap();
        let window = at_the_form(&folder, server.port(), &server.ca_file()).await;
        window.writes("account-password", "wrong").await;
        window.clicks("account-check").await;
        window.attribute("check", "data-is", "failed").await;
        for (layer, state) in
            [("dns", "passed"), ("tcp", "passed"), ("tls", "passed"), ("sasl", "failed"), ("bind", "waiting")]
        {
            window.attribute(&format!("layer-{layer}"), "data-state", state).await;
        }
        assert_eq!(code_of(&window, "sasl").await, "not-authorized");
        let keeps = window.sees("account-next").await.is_enabled().await.unwrap();
        assert!(!keeps, "an account that was refused can be kept");
        window.writes("account-password", server::PASSWORD).await;
        window.clicks("account-check").await;
        window.attribute("check", "data-is", "good").await;
        window.clicks("account-next").await;
        window.sees("devices-back").await;
        window.close().await;
    });
}

#[test]
fn what_is_no_address_is_said_at_its_field() {
    alone(async || {
        let bad = BadServer::start(Behaviour::SaysNothing).await;
        let folder = tempfile::tempdir().unwrap();
        let window = at_the_form(&folder, bad.address.port(), &bad.ca_file()).await;
        window.writes("account-password", "any").await;
        for (field, text, code) in [
            ("jid", "ada@home.test/phone", "jid-invalid"),
            ("jid", "ada", "jid-invalid"),
            ("port", "70000", "port-invalid"),
            ("server", "two words", "server-invalid"),
        ] {
            let good = window.sees(&format!("account-{field}")).await.prop("value").await.unwrap().unwrap();
            window.writes(&format!("account-{field}"), text).await;
            window.clicks("account-check").await;
            window.attribute(&format!("wrong-{field}"), "data-code", code).await;
            window.writes(&format!("account-{field}"), &good).await;
        }
        assert_eq!(bad.connections(), 0, "the network was asked");
        window.close().await;
    });
}

#[test]
fn an_unknown_authority_is_shown_with_its_fingerprint_and_nothing_is_sent() {
    alone(async || {
        let bad = BadServer::start(Behaviour::Shows(ServerCertificate::UnknownCa)).await;
        let folder = tempfile::tempdir().unwrap();
        let window = at_the_form(&folder, bad.address.port(), &bad.ca_file()).await;
        window.writes("account-password", PASSWORD).await;
        window.clicks("account-check").await;
        window.attribute("layer-tls", "data-state", "failed").await;
        assert_eq!(code_of(&window, "tls").await, "certificate-unknown");
        window
            .reads("fingerprint", "32 bytes", |text| text.chars().filter(char::is_ascii_hexdigit).count() == 64)
            .await;
        window.sees("choose-ca").await;
        window.attribute("layer-sasl", "data-state", "waiting").await;
        assert!(!bad.heard().contains("<auth"), "a sign-in was tried");
        window.close().await;
    });
}
