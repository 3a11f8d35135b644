#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use coap_lite::{CoapOption, MessageClass, ResponseType};
use proptest::prelude::*;

use super::*;
use crate::coap::message::{Format, encode_request};
use crate::crudn::{Href, Request};

const START: Duration = Duration::from_secs(10);
const CHANCE: Chance = Chance { token: 0x0102_0304_0506_0708, jitter: 0 };

fn after(ms: u64) -> Duration {
    START + Duration::from_millis(ms)
}

fn get(path: &str) -> Packet {
    encode_request(&Request::get(Href::new(path).unwrap()), Format::Ocf).unwrap()
}

fn observe(path: &str) -> Packet {
    encode_request(&Request::observe(Href::new(path).unwrap()), Format::Ocf).unwrap()
}

fn token(n: u64) -> Chance {
    Chance { token: n, jitter: 0 }
}

/// What a device sends: an answer with a type, a message id and a token.
fn answer(kind: MessageType, message_id: u16, token: u64, sequence: Option<u32>) -> Vec<u8> {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::Response(ResponseType::Content);
    packet.header.set_type(kind);
    packet.header.message_id = message_id;
    packet.set_token(token.to_be_bytes().to_vec());
    if let Some(sequence) = sequence {
        packet.set_observe_value(sequence);
    }
    message::encode(&packet).unwrap()
}

fn bare(kind: MessageType, message_id: u16) -> Vec<u8> {
    message::encode(&message::empty(kind, message_id)).unwrap()
}

/// A short note of each output.
fn drain(layer: &mut Exchanges<&'static str>) -> Vec<String> {
    std::iter::from_fn(|| layer.poll())
        .map(|output| match output {
            Output::Transmit { to, datagram, .. } => {
                let packet = message::decode(&datagram).unwrap();
                let kind = match packet.header.get_type() {
                    MessageType::Confirmable => "CON",
                    MessageType::NonConfirmable => "NON",
                    MessageType::Acknowledgement => "ACK",
                    MessageType::Reset => "RST",
                };
                format!("{kind} {} to {to}", packet.header.message_id)
            }
            Output::Answer { from, .. } => format!("answer from {from}"),
            Output::Notification { from, packet, .. } => {
                format!("notification {:?} from {from}", message::observe_sequence(&packet))
            }
            Output::Failed { why, .. } => format!("failed: {why}"),
        })
        .collect()
}

#[test]
fn a_piggybacked_answer_ends_the_exchange() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    assert_eq!(drain(&mut layer), ["CON 100 to lamp"]);
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 100, CHANCE.token, None));
    assert_eq!(drain(&mut layer), ["answer from lamp"]);
    assert_eq!(layer.next_timeout(), None);
}

#[test]
fn a_lost_request_is_sent_again_with_doubled_waits_and_given_up_after_four() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), Chance { jitter: u16::MAX, ..CHANCE });
    let mut sent_at = vec![];
    drain(&mut layer);
    while let Some(at) = layer.next_timeout() {
        layer.handle_timeout(at - Duration::from_millis(1));
        assert!(drain(&mut layer).is_empty(), "nothing before its time");
        layer.handle_timeout(at);
        sent_at.push((at - START, drain(&mut layer)));
    }
    let seconds: Vec<u64> = sent_at.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(seconds, [3, 9, 21, 45, 93]);
    assert!(sent_at[..4].iter().all(|(_, output)| output == &["CON 100 to lamp"]));
    assert_eq!(sent_at[4].1, ["failed: no answer"]);
}

#[test]
fn the_first_wait_lies_between_two_and_three_seconds() {
    for (jitter, millis) in [(0, 2000), (u16::MAX, 3000)] {
        let mut layer = Exchanges::new(1);
        layer.request(START, "lamp", get("/a"), Chance { jitter, ..CHANCE });
        assert_eq!(layer.next_timeout(), Some(after(millis)));
    }
}

#[test]
fn an_acknowledged_request_waits_for_its_separate_answer_and_acknowledges_it() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    drain(&mut layer);
    layer.handle(after(5), "lamp", &bare(MessageType::Acknowledgement, 100));
    assert_eq!(layer.next_timeout(), Some(after(5) + EXCHANGE_LIFETIME), "no more retransmissions");
    layer.handle(after(9000), "lamp", &answer(MessageType::Confirmable, 7, CHANCE.token, None));
    assert_eq!(drain(&mut layer), ["ACK 7 to lamp", "answer from lamp"]);
}

#[test]
fn a_separate_answer_counts_even_where_the_acknowledgement_was_lost() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    layer.handle(after(5), "lamp", &answer(MessageType::NonConfirmable, 7, CHANCE.token, None));
    assert_eq!(drain(&mut layer), ["CON 100 to lamp", "answer from lamp"]);
}

#[test]
fn a_repeated_separate_answer_is_acknowledged_again_and_not_taken_again() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    let separate = answer(MessageType::Confirmable, 7, CHANCE.token, None);
    layer.handle(after(5), "lamp", &separate);
    drain(&mut layer);
    layer.handle(after(2005), "lamp", &separate);
    assert_eq!(drain(&mut layer), ["ACK 7 to lamp"]);
}

#[test]
fn an_answer_that_never_comes_after_its_acknowledgement_fails_in_the_end() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    layer.handle(after(5), "lamp", &bare(MessageType::Acknowledgement, 100));
    drain(&mut layer);
    layer.handle_timeout(layer.next_timeout().unwrap());
    assert_eq!(drain(&mut layer), ["failed: no answer"]);
}

#[test]
fn a_reset_ends_the_exchange() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    drain(&mut layer);
    layer.handle(after(5), "lamp", &bare(MessageType::Reset, 100));
    assert_eq!(drain(&mut layer), ["failed: rejected"]);
}

#[test]
fn what_another_endpoint_or_another_token_says_is_no_answer() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), CHANCE);
    drain(&mut layer);
    layer.handle(after(5), "plug", &answer(MessageType::Acknowledgement, 100, CHANCE.token, None));
    layer.handle(after(5), "plug", &bare(MessageType::Reset, 100));
    layer.handle(after(5), "plug", &answer(MessageType::NonConfirmable, 1, CHANCE.token, None));
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 100, 9, None));
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 101, CHANCE.token, None));
    layer.handle(after(5), "lamp", &answer(MessageType::NonConfirmable, 2, 9, None));
    assert!(drain(&mut layer).is_empty());
    layer.handle(after(6), "lamp", &answer(MessageType::Confirmable, 3, 9, None));
    assert_eq!(drain(&mut layer), ["RST 3 to lamp"], "a confirmable answer to nothing is rejected");
}

#[test]
fn requests_pings_and_confirmable_rubbish_are_rejected_and_the_rest_ignored() {
    let mut layer = Exchanges::new(100);
    layer.handle(START, "lamp", &bare(MessageType::Confirmable, 1));
    let mut request = get("/a");
    request.header.message_id = 2;
    layer.handle(START, "lamp", &message::encode(&request).unwrap());
    layer.handle(START, "lamp", &[0x40, 0x45, 0, 3, 0xff]);
    assert_eq!(drain(&mut layer), ["RST 1 to lamp", "RST 2 to lamp", "RST 3 to lamp"]);
    request.header.set_type(MessageType::NonConfirmable);
    layer.handle(START, "lamp", &message::encode(&request).unwrap());
    layer.handle(START, "lamp", &[0x00, 0x45, 0, 3]);
    layer.handle(START, "lamp", &[]);
    assert!(drain(&mut layer).is_empty());
}

#[test]
fn one_request_at_a_time_is_in_flight_to_an_endpoint() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", get("/a"), token(1));
    let second = layer.request(START, "lamp", get("/b"), token(2));
    layer.request(START, "lamp", get("/c"), token(3));
    layer.request(START, "plug", get("/a"), token(4));
    assert_eq!(drain(&mut layer), ["CON 100 to lamp", "CON 103 to plug"]);
    layer.cancel(after(1), second);
    assert!(drain(&mut layer).is_empty(), "the one in flight is not over");
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 100, 1, None));
    assert_eq!(drain(&mut layer), ["CON 102 to lamp", "answer from lamp"]);
}

#[test]
fn a_cancelled_request_lets_the_next_one_go_and_its_late_answer_is_rejected() {
    let mut layer = Exchanges::new(100);
    let first = layer.request(START, "lamp", get("/a"), token(1));
    layer.request(START, "lamp", get("/b"), token(2));
    drain(&mut layer);
    layer.cancel(after(1000), first);
    assert_eq!(drain(&mut layer), ["CON 101 to lamp"]);
    layer.handle(after(1500), "lamp", &answer(MessageType::Confirmable, 9, 1, None));
    assert_eq!(drain(&mut layer), ["RST 9 to lamp"]);
}

#[test]
fn a_queue_without_end_is_refused() {
    let mut layer = Exchanges::new(0);
    for n in 0..80 {
        layer.request(START, "lamp", get("/a"), token(n));
    }
    assert_eq!(drain(&mut layer).iter().filter(|line| *line == "failed: too many requests are waiting").count(), 15);
}

#[test]
fn everybody_may_answer_a_question_to_all_from_any_endpoint_once() {
    let mut layer = Exchanges::new(100);
    let id = layer.ask_all(&["group", "other group"], get("/oic/res"), CHANCE);
    assert_eq!(drain(&mut layer), ["NON 100 to group", "NON 100 to other group"]);
    assert_eq!(layer.next_timeout(), None);
    layer.handle(after(5), "lamp", &answer(MessageType::NonConfirmable, 1, CHANCE.token, None));
    layer.handle(after(6), "lamp", &answer(MessageType::NonConfirmable, 1, CHANCE.token, None));
    layer.handle(after(7), "plug", &answer(MessageType::Confirmable, 1, CHANCE.token, None));
    assert_eq!(drain(&mut layer), ["answer from lamp", "ACK 1 to plug", "answer from plug"]);
    layer.cancel(after(9), id);
    layer.handle(after(10), "fan", &answer(MessageType::NonConfirmable, 1, CHANCE.token, None));
    assert!(drain(&mut layer).is_empty());
}

#[test]
fn an_observation_goes_on_after_its_first_answer_until_it_is_forgotten() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", observe("/a"), CHANCE);
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 100, CHANCE.token, Some(1)));
    drain(&mut layer);
    layer.handle(after(50), "lamp", &answer(MessageType::Confirmable, 7, CHANCE.token, Some(2)));
    layer.handle(after(51), "lamp", &answer(MessageType::NonConfirmable, 8, CHANCE.token, Some(3)));
    layer.handle(after(52), "plug", &answer(MessageType::NonConfirmable, 9, CHANCE.token, Some(4)));
    let seen = drain(&mut layer);
    assert_eq!(
        seen,
        ["ACK 7 to lamp", "notification Some(2) from lamp", "notification Some(3) from lamp", "RST 9 to plug"]
    );
    layer.forget_observation(CHANCE.token);
    layer.handle(after(60), "lamp", &answer(MessageType::NonConfirmable, 10, CHANCE.token, Some(5)));
    assert_eq!(drain(&mut layer), ["RST 10 to lamp"]);
}

#[test]
fn a_registration_that_is_answered_without_observe_is_a_plain_answer() {
    let mut layer = Exchanges::new(100);
    layer.request(START, "lamp", observe("/a"), CHANCE);
    layer.handle(after(5), "lamp", &answer(MessageType::Acknowledgement, 100, CHANCE.token, None));
    drain(&mut layer);
    layer.handle(after(9), "lamp", &answer(MessageType::NonConfirmable, 7, CHANCE.token, None));
    assert!(drain(&mut layer).is_empty());
}

#[test]
fn a_packet_that_was_not_cut_into_blocks_is_not_sent() {
    let mut layer = Exchanges::new(100);
    let mut packet = get("/a");
    packet.payload = vec![0; 5000];
    packet.clear_option(CoapOption::Accept);
    layer.request(START, "lamp", packet, CHANCE);
    assert_eq!(drain(&mut layer), ["failed: the message is too large to send"]);
}

proptest! {
    #[test]
    fn no_datagram_makes_it_panic_or_answer_at_length(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..40)
    ) {
        let mut layer = Exchanges::new(100);
        layer.request(START, "lamp", observe("/a"), CHANCE);
        drain(&mut layer);
        let count = datagrams.len();
        for datagram in datagrams {
            layer.handle(after(1), "lamp", &datagram);
        }
        prop_assert!(std::iter::from_fn(|| layer.poll()).count() <= 2 * count);
    }
}
