//! The main job against the simulated home: find the devices, give them their account, control them from anywhere,
//! over prosody and over ejabberd; and what becomes of it when a device does not play along.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::time::Duration;

use homeward_core::view::{
    Device, LeftOnDevice, OnboardChoice, Path, Presence, Run, RunState, Security, Step, StepState, UndoReach, Via,
};
use homeward_core::{Code, Home};
use homeward_protocol::crudn::{Href, Request, Status};
use homeward_simulator::{self as simulator, Home as SimulatedHome, Scenario};
use homeward_tests::alone;
use homeward_tests::server;
use homeward_tests::stage::{Stage, device, run_ended, until, until_within};
use serde_json::json;

/// So many runs are at work at once.
const AT_ONCE: usize = 16;

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

struct House {
    stage: Stage,
    simulated: SimulatedHome,
}

impl House {
    /// Signed in, nothing searched yet.
    async fn start(kind: server::Kind, scenario: Scenario) -> House {
        let stage = Stage::signed_in(kind).await;
        let simulated = SimulatedHome::start(scenario.trusting(stage.server.ca_file())).await.unwrap();
        House { stage, simulated }
    }

    async fn lamp(kind: server::Kind) -> (House, simulator::Device) {
        let house = Self::start(kind, Scenario::of([simulator::Kind::Lamp])).await;
        let lamp = house.simulated.device("lamp");
        (house, lamp)
    }

    fn with_remote_access(&self) -> Vec<simulator::Device> {
        self.simulated.devices().filter(|device| device.status().is_some()).collect()
    }
}

fn failed_step(run: &Run) -> Option<(Step, Code, Option<String>)> {
    run.steps.iter().find_map(|step| match &step.state {
        StepState::Failed { error } => Some((step.step, error.code, error.details.clone())),
        _ => None,
    })
}

fn left(run: &Run) -> Option<LeftOnDevice> {
    match &run.state {
        RunState::Failed { left, .. } | RunState::Cancelled { left } | RunState::Undone { left } => Some(*left),
        _ => None,
    }
}

async fn the_whole_cast(kind: server::Kind) {
    let house = House::start(kind, Scenario::cast()).await;
    let home = &house.stage.home;
    home.start_search();
    for one in house.simulated.devices() {
        let found =
            device(home, one.di(), "described", |device| device.lan.as_ref().is_some_and(|lan| lan.described)).await;
        let lan = found.lan.unwrap();
        assert_eq!(found.device_type.as_deref(), Some(one.device_type()));
        assert!(found.manufacturer.is_some() && found.model.is_some(), "{}", one.key());
        assert_eq!(lan.security, Security::None);
        match one.status() {
            Some(_) => assert_eq!(lan.remote_access.unwrap().status.as_deref(), Some("NotInitialized")),
            None => assert_eq!(lan.remote_access, None, "{}", one.key()),
        }
        let user = one.user_href();
        let read = one.requests().iter().any(|request| Some(&request.href) == user.as_ref());
        assert!(!read, "RA-7: the search read {}'s credentials", one.key());
    }

    let devices = house.with_remote_access();
    let choices = devices.iter().map(|one| OnboardChoice { id: one.di().to_owned(), allow_unencrypted: true });
    home.onboard(choices.collect()).await.unwrap();
    for one in &devices {
        let run = run_ended(home, one.di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{}: {run:#?}", one.key());
        assert!(run.steps.iter().all(|step| step.state == StepState::Done), "{run:#?}");
        let jid = format!("{}/OIC/1.0/{}/{}", house.stage.server.jid(), one.device_type(), one.di());
        assert_eq!(one.jid().as_deref(), Some(jid.as_str()));
        let online = device(home, one.di(), "online", |device| device.presence == Presence::Online).await;
        assert_eq!(online.remote.unwrap().jid, jid);
    }

    // One property of each kind, over XMPP.
    let changes = [
        ("lamp", "/light", json!({"value": true})),
        ("lamp", "/dimming", json!({"dimmingSetting": 15})),
        ("blind", "/blind", json!({"openLevel": 80})),
        ("thermostat", "/target", json!({"temperature": 21.5})),
        ("lock", "/lock", json!({"lockState": "Unlocked"})),
        ("plug", "/switch", json!({"value": true})),
        ("fan", "/x/speed", json!({"speed": 3})),
    ];
    for (key, path, body) in changes {
        let one = house.simulated.device(key);
        let answer = home.request(one.di(), Request::post(href(path), body.clone()), Via::Xmpp).await;
        let answer = answer.unwrap_or_else(|error| panic!("{key} {path}: {error:?}"));
        assert!(Status(answer.status).is_success(), "{key} {path}: {answer:?}");
        assert_eq!(answer.via, Path::Xmpp);
        let (name, wanted) = body.as_object().unwrap().iter().next().unwrap();
        assert_eq!(&one.value(path).unwrap()[name], wanted, "{key} {path}");
        let read = home.request(one.di(), Request::get(href(path)), Via::Xmpp).await.unwrap();
        assert_eq!(&read.body.unwrap()[name], wanted, "{key} {path}");
    }
}

#[test]
fn the_whole_cast_over_prosody() {
    alone(|| the_whole_cast(server::Kind::Prosody));
}

#[test]
fn the_whole_cast_over_ejabberd() {
    alone(|| the_whole_cast(server::Kind::Ejabberd));
}

#[test]
fn a_wish_becomes_a_fact_when_the_device_reports_it() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        let home = &house.stage.home;
        house.stage.onboarded(lamp.di()).await;
        home.watch(vec![lamp.di().to_owned()]);
        for wanted in [true, false] {
            // OCF devices answer an update without a body: the value is read before it is shown as a fact.
            lamp.answers_updates_with_value(wanted);
            home.set(lamp.di(), href("/light"), json!({"value": wanted})).await.unwrap();
            let settled = device(home, lamp.di(), "settled", |device| {
                device.wishes.is_empty()
                    && device.values.get(&href("/light")).is_some_and(|now| now.value["value"] == wanted)
            });
            settled.await;
            assert_eq!(lamp.value("/light").unwrap()["value"], wanted);
        }
        lamp.refuses_saying("/light", Status::FORBIDDEN, "the child lock is on");
        home.set(lamp.di(), href("/light"), json!({"value": true})).await.ok();
        let refused = device(home, lamp.di(), "refused", |device| {
            device.wishes.get(&href("/light")).is_some_and(|wish| wish.failed.is_some())
        })
        .await;
        let failed = refused.wishes[&href("/light")].failed.clone().unwrap();
        assert_eq!(failed.code, Code::DeviceRefused);
        assert!(format!("{failed:?}").contains("the child lock is on"), "{failed:?}");
        assert_eq!(refused.values[&href("/light")].value["value"], false, "the fact stays");
    });
}

#[test]
fn changes_from_elsewhere_arrive_while_a_device_is_watched() {
    alone(async || {
        for ignores in [false, true] {
            let (house, lamp) = House::lamp(server::Kind::Prosody).await;
            let home = &house.stage.home;
            lamp.ignores_observe(ignores);
            house.stage.onboarded(lamp.di()).await;
            home.watch(vec![lamp.di().to_owned()]);
            device(home, lamp.di(), "read", |device| device.values.contains_key(&href("/light"))).await;
            lamp.set_value("/light", json!({"value": true}));
            // A device without Observe is read every 30 s.
            let patience = Duration::from_secs(if ignores { 40 } else { 10 });
            until_within(home, "the change", patience, |snapshot| {
                let lamp = snapshot.devices.iter().find(|one| one.id == lamp.di())?;
                (lamp.values.get(&href("/light"))?.value["value"] == true).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn an_observation_of_ones_own_tells_each_change() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Ejabberd).await;
        let home = &house.stage.home;
        lamp.takes_one_session(true);
        house.stage.onboarded(lamp.di()).await;
        for via in [Via::Xmpp, Via::Lan] {
            let mut watching = home.observe(lamp.di(), href("/light"), via).await.unwrap();
            let first = watching.next().await.unwrap().unwrap();
            assert_eq!(first.body.unwrap()["value"], false, "{via:?}");
            for wanted in [true, false] {
                lamp.set_value("/light", json!({"value": wanted}));
                let told = tokio::time::timeout(Duration::from_secs(10), watching.next()).await.expect("told in time");
                assert_eq!(told.unwrap().unwrap().body.unwrap()["value"], wanted, "{via:?}");
            }
        }
    });
}

#[test]
fn one_that_fails_does_not_hold_up_the_others() {
    alone(async || {
        let house = House::start(server::Kind::Prosody, Scenario::cast()).await;
        let home = &house.stage.home;
        home.start_search();
        let bad = house.simulated.device("lock");
        bad.refuses_saying(bad.user_href().unwrap().as_str(), Status::FORBIDDEN, "press the button first");
        let devices = house.with_remote_access();
        for one in &devices {
            device(home, one.di(), "found", |device| {
                device.lan.as_ref().is_some_and(|lan| lan.remote_access.is_some())
            })
            .await;
        }
        let choices = devices.iter().map(|one| OnboardChoice { id: one.di().to_owned(), allow_unencrypted: true });
        home.onboard(choices.collect()).await.unwrap();
        for one in &devices {
            let run = run_ended(home, one.di()).await;
            if one.key() != "lock" {
                assert_eq!(run.state, RunState::Onboarded, "{}: {run:#?}", one.key());
                continue;
            }
            let (step, code, words) = failed_step(&run).unwrap();
            assert_eq!((step, code), (Step::Account, Code::DeviceRefused));
            assert_eq!(words.as_deref(), Some("press the button first"));
            assert_eq!(left(&run), Some(LeftOnDevice::AsBefore), "the server is put back: {run:#?}");
            assert_eq!(one.value(one.xmpp_href().unwrap().as_str()).unwrap()["address"], "");
        }
        // Tried again once the device allows it.
        bad.behaves();
        let run = house.stage.onboard(bad.di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
    });
}

/// What one thing that goes wrong at the device comes to.
async fn fails(turn: impl Fn(&simulator::Device), step: Step, code: Code, remains: LeftOnDevice) {
    let (house, lamp) = House::lamp(server::Kind::Prosody).await;
    house.stage.found(lamp.di()).await;
    turn(&lamp);
    let run = house.stage.onboard(lamp.di()).await;
    let failed = failed_step(&run).unwrap_or_else(|| panic!("{run:#?}"));
    assert_eq!((failed.0, failed.1), (step, code), "{run:#?}");
    assert_eq!(left(&run), Some(remains), "{run:#?}");
    if remains == LeftOnDevice::AsBefore {
        assert_eq!(lamp.value("/ra/xmpp").unwrap()["address"], "");
    }
}

#[test]
fn a_refused_server_changes_nothing() {
    alone(async || {
        let turn = |lamp: &simulator::Device| {
            lamp.refuses("/ra/xmpp", Status::FORBIDDEN);
        };
        fails(turn, Step::Server, Code::DeviceRefused, LeftOnDevice::AsBefore).await;
    });
}

#[test]
fn a_fault_at_the_account_puts_the_server_back() {
    alone(async || {
        let turn = |lamp: &simulator::Device| {
            lamp.refuses("/ra/user", Status::INTERNAL_ERROR);
        };
        fails(turn, Step::Account, Code::DeviceRefused, LeftOnDevice::AsBefore).await;
    });
}

#[test]
fn an_error_status_keeps_what_was_written_and_says_the_reason() {
    alone(async || {
        let turn = |lamp: &simulator::Device| {
            lamp.reports_error("antenna missing");
        };
        fails(turn, Step::Status, Code::DeviceReportsError, LeftOnDevice::NewAccount).await;
    });
}

#[test]
fn another_identity_over_xmpp_is_no_success() {
    alone(async || {
        let turn = |lamp: &simulator::Device| {
            lamp.returns_wrong_identity();
        };
        fails(turn, Step::Identity, Code::IdentityMismatch, LeftOnDevice::NewAccount).await;
    });
}

#[test]
fn a_device_that_wants_a_secured_session_is_shown_as_such_and_gets_nothing() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        lamp.secured(simulator::Security::Unowned).unwrap();
        let home = &house.stage.home;
        home.start_search();
        let found = device(home, lamp.di(), "shown as secured", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.security == Security::Unowned)
        })
        .await;
        assert!(found.lan.unwrap().remote_access.unwrap().secured_only);
        lamp.forgets_requests();
        let run = house.stage.onboard(lamp.di()).await;
        let RunState::Failed { error, .. } = &run.state else { panic!("{run:#?}") };
        assert_eq!(error.code, Code::NotOwned, "{run:#?}");
        assert!(
            !lamp.requests().iter().any(|request| request.method.changes_things()),
            "something was written in clear text"
        );
    });
}

#[test]
fn without_consent_no_credential_leaves() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        house.stage.found(lamp.di()).await;
        let home = &house.stage.home;
        let choice = OnboardChoice { id: lamp.di().to_owned(), allow_unencrypted: false };
        let refused = home.onboard(vec![choice]).await;
        let code = match refused {
            Err(error) => error.code,
            Ok(_) => failed_step(&run_ended(home, lamp.di()).await).unwrap().1,
        };
        assert_eq!(code, Code::ConsentNeeded);
        // Nor as a request of one's own.
        let account = json!({"jid": "ada@home.test", "credential": "c2VjcmV0"});
        let user = lamp.user_href().unwrap();
        for request in [Request::post(user.clone(), account.clone()), Request::put(user, account)] {
            let refused = home.request(lamp.di(), request, Via::Lan).await.unwrap_err();
            assert_eq!(refused.code, Code::ConsentNeeded, "{refused:?}");
        }
        assert!(!lamp.requests().iter().any(|request| request.method.changes_things()), "{:?}", lamp.requests());
    });
}

#[test]
fn lost_datagrams_and_lost_answers_are_made_good() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        house.stage.found(lamp.di()).await;
        // The answer to the first POST is lost after it was done: it is idempotent, and repeated.
        lamp.loses(15, 7);
        let run = house.stage.onboard(lamp.di()).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
    });
}

#[test]
fn a_connected_of_the_old_session_proves_nothing() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        house.stage.onboarded(lamp.di()).await;
        // Again, while it is connected: its old session says so all the while.
        lamp.refuses_saying("/ra/user", Status::FORBIDDEN, "not again");
        let run = house.stage.onboard(lamp.di()).await;
        assert_eq!(failed_step(&run).unwrap().0, Step::Account, "{run:#?}");
        lamp.behaves().reports_error("the new account is closed");
        let run = house.stage.onboard(lamp.di()).await;
        let (step, code, _) =
            failed_step(&run).unwrap_or_else(|| panic!("the old session was taken for the new: {run:#?}"));
        assert_eq!((step, code), (Step::Status, Code::DeviceReportsError));
    });
}

#[test]
fn undo_writes_back_what_was_there() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        let home = &house.stage.home;
        house.stage.onboarded(lamp.di()).await;
        let run = home.snapshot().runs.into_iter().find(|run| run.id == lamp.di()).unwrap();
        let reach = run.undo.expect("something was written");
        home.undo_onboarding(lamp.di()).await.unwrap();
        let undone = until(home, "undone", |snapshot| {
            let run = snapshot.runs.iter().find(|run| run.id == lamp.di())?;
            matches!(run.state, RunState::Undone { .. }).then(|| run.clone())
        })
        .await;
        // It had no account before, so nothing is lost by clearing it.
        assert!([UndoReach::Everything, UndoReach::ServerOnly].contains(&reach));
        let remains = left(&undone).unwrap();
        assert!([LeftOnDevice::AsBefore, LeftOnDevice::SignedOut].contains(&remains), "{undone:#?}");
        assert_eq!(lamp.value("/ra/xmpp").unwrap()["address"], "");
        assert_eq!(lamp.value("/ra/user").unwrap()["jid"], "");
        device(home, lamp.di(), "gone from the server", |device| {
            device.remote.as_ref().is_none_or(|remote| !remote.available)
        })
        .await;
    });
}

#[test]
fn cancelled_before_anything_was_written_it_is_as_before() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        let home = &house.stage.home;
        house.stage.found(lamp.di()).await;
        lamp.slow(Duration::from_secs(2));
        home.onboard(vec![OnboardChoice { id: lamp.di().to_owned(), allow_unencrypted: true }]).await.unwrap();
        home.cancel_onboarding(lamp.di());
        let run = run_ended(home, lamp.di()).await;
        assert_eq!(run.state, RunState::Cancelled { left: LeftOnDevice::AsBefore }, "{run:#?}");
        assert_eq!(lamp.value("/ra/xmpp").unwrap()["address"], "");
    });
}

#[test]
fn a_request_larger_than_the_block_is_refused_with_both_sizes_and_never_sent() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        lamp.takes_blocks_up_to(4096);
        house.stage.onboarded(lamp.di()).await;
        lamp.forgets_requests();
        let large = json!({"name": "x".repeat(9000)});
        let refused = house.stage.home.request(lamp.di(), Request::post(href("/scenes"), large), Via::Xmpp).await;
        let error = refused.unwrap_err();
        assert_eq!(error.code, Code::TooLarge);
        let words = format!("{error:?}");
        assert!(words.contains("4096") && words.contains("9"), "both sizes are named: {words}");
        assert!(!lamp.requests().iter().any(|request| request.href == href("/scenes")));
        let small = json!({"name": "x".repeat(2000)});
        let taken =
            house.stage.home.request(lamp.di(), Request::post(href("/scenes"), small), Via::Xmpp).await.unwrap();
        assert_eq!(taken.status, 201);
    });
}

#[test]
fn an_unanswered_change_is_of_unknown_outcome_and_not_repeated() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        house.stage.onboarded(lamp.di()).await;
        lamp.forgets_requests().swallows_next_answers(1);
        let home = &house.stage.home;
        let sent = home.request(lamp.di(), Request::post(href("/light"), json!({"value": true})), Via::Xmpp).await;
        assert_eq!(sent.unwrap_err().code, Code::OutcomeUnknown);
        let posts = lamp.requests().iter().filter(|request| request.method.changes_things()).count();
        assert_eq!(posts, 1);
        // The late answer of a closed session is nobody's: the next request has its own.
        let read = home.request(lamp.di(), Request::get(href("/light")), Via::Xmpp).await.unwrap();
        assert_eq!(read.body.unwrap()["value"], true);
    });
}

#[test]
fn a_device_can_be_added_by_its_address() {
    alone(async || {
        let (house, lamp) = House::lamp(server::Kind::Prosody).await;
        let home = &house.stage.home;
        let address = lamp.endpoints().into_iter().find(|one| one.is_ipv4()).unwrap();
        let ids = home.add_address(&address.to_string()).await.unwrap();
        assert_eq!(ids, [lamp.di()]);
        let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let nothing = home.add_address(&silent.local_addr().unwrap().to_string()).await;
        assert_eq!(nothing.unwrap_err().code, Code::NothingThere);
        for wrong in ["", "two words", "127.0.0.1:0", "127.0.0.1:70000", "[::1", "http://127.0.0.1"] {
            assert_eq!(home.add_address(wrong).await.unwrap_err().code, Code::AddressInvalid, "{wrong:?}");
        }
    });
}

#[test]
fn a_device_that_comes_later_appears_by_itself() {
    alone(async || {
        let stage = Stage::start(server::Kind::Prosody).await;
        stage.home.start_search();
        until(&stage.home, "a first round", |snapshot| (snapshot.search.round >= 1).then_some(())).await;
        let simulated = SimulatedHome::start(Scenario::of([simulator::Kind::Blind])).await.unwrap();
        let blind = simulated.device("blind");
        device(&stage.home, blind.di(), "found", |device| device.lan.is_some()).await;
        blind.goes_away();
        device(&stage.home, blind.di(), "no longer answering", |device| {
            device.lan.as_ref().is_some_and(|lan| !lan.answering)
        })
        .await;
        blind.comes_back().unwrap();
        device(&stage.home, blind.di(), "answering again", |device| {
            device.lan.as_ref().is_some_and(|lan| lan.answering)
        })
        .await;
    });
}

/// So many lamps, found and read.
async fn lamps(count: usize) -> (House, Vec<simulator::Device>) {
    let scenario = Scenario::of(std::iter::repeat_n(simulator::Kind::Lamp, count));
    let house = House::start(server::Kind::Prosody, scenario).await;
    let lamps: Vec<_> = house.simulated.devices().collect();
    house.stage.home.start_search();
    for lamp in &lamps {
        let described = |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.described);
        device(&house.stage.home, lamp.di(), "found", described).await;
    }
    (house, lamps)
}

/// Sets these up, all in one go: how long it takes, and how many runs are at work at once, at most.
async fn sets_up(home: &Home, devices: &[simulator::Device]) -> (Duration, usize) {
    let choice = |one: &simulator::Device| OnboardChoice { id: one.di().to_owned(), allow_unencrypted: true };
    let (began, mut most) = (std::time::Instant::now(), 0);
    home.onboard(devices.iter().map(choice).collect()).await.unwrap();
    let runs = until_within(home, "the end of all runs", Duration::from_secs(90), |snapshot| {
        most = most.max(snapshot.runs.iter().filter(|run| run.state == RunState::Working).count());
        snapshot.runs.iter().all(|run| !run.state.is_under_way()).then(|| snapshot.runs.clone())
    })
    .await;
    let took = began.elapsed();
    for one in devices {
        let run = runs.iter().find(|run| run.id == one.di()).unwrap();
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
    }
    (took, most)
}

/// Sixteen are set up at once. On two cores, a hundred sign-ins, each with its TLS, cost more than the devices' slowness: so the
/// time proves less than the count.
#[test]
fn a_hundred_slow_devices_are_set_up_side_by_side() {
    alone(async || {
        const DEVICES: usize = 100;
        // With one of each dialect to measure by: the longer of both counts.
        let (house, lamps) = lamps(2 + DEVICES).await;
        for lamp in &lamps {
            lamp.slow(Duration::from_millis(250));
        }
        let (measured, hundred) = lamps.split_at(2);
        assert_ne!(measured[0].dialect(), measured[1].dialect());
        let (one, _) = sets_up(&house.stage.home, measured).await;
        let (all, most) = sets_up(&house.stage.home, hundred).await;
        let _ = writeln!(std::io::stdout(), "one device in {one:?}, {DEVICES} in {all:?}, {most} at once");
        assert_eq!(most, AT_ONCE);
        assert!(all < one * u32::try_from(DEVICES / 6).unwrap(), "{DEVICES} in {all:?}, one in {one:?}");
    });
}

/// Those that find a place at once wait for none of the others.
#[test]
fn devices_that_are_set_up_side_by_side_take_as_long_as_the_slowest() {
    alone(async || {
        let (house, lamps) = lamps(1 + AT_ONCE).await;
        let (by_itself, others) = lamps.split_first().unwrap();
        let slowest = others.iter().find(|one| one.dialect() == by_itself.dialect()).unwrap();
        for lamp in others {
            lamp.slow(Duration::from_millis(100));
        }
        for lamp in [by_itself, slowest] {
            lamp.slow(Duration::from_millis(1_500));
        }
        let (one, _) = sets_up(&house.stage.home, std::slice::from_ref(by_itself)).await;
        let (all, most) = sets_up(&house.stage.home, others).await;
        let _ = writeln!(std::io::stdout(), "the slowest in {one:?}, {AT_ONCE} in {all:?}, {most} at once");
        assert_eq!(most, AT_ONCE);
        assert!(all < one * 2, "{AT_ONCE} in {all:?}, the slowest in {one:?}");
    });
}
