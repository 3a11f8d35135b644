//! Our link is cut: between two words, in the middle of a request, of an answer, of the opening of a session. What was
//! not sent is said not to be done; what may have arrived is unknown until it is read; nothing is ever sent twice. The server
//! forgets the session; `faults_resumed` has one that does not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{Connection, Snapshot};
use homeward_tests::alone;
use homeward_tests::fault_proxy::{Cut, Direction, Moment};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH, assert_honest, executed, now_ms};
use homeward_tests::server::Kind;
use serde_json::json;

/// A cut is told by the system at once; this is for slow machines.
const AT_ONCE: Duration = Duration::from_secs(2);
/// The first wait before a new try, a sign-in, and the presences.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// From then on.
const TRUE_WITHIN: Duration = Duration::from_secs(5);

/// A request or an answer in its session: the `<rest>` alone makes it longer. A ping is shorter, and so is what opens
/// a session.
const REQUEST: usize = 450;
/// What opens a session, or more.
const OPENING: usize = 200;
/// The answer to that, or more. A ping's answer is as long; there is none at that moment.
const OPENED: usize = 100;
/// So much of a portion arrives that no TLS record in it is whole.
const TORN: usize = 60;

async fn idle(how: Cut) {
    let house = RemoteHouse::forgetful(Kind::Prosody).await;
    house.watches(&["lamp"]).await;
    house.link.cut(how);
    let why = house.loses_its_link(AT_ONCE).await;
    assert!(matches!(why.code, Code::ServerClosed | Code::ConnectionLost), "{why:?}");
    house.devices.device("lamp").set_value(LIGHT, json!({"value": true}));
    house.is_whole(BACK_WITHIN).await;
    house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    house.devices.device("lamp").set_value(LIGHT, json!({"value": false}));
    house.shows_the_truth("lamp", LIGHT, AT_ONCE).await;
    house.works_again("lamp", LIGHT).await;
    assert_eq!(house.link.accepted(), 2, "one return takes one sign-in");
}

#[test]
fn a_link_that_is_reset_comes_back_by_itself() {
    alone(|| idle(Cut::Reset));
}

#[test]
fn a_link_that_is_closed_comes_back_by_itself() {
    alone(|| idle(Cut::Close));
}

/// The lamp is off and on screen; a press switches it on, and the link is cut at this moment of it. Returns what the
/// device had done when we were back.
async fn cut_under_a_press(moment: Moment, how: Cut) -> usize {
    let house = RemoteHouse::forgetful(Kind::Prosody).await;
    house.watches(&["lamp"]).await;
    house.works_again("lamp", LIGHT).await;
    house.works_again("lamp", LIGHT).await;
    let before = house.arrived("lamp", LIGHT).len();
    let fired = house.link.cut_at(moment, how);
    let press = house.switches("lamp", LIGHT, true);
    fired.wait().await;
    house.loses_its_link(AT_ONCE).await;
    // From here nobody can know whether it arrived.
    house.says_unknown("lamp", LIGHT, AT_ONCE).await;
    house.is_whole(BACK_WITHIN).await;
    house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    let told = press.outcome(BACK_WITHIN).await;
    let arrived = house.arrived("lamp", LIGHT).split_off(before);
    assert_honest(&told, &arrived);
    house.works_again("lamp", LIGHT).await;
    // Neither was it sent again later.
    assert_eq!(house.arrived("lamp", LIGHT).len(), before + arrived.len() + 1);
    executed(&arrived)
}

fn request(arrives: usize) -> Moment {
    Moment::Portion { direction: Direction::ToServer, at_least: REQUEST, arrives }
}

#[test]
fn a_link_cut_in_the_middle_of_a_request_leaves_it_undone_and_unknown() {
    alone(async || assert_eq!(cut_under_a_press(request(TORN), Cut::Reset).await, 0));
}

#[test]
fn a_link_cut_before_a_request_leaves_it_undone_and_unknown() {
    alone(async || assert_eq!(cut_under_a_press(request(0), Cut::Close).await, 0));
}

#[test]
fn a_link_closed_right_behind_a_request_leaves_it_done_once_and_unknown() {
    alone(async || assert_eq!(cut_under_a_press(request(usize::MAX), Cut::Close).await, 1));
}

#[test]
fn a_link_cut_in_the_middle_of_an_answer_leaves_it_done_once_and_unknown() {
    let answer = Moment::Portion { direction: Direction::ToClient, at_least: REQUEST, arrives: TORN };
    alone(async move || assert_eq!(cut_under_a_press(answer, Cut::Reset).await, 1));
}

/// The first press of all has to open a session.
async fn cut_under_an_opening(direction: Direction, at_least: usize) {
    let house = RemoteHouse::forgetful(Kind::Prosody).await;
    let fired = house.link.cut_at(Moment::Portion { direction, at_least, arrives: TORN }, Cut::Reset);
    let press = house.switches("plug", SWITCH, true);
    fired.wait().await;
    house.loses_its_link(AT_ONCE).await;
    // The request itself never left: that much is known, and is said.
    let told = press.outcome(AT_ONCE * 2).await;
    let code = told.as_ref().unwrap_err().code;
    assert!(matches!(code, Code::NotReachable | Code::NoAnswer), "{told:?}");
    house.is_whole(BACK_WITHIN).await;
    house.works_again("lamp", LIGHT).await;
    assert_honest(&told, &house.arrived("plug", SWITCH));
    assert!(house.arrived("plug", SWITCH).is_empty());
    house.works_again("plug", SWITCH).await;
}

#[test]
fn a_link_cut_in_the_middle_of_opening_a_session_is_said_to_have_done_nothing() {
    alone(|| cut_under_an_opening(Direction::ToServer, OPENING));
}

#[test]
fn a_link_cut_in_the_middle_of_the_answer_to_opening_a_session_is_said_to_have_done_nothing() {
    alone(|| cut_under_an_opening(Direction::ToClient, OPENED));
}

#[test]
fn try_now_returns_at_once_where_the_next_try_is_far() {
    alone(async || {
        let house = RemoteHouse::forgetful(Kind::Prosody).await;
        house.link.refuse().await;
        house.link.cut(Cut::Reset);
        // Refused again and again: the waits grow.
        house.when("a wait of some seconds", Duration::from_secs(40), far_from_the_next_try).await;
        house.link.heal().await;
        house.home.try_now();
        house.is_whole(AT_ONCE).await;
        house.works_again("lamp", LIGHT).await;
    });
}

fn far_from_the_next_try(snapshot: &Snapshot) -> bool {
    let Connection::Suspended { retry_at_ms, .. } = snapshot.connection else { return false };
    retry_at_ms > now_ms() + 4_000
}
