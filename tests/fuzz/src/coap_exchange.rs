//! CoAP's message layer under any order of requests, datagrams and time, and the order of notifications.

use std::collections::HashMap;
use std::time::Duration;

use homeward_protocol::coap::exchange::{Chance, ExchangeId, Exchanges, MAX_RETRANSMIT, Output};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::observe::Freshness;
use homeward_protocol::coap::{MessageClass, MessageType, Packet};
use homeward_protocol::crudn::{Href, Request};

use crate::script::Script;

/// The most acts of one script: as many as keep one run short.
const MAX_ACTS: usize = 512;
const PEERS: u8 = 4;

/// One request, from the outside.
struct Exchange {
    /// `None`: everybody is asked.
    to: Option<u8>,
    token: u64,
    transmits: u32,
    over: bool,
}

struct World {
    layer: Exchanges<u8>,
    now: Duration,
    exchanges: HashMap<ExchangeId, Exchange>,
    /// The last one begun.
    last: Option<ExchangeId>,
    /// What was last sent, and to whom.
    sent: Option<(u8, Packet)>,
    freshness: Freshness,
}

/// `an act, what it needs` …: a request is sent five times at most, one at a time to each peer, is answered by whom it
/// went to, and is over once.
pub fn check(data: &[u8]) {
    let mut script = Script::new(data);
    let mut world = World {
        layer: Exchanges::new(script.word()),
        now: Duration::ZERO,
        exchanges: HashMap::new(),
        last: None,
        sent: None,
        freshness: Freshness::default(),
    };
    for _ in 0..MAX_ACTS {
        if script.is_over() {
            break;
        }
        world.act(&mut script);
        world.drain();
    }
    // Whatever came: with time, every request to a peer is over.
    for _ in 0..MAX_ACTS * 8 {
        let Some(at) = world.layer.next_timeout() else { break };
        world.now = world.now.max(at);
        world.time_passes();
        world.drain();
    }
    assert!(world.exchanges.values().all(|exchange| exchange.over || exchange.to.is_none()), "it never ends");
}

impl World {
    fn act(&mut self, script: &mut Script<'_>) {
        let act = script.byte();
        let peer = script.byte() % PEERS;
        match act % 8 {
            0 => self.request(peer, self.exchanges.len() as u64, script),
            1 => {
                let (packet, token) = (get(script), self.exchanges.len() as u64);
                let id = self.layer.ask_all(&[0, 1, peer], packet, Chance { token, jitter: 0 });
                self.begun(id, None, token);
            }
            // An observation is renewed or ended with the token that it has.
            2 => {
                let known = self.last.and_then(|id| self.exchanges.get(&id));
                if let Some((Some(to), token)) = known.filter(|known| known.over).map(|known| (known.to, known.token)) {
                    self.request(to, token, script);
                }
            }
            3 => self.layer.handle(self.now, peer, script.counted()),
            4 => self.answer(script),
            5 => {
                self.now += Duration::from_millis(u64::from(script.word()));
                self.time_passes();
            }
            6 => {
                if let Some(id) = self.last {
                    self.layer.cancel(self.now, id);
                    self.exchanges.entry(id).and_modify(|exchange| exchange.over = true);
                }
            }
            _ => self.layer.forget_observation(u64::from(script.byte())),
        }
    }

    fn request(&mut self, to: u8, token: u64, script: &mut Script<'_>) {
        let packet = get(script);
        let id = self.layer.request(self.now, to, packet, Chance { token, jitter: script.word() });
        self.begun(id, Some(to), token);
    }

    fn begun(&mut self, id: ExchangeId, to: Option<u8>, token: u64) {
        self.exchanges.insert(id, Exchange { to, token, transmits: 0, over: false });
        self.last = Some(id);
    }

    /// An answer to what was last sent, of any kind and code, from whom it was sent to or somebody else.
    fn answer(&mut self, script: &mut Script<'_>) {
        let Some((to, sent)) = &self.sent else { return };
        let from = if script.byte() == 0 { *to } else { script.byte() % PEERS };
        let mut answer = Packet::new();
        answer.set_token(sent.get_token().to_vec());
        answer.header.code = MessageClass::from(script.byte());
        let (kind, fresh_id) = match script.byte() % 6 {
            0 => (MessageType::Acknowledgement, false),
            1 => (MessageType::Reset, false),
            2 => (MessageType::Confirmable, false),
            3 => (MessageType::NonConfirmable, false),
            4 => (MessageType::Confirmable, true),
            _ => (MessageType::NonConfirmable, true),
        };
        answer.header.set_type(kind);
        answer.header.message_id = if fresh_id { script.word() } else { sent.header.message_id };
        let observe = script.byte();
        if observe > 0 {
            answer.set_observe_value(u32::from(observe) << (observe % 24));
        }
        answer.payload = script.counted().to_vec();
        if let Ok(datagram) = message::encode(&answer) {
            self.layer.handle(self.now, from, &datagram);
        }
    }

    fn time_passes(&mut self) {
        self.layer.handle_timeout(self.now);
        assert!(self.layer.next_timeout().is_none_or(|at| at > self.now), "what was due is due still");
    }

    fn drain(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                Output::Transmit { to, datagram, exchange } => self.transmitted(to, &datagram, exchange),
                Output::Answer { exchange, from, .. } => {
                    let Some(known) = self.exchanges.get_mut(&exchange) else { panic!("an answer to nothing") };
                    assert!(!known.over && known.to.is_none_or(|to| to == from));
                    known.over = known.to.is_some();
                }
                Output::Failed { exchange, .. } => {
                    let Some(known) = self.exchanges.get_mut(&exchange) else { panic!("the failure of nothing") };
                    assert!(!known.over);
                    known.over = true;
                }
                Output::Notification { token, packet, .. } => {
                    assert!(self.exchanges.values().any(|known| known.token == token));
                    let sequence = message::observe_sequence(&packet);
                    self.freshness.take(sequence, self.now);
                    // The same one is no newer than itself.
                    assert!(sequence.is_none() || !self.freshness.take(sequence, self.now));
                }
            }
        }
        for peer in 0..PEERS {
            let under_way = |known: &&Exchange| known.to == Some(peer) && known.transmits > 0 && !known.over;
            assert!(self.exchanges.values().filter(under_way).count() <= 1, "NSTART is 1 (RFC 7252 §4.7)");
        }
    }

    fn transmitted(&mut self, to: u8, datagram: &[u8], exchange: Option<ExchangeId>) {
        let Ok(packet) = message::decode(datagram) else { panic!("our own datagram cannot be read") };
        let Some(id) = exchange else { return };
        let Some(known) = self.exchanges.get_mut(&id) else { panic!("nothing is sent") };
        known.transmits += 1;
        assert!(!known.over && (known.to.is_none() || known.transmits <= MAX_RETRANSMIT + 1));
        self.sent = Some((to, packet));
    }
}

fn get(script: &mut Script<'_>) -> Packet {
    let request = Href::new("/a").map(if script.byte().is_multiple_of(2) { Request::get } else { Request::observe });
    let packet = request.ok().and_then(|request| message::encode_request(&request, Format::Ocf).ok());
    packet.unwrap_or_else(|| panic!("an ordinary request"))
}
