#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::str::FromStr;

use homeward_protocol::crudn::Observe;
use serde_json::json;

use super::*;
use crate::model::Via;

const CLIENT: &str = "maren@hearth.example/OIC/1.0/Client/c";
const MANNERS: Manners = Manners { takes_one_session: false, forgets_request_ids: false, largest_block: u16::MAX };

fn sessions() -> Sessions {
    Sessions::new(BareJid::new("maren@hearth.example").unwrap())
}

fn iq(from: &str, payload: &str) -> Iq {
    let payload = Element::from_str(payload).unwrap();
    Iq::Set { from: Some(Jid::new(from).unwrap()), to: None, id: "1".to_owned(), payload }
}

fn open(sid: &str) -> String {
    format!("<open xmlns='http://jabber.org/protocol/ibb' block-size='4096' sid='{sid}' stanza='message'/>")
}

fn data(sid: &str, seq: u16, message: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(message);
    format!("<data xmlns='http://jabber.org/protocol/ibb' seq='{seq}' sid='{sid}'>{text}</data>")
}

fn message(from: &str, payload: &str) -> Message {
    let mut message = Message::normal(None);
    message.from = Some(Jid::new(from).unwrap());
    message.payloads = vec![Element::from_str(payload).unwrap()];
    message
}

fn get(path: &str) -> Vec<u8> {
    rest::encode_request(&Request::get(Href::new(path).unwrap()), "di", Some("r1"))
}

fn is_result(done: &[Outcome]) -> bool {
    matches!(done.first(), Some(Outcome::Send(Stanza::Iq(Iq::Result { .. }))))
}

fn is_error(done: &[Outcome], wanted: DefinedCondition) -> bool {
    let Some(Outcome::Send(Stanza::Iq(Iq::Error { error, .. }))) = done.first() else { return false };
    error.defined_condition == wanted
}

#[test]
fn a_request_in_an_opened_session_is_passed_on_and_answered_in_it() {
    let mut sessions = sessions();
    assert!(is_result(&sessions.take_iq(iq(CLIENT, &open("s")), MANNERS)));
    let done = sessions.take_message(&message(CLIENT, &data("s", 0, &get("/light"))));
    let [Outcome::Asked { session, request, id }] = &done[..] else { panic!("{done:?}") };
    assert_eq!((request.href.as_str(), id.as_deref()), ("/light", Some("r1")));
    let response = Response::ok(json!({"value": true}));
    let Some(Stanza::Message(answer)) = sessions.answer(session, &response, Some("r1")) else { panic!() };
    assert_eq!(answer.to.unwrap().to_string(), CLIENT);
    assert_eq!(answer.type_, xmpp_parsers::message::MessageType::Normal);
    assert!(answer.payloads.iter().any(|one| one.is("no-store", HINTS)));
    assert!(answer.payloads.iter().any(|one| one.is("no-copy", HINTS)));
    let data = Data::try_from(answer.payloads[0].clone()).unwrap();
    assert_eq!(data.seq, 0);
    let Rest::Response { response, id } = rest::decode(&data.data).unwrap() else { panic!() };
    assert_eq!((response.body, id.as_deref()), (Some(json!({"value": true})), Some("r1")));
}

#[test]
fn strangers_are_dropped_and_contacts_are_served_ra_14() {
    let mut sessions = sessions();
    let stranger = "eve@elsewhere.example/x";
    assert!(sessions.take_iq(iq(stranger, &open("s")), MANNERS).is_empty());
    let item = |subscription| Item {
        jid: BareJid::new("eve@elsewhere.example").unwrap(),
        name: None,
        subscription,
        ask: Default::default(),
        groups: Vec::new(),
        approved: None,
    };
    sessions.contact(&item(Subscription::Both));
    assert!(is_result(&sessions.take_iq(iq(stranger, &open("s")), MANNERS)));
    assert_eq!(sessions.take_message(&message(stranger, &data("s", 0, &get("/light")))).len(), 1);
    sessions.contact(&item(Subscription::Remove));
    assert!(sessions.take_message(&message(stranger, &data("s", 1, &get("/light")))).is_empty());
}

#[test]
fn data_for_no_session_and_data_that_a_server_kept_are_dropped() {
    let mut sessions = sessions();
    assert!(sessions.take_message(&message(CLIENT, &data("s", 0, &get("/light")))).is_empty());
    sessions.take_iq(iq(CLIENT, &open("s")), MANNERS);
    let mut late = message(CLIENT, &data("s", 0, &get("/light")));
    late.payloads.push(Element::from_str("<delay xmlns='urn:xmpp:delay' stamp='2026-01-01T00:00:00Z'/>").unwrap());
    assert!(sessions.take_message(&late).is_empty());
    assert!(is_error(&sessions.take_iq(iq(CLIENT, &data("t", 0, b"x")), MANNERS), DefinedCondition::ItemNotFound));
}

#[test]
fn a_gap_closes_the_session() {
    let mut sessions = sessions();
    sessions.take_iq(iq(CLIENT, &open("s")), MANNERS);
    let done = sessions.take_message(&message(CLIENT, &data("s", 1, &get("/light"))));
    let [Outcome::Send(Stanza::Iq(Iq::Set { payload, .. }))] = &done[..] else { panic!("{done:?}") };
    assert!(payload.is("close", ns::IBB));
    assert!(sessions.take_message(&message(CLIENT, &data("s", 0, &get("/light")))).is_empty());
}

#[test]
fn data_in_iq_stanzas_and_with_wrapped_lines_is_taken() {
    let mut sessions = sessions();
    let open = open("s").replace("stanza='message'", "stanza='iq'");
    sessions.take_iq(iq(CLIENT, &open), MANNERS);
    let wrapped = data("s", 0, &get("/light")).replacen("PH", "P\n  H", 1);
    let done = sessions.take_iq(iq(CLIENT, &wrapped), MANNERS);
    assert!(is_result(&done));
    let Outcome::Asked { session, .. } = &done[1] else { panic!("{done:?}") };
    let answer = sessions.answer(session, &Response::status(Status::OK), None);
    assert!(matches!(answer, Some(Stanza::Iq(Iq::Set { .. }))));
}

#[test]
fn what_is_no_rest_is_answered_for_itself_and_the_session_lives() {
    let mut sessions = sessions();
    sessions.take_iq(iq(CLIENT, &open("s")), MANNERS);
    let done = sessions.take_message(&message(CLIENT, &data("s", 0, b"hello")));
    let [Outcome::Send(Stanza::Message(answer))] = &done[..] else { panic!("{done:?}") };
    let sent = Data::try_from(answer.payloads[0].clone()).unwrap();
    let Rest::Response { response, .. } = rest::decode(&sent.data).unwrap() else { panic!() };
    assert_eq!(response.status, Status::BAD_REQUEST);
    let done = sessions.take_message(&message(CLIENT, &data("s", 1, &get("/light"))));
    assert!(matches!(&done[..], [Outcome::Asked { .. }]));
}

#[test]
fn sessions_are_bounded_and_a_second_one_can_be_refused() {
    let mut sessions = sessions();
    for number in 0..MOST_OF_ONE_PEER {
        assert!(is_result(&sessions.take_iq(iq(CLIENT, &open(&format!("s{number}"))), MANNERS)));
    }
    let refused = sessions.take_iq(iq(CLIENT, &open("one more")), MANNERS);
    assert!(is_error(&refused, DefinedCondition::NotAcceptable));
    sessions.gone(&Jid::new(CLIENT).unwrap());
    let one = Manners { takes_one_session: true, ..MANNERS };
    assert!(is_result(&sessions.take_iq(iq(CLIENT, &open("a")), one)));
    assert!(is_error(&sessions.take_iq(iq(CLIENT, &open("b")), one), DefinedCondition::NotAcceptable));
    let small = Manners { largest_block: 1024, ..MANNERS };
    assert!(is_error(&sessions.take_iq(iq(CLIENT, &open("c")), small), DefinedCondition::ResourceConstraint));
    let close = "<close xmlns='http://jabber.org/protocol/ibb' sid='a'/>";
    assert!(is_result(&sessions.take_iq(iq(CLIENT, close), one)));
    assert!(is_error(&sessions.take_iq(iq(CLIENT, close), one), DefinedCondition::ItemNotFound));
    assert!(is_result(&sessions.take_iq(iq(CLIENT, &open("b")), one)));
}

#[test]
fn an_answer_that_does_not_fit_says_so_with_both_sizes() {
    let mut sessions = sessions();
    let open = open("s").replace("4096", "400");
    sessions.take_iq(iq(CLIENT, &open), MANNERS);
    let key = (Jid::new(CLIENT).unwrap(), "s".to_owned());
    let large = Response::ok(json!({"text": "x".repeat(500)}));
    let Some(Stanza::Message(answer)) = sessions.answer(&key, &large, None) else { panic!() };
    let sent = Data::try_from(answer.payloads[0].clone()).unwrap();
    assert_eq!(sent.seq, 0, "the one that did not fit took no number");
    let Rest::Response { response, .. } = rest::decode(&sent.data).unwrap() else { panic!() };
    assert_eq!(response.status, Status::INTERNAL_ERROR);
}

#[test]
fn an_observer_is_told_with_growing_numbers_until_it_ends() {
    let mut sessions = sessions();
    sessions.take_iq(iq(CLIENT, &open("s")), MANNERS);
    let href = Href::new("/light").unwrap();
    let request = Request { observe: Some(Observe::Register), ..Request::get(href.clone()) };
    let done = sessions.take_message(&message(CLIENT, &data("s", 0, &rest::encode_request(&request, "di", None))));
    let [Outcome::Asked { session, request, .. }] = &done[..] else { panic!("{done:?}") };
    assert_eq!(request.observe, Some(Observe::Register));
    assert_eq!(sessions.observe(session, &href, Some("r")), Some(1));
    let change = Change { href: href.clone(), value: json!({"value": true}), via: Via::Lan };
    let told = sessions.observers(&change);
    assert_eq!(told, [(session.clone(), href.clone(), Some("r".to_owned()), 2)]);
    sessions.leave_alone(session, &href);
    assert!(sessions.observers(&change).is_empty());
}
