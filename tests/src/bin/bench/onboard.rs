//! `onboard_20`: twenty devices set up side by side, against the slowest of them set up alone.

use std::collections::HashSet;
use std::time::Instant;

use homeward_core::view::{OnboardChoice, RunState};
use homeward_core::{Event, Home};
use homeward_tests::server::Server;

use crate::ground::{Simulated, ms_since, server, signed_in_home, until};
use crate::report::{Goal, Measurement, Series, median, turns};

/// Twenty of the cast with Remote Access, and two without.
const DEVICES: usize = 22;
const WITH_REMOTE_ACCESS: usize = 20;

#[derive(Clone, Copy)]
enum Contender {
    Together,
    Alone,
}

/// Each turn has devices and a home of its own, and one server for all.
pub(crate) async fn twenty(pairs: usize) -> Measurement {
    let server = server().await;
    let [mut together, mut slowest, mut usual] =
        ["twenty together", "the slowest alone", "one alone, median"].map(Series::new);
    for pair in 0..pairs {
        for (seed, contender) in turns(pair, &[(0, Contender::Together), (1, Contender::Alone)]) {
            let house = House::start(&server, 1 + 2 * pair + seed).await;
            match contender {
                Contender::Together => together.push(onboarded(&house.home, &house.simulated.remote).await),
                Contender::Alone => {
                    let mut times = Vec::new();
                    for id in &house.simulated.remote {
                        times.push(onboarded(&house.home, std::slice::from_ref(id)).await);
                    }
                    slowest.push(times.iter().copied().fold(0.0, f64::max));
                    usual.push(median(&times));
                }
            }
            house.end().await;
        }
    }
    Measurement {
        what: format!("{WITH_REMOTE_ACCESS} devices from the order to the last proof of identity"),
        unit: "ms",
        series: vec![together, slowest, usual],
        goals: vec![Goal::Ratio { of: "twenty together", to: "the slowest alone", at_most: None }],
        notes: vec!["sixteen are set up at once, so twenty are more than one round".to_owned()],
    }
}

struct House {
    home: Home,
    simulated: Simulated,
    _folder: tempfile::TempDir,
}

impl House {
    /// Found and described, signed in, nothing set up.
    async fn start(server: &Server, seed: usize) -> House {
        let simulated = Simulated::on_loopback(server, DEVICES, seed).await;
        assert_eq!(simulated.remote.len(), WITH_REMOTE_ACCESS, "the cast is another one now");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = signed_in_home(folder.path(), server).await;
        home.start_search();
        let mut described = HashSet::new();
        until(&home, "all devices described", |event| {
            let Event::DeviceChanged { device } = event else { return None };
            if device.lan.as_ref().is_some_and(|lan| lan.described) {
                described.insert(device.di.clone());
            }
            simulated.all.iter().all(|di| described.contains(di)).then_some(())
        })
        .await;
        House { home, simulated, _folder: folder }
    }

    async fn end(self) {
        self.home.close().await;
        self.simulated.program.end().await;
    }
}

/// Milliseconds until the last of them is onboarded.
async fn onboarded(home: &Home, ids: &[String]) -> f64 {
    let choices = ids.iter().map(|id| OnboardChoice { id: id.clone(), allow_unencrypted: true });
    let began = Instant::now();
    home.onboard(choices.collect()).await.unwrap_or_else(|error| panic!("{error:?}"));
    let mut done = HashSet::new();
    until(home, "the end of all runs", |event| {
        let Event::RunChanged { run } = event else { return None };
        match &run.state {
            RunState::Onboarded => {
                done.insert(run.id.clone());
            }
            RunState::Queued | RunState::Working => {}
            _ => panic!("not onboarded: {run:#?}"),
        }
        ids.iter().all(|id| done.contains(id)).then_some(())
    })
    .await;
    ms_since(began)
}
