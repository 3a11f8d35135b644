//! What is refused between a secured device and whoever is not its owner, or not its owner yet: closed, told, and nothing left.
//! On a desktop, for the keys are kept in the real keyring.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::view::{Security, TakeoverLeft, TakeoverMethod, TakeoverState, Via};
use homeward_core::{Code, Secret};
use homeward_protocol::crudn::{Href, Request};
use homeward_simulator::{self as simulator, Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::lock_house::{LockHouse, ended, obeys, stands};
use homeward_tests::peer::{PATIENCE, Peer};
use homeward_tests::server;
use homeward_tests::stage::{Stage, device};
use serde_json::json;

/// Takes part in a transfer as the person would.
async fn with_pin(house: &LockHouse, lock: &simulator::Device, id: &str) {
    let asks = |state: &TakeoverState| !matches!(state, TakeoverState::Asking | TakeoverState::Opening);
    let state = stands(house.home(), id, asks).await.state;
    if matches!(state, TakeoverState::PinNeeded { .. }) {
        let pin = lock.pin().unwrap_or_else(|| "12345678".into());
        house.home().answer_pin(id, Secret::new(pin)).unwrap();
    }
}

#[test]
fn a_device_of_anothers_that_claims_to_be_nobodys_is_not_taken_over() {
    for method in [TakeoverMethod::Pin, TakeoverMethod::JustWorks] {
        alone(async || {
            let (house, lock) = LockHouse::new().await;
            lock.secured(simulator::Security::Owned).unwrap();
            lock.offers(&[0, 1]).claims_to_be_unowned(true);
            house.finds(&lock).await;
            let id = lock.di_now();
            house.home().take_over(&id, Some(method)).unwrap();
            with_pin(&house, &lock, &id).await;
            let failed = loop {
                let state = ended(house.home(), &id).await.state;
                if !matches!(state, TakeoverState::PinNeeded { .. }) {
                    break state;
                }
            };
            let nothing = matches!(failed, TakeoverState::Failed { left: TakeoverLeft::Nothing, .. });
            assert!(nothing, "{method:?}: {failed:#?}");
            assert!(house.home().devices().iter().all(|device| device.owned.is_none()));
            let changed = |asked: &simulator::LoggedRequest| asked.executed && asked.method.changes_things();
            assert!(!lock.requests().iter().any(changed), "{:#?}", lock.requests());
            assert_eq!(lock.di_now(), id);
        });
    }
}

#[test]
fn a_pin_that_is_wrong_five_times_ends_the_transfer() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.shows_pin(&lock).await;
        for count in 0..5 {
            stands(home, &id, |state| matches!(state, TakeoverState::PinNeeded { wrong } if *wrong == count)).await;
            home.answer_pin(&id, Secret::new("00000000")).unwrap();
        }
        let failed = ended(home, &id).await.state;
        let TakeoverState::Failed { error, left } = failed else { panic!("{failed:#?}") };
        assert_eq!((error.code, left), (Code::PinWrong, TakeoverLeft::Nothing));
        // Whoever knows the PIN takes it over after that.
        house.owns(&lock).await;
    });
}

#[test]
fn a_transfer_that_is_cancelled_while_the_device_is_written_to_lets_it_go_at_once() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.shows_pin(&lock).await;
        lock.slow(Duration::from_millis(300));
        home.answer_pin(&id, Secret::new(lock.pin().unwrap())).unwrap();
        let owner = |asked: &simulator::LoggedRequest| {
            let body = asked.body.as_ref().map(ToString::to_string).unwrap_or_default();
            asked.href.path() == "/oic/sec/doxm" && body.contains("devowneruuid")
        };
        lock.wait_for_request(owner).await.unwrap();
        home.cancel_takeover(&id);
        let cancelled = ended(home, &id).await.state;
        assert!(matches!(cancelled, TakeoverState::Cancelled { left: TakeoverLeft::Waiting }), "{cancelled:#?}");
        lock.slow(Duration::ZERO);
        // It holds a session that is not closed for ten minutes.
        assert_ne!(house.owns(&lock).await, id);
        obeys_here(&house, &lock).await;
    });
}

async fn obeys_here(house: &LockHouse, lock: &simulator::Device) {
    let request = Request::get(Href::new("/lock").unwrap());
    assert_eq!(house.home().request(&lock.di_now(), request, Via::Lan).await.unwrap().status, 200);
}

#[test]
fn beside_one_that_claims_its_id_a_lock_of_ours_obeys_and_shows_what_it_says_itself() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        let others = simulator::Home::start(Scenario::of([Kind::Lock]).with_seed(77)).await.unwrap();
        let impostor = others.device("lock");
        impostor.secured(simulator::Security::Owned).unwrap().claims_the_id(&id);
        impostor.set_value("/lock", json!({"lockState": "Unlocked"}));
        let at = impostor.endpoints()[0].to_string();
        home.start_search();
        let shown = device(home, &id, "claimed by the impostor", |device| device.claimed_at.contains(&at)).await;
        let own = lock.endpoints().iter().map(ToString::to_string).collect::<Vec<_>>();
        let lan = shown.lan.unwrap();
        assert!(lan.answering && lan.addresses.iter().all(|address| own.contains(address)), "{lan:?} {own:?}");
        assert_eq!(lan.security, Security::Ours);
        for state in ["Unlocked", "Locked"] {
            let request = Request::post(Href::new("/lock").unwrap(), json!({"lockState": state}));
            let answer = home.request(&id, request, Via::Lan).await.unwrap();
            assert!(answer.status < 300, "{answer:?}");
            assert_eq!(lock.value("/lock").unwrap()["lockState"], state);
        }
        assert!(!impostor.requests().iter().any(|asked| asked.method.changes_things()));
        assert_eq!(impostor.value("/lock").unwrap()["lockState"], "Unlocked");
        let shown = home.request(&id, Request::get(Href::new("/lock").unwrap()), Via::Lan).await.unwrap();
        assert_eq!(shown.body.unwrap()["lockState"], "Locked", "the lock's own word");
        let ctl = Homewardctl::new(house.stage.folder.path());
        let listed = ctl.run(&["discover", "--timeout", "18", "--json"]).await.exits(0).json();
        let listed = listed.as_array().unwrap().iter().find(|one| one["di"] == json!(id)).unwrap();
        assert!(listed["claimedAt"].as_array().unwrap().contains(&json!(at)), "{listed}");
        assert!(!listed["addresses"].as_array().unwrap().contains(&json!(at)), "{listed}");
        // Gone, it claims nothing.
        impostor.goes_away();
        home.start_search();
        device(home, &id, "the lock alone", |device| device.claimed_at.is_empty()).await;
    });
}

#[test]
fn nobody_else_comes_to_the_account_of_a_device_of_ours() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        house.gives_account(&id).await;
        let (user, xmpp) = (lock.user_href().unwrap(), lock.xmpp_href().unwrap());
        let mut stranger = Peer::client().await;
        let account = json!({"jid": "eve@home.test", "credential": "ZXZl"});
        let at = lock.endpoints().into_iter().find(std::net::SocketAddr::is_ipv4).unwrap();
        for (method, path, body) in [
            ("GET", user.as_str(), None),
            ("POST", user.as_str(), Some(account)),
            ("GET", xmpp.as_str(), None),
            ("GET", "/lock", None),
            ("POST", "/lock", Some(json!({"lockState": "Unlocked"}))),
        ] {
            let mut order =
                json!({"do": "coap", "method": method, "uri": format!("coap://{at}{path}"), "format": 10000});
            if let Some(body) = body {
                order["body"] = body;
            }
            let answer = stranger.ask(order).await;
            assert_eq!(answer["code"], "4.01", "{method} {path}: {answer}");
        }
        obeys(home, &lock).await;
    });
}

#[test]
fn a_lamp_of_ours_is_created_in_read_changed_watched_and_deleted_from_under_its_security_alone() {
    alone(async || {
        let stage = Stage::signed_in(server::Kind::Prosody).await;
        let devices =
            simulator::Home::start(Scenario::of([Kind::Lamp]).trusting(stage.server.ca_file())).await.unwrap();
        let lamp = devices.device("lamp");
        lamp.secured(simulator::Security::Unowned).unwrap();
        let house = LockHouse { stage, devices };
        let home = house.home();
        let id = house.owns(&lamp).await;
        device(home, &id, "read as ours", |device| device.resources.iter().any(|one| one.href.path() == "/light"))
            .await;
        lamp.forgets_requests();
        let href = |path: &str| Href::new(path).unwrap();
        let asks = async |request: Request| home.request(&id, request, Via::Lan).await.unwrap();
        assert_eq!(asks(Request::get(href("/light"))).await.status, 200);
        assert_eq!(asks(Request::post(href("/light"), json!({"value": true}))).await.status, 204);
        assert_eq!(lamp.value("/light").unwrap()["value"], json!(true));
        let mut watching = home.observe(&id, href("/light"), Via::Lan).await.unwrap();
        assert_eq!(watching.next().await.unwrap().unwrap().body.unwrap()["value"], true);
        lamp.set_value("/light", json!({"value": false}));
        let told = tokio::time::timeout(PATIENCE, watching.next()).await.expect("in time").unwrap().unwrap();
        assert_eq!(told.body.unwrap()["value"], false);
        let scene = json!({"rt": ["x.lumenfold.r.scene"], "if": ["oic.if.rw"], "rep": {"name": "Evening"}});
        let made = asks(Request::post(href("/scenes?if=oic.if.create"), scene)).await;
        assert_eq!(made.status, 201, "{made:?}");
        let made = href(made.body.unwrap()["href"].as_str().unwrap());
        assert_eq!(asks(Request::get(made.clone())).await.body.unwrap()["name"], "Evening");
        assert_eq!(asks(Request::delete(made.clone())).await.status, 204);
        assert_eq!(asks(Request::get(made)).await.status, 404);
        assert!(lamp.requests().iter().all(|asked| asked.via == simulator::Via::Lan));
    });
}
