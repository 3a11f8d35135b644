//! One device that fails among good ones, in the real window: the others go on, it says its own words, and is tried again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use homeward_protocol::crudn::Status;
use homeward_simulator::Kind;
use homeward_tests::alone;
use homeward_tests::journey::Journey;
use homeward_tests::window::Scheme;

#[test]
fn one_fails_among_good_ones_and_is_tried_again() {
    alone(async || {
        let mut journey = Journey::start(Scheme::Light, None).await;
        let lock = journey.simulated.device(Kind::Lock.key());
        let user = lock.user_href().unwrap();
        lock.refuses_saying(user.as_str(), Status::FORBIDDEN, "press the button first");
        journey.signs_in().await;
        journey.finds().await;
        journey.chooses().await;
        journey.window.clicks("review-go").await;
        for device in journey.devices().iter().filter(|device| device.di() != lock.di()) {
            journey.window.attribute(&format!("run-{}", device.di()), "data-is", "onboarded").await;
        }
        journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "failed").await;
        let why = format!("run-why-{}", lock.di());
        journey.window.attribute(&why, "data-code", "device-refused").await;
        // Its own words, however they are folded away.
        let words = journey.window.sees(&why).await.prop("textContent").await.unwrap().unwrap();
        assert!(words.contains("press the button first"), "{words}");
        assert_eq!(lock.value(lock.xmpp_href().unwrap().as_str()).unwrap()["address"], "", "the server is put back");
        journey.step("failed", "one refuses, the others are online").await;

        lock.behaves();
        journey.window.clicks(&format!("run-retry-{}", lock.di())).await;
        journey.window.attribute(&format!("run-{}", lock.di()), "data-is", "onboarded").await;
        journey.comes_home().await;
        journey.ends().await;
    });
}
