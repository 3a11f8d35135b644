//! Cancelling and undoing, as a dialogue with the device.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use serde_json::json;

use super::tests::{OLD_SERVER, Run, body_is, own, plan};
use super::*;

#[test]
fn cancelled_while_reading_nothing_was_written() {
    let mut run = Run::new(plan());
    run.gets(Input::Cancel);
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
    assert_eq!(run.log, ["began(read)", "failed Read: cancelled"]);
    run.ok(json!({})).gets(Input::Cancel);
    assert!(run.open.is_empty(), "a late answer moves nothing");
}

#[test]
fn cancelled_while_the_server_is_written_it_is_put_back_if_it_was_taken() {
    let started = |run: &mut Run| {
        run.ok(json!({"address": "old.example", "port": 5223})).ok(json!({})).gets(Input::Cancel);
        assert_eq!(run.open.len(), 1, "what is out decides");
    };
    let mut run = Run::new(plan());
    started(&mut run);
    run.ok(json!({}));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);

    let mut run = Run::new(plan());
    started(&mut run);
    run.refused(400, "");
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);

    let mut run = Run::new(plan());
    started(&mut run);
    run.answer(Err(Lost::NoAnswer));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

#[test]
fn cancelled_before_a_write_is_sent_again_nothing_is_written() {
    let mut run = Run::new(plan());
    run.ok(json!({})).ok(json!({})).answer(Err(Lost::NotSent)).gets(Input::Cancel);
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

#[test]
fn cancelled_while_the_account_is_written_both_are_put_back() {
    let mut run = Run::new(Plan { ours: vec![own("old@old.example", "secret")], ..plan() });
    run.on_old_server().gets(Input::Cancel).ok(json!({}));
    assert_eq!(run.asks().2, "/ra/user");
    body_is(&run, r#"{"jid":"old@old.example","credential":"c2VjcmV0"}"#);
    run.ok(json!({}));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

#[test]
fn cancelled_while_watching_a_device_of_unknown_password_is_signed_out() {
    let mut run = Run::new(plan());
    run.on_old_server().ok(json!({})).gets(Input::Cancel);
    body_is(&run, r#"{"jid":"","credential":""}"#);
    run.ok(json!({})).ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::SignedOut);
    assert_eq!(&run.log[run.log.len() - 3..], ["failed Status: cancelled", "undone(account)", "undone(server)"]);
}

#[test]
fn cancelled_while_watching_a_device_that_had_nothing_is_as_before() {
    let mut run = Run::new(plan());
    run.up_to_status().present().gets(Input::Cancel);
    run.open.pop_front();
    run.ok(json!({}));
    body_is(&run, r#"{"address":"","port":0}"#);
    run.ok(json!({}));
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

#[test]
fn a_device_that_refuses_the_empty_account_keeps_server_and_account() {
    let mut run = Run::new(plan());
    run.on_old_server().ok(json!({})).gets(Input::Cancel).refused(400, "jid missing");
    assert!(run.open.is_empty(), "the former server never sees the new account");
    assert_eq!(run.cancelled(), LeftOnDevice::NewAccount);
}

#[test]
fn cancelling_twice_or_after_the_end_does_nothing() {
    let mut run = Run::new(plan());
    run.up_to_status().gets(Input::Cancel).gets(Input::Cancel);
    assert_eq!(run.open.len(), 1);
    run.ok(json!({})).ok(json!({})).gets(Input::Cancel);
    assert_eq!(run.cancelled(), LeftOnDevice::AsBefore);
}

fn undo_plan() -> UndoPlan {
    UndoPlan {
        server: plan().server,
        user: plan().user,
        channel: Channel::Clear,
        consent: true,
        former: Former {
            address: "old.example".to_owned(),
            port: Some(5223),
            account: FormerAccount::Jid("old@old.example".to_owned()),
        },
        server_written: true,
        account_written: true,
        ours: vec![own("old@old.example", "secret")],
    }
}

fn undone(run: &Run) -> (LeftOnDevice, bool) {
    match &run.outcome {
        Some(Outcome::Undone { left, not_put_back }) => (*left, not_put_back.is_none()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn undo_writes_the_account_back_and_then_the_server() {
    let mut run = Run::of(Onboarding::undo(undo_plan(), Duration::ZERO));
    body_is(&run, r#"{"jid":"old@old.example","credential":"c2VjcmV0"}"#);
    run.ok(json!({}));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    assert_eq!(undone(&run), (LeftOnDevice::AsBefore, true));
}

#[test]
fn undo_without_the_former_password_signs_the_device_out() {
    for account in [FormerAccount::Jid("x@old.example".to_owned()), FormerAccount::Unread] {
        let former = Former { account, ..undo_plan().former };
        let mut run = Run::of(Onboarding::undo(UndoPlan { former, ..undo_plan() }, Duration::ZERO));
        run.ok(json!({})).ok(json!({}));
        assert_eq!(undone(&run), (LeftOnDevice::SignedOut, true));
    }
}

#[test]
fn undo_says_what_could_not_be_put_back() {
    let former = Former { account: FormerAccount::Unread, ..undo_plan().former };
    let mut run = Run::of(Onboarding::undo(UndoPlan { former, ..undo_plan() }, Duration::ZERO));
    run.ok(json!({})).refused(400, "");
    assert_eq!(undone(&run), (LeftOnDevice::NewServerSignedOut, false));

    let mut run = Run::of(Onboarding::undo(undo_plan(), Duration::ZERO));
    run.answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer));
    assert_eq!(undone(&run), (LeftOnDevice::Unknown, false));
}

#[test]
fn undo_needs_the_same_consent_and_only_for_the_account() {
    let run = Run::of(Onboarding::undo(UndoPlan { consent: false, ..undo_plan() }, Duration::ZERO));
    assert_eq!(undone(&run), (LeftOnDevice::NewAccount, false));
    let server_only = UndoPlan { consent: false, account_written: false, ..undo_plan() };
    let mut run = Run::of(Onboarding::undo(server_only, Duration::ZERO));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    assert_eq!(undone(&run), (LeftOnDevice::AsBefore, true));
}
