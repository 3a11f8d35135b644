//! `crudn_rtt` and `crudn_rate`: Retrieve over In-Band Bytestreams through the server.
//!
//! Contenders: ours (`Home`, with everything that it does for a reader, to a simulated device), slixmpp to slixmpp, and
//! the bare echo, which no client can beat; two more say where the time between ours and the echo goes. Each end is a
//! process of its own.

use std::time::Instant;

use homeward_core::Home;
use homeward_core::view::Via;
use homeward_protocol::crudn::{Href, Request};
use homeward_tests::server::Server;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::ground::{Simulated, available, ms_since, server, signed_in_home, slixmpp};
use crate::program::Program;
use crate::raw::{Raw, Says, per_second};
use crate::report::{Goal, Measurement, Series, median, percentile_99, turns};

/// Requests in one turn: so few that what else the machine does hits every contender alike.
const TURN: usize = 25;
/// Turns of each contender in one pair.
const TURNS: usize = 12;
/// Requests that are not counted: sessions are opened, caches filled.
const WARM_UP: usize = 100;
/// Devices at once.
const DEVICES: usize = 64;
/// Requests to each of them in one pair.
const EACH: usize = 50;
/// What is asked: every simulated device answers it.
const ASKED: &str = "/oic/d";
/// The text of a bare message.
const BARE: &str = "x";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Contender {
    Ours,
    Echo,
    /// The echo, with the very stanza that carries a request of ours.
    SameEcho,
    /// A raw connection with a request made beforehand, to the same devices as ours.
    RawRequest,
    Slixmpp,
}

use Contender::{Echo, Ours, RawRequest, SameEcho, Slixmpp};

const ALL: [Contender; 5] = [Ours, Echo, SameEcho, RawRequest, Slixmpp];

impl Contender {
    fn name(self) -> &'static str {
        match self {
            Ours => "ours",
            Echo => "echo",
            SameEcho => "echo of the same stanza",
            RawRequest => "raw request to the same device",
            Slixmpp => "slixmpp",
        }
    }
}

struct Field {
    home: Home,
    devices: Vec<String>,
    echo: Raw,
    raw: Raw,
    asking: Program,
    _answering: Program,
    _simulated: Simulated,
    _folder: tempfile::TempDir,
    _server: Server,
}

impl Field {
    async fn with(devices: usize) -> Field {
        let server = server().await;
        let simulated = Simulated::at_server(&server, devices).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = signed_in_home(folder.path(), &server).await;
        available(&home, devices).await;
        let known = home.devices().into_iter().filter_map(|device| Some((device.remote?.jid, device.di)));
        let known: Vec<(String, String)> = known.collect();
        let (_, first) = &known[0];
        let answer = home.request(first, asked(), Via::Xmpp).await.expect("a device that is there").body;
        let answer = answer.expect("a representation");
        let raw = Raw::to_devices(&server, &known).await;
        let echo = Raw::to_echo(&server, devices).await;
        let resources: Vec<String> = (0..devices).map(|number| format!("slixmpp-{number}")).collect();
        let answering = slixmpp(&server, &resources, &answer).await;
        let mut asking = slixmpp(&server, &["asks-slixmpp".to_owned()], &Value::Null).await;
        let peers: Vec<String> = resources.iter().map(|resource| format!("{}/{resource}", server.jid())).collect();
        asking.ask(&json!({ "do": "open", "to": peers })).await;
        Field {
            home,
            devices: known.into_iter().map(|(_, di)| di).collect(),
            echo,
            raw,
            asking,
            _answering: answering,
            _simulated: simulated,
            _folder: folder,
            _server: server,
        }
    }

    async fn round_trips(&mut self, contender: Contender, count: usize) -> Vec<f64> {
        match contender {
            Ours => ours_in_turn(&self.home, &self.devices[0], count).await,
            Echo => self.echo.round_trips(count, Says::Text(BARE)).await,
            SameEcho => self.echo.round_trips(count, Says::Request).await,
            RawRequest => self.raw.round_trips(count, Says::Request).await,
            Slixmpp => {
                let times = self.asking.ask(&json!({ "do": "round-trips", "count": count })).await;
                times.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
            }
        }
    }

    async fn rate(&mut self, contender: Contender, each: usize) -> f64 {
        match contender {
            Ours => {
                let began = Instant::now();
                let mut asking = JoinSet::new();
                for id in self.devices.clone() {
                    let home = self.home.clone();
                    asking.spawn(async move { ours_in_turn(&home, &id, each).await });
                }
                let answered: usize = asking.join_all().await.iter().map(Vec::len).sum();
                per_second(answered, began)
            }
            Echo => self.echo.rate(each, Says::Text(BARE)).await,
            SameEcho => self.echo.rate(each, Says::Request).await,
            RawRequest => self.raw.rate(each, Says::Request).await,
            Slixmpp => {
                let rate = self.asking.ask(&json!({ "do": "rate", "each": each })).await;
                rate.as_f64().expect("a number")
            }
        }
    }
}

/// What every contender asks.
pub(crate) fn asked() -> Request {
    Request::get(Href::new(ASKED).expect("a path"))
}

async fn ours_in_turn(home: &Home, id: &str, count: usize) -> Vec<f64> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = Instant::now();
        let answer = home.request(id, asked(), Via::Xmpp).await.unwrap_or_else(|error| panic!("{id}: {error:?}"));
        times.push(ms_since(began));
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    times
}

/// The round trip, one request under way.
pub(crate) async fn round_trip(pairs: usize) -> Measurement {
    let mut field = Field::with(1).await;
    for contender in ALL {
        field.round_trips(contender, WARM_UP).await;
    }
    let mut series = ALL.map(|contender| Series::new(contender.name()));
    let [mut slowest, mut slowest_echo] = ["ours, p99", "echo, p99"].map(Series::new);
    for _ in 0..pairs {
        let mut times: [Vec<f64>; ALL.len()] = Default::default();
        for turn in 0..TURNS {
            for (contender, at) in turns(turn, &numbered()) {
                times[at].extend(field.round_trips(contender, TURN).await);
            }
        }
        for ((contender, series), times) in ALL.into_iter().zip(&mut series).zip(&times) {
            series.push(median(times));
            match contender {
                Ours => slowest.push(percentile_99(times)),
                Echo => slowest_echo.push(percentile_99(times)),
                _ => {}
            }
        }
    }
    Measurement {
        what: format!(
            "Retrieve {ASKED} over IBB, one at a time: the median of {} in each pair, in turns of {TURN}",
            TURN * TURNS
        ),
        unit: "ms",
        series: series.into_iter().chain([slowest, slowest_echo]).collect(),
        goals: vec![
            Goal::Ratio { of: Ours.name(), to: Echo.name(), at_most: Some(1.3) },
            Goal::Ratio { of: Ours.name(), to: Slixmpp.name(), at_most: Some(0.5) },
            Goal::Ratio { of: Ours.name(), to: SameEcho.name(), at_most: None },
            Goal::Ratio { of: Ours.name(), to: RawRequest.name(), at_most: None },
        ],
        notes: vec![
            "ours is Home::request: routing, the session, the payload's XML and JSON, and telling the readers"
                .to_owned(),
            "the echo's messages have one letter of text there and back; \"of the same stanza\": the message, block and \
                hints that carry a request of ours"
                .to_owned(),
            "the raw request is made beforehand, and its answer not looked into: what it takes beyond the echo is the \
                simulated device's work"
                .to_owned(),
        ],
    }
}

/// Requests per second, 64 under way.
pub(crate) async fn rate(pairs: usize) -> Measurement {
    let mut field = Field::with(DEVICES).await;
    for contender in ALL {
        field.rate(contender, 2).await;
    }
    let mut series = ALL.map(|contender| Series::new(contender.name()));
    for pair in 0..pairs {
        for (contender, at) in turns(pair, &numbered()) {
            series[at].push(field.rate(contender, EACH).await);
        }
    }
    let compared = |to: Contender| Goal::Ratio { of: Ours.name(), to: to.name(), at_most: None };
    Measurement {
        what: format!(
            "Retrieve {ASKED} over IBB from {DEVICES} devices at once, one under way to each, {EACH} to each"
        ),
        unit: "requests/s",
        series: series.into(),
        goals: [Echo, SameEcho, RawRequest, Slixmpp].map(compared).into(),
        notes: vec!["each contender has one client connection; the devices of each share one process".to_owned()],
    }
}

fn numbered() -> Vec<(Contender, usize)> {
    ALL.into_iter().zip(0..).collect()
}
