//! `crudn_rtt` and `crudn_rate`: Retrieve over In-Band Bytestreams through the server.
//!
//! Contenders: ours (`Home`, with everything that it does for a reader, to a simulated device), slixmpp to slixmpp, and
//! the bare echo, which no client can beat. Each end is a process of its own.

use std::time::Instant;

use homeward_core::Home;
use homeward_core::view::Via;
use homeward_protocol::crudn::{Href, Request, Response};
use homeward_protocol::remote::rest;
use homeward_tests::server::Server;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::echo::{Echo, per_second};
use crate::ground::{Simulated, available, ms_since, server, signed_in_home, slixmpp};
use crate::program::Program;
use crate::report::{Goal, Measurement, Series, median, percentile_99, turns};

/// Requests of each contender in one pair.
const REQUESTS: usize = 300;
/// Requests that are not counted: sessions are opened, caches filled.
const WARM_UP: usize = 100;
/// Devices at once.
const DEVICES: usize = 64;
/// Requests to each of them in one pair.
const EACH: usize = 50;
/// What is asked: every simulated device answers it.
const ASKED: &str = "/oic/d";
/// The body of a bare message.
const BARE: &str = "x";

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    Slixmpp,
    Echo,
    LargeEcho,
}

const ALL: [Contender; 4] = [Contender::Ours, Contender::Echo, Contender::LargeEcho, Contender::Slixmpp];

struct Field {
    home: Home,
    devices: Vec<String>,
    echo: Echo,
    asking: Program,
    /// As long as what `Home` sends and gets, on the average.
    large: String,
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
        let ids = simulated.remote.clone();
        let answer = home.request(&ids[0], asked(), Via::Xmpp).await.expect("a device that is there").body;
        let answer = answer.expect("a representation");
        let (request, response) = (
            rest::encode_request(&asked(), &ids[0], Some("0123456789abcdef0123456789abcdef")),
            rest::encode_response(&Response::ok(answer.clone()), Some("0123456789abcdef0123456789abcdef")),
        );
        let echo = Echo::start(&server, devices).await;
        let resources: Vec<String> = (0..devices).map(|number| format!("slixmpp-{number}")).collect();
        let answering = slixmpp(&server, &resources, &answer).await;
        let mut asking = slixmpp(&server, &["asks-slixmpp".to_owned()], &Value::Null).await;
        let peers: Vec<String> = resources.iter().map(|resource| format!("{}/{resource}", server.jid())).collect();
        asking.ask(&json!({ "do": "open", "to": peers })).await;
        Field {
            home,
            devices: ids,
            echo,
            asking,
            large: "x".repeat(usize::midpoint(request.len(), response.len()) * 4 / 3),
            _answering: answering,
            _simulated: simulated,
            _folder: folder,
            _server: server,
        }
    }

    async fn round_trips(&mut self, contender: Contender, count: usize) -> Vec<f64> {
        match contender {
            Contender::Ours => ours_in_turn(self.home.clone(), self.devices[0].clone(), count).await,
            Contender::Echo => self.echo.round_trips(count, BARE).await,
            Contender::LargeEcho => {
                let body = self.large.clone();
                self.echo.round_trips(count, &body).await
            }
            Contender::Slixmpp => {
                let times = self.asking.ask(&json!({ "do": "round-trips", "count": count })).await;
                times.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
            }
        }
    }

    async fn rate(&mut self, contender: Contender, each: usize) -> f64 {
        match contender {
            Contender::Ours => {
                let began = Instant::now();
                let mut asking = JoinSet::new();
                for id in &self.devices {
                    asking.spawn(ours_in_turn(self.home.clone(), id.clone(), each));
                }
                let answered: usize = asking.join_all().await.iter().map(Vec::len).sum();
                per_second(answered, began)
            }
            Contender::Echo => self.echo.rate(each, BARE).await,
            Contender::LargeEcho => {
                let body = self.large.clone();
                self.echo.rate(each, &body).await
            }
            Contender::Slixmpp => {
                let rate = self.asking.ask(&json!({ "do": "rate", "each": each })).await;
                rate.as_f64().expect("a number")
            }
        }
    }
}

fn asked() -> Request {
    Request::get(Href::new(ASKED).expect("a path"))
}

/// On a thread of the runtime, as the app's requests are.
async fn ours_in_turn(home: Home, id: String, count: usize) -> Vec<f64> {
    let asking = async move {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            let answer = home.request(&id, asked(), Via::Xmpp).await.unwrap_or_else(|error| panic!("{id}: {error:?}"));
            times.push(ms_since(began));
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        times
    };
    tokio::spawn(asking).await.expect("every request is answered")
}

/// The round trip, one request under way.
pub(crate) async fn round_trip(pairs: usize) -> Measurement {
    let mut field = Field::with(1).await;
    for contender in ALL {
        field.round_trips(contender, WARM_UP).await;
    }
    let [mut ours, mut echo, mut large, mut slixmpp] =
        ["ours", "echo", "echo, as large as ours", "slixmpp"].map(Series::new);
    let mut slowest = Series::new("ours, p99");
    let mut slowest_echo = Series::new("echo, p99");
    for pair in 0..pairs {
        for contender in turns(pair, &ALL) {
            let times = field.round_trips(contender, REQUESTS).await;
            match contender {
                Contender::Ours => {
                    ours.push(median(&times));
                    slowest.push(percentile_99(&times));
                }
                Contender::Echo => {
                    echo.push(median(&times));
                    slowest_echo.push(percentile_99(&times));
                }
                Contender::LargeEcho => large.push(median(&times)),
                Contender::Slixmpp => slixmpp.push(median(&times)),
            }
        }
    }
    Measurement {
        what: format!("Retrieve {ASKED} over IBB, one at a time: the median of {REQUESTS} in each pair"),
        unit: "ms",
        series: vec![ours, echo, large, slixmpp, slowest, slowest_echo],
        goals: vec![
            Goal::Ratio { of: "ours", to: "echo", at_most: Some(1.3) },
            Goal::Ratio { of: "ours", to: "slixmpp", at_most: Some(0.5) },
            Goal::Ratio { of: "ours", to: "echo, as large as ours", at_most: None },
        ],
        notes: vec![
            "ours is Home::request: routing, the session, the payload's XML and JSON, and telling the readers"
                .to_owned(),
            format!(
                "the echo is a bare message with {} byte of text there and back; \"as large as ours\": {} bytes",
                BARE.len(),
                field.large.len()
            ),
        ],
    }
}

/// Requests per second, 64 under way.
pub(crate) async fn rate(pairs: usize) -> Measurement {
    let mut field = Field::with(DEVICES).await;
    for contender in ALL {
        field.rate(contender, 2).await;
    }
    let [mut ours, mut echo, mut large, mut slixmpp] =
        ["ours", "echo", "echo, as large as ours", "slixmpp"].map(Series::new);
    for pair in 0..pairs {
        for contender in turns(pair, &ALL) {
            let rate = field.rate(contender, EACH).await;
            match contender {
                Contender::Ours => ours.push(rate),
                Contender::Echo => echo.push(rate),
                Contender::LargeEcho => large.push(rate),
                Contender::Slixmpp => slixmpp.push(rate),
            }
        }
    }
    let compared = |to| Goal::Ratio { of: "ours", to, at_most: None };
    Measurement {
        what: format!(
            "Retrieve {ASKED} over IBB from {DEVICES} devices at once, one under way to each, {EACH} to each"
        ),
        unit: "requests/s",
        series: vec![ours, echo, large, slixmpp],
        goals: vec![compared("echo"), compared("echo, as large as ours"), compared("slixmpp")],
        notes: vec!["each contender has one client connection; the devices of each share one process".to_owned()],
    }
}
