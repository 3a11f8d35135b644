//! The house moves to another account, in the real window: begun in the settings, one device that fails and then moves, the
//! program closed half way and gone on with, finished with the old account deleted. Every screen is looked at: what stands in
//! it has to be accessible. No password is left anywhere.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_protocol::crudn::Status;
use homeward_simulator::{Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::server::{self, PASSWORD, Server};
use homeward_tests::window::Scheme;
use xtask::servers::Options;

const NEXT: &str = "grace";
const NEXT_PASSWORD: &str = "another horse, another battery";

async fn story(scheme: Scheme, width: u32, height: u32) {
    let options = Options { modules: vec!["register".to_owned()], ..Options::default() };
    let server = Server::start_with(server::Kind::Prosody, options).await;
    server.add_account(NEXT, NEXT_PASSWORD).await;
    let next = server.jid().replacen(server::USER, NEXT, 1);
    let mut journey = Journey::start_on(server, scheme, None, Scenario::of([Kind::Lamp, Kind::Plug])).await;
    journey.window.resize(width, height).await;
    journey.signs_in().await;
    journey.finds().await;
    journey.chooses().await;
    journey.onboards().await;
    let (lamp, plug) = (journey.simulated.device("lamp"), journey.simulated.device("plug"));
    let row = |device: &homeward_simulator::Device| format!("mover-{}", device.di());

    journey.window.goes_to("#/settings").await;
    journey.window.sees("settings-move").await;
    journey.looks("move-settings").await;
    journey.window.clicks("move").await;
    journey.window.writes("account-jid", &next).await;
    journey.window.writes("account-password", NEXT_PASSWORD).await;
    journey.looks("move-account").await;
    journey.window.clicks("account-check").await;
    journey.window.attribute("check", "data-is", "good").await;
    journey.window.clicks("account-next").await;
    journey.window.attribute(&row(&lamp), "data-is", "here").await;
    journey.window.attribute(&row(&plug), "data-is", "here").await;
    journey.looks("move-devices").await;

    let user = plug.user_href().unwrap();
    plug.refuses_saying(user.as_str(), Status(503), "busy with an update");
    journey.window.clicks("move-allow").await;
    journey.window.clicks("move-go").await;
    journey.window.attribute(&row(&lamp), "data-is", "moved").await;
    journey.window.attribute(&row(&plug), "data-is", "failed").await;
    journey.looks("move-half").await;

    // Half of the house has moved, and the program ends.
    plug.accepts(user.as_str());
    journey.reopens().await;
    journey.window.resize(width, height).await;
    journey.window.sees("moving").await;
    journey.looks("move-dashboard").await;
    journey.window.goes_to("#/move").await;
    if journey.window.has_within("move-not-in").await {
        // No keyring on this machine: the new account's password is asked for, as the old one's was.
        journey.window.writes("move-password", NEXT_PASSWORD).await;
        journey.window.clicks("move-sign-in").await;
    }
    journey.window.attribute(&row(&lamp), "data-is", "moved").await;
    journey.window.attribute(&row(&plug), "data-is", "here").await;
    journey.window.clicks("move-allow").await;
    journey.window.clicks("move-go").await;
    journey.window.attribute(&row(&plug), "data-is", "moved").await;
    journey.window.clicks("move-finish").await;
    journey.window.clicks("finish-move-delete").await;
    journey.looks("move-finish").await;
    journey.window.clicks("finish-move-go").await;
    journey.window.loses("finish-move-dialog").await;
    journey.window.sees("settings-account").await;
    assert!(journey.window.words().await.contains(&next));
    journey.looks("move-over").await;
    journey.window.quits_without_a_trace_of(&[PASSWORD.as_bytes(), NEXT_PASSWORD.as_bytes()]).await;
    journey.ends().await;
}

#[test]
fn the_house_moves_in_the_light() {
    alone(async || story(Scheme::Light, 1280, 860).await);
}

#[test]
fn the_house_moves_in_the_dark_and_in_a_small_window() {
    alone(async || story(Scheme::Dark, 900, 640).await);
}
