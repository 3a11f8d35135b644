//! The main job in the real window, from the first start to the light, and the start after that.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_simulator::{Kind, Scenario};
use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::server::{self, PASSWORD, Server};
use homeward_tests::window::Scheme;
use serde_json::json;
use xtask::servers::Options;

#[test]
fn from_the_first_start_to_the_light() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Light, None).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        journey.switches_the_light_on().await;

        // A hand on the lamp itself: the tile follows.
        let lamp = journey.simulated.device(Kind::Lamp.key());
        lamp.set_value("/light", json!({"value": false}));
        let tile = format!("tile-{}", lamp.di());
        journey.window.attribute(&tile, "data-is", "idle").await;

        // It goes away, and is greyed with its tile still there; it comes back, and is live again.
        lamp.goes_away();
        journey.window.attribute(&tile, "data-is", "offline").await;
        lamp.comes_back().unwrap();
        journey.window.attribute(&tile, "data-is", "idle").await;
        journey.ends().await;
    });
}

#[test]
fn at_home_over_this_network_and_from_afar_over_xmpp() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Light, None).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        journey.switches_the_light_on().await;
        let lamp = journey.simulated.device(Kind::Lamp.key());
        let path = |via: &str| format!("[data-test=\"tile-{}\"] [data-via=\"{via}\"]", lamp.di());
        journey.window.sees_css(&path("lan")).await;
        journey.switches_it_off_from_afar().await;
        journey.window.sees_css(&path("remote")).await;

        // Home again: the network is found by itself at the next start.
        for device in journey.simulated.devices() {
            device.behaves();
        }
        journey.reopens().await;
        journey.window.sees_css(&path("lan")).await;
        journey.switches_the_light_on().await;
        journey.ends().await;
    });
}

#[test]
fn a_device_that_refuses_puts_the_switch_back_and_says_why() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Dark, None).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        let lamp = journey.simulated.device(Kind::Lamp.key());
        lamp.refuses_saying("/light", homeward_protocol::crudn::Status::FORBIDDEN, "the child lock is on");
        journey.window.clicks(&format!("toggle-{}", lamp.di())).await;
        journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "failed").await;
        let fact = journey.window.sees(&format!("toggle-{}", lamp.di())).await;
        assert_eq!(fact.attr("aria-checked").await.unwrap().as_deref(), Some("false"), "a wish is shown as a fact");
        lamp.accepts("/light");
        journey.window.clicks(&format!("toggle-{}", lamp.di())).await;
        journey.window.attribute(&format!("tile-{}", lamp.di()), "data-is", "on").await;
        assert_eq!(lamp.value("/light").unwrap()["value"], true);
        journey.ends().await;
    });
}

#[test]
fn at_the_next_start_it_signs_in_by_itself() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Light, None).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        journey.reopens().await;
        for device in journey.devices() {
            journey.window.sees(&format!("tile-{}", device.di())).await;
        }
        journey.ends().await;
    });
}

#[test]
fn any_other_resource_is_read_and_written_as_it_is() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Light, None).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        let fan = journey.simulated.device(Kind::Fan.key());
        journey.window.goes_to(&format!("#/device/{}/resources", fan.di())).await;
        journey.window.clicks("resource-/x/speed").await;
        journey.window.clicks("method-post").await;
        journey.window.writes("request-body", r#"{"speed": 3}"#).await;
        journey.window.clicks("request-send").await;
        fan.wait_for_value("/x/speed", |value| value["speed"] == 3).await.unwrap();
        let status = journey.window.sees("answer").await.attr("data-status").await.unwrap().unwrap();
        assert!(["200", "204"].contains(&status.as_str()), "{status}");
        journey.ends().await;
    });
}

#[test]
fn the_password_is_changed_for_all_and_the_account_taken_back_from_one() {
    alone(async || {
        let options = Options { modules: vec!["register".to_owned()], ..Options::default() };
        let server = Server::start_with(server::Kind::Prosody, options).await;
        let mut journey = Journey::start_on(server, Scheme::Light, None, Scenario::cast()).await;
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.onboards().await;
        journey.comes_home().await;
        let held = |device: &homeward_simulator::Device| {
            device.value(device.user_href().unwrap().as_str()).unwrap()["credential"].as_str().unwrap().to_owned()
        };
        let new = "moonrise over the bay";
        journey.window.clicks("nav-settings").await;
        journey.window.clicks("change-password").await;
        for field in ["new-password-first", "new-password-again"] {
            journey.window.writes(field, new).await;
        }
        journey.window.clicks("new-password-allow").await;
        journey.window.clicks("new-password-go").await;
        for device in journey.devices() {
            journey.window.attribute(&format!("run-{}", device.di()), "data-is", "onboarded").await;
        }
        let encoded = STANDARD.encode(new);
        assert!(journey.devices().iter().all(|device| held(device) == encoded), "an old password is left");
        let lamp = journey.simulated.device(Kind::Lamp.key());
        journey.window.goes_to(&format!("#/device/{}/security", lamp.di())).await;
        journey.window.attribute("security-account", "data-is", "given").await;
        journey.window.clicks("take-back").await;
        journey.window.clicks("take-back-go").await;
        journey.window.attribute("security-account", "data-is", "none").await;
        assert_eq!(held(&lamp), "");
        journey.window.quits_without_a_trace_of(&[PASSWORD.as_bytes(), new.as_bytes()]).await;
        journey.ends().await;
    });
}
