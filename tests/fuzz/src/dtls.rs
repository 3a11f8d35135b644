//! The anonymous handshake, in both roles: the bytes are a script of what a network does with the datagrams of two ends,
//! and of what a stranger sends.

#![allow(clippy::indexing_slicing, reason = "an end is 0 or 1")]

use std::time::Duration;

use homeward_protocol::dtls::{Anonymous, MAX_DATAGRAM, Output, Random, Suite};

use crate::script::Script;

/// How much is said for one datagram that comes: a flight, and an alert.
const MOST: usize = 16;

/// Nothing is delivered that was not sent, the two never have different keys, and what is said is bounded.
pub fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let mut now = Duration::ZERO;
    let mut ends = [
        Anonymous::client(dice(1), now),
        Anonymous::server(if script.byte() & 1 == 0 { Suite::Private } else { Suite::Old }, dice(2), now),
    ];
    let mut ways: [Vec<Vec<u8>>; 2] = Default::default();
    let mut sent: [Vec<Vec<u8>>; 2] = Default::default();
    drain(&mut ends, &mut ways, &sent);
    while !script.is_over() {
        let (act, end) = (script.byte(), usize::from(script.byte() & 1));
        let [client, server] = &mut ends;
        let (this, way) = if end == 0 { (client, &mut ways[0]) } else { (server, &mut ways[1]) };
        match act % 8 {
            0..=2 if !way.is_empty() => this.handle(&way.remove(0), now),
            3 if !way.is_empty() => drop(way.remove(0)),
            4 if !way.is_empty() => {
                let mut datagram = way.remove(0);
                let (place, change) = (usize::from(script.word()), script.byte());
                if let Some(byte) = datagram.get_mut(place) {
                    *byte ^= change;
                }
                this.handle(&datagram, now);
            }
            5 => {
                let said = script.counted();
                if this.send(said).is_ok() {
                    sent[end].push(said.to_vec());
                }
            }
            6 => {
                now += Duration::from_millis(u64::from(script.word()));
                this.handle_timeout(now);
            }
            7 if act == 255 => this.close(),
            _ => this.handle(script.counted(), now),
        }
        drain(&mut ends, &mut ways, &sent);
    }
    let [client, server] = &ends;
    if client.is_established() && server.is_established() {
        assert_eq!(client.key_block(), server.key_block(), "established with different keys");
    }
}

fn drain(ends: &mut [Anonymous; 2], ways: &mut [Vec<Vec<u8>>; 2], sent: &[Vec<Vec<u8>>; 2]) {
    for (end, this) in ends.iter_mut().enumerate() {
        let mut said = 0;
        while let Some(output) = this.poll() {
            match output {
                Output::Transmit(datagram) => {
                    assert!(datagram.len() <= MAX_DATAGRAM, "a datagram of {} bytes", datagram.len());
                    ways[1 - end].push(datagram);
                    said += 1;
                }
                Output::Received(plain) => {
                    assert!(sent[1 - end].contains(&plain), "delivered what nobody has sent");
                }
                Output::Established | Output::Closed(_) => {}
            }
        }
        assert!(said <= MOST, "{said} datagrams at once");
    }
}

/// Random enough, and the same each time.
fn dice(seed: u64) -> Random {
    let mut state = seed;
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    })
}
