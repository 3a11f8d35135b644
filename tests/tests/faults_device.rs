//! A device dies, in each of its ways, while the server and our own link are well: its tile alone goes grey, and what is
//! on screen is observed again as soon as it is back.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_protocol::crudn::Href;
use homeward_tests::alone;
use homeward_tests::fault_proxy::{BOTH, Cut};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH, assert_honest, executed, is_connected, is_live};
use homeward_tests::server::Kind;
use serde_json::json;

/// The server tells of a device that has gone; this is for slow machines.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The device's own first wait, and its sign-in.
const BACK_WITHIN: Duration = Duration::from_secs(15);
/// From then on.
const TRUE_WITHIN: Duration = Duration::from_secs(10);
/// The longest that one request waits, and the read that looks for the truth then.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(45);

/// Both are observed; then the devices' cable is pulled, or their power.
async fn killed(kind: Kind, kill: impl AsyncFnOnce(&RemoteHouse)) {
    let house = RemoteHouse::open(kind).await;
    house.watches(&["lamp"]).await;
    kill(&house).await;
    house.shows("lamp", "gone", AT_ONCE, |lamp| !is_live(lamp)).await;
    assert!(is_connected(&house.home.snapshot().connection), "our own link is well");
    let told = house.switches("lamp", LIGHT, true).outcome(AT_ONCE).await;
    assert_eq!(told.as_ref().unwrap_err().code, Code::NotReachable);
    assert_honest(&told, &house.arrived("lamp", LIGHT));
    house.devices.device("lamp").set_value(LIGHT, json!({"value": true}));
    house.devices_link.heal().await;
    house.devices.device("lamp").comes_back().unwrap();
    house.is_whole(BACK_WITHIN).await;
    house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    house.devices.device("lamp").set_value(LIGHT, json!({"value": false}));
    house.shows_the_truth("lamp", LIGHT, AT_ONCE).await;
    house.works_again("lamp", LIGHT).await;
    assert_eq!(house.arrived("lamp", LIGHT).len(), 1);
}

#[test]
fn a_device_killed_with_an_observation_open_goes_grey_and_is_observed_again_prosody() {
    let killed_by = async |house: &RemoteHouse| {
        house.devices_link.refuse().await;
        house.devices_link.cut(Cut::Reset);
    };
    alone(move || killed(Kind::Prosody, killed_by));
}

#[test]
fn a_device_killed_with_an_observation_open_goes_grey_and_is_observed_again_ejabberd() {
    let killed_by = async |house: &RemoteHouse| {
        house.devices_link.refuse().await;
        house.devices_link.cut(Cut::Reset);
    };
    alone(move || killed(Kind::Ejabberd, killed_by));
}

#[test]
fn a_device_that_is_switched_off_goes_grey_alone_and_is_observed_again() {
    let switched_off = async |house: &RemoteHouse| {
        house.devices.device("lamp").goes_away();
        house.shows("lamp", "gone", AT_ONCE, |lamp| !is_live(lamp)).await;
        assert!(is_live(&house.shown("plug")), "another device went grey with it");
        house.works_again("plug", SWITCH).await;
    };
    alone(move || killed(Kind::Prosody, switched_off));
}

#[test]
fn a_device_that_restarts_before_anybody_sees_it_go_is_observed_again() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        house.devices_link.cut(Cut::Reset);
        house.devices.device("lamp").set_value(LIGHT, json!({"value": true}));
        house.shows_the_truth("lamp", LIGHT, BACK_WITHIN).await;
        house.devices.device("lamp").set_value(LIGHT, json!({"value": false}));
        house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
        house.works_again("lamp", LIGHT).await;
    });
}

#[test]
fn a_device_that_dies_without_a_word_is_pressed_at_most_once_and_shown_as_it_is() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp", "plug"]).await;
        house.works_again("lamp", LIGHT).await;
        let before = house.arrived("lamp", LIGHT).len();
        house.devices_link.stall(&BOTH);
        let press = house.switches("lamp", LIGHT, false);
        let told = press.outcome(GIVEN_UP_WITHIN).await;
        assert_eq!(told.as_ref().unwrap_err().code, Code::OutcomeUnknown);
        assert!(is_connected(&house.home.snapshot().connection), "our own link is well");
        let shown = house.shown("lamp").values[&homeward_protocol::crudn::Href::new(LIGHT).unwrap()].value.clone();
        assert_eq!(shown["value"], json!(true), "a wish is shown as a fact");
        house.devices_link.heal().await;
        // They have missed their own pings, and sign in anew.
        house.devices_return(GIVEN_UP_WITHIN).await;
        house.works_again("plug", SWITCH).await;
        let arrived = house.arrived("lamp", LIGHT).split_off(before);
        assert_honest(&told, &arrived);
        house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    });
}

#[test]
fn a_device_that_does_it_and_does_not_say_so_is_asked_and_not_told_again() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.devices.device("lamp").swallows_next_answers(1);
        let told = house.switches("lamp", LIGHT, true).outcome(GIVEN_UP_WITHIN).await;
        let arrived = house.arrived("lamp", LIGHT);
        assert_honest(&told, &arrived);
        assert_eq!(executed(&arrived), 1);
        house.shows_the_truth("lamp", LIGHT, AT_ONCE).await;
    });
}

#[test]
fn a_device_that_left_a_change_untold_and_a_press_unanswered_is_asked_for_all_that_is_shown() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        let lamp = house.devices.device("lamp");
        lamp.stops_answering();
        // Nobody is told, then or later; and the press has nothing to do with it.
        lamp.set_value("/dimming", json!({"dimmingSetting": 7}));
        let press = house.switches("lamp", LIGHT, true);
        house.reaches("lamp", LIGHT).await;
        lamp.answers_again();
        let told = press.outcome(GIVEN_UP_WITHIN).await;
        assert_eq!(told.unwrap_err().code, Code::OutcomeUnknown);
        house
            .shows("lamp", "as it is", TRUE_WITHIN, |shown| {
                let dimming = shown.values.get(&Href::new("/dimming").unwrap());
                dimming.is_some_and(|dimming| dimming.value["dimmingSetting"] == json!(7))
            })
            .await;
    });
}

#[test]
fn a_device_that_is_slow_does_not_hold_up_the_others() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp", "plug"]).await;
        house.devices.device("lamp").slow(Duration::from_secs(8));
        let slow = house.switches("lamp", LIGHT, true);
        house.reaches("lamp", LIGHT).await;
        let quick = house.switches("plug", SWITCH, true).outcome(AT_ONCE).await;
        assert!(quick.is_ok(), "{quick:?}");
        assert_eq!(executed(&house.arrived("lamp", LIGHT)), 0, "the lamp was slow");
        let told = slow.outcome(GIVEN_UP_WITHIN).await;
        assert!(told.is_ok(), "{told:?}");
        assert_honest(&told, &house.arrived("lamp", LIGHT));
    });
}
