#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use coap_lite::{CoapOption, MessageType, Packet};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::coap::block::{Block, BlockSize};
use crate::coap::message::{self, Format};
use crate::crudn::{Href, Method, Request, Response, Status};
use crate::oic::remote_access::account_update;
use crate::remote::rest;
use crate::secret::Secret;

const PASSWORD: &str = "correct-horse/battery+staple";

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

fn stanza(sent: bool, text: impl Into<String>) -> Captured {
    Captured { sent, carried: Carried::Stanza(Zeroizing::new(text.into())) }
}

fn datagram(sent: bool, bytes: &[u8]) -> Captured {
    Captured { sent, carried: Carried::Datagram(Zeroizing::new(bytes.to_vec())) }
}

fn carrying(sent: bool, seq: u16, bytes: &[u8]) -> Captured {
    let text = STANDARD.encode(bytes);
    stanza(
        sent,
        format!(
            "<message xmlns='jabber:client' id='s-{seq}'><data xmlns='http://jabber.org/protocol/ibb' seq='{seq}' \
             sid='s'>{text}</data><no-store xmlns='urn:xmpp:hints'/></message>"
        ),
    )
}

fn packet(sent: bool, id: u16, mut packet: Packet) -> Captured {
    packet.header.message_id = id;
    packet.set_token(vec![0xca, 0xfe]);
    datagram(sent, &message::encode(&packet).unwrap())
}

fn answer(response: &Response) -> Packet {
    let mut answer = message::encode_response(response, Method::Get, Format::Ocf).unwrap();
    answer.header.set_type(MessageType::Acknowledgement);
    answer
}

/// The text of the one layer of that kind.
fn text(layers: &[ExchangeLayer], kind: LayerKind) -> &str {
    let mut of_kind = layers.iter().filter(|layer| layer.kind == kind);
    let (Some(layer), None) = (of_kind.next(), of_kind.next()) else { panic!("not one {kind:?}: {layers:#?}") };
    &layer.text
}

fn kinds(layers: &[ExchangeLayer]) -> Vec<LayerKind> {
    layers.iter().map(|layer| layer.kind).collect()
}

/// In plain text, in base64 whatever stands before it, or in hex.
fn assert_nowhere(secret: &str, steps: &[Vec<ExchangeLayer>]) {
    let hex = super::hex(secret.as_bytes()).replace(' ', "");
    let mut forms = vec![secret.to_owned(), hex];
    for before in 0..3 {
        let encoded = STANDARD.encode([&vec![0; before], secret.as_bytes()].concat());
        forms.push(encoded[4..encoded.len() - 4].to_owned());
    }
    for layer in steps.iter().flatten() {
        let packed: String = layer.text.chars().filter(|c| !c.is_whitespace()).collect();
        for form in &forms {
            let problem = layer.problem.as_deref().unwrap_or_default();
            assert!(!packed.contains(form) && !problem.contains(form), "{form} stands in {layer:#?}");
        }
    }
}

#[test]
fn a_request_over_xmpp_is_shown_down_to_its_json() {
    let request = Request::post(href("/light"), json!({"value": true}));
    let payload = rest::encode_request(&request, "di-1", Some("7"));
    let steps = decode(&[carrying(true, 3, &payload)], false);
    use LayerKind as K;
    assert_eq!(kinds(&steps[0]), [K::Stanza, K::Ibb, K::Rest, K::Json]);
    assert!(text(&steps[0], K::Stanza).contains(&STANDARD.encode(&payload)), "as it was");
    assert_eq!(text(&steps[0], K::Ibb), format!("data: block 3 of session s, {} bytes", payload.len()));
    assert_eq!(text(&steps[0], K::Rest).as_bytes(), payload);
    assert_eq!(text(&steps[0], K::Json), "{\n  \"value\": true\n}");
    assert!(steps[0].iter().all(|layer| !layer.secret && layer.problem.is_none()));
}

#[test]
fn opening_and_closing_a_session_is_said_in_words() {
    let open = "<iq xmlns='jabber:client' type='set' id='1'><open xmlns='http://jabber.org/protocol/ibb' \
                block-size='4096' sid='s' stanza='message'/></iq>";
    let close =
        "<iq xmlns='jabber:client' type='set' id='2'><close xmlns='http://jabber.org/protocol/ibb' sid='s'/></iq>";
    let done = "<iq xmlns='jabber:client' type='result' id='1'/>";
    let steps = decode(&[stanza(true, open), stanza(false, done), stanza(false, close)], false);
    assert_eq!(text(&steps[0], LayerKind::Ibb), "open: session s, blocks of at most 4096 bytes, in message stanzas");
    assert_eq!(kinds(&steps[1]), [LayerKind::Stanza]);
    assert_eq!(text(&steps[2], LayerKind::Ibb), "close: session s");
}

#[test]
fn what_a_peer_splits_is_shown_whole_with_its_last_block() {
    let payload = rest::encode_response(&Response::ok(json!({"value": 1})), None);
    let (one, two) = payload.split_at(50);
    let steps = decode(&[carrying(false, 0, one), carrying(false, 1, two)], false);
    assert_eq!(kinds(&steps[0]), [LayerKind::Stanza, LayerKind::Ibb]);
    assert_eq!(text(&steps[1], LayerKind::Json), "{\n  \"value\": 1\n}");
    assert_eq!(text(&steps[1], LayerKind::Rest).as_bytes(), payload);
}

#[test]
fn a_request_over_coap_is_shown_down_to_its_json() {
    let request = Request::post(href("/light?if=oic.if.a"), json!({"value": true}));
    let asked = message::encode_request(&request, Format::Ocf).unwrap();
    let steps = decode(
        &[packet(true, 4711, asked), packet(false, 4711, answer(&Response::ok(json!({"value": false}))))],
        false,
    );
    use LayerKind as K;
    assert_eq!(kinds(&steps[0]), [K::Datagram, K::Coap, K::Cbor, K::Json]);
    assert!(text(&steps[0], K::Datagram).starts_with("42 02 12 67 ca fe "));
    assert_eq!(
        text(&steps[0], K::Coap),
        "CON 0.02 POST, message 4711, token cafe\n\
         Uri-Path: light\n\
         Content-Format: 10000, application/vnd.ocf+cbor\n\
         Uri-Query: if=oic.if.a\n\
         Accept: 10000, application/vnd.ocf+cbor\n\
         OCF-Content-Format-Version: 2048, 1.0.0"
    );
    assert_eq!(text(&steps[0], K::Cbor), "a1 65 76 61 6c 75 65 f5");
    assert!(text(&steps[1], K::Coap).starts_with("ACK 2.05 Content, message 4711, token cafe\n"));
    assert_eq!(text(&steps[1], K::Json), "{\n  \"value\": false\n}");
}

#[test]
fn a_datagram_that_is_sent_again_is_said_to_be_the_same() {
    let asked = message::encode_request(&Request::get(href("/light")), Format::Ocf).unwrap();
    let steps = decode(&[packet(true, 1, asked.clone()), packet(true, 1, asked)], false);
    assert_eq!(steps[0][1].problem, None);
    assert_eq!(steps[1][1].problem.as_deref(), Some("the same datagram again"));
}

#[test]
fn a_devices_own_words_are_shown_as_text() {
    let refusal = Response { diagnostic: Some("not today".into()), ..Response::status(Status::FORBIDDEN) };
    let steps = decode(&[packet(false, 1, answer(&refusal))], false);
    assert_eq!(text(&steps[0], LayerKind::Text), "not today");
    assert!(text(&steps[0], LayerKind::Coap).starts_with("ACK 4.03 Forbidden"));
}

/// An answer of `body` in blocks of 64 bytes, each with its request.
fn in_blocks(body: &Value) -> Vec<Captured> {
    let bytes = crate::oic::cbor::encode(body).unwrap();
    let size = BlockSize::from_exponent(2).unwrap();
    let pieces: Vec<_> = bytes.chunks(size.bytes()).collect();
    let mut captured = Vec::new();
    for (number, piece) in (0u16..).zip(&pieces) {
        let mut asked = message::encode_request(&Request::get(href("/big")), Format::Ocf).unwrap();
        Block { number: number.into(), more: false, size }.put(&mut asked, CoapOption::Block2);
        captured.push(packet(true, number, asked));
        let mut told = answer(&Response::ok(json!(null)));
        told.payload = piece.to_vec();
        let more = usize::from(number) + 1 < pieces.len();
        Block { number: number.into(), more, size }.put(&mut told, CoapOption::Block2);
        captured.push(packet(false, number, told));
    }
    captured
}

#[test]
fn a_body_in_blocks_is_shown_whole_with_its_last_block() {
    let body = json!({"text": "a".repeat(150)});
    let steps = decode(&in_blocks(&body), false);
    assert_eq!(steps.len(), 6);
    assert!(text(&steps[1], LayerKind::Coap).contains("Block2: 0, more follow, 64 bytes each"));
    assert!(text(&steps[5], LayerKind::Coap).contains("Block2: 2, the last, 64 bytes each"));
    assert!(!kinds(&steps[3]).contains(&LayerKind::Json));
    assert_eq!(serde_json::from_str::<Value>(text(&steps[5], LayerKind::Json)).unwrap(), body);
}

#[test]
fn a_secret_that_comes_in_blocks_is_in_none_of_them() {
    let body = json!({"text": "a".repeat(60), "nested": [{"privatedata": {"data": PASSWORD.repeat(3)}}], "z": 1});
    let steps = decode(&in_blocks(&body), false);
    assert_nowhere(PASSWORD, &steps);
    let last = steps.last().unwrap();
    assert!(
        text(last, LayerKind::Json).contains("\"privatedata\": \"…\"") && text(last, LayerKind::Json).contains("aaaa")
    );
    let mut cut_short = in_blocks(&body);
    cut_short.pop();
    let steps = decode(&cut_short, false);
    assert_nowhere(PASSWORD, &steps);
    assert_eq!(steps[1][2].problem.as_deref(), Some("a block of a body that did not come whole"));
    let begun_before = cut_short.split_off(2);
    assert_nowhere("aaaaaaaaaaaaaaaaaa", &decode(&begun_before, false));
}

#[test]
fn a_password_that_is_set_is_in_no_layer_in_any_encoding() {
    let body = account_update("user@mydomain.com", &Secret::new(PASSWORD));
    let credential = body["credential"].as_str().unwrap().to_owned();
    let request = Request::post(href("/ra/user"), body);
    let refusal = Response {
        diagnostic: Some(format!("what is {PASSWORD}? And {credential}?")),
        ..Response::status(Status::BAD_REQUEST)
    };
    let echo = Response::ok(json!({"echo": [credential, PASSWORD]}));
    let asked = message::encode_request(&request, Format::Ocf).unwrap();
    for guarded in [false, true] {
        let captured = [
            carrying(true, 0, &rest::encode_request(&request, "di", None)),
            carrying(false, 0, &rest::encode_response(&refusal, None)),
            carrying(false, 1, &rest::encode_response(&echo, None)),
            carrying(false, 2, PASSWORD.as_bytes()),
            packet(true, 1, asked.clone()),
            packet(true, 1, asked.clone()),
            packet(false, 1, answer(&refusal)),
            packet(false, 2, answer(&echo)),
            datagram(false, PASSWORD.as_bytes()),
            stanza(false, format!("<message xmlns='jabber:client'><body>{PASSWORD}</body></message>")),
            stanza(false, format!("<message {credential}")),
        ];
        let steps = decode(&captured, guarded);
        assert_nowhere(PASSWORD, &steps);
        assert_nowhere(&credential, &steps);
        // What is left still says what happened.
        for step in [0, 4] {
            assert!(text(&steps[step], LayerKind::Json).contains("user@mydomain.com"), "{steps:#?}");
            assert!(text(&steps[step], LayerKind::Json).contains("\"credential\": \"…\""), "{steps:#?}");
        }
        assert!(text(&steps[0], LayerKind::Rest).contains("coap://di/ra/user"));
        assert!(text(&steps[0], LayerKind::Stanza).contains("sid='s'>…</data>"));
        assert_eq!(text(&steps[4], LayerKind::Datagram), "…");
        assert!(text(&steps[4], LayerKind::Coap).contains("Uri-Path: user"));
    }
}

#[test]
fn of_a_resource_that_holds_a_password_nothing_is_shown_but_whose_it_is() {
    let body = json!({"jid": "user@mydomain.com", "x": PASSWORD, "more": {"jid": "me", "y": [PASSWORD]}});
    let answered = Response::ok(body);
    let captured = [
        carrying(false, 0, &rest::encode_response(&answered, None)),
        packet(false, 1, answer(&answered)),
        packet(false, 2, answer(&Response::ok(json!(PASSWORD)))),
        carrying(false, 1, format!("no <rest> and {PASSWORD}").as_bytes()),
    ];
    let steps = decode(&captured, true);
    assert_nowhere(PASSWORD, &steps);
    assert!(text(&steps[0], LayerKind::Json).contains("user@mydomain.com"));
}

#[test]
fn secrets_in_queries_and_headers_are_struck_out() {
    let path = format!("/x?token={PASSWORD}&if=oic.if.a");
    let asked = message::encode_request(&Request::get(href(&path)), Format::Ocf).unwrap();
    let payload = format!(
        "<rest xmlns='rest.oic.org'><url method='GET'>coap://di{}</url><headers><header name='Authorization'>{PASSWORD}\
         </header></headers></rest>",
        path.replace('&', "&amp;")
    );
    let steps = decode(&[packet(true, 1, asked), carrying(true, 0, payload.as_bytes())], false);
    assert_nowhere(PASSWORD, &steps);
    assert!(text(&steps[0], LayerKind::Coap).contains("Uri-Query: token=…\nUri-Query: if=oic.if.a"));
    assert!(text(&steps[1], LayerKind::Rest).contains("coap://di/x?token=…&amp;if=oic.if.a"));
}

#[test]
fn a_secret_is_not_betrayed_by_what_is_read_only_in_part() {
    let twice = format!("{{\"x\":{{\"credential\":\"{PASSWORD}\"}},\"x\":1}}");
    let unread_child = format!("<password>{PASSWORD}</password>");
    let payload = |json: &str, beside: &str| {
        format!(
            "<rest xmlns='rest.oic.org'><url method='RESPONSE'>200 OK</url>{beside}<body><json \
             xmlns='urn:xmpp:json:0'>{json}</json></body></rest>"
        )
    };
    let cut = format!("{{\"credential\":\"{PASSWORD}");
    let tail = format!("{PASSWORD}\"}}</json></body></rest>");
    for bytes in [payload(&twice, ""), payload("{}", &unread_child), payload(&cut, ""), tail] {
        assert_nowhere(PASSWORD, &decode(&[carrying(false, 0, bytes.as_bytes())], false));
    }
    let cbor = [&[0xa2, 0x63][..], b"pin", &[0x78, PASSWORD.len() as u8], PASSWORD.as_bytes(), &[0x01]].concat();
    let mut told = answer(&Response::ok(json!(1)));
    told.payload = cbor;
    assert_nowhere(PASSWORD, &decode(&[packet(false, 1, told)], false));
}

#[test]
fn what_cannot_be_read_is_shown_as_it_is_with_the_reason() {
    let mut told = answer(&Response::ok(json!(1)));
    told.payload = vec![0xa1, 0x61];
    let captured = [
        datagram(false, &[0x80, 1, 2]),
        packet(false, 1, told),
        carrying(false, 0, b"hello"),
        carrying(false, 1, &[0xff, 0xfe]),
        stanza(
            false,
            "<message xmlns='jabber:client'><data xmlns='http://jabber.org/protocol/ibb' seq='x' sid='s'>?</data></message>",
        ),
    ];
    let steps = decode(&captured, false);
    assert_eq!((text(&steps[0], LayerKind::Datagram), steps[0][0].problem.is_some()), ("80 01 02", true));
    assert_eq!(text(&steps[1], LayerKind::Cbor), "a1 61");
    assert_eq!(steps[1][2].problem.as_deref(), Some("the payload is not one CBOR item"));
    assert_eq!(text(&steps[2], LayerKind::Text), "hello");
    assert_eq!(text(&steps[3], LayerKind::Bytes), "ff fe");
    assert_eq!(steps[4][1].problem.as_deref(), Some("no block number, or no base64"));
}

#[test]
fn what_is_long_is_cut_and_says_so() {
    let body = json!({"text": "é".repeat(MAX_TEXT)});
    let steps = decode(&[carrying(false, 0, &rest::encode_response(&Response::ok(body.clone()), None))], false);
    let json = &steps[0].iter().find(|layer| layer.kind == LayerKind::Json).unwrap();
    let whole = serde_json::to_string_pretty(&body).unwrap().len();
    assert!(json.text.len() <= MAX_TEXT && json.text.starts_with("{\n  \"text\": \"éé"));
    assert_eq!(json.text.len() + json.left_out, whole);
}

/// Direction, and a stanza or a datagram.
type Any = (bool, Result<String, Vec<u8>>);

fn captured_of((sent, any): Any) -> Captured {
    match any {
        Ok(text) => stanza(sent, text),
        Err(bytes) => datagram(sent, &bytes),
    }
}

fn any_captured() -> impl Strategy<Value = Any> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let body = r#"\{"(credential|value|pin)":("[a-z]{0,9}"|[0-9]{1,4}|\[\{"psk":"x"\}\])\}?"#;
    let stanza_of = |sent, seq, bytes: &[u8]| match carrying(sent, seq, bytes).carried {
        Carried::Stanza(text) => (sent, Ok(text.to_string())),
        Carried::Datagram(_) => panic!("a stanza"),
    };
    prop_oneof![
        (any::<bool>(), bytes()).prop_map(|(sent, bytes)| (sent, Err(bytes))),
        // A header and a token, then anything.
        (any::<bool>(), any::<u8>(), bytes())
            .prop_map(|(sent, code, tail)| (sent, Err([&[0x42, code, 0, 1, 2, 3][..], &tail].concat()))),
        (any::<bool>(), 0u16..3, bytes()).prop_map(move |(sent, seq, bytes)| stanza_of(sent, seq, &bytes)),
        (any::<bool>(), 0u16..3, body, 0usize..160).prop_map(move |(sent, seq, json, cut)| {
            let payload = format!(
                "<rest xmlns='rest.oic.org'><url method='POST'>/a</url><body><json xmlns='urn:xmpp:json:0'>{json}</json>\
                 </body></rest>"
            );
            stanza_of(sent, seq, &payload.as_bytes()[..cut.min(payload.len())])
        }),
        (any::<bool>(), "<?(message|iq|a)? ?[^>]{0,20}>?.{0,60}").prop_map(|(sent, text)| (sent, Ok(text))),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_shown_within_bounds(captured in prop::collection::vec(any_captured(), 0..8), guarded in any::<bool>()) {
        let captured: Vec<_> = captured.into_iter().map(captured_of).collect();
        let steps = decode(&captured, guarded);
        prop_assert_eq!(steps.len(), captured.len());
        for layer in steps.iter().flatten() {
            prop_assert!(layer.text.len() <= MAX_TEXT + STRUCK.len() * MAX_TEXT);
            prop_assert!(!layer.text.is_empty() || layer.kind != LayerKind::Rest);
        }
    }

    #[test]
    fn a_credential_is_nowhere_wherever_it_stands(
        password in "[A-Za-z0-9+/=!?äß \"<&\\\\]{9,40}", before in ".{0,20}", cut in 0usize..400, guarded in any::<bool>(),
    ) {
        let body = json!({"text": before, "credential": STANDARD.encode(&password), "nested": [{"privatedata": password}]});
        let request = Request::post(href("/a"), body.clone());
        let payload = rest::encode_request(&request, "di", None);
        let cut = cut.min(payload.len());
        let mut captured = in_blocks(&body);
        captured.push(carrying(true, 0, &payload[..cut]));
        captured.push(carrying(true, 1, &payload[cut..]));
        captured.push(packet(true, 900, message::encode_request(&request, Format::Cbor).unwrap()));
        let steps = decode(&captured, guarded);
        let plain = password.trim();
        for layer in steps.iter().flatten() {
            prop_assert!(plain.len() < 6 || !layer.text.contains(plain), "{:?}", layer);
            prop_assert!(!layer.text.contains(&STANDARD.encode(&password)), "{:?}", layer);
        }
    }
}
