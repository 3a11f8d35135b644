//! One DTLS session of a device, as its server: with a key (OpenSSL), or without any (Just Works).
//!
//! Scope: datagrams in, datagrams and what the peer says out. Non-scope: sockets and timers ([`super`]).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use homeward_protocol::dtls::{Anonymous, Output, Suite};
use homeward_protocol::ownership::keys;
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVersion};
use rand::RngCore as _;
use zeroize::Zeroizing;

use crate::model::{Asker, Dialect};
use crate::unit::Unit;

/// The one suite of sessions with a key (`0xC037`).
const SUITE: &str = "ECDHE-PSK-AES128-CBC-SHA256";
const MTU: u32 = 1280;
/// The largest record (RFC 5246 §6.2.3).
const LARGEST_RECORD: usize = 1 << 14;
/// Our choice: datagrams that wait on either side of OpenSSL; more are lost.
const WAITING: usize = 32;
/// A handshake record, a ClientHello (RFC 6347 §4.1, RFC 5246 §7.4).
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// The length of a record's head. Its last two bytes tell how long the rest is.
const HEAD: usize = 13;
/// Where the handshake's type is in a record.
const TYPE_AT: usize = HEAD;

/// What came of a datagram.
pub(super) enum Event {
    /// The peer said this.
    Said(Asker, Zeroizing<Vec<u8>>),
    /// The session has ended.
    Over,
}

/// Whether a datagram may begin a session.
pub(super) fn begins_one(datagram: &[u8]) -> bool {
    datagram.first() == Some(&HANDSHAKE) && datagram.get(TYPE_AT) == Some(&CLIENT_HELLO)
}

/// The records of a datagram, each by itself. What cannot be read stays together.
pub(super) fn records(mut datagram: &[u8]) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while !datagram.is_empty() {
        let length = datagram.get(HEAD - 2..HEAD).and_then(|two| two.try_into().ok().map(u16::from_be_bytes));
        let end = length.map_or(datagram.len(), |length| HEAD + usize::from(length));
        let (record, rest) = datagram.split_at_checked(end).unwrap_or((datagram, &[]));
        records.push(record.to_vec());
        datagram = rest;
    }
    records
}

/// A session with one peer.
pub(super) struct Session {
    kind: Kind,
    unit: Arc<Unit>,
    /// Who the peer is, once it named a key.
    asker: Arc<Mutex<Option<Asker>>>,
    open: bool,
}

/// What secures it.
enum Kind {
    Keyed(Box<SslStream<Datagrams>>),
    Anonymous { anonymous: Box<Anonymous>, began: Instant },
}

impl Session {
    /// Waits for its first datagram. None, where OpenSSL cannot be used.
    pub(super) fn new(unit: &Arc<Unit>) -> Option<Self> {
        let asker: Arc<Mutex<Option<Asker>>> = Arc::default();
        let kind = if unit.takes_anybody() {
            let random = Box::new(|buffer: &mut [u8]| rand::rng().fill_bytes(buffer));
            let suite = match unit.identity.dialect {
                Dialect::Ocf => Suite::Private,
                Dialect::Oic11 => Suite::Old,
            };
            let anonymous = Box::new(Anonymous::server(suite, random, Duration::ZERO));
            *asker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Asker::Newcomer);
            Kind::Anonymous { anonymous, began: Instant::now() }
        } else {
            let stream = stream(unit, &asker);
            Kind::Keyed(Box::new(stream.inspect_err(|error| tracing::warn!("no DTLS: {error}")).ok()?))
        };
        Some(Self { kind, unit: Arc::clone(unit), asker, open: false })
    }

    pub(super) fn is_opening(&self) -> bool {
        !self.open
    }

    /// Takes a datagram in; [`Session::next`] tells what came of it.
    pub(super) fn take(&mut self, datagram: &[u8]) {
        match &mut self.kind {
            Kind::Keyed(stream) => stream.get_mut().incoming.push(datagram),
            Kind::Anonymous { anonymous, began } => anonymous.handle(datagram, began.elapsed()),
        }
    }

    /// What happened; none: nothing more for now, but datagrams to send.
    pub(super) fn next(&mut self) -> Option<Event> {
        match &mut self.kind {
            Kind::Keyed(_) => self.next_keyed(),
            Kind::Anonymous { anonymous, began } => {
                anonymous.handle_timeout(began.elapsed());
                loop {
                    if anonymous.has_datagram() {
                        return None;
                    }
                    match anonymous.poll()? {
                        Output::Transmit(_) => {}
                        Output::Established => {
                            let block = anonymous.key_block().map(|block| Zeroizing::new(*block.expose()));
                            self.open = true;
                            self.unit.transfer_opened(block?);
                        }
                        Output::Received(plain) => return Some(Event::Said(Asker::Newcomer, plain)),
                        Output::Closed(_) => return Some(Event::Over),
                    }
                }
            }
        }
    }

    fn next_keyed(&mut self) -> Option<Event> {
        let Kind::Keyed(stream) = &mut self.kind else { return None };
        if !self.open {
            match stream.accept() {
                Ok(()) => self.opened(),
                Err(error) if error.code() == ErrorCode::WANT_READ => return None,
                Err(_) => return Some(Event::Over),
            }
        }
        let Kind::Keyed(stream) = &mut self.kind else { return None };
        let mut plain = Zeroizing::new(vec![0; LARGEST_RECORD]);
        match stream.ssl_read(&mut plain) {
            Ok(length) => {
                plain.truncate(length);
                Some(Event::Said(self.asker()?, plain))
            }
            Err(error) if error.code() == ErrorCode::WANT_READ => None,
            Err(_) => {
                let _ = stream.shutdown();
                Some(Event::Over)
            }
        }
    }

    /// Sends a datagram to the peer.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        match &mut self.kind {
            Kind::Keyed(stream) if self.open => drop(stream.ssl_write(bytes)),
            Kind::Anonymous { anonymous, .. } => drop(anonymous.send(bytes)),
            Kind::Keyed(_) => {}
        }
    }

    /// The next datagram to go out.
    pub(super) fn outgoing(&mut self) -> Option<Vec<u8>> {
        match &mut self.kind {
            Kind::Keyed(stream) => stream.get_mut().outgoing.next(),
            Kind::Anonymous { anonymous, .. } => anonymous.next_datagram(),
        }
    }

    /// Whether there is one.
    pub(super) fn has_outgoing(&self) -> bool {
        match &self.kind {
            Kind::Keyed(stream) => !stream.get_ref().outgoing.0.is_empty(),
            Kind::Anonymous { anonymous, .. } => anonymous.has_datagram(),
        }
    }

    /// It has ended: a transfer ends with it.
    pub(super) fn end(self, unit: &Unit) {
        if self.open && self.asker() == Some(Asker::Newcomer) {
            unit.transfer_closed();
        }
    }

    fn asker(&self) -> Option<Asker> {
        *self.asker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn opened(&mut self) {
        self.open = true;
        let Kind::Keyed(stream) = &self.kind else { return };
        if self.asker() != Some(Asker::Newcomer) {
            return;
        }
        let ssl = stream.ssl();
        let (mut client, mut server, mut master) = ([0; 32], [0; 32], Zeroizing::new([0; 48]));
        ssl.client_random(&mut client);
        ssl.server_random(&mut server);
        if let Some(session) = ssl.session() {
            session.master_key(&mut *master);
        }
        self.unit.transfer_opened(keys::key_block(&*master, &server, &client));
    }
}

fn stream(
    unit: &Arc<Unit>,
    asker: &Arc<Mutex<Option<Asker>>>,
) -> Result<SslStream<Datagrams>, openssl::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::dtls())?;
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list(SUITE)?;
    context.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION | SslOptions::NO_TICKET);
    let (unit, asker) = (Arc::clone(unit), Arc::clone(asker));
    context.set_psk_server_callback(move |_, identity, secret| {
        let found = unit.key(identity.unwrap_or_default());
        let Some((key, who)) = found else { return Ok(0) };
        let Some(room) = secret.get_mut(..key.expose().len()) else { return Ok(0) };
        room.copy_from_slice(key.expose());
        *asker.lock().unwrap_or_else(PoisonError::into_inner) = Some(who);
        Ok(key.expose().len())
    });
    let mut ssl = Ssl::new(&context.build())?;
    ssl.set_mtu(MTU)?;
    SslStream::new(ssl, Datagrams::default())
}

/// The datagrams between OpenSSL and the socket.
#[derive(Default)]
struct Datagrams {
    incoming: Waiting,
    outgoing: Waiting,
}

/// Datagrams in their order, so many at most.
#[derive(Default)]
struct Waiting(VecDeque<Vec<u8>>);

impl Waiting {
    fn push(&mut self, datagram: &[u8]) {
        if self.0.len() < WAITING {
            self.0.push_back(datagram.to_vec());
        }
    }

    fn next(&mut self) -> Option<Vec<u8>> {
        self.0.pop_front()
    }
}

impl Read for Datagrams {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let datagram = self.incoming.next().ok_or(io::ErrorKind::WouldBlock)?;
        let length = datagram.len().min(buffer.len());
        if let (Some(room), Some(datagram)) = (buffer.get_mut(..length), datagram.get(..length)) {
            room.copy_from_slice(datagram);
        }
        Ok(length)
    }
}

impl Write for Datagrams {
    fn write(&mut self, datagram: &[u8]) -> io::Result<usize> {
        self.outgoing.push(datagram);
        Ok(datagram.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record that holds so many bytes.
    fn record(length: u16) -> Vec<u8> {
        let mut record = vec![HANDSHAKE; HEAD - 2];
        record.extend(length.to_be_bytes());
        record.extend(vec![0; length.into()]);
        record
    }

    #[test]
    fn a_datagram_parts_into_its_records() {
        let three = [record(1), record(300), record(0)];
        assert_eq!(records(&three.concat()), three);
        let cut = [&record(2)[..], &record(7)[..15]].concat();
        assert_eq!(records(&cut), [&record(2)[..], &record(7)[..15]]);
        assert_eq!(records(&[HANDSHAKE; 5]), [[HANDSHAKE; 5]]);
        assert!(records(&[]).is_empty());
    }
}
