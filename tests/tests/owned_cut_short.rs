//! What is cut short between a secured device and its owner: a transfer, by the end of the program, at every request of it; a
//! set-up, by the device's power. On a desktop, for the keys are kept in the real keyring.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::view::{Device, OnLan, RunState, Security, TakeoverState, Via};
use homeward_protocol::crudn::{Href, Method, Request};
use homeward_simulator as simulator;
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::lock_house::{LockHouse, ended, obeys, secured};
use homeward_tests::stage::{device, open_home, run_ended};

/// When the device lets a transfer go.
const SOON: Duration = Duration::from_millis(100);

/// The terminal's `own`, killed when a request to this path has come to the device whose body has these words; a DELETE, if
/// there are none.
async fn killed_at(path: &str, words: &str, let_go_after: Duration) -> (LockHouse, simulator::Device) {
    let (house, lock) = LockHouse::new().await;
    house.home().close().await;
    lock.offers(&[0]).lets_a_transfer_go_after(let_go_after);
    lock.slow(Duration::from_millis(400));
    let ctl = Homewardctl::new(house.stage.folder.path());
    let running = ctl.start(&["own", lock.di(), "--json"]);
    let is_it = |asked: &simulator::LoggedRequest| {
        let says = match &asked.body {
            Some(body) => !words.is_empty() && body.to_string().contains(words),
            None => words.is_empty() && asked.method == Method::Delete,
        };
        asked.href.path() == path && says
    };
    lock.wait_for_request(is_it).await.unwrap();
    running.killed().await;
    lock.wait_until_all_is_answered().await.unwrap();
    lock.slow(Duration::ZERO);
    (house, lock)
}

#[test]
fn killed_before_the_device_was_ours_nothing_is_left_and_it_can_be_taken_over() {
    alone(async || {
        for (path, words) in [
            ("/oic/sec/pstat", r#""om""#),
            ("/oic/sec/doxm", r#""devowneruuid""#),
            ("/oic/sec/doxm", r#""deviceuuid""#),
            ("/oic/sec/doxm", r#""rowneruuid""#),
            ("/oic/sec/acl2", r#""rowneruuid""#),
            ("/oic/sec/pstat", r#""rowneruuid""#),
            ("/oic/sec/cred", r#""creds""#),
        ] {
            let (house, lock) = killed_at(path, words, SOON).await;
            let home = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
            home.start_search();
            device(&home, lock.di(), &format!("nobody's after {path} {words}"), |device| {
                let is_free = |lan: &OnLan| lan.described && lan.security == Security::Unowned;
                device.owned.is_none() && device.lan.as_ref().is_some_and(is_free)
            })
            .await;
            home.take_over(lock.di(), None).unwrap();
            let ended = ended(&home, lock.di()).await;
            assert!(matches!(ended.state, TakeoverState::Owned { .. }), "{path} {words}: {ended:#?}");
            home.close().await;
        }
    });
}

#[test]
fn that_somebody_takes_it_over_is_shown_and_that_it_has_been_let_go_too() {
    alone(async || {
        let let_go_after = Duration::from_secs(8);
        let (house, lock) = killed_at("/oic/sec/doxm", r#""devowneruuid""#, let_go_after).await;
        let home = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
        home.start_search();
        let is = |wanted| move |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.security == wanted);
        let taken = device(&home, lock.di(), "somebody's soon", is(Security::InTransfer)).await;
        assert!(taken.lan.unwrap().in_transfer_since_ms.is_some());
        device(&home, lock.di(), "nobody's", is(Security::Unowned)).await;
        home.close().await;
    });
}

#[test]
fn killed_after_the_device_had_become_ours_it_is_finished_at_the_next_start() {
    alone(async || {
        for (path, words) in [
            ("/oic/sec/doxm", r#""owned""#),
            ("/oic/sec/pstat", r#"{"s":2}"#),
            ("/oic/sec/acl2", ""),
            ("/oic/sec/acl2", r#""aclist2""#),
            ("/oic/sec/pstat", r#"{"s":3}"#),
        ] {
            let (house, lock) = killed_at(path, words, SOON).await;
            let home = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
            home.start_search();
            let id = lock.di_now();
            let found = device(&home, &id, "ours, and not ready", |device| {
                device.owned.is_some() && device.lan.as_ref().is_some_and(|lan| lan.described)
            })
            .await;
            assert!(!found.owned.unwrap().complete);
            home.finish_takeover(&id).await.unwrap();
            let answer = home.request(&id, Request::get(Href::new("/lock").unwrap()), Via::Lan).await.unwrap();
            assert_eq!(answer.status, 200);
            device(&home, &id, "ours wholly", |device| device.owned.as_ref().is_some_and(|owned| owned.complete)).await;
            home.close().await;
        }
    });
}

#[test]
fn one_that_loses_power_while_it_is_given_its_account_is_given_it_where_it_answers_then() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        device(home, &id, "read anew", |device| device.lan.as_ref().is_some_and(|lan| lan.described)).await;
        let user = lock.user_href().unwrap();
        lock.forgets_requests().slow(Duration::from_millis(600));
        home.onboard(vec![secured(&id)]).await.unwrap();
        let given = |one: &simulator::LoggedRequest| one.method == Method::Post && one.href.path() == user.path();
        lock.wait_for_request(given).await.unwrap();
        lock.goes_away().slow(Duration::ZERO).comes_back().unwrap();
        let run = run_ended(home, &id).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        let given = lock.requests().into_iter().filter(given).collect::<Vec<_>>();
        assert!(given.len() > 1 && given[0].from != given[1].from, "{given:#?}");
        obeys(home, &lock).await;
    });
}
