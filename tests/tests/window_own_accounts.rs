//! A lamp gets an account of its own, in the real window, and is shut out when it is lost. Every screen is looked at: what
//! stands in it has to be accessible. No password is left anywhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_simulator::{Device, Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::server::{self, PASSWORD, Server};
use homeward_tests::window::Scheme;
use xtask::servers::Options;

/// The password that it holds.
fn held(lamp: &Device) -> Vec<u8> {
    let user = lamp.value(lamp.user_href().unwrap().as_str()).unwrap();
    STANDARD.decode(user["credential"].as_str().unwrap()).unwrap()
}

async fn story(scheme: Scheme, width: u32, height: u32) {
    let options = Options { registration: Some(0), ..Options::default() };
    let server = Server::start_with(server::Kind::Prosody, options).await;
    let mut journey = Journey::start_on(server, scheme, None, Scenario::of([Kind::Lamp])).await;
    journey.window.resize(width, height).await;
    journey.signs_in().await;
    journey.finds().await;
    journey.chooses().await;
    journey.window.clicks("review-own").await;
    journey.looks("own-review").await;
    journey.onboards().await;
    let lamp = journey.simulated.device("lamp");
    assert!(lamp.jid().unwrap().starts_with("device-"), "{:?}", lamp.jid());

    journey.window.goes_to(&format!("#/device/{}/security", lamp.di())).await;
    journey.window.sees("shut-out").await;
    journey.looks("own-security").await;
    journey.window.clicks("rotate").await;
    journey.window.sees("rotate-dialog").await;
    journey.looks("own-rotate").await;
    let (jid, before) = (lamp.jid(), held(&lamp));
    journey.window.clicks("rotate-allow").await;
    journey.window.clicks("rotate-go").await;
    journey.window.attribute(&format!("run-{}", lamp.di()), "data-is", "onboarded").await;
    journey.looks("own-rotated").await;
    assert_eq!(lamp.jid(), jid, "the account is the same");
    let after = held(&lamp);
    assert_ne!(after, before, "its password is another");
    journey.window.goes_to("#/settings").await;
    journey.window.sees("rotate-all").await;
    journey.looks("own-settings").await;

    journey.window.goes_to(&format!("#/device/{}/security", lamp.di())).await;
    journey.window.clicks("shut-out").await;
    journey.window.sees("shut-out-dialog").await;
    journey.looks("own-shut-out").await;
    journey.window.clicks("shut-out-go").await;
    journey.window.loses("shut-out-dialog").await;
    lamp.wait_for_status("Error").await.unwrap();
    journey.window.quits_without_a_trace_of(&[PASSWORD.as_bytes(), &before, &after]).await;
    journey.ends().await;
}

/// The server makes no accounts, and the person has one for the lamp.
async fn at_hand(scheme: Scheme) {
    const OWN_PASSWORD: &str = "a horse of its own";
    let server = Server::start(server::Kind::Prosody).await;
    server.add_account("lamp", OWN_PASSWORD).await;
    let jid = server.jid().replacen(server::USER, "lamp", 1);
    let mut journey = Journey::start_on(server, scheme, None, Scenario::of([Kind::Lamp])).await;
    journey.signs_in().await;
    journey.finds().await;
    journey.chooses().await;
    journey.window.clicks("review-own").await;
    journey.window.clicks("review-go").await;
    let lamp = journey.simulated.device("lamp");
    let run = format!("run-{}", lamp.di());
    journey.window.attribute(&run, "data-is", "failed").await;
    journey.looks("own-not-made").await;
    journey.window.clicks(&format!("run-at-hand-{}", lamp.di())).await;
    journey.window.writes("at-hand-jid", &jid).await;
    journey.window.writes("at-hand-password", "not this one").await;
    journey.window.clicks("at-hand-go").await;
    journey.window.sees_css("[data-test=at-hand-dialog] .note").await;
    journey.looks("own-at-hand").await;
    journey.window.writes("at-hand-password", OWN_PASSWORD).await;
    journey.window.clicks("at-hand-go").await;
    journey.window.loses("at-hand-dialog").await;
    journey.window.attribute(&run, "data-is", "onboarded").await;
    assert!(lamp.jid().unwrap().starts_with(&format!("{jid}/")), "{:?}", lamp.jid());
    assert_eq!(held(&lamp), OWN_PASSWORD.as_bytes());
    journey.window.quits_without_a_trace_of(&[PASSWORD.as_bytes(), OWN_PASSWORD.as_bytes()]).await;
    journey.ends().await;
}

#[test]
fn a_lamp_is_given_an_account_that_the_person_has_in_the_light() {
    alone(async || at_hand(Scheme::Light).await);
}

#[test]
fn a_lamp_is_given_an_account_that_the_person_has_in_the_dark() {
    alone(async || at_hand(Scheme::Dark).await);
}

#[test]
fn a_lamp_has_an_account_of_its_own_in_the_light() {
    alone(async || story(Scheme::Light, 1280, 860).await);
}

#[test]
fn a_lamp_has_an_account_of_its_own_in_the_dark_and_in_a_small_window() {
    alone(async || story(Scheme::Dark, 900, 640).await);
}
