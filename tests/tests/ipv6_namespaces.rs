//! In network namespaces, on a network of our own: both families, each alone, and a cable that is pulled.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::net::IpAddr;

use homeward_tests::cli::Homewardctl;
use homeward_tests::namespaces::{CLIENT_V4, CLIENT_V6, DEVICES_V4, DEVICES_V6, INTERFACE, Namespaces};
use homeward_tests::peer::Peer;
use homeward_tests::server::{Kind, Server};
use homeward_tests::skip;
use serde_json::{Value, json};
use xtask::servers::Options;

const DI: &str = "5d3f2a10-0000-4000-8000-0000000000e0";

struct Network {
    ctl: Homewardctl,
    device: Peer,
    server: Server,
    _folder: tempfile::TempDir,
    spaces: Namespaces,
}

/// A network with a server on the client's side and a light on the other; `None` where that cannot be had.
async fn network(test: &str, kind: Kind, listens: &str, binds: &[&str]) -> Option<Network> {
    let spaces = match Namespaces::new() {
        Ok(spaces) => spaces,
        Err(why) => {
            skip(test, &why);
            return None;
        }
    };
    let address: IpAddr = listens.parse().unwrap();
    if address.is_ipv6() {
        spaces.without_ipv4().unwrap();
    }
    let options = Options { namespace: Some(spaces.client.clone()), address, ..Options::default() };
    let server = Server::start_with(kind, options).await;
    let mut arguments = vec!["--di", DI, "--interface", INTERFACE];
    for address in binds {
        arguments.extend(["--bind", address]);
    }
    let device = Peer::device_in(Some(&spaces.devices), &server.ca_file(), &arguments).await;
    let folder = tempfile::tempdir().unwrap();
    let ctl = Homewardctl::new(folder.path()).in_namespace(&spaces.client, INTERFACE);
    Some(Network { ctl, device, server, _folder: folder, spaces })
}

/// Found, onboarded and controlled; returns what the search said.
async fn journey(network: &mut Network) -> Value {
    let found = network.ctl.run(&["discover", "--timeout", "5", "--json"]).await.exits(0).json();
    let light = found.as_array().unwrap().iter().find(|device| device["di"] == DI).unwrap_or_else(|| panic!("{found}"));
    network.ctl.set_account(&network.server).await;
    network.ctl.run(&["onboard", DI, "--allow-unencrypted", "--json"]).await.exits(0);
    network.device.event("online").await;
    let set = ["post", DI, "/light", r#"{"value": true}"#, "--via", "xmpp", "--json"];
    network.ctl.run(&set).await.exits(0);
    let done = network.device.executes("POST", "/light").await;
    assert_eq!(done["via"], "xmpp");
    let read = network.ctl.run(&["get", DI, "/light", "--via", "lan", "--json"]).await.exits(0).json();
    assert_eq!(read["body"], json!({"value": true}));
    light.clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_alone() {
    let Some(mut network) = network("ipv6_alone", Kind::Prosody, CLIENT_V6, &[DEVICES_V6]).await else { return };
    let light = journey(&mut network).await;
    let addresses = light["addresses"].as_array().unwrap();
    assert!(addresses.iter().all(|address| address.as_str().unwrap().starts_with('[')), "{light}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv4_and_ipv6_are_one_device() {
    let name = "ipv4_and_ipv6_are_one_device";
    let Some(mut network) = network(name, Kind::Ejabberd, CLIENT_V4, &[DEVICES_V4, DEVICES_V6]).await else { return };
    let light = journey(&mut network).await;
    let addresses = light["addresses"].as_array().unwrap();
    let six = addresses.iter().filter(|address| address.as_str().unwrap().starts_with('[')).count();
    assert!(six >= 1 && addresses.len() > six, "{light}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_local_address_keeps_its_zone() {
    let name = "a_link_local_address_keeps_its_zone";
    let Some(spaces) = Namespaces::new().map_err(|why| skip(name, &why)).ok() else { return };
    let own = spaces.link_local().unwrap();
    let bound = format!("{own}%{INTERFACE}");
    let folder = tempfile::tempdir().unwrap();
    let options = ["--di", DI, "--interface", INTERFACE, "--bind", &bound];
    let _device = Peer::device_in(Some(&spaces.devices), folder.path(), &options).await;
    let ctl = Homewardctl::new(folder.path().join("home")).in_namespace(&spaces.client, INTERFACE);
    let found = ctl.run(&["discover", "--timeout", "5", "--json"]).await.exits(0).json();
    let address = found[0]["addresses"][0].as_str().unwrap_or_else(|| panic!("{found}"));
    assert!(address.starts_with(&format!("[{own}%")), "{address}");
    // The whole description was read from there, so the zone did its work.
    assert_eq!(found[0]["name"], "Independent light");
    let read = ctl.run(&["get", DI, "/light", "--via", "lan", "--json"]).await.exits(0).json();
    assert_eq!(read["body"], json!({"value": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_is_pulled_is_no_success() {
    let name = "a_cable_that_is_pulled_is_no_success";
    let Some(mut network) = network(name, Kind::Prosody, CLIENT_V4, &[DEVICES_V4]).await else { return };
    journey(&mut network).await;
    network.spaces.cable(false).unwrap();
    // The server still believes that the light is there: nothing told it.
    let set = ["post", DI, "/light", r#"{"value": false}"#, "--via", "xmpp", "--timeout", "5", "--json"];
    let sent = network.ctl.run(&set).await;
    // No session could be opened, so the change was never sent: that much is known.
    assert_eq!(sent.code, 3, "{sent:#?}");
    let lan = ["get", DI, "/light", "--via", "lan", "--timeout", "5", "--json"];
    assert_eq!(network.ctl.run(&lan).await.code, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_there_is_said_per_interface() {
    let name = "nothing_there_is_said_per_interface";
    let Some(spaces) = Namespaces::new().map_err(|why| skip(name, &why)).ok() else { return };
    let folder = tempfile::tempdir().unwrap();
    let ctl = Homewardctl::new(folder.path()).in_namespace(&spaces.client, INTERFACE);
    let found = ctl.run(&["discover", "--timeout", "3", "--json"]).await;
    assert_eq!(found.json(), json!([]), "{found:#?}");
    assert!(found.log.contains(INTERFACE), "what was sent on which interface is said: {found:#?}");
}
