//! Secured devices: they are taken over, get their account over the session of their owner alone, and are given up.
//! On a desktop, for the keys are kept in the real keyring.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::view::{
    AccountForm, Connection, Device, RunState, Security, TakeoverLeft, TakeoverMethod, TakeoverState, Via,
};
use homeward_core::{Code, Secret};
use homeward_protocol::crudn::{Href, Request, Status};
use homeward_simulator::{self as simulator, Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::lock_house::{LockHouse, ended, is_over, obeys, secured, stands};
use homeward_tests::secrets::{self, Told};
use homeward_tests::server;
use homeward_tests::stage::{Stage, device, open_home, run_ended, until, until_within};
use serde_json::json;

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn passphrase() -> Secret {
    Secret::new("seven small words are many")
}

#[test]
fn a_lock_is_taken_over_with_its_pin_set_up_under_its_security_and_controlled_over_both_paths() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let told = Told::by(home);
        let former = lock.di_now();
        let id = house.owns(&lock).await;
        assert_eq!(id, lock.di_now());
        assert_ne!(id, former);
        assert!(home.devices().iter().all(|device| device.id != former), "nobody answers under its former id");
        let owned = device(home, &id, "ours", |device| {
            device.owned.as_ref().is_some_and(|owned| owned.complete)
                && device.lan.as_ref().is_some_and(|lan| {
                    let status = lan.remote_access.as_ref().and_then(|access| access.status.as_deref());
                    // It says so to its owner alone.
                    lan.security == Security::Ours && status == Some("NotInitialized")
                })
        })
        .await;
        assert_eq!(owned.owned.unwrap().method, TakeoverMethod::Pin);

        // Its account, without any consent to the clear.
        lock.forgets_requests();
        house.gives_account(&id).await;
        let known = device(home, &id, "known to have the account", |device| device.credential.is_some()).await;
        assert!(!known.credential.unwrap().in_the_clear);
        device(home, &id, "said to be connected, by itself", |device| {
            let access = device.lan.as_ref().and_then(|lan| lan.remote_access.as_ref());
            access.is_some_and(|access| access.status.as_deref() == Some("Connected"))
        })
        .await;
        let asked = lock.requests();
        assert!(asked.iter().any(|request| request.href.path() == "/ra/user" && request.executed));

        // A lock takes changes over this network, for it is ours.
        obeys(home, &lock).await;
        let secrets = [&lock.owner_key().unwrap()[..], server::PASSWORD.as_bytes()];
        secrets::are_nowhere(&secrets, house.stage.folder.path(), &[("the events", &told.so_far())]);
        let _ = &house.devices;
    });
}

#[test]
fn a_lock_of_ours_moves_to_another_account_under_its_security() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        house.gives_account(&id).await;
        house.stage.server.add_account("grace", "another horse").await;
        let form = house.stage.server.form();
        let next = AccountForm { jid: form.jid.replacen(server::USER, "grace", 1), ..form };
        home.begin_move(&next, Some(Secret::new("another horse"))).await.unwrap();
        until(home, "signed in there", |snapshot| {
            matches!(snapshot.moving.as_ref()?.connection, Connection::Connected { .. }).then_some(())
        })
        .await;
        assert_eq!(home.who_moves().here, std::slice::from_ref(&id));
        lock.forgets_requests();
        home.move_devices(vec![secured(&id)]).await.unwrap();
        let run = run_ended(home, &id).await;
        assert_eq!((&run.state, &run.jid), (&RunState::Onboarded, &next.jid), "{run:#?}");
        let known = device(home, &id, "known to have it", |device| device.credential.is_some()).await;
        let given = known.credential.unwrap();
        assert!(given.jid == next.jid && !given.in_the_clear && !given.over_account, "{given:?}");
        home.finish_move(Vec::new(), false).await.unwrap();
        obeys(home, &lock).await;
    });
}

#[test]
fn one_without_a_pin_is_taken_over_by_just_works_in_both_dialects() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        lock.offers(&[0]);
        house.finds(&lock).await;
        let former = lock.di_now();
        home.take_over(&former, None).unwrap();
        let ended = ended(home, &former).await;
        assert_eq!(ended.method, TakeoverMethod::JustWorks);
        let TakeoverState::Owned { new_id } = ended.state else { panic!("{ended:#?}") };
        let answer = home.request(&new_id, Request::get(href("/lock")), Via::Lan).await.unwrap();
        assert_eq!(answer.status, 200);
    });
    alone(async || {
        let stage = Stage::start(server::Kind::Prosody).await;
        let devices = simulator::Home::start(Scenario::of([Kind::Plug])).await.unwrap();
        let plug = devices.device("plug");
        plug.secured(simulator::Security::Unowned).unwrap().offers(&[0]).has_sdi(false);
        let house = LockHouse { stage, devices };
        house.finds(&plug).await;
        let former = plug.di_now();
        house.home().take_over(&former, None).unwrap();
        let ended = ended(house.home(), &former).await;
        let TakeoverState::Owned { new_id } = ended.state else { panic!("{ended:#?}") };
        let on = Request::post(href("/switch"), json!({"value": true}));
        let answer = house.home().request(&new_id, on, Via::Lan).await.unwrap();
        assert!((200..300).contains(&answer.status), "{answer:?}");
    });
}

#[test]
fn a_wrong_pin_can_be_corrected_without_starting_over() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.shows_pin(&lock).await;
        let pin = lock.pin().unwrap();
        home.answer_pin(&id, Secret::new(format!("{pin}0"))).unwrap();
        stands(home, &id, |state| matches!(state, TakeoverState::PinNeeded { wrong: 1 })).await;
        home.answer_pin(&id, Secret::new(format!(" {pin} "))).unwrap();
        assert!(matches!(ended(home, &id).await.state, TakeoverState::Owned { .. }));
    });
}

#[test]
fn a_transfer_that_is_cancelled_leaves_the_device_to_be_taken_over() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.shows_pin(&lock).await;
        home.cancel_takeover(&id);
        let cancelled = ended(home, &id).await;
        assert_eq!(cancelled.state, TakeoverState::Cancelled { left: TakeoverLeft::Nothing });
        assert_ne!(house.owns(&lock).await, id);
    });
}

#[test]
fn a_device_that_refuses_half_way_is_let_go_and_can_be_taken_over_at_once() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        lock.refuses_next("/oic/sec/cred", Status::INTERNAL_ERROR, 1);
        let id = house.shows_pin(&lock).await;
        home.answer_pin(&id, Secret::new(lock.pin().unwrap())).unwrap();
        let failed = ended(home, &id).await.state;
        assert!(
            matches!(&failed, TakeoverState::Failed { error, left: TakeoverLeft::Waiting } if error.code == Code::DeviceRefused),
            "{failed:#?}"
        );
        assert_eq!(lock.di_now(), id, "it is as it was");
        assert_ne!(house.owns(&lock).await, id);
    });
}

#[test]
fn a_device_of_anothers_is_refused_before_anything_is_asked_of_it() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        lock.secured(simulator::Security::Owned).unwrap();
        let home = house.home();
        home.start_search();
        let id = lock.di_now();
        device(home, &id, "found", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.described && lan.security == Security::OwnedByAnother)
        })
        .await;
        assert_eq!(home.take_over(&id, None).unwrap_err().code, Code::OwnedByAnother);
    });
}

#[test]
fn a_device_that_is_given_up_is_nobodys_again_and_has_no_account() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        house.gives_account(&id).await;
        home.give_up(&id).await.unwrap();
        lock.wait_for(Duration::from_secs(10), "to be signed out", |lock| lock.jid().is_none().then_some(()))
            .await
            .unwrap();
        let now = lock.di_now();
        assert_ne!(now, id);
        device(home, &now, "nobody's", |device| {
            device.owned.is_none() && device.lan.as_ref().is_some_and(|lan| lan.security == Security::Unowned)
        })
        .await;
        assert_ne!(house.owns(&lock).await, id, "and can be taken over again");
        house.stage.home.close().await;
        let home = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
        let knowers = home.who_knows();
        assert!(!format!("{knowers:?}").contains(&id), "it knows no password any more: {knowers:#?}");
    });
}

#[test]
fn one_that_is_lost_is_forgotten_and_in_no_backup_any_more() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let (home, file) = (house.home(), house.stage.folder.path().join("backup"));
        let id = house.owns(&lock).await;
        assert_eq!(home.forget_key(&id).await.unwrap_err().code, Code::NotNow, "it answers: it can be told");
        lock.goes_away();
        home.start_search();
        device(home, &id, "silent", |device| device.lan.as_ref().is_some_and(|lan| !lan.answering)).await;
        home.forget_key(&id).await.unwrap();
        assert!(home.devices().iter().all(|device| device.owned.is_none()));
        let nothing = home.save_backup(&file, passphrase()).await.unwrap_err();
        assert_eq!(nothing.code, Code::NotNow);
        assert_eq!(home.forget_key(&id).await.unwrap_err().code, Code::NotNow, "there is none any more");
        // It comes back as it was: somebody's who is not known here.
        lock.comes_back().unwrap();
        device(home, &id, "another's", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.answering && lan.security == Security::OwnedByAnother)
        })
        .await;
        house.stage.home.close().await;
        Homewardctl::new(house.stage.folder.path()).run(&["forget-key", &id, "--timeout", "3"]).await.exits(2);
    });
}

#[test]
fn one_that_was_reset_by_hand_is_made_ours_again_once_its_key_is_forgotten() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        // Most have another id after that; this one keeps its own, and cannot be told from one that only claims it.
        lock.secured(simulator::Security::Unowned).unwrap().claims_the_id(&id);
        home.start_search();
        device(home, &id, "not proven", |device| {
            !device.claimed_at.is_empty() && device.lan.as_ref().is_some_and(|lan| !lan.answering)
        })
        .await;
        assert_eq!(home.take_over(&id, None).unwrap_err().code, Code::NotNow, "it is ours, as far as is known");
        home.forget_key(&id).await.unwrap();
        house.owns(&lock).await;
        let request = Request::get(href("/lock"));
        assert_eq!(home.request(&lock.di_now(), request, Via::Lan).await.unwrap().status, 200);
        assert!(home.devices().iter().all(|device| device.claimed_at.is_empty()));
    });
}

#[test]
fn one_whose_answer_to_being_given_up_is_lost_is_given_up_all_the_same() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let id = house.owns(&lock).await;
        lock.swallows_next_answers(1);
        house.home().give_up(&id).await.unwrap();
        device(house.home(), &lock.di_now(), "nobody's", |device| {
            device.owned.is_none() && device.lan.as_ref().is_some_and(|lan| lan.security == Security::Unowned)
        })
        .await;
        assert!(house.home().devices().iter().all(|device| device.owned.is_none()));
    });
}

#[test]
fn one_that_says_another_id_to_its_owner_is_not_believed_and_gets_nothing() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        // Its owner asks how its Remote Access stands, once it has proven itself; not after that.
        let access = lock.xmpp_href().unwrap();
        lock.wait_for_request(|asked| asked.href.path() == access.path() && asked.status.is_some()).await.unwrap();
        lock.says_another_id_to_its_owner(true).goes_away().comes_back().unwrap();
        lock.forgets_requests();
        home.start_search();
        let at = lock.endpoints()[0].to_string();
        let claimed = device(home, &id, "another at its new port", |device| device.claimed_at.contains(&at)).await;
        assert!(!claimed.lan.unwrap().addresses.contains(&at));
        let mut events = home.subscribe();
        let refused = loop {
            match home.request(&id, Request::get(href("/lock")), Via::Lan).await.unwrap_err() {
                // Where it was, until it has fallen silent there.
                gone if matches!(gone.code, Code::NotReachable | Code::NoAnswer) => {
                    events.next().await.unwrap().unwrap()
                }
                refused => break refused,
            };
        };
        assert_eq!(refused.code, Code::DeviceNotProven, "{refused:?}");
        let requests = lock.requests();
        assert!(requests.iter().all(|request| request.href.path().starts_with("/oic/")), "{requests:#?}");
    });
}

#[test]
fn after_a_restart_the_device_is_ours_still() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let id = house.owns(&lock).await;
        house.stage.home.close().await;
        let home = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
        home.start_search();
        device(&home, &id, "ours", |device| {
            device.owned.is_some() && device.lan.as_ref().is_some_and(|lan| lan.answering)
        })
        .await;
        let answer = home.request(&id, Request::get(href("/lock")), Via::Lan).await.unwrap();
        assert_eq!(answer.status, 200);
    });
}

#[test]
fn one_whose_key_is_lost_has_to_be_reset_unless_a_backup_has_it() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let id = house.owns(&lock).await;
        let folder = house.stage.folder.path();
        let file = folder.join("homeward.backup");
        house.home().save_backup(&file, passphrase()).await.unwrap();
        house.home().close().await;
        forgets_key_of(&id).await;

        let home = open_home(folder.to_owned(), |_| ()).await;
        home.start_search();
        let security = |wanted| move |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.security == wanted);
        device(&home, &id, "without its key", security(Security::ResetNeeded)).await;
        let refused = home.request(&id, Request::get(href("/lock")), Via::Lan).await;
        assert_eq!(refused.unwrap_err().code, Code::KeyMissing);
        assert_eq!(home.take_over(&id, None).unwrap_err().code, Code::KeyMissing);
        home.restore_backup(&file, passphrase()).await.unwrap();
        device(&home, &id, "ours again", security(Security::Ours)).await;
        let answer = home.request(&id, Request::get(href("/lock")), Via::Lan).await.unwrap();
        assert_eq!(answer.status, 200);
        home.close().await;
    });
}

/// As where a person removes it from the keyring.
async fn forgets_key_of(id: &str) {
    let entry = format!("device {id}");
    // Its calls block, and panic on an async thread.
    let removed =
        tokio::task::spawn_blocking(move || keyring::Entry::new("homeward", &entry).unwrap().delete_credential());
    removed.await.unwrap().unwrap();
}

#[test]
fn who_claims_the_id_of_a_lock_of_ours_gets_no_command() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let home = house.home();
        let id = house.owns(&lock).await;
        lock.goes_away();
        let others = simulator::Home::start(Scenario::of([Kind::Lock]).with_seed(77)).await.unwrap();
        let impostor = others.device("lock");
        impostor.secured(simulator::Security::Owned).unwrap().claims_the_id(&id);
        impostor.forgets_requests();
        home.start_search();
        let at = impostor.endpoints()[0].to_string();
        let claimed = device(home, &id, "claimed by the impostor", |device| device.claimed_at.contains(&at)).await;
        assert!(!claimed.lan.unwrap().addresses.contains(&at));
        let unlock = || Request::post(href("/lock"), json!({"lockState": "Unlocked"}));
        let mut events = home.subscribe();
        let refused = loop {
            match home.request(&id, unlock(), Via::Lan).await.unwrap_err() {
                // The session with the lock, which is gone.
                gone if matches!(gone.code, Code::NotReachable | Code::NoAnswer | Code::OutcomeUnknown) => {
                    events.next().await.unwrap().unwrap()
                }
                refused => break refused,
            };
        };
        assert_eq!(refused.code, Code::DeviceNotProven, "{refused:?}");
        assert!(!impostor.requests().iter().any(|request| request.method.changes_things()));
        assert_eq!(impostor.value("/lock").unwrap()["lockState"], "Locked");
        // And one that offers itself to be taken over under this id is not taken for the lock either.
        impostor.claims_to_be_unowned(true);
        assert_eq!(home.take_over(&id, None).unwrap_err().code, Code::NotNow);
        // Nor is it by the next start, which has no session with the lock, and reads its key meanwhile.
        home.close().await;
        impostor.forgets_requests();
        let next = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
        let (found, _) = next.discover(Duration::from_secs(4)).await.unwrap();
        assert!(found.iter().all(|one| one.id != id), "{found:#?}");
        assert!(impostor.requests().iter().any(|request| request.href.path() == "/oic/res"), "it was heard");
    });
}

#[test]
fn the_terminal_takes_a_device_over_and_no_secret_of_it_is_in_any_file_or_word() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        house.home().close().await;
        let ctl = Homewardctl::new(house.stage.folder.path()).with_log("trace");
        let mut running = ctl.start_with_input(&["own", lock.di(), "--pin-stdin", "--json"]);
        let mut said = Vec::new();
        let pin = loop {
            let line = running.line().await;
            let asked = line["step"] == "pin-needed";
            said.push(line.to_string());
            if asked {
                break lock.pin().unwrap();
            }
        };
        running.types(&format!("{pin}\n")).await;
        let id = loop {
            let line = running.line().await;
            said.push(line.to_string());
            if line["result"] == "owned" {
                break line["newDi"].as_str().unwrap().to_owned();
            }
        };
        let log = running.ends().await;
        assert_eq!(log.code, 0, "{log:#?}");
        assert_eq!(id, lock.di_now());
        ctl.run(&["onboard", &id, "--json"]).await.exits(0);
        let got = ctl.run(&["get", &id, "/lock", "--via", "lan", "--show-exchange", "--json"]).await.exits(0);

        let key = lock.owner_key().unwrap();
        let (said, got) = (said.join("\n"), format!("{}{}", got.output, got.log));
        let said = [("the output", said.as_str()), ("the log", &log.log), ("the output of get", &got)];
        let secrets = [&key[..], pin.as_bytes(), server::PASSWORD.as_bytes()];
        secrets::are_nowhere(&secrets, house.stage.folder.path(), &said);
        ctl.run(&["give-up", &id, "--json"]).await.exits(0);
        assert_ne!(lock.di_now(), id);
    });
}

#[test]
fn over_a_network_that_loses_every_tenth_datagram_a_device_is_taken_over_too() {
    for (methods, seed) in [(vec![1], 3), (vec![0], 4)] {
        alone(async || {
            let (house, lock) = LockHouse::new().await;
            let home = house.home();
            lock.offers(&methods);
            house.finds(&lock).await;
            lock.loses(10, seed);
            let former = lock.di_now();
            home.take_over(&former, None).unwrap();
            let going = until_within(home, "the PIN, or the end", Duration::from_secs(120), |snapshot| {
                let state = &snapshot.takeovers.iter().find(|one| one.id == former)?.state;
                let waits = matches!(state, TakeoverState::PinNeeded { .. });
                (waits || is_over(state)).then(|| state.clone())
            })
            .await;
            if matches!(going, TakeoverState::PinNeeded { .. }) {
                home.answer_pin(&former, Secret::new(lock.pin().unwrap())).unwrap();
            }
            let ended = until_within(home, "the end", Duration::from_secs(120), |snapshot| {
                let state = &snapshot.takeovers.iter().find(|one| one.id == former)?.state;
                is_over(state).then(|| state.clone())
            })
            .await;
            assert!(matches!(ended, TakeoverState::Owned { .. }), "{ended:#?}");
        });
    }
}

#[test]
fn one_whose_datagrams_come_twice_and_in_reversed_order_is_taken_over_set_up_and_controlled() {
    for method in [TakeoverMethod::Pin, TakeoverMethod::JustWorks] {
        alone(async || {
            let (house, lock) = LockHouse::new().await;
            let home = house.home();
            lock.duplicates_datagrams(true).reorders_datagrams(true);
            let id = if method == TakeoverMethod::Pin {
                house.owns(&lock).await
            } else {
                lock.offers(&[0]);
                house.finds(&lock).await;
                let former = lock.di_now();
                home.take_over(&former, None).unwrap();
                let ended = ended(home, &former).await;
                assert_eq!(ended.method, method);
                let TakeoverState::Owned { new_id } = ended.state else { panic!("{ended:#?}") };
                new_id
            };
            assert_eq!(id, lock.di_now());
            house.gives_account(&id).await;
            obeys(home, &lock).await;
        });
    }
}

#[test]
fn a_backup_moves_the_devices_to_another_computer_and_back() {
    alone(async || {
        let (house, lock) = LockHouse::new().await;
        let id = house.owns(&lock).await;
        let file = house.stage.folder.path().join("homeward.backup");
        let short = house.home().save_backup(&file, Secret::new("short")).await.unwrap_err();
        assert_eq!(short.code, Code::PassphraseWeak);
        assert_eq!(house.home().save_backup(&file, passphrase()).await.unwrap(), 1);
        let bytes = std::fs::read(&file).unwrap();
        let key = lock.owner_key().unwrap();
        assert!(
            !bytes.windows(16).any(|window| window == key) && !bytes.windows(36).any(|window| window == id.as_bytes())
        );
        house.home().close().await;

        // Another computer: another folder, and a keyring without the device's key.
        forgets_key_of(&id).await;
        let folder = tempfile::tempdir().unwrap();
        let there = open_home(folder.path().to_owned(), |_| ()).await;
        let wrong = there.restore_backup(&file, Secret::new("seven small words are few.")).await.unwrap_err();
        assert_eq!(wrong.code, Code::PassphraseWrong);
        there.start_search();
        device(&there, &id, "another's", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.described && lan.security == Security::OwnedByAnother)
        })
        .await;
        assert_eq!(there.restore_backup(&file, passphrase()).await.unwrap(), 1);
        let answer = there.request(&id, Request::get(href("/lock")), Via::Lan).await.unwrap();
        assert_eq!(answer.status, 200);
        let back = folder.path().join("homeward.backup");
        assert_eq!(there.save_backup(&back, passphrase()).await.unwrap(), 1);
        there.close().await;

        forgets_key_of(&id).await;
        let here = open_home(house.stage.folder.path().to_owned(), |_| ()).await;
        here.start_search();
        let needs_key = |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.security == Security::ResetNeeded);
        device(&here, &id, "of no use without its key", needs_key).await;
        assert_eq!(here.restore_backup(&back, passphrase()).await.unwrap(), 1);
        let answer = here.request(&id, Request::get(href("/lock")), Via::Lan).await.unwrap();
        assert_eq!(answer.status, 200);
        here.close().await;
    });
}
