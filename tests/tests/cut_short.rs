//! The program is killed in the middle of a set-up, at each of its steps: at the next start it knows what was done, and
//! finishes it or puts it back. And an account is taken back from a device that is to leave the house.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use homeward_core::Code;
use homeward_core::Home;
use homeward_core::config::Slot;
use homeward_core::view::{Credential, LeftOnDevice, OnboardChoice, Run, RunState, Step, StepState};
use homeward_protocol::crudn::{Method, Status};
use homeward_simulator::{Device, Home as SimulatedHome, Kind as Appliance, LoggedRequest, Scenario, Via as Over};
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::remote_house::RemoteHouse;
use homeward_tests::server::{Kind, Server, password};
use homeward_tests::stage::{device, open_home, run_ended, until};
use serde_json::json;

/// So long the device thinks before it does anything: the program is killed meanwhile.
const THINKS: Duration = Duration::from_millis(800);

struct House {
    server: Server,
    devices: SimulatedHome,
    folder: tempfile::TempDir,
}

impl House {
    async fn new() -> House {
        let server = Server::start(Kind::Prosody).await;
        let scenario = Scenario::of([Appliance::Lamp]).trusting(server.ca_file());
        let devices = SimulatedHome::start(scenario).await.unwrap();
        House { server, devices, folder: tempfile::tempdir().unwrap() }
    }

    fn lamp(&self) -> Device {
        self.devices.device("lamp")
    }

    /// Sets the lamp up by `homewardctl`, and kills that when this request has come to the device.
    async fn killed_at(&self, fits: impl Fn(&LoggedRequest) -> bool) {
        let (lamp, ctl) = (self.lamp(), Homewardctl::new(self.folder.path()));
        ctl.set_account(&self.server).await;
        lamp.slow(THINKS);
        let running = ctl.start(&["onboard", lamp.di(), "--allow-unencrypted", "--json"]);
        lamp.wait_for_request(fits).await.unwrap();
        running.killed().await;
        lamp.wait_until_all_is_answered().await.unwrap();
        lamp.slow(Duration::ZERO);
    }

    /// The next start, in the place of the one that was killed.
    async fn starts_again(&self) -> Home {
        open_home(self.folder.path().to_owned(), |config| {
            config.slot = Slot::FirstFree;
            config.password = Some(password());
        })
        .await
    }

    fn credential(&self, home: &Home) -> Option<Credential> {
        home.devices().into_iter().find(|shown| shown.id == self.lamp().di())?.credential
    }

    /// What the lamp itself has: the server's address, and the account.
    fn holds(&self) -> (String, String) {
        let lamp = self.lamp();
        let text = |href: &str, name: &str| lamp.value(href).unwrap()[name].as_str().unwrap_or_default().to_owned();
        let (xmpp, user) = (lamp.xmpp_href().unwrap(), lamp.user_href().unwrap());
        (text(xmpp.as_str(), "address"), text(user.as_str(), "jid"))
    }

    async fn is_found(&self, home: &Home) {
        home.start_search();
        let described = |shown: &homeward_core::view::Device| shown.lan.as_ref().is_some_and(|lan| lan.described);
        device(home, self.lamp().di(), "found", described).await;
    }
}

fn posts_to(href: &str) -> impl Fn(&LoggedRequest) -> bool + use<> {
    let href = href.to_owned();
    move |one| one.method == Method::Post && one.href.path() == href
}

/// The run as it is shown after the start: cut short at this step, with what was done before it.
fn is_cut_short(run: &Run, at: Step) {
    let failed = run.steps.iter().find(|step| matches!(step.state, StepState::Failed { .. })).unwrap();
    assert_eq!(failed.step, at, "{run:#?}");
    assert!(run.steps.iter().all(|step| step.step >= at || step.state == StepState::Done), "{run:#?}");
    let RunState::Failed { error, left } = &run.state else { panic!("{run:#?}") };
    assert_eq!((error.code, *left), (Code::CutShort, LeftOnDevice::Unknown));
    assert!(run.undo.is_some(), "{run:#?}");
}

#[derive(Clone, Copy, PartialEq)]
enum Then {
    Finished,
    Undone,
}

async fn killed(at: Step, when: impl Fn(&House) -> Box<dyn Fn(&LoggedRequest) -> bool + Send>, then: Then) {
    let house = House::new().await;
    house.killed_at(when(&house)).await;
    let home = house.starts_again().await;
    let snapshot = home.snapshot();
    assert_eq!(snapshot.runs.len(), 1, "{:#?}", snapshot.runs);
    is_cut_short(&snapshot.runs[0], at);
    house.is_found(&home).await;
    // What the device may know is said, and that nobody is sure.
    let given = house.credential(&home);
    assert_eq!(given.is_some(), at >= Step::Account, "{given:#?}");
    assert!(given.is_none_or(|given| given.in_the_clear && !given.certain && given.jid == house.server.jid()));

    let id = house.lamp().di().to_owned();
    let (address, jid) = match then {
        Then::Finished => {
            home.onboard(vec![OnboardChoice { id: id.clone(), allow_unencrypted: true }]).await.unwrap();
            let run = run_ended(&home, &id).await;
            assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
            assert!(house.credential(&home).is_some_and(|given| given.certain));
            ("127.0.0.1".to_owned(), house.server.jid())
        }
        Then::Undone => {
            home.undo_onboarding(&id).await.unwrap();
            let run = run_ended(&home, &id).await;
            // The lamp does not tell which account it had: that one is cleared.
            let left = if at == Step::Server { LeftOnDevice::AsBefore } else { LeftOnDevice::SignedOut };
            assert_eq!(run.state, RunState::Undone { left }, "{run:#?}");
            assert_eq!(house.credential(&home), None);
            (String::new(), String::new())
        }
    };
    assert_eq!(house.holds(), (address, jid));
    home.close().await;
    // Whichever it was, it is over: nothing is offered again.
    let home = house.starts_again().await;
    assert!(home.snapshot().runs.is_empty(), "{:#?}", home.snapshot().runs);
    home.close().await;
}

fn at_server(house: &House) -> Box<dyn Fn(&LoggedRequest) -> bool + Send> {
    Box::new(posts_to(house.lamp().xmpp_href().unwrap().path()))
}

fn at_account(house: &House) -> Box<dyn Fn(&LoggedRequest) -> bool + Send> {
    Box::new(posts_to(house.lamp().user_href().unwrap().path()))
}

/// The account is written, and its effect is looked for.
fn at_status(house: &House) -> Box<dyn Fn(&LoggedRequest) -> bool + Send> {
    let xmpp = house.lamp().xmpp_href().unwrap();
    let is_account = posts_to(house.lamp().user_href().unwrap().path());
    let written = AtomicBool::new(false);
    // The log is looked at from its beginning.
    Box::new(move |one| {
        written.fetch_or(is_account(one), Ordering::Relaxed);
        written.load(Ordering::Relaxed) && one.method == Method::Get && one.href.path() == xmpp.path()
    })
}

/// It is online, and says who it is.
fn at_identity(_: &House) -> Box<dyn Fn(&LoggedRequest) -> bool + Send> {
    Box::new(|one| one.via == Over::Xmpp && one.href.path() == "/oic/d")
}

macro_rules! killed_and {
    ($($name:ident: $step:ident, $when:ident, $then:ident;)*) => {
        $(#[test] fn $name() { alone(|| killed(Step::$step, $when, Then::$then)); })*
    };
}

killed_and! {
    killed_while_the_server_is_written_and_finished: Server, at_server, Finished;
    killed_while_the_server_is_written_and_undone: Server, at_server, Undone;
    killed_while_the_account_is_written_and_finished: Account, at_account, Finished;
    killed_while_the_account_is_written_and_undone: Account, at_account, Undone;
    killed_while_the_device_signs_in_and_finished: Account, at_status, Finished;
    killed_while_the_device_signs_in_and_undone: Account, at_status, Undone;
    killed_while_it_proves_its_identity_and_finished: Account, at_identity, Finished;
    killed_while_it_proves_its_identity_and_undone: Account, at_identity, Undone;
}

#[test]
fn killed_before_anything_was_written_leaves_nothing_to_finish() {
    alone(async || {
        let house = House::new().await;
        let xmpp = house.lamp().xmpp_href().unwrap();
        house.killed_at(|one| one.method == Method::Get && one.href.path() == xmpp.path()).await;
        let home = house.starts_again().await;
        assert!(home.snapshot().runs.is_empty());
        assert_eq!(house.holds(), (String::new(), String::new()));
        home.close().await;
    });
}

#[test]
fn a_set_up_that_another_program_is_at_is_not_called_cut_short() {
    alone(async || {
        let house = House::new().await;
        let (lamp, ctl) = (house.lamp(), Homewardctl::new(house.folder.path()));
        ctl.set_account(&house.server).await;
        lamp.slow(THINKS);
        let running = ctl.start(&["onboard", lamp.di(), "--allow-unencrypted", "--json"]);
        lamp.wait_for_request(posts_to(lamp.user_href().unwrap().path())).await.unwrap();
        let app = open_home(house.folder.path().to_owned(), |config| config.connect = false).await;
        assert!(app.snapshot().runs.is_empty(), "{:#?}", app.snapshot().runs);
        app.close().await;
        running.killed().await;
        let app = open_home(house.folder.path().to_owned(), |config| config.connect = false).await;
        is_cut_short(&app.snapshot().runs[0], Step::Account);
        app.close().await;
    });
}

#[test]
fn an_account_is_taken_back_from_a_device_that_leaves_the_house() {
    alone(async || {
        let house = RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Lamp, Appliance::Plug])).await;
        let lamp = house.devices.device("lamp");
        let id = lamp.di().to_owned();
        let given = house.shown("lamp").credential.expect("it was set up from here");
        assert!(given.certain && given.in_the_clear && given.jid == house.server.jid(), "{given:?}");
        house.home.take_account_back(&id).await.unwrap();
        let run = run_ended(&house.home, &id).await;
        assert_eq!(run.state, RunState::Undone { left: LeftOnDevice::AsBefore }, "{run:#?}");
        until(&house.home, "it is not ours any more", |snapshot| {
            let shown = snapshot.devices.iter().find(|shown| shown.id == id)?;
            (shown.remote.is_none() && shown.credential.is_none()).then_some(())
        })
        .await;
        assert_eq!(lamp.jid(), None, "it is signed in no more");
        assert_eq!(lamp.value(lamp.user_href().unwrap().as_str()).unwrap()["jid"], "");
        assert_eq!(lamp.value(lamp.xmpp_href().unwrap().as_str()).unwrap()["address"], "");
        // The others keep theirs.
        assert!(house.shown("plug").remote.is_some_and(|remote| remote.available));
        house.works_again("plug", "/switch").await;
    });
}

#[test]
fn an_account_that_cannot_be_taken_back_is_said_to_be_there_still() {
    alone(async || {
        let house = RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Lamp])).await;
        let lamp = house.devices.device("lamp");
        let user = lamp.user_href().unwrap();
        lamp.refuses_saying(user.as_str(), Status::FORBIDDEN, "press the button first");
        house.home.take_account_back(lamp.di()).await.unwrap();
        let run = run_ended(&house.home, lamp.di()).await;
        assert!(!matches!(run.state, RunState::Undone { left: LeftOnDevice::AsBefore }), "{run:#?}");
        let shown = house.shown("lamp");
        assert!(shown.credential.is_some() && shown.remote.is_some_and(|remote| remote.available), "{run:#?}");
        lamp.behaves();
        house.home.take_account_back(lamp.di()).await.unwrap();
        until(&house.home, "it is not ours any more", |snapshot| {
            snapshot.devices.iter().any(|shown| shown.id == lamp.di() && shown.remote.is_none()).then_some(())
        })
        .await;
    });
}

#[test]
fn of_a_device_that_is_elsewhere_no_account_is_taken_back() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        let lamp = house.devices.device("lamp");
        let refused = house.home.take_account_back(lamp.di()).await;
        assert_eq!(refused.unwrap_err().code, Code::NotReachable);
        assert!(lamp.requests().iter().all(|one| one.body != Some(json!({"jid": "", "credential": ""}))));
    });
}

#[test]
fn the_terminal_undoes_what_was_cut_short_and_takes_an_account_back() {
    alone(async || {
        let house = House::new().await;
        house.killed_at(posts_to(house.lamp().user_href().unwrap().path())).await;
        let (lamp, ctl) = (house.lamp(), Homewardctl::new(house.folder.path()));
        let nothing = (String::new(), String::new());
        let undone = ctl.run(&["undo", lamp.di(), "--json"]).await.exits(0).json();
        assert_eq!((&undone["result"], &undone["left"]), (&json!("undone"), &json!("signed-out")), "{undone}");
        assert_eq!(house.holds(), nothing);
        ctl.run(&["onboard", lamp.di(), "--allow-unencrypted", "--json"]).await.exits(0);
        assert_ne!(house.holds(), nothing);
        let taken = ctl.run(&["take-back", lamp.di(), "--json"]).await.exits(0).json();
        assert_eq!(taken["result"], "undone", "{taken}");
        assert_eq!(house.holds(), nothing);
        let again = ctl.run(&["undo", lamp.di(), "--json"]).await.exits(2);
        assert!(again.log.contains("nothing of this device can be undone"), "{again:#?}");
    });
}
