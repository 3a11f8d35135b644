//! A device that is reached over this network and over the server: the path that works is taken, and nothing is done twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{Connection, Path, Via};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{MessageType, Packet};
use homeward_protocol::crudn::{Href, Method, Request, Response};
use homeward_simulator::{Kind as Appliance, Scenario, Via as Over};
use homeward_tests::alone;
use homeward_tests::fault_proxy::{BOTH, Cut, Direction, Moment};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, assert_honest, executed};
use homeward_tests::server::Kind;
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const LAMP: &str = "lamp";
/// A press over a path that works.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A Retrieve that changes over: the other path was waited for so long at the most, and a little.
const CHANGED_OVER_WITHIN: Duration = Duration::from_secs(6);
/// A sleep is noticed, and the link found dead.
const WAKES_UP_WITHIN: Duration = Duration::from_secs(6);
/// A press that was sent and is not answered.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(25);

async fn lamp_at_home() -> RemoteHouse {
    let house = RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Lamp])).await;
    // Both paths are known: how fast each of them is, too.
    for _ in 0..2 {
        reads(&house).await;
    }
    house
}

/// Reads the light over whichever path; which one that was.
async fn reads(house: &RemoteHouse) -> Path {
    let di = house.devices.device(LAMP).di().to_owned();
    let asked = house.home.request(&di, Request::get(Href::new(LIGHT).unwrap()), Via::Auto);
    let answered = tokio::time::timeout(CHANGED_OVER_WITHIN, asked).await.expect("in time").unwrap();
    assert_eq!(answered.status, 200);
    answered.via
}

/// Presses the switch: done at once, once, over this path.
async fn presses(house: &RemoteHouse, on: bool, over: Over) {
    let before = house.arrived(LAMP, LIGHT).len();
    house.switches(LAMP, LIGHT, on).outcome(AT_ONCE).await.unwrap();
    let arrived = house.arrived(LAMP, LIGHT).split_off(before);
    assert_eq!((arrived.len(), executed(&arrived)), (1, 1), "{arrived:#?}");
    assert_eq!(arrived[0].via, over);
    house.shows_the_truth(LAMP, LIGHT, AT_ONCE).await;
}

async fn at_home_requests_take_this_network() {
    let house = lamp_at_home().await;
    assert_eq!(reads(&house).await, Path::Lan);
    presses(&house, true, Over::Lan).await;
    house.shows(LAMP, "on this network", AT_ONCE, |shown| shown.path == Some(Path::Lan)).await;
    // The server goes: nothing is lost at home.
    house.link.stall(&BOTH);
    presses(&house, false, Over::Lan).await;
}

async fn a_network_that_fails_is_left_for_the_server_and_taken_again() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    lamp.loses(100, 1);
    assert_eq!(reads(&house).await, Path::Xmpp, "within one request");
    house.shows(LAMP, "at the server", AT_ONCE, |shown| shown.path == Some(Path::Xmpp)).await;
    presses(&house, true, Over::Xmpp).await;
    // And the other way about: the network is back, and the server's link carries nothing.
    lamp.loses(0, 1);
    house.link.stall(&BOTH);
    assert_eq!(reads(&house).await, Path::Lan, "within one request");
    presses(&house, false, Over::Lan).await;
}

async fn a_press_that_was_sent_is_not_sent_again_over_the_other_path() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    presses(&house, true, Over::Lan).await;
    presses(&house, false, Over::Lan).await;
    let before = house.arrived(LAMP, LIGHT).len();
    // It said a moment ago who it is, and does what it is told; the answer is lost, and all that follows.
    lamp.swallows_next_answers(u32::MAX);
    let press = house.switches(LAMP, LIGHT, true);
    house.devices.device(LAMP).wait_for_value(LIGHT, |light| light["value"] == true).await.unwrap();
    lamp.loses(100, 1).swallows_next_answers(0);
    let told = press.outcome(GIVEN_UP_WITHIN).await;
    let arrived = house.arrived(LAMP, LIGHT).split_off(before);
    let once: Vec<_> = arrived.into_iter().filter(|one| !one.repeated).collect();
    assert_honest(&told, &once);
    assert_eq!(told, Ok(()), "the truth was read over the server");
    assert_eq!(once[0].via, Over::Lan);
    presses(&house, false, Over::Xmpp).await;
}

/// Another device, which has been given the first one's address.
struct Stranger {
    asked: Arc<Mutex<Vec<Method>>>,
    task: JoinHandle<()>,
}

impl Stranger {
    async fn at(address: SocketAddr) -> Self {
        // The lamp's socket is closed by its own task.
        let free = async {
            loop {
                match UdpSocket::bind(address).await {
                    Ok(socket) => break socket,
                    Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        let socket = tokio::time::timeout(AT_ONCE, free).await.expect("the lamp leaves its address");
        let asked: Arc<Mutex<Vec<Method>>> = Arc::default();
        let seen = asked.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(packet) = Packet::from_bytes(&buffer[..length]) else { continue };
                let Ok(asked) = message::decode_request(&packet) else { continue };
                let method = asked.request.method;
                seen.lock().unwrap().push(method);
                let body = json!({"di": "57a46e00-0000-4000-8000-000000000001", "n": "Stranger"});
                let mut answer = message::encode_response(&Response::ok(body), method, Format::Ocf).unwrap();
                answer.header.set_type(MessageType::Acknowledgement);
                answer.header.message_id = packet.header.message_id;
                answer.set_token(packet.get_token().to_vec());
                socket.send_to(&answer.to_bytes().unwrap(), from).await.unwrap();
            }
        });
        Self { asked, task }
    }

    fn asked(&self) -> Vec<Method> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn a_command_does_not_go_to_whoever_has_the_devices_address_now() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    let address = house.shown(LAMP).lan.unwrap().addresses[0].parse().unwrap();
    // This computer sleeps; it wakes up where there is no server, and where the lamp was there is another device.
    house.link.stall(&BOTH);
    lamp.goes_away();
    let stranger = Stranger::at(address).await;
    house.sleeps(Duration::from_secs(3600));
    house
        .when("the link is lost", WAKES_UP_WITHIN, |snapshot| {
            matches!(snapshot.connection, Connection::Suspended { .. })
        })
        .await;
    let told = house.switches(LAMP, LIGHT, true).outcome(GIVEN_UP_WITHIN).await;
    assert_eq!(told.unwrap_err().code, Code::NotReachable);
    let asked = stranger.asked();
    assert!(!asked.is_empty(), "it was not asked who it is");
    assert!(asked.iter().all(|method| !method.changes_things()), "{asked:?}");
}

async fn an_older_press_does_not_follow_a_newer_one_over_the_other_path() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    lamp.loses(100, 1);
    assert_eq!(reads(&house).await, Path::Xmpp);
    presses(&house, true, Over::Xmpp).await;
    let before = house.arrived(LAMP, LIGHT).len();
    // The first press is on its way to the server when the link breaks, and goes on with it as soon as there is one.
    let fired =
        house.link.cut_at(Moment::Portion { direction: Direction::ToServer, at_least: 450, arrives: 60 }, Cut::Reset);
    let older = house.switches(LAMP, LIGHT, false);
    fired.wait().await;
    house.link.refuse().await;
    // Before it is known, the next one would go the same way.
    house
        .when("the link is lost", AT_ONCE, |snapshot| matches!(snapshot.connection, Connection::Suspended { .. }))
        .await;
    lamp.loses(0, 1);
    let newer = house.switches(LAMP, LIGHT, true);
    newer.outcome(AT_ONCE).await.unwrap();
    let told = older.outcome(AT_ONCE).await;
    house.link.heal().await;
    house.home.try_now();
    house.is_whole(WAKES_UP_WITHIN).await;
    // Over the server, behind whatever would still come that way.
    lamp.loses(100, 1);
    assert_eq!(reads(&house).await, Path::Xmpp);
    let arrived = house.arrived(LAMP, LIGHT).split_off(before);
    assert_eq!(arrived.len(), 1, "{arrived:#?}");
    assert_eq!(arrived[0].via, Over::Lan);
    assert_eq!(told.unwrap_err().code, Code::OutcomeUnknown);
    assert_eq!(lamp.value(LIGHT).unwrap()["value"], true);
}

#[test]
fn at_home_requests_take_this_network_and_need_no_server() {
    alone(at_home_requests_take_this_network);
}

#[test]
fn the_path_that_fails_is_left_within_one_request() {
    alone(a_network_that_fails_is_left_for_the_server_and_taken_again);
}

#[test]
fn a_press_that_was_sent_over_one_path_is_not_sent_over_the_other() {
    alone(a_press_that_was_sent_is_not_sent_again_over_the_other_path);
}

#[test]
fn an_older_press_never_follows_a_newer_one_over_the_other_path() {
    alone(an_older_press_does_not_follow_a_newer_one_over_the_other_path);
}

#[test]
fn an_address_that_was_given_to_another_device_gets_no_command() {
    alone(a_command_does_not_go_to_whoever_has_the_devices_address_now);
}
