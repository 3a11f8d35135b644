//! A CoAP server (RFC 7252, 7641, 7959) for one device.
//!
//! Scope: reading and sending datagrams, losing and doubling them, confirmable messages of its own, notifications.
//! Requests are in `questions`. Non-scope: what the resources are.

use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_protocol::coap::block::{self, BlockSize};
use homeward_protocol::coap::message::{self, Format, MessageError};
use homeward_protocol::coap::{MessageType, Packet};
use homeward_protocol::crudn::{Method, Response, Status};
use rand::Rng;
use tokio::net::UdpSocket;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::memory::{Answered, Key, Requests, Unacknowledged, Verdict};
use super::observers::{Observer, Observers};
use super::questions::Transfers;
use super::secure::Outgoing;
use super::sockets::Sockets;
use crate::model::{Asker, Change, Dialect, Via};
use crate::unit::Unit;

/// Our choice: the largest datagram that is read. Larger bodies come in blocks.
pub(super) const LARGEST_DATAGRAM: usize = 4096;
/// ACK_TIMEOUT, RFC 7252 §4.8.
const ACK_TIMEOUT: Duration = Duration::from_secs(2);
/// MAX_RETRANSMIT, RFC 7252 §4.8.
const MAX_RETRANSMIT: u32 = 4;

/// Who is at the other end, and where: in the clear and over a session are two, though the address be the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) at: SocketAddr,
    pub(super) asker: Asker,
}

impl Peer {
    pub(super) fn in_the_clear(at: SocketAddr) -> Self {
        Self { at, asker: Asker::Anybody }
    }
}

/// Where a datagram came from, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sender {
    pub(super) peer: Peer,
    pub(super) multicast: bool,
}

/// The server of one device.
pub(super) struct Server {
    pub(super) unit: Arc<Unit>,
    sockets: Sockets,
    /// To the task of the secured sessions.
    secured: mpsc::Sender<Outgoing>,
    pub(super) leisure: Duration,
    stop: CancellationToken,
    memory: Mutex<Memory>,
    next_id: AtomicU16,
}

/// What it keeps between datagrams.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) requests: Requests,
    unacknowledged: Unacknowledged,
    pub(super) observers: Observers,
    pub(super) transfers: Transfers,
}

impl Server {
    /// `secured`: to the task of the secured sessions, where the device has some.
    pub(super) fn new(
        unit: Arc<Unit>,
        sockets: Sockets,
        secured: mpsc::Sender<Outgoing>,
        leisure: Duration,
        stop: CancellationToken,
    ) -> Arc<Self> {
        let next_id = AtomicU16::new(rand::rng().random());
        Arc::new(Self { unit, sockets, secured, leisure, stop, memory: Mutex::default(), next_id })
    }

    /// Serves until it is told to stop.
    pub(super) fn start(self: Arc<Self>) {
        for which in Which::ALL.into_iter().filter(|which| which.socket(&self.sockets).is_some()) {
            let server = Arc::clone(&self);
            self.spawn(async move { server.read(which).await });
        }
        let server = Arc::clone(&self);
        let mut changes = self.unit.changes();
        self.spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(change) => server.notify(&change),
                    Err(RecvError::Lagged(_)) => server.notify_all(),
                    Err(RecvError::Closed) => return,
                }
            }
        });
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        tokio::spawn(async move {
            stop.run_until_cancelled(work).await;
        });
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(self: Arc<Self>, which: Which) {
        let Some(socket) = which.socket(&self.sockets) else { return };
        let mut datagram = vec![0; LARGEST_DATAGRAM];
        let mut failures = 0;
        while failures < 100 {
            match socket.recv_from(&mut datagram).await {
                Ok((length, at)) => {
                    failures = 0;
                    let sender = Sender { peer: Peer::in_the_clear(at), multicast: which.is_multicast() };
                    self.take(datagram.get(..length).unwrap_or_default(), sender);
                }
                // Windows reports here that an earlier answer was not wanted.
                Err(error) => {
                    failures += 1;
                    tracing::debug!("a datagram could not be read: {error}");
                }
            }
        }
        tracing::warn!("{}: a socket is not readable any more", self.unit.identity.key);
    }

    fn take(self: &Arc<Self>, datagram: &[u8], sender: Sender) {
        if !self.unit.state().knobs.loss.takes_incoming() {
            self.take_message(datagram, sender);
        }
    }

    /// What a peer said over its secured session.
    pub(super) fn take_secured(self: &Arc<Self>, datagram: &[u8], at: SocketAddr, asker: Asker) {
        self.take_message(datagram, Sender { peer: Peer { at, asker }, multicast: false });
    }

    fn take_message(self: &Arc<Self>, datagram: &[u8], sender: Sender) {
        let packet = match message::decode(datagram) {
            Ok(packet) => packet,
            Err(MessageError::Version(_)) => return,
            Err(error) => {
                tracing::debug!("{} sent what is no message: {error}", sender.peer.at);
                return;
            }
        };
        let key = (sender.peer, packet.header.message_id);
        match packet.header.get_type() {
            MessageType::Acknowledgement => {
                self.memory().unacknowledged.settle(key, Verdict::Taken);
            }
            MessageType::Reset => {
                let mut memory = self.memory();
                // At once: the next datagram may be what changes the resource (RFC 7641 §3.6).
                if let Some(token) = memory.unacknowledged.settle(key, Verdict::Rejected) {
                    memory.observers.end(sender.peer, &token);
                }
            }
            _ if message::is_request(&packet) => self.request(packet, sender),
            // CoAP's ping, and answers that nobody asked for (RFC 7252 §4.2, §4.3).
            MessageType::Confirmable if !sender.multicast => {
                self.send(&message::empty(MessageType::Reset, packet.header.message_id), sender.peer);
            }
            _ => {}
        }
    }

    /// Remembers what was sent in answer to a request, and sends it.
    pub(super) fn send_remembered(&self, packet: &Packet, key: Key) {
        let Some(bytes) = encoded(packet) else { return };
        self.memory().requests.answered(key, Answered::With(bytes.clone()));
        self.send_bytes(&bytes, key.0);
    }

    /// Sends a message once, from the device's own port.
    pub(super) fn send(&self, packet: &Packet, to: Peer) {
        if let Some(bytes) = encoded(packet) {
            self.send_bytes(&bytes, to);
        }
    }

    pub(super) fn send_bytes(&self, bytes: &[u8], to: Peer) {
        if to.asker != Asker::Anybody {
            // What the task does not take is lost, as on the way.
            let _ = self.secured.try_send((to.at, bytes.to_vec()));
            return;
        }
        let to = to.at;
        let copies = self.unit.state().knobs.copies();
        let Some(socket) = self.sockets.own(to) else { return };
        for _ in 0..copies {
            // A full buffer loses it, as the network may.
            if let Err(error) = socket.try_send_to(bytes, to) {
                tracing::debug!("{}: nothing sent to {to}: {error}", self.unit.identity.key);
            }
        }
    }

    /// Sends a confirmable message until it is acknowledged (RFC 7252 §4.2). Tells whether it was.
    pub(super) async fn deliver(&self, mut packet: Packet, to: Peer) -> bool {
        packet.header.set_type(MessageType::Confirmable);
        packet.header.message_id = self.next_id();
        let Some(bytes) = encoded(&packet) else { return false };
        let key = (to, packet.header.message_id);
        let Some(mut waiting) = self.memory().unacknowledged.expect(key, packet.get_token()) else {
            return false;
        };
        // ACK_RANDOM_FACTOR, RFC 7252 §4.8.
        let mut patience = ACK_TIMEOUT.mul_f64(rand::rng().random_range(1.0..1.5));
        for _ in 0..=MAX_RETRANSMIT {
            self.send_bytes(&bytes, to);
            if let Ok(verdict) = tokio::time::timeout(patience, &mut waiting).await {
                return verdict == Ok(Verdict::Taken);
            }
            patience *= 2;
        }
        false
    }

    pub(super) fn next_id(&self) -> u16 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The content format of this device's payloads.
    pub(super) fn format(&self) -> Format {
        match self.unit.identity.dialect {
            Dialect::Ocf => Format::Ocf,
            Dialect::Oic11 => Format::Cbor,
        }
    }

    /// Tells those who observe a resource that it is different now.
    fn notify(self: &Arc<Self>, change: &Change) {
        let observers = self.memory().observers.of(&change.href);
        for observer in observers {
            let Some(mut response) = self.unit.show(&observer.href, Via::Lan, observer.peer.asker) else { return };
            if response.body.is_some() && observer.href.queries().next().is_none() && !change.value.is_null() {
                // Each change is told as it was, even if the next one has come already.
                response.body = Some(change.value.clone());
            }
            self.notify_one(observer, response);
        }
    }

    /// Tells everybody what is now: too much changed at once to tell each.
    fn notify_all(self: &Arc<Self>) {
        let hrefs = self.memory().observers.hrefs();
        for href in hrefs {
            let observers = self.memory().observers.of(&href);
            for observer in observers {
                if let Some(response) = self.unit.show(&observer.href, Via::Lan, observer.peer.asker) {
                    self.notify_one(observer, response);
                }
            }
        }
    }

    fn notify_one(self: &Arc<Self>, observer: Observer, mut response: Response) {
        let mut memory = self.memory();
        if response.status.is_success() {
            response.observe = Some(memory.observers.next_sequence());
        } else {
            // The resource is gone: this is the last that is told of it (RFC 7641 §4.2).
            memory.observers.end(observer.peer, &observer.token);
        }
        drop(memory);
        let Some(mut packet) = encode_answer(&response, Method::Get, self.format(), &Packet::new()) else { return };
        packet.set_token(observer.token.clone());
        let server = Arc::clone(self);
        self.spawn(async move {
            let taken = observer.last.run_until_cancelled(server.deliver(packet, observer.peer)).await;
            if taken == Some(false) {
                server.memory().observers.end(observer.peer, &observer.token);
            }
        });
    }
}

/// An answer as a packet, cut to the block that was asked for.
pub(super) fn encode_answer(response: &Response, method: Method, format: Format, asked: &Packet) -> Option<Packet> {
    let mut packet = match message::encode_response(response, method, format) {
        Ok(packet) => packet,
        Err(error) => {
            tracing::warn!("an answer could not be written: {error}");
            message::encode_response(&Response::status(Status::INTERNAL_ERROR), method, format).ok()?
        }
    };
    if !response.status.is_success() {
        // A refusal has no later blocks, whichever one was asked for.
        return Some(packet);
    }
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    packet.payload.hash(&mut hasher);
    let etag = hasher.finish().to_be_bytes();
    block::cut(&mut packet, asked, BlockSize::LARGEST, &etag);
    Some(packet)
}

fn encoded(packet: &Packet) -> Option<Vec<u8>> {
    message::encode(packet).inspect_err(|error| tracing::warn!("a message could not be written: {error}")).ok()
}

/// One of a device's sockets.
#[derive(Debug, Clone, Copy)]
enum Which {
    Unicast4,
    Unicast6,
    Multicast4,
    Multicast6,
}

impl Which {
    const ALL: [Which; 4] = [Which::Unicast4, Which::Unicast6, Which::Multicast4, Which::Multicast6];

    fn socket(self, sockets: &Sockets) -> Option<&UdpSocket> {
        match self {
            Which::Unicast4 => sockets.unicast4.as_ref(),
            Which::Unicast6 => sockets.unicast6.as_ref(),
            Which::Multicast4 => sockets.multicast4.as_ref(),
            Which::Multicast6 => sockets.multicast6.as_ref(),
        }
    }

    fn is_multicast(self) -> bool {
        matches!(self, Which::Multicast4 | Which::Multicast6)
    }
}
