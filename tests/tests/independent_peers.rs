//! The independent device and the independent client understand each other over both servers: the ground on which
//! the other stories stand. No code of the project takes part, but for starting the servers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use homeward_tests::alone;
use homeward_tests::peer::Peer;
use homeward_tests::server::{Kind, PASSWORD, Server};
use serde_json::{Value, json};

const DI: &str = "5d3f2a10-0000-4000-8000-000000000001";

#[test]
fn they_agree_over_prosody_in_ocfs_dialect() {
    alone(|| agree(Kind::Prosody, "ocf", 10000, &[]));
}

#[test]
fn they_agree_over_ejabberd_in_oics_dialect() {
    alone(|| agree(Kind::Ejabberd, "oic", 60, &["--prefixed", "--http-prefix", "--method-case", "title"]));
}

async fn agree(kind: Kind, dialect: &str, format: u64, habits: &[&str]) {
    let server = Server::start(kind).await;
    let options = [&["--di", DI, "--dialect", dialect], habits].concat();
    let mut device = Peer::device(&server.ca_file(), &options).await;
    let mut client = Peer::client().await;

    let found = client.ask(json!({"do": "search", "accept": format, "query": "rt=oic.ra.xmpp"})).await;
    let address = address_of(&found, &device.said[0]);
    let uri = |path: &str| format!("coap://{address}{path}");
    let server_set = json!({"address": server.host(), "port": server.port()});
    let credential = base64::engine::general_purpose::STANDARD.encode(PASSWORD);
    let user_set = json!({"jid": server.jid(), "credential": credential});
    for (path, body) in [("/vendor/remote", server_set), ("/vendor/credentials", user_set)] {
        let order = json!({"do": "coap", "method": "POST", "uri": uri(path), "format": format, "body": body});
        assert_eq!(client.ask(order).await["code"], "2.04");
    }
    let online = device.event("online").await;
    let jid = format!("{}/OIC/1.0/oic.d.light/{DI}", server.jid());
    assert_eq!(online["jid"], jid.as_str());

    let ca = server.ca_file();
    let own = format!("{}/OIC/1.0/Client/c1", server.jid());
    client
        .ask(json!({"do": "sign-in", "jid": own, "password": PASSWORD, "server": server.host(),
                    "port": server.port(), "ca": ca}))
        .await;
    let session = client.ask(json!({"do": "open", "to": jid})).await;
    let get = json!({"do": "request", "session": session, "url": format!("coap://{DI}/oic/d")});
    assert_eq!(client.ask(get).await["body"]["di"], DI);
    let post = json!({"do": "request", "session": session, "method": "POST", "url": format!("coap://{DI}/light"),
                      "body": {"value": true}});
    assert_eq!(client.ask(post).await["status"], 200);
    let seen = client.ask(json!({"do": "coap", "uri": uri("/light"), "format": format})).await;
    assert_eq!(seen["body"], json!({"value": true}));

    device.end().await;
    let gone = client.until("its farewell", |line| line["event"] == "presence" && line["jid"] == jid).await;
    assert_eq!(gone["type"], "unavailable");
}

/// The one answer comes from the port that the device itself named.
fn address_of(found: &Value, ready: &Value) -> String {
    let named = ready["addresses"][0].as_str().unwrap();
    let ports: Vec<_> = found.as_array().unwrap().iter().map(|answer| answer["port"].to_string()).collect();
    assert!(ports.iter().any(|port| named.ends_with(&format!(":{port}"))), "{named} is not among {found}");
    named.to_owned()
}
