//! Requests: loss, formats, blocks, and what a failure means.

use std::io::ErrorKind;
use std::time::Duration;

use homeward_protocol::coap::block::{BlockSize, Taken, Upload};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{CoapOption, MessageType, Packet};
use homeward_protocol::crudn::{Href, Method, Request, Response, Status};
use serde_json::json;

use crate::lan::client::{LanClient, LanError};
use crate::lan::testing::{Device, Lamp, Seen};

const LONG: Duration = Duration::from_secs(15);
const SHORT: Duration = Duration::from_millis(300);

fn client() -> LanClient {
    LanClient::open(true).unwrap()
}

fn get(path: &str) -> Request {
    Request::get(Href::new(path).unwrap())
}

fn ok(seen: &Seen) -> Packet {
    seen.respond(&Response::ok(json!({"value": 1})), Format::Ocf)
}

#[tokio::test]
async fn a_request_is_answered() {
    let device = Device::start(None, |seen| vec![ok(seen)]).await;
    let answer = client().request(device.address, &get("/light"), LONG).await.unwrap();
    assert_eq!(answer, Response::ok(json!({"value": 1})));
    assert_eq!(device.seen()[0].packet.header.get_type(), MessageType::Confirmable);
}

#[tokio::test]
async fn a_lost_request_is_sent_again() {
    let device = Device::start(None, |seen| if seen.nth == 0 { vec![] } else { vec![ok(seen)] }).await;
    let answer = client().request(device.address, &get("/light"), LONG).await.unwrap();
    assert_eq!(answer.status, Status::OK);
    let seen = device.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[0].packet, seen[1].packet, "the same message, not another request");
}

#[tokio::test]
async fn a_separate_confirmable_answer_is_acknowledged() {
    let device = Device::start(None, |seen| {
        if !message::is_request(&seen.packet) {
            return vec![];
        }
        let acknowledgement = message::empty(MessageType::Acknowledgement, seen.packet.header.message_id);
        let mut separate = ok(seen);
        separate.header.set_type(MessageType::Confirmable);
        separate.header.message_id = 77;
        vec![acknowledgement, separate.clone(), separate]
    })
    .await;
    assert!(client().request(device.address, &get("/light"), LONG).await.is_ok());
    let acknowledged = device.got(|seen| seen.nth == 2).await;
    assert_eq!(acknowledged.packet, message::empty(MessageType::Acknowledgement, 77));
    assert_eq!(device.seen()[1].packet, acknowledged.packet, "each copy is acknowledged");
}

#[tokio::test]
async fn a_device_of_the_other_format_is_asked_in_it_and_from_then_on() {
    let device = Device::start(None, Lamp::new(Format::Cbor).script()).await;
    let client = client();
    for _ in 0..2 {
        assert_eq!(client.request(device.address, &get("/light"), LONG).await.unwrap().status, Status::OK);
    }
    let accepts: Vec<_> =
        device.seen().iter().map(|seen| message::decode_request(&seen.packet).unwrap().accept.unwrap()).collect();
    assert_eq!(accepts, [10000, 60, 60]);
}

#[tokio::test]
async fn a_device_that_takes_neither_format_refuses() {
    let refusal = Response::status(Status::NOT_ACCEPTABLE);
    let device = Device::start(None, move |seen| vec![seen.respond(&refusal, Format::Ocf)]).await;
    let answer = client().request(device.address, &get("/light"), LONG).await.unwrap();
    assert_eq!((answer.status, device.seen().len()), (Status::NOT_ACCEPTABLE, 2));
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let body = json!({"text": "a".repeat(5000)});
    let mut upload = Upload::new();
    let device = Device::start(None, move |seen| {
        let mut answer = match upload.take(seen.packet.clone()) {
            Taken::Answer(answer) => *answer,
            Taken::Whole { packet, block } => {
                // A server keeps the answer while its blocks are fetched; this one makes it anew.
                let body = message::decode_request(&packet).unwrap().request.body;
                let body = body.unwrap_or(json!({"text": "a".repeat(5000)}));
                let mut answer = message::encode_response(&Response::ok(body), Method::Post, Format::Ocf).unwrap();
                if let Some(block) = block {
                    block.put(&mut answer, CoapOption::Block1);
                }
                answer
            }
        };
        homeward_protocol::coap::block::cut(&mut answer, &seen.packet, BlockSize::LARGEST, b"1");
        vec![seen.answer(answer)]
    })
    .await;
    let request = Request::post(Href::new("/text").unwrap(), body.clone());
    assert_eq!(client().request(device.address, &request, LONG).await.unwrap().body, Some(body));
    assert_eq!(device.seen().len(), 9, "five blocks up, five down, one message in both");
}

#[tokio::test]
async fn silence_after_sending_means_that_nobody_knows() {
    let device = Device::start(None, |_| vec![]).await;
    let request = Request::post(Href::new("/light").unwrap(), json!({"value": true}));
    assert_eq!(client().request(device.address, &request, SHORT).await, Err(LanError::NoAnswer));
}

#[tokio::test]
async fn silence_before_the_last_block_means_that_nothing_was_done() {
    let device = Device::start(None, |_| vec![]).await;
    let request = Request::post(Href::new("/light").unwrap(), json!("a".repeat(5000)));
    let outcome = client().request(device.address, &request, SHORT).await;
    assert_eq!(outcome, Err(LanError::NotSent(ErrorKind::TimedOut)));
}

#[tokio::test]
async fn what_waits_behind_another_request_was_not_sent() {
    let device = Device::start(None, |_| vec![]).await;
    let (client, address) = (client(), device.address);
    let first = tokio::spawn({
        let client = client.clone();
        async move { client.request(address, &get("/a"), LONG).await }
    });
    device.got(|_| true).await;
    let second = client.request(address, &get("/b"), SHORT).await;
    assert_eq!(second, Err(LanError::NotSent(ErrorKind::TimedOut)));
    assert!(device.seen().iter().all(|seen| seen.href() == "/a"));
    first.abort();
}

#[tokio::test]
async fn a_request_that_was_given_up_does_not_block_the_next() {
    let device = Device::start(None, |seen| if seen.nth == 0 { vec![] } else { vec![ok(seen)] }).await;
    let client = client();
    assert_eq!(client.request(device.address, &get("/a"), SHORT).await, Err(LanError::NoAnswer));
    assert!(client.request(device.address, &get("/b"), LONG).await.is_ok());
    assert_eq!(device.seen()[1].href(), "/b");
}

#[tokio::test]
async fn what_cannot_leave_this_computer_says_so() {
    // A socket on loopback cannot reach another network.
    let outcome = client().request("192.0.2.1:5683".parse().unwrap(), &get("/light"), LONG).await;
    assert!(matches!(outcome, Err(LanError::NotSent(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_reset_and_an_unreadable_answer_are_told_apart() {
    let device = Device::start(None, |seen| match seen.href().as_str() {
        "/reset" => vec![message::empty(MessageType::Reset, seen.packet.header.message_id)],
        _ => {
            let mut answer = ok(seen);
            answer.payload = vec![0xff];
            vec![answer]
        }
    })
    .await;
    let client = client();
    assert_eq!(client.request(device.address, &get("/reset"), LONG).await, Err(LanError::Reset));
    let garbled = client.request(device.address, &get("/garbled"), LONG).await;
    assert!(matches!(garbled, Err(LanError::BadAnswer(_))), "{garbled:?}");
}

#[tokio::test]
async fn an_answer_from_another_port_is_not_believed() {
    let device = Device::start(None, |_| vec![]).await;
    let stranger = Device::start(None, |_| vec![]).await;
    let client = client();
    let asked = tokio::spawn({
        let (client, address) = (client.clone(), device.address);
        async move { client.request(address, &get("/light"), LONG).await }
    });
    let seen = device.got(|_| true).await;
    stranger.send(&seen.respond(&Response::ok(json!("forged")), Format::Ocf), seen.from).await;
    device.send(&seen.respond(&Response::ok(json!("true")), Format::Ocf), seen.from).await;
    assert_eq!(asked.await.unwrap().unwrap().body, Some(json!("true")));
}
