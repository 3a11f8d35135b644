//! `comes_back`: from a broken link until every tile is true again, where the server keeps the session (XEP-0198) and
//! where it forgets it.

use std::time::{Duration, Instant};

use homeward_core::view::Via;
use homeward_protocol::crudn::Href;
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::fault_proxy::{BOTH, Cut};
use homeward_tests::remote_house::{LIGHT, RemoteHouse};
use homeward_tests::server::{Kind, Server};
use serde_json::json;
use tokio::time::timeout;
use xtask::servers::Options;

use crate::ground::{PATIENCE, ms_since};
use crate::report::{Goal, Measurement, Series, median, turns};

const LAMPS: usize = 20;
/// Each way, between us and the server: a mobile network.
const DELAY: Duration = Duration::from_millis(50);
/// Changes of one resource while the link is broken.
const CHANGES: usize = 5;
/// When all has come that comes.
const QUIET: Duration = Duration::from_millis(500);

/// With the session kept, or forgotten.
#[derive(Clone, Copy)]
enum Contender {
    Kept,
    Forgotten,
}

/// One house for each, alternating: the link is cut, every lamp is switched by hand, and the tiles are waited for.
pub(crate) async fn after_a_cut(pairs: usize) -> Measurement {
    let kept = House::open(true).await;
    let forgotten = House::open(false).await;
    let [mut kept_ms, mut forgotten_ms] = ["session kept", "session forgotten"].map(Series::new);
    let (mut kept_told, mut forgotten_told) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        for contender in turns(pair, &[Contender::Kept, Contender::Forgotten]) {
            let (house, series, told) = match contender {
                Contender::Kept => (&kept, &mut kept_ms, &mut kept_told),
                Contender::Forgotten => (&forgotten, &mut forgotten_ms, &mut forgotten_told),
            };
            let (took, changes) = house.cut_once(pair).await;
            series.push(took);
            told.push(changes);
        }
    }
    Measurement {
        what: format!(
            "from a reset of our link, 2 × {} ms from the server, until the tiles of {LAMPS} lamps show what was switched \
             by hand meanwhile",
            DELAY.as_millis()
        ),
        unit: "ms",
        series: vec![kept_ms, forgotten_ms],
        goals: vec![Goal::Ratio { of: "session kept", to: "session forgotten", at_most: Some(1.0) }],
        notes: vec![
            format!(
                "of {CHANGES} changes of one resource in the gap a reader was told of {} with the session kept, of {} \
                 without",
                median(&kept_told),
                median(&forgotten_told)
            ),
            "without the wait before the first try: 0.5 s with the session kept, 0.5 to 1 s and more without"
                .to_owned(),
        ],
    }
}

struct House(RemoteHouse);

impl House {
    async fn open(keeps_sessions: bool) -> Self {
        let server = Server::start_with(Kind::Prosody, Options { keeps_sessions, ..Options::default() }).await;
        let house = RemoteHouse::at(server, Scenario::of([Appliance::Lamp; LAMPS])).await;
        house.link.delay(&BOTH, DELAY);
        house.sign_in().await;
        let keys: Vec<String> = house.devices.devices().map(|device| device.key().to_owned()).collect();
        house.watches(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
        Self(house)
    }

    /// How long it took, and how many changes a reader of its own was told of.
    async fn cut_once(&self, pair: usize) -> (f64, f64) {
        let house = &self.0;
        let first = house.devices.devices().next().expect("there are lamps");
        let dimming = Href::new("/dimming").expect("a path");
        let mut reader = house.home.observe(first.di(), dimming, Via::Xmpp).await.expect("observable");
        timeout(PATIENCE, reader.next()).await.expect("its value now");
        let began = Instant::now();
        house.link.cut(Cut::Reset);
        house.loses_its_link(PATIENCE).await;
        for lamp in house.devices.devices() {
            lamp.set_value(LIGHT, json!({"value": pair.is_multiple_of(2)}));
        }
        for change in 1..=CHANGES {
            first.set_value("/dimming", json!({"dimmingSetting": pair % 10 * 10 + change}));
        }
        // The waits before a try are not what is compared: they grow where a link breaks again and again.
        house.home.try_now();
        for lamp in house.devices.devices() {
            house.shows_the_truth(lamp.key(), LIGHT, PATIENCE).await;
        }
        let took = ms_since(began);
        let mut told = 0.0;
        while let Ok(Some(Ok(_))) = timeout(QUIET, reader.next()).await {
            told += 1.0;
        }
        house.is_whole(PATIENCE).await;
        (took, told)
    }
}
