//! CoAP datagrams, and the requests and answers in them.

use homeward_protocol::coap::block::Block;
use homeward_protocol::coap::message::{self, Format, MAX_PACKET};
use homeward_protocol::coap::{CoapOption, Packet};
use homeward_protocol::crudn::{Method, Request};
use homeward_protocol::remote::rest::{self, Rest};

/// What was read is written, and read again as the same: the packet, the request, the answer, and the request on the
/// other way to the device too.
pub fn check(data: &[u8]) {
    let Ok(packet) = message::decode(data) else { return };
    match message::encode(&packet) {
        Ok(bytes) => assert_eq!(message::decode(&bytes).as_ref(), Ok(&packet)),
        Err(_) => assert!(data.len() > MAX_PACKET),
    }
    options(&packet);
    if let Ok(asked) = message::decode_request(&packet) {
        request(&asked.request);
    }
    response(&packet);
}

fn options(packet: &Packet) {
    assert!(message::observe_sequence(packet).is_none_or(|sequence| sequence < 1 << 24));
    let _ = message::max_age(packet);
    for option in [CoapOption::Block1, CoapOption::Block2] {
        if let Some(Ok(block)) = Block::of(packet, option) {
            let mut again = packet.clone();
            block.put(&mut again, option);
            assert_eq!(Block::of(&again, option), Some(Ok(block)));
            assert_eq!(Block::at(block.offset(), block.more, block.size), Some(block));
        }
    }
}

fn request(request: &Request) {
    for format in Format::ALL {
        // A part of the path longer than may be sent may still be read.
        let Ok(packet) = message::encode_request(request, format) else { continue };
        let Some(packet) = over_the_network(&packet) else { continue };
        assert_eq!(message::decode_request(&packet).map(|asked| asked.request).as_ref(), Ok(request));
    }
    let over_xmpp = rest::decode(&rest::encode_request(request, "di", None));
    assert_eq!(over_xmpp, Ok(Rest::Request { request: request.clone(), id: None }));
}

fn response(packet: &Packet) {
    let Ok(response) = message::decode_response(packet) else { return };
    for format in Format::ALL {
        let Ok(packet) = message::encode_response(&response, Method::Get, format) else { continue };
        let Some(packet) = over_the_network(&packet) else { continue };
        assert_eq!(message::decode_response(&packet).as_ref(), Ok(&response));
    }
    let Ok(Rest::Response { response: over_xmpp, .. }) = rest::decode(&rest::encode_response(&response, None)) else {
        panic!("not to be told over XMPP: {response:?}")
    };
    assert_eq!((over_xmpp.status, over_xmpp.body), (response.status, response.body));
}

/// `None` where it is too large for one datagram.
fn over_the_network(packet: &Packet) -> Option<Packet> {
    let bytes = message::encode(packet).ok()?;
    let read = message::decode(&bytes);
    assert!(read.is_ok(), "our own message is refused: {read:?}");
    read.ok()
}
