//! Our own network goes and comes: an interface is taken down, a cable is pulled. No packet tells of that, the system
//! does.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::net::IpAddr;
use std::time::Duration;

use homeward_core::config::Slot;
use homeward_core::view::{Connection, Snapshot};
use homeward_core::{Config, Home};
use homeward_protocol::crudn::Href;
use homeward_simulator::{Home as SimulatedHome, Kind as Appliance, Scenario};
use homeward_tests::namespaces::{DEVICES_V4, INTERFACE, Namespaces};
use homeward_tests::remote_house::{LIGHT, executed, is_connected, is_live};
use homeward_tests::server::{Kind, PASSWORD, Server, password};
use homeward_tests::stage::until_within;
use homeward_tests::{inside, runtime_inside, skip};
use serde_json::json;
use xtask::servers::Options;

/// From when the system says so: a doubted link is waited for for a second.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Linux looks after the carriers of its interfaces once a second at the most.
const CARRIER_TOLD_WITHIN: Duration = Duration::from_secs(1);
/// A sign-in on top of that.
const BACK_WITHIN: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(20);

/// A server and a lamp on the other side of a cable; our side goes down and up as `toggle` does it, and the system says
/// so within that time.
fn network_goes_and_comes(
    test: &str,
    told_within: Duration,
    toggle: impl Fn(&Namespaces, bool) -> Result<(), String> + Send + Sync,
) {
    let spaces = match Namespaces::new() {
        Ok(spaces) => spaces,
        Err(why) => return skip(test, &why),
    };
    let far = runtime_inside(&spaces.devices);
    inside(&spaces.client, async || {
        let address: IpAddr = DEVICES_V4.parse().unwrap();
        let options = Options { namespace: Some(spaces.devices.clone()), address, ..Options::default() };
        let server = Server::start_with(Kind::Prosody, options).await;
        let scenario = Scenario::of([Appliance::Lamp]).over_xmpp_only().trusting(server.ca_file());
        let scenario = scenario.signed_in(DEVICES_V4, server.port(), &server.jid(), PASSWORD);
        let devices = far.spawn(SimulatedHome::start(scenario)).await.unwrap().unwrap();
        let lamp = devices.device("lamp");
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::new(folder.path().to_owned(), Slot::FirstFree);
        config.interfaces = vec![INTERFACE.to_owned()];
        config.password = Some(password());
        let home = Home::open(config).await.unwrap();
        home.set_account(&server.form(), None).await.unwrap();
        let whole = |snapshot: &Snapshot| {
            let there = snapshot.devices.iter().any(|device| device.id == lamp.di() && is_live(device));
            (is_connected(&snapshot.connection) && there).then_some(())
        };
        until_within(&home, "all is well", PATIENCE, whole).await;
        let light = Href::new(LIGHT).unwrap();
        home.set(lamp.di(), light.clone(), json!({"value": true})).await.unwrap();

        for round in 1..=2 {
            toggle(&spaces, false).unwrap();
            until_within(&home, &format!("the network is gone ({round})"), told_within + AT_ONCE, |snapshot| {
                let lost = matches!(snapshot.connection, Connection::Suspended { .. } | Connection::Offline);
                assert!(!lost || !snapshot.devices.iter().any(is_live), "a tile is shown as live without a network");
                lost.then_some(())
            })
            .await;
            let told = home.set(lamp.di(), light.clone(), json!({"value": false})).await;
            assert!(told.is_err(), "it is said to be done without a network");
            toggle(&spaces, true).unwrap();
            until_within(&home, &format!("back ({round})"), BACK_WITHIN, whole).await;
        }
        home.set(lamp.di(), light.clone(), json!({"value": false})).await.unwrap();
        let presses: Vec<_> = lamp.requests().into_iter().filter(|one| one.method.changes_things()).collect();
        assert_eq!((presses.len(), executed(&presses)), (2, 2), "{presses:#?}");
        home.close().await;
    });
    far.shutdown_background();
}

#[test]
fn an_interface_that_goes_down_is_noticed_at_once_and_its_return_too() {
    network_goes_and_comes("an_interface_that_goes_down_is_noticed_at_once", Duration::ZERO, Namespaces::interface);
}

#[test]
fn a_cable_that_is_pulled_is_noticed_at_once_and_its_return_too() {
    network_goes_and_comes("a_cable_that_is_pulled_is_noticed_at_once", CARRIER_TOLD_WITHIN, Namespaces::cable);
}
