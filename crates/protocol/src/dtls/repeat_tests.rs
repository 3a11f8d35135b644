//! What is repeated, when, and that all of it ends: flights, hellos, handshakes that go on for ever.

use std::time::Duration;

use super::tests::{CLIENT, Pair, SERVER, dice};
use super::*;

fn count(pair: &Pair, by: usize) -> usize {
    pair.sent.iter().filter(|(who, _)| *who == by).count()
}

fn transmits(end: &mut Anonymous) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| end.poll())
        .filter_map(|output| if let Output::Transmit(datagram) = output { Some(datagram) } else { None })
        .collect()
}

fn closed(end: &mut Anonymous) -> Option<Closed> {
    std::iter::from_fn(|| end.poll()).find_map(|output| if let Output::Closed(why) = output { Some(why) } else { None })
}

/// A handshake message in a record in the clear.
fn plain(kind: u8, number: u16, body: &[u8]) -> Vec<u8> {
    let message = message::Message { kind, number, body: body.to_vec() };
    record::plain(record::HANDSHAKE, number.into(), &message.whole())
}

#[test]
fn a_network_that_doubles_every_datagram_has_nothing_repeated() {
    let mut pair = Pair::new(Suite::Private);
    pair.run(|_, datagram| vec![datagram.clone(), datagram]);
    assert!(pair.ends.iter().all(Anonymous::is_established));
    assert_eq!((count(&pair, CLIENT), count(&pair, SERVER), pair.now), (3, 3, Duration::ZERO));
}

#[test]
fn an_established_client_does_not_answer_a_server_that_repeats_its_last_flight() {
    let (mut pair, mut late) = (Pair::new(Suite::Private), None);
    // The server's last flight is so late that it was asked for again: then both come, each in records of its own.
    pair.run(|end, datagram| {
        let last = end == CLIENT && datagram.first() == Some(&record::CHANGE_CIPHER_SPEC);
        match (last, late.take()) {
            (true, None) => {
                late = Some(datagram);
                vec![]
            }
            (true, Some(first)) => vec![datagram, first],
            (false, held) => {
                late = held;
                vec![datagram]
            }
        }
    });
    assert!(pair.ends.iter().all(Anonymous::is_established));
    assert_eq!((count(&pair, CLIENT), count(&pair, SERVER)), (4, 4));
}

#[test]
fn after_the_handshake_nothing_in_the_clear_brings_an_answer() {
    let mut pair = Pair::established(Suite::Private);
    let later = Duration::from_secs(5);
    for (by, datagram) in pair.sent.clone() {
        pair.ends[1 - by].handle(&datagram, later);
    }
    for end in &mut pair.ends {
        end.handle(&record::plain(record::ALERT, 9, &[2, 40]), later);
        end.handle(&plain(message::CLIENT_HELLO, 0, b"again"), later);
        assert!(transmits(end).is_empty() && end.is_established());
    }
}

#[test]
fn a_server_repeats_its_last_flight_for_a_client_that_lacks_it() {
    let mut pair = Pair::new(Suite::Private);
    let mut lost = 0;
    pair.run(|end, datagram| {
        // The server's ChangeCipherSpec begins its last flight.
        let last = end == CLIENT && datagram.first() == Some(&record::CHANGE_CIPHER_SPEC);
        lost += usize::from(last);
        if last && lost <= 3 { vec![] } else { vec![datagram] }
    });
    assert!(pair.ends.iter().all(Anonymous::is_established));
    assert_eq!((lost, pair.now), (4, Duration::from_secs(1 + 2 + 4)));
}

#[test]
fn a_server_whose_client_does_not_come_back_gives_up() {
    let mut client = Anonymous::client(dice(1), Duration::ZERO);
    let mut server = Anonymous::server(Suite::Old, dice(2), Duration::ZERO);
    assert_eq!(server.next_timeout(), None, "nobody has come");
    let began = Duration::from_secs(100);
    server.handle(&transmits(&mut client).remove(0), began);
    assert!(closed(&mut server).is_none());
    let until = server.next_timeout().expect("it does not wait for ever");
    assert!(until <= began + Duration::from_secs(60));
    server.handle_timeout(until);
    assert_eq!(closed(&mut server), Some(Closed::TimedOut));
    assert_eq!(server.next_timeout(), None);
}

#[test]
fn a_server_that_asks_for_cookies_without_end_is_left() {
    let mut client = Anonymous::client(dice(1), Duration::ZERO);
    for (number, cookie) in [(0, &b"cookie"[..]), (1, b"another"), (2, b"and another")] {
        client.handle(&plain(3, number, &message::write_hello_verify_request(cookie)), Duration::ZERO);
    }
    assert_eq!(closed(&mut client), Some(Closed::Misbehaved(DtlsError::OutOfTurn)));
    let mut client = Anonymous::client(dice(1), Duration::ZERO);
    client.handle(&plain(3, 0, &message::write_hello_verify_request(b"")), Duration::ZERO);
    assert_eq!(closed(&mut client), Some(Closed::Misbehaved(DtlsError::Malformed)));
}

#[test]
fn random_numbers_that_make_no_key_end_the_handshake_rather_than_hang_it() {
    let mut pair = Pair::new(Suite::Private);
    pair.ends[CLIENT] = Anonymous::client(Box::new(|buffer| buffer.fill(0)), Duration::ZERO);
    pair.run(|_, datagram| vec![datagram]);
    assert_eq!(pair.closed[CLIENT], Some(Closed::Misbehaved(DtlsError::NoKey)));
    assert!(pair.closed[SERVER].is_some());
}

#[test]
fn without_a_common_suite_both_are_told_so() {
    let mut pair = Pair::new(Suite::Private);
    pair.ends[CLIENT] = Anonymous::offering(vec![Suite::Old], dice(1), Duration::ZERO);
    pair.run(|_, datagram| vec![datagram]);
    assert_eq!(pair.closed, [Some(Closed::Alert(40)), Some(Closed::Misbehaved(DtlsError::NotOffered))]);
}

#[test]
fn a_clients_finished_that_proves_nothing_is_told_in_a_form_that_it_can_read() {
    let mut pair = Pair::new(Suite::Private);
    // The client's hello with its cookie is changed where only the transcript tells: its point format is doubled.
    pair.run(|end, mut datagram| {
        if end == SERVER && datagram.get(13) == Some(&message::CLIENT_HELLO) {
            *datagram.last_mut().unwrap() = 1;
        }
        vec![datagram]
    });
    assert_eq!(pair.closed, [Some(Closed::Alert(51)), Some(Closed::Misbehaved(DtlsError::NotFinished))]);
}

#[test]
fn the_keys_are_not_told_before_the_peer_has_proven_that_it_has_them() {
    let mut pair = Pair::new(Suite::Private);
    // The server's last flight never comes: the client has its keys, and no proof.
    pair.run(|end, datagram| {
        let last = end == CLIENT && datagram.first() == Some(&record::CHANGE_CIPHER_SPEC);
        if last { vec![] } else { vec![datagram] }
    });
    assert_eq!(pair.closed[CLIENT], Some(Closed::TimedOut));
    assert!(pair.ends[CLIENT].key_block().is_none());
    assert!(pair.ends[SERVER].key_block().is_some());
}

#[test]
fn a_finished_in_the_clear_is_none() {
    let mut pair = Pair::new(Suite::Private);
    // What the client sends last is stopped; a stranger sends its Finished, any body, in the clear, before it and after.
    let forged = |number| plain(message::FINISHED, number, &[0; 12]);
    let mut done = false;
    pair.run(|end, datagram| {
        if end == SERVER && datagram.get(13) == Some(&message::CLIENT_KEY_EXCHANGE) && !done {
            done = true;
            return vec![forged(3), datagram, forged(3)];
        }
        vec![datagram]
    });
    assert!(done && pair.ends.iter().all(Anonymous::is_established), "{:?}", pair.closed);
}
