//! Our link is cut, and the server keeps the session (XEP-0198): what was under way goes on, nothing is lost, nothing is
//! done twice, and nothing is done that nobody waits for any more.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::Via;
use homeward_protocol::crudn::Href;
use homeward_tests::alone;
use homeward_tests::fault_proxy::{Cut, Direction, Moment};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, assert_honest, executed};
use homeward_tests::server::Kind;
use serde_json::{Value, json};

const LAMP: &str = "lamp";
/// A cut is told by the system at once; this is for slow machines.
const AT_ONCE: Duration = Duration::from_secs(2);
/// Half a second, and a sign-in.
const BACK_WITHIN: Duration = Duration::from_secs(5);
/// A press that is not answered.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(25);
/// A request or an answer in its session; a ping is shorter.
const REQUEST: usize = 450;
/// So much of a portion arrives that no TLS record in it is whole.
const TORN: usize = 60;

/// The lamp on screen, and its session for requests open.
async fn lamp_on_screen(kind: Kind) -> RemoteHouse {
    let house = RemoteHouse::open(kind).await;
    house.watches(&[LAMP]).await;
    house.works_again(LAMP, LIGHT).await;
    house.works_again(LAMP, LIGHT).await;
    house
}

fn registrations(house: &RemoteHouse) -> usize {
    house.devices.device(LAMP).requests().iter().filter(|one| one.observe == Some(0)).count()
}

async fn every_change_of_a_gap_is_told(kind: Kind, how: Cut) {
    let house = lamp_on_screen(kind).await;
    let lamp = house.devices.device(LAMP);
    let mut told = house.home.observe(lamp.di(), Href::new("/dimming").unwrap(), Via::Xmpp).await.unwrap();
    told.next().await.unwrap().unwrap();
    let before = registrations(&house);
    house.link.cut(how);
    house.loses_its_link(AT_ONCE).await;
    for level in [11, 22, 33, 44, 55] {
        lamp.set_value("/dimming", json!({"dimmingSetting": level}));
    }
    lamp.set_value(LIGHT, json!({"value": true}));
    house.is_whole(BACK_WITHIN).await;
    let mut levels: Vec<Value> = Vec::new();
    while levels.len() < 5 {
        let next = tokio::time::timeout(AT_ONCE, told.next()).await.expect("all are told");
        levels.push(next.unwrap().unwrap().body.unwrap()["dimmingSetting"].clone());
    }
    assert_eq!(levels, [11, 22, 33, 44, 55]);
    house.shows_the_truth(LAMP, LIGHT, AT_ONCE).await;
    assert_eq!(registrations(&house), before, "it observes as before");
    assert_eq!(house.link.accepted(), 2, "one return takes one sign-in");
    house.works_again(LAMP, LIGHT).await;
}

#[test]
fn every_change_of_a_gap_is_told_after_a_reset_by_prosody() {
    alone(|| every_change_of_a_gap_is_told(Kind::Prosody, Cut::Reset));
}

#[test]
fn every_change_of_a_gap_is_told_after_a_close_by_prosody() {
    alone(|| every_change_of_a_gap_is_told(Kind::Prosody, Cut::Close));
}

#[test]
fn every_change_of_a_gap_is_told_after_a_reset_by_ejabberd() {
    alone(|| every_change_of_a_gap_is_told(Kind::Ejabberd, Cut::Reset));
}

/// A press switches the lamp on, and the link is cut at this moment of it.
async fn cut_under_a_press(kind: Kind, moment: Moment) {
    let house = lamp_on_screen(kind).await;
    let before = house.arrived(LAMP, LIGHT).len();
    let fired = house.link.cut_at(moment, Cut::Reset);
    let press = house.switches(LAMP, LIGHT, true);
    fired.wait().await;
    house.loses_its_link(AT_ONCE).await;
    let told = press.outcome(BACK_WITHIN).await;
    assert_eq!(told, Ok(()));
    let arrived = house.arrived(LAMP, LIGHT).split_off(before);
    assert_eq!((arrived.len(), executed(&arrived)), (1, 1), "{arrived:#?}");
    house.shows_the_truth(LAMP, LIGHT, AT_ONCE).await;
    house.works_again(LAMP, LIGHT).await;
}

fn request(arrives: usize) -> Moment {
    Moment::Portion { direction: Direction::ToServer, at_least: REQUEST, arrives }
}

#[test]
fn a_press_whose_request_was_torn_is_done_once_with_prosody() {
    alone(|| cut_under_a_press(Kind::Prosody, request(TORN)));
}

#[test]
fn a_press_whose_request_was_torn_is_done_once_with_ejabberd() {
    alone(|| cut_under_a_press(Kind::Ejabberd, request(TORN)));
}

#[test]
fn a_press_whose_link_broke_behind_the_request_is_done_once() {
    alone(|| cut_under_a_press(Kind::Prosody, request(usize::MAX)));
}

#[test]
fn a_press_whose_answer_was_torn_is_done_once() {
    let answer = Moment::Portion { direction: Direction::ToClient, at_least: REQUEST, arrives: TORN };
    alone(move || cut_under_a_press(Kind::Prosody, answer));
}

#[test]
fn a_press_that_nobody_waits_for_any_more_is_not_done_later() {
    alone(async || {
        let house = lamp_on_screen(Kind::Prosody).await;
        let before = house.arrived(LAMP, LIGHT).len();
        let fired = house.link.cut_at(request(TORN), Cut::Reset);
        let press = house.switches(LAMP, LIGHT, true);
        fired.wait().await;
        house.link.refuse().await;
        let told = press.outcome(GIVEN_UP_WITHIN).await;
        assert_eq!(told.as_ref().unwrap_err().code, Code::OutcomeUnknown);
        house.link.heal().await;
        house.home.try_now();
        house.is_whole(BACK_WITHIN).await;
        house.shows_the_truth(LAMP, LIGHT, BACK_WITHIN).await;
        // Whatever would still come has come before this.
        house.works_again(LAMP, LIGHT).await;
        let arrived = house.arrived(LAMP, LIGHT).split_off(before);
        assert_eq!(arrived.len(), 1, "{arrived:#?}");
        assert_honest(&told, &[]);
    });
}

#[test]
fn who_went_meanwhile_is_gone_and_who_stayed_is_live() {
    alone(async || {
        let house = lamp_on_screen(Kind::Prosody).await;
        house.link.cut(Cut::Reset);
        house.loses_its_link(AT_ONCE).await;
        house.devices.device("plug").goes_away();
        house.shows(LAMP, "live again", BACK_WITHIN, |lamp| lamp.path.is_some()).await;
        house.shows("plug", "gone", AT_ONCE, |plug| plug.path.is_none()).await;
        house.works_again(LAMP, LIGHT).await;
    });
}

#[test]
fn try_now_goes_on_at_once() {
    alone(async || {
        let house = lamp_on_screen(Kind::Prosody).await;
        house.link.refuse().await;
        house.link.cut(Cut::Reset);
        house.loses_its_link(AT_ONCE).await;
        house.link.heal().await;
        house.home.try_now();
        house.is_whole(AT_ONCE).await;
        house.works_again(LAMP, LIGHT).await;
    });
}
