//! A link that dies without a word: every socket stays open, and nothing comes through. It is noticed within fifteen
//! seconds, whichever way died.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use homeward_core::view::Connection;
use homeward_core::{Code, Event};
use homeward_protocol::secret::Secret;
use homeward_tests::alone;
use homeward_tests::bad_server::{self, BadServer, Behaviour};
use homeward_tests::fault_proxy::{BOTH, Direction};
use homeward_tests::remote_house::{LIGHT, RemoteHouse, SWITCH, assert_honest};
use homeward_tests::server::{Kind, form_for};
use homeward_tests::stage::{connection, open_home, until_within};
use tokio::time::{Instant, sleep_until, timeout};

/// What the specification of our own behaviour says, and not a moment more.
const NOTICED_WITHIN: Duration = Duration::from_secs(15);
/// How long the link stays dead.
const DEAD: Duration = Duration::from_secs(60);
/// The longest wait between two tries is a minute; a try that waits for an answer goes on when the link does.
const BACK_WITHIN: Duration = Duration::from_secs(62);
/// From then on.
const TRUE_WITHIN: Duration = Duration::from_secs(5);
/// A press whose session may go on waits for its answer as long as any other.
const GIVEN_UP_WITHIN: Duration = Duration::from_secs(25);
/// A person who does not want to wait.
const AT_ONCE: Duration = Duration::from_secs(3);

async fn half_open_for_a_minute(house: RemoteHouse, unknown_within: Duration) {
    house.watches(&["lamp"]).await;
    house.link.stall(&BOTH);
    let dead = Instant::now();
    let press = house.switches("lamp", LIGHT, true);
    let why = house.loses_its_link(NOTICED_WITHIN).await;
    assert_eq!(why.code, Code::Silent, "{why:?}");
    house.says_unknown("lamp", LIGHT, unknown_within).await;
    let told = press.outcome(DEAD).await;
    assert_eq!(told.as_ref().unwrap_err().code, Code::OutcomeUnknown);
    sleep_until(dead + DEAD).await;
    house.link.heal().await;
    house.is_whole(BACK_WITHIN).await;
    // The press lay on the way for a minute, and may arrive now: once, and then the tile shows it.
    house.works_again("plug", SWITCH).await;
    house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    assert_honest(&told, &house.arrived("lamp", LIGHT));
}

#[test]
fn a_link_that_is_half_open_for_a_minute_is_noticed_and_comes_back_by_itself() {
    alone(async || half_open_for_a_minute(RemoteHouse::forgetful(Kind::Prosody).await, AT_ONCE).await);
}

#[test]
fn the_same_where_the_server_keeps_the_session_as_long_as_it_does() {
    alone(async || half_open_for_a_minute(RemoteHouse::open(Kind::Prosody).await, GIVEN_UP_WITHIN).await);
}

#[test]
fn an_hour_of_sleep_is_noticed_at_once_and_not_after_the_pings_deadline() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        // What a router does to a connection that was silent for an hour.
        house.link.stall(&BOTH);
        house.sleeps(Duration::from_secs(3_600));
        // Two seconds between two looks at the clock, then a ping that is not waited for as long as others.
        let why = house.loses_its_link(Duration::from_secs(4)).await;
        assert_eq!(why.code, Code::Silent, "{why:?}");
        house.link.heal().await;
        house.is_whole(TRUE_WITHIN).await;
        house.works_again("lamp", LIGHT).await;
    });
}

#[test]
fn a_sleep_that_the_connection_outlived_costs_nothing() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        let mut events = house.home.subscribe();
        house.sleeps(Duration::from_secs(3_600));
        let lost = async {
            while let Some(Ok(batch)) = events.next().await {
                let lost = |event: &Event| matches!(event, Event::ConnectionChanged { connection } if !matches!(connection, Connection::Connected { .. }));
                if batch.iter().any(|numbered| lost(&numbered.event)) {
                    return;
                }
            }
        };
        assert!(timeout(Duration::from_secs(6), lost).await.is_err(), "the connection was given up for nothing");
        house.works_again("lamp", LIGHT).await;
    });
}

#[test]
fn an_answer_to_a_ping_from_before_the_sleep_proves_nothing() {
    alone(async || {
        let bad = BadServer::start(Behaviour::AnswersOldPing).await;
        let folder = tempfile::tempdir().unwrap();
        let slept = Arc::new(AtomicU64::new(0));
        let sleeps = Arc::clone(&slept);
        let home = open_home(folder.path().to_owned(), |config| {
            config.wall_clock =
                Arc::new(move || SystemTime::now() + Duration::from_secs(sleeps.load(Ordering::Relaxed)));
        })
        .await;
        let form = form_for("ada@home.test", bad.address.port(), &bad.ca_file());
        home.set_account(&form, Some(Secret::new(bad_server::PASSWORD))).await.unwrap();
        connection(&home, "signed in", |connection| matches!(connection, Connection::Connected { .. })).await;
        slept.store(3_600, Ordering::Relaxed);
        // Two seconds between two looks at the clock, then a ping; this link's round trip is not known.
        until_within(&home, "the loss", Duration::from_secs(9), |snapshot| {
            matches!(snapshot.connection, Connection::Suspended { .. }).then_some(())
        })
        .await;
        let pings = bad.heard().matches("urn:xmpp:ping").count();
        assert_eq!(pings, 2, "one at the sign-in, which is answered too late, and one after the sleep");
        home.close().await;
    });
}

async fn one_way(direction: Direction, kind: Kind) {
    let house = RemoteHouse::forgetful(kind).await;
    house.watches(&["lamp"]).await;
    house.link.stall(&[direction]);
    let press = house.switches("lamp", LIGHT, true);
    if direction == Direction::ToClient {
        house.reaches("lamp", LIGHT).await;
    }
    let why = house.loses_its_link(NOTICED_WITHIN).await;
    assert_eq!(why.code, Code::Silent, "{why:?}");
    house.says_unknown("lamp", LIGHT, AT_ONCE).await;
    house.link.heal().await;
    house.home.try_now();
    house.is_whole(AT_ONCE).await;
    house.works_again("plug", SWITCH).await;
    house.shows_the_truth("lamp", LIGHT, TRUE_WITHIN).await;
    let told = press.outcome(NOTICED_WITHIN * 2).await;
    assert_honest(&told, &house.arrived("lamp", LIGHT));
}

#[test]
fn a_link_that_carries_nothing_to_us_is_noticed() {
    alone(|| one_way(Direction::ToClient, Kind::Prosody));
}

#[test]
fn a_link_that_carries_nothing_from_us_is_noticed() {
    alone(|| one_way(Direction::ToServer, Kind::Ejabberd));
}

#[test]
fn a_server_that_freezes_is_noticed_and_its_thaw_too() {
    alone(async || {
        let house = RemoteHouse::open(Kind::Prosody).await;
        house.watches(&["lamp"]).await;
        house.server.freeze();
        let why = house.loses_its_link(NOTICED_WITHIN).await;
        assert_eq!(why.code, Code::Silent, "{why:?}");
        // The devices notice it too, each at its own time. A press between the thaw and that moment would find one that leaves.
        for device in house.devices.devices() {
            device.wait_for_status("Error").await.unwrap();
        }
        house.server.thaw();
        house.home.try_now();
        house.devices_return(Duration::from_secs(30)).await;
        house.is_whole(Duration::from_secs(30)).await;
        house.works_again("lamp", LIGHT).await;
    });
}
