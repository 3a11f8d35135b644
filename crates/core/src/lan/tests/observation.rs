//! Observing: order, blocks, the end.

use std::time::Duration;

use homeward_protocol::coap::block::{self, BlockSize};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{MessageType, Packet};
use homeward_protocol::crudn::{Href, Method, Response, Status};
use serde_json::{Value, json};

use crate::lan::client::{LanClient, LanError};
use crate::lan::observation::Observation;
use crate::lan::testing::{Device, Seen};

async fn observe(device: &Device) -> Observation {
    LanClient::open(true).unwrap().observe(device.address, Href::new("/light").unwrap())
}

async fn next(observation: &mut Observation) -> Option<Result<Response, LanError>> {
    tokio::time::timeout(Duration::from_secs(10), observation.next()).await.expect("a notification should have come")
}

fn value(notification: Option<Result<Response, LanError>>) -> Value {
    notification.unwrap().unwrap().body.unwrap()
}

fn notification(seen: &Seen, sequence: u32, value: Value) -> Packet {
    let response = Response { observe: Some(sequence), ..Response::ok(value) };
    let mut packet = message::encode_response(&response, Method::Get, Format::Ocf).unwrap();
    packet.header.set_type(MessageType::Confirmable);
    packet.header.message_id = 5000 + sequence as u16;
    packet.set_token(seen.packet.get_token().to_vec());
    packet
}

fn registers(seen: &Seen) -> bool {
    message::observe_sequence(&seen.packet) == Some(0)
}

/// Answers a registration with number 1, and its end without one.
fn first(seen: &Seen) -> Vec<Packet> {
    let observe = match message::observe_sequence(&seen.packet).filter(|_| message::is_request(&seen.packet)) {
        Some(0) => Some(1),
        Some(_) => None,
        None => return vec![],
    };
    vec![seen.respond(&Response { observe, ..Response::ok(json!(1)) }, Format::Ocf)]
}

#[tokio::test]
async fn notifications_come_in_order_and_one_that_was_overtaken_is_dropped() {
    let device = Device::start(None, first).await;
    let mut observation = observe(&device).await;
    assert_eq!(value(next(&mut observation).await), json!(1));
    let seen = device.got(registers).await;
    for (sequence, value) in [(3, "third"), (2, "second"), (4, "fourth")] {
        device.send(&notification(&seen, sequence, json!(value)), seen.from).await;
    }
    assert_eq!(value(next(&mut observation).await), json!("third"));
    assert_eq!(value(next(&mut observation).await), json!("fourth"));
    for sequence in [3, 2, 4] {
        let acknowledgement = message::empty(MessageType::Acknowledgement, 5000 + sequence);
        device.got(|seen| seen.packet == acknowledgement).await;
    }
}

#[tokio::test]
async fn a_large_notification_is_read_whole() {
    let large = json!("a".repeat(3000));
    let device = Device::start(None, {
        let large = large.clone();
        move |seen| {
            if registers(seen) {
                return first(seen);
            }
            if !message::is_request(&seen.packet) {
                return vec![];
            }
            let mut answer = seen.respond(&Response::ok(large.clone()), Format::Ocf);
            block::cut(&mut answer, &seen.packet, BlockSize::LARGEST, b"1");
            vec![answer]
        }
    })
    .await;
    let mut observation = observe(&device).await;
    next(&mut observation).await;
    let seen = device.got(registers).await;
    let mut packet = notification(&seen, 2, large.clone());
    block::cut(&mut packet, &Packet::new(), BlockSize::LARGEST, b"1");
    device.send(&packet, seen.from).await;
    assert_eq!(value(next(&mut observation).await), large);
}

#[tokio::test]
async fn a_dropped_observation_is_ended_at_the_device() {
    let device = Device::start(None, first).await;
    let mut observation = observe(&device).await;
    next(&mut observation).await;
    drop(observation);
    let end = device.got(|seen| message::observe_sequence(&seen.packet) == Some(1)).await;
    let registration = device.got(registers).await;
    assert_eq!(end.packet.get_token(), registration.packet.get_token());
    device.send(&notification(&registration, 9, json!(9)), registration.from).await;
    device.got(|seen| seen.packet == message::empty(MessageType::Reset, 5009)).await;
}

#[tokio::test]
async fn a_device_that_does_not_notify_gives_its_value_and_no_more() {
    let device = Device::start(None, |seen| vec![seen.respond(&Response::ok(json!(1)), Format::Ocf)]).await;
    let mut observation = observe(&device).await;
    let only = next(&mut observation).await.unwrap().unwrap();
    assert_eq!((only.observe, only.body), (None, Some(json!(1))));
    assert_eq!(next(&mut observation).await, None);
}

#[tokio::test]
async fn a_refusal_is_the_last_answer() {
    let device =
        Device::start(None, |seen| vec![seen.respond(&Response::status(Status::FORBIDDEN), Format::Ocf)]).await;
    let mut observation = observe(&device).await;
    assert_eq!(next(&mut observation).await.unwrap().unwrap().status, Status::FORBIDDEN);
    assert_eq!(next(&mut observation).await, None);
}

#[tokio::test]
async fn a_device_of_the_other_format_is_observed_in_it() {
    let device = Device::start(None, |seen| {
        let asked = message::decode_request(&seen.packet).unwrap();
        if asked.accept == Some(60) {
            return first(seen);
        }
        vec![seen.respond(&Response::status(Status::NOT_ACCEPTABLE), Format::Cbor)]
    })
    .await;
    let mut observation = observe(&device).await;
    assert_eq!(value(next(&mut observation).await), json!(1));
}
