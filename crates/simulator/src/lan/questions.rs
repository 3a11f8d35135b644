//! Requests over CoAP: from a message to the unit and back.
//!
//! Scope: repeated requests, bodies in blocks, content formats, separate answers, multicast's leisure and silence,
//! registering observations. Non-scope: reading and sending datagrams (`server`); what the resources are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use homeward_protocol::coap::block::{Block, Taken, Upload};
use homeward_protocol::coap::message;
use homeward_protocol::coap::{CoapOption, MessageType, Packet};
use homeward_protocol::crudn::{Href, Method, Observe, Request, Response, Status};
use rand::Rng;

use super::memory::{Answered, Key};
use super::server::{Peer, Sender, Server, encode_answer};
use crate::model::Via;
use crate::unit::Heard;

/// Our choice: an answer that takes longer is acknowledged first (RFC 7252 §5.2.2), well before the other side repeats.
const PIGGYBACK: Duration = Duration::from_millis(500);
/// Our choice: bodies coming in at once, and peers whose blocks are followed; the oldest are given up first.
const MOST_TRANSFERS: usize = 16;

/// Bodies that are on their way in blocks.
#[derive(Default)]
pub(super) struct Transfers {
    uploads: Vec<(Peer, Href, Upload)>,
    /// Who was given the first block of what.
    readers: Vec<(Peer, String)>,
    /// Long answers to changes.
    answers: Vec<(Peer, String, Response)>,
}

impl Transfers {
    fn take(&mut self, packet: Packet, peer: Peer, href: &Href) -> Taken {
        if packet.get_option(CoapOption::Block1).is_none_or(|values| values.is_empty()) {
            return Taken::Whole { packet: Box::new(packet), block: None };
        }
        let at = self.uploads.iter().position(|(who, what, _)| *who == peer && what == href);
        let mut upload = match at {
            Some(at) => self.uploads.remove(at).2,
            None => Upload::new(),
        };
        let taken = upload.take(packet);
        if matches!(taken, Taken::Answer(_)) {
            if self.uploads.len() >= MOST_TRANSFERS {
                self.uploads.remove(0);
            }
            self.uploads.push((peer, href.clone(), upload));
        }
        taken
    }

    /// Keeps a long answer to a change, whose later blocks are asked for by themselves (RFC 7959 §2.7).
    fn keep(&mut self, peer: Peer, path: &str, response: &Response) {
        self.answers.retain(|(who, what, _)| *who != peer || what != path);
        if self.answers.len() >= MOST_TRANSFERS {
            self.answers.remove(0);
        }
        self.answers.push((peer, path.to_owned(), response.clone()));
    }

    fn kept(&self, peer: Peer, path: &str) -> Option<Response> {
        let kept = self.answers.iter().find(|(who, what, _)| *who == peer && what == path);
        kept.map(|(_, _, response)| response.clone())
    }

    fn begun(&mut self, peer: Peer, path: &str) {
        if !self.has_begun(peer, path) {
            if self.readers.len() >= MOST_TRANSFERS {
                self.readers.remove(0);
            }
            self.readers.push((peer, path.to_owned()));
        }
    }

    fn has_begun(&self, peer: Peer, path: &str) -> bool {
        self.readers.iter().any(|(who, what)| *who == peer && what == path)
    }
}

/// What is needed to answer a request.
struct Question {
    sender: Sender,
    key: Key,
    confirmable: bool,
    /// The message without its body: token, Block2.
    packet: Packet,
    method: Method,
    /// What the answer repeats of a request that came in blocks.
    block1: Option<Block>,
    /// Whether an empty acknowledgement went out already.
    acknowledged: bool,
}

impl Server {
    pub(super) fn request(self: &Arc<Self>, packet: Packet, sender: Sender) {
        let key = (sender.peer, packet.header.message_id);
        let confirmable = packet.header.get_type() == MessageType::Confirmable;
        // RFC 7252 §8.1: multicast is never confirmable. And nothing is changed by it here.
        if sender.multicast && (confirmable || message::code(&packet) != 1) {
            return;
        }
        let before = self.memory().requests.before(key, Instant::now());
        if let Some(before) = before {
            return self.again(&packet, sender, before);
        }
        let mut question = Question {
            sender,
            key,
            confirmable,
            packet: without_body(&packet),
            method: Method::Get,
            block1: None,
            acknowledged: false,
        };
        let whole = match message::decode_href(&packet) {
            Ok(href) => {
                let taken = self.memory().transfers.take(packet, sender.peer, &href);
                match taken {
                    Taken::Whole { packet, block } => {
                        question.block1 = block;
                        *packet
                    }
                    Taken::Answer(answer) => return self.reply_with(&question, *answer),
                }
            }
            // What is wrong with it is said below.
            Err(_) => packet,
        };
        let asked = match message::decode_request(&whole) {
            Ok(asked) => asked,
            Err(refusal) => return self.reply(&question, &refusal.response()),
        };
        question.method = asked.request.method;
        if asked.request.method.changes_things() && asks_for_a_later_block(&question.packet) {
            // The rest of an answer: nothing is done again.
            let kept = self.memory().transfers.kept(sender.peer, asked.request.href.as_str());
            return self.reply(&question, &kept.unwrap_or_else(|| Response::status(Status(408))));
        }
        let Heard::Proceed { number, delay } = self.unit.hear(&asked.request, Via::Lan, &sender.peer.at.to_string())
        else {
            self.memory().requests.answered(key, Answered::Never);
            return;
        };
        if asked.accept.is_some_and(|accept| accept != self.format().number()) {
            self.unit.note(number, Status::NOT_ACCEPTABLE);
            return self.after(self.leisure_of(sender), question, Response::status(Status::NOT_ACCEPTABLE));
        }
        if self.has_lost_its_place(&question, &asked.request) {
            self.unit.note(number, Status(408));
            return self.reply(&question, &Response::status(Status(408)));
        }
        self.carry_out(question, asked.request, number, delay);
    }

    /// Answers a request that came before as it was answered then (RFC 7252 §4.5).
    fn again(&self, packet: &Packet, sender: Sender, before: Answered) {
        if let Ok(asked) = message::decode_request(packet) {
            self.unit.hear_again(&asked.request, Via::Lan, &sender.peer.at.to_string());
        }
        match before {
            Answered::With(bytes) => self.send_bytes(&bytes, sender.peer),
            Answered::Acknowledged => {
                self.send(&message::empty(MessageType::Acknowledgement, packet.header.message_id), sender.peer);
            }
            Answered::NotYet | Answered::Never => {}
        }
    }

    /// Whether somebody asks for a later block who was not given the first, and the device has forgotten the others.
    fn has_lost_its_place(&self, question: &Question, request: &Request) -> bool {
        let later = asks_for_a_later_block(&question.packet);
        let forgets = self.unit.state().knobs.forgets_blocks;
        later && forgets && !self.memory().transfers.has_begun(question.sender.peer, request.href.as_str())
    }

    fn carry_out(self: &Arc<Self>, mut question: Question, request: Request, number: u64, delay: Duration) {
        let wait = delay + self.leisure_of(question.sender);
        if wait.is_zero() {
            return self.finish(&question, &request, number);
        }
        if question.confirmable && wait > PIGGYBACK {
            question.acknowledged = true;
            self.memory().requests.answered(question.key, Answered::Acknowledged);
            self.send(&message::empty(MessageType::Acknowledgement, question.key.1), question.sender.peer);
        }
        let server = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            server.finish(&question, &request, number);
        });
    }

    fn finish(self: &Arc<Self>, question: &Question, request: &Request, number: u64) {
        let Some(mut response) = self.unit.carry_out(number, request, Via::Lan, question.sender.peer.asker) else {
            self.memory().requests.answered(question.key, Answered::Never);
            return;
        };
        self.observe(question, request, &mut response);
        self.reply(question, &response);
    }

    /// Begins or ends an observation, where the request says so.
    fn observe(&self, question: &Question, request: &Request, response: &mut Response) {
        if question.sender.multicast || asks_for_a_later_block(&question.packet) {
            return;
        }
        let token = question.packet.get_token();
        match request.observe {
            Some(Observe::Register) if response.status.is_success() && self.unit.is_observable(&request.href) => {
                response.observe = self.memory().observers.register(question.sender.peer, token, &request.href);
            }
            Some(_) => self.memory().observers.end(question.sender.peer, token),
            None => {}
        }
    }

    /// RFC 7252 §8.2: answers to multicast come at a random moment within the leisure.
    fn leisure_of(&self, sender: Sender) -> Duration {
        if sender.multicast { self.leisure.mul_f64(rand::rng().random_range(0.0..=1.0)) } else { Duration::ZERO }
    }

    fn after(self: &Arc<Self>, wait: Duration, question: Question, response: Response) {
        if wait.is_zero() {
            return self.reply(&question, &response);
        }
        let server = Arc::clone(self);
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            server.reply(&question, &response);
        });
    }

    fn reply(self: &Arc<Self>, question: &Question, response: &Response) {
        // RFC 7252 §8.2: errors are not told to multicast. 4.06 is: that is what OCF's stacks do.
        if question.sender.multicast && !response.status.is_success() && response.status != Status::NOT_ACCEPTABLE {
            self.memory().requests.answered(question.key, Answered::Never);
            return;
        }
        let Some(packet) = encode_answer(response, question.method, self.format(), &question.packet) else { return };
        if matches!(Block::of(&packet, CoapOption::Block2), Some(Ok(block)) if block.more)
            && let Ok(href) = message::decode_href(&question.packet)
        {
            let mut memory = self.memory();
            memory.transfers.begun(question.sender.peer, href.as_str());
            if question.method.changes_things() {
                memory.transfers.keep(question.sender.peer, href.as_str(), response);
            }
        }
        self.reply_with(question, packet);
    }

    fn reply_with(self: &Arc<Self>, question: &Question, mut packet: Packet) {
        let to = question.sender.peer;
        packet.set_token(question.packet.get_token().to_vec());
        if let Some(block) = question.block1 {
            block.put(&mut packet, CoapOption::Block1);
        }
        let confirm = question.sender.multicast && self.unit.state().knobs.confirmable_multicast;
        if question.confirmable && !question.acknowledged {
            packet.header.set_type(MessageType::Acknowledgement);
            packet.header.message_id = question.key.1;
            return self.send_remembered(&packet, question.key);
        }
        if question.acknowledged || confirm {
            let server = Arc::clone(self);
            return self.spawn(async move {
                server.deliver(packet, to).await;
            });
        }
        packet.header.set_type(MessageType::NonConfirmable);
        packet.header.message_id = self.next_id();
        self.memory().requests.answered(question.key, Answered::Never);
        self.send(&packet, to);
    }
}

fn asks_for_a_later_block(packet: &Packet) -> bool {
    matches!(Block::of(packet, CoapOption::Block2), Some(Ok(block)) if block.number > 0)
}

fn without_body(packet: &Packet) -> Packet {
    let mut copy = packet.clone();
    copy.payload = Vec::new();
    copy
}
