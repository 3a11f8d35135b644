//! Another account at the same server, given to a device over the account that it has: one write, and it is gone from there.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::json;

use super::tests::{Run, own, plan};
use super::*;
use crate::crudn::Method;

const SERVER: (&str, u16) = ("xmpp.hearth.example", 5222);

fn moving() -> Run {
    let (channel, consent, online_as) = (Channel::Account, false, Some("old@hearth.example".to_owned()));
    Run::new(Plan { channel, consent, online_as, ours: vec![own("old@hearth.example", "old horse")], ..plan() })
}

/// Up to the POST of the account being out.
fn asked() -> Run {
    let mut run = moving();
    run.ok(json!({"address": SERVER.0, "port": SERVER.1, "status": "Connected"})).refused(403, "not over XMPP");
    let (via, method, href, body) = run.asks();
    assert_eq!((via, method, href), (Via::Channel, Method::Post, "/ra/user"), "{:?}", run.log);
    assert!(body.is_some());
    run
}

#[test]
fn its_server_is_not_written_and_its_status_not_read_and_its_presence_and_identity_prove_it() {
    let mut run = asked();
    assert_eq!(run.machine.former().unwrap().account, FormerAccount::Jid("old@hearth.example".to_owned()));
    run.ok(json!({}));
    assert!(run.open.is_empty(), "nobody is asked where the device is no more");
    run.present();
    assert_eq!(run.asks(), (Via::Xmpp, Method::Get, "/oic/d", None));
    run.ok(json!({ "di": plan().di }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn a_session_that_ends_before_the_answer_is_no_failure_once_the_device_is_seen() {
    let mut run = asked();
    run.answer(Err(Lost::NoAnswer)).answer(Err(Lost::NotSent)).present();
    assert_eq!(run.asks(), (Via::Xmpp, Method::Get, "/oic/d", None));
    run.ok(json!({ "di": plan().di }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn one_that_is_never_seen_again_is_not_known_to_have_it() {
    let mut run = asked();
    run.answer(Err(Lost::NoAnswer));
    while run.outcome.is_none() {
        match run.open.is_empty() {
            true => drop(run.passes()),
            false => drop(run.answer(Err(Lost::NotSent))),
        }
    }
    let (_, failure, left, _) = run.failure();
    assert_eq!((failure, left), (Failure::OutcomeUnknown, LeftOnDevice::Unknown));
}

#[test]
fn for_another_server_nothing_is_written() {
    for server in
        [json!({"address": "old.example", "port": 5222}), json!({"address": SERVER.0, "port": 5223}), json!({})]
    {
        let mut run = moving();
        run.ok(server);
        assert!(run.open.is_empty());
        assert_eq!(run.failure(), (Step::Read, Failure::OtherServer, LeftOnDevice::AsBefore, None));
    }
}

#[test]
fn one_that_refuses_stays_where_it_is() {
    let mut run = asked();
    run.refused(403, "not over XMPP");
    let (step, _, left, not_put_back) = run.failure();
    assert_eq!((step, left, not_put_back), (Step::Account, LeftOnDevice::AsBefore, None));
}
