//! In-Band Bytestream sessions on the live connection: which are open, and where what comes in them goes.
//!
//! Scope: `<open/>`, `<data/>` and `<close/>` in and out, for known (full JID, sid) only. Non-scope: what is said in them
//! (`peer`, `dialogue`), who may talk to us (`people`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use homeward_protocol::crudn::{Response, Status};
use homeward_protocol::remote::ibb::{Block, MAX_BLOCK, Session as Bytestream, TooLarge};
use homeward_protocol::remote::rest::{self, Rest};
use homeward_xmpp::{Ear, Handle, IqFailure};
use uuid::Uuid;
use xmpp_parsers::ibb::{Close, Data, Open, Stanza as Carrier, StreamId};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::{BareJid, FullJid, Jid};
use xmpp_parsers::message::{Id, Message, MessageType};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use super::RemoteError;
use super::allowance::Allowance;
use super::dialogue::{Heard, Place};
use super::peer::Peer;
use super::traffic::{Load, Traffic, on_the_wire};

/// Our choice: sessions that one peer may open towards us.
const MAX_OPENED_BY_PEER: usize = 4;
/// Our choice: sessions that all peers together may open towards us.
const MAX_OPENED_BY_ALL: usize = 256;
/// Our choice: peers whose allowance is kept in mind; those that used none of theirs are not.
const MAX_ALLOWANCES: usize = 1024;
/// What a stanza holds besides the base64: addresses, ids, tags. `requirements.md`'s 1 KiB.
const STANZA_OVERHEAD: u32 = 1024;
/// The block that we offer to a peer that finds the first offer too large (XEP-0047 §2.1).
const SMALL_BLOCK: u16 = 4096;
/// Our choice: the answer to a `<close/>` tells us nothing that we could act on.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);
const HINTS: &str = "urn:xmpp:hints";

/// All sessions of the live connection, and the peers that they are with.
#[derive(Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
    /// What the server takes, where it closed the stream over a larger stanza; outlives the connection.
    learnt_limit: Mutex<Option<u32>>,
    /// Accounts of ours that may become contacts now.
    expected: Mutex<HashSet<BareJid>>,
}

/// An account is expected for as long as this lives.
pub(super) struct Expected<'a>(&'a Sessions, BareJid);

impl Drop for Expected<'_> {
    fn drop(&mut self) {
        self.0.expected().remove(&self.1);
    }
}

#[derive(Default)]
struct State {
    handle: Option<Handle>,
    open: HashMap<Key, Entry>,
    peers: HashMap<FullJid, Arc<Peer>>,
    traffic: Traffic,
    /// Of the full JIDs that sent something lately.
    allowances: HashMap<FullJid, Allowance>,
    /// The largest stanza that was sent on this connection, in bytes.
    largest_sent: usize,
    /// Whether the server may have kept messages for us.
    resumed: bool,
}

/// A session is known by who is at the other end, and its `sid`.
type Key = (FullJid, String);

struct Entry {
    stream: Bytestream,
    opened_by_peer: bool,
}

/// What became of a block.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    Well,
    /// Of no session that is open.
    NotOurs,
    /// It ended its session.
    Over,
    /// It ended all sessions with its sender.
    TooMuch,
}

/// Why a message was not sent.
pub(super) enum NotSent {
    /// The session, or the connection, is over.
    Over,
    /// It does not fit the session's block.
    TooLarge(TooLarge),
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection is up.
    pub(super) fn attach(&self, handle: Handle) {
        self.state().handle = Some(handle);
    }

    /// The connection broke, and another goes on where it ended.
    pub(super) fn resumed(&self) {
        self.state().resumed = true;
    }

    /// The connection is down: every session is over, every request under way ends.
    pub(super) fn detach(&self) {
        let ended = std::mem::take(&mut *self.state());
        // Outside of the lock, which a session takes when it ends.
        for peer in ended.peers.into_values() {
            peer.over();
        }
    }

    /// The server ended the stream because of something that we sent: a stanza that was too large for it, unless all
    /// were small. Offers are smaller from now on.
    pub(super) fn was_too_large(&self) {
        let largest = u32::try_from(self.state().largest_sent).unwrap_or(u32::MAX);
        if largest > 2 * STANZA_OVERHEAD + u32::from(SMALL_BLOCK) {
            let mut learnt = self.learnt_limit.lock().unwrap_or_else(PoisonError::into_inner);
            *learnt = Some(learnt.unwrap_or(u32::MAX).min(largest / 4 * 3));
        }
    }

    /// Another server takes what it takes.
    pub(super) fn forget_limit(&self) {
        *self.learnt_limit.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn largest_block(&self, handle: &Handle) -> u16 {
        let learnt = *self.learnt_limit.lock().unwrap_or_else(PoisonError::into_inner);
        largest_block(handle.stanza_limit().into_iter().chain(learnt).min())
    }

    /// Somebody has gone: the sessions with them are over.
    pub(super) fn forget(&self, jid: &FullJid) {
        let mut state = self.state();
        state.open.retain(|(peer, _), _| peer != jid);
        let ended = state.peers.remove(jid);
        drop(state);
        if let Some(peer) = ended {
            peer.over();
        }
    }

    /// The device at this address.
    pub(super) fn peer(&self, jid: &FullJid) -> Arc<Peer> {
        let mut state = self.state();
        if let Some(peer) = state.peers.get(jid) {
            return peer.clone();
        }
        let peer = Arc::new(Peer::new(jid.clone()));
        state.peers.insert(jid.clone(), peer.clone());
        peer
    }

    fn expected(&self) -> MutexGuard<'_, HashSet<BareJid>> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This account may become our contact, until what is returned is dropped.
    pub(super) fn expect(&self, account: BareJid) -> Expected<'_> {
        self.expected().insert(account.clone());
        Expected(self, account)
    }

    pub(super) fn expects(&self, account: &BareJid) -> bool {
        self.expected().contains(account)
    }

    pub(super) fn handle(&self) -> Option<Handle> {
        self.state().handle.clone()
    }

    /// Whoever listens is told of each stanza to and from this address, while the connection lasts.
    pub(super) fn listen_in(&self, jid: &FullJid, ear: Weak<dyn Ear>) {
        if let Some(handle) = self.handle() {
            handle.listen_in(jid.clone(), ear);
        }
    }

    /// Opens a session to a device (RA-16). A device that finds the block too large is offered a smaller one, once.
    pub(super) async fn open(
        self: &Arc<Self>,
        jid: &FullJid,
        deadline: Duration,
    ) -> Result<Arc<OpenSession>, RemoteError> {
        let handle = self.handle().ok_or(RemoteError::NotThere)?;
        if !self.is_heard(jid) {
            return Err(RemoteError::CutOff);
        }
        let mut block_size = self.largest_block(&handle);
        loop {
            let sid = Uuid::new_v4().simple().to_string();
            let open = Open { block_size, sid: StreamId(sid.clone()), stanza: Carrier::Message };
            // Registered first: the device may send as soon as it has accepted.
            let entry = Entry { stream: Bytestream::new(block_size), opened_by_peer: false };
            self.state().open.insert((jid.clone(), sid.clone()), entry);
            let session = OpenSession { sessions: Arc::downgrade(self), handle: handle.clone(), jid: jid.clone(), sid };
            match handle.set(Some(jid.clone().into()), open.into(), deadline).await {
                Ok(_) => return Ok(Arc::new(session)),
                Err(IqFailure::Refused { condition: DefinedCondition::ResourceConstraint, .. })
                    if block_size > SMALL_BLOCK =>
                {
                    block_size = SMALL_BLOCK;
                }
                Err(IqFailure::Refused { condition, text }) => {
                    use DefinedCondition as C;
                    return Err(match condition {
                        // What a server says for a resource that has gone (RFC 6121 §8.5.3.2.3).
                        C::ItemNotFound | C::RecipientUnavailable | C::RemoteServerNotFound | C::ServiceUnavailable => {
                            RemoteError::NotThere
                        }
                        _ => RemoteError::SessionRefused(format!("{condition:?} {text}").trim().to_owned()),
                    });
                }
                Err(IqFailure::NoAnswer) => return Err(RemoteError::NoAnswer { sent: false }),
                Err(IqFailure::Closed) => return Err(RemoteError::NotThere),
            }
        }
    }

    /// A message: a block of a known session, or nothing of ours. Returns who is cut off for sending too much.
    pub(super) fn message(&self, message: &Message) -> Option<FullJid> {
        let jid = message.from.clone()?.try_into_full().ok()?;
        // A block that was stored and comes late must not be taken for one of today; unless the server kept it for this
        // very session while its connection was broken (XEP-0198).
        let is_late = message.payloads.iter().any(|payload| payload.is("delay", ns::DELAY));
        if is_late && !self.state().resumed {
            return None;
        }
        if message.type_ == MessageType::Error {
            // Our own block came back: it did not arrive, and IBB has no resend. Servers need not repeat what it was.
            if let Some((sid, _)) = message.id.as_ref().and_then(|id| id.0.rsplit_once('-')) {
                self.end(&jid, sid);
            }
            return None;
        }
        let mut cut_off = false;
        for payload in message.payloads.iter().filter(|payload| payload.is("data", ns::IBB)) {
            cut_off |= self.data(&jid, payload) == Taken::TooMuch;
        }
        cut_off.then_some(jid)
    }

    /// A block of a session; one that cannot be read, or is out of order, ends it.
    fn data(&self, jid: &FullJid, payload: &Element) -> Taken {
        let Some(sid) = payload.attr("sid") else { return Taken::NotOurs };
        let key = (jid.clone(), sid.to_owned());
        let mut guard = self.state();
        let state = &mut *guard;
        if state.allowances.len() >= MAX_ALLOWANCES {
            state.allowances.retain(|_, allowance| !allowance.is_whole());
            if state.allowances.len() >= MAX_ALLOWANCES {
                state.allowances.clear();
            }
        }
        let allowance = state.allowances.entry(jid.clone()).or_default();
        if !allowance.is_heard() {
            return Taken::NotOurs;
        }
        let data = read_data(payload);
        let bytes = data.as_ref().map_or(0, |data| data.data.len());
        if !allowance.takes(bytes) {
            drop(guard);
            self.cut_off(jid);
            return Taken::TooMuch;
        }
        let Some(entry) = state.open.get_mut(&key) else { return Taken::NotOurs };
        let place = if entry.opened_by_peer { Place::Theirs } else { Place::Ours(sid) };
        state.traffic.moved(bytes);
        let whole = data.map(|data| entry.stream.receive(data.seq, data.data));
        let peer = state.peers.get(jid).cloned();
        drop(guard);
        let goes_on = match whole {
            Some(Ok(Some(message))) => self.hear(jid, sid, peer.as_deref(), place, &message),
            Some(Ok(None)) => true,
            Some(Err(error)) => {
                tracing::debug!("a session with {jid} ends: {error}");
                false
            }
            None => false,
        };
        if !goes_on {
            self.end(jid, sid);
            return Taken::Over;
        }
        Taken::Well
    }

    /// Ends all sessions with a peer, its own and ours. It is not heard for a while.
    fn cut_off(&self, jid: &FullJid) {
        tracing::warn!("{jid} sends too much, and is not heard for {:?}", super::allowance::SILENCE);
        self.end_all(jid, |_| true);
    }

    fn is_heard(&self, jid: &FullJid) -> bool {
        self.state().allowances.get_mut(jid).is_none_or(Allowance::is_heard)
    }

    /// A whole message. False ends the session.
    fn hear(&self, jid: &FullJid, sid: &str, peer: Option<&Peer>, place: Place<'_>, message: &[u8]) -> bool {
        match rest::decode(message) {
            Ok(Rest::Response { response, id }) => {
                let Some(heard) = peer.map(|peer| peer.hear(place, response, id.as_deref())) else { return true };
                if heard == Heard::Answer
                    && let Some(allowance) = self.state().allowances.get_mut(jid)
                {
                    allowance.was_asked_for(message.len());
                }
                heard != Heard::Nonsense
            }
            // A device that is a client too may send requests; we serve none (RA-9).
            Ok(Rest::Request { id, .. }) => {
                let refusal = Response::status(Status::METHOD_NOT_ALLOWED);
                self.say(jid, sid, rest::encode_response(&refusal, id.as_deref()))
            }
            Err(error) => {
                tracing::debug!("a message of {jid} was unreadable: {error}");
                match place {
                    Place::Ours(_) => peer.is_none_or(|peer| peer.hear_unreadable(sid, error)),
                    Place::Theirs => {
                        let refusal = Response::status(Status::BAD_REQUEST);
                        self.say(jid, sid, rest::encode_response(&refusal, None))
                    }
                }
            }
        }
    }

    /// Says something that nobody waits for; it is left unsaid where the connection is busy. False: the session is over.
    fn say(&self, jid: &FullJid, sid: &str, message: Vec<u8>) -> bool {
        let Some(handle) = self.handle() else { return false };
        let Some(place) = handle.try_place() else { return true };
        self.send(jid, sid, message, place).is_ok()
    }

    /// Sends one message as one block (RA-17). Blocks are numbered in the order in which they are queued.
    /// Returns the stanza's id.
    fn send(
        &self,
        jid: &FullJid,
        sid: &str,
        message: Vec<u8>,
        place: homeward_xmpp::Place<'_>,
    ) -> Result<String, NotSent> {
        let mut guard = self.state();
        let state = &mut *guard;
        let entry = state.open.get_mut(&(jid.clone(), sid.to_owned())).ok_or(NotSent::Over)?;
        let block = entry.stream.send(message).map_err(NotSent::TooLarge)?;
        state.traffic.moved(block.data.len());
        state.largest_sent = state.largest_sent.max(on_the_wire(block.data.len()));
        let data = Data { seq: block.seq, sid: StreamId(sid.to_owned()), data: block.data };
        let id = stanza_id(&data);
        place.send(carrying(jid, id.clone(), data).into());
        Ok(id)
    }

    /// An IBB `iq`; returns the answer. `may_talk`: whether its sender is of our account or a contact (RA-14).
    pub(super) fn iq(&self, iq: &Iq, may_talk: bool) -> Option<Iq> {
        let (Iq::Get { from: Some(from), id, payload, .. } | Iq::Set { from: Some(from), id, payload, .. }) = iq else {
            return None;
        };
        if !may_talk {
            return None;
        }
        let accepted = match from.clone().try_into_full() {
            Err(_) => Err(DefinedCondition::NotAcceptable),
            Ok(jid) if payload.is("open", ns::IBB) => self.opened(&jid, payload),
            Ok(jid) if payload.is("data", ns::IBB) => match self.data(&jid, payload) {
                Taken::Well => Ok(()),
                Taken::NotOurs | Taken::Over => Err(DefinedCondition::ItemNotFound),
                Taken::TooMuch => Err(DefinedCondition::PolicyViolation),
            },
            Ok(jid) if payload.is("close", ns::IBB) => {
                let known = self.over(&jid, payload.attr("sid").unwrap_or_default());
                known.then_some(()).ok_or(DefinedCondition::ItemNotFound)
            }
            Ok(_) => Err(DefinedCondition::BadRequest),
        };
        Some(match accepted {
            Ok(()) => Iq::empty_result(from.clone(), id.clone()),
            Err(condition) => {
                let error = StanzaError::new(ErrorType::Cancel, condition, "en", "");
                Iq::from_error(id.clone(), error).with_to(from.clone())
            }
        })
    }

    /// The other side may open a session too: to answer us there, or to ask.
    fn opened(&self, jid: &FullJid, payload: &Element) -> Result<(), DefinedCondition> {
        let open = Open::try_from(payload.clone()).map_err(|_| DefinedCondition::BadRequest)?;
        let key = (jid.clone(), open.sid.0);
        if !self.is_heard(jid) {
            return Err(DefinedCondition::PolicyViolation);
        }
        let mut state = self.state();
        let theirs = state.open.iter().filter(|(_, entry)| entry.opened_by_peer);
        let (all, of_peer) =
            theirs.fold((0, 0), |(all, of_peer), ((peer, _), _)| (all + 1, of_peer + usize::from(peer == jid)));
        if state.open.contains_key(&key) || open.block_size == 0 {
            return Err(DefinedCondition::NotAcceptable);
        }
        if all >= MAX_OPENED_BY_ALL || of_peer >= MAX_OPENED_BY_PEER {
            return Err(DefinedCondition::ResourceConstraint);
        }
        state.open.insert(key, Entry { stream: Bytestream::new(open.block_size), opened_by_peer: true });
        Ok(())
    }

    fn is_open(&self, jid: &FullJid, sid: &str) -> bool {
        self.state().open.contains_key(&(jid.clone(), sid.to_owned()))
    }

    /// The session is over, without a word to the other side; whether it was open.
    fn over(&self, jid: &FullJid, sid: &str) -> bool {
        let mut state = self.state();
        let known = state.open.remove(&(jid.clone(), sid.to_owned())).is_some();
        let peer = state.peers.get(jid).cloned();
        drop(state);
        if let Some(peer) = peer.filter(|_| known) {
            peer.session_over(sid);
        }
        known
    }

    /// Ends a session: what is out in it ends, and the other side is told.
    fn end(&self, jid: &FullJid, sid: &str) {
        let handle = self.handle();
        if self.over(jid, sid)
            && let Some(handle) = handle
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (to, close) = (Jid::from(jid.clone()), Close { sid: StreamId(sid.to_owned()) });
            runtime.spawn(async move { handle.set(Some(to), close.into(), CLOSE_DEADLINE).await });
        }
    }

    /// Ends the sessions with this device that are wanted to end.
    fn end_all(&self, jid: &FullJid, wanted: impl Fn(&Entry) -> bool) {
        let sids: Vec<String> = {
            let state = self.state();
            let theirs = state.open.iter().filter(|((peer, _), entry)| peer == jid && wanted(entry));
            theirs.map(|((_, sid), _)| sid.clone()).collect()
        };
        for sid in sids {
            self.end(jid, &sid);
        }
    }
}

/// 65535, or ¾ of what the server's largest stanza leaves, in bytes before base64.
fn largest_block(stanza_limit: Option<u32>) -> u16 {
    let Some(limit) = stanza_limit else { return MAX_BLOCK };
    let room = limit.saturating_sub(STANZA_OVERHEAD) / 4 * 3;
    u16::try_from(room).unwrap_or(MAX_BLOCK).max(1)
}

/// `<data/>`.
fn read_data(payload: &Element) -> Option<Block> {
    Block::read(payload.attr("seq")?, &payload.text())
}

/// What comes back tells by it which session it was of.
fn stanza_id(data: &Data) -> String {
    format!("{}-{}", data.sid.0, data.seq)
}

/// A block in a `normal` message that no server keeps or copies.
fn carrying(jid: &FullJid, id: String, data: Data) -> Message {
    let hint = |name: &str| Element::builder(name, HINTS).build();
    let mut stanza = Message::new_with_type(MessageType::Normal, Some(Jid::from(jid.clone())));
    stanza.id = Some(Id(id));
    stanza.payloads = vec![data.into(), hint("no-store"), hint("no-copy")];
    stanza
}

/// A session that we opened; ends when dropped.
pub(super) struct OpenSession {
    sessions: Weak<Sessions>,
    handle: Handle,
    jid: FullJid,
    sid: String,
}

impl OpenSession {
    /// Its name.
    pub(super) fn sid(&self) -> &str {
        &self.sid
    }

    /// Whether it goes on, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.sessions.upgrade().is_some_and(|sessions| sessions.is_open(&self.jid, &self.sid))
    }

    /// Sends one message; waits while the connection is busy. Returns what to withdraw it by.
    pub(super) async fn send(&self, message: Vec<u8>) -> Result<String, NotSent> {
        let place = self.handle.place().await.map_err(|_| NotSent::Over)?;
        let sessions = self.sessions.upgrade().ok_or(NotSent::Over)?;
        sessions.send(&self.jid, &self.sid, message, place)
    }

    /// Nobody waits any more for what a message would bring about: it does not go out later.
    pub(super) fn withdraw(&self, id: String) {
        self.handle.withdraw(id);
    }

    /// Whether something long is on its way to us now, which may be an answer.
    pub(super) fn is_hearing(&self) -> bool {
        self.handle.is_hearing()
    }

    /// A request of this size goes out; and how much longer than on an idle link its answer may take.
    pub(super) fn begin(&self, message: usize) -> (Option<Load>, Duration) {
        let sessions = self.sessions.upgrade();
        sessions.map_or((None, Duration::ZERO), |sessions| {
            let (load, more) = sessions.state().traffic.begin(message);
            (Some(load), more)
        })
    }

    /// It was answered, or is waited for no more.
    pub(super) fn finish(&self, load: Load, answered: bool) {
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.state().traffic.end(load, answered);
        }
    }

    /// Says something that nobody waits for.
    pub(super) fn say(&self, message: Vec<u8>) {
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.say(&self.jid, &self.sid, message);
        }
    }

    /// Ends it now, whoever holds it, and every session that the device has opened: an answer that comes late in one of
    /// them could be taken for another's.
    pub(super) fn end_with_theirs(&self) {
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.end(&self.jid, &self.sid);
            sessions.end_all(&self.jid, |entry| entry.opened_by_peer);
        }
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.end(&self.jid, &self.sid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_block_fits_the_servers_stanzas() {
        assert_eq!(largest_block(None), 65535);
        assert_eq!(largest_block(Some(262_144)), 65535);
        assert_eq!(largest_block(Some(65_536)), 48_384);
        assert_eq!(largest_block(Some(0)), 1);
    }

    #[test]
    fn wrapped_base64_is_read() {
        let wrapped: Element = "<data xmlns='http://jabber.org/protocol/ibb' seq='3' sid='s'>\n  aGVs\n  bG8=\n</data>"
            .parse()
            .expect("XML");
        assert_eq!(read_data(&wrapped).map(|data| (data.seq, data.data)), Some((3, b"hello".to_vec())));
    }

    #[test]
    fn what_is_no_block_is_not_read() {
        for text in ["seq='65536' sid='s'>AA==", "sid='s'>AA==", "seq='1' sid='s'>?"] {
            let element: Element =
                format!("<data xmlns='http://jabber.org/protocol/ibb' {text}</data>").parse().expect("XML");
            assert!(read_data(&element).is_none(), "{text}");
        }
    }
}
