//! A collection whose members can be taken together: read by one request, and set by one, over both paths; and what
//! becomes of a member that does not take it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{Device, Path};
use homeward_protocol::crudn::{Href, Method};
use homeward_protocol::oic::controls::Shape;
use homeward_simulator::{Kind as Appliance, LoggedRequest, Scenario, Via as Over};
use homeward_tests::alone;
use homeward_tests::remote_house::RemoteHouse;
use homeward_tests::server::Kind;
use serde_json::json;

const STRIP: &str = "strip";
const OUTLETS: &str = "/outlets";
const BATCH: &str = "/outlets?if=oic.if.b";
const AT_ONCE: Duration = Duration::from_secs(5);

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn outlets() -> Vec<Href> {
    (1..=3).map(|n| href(&format!("/outlets/{n}"))).collect()
}

fn is_on(device: &Device, outlet: &Href) -> Option<bool> {
    device.values.get(outlet)?.value["value"].as_bool()
}

fn batches(house: &RemoteHouse, method: Method) -> Vec<LoggedRequest> {
    let requests = house.devices.device(STRIP).requests().into_iter();
    requests.filter(|one| one.href.as_str() == BATCH && one.method == method && !one.repeated).collect()
}

/// On screen, and read.
async fn strip() -> RemoteHouse {
    let house = RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Strip])).await;
    house.home.watch(vec![house.devices.device(STRIP).di().to_owned()]);
    let read = |device: &Device| outlets().iter().all(|outlet| is_on(device, outlet).is_some());
    house.shows(STRIP, "with its outlets", AT_ONCE, read).await;
    house
}

#[test]
fn members_are_read_by_one_request_and_each_has_its_control() {
    alone(async || {
        let house = strip().await;
        assert!(!batches(&house, Method::Get).is_empty(), "{:#?}", house.devices.device(STRIP).requests());
        let shown = house.shown(STRIP);
        let members = shown.controls.iter().find_map(|control| match &control.shape {
            Shape::Collection { members } if control.href.path() == OUTLETS => Some(members.clone()),
            _ => None,
        });
        assert_eq!(members, Some(outlets()));
        assert_eq!(
            outlets().iter().map(|outlet| is_on(&shown, outlet)).collect::<Vec<_>>(),
            [Some(true), Some(false), Some(false)]
        );
        let switches = shown.controls.iter().filter(|control| control.shape == Shape::Switch && control.writable);
        assert_eq!(switches.count(), 3);
    });
}

async fn all_are_set_by_one_request(house: &RemoteHouse, on: bool, over: Over) {
    let strip = house.devices.device(STRIP);
    let before = batches(house, Method::Post).len();
    let set = house.home.set_together(strip.di(), href(OUTLETS), outlets(), json!({ "value": on })).await;
    set.unwrap();
    let sent = batches(house, Method::Post).split_off(before);
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0].via, over);
    for outlet in outlets() {
        assert_eq!(strip.value(outlet.path()).unwrap()["value"], on, "{outlet}");
    }
    let shown = house.shown(STRIP);
    assert!(outlets().iter().all(|outlet| is_on(&shown, outlet) == Some(on)), "{shown:#?}");
    assert!(shown.wishes.is_empty(), "{:#?}", shown.wishes);
    let alone = strip.requests().iter().filter(|one| one.method == Method::Post && one.href.as_str() != BATCH).count();
    let onboarded = 2;
    assert_eq!(alone, onboarded, "each was asked by itself");
}

#[test]
fn members_are_set_by_one_request_over_both_paths_whether_or_not_the_answer_says_so() {
    alone(async || {
        let house = strip().await;
        let strip = house.devices.device(STRIP);
        for with_value in [true, false] {
            strip.answers_updates_with_value(with_value);
            all_are_set_by_one_request(&house, true, Over::Lan).await;
            all_are_set_by_one_request(&house, false, Over::Lan).await;
        }
        // Away from home.
        strip.loses(100, 1);
        let asked = homeward_protocol::crudn::Request::get(href(OUTLETS));
        let answered = house.home.request(strip.di(), asked, homeward_core::view::Via::Auto).await.unwrap();
        assert_eq!(answered.via, Path::Xmpp);
        all_are_set_by_one_request(&house, true, Over::Xmpp).await;
    });
}

#[test]
fn a_member_that_does_not_take_it_says_so_and_the_others_are_set() {
    alone(async || {
        let house = strip().await;
        let strip = house.devices.device(STRIP);
        let members = vec![href("/outlets/2"), href("/outlets/9")];
        let failed = house.home.set_together(strip.di(), href(OUTLETS), members, json!({"value": true})).await;
        assert_eq!(failed.unwrap_err().code, Code::DeviceRefused);
        assert_eq!(strip.value("/outlets/2").unwrap()["value"], true);
        let shown = house.shown(STRIP);
        let failed: Vec<&str> = shown.wishes.keys().map(Href::as_str).collect();
        assert_eq!(failed, ["/outlets/9"]);
    });
}

#[test]
fn what_was_not_sent_is_not_done_and_nothing_is_left_wished() {
    alone(async || {
        let house = RemoteHouse::with(Kind::Prosody, Scenario::of([Appliance::Strip])).await;
        let strip = house.devices.device(STRIP);
        strip.goes_away();
        house.shows(STRIP, "gone", AT_ONCE, |device| device.path.is_none()).await;
        let failed = house.home.set_together(strip.di(), href(OUTLETS), outlets(), json!({"value": true})).await;
        assert_eq!(failed.unwrap_err().code, Code::NotReachable);
        let shown = house.shown(STRIP);
        assert!(shown.wishes.values().all(|wish| wish.failed.is_some()) && shown.wishes.len() == 3, "{shown:#?}");
    });
}

#[test]
fn a_batch_is_bounded() {
    alone(async || {
        let house = strip().await;
        let di = house.devices.device(STRIP).di().to_owned();
        let many = (0..65).map(|n| href(&format!("/outlets/{n}"))).collect();
        for members in [Vec::new(), many] {
            let refused = house.home.set_together(&di, href(OUTLETS), members, json!({"value": true})).await;
            assert_eq!(refused.unwrap_err().code, Code::RequestInvalid);
        }
        assert!(batches(&house, Method::Post).is_empty());
    });
}
