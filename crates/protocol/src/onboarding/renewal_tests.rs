//! Another password for the account that the device has: already at the server, or there once the device has it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::tests::{Run, body_is, own, plan};
use super::*;
use crate::crudn::Method;

const PRESENT: &str = r#"{"jid":"maren@hearth.example","credential":"Zm9ybWVy"}"#;
const NEW: &str = r#"{"jid":"maren@hearth.example","credential":"Y29ycmVjdCBob3JzZQ=="}"#;

/// The device has the target's server and account; the account is about to be written.
fn with(password: Password) -> Run {
    let Target { address, port, jid, .. } = plan().target;
    let ours = if password == Password::Changes { vec![own(&jid, "former")] } else { Vec::new() };
    let mut run = Run::new(Plan { password, ours, ..plan() });
    run.ok(json!({"address": address, "port": port, "status": "Connected"})).ok(json!({"jid": jid})).ok(json!({}));
    body_is(&run, NEW);
    run
}

/// The device has taken it, and the account is to get it.
fn taken() -> Run {
    let mut run = with(Password::Changes);
    run.ok(json!({}));
    assert!(run.open.is_empty() && run.log.iter().any(|line| line == "changepassword"), "{:?}", run.log);
    run
}

#[test]
fn one_that_the_account_has_stays_on_the_device_when_the_run_is_cancelled() {
    let mut run = with(Password::Changed);
    run.ok(json!({})).gets(Input::Cancel);
    assert_eq!(run.cancelled(), LeftOnDevice::NewAccount);

    let mut run = with(Password::Changed);
    run.gets(Input::Cancel).answer(Err(Lost::NoAnswer));
    assert_eq!(run.cancelled(), LeftOnDevice::Unknown);
}

#[test]
fn the_device_has_it_before_the_account_and_is_told_once_more_after_it() {
    let mut run = taken();
    // With whichever password: it proves nothing yet.
    run.present().gets(Input::PasswordChanged(Changed::Yes));
    body_is(&run, NEW);
    run.ok(json!({})).passes();
    assert_eq!(run.asks().2, "/ra/xmpp", "its status is watched");
    run.ok(json!({"status": "Connected"})).present();
    run.open.retain(|(_, via, ..)| *via == Via::Xmpp);
    run.ok(json!({ "di": plan().di }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn refused_or_cancelled_before_the_account_has_it_the_device_has_the_present_one() {
    let mut run = with(Password::Changes);
    run.refused(403, "");
    let (step, _, left, not_put_back) = run.failure();
    assert_eq!((step, left, not_put_back), (Step::Account, LeftOnDevice::AsBefore, None));
    assert!(!run.log.iter().any(|line| line == "changepassword"), "the account keeps the present one");

    let mut run = with(Password::Changes);
    run.gets(Input::Cancel).ok(json!({}));
    body_is(&run, PRESENT);
    run.ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

#[test]
fn where_the_server_refuses_the_device_gets_the_present_one_back() {
    let mut run = taken();
    run.gets(Input::PasswordChanged(Changed::No { words: Some("not-allowed".to_owned()) }));
    body_is(&run, PRESENT);
    run.ok(json!({}));
    let failure = Failure::PasswordNotChanged { words: Some("not-allowed".to_owned()) };
    assert_eq!(run.failure(), (Step::Account, failure, LeftOnDevice::AsBefore, None));
}

#[test]
fn one_that_does_not_tell_its_account_gets_the_present_password_back_too() {
    let Target { address, port, jid, .. } = plan().target;
    let mut run = Run::new(Plan { password: Password::Changes, ours: vec![own(&jid, "former")], ..plan() });
    run.ok(json!({"address": address, "port": port, "status": "Connected"}))
        .refused(403, "")
        .ok(json!({}))
        .ok(json!({}));
    run.gets(Input::PasswordChanged(Changed::No { words: None }));
    body_is(&run, PRESENT);
    run.ok(json!({}));
    assert_eq!(run.failure().2, LeftOnDevice::AsBefore);
}

#[test]
fn where_nobody_knows_what_the_account_has_nothing_more_is_written() {
    let mut run = taken();
    run.gets(Input::PasswordChanged(Changed::Unknown));
    assert_eq!(run.failure(), (Step::Account, Failure::PasswordUnsure, LeftOnDevice::Unknown, None));
    // A driver that never tells.
    let mut run = taken();
    run.passes();
    assert_eq!(run.failure().1, Failure::PasswordUnsure);
}

#[test]
fn cancelled_while_the_account_gets_it_it_stays_on_the_device() {
    let mut run = taken();
    run.gets(Input::Cancel).gets(Input::PasswordChanged(Changed::Yes));
    body_is(&run, NEW);
    run.answer(Err(Lost::NoAnswer));
    assert_eq!(run.cancelled(), LeftOnDevice::NewAccount);

    let mut run = taken();
    run.gets(Input::Cancel).gets(Input::PasswordChanged(Changed::No { words: None }));
    body_is(&run, PRESENT);
    run.ok(json!({}));
    assert!(matches!(run.outcome, Some(Outcome::Failed { left: LeftOnDevice::AsBefore, .. })), "{:?}", run.outcome);
}

/// What the device or the network does with one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Does,
    DoesSilently,
    Refuses,
    LosesIt,
    NotSent,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Answer(Fate),
    Presence,
    Pass,
    Cancel,
    Changes(u8),
}

fn event() -> impl Strategy<Value = Event> {
    let fate = prop_oneof![
        8 => Just(Fate::Does),
        2 => Just(Fate::DoesSilently),
        2 => Just(Fate::Refuses),
        2 => Just(Fate::LosesIt),
        1 => Just(Fate::NotSent),
    ];
    prop_oneof![
        12 => fate.prop_map(Event::Answer),
        2 => Just(Event::Presence),
        3 => Just(Event::Pass),
        1 => Just(Event::Cancel),
        4 => (0..5_u8).prop_map(Event::Changes),
    ]
}

proptest! {
    /// Whatever happens, what is said of the device is true, and the device can sign in unless that is said.
    #[test]
    fn device_and_account_have_one_password_unless_that_is_told(events in proptest::collection::vec(event(), 0..60)) {
        let Target { address, port, jid, .. } = plan().target;
        let mut run = Run::new(Plan { password: Password::Changes, ours: vec![own(&jid, "former")], ..plan() });
        let (former, new): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(PRESENT).unwrap(), serde_json::from_str(NEW).unwrap());
        let (mut device, mut account) = (former.clone(), former.clone());
        for event in events.into_iter().chain(std::iter::repeat_n(Event::Pass, 1000)) {
            if run.outcome.is_some() {
                break;
            }
            let changing = run.log.last().is_some_and(|line| line == "changepassword");
            match event {
                Event::Answer(fate) if !run.open.is_empty() => {
                    let (_, _, request, _) = &run.open[0];
                    let does = matches!(fate, Fate::Does | Fate::DoesSilently);
                    if let (true, "/ra/user", Some(body)) = (does, request.href.path(), &request.body) {
                        device = body.clone();
                    }
                    let answer = match (request.href.path(), request.method) {
                        ("/ra/xmpp", Method::Get) => json!({"address": address, "port": port, "status": "Connected"}),
                        ("/oic/d", _) => json!({ "di": plan().di }),
                        _ => json!({ "jid": jid }),
                    };
                    match fate {
                        Fate::Does => drop(run.ok(answer)),
                        Fate::Refuses => drop(run.refused(403, "")),
                        Fate::NotSent => drop(run.answer(Err(Lost::NotSent))),
                        Fate::DoesSilently | Fate::LosesIt => drop(run.answer(Err(Lost::NoAnswer))),
                    }
                }
                // A device is seen only where it can sign in.
                Event::Presence if device == account => drop(run.present()),
                Event::Changes(how) if changing => {
                    prop_assert_eq!(&device, &new, "the account gets it before the device");
                    let changed = match how {
                        0 => Changed::No { words: None },
                        1 | 2 => Changed::Unknown,
                        _ => Changed::Yes,
                    };
                    if how > 1 {
                        account = new.clone();
                    }
                    run.gets(Input::PasswordChanged(changed));
                }
                Event::Cancel => drop(run.gets(Input::Cancel)),
                _ => {
                    if let Some(until) = run.until {
                        run.now = run.now.max(until);
                    }
                    run.gets(Input::Tick);
                }
            }
        }
        let (left, not_put_back) = match run.outcome.clone().unwrap() {
            Outcome::Onboarded => (LeftOnDevice::NewAccount, None),
            Outcome::Failed { left, not_put_back, .. }
            | Outcome::Cancelled { left, not_put_back }
            | Outcome::Undone { left, not_put_back } => (left, not_put_back),
        };
        match left {
            LeftOnDevice::NewAccount => {
                prop_assert!(device == new && (account == new || not_put_back.is_some()), "{device} {account}");
            }
            LeftOnDevice::AsBefore => prop_assert!(device == former && account == former, "{device} {account}"),
            LeftOnDevice::Unknown => {}
            other => prop_assert!(false, "{other:?}"),
        }
    }
}
