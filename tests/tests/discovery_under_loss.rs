//! Fifty devices, and a network that loses datagrams: the same ones for the same seeds. Each count and time is printed.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::Write as _;
use std::time::Duration;

use homeward_core::view::Snapshot;
use homeward_simulator::{Home as SimulatedHome, Scenario};
use homeward_tests::alone;
use homeward_tests::stage::{open_home, until_within};
use tokio::time::{Instant, timeout};

const DEVICES: usize = 50;

/// Searches for the devices, of whose datagrams so many of a hundred are lost, both ways; all are found in time.
async fn fifty(percent: u8, within: Duration) {
    for seed in 1..=3_u64 {
        let simulated = SimulatedHome::start(Scenario::devices(DEVICES)).await.unwrap();
        for (number, device) in simulated.devices().enumerate() {
            device.loses(percent, seed * 1_000 + number as u64);
        }
        let folder = tempfile::tempdir().unwrap();
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        let began = Instant::now();
        home.start_search();
        let found = |snapshot: &Snapshot| snapshot.devices.iter().filter(|device| device.lan.is_some()).count();
        let all = until_within(&home, "fifty devices", within * 3, |snapshot| {
            (found(snapshot) == DEVICES).then(|| began.elapsed())
        });
        let took = match timeout(within, all).await {
            Ok(took) => took,
            Err(_) => panic!("{percent} % lost, seed {seed}: {} of {DEVICES} in {within:?}", found(&home.snapshot())),
        };
        let _ = writeln!(
            std::io::stdout(),
            "{percent} % lost, seed {seed}: {DEVICES} of {DEVICES} found in {} ms",
            took.as_millis()
        );
        home.close().await;
        simulated.stop().await;
    }
}

#[test]
fn fifty_of_fifty_are_found_at_once_where_nothing_is_lost() {
    alone(|| fifty(0, Duration::from_millis(150)));
}

#[test]
fn fifty_of_fifty_are_found_where_one_in_ten_datagrams_is_lost() {
    alone(|| fifty(10, Duration::from_secs(3)));
}

#[test]
fn fifty_of_fifty_are_found_where_three_in_ten_datagrams_are_lost() {
    alone(|| fifty(30, Duration::from_secs(3)));
}
