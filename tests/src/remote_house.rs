//! A house far away: simulated devices that are at a real server only, and a [`Home`] there too, each side behind a
//! [`FaultProxy`] of its own; or, with the home in it, on the same network as well.
//!
//! Scope: pressing, and reading what became of it: in what the home shows, and in the devices' own request logs.
//! Non-scope: which fault, and what is to be true under it (`tests/faults_*.rs`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use homeward_core::config::Slot;
use homeward_core::view::{Connection, Device, OnboardChoice, Presence, RunState, Snapshot};
use homeward_core::{Code, Error, Event, Home};
use homeward_protocol::crudn::Href;
use homeward_simulator::{Device as Simulated, Home as SimulatedHome, Kind as Appliance, LoggedRequest, Scenario};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use xtask::servers::Options;

use crate::fault_proxy::FaultProxy;
use crate::peer::PATIENCE;
use crate::server::{Kind, PASSWORD, Server, password};
use crate::stage::{device, open_home, run_ended, set_account, until_within};

/// The lamp's switch.
pub const LIGHT: &str = "/light";
/// Where the lamp keeps what clients make.
pub const SCENES: &str = "/scenes";
/// The plug's switch.
pub const SWITCH: &str = "/switch";

/// Our choice, for each of many devices: a sign-in is TLS and thousands of hashes, unoptimised, on two cores with its server.
const SIGN_IN: Duration = Duration::from_millis(200);

/// All that takes part; ends in this order.
pub struct RemoteHouse {
    /// Ours.
    pub home: Home,
    /// Between our home and the server.
    pub link: FaultProxy,
    /// The devices.
    pub devices: SimulatedHome,
    /// Between the devices and the server.
    pub devices_link: FaultProxy,
    /// The real server.
    pub server: Server,
    /// Seconds that the computer has slept.
    slept: Arc<AtomicU64>,
    _folder: tempfile::TempDir,
}

impl RemoteHouse {
    /// A lamp and a plug at the server, and a home that sees them there.
    pub async fn open(kind: Kind) -> RemoteHouse {
        Self::with(kind, Scenario::of([Appliance::Lamp, Appliance::Plug])).await
    }

    /// The same, at a server that forgets a session as soon as its connection breaks.
    pub async fn forgetful(kind: Kind) -> RemoteHouse {
        let server = Server::start_with(kind, Options { keeps_sessions: false, ..Options::default() }).await;
        let house = Self::at(server, Scenario::of([Appliance::Lamp, Appliance::Plug])).await;
        house.sign_in().await;
        house
    }

    /// The same, with other devices.
    pub async fn with(kind: Kind, scenario: Scenario) -> RemoteHouse {
        let house = Self::signed_out(kind, scenario).await;
        house.sign_in().await;
        house
    }

    /// The home is in the house: it has onboarded the devices over the network that they share, and reaches them both
    /// ways, at the server over a link of its own.
    ///
    /// # Panics
    /// When something does not start, or a device is not onboarded.
    pub async fn at_home(kind: Kind, scenario: Scenario) -> RemoteHouse {
        Self::at_home_with(Server::start(kind).await, scenario).await
    }

    /// The same, with this server.
    ///
    /// # Panics
    /// When something does not start, or a device is not onboarded.
    pub async fn at_home_with(server: Server, scenario: Scenario) -> RemoteHouse {
        let house = Self::open_at(server, |scenario, _| scenario, scenario).await;
        set_account(&house.home, &house.devices_link.form(&house.server)).await;
        house.home.start_search();
        for one in house.devices.devices() {
            device(&house.home, one.di(), "found", |device| device.lan.as_ref().is_some_and(|lan| lan.described)).await;
            let choice = OnboardChoice { id: one.di().to_owned(), allow_unencrypted: true };
            house.home.onboard(vec![choice]).await.unwrap_or_else(|error| panic!("{}: {error:?}", one.key()));
            let run = run_ended(&house.home, one.di()).await;
            assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        }
        house.home.stop_search();
        let began = now_ms();
        house.takes_account().await;
        house
            .when("every device seen over the home's own link", PATIENCE, |snapshot| {
                let seen = |device: &Device| {
                    let available = device.remote.as_ref().is_some_and(|remote| remote.available);
                    available && device.last_seen_at_ms >= Some(began)
                };
                house.link.accepted() > 0 && snapshot.devices.iter().all(seen)
            })
            .await;
        house
    }

    /// The devices are at the server; the home has no account yet.
    pub async fn signed_out(kind: Kind, scenario: Scenario) -> RemoteHouse {
        Self::at(Server::start(kind).await, scenario).await
    }

    /// The same, at this server.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn at(server: Server, scenario: Scenario) -> RemoteHouse {
        let signed_in = |scenario: Scenario, (at, jid): (SocketAddr, String)| {
            scenario.over_xmpp_only().signed_in(&at.ip().to_string(), at.port(), &jid, PASSWORD)
        };
        let house = Self::open_at(server, signed_in, scenario).await;
        let count = u32::try_from(house.devices.devices().count()).expect("some hundred");
        let all = house.devices.wait_until_all_are_connected(PATIENCE + SIGN_IN * count).await;
        all.unwrap_or_else(|error| panic!("{error}"));
        house
    }

    async fn open_at(
        server: Server,
        prepared: impl FnOnce(Scenario, (SocketAddr, String)) -> Scenario,
        scenario: Scenario,
    ) -> RemoteHouse {
        let link = FaultProxy::before(&server).await;
        let devices_link = FaultProxy::before(&server).await;
        let scenario = prepared(scenario.trusting(server.ca_file()), (devices_link.address(), server.jid()));
        let devices = SimulatedHome::start(scenario).await.unwrap_or_else(|error| panic!("{error}"));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let slept = Arc::new(AtomicU64::new(0));
        let asleep = slept.clone();
        let home = open_home(folder.path().join("home"), |config| {
            // Not the app's place: that one asks for the keyring, which is somebody's.
            config.slot = Slot::FirstFree;
            config.password = Some(password());
            config.wall_clock =
                Arc::new(move || SystemTime::now() + Duration::from_secs(asleep.load(Ordering::Relaxed)));
        })
        .await;
        RemoteHouse { home, link, devices, devices_link, server, slept, _folder: folder }
    }

    /// The clock on the wall goes on by so much while everything else stands still, as in a computer's sleep.
    pub fn sleeps(&self, time: Duration) {
        self.slept.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Signs in through the link, and waits until every device is there.
    pub async fn sign_in(&self) {
        self.takes_account().await;
        self.is_whole(PATIENCE).await;
    }

    /// Keeps the account, and does not wait for what follows.
    ///
    /// # Panics
    /// When the home refuses it.
    pub async fn takes_account(&self) {
        let kept = self.home.set_account(&self.link.form(&self.server), None).await;
        kept.unwrap_or_else(|error| panic!("the account is refused: {error:?}"));
    }

    /// Waits until we are connected and every device can be used.
    pub async fn is_whole(&self, within: Duration) -> Duration {
        let ids: Vec<String> = self.devices.devices().map(|device| device.di().to_owned()).collect();
        self.when("connected, and every device there", within, |snapshot| {
            let there = |id: &String| snapshot.devices.iter().any(|device| device.id == *id && is_live(device));
            is_connected(&snapshot.connection) && ids.iter().all(there)
        })
        .await
    }

    /// Waits until every device has come to the server anew, and is shown so.
    ///
    /// # Panics
    /// When one does not.
    pub async fn devices_return(&self, within: Duration) {
        let began = now_ms();
        let all = self.devices.wait_until_all_are_connected(within).await;
        all.unwrap_or_else(|error| panic!("{error}"));
        self.when("every device there anew", within, |snapshot| {
            snapshot.devices.iter().all(|device| is_live(device) && device.last_seen_at_ms >= Some(began))
        })
        .await;
    }

    /// Puts these devices on screen, and waits until all that they show is observed.
    ///
    /// # Panics
    /// When that does not come about.
    pub async fn watches(&self, keys: &[&str]) {
        let devices: Vec<Simulated> = keys.iter().map(|key| self.devices.device(key)).collect();
        self.home.watch(devices.iter().map(|device| device.di().to_owned()).collect());
        for device in devices {
            let seen = |snapshot: &Snapshot| {
                let shown = snapshot.devices.iter().find(|shown| shown.id == device.di())?;
                let read = |href: &Href| shown.values.contains_key(href);
                let all = shown.described && shown.controls.iter().all(|control| read(&control.href));
                let observable =
                    |href: &Href| shown.resources.iter().any(|resource| resource.href == *href && resource.observable);
                let observed = shown.controls.iter().map(|control| control.href.clone()).filter(observable);
                all.then(|| observed.collect::<Vec<_>>())
            };
            let shown = until_within(&self.home, &format!("{} on screen", device.key()), PATIENCE, seen).await;
            for href in shown {
                // Of a collection the links only.
                let observes =
                    |one: &LoggedRequest| one.href.path() == href.path() && one.observe == Some(0) && one.executed;
                let observed = device.wait_for_request(observes).await;
                observed.unwrap_or_else(|error| panic!("{href} is not observed: {error}"));
            }
        }
    }

    /// What the home shows of a device.
    ///
    /// # Panics
    /// When it shows none.
    pub fn shown(&self, key: &str) -> Device {
        let id = self.devices.device(key).di().to_owned();
        let devices = self.home.snapshot().devices;
        devices.into_iter().find(|device| device.id == id).unwrap_or_else(|| panic!("{key} is not shown"))
    }

    /// Waits until a device is shown as `fits` says; how long that took.
    pub async fn shows(&self, key: &str, what: &str, within: Duration, fits: impl Fn(&Device) -> bool) -> Duration {
        let id = self.devices.device(key).di().to_owned();
        self.when(&format!("{key} {what}"), within, |snapshot| {
            snapshot.devices.iter().any(|device| device.id == id && fits(device))
        })
        .await
    }

    /// Waits until the home shows a device's switch as it is in the device itself.
    pub async fn shows_the_truth(&self, key: &str, href: &str, within: Duration) -> Duration {
        let device = self.devices.device(key);
        let at = path(href);
        self.shows(key, "as it is", within, |shown| {
            let truth = device.value(href).map(|value| value["value"].clone());
            shown.values.get(&at).map(|now| now.value["value"].clone()) == truth
        })
        .await
    }

    /// Waits until what the home shows is as `fits` says; how long that took.
    pub async fn when(&self, what: &str, within: Duration, fits: impl Fn(&Snapshot) -> bool) -> Duration {
        let began = Instant::now();
        until_within(&self.home, what, within, |snapshot| fits(snapshot).then_some(())).await;
        began.elapsed()
    }

    /// Waits until our own link is shown as lost; why, and when that was told. In the same moment no tile that hangs on
    /// it may still be shown as live.
    pub async fn loses_its_link(&self, within: Duration) -> Error {
        until_within(&self.home, "the link is lost", within, |snapshot| {
            let Connection::Suspended { error, .. } = &snapshot.connection else { return None };
            let live: Vec<&str> =
                snapshot.devices.iter().filter(|device| is_live(device)).map(|device| device.name.as_str()).collect();
            assert!(live.is_empty(), "the link is down, and {live:?} are shown as live");
            Some(error.clone())
        })
        .await
    }

    /// A person presses: one wish, from its beginning.
    pub fn presses(&self, key: &str, href: &str, wanted: Value) -> Press {
        let (home, id, href) = (self.home.clone(), self.devices.device(key).di().to_owned(), path(href));
        let began = Instant::now();
        Press { began, task: tokio::spawn(async move { home.set(&id, href, wanted).await }) }
    }

    /// Switches something on or off.
    pub fn switches(&self, key: &str, href: &str, on: bool) -> Press {
        self.presses(key, href, json!({ "value": on }))
    }

    /// Waits until the tile says that nobody knows whether the press was done.
    pub async fn says_unknown(&self, key: &str, href: &str, within: Duration) -> Duration {
        let at = path(href);
        self.shows(key, "with an unknown outcome", within, |shown| {
            let failed = shown.wishes.get(&at).and_then(|wish| wish.failed.as_ref());
            failed.is_some_and(|error| error.code == Code::OutcomeUnknown)
        })
        .await
    }

    /// Every Create, Update and Delete of this resource that reached the device, by its own log.
    pub fn arrived(&self, key: &str, href: &str) -> Vec<LoggedRequest> {
        let requests = self.devices.device(key).requests().into_iter();
        requests.filter(|one| one.method.changes_things() && one.href.path() == href).collect()
    }

    /// Waits until a change of this resource has reached the device.
    ///
    /// # Panics
    /// When none does.
    pub async fn reaches(&self, key: &str, href: &str) {
        let arrived = |one: &LoggedRequest| one.method.changes_things() && one.href.path() == href;
        let waited = self.devices.device(key).wait_for_request(arrived).await;
        waited.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Presses once more, now that all is well: it is done, once, and whatever an earlier press left on its way has
    /// arrived before.
    ///
    /// # Panics
    /// When it is not done, or not once.
    pub async fn works_again(&self, key: &str, href: &str) {
        let before = self.arrived(key, href).len();
        let on = self.devices.device(key).value(href).is_some_and(|value| value["value"] == json!(true));
        let outcome = self.switches(key, href, !on).outcome(PATIENCE).await;
        outcome.unwrap_or_else(|error| panic!("all is well, and a press fails: {error:?}"));
        let new = self.arrived(key, href).split_off(before);
        assert_eq!(executed(&new), 1, "{new:#?}");
        assert_eq!(new.len(), 1, "{new:#?}");
        self.shows_the_truth(key, href, PATIENCE).await;
    }
}

/// A press under way.
pub struct Press {
    began: Instant,
    task: JoinHandle<Result<(), Error>>,
}

impl Press {
    /// What became of it, as the person is told.
    ///
    /// # Panics
    /// When nothing is told within this time of the press.
    pub async fn outcome(self, within: Duration) -> Result<(), Error> {
        let left = within.saturating_sub(self.began.elapsed());
        let ended =
            timeout(left, self.task).await.unwrap_or_else(|_| panic!("a press without an outcome for {within:?}"));
        ended.expect("the home does not panic")
    }
}

/// Every time that the link is shown as lost, from a moment on.
pub struct Losses(JoinHandle<Vec<String>>);

impl Losses {
    /// From now on.
    pub fn of(home: &Home) -> Losses {
        let (home, mut events) = (home.clone(), home.subscribe());
        Losses(tokio::spawn(async move {
            let mut lost = Vec::new();
            while let Some(batch) = events.next().await {
                for one in batch.unwrap_or_default() {
                    if let Event::ConnectionChanged { connection } = one.event
                        && !is_connected(&connection)
                    {
                        lost.push(format!("{connection:?}"));
                    }
                }
                // The test has ended the link itself.
                if home.account().is_none() {
                    break;
                }
            }
            lost
        }))
    }

    /// There was none until now. The home has no account afterwards.
    ///
    /// # Panics
    /// When there was one.
    pub async fn none(self, home: &Home) {
        home.forget_account().await.unwrap_or_else(|error| panic!("the account is not forgotten: {error:?}"));
        let lost = self.0.await.expect("it does not panic");
        let lost: Vec<String> = lost.into_iter().filter(|lost| lost != "Offline").collect();
        assert!(lost.is_empty(), "the link carried all the time, and was shown as {lost:#?}");
    }
}

/// How many of these were carried out.
pub fn executed(requests: &[LoggedRequest]) -> usize {
    requests.iter().filter(|one| one.executed).count()
}

/// One press: what the person was told, against the device's own log. Done is said only of what was done, once; what
/// is said not to be done was not; and where nobody knows, it was done once at the most.
///
/// # Panics
/// Where the person was lied to.
pub fn assert_honest(told: &Result<(), Error>, arrived: &[LoggedRequest]) {
    assert!(arrived.len() <= 1, "one press arrived {} times: {arrived:#?}", arrived.len());
    let done = executed(arrived);
    match told {
        Ok(()) => assert_eq!(done, 1, "it is said to be done: {arrived:#?}"),
        Err(error) if error.code == Code::OutcomeUnknown => {}
        Err(error) => assert_eq!(done, 0, "it is said not to be done ({error:?}): {arrived:#?}"),
    }
}

/// Whether a tile is shown as one that can be used.
pub fn is_live(device: &Device) -> bool {
    device.path.is_some() || device.presence == Presence::Online
}

/// Whether we are signed in.
pub fn is_connected(connection: &Connection) -> bool {
    matches!(connection, Connection::Connected { .. })
}

/// As the home counts time.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn path(href: &str) -> Href {
    Href::new(href).expect("tests name paths")
}
