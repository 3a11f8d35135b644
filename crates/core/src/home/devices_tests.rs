#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use homeward_protocol::crudn::Method;
use homeward_protocol::oic::discovery;
use serde_json::json;

use super::super::paths::{Route, Routes};
use super::*;
use crate::error::Code;
use crate::lan::RaResource;
use crate::view::{RemoteAccess, Security, Via};

const DI: &str = "6a4f0000-0000-4000-8000-000000000001";

fn links() -> Vec<Link> {
    let res = json!([{"di": DI, "links": [
        {"href": "/light", "rt": ["oic.r.switch.binary"], "if": ["oic.if.a"], "p": {"bm": 3}},
        {"href": "/lock", "rt": ["oic.r.lock.status"], "if": ["oic.if.a"], "p": {"bm": 3}},
        {"href": "/all", "rt": ["oic.wk.col"], "if": ["oic.if.b"], "p": {"bm": 3}},
        {"href": "/oic/d", "rt": ["oic.wk.d", "oic.d.light"], "if": ["oic.if.r"], "p": {"bm": 1}},
        {"href": "/ra/xmpp", "rt": ["oic.ra.xmpp"], "if": ["oic.if.s"], "p": {"bm": 1}},
    ]}]);
    discovery::read(&res).unwrap().remove(0).links
}

fn on_lan() -> OnThisNetwork {
    OnThisNetwork {
        answering: true,
        device: LanDevice {
            di: DI.to_owned(),
            endpoints: vec!["192.0.2.7:40001".parse().unwrap()],
            name: Some("Reading lamp".to_owned()),
            device_type: Some("oic.d.light".to_owned()),
            manufacturer: None,
            model: None,
            links: links(),
            remote_access: None::<RemoteAccess>,
            xmpp: None,
            user: None,
            security: Security::None,
            methods: Vec::new(),
            listed: true,
            described: true,
        },
    }
}

fn at_server(contact: bool) -> AtServer {
    let jid: FullJid = format!("home@home.test/OIC/1.0/oic.d.light/{DI}").parse().unwrap();
    let resource = OicResource::parse(jid.resource().as_str()).unwrap();
    AtServer { line: Line::First, jid, resource, contact, standing: Standing::Available }
}

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn lamp() -> Known {
    let mut known = Known::new(DI, false);
    known.lan = Some(on_lan());
    known.settle();
    known
}

#[test]
fn an_older_value_does_not_take_the_place_of_a_newer_one() {
    let mut known = lamp();
    let (earlier, later) = (Instant::now(), Instant::now() + std::time::Duration::from_millis(1));
    known.report(&href("/light"), json!({"value": true}), true, Path::Xmpp, later);
    known.report(&href("/light"), json!({"value": false}), true, Path::Xmpp, earlier);
    assert_eq!(known.view.values[&href("/light")].value, json!({"value": true}));
}

#[test]
fn a_latency_is_not_taken_along_to_another_path() {
    let mut known = lamp();
    known.remote = Some(at_server(false));
    known.settle();
    known.measured(Path::Xmpp, std::time::Duration::from_millis(41));
    known.settle();
    assert_eq!((known.view.path, known.view.latency_ms), (Some(Path::Xmpp), Some(41)));
    known.remote = None;
    known.settle();
    assert_eq!((known.view.path, known.view.latency_ms), (Some(Path::Lan), None));
}

#[test]
fn the_core_and_the_remote_access_resources_are_not_for_the_person() {
    let lamp = lamp();
    let hrefs: Vec<_> = lamp.view.resources.iter().map(|resource| resource.href.as_str()).collect();
    assert_eq!(hrefs, ["/light", "/lock", "/all"]);
    assert_eq!(lamp.view.controls[0].property, "value");
}

#[test]
fn what_was_not_onboarded_here_gets_no_changes_over_the_network_unless_the_person_names_it() {
    let mut lamp = lamp();
    assert!(lamp.routes(Via::Auto, Method::Post, &href("/light")).is_err());
    assert!(matches!(lamp.routes(Via::Auto, Method::Get, &href("/light")), Ok(Routes { first: Route::Lan(_), .. })));
    assert!(matches!(lamp.routes(Via::Lan, Method::Post, &href("/light")), Ok(Routes { first: Route::Lan(_), .. })));
    lamp.onboarded_here = true;
    assert!(matches!(lamp.routes(Via::Auto, Method::Post, &href("/light")), Ok(Routes { first: Route::Lan(_), .. })));
}

#[test]
fn only_what_was_onboarded_here_is_asked_on_this_network_before_the_server() {
    let mut lamp = lamp();
    lamp.remote = Some(at_server(false));
    let ways = |lamp: &Known, method, path: &str| {
        let routes = lamp.routes(Via::Auto, method, &href(path)).unwrap();
        (routes.first.path(), routes.second.map(|second| second.path()))
    };
    assert_eq!(ways(&lamp, Method::Get, "/light"), (Path::Xmpp, Some(Path::Lan)), "for display");
    assert_eq!(ways(&lamp, Method::Post, "/light"), (Path::Xmpp, None), "no command for whoever claims the di");
    lamp.onboarded_here = true;
    assert_eq!(ways(&lamp, Method::Get, "/light"), (Path::Lan, Some(Path::Xmpp)));
    assert_eq!(ways(&lamp, Method::Post, "/light"), (Path::Lan, Some(Path::Xmpp)));
    assert_eq!(ways(&lamp, Method::Post, "/lock"), (Path::Xmpp, None));
    lamp.settle();
    assert_eq!(lamp.view.path, Some(Path::Lan));
}

#[test]
fn a_retrieve_finds_out_how_fast_the_other_path_is_and_nothing_else_does() {
    let mut lamp = lamp();
    lamp.remote = Some(at_server(false));
    lamp.onboarded_here = true;
    lamp.measured(Path::Lan, std::time::Duration::from_millis(3));
    let first = |lamp: &Known, method| lamp.routes(Via::Auto, method, &href("/light")).unwrap().first.path();
    assert_eq!((first(&lamp, Method::Get), first(&lamp, Method::Post)), (Path::Xmpp, Path::Lan));
    lamp.measured(Path::Xmpp, std::time::Duration::from_millis(40));
    assert_eq!((first(&lamp, Method::Get), first(&lamp, Method::Post)), (Path::Lan, Path::Lan));
}

#[test]
fn before_its_links_are_read_anything_may_be_a_lock() {
    let mut lamp = lamp();
    lamp.onboarded_here = true;
    lamp.lan.as_mut().unwrap().device.listed = false;
    assert!(lamp.routes(Via::Auto, Method::Post, &href("/light")).is_err());
}

#[test]
fn the_resource_that_holds_a_password_is_known_wherever_it_is() {
    let mut lamp = lamp();
    assert!(lamp.is_user_resource(&href("/XMPPUserResURI")));
    assert!(!lamp.is_user_resource(&href("/light")));
    lamp.lan.as_mut().unwrap().device.user =
        Some(RaResource { href: href("/ra/user"), interfaces: Vec::new(), secured_only: false });
    assert!(lamp.is_user_resource(&href("/ra/user?if=oic.if.s")));
}

#[test]
fn another_account_knows_nothing_of_what_was_at_the_former_ones_server() {
    let mut lamp = lamp();
    lamp.remote = Some(at_server(false));
    lamp.onboarded_here = true;
    lamp.report(&href("/light"), json!({"value": true}), true, Path::Xmpp, Instant::now());
    lamp.leave_account();
    lamp.settle();
    assert!(lamp.view.values.is_empty() && !lamp.view.described);
    assert_eq!((&lamp.view.remote, lamp.view.path, lamp.onboarded_here), (&None, Some(Path::Lan), false));
}

#[test]
fn a_lock_is_never_turned_over_an_unauthenticated_network() {
    let mut lamp = lamp();
    lamp.onboarded_here = true;
    assert!(lamp.routes(Via::Auto, Method::Post, &href("/lock")).is_err());
    assert!(lamp.routes(Via::Auto, Method::Post, &href("/lock?if=oic.if.a")).is_err());
    assert!(lamp.routes(Via::Lan, Method::Post, &href("/lock")).is_err());
    // Nor through a collection, which may reach any resource.
    for batch in ["/light?if=oic.if.b", "/all", "/all?if=oic%2Eif.b"] {
        assert!(lamp.routes(Via::Lan, Method::Post, &href(batch)).is_err(), "{batch}");
    }
    lamp.remote = Some(at_server(false));
    assert!(matches!(lamp.routes(Via::Auto, Method::Post, &href("/lock")), Ok(Routes { first: Route::Xmpp(..), .. })));
}

#[test]
fn a_contacts_device_has_a_key_of_its_own() {
    let remote = at_server(true);
    assert_eq!(key(&remote.resource, &remote.jid, true), format!("home@home.test/{DI}"));
    assert_eq!(key(&remote.resource, &remote.jid, false), DI);
}

#[test]
fn a_wish_is_over_when_the_device_reports_it_and_not_before() {
    let mut lamp = lamp();
    lamp.wish(&href("/light"), json!({"value": true}));
    lamp.report(&href("/light"), json!({"value": false}), true, Path::Xmpp, Instant::now());
    assert!(lamp.view.wishes.contains_key(&href("/light")));
    lamp.report(&href("/light?if=oic.if.a"), json!({"value": true, "id": "x"}), true, Path::Xmpp, Instant::now());
    assert!(lamp.view.wishes.is_empty());
}

#[test]
fn an_answer_to_an_older_wish_does_not_end_a_newer_one() {
    let mut lamp = lamp();
    let older = lamp.wish(&href("/light"), json!({"dimmingSetting": 10}));
    let newer = lamp.wish(&href("/light"), json!({"dimmingSetting": 20}));
    lamp.wish_over(&href("/light"), older);
    lamp.wish_failed(&href("/light"), older, Error::new(Code::NoAnswer, ""));
    assert_eq!(lamp.view.wishes[&href("/light")].failed, None);
    lamp.wish_over(&href("/light"), newer);
    assert!(lamp.view.wishes.is_empty());
}

#[test]
fn a_wish_for_one_property_leaves_the_wish_for_another_and_takes_the_place_of_one_for_the_same() {
    let mut lamp = lamp();
    let wanted = |lamp: &Known| lamp.view.wishes[&href("/light")].wanted.clone();
    lamp.wish(&href("/light"), json!({"hue": 10}));
    lamp.wish(&href("/light"), json!({"saturation": 20}));
    let last = lamp.wish(&href("/light"), json!({"hue": 30}));
    assert_eq!(wanted(&lamp), json!({"hue": 30, "saturation": 20}));
    lamp.wish_failed(&href("/light"), last, Error::new(Code::NoAnswer, ""));
    lamp.wish(&href("/light"), json!({"hue": 40}));
    assert_eq!(wanted(&lamp), json!({"hue": 40}), "what failed is not wished any more");
}

#[test]
fn nothing_secret_is_kept_of_a_value() {
    let mut lamp = lamp();
    lamp.report(&href("/light"), json!({"value": true, "password": "swordfish"}), true, Path::Lan, Instant::now());
    assert_eq!(lamp.view.values[&href("/light")].value, json!({"value": true, "password": null}));
}

#[test]
fn a_partial_answer_changes_only_what_it_names() {
    let mut lamp = lamp();
    lamp.report(&href("/light"), json!({"value": false, "n": "a"}), true, Path::Lan, Instant::now());
    lamp.report(&href("/light"), json!({"value": true}), false, Path::Xmpp, Instant::now());
    assert_eq!(lamp.view.values[&href("/light")].value, json!({"value": true, "n": "a"}));
}

#[test]
fn what_a_partial_answer_does_not_name_is_of_an_earlier_day_still() {
    let mut lamp = lamp();
    let at_ms = 7;
    let value = json!({"value": true, "dimming": 80});
    let remembered = Reported { value, at_ms, via: Path::Xmpp, remembered: true };
    lamp.view.values.insert(href("/light"), remembered);
    lamp.wish(&href("/light"), json!({"dimming": 80}));
    lamp.report(&href("/light"), json!({"value": false}), false, Path::Xmpp, Instant::now());
    let shown = &lamp.view.values[&href("/light")];
    assert_eq!((&shown.value, shown.remembered), (&json!({"value": false, "dimming": 80}), true));
    assert!(lamp.view.wishes.contains_key(&href("/light")), "nobody said so today");
    lamp.report(&href("/light"), json!({"value": false, "dimming": 80}), true, Path::Xmpp, Instant::now());
    assert!(!lamp.view.values[&href("/light")].remembered && lamp.view.wishes.is_empty());
}

#[test]
fn a_batch_tells_of_what_the_device_is_known_to_have_and_never_of_its_account() {
    let mut lamp = lamp();
    let user = json!({"jid": "maren@hearth.example", "credential": "c3dvcmRmaXNo"});
    let entry = |href: &str, rep: Value| json!({"href": href, "rep": rep});
    let answer = json!([
        entry("/light", json!({"value": true})),
        entry("/XMPPUserResURI", user),
        entry("/nobody-knows", json!({"value": 1})),
        entry("ocf://6a4f0000-0000-4000-8000-000000000002/lock", json!({"lockState": "Unlocked"})),
    ]);
    for asked in ["/all?if=oic.if.b", "/all"] {
        lamp.view.values.clear();
        lamp.told_at.clear();
        lamp.reported(&href(asked), answer.clone(), true, Path::Lan, Instant::now());
        assert_eq!(lamp.view.values.keys().map(Href::as_str).collect::<Vec<_>>(), ["/light"], "{asked}");
    }
}

#[test]
fn numbers_are_the_same_as_integer_and_as_fraction() {
    assert!(fulfils(&json!({"a": 60.0, "b": 1}), &json!({"a": 60})));
    assert!(!fulfils(&json!({"a": 61}), &json!({"a": 60})));
    assert!(!fulfils(&json!({}), &json!({"a": 60})));
}

#[test]
fn one_that_goes_is_offline_and_has_no_path() {
    let mut lamp = lamp();
    assert_eq!((lamp.view.presence, lamp.view.path), (Presence::Online, Some(Path::Lan)));
    lamp.lan.as_mut().unwrap().answering = false;
    lamp.settle();
    assert_eq!((lamp.view.presence, lamp.view.path), (Presence::Offline, None));
}

#[test]
fn no_more_values_are_kept_than_the_limit() {
    let mut lamp = lamp();
    for n in 0..=MAX_VALUES {
        lamp.report(&href(&format!("/{n}")), json!({"value": n}), true, Path::Lan, Instant::now());
    }
    assert_eq!(lamp.view.values.len(), MAX_VALUES);
}
