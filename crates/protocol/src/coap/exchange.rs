//! CoAP's message layer, the client's side (RFC 7252 §4, §5.2, §5.3; RFC 7641 §3).
//!
//! Scope: message ids, retransmission of confirmable requests, one request in flight per endpoint, matching answers
//! (piggybacked, separate, to multicast) by token and endpoint, acknowledging and rejecting, dropping repeated
//! messages. Non-scope: sockets, the clock, chance, and what the packets say; serving requests.
//!
//! Drive it: call [`Exchanges::request`], [`Exchanges::ask_all`], [`Exchanges::handle`] or
//! [`Exchanges::handle_timeout`], each with the time since some start; then drain [`Exchanges::poll`], and come back
//! with `handle_timeout` at [`Exchanges::next_timeout`].

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use coap_lite::{MessageType, Packet};
use zeroize::{Zeroize, Zeroizing};

use super::message;
use super::recent::Recent;

/// ACK_TIMEOUT, RFC 7252 §4.8. The first wait is this, up to half as long again (ACK_RANDOM_FACTOR 1.5).
pub const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// MAX_RETRANSMIT, RFC 7252 §4.8.
pub const MAX_RETRANSMIT: u32 = 4;
/// EXCHANGE_LIFETIME, RFC 7252 §4.8.2: after an acknowledgement, the longest wait for the answer itself.
pub const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);
/// The most requests that wait for one endpoint. Our choice.
const MAX_QUEUED: usize = 64;

/// One request, until it is answered, fails or is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExchangeId(u64);

/// Random numbers for one request, fresh each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// The token. The same again only to renew or end an observation (RFC 7641 §3.3.1, §3.6).
    pub token: u64,
    /// Where in ACK_TIMEOUT … 1.5 × ACK_TIMEOUT the first wait lies.
    pub jitter: u16,
}

/// What is to be done, or has happened. No `Debug`: datagrams may hold a credential.
#[derive(PartialEq)]
pub enum Output<P> {
    /// Send this.
    Transmit {
        /// To whom.
        to: P,
        /// The bytes; wiped when dropped, for they may hold a credential.
        datagram: Zeroizing<Vec<u8>>,
        /// The request that it carries; `None` for acknowledgements and resets.
        exchange: Option<ExchangeId>,
    },
    /// A request was answered. Unicast: it is over, save that an answer with Observe begins an observation. Multicast:
    /// more may follow.
    Answer {
        /// Which request.
        exchange: ExchangeId,
        /// Who answers.
        from: P,
        /// With what.
        packet: Packet,
    },
    /// A further answer of an observation.
    Notification {
        /// The token that the observation was registered with.
        token: u64,
        /// Who notifies.
        from: P,
        /// Of what.
        packet: Packet,
    },
    /// A request is over without an answer.
    Failed {
        /// Which.
        exchange: ExchangeId,
        /// Why.
        why: Failure,
    },
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Sent five times and not acknowledged, or acknowledged and never answered.
    #[error("no answer")]
    NoAnswer,
    /// The peer rejected the message (RST): it did not act on it.
    #[error("rejected")]
    Reset,
    /// The packet is larger than is sent; it was not.
    #[error("the message is too large to send")]
    TooLarge,
    /// Too many requests wait for this endpoint; it was not sent.
    #[error("too many requests are waiting")]
    Busy,
}

/// The message layer of one socket. `P` is a peer's address.
pub struct Exchanges<P> {
    next_message_id: u16,
    next_exchange: u64,
    open: HashMap<ExchangeId, Open<P>>,
    /// Requests that wait until the one in flight to the same endpoint is over (NSTART 1).
    queues: HashMap<P, VecDeque<ExchangeId>>,
    observations: HashMap<u64, P>,
    recent: Recent<P>,
    output: VecDeque<Output<P>>,
}

struct Open<P> {
    /// `None`: multicast, anybody may answer.
    to: Option<P>,
    token: u64,
    jitter: u16,
    message_id: u16,
    registers: bool,
    datagram: Zeroizing<Vec<u8>>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Queued,
    /// Sent and not acknowledged; sent again at `again_at`, having waited for `wait`.
    Sent {
        again_at: Duration,
        wait: Duration,
        retransmits: u32,
    },
    /// Acknowledged: the answer comes by itself, until then.
    Acknowledged {
        until: Duration,
    },
    /// Multicast.
    Asking,
}

impl<P: Clone + Eq + Hash> Exchanges<P> {
    /// A layer whose message ids begin at a random one.
    pub fn new(first_message_id: u16) -> Self {
        Self {
            next_message_id: first_message_id,
            next_exchange: 0,
            open: HashMap::new(),
            queues: HashMap::new(),
            observations: HashMap::new(),
            recent: Recent::default(),
            output: VecDeque::new(),
        }
    }

    /// Sends a request to one endpoint, confirmable; at once, or when the one before it is over.
    pub fn request(&mut self, now: Duration, to: P, mut packet: Packet, chance: Chance) -> ExchangeId {
        packet.header.set_type(MessageType::Confirmable);
        let (id, fits) = self.open(Some(to.clone()), packet, chance, State::Queued);
        if fits {
            let queue = self.queues.entry(to.clone()).or_default();
            if queue.len() > MAX_QUEUED {
                self.fail(id, Failure::Busy);
            } else {
                queue.push_back(id);
                self.send_next(now, &to);
            }
        }
        id
    }

    /// Asks everybody at these addresses, non-confirmable and once; all get the same message id, so that who hears it
    /// twice answers once. Answers come from any endpoint until [`Exchanges::cancel`].
    pub fn ask_all(&mut self, to: &[P], mut packet: Packet, chance: Chance) -> ExchangeId {
        packet.header.set_type(MessageType::NonConfirmable);
        let (id, fits) = self.open(None, packet, chance, State::Asking);
        if let Some(open) = self.open.get(&id).filter(|_| fits) {
            self.output.extend(to.iter().map(|to| Output::Transmit {
                to: to.clone(),
                datagram: open.datagram.clone(),
                exchange: Some(id),
            }));
        }
        id
    }

    fn open(&mut self, to: Option<P>, mut packet: Packet, chance: Chance, state: State) -> (ExchangeId, bool) {
        let id = ExchangeId(self.next_exchange);
        self.next_exchange += 1;
        packet.header.message_id = self.next_message_id;
        self.next_message_id = self.next_message_id.wrapping_add(1);
        packet.set_token(chance.token.to_be_bytes().to_vec());
        let encoded = message::encode(&packet);
        packet.payload.zeroize();
        let Ok(datagram) = encoded else {
            self.output.push_back(Output::Failed { exchange: id, why: Failure::TooLarge });
            return (id, false);
        };
        let open = Open {
            to,
            token: chance.token,
            jitter: chance.jitter,
            message_id: packet.header.message_id,
            registers: message::observe_sequence(&packet) == Some(0),
            datagram: Zeroizing::new(datagram),
            state,
        };
        self.open.insert(id, open);
        (id, true)
    }

    /// Forgets a request; a late answer to it is rejected.
    pub fn cancel(&mut self, now: Duration, id: ExchangeId) {
        self.close(now, id);
    }

    /// Forgets an observation: its next notification is rejected, which ends it on the other side (RFC 7641 §3.6).
    pub fn forget_observation(&mut self, token: u64) {
        self.observations.remove(&token);
    }

    /// Takes a datagram. What is malformed, repeated or meant for nobody changes nothing.
    pub fn handle(&mut self, now: Duration, from: P, datagram: &[u8]) {
        let Ok(packet) = message::decode(datagram) else {
            // A confirmable message of version 1 that cannot be read is rejected (RFC 7252 §4.2).
            if let [first, _, high, low, ..] = datagram
                && first >> 4 == 0b0100
            {
                self.reply(&from, MessageType::Reset, u16::from_be_bytes([*high, *low]));
            }
            return;
        };
        match packet.header.get_type() {
            MessageType::Acknowledgement => self.handle_acknowledgement(now, from, packet),
            MessageType::Reset => {
                if let Some(id) = self.in_flight(&from, packet.header.message_id) {
                    self.close(now, id);
                    self.output.push_back(Output::Failed { exchange: id, why: Failure::Reset });
                }
            }
            kind @ (MessageType::Confirmable | MessageType::NonConfirmable) => {
                self.handle_message(now, from, packet, kind == MessageType::Confirmable);
            }
        }
    }

    fn handle_acknowledgement(&mut self, now: Duration, from: P, packet: Packet) {
        let Some(id) = self.in_flight(&from, packet.header.message_id) else { return };
        let Some(open) = self.open.get_mut(&id) else { return };
        if message::is_response(&packet) {
            if packet.get_token() == open.token.to_be_bytes() {
                self.answer(now, id, from, packet);
            }
        } else if message::code(&packet) == 0 && matches!(open.state, State::Sent { .. }) {
            open.state = State::Acknowledged { until: now + EXCHANGE_LIFETIME };
        }
    }

    fn handle_message(&mut self, now: Duration, from: P, packet: Packet, confirmable: bool) {
        let message_id = packet.header.message_id;
        let meant_for = if message::is_response(&packet) { self.meant_for(&from, packet.get_token()) } else { None };
        let Some(meant_for) = meant_for else {
            // A request to us, a ping (an empty confirmable message), or an answer to nothing that we know of.
            if self.recent.saw(now, &from, message_id) && confirmable {
                // Acknowledged before: the acknowledgement was lost, and its exchange is over by now.
                self.reply(&from, MessageType::Acknowledgement, message_id);
            } else if confirmable || message::observe_sequence(&packet).is_some() {
                self.reply(&from, MessageType::Reset, message_id);
            }
            return;
        };
        if confirmable {
            self.reply(&from, MessageType::Acknowledgement, message_id);
        }
        if !self.recent.insert(now, from.clone(), message_id) {
            return;
        }
        match meant_for {
            MeantFor::Exchange(id) => self.answer(now, id, from, packet),
            MeantFor::Observation(token) => self.output.push_back(Output::Notification { token, from, packet }),
        }
    }

    fn answer(&mut self, now: Duration, id: ExchangeId, from: P, packet: Packet) {
        let Some(open) = self.open.get(&id) else { return };
        if open.to.is_some() {
            let begins = open.registers && message::code(&packet) >> 5 == 2;
            let token = open.token;
            if begins && message::observe_sequence(&packet).is_some() {
                self.observations.insert(token, from.clone());
            } else {
                self.observations.remove(&token);
            }
            self.close(now, id);
        }
        self.output.push_back(Output::Answer { exchange: id, from, packet });
    }

    /// The request in flight that an acknowledgement or a reset from there can mean.
    fn in_flight(&self, from: &P, message_id: u16) -> Option<ExchangeId> {
        let sent = |open: &Open<P>| matches!(open.state, State::Sent { .. } | State::Acknowledged { .. });
        let mut open = self.open.iter();
        open.find(|(_, open)| open.message_id == message_id && open.to.as_ref() == Some(from) && sent(open))
            .map(|(id, _)| *id)
    }

    fn meant_for(&self, from: &P, token: &[u8]) -> Option<MeantFor> {
        let token = u64::from_be_bytes(token.try_into().ok()?);
        let exchange = self.open.iter().find(|(_, open)| {
            open.token == token && open.state != State::Queued && open.to.as_ref().is_none_or(|to| to == from)
        });
        if let Some((id, _)) = exchange {
            return Some(MeantFor::Exchange(*id));
        }
        (self.observations.get(&token) == Some(from)).then_some(MeantFor::Observation(token))
    }

    fn reply(&mut self, to: &P, kind: MessageType, message_id: u16) {
        if let Ok(datagram) = message::encode(&message::empty(kind, message_id)) {
            self.output.push_back(Output::Transmit {
                to: to.clone(),
                datagram: Zeroizing::new(datagram),
                exchange: None,
            });
        }
    }

    /// Sends again what is due, and gives up what was sent often enough.
    pub fn handle_timeout(&mut self, now: Duration) {
        let due: Vec<ExchangeId> = self
            .open
            .iter()
            .filter(|(_, open)| open.state.due().is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(open) = self.open.get_mut(&id) else { continue };
            match (open.state, &open.to) {
                (State::Sent { wait, retransmits, .. }, Some(to)) if retransmits < MAX_RETRANSMIT => {
                    let wait = wait * 2;
                    open.state = State::Sent { again_at: now + wait, wait, retransmits: retransmits + 1 };
                    self.output.push_back(Output::Transmit {
                        to: to.clone(),
                        datagram: open.datagram.clone(),
                        exchange: Some(id),
                    });
                }
                _ => {
                    self.close(now, id);
                    self.output.push_back(Output::Failed { exchange: id, why: Failure::NoAnswer });
                }
            }
        }
    }

    /// When [`Exchanges::handle_timeout`] has something to do next.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.open.values().filter_map(|open| open.state.due()).min()
    }

    /// What is to be done or has happened; `None`: nothing more until something is handled.
    pub fn poll(&mut self) -> Option<Output<P>> {
        self.output.pop_front()
    }

    fn fail(&mut self, id: ExchangeId, why: Failure) {
        self.open.remove(&id);
        self.output.push_back(Output::Failed { exchange: id, why });
    }

    /// Takes a request out, and lets the next one to the same endpoint go.
    fn close(&mut self, now: Duration, id: ExchangeId) {
        let Some(open) = self.open.remove(&id) else { return };
        let Some(to) = open.to else { return };
        if let Some(queue) = self.queues.get_mut(&to) {
            queue.retain(|waiting| *waiting != id);
        }
        self.send_next(now, &to);
    }

    /// Sends the first request of an endpoint's queue, if it has not been sent yet.
    fn send_next(&mut self, now: Duration, to: &P) {
        let Some(id) = self.queues.get(to).and_then(|queue| queue.front().copied()) else {
            self.queues.remove(to);
            return;
        };
        let Some(open) = self.open.get_mut(&id).filter(|open| open.state == State::Queued) else { return };
        let wait = ACK_TIMEOUT + ACK_TIMEOUT.mul_f64(0.5 * f64::from(open.jitter) / f64::from(u16::MAX));
        open.state = State::Sent { again_at: now + wait, wait, retransmits: 0 };
        let datagram = open.datagram.clone();
        self.output.push_back(Output::Transmit { to: to.clone(), datagram, exchange: Some(id) });
    }
}

enum MeantFor {
    Exchange(ExchangeId),
    Observation(u64),
}

impl State {
    fn due(self) -> Option<Duration> {
        match self {
            State::Sent { again_at, .. } => Some(again_at),
            State::Acknowledged { until } => Some(until),
            State::Queued | State::Asking => None,
        }
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
