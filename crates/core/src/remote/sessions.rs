//! In-Band Bytestream sessions on the live connection: which are open, and where their blocks go.
//!
//! Scope: `<open/>`, `<data/>` and `<close/>` in and out, for known (full JID, sid) only. Non-scope: what the blocks mean
//! (`crudn`), who may talk to us (`people`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_protocol::remote::ibb::{MAX_BLOCK, Session as Bytestream};
use homeward_xmpp::{Handle, IqFailure};
use tokio::sync::mpsc;
use uuid::Uuid;
use xmpp_parsers::ibb::{Close, Data, Open, Stanza as Carrier, StreamId};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::message::{Id, Message, MessageType};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use super::RemoteError;
use super::conversation::serve;
use super::crudn::Peer;

/// Our choice: blocks that one session may be ahead of its reader; a peer that sends more is cut off.
const MAX_BLOCKS_AHEAD: usize = 64;
/// Our choice: sessions that one peer may open towards us.
const MAX_OPENED_BY_PEER: usize = 4;
/// Our choice: sessions that all peers together may open towards us.
const MAX_OPENED_BY_ALL: usize = 256;
/// What a stanza holds besides the base64: addresses, ids, tags. `requirements.md`'s 1 KiB.
const STANZA_OVERHEAD: u32 = 1024;
/// The block that we offer to a peer that finds the first offer too large (XEP-0047 §2.1).
const SMALL_BLOCK: u16 = 4096;
const HINTS: &str = "urn:xmpp:hints";

/// One block for a session, or its end.
pub(super) type Frame = (u16, Vec<u8>);

/// All sessions of the live connection, and the peers' request queues.
#[derive(Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    handle: Option<Handle>,
    open: HashMap<(FullJid, String), Entry>,
    peers: HashMap<FullJid, Arc<Peer>>,
}

struct Entry {
    frames: mpsc::Sender<Frame>,
    opened_by_peer: bool,
}

impl Sessions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The connection is up.
    pub(super) fn attach(&self, handle: Handle) {
        self.state().handle = Some(handle);
    }

    /// The connection is down: every session is over, every request under way ends.
    pub(super) fn detach(&self) {
        let ended = std::mem::take(&mut *self.state());
        // Outside of the lock, which a session takes when it ends.
        drop(ended);
    }

    /// A device has gone: its sessions are over.
    pub(super) fn forget(&self, jid: &FullJid) {
        let mut state = self.state();
        state.open.retain(|(peer, _), _| peer != jid);
        let ended = state.peers.remove(jid);
        drop(state);
        drop(ended);
    }

    /// The request queue of a device.
    pub(super) fn peer(&self, jid: &FullJid) -> Arc<Peer> {
        self.state().peers.entry(jid.clone()).or_default().clone()
    }

    pub(super) fn handle(&self) -> Result<Handle, RemoteError> {
        self.state().handle.clone().ok_or(RemoteError::NotThere)
    }

    /// Opens a session to a device (RA-16). A device that finds the block too large is offered a smaller one, once.
    pub(super) async fn open(self: &Arc<Self>, jid: &FullJid, deadline: Duration) -> Result<OpenSession, RemoteError> {
        let handle = self.handle()?;
        let mut block_size = largest_block(handle.stanza_limit());
        loop {
            let sid = Uuid::new_v4().simple().to_string();
            // Registered first: the device may send as soon as it has accepted.
            let session = self.register(handle.clone(), jid.clone(), sid.clone(), block_size, false);
            let open = Open { block_size, sid: StreamId(sid), stanza: Carrier::Message };
            match handle.set(Some(jid.clone().into()), open.into(), deadline).await {
                Ok(_) => return Ok(session),
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

    fn register(
        self: &Arc<Self>,
        handle: Handle,
        jid: FullJid,
        sid: String,
        block_size: u16,
        opened_by_peer: bool,
    ) -> OpenSession {
        let (frames, incoming) = mpsc::channel(MAX_BLOCKS_AHEAD);
        self.state().open.insert((jid.clone(), sid.clone()), Entry { frames, opened_by_peer });
        OpenSession { sessions: self.clone(), handle, jid, sid, stream: Bytestream::new(block_size), incoming }
    }

    /// A message: a block of a known session, or nothing of ours.
    pub(super) fn message(&self, message: &Message) {
        let Some(jid) = message.from.clone().and_then(|from| from.try_into_full().ok()) else { return };
        // A block that was stored and comes late must not be taken for one of today.
        if message.payloads.iter().any(|payload| payload.is("delay", ns::DELAY)) {
            return;
        }
        if message.type_ == MessageType::Error {
            // Our own block came back: it did not arrive, and IBB has no resend. Servers need not repeat what it was.
            if let Some((sid, _)) = message.id.as_ref().and_then(|id| id.0.rsplit_once('-')) {
                self.drop_session(&jid, sid);
            }
            return;
        }
        for payload in message.payloads.iter().filter(|payload| payload.is("data", ns::IBB)) {
            self.data(&jid, payload);
        }
    }

    /// Blocks go to their session; one that cannot be read, or finds its reader asleep, ends the session.
    fn data(&self, jid: &FullJid, payload: &Element) -> bool {
        let Some(sid) = payload.attr("sid") else { return false };
        let key = (jid.clone(), sid.to_owned());
        let Some(frames) = self.state().open.get(&key).map(|entry| entry.frames.clone()) else { return false };
        let taken = read_data(payload).is_some_and(|data| frames.try_send((data.seq, data.data)).is_ok());
        if !taken {
            self.drop_session(jid, sid);
        }
        taken
    }

    fn drop_session(&self, jid: &FullJid, sid: &str) {
        self.state().open.remove(&(jid.clone(), sid.to_owned()));
    }

    /// An IBB `iq`; returns the answer. `may_talk`: whether its sender is of our account or a contact (RA-14).
    pub(super) fn iq(self: &Arc<Self>, iq: &Iq, may_talk: bool) -> Option<Iq> {
        let (Iq::Get { from: Some(from), id, payload, .. } | Iq::Set { from: Some(from), id, payload, .. }) = iq else {
            return None;
        };
        if !may_talk {
            return None;
        }
        let accepted = match from.clone().try_into_full() {
            Err(_) => Err(DefinedCondition::NotAcceptable),
            Ok(jid) if payload.is("open", ns::IBB) => self.opened(&jid, payload),
            Ok(jid) if payload.is("data", ns::IBB) => {
                self.data(&jid, payload).then_some(()).ok_or(DefinedCondition::ItemNotFound)
            }
            Ok(jid) if payload.is("close", ns::IBB) => {
                let sid = payload.attr("sid").unwrap_or_default();
                let known = self.state().open.remove(&(jid, sid.to_owned())).is_some();
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

    /// The other side may open a session too; its requests are answered there.
    fn opened(self: &Arc<Self>, jid: &FullJid, payload: &Element) -> Result<(), DefinedCondition> {
        let open = Open::try_from(payload.clone()).map_err(|_| DefinedCondition::BadRequest)?;
        let handle = self.handle().map_err(|_| DefinedCondition::ServiceUnavailable)?;
        let sid = open.sid.0;
        {
            let state = self.state();
            let theirs = state.open.iter().filter(|(_, entry)| entry.opened_by_peer);
            let (all, of_peer) =
                theirs.fold((0, 0), |(all, of_peer), ((peer, _), _)| (all + 1, of_peer + usize::from(peer == jid)));
            if state.open.contains_key(&(jid.clone(), sid.clone())) || open.block_size == 0 {
                return Err(DefinedCondition::NotAcceptable);
            }
            if all >= MAX_OPENED_BY_ALL || of_peer >= MAX_OPENED_BY_PEER {
                return Err(DefinedCondition::ResourceConstraint);
            }
        }
        let session = self.register(handle, jid.clone(), sid, open.block_size, true);
        tokio::spawn(serve(session));
        Ok(())
    }
}

/// 65535, or ¾ of what the server's largest stanza leaves, in bytes before base64.
fn largest_block(stanza_limit: Option<u32>) -> u16 {
    let Some(limit) = stanza_limit else { return MAX_BLOCK };
    let room = limit.saturating_sub(STANZA_OVERHEAD) / 4 * 3;
    u16::try_from(room).unwrap_or(MAX_BLOCK).max(1)
}

/// `<data/>`; peers wrap their base64 as the XEP's examples do, so white space is dropped first.
fn read_data(payload: &Element) -> Option<Data> {
    let text = payload.text();
    let packed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let data = STANDARD.decode(packed).ok()?;
    Some(Data { seq: payload.attr("seq")?.parse().ok()?, sid: StreamId(payload.attr("sid")?.to_owned()), data })
}

/// One open session; closed when dropped.
pub(super) struct OpenSession {
    sessions: Arc<Sessions>,
    handle: Handle,
    jid: FullJid,
    sid: String,
    stream: Bytestream,
    incoming: mpsc::Receiver<Frame>,
}

impl OpenSession {
    /// Sends one message as one block (RA-17), in a `normal` message that no server keeps or copies.
    pub(super) async fn send(&mut self, message: Vec<u8>) -> Result<(), RemoteError> {
        let block = self.stream.send(message)?;
        let data = Data { seq: block.seq, sid: StreamId(self.sid.clone()), data: block.data };
        let hint = |name: &str| Element::builder(name, HINTS).build();
        let mut stanza = Message::new_with_type(MessageType::Normal, Some(Jid::from(self.jid.clone())));
        stanza.id = Some(Id(format!("{}-{}", self.sid, block.seq)));
        stanza.payloads = vec![data.into(), hint("no-store"), hint("no-copy")];
        self.handle.send(stanza.into()).await.map_err(|_| RemoteError::NotThere)
    }

    /// The next whole message; `None` once the session is over.
    pub(super) async fn receive(&mut self) -> Option<Vec<u8>> {
        loop {
            let (seq, data) = self.incoming.recv().await?;
            match self.stream.receive(seq, data) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!("session with {} closed: {error}", self.jid);
                    return None;
                }
            }
        }
    }

    /// The device at the other end.
    pub(super) fn jid(&self) -> &FullJid {
        &self.jid
    }
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        let known = self.sessions.state().open.remove(&(self.jid.clone(), self.sid.clone())).is_some();
        if !known {
            return; // closed by the other side, or with the connection
        }
        let (handle, to) = (self.handle.clone(), Jid::from(self.jid.clone()));
        let close = Close { sid: StreamId(self.sid.clone()) };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // The answer tells us nothing that we could act on.
            runtime.spawn(async move { handle.set(Some(to), close.into(), Duration::from_secs(5)).await });
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
