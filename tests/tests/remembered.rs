//! What was seen is there at once at the next start, marked as remembered until the device confirms it; and no secret is
//! among it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;
use std::time::Duration;

use homeward_core::Home;
use homeward_core::config::Slot;
use homeward_core::view::{Device, Presence};
use homeward_protocol::crudn::Href;
use homeward_simulator::{Home as SimulatedHome, Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::server::{Kind, PASSWORD, Server, password};
use homeward_tests::stage::{device, open_home, set_account};
use serde_json::json;

const LIGHT: &str = "/light";
/// A home that is killed has kept what is older than that.
const KEPT_WITHIN: Duration = Duration::from_secs(20);

struct House {
    server: Server,
    devices: SimulatedHome,
    folder: tempfile::TempDir,
}

impl House {
    async fn of(kinds: impl IntoIterator<Item = Appliance>) -> House {
        let server = Server::start(Kind::Prosody).await;
        let scenario = Scenario::of(kinds).over_xmpp_only().trusting(server.ca_file());
        let scenario = scenario.signed_in("127.0.0.1", server.port(), &server.jid(), PASSWORD);
        let devices = SimulatedHome::start(scenario).await.unwrap();
        House { server, devices, folder: tempfile::tempdir().unwrap() }
    }

    /// A program's home in the one folder that there is.
    async fn home(&self, connect: bool) -> Home {
        open_home(self.folder.path().join("home"), |config| {
            config.slot = Slot::FirstFree;
            config.connect = connect;
            config.password = Some(password());
        })
        .await
    }

    /// On screen, and read.
    async fn home_that_has_read(&self, key: &str, href: &str) -> Home {
        let home = self.home(true).await;
        set_account(&home, &self.server.form()).await;
        let di = self.devices.device(key).di().to_owned();
        home.watch(vec![di.clone()]);
        device(&home, &di, "read", |shown| shown.described && shown.values.contains_key(&at(href))).await;
        home
    }

    fn shown(&self, home: &Home, key: &str) -> Option<Device> {
        let di = self.devices.device(key).di().to_owned();
        home.devices().into_iter().find(|shown| shown.id == di)
    }
}

fn at(path: &str) -> Href {
    Href::new(path).unwrap()
}

#[test]
fn the_house_is_there_at_the_next_start_and_marked_until_it_is_confirmed() {
    alone(async || {
        let house = House::of([Appliance::Lamp]).await;
        let lamp = house.devices.device("lamp");
        lamp.set_value(LIGHT, json!({"value": true}));
        house.home_that_has_read("lamp", LIGHT).await.close().await;

        let home = house.home(false).await;
        let shown = house.shown(&home, "lamp").expect("it is remembered");
        assert_eq!((shown.name.as_str(), shown.presence, shown.path), (lamp.name(), Presence::Remembered, None));
        let told = &shown.values[&at(LIGHT)];
        assert_eq!((&told.value["value"], told.remembered), (&json!(true), true));
        assert!(!shown.controls.is_empty(), "{shown:#?}");
        home.close().await;

        // It changed while nobody looked: the old value is a memory until the device has spoken.
        lamp.set_value(LIGHT, json!({"value": false}));
        let home = house.home(true).await;
        let shown = house.shown(&home, "lamp").expect("it is remembered");
        assert!(shown.values[&at(LIGHT)].remembered, "{shown:#?}");
        home.watch(vec![lamp.di().to_owned()]);
        let now = device(&home, lamp.di(), "confirmed", |shown| {
            shown.values.get(&at(LIGHT)).is_some_and(|told| !told.remembered)
        })
        .await;
        assert_eq!((&now.values[&at(LIGHT)].value["value"], now.presence), (&json!(false), Presence::Online));
        home.close().await;
    });
}

#[test]
fn a_home_that_is_killed_has_kept_what_is_a_little_older() {
    alone(async || {
        let house = House::of([Appliance::Lamp]).await;
        let running = house.home_that_has_read("lamp", LIGHT).await;
        // Never closed: another program looks into the folder meanwhile.
        let kept = async {
            loop {
                let home = house.home(false).await;
                let shown = house.shown(&home, "lamp");
                if shown.is_some_and(|shown| shown.values.contains_key(&at(LIGHT))) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        tokio::time::timeout(KEPT_WITHIN, kept).await.expect("kept in time");
        drop(running);
    });
}

#[test]
fn no_secret_is_remembered() {
    alone(async || {
        let codes = Appliance::Sample("oic.r.lock.code");
        let house = House::of([codes]).await;
        let device = house.devices.device(codes.key());
        device.set_value("/sample", json!({"lockCodeList": ["731946", "558201"], "pin": "440917"}));
        house.home_that_has_read(codes.key(), "/sample").await.close().await;
        for file in files(house.folder.path()) {
            let bytes = match std::fs::read(&file) {
                // What was there a moment ago, and is gone, holds nothing.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                read => read.unwrap(),
            };
            for secret in ["731946", "558201", "440917", PASSWORD] {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "{secret} is in {}", file.display());
            }
        }
        let home = house.home(false).await;
        let shown = house.shown(&home, codes.key()).unwrap();
        assert_eq!(shown.values[&at("/sample")].value["lockCodeList"], json!([null, null]), "how many is no secret");
    });
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
