//! The main job in the real window: a real server, a simulated home, and a person's steps through the screens.
//!
//! Scope: the steps that the demo without a display and the window tests share, each with its time and its picture.
//! Non-scope: finding things in the window (`window`).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use homeward_core::view::AccountForm;
use homeward_simulator::{Device, Home as SimulatedHome, Kind, Scenario, Via};
use serde_json::json;
use tokio::time::Instant;

use crate::server::{self, PASSWORD, Server};
use crate::window::{SIZES, Scheme, Window};
use crate::workspace;

/// All that takes part; ends when dropped.
pub struct Journey {
    /// The app.
    pub window: Window,
    /// The simulated devices.
    pub simulated: SimulatedHome,
    /// The real server.
    pub server: Server,
    folder: tempfile::TempDir,
    pictures: Option<PathBuf>,
    scheme: Scheme,
    began: Instant,
    steps: usize,
}

impl Journey {
    /// Starts everything: prosody, the cast on loopback, the app with the account's form filled in but for the password.
    pub async fn start(scheme: Scheme, pictures: Option<PathBuf>) -> Journey {
        Self::start_with(scheme, pictures, Scenario::cast()).await
    }

    /// The same, with other devices.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start_with(scheme: Scheme, pictures: Option<PathBuf>, scenario: Scenario) -> Journey {
        Self::start_on(Server::start(server::Kind::Prosody).await, scheme, pictures, scenario).await
    }

    /// The same, with this server.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start_on(server: Server, scheme: Scheme, pictures: Option<PathBuf>, scenario: Scenario) -> Journey {
        let began = Instant::now();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scenario = scenario.trusting(server.ca_file()).keeping_state_in(folder.path().join("devices"));
        let simulated = SimulatedHome::start(scenario).await.unwrap_or_else(|error| panic!("{error}"));
        let window = open(scheme, server.form(), folder.path()).await;
        Journey { window, simulated, server, folder, pictures, scheme, began, steps: 0 }
    }

    /// Closes the app, starts it again with the same folder, and waits until it is signed in.
    pub async fn reopens(&mut self) {
        let again = async || open(self.scheme, self.server.form(), self.folder.path()).await;
        // The first one has to be gone: it holds the app's place.
        self.window.quits().await;
        self.window = again().await;
        if self.window.has_within("locked").await {
            // No keyring on this machine: the app says so and asks, as it should.
            self.window.writes("locked-password", PASSWORD).await;
            self.window.clicks("locked-sign-in").await;
        }
        self.window.attribute("strip", "data-is", "connected").await;
    }

    /// Prints the step with the time since the start, and takes its picture.
    pub async fn step(&mut self, name: &str, words: &str) {
        self.steps += 1;
        let seconds = self.began.elapsed().as_secs_f64();
        // Where nobody reads it any more there is nobody to tell.
        let _ = writeln!(std::io::stdout(), "{seconds:6.2} s  {words}");
        if let Some(folder) = &self.pictures {
            let file = format!("{}-{name}-{}.png", self.steps, self.scheme.name());
            self.window.picture(&folder.join(file)).await;
        }
    }

    /// Looks at the screen, in a large and in a small window: nothing on it may keep anybody out. Its pictures are kept in
    /// `target/screens`.
    ///
    /// # Panics
    /// When something on it is not accessible.
    pub async fn looks(&self, name: &str) {
        let folder = workspace().join("target/screens");
        std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let was = self.window.size().await;
        for (width, height) in SIZES {
            self.window.resize(width, height).await;
            let violations = self.window.violations().await;
            assert!(violations.is_empty(), "{name} at {width}x{height}: {violations:#?}");
            let file = format!("{name}-{width}-{}.png", self.scheme.name());
            self.window.picture(&folder.join(file)).await;
        }
        self.window.resize(was.0, was.1).await;
    }

    /// Whatever has Remote Access.
    pub fn devices(&self) -> Vec<Device> {
        self.simulated.devices().filter(|device| device.status().is_some()).collect()
    }

    /// The first start, and the account: typed, checked, kept.
    pub async fn signs_in(&mut self) {
        self.window.sees("welcome-start").await;
        self.step("welcome", "the first start").await;
        self.window.clicks("welcome-start").await;
        self.window.writes("account-password", PASSWORD).await;
        self.window.clicks("account-check").await;
        self.window.attribute("check", "data-is", "good").await;
        self.step("account", "the account is checked, layer by layer").await;
        self.window.clicks("account-next").await;
    }

    /// The search finds every simulated device.
    pub async fn finds(&mut self) {
        let all: Vec<_> = self.simulated.devices().collect();
        for device in &all {
            let standing = if device.status().is_some() { "clear" } else { "none" };
            self.window.attribute(&format!("found-{}", device.di()), "data-is", standing).await;
        }
        self.step("found", &format!("{} devices are found", all.len())).await;
    }

    /// Consent for each, then the review.
    pub async fn chooses(&mut self) {
        let devices = self.devices();
        for device in &devices {
            self.window.clicks(&format!("allow-{}", device.di())).await;
            self.window.attribute(&format!("found-{}", device.di()), "data-is", "allowed").await;
        }
        self.step("chosen", "each may get its password over this network, the person says").await;
        self.window.clicks("devices-next").await;
        for device in &devices {
            self.window.sees(&format!("plan-{}", device.di())).await;
        }
        self.step("review", "what will happen is said before it does").await;
    }

    /// The runs: every device comes online.
    pub async fn onboards(&mut self) {
        self.window.clicks("review-go").await;
        let devices = self.devices();
        for device in &devices {
            self.window.attribute(&format!("run-{}", device.di()), "data-is", "onboarded").await;
        }
        self.step("onboarded", &format!("{} devices are online, and proved who they are", devices.len())).await;
    }

    /// The dashboard, with a tile for each.
    pub async fn comes_home(&mut self) {
        self.window.clicks("run-home").await;
        for device in self.devices() {
            self.window.sees(&format!("tile-{}", device.di())).await;
        }
        self.window.attribute("strip", "data-is", "connected").await;
        self.step("home", "a tile for each device").await;
    }

    /// Switches the lamp on from its tile, at home; what counts is that it is on in the device, and that this network
    /// carried it.
    pub async fn switches_the_light_on(&mut self) {
        self.switches_the_light(true, Via::Lan).await;
        self.step("light-on", "the light is on, over this network, and the device says so itself").await;
    }

    /// Leaves the house: this network carries nothing any more. The app is started again, and switches the lamp off over
    /// XMPP.
    pub async fn switches_it_off_from_afar(&mut self) {
        for device in self.simulated.devices() {
            device.loses(100, 0);
        }
        self.reopens().await;
        let lamp = self.simulated.device(Kind::Lamp.key());
        self.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "on").await;
        self.step("from-afar", "started again away from home: the house is there, as it is now").await;
        self.switches_the_light(false, Via::Xmpp).await;
        self.step("light-off", "the light is off, over XMPP, and the device says so itself").await;
    }

    /// Presses the lamp's switch, and waits until the device has done it, over this path, and the tile shows it.
    ///
    /// # Panics
    /// When the light does not change, or by another path.
    async fn switches_the_light(&mut self, on: bool, via: Via) {
        let lamp = self.simulated.device(Kind::Lamp.key());
        assert_eq!(lamp.value("/light").map(|light| light["value"].clone()), Some(json!(!on)), "it is so already");
        lamp.forgets_requests();
        self.window.clicks(&format!("toggle-{}", lamp.di())).await;
        let changed = lamp.wait_for_value("/light", |light| light["value"] == on).await;
        changed.unwrap_or_else(|error| panic!("the light does not change: {error}"));
        let carried = lamp.wait_for_request(|request| {
            request.href.path() == "/light" && request.method.changes_things() && request.via == via
        });
        let asked = lamp.requests();
        carried.await.unwrap_or_else(|error| panic!("{error}: {via:?} did not carry it: {asked:#?}"));
        self.window.attribute(&format!("tile-{}", lamp.di()), "data-is", if on { "on" } else { "idle" }).await;
    }

    /// Ends everything in order.
    pub async fn ends(self) {
        self.window.close().await;
        self.simulated.stop().await;
        drop(self.server);
        drop(self.folder);
    }
}

/// The app with its state and its desk in this folder, limited to loopback, and the account's form filled in so.
pub async fn open(scheme: Scheme, form: AccountForm, folder: &Path) -> Window {
    let environment = [
        ("HOMEWARD_HOME", folder.join("home").display().to_string()),
        ("HOMEWARD_INTERFACES", "lo".to_owned()),
        ("HOMEWARD_PREFILL_JID", form.jid),
        ("HOMEWARD_PREFILL_SERVER", form.server),
        ("HOMEWARD_PREFILL_PORT", form.port),
        ("HOMEWARD_PREFILL_CA", form.ca.unwrap_or_default()),
    ];
    let window = Window::open(scheme, &folder.join("desk"), &environment).await;
    let [(width, height), _] = SIZES;
    window.resize(width, height).await;
    window
}
