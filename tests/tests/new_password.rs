//! Another password for the account, in place: at a real server, here, and on every device that is named; the old one is of
//! no more use. Nobody is shut out who was not named, and nothing is changed where it cannot be done.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_core::Code;
use homeward_core::view::{Knowers, Layer, LayerState, OnboardChoice, Presence, RunState};
use homeward_protocol::secret::Secret;
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::house::{House, KEYS};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH};
use homeward_tests::secrets;
use homeward_tests::server::{Kind, PASSWORD, Server};
use homeward_tests::stage::{run_ended, until_within};
use xtask::servers::Options;

const NEW: &str = "another horse, another battery";
const BACK_WITHIN: Duration = Duration::from_secs(20);

async fn house(kind: Kind, changes: bool) -> RemoteHouse {
    let module = if kind == Kind::Prosody { "register" } else { "mod_register" };
    let modules = if changes { vec![module.to_owned()] } else { Vec::new() };
    let server = Server::start_with(kind, Options { modules, ..Options::default() }).await;
    RemoteHouse::at_home_with(server, Scenario::of([Appliance::Lamp, Appliance::Plug])).await
}

fn ids(house: &RemoteHouse, keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| house.devices.device(key).di().to_owned()).collect()
}

fn choices(house: &RemoteHouse, keys: &[&str]) -> Vec<OnboardChoice> {
    ids(house, keys).into_iter().map(|id| OnboardChoice { id, allow_unencrypted: true }).collect()
}

/// Whether a password opens the account: by a check of its own.
async fn opens(house: &RemoteHouse, password: &str) -> bool {
    let check = house.home.check_account(&house.link.form(&house.server), Some(Secret::new(password))).await.unwrap();
    let sasl = check.layers.iter().find(|layer| layer.layer == Layer::Sasl).unwrap();
    match &sasl.state {
        LayerState::Passed => true,
        LayerState::Failed { error } if error.code == Code::NotAuthorized => false,
        other => panic!("{other:?}"),
    }
}

/// The credential that a device holds, as it was written to it.
fn held(house: &RemoteHouse, key: &str) -> String {
    let device = house.devices.device(key);
    device.value(device.user_href().unwrap().as_str()).unwrap()["credential"].as_str().unwrap().to_owned()
}

async fn is_changed_everywhere(kind: Kind) {
    let house = house(kind, true).await;
    let mut here = ids(&house, &["lamp", "plug"]);
    here.sort();
    let mut knowers = house.home.who_knows();
    knowers.here.sort();
    assert_eq!(knowers, Knowers { here, elsewhere: Vec::new() });
    house.home.change_password(Secret::new(NEW), choices(&house, &["lamp", "plug"]), Vec::new()).await.unwrap();
    for id in ids(&house, &["lamp", "plug"]) {
        let run = run_ended(&house.home, &id).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
    }
    assert!(opens(&house, NEW).await && !opens(&house, PASSWORD).await);
    for key in ["lamp", "plug"] {
        assert_eq!(held(&house, key), STANDARD.encode(NEW));
        assert!(house.shown(key).credential.is_some_and(|credential| credential.certain));
    }
    house.is_whole(BACK_WITHIN).await;
    house.works_again("lamp", LIGHT).await;
    house.works_again("plug", SWITCH).await;
}

#[test]
fn it_is_changed_at_prosody_here_and_on_every_device() {
    alone(|| is_changed_everywhere(Kind::Prosody));
}

#[test]
fn it_is_changed_at_ejabberd_here_and_on_every_device() {
    alone(|| is_changed_everywhere(Kind::Ejabberd));
}

#[test]
fn a_server_that_refuses_leaves_all_as_it_was() {
    alone(async || {
        let house = house(Kind::Prosody, false).await;
        let refused =
            house.home.change_password(Secret::new(NEW), choices(&house, &["lamp", "plug"]), Vec::new()).await;
        assert_eq!(refused.unwrap_err().code, Code::PasswordNotChanged);
        assert!(opens(&house, PASSWORD).await && !opens(&house, NEW).await);
        assert_eq!(held(&house, "lamp"), STANDARD.encode(PASSWORD));
        house.works_again("lamp", LIGHT).await;
    });
}

#[test]
fn nobody_is_shut_out_who_was_not_named_and_the_same_password_is_none() {
    alone(async || {
        let house = house(Kind::Prosody, true).await;
        for (password, named) in [(NEW, choices(&house, &["lamp"])), (PASSWORD, choices(&house, &["lamp", "plug"]))] {
            let refused = house.home.change_password(Secret::new(password), named, Vec::new()).await;
            assert_eq!(refused.unwrap_err().code, Code::NotNow);
        }
        assert!(opens(&house, PASSWORD).await);
        assert_eq!(held(&house, "lamp"), STANDARD.encode(PASSWORD));
    });
}

#[test]
fn the_terminal_changes_it_for_whoever_is_here_and_shuts_out_only_who_is_named() {
    alone(async || {
        let server =
            Server::start_with(Kind::Prosody, Options { modules: vec!["register".to_owned()], ..Options::default() })
                .await;
        let house = House::at(server, |scenario, _| scenario, |_| ()).await;
        house.finds().await;
        for key in KEYS {
            house.onboards(key).await;
        }
        house.home.close().await;
        house.devices.device("plug").goes_away();
        let ctl = Homewardctl::new(house.folder.path()).with_next_password(NEW).with_log("trace");
        let change = ["account", "change-password", "--allow-unencrypted", "--json", "--timeout", "6"];
        ctl.run(&change).await.exits(2);
        assert_eq!(house.held("lamp").1, PASSWORD, "the plug was not named");
        let plug = house.id("plug");
        let changed = ctl.run(&[&change[..], &["--leave-out", &plug]].concat()).await.exits(0);
        assert_eq!((house.held("lamp").1.as_str(), house.held("plug").1.as_str()), (NEW, PASSWORD));
        let secrets = [PASSWORD.as_bytes(), NEW.as_bytes()];
        secrets::are_nowhere(&secrets, house.folder.path(), &[("out", &changed.output), ("log", &changed.log)]);
        let ctl = Homewardctl::new(house.folder.path()).with_password(Some(NEW));
        ctl.run(&["get", &house.id("lamp"), "/light", "--via", "xmpp"]).await.exits(0);
    });
}

#[test]
fn a_lost_device_is_left_out_and_cannot_come_back() {
    alone(async || {
        let house = house(Kind::Prosody, true).await;
        let (plug, left_out) = (house.devices.device("plug"), ids(&house, &["plug"]));
        house.home.change_password(Secret::new(NEW), choices(&house, &["lamp"]), left_out).await.unwrap();
        let run = run_ended(&house.home, house.devices.device("lamp").di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        assert_eq!(held(&house, "plug"), STANDARD.encode(PASSWORD));
        // Whoever has it switches it off and on.
        plug.goes_away();
        house.shows("plug", "gone", BACK_WITHIN, |plug| plug.remote.as_ref().is_some_and(|it| !it.available)).await;
        plug.comes_back().unwrap();
        plug.wait_for_status("Error").await.unwrap();
        assert_eq!(plug.jid(), None, "the old password lets it in");
        house.works_again("lamp", LIGHT).await;
    });
}

#[test]
fn a_device_that_dies_in_the_middle_is_given_it_later() {
    alone(async || {
        let house = house(Kind::Prosody, true).await;
        let plug = house.devices.device("plug");
        plug.stops_answering();
        house.home.change_password(Secret::new(NEW), choices(&house, &["lamp", "plug"]), Vec::new()).await.unwrap();
        let run = run_ended(&house.home, house.devices.device("lamp").di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        house.home.cancel_onboarding(plug.di());
        let run = until_within(&house.home, "the plug's run has ended", Duration::from_secs(120), |snapshot| {
            let run = snapshot.runs.iter().find(|run| run.id == plug.di())?;
            matches!(run.state, RunState::Failed { .. } | RunState::Cancelled { .. }).then(|| run.clone())
        })
        .await;
        assert!(run.steps.iter().any(|step| step.elapsed_ms.is_some() || step.step > run.steps[0].step), "{run:#?}");
        assert_eq!(held(&house, "plug"), STANDARD.encode(PASSWORD));
        plug.answers_again();
        house.home.onboard(choices(&house, &["plug"])).await.unwrap();
        let run = run_ended(&house.home, plug.di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        assert_eq!(held(&house, "plug"), STANDARD.encode(NEW));
        house.works_again("plug", SWITCH).await;
    });
}

#[test]
fn nothing_is_changed_while_a_device_is_being_given_the_old_one() {
    alone(async || {
        let house = house(Kind::Prosody, true).await;
        let plug = house.devices.device("plug");
        plug.slow(Duration::from_secs(2));
        house.home.onboard(choices(&house, &["plug"])).await.unwrap();
        let both = choices(&house, &["lamp", "plug"]);
        let refused = house.home.change_password(Secret::new(NEW), both.clone(), Vec::new()).await;
        assert_eq!(refused.unwrap_err().code, Code::NotNow);
        plug.slow(Duration::ZERO);
        run_ended(&house.home, plug.di()).await;
        assert!(opens(&house, PASSWORD).await);
        house.home.change_password(Secret::new(NEW), both, Vec::new()).await.unwrap();
        run_ended(&house.home, plug.di()).await;
        assert_eq!(held(&house, "plug"), STANDARD.encode(NEW));
    });
}

#[test]
fn a_device_that_is_shown_no_longer_is_named_all_the_same() {
    alone(async || {
        let house = house(Kind::Prosody, true).await;
        let plug = house.devices.device("plug");
        plug.goes_away();
        house.shows("plug", "gone", BACK_WITHIN, |plug| plug.presence == Presence::Offline).await;
        house.home.forget_device(plug.di()).unwrap();
        let knowers = house.home.who_knows();
        assert_eq!(knowers, Knowers { here: ids(&house, &["lamp"]), elsewhere: ids(&house, &["plug"]) });
    });
}
