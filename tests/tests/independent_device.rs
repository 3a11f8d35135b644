//! `homewardctl` against a device that shares no code with the project, over prosody and over ejabberd: discover,
//! onboard, get, post, put, delete, observe; the output and the exit codes that scripts rely on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_tests::alone;
use homeward_tests::cli::{Ended, Homewardctl};
use homeward_tests::peer::Peer;
use homeward_tests::server::{Kind, PASSWORD, Server};
use serde_json::{Value, json};

const DI: &str = "5d3f2a10-0000-4000-8000-00000000000a";
const STEPS: [&str; 6] = ["read", "server", "account", "status", "online", "identity"];

struct House {
    server: Server,
    device: Peer,
    ctl: Homewardctl,
    folder: tempfile::TempDir,
    logs: Vec<Ended>,
}

impl House {
    async fn start(kind: Kind, options: &[&str]) -> House {
        let server = Server::start(kind).await;
        let device = Peer::device(&server.ca_file(), &[&["--di", DI], options].concat()).await;
        let folder = tempfile::tempdir().unwrap();
        let ctl = Homewardctl::new(folder.path());
        House { server, device, ctl, folder, logs: Vec::new() }
    }

    /// Runs it, and expects this exit code.
    async fn run(&mut self, code: i32, arguments: &[&str]) -> Value {
        let ended = self.ctl.run(arguments).await.exits(code);
        let lines = ended.lines();
        self.logs.push(ended);
        if lines.len() == 1 { lines[0].clone() } else { Value::Array(lines) }
    }

    async fn onboarded(kind: Kind, options: &[&str]) -> House {
        let mut house = Self::start(kind, options).await;
        house.ctl.set_account(&house.server).await;
        house.run(0, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
        house.device.event("online").await;
        house
    }

    /// The password is nowhere that it could be found later.
    fn keeps_the_secret(&self) {
        let secrets = [PASSWORD.to_owned(), STANDARD.encode(PASSWORD)];
        for ended in &self.logs {
            for secret in &secrets {
                assert!(!ended.output.contains(secret) && !ended.log.contains(secret), "{ended:#?}");
            }
        }
        for (path, bytes) in files(self.folder.path()) {
            for secret in &secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
                assert!(!found, "the password is in {}", path.display());
            }
        }
    }
}

fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

#[test]
fn a_collection_that_hands_out_the_account_is_read_without_its_password_ra_7() {
    alone(async || {
        let mut house = House::onboarded(Kind::Prosody, &["--collection"]).await;
        for (href, via) in [("/all", "lan"), ("/all?if=oic.if.b", "lan"), ("/all", "xmpp")] {
            let read = house.run(0, &["get", DI, href, "--via", via, "--show-exchange", "--json"]).await;
            let entries = read["body"].as_array().unwrap();
            let rep = |path: &str| &entries.iter().find(|entry| entry["href"] == path).unwrap()["rep"];
            assert_eq!(rep("/light"), &json!({"value": false}), "{read:#}");
            assert!(rep("/vendor/credentials")["jid"].is_string(), "{read:#}");
            assert_eq!(rep("/vendor/credentials")["credential"], Value::Null, "{read:#}");
        }
        house.keeps_the_secret();
    });
}

#[test]
fn an_ocf_light_over_prosody() {
    alone(|| the_whole_journey(Kind::Prosody, &["--dialect", "ocf"]));
}

#[test]
fn an_oic_light_over_ejabberd() {
    alone(|| the_whole_journey(Kind::Ejabberd, &["--dialect", "oic", "--user-unreadable", "--confirmable-answers"]));
}

#[test]
fn a_light_that_writes_as_the_specifications_examples_do() {
    alone(async || {
        let habits = ["--method-case", "title", "--prefixed", "--wrapped-base64", "--no-request-id"];
        the_whole_journey(Kind::Prosody, &habits).await;
    });
}

#[test]
fn a_light_that_writes_as_http_does() {
    alone(async || {
        let habits = ["--method-case", "lower", "--http-prefix", "--no-reason", "--double-base64", "--dialect", "oic"];
        the_whole_journey(Kind::Ejabberd, &habits).await;
    });
}

async fn the_whole_journey(kind: Kind, options: &[&str]) {
    let mut house = House::start(kind, options).await;
    discovers(&mut house).await;
    checks_the_account(&mut house).await;
    onboards(&mut house).await;
    controls(&mut house).await;
    observes(&mut house).await;
    house.keeps_the_secret();
}

async fn discovers(house: &mut House) {
    let found = house.run(0, &["discover", "--timeout", "5", "--json"]).await;
    let light = found.as_array().unwrap().iter().find(|device| device["di"] == DI).unwrap_or_else(|| panic!("{found}"));
    assert_eq!(light["name"], "Independent light");
    assert_eq!(light["deviceType"], "oic.d.light");
    assert_eq!(light["manufacturer"], "Independent Lamps");
    assert_eq!(light["security"], "none");
    assert_eq!(light["remoteAccess"]["status"], "NotInitialized");
    let address = house.device.said[0]["addresses"][0].clone();
    assert!(light["addresses"].as_array().unwrap().contains(&address), "{light}");
    let switch = resource(light, "/light");
    assert_eq!(switch["rt"], json!(["oic.r.switch.binary"]));
    assert_eq!(switch["observable"], true);
    // RA-7: the search never reads oic.ra.user.
    house.device.obey(json!({"do": "set", "path": "/light", "value": {"value": false}})).await;
    let read = house.device.said.iter().any(|line| line["path"] == "/vendor/credentials");
    assert!(!read, "the search read the credentials: {:#?}", house.device.said);
}

fn resource<'a>(device: &'a Value, href: &str) -> &'a Value {
    let resources = device["resources"].as_array().unwrap();
    resources.iter().find(|resource| resource["href"] == href).unwrap_or_else(|| panic!("no {href} in {device}"))
}

async fn checks_the_account(house: &mut House) {
    house.ctl.set_account(&house.server).await;
    let shown = house.run(0, &["account", "show", "--json"]).await;
    let ca = house.server.ca_file();
    let said = json!({"jid": house.server.jid(), "server": "127.0.0.1", "port": house.server.port(), "ca": ca});
    assert_eq!(shown, said);
    let layers = house.run(0, &["account", "check", "--json"]).await;
    let passed: Vec<_> =
        layers.as_array().unwrap().iter().map(|line| (line["layer"].clone(), line["ok"].clone())).collect();
    let all = ["dns", "tcp", "tls", "sasl", "bind", "roster"].map(|layer| (json!(layer), json!(true)));
    assert_eq!(passed, all);
}

async fn onboards(house: &mut House) {
    let refused = house.ctl.run(&["onboard", DI, "--json"]).await;
    assert_ne!(refused.code, 0, "{refused:#?}");
    assert!(refused.lines().iter().any(|line| line["code"] == "consent-needed"), "{refused:#?}");
    house.device.obey(json!({"do": "set", "path": "/light", "value": {"value": false}})).await;
    let written = house.device.said.iter().any(|line| line["method"] == "POST");
    assert!(!written, "written without consent: {:#?}", house.device.said);

    let lines = house.run(0, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
    let lines = lines.as_array().unwrap();
    for step in STEPS {
        let done = lines.iter().any(|line| line["di"] == DI && line["step"] == step && line["outcome"] == "done");
        assert!(done, "{step} is not done: {lines:#?}");
    }
    assert_eq!(lines.last().unwrap(), &json!({"di": DI, "result": "onboarded"}));
    house.device.event("online").await;
    let posts: Vec<_> =
        house.device.said.iter().filter(|line| line["event"] == "request" && line["method"] == "POST").collect();
    assert_eq!(posts.len(), 2, "{posts:#?}");
    assert_eq!(posts[0]["body"], json!({"address": "127.0.0.1", "port": house.server.port()}));
    let credential = format!("base64 of {} characters", PASSWORD.chars().count());
    assert_eq!(posts[1]["body"], json!({"jid": house.server.jid(), "credential": credential}));

    let devices = house.run(0, &["devices", "--json"]).await;
    let light =
        devices.as_array().unwrap().iter().find(|device| device["di"] == DI).unwrap_or_else(|| panic!("{devices}"));
    assert_eq!(light["jid"], format!("{}/OIC/1.0/oic.d.light/{DI}", house.server.jid()));
    assert_eq!(light["presence"], "online");
    assert!(light["paths"].as_array().unwrap().contains(&json!("xmpp")), "{light}");
}

async fn controls(house: &mut House) {
    let read = house.run(0, &["get", DI, "/light", "--via", "xmpp", "--json"]).await;
    assert_eq!((&read["status"], &read["reason"]), (&json!(200), &json!("OK")));
    assert_eq!((&read["body"], &read["via"]), (&json!({"value": false}), &json!("xmpp")));
    assert!(read["elapsedMs"].is_u64(), "{read}");
    let set = house.run(0, &["post", DI, "/light", r#"{"value": true}"#, "--via", "xmpp", "--json"]).await;
    assert_eq!(set["via"], "xmpp");
    let done = house.device.executes("POST", "/light").await;
    assert_eq!((&done["via"], &done["body"]), (&json!("xmpp"), &json!({"value": true})));
    let read = house.run(0, &["get", DI, "/light", "--via", "lan", "--json"]).await;
    assert_eq!((&read["body"], &read["via"]), (&json!({"value": true}), &json!("lan")));

    let text = json!({"text": "a <b> & \"c\" √"});
    let made = house.run(0, &["post", DI, "/notes", &text.to_string(), "--via", "xmpp", "--json"]).await;
    assert_eq!((&made["status"], &made["body"]["text"]), (&json!(201), &text["text"]));
    let href = made["body"]["href"].as_str().unwrap();
    let replaced = house.run(0, &["put", DI, href, r#"{"other": 1}"#, "--via", "xmpp", "--json"]).await;
    assert_eq!(replaced["body"], json!({"other": 1}));
    house.run(0, &["delete", DI, href, "--via", "xmpp", "--json"]).await;
    let gone = house.run(1, &["get", DI, href, "--via", "xmpp", "--json"]).await;
    assert_eq!((&gone["status"], &gone["reason"]), (&json!(404), &json!("Not Found")));
    house.run(1, &["post", DI, "/light", r#"{"value": "blue"}"#, "--via", "lan", "--json"]).await;
}

async fn observes(house: &mut House) {
    let mut watching = house.ctl.start(&["observe", DI, "/light", "--via", "xmpp", "--count", "3", "--json"]);
    let first = watching.line().await;
    assert_eq!((&first["body"], &first["via"]), (&json!({"value": true}), &json!("xmpp")));
    for value in [false, true] {
        house.device.obey(json!({"do": "set", "path": "/light", "value": {"value": value}})).await;
        let told = watching.line().await;
        assert_eq!(told["body"], json!({"value": value}));
        assert!(told["sequence"].is_u64(), "{told}");
    }
    assert_eq!(watching.code().await, 0);
}

#[test]
fn exit_codes_say_who_is_to_act() {
    alone(async || {
        let mut house = House::onboarded(Kind::Prosody, &[]).await;
        // 2: usage.
        for usage in [&["get", DI, "light"][..], &["post", DI, "/light", "{no json"], &["get", DI], &["nonsense"]] {
            assert_eq!(house.ctl.run(usage).await.code, 2, "{usage:?}");
        }
        // 3: not reached in time.
        let nobody = "00000000-0000-4000-8000-000000000000";
        assert_eq!(house.ctl.run(&["get", nobody, "/light", "--timeout", "2", "--json"]).await.code, 3);
        let few = house
            .ctl
            .run(&["observe", DI, "/light", "--via", "xmpp", "--count", "2", "--timeout", "2", "--json"])
            .await;
        assert_eq!((few.code, few.lines().len()), (3, 1), "{few:#?}");
        // 1: refused by the device.
        assert_eq!(house.ctl.run(&["get", DI, "/nothing", "--via", "xmpp", "--json"]).await.code, 1);
        // 5: sent, unanswered: nobody knows. Reading has no outcome to be unsure of.
        house.device.obey(json!({"do": "option", "name": "mute", "value": true})).await;
        let read = house.ctl.run(&["get", DI, "/light", "--via", "xmpp", "--timeout", "3", "--json"]).await;
        assert_eq!(read.code, 3, "{read:#?}");
        let set = ["post", DI, "/light", r#"{"value": true}"#, "--via", "xmpp", "--timeout", "3", "--json"];
        let sent = house.ctl.run(&set).await;
        assert_eq!(sent.code, 5, "{sent:#?}");
        // 4: sign-in refused.
        let folder = tempfile::tempdir().unwrap();
        let stranger = Homewardctl::new(folder.path()).with_password(Some("wrong"));
        stranger.set_account(&house.server).await;
        let refused = stranger.run(&["account", "check", "--json"]).await.exits(4);
        let sasl = refused.lines().into_iter().find(|line| line["layer"] == "sasl").unwrap();
        assert_eq!((&sasl["ok"], &sasl["code"]), (&json!(false), &json!("not-authorized")));
    });
}

#[test]
fn a_device_that_refuses_the_account_is_put_back_and_keeps_its_words() {
    alone(async || {
        let refusal = ["--refuse", "POST /vendor/credentials", "403", "--words", "ask my owner"];
        let mut house = House::start(Kind::Prosody, &refusal).await;
        house.ctl.set_account(&house.server).await;
        let lines = house.run(1, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
        let lines = lines.as_array().unwrap();
        let failed = lines.iter().find(|line| line["outcome"] == "failed").unwrap_or_else(|| panic!("{lines:#?}"));
        assert_eq!((&failed["step"], &failed["code"]), (&json!("account"), &json!("device-refused")));
        assert!(failed["message"].as_str().unwrap().contains("ask my owner"), "{failed}");
        assert_eq!(lines.last().unwrap()["result"], "failed");
        // The server is put back, because the second POST was refused.
        let server = house.run(0, &["get", DI, "/vendor/remote", "--via", "lan", "--json"]).await;
        assert_eq!(server["body"]["address"], "");
    });
}

#[test]
fn a_device_that_reports_error_fails_with_its_reason() {
    alone(async || {
        let mut house = House::start(Kind::Prosody, &["--reports-error", "no more slots", "--reason-is-error"]).await;
        house.ctl.set_account(&house.server).await;
        let lines = house.run(1, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
        let failed = lines.as_array().unwrap().iter().find(|line| line["outcome"] == "failed").cloned().unwrap();
        assert_eq!((&failed["step"], &failed["code"]), (&json!("status"), &json!("device-reports-error")));
        assert!(failed["message"].as_str().unwrap().contains("no more slots"), "{failed}");
    });
}

#[test]
fn an_impostor_with_another_di_is_no_success() {
    alone(async || {
        let other = "11111111-0000-4000-8000-00000000000b";
        let mut house = House::start(Kind::Prosody, &["--other-di", other]).await;
        house.ctl.set_account(&house.server).await;
        let lines = house.run(1, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
        let failed = lines.as_array().unwrap().iter().find(|line| line["outcome"] == "failed").cloned().unwrap();
        assert_eq!((&failed["step"], &failed["code"]), (&json!("identity"), &json!("identity-mismatch")));
    });
}

#[test]
fn remote_access_that_is_not_listed_is_found_at_the_well_known_paths() {
    alone(async || {
        let mut house = House::start(Kind::Prosody, &["--unlisted-ra"]).await;
        house.ctl.set_account(&house.server).await;
        house.run(0, &["onboard", DI, "--allow-unencrypted", "--json"]).await;
        let written: Vec<_> =
            house.device.said.iter().filter(|line| line["method"] == "POST").map(|line| line["path"].clone()).collect();
        house.device.event("online").await;
        assert!(written.len() <= 2);
    });
}

#[test]
fn a_peer_with_a_small_block_refuses_nothing_that_fits_and_gets_nothing_that_does_not() {
    alone(async || {
        let mut house = House::onboarded(Kind::Prosody, &["--block-size", "65535"]).await;
        let large = json!({"text": "x".repeat(70_000)}).to_string();
        let refused = house.ctl.run(&["post", DI, "/notes", &large, "--via", "xmpp", "--json"]).await;
        assert_ne!(refused.code, 0);
        assert!(
            refused.log.contains("65535") || refused.output.contains("65535"),
            "both sizes are named: {refused:#?}"
        );
        house.device.obey(json!({"do": "set", "path": "/light", "value": {"value": true}})).await;
        assert!(!house.device.said.iter().any(|line| line["path"] == "/notes"), "it was sent all the same");
        let fits = json!({"text": "x".repeat(40_000)}).to_string();
        house.run(0, &["post", DI, "/notes", &fits, "--via", "xmpp", "--json"]).await;
    });
}
