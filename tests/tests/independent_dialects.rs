//! `homewardctl` against a device that shares no code with the project, in each dialect that devices speak, with a list of
//! resources that takes several blocks: it is found, read and set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::peer::Peer;
use homeward_tests::server::{Kind, Server};
use serde_json::{Value, json};

const DI: &str = "5d3f2a10-0000-4000-8000-0000000000d1";
/// So many make a list of several kilobytes; a block has one.
const PADDED: usize = 60;

async fn is_found_read_and_set(dialect: &str, habits: &[&str]) {
    // The peer knows an authority, and never needs it here.
    let server = Server::start(Kind::Prosody).await;
    let padded = PADDED.to_string();
    let options = [&["--di", DI, "--dialect", dialect, "--pad", &padded], habits].concat();
    let mut device = Peer::device(&server.ca_file(), &options).await;
    let folder = tempfile::tempdir().unwrap();
    let ctl = Homewardctl::new(folder.path());

    let found = ctl.run(&["discover", "--timeout", "5", "--json"]).await.exits(0).lines();
    let found = found[0].as_array().unwrap();
    let light = found.iter().find(|one| one["di"] == DI).unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!((&light["name"], &light["deviceType"]), (&json!("Independent light"), &json!("oic.d.light")));
    let resources = light["resources"].as_array().unwrap();
    let padding: Vec<&Value> =
        resources.iter().filter(|one| one["rt"] == json!(["x.example.padding", "x.example.room"])).collect();
    assert_eq!(padding.len(), PADDED, "{light:#}");
    assert!(padding.iter().all(|one| one["if"] == json!(["oic.if.baseline", "oic.if.r"])), "{padding:#?}");
    assert!(light["remoteAccess"].is_object(), "{light:#}");

    // Read block by block, too.
    let last = format!("/padding/{}", PADDED - 1);
    let read = ctl.run(&["get", DI, &last, "--via", "lan", "--json"]).await.exits(0).lines();
    assert_eq!((&read[0]["body"]["number"], &read[0]["via"]), (&json!(PADDED - 1), &json!("lan")));
    assert_eq!(read[0]["body"]["text"].as_str().unwrap().len(), 4000);
    ctl.run(&["post", DI, "/light", r#"{"value": true}"#, "--via", "lan", "--json"]).await.exits(0);
    let done = device.executes("POST", "/light").await;
    assert_eq!((&done["via"], &done["body"]), (&json!("coap"), &json!({"value": true})));
    let read = ctl.run(&["get", DI, "/light", "--via", "lan", "--json"]).await.exits(0).lines();
    assert_eq!(read[0]["body"], json!({"value": true}));
}

#[test]
fn iotivity_1_0_0() {
    alone(|| is_found_read_and_set("iotivity-1.0.0", &[]));
}

#[test]
fn iotivity_1_0_1() {
    alone(|| is_found_read_and_set("iotivity-1.0.1", &["--confirmable-answers"]));
}

#[test]
fn oic_1_1() {
    alone(|| is_found_read_and_set("oic", &[]));
}

#[test]
fn ocf() {
    alone(|| is_found_read_and_set("ocf", &["--confirmable-answers"]));
}
