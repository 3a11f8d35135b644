//! `discover_50`: from the search's start to the last of fifty devices found, and to the last described.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use homeward_core::Event;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use crate::ground::{PATIENCE, Simulated, home, ms_since, server, until};
use crate::report::{Goal, Measurement, Series, turns};

const DEVICES: usize = 50;
/// "All CoAP Nodes" (RFC 7252 §12.8).
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 1, 187), 5683);
/// NON GET /oic/res, message id 0x4877, token 0x62 (RFC 7252 §3).
const QUESTION: [u8; 13] = *b"\x51\x01\x48\x77\x62\xb3oic\x03res";

#[derive(Clone, Copy)]
enum Contender {
    Ours,
    OneQuestion,
}

/// The whole search by a home that was just opened, and the limit: one datagram, fifty answers.
pub(crate) async fn fifty(pairs: usize) -> Measurement {
    // The devices believe its authority; none of them signs in.
    let server = server().await;
    let simulated = Simulated::on_loopback(&server, DEVICES, 1).await;
    let [mut found, mut described, mut limit] =
        ["ours, last found", "ours, last described", "one multicast GET, last answer"].map(Series::new);
    for pair in 0..=pairs {
        // The first round fills caches, and does not count.
        let counts = pair > 0;
        for contender in turns(pair, &[Contender::Ours, Contender::OneQuestion]) {
            match contender {
                Contender::Ours => {
                    let (last_found, last_described) = search(&simulated).await;
                    if counts {
                        found.push(last_found);
                        described.push(last_described);
                    }
                }
                Contender::OneQuestion => {
                    let last = one_question().await;
                    if counts {
                        limit.push(last);
                    }
                }
            }
        }
    }
    Measurement {
        what: format!(
            "{DEVICES} devices, half of them OCF and half OIC 1.1: from the search's start until a reader of the \
            home knows them all"
        ),
        unit: "ms",
        series: vec![found, described, limit],
        goals: vec![
            Goal::AtMost("ours, last found", 300.0),
            Goal::AtMost("ours, last described", 300.0),
            Goal::Ratio { of: "ours, last found", to: "one multicast GET, last answer", at_most: None },
        ],
        notes: vec![
            "the simulator's multicast leisure is 0: real devices answer at a random moment within some seconds"
                .to_owned(),
            "described: name, maker, model, security and the Remote Access status are read from each by unicast"
                .to_owned(),
            "the window shows it up to 50 ms later: it gets its events in batches".to_owned(),
        ],
    }
}

async fn search(simulated: &Simulated) -> (f64, f64) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = home(folder.path()).await;
    let (mut found, mut described) = (HashSet::new(), HashSet::new());
    let mut last_found = None;
    let began = Instant::now();
    home.start_search();
    let last_described = until(&home, "fifty devices described", |event| {
        let Event::DeviceChanged { device } = event else { return None };
        let lan = device.lan.as_ref()?;
        found.insert(device.di.clone());
        if lan.described && device.manufacturer.is_some() {
            described.insert(device.di.clone());
        }
        if found.len() == DEVICES {
            last_found.get_or_insert_with(|| ms_since(began));
        }
        (described.len() == DEVICES).then(|| ms_since(began))
    })
    .await;
    home.close().await;
    assert!(simulated.all.iter().all(|di| found.contains(di)), "others than the simulated devices answered");
    (last_found.unwrap_or(last_described), last_described)
}

async fn one_question() -> f64 {
    let socket = asking_socket().unwrap_or_else(|error| panic!("loopback: {error}"));
    let mut answered: HashSet<SocketAddr> = HashSet::new();
    let began = Instant::now();
    socket.send_to(&QUESTION, GROUP).await.expect("loopback takes multicast");
    let hearing = async {
        let mut datagram = [0; 2048];
        while answered.len() < DEVICES {
            let (_, from) = socket.recv_from(&mut datagram).await.expect("loopback");
            answered.insert(from);
        }
    };
    timeout(PATIENCE, hearing).await.expect("fifty answers");
    ms_since(began)
}

fn asking_socket() -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}
