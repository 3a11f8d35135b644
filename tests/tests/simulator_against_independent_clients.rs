//! The simulated devices as an independent client sees them (aiocoap, slixmpp): so that the client and the simulator,
//! which share their codecs, cannot be wrong together.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_simulator::{Device, Dialect, Home, Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::peer::Peer;
use homeward_tests::server::{self, PASSWORD, Server};
use serde_json::{Value, json};

fn format(device: &Device) -> u64 {
    if device.dialect() == Dialect::Ocf { 10000 } else { 60 }
}

fn uri(device: &Device, path: &str) -> String {
    let v4 = device.endpoints().into_iter().find(|endpoint| endpoint.is_ipv4()).expect("it is on the network");
    format!("coap://{v4}{path}")
}

async fn coap(client: &mut Peer, device: &Device, method: &str, path: &str, body: Option<Value>) -> Value {
    let mut order = json!({"do": "coap", "method": method, "uri": uri(device, path), "format": format(device)});
    if let Some(body) = body {
        order["body"] = body;
    }
    client.ask(order).await
}

/// The ports that answered with this code.
fn ports(answers: &Value, code: &str) -> BTreeSet<u16> {
    let answers = answers.as_array().unwrap().iter().filter(|answer| answer["code"] == code);
    answers.map(|answer| u16::try_from(answer["port"].as_u64().unwrap()).unwrap()).collect()
}

fn own_ports(home: &Home, wanted: impl Fn(&Device) -> bool) -> BTreeSet<u16> {
    let devices = home.devices().filter(|device| wanted(device));
    devices.flat_map(|device| device.endpoints()).filter(|one| one.is_ipv4()).map(|one| one.port()).collect()
}

#[test]
fn each_answers_the_search_in_its_own_dialect_from_its_own_port() {
    alone(async || {
        let home = Home::start(Scenario::cast()).await.unwrap();
        let mut client = Peer::client().await;
        for (accept, dialect) in [(10000, Dialect::Ocf), (60, Dialect::Oic11)] {
            let answers = client.ask(json!({"do": "search", "accept": accept, "seconds": 1})).await;
            assert_eq!(ports(&answers, "2.05"), own_ports(&home, |device| device.dialect() == dialect), "{answers}");
            assert_eq!(ports(&answers, "4.06"), own_ports(&home, |device| device.dialect() != dialect), "{answers}");
            assert!(!ports(&answers, "2.05").contains(&5683));
        }
    });
}

#[test]
fn the_search_can_be_narrowed_to_remote_access() {
    alone(async || {
        let home = Home::start(Scenario::cast()).await.unwrap();
        let mut client = Peer::client().await;
        let search = |accept: u64| json!({"do": "search", "accept": accept, "query": "rt=oic.ra.xmpp", "seconds": 1});
        let ocf = client.ask(search(10000)).await;
        let with = |device: &Device| device.dialect() == Dialect::Ocf && device.status().is_some();
        assert_eq!(ports(&ocf, "2.05"), own_ports(&home, with), "{ocf}");
        let lamp = home.device("lamp");
        let answer = of(&ocf, &lamp);
        assert_eq!((&answer["format"], &answer["version"]), (&json!(10000), &json!(2048)));
        let link = &answer["body"][0];
        assert_eq!(link["anchor"], format!("ocf://{}", lamp.di()));
        assert_eq!(link["href"], lamp.xmpp_href().unwrap().as_str());
        assert_eq!(link["rt"], json!(["oic.ra.xmpp"]));
        let endpoint = link["eps"][0]["ep"].as_str().unwrap();
        assert!(uri(&lamp, "").starts_with(endpoint), "{endpoint}");

        let oic = client.ask(search(60)).await;
        let plug = home.device("plug");
        let answer = of(&oic, &plug);
        assert_eq!(answer["format"], 60);
        assert_eq!(answer["body"][0]["di"], plug.di());
        assert_eq!(answer["body"][0]["links"][0]["rt"], json!(["oic.ra.xmpp"]));
        assert!(answer["body"][0]["links"][0].get("eps").is_none(), "OIC 1.1 knows no eps");

        let nothing = json!({"do": "search", "accept": 60, "query": "rt=x.nobody", "seconds": 1});
        assert!(ports(&client.ask(nothing).await, "2.05").is_empty());
        let asked = coap(&mut client, &plug, "GET", "/oic/res?rt=x.nobody", None).await;
        assert_eq!(asked["code"], "4.00", "silence is for multicast only");
    });
}

fn of(answers: &Value, device: &Device) -> Value {
    let ports: BTreeSet<_> = device.endpoints().iter().map(|one| u64::from(one.port())).collect();
    let mut all = answers.as_array().unwrap().iter();
    all.find(|answer| ports.contains(&answer["port"].as_u64().unwrap())).unwrap_or_else(|| panic!("{answers}")).clone()
}

#[test]
fn aiocoap_reads_the_whole_description_of_every_device() {
    alone(async || {
        let home = Home::start(Scenario::cast()).await.unwrap();
        let mut client = Peer::client().await;
        for device in home.devices() {
            // More than one block for some of them: aiocoap puts them together.
            let resources = coap(&mut client, &device, "GET", "/oic/res", None).await;
            assert_eq!(resources["code"], "2.05");
            let links = match device.dialect() {
                Dialect::Ocf => resources["body"].clone(),
                Dialect::Oic11 => resources["body"][0]["links"].clone(),
            };
            let hrefs: Vec<_> = links
                .as_array()
                .unwrap_or_else(|| panic!("{resources}"))
                .iter()
                .map(|link| link["href"].as_str().unwrap())
                .collect();
            assert!(hrefs.contains(&"/oic/d") && hrefs.contains(&"/oic/p"), "{hrefs:?}");
            for href in hrefs.iter().filter(|href| !href.starts_with("/oic/")) {
                if **href == user_path(&device) {
                    let refused = coap(&mut client, &device, "GET", href, None).await;
                    assert_eq!(refused["code"], "4.03", "RA-7: readable by the owner only");
                    continue;
                }
                let read = coap(&mut client, &device, "GET", href, None).await;
                assert_eq!(read["code"], "2.05", "{} {href}", device.key());
            }
            let who = coap(&mut client, &device, "GET", "/oic/d", None).await;
            assert_eq!(who["body"]["di"], device.di());
            assert_eq!(who["body"]["n"], device.name());
            // OCF's default interface leaves the types out; OIC 1.1 may write one text with spaces where OCF has a list.
            let typed = coap(&mut client, &device, "GET", "/oic/d?if=oic.if.baseline", None).await;
            assert!(typed["body"]["rt"].to_string().contains(device.device_type()), "{typed}");
            let platform = coap(&mut client, &device, "GET", "/oic/p", None).await;
            assert!(platform["body"]["mnmn"].is_string(), "{platform}");
            let missing = coap(&mut client, &device, "GET", "/nowhere", None).await;
            assert_eq!(missing["code"], "4.04");
        }
    });
}

fn user_path(device: &Device) -> String {
    device.user_href().map(|href| href.path().to_owned()).unwrap_or_default()
}

#[test]
fn create_retrieve_update_delete_and_notify_over_coap() {
    alone(async || {
        let home = Home::start(Scenario::of([Kind::Lamp, Kind::Lamp])).await.unwrap();
        let mut client = Peer::client().await;
        for key in ["lamp", "lamp-2"] {
            let lamp = home.device(key);
            let observe = json!({"do": "coap-observe", "uri": uri(&lamp, "/light"), "format": format(&lamp)});
            let watching = client.ask(observe).await;
            assert_eq!(watching["body"]["value"], false, "{watching}");
            assert!(watching["observe"].is_u64(), "{watching}");
            let number = watching["observation"].clone();

            let set = coap(&mut client, &lamp, "POST", "/light", Some(json!({"value": true}))).await;
            assert_eq!(set["code"], "2.04");
            let told = notification(&mut client, &number).await;
            assert_eq!(told["body"]["value"], true);
            lamp.set_value("/light", json!({"value": false}));
            let again = notification(&mut client, &number).await;
            assert_eq!(again["body"]["value"], false);
            assert!(again["observe"].as_u64() > told["observe"].as_u64(), "{told} then {again}");

            let scene = json!({"rt": ["x.lumenfold.r.scene"], "rep": {"name": "Evening"}});
            let made = coap(&mut client, &lamp, "POST", "/scenes?if=oic.if.create", Some(scene)).await;
            let made = if made["code"] == "2.01" {
                made
            } else {
                coap(&mut client, &lamp, "POST", "/scenes", Some(json!({"name": "Evening"}))).await
            };
            assert_eq!(made["code"], "2.01", "{made}");
            let href = made["body"]["href"].as_str().unwrap().to_owned();
            assert_eq!(coap(&mut client, &lamp, "GET", &href, None).await["body"]["name"], "Evening");
            assert_eq!(coap(&mut client, &lamp, "DELETE", &href, None).await["code"], "2.02");
            assert_eq!(coap(&mut client, &lamp, "GET", &href, None).await["code"], "4.04");
            let wrong = coap(&mut client, &lamp, "POST", "/light", Some(json!({"value": "bright"}))).await;
            assert_eq!(wrong["code"], "4.00");
        }
    });
}

async fn notification(client: &mut Peer, observation: &Value) -> Value {
    let fits = |line: &Value| line["event"] == "notification" && &line["observation"] == observation;
    client.until("a notification", fits).await
}

#[test]
fn confirmable_answers_to_multicast_are_repeated_until_acknowledged() {
    alone(async || {
        let home = Home::start(Scenario::of([Kind::Plug])).await.unwrap();
        home.device("plug").confirms_multicast(true).loses_next_answers(1);
        let mut client = Peer::client().await;
        let search = json!({"do": "search", "accept": 60, "query": "rt=oic.ra.xmpp", "seconds": 5});
        let answers = client.ask(search).await;
        let confirmable = answers.as_array().unwrap().iter().filter(|answer| answer["type"] == "CON").count();
        assert_eq!(confirmable, 1, "the first was lost, the second acknowledged: {answers}");
    });
}

/// Sets a device up as the specification says, over CoAP, and waits until it is online.
async fn set_up(client: &mut Peer, device: &Device, server: &Server) -> String {
    let address = json!({"address": server.host(), "port": server.port()});
    let xmpp = device.xmpp_href().unwrap();
    assert_eq!(coap(client, device, "POST", xmpp.as_str(), Some(address)).await["code"], "2.04");
    let account = json!({"jid": server.jid(), "credential": STANDARD.encode(PASSWORD)});
    let user = device.user_href().unwrap();
    assert_eq!(coap(client, device, "POST", user.as_str(), Some(account)).await["code"], "2.04");
    device.wait_for_status("Connected").await.unwrap();
    let status = coap(client, device, "GET", xmpp.as_str(), None).await;
    assert_eq!(status["body"]["status"], "Connected");
    device.jid().unwrap()
}

async fn sign_in(client: &mut Peer, server: &Server, jid: &str, password: &str) {
    let (host, port, ca) = (server.host(), server.port(), server.ca_file());
    client
        .ask(json!({"do": "sign-in", "jid": jid, "password": password, "server": host, "port": port, "ca": ca}))
        .await;
}

async fn controlled_over_xmpp(kind: server::Kind) {
    let server = Server::start(kind).await;
    let home = Home::start(Scenario::of([Kind::Lamp]).trusting(server.ca_file())).await.unwrap();
    let lamp = home.device("lamp");
    let mut client = Peer::client().await;
    let jid = set_up(&mut client, &lamp, &server).await;
    assert_eq!(jid, format!("{}/OIC/1.0/oic.d.light/{}", server.jid(), lamp.di()));

    sign_in(&mut client, &server, &format!("{}/OIC/1.0/Client/c1", server.jid()), PASSWORD).await;
    let present = match client.said.iter().find(|line| line["event"] == "presence" && line["jid"] == jid) {
        Some(line) => line.clone(),
        None => client.until("its presence", |line| line["event"] == "presence" && line["jid"] == jid).await,
    };
    let priority = present["priority"].as_i64().unwrap();
    assert!((-100..=-33).contains(&priority), "RA-13: {priority}");

    let session = client.ask(json!({"do": "open", "to": jid})).await;
    let url = |path: &str| format!("coap://{}{path}", lamp.di());
    let ask = |method: &str, path: &str, body: Option<Value>| {
        let headers = json!({"Accept": "application/json", "X-Request-Id": "r-1"});
        json!({"do": "request", "session": session, "method": method, "url": url(path), "headers": headers, "body": body})
    };
    let read = client.ask(ask("GET", "/light", None)).await;
    assert_eq!((&read["line"], &read["body"]["value"]), (&json!("200 OK"), &json!(false)));
    assert_eq!(read["method"], "RESPONSE");
    assert_eq!(read["headers"]["X-Request-Id"], "r-1");
    let set = client.ask(ask("POST", "/light", Some(json!({"value": true})))).await;
    assert!([200, 204].contains(&set["status"].as_u64().unwrap()), "{set}");
    lamp.wait_for_value("/light", |value| value["value"] == true).await.unwrap();
    let put = client.ask(ask("PUT", "/light", Some(json!({"value": false})))).await;
    assert!([200, 204].contains(&put["status"].as_u64().unwrap()), "{put}");
    let made = client.ask(ask("POST", "/scenes", Some(json!({"name": "a <b> & √"})))).await;
    assert_eq!(made["status"], 201, "{made}");
    let href = made["body"]["href"].as_str().unwrap().to_owned();
    assert_eq!(client.ask(ask("GET", &href, None)).await["body"]["name"], "a <b> & √");
    client.ask(ask("DELETE", &href, None)).await;
    let gone = client.ask(ask("GET", &href, None)).await;
    assert_eq!(gone["status"], 404);

    // Notify, on a session of its own.
    let second = client.ask(json!({"do": "open", "to": jid})).await;
    let observe = json!({"do": "request", "session": second, "url": url("/light"), "headers": {"Observe": "0"}});
    let first = client.ask(observe).await;
    assert!(first["headers"]["Observe"].is_string(), "{first}");
    lamp.set_value("/light", json!({"value": true}));
    let told =
        client.until("a notification", |line| line["event"] == "notification" && line["session"] == second).await;
    assert_eq!(told["body"]["value"], true);

    // Away: the server says so, and the session is refused.
    lamp.goes_away();
    client
        .until("its absence", |line| line["event"] == "presence" && line["jid"] == jid && line["type"] == "unavailable")
        .await;
    let refused = client.try_ask(json!({"do": "open", "to": jid})).await.unwrap_err();
    assert_eq!(refused["condition"], "service-unavailable");
}

#[test]
fn slixmpp_controls_a_light_over_prosody() {
    alone(|| controlled_over_xmpp(server::Kind::Prosody));
}

#[test]
fn slixmpp_controls_a_light_over_ejabberd() {
    alone(|| controlled_over_xmpp(server::Kind::Ejabberd));
}

#[test]
fn a_device_understands_what_the_specifications_examples_send_and_survives_the_rest() {
    alone(async || {
        let server = Server::start(server::Kind::Prosody).await;
        let home = Home::start(Scenario::of([Kind::Plug]).trusting(server.ca_file())).await.unwrap();
        let plug = home.device("plug");
        let mut client = Peer::client().await;
        let jid = set_up(&mut client, &plug, &server).await;
        sign_in(&mut client, &server, &format!("{}/OIC/1.0/Client/c2", server.jid()), PASSWORD).await;
        let session = client.ask(json!({"do": "open", "to": jid})).await;
        // L488-497, with its comments, white space and title case.
        let example = r#"<rest xmlns="rest.oic.org">
 <url method="Get">coap://mydevice/switch</url>
 <headers>
      <header name="Accept">application/json</header>
      <header name="Accept-Charset">UTF-8</header>
      <header name="Date">Fri, 14 Aug 2015 08:49:37 GMT</header>

 </headers>
</rest>"#;
        let answer = client.ask(json!({"do": "raw", "session": session, "payload": STANDARD.encode(example)})).await;
        assert_eq!((&answer["status"], &answer["body"]["value"]), (&json!(200), &json!(false)));
        let prefixed = json!({"do": "request", "session": session, "method": "POST", "url": "/switch",
        "body": {"value": true}, "habits": {"case": "lower", "prefixed": true}});
        client.ask(prefixed).await;
        plug.wait_for_value("/switch", |value| value["value"] == true).await.unwrap();

        for (name, payload) in [
            ("no XML", "GET / HTTP/1.1"),
            ("no url", r#"<rest xmlns="rest.oic.org"><headers/></rest>"#),
            ("an unknown method", r#"<rest xmlns="rest.oic.org"><url method="BREW">/switch</url></rest>"#),
        ] {
            let order = json!({"do": "raw", "session": session, "payload": STANDARD.encode(payload), "seconds": 2});
            match client.try_ask(order).await {
                Ok(answer) => assert!(answer["status"].as_u64().unwrap() >= 400, "{name}: {answer}"),
                Err(error) => assert_eq!(error["error"], "timeout", "{name}: {error}"),
            }
            let order = json!({"do": "request", "session": session, "url": "/switch"});
            let after = match client.try_ask(order).await {
                Ok(answer) => answer,
                // It may have closed the session for it; a new one works.
                Err(_) => {
                    let session = client.ask(json!({"do": "open", "to": jid})).await;
                    client.ask(json!({"do": "request", "session": session, "url": "/switch"})).await
                }
            };
            assert_eq!(after["body"]["value"], true, "after {name}");
        }
        let stranger_password = "mallory's";
        server.add_account("mallory", stranger_password).await;
        let mut mallory = Peer::client().await;
        sign_in(&mut mallory, &server, "mallory@home.test/OIC/1.0/Client/m", stranger_password).await;
        // Dropped without a word, or refused; never accepted (L434-442).
        let refused = mallory.try_ask(json!({"do": "open", "to": jid, "seconds": 2})).await;
        assert!(refused.is_err(), "{refused:?}");
    });
}
