//! A house with a lamp and a plug on the network of this computer, a real server, and a home with the house's account.
//!
//! Scope: what the tests of accounts have in common. Non-scope: what devices are given, and what is true then.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_core::Home;
use homeward_core::config::{Config, Slot};
use homeward_core::crudn::{Href, Request};
use homeward_core::view::{AccountForm, Device, LayerState, OnboardChoice, Run, RunState, Via};
use homeward_protocol::secret::Secret;
use homeward_simulator::{self as simulator, Home as SimulatedHome, Kind as Appliance, Scenario};
use serde_json::json;

use crate::peer::PATIENCE;
use crate::server::{Server, password};
use crate::stage::{device, open_home, run_ended, set_account};

/// The devices.
pub const KEYS: [&str; 2] = ["lamp", "plug"];

/// All of it.
pub struct House {
    /// The program under test.
    pub home: Home,
    /// A real one.
    pub server: Server,
    /// The lamp and the plug.
    pub devices: SimulatedHome,
    /// Where the home keeps its things.
    pub folder: tempfile::TempDir,
    change: fn(&mut Config),
}

impl House {
    /// Signed in with the house's account; `change` has the last word on the home's configuration.
    ///
    /// # Panics
    /// When that does not succeed in time.
    pub async fn at(
        server: Server,
        prepared: impl FnOnce(Scenario, &Server) -> Scenario,
        change: fn(&mut Config),
    ) -> House {
        let scenario = Scenario::of([Appliance::Lamp, Appliance::Plug]).trusting(server.ca_file());
        let devices = SimulatedHome::start(prepared(scenario, &server)).await.expect("the devices start");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = opened(&folder, change).await;
        set_account(&home, &server.form()).await;
        home.connected(PATIENCE).await.expect("a server that is there");
        House { home, server, devices, folder, change }
    }

    /// The program ends, and starts again.
    pub async fn restarted(self) -> House {
        let change = self.change;
        self.restarted_with(change).await
    }

    /// The same, with another configuration.
    pub async fn restarted_with(self, change: fn(&mut Config)) -> House {
        let House { home, server, devices, folder, .. } = self;
        home.close().await;
        drop(home);
        House { home: opened(&folder, change).await, server, devices, folder, change }
    }

    /// Searches until all are found and read.
    pub async fn finds(&self) {
        self.home.start_search();
        for key in KEYS {
            let described = |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.described && lan.answering);
            device(&self.home, &self.id(key), "found", described).await;
        }
    }

    /// A device's id.
    pub fn id(&self, key: &str) -> String {
        self.devices.device(key).di().to_owned()
    }

    /// Their ids.
    pub fn ids(&self, keys: &[&str]) -> Vec<String> {
        keys.iter().map(|key| self.id(key)).collect()
    }

    /// With consent to the clear.
    pub fn choices(&self, keys: &[&str]) -> Vec<OnboardChoice> {
        self.ids(keys).into_iter().map(|id| OnboardChoice { id, allow_unencrypted: true }).collect()
    }

    /// Gives one the house's account.
    ///
    /// # Panics
    /// When that fails.
    pub async fn onboards(&self, key: &str) {
        self.home.onboard(self.choices(&[key])).await.expect("a run");
        self.ended_well(key).await;
    }

    /// Waits for the end of a device's run.
    ///
    /// # Panics
    /// When it is not a good one.
    pub async fn ended_well(&self, key: &str) -> Run {
        let run = run_ended(&self.home, &self.id(key)).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        run
    }

    /// Waits until a device is available at the server with this account, or, if it is empty, with any.
    pub async fn is_there_with(&self, key: &str, jid: &str) -> Device {
        let with = |device: &Device| {
            let of = |full: &str| jid.is_empty() || full.starts_with(&format!("{jid}/"));
            device.remote.as_ref().is_some_and(|remote| remote.available && of(&remote.jid))
        };
        device(&self.home, &self.id(key), &format!("there with {jid}"), with).await
    }

    /// It does over XMPP what it is told.
    ///
    /// # Panics
    /// When it does not.
    pub async fn works(&self, key: &str, on: bool) {
        let href = if key == "lamp" { "/light" } else { "/switch" };
        let request = Request::post(Href::new(href).expect("a path"), json!({ "value": on }));
        let answer = self.home.request(&self.id(key), request, Via::Xmpp).await;
        let answer = answer.unwrap_or_else(|error| panic!("{key}: {error:?}\n{:#?}", self.home.snapshot()));
        assert!(answer.status < 300, "{key}: {answer:?}");
        assert_eq!(self.devices.device(key).value(href).expect("a value")["value"], json!(on));
    }

    /// The account that a device holds: its bare JID, and the password.
    ///
    /// # Panics
    /// When it holds none.
    pub fn held(&self, key: &str) -> (String, String) {
        let device = self.devices.device(key);
        let user = device.value(device.user_href().expect("Remote Access").as_str()).expect("a value");
        let text = |name: &str| user[name].as_str().unwrap_or_else(|| panic!("{key} has no {name}"));
        let credential = STANDARD.decode(text("credential")).expect("base64");
        (text("jid").to_owned(), String::from_utf8(credential).expect("UTF-8"))
    }

    /// Whether this password opens this account of the server.
    ///
    /// # Panics
    /// When the form is refused.
    pub async fn opens(&self, jid: &str, password: &str) -> bool {
        let form = AccountForm { jid: jid.to_owned(), ..self.server.form() };
        let check = self.home.check_account(&form, Some(Secret::new(password))).await.expect("a good form");
        check.layers.iter().all(|layer| layer.state == LayerState::Passed)
    }
}

async fn opened(folder: &tempfile::TempDir, change: fn(&mut Config)) -> Home {
    open_home(folder.path().to_owned(), |config| {
        config.slot = Slot::FirstFree;
        config.password = Some(password());
        change(config);
    })
    .await
}

/// Whether a device was asked for its Remote Access more often than that, a message that came twice counted once; for
/// [`simulator::Device::wait_for`].
///
/// # Panics
/// When it has none.
pub fn asked_more_than(count: usize) -> impl Fn(&simulator::Device) -> Option<()> {
    move |device| {
        let paths = [device.xmpp_href(), device.user_href()].map(|href| href.expect("Remote Access"));
        let is_of_it = |href: &Href| paths.iter().any(|path| path.path() == href.path());
        let requests = device.requests();
        let asked = requests.iter().filter(|one| !one.repeated && is_of_it(&one.href)).count();
        (asked > count).then_some(())
    }
}
