#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::SocketAddr;

use super::*;
use crate::cast::furnish;
use crate::knobs::Security;

fn device(kind: Kind, round: usize) -> Model {
    let mut model = furnish(Identity::new(kind, round, 1), true);
    model.endpoints = vec![SocketAddr::from(([127, 0, 0, 1], 40001))];
    model
}

fn ask(model: &mut Model, request: Request) -> Answered {
    model.answer(&request, Via::Lan, Asker::Anybody, &Knobs::default())
}

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn get(model: &mut Model, path: &str) -> Response {
    ask(model, Request::get(href(path))).response
}

#[test]
fn ids_follow_from_the_seed_and_differ_between_devices() {
    let di = |kind, round, seed| Identity::new(kind, round, seed).di;
    assert_eq!(di(Kind::Lamp, 0, 1), di(Kind::Lamp, 0, 1));
    assert_ne!(di(Kind::Lamp, 0, 1), di(Kind::Lamp, 0, 2));
    assert_ne!(di(Kind::Lamp, 0, 1), di(Kind::Lamp, 1, 1));
    assert_ne!(di(Kind::Lamp, 0, 1), di(Kind::Plug, 0, 1));
    assert_eq!(di(Kind::Lamp, 0, 1), di(Kind::Lamp, 0, 1).to_lowercase());
}

#[test]
fn ocf_links_are_flat_with_anchor_and_endpoints() {
    let mut lamp = device(Kind::Lamp, 0);
    let body = get(&mut lamp, "/oic/res").body.unwrap();
    let light = body.as_array().unwrap().iter().find(|link| link["href"] == "/light").unwrap();
    assert_eq!(light["anchor"], format!("ocf://{}", lamp.identity.di));
    assert_eq!(light["rt"], json!(["oic.r.switch.binary"]));
    assert_eq!(light["p"], json!({"bm": 3}));
    assert_eq!(light["eps"], json!([{"ep": "coap://127.0.0.1:40001"}]));
}

#[test]
fn oic_1_1_links_are_grouped_under_the_id_and_have_no_endpoints() {
    let mut plug = device(Kind::Plug, 0);
    let body = get(&mut plug, "/oic/res").body.unwrap();
    assert_eq!(body[0]["di"], plug.identity.di);
    let links = body[0]["links"].as_array().unwrap();
    assert!(links.iter().any(|link| link["href"] == "/switch" && link["p"] == json!({"bm": 3})));
    assert!(links.iter().all(|link| link.get("eps").is_none()));
}

#[test]
fn rt_narrows_the_links_and_nothing_left_is_an_error() {
    let mut lamp = device(Kind::Lamp, 0);
    let body = get(&mut lamp, "/oic/res?rt=oic.ra.xmpp").body.unwrap();
    assert_eq!(body.as_array().unwrap().len(), 1);
    assert_eq!(body[0]["href"], "/ra/xmpp");
    assert_eq!(get(&mut lamp, "/oic/res?rt=oic.r.lock.status").status, Status::BAD_REQUEST);
    assert_eq!(get(&mut device(Kind::Climate, 0), "/oic/res?rt=oic.ra.xmpp").status, Status::BAD_REQUEST);
}

#[test]
fn if_filters_the_links_and_the_baseline_wraps_them() {
    let mut lamp = device(Kind::Lamp, 0);
    let body = get(&mut lamp, "/oic/res?if=oic.if.create").body.unwrap();
    assert_eq!((body.as_array().unwrap().len(), &body[0]["href"]), (1, &json!("/scenes")));
    let body = get(&mut lamp, "/oic/res?if=oic.if.baseline").body.unwrap();
    assert_eq!(body[0]["rt"], json!(["oic.wk.res"]));
    assert!(body[0]["links"].as_array().unwrap().len() > 5);
}

#[test]
fn unlisted_remote_access_is_at_the_well_known_uris() {
    let mut lamp = furnish(Identity::new(Kind::Lamp, 0, 1), false);
    assert_eq!(get(&mut lamp, "/oic/res?rt=oic.ra.xmpp").status, Status::BAD_REQUEST);
    assert_eq!(get(&mut lamp, "/XMPPResURI").body.unwrap()["status"], "NotInitialized");
}

#[test]
fn a_device_says_who_it_is() {
    let mut lamp = device(Kind::Lamp, 0);
    let shown = get(&mut lamp, "/oic/d").body.unwrap();
    assert_eq!((&shown["n"], shown["di"].as_str().unwrap()), (&json!("Reading lamp"), lamp.identity.di.as_str()));
    assert_eq!(shown.get("rt"), None);
    assert_eq!(get(&mut lamp, "/oic/d?if=oic.if.baseline").body.unwrap()["rt"], json!(["oic.wk.d", "oic.d.light"]));
    assert_eq!(get(&mut device(Kind::Fan, 0), "/oic/d").body.unwrap()["rt"], json!(["oic.wk.d", "x.aurel.d.fan"]));
    assert_eq!(get(&mut lamp, "/oic/p").body.unwrap()["mnmn"], "Lumenfold");
}

#[test]
fn over_xmpp_a_stranger_can_be_told() {
    let mut lamp = device(Kind::Lamp, 0);
    let knobs = Knobs { wrong_identity: Some("stranger".to_owned()), ..Knobs::default() };
    let request = Request::get(href("/oic/d"));
    assert_eq!(lamp.answer(&request, Via::Xmpp, Asker::Remote, &knobs).response.body.unwrap()["di"], "stranger");
    assert_ne!(lamp.answer(&request, Via::Lan, Asker::Anybody, &knobs).response.body.unwrap()["di"], "stranger");
}

#[test]
fn an_update_changes_the_value_and_says_so_once() {
    let mut lamp = device(Kind::Lamp, 0);
    let done = ask(&mut lamp, Request::post(href("/light"), json!({"value": true})));
    assert_eq!(done.response.status, Status::NO_CONTENT, "OCF answers without a body");
    assert_eq!(done.changes.len(), 1);
    assert_eq!(done.changes[0].value, json!({"value": true}));
    assert!(ask(&mut lamp, Request::post(href("/light"), json!({"value": true}))).changes.is_empty());
    let done = ask(&mut device(Kind::Blind, 0), Request::post(href("/blind"), json!({"openLevel": 10})));
    assert_eq!(done.response.body.unwrap()["openLevel"], 10, "OIC 1.1 answers with the value");
}

#[test]
fn sensors_unknown_paths_and_core_resources_refuse_changes() {
    let mut motion = device(Kind::Motion, 0);
    let mut status = |path: &str, request: fn(Href) -> Request| ask(&mut motion, request(href(path))).response.status;
    assert_eq!(status("/motion", |h| Request::post(h, json!({"value": true}))), Status::METHOD_NOT_ALLOWED);
    assert_eq!(status("/oic/d", |h| Request::post(h, json!({"n": "x"}))), Status::METHOD_NOT_ALLOWED);
    assert_eq!(status("/motion", Request::delete), Status::METHOD_NOT_ALLOWED);
    assert_eq!(status("/nothing", Request::get), Status::NOT_FOUND);
    assert_eq!(status("/ra/xmpp", Request::delete), Status::METHOD_NOT_ALLOWED);
    assert_eq!(status("/motion?if=oic.if.a", Request::get), Status::BAD_REQUEST);
}

#[test]
fn a_plug_that_is_switched_on_draws_power() {
    let mut plug = device(Kind::Plug, 0);
    let done = ask(&mut plug, Request::post(href("/switch"), json!({"value": true})));
    assert_eq!(done.changes[1].href, href("/energy"));
    assert_eq!(done.changes[1].value["power"], 84.0);
    assert_eq!(get(&mut plug, "/energy").body.unwrap()["power"], 84.0);
}

#[test]
fn a_scene_is_made_changed_and_deleted() {
    let mut lamp = device(Kind::Lamp, 0);
    let made = ask(&mut lamp, Request::post(href("/scenes"), json!({"n": "Evening", "dimmingSetting": 30})));
    assert_eq!(made.response.status, Status::CREATED);
    assert_eq!(made.response.body.unwrap()["href"], "/scenes/1");
    assert_eq!(made.changes.iter().map(|c| c.href.as_str()).collect::<Vec<_>>(), ["/scenes/1", "/scenes"]);
    assert_eq!(get(&mut lamp, "/scenes/1").body.unwrap(), json!({"n": "Evening", "dimmingSetting": 30}));
    assert_eq!(get(&mut lamp, "/scenes").body.unwrap()[0]["href"], "/scenes/1");
    assert_eq!(get(&mut lamp, "/scenes?if=oic.if.baseline").body.unwrap()["links"][0]["href"], "/scenes/1");
    ask(&mut lamp, Request::put(href("/scenes/1"), json!({"n": "Night"})));
    assert_eq!(get(&mut lamp, "/scenes/1").body.unwrap(), json!({"n": "Night"}));
    assert_eq!(ask(&mut lamp, Request::delete(href("/scenes/1"))).response.status, Status::NO_CONTENT);
    assert_eq!(get(&mut lamp, "/scenes/1").status, Status::NOT_FOUND);
    let made = ask(&mut lamp, Request::post(href("/scenes"), json!({"rt": ["x.a"], "rep": {"n": "Noon"}})));
    assert_eq!(made.response.body.unwrap()["href"], "/scenes/2", "a path is not given twice");
}

#[test]
fn a_collection_is_bounded() {
    let mut lamp = device(Kind::Lamp, 0);
    let mut status = || ask(&mut lamp, Request::post(href("/scenes"), json!({"n": "x"}))).response.status;
    assert!((0..MAX_MEMBERS).all(|_| status() == Status::CREATED));
    assert_eq!(status(), Status::FORBIDDEN);
}

#[test]
fn the_account_cannot_be_read_unless_the_knob_says_so_ra_7() {
    let mut lamp = device(Kind::Lamp, 0);
    assert_eq!(get(&mut lamp, "/ra/user").status, Status::FORBIDDEN);
    let knobs = Knobs { shows_credentials: true, ..Knobs::default() };
    let shown = lamp.answer(&Request::get(href("/ra/user")), Via::Lan, Asker::Anybody, &knobs).response.body.unwrap();
    assert_eq!(shown, json!({"jid": "", "credential": ""}));
}

#[test]
fn a_change_of_the_account_is_told_without_the_credential() {
    let mut plug = device(Kind::Plug, 0);
    let account = json!({"jid": "maren@hearth.example", "credential": "aHVudGVyMg=="});
    let done = ask(&mut plug, Request::post(href("/ra/user"), account));
    assert!(done.account_written);
    assert_eq!(done.response.body.unwrap()["credential"], "aHVudGVyMg==", "OIC 1.1 echoes it (L846)");
    assert_eq!(done.changes[0].value, json!({"jid": "maren@hearth.example", "credential": "…"}));
}

#[test]
fn a_secured_device_shows_remote_access_behind_coaps_only() {
    for (round, dialect) in [(0, Dialect::Ocf), (1, Dialect::Oic11)] {
        let mut lock = device(Kind::Lock, round);
        assert_eq!(lock.identity.dialect, dialect);
        lock.secure_port = Some(57083);
        let device = uuid::Uuid::parse_str(&lock.identity.di).unwrap();
        lock.ownership = Ownership::new(device, Security::Unowned);
        let knobs = Knobs::default();
        let mut get = |path: &str| lock.answer(&Request::get(href(path)), Via::Lan, Asker::Anybody, &knobs).response;
        let body = get("/oic/res?rt=oic.ra.user").body.unwrap();
        match dialect {
            Dialect::Ocf => assert_eq!(body[0]["eps"], json!([{"ep": "coaps://127.0.0.1:57083"}])),
            Dialect::Oic11 => {
                assert_eq!(body[0]["links"][0]["p"], json!({"bm": 1, "sec": true, "port": 57083}));
            }
        }
        assert_eq!(get("/ra/xmpp").status, Status::UNAUTHORIZED);
        assert_eq!(get("/lock").status, Status::OK);
        assert_eq!(get("/oic/sec/doxm").body.unwrap()["owned"], false);
        lock.ownership = Ownership::new(device, Security::Owned);
        let mut get =
            |path: &str| lock.answer(&Request::get(href(path)), Via::Lan, Asker::Anybody, &knobs).response.status;
        assert_eq!(get("/lock"), Status::UNAUTHORIZED);
        assert_eq!(get("/oic/sec/doxm"), Status::UNAUTHORIZED);
        assert_eq!(get("/oic/d"), Status::OK);
    }
    assert_eq!(get(&mut device(Kind::Lamp, 0), "/oic/sec/doxm").status, Status::NOT_FOUND);
}

#[test]
fn a_vendor_may_want_another_interface() {
    let mut lamp = device(Kind::Lamp, 0);
    let wanted = [("/ra/xmpp".to_owned(), "oic.if.rw".to_owned())].into_iter().collect();
    let knobs = Knobs { wanted_interfaces: wanted, ..Knobs::default() };
    let server = json!({"address": "hearth.example", "port": 5222});
    let mut post = |path: &str| {
        lamp.answer(&Request::post(href(path), server.clone()), Via::Lan, Asker::Anybody, &knobs).response.status
    };
    assert_eq!(post("/ra/xmpp"), Status::FORBIDDEN);
    assert_eq!(post("/ra/xmpp?if=oic.if.rw"), Status::NO_CONTENT);
    let links = lamp
        .answer(&Request::get(href("/oic/res?rt=oic.ra.xmpp")), Via::Lan, Asker::Anybody, &knobs)
        .response
        .body
        .unwrap();
    assert_eq!(links[0]["if"], json!(["oic.if.s", "oic.if.baseline", "oic.if.rw"]));
}
