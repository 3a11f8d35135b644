//! The In-Band Bytestreams that others have opened to a device (XEP-0047, RA-16).
//!
//! Scope: stanzas in, requests and stanzas out; who may open one, their bounds, and who observes what in them. Non-scope:
//! carrying requests out and sending (`link`).

use std::collections::{HashMap, HashSet};

use base64::Engine;
use homeward_protocol::crudn::{Href, Request, Response, Status};
use homeward_protocol::remote::ibb::Session;
use homeward_protocol::remote::rest::{self, Rest, RestError};
use xmpp_parsers::ibb::{Close, Data, Open, Stanza as Carrier, StreamId};
use xmpp_parsers::iq::{Iq, IqHeader, IqPayload};
use xmpp_parsers::jid::{BareJid, Jid};
use xmpp_parsers::message::{Id, Message};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::roster::{Item, Subscription};
use xmpp_parsers::stanza::Stanza;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use crate::model::Change;

/// XEP-0334.
const HINTS: &str = "urn:xmpp:hints";
/// Our choice: sessions of one device, and of one peer with it.
const MOST: usize = 64;
const MOST_OF_ONE_PEER: usize = 16;
/// Our choice: observations in one session.
const MOST_OBSERVATIONS: usize = 8;

/// A session: who opened it, and its id.
pub(super) type Key = (Jid, String);

/// What is to be done with a stanza.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one or two at a time, and gone at once")]
pub(super) enum Outcome {
    /// Send this.
    Send(Stanza),
    /// Carry this out, and give the answer to [`Sessions::answer`].
    Asked { session: Key, request: Request, id: Option<String> },
}

/// What the device's knobs say about sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manners {
    pub(super) takes_one_session: bool,
    pub(super) forgets_request_ids: bool,
    /// The largest block that is agreed to, in bytes.
    pub(super) largest_block: u16,
}

/// All sessions of one device.
pub(super) struct Sessions {
    own: BareJid,
    contacts: HashSet<BareJid>,
    open: HashMap<Key, Opened>,
    sent: u64,
}

struct Opened {
    session: Session,
    carrier: Carrier,
    observations: Vec<Observation>,
}

struct Observation {
    href: Href,
    id: Option<String>,
    sequence: u32,
}

impl Sessions {
    pub(super) fn new(own: BareJid) -> Self {
        Self { own, contacts: HashSet::new(), open: HashMap::new(), sent: 0 }
    }

    /// Takes a roster entry, new or changed.
    pub(super) fn contact(&mut self, item: &Item) {
        if matches!(item.subscription, Subscription::None | Subscription::Remove) {
            self.contacts.remove(&item.jid);
        } else {
            self.contacts.insert(item.jid.clone());
        }
    }

    /// Somebody is gone, and the sessions that they had opened.
    pub(super) fn gone(&mut self, peer: &Jid) {
        self.open.retain(|(who, _), _| who != peer);
    }

    /// Takes an `iq` with an In-Band Bytestream payload. From a stranger it is dropped (RA-14).
    pub(super) fn take_iq(&mut self, iq: Iq, manners: Manners) -> Vec<Outcome> {
        let (header, payload) = iq.split();
        let (Some(peer), IqPayload::Set(element)) = (header.from.clone(), payload) else { return Vec::new() };
        if !self.knows(&peer) {
            return Vec::new();
        }
        let mut done = Vec::new();
        let result = match element.name() {
            "open" => self.take_open(&peer, element, manners),
            "data" => self.take_data(&peer, &element, &mut done),
            "close" => self.take_close(&peer, &element),
            _ => Err(DefinedCondition::FeatureNotImplemented),
        };
        let answer = match result {
            Ok(()) => IqPayload::Result(None),
            Err(condition) => IqPayload::Error(StanzaError::new(ErrorType::Cancel, condition, "en", "")),
        };
        let answer = answer.assemble(IqHeader { from: None, to: Some(peer), id: header.id });
        done.insert(0, Outcome::Send(answer.into()));
        done
    }

    /// Takes a message. What is not In-Band Bytestream data, comes from a stranger, or was kept by a server is dropped.
    pub(super) fn take_message(&mut self, message: &Message) -> Vec<Outcome> {
        let Some(peer) = message.from.clone().filter(|peer| self.knows(peer)) else { return Vec::new() };
        let delayed = message.payloads.iter().any(|one| one.is("delay", ns::DELAY));
        let data = message.payloads.iter().find(|one| one.is("data", ns::IBB));
        let mut done = Vec::new();
        if let Some(data) = data.filter(|_| !delayed)
            && self.take_data(&peer, data, &mut done).is_err()
        {
            tracing::debug!("{peer} sent data that does not belong anywhere");
        }
        done
    }

    /// The stanza that carries an answer; none where the session is over.
    pub(super) fn answer(&mut self, session: &Key, response: &Response, id: Option<&str>) -> Option<Stanza> {
        let opened = self.open.get_mut(session)?;
        let limit = usize::from(opened.session.block_size());
        let block = opened.session.send(rest::encode_response(response, id)).or_else(|too_large| {
            let words = format!("the answer has {} bytes, this session takes {limit}", too_large.size);
            let refusal = Response { diagnostic: Some(words), ..Response::status(Status::INTERNAL_ERROR) };
            opened.session.send(rest::encode_response(&refusal, id))
        });
        let block = block.ok()?;
        self.sent += 1;
        let data = Data { seq: block.seq, sid: StreamId(session.1.clone()), data: block.data };
        let number = format!("d{}", self.sent);
        Some(match opened.carrier {
            Carrier::Message => {
                let mut message = Message::normal(session.0.clone());
                message.id = Some(Id(number));
                message.payloads = vec![
                    data.into(),
                    Element::builder("no-store", HINTS).build(),
                    Element::builder("no-copy", HINTS).build(),
                ];
                message.into()
            }
            Carrier::Iq => Iq::from_set(number, data).with_to(session.0.clone()).into(),
        })
    }

    /// Begins an observation in a session; the first sequence number, if there is room.
    pub(super) fn observe(&mut self, session: &Key, href: &Href, id: Option<&str>) -> Option<u32> {
        let opened = self.open.get_mut(session)?;
        opened.observations.retain(|one| one.href != *href);
        if opened.observations.len() >= MOST_OBSERVATIONS {
            return None;
        }
        opened.observations.push(Observation { href: href.clone(), id: id.map(str::to_owned), sequence: 1 });
        Some(1)
    }

    /// Ends an observation.
    pub(super) fn leave_alone(&mut self, session: &Key, href: &Href) {
        if let Some(opened) = self.open.get_mut(session) {
            opened.observations.retain(|one| one.href.path() != href.path());
        }
    }

    /// Who is to be told of a change: the session, what they asked for, and the request's id and the next number.
    pub(super) fn observers(&mut self, change: &Change) -> Vec<(Key, Href, Option<String>, u32)> {
        let mut told = Vec::new();
        for (key, opened) in &mut self.open {
            for one in opened.observations.iter_mut().filter(|one| one.href.path() == change.href.path()) {
                one.sequence = (one.sequence + 1) & 0x00ff_ffff;
                told.push((key.clone(), one.href.clone(), one.id.clone(), one.sequence));
            }
        }
        told
    }

    fn knows(&self, peer: &Jid) -> bool {
        let bare = peer.to_bare();
        bare == self.own || self.contacts.contains(&bare)
    }

    fn take_open(&mut self, peer: &Jid, element: Element, manners: Manners) -> Result<(), DefinedCondition> {
        let open = Open::try_from(element).map_err(|_| DefinedCondition::BadRequest)?;
        if open.block_size == 0 {
            return Err(DefinedCondition::BadRequest);
        }
        if open.block_size > manners.largest_block {
            return Err(DefinedCondition::ResourceConstraint);
        }
        let theirs = self.open.keys().filter(|(who, _)| who == peer).count();
        let room = if manners.takes_one_session { 1 } else { MOST_OF_ONE_PEER };
        let key = (peer.clone(), open.sid.0);
        if theirs >= room || self.open.len() >= MOST || self.open.contains_key(&key) {
            return Err(DefinedCondition::NotAcceptable);
        }
        let opened = Opened { session: Session::new(open.block_size), carrier: open.stanza, observations: Vec::new() };
        self.open.insert(key, opened);
        Ok(())
    }

    fn take_close(&mut self, peer: &Jid, element: &Element) -> Result<(), DefinedCondition> {
        let sid = element.attr("sid").ok_or(DefinedCondition::BadRequest)?;
        let closed = self.open.remove(&(peer.clone(), sid.to_owned()));
        closed.map(|_| ()).ok_or(DefinedCondition::ItemNotFound)
    }

    fn take_data(&mut self, peer: &Jid, element: &Element, done: &mut Vec<Outcome>) -> Result<(), DefinedCondition> {
        let sid = element.attr("sid").ok_or(DefinedCondition::BadRequest)?;
        let key = (peer.clone(), sid.to_owned());
        let opened = self.open.get_mut(&key).ok_or(DefinedCondition::ItemNotFound)?;
        let seq = element.attr("seq").and_then(|seq| seq.parse().ok());
        // Lines of base64 may be wrapped.
        let text: Vec<u8> = element.text().bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let data = base64::engine::general_purpose::STANDARD.decode(text).ok();
        let (Some(seq), Some(data)) = (seq, data) else {
            self.close(&key, done);
            return Err(DefinedCondition::BadRequest);
        };
        match opened.session.receive(seq, data) {
            Ok(None) => {}
            Ok(Some(message)) => match rest::decode(&message) {
                Ok(Rest::Request { request, id }) => done.push(Outcome::Asked { session: key, request, id }),
                // The device asks nobody anything.
                Ok(Rest::Response { .. }) => {}
                Err(error) => {
                    let status = match error {
                        RestError::UnknownMethod(_) => Status::METHOD_NOT_ALLOWED,
                        _ => Status::BAD_REQUEST,
                    };
                    let refusal = Response { diagnostic: Some(error.to_string()), ..Response::status(status) };
                    done.extend(self.answer(&key, &refusal, None).map(Outcome::Send));
                }
            },
            Err(error) => {
                tracing::debug!("{peer}: {error}");
                self.close(&key, done);
                return Err(DefinedCondition::UnexpectedRequest);
            }
        }
        Ok(())
    }

    /// Ends a session whose stream is of no more use (XEP-0047 §2.2).
    fn close(&mut self, key: &Key, done: &mut Vec<Outcome>) {
        if self.open.remove(key).is_some() {
            self.sent += 1;
            let close = Close { sid: StreamId(key.1.clone()) };
            let iq = Iq::from_set(format!("c{}", self.sent), close).with_to(key.0.clone());
            done.push(Outcome::Send(iq.into()));
        }
    }
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
