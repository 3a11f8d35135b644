//! Block-wise transfer (RFC 7959): a client with a hostile server, a server with a hostile client, and both halves of
//! ours with each other.

use homeward_protocol::coap::block::{self, Block, BlockSize, MAX_BODY, Taken, Upload};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::transfer::{Progress, Transfer};
use homeward_protocol::coap::{CoapOption, MessageClass, Packet, ResponseType};
use homeward_protocol::crudn::{Href, Request, Response};
use serde_json::Value;

use crate::script::Script;

/// The first byte says who is who.
pub fn check(data: &[u8]) {
    let mut script = Script::new(data);
    match script.byte() % 3 {
        0 => hostile_server(script),
        1 => hostile_client(script),
        _ => ours(script),
    }
}

/// `what is asked, a limit, (an answer) …`: nothing larger than the limit is kept, and what is sent can be sent.
fn hostile_server(mut script: Script<'_>) {
    let body = String::from_utf8_lossy(script.counted()).into_owned().repeat(usize::from(script.byte()));
    let Some(mut transfer) = transfer(body.into()) else { return };
    let limit = usize::from(script.word());
    transfer = transfer.limited_to(limit);
    while !script.is_over() {
        assert!(message::encode(&transfer.packet()).is_ok());
        let _ = transfer.completes_request();
        let notifies = script.byte() == 0;
        let Ok(answer) = message::decode(script.counted()) else { continue };
        let outcome = if notifies { transfer.handle_notification(answer) } else { transfer.handle(answer) };
        if let Ok(Progress::Done(Response { body: Some(Value::String(text)), .. })) = outcome {
            // A byte string is shown as base64.
            assert!(text.len() <= limit / 3 * 4 + 4);
        }
    }
}

/// `(a request) …`: what comes out whole came in, and every answer can be cut and sent.
fn hostile_client(mut script: Script<'_>) {
    let mut upload = Upload::new();
    let mut taken = 0;
    while !script.is_over() {
        let length = usize::from(script.word());
        let Ok(request) = message::decode(script.counted()) else { continue };
        taken += request.payload.len();
        let answer = match upload.take(request.clone()) {
            Taken::Answer(answer) => *answer,
            Taken::Whole { packet, block } => {
                assert!(packet.payload.len() <= taken.min(MAX_BODY));
                let mut answer = Packet::new();
                answer.payload = vec![b'x'; length];
                if let Some(block) = block {
                    block.put(&mut answer, CoapOption::Block1);
                }
                block::cut(&mut answer, &request, BlockSize::LARGEST, b"e");
                assert!(answer.payload.len() <= BlockSize::LARGEST.bytes());
                answer
            }
        };
        assert!(message::encode(&answer).is_ok());
    }
}

/// `the length of the body, of the answer, (the server's block size) …`: both come over whole, in no more messages than
/// the smallest blocks take.
fn ours(mut script: Script<'_>) {
    let body = Value::from("b".repeat(usize::from(script.word() % 8192)));
    let answer = Value::from("a".repeat(usize::from(script.word() % 8192)));
    let Some(mut transfer) = transfer(body.clone()) else { return };
    let mut server = Server { upload: Upload::new(), size: BlockSize::LARGEST, answer: &answer, received: None };
    for _ in 0..2 * 8200 / 16 + 8 {
        server.size = BlockSize::from_exponent(script.byte() % 7).map_or(server.size, |asked| asked.min(server.size));
        let Ok(packet) = message::encode(&transfer.packet()).and_then(|bytes| message::decode(&bytes)) else {
            panic!("our own message cannot be read")
        };
        match transfer.handle(server.handle(packet)) {
            Ok(Progress::More) => {}
            Ok(Progress::Done(response)) => {
                assert_eq!(response, Response::ok(answer.clone()));
                return assert_eq!(server.received, Some(body));
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never ends");
}

fn transfer(body: Value) -> Option<Transfer> {
    let request = Request::post(Href::new("/a").ok()?, body);
    Transfer::new(&request, Format::Ocf).ok()
}

/// A server that takes and gives blocks of a size, which may become smaller from message to message.
struct Server<'a> {
    upload: Upload,
    size: BlockSize,
    answer: &'a Value,
    received: Option<Value>,
}

impl Server<'_> {
    fn handle(&mut self, packet: Packet) -> Packet {
        let asked = match Block::of(&packet, CoapOption::Block1) {
            Some(Ok(block)) => Some(block),
            _ => None,
        };
        // Only at the beginning may it refuse a size (RFC 7959 §2.9.3); later it asks for smaller ones.
        if asked.is_some_and(|block| block.number == 0 && block.size > self.size) {
            let mut refusal = Packet::new();
            refusal.header.code = MessageClass::Response(ResponseType::RequestEntityTooLarge);
            Block { number: 0, more: true, size: self.size }.put(&mut refusal, CoapOption::Block1);
            return refusal;
        }
        match self.upload.take(packet.clone()) {
            Taken::Answer(mut answer) => {
                if let Some(block) = asked {
                    Block { size: block.size.min(self.size), ..block }.put(&mut answer, CoapOption::Block1);
                }
                *answer
            }
            Taken::Whole { packet: whole, block } => {
                let asked = message::decode_request(&whole).map(|asked| asked.request);
                let Ok(asked) = asked else { panic!("our own request is refused: {asked:?}") };
                self.received = asked.body.or(self.received.take());
                let Ok(mut answer) =
                    message::encode_response(&Response::ok(self.answer.clone()), asked.method, Format::Ocf)
                else {
                    panic!("an ordinary answer")
                };
                if let Some(block) = block {
                    block.put(&mut answer, CoapOption::Block1);
                }
                block::cut(&mut answer, &packet, self.size, b"v1");
                answer
            }
        }
    }
}
