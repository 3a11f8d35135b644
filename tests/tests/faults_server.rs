//! The server dies, and comes back: what hangs on it greys out at once under one banner, what does not stays live, and
//! no press is ever repeated.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{Path, Presence};
use homeward_simulator::{Home as SimulatedHome, Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH, assert_honest, executed, is_live};
use homeward_tests::server::Kind;
use homeward_tests::stage::{Stage, device, until_within};
use serde_json::json;
use xtask::servers::Ending;

/// A dead server is told by its host at once; this is for slow machines.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The server's own start, and the waits of both sides before they try again.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// A press on a tile that is grey has no network to wait for.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

async fn killed(kind: Kind) {
    let kinds = Appliance::ALL.into_iter().filter(|kind| *kind != Appliance::Climate).cycle();
    let mut house = RemoteHouse::with(kind, Scenario::of(kinds.take(30))).await;
    house.watches(&["lamp", "plug"]).await;
    house.server.stop(Ending::Abrupt).await;
    let why = house.loses_its_link(AT_ONCE).await;
    assert!(matches!(why.code, Code::ServerClosed | Code::ConnectionLost), "{why:?}");
    let failed = house.home.snapshot().devices.into_iter().flat_map(|device| device.wishes).count();
    assert_eq!(failed, 0, "one banner, and no alarm for each device");
    let refused = house.switches("lamp", LIGHT, true).outcome(REFUSED_WITHIN).await;
    assert_eq!(refused.as_ref().unwrap_err().code, Code::NotReachable);
    house.server.restart().await;
    house.is_whole(BACK_WITHIN).await;
    house.works_again("plug", SWITCH).await;
    // What was refused is not done later, either.
    assert_honest(&refused, &house.arrived("lamp", LIGHT));
}

#[test]
fn a_killed_server_greys_every_tile_and_loses_no_press_prosody() {
    alone(|| killed(Kind::Prosody));
}

#[test]
fn a_killed_server_greys_every_tile_and_loses_no_press_ejabberd() {
    alone(|| killed(Kind::Ejabberd));
}

async fn restarted(kind: Kind) {
    let mut house = RemoteHouse::open(kind).await;
    house.watches(&["lamp", "plug"]).await;
    house.server.stop(Ending::Orderly).await;
    house.loses_its_link(AT_ONCE).await;
    // A hand on the lamp, while nobody far away can see it.
    house.devices.device("lamp").set_value(LIGHT, json!({"value": true}));
    house.server.restart().await;
    house.is_whole(BACK_WITHIN).await;
    house.shows_the_truth("lamp", LIGHT, Duration::from_secs(5)).await;
    // Observed again, not only read once.
    house.devices.device("lamp").set_value(LIGHT, json!({"value": false}));
    house.shows_the_truth("lamp", LIGHT, AT_ONCE).await;
    house.works_again("plug", SWITCH).await;
}

#[test]
fn a_restarted_server_is_found_again_and_the_gap_is_filled_prosody() {
    alone(|| restarted(Kind::Prosody));
}

#[test]
fn a_restarted_server_is_found_again_and_the_gap_is_filled_ejabberd() {
    alone(|| restarted(Kind::Ejabberd));
}

async fn killed_with_a_press_out(kind: Kind) {
    let mut house = RemoteHouse::forgetful(kind).await;
    house.watches(&["lamp"]).await;
    house.devices.device("lamp").slow(Duration::from_secs(5));
    let press = house.switches("lamp", LIGHT, true);
    house.reaches("lamp", LIGHT).await;
    house.server.stop(Ending::Abrupt).await;
    house.loses_its_link(AT_ONCE).await;
    house.says_unknown("lamp", LIGHT, AT_ONCE).await;
    house.devices.device("lamp").behaves();
    house.server.restart().await;
    house.is_whole(BACK_WITHIN).await;
    house.shows_the_truth("lamp", LIGHT, Duration::from_secs(5)).await;
    let told = press.outcome(BACK_WITHIN).await;
    house.works_again("plug", SWITCH).await;
    assert_honest(&told, &house.arrived("lamp", LIGHT));
}

#[test]
fn a_press_that_is_out_when_the_server_dies_is_unknown_and_not_repeated_prosody() {
    alone(|| killed_with_a_press_out(Kind::Prosody));
}

#[test]
fn a_press_that_is_out_when_the_server_dies_is_unknown_and_not_repeated_ejabberd() {
    alone(|| killed_with_a_press_out(Kind::Ejabberd));
}

#[test]
fn a_device_on_this_network_stays_live_while_the_server_is_dead() {
    alone(async || {
        let mut stage = Stage::signed_in(Kind::Prosody).await;
        let scenario = Scenario::of([Appliance::Lamp]).trusting(stage.server.ca_file());
        let near = SimulatedHome::start(scenario).await.unwrap();
        let lamp = near.device("lamp");
        stage.onboarded(lamp.di()).await;
        stage.home.watch(vec![lamp.di().to_owned()]);
        stage.server.stop(Ending::Abrupt).await;
        let changed_over = async || {
            until_within(&stage.home, "the lamp on this network", AT_ONCE, |snapshot| {
                let lamp = snapshot.devices.iter().find(|device| device.id == lamp.di())?;
                assert!(is_live(lamp), "a device on this network went grey with the server");
                (lamp.path == Some(Path::Lan)).then_some(())
            })
            .await;
        };
        changed_over().await;
        lamp.forgets_requests();
        let light = homeward_protocol::crudn::Href::new(LIGHT).unwrap();
        stage.home.set(lamp.di(), light.clone(), json!({"value": true})).await.unwrap();
        let presses: Vec<_> =
            lamp.requests().into_iter().filter(|one| one.method.changes_things() && !one.repeated).collect();
        assert_eq!(executed(&presses), 1, "{presses:#?}");
        device(&stage.home, lamp.di(), "on, and live", |shown| {
            shown.presence == Presence::Online
                && shown.values.get(&light).is_some_and(|now| now.value["value"] == json!(true))
        })
        .await;
    });
}
