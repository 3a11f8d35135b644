//! The simulated home at a real XMPP server (prosody).
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod client;

use std::time::Duration;

use client::{Client, OCF, at, code};
use homeward_protocol::crudn::{Href, Observe, Request, Response, Status};
use homeward_protocol::remote::rest::{self, Rest};
use homeward_simulator::{Device, Home, Kind, Scenario, Via};
use homeward_xmpp::{Account, Event, IqFailure, Session, Trust, sign_in};
use serde_json::json;
use xmpp_parsers::ibb::{Data, Open, Stanza as Carrier, StreamId};
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::message::Message;
use xmpp_parsers::presence::Type as PresenceType;
use xtask::servers::{Options, Prosody};

const PATIENCE: Duration = Duration::from_secs(10);
const PASSWORD: &str = "correct horse";

fn server() -> Prosody {
    Prosody::start(Options::default().account("maren", PASSWORD)).unwrap()
}

/// A home whose devices are signed in already.
async fn home(server: &Prosody, kinds: &[Kind]) -> Home {
    let scenario = Scenario::of(kinds.iter().copied()).trusting(server.ca_file()).signed_in(
        "127.0.0.1",
        server.port(),
        "maren@home.test",
        PASSWORD,
    );
    let home = Home::start(scenario).await.unwrap();
    home.wait_until_all_are_connected(PATIENCE).await.unwrap();
    home
}

/// A client at the server, with no more than the codecs in common with the devices.
struct Remote {
    session: Session,
    seq: u16,
}

impl Remote {
    async fn sign_in(server: &Prosody) -> Self {
        let account = Account {
            jid: BareJid::new("maren@home.test").unwrap(),
            password: PASSWORD.to_owned().into(),
            resource: "OIC/1.0/Client/7d1e2c3b-0000-4000-8000-000000000001".to_owned(),
            server: "127.0.0.1".to_owned(),
            port: server.port(),
            trust: Trust::load(Some(&server.ca_file())).unwrap(),
            layer_deadline: PATIENCE,
            at_least: None,
            resumes: false,
        };
        let session = sign_in(&account, &mut |_| {}).await.unwrap();
        session.handle.announce(-1).await.unwrap();
        Self { session, seq: 0 }
    }

    async fn open(&self, device: &Device, sid: &str) -> Result<(), IqFailure> {
        let open = Open { block_size: 65535, sid: StreamId(sid.to_owned()), stanza: Carrier::Message };
        self.session.handle.set(Some(jid(device)), open.into(), PATIENCE).await.map(|_| ())
    }

    async fn send(&mut self, device: &Device, sid: &str, request: &Request) {
        let payload = rest::encode_request(request, device.di(), Some("r1"));
        let mut message = Message::normal(jid(device));
        message.payloads = vec![Data { seq: self.seq, sid: StreamId(sid.to_owned()), data: payload }.into()];
        self.seq += 1;
        self.session.handle.send(message.into()).await.unwrap();
    }

    async fn receive(&mut self) -> Response {
        let message = self.wait_for(|event| match event {
            Event::Message(message) => Some(*message),
            _ => None,
        });
        let message = message.await;
        let data = Data::try_from(message.payloads[0].clone()).unwrap();
        let Rest::Response { response, id } = rest::decode(&data.data).unwrap() else { panic!("a request") };
        assert_eq!(id.as_deref(), Some("r1"));
        response
    }

    async fn ask(&mut self, device: &Device, request: &Request) -> Response {
        self.send(device, "s", request).await;
        self.receive().await
    }

    async fn wait_for<T>(&mut self, mut look: impl FnMut(Event) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let event = self.session.events.recv().await.expect("still signed in");
                if let Some(found) = look(event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("in time")
    }

    async fn wait_until_gone(&mut self, gone: &Jid) {
        self.wait_for(|event| match event {
            Event::Presence(presence) => {
                (presence.from.as_ref() == Some(gone) && presence.type_ == PresenceType::Unavailable).then_some(())
            }
            _ => None,
        })
        .await;
    }

    async fn wait_for_presence(&mut self, device: &Device) -> i8 {
        let resource = format!("OIC/1.0/{}/{}", device.device_type(), device.di());
        self.wait_for(|event| match event {
            Event::Presence(presence) if presence.type_ == PresenceType::None => {
                let from = presence.from?;
                (from.resource()?.as_str() == resource).then_some(presence.priority.0)
            }
            _ => None,
        })
        .await
    }
}

fn jid(device: &Device) -> Jid {
    Jid::new(&device.jid().expect("signed in")).unwrap()
}

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_given_its_account_comes_online_with_its_type_and_id() {
    let server = server();
    let home = Home::start(Scenario::of([Kind::Lamp]).trusting(server.ca_file())).await.unwrap();
    let lamp = home.device("lamp");
    let mut remote = Remote::sign_in(&server).await;
    let (to, port) = (at(&lamp), server.port());
    tokio::task::spawn_blocking(move || {
        use base64::Engine;
        let mut client = Client::new();
        let post = client.post("/ra/xmpp", OCF, &json!({"address": "127.0.0.1", "port": port}));
        assert_eq!(code(&client.ask(&post, to)), "2.04");
        let credential = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
        let post = client.post("/ra/user", OCF, &json!({"jid": "maren@home.test", "credential": credential}));
        assert_eq!(code(&client.ask(&post, to)), "2.04");
    })
    .await
    .unwrap();
    assert_eq!(remote.wait_for_presence(&lamp).await, -50);
    lamp.wait_for_status("Connected").await.unwrap();
    remote.open(&lamp, "s").await.unwrap();
    let who = remote.ask(&lamp, &Request::get(href("/oic/d"))).await;
    assert_eq!(who.body.unwrap()["di"], lamp.di());
    let status = remote.ask(&lamp, &Request::get(href("/ra/xmpp"))).await;
    assert_eq!(status.body.unwrap()["status"], "Connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_asked_is_answered_over_xmpp() {
    let server = server();
    let home = home(&server, &[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let mut remote = Remote::sign_in(&server).await;
    remote.open(&lamp, "s").await.unwrap();
    let read = remote.ask(&lamp, &Request::get(href("/light"))).await;
    assert_eq!((read.status, read.body), (Status::OK, Some(json!({"value": false}))));
    let updated = remote.ask(&lamp, &Request::post(href("/light"), json!({"value": true}))).await;
    assert_eq!((updated.status, updated.body), (Status::NO_CONTENT, None));
    assert_eq!(lamp.value("/light").unwrap(), json!({"value": true}));
    let made = remote.ask(&lamp, &Request::post(href("/scenes"), json!({"n": "Evening"}))).await;
    assert_eq!((made.status, made.body.unwrap()["href"].clone()), (Status::CREATED, json!("/scenes/1")));
    let whole = remote.ask(&lamp, &Request::put(href("/scenes/1"), json!({"n": "Night"}))).await;
    assert_eq!(whole.status, Status::NO_CONTENT);
    assert_eq!(remote.ask(&lamp, &Request::delete(href("/scenes/1"))).await.status, Status::NO_CONTENT);
    assert_eq!(remote.ask(&lamp, &Request::get(href("/scenes/1"))).await.status, Status::NOT_FOUND);
    let refused = remote.ask(&lamp, &Request::get(href("/ra/user"))).await;
    assert_eq!(
        (refused.status, refused.diagnostic.as_deref()),
        (Status::FORBIDDEN, Some("readable by the owner only"))
    );
    assert!(lamp.requests().iter().all(|one| one.via == Via::Xmpp));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_over_one_path_is_told_on_the_other() {
    let server = server();
    let home = home(&server, &[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let mut remote = Remote::sign_in(&server).await;
    remote.open(&lamp, "s").await.unwrap();
    let first = remote.ask(&lamp, &Request::observe(href("/light"))).await;
    assert_eq!((first.observe, first.body), (Some(1), Some(json!({"value": false}))));

    // Over the local network, told over XMPP.
    let to = at(&lamp);
    let mut client = tokio::task::spawn_blocking(move || {
        let mut client = Client::new();
        let post = client.post("/light", OCF, &json!({"value": true}));
        assert_eq!(code(&client.ask(&post, to)), "2.04");
        let mut observe = client.packet(coap_lite::RequestType::Get, "/light", OCF);
        observe.set_observe_value(0);
        assert!(client.ask(&observe, to).get_observe_value().is_some());
        client
    })
    .await
    .unwrap();
    let told = remote.receive().await;
    assert_eq!((told.observe, told.body), (Some(2), Some(json!({"value": true}))));

    // Over XMPP, told on the local network, and over XMPP too.
    remote.send(&lamp, "s", &Request::post(href("/light"), json!({"value": false}))).await;
    let mut answers = [remote.receive().await, remote.receive().await];
    answers.sort_by_key(|answer| answer.observe.is_some());
    assert_eq!(answers[0].status, Status::NO_CONTENT);
    assert_eq!((answers[1].observe, &answers[1].body), (Some(3), &Some(json!({"value": false}))));
    client = tokio::task::spawn_blocking(move || {
        let (told, _) = client.receive();
        assert_eq!(client::body(&told), json!({"value": false}));
        client
    })
    .await
    .unwrap();
    drop(client);

    let end = Request { observe: Some(Observe::Deregister), ..Request::get(href("/light")) };
    assert_eq!(remote.ask(&lamp, &end).await.observe, None);
    lamp.set_value("/light", json!({"value": true}));
    let read = remote.ask(&lamp, &Request::get(href("/dimming"))).await;
    assert_eq!(read.body.unwrap()["dimmingSetting"], 60, "no notification came before this answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_goes_away_is_gone_and_comes_back() {
    let server = server();
    let home = home(&server, &[Kind::Plug]).await;
    let plug = home.device("plug");
    let mut remote = Remote::sign_in(&server).await;
    remote.wait_for_presence(&plug).await;
    let full = jid(&plug);
    plug.goes_away();
    remote.wait_until_gone(&full).await;
    plug.comes_back().unwrap();
    remote.wait_for_presence(&plug).await;
    assert_eq!(jid(&plug), full);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_an_error_and_clearing_the_account_signs_out() {
    let server = server();
    let scenario = Scenario::of([Kind::Plug]).trusting(server.ca_file()).signed_in(
        "127.0.0.1",
        server.port(),
        "maren@home.test",
        "wrong",
    );
    let home = Home::start(scenario).await.unwrap();
    let plug = home.device("plug");
    plug.wait_for_status("Error").await.unwrap();
    server.set_account("maren", "wrong").unwrap();
    let to = at(&plug);
    let post = |body: serde_json::Value| {
        tokio::task::spawn_blocking(move || {
            let mut client = Client::new();
            let post = client.post("/ra/user", client::CBOR, &body);
            assert_eq!(code(&client.ask(&post, to)), "2.04");
        })
    };
    // The same once more: an Error is worth another try.
    post(json!({"jid": "maren@home.test", "credential": "d3Jvbmc="})).await.unwrap();
    plug.wait_for_status("Connected").await.unwrap();
    plug.reports_error("no such luck");
    let status = plug.wait_for_status("Error").await.unwrap();
    assert_eq!(status, homeward_simulator::RaStatus::Error("no such luck".to_owned()));
    plug.recovers();
    plug.wait_for_status("Connected").await.unwrap();
    let mut remote_sees = plug.jid();
    post(json!({"jid": "", "credential": ""})).await.unwrap();
    plug.wait_for_status("NotInitialized").await.unwrap();
    plug.wait_for(PATIENCE, "to sign out", |plug| plug.jid().is_none().then_some(())).await.unwrap();
    assert!(remote_sees.take().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_slowness_and_a_stranger_over_xmpp() {
    let server = server();
    let home = home(&server, &[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let mut remote = Remote::sign_in(&server).await;
    remote.open(&lamp, "s").await.unwrap();
    lamp.stops_answering();
    remote.send(&lamp, "s", &Request::get(href("/colour"))).await;
    lamp.wait_for_request(|one| one.href == href("/colour")).await.unwrap();
    lamp.answers_again().returns_wrong_identity().slow(Duration::from_millis(50));
    let who = remote.ask(&lamp, &Request::get(href("/oic/d"))).await;
    assert_ne!(who.body.unwrap()["di"], lamp.di(), "and the question before was never answered");
    lamp.takes_one_session(true);
    assert!(matches!(remote.open(&lamp, "t").await, Err(IqFailure::Refused { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_devices_without_a_network_sign_in_at_once() {
    let server = server();
    let scenario = Scenario::devices(50).over_xmpp_only().trusting(server.ca_file()).signed_in(
        "127.0.0.1",
        server.port(),
        "maren@home.test",
        PASSWORD,
    );
    let home = Home::start(scenario).await.unwrap();
    home.wait_until_all_are_connected(Duration::from_secs(30)).await.unwrap();
    assert!(home.devices().all(|device| device.endpoints().is_empty()));
    assert_eq!(home.devices().filter(|device| device.jid().is_some()).count(), 44);
    home.stop().await;
}
