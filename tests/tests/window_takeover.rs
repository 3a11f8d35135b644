//! A secured lock becomes the person's, in the real window: stopped, with a wrong PIN, with the right one; then set up, and
//! given up; then by Just Works, and lost. Somebody else's stays theirs, and whoever claims to be the lock is told of. Every
//! screen is looked at: what stands in it has to be accessible. No PIN, no key and no password is left anywhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_protocol::crudn::Status;
use homeward_simulator::{self as simulator, Kind, Scenario, Security};
use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::server::PASSWORD;
use homeward_tests::window::Scheme;

async fn story(scheme: Scheme, width: u32, height: u32) {
    let mut journey = Journey::start_with(scheme, None, Scenario::of([Kind::Lock, Kind::Plug])).await;
    journey.window.resize(width, height).await;
    let lock = journey.simulated.device(Kind::Lock.key());
    lock.secured(Security::Unowned).unwrap();
    let anothers = journey.simulated.device(Kind::Plug.key());
    anothers.secured(Security::Owned).unwrap();
    let former = lock.di_now();
    journey.signs_in().await;
    journey.window.attribute(&format!("found-{former}"), "data-is", "unowned").await;
    journey.window.attribute(&format!("found-{}", anothers.di_now()), "data-is", "secured-only").await;
    journey.looks("takeover-found").await;
    journey.window.goes_to(&format!("#/device/{}/security", anothers.di_now())).await;
    journey.window.attribute("security-lan", "data-is", "owned-by-another").await;
    journey.looks("takeover-anothers").await;
    journey.window.goes_to("#/add").await;

    journey.window.clicks(&format!("own-{former}")).await;
    journey.window.sees("take-over-dialog").await;
    journey.looks("takeover-asked").await;
    journey.window.clicks("take-over-go").await;
    journey.window.sees("take-over-pin").await;
    journey.window.clicks("take-over-stop").await;
    journey.window.loses("take-over-dialog").await;

    journey.window.clicks(&format!("own-{former}")).await;
    journey.window.clicks("take-over-other").await;
    journey.window.sees("take-over-warning").await;
    journey.looks("takeover-just-works").await;
    journey.window.clicks("take-over-other").await;
    journey.window.clicks("take-over-go").await;
    journey.window.sees("take-over-pin").await;
    let pin = lock.pin().unwrap();
    journey.window.writes("take-over-pin-field", &format!("{pin}1")).await;
    journey.window.clicks("take-over-pin-go").await;
    journey.window.sees("take-over-wrong").await;
    journey.looks("takeover-wrong-pin").await;
    lock.refuses_saying("/oic/sec/cred", Status(403), "not today");
    journey.window.writes("take-over-pin-field", &pin).await;
    journey.window.clicks("take-over-pin-go").await;
    journey.window.sees("take-over-again").await;
    journey.looks("takeover-failed").await;
    lock.accepts("/oic/sec/cred").slow(Duration::from_millis(400));
    journey.window.clicks("take-over-again").await;
    journey.window.sees("take-over-pin").await;
    let next_pin = lock.pin().unwrap();
    journey.window.writes("take-over-pin-field", &next_pin).await;
    journey.window.clicks("take-over-pin-go").await;
    journey.window.sees("take-over-going").await;
    journey.looks("takeover-going").await;
    lock.slow(Duration::ZERO);
    journey.window.sees("take-over-done").await;
    journey.looks("takeover-done").await;
    journey.window.clicks("take-over-done").await;

    let id = lock.di_now();
    assert_ne!(id, former);
    let key = lock.owner_key().unwrap();
    journey.window.attribute(&format!("found-{id}"), "data-is", "ready").await;
    let others = simulator::Home::start(Scenario::of([Kind::Lock]).with_seed(77)).await.unwrap();
    let impostor = others.device(Kind::Lock.key());
    impostor.secured(Security::Owned).unwrap().claims_the_id(&id).forgets_requests();
    impostor.wait_for_request(|asked| asked.href.path() == "/oic/res").await.unwrap();
    journey.window.clicks("devices-next").await;
    journey.window.sees(&format!("plan-{id}")).await;
    journey.window.clicks("review-go").await;
    journey.window.attribute(&format!("run-{id}"), "data-is", "onboarded").await;
    journey.window.goes_to(&format!("#/device/{id}/security")).await;
    journey.window.attribute("security-lan", "data-is", "ours").await;
    journey.window.attribute("security-owned", "data-is", "complete").await;
    let at = impostor.endpoints()[0].to_string();
    journey.window.reads("security-claimed", "where the impostor is", |words| words.contains(&at)).await;
    journey.looks("takeover-security").await;
    impostor.goes_away();

    journey.window.goes_to("#/settings").await;
    for (question, dialog) in [("backup-save", "takeover-backup-save"), ("backup-restore", "takeover-backup-restore")] {
        journey.window.clicks(question).await;
        journey.window.sees("backup-dialog").await;
        journey.looks(dialog).await;
        journey.window.clicks("backup-keep").await;
        journey.window.loses("backup-dialog").await;
    }
    journey.window.goes_to(&format!("#/device/{id}/security")).await;

    journey.window.clicks("give-up").await;
    journey.looks("takeover-give-up").await;
    journey.window.clicks("give-up-go").await;
    let gone = |lock: &homeward_simulator::Device| (lock.di_now() != id).then_some(());
    lock.wait_for(Duration::from_secs(20), "to be nobody's", gone).await.unwrap();

    // The same again without its PIN.
    let nobodys = lock.di_now();
    journey.window.goes_to(&format!("#/device/{nobodys}/security")).await;
    journey.window.attribute("security-lan", "data-is", "unowned").await;
    journey.window.clicks("own").await;
    journey.window.clicks("take-over-other").await;
    journey.window.clicks("take-over-go").await;
    journey.window.sees("take-over-done").await;
    journey.window.clicks("take-over-done").await;
    journey.window.attribute("security-lan", "data-is", "ours").await;
    let next_key = lock.owner_key().unwrap();

    // And lost.
    let lost = lock.di_now();
    lock.goes_away();
    journey.window.goes_to("#/add").await;
    journey.window.attribute(&format!("found-{lost}"), "data-is", "silent").await;
    journey.window.goes_to(&format!("#/device/{lost}/security")).await;
    journey.window.clicks("forget-key").await;
    journey.window.sees("forget-key-dialog").await;
    journey.looks("takeover-forget-key").await;
    journey.window.clicks("forget-key-go").await;
    journey.window.loses("security-owned").await;
    assert_ne!(key, next_key);
    let secrets = [PASSWORD.as_bytes(), pin.as_bytes(), next_pin.as_bytes(), &key[..], &next_key[..]];
    journey.window.quits_without_a_trace_of(&secrets).await;
    journey.ends().await;
}

#[test]
fn a_lock_becomes_ours_with_its_pin_and_is_given_up_in_the_light() {
    alone(async || story(Scheme::Light, 1280, 860).await);
}

#[test]
fn a_lock_becomes_ours_with_its_pin_and_is_given_up_in_the_dark_and_in_a_small_window() {
    alone(async || story(Scheme::Dark, 900, 640).await);
}
