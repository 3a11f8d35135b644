//! The same account is signed in twice with our own resource: the older one goes, says why, and does not fight.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::time::Duration;

use homeward_core::Code;
use homeward_core::view::Connection;
use homeward_tests::alone;
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH, is_live};
use homeward_tests::server::{Kind, PASSWORD};
use homeward_tests::stage::until_within;
use homeward_xmpp::{Account, Trust};
use tokio::time::sleep;

const AT_ONCE: Duration = Duration::from_secs(3);
/// Longer than the first waits before a new try together.
const NO_FIGHT_FOR: Duration = Duration::from_secs(10);

async fn thrown_out(kind: Kind) {
    let house = RemoteHouse::open(kind).await;
    house.watches(&["lamp"]).await;
    let tries = house.link.accepted();
    let account = Account {
        jid: house.server.jid().parse().unwrap(),
        password: PASSWORD.to_owned().into(),
        resource: format!("OIC/1.0/Client/{}", house.home.client_uuid()),
        server: house.server.host(),
        port: house.server.port(),
        trust: Trust::load(Some(&house.server.ca_file())).unwrap(),
        layer_deadline: AT_ONCE,
        at_least: None,
        resumes: false,
    };
    let other = homeward_xmpp::sign_in(&account, &mut |_| ()).await.unwrap();
    let why = until_within(&house.home, "thrown out", AT_ONCE, |snapshot| match &snapshot.connection {
        Connection::Refused { error } => {
            assert!(!snapshot.devices.iter().any(is_live), "we are out, and a tile is shown as live");
            Some(error.clone())
        }
        _ => None,
    })
    .await;
    match (kind, why.code) {
        (_, Code::ResourceConflict) => {}
        // It says the same of a replaced session and of one beyond its limit: the person is told of both.
        (Kind::Ejabberd, Code::TooManySessions) => {
            assert!(["max_user_sessions", "another program"].iter().all(|word| why.message.contains(word)), "{why:?}");
        }
        _ => panic!("{why:?}"),
    }
    let told = house.switches("lamp", LIGHT, true).outcome(AT_ONCE).await;
    assert_eq!(told.unwrap_err().code, Code::NotReachable);
    sleep(NO_FIGHT_FOR).await;
    assert_eq!(house.link.accepted(), tries, "it came back by itself: two clients fight");
    assert!(other.handle.ping(AT_ONCE).await.is_ok(), "the other was thrown out");
    // The person decides, and takes the place back.
    house.home.try_now();
    house.is_whole(AT_ONCE * 2).await;
    assert!(house.arrived("lamp", LIGHT).is_empty(), "what was refused is not done later");
    house.works_again("plug", SWITCH).await;
}

#[test]
fn signed_in_twice_with_our_resource_the_older_goes_and_does_not_fight_prosody() {
    alone(|| thrown_out(Kind::Prosody));
}

#[test]
fn signed_in_twice_with_our_resource_the_older_goes_and_does_not_fight_ejabberd() {
    alone(|| thrown_out(Kind::Ejabberd));
}
