#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn href(text: &str) -> Href {
    Href::new(text).unwrap()
}

fn packet_of(code: u8, options: &[(u16, &[u8])], payload: &[u8]) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(code);
    for (number, value) in options {
        packet.add_option(CoapOption::from(*number), value.to_vec());
    }
    packet.payload = payload.to_vec();
    packet
}

/// As it is seen on the wire, byte for byte: `GET /oic/res?rt=oic.ra.xmpp`, then Accept 10000 or 60.
#[test]
fn the_search_for_remote_access_looks_as_on_the_wire() {
    let head = [
        0x54, 0x01, 0x42, 0x95, 0xe4, 0x4d, 0x1b, 0xe6, 0xb3, 0x6f, 0x69, 0x63, 0x03, 0x72, 0x65, 0x73, 0x4d, 0x01,
        0x72, 0x74, 0x3d, 0x6f, 0x69, 0x63, 0x2e, 0x72, 0x61, 0x2e, 0x78, 0x6d, 0x70, 0x70,
    ];
    for (format, accept) in [(Format::Ocf, &[0x22, 0x27, 0x10][..]), (Format::Cbor, &[0x21, 0x3c][..])] {
        let mut packet = encode_request(&Request::get(href("/oic/res?rt=oic.ra.xmpp")), format).unwrap();
        packet.header.set_type(MessageType::NonConfirmable);
        packet.header.message_id = 0x4295;
        packet.set_token(vec![0xe4, 0x4d, 0x1b, 0xe6]);
        assert_eq!(encode(&packet).unwrap(), [&head[..], accept].concat());
    }
}

#[test]
fn codes_become_https_numbers() {
    let body = cbor::encode(&json!({"value": true})).unwrap();
    let cases: [(u8, &[u8], u16); 12] = [
        (0x41, &[], 201),
        (0x42, &[], 204),
        (0x44, &[], 204),
        (0x42, &body, 200),
        (0x44, &body, 200),
        (0x43, &[], 304),
        (0x45, &body, 200),
        (0x81, &[], 401),
        (0x84, &[], 404),
        (0x8d, &[], 413),
        (0xa0, &[], 500),
        (0xa5, &[], 505),
    ];
    for (code, payload, status) in cases {
        let response = decode_response(&packet_of(code, &[(12, &[60])], payload)).unwrap();
        assert_eq!(response.status, Status(status), "{code:#x}");
        assert_eq!(response.body.is_some(), !payload.is_empty());
    }
    for no_answer in [0x46, 0x5f, 0x60, 0xc0, 0x01] {
        assert_eq!(decode_response(&packet_of(no_answer, &[], &[])), Err(AnswerError::Code(no_answer)));
    }
}

#[test]
fn a_failure_carries_the_devices_own_words() {
    let response = decode_response(&packet_of(0x83, &[], b"not\nallowed")).unwrap();
    assert_eq!((response.status, response.diagnostic.as_deref()), (Status::FORBIDDEN, Some("not allowed")));
    let long = decode_response(&packet_of(0xa0, &[], "ä".repeat(2000).as_bytes())).unwrap();
    assert_eq!(long.diagnostic.unwrap().chars().count(), MAX_DIAGNOSTIC);
    assert_eq!(decode_response(&packet_of(0xa0, &[], &[0xff, 0xfe])).unwrap().diagnostic, None);
}

#[test]
fn ocfs_version_option_is_tolerated_and_other_critical_ones_are_not() {
    let body = cbor::encode(&json!(1)).unwrap();
    let ocf = packet_of(0x45, &[(12, &[0x27, 0x10]), (2053, &[8, 0])], &body);
    assert_eq!(decode_response(&ocf).unwrap().body, Some(json!(1)));
    let other = packet_of(0x45, &[(12, &[60]), (2055, &[1])], &body);
    assert_eq!(decode_response(&other), Err(AnswerError::CriticalOption(2055)));
    let elective = packet_of(0x45, &[(12, &[60]), (2054, &[1])], &body);
    assert!(decode_response(&elective).is_ok());
    assert_eq!(decode_request(&packet_of(0x01, &[(2055, &[1])], &[])).unwrap_err().status, Status(402));
}

#[test]
fn a_success_in_a_foreign_format_cannot_be_read() {
    assert_eq!(decode_response(&packet_of(0x45, &[(12, &[50])], b"{}")), Err(AnswerError::Format(50)));
    assert!(decode_response(&packet_of(0x84, &[(12, &[50])], b"{}")).is_ok(), "a failure is one all the same");
}

#[test]
fn datagrams_that_are_no_messages_are_refused() {
    assert_eq!(decode(&[]), Err(MessageError::Malformed));
    assert_eq!(decode(&[0x40, 0x01, 0]), Err(MessageError::Malformed));
    for (version, first) in [(0, 0x00), (2, 0x80), (3, 0xc0)] {
        assert_eq!(decode(&[first, 0x01, 0, 1]), Err(MessageError::Version(version)));
    }
    assert_eq!(decode(&[0x49, 0x01, 0, 1]), Err(MessageError::Malformed), "a token of nine bytes");
    assert_eq!(decode(&[0x40, 0x45, 0, 1, 0xff]), Err(MessageError::Malformed), "a payload marker before nothing");
    assert!(decode(&[0x40, 0x45, 0, 1, 0xb1, 0xff]).is_ok(), "an option that ends in 0xff");
    assert_eq!(decode(&[0x40, 0x00, 0, 1, 0xff, 1]), Err(MessageError::Code), "an empty message that is not empty");
    assert_eq!(decode(&[0x40, 0x20, 0, 1]), Err(MessageError::Code), "a reserved class");
    assert!(decode(&[0x70, 0x00, 0, 1]).is_ok(), "a reset");
}

#[test]
fn paths_are_decoded_into_options_and_encoded_back() {
    let packet = encode_request(&Request::get(href("/a%20b/c%2Fd?x=%26y&z")), Format::Ocf).unwrap();
    let options: Vec<_> = packet.get_option(CoapOption::UriPath).unwrap().iter().cloned().collect();
    assert_eq!(options, [b"a b".to_vec(), b"c/d".to_vec()]);
    assert_eq!(decode_href(&packet).unwrap(), href("/a%20b/c%2Fd?x=%26y&z"));
    let root = encode_request(&Request::get(href("/")), Format::Ocf).unwrap();
    assert_eq!(root.get_option(CoapOption::UriPath), None);
    assert_eq!(decode_href(&root).unwrap(), href("/"));
    let odd = encode_request(&Request::get(href("/100%/%zz/%ff")), Format::Ocf).unwrap();
    assert_eq!(decode_href(&odd).unwrap(), href("/100%25/%25zz/%25ff"));
    let long = Request::get(href(&format!("/{}", "a".repeat(256))));
    assert_eq!(encode_request(&long, Format::Ocf), Err(RequestError::PathTooLong));
}

#[test]
fn a_request_in_a_foreign_format_or_method_is_refused() {
    let post = packet_of(0x02, &[(11, b"a"), (12, &[50])], b"{}");
    assert_eq!(decode_request(&post).unwrap_err().status, Status(415));
    let broken = packet_of(0x02, &[(11, b"a"), (12, &[60])], &[0xff]);
    assert_eq!(decode_request(&broken).unwrap_err().status, Status::BAD_REQUEST);
    assert_eq!(decode_request(&packet_of(0x05, &[], &[])).unwrap_err().status, Status::METHOD_NOT_ALLOWED);
}

fn any_request() -> impl Strategy<Value = Request> {
    let methods = prop_oneof![Just(Method::Get), Just(Method::Post), Just(Method::Put), Just(Method::Delete)];
    let part = "[a-zA-Z0-9_.=~-]{1,12}";
    let paths = prop::collection::vec(part, 0..4).prop_map(|parts| parts.join("/"));
    let queries = prop::collection::vec(part, 0..3).prop_map(|parts| parts.join("&"));
    (methods, paths, queries, prop::option::of(any::<i32>()), any::<Option<bool>>()).prop_map(
        |(method, path, query, body, observe)| Request {
            method,
            href: href(&if query.is_empty() { format!("/{path}") } else { format!("/{path}?{query}") }),
            body: body.filter(|_| matches!(method, Method::Post | Method::Put)).map(|n| json!({ "value": n })),
            observe: observe
                .filter(|_| method == Method::Get)
                .map(|on| if on { Observe::Register } else { Observe::Deregister }),
        },
    )
}

fn any_response() -> impl Strategy<Value = Response> {
    let status = prop_oneof![Just(200), Just(201), Just(304), Just(400), Just(404), Just(415), Just(500), Just(503)];
    (status, prop::option::of(any::<i32>()), prop::option::of(0u32..1 << 24), "[a-z]{0,9}").prop_map(
        |(status, body, observe, words)| {
            let body =
                body.map(|n| json!({ "value": n })).filter(|_| status < 300).or((status == 200).then(|| json!(1)));
            let diagnostic = (body.is_none() && status >= 400 && !words.is_empty()).then_some(words);
            Response { status: Status(status), body, observe, diagnostic }
        },
    )
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        if let Ok(packet) = decode(&bytes) {
            let _ = decode_request(&packet);
            let _ = decode_response(&packet);
        }
    }

    #[test]
    fn a_request_comes_out_as_it_went_in(request in any_request(), ocf in any::<bool>()) {
        let format = if ocf { Format::Ocf } else { Format::Cbor };
        let packet = decode(&encode(&encode_request(&request, format).unwrap()).unwrap()).unwrap();
        let asked = decode_request(&packet).unwrap();
        prop_assert_eq!(asked.accept, Some(format.number()));
        prop_assert_eq!(asked.request, request);
    }

    #[test]
    fn an_answer_comes_out_as_it_went_in(response in any_response(), ocf in any::<bool>()) {
        let format = if ocf { Format::Ocf } else { Format::Cbor };
        let packet = encode_response(&response, Method::Get, format).unwrap();
        let packet = decode(&encode(&packet).unwrap()).unwrap();
        prop_assert_eq!(decode_response(&packet).unwrap(), response);
    }
}
