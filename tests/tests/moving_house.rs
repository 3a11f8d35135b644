//! The house moves to another account, one device at a time: at real servers, over the network and over the old account. Whoever
//! has not moved works on; what is cut short goes on after a restart; the old account ends when all have moved.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{AccountForm, Connection, Movers, Presence, Run, RunState};
use homeward_protocol::crudn::{Method, Status};
use homeward_protocol::secret::Secret;
use homeward_simulator::{Device, LoggedRequest, Scenario};
use homeward_tests::alone;
use homeward_tests::cli::{Ended, Homewardctl};
use homeward_tests::house::{House, KEYS, asked_more_than};
use homeward_tests::peer::PATIENCE;
use homeward_tests::secrets;
use homeward_tests::server::{Kind, PASSWORD, Server};
use homeward_tests::stage::{device, run_ended, until};
use serde_json::json;
use xtask::servers::Options;

const NEXT: &str = "grace";
const NEXT_PASSWORD: &str = "another horse, another battery";
/// With the password of the account that it moves to.
async fn with(kind: Kind, prepared: impl FnOnce(Scenario, &Server) -> Scenario) -> House {
    let module = if kind == Kind::Prosody { "register" } else { "mod_register" };
    let server = Server::start_with(kind, Options { modules: vec![module.to_owned()], ..Options::default() }).await;
    server.add_account(NEXT, NEXT_PASSWORD).await;
    House::at(server, prepared, |config| config.next_password = Some(Secret::new(NEXT_PASSWORD))).await
}

/// Lamp and plug were given the old account on the network that all share.
async fn at_home(kind: Kind) -> House {
    let house = with(kind, |scenario, _| scenario).await;
    house.finds().await;
    for key in KEYS {
        house.onboards(key).await;
    }
    house
}

/// They are at the server, and nowhere else.
async fn far_away() -> House {
    let house = with(Kind::Prosody, |scenario, server| {
        scenario.over_xmpp_only().signed_in(&server.host(), server.port(), &server.jid(), PASSWORD)
    })
    .await;
    for key in KEYS {
        house.is_there_with(key, &house.server.jid()).await;
    }
    house
}

fn next_of(house: &House) -> AccountForm {
    let form = house.server.form();
    AccountForm { jid: form.jid.replacen(homeward_tests::server::USER, NEXT, 1), ..form }
}

/// The move has begun, and both accounts are signed in.
async fn begins(house: &House) {
    house.home.begin_move(&next_of(house), Some(Secret::new(NEXT_PASSWORD))).await.unwrap();
    is_signed_in_to_both(house).await;
}

async fn is_signed_in_to_both(house: &House) {
    until(&house.home, "signed in with both", |snapshot| {
        let next = &snapshot.moving.as_ref()?.connection;
        let both = [next, &snapshot.connection];
        both.iter().all(|one| matches!(one, Connection::Connected { .. })).then_some(())
    })
    .await;
}

async fn moves(house: &House, key: &str) -> Run {
    house.home.move_devices(house.choices(&[key])).await.unwrap();
    run_ended(&house.home, &house.id(key)).await
}

fn movers(house: &House) -> Movers {
    let mut movers = house.home.who_moves();
    for group in [&mut movers.moved, &mut movers.here, &mut movers.over_account, &mut movers.elsewhere] {
        group.sort();
    }
    movers
}

/// The terminal is told where the house moves.
async fn begins_in_the_terminal(house: &House, password: &str) -> Ended {
    let (server, jid) = (&house.server, next_of(house).jid);
    let (host, port, ca) = (server.host(), server.port().to_string(), server.ca_file());
    let to = ["move", "to", "--jid", &jid, "--server", &host, "--port", &port, "--ca", ca.to_str().unwrap()];
    Homewardctl::new(house.folder.path()).with_password(Some(password)).run(&to).await
}

async fn moves_one_by_one(kind: Kind) {
    let house = at_home(kind).await;
    let (old, next) = (house.server.form(), next_of(&house));
    begins(&house).await;
    let mut both = house.ids(&KEYS);
    both.sort();
    assert_eq!(movers(&house), Movers { here: both, ..Movers::default() });
    let run = moves(&house, "lamp").await;
    assert_eq!((&run.state, &run.jid), (&RunState::Onboarded, &next.jid), "{run:#?}");
    // Each works with the account that it has.
    house.is_there_with("lamp", &next.jid).await;
    house.is_there_with("plug", &old.jid).await;
    house.works("lamp", true).await;
    house.works("plug", true).await;
    let (moved, here) = (house.ids(&["lamp"]), house.ids(&["plug"]));
    assert_eq!(movers(&house), Movers { moved, here, ..Movers::default() });
    // Nobody is left behind who was not named, and the way back is closed.
    assert_eq!(house.home.finish_move(Vec::new(), true).await.unwrap_err().code, Code::NotNow);
    assert_eq!(house.home.stop_move().await.unwrap_err().code, Code::NotNow);
    assert_eq!(moves(&house, "plug").await.state, RunState::Onboarded);
    house.home.finish_move(Vec::new(), true).await.unwrap();
    // At once, and without a gap.
    let snapshot = house.home.snapshot();
    assert_eq!((snapshot.account.unwrap().jid, snapshot.moving), (next.jid.clone(), None));
    assert!(matches!(snapshot.connection, Connection::Connected { .. }), "{:?}", snapshot.connection);
    assert!(snapshot.devices.iter().all(|device| device.presence == Presence::Online), "{:#?}", snapshot.devices);
    house.works("lamp", false).await;
    house.works("plug", false).await;
    assert!(!house.opens(&old.jid, PASSWORD).await, "the old account is of use still");
    assert!(house.opens(&next.jid, NEXT_PASSWORD).await);
    // And at the next start.
    let house = house.restarted_with(|config| config.password = Some(Secret::new(NEXT_PASSWORD))).await;
    assert_eq!(house.home.account().unwrap().jid, next.jid);
    for key in KEYS {
        house.is_there_with(key, &next.jid).await;
        house.works(key, true).await;
    }
}

#[test]
fn it_moves_at_prosody_and_the_old_account_is_deleted() {
    alone(|| moves_one_by_one(Kind::Prosody));
}

#[test]
fn it_moves_at_ejabberd_and_the_old_account_is_deleted() {
    alone(|| moves_one_by_one(Kind::Ejabberd));
}

#[test]
fn a_device_that_is_far_away_moves_over_its_old_account() {
    alone(async || {
        let house = far_away().await;
        let next = next_of(&house);
        begins(&house).await;
        let mut both = house.ids(&KEYS);
        both.sort();
        assert_eq!(movers(&house), Movers { over_account: both, ..Movers::default() });
        let run = moves(&house, "lamp").await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        let lamp = house.is_there_with("lamp", &next.jid).await;
        let given = lamp.credential.unwrap();
        assert!(given.certain && given.over_account && !given.in_the_clear, "{given:?}");
        house.works("lamp", true).await;
        house.works("plug", true).await;
        let writes: Vec<String> = house
            .devices
            .device("lamp")
            .requests()
            .into_iter()
            .filter(|one| one.method == Method::Post && one.href.path() != "/light")
            .map(|one| one.href.path().to_owned())
            .collect();
        let user = house.devices.device("lamp").user_href().unwrap();
        assert_eq!(writes, [user.path()], "more than the account was written");
    });
}

#[test]
fn for_another_server_it_has_to_be_on_this_network() {
    alone(async || {
        let house = far_away().await;
        let other = Server::start(Kind::Prosody).await;
        other.add_account(NEXT, NEXT_PASSWORD).await;
        let form = other.form();
        let form = AccountForm { jid: form.jid.replacen(homeward_tests::server::USER, NEXT, 1), ..form };
        house.home.begin_move(&form, Some(Secret::new(NEXT_PASSWORD))).await.unwrap();
        is_signed_in_to_both(&house).await;
        let mut both = house.ids(&KEYS);
        both.sort();
        assert_eq!(movers(&house), Movers { elsewhere: both, ..Movers::default() });
        let run = moves(&house, "lamp").await;
        let RunState::Failed { error, .. } = &run.state else { panic!("{run:#?}") };
        assert_eq!(error.code, Code::OtherServer);
        house.works("lamp", true).await;
        // Nobody has it: the house stays where it is.
        house.home.stop_move().await.unwrap();
        assert_eq!(house.home.snapshot().moving, None);
        house.works("plug", true).await;
    });
}

/// Whether a request gives a device this account.
fn gives(device: &Device, jid: &str) -> impl Fn(&LoggedRequest) -> bool {
    let user = device.user_href().unwrap();
    move |one| {
        let given = one.body.as_ref().and_then(|body| body["jid"].as_str());
        one.method == Method::Post && one.href.path() == user.path() && given == Some(jid)
    }
}

/// Its power fails when it is asked for or has just taken the new account, and is back at once: it answers at other ports.
async fn loses_power_and_moves(when: When) {
    let house = at_home(Kind::Prosody).await;
    begins(&house).await;
    let (next, plug) = (next_of(&house).jid, house.devices.device("plug"));
    if when == When::Asked {
        plug.slow(Duration::from_millis(600));
    }
    house.home.move_devices(house.choices(&["plug"])).await.unwrap();
    match when {
        When::Asked => drop(plug.wait_for_request(gives(&plug, &next)).await.unwrap()),
        When::Taken => {
            let user = plug.user_href().unwrap();
            drop(plug.wait_for_value(user.as_str(), |user| user["jid"] == *next).await.unwrap());
        }
    }
    plug.goes_away().slow(Duration::ZERO).comes_back().unwrap();
    let run = run_ended(&house.home, plug.di()).await;
    let held = house.held("plug").0;
    // With whichever account, it does what it is told.
    house.is_there_with("plug", &held).await;
    house.works("plug", true).await;
    if run.state != RunState::Onboarded {
        assert_eq!(moves(&house, "plug").await.state, RunState::Onboarded);
        house.is_there_with("plug", &next).await;
        house.works("plug", false).await;
    }
    assert_eq!(movers(&house).moved, house.ids(&["plug"]));
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    Asked,
    Taken,
}

#[test]
fn one_that_loses_power_when_it_is_given_the_account_works_with_the_one_or_the_other_and_moves() {
    alone(|| loses_power_and_moves(When::Asked));
}

#[test]
fn one_that_loses_power_when_it_has_just_taken_the_account_works_and_moves() {
    alone(|| loses_power_and_moves(When::Taken));
}

#[test]
fn one_that_dies_half_way_is_left_where_it_works_and_moves_later() {
    alone(async || {
        let house = at_home(Kind::Prosody).await;
        begins(&house).await;
        let (plug, user) = (house.devices.device("plug"), house.devices.device("plug").user_href().unwrap());
        plug.refuses(user.as_str(), Status(503));
        house.home.move_devices(house.choices(&KEYS)).await.unwrap();
        assert_eq!(run_ended(&house.home, &house.id("lamp")).await.state, RunState::Onboarded);
        let run = run_ended(&house.home, plug.di()).await;
        assert!(matches!(run.state, RunState::Failed { .. }), "{run:#?}");
        house.is_there_with("plug", &house.server.jid()).await;
        house.works("lamp", true).await;
        house.works("plug", true).await;
        // It is as good after a restart.
        let house = house.restarted().await;
        is_signed_in_to_both(&house).await;
        house.home.start_search();
        let plug = house.devices.device("plug");
        plug.accepts(user.as_str());
        device(&house.home, plug.di(), "found", |device| device.lan.as_ref().is_some_and(|lan| lan.described)).await;
        house.is_there_with("lamp", &next_of(&house).jid).await;
        assert_eq!(movers(&house).moved, house.ids(&["lamp"]));
        assert_eq!(moves(&house, "plug").await.state, RunState::Onboarded);
        house.works("plug", false).await;
        house.home.finish_move(Vec::new(), false).await.unwrap();
        assert!(house.opens(&house.server.jid(), PASSWORD).await, "it was to be kept");
    });
}

#[test]
fn killed_at_any_request_of_it_each_device_has_one_of_the_two_accounts_and_the_move_goes_on() {
    alone(async || {
        let mut killed = 0;
        while is_killed_at(killed).await {
            killed += 1;
        }
        assert!(killed > 3, "it was killed {killed} times");
    });
}

/// The lamp moves, and the program is killed when so many requests of the run have been answered; false, if it has ended
/// before.
async fn is_killed_at(answered: usize) -> bool {
    let house = at_home(Kind::Prosody).await;
    house.home.close().await;
    begins_in_the_terminal(&house, NEXT_PASSWORD).await.exits(0);
    let ctl = Homewardctl::new(house.folder.path()).with_next_password(NEXT_PASSWORD);
    let lamp = house.devices.device("lamp");
    lamp.forgets_requests().slow(Duration::from_millis(300));
    let running = ctl.start(&["move", "devices", lamp.di(), "--allow-unencrypted", "--json"]);
    let nth = lamp.wait_for(PATIENCE, "to be asked once more", asked_more_than(answered));
    let nth_came = running.killed_at(nth).await;
    lamp.wait_until_all_is_answered().await.unwrap();
    lamp.slow(Duration::ZERO);
    // The next start knows of the move.
    let house = house.restarted().await;
    is_signed_in_to_both(&house).await;
    house.home.start_search();
    for key in KEYS {
        device(&house.home, &house.id(key), "there", |device| {
            let there = device.remote.as_ref().is_some_and(|remote| remote.available);
            there && device.lan.as_ref().is_some_and(|lan| lan.described)
        })
        .await;
        house.works(key, true).await;
    }
    let Some(came) = nth_came else {
        assert_eq!(movers(&house).moved, house.ids(&["lamp"]));
        return false;
    };
    came.unwrap();
    for key in KEYS {
        assert_eq!(moves(&house, key).await.state, RunState::Onboarded, "killed after {answered}");
    }
    assert_eq!(movers(&house).moved.len(), 2);
    house.home.finish_move(Vec::new(), false).await.unwrap();
    house.works("lamp", false).await;
    true
}

#[test]
fn one_that_is_left_behind_is_named_and_shown_no_longer() {
    alone(async || {
        let house = at_home(Kind::Prosody).await;
        begins(&house).await;
        assert_eq!(moves(&house, "lamp").await.state, RunState::Onboarded);
        house.home.stop_search();
        house.devices.device("plug").goes_away();
        until(&house.home, "the plug is away", |_| (movers(&house).elsewhere == house.ids(&["plug"])).then_some(()))
            .await;
        house.home.finish_move(house.ids(&["plug"]), false).await.unwrap();
        until(&house.home, "only the lamp is shown as usable", |snapshot| {
            let usable = snapshot.devices.iter().filter(|device| device.remote.is_some());
            (usable.map(|device| device.id.clone()).collect::<Vec<_>>() == house.ids(&["lamp"])).then_some(())
        })
        .await;
        house.works("lamp", true).await;
    });
}

#[test]
fn what_would_cross_it_is_refused_meanwhile() {
    alone(async || {
        let house = far_away().await;
        let own = house.home.begin_move(&house.server.form(), None).await;
        assert_eq!(own.unwrap_err().code, Code::NotNow, "it has that account");
        assert_eq!(house.home.stop_move().await.unwrap_err().code, Code::NotNow, "it does not move");
        begins(&house).await;
        let third = AccountForm { jid: next_of(&house).jid.replacen(NEXT, "third", 1), ..next_of(&house) };
        let other = Some(Secret::new("other"));
        for refused in [
            house.home.begin_move(&third, other.clone()).await.err(),
            house.home.set_account(&third, other.clone()).await.err(),
            house.home.forget_account().await.err(),
            house.home.change_password(Secret::new("other"), Vec::new(), Vec::new()).await.err(),
        ] {
            assert_eq!(refused.map(|error| error.code), Some(Code::NotNow));
        }
        // The same again goes on with it.
        begins(&house).await;
    });
}

#[test]
fn the_terminal_moves_the_house() {
    alone(async || {
        let house = at_home(Kind::Prosody).await;
        let (next, folder) = (next_of(&house), house.folder.path());
        house.home.close().await;
        begins_in_the_terminal(&house, "wrong").await.exits(4);
        begins_in_the_terminal(&house, NEXT_PASSWORD).await.exits(0);
        let ctl = Homewardctl::new(folder).with_next_password(NEXT_PASSWORD).with_log("trace");
        let status = ctl.run(&["move", "status", "--json"]).await.exits(0).json();
        assert_eq!((&status["to"], status["here"].as_array().unwrap().len()), (&json!(next.jid), 2), "{status}");
        let moved = ctl.run(&["move", "devices", "--all", "--allow-unencrypted", "--json"]).await.exits(0);
        let secrets = [PASSWORD.as_bytes(), NEXT_PASSWORD.as_bytes()];
        secrets::are_nowhere(&secrets, folder, &[("the output", &moved.output), ("the log", &moved.log)]);
        let status = ctl.run(&["move", "finish", "--json"]).await.exits(0).json();
        assert_eq!((&status["from"], &status["to"]), (&json!(next.jid), &json!(null)), "{status}");
        let ctl = Homewardctl::new(folder).with_password(Some(NEXT_PASSWORD));
        ctl.run(&["get", &house.id("lamp"), "/light", "--via", "xmpp"]).await.exits(0);
    });
}
