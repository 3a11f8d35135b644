//! axe-core finds nothing wrong on any screen, in the light and in the dark, colour contrast included.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::time::Duration;

use homeward_protocol::crudn::Status;
use homeward_simulator::{Kind, Scenario};
use homeward_tests::journey::Journey;
use homeward_tests::window::Scheme;
use homeward_tests::{alone, workspace};

/// Collects what axe-core says, so that one run shows all of it. Each screen is seen in both sizes, and its pictures are
/// left in `target/screens`, to be looked at.
struct Audit {
    found: Vec<String>,
    scheme: Scheme,
}

/// Width and height of the window: as it opens, and small.
const SIZES: [(u32, u32); 2] = [(900, 640), (1280, 860)];

impl Drop for Audit {
    /// Said also where the journey itself stops in the middle.
    fn drop(&mut self) {
        for violation in &self.found {
            let _ = writeln!(std::io::stderr(), "{violation}");
        }
    }
}

impl Audit {
    async fn look(&mut self, journey: &Journey, screen: &str) {
        let folder = workspace().join("target/screens");
        std::fs::create_dir_all(&folder).unwrap();
        for (width, height) in SIZES {
            journey.window.resize(width, height).await;
            let name = format!("{}-{width}-{}.png", screen.replace([',', ' '], "-"), self.scheme.name());
            journey.window.picture(&folder.join(name)).await;
            let found = journey.window.violations().await;
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

async fn every_screen(scheme: Scheme) {
    let mut journey = Journey::start(scheme, None).await;
    let mut audit = Audit { found: Vec::new(), scheme };
    assert!(journey.window.is_in(scheme).await, "the window does not follow the system to {scheme:?}");
    journey.window.sees("welcome-start").await;
    audit.look(&journey, "welcome").await;

    // The account: empty, refused at the field, refused by the server, good.
    journey.window.clicks("welcome-start").await;
    journey.window.sees("account-jid").await;
    audit.look(&journey, "account").await;
    journey.window.clicks("account-check").await;
    journey.window.sees("wrong-password").await;
    audit.look(&journey, "account, no password").await;
    journey.window.writes("account-password", "wrong").await;
    journey.window.clicks("account-check").await;
    journey.window.attribute("check", "data-is", "failed").await;
    audit.look(&journey, "account, refused").await;
    journey.window.writes("account-password", homeward_tests::server::PASSWORD).await;
    journey.window.clicks("account-check").await;
    journey.window.attribute("check", "data-is", "good").await;
    audit.look(&journey, "account, good").await;
    journey.window.clicks("account-next").await;

    // The devices.
    journey.finds().await;
    audit.look(&journey, "devices").await;
    journey.window.clicks("add-address").await;
    journey.window.sees("address-host").await;
    audit.look(&journey, "add by address").await;
    journey.window.presses_escape().await;
    journey.window.loses("address-host").await;
    let lock = journey.simulated.device(Kind::Lock.key());
    lock.refuses_saying(lock.user_href().unwrap().as_str(), Status::FORBIDDEN, "press the button first");
    let lamp = journey.simulated.device(Kind::Lamp.key());
    lamp.slow(Duration::from_secs(2));
    journey.chooses().await;
    audit.look(&journey, "review").await;
    journey.window.clicks("review-go").await;
    journey.window.attribute(&format!("run-{}", lamp.di()), "data-is", "working").await;
    audit.look(&journey, "set up, at work").await;
    lamp.slow(Duration::ZERO);
    journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "failed").await;
    journey.window.attribute(&format!("run-{}", lamp.di()), "data-is", "onboarded").await;
    audit.look(&journey, "set up, ended").await;
    lock.behaves();
    journey.window.clicks(&format!("run-retry-{}", lock.di())).await;
    journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "onboarded").await;

    // The house.
    journey.comes_home().await;
    journey.switches_the_light_on().await;
    audit.look(&journey, "home").await;
    lamp.refuses("/light", Status::FORBIDDEN);
    journey.window.clicks(&format!("toggle-{}", lamp.di())).await;
    journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "failed").await;
    audit.look(&journey, "home, one refused").await;
    journey.window.goes_to(&format!("#/device/{}", lamp.di())).await;
    journey.window.sees("control-/light").await;
    audit.look(&journey, "device").await;
    journey.window.clicks("tab-resources").await;
    journey.window.clicks("resource-/light").await;
    journey.window.sees("request-send").await;
    audit.look(&journey, "resources").await;
    journey.window.clicks("nav-home").await;
    journey.window.clicks(&format!("lock-{}", lock.di())).await;
    let dialog = journey.window.sees("unlock-dialog").await.rect().await.unwrap();
    assert!(dialog.height < 400.0, "a short question, stretched over the window: {dialog:?}");
    audit.look(&journey, "unlock").await;
    journey.window.clicks("unlock-keep").await;
    journey.window.clicks("nav-settings").await;
    journey.window.sees("settings-connection").await;
    audit.look(&journey, "settings").await;

    journey.window.clicks("nav-home").await;
    lamp.goes_away();
    journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "offline").await;
    audit.look(&journey, "home, one gone").await;

    // The server goes away.
    journey.server.stop(xtask::servers::Ending::Orderly).await;
    journey.window.clicks("nav-home").await;
    journey.window.sees("banner-away").await;
    audit.look(&journey, "home, server away").await;
    journey.window.resize(900, 640).await;
    audit.look(&journey, "home, small").await;
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
            audit.look(&journey, "nothing found yet").await;
            journey.window.attribute("nothing-found", "data-is", "nothing").await;
            audit.look(&journey, "nothing found").await;
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
