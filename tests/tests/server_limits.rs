//! A server's limits are met and not fought: under a rate limit things are slow, and no more; a stanza that is too large
//! costs the link once at the most, and is not sent again.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use homeward_core::view::{Answer, Via};
use homeward_core::{Code, Error};
use homeward_protocol::crudn::{Href, Request};
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::remote_house::{LIGHT, Losses, RemoteHouse, SCENES, SWITCH, assert_honest, executed};
use homeward_tests::server::{Kind, Server};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use xtask::servers::Options;

/// In kilobytes a second: little more than half of what prosody comes with.
const RATE: u32 = 6;
/// What both servers take here, whatever is limited; its base64 is 16 kB.
const LARGE: usize = 12_000;
/// Three of them, there and back, at this rate.
const LARGE_WITHIN: Duration = Duration::from_secs(45);
/// Two of them, there: ejabberd lets the first pass at once.
const NOT_BEFORE: Duration = Duration::from_secs(4);

/// In bytes; an eighth of what prosody comes with.
const STANZA_LIMIT: u32 = 32_768;
/// Its base64 is 54 kB. What is beyond the limit by less than one read, 8 kB, prosody lets pass.
const TOO_LARGE: usize = 40_000;
/// The stream error comes at once; this is for slow machines.
const AT_ONCE: Duration = Duration::from_secs(3);
/// The first wait before a new try, a sign-in, and the presences.
const BACK_WITHIN: Duration = Duration::from_secs(10);

/// A lamp and a plug at a server with these limits, and a home that has pressed both.
async fn house_at(kind: Kind, options: Options) -> RemoteHouse {
    let server = Server::start_with(kind, options).await;
    let house = RemoteHouse::at(server, Scenario::of([Appliance::Lamp, Appliance::Plug])).await;
    house.sign_in().await;
    house.works_again("lamp", LIGHT).await;
    house.works_again("plug", SWITCH).await;
    house
}

/// A Create of so many bytes in the lamp, from its beginning.
fn creates(house: &RemoteHouse, bytes: usize) -> JoinHandle<Result<Answer, Error>> {
    let (home, lamp) = (house.home.clone(), house.devices.device("lamp").di().to_owned());
    let scenes = Href::new(format!("{SCENES}?if=oic.if.create")).unwrap();
    let member = json!({"rt": ["x.lumenfold.r.scene"], "if": ["oic.if.rw"], "rep": {"notes": "n".repeat(bytes)}});
    tokio::spawn(async move { home.request(&lamp, Request::post(scenes, member), Via::Xmpp).await })
}

async fn limits_the_rate(kind: Kind) {
    let house = house_at(kind, Options { rate: Some(RATE), ..Options::default() }).await;
    let losses = Losses::of(&house.home);
    let pressed = house.arrived("plug", SWITCH).len();
    let began = Instant::now();
    let writes = [(); 3].map(|()| creates(&house, LARGE));
    // The first has come through, the others wait in the server's way, and the press behind them.
    house.reaches("lamp", SCENES).await;
    let on = house.devices.device("plug").value(SWITCH).is_some_and(|value| value["value"] == json!(true));
    let told = house.switches("plug", SWITCH, !on).outcome(LARGE_WITHIN).await;
    assert!(told.is_ok(), "{told:?}");
    assert!(began.elapsed() > NOT_BEFORE, "the server has limited nothing");
    assert_honest(&told, &house.arrived("plug", SWITCH).split_off(pressed));
    house.shows_the_truth("plug", SWITCH, Duration::from_secs(1)).await;
    for write in writes {
        let answer = timeout(LARGE_WITHIN, write).await.expect("in time").unwrap();
        let answer = answer.unwrap_or_else(|error| panic!("slow is no failure: {error:?}"));
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    let arrived = house.arrived("lamp", SCENES);
    assert_eq!((arrived.len(), executed(&arrived)), (3, 3), "each once");
    house.works_again("lamp", LIGHT).await;
    losses.none(&house.home).await;
    assert_eq!(house.link.accepted(), 1, "one sign-in");
}

#[test]
fn under_a_rate_limit_what_is_large_is_slow_and_done_once_and_a_press_behind_it_too_prosody() {
    alone(|| limits_the_rate(Kind::Prosody));
}

#[test]
fn under_a_rate_limit_what_is_large_is_slow_and_done_once_and_a_press_behind_it_too_ejabberd() {
    alone(|| limits_the_rate(Kind::Ejabberd));
}

/// A request that this server would not take is refused here, with what it may have at the most; the link does not
/// hear of it, and what is smaller is done.
async fn is_refused_in_words_and_the_link_stays(house: RemoteHouse, sign_ins: u64) {
    let losses = Losses::of(&house.home);
    let before = house.arrived("lamp", SCENES).len();
    let refused = creates(&house, TOO_LARGE).await.unwrap().unwrap_err();
    assert_eq!(refused.code, Code::TooLarge, "{refused:?}");
    let takes: u32 = refused.message.rsplit(' ').next().unwrap().parse().unwrap_or_else(|_| panic!("{refused:?}"));
    assert!(takes < STANZA_LIMIT && usize::try_from(takes).unwrap() > LARGE, "{refused:?}");
    let taken = creates(&house, LARGE).await.unwrap().unwrap();
    assert_eq!(taken.status, 201, "{taken:?}");
    let arrived = house.arrived("lamp", SCENES).split_off(before);
    assert_eq!((arrived.len(), executed(&arrived)), (1, 1), "the one that fits, once");
    house.works_again("plug", SWITCH).await;
    losses.none(&house.home).await;
    assert_eq!(house.link.accepted(), sign_ins);
}

/// Neither server tells its limit (XEP-0478), so the first stanza beyond it finds it out.
async fn limits_stanzas(kind: Kind) {
    let house = house_at(kind, Options { stanza_limit: Some(STANZA_LIMIT), ..Options::default() }).await;
    let write = creates(&house, TOO_LARGE);
    let why = house.loses_its_link(AT_ONCE).await;
    assert_eq!(why.code, Code::ServerClosed, "{why:?}");
    assert!(why.details.as_ref().is_some_and(|words| words.starts_with("PolicyViolation")), "{why:?}");
    // What the stream broke on is not said to have failed: nobody on this side knows which stanza it was.
    let told = write.await.unwrap().map(drop);
    assert_eq!(told.as_ref().unwrap_err().code, Code::OutcomeUnknown, "{told:?}");
    house.is_whole(BACK_WITHIN).await;
    assert!(house.arrived("lamp", SCENES).is_empty(), "the server has passed it on");
    is_refused_in_words_and_the_link_stays(house, 2).await;
}

#[test]
fn a_stanza_that_the_server_finds_too_large_costs_the_link_once_and_is_refused_from_then_on_prosody() {
    alone(|| limits_stanzas(Kind::Prosody));
}

#[test]
fn a_stanza_that_the_server_finds_too_large_costs_the_link_once_and_is_refused_from_then_on_ejabberd() {
    alone(|| limits_stanzas(Kind::Ejabberd));
}

/// A module for prosody 0.12, which has no XEP-0478 of its own.
const TELLS_ITS_LIMIT: &str = r#"
module:hook("stream-features", function (event)
    local limit = module:get_option_number("c2s_stanza_size_limit");
    event.features:tag("limits", { xmlns = "urn:xmpp:stream-limits:0" }):text_tag("max-bytes", tostring(limit)):up();
end);
"#;

#[test]
fn a_server_that_tells_its_limit_is_never_sent_more() {
    alone(async || {
        let folder = tempfile::tempdir().unwrap();
        // The server has a user of its own.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let module = folder.path().join("mod_tells_its_limit.lua");
        std::fs::write(&module, TELLS_ITS_LIMIT).unwrap();
        std::fs::set_permissions(&module, std::fs::Permissions::from_mode(0o644)).unwrap();
        let options = Options {
            stanza_limit: Some(STANZA_LIMIT),
            modules: vec!["tells_its_limit".to_owned()],
            extra: format!("plugin_paths = {{ {:?} }}", folder.path()),
            ..Options::default()
        };
        let house = house_at(Kind::Prosody, options).await;
        is_refused_in_words_and_the_link_stays(house, 1).await;
    });
}
