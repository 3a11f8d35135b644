#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::block::{self, Taken, Upload};
use super::*;
use crate::crudn::{Href, Method, Status};

fn size(exponent: u8) -> BlockSize {
    BlockSize::from_exponent(exponent).unwrap()
}

fn get() -> Transfer {
    Transfer::new(&Request::get(Href::new("/a").unwrap()), Format::Ocf).unwrap()
}

fn post(body: Value) -> Transfer {
    Transfer::new(&Request::post(Href::new("/a").unwrap(), body), Format::Ocf).unwrap()
}

/// A server that takes and gives blocks of a size, and answers with `answer`.
struct Server {
    upload: Upload,
    largest: BlockSize,
    answer: Value,
    received: Option<Value>,
    messages: usize,
}

impl Server {
    fn new(exponent: u8, answer: Value) -> Self {
        Self { upload: Upload::new(), largest: size(exponent), answer, received: None, messages: 0 }
    }

    fn handle(&mut self, packet: Packet) -> Packet {
        self.messages += 1;
        let packet = message::decode(&message::encode(&packet).unwrap()).unwrap();
        if let Some(Ok(block)) = Block::of(&packet, CoapOption::Block1)
            && block.size > self.largest
        {
            let mut refusal = Packet::new();
            refusal.header.code = MessageClass::Response(ResponseType::RequestEntityTooLarge);
            Block { number: 0, more: true, size: self.largest }.put(&mut refusal, CoapOption::Block1);
            return refusal;
        }
        match self.upload.take(packet.clone()) {
            Taken::Answer(answer) => *answer,
            Taken::Whole { packet: whole, block } => {
                let asked = message::decode_request(&whole).unwrap();
                if asked.request.body.is_some() {
                    self.received = asked.request.body;
                }
                let response = Response::ok(self.answer.clone());
                let mut answer = message::encode_response(&response, asked.request.method, Format::Ocf).unwrap();
                if let Some(block) = block {
                    block.put(&mut answer, CoapOption::Block1);
                }
                block::cut(&mut answer, &packet, self.largest, b"v1");
                answer
            }
        }
    }

    fn run(&mut self, transfer: &mut Transfer) -> Result<Response, TransferError> {
        loop {
            let answer = self.handle(transfer.packet());
            if let Progress::Done(response) = transfer.handle(answer)? {
                return Ok(response);
            }
        }
    }
}

fn text(length: usize) -> Value {
    json!("a".repeat(length))
}

fn first_block(answer: Value, etag: &[u8]) -> Packet {
    let mut packet = message::encode_response(&Response::ok(answer), Method::Get, Format::Ocf).unwrap();
    block::cut(&mut packet, &Packet::new(), size(2), etag);
    packet
}

#[test]
fn an_answer_of_more_than_4096_blocks_is_put_together() {
    let mut server = Server::new(0, text(100_000));
    assert_eq!(server.run(&mut get()).unwrap().body, Some(text(100_000)));
    assert!(server.messages > 4096);
}

#[test]
fn a_large_request_is_sent_in_blocks_and_its_large_answer_read_in_blocks() {
    let mut server = Server::new(6, text(5000));
    let answer = server.run(&mut post(text(3000))).unwrap();
    assert_eq!((server.received, answer.body), (Some(text(3000)), Some(text(5000))));
}

#[test]
fn a_device_that_takes_small_blocks_gets_small_blocks() {
    let mut server = Server::new(2, json!(1));
    server.run(&mut post(text(3000))).unwrap();
    assert_eq!(server.received, Some(text(3000)));
}

#[test]
fn only_the_last_block_completes_the_request() {
    let mut transfer = post(text(2000));
    assert!(!transfer.completes_request());
    let answer = Server::new(6, json!(1)).handle(transfer.packet());
    assert_eq!(transfer.handle(answer).unwrap(), Progress::More);
    assert!(transfer.completes_request());
}

#[test]
fn an_answer_that_changes_while_it_is_read_is_begun_anew_and_then_given_up() {
    let mut transfer = get();
    assert_eq!(transfer.handle(first_block(text(200), b"v1")).unwrap(), Progress::More);
    let mut server = Server::new(2, text(300));
    // The server's ETag differs from here on: blocks from the start again.
    for packet in [first_block(text(200), b"v2"), first_block(text(200), b"v3"), first_block(text(200), b"v4")] {
        assert_eq!(transfer.handle(packet).unwrap(), Progress::More);
        assert_eq!(Block::of(&transfer.packet(), CoapOption::Block2).unwrap().unwrap().number, 0);
    }
    assert_eq!(transfer.handle(server.handle(get().packet())), Err(TransferError::Unsteady));
}

#[test]
fn after_a_change_the_new_answer_is_read_whole() {
    let mut transfer = get();
    assert_eq!(transfer.handle(first_block(text(200), b"old")).unwrap(), Progress::More);
    assert_eq!(Server::new(2, text(300)).run(&mut transfer).unwrap().body, Some(text(300)));
}

#[test]
fn blocks_that_do_not_follow_are_refused() {
    let mut transfer = get();
    assert_eq!(transfer.handle(first_block(text(200), b"v1")).unwrap(), Progress::More);
    let repeated = first_block(text(200), b"v1");
    assert_eq!(transfer.handle(repeated), Err(TransferError::OutOfOrder));
    let mut short = first_block(text(200), b"v1");
    short.payload.pop();
    assert_eq!(get().handle(short), Err(TransferError::OutOfOrder));
}

#[test]
fn an_answer_that_announces_too_much_is_refused_at_once() {
    let mut packet = first_block(text(200), b"v1");
    packet.clear_option(CoapOption::Size2);
    packet.add_option_as(CoapOption::Size2, OptionValueU32(1 << 21));
    assert_eq!(get().handle(packet), Err(TransferError::TooLarge));
}

#[test]
fn an_answer_that_never_ends_is_given_up_at_the_limit() {
    let mut transfer = get();
    for number in 0..1024 {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::Response(ResponseType::Content);
        Block { number, more: true, size: BlockSize::LARGEST }.put(&mut packet, CoapOption::Block2);
        packet.payload = vec![0; 1024];
        assert_eq!(transfer.handle(packet).unwrap(), Progress::More);
    }
    let mut packet = Packet::new();
    packet.header.code = MessageClass::Response(ResponseType::Content);
    Block { number: 1024, more: true, size: BlockSize::LARGEST }.put(&mut packet, CoapOption::Block2);
    packet.payload = vec![0; 1024];
    assert_eq!(transfer.handle(packet), Err(TransferError::TooLarge));
}

#[test]
fn a_device_that_forgets_the_rest_of_its_answer_to_a_change_has_done_it_all_the_same() {
    let mut transfer = post(json!({"value": true}));
    let mut first = first_block(text(3000), b"v1");
    first.header.code = MessageClass::Response(ResponseType::Created);
    assert!(matches!(transfer.handle(first), Ok(Progress::More)));
    let mut forgotten = Packet::new();
    forgotten.header.code = MessageClass::Response(ResponseType::BadRequest);
    let Ok(Progress::Done(response)) = transfer.handle(forgotten) else { panic!("it is over") };
    assert_eq!((response.status, response.body), (Status::CREATED, None));
}

#[test]
fn an_error_in_the_middle_ends_it_as_that_error() {
    let mut transfer = get();
    assert_eq!(transfer.handle(first_block(text(200), b"v1")).unwrap(), Progress::More);
    let gone = message::encode_response(&Response::status(Status::NOT_FOUND), Method::Get, Format::Ocf).unwrap();
    assert_eq!(transfer.handle(gone).unwrap(), Progress::Done(Response::status(Status::NOT_FOUND)));
}

#[test]
fn the_rest_of_a_notification_is_read_without_observing_again() {
    let request = Request::observe(Href::new("/a").unwrap());
    let mut transfer = Transfer::new(&request, Format::Ocf).unwrap();
    let mut notification = first_block(text(200), b"v1");
    notification.set_observe_value(9);
    assert_eq!(transfer.handle_notification(notification).unwrap(), Progress::More);
    assert_eq!(transfer.packet().get_observe_value(), None);
    let mut server = Server::new(2, text(200));
    let answer = server.run(&mut transfer).unwrap();
    assert_eq!((answer.observe, answer.body), (Some(9), Some(text(200))));
}

proptest! {
    #[test]
    fn any_body_passes_both_ways(up in 0usize..5000, down in 0usize..5000, exponent in 0u8..=6) {
        let mut server = Server::new(exponent, text(down));
        let answer = server.run(&mut post(text(up))).unwrap();
        prop_assert_eq!((server.received, answer.body), (Some(text(up)), Some(text(down))));
    }

    #[test]
    fn no_answer_makes_it_panic(number in 0u32..1 << 20, more in any::<bool>(), exponent in 0u8..=6,
                                payload in prop::collection::vec(any::<u8>(), 0..80), code in 0x40u8..0xbf,
                                block1 in any::<bool>()) {
        let mut packet = Packet::new();
        packet.header.code = MessageClass::from(code);
        let option = if block1 { CoapOption::Block1 } else { CoapOption::Block2 };
        Block { number, more, size: size(exponent) }.put(&mut packet, option);
        packet.payload = payload;
        for mut transfer in [get(), post(text(3000))] {
            for _ in 0..3 {
                let _ = transfer.packet();
                if transfer.handle(packet.clone()) != Ok(Progress::More) { break }
            }
        }
    }
}
