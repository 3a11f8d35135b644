//! axe-core finds nothing wrong on any screen, in the light and in the dark, colour contrast included.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::time::Duration;

use homeward_core::view::AccountForm;
use homeward_protocol::crudn::Status;
use homeward_simulator::{Kind, Scenario};
use homeward_tests::bad_server::{BadServer, Behaviour, PASSWORD};
use homeward_tests::journey::{self, Journey};
use homeward_tests::server::form_for;
use homeward_tests::window::{SIZES, Scheme, Window};
use homeward_tests::{alone, workspace};
use xtask::servers::ServerCertificate;

/// Collects what axe-core says, so that one run shows all of it. Each screen is seen in both sizes, and its pictures are
/// left in `target/screens`, to be looked at.
struct Audit {
    found: Vec<String>,
    scheme: Scheme,
}

impl Drop for Audit {
    /// Said also where the journey itself stops in the middle.
    fn drop(&mut self) {
        for violation in &self.found {
            let _ = writeln!(std::io::stderr(), "{violation}");
        }
    }
}

impl Audit {
    async fn look(&mut self, window: &Window, screen: &str) {
        let folder = workspace().join("target/screens");
        std::fs::create_dir_all(&folder).unwrap();
        for (width, height) in SIZES {
            window.resize(width, height).await;
            let name = format!("{}-{width}-{}.png", screen.replace([',', ' '], "-"), self.scheme.name());
            window.picture(&folder.join(name)).await;
            let found = window.violations().await;
            self.found.extend(found.into_iter().map(|violation| format!("--- {screen}, {width}: {violation}")));
        }
    }

    fn ends(self) {
        assert!(self.found.is_empty(), "axe-core found {} violations", self.found.len());
    }
}

#[test]
fn every_screen_in_the_light() {
    alone(|| every_screen(Scheme::Light));
}

#[test]
fn every_screen_in_the_dark() {
    alone(|| every_screen(Scheme::Dark));
}

#[test]
fn a_certificate_that_nobody_vouches_for_in_the_light() {
    alone(|| a_certificate_that_nobody_vouches_for(Scheme::Light));
}

#[test]
fn a_certificate_that_nobody_vouches_for_in_the_dark() {
    alone(|| a_certificate_that_nobody_vouches_for(Scheme::Dark));
}

async fn a_certificate_that_nobody_vouches_for(scheme: Scheme) {
    let server = BadServer::start(Behaviour::Shows(ServerCertificate::UnknownCa)).await;
    let folder = tempfile::tempdir().unwrap();
    let form = form_for("ada@home.test", server.address.port(), &server.ca_file());
    let window = journey::open(scheme, AccountForm { ca: None, ..form }, folder.path()).await;
    let mut audit = Audit { found: Vec::new(), scheme };
    window.clicks("welcome-start").await;
    window.writes("account-password", PASSWORD).await;
    window.clicks("account-check").await;
    window.attribute("layer-tls", "data-state", "failed").await;
    window.sees("certificate").await;
    audit.look(&window, "account, untrusted").await;
    window.clicks("trust-pin").await;
    window.clicks("pin-compare").await;
    window.sees("pin-dialog").await;
    audit.look(&window, "account, compare").await;
    let trusts = window.sees("pin-go").await.is_enabled().await.unwrap();
    assert!(!trusts, "a certificate that was not compared can be trusted");
    window.clicks("pin-compared").await;
    window.clicks("pin-go").await;
    window.attribute("layer-tls", "data-state", "passed").await;
    audit.look(&window, "account, pinned").await;
    window.close().await;
    audit.ends();
}

async fn every_screen(scheme: Scheme) {
    let mut journey = Journey::start(scheme, None).await;
    let mut audit = Audit { found: Vec::new(), scheme };
    assert!(journey.window.is_in(scheme).await, "the window does not follow the system to {scheme:?}");
    journey.window.sees("welcome-start").await;
    audit.look(&journey.window, "welcome").await;

    // The account: empty, refused at the field, refused by the server, good.
    journey.window.clicks("welcome-start").await;
    journey.window.sees("account-jid").await;
    audit.look(&journey.window, "account").await;
    journey.window.clicks("account-check").await;
    journey.window.sees("wrong-password").await;
    audit.look(&journey.window, "account, no password").await;
    journey.window.writes("account-password", "wrong").await;
    journey.window.clicks("account-check").await;
    journey.window.attribute("check", "data-is", "failed").await;
    audit.look(&journey.window, "account, refused").await;
    journey.window.writes("account-password", homeward_tests::server::PASSWORD).await;
    journey.window.clicks("account-check").await;
    journey.window.attribute("check", "data-is", "good").await;
    audit.look(&journey.window, "account, good").await;
    journey.window.clicks("account-next").await;

    // The devices.
    journey.finds().await;
    audit.look(&journey.window, "devices").await;
    journey.window.clicks("add-address").await;
    journey.window.sees("address-host").await;
    audit.look(&journey.window, "add by address").await;
    journey.window.presses_escape().await;
    journey.window.loses("address-host").await;
    let lock = journey.simulated.device(Kind::Lock.key());
    lock.refuses_saying(lock.user_href().unwrap().as_str(), Status::FORBIDDEN, "press the button first");
    let lamp = journey.simulated.device(Kind::Lamp.key());
    lamp.slow(Duration::from_secs(2));
    journey.chooses().await;
    audit.look(&journey.window, "review").await;
    journey.window.clicks("review-go").await;
    journey.window.attribute(&format!("run-{}", lamp.di()), "data-is", "working").await;
    audit.look(&journey.window, "set up, at work").await;
    lamp.slow(Duration::ZERO);
    journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "failed").await;
    journey.window.attribute(&format!("run-{}", lamp.di()), "data-is", "onboarded").await;
    audit.look(&journey.window, "set up, ended").await;
    lock.behaves();
    journey.window.clicks(&format!("run-retry-{}", lock.di())).await;
    journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "onboarded").await;

    // The house.
    journey.comes_home().await;
    journey.switches_the_light_on().await;
    audit.look(&journey.window, "home").await;
    lamp.refuses("/light", Status::FORBIDDEN);
    journey.window.clicks(&format!("toggle-{}", lamp.di())).await;
    journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "failed").await;
    audit.look(&journey.window, "home, one refused").await;
    journey.window.goes_to(&format!("#/device/{}", lamp.di())).await;
    journey.window.sees("control-/light").await;
    audit.look(&journey.window, "device").await;
    journey.window.clicks("tab-resources").await;
    journey.window.clicks("resource-/light").await;
    journey.window.sees("request-send").await;
    audit.look(&journey.window, "resources").await;
    journey.window.clicks("tab-security").await;
    journey.window.sees("security-account").await;
    audit.look(&journey.window, "security").await;
    journey.window.clicks("take-back").await;
    journey.window.sees("take-back-dialog").await;
    audit.look(&journey.window, "take back").await;
    journey.window.clicks("take-back-keep").await;
    journey.window.clicks("nav-home").await;
    journey.window.clicks(&format!("lock-{}", lock.di())).await;
    let dialog = journey.window.sees("unlock-dialog").await.rect().await.unwrap();
    assert!(dialog.height < 400.0, "a short question, stretched over the window: {dialog:?}");
    audit.look(&journey.window, "unlock").await;
    journey.window.clicks("unlock-keep").await;
    journey.window.clicks("nav-settings").await;
    journey.window.sees("settings-connection").await;
    audit.look(&journey.window, "settings").await;
    journey.window.clicks("change-password").await;
    journey.window.sees("new-password-here").await;
    audit.look(&journey.window, "new password").await;
    journey.window.clicks("new-password-keep").await;

    journey.window.clicks("nav-home").await;
    lamp.goes_away();
    journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "offline").await;
    audit.look(&journey.window, "home, one gone").await;

    // The server goes away.
    journey.server.stop(xtask::servers::Ending::Orderly).await;
    journey.window.clicks("nav-home").await;
    journey.window.sees("banner-away").await;
    audit.look(&journey.window, "home, server away").await;
    journey.window.resize(900, 640).await;
    audit.look(&journey.window, "home, small").await;
    audit.ends();
    journey.ends().await;
}

#[test]
fn nothing_found() {
    alone(async || {
        for scheme in Scheme::BOTH {
            let mut journey = Journey::start_with(scheme, None, Scenario::of([])).await;
            let mut audit = Audit { found: Vec::new(), scheme };
            journey.signs_in().await;
            journey.window.sees("nothing-found").await;
            audit.look(&journey.window, "nothing found yet").await;
            journey.window.attribute("nothing-found", "data-is", "nothing").await;
            audit.look(&journey.window, "nothing found").await;
            audit.ends();
            journey.ends().await;
        }
    });
}

#[test]
fn axe_core_sees_what_is_wrong() {
    alone(async || {
        let journey = Journey::start_with(Scheme::Light, None, Scenario::of([])).await;
        journey.window.sees("welcome-start").await;
        let spoil = "document.querySelector('main').append(document.createElement('img'));
            document.querySelector('h1').style.color = '#ddd';";
        journey.window.runs(spoil).await;
        let found = journey.window.violations().await.join("\n");
        assert!(found.contains("image-alt") && found.contains("color-contrast"), "{found}");
        journey.ends().await;
    });
}
