//! A device that goes away is shown so at once, and is used again as soon as it is back; the same for the server. No
//! change is ever sent twice.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_core::Code;
use homeward_core::view::{Connection, Device, Presence, Via};
use homeward_protocol::crudn::{Href, Request};
use homeward_tests::alone;
use homeward_tests::peer::Peer;
use homeward_tests::server::Kind;
use homeward_tests::stage::{Stage, connection, device};
use serde_json::json;
use xtask::servers::Ending;

const DI: &str = "5d3f2a10-0000-4000-8000-0000000000d0";

fn light() -> Href {
    Href::new("/light").unwrap()
}

fn at_the_server(device: &Device) -> bool {
    device.remote.as_ref().is_some_and(|remote| remote.available)
}

async fn house(kind: Kind) -> (Stage, Peer) {
    let stage = Stage::signed_in(kind).await;
    let peer = Peer::device(&stage.server.ca_file(), &["--di", DI]).await;
    stage.onboarded(DI).await;
    (stage, peer)
}

async fn goes_and_comes(kind: Kind) {
    let (stage, mut peer) = house(kind).await;
    stage.home.request(DI, Request::get(light()), Via::Xmpp).await.unwrap();
    for way in ["away", "vanish"] {
        peer.obey(json!({"do": way})).await;
        let gone = device(&stage.home, DI, "gone from the server", |device| !at_the_server(device)).await;
        assert!(gone.last_seen_at_ms.is_some());
        let asked = stage.home.request(DI, Request::get(light()), Via::Xmpp).await;
        assert_eq!(asked.unwrap_err().code, Code::NotReachable, "{way}");
        peer.obey(json!({"do": "back"})).await;
        let back = device(&stage.home, DI, "back at the server", at_the_server).await;
        assert_eq!(back.presence, Presence::Online);
        let read = stage.home.request(DI, Request::get(light()), Via::Xmpp).await;
        assert_eq!(read.unwrap_or_else(|error| panic!("after {way}: {error:?}")).status, 200);
    }
}

#[test]
fn a_device_goes_and_comes_over_prosody() {
    alone(|| goes_and_comes(Kind::Prosody));
}

#[test]
fn a_device_goes_and_comes_over_ejabberd() {
    alone(|| goes_and_comes(Kind::Ejabberd));
}

#[test]
fn a_device_that_stops_answering_on_the_network_is_marked() {
    alone(async || {
        let (stage, mut peer) = house(Kind::Prosody).await;
        peer.obey(json!({"do": "away"})).await;
        let gone = device(&stage.home, DI, "gone from everywhere", |device| device.presence == Presence::Offline).await;
        assert!(gone.lan.is_none_or(|lan| !lan.answering));
        peer.obey(json!({"do": "back"})).await;
        let answers = |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.answering);
        device(&stage.home, DI, "answering again", answers).await;
    });
}

async fn server_restarts(kind: Kind) {
    let (mut stage, _peer) = house(kind).await;
    stage.server.stop(Ending::Orderly).await;
    connection(&stage.home, "suspended", |now| matches!(now, Connection::Suspended { .. })).await;
    let asked = stage.home.request(DI, Request::get(light()), Via::Xmpp).await;
    assert_eq!(asked.unwrap_err().code, Code::NotReachable);
    stage.server.restart().await;
    connection(&stage.home, "connected", |now| matches!(now, Connection::Connected { .. })).await;
    device(&stage.home, DI, "back at the server", at_the_server).await;
    assert_eq!(stage.home.request(DI, Request::get(light()), Via::Xmpp).await.unwrap().status, 200);
}

#[test]
fn a_server_restarts_prosody() {
    alone(|| server_restarts(Kind::Prosody));
}

#[test]
fn a_server_restarts_ejabberd() {
    alone(|| server_restarts(Kind::Ejabberd));
}

#[test]
fn a_change_that_was_out_when_the_link_died_is_not_sent_twice() {
    alone(async || {
        let (mut stage, mut peer) = house(Kind::Prosody).await;
        peer.obey(json!({"do": "option", "name": "slow", "value": 3})).await;
        let home = stage.home.clone();
        let sent =
            tokio::spawn(
                async move { home.request(DI, Request::post(light(), json!({"value": true})), Via::Xmpp).await },
            );
        peer.event("received").await;
        stage.server.stop(Ending::Abrupt).await;
        let outcome = sent.await.unwrap();
        assert_eq!(outcome.unwrap_err().code, Code::OutcomeUnknown);
        peer.obey(json!({"do": "option", "name": "slow", "value": 0})).await;
        stage.server.restart().await;
        device(&stage.home, DI, "back at the server", at_the_server).await;
        let read = stage.home.request(DI, Request::get(light()), Via::Xmpp).await.unwrap();
        let posts = peer.said.iter().filter(|line| line["event"] == "request" && line["method"] == "POST");
        let changes = posts.filter(|line| line["path"] == "/light").count();
        assert!(changes <= 1, "sent {changes} times");
        assert_eq!(read.status, 200, "the truth is read");
    });
}

#[test]
fn a_wish_that_is_not_answered_is_taken_back_and_says_why() {
    alone(async || {
        let (stage, mut peer) = house(Kind::Prosody).await;
        // The network's own way is gone, so that the wish takes the server's.
        peer.obey(json!({"do": "option", "name": "mute", "value": true})).await;
        let home = stage.home.clone();
        home.watch(vec![DI.to_owned()]);
        let set = tokio::spawn(async move { home.set(DI, light(), json!({"value": true})).await });
        let wished = device(&stage.home, DI, "wished for", |device| device.wishes.contains_key(&light())).await;
        let wanted = &wished.wishes[&light()];
        assert_eq!(wanted.wanted, json!({"value": true}));
        let reported = wished.values.get(&light()).map(|reported| reported.value["value"].clone());
        assert_ne!(reported, Some(json!(true)), "a wish is shown as a fact");
        let _ = set.await.unwrap();
    });
}

#[test]
fn an_observation_outlives_a_device_that_comes_back() {
    alone(async || {
        let (stage, mut peer) = house(Kind::Prosody).await;
        stage.home.watch(vec![DI.to_owned()]);
        let value = |wanted: bool| {
            move |device: &Device| device.values.get(&light()).is_some_and(|now| now.value["value"] == wanted)
        };
        device(&stage.home, DI, "first value", value(false)).await;
        peer.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
        device(&stage.home, DI, "told of a change", value(true)).await;
        peer.obey(json!({"do": "away"})).await;
        device(&stage.home, DI, "gone", |device| !at_the_server(device)).await;
        peer.obey(json!({"do": "set", "path": "/light", "value": {"value": false}})).await;
        peer.obey(json!({"do": "back"})).await;
        device(&stage.home, DI, "told of what changed while it was away", value(false)).await;
        peer.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
        device(&stage.home, DI, "told of changes again", value(true)).await;
    });
}
