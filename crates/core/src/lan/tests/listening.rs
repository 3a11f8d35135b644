//! Listening in: what goes to one address and comes from it, whatever becomes of the request.

use std::time::Duration;

use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::crudn::{Href, Request, Response, Status};
use homeward_protocol::oic::remote_access::account_update;
use homeward_protocol::secret::Secret;
use serde_json::json;

use crate::lan::client::{LanClient, LanError};
use crate::lan::testing::{Device, Lamp};
use crate::tap::Tap;
use crate::view::{Direction, Exchange, ExchangeStep, LayerKind, Path};

const LONG: Duration = Duration::from_secs(15);
const SHORT: Duration = Duration::from_millis(300);

fn client() -> LanClient {
    LanClient::open(true).unwrap()
}

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn text(step: &ExchangeStep, kind: LayerKind) -> &str {
    step.layers.iter().find(|layer| layer.kind == kind).map_or("", |layer| &layer.text)
}

fn ways(exchange: &Exchange) -> Vec<Direction> {
    exchange.steps.iter().map(|step| step.direction).collect()
}

#[tokio::test]
async fn a_request_and_its_answer_are_heard_and_nobody_elses() {
    let (lamp, other) = (Lamp::new(Format::Ocf), Lamp::new(Format::Ocf));
    let (lamp, other) = (Device::start(None, lamp.script()).await, Device::start(None, other.script()).await);
    let (client, tap) = (client(), Tap::default());
    client.listen_in(lamp.address, tap.copies());
    client.request(other.address, &Request::get(href("/oic/d")), LONG).await.unwrap();
    client.request(lamp.address, &Request::get(href("/light")), LONG).await.unwrap();
    let exchange = tap.exchange(false);
    assert_eq!(ways(&exchange), [Direction::Sent, Direction::Received]);
    assert!(exchange.steps.iter().all(|step| step.path == Path::Lan && step.at_ms > 0));
    assert!(text(&exchange.steps[0], LayerKind::Coap).contains("Uri-Path: light"));
    assert_eq!(text(&exchange.steps[1], LayerKind::Json), "{\n  \"value\": false\n}");
    drop(tap);
    client.request(lamp.address, &Request::get(href("/light")), LONG).await.unwrap();
}

#[tokio::test]
async fn a_device_of_the_other_format_is_seen_to_refuse_the_first() {
    let device = Device::start(None, Lamp::new(Format::Cbor).script()).await;
    let (client, tap) = (client(), Tap::default());
    client.listen_in(device.address, tap.copies());
    client.request(device.address, &Request::get(href("/light")), LONG).await.unwrap();
    let exchange = tap.exchange(false);
    use Direction::{Received, Sent};
    assert_eq!(ways(&exchange), [Sent, Received, Sent, Received]);
    assert!(text(&exchange.steps[1], LayerKind::Coap).starts_with("ACK 4.06 Not Acceptable"));
    assert!(text(&exchange.steps[2], LayerKind::Coap).contains("Accept: 60, application/cbor"));
}

#[tokio::test]
async fn a_request_that_is_not_answered_has_its_exchange_too() {
    let device = Device::start(None, |_| vec![]).await;
    let (client, tap) = (client(), Tap::default());
    client.listen_in(device.address, tap.copies());
    let request = Request::post(href("/light"), json!({"value": true}));
    assert_eq!(client.request(device.address, &request, SHORT).await, Err(LanError::NoAnswer));
    let exchange = tap.exchange(false);
    assert_eq!(ways(&exchange), [Direction::Sent]);
    assert_eq!(text(&exchange.steps[0], LayerKind::Json), "{\n  \"value\": true\n}");
}

#[tokio::test]
async fn a_lost_message_is_seen_to_go_out_again() {
    let ok = |seen: &crate::lan::testing::Seen| seen.respond(&Response::ok(json!({"value": 1})), Format::Ocf);
    let device = Device::start(None, move |seen| if seen.nth == 0 { vec![] } else { vec![ok(seen)] }).await;
    let (client, tap) = (client(), Tap::default());
    client.listen_in(device.address, tap.copies());
    client.request(device.address, &Request::get(href("/light")), LONG).await.unwrap();
    let exchange = tap.exchange(false);
    assert_eq!(ways(&exchange), [Direction::Sent, Direction::Sent, Direction::Received]);
    assert!(exchange.steps[1].at_ms >= exchange.steps[0].at_ms + 1_000, "two seconds later, by clocks that may differ");
    assert_eq!(exchange.steps[1].layers[0], exchange.steps[0].layers[0], "the same message");
}

#[tokio::test]
async fn a_password_that_is_written_is_not_heard() {
    let device = Device::start(None, |seen| {
        // A device that tells back what it is told.
        let body = message::decode_request(&seen.packet).unwrap().request.body;
        vec![seen.respond(&Response { body, ..Response::status(Status::OK) }, Format::Ocf)]
    })
    .await;
    let (client, tap) = (client(), Tap::default());
    client.listen_in(device.address, tap.copies());
    let body = account_update("user@example", &Secret::new("a long passphrase"));
    let credential = body["credential"].as_str().unwrap().to_owned();
    client.request(device.address, &Request::post(href("/ra/user"), body), LONG).await.unwrap();
    let exchange = tap.exchange(false);
    assert_eq!(exchange.steps.len(), 2);
    let all = format!("{exchange:?}");
    assert!(!all.contains(&credential) && !all.contains("a long passphrase"), "{all}");
    for step in &exchange.steps {
        assert!(text(step, LayerKind::Json).contains("user@example"));
        assert_eq!((text(step, LayerKind::Datagram), text(step, LayerKind::Cbor)), ("…", "…"));
    }
}
