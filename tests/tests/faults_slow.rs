//! A slow link is slow, and no more: nothing is given up, repeated or called lost while it still carries.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::view::{Connection, Via};
use homeward_protocol::crudn::{Href, Request};
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::fault_proxy::BOTH;
use homeward_tests::remote_house::{LIGHT, Losses, RemoteHouse, SCENES, SWITCH, assert_honest, executed};
use homeward_tests::server::Kind;
use serde_json::json;

/// A train in the country: there and back.
const ROUND_TRIP: Duration = Duration::from_secs(2);
/// The same each way.
const LONG_ROUND_TRIP: Duration = Duration::from_secs(4);
/// STARTTLS, TLS, SASL, the second stream, the resource, the roster, the presences: some nine round trips.
const SIGNED_IN_WITHIN: Duration = Duration::from_secs(60);
/// Opening a session, the request, and reading what the device does not say: three round trips.
const PRESSED_WITHIN: Duration = Duration::from_secs(20);
/// GPRS, say.
const BYTES_PER_SECOND: u64 = 1_000;
/// What takes longer than a ping may, by far.
const LARGE: usize = 12_000;
/// A large request there, at this rate: its base64 is 16 kB, and the certificate of a new sign-in would be on top.
const LARGE_WITHIN: Duration = Duration::from_secs(45);

/// From the sign-in on.
async fn far_away(round_trip: Duration) {
    let house = RemoteHouse::signed_out(Kind::Prosody, Scenario::of([Appliance::Lamp, Appliance::Plug])).await;
    house.link.delay(&BOTH, round_trip / 2);
    house.takes_account().await;
    house.is_whole(SIGNED_IN_WITHIN).await;
    let losses = Losses::of(&house.home);
    for (key, href) in [("lamp", LIGHT), ("plug", SWITCH)] {
        let told = house.switches(key, href, true).outcome(PRESSED_WITHIN).await;
        assert!(told.is_ok(), "{key}: {told:?}");
        assert_honest(&told, &house.arrived(key, href));
        house.shows_the_truth(key, href, Duration::from_secs(1)).await;
        let shown = house.shown(key).latency_ms.map(u64::from).map(Duration::from_millis);
        assert!(shown.is_some_and(|shown| shown >= round_trip && shown < 2 * round_trip), "{key}: {shown:?}");
    }
    losses.none(&house.home).await;
}

#[test]
fn a_round_trip_of_two_seconds_is_waited_out_from_the_sign_in_on() {
    alone(|| far_away(ROUND_TRIP));
}

#[test]
fn two_seconds_each_way_are_waited_out_from_the_sign_in_on() {
    alone(|| far_away(LONG_ROUND_TRIP));
}

#[test]
fn two_seconds_each_way_are_no_loss_to_a_link_that_was_quick_before() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        let losses = Losses::of(&house.home);
        house.link.delay(&BOTH, LONG_ROUND_TRIP / 2);
        let told = house.switches("lamp", LIGHT, true).outcome(PRESSED_WITHIN).await;
        assert!(told.is_ok(), "{told:?}");
        assert_honest(&told, &house.arrived("lamp", LIGHT));
        // A ping has been answered with this latency: none was given up.
        let least = LONG_ROUND_TRIP.as_millis();
        house
            .when("the latency is told", Duration::from_secs(75), |snapshot| match snapshot.connection {
                Connection::Connected { latency_ms } => latency_ms.is_some_and(|told| u128::from(told) >= least),
                _ => false,
            })
            .await;
        losses.none(&house.home).await;
    });
}

#[test]
fn at_one_kilobyte_a_second_presses_are_done_once() {
    alone(async || {
        let house = RemoteHouse::signed_out(Kind::Prosody, Scenario::of([Appliance::Lamp, Appliance::Plug])).await;
        house.link.throttle(&BOTH, BYTES_PER_SECOND);
        house.takes_account().await;
        house.is_whole(SIGNED_IN_WITHIN).await;
        let losses = Losses::of(&house.home);
        let presses =
            [("lamp", LIGHT), ("plug", SWITCH)].map(|(key, href)| (key, href, house.switches(key, href, true)));
        for (key, href, press) in presses {
            let told = press.outcome(PRESSED_WITHIN).await;
            assert!(told.is_ok(), "{key}: {told:?}");
            assert_honest(&told, &house.arrived(key, href));
            house.shows_the_truth(key, href, Duration::from_secs(1)).await;
        }
        losses.none(&house.home).await;
    });
}

/// A Create of many bytes, then a Retrieve of them: each takes longer than a ping's answer may.
async fn large(house: &RemoteHouse) {
    let lamp = house.devices.device("lamp");
    let scenes = Href::new(format!("{SCENES}?if=oic.if.create")).unwrap();
    let member = json!({"rt": ["x.lumenfold.r.scene"], "if": ["oic.if.rw"], "rep": {"notes": "n".repeat(LARGE)}});
    let create = house.home.request(lamp.di(), Request::post(scenes, member), Via::Xmpp);
    let answer = tokio::time::timeout(LARGE_WITHIN, create).await.expect("in time").unwrap();
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let arrived = house.arrived("lamp", SCENES);
    assert_eq!((arrived.len(), executed(&arrived)), (1, 1));
    let made = answer.body.as_ref().and_then(|body| body["href"].as_str()).unwrap_or_else(|| panic!("{answer:?}"));
    let retrieve = house.home.request(lamp.di(), Request::get(Href::new(made).unwrap()), Via::Xmpp);
    let answer = tokio::time::timeout(LARGE_WITHIN, retrieve).await.expect("in time").unwrap();
    assert_eq!(answer.body.unwrap()["notes"].as_str().map(str::len), Some(LARGE));
}

#[test]
fn at_one_kilobyte_a_second_what_is_large_is_slow_and_not_lost() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.link.throttle(&BOTH, BYTES_PER_SECOND);
        let losses = Losses::of(&house.home);
        large(&house).await;
        losses.none(&house.home).await;
    });
}
