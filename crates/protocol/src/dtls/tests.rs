//! Both roles against each other, over a network that loses, repeats, reorders and changes what it carries.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Random enough, and the same for the same seed.
pub(super) fn dice(seed: u64) -> Random {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    })
}

pub(super) struct Pair {
    pub(super) ends: [Anonymous; 2],
    pub(super) now: Duration,
    /// On their way to each end.
    pub(super) ways: [VecDeque<Vec<u8>>; 2],
    /// All datagrams that were sent, by whom.
    pub(super) sent: Vec<(usize, Vec<u8>)>,
    pub(super) received: [Vec<Vec<u8>>; 2],
    pub(super) closed: [Option<Closed>; 2],
}

pub(super) const CLIENT: usize = 0;
pub(super) const SERVER: usize = 1;

impl Pair {
    pub(super) fn new(suite: Suite) -> Self {
        let client = Anonymous::client(dice(1), Duration::ZERO);
        let server = Anonymous::server(suite, dice(2), Duration::ZERO);
        Self {
            ends: [client, server],
            now: Duration::ZERO,
            ways: Default::default(),
            sent: Vec::new(),
            received: Default::default(),
            closed: [None; 2],
        }
    }

    /// Takes out what both have said.
    pub(super) fn drain(&mut self) {
        for end in [CLIENT, SERVER] {
            while let Some(output) = self.ends[end].poll() {
                match output {
                    Output::Transmit(datagram) => {
                        assert!(datagram.len() <= MAX_DATAGRAM);
                        self.sent.push((end, datagram.clone()));
                        self.ways[1 - end].push_back(datagram);
                    }
                    Output::Established => {}
                    Output::Received(plain) => self.received[end].push(plain.to_vec()),
                    Output::Closed(why) => self.closed[end] = Some(why),
                }
            }
        }
    }

    /// Delivers all that is on its way, as `fate` decides: how often each datagram arrives, and how.
    pub(super) fn run(&mut self, mut fate: impl FnMut(usize, Vec<u8>) -> Vec<Vec<u8>>) {
        for _ in 0..200 {
            self.drain();
            let mut idle = true;
            for end in [CLIENT, SERVER] {
                while let Some(datagram) = self.ways[end].pop_front() {
                    idle = false;
                    for arrives in fate(end, datagram) {
                        self.ends[end].handle(&arrives, self.now);
                    }
                }
            }
            if !idle {
                continue;
            }
            let Some(next) = self.ends.iter().filter_map(Anonymous::next_timeout).min() else { return };
            self.now = next;
            let now = self.now;
            self.ends.iter_mut().for_each(|end| end.handle_timeout(now));
        }
        panic!("it never rests");
    }

    pub(super) fn established(suite: Suite) -> Self {
        let mut pair = Self::new(suite);
        pair.run(|_, datagram| vec![datagram]);
        assert!(pair.ends.iter().all(Anonymous::is_established), "{:?}", pair.closed);
        pair
    }

    pub(super) fn blocks(&self) -> [Option<Vec<u8>>; 2] {
        [CLIENT, SERVER].map(|end| self.ends[end].key_block().map(|block| block.expose().to_vec()))
    }
}

#[test]
fn both_sides_get_the_same_keys_and_understand_each_other() {
    for suite in [Suite::Private, Suite::Old] {
        let mut pair = Pair::established(suite);
        let [client, server] = pair.blocks();
        assert_eq!(client, server);
        assert_eq!(pair.now, Duration::ZERO, "nothing had to be repeated");
        for length in [0, 1, 15, 16, 17, 255, MAX_PLAINTEXT] {
            pair.ends[CLIENT].send(&vec![7; length]).unwrap();
            pair.ends[SERVER].send(&vec![8; length]).unwrap();
        }
        pair.run(|_, datagram| vec![datagram]);
        assert_eq!(pair.received[SERVER].len(), 7);
        assert_eq!(pair.received[CLIENT].last().unwrap(), &vec![8; MAX_PLAINTEXT]);
        assert_eq!(pair.ends[CLIENT].send(&vec![0; MAX_PLAINTEXT + 1]), Err(DtlsError::TooLong));
    }
}

#[test]
fn a_close_is_heard_by_the_other_side_also_in_the_middle_of_the_handshake() {
    let mut pair = Pair::established(Suite::Private);
    pair.ends[CLIENT].close();
    pair.run(|_, datagram| vec![datagram]);
    assert_eq!(pair.closed, [Some(Closed::ByUs), Some(Closed::ByPeer)]);
    assert_eq!(pair.ends[CLIENT].send(b"late"), Err(DtlsError::NotOpen));
    let mut pair = Pair::new(Suite::Private);
    pair.drain();
    pair.ends[CLIENT].close();
    pair.run(|_, datagram| vec![datagram]);
    assert_eq!(pair.closed[SERVER], Some(Closed::ByPeer));
}

#[test]
fn each_lost_datagram_of_the_handshake_is_sent_again() {
    let count = Pair::established(Suite::Private).sent.len();
    for lost in 0..count {
        let (mut pair, mut nth) = (Pair::new(Suite::Private), 0);
        pair.run(|_, datagram| {
            nth += 1;
            if nth == lost + 1 { vec![] } else { vec![datagram] }
        });
        assert!(pair.ends[CLIENT].is_established(), "without datagram {lost}: {:?}", pair.closed);
        assert!(pair.now >= Duration::from_secs(1));
    }
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let mut pair = Pair::new(Suite::Private);
    pair.run(|_, _| vec![]);
    assert_eq!(pair.closed[CLIENT], Some(Closed::TimedOut));
    assert_eq!(pair.sent.len(), 5);
    assert_eq!(pair.now, Duration::from_secs(1 + 2 + 4 + 8 + 16));
}

#[test]
fn a_flipped_bit_anywhere_in_the_handshake_never_leaves_the_two_with_different_keys() {
    let whole = Pair::established(Suite::Private).sent;
    for (nth, (_, datagram)) in whole.iter().enumerate() {
        for place in 0..datagram.len() {
            let (mut pair, mut at) = (Pair::new(Suite::Private), 0);
            pair.run(|_, mut datagram| {
                if at == nth {
                    datagram[place] ^= 1 << (place % 8);
                }
                at += 1;
                vec![datagram]
            });
            if pair.ends.iter().all(Anonymous::is_established) {
                let [client, server] = pair.blocks();
                assert_eq!(client, server, "datagram {nth}, byte {place}");
            }
        }
    }
}

#[test]
fn a_truncated_handshake_is_no_session_by_itself_and_is_healed_by_repetition() {
    let whole = Pair::established(Suite::Private).sent;
    for (nth, (_, datagram)) in whole.iter().enumerate() {
        for length in 0..datagram.len() {
            let (mut pair, mut at) = (Pair::new(Suite::Private), 0);
            pair.run(|_, mut datagram| {
                if at == nth {
                    datagram.truncate(length);
                }
                at += 1;
                vec![datagram]
            });
            let [client, server] = pair.blocks();
            assert!(pair.ends[CLIENT].is_established() && client == server, "{nth} cut to {length}: {:?}", pair.closed);
        }
    }
}

#[test]
fn a_record_that_was_changed_in_any_byte_or_comes_again_says_nothing() {
    let mut pair = Pair::established(Suite::Private);
    pair.ends[CLIENT].send(b"open the door").unwrap();
    pair.drain();
    let record = pair.ways[SERVER].pop_front().unwrap();
    // From the fragment on: what stands in the head counts for the MAC, too, or names another record.
    for place in 13..record.len() {
        let mut fresh = Pair::established(Suite::Private);
        let mut changed = record.clone();
        changed[place] ^= 0x40;
        fresh.ends[SERVER].handle(&changed, Duration::ZERO);
        fresh.drain();
        assert!(fresh.received[SERVER].is_empty(), "byte {place}");
        // Both pairs have the same keys, for the same dice were thrown.
        fresh.ends[SERVER].handle(&record, Duration::ZERO);
        fresh.ends[SERVER].handle(&record, Duration::ZERO);
        fresh.drain();
        assert_eq!(fresh.received[SERVER], [b"open the door".to_vec()], "once, and not again");
    }
}

#[test]
fn a_whole_handshake_that_is_replayed_opens_nothing() {
    let whole = Pair::established(Suite::Private).sent;
    let mut server = Anonymous::server(Suite::Private, dice(99), Duration::ZERO);
    for (_, datagram) in whole.iter().filter(|(by, _)| *by == CLIENT) {
        server.handle(datagram, Duration::ZERO);
    }
    assert!(!server.is_established());
}

#[test]
fn too_many_records_that_nobody_can_verify_end_the_session() {
    let mut pair = Pair::established(Suite::Private);
    pair.ends[CLIENT].send(b"x").unwrap();
    pair.drain();
    let mut forged = pair.ways[SERVER].pop_front().unwrap();
    *forged.last_mut().unwrap() ^= 1;
    for _ in 0..100 {
        pair.ends[SERVER].handle(&forged, Duration::ZERO);
    }
    pair.drain();
    assert_eq!(pair.closed[SERVER], Some(Closed::Misbehaved(DtlsError::TooManyBadRecords)));
}

#[test]
fn nothing_of_it_shows_its_keys() {
    let pair = Pair::established(Suite::Private);
    assert_eq!(format!("{:?}", pair.ends[CLIENT].key_block().unwrap()), "KeyBlock(…)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn on_a_bad_network_both_have_the_same_keys_or_know_that_they_have_none(fates in prop::collection::vec(0..10u8, 200)) {
        let mut pair = Pair::new(Suite::Old);
        let mut fates = fates.into_iter().cycle();
        let mut held: [Option<Vec<u8>>; 2] = Default::default();
        pair.run(|end, datagram| match fates.next().unwrap() {
            0 | 1 => vec![],
            2 => vec![datagram.clone(), datagram],
            3 => held[end].replace(datagram).into_iter().collect(),
            _ => [Some(datagram), held[end].take()].into_iter().flatten().collect(),
        });
        if pair.ends[CLIENT].is_established() {
            let [client, server] = pair.blocks();
            prop_assert_eq!(client, server);
        } else {
            prop_assert!(pair.closed[CLIENT].is_some());
        }
    }

    #[test]
    fn whatever_comes_neither_side_panics_and_what_is_said_is_bounded(
        datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..40),
        begun in any::<bool>(),
    ) {
        let mut pair = if begun { Pair::established(Suite::Private) } else { Pair::new(Suite::Private) };
        pair.drain();
        let before = pair.sent.len();
        for datagram in &datagrams {
            for end in [CLIENT, SERVER] {
                pair.ends[end].handle(datagram, Duration::ZERO);
            }
        }
        pair.drain();
        prop_assert!(pair.sent.len() - before <= 64);
        prop_assert!(pair.received.iter().all(Vec::is_empty));
    }
}
