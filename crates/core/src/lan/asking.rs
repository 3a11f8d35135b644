//! Asking one place for its devices: an address that a person typed, or a hint of DNS-SD.
//!
//! CoAP's own port is answered like a multicast question by some stacks (from another port, late, errors swallowed), so
//! it is asked like one: non-confirmable, repeated from fresh sockets, any port of the address believed. Any other port
//! is a device's own, and asked as RFC 7252 §4.2 says.

use std::net::SocketAddr;
use std::time::Duration;

use homeward_protocol::coap::message::Format;
use homeward_protocol::crudn::{Href, Request};
use homeward_protocol::oic::discovery;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::client::LanClient;
use super::round::{Asker, Heard, Listing, What};

/// When CoAP's port is asked. Our choice.
const TRIES: [Duration; 3] = [Duration::ZERO, Duration::from_millis(800), Duration::from_millis(2500)];
/// How long it may take in all. Our choice: longer than a stack's delay for what it takes for multicast.
const TIME: Duration = Duration::from_secs(6);
/// After the first answer, others of the same address may follow so long. Our choice.
const OTHERS: Duration = Duration::from_millis(300);
/// How long a unicast request for a list may take. Our choice: three transmissions.
const DEADLINE: Duration = Duration::from_secs(8);

/// The lists of all these places; none, where nothing answers with one.
pub(super) async fn ask(client: &LanClient, places: Vec<SocketAddr>, loopback_only: bool, port: u16) -> Vec<Listing> {
    let mut asked = JoinSet::new();
    for place in places {
        let client = client.clone();
        asked.spawn(async move {
            if place.port() == port {
                ask_like_a_group(&client, place, loopback_only).await
            } else {
                fetch(&client, place).await.into_iter().collect()
            }
        });
    }
    asked.join_all().await.into_iter().flatten().collect()
}

/// The whole list of resources at one endpoint, by unicast. One log line if what answers is none.
pub(super) async fn fetch(client: &LanClient, from: SocketAddr) -> Option<Listing> {
    let request = Request::get(Href::new(discovery::RES_URI).ok()?);
    let answer = client.request_limited(from, &request, DEADLINE, discovery::MAX_BYTES).await;
    let listed = answer.map_err(|error| error.to_string()).and_then(|answer| {
        let body = answer.body.filter(|_| answer.status.is_success()).ok_or(answer.status.to_string())?;
        discovery::read(&body).map_err(|error| error.to_string())
    });
    match listed {
        Ok(devices) => Some(Listing { from, format: client.format(from), general: true, devices }),
        Err(error) => {
            tracing::warn!(%from, %error, "no list of resources");
            None
        }
    }
}

async fn ask_like_a_group(client: &LanClient, place: SocketAddr, loopback_only: bool) -> Vec<Listing> {
    let (sender, mut heard) = mpsc::channel(64);
    let mut askers = JoinSet::new();
    for wait in TRIES {
        for format in Format::ALL {
            let sender: mpsc::Sender<Heard> = sender.clone();
            askers.spawn(async move {
                tokio::time::sleep(wait).await;
                if let Ok(asker) = Asker::single(place, loopback_only) {
                    asker.run(format, TIME, sender).await;
                }
            });
        }
    }
    drop(sender);
    let mut until = Instant::now() + TIME;
    let mut listings: Vec<Listing> = Vec::new();
    let mut fetched = Vec::new();
    while let Ok(Some(heard)) = tokio::time::timeout_at(until, heard.recv()).await {
        let listing = match heard.what {
            What::Listed(listing) if listing.general => listing,
            What::Partial { from, format } if !fetched.contains(&from) => {
                fetched.push(from);
                client.learn(from, format);
                match fetch(client, from).await {
                    Some(listing) => listing,
                    None => continue,
                }
            }
            _ => continue,
        };
        until = until.min(Instant::now() + OTHERS);
        listings.push(listing);
    }
    listings
}
