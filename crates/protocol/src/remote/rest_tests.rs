use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn href(text: &str) -> Href {
    Href::new(text).expect("a path")
}

#[test]
fn the_specifications_request_is_read_l490() {
    let text = r#"<rest xmlns="rest.oic.org">
<url method="Get">coap://mydevice/mybinaryswitch</url>
<headers>
<header name="Accept">application/json</header>
<header name="Accept-Charset">UTF-8</header>
<header name="Date">Fri, 14 Aug 2015 08:49:37 GMT</header>

</headers>
</rest>"#;
    let expected = Rest::Request { request: Request::get(href("/mybinaryswitch")), id: None };
    assert_eq!(decode(text.as_bytes()), Ok(expected));
}

#[test]
fn the_specifications_response_is_read_l500() {
    let text = r#"<rest xmlns="rest.oic.org">
<url method="Response">200 OK</url>
<headers>
<header name="Content-Encoding">Application/JSON</header>
<header name="Accept-Charset">UTF-8</header>
<header name="Date"> Fri, 14 Aug 2015 08:49:38 GMT</header>
</headers>
<body>
<json xmlns="urn:xmpp:json:0">
{
"rt":     "oic.r.switch.binary",
"id":     "unique_example_id",
"value":  false
}
</json>
</body>
</rest>"#;
    let body = json!({"rt": "oic.r.switch.binary", "id": "unique_example_id", "value": false});
    assert_eq!(decode(text.as_bytes()), Ok(Rest::Response { response: Response::ok(body), id: None }));
}

#[test]
fn a_device_id_that_xml_cannot_carry_is_no_reason_to_panic() {
    let sent = encode_request(&Request::get(href("/a")), "di\u{FFFE}\u{1}", None);
    assert!(matches!(decode(&sent), Ok(Rest::Request { .. })));
}

#[test]
fn a_request_is_sent_as_the_specification_says() {
    let request = Request::post(href("/light?if=oic.if.a"), json!({"value": true}));
    let sent = String::from_utf8(encode_request(&request, "di-1", None)).expect("UTF-8");
    assert!(sent.contains("coap://di-1/light?if=oic.if.a"), "{sent}");
    assert!(sent.contains("POST"), "{sent}");
    assert!(sent.contains("urn:xmpp:json:0"), "{sent}");
}

#[test]
fn habits_of_peers_are_tolerated() {
    for text in [
        r#"<ns0:rest xmlns:ns0="rest.oic.org"><ns0:url method="response">HTTP/1.1 204 No Content</ns0:url></ns0:rest>"#,
        r#"<rest xmlns="rest.oic.org" extra="1"><url method="RESPONSE" x="">204</url><more xmlns="urn:x"/><headers/></rest>"#,
        r#" <rest xmlns="rest.oic.org"><url method="Response"> 204 No Content </url><body/></rest> "#,
    ] {
        let expected = Rest::Response { response: Response::status(Status::NO_CONTENT), id: None };
        assert_eq!(decode(text.as_bytes()), Ok(expected.clone()), "{text}");
        assert_eq!(decode(STANDARD.encode(text).as_bytes()), Ok(expected), "doubly encoded: {text}");
    }
}

#[test]
fn a_bare_path_and_any_authority_are_accepted() {
    for url in ["/a?b=c", "coap://x/a?b=c", "coaps://[fe80::1]:5684/a?b=c", "oic://6ff9a6c9/a?b=c"] {
        let text = format!(r#"<rest xmlns="rest.oic.org"><url method="delete">{url}</url></rest>"#);
        let expected = Rest::Request { request: Request::delete(href("/a?b=c")), id: None };
        assert_eq!(decode(text.as_bytes()), Ok(expected), "{url}");
    }
}

#[test]
fn a_devices_own_words_travel_in_the_reason() {
    let response = Response { diagnostic: Some("not while pairing".to_owned()), ..Response::status(Status::FORBIDDEN) };
    let read = decode(&encode_response(&response, Some("7")));
    assert_eq!(read, Ok(Rest::Response { response, id: Some("7".to_owned()) }));
}

#[test]
fn what_is_no_rest_is_refused_by_its_own_name() {
    let url =
        |method: &str, url: &str| format!(r#"<rest xmlns="rest.oic.org"><url method="{method}">{url}</url></rest>"#);
    let body = r#"<rest xmlns="rest.oic.org"><url method="GET">/a</url><body><json xmlns="urn:xmpp:json:0">{</json></body></rest>"#;
    let entity = r#"<!DOCTYPE r [<!ENTITY a "aaaa">]><rest xmlns="rest.oic.org"><url method="GET">/&a;</url></rest>"#;
    assert!(matches!(decode(b"hello"), Err(RestError::NotRest(_))));
    assert!(matches!(decode(b"<rest"), Err(RestError::NotRest(_))));
    assert!(matches!(decode(br#"<rest xmlns="rest.oic.org"/>"#), Err(RestError::NotRest(_))));
    assert!(matches!(decode(br#"<rest xmlns="other"><url method="GET">/a</url></rest>"#), Err(RestError::NotRest(_))));
    assert!(matches!(decode(entity.as_bytes()), Err(RestError::NotRest(_))));
    assert_eq!(decode(url("PATCH", "/a").as_bytes()), Err(RestError::UnknownMethod("PATCH".to_owned())));
    assert_eq!(decode(url("GET", "a b").as_bytes()), Err(RestError::BadUrl));
    assert_eq!(decode(url("RESPONSE", "OK").as_bytes()), Err(RestError::BadStatus));
    assert_eq!(decode(url("RESPONSE", "99 x").as_bytes()), Err(RestError::BadStatus));
    assert_eq!(decode(body.as_bytes()), Err(RestError::BadBody));
    assert_eq!(decode(&vec![b'<'; MAX_BYTES + 1]), Err(RestError::TooLong));
}

#[test]
fn a_devices_words_are_one_line_within_bounds_and_move_no_terminals_cursor() {
    let text = |reason: &str, id: &str| {
        format!(
            r#"<rest xmlns="rest.oic.org"><url method="RESPONSE">403 {reason}</url><headers><header name="X-Request-Id">{id}</header></headers></rest>"#
        )
    };
    let read = |reason: &str, id: &str| match decode(text(reason, id).as_bytes()) {
        Ok(Rest::Response { response, id }) => (response.diagnostic, id),
        other => panic!("{other:?}"),
    };
    assert_eq!(read("no&#x9b;31m&#10;way", "a"), (Some("no 31m way".to_owned()), Some("a".to_owned())));
    let (words, id) = read(&"é".repeat(10_000), &"7".repeat(MAX_ID + 1));
    assert_eq!((words.map(|words| words.chars().count()), id), (Some(crate::oic::remote_access::MAX_WORDS), None));
    assert_eq!(read("no", "a&#x9b;b").1, None);
}

#[test]
fn what_is_nested_too_deep_is_refused_in_no_time() {
    let deep = |levels: usize| {
        let (open, close) = ("<a>".repeat(levels), "</a>".repeat(levels));
        format!(r#"<rest xmlns="rest.oic.org"><url method="RESPONSE">204</url>{open}{close}</rest>"#)
    };
    assert!(decode(deep(crate::remote::shallow::MAX_DEPTH).as_bytes()).is_ok());
    assert!(matches!(decode(deep(140_000).as_bytes()), Err(RestError::NotRest(_))));
}

#[test]
fn deep_json_is_refused_and_not_a_stack_overflow() {
    let deep = "[".repeat(100_000);
    let text = format!(
        r#"<rest xmlns="rest.oic.org"><url method="RESPONSE">200</url><body><json xmlns="urn:xmpp:json:0">{deep}</json></body></rest>"#
    );
    assert_eq!(decode(text.as_bytes()), Err(RestError::BadBody));
}

#[test]
fn a_split_message_is_put_together() {
    let whole = encode_response(&Response::ok(json!({"value": true})), None);
    for plain in [whole.clone(), STANDARD.encode(&whole).into_bytes()] {
        // Anywhere: base64 between two quanta or within one.
        for at in 1..plain.len() {
            let mut assembly = Assembly::default();
            let (a, b) = plain.split_at(at);
            assert_eq!(assembly.push(a.to_vec()), Ok(None), "{at}");
            assert_eq!(assembly.push(b.to_vec()), Ok(Some(plain.clone())), "{at}");
        }
    }
}

#[test]
fn a_message_after_one_that_was_cut_short_is_read() {
    let whole = encode_response(&Response::ok(json!({"value": true})), None);
    for whole in [whole.clone(), STANDARD.encode(&whole).into_bytes()] {
        let mut assembly = Assembly::default();
        assert_eq!(assembly.push(whole[..32].to_vec()), Ok(None));
        assert_eq!(assembly.push(whole.clone()), Ok(Some(whole)));
    }
}

#[test]
fn base64_in_a_body_is_not_the_beginning_of_a_message() {
    let whole = encode_response(&Response::ok(json!("PHJlc3QgLz4=")), None);
    let at = String::from_utf8_lossy(&whole).find("PHJlc3").expect("in the body");
    let mut assembly = Assembly::default();
    assert_eq!(assembly.push(whole[..at].to_vec()), Ok(None));
    assert_eq!(assembly.push(whole[at..].to_vec()), Ok(Some(whole)));
}

#[test]
fn a_number_is_read_as_exactly_as_it_is_written() {
    let response = Response::ok(json!(2.6082303950363013e233));
    let read = decode(&encode_response(&response, None));
    assert_eq!(read, Ok(Rest::Response { response, id: None }));
}

#[test]
fn a_message_in_too_many_pieces_is_dropped() {
    let mut assembly = Assembly::default();
    let pushed: Vec<_> = (0..=MAX_PIECES).map(|_| assembly.push(b"<".to_vec())).collect();
    assert_eq!(pushed.iter().position(Result::is_err), Some(MAX_PIECES));
}

#[test]
fn a_message_that_never_ends_is_dropped_at_the_limit_and_the_next_one_is_read() {
    let mut assembly = Assembly::default();
    let mut refused = 0;
    for _ in 0..17 {
        refused += usize::from(assembly.push([b"<a>".as_slice(), &[b' '; 65532]].concat()).is_err());
    }
    assert_eq!(refused, 1);
    let whole = encode_response(&Response::status(Status::OK), None);
    assert_eq!(assembly.push(whole.clone()), Ok(Some(whole)));
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn what_was_encoded_is_decoded_as_it_was(body in prop::option::of(any_json()), observe in prop::option::of(0u32..1 << 24)) {
        let response = Response { body, observe, ..Response::status(Status::OK) };
        let read = decode(&encode_response(&response, Some("a")));
        prop_assert_eq!(read, Ok(Rest::Response { response, id: Some("a".to_owned()) }));
    }

    #[test]
    fn requests_too(path in "/[a-z0-9/]{0,20}(\\?[a-z]=[a-z.]{1,9})?", body in prop::option::of(any_json())) {
        let request = Request { method: Method::Post, href: href(&path), body, observe: None };
        let read = decode(&encode_request(&request, "di", None));
        prop_assert_eq!(read, Ok(Rest::Request { request, id: None }));
    }
}
