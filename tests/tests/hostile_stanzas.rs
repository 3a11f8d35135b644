//! What comes over XMPP is hostile: a bad answer spoils one request and nothing else; strangers are not heard at all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_core::view::{Connection, Device, Via};
use homeward_core::{Code, Event};
use homeward_protocol::crudn::{Href, Request};
use homeward_tests::alone;
use homeward_tests::peer::Peer;
use homeward_tests::remote_house::Losses;
use homeward_tests::server::{Kind, PASSWORD};
use homeward_tests::stage::{Stage, device, until};
use serde_json::{Value, json};

const DI: &str = "5d3f2a10-0000-4000-8000-0000000000c0";
const CALM: &str = "5d3f2a10-0000-4000-8000-0000000000c1";

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

/// A light that is onboarded and idle.
async fn house(kind: Kind) -> (Stage, Peer, Device) {
    let stage = Stage::signed_in(kind).await;
    let light = Peer::device(&stage.server.ca_file(), &["--di", DI]).await;
    let known = stage.onboarded(DI).await;
    (stage, light, known)
}

/// What no peer should ever say, and what it is called in a failure message.
fn bad_payloads() -> Vec<(&'static str, Vec<u8>, u32)> {
    let rest = |inner: &str| format!(r#"<rest xmlns="rest.oic.org">{inner}</rest>"#).into_bytes();
    let bomb = r#"<?xml version="1.0"?><!DOCTYPE rest [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
        <rest xmlns="rest.oic.org"><url method="RESPONSE">200 OK</url><headers><header name="x">&b;</header></headers></rest>"#;
    let file = r#"<!DOCTYPE rest [<!ENTITY f SYSTEM "file:///etc/passwd">]>
        <rest xmlns="rest.oic.org"><url method="RESPONSE">200 OK</url><headers><header name="x">&f;</header></headers></rest>"#;
    let body = |text: &str| {
        rest(&format!(
            r#"<url method="RESPONSE">200 OK</url><headers/><body><json xmlns="urn:xmpp:json:0">{text}</json></body>"#
        ))
    };
    vec![
        ("no XML", b"HTTP/1.1 200 OK\r\n\r\n{}".to_vec(), 1),
        ("no UTF-8", vec![0xff, 0xfe, 0x00, 0x80], 1),
        ("half an element", b"<rest xmlns=\"rest.oic.org\"><url".to_vec(), 1),
        ("another namespace", br#"<rest xmlns="else"><url method="RESPONSE">200 OK</url></rest>"#.to_vec(), 1),
        ("no url", rest("<headers/>"), 1),
        ("no method", rest("<url>200 OK</url>"), 1),
        ("an unknown method", rest(r#"<url method="BREW">coap://x/pot</url><headers/>"#), 1),
        ("no status", rest(r#"<url method="RESPONSE">fine</url><headers/>"#), 1),
        ("an impossible status", rest(r#"<url method="RESPONSE">99999 OK</url><headers/>"#), 1),
        ("a body that is no JSON", body("{&quot;value&quot;: maybe"), 1),
        ("a deep body", body(&"[".repeat(20_000)), 1),
        ("entity declarations", bomb.as_bytes().to_vec(), 1),
        ("an external entity", file.as_bytes().to_vec(), 1),
        ("10 MB", vec![b'<'; 1024], 10 * 1024),
    ]
}

async fn a_bad_answer_spoils_one_request(kind: Kind) {
    let (stage, mut light, _) = house(kind).await;
    let mut events = stage.home.subscribe();
    for (name, payload, times) in bad_payloads() {
        light.obey(json!({"do": "answer-next", "payload": STANDARD.encode(&payload), "times": times})).await;
        let answer = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await;
        let code = answer.as_ref().err().map(|error| error.code);
        let expected = [Code::BadAnswer, Code::NoAnswer].map(Some);
        assert!(expected.contains(&code), "{name}: {answer:?}");
        let next = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await;
        let next = next.unwrap_or_else(|error| panic!("after {name}: {error:?}"));
        assert_eq!(next.body, Some(json!({"value": false})), "after {name}");
    }
    // The stream lived through all of it.
    while let Ok(Some(Ok(batch))) = tokio::time::timeout(std::time::Duration::from_millis(300), events.next()).await {
        for numbered in batch {
            if let Event::ConnectionChanged { connection } = numbered.event {
                assert!(matches!(connection, Connection::Connected { .. }), "{connection:?}");
            }
        }
    }
}

#[test]
fn a_bad_answer_spoils_one_request_over_prosody() {
    alone(|| a_bad_answer_spoils_one_request(Kind::Prosody));
}

#[test]
fn a_bad_answer_spoils_one_request_over_ejabberd() {
    alone(|| a_bad_answer_spoils_one_request(Kind::Ejabberd));
}

#[test]
fn a_device_that_asks_us_is_told_that_we_are_no_server() {
    alone(async || {
        let (stage, mut light, _) = house(Kind::Prosody).await;
        let us = own_jid(&mut light, &stage).await;
        // RA-9: a device that is a client too, under a device's JID.
        let mut asker = signed_in(&stage, &format!("{}/OIC/1.0/oic.d.fan/asker", stage.server.jid()), PASSWORD).await;
        let session = asker.ask(json!({"do": "open", "to": us})).await;
        let answer = asker.ask(json!({"do": "request", "session": session, "url": "coap://home/light"})).await;
        assert_eq!(answer["status"], 405, "{answer}");
    });
}

#[test]
fn a_device_that_floods_us_is_cut_off_alone_and_the_person_sees_which() {
    alone(async || {
        let (stage, mut light, _) = house(Kind::Prosody).await;
        let us = own_jid(&mut light, &stage).await;
        let mut calm = Peer::device(&stage.server.ca_file(), &["--di", CALM]).await;
        stage.onboarded(CALM).await;
        let open = format!(
            "<iq to='{us}' type='set' id='f1'><open xmlns='http://jabber.org/protocol/ibb' sid='flood' block-size='4096' stanza='message'/></iq>"
        );
        light.obey(json!({"do": "stanza", "xml": open})).await;
        let data = STANDARD.encode(r#"<rest xmlns="rest.oic.org"><url method="RESPONSE">200 OK</url></rest>"#);
        for seq in 0..400 {
            let xml = format!(
                "<message to='{us}'><data xmlns='http://jabber.org/protocol/ibb' sid='flood' seq='{seq}'>{data}</data></message>"
            );
            light.obey(json!({"do": "stanza", "xml": xml})).await;
        }
        let is_cut_off = |light: &Device| light.trouble.as_ref().is_some_and(|trouble| trouble.code == Code::CutOff);
        device(&stage.home, DI, "the light is cut off", is_cut_off).await;
        let refused = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await;
        assert_eq!(refused.as_ref().err().map(|error| error.code), Some(Code::CutOff), "{refused:?}");
        let answer = stage.home.request(CALM, Request::get(href("/light")), Via::Xmpp).await.unwrap();
        assert_eq!(answer.body, Some(json!({"value": false})));
        calm.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
    });
}

#[test]
fn strangers_are_not_heard() {
    alone(async || {
        let (stage, mut light, known) = house(Kind::Prosody).await;
        let us = own_jid(&mut light, &stage).await;
        stage.server.add_account("mallory", "mallory's").await;
        let mut mallory = signed_in(&stage, "mallory@home.test/OIC/1.0/oic.d.light/mallory", "mallory's").await;
        let opened = mallory.try_ask(json!({"do": "open", "to": us, "seconds": 2})).await;
        assert!(opened.is_err(), "an open from a stranger is accepted: {opened:?}");

        // Data as if it belonged to the light's own session; presence; a roster push; a bare message.
        let answer = r#"<rest xmlns="rest.oic.org"><url method="RESPONSE">200 OK</url><headers/><body><json xmlns="urn:xmpp:json:0">{"value": true}</json></body></rest>"#;
        let data = STANDARD.encode(answer);
        let presence = format!("<presence to='{us}'><priority>-50</priority></presence>");
        let push = format!(
            "<iq to='{us}' type='set' id='p1'><query xmlns='jabber:iq:roster'><item jid='mallory@home.test' subscription='both'/></query></iq>"
        );
        let mut stanzas = vec![presence, push, format!("<message to='{us}'><body>hello</body></message>")];
        for sid in ["0", "1", "session", DI] {
            for seq in ["0", "1"] {
                stanzas.push(format!(
                "<message to='{us}'><data xmlns='http://jabber.org/protocol/ibb' sid='{sid}' seq='{seq}'>{data}</data></message>"
            ));
            }
        }
        stanzas.push(format!(
            "<iq to='{us}' type='set' id='c1'><close xmlns='http://jabber.org/protocol/ibb' sid='0'/></iq>"
        ));
        for xml in stanzas {
            mallory.ask(json!({"do": "stanza", "xml": xml})).await;
        }
        // Mallory's stanzas are through once the server has passed on what mallory said after them.
        let last = format!("<iq to='{us}' type='get' id='last'><query xmlns='jabber:iq:version'/></iq>");
        mallory.ask(json!({"do": "stanza", "xml": last})).await;
        let read = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await.unwrap();
        assert_eq!(read.body, Some(json!({"value": false})));
        let snapshot = stage.home.snapshot();
        assert!(matches!(snapshot.connection, Connection::Connected { .. }), "{:?}", snapshot.connection);
        let ids: Vec<_> = snapshot.devices.iter().map(|device| device.id.as_str()).collect();
        assert_eq!(ids, [known.id.as_str()], "a stranger became a device");
    });
}

#[test]
fn a_contacts_device_is_shown_beside_ours_and_never_merged_with_it() {
    alone(async || {
        let (stage, mut light, _) = house(Kind::Prosody).await;
        stage.server.add_account("bob", "bob's").await;
        // Another program of ours, and bob, subscribe to each other (slixmpp says yes to both).
        let mut ours = signed_in(&stage, &format!("{}/desk", stage.server.jid()), PASSWORD).await;
        let _bob = signed_in(&stage, "bob@home.test/desk", "bob's").await;
        ours.ask(json!({"do": "stanza", "xml": "<presence to='bob@home.test' type='subscribe'/>"})).await;
        // It claims our light's own id.
        let _forged = signed_in(&stage, &format!("bob@home.test/OIC/1.0/oic.d.light/{DI}"), "bob's").await;
        let id = format!("bob@home.test/{DI}");
        let contact = device(&stage.home, &id, "shown as a contact's", |device| device.remote.is_some()).await;
        assert!(contact.remote.unwrap().contact);
        assert!(contact.lan.is_none(), "a contact's device took our light's place on the network");
        light.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
        let read = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await.unwrap();
        assert_eq!(read.body, Some(json!({"value": true})), "the request went to the forger");
    });
}

#[test]
fn an_impossible_stanza_does_not_end_the_stream() {
    alone(async || {
        let (stage, mut light, _) = house(Kind::Prosody).await;
        let us = own_jid(&mut light, &stage).await;
        for xml in [
            format!("<presence to='{us}'><priority>999</priority></presence>"),
            format!(
                "<iq to='{us}' type='set' id='x1'><open xmlns='http://jabber.org/protocol/ibb' sid='a' block-size='65536'/></iq>"
            ),
            format!(
                "<iq to='{us}' type='set' id='x2'><open xmlns='http://jabber.org/protocol/ibb' sid='a' block-size='none'/></iq>"
            ),
            format!(
                "<message to='{us}'><data xmlns='http://jabber.org/protocol/ibb' sid='a' seq='-1'>!!!</data></message>"
            ),
            format!("<iq to='{us}' type='set' id='x3'/>"),
            format!("<message to='{us}' type='no such type'/>"),
        ] {
            light.obey(json!({"do": "stanza", "xml": xml})).await;
            let read = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await;
            assert!(read.is_ok(), "after {xml}: {read:?}");
        }
    });
}

/// Elements within elements: built, read and dropped by recursion, some thousands of them overflow a stack. They come
/// from another program, through a real server.
async fn nested_too_deep(kind: Kind, depths: &[usize]) {
    let (stage, mut light, _) = house(kind).await;
    let us = own_jid(&mut light, &stage).await;
    let mut calm = Peer::device(&stage.server.ca_file(), &["--di", CALM]).await;
    stage.onboarded(CALM).await;
    let losses = Losses::of(&stage.home);
    for depth in depths {
        let nested = format!("{}{}", "<a>".repeat(*depth), "</a>".repeat(*depth));
        for xml in [
            format!("<message to='{us}'>{nested}</message>"),
            format!("<presence to='{us}'>{nested}</presence>"),
            format!(
                "<iq to='{us}' type='set' id='d{depth}'><open xmlns='http://jabber.org/protocol/ibb' sid='d' block-size='4096'>{nested}</open></iq>"
            ),
        ] {
            let what = format!("{depth} levels in {}", xml.split(' ').next().unwrap());
            light.obey(json!({"do": "stanza", "xml": xml})).await;
            // What the same light says after it comes after it.
            let read = stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await;
            let read = read.unwrap_or_else(|error| panic!("after {what}: {error:?}"));
            assert_eq!(read.body, Some(json!({"value": false})), "after {what}");
        }
    }
    calm.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
    let read = stage.home.request(CALM, Request::get(href("/light")), Via::Xmpp).await.unwrap();
    assert_eq!(read.body, Some(json!({"value": true})));
    losses.none(&stage.home).await;
}

#[test]
fn a_stanza_that_is_nested_too_deep_is_dropped_alone_over_prosody() {
    // The last is 210 kB; prosody takes 256 KiB.
    alone(|| nested_too_deep(Kind::Prosody, &[65, 1_000, 10_000, 30_000]));
}

#[test]
fn a_stanza_that_is_nested_too_deep_is_dropped_alone_over_ejabberd() {
    // Of 5,000 levels ejabberd 23.01 itself dies.
    alone(|| nested_too_deep(Kind::Ejabberd, &[65, 1_000, 2_000]));
}

/// The full JID under which the home is signed in: the light has seen it open a session.
async fn own_jid(light: &mut Peer, stage: &Stage) -> String {
    stage.home.request(DI, Request::get(href("/light")), Via::Xmpp).await.unwrap();
    let of =
        |said: &[Value]| said.iter().rev().find(|line| line["event"] == "session").map(|line| line["peer"].clone());
    let peer = match of(&light.said) {
        Some(peer) => peer,
        None => light.event("session").await["peer"].clone(),
    };
    peer.as_str().unwrap().to_owned()
}

async fn signed_in(stage: &Stage, jid: &str, password: &str) -> Peer {
    let mut client = Peer::client().await;
    let (host, port, ca) = (stage.server.host(), stage.server.port(), stage.server.ca_file());
    client
        .ask(json!({"do": "sign-in", "jid": jid, "password": password, "server": host, "port": port, "ca": ca}))
        .await;
    client
}

#[test]
fn other_programs_of_the_account_are_never_devices() {
    alone(async || {
        let (stage, _light, known) = house(Kind::Prosody).await;
        for resource in ["Conversations.x8", "OIC/1.0/Client/4f0c", "OIC/1.0", "oic/1.0/oic.d.light/low"] {
            let jid = format!("{}/{resource}", stage.server.jid());
            let mut other = signed_in(&stage, &jid, PASSWORD).await;
            other.ask(json!({"do": "presences"})).await;
        }
        let fan = format!("{}/OIC/9.9/oic.d.fan/last", stage.server.jid());
        let _fan = signed_in(&stage, &fan, PASSWORD).await;
        let ids = until(&stage.home, "the fan that came last", |snapshot| {
            let ids: Vec<_> = snapshot.devices.iter().map(|device| device.id.clone()).collect();
            ids.contains(&"last".to_owned()).then_some(ids)
        })
        .await;
        assert_eq!(ids.len(), 2, "{ids:?} beside {}", known.id);
    });
}
