//! One story of Create, Retrieve, Update, Delete and Notify, told over this network and over the server: the same
//! requests, and the same answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::{Answer, Path, Via};
use homeward_protocol::crudn::{Href, Request, Status};
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::peer::PATIENCE;
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SCENES};
use homeward_tests::server::Kind;
use serde_json::{Value, json};

const LAMP: &str = "lamp";

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

/// A lamp, and the path to it.
struct Story {
    house: RemoteHouse,
    via: Via,
}

impl Story {
    async fn over(via: Via) -> Story {
        Story { house: RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Lamp])).await, via }
    }

    fn di(&self) -> String {
        self.house.devices.device(LAMP).di().to_owned()
    }

    async fn asks(&self, request: Request) -> Answer {
        let path = if self.via == Via::Lan { Path::Lan } else { Path::Xmpp };
        let answer = self.house.home.request(&self.di(), request, self.via).await.unwrap();
        assert_eq!(answer.via, path);
        answer
    }

    /// The status, and the body.
    async fn told(&self, request: Request) -> (u16, Option<Value>) {
        let answer = self.asks(request).await;
        (answer.status, answer.body)
    }
}

async fn a_resource_lives_and_dies(via: Via) {
    let story = Story::over(via).await;
    let (status, made) = story.told(Request::post(href(SCENES), json!({"text": "a <b> & \"c\" √ 灯"}))).await;
    let made = made.unwrap();
    assert_eq!((status, &made["rep"]["text"]), (201, &json!("a <b> & \"c\" √ 灯")));
    let at = href(made["href"].as_str().unwrap());
    assert_eq!(story.told(Request::get(at.clone())).await, (200, Some(json!({"text": "a <b> & \"c\" √ 灯"}))));
    assert!(matches!(story.asks(Request::post(at.clone(), json!({"level": 7}))).await.status, 200 | 204));
    let whole = json!({"text": "a <b> & \"c\" √ 灯", "level": 7});
    assert_eq!(story.told(Request::get(at.clone())).await, (200, Some(whole)), "an update changes what it names");
    assert!(matches!(story.asks(Request::put(at.clone(), json!({"level": 8}))).await.status, 200 | 204));
    assert_eq!(story.told(Request::get(at.clone())).await, (200, Some(json!({"level": 8}))), "and a PUT all");
    assert!(matches!(story.asks(Request::delete(at.clone())).await.status, 200 | 204));
    assert_eq!(story.asks(Request::get(at)).await.status, 404);
}

async fn refusals_have_their_number_and_their_words(via: Via) {
    let story = Story::over(via).await;
    let lamp = story.house.devices.device(LAMP);
    for (status, words) in [
        (Status::BAD_REQUEST, "what is that?"),
        (Status::FORBIDDEN, "ask my owner"),
        (Status::TOO_LARGE, "less, please"),
        (Status::INTERNAL_ERROR, "I am broken"),
        (Status(503), "later"),
    ] {
        lamp.refuses_saying(LIGHT, status, words);
        let refused = story.asks(Request::post(href(LIGHT), json!({"value": true}))).await;
        assert_eq!(refused.status, status.0);
        let said = refused.diagnostic.unwrap_or(refused.reason);
        assert!(said.contains(words), "{status:?}: {said}");
    }
    lamp.accepts(LIGHT);
    assert_eq!(story.asks(Request::delete(href(LIGHT))).await.status, 405);
    assert_eq!(story.asks(Request::post(href(LIGHT), json!({"value": "on"}))).await.status, 400);
    assert_eq!(lamp.value(LIGHT).unwrap()["value"], false);
}

async fn what_is_large_comes_and_goes_whole(via: Via) {
    let story = Story::over(via).await;
    for bytes in [900, 1_100, 12_000] {
        let text: String = ('a'..='z').cycle().take(bytes).collect();
        let (status, made) = story.told(Request::post(href(SCENES), json!({ "text": text }))).await;
        assert_eq!(status, 201, "{bytes}");
        let at = href(made.unwrap()["href"].as_str().unwrap());
        assert_eq!(story.told(Request::get(at)).await, (200, Some(json!({ "text": text }))), "{bytes}");
    }
}

async fn each_change_is_told_in_its_order(via: Via) {
    let story = Story::over(via).await;
    let lamp = story.house.devices.device(LAMP);
    let mut watching = story.house.home.observe(&story.di(), href("/dimming"), via).await.unwrap();
    assert_eq!(watching.next().await.unwrap().unwrap().body.unwrap()["dimmingSetting"], 60);
    for level in [10, 20, 30] {
        lamp.set_value("/dimming", json!({ "dimmingSetting": level }));
        let told = tokio::time::timeout(PATIENCE, watching.next()).await.expect("in time").unwrap().unwrap();
        assert_eq!(told.body.unwrap()["dimmingSetting"], level);
    }
}

async fn many_at_once_are_each_answered_by_their_own_answer(via: Via) {
    let story = Story::over(via).await;
    let mut asked = tokio::task::JoinSet::new();
    for n in 0..24 {
        let (home, di) = (story.house.home.clone(), story.di());
        let (path, property) = [(LIGHT, "value"), ("/dimming", "dimmingSetting"), ("/colour", "rgbValue")][n % 3];
        asked.spawn(async move {
            let answer = home.request(&di, Request::get(href(path)), via).await.unwrap();
            assert!(answer.body.unwrap().get(property).is_some(), "another resource's answer");
        });
    }
    while let Some(ended) = asked.join_next().await {
        ended.unwrap();
    }
}

async fn a_device_that_takes_its_time_is_waited_for_and_one_that_is_silent_is_not_asked_twice(via: Via) {
    let story = Story::over(via).await;
    let lamp = story.house.devices.device(LAMP);
    lamp.slow(Duration::from_secs(3));
    assert_eq!(story.asks(Request::post(href(LIGHT), json!({"value": true}))).await.status / 100, 2);
    lamp.slow(Duration::ZERO);
    let before = story.house.arrived(LAMP, LIGHT).len();
    lamp.swallows_next_answers(u32::MAX);
    let unanswered =
        story.house.home.request(&story.di(), Request::post(href(LIGHT), json!({"value": false})), via).await;
    assert_eq!(unanswered.unwrap_err().code, Code::OutcomeUnknown);
    let arrived = story.house.arrived(LAMP, LIGHT).split_off(before);
    let once = arrived.iter().filter(|one| !one.repeated).count();
    assert_eq!(once, 1, "{arrived:#?}");
}

macro_rules! over_both_paths {
    ($($story:ident),* $(,)?) => {
        mod on_this_network {
            $(#[test] fn $story() { super::alone(|| super::$story(super::Via::Lan)); })*
        }
        mod over_the_server {
            $(#[test] fn $story() { super::alone(|| super::$story(super::Via::Xmpp)); })*
        }
    };
}

over_both_paths![
    a_resource_lives_and_dies,
    refusals_have_their_number_and_their_words,
    what_is_large_comes_and_goes_whole,
    each_change_is_told_in_its_order,
    many_at_once_are_each_answered_by_their_own_answer,
    a_device_that_takes_its_time_is_waited_for_and_one_that_is_silent_is_not_asked_twice,
];
