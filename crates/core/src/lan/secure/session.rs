//! One DTLS session with one device, as its client.
//!
//! Scope: the handshake with a pre-shared key (OpenSSL) or without any (Just Works, `homeward_protocol::dtls`), datagrams
//! both ways, the end. Dropped, a session is closed with a close_notify: a device that hears none keeps a transfer of
//! ownership open for minutes. Non-scope: whose key, and when ([`super::sessions`], `home::owning`).

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use homeward_protocol::dtls::{Anonymous, Closed, Output};
use homeward_protocol::ownership::keys::{self, KEY_BLOCK, Key};
use openssl::ssl::{ErrorCode, Ssl, SslContext, SslMethod, SslOptions, SslStream, SslVersion};
use rand::RngCore as _;
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::super::wire::bind;

/// The one suite of sessions with a key (`0xC037`).
const SUITE: &str = "ECDHE-PSK-AES128-CBC-SHA256";
/// The largest datagram that is sent, in bytes (RFC 8200 §5: every link of IPv6 takes it).
const MTU: u32 = 1280;
/// The largest datagram that is read, in bytes: one record (RFC 5246 §6.2.3) and its head.
const MAX_DATAGRAM: usize = (1 << 14) + 2048 + 13;
/// Datagrams that wait between OpenSSL and the socket; more are lost, as the network may. Our choice.
const MAX_WAITING: usize = 32;
/// How often OpenSSL is asked whether it has something to repeat. Our choice; its own timer begins with a second.
const LOOKS_AGAIN_EVERY: Duration = Duration::from_millis(250);
/// Our choice: so long after both sides have what they need a handshake has ended, with two repetitions, or the keys
/// differ: a DTLS server does not answer what it cannot read.
const PROVES_WITHIN: Duration = Duration::from_secs(6);

/// Why there is no session.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// Nothing left this computer.
    #[error("the session could not be begun: {0}")]
    NotSent(io::ErrorKind),
    /// What is there does not answer.
    #[error("nothing answers there over DTLS")]
    NoAnswer,
    /// It answers, and refuses: it takes no such session now.
    #[error("the device refuses the session: {0}")]
    Refused(String),
    /// It answers, and has another key.
    #[error("what answers there does not have the key")]
    OtherKey,
}

/// An open session.
pub(crate) struct Session {
    socket: UdpSocket,
    peer: SocketAddr,
    association: Association,
    buffer: Vec<u8>,
}

/// What secures it.
enum Association {
    /// A key that both have: OpenSSL.
    Keyed(Box<SslStream<Datagrams>>),
    /// Nothing but a new key of both.
    Anonymous {
        anonymous: Box<Anonymous>,
        /// Its clock.
        began: Instant,
    },
}

/// How far a handshake has come.
enum Handshake {
    Done,
    /// Both sides have what they need; the other one has to show that it has the same.
    Proving,
    GoesOn,
}

impl Session {
    /// Opens a session with a key; `identity`: the name by which the device finds it, without a zero byte. Takes as long
    /// as the device, at most until `deadline`.
    ///
    /// # Errors
    /// [`SessionError`], as its variants say.
    pub(crate) async fn with_key(
        peer: SocketAddr,
        identity: &[u8],
        key: &Key,
        deadline: Instant,
    ) -> Result<Self, SessionError> {
        let stream = stream(identity, key).map_err(|_| SessionError::NotSent(io::ErrorKind::Other))?;
        Self::open(peer, Association::Keyed(Box::new(stream)), deadline).await
    }

    /// Opens a session without any key: whoever listens or stands in between can learn all of it.
    ///
    /// # Errors
    /// [`SessionError`], as its variants say.
    pub(crate) async fn just_works(peer: SocketAddr, deadline: Instant) -> Result<Self, SessionError> {
        let random = Box::new(|buffer: &mut [u8]| rand::rng().fill_bytes(buffer));
        let anonymous = Anonymous::client(random, Duration::ZERO);
        let association = Association::Anonymous { anonymous: Box::new(anonymous), began: Instant::now() };
        Self::open(peer, association, deadline).await
    }

    async fn open(peer: SocketAddr, association: Association, deadline: Instant) -> Result<Self, SessionError> {
        let not_sent = |error: io::Error| SessionError::NotSent(error.kind());
        let any = if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = bind(any).map_err(not_sent)?;
        // From the device alone, and its host's refusals are heard.
        socket.connect(peer).await.map_err(not_sent)?;
        let mut session = Self { socket, peer, association, buffer: vec![0; MAX_DATAGRAM] };
        session.handshake(deadline).await?;
        Ok(session)
    }

    async fn handshake(&mut self, deadline: Instant) -> Result<(), SessionError> {
        let mut proves_by = None;
        loop {
            match self.go_on()? {
                Handshake::Done => return Ok(()),
                Handshake::Proving if proves_by.is_none() => proves_by = Some(Instant::now() + PROVES_WITHIN),
                Handshake::Proving | Handshake::GoesOn => {}
            }
            if proves_by.is_some_and(|by| by <= Instant::now()) {
                return Err(SessionError::OtherKey);
            }
            if deadline <= Instant::now() {
                return Err(if proves_by.is_some() { SessionError::OtherKey } else { SessionError::NoAnswer });
            }
            match timeout_at(deadline.min(Instant::now() + LOOKS_AGAIN_EVERY), self.take_in()).await {
                Ok(Ok(())) | Err(_) => {}
                // Nobody is at that port.
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    return Err(SessionError::NoAnswer);
                }
                Ok(Err(error)) => return Err(SessionError::NotSent(error.kind())),
            }
        }
    }

    /// Does what can be done of the handshake now.
    fn go_on(&mut self) -> Result<Handshake, SessionError> {
        let come = match &mut self.association {
            Association::Keyed(stream) => match stream.connect() {
                Ok(()) => Ok(Handshake::Done),
                Err(error) if error.code() == ErrorCode::WANT_READ => match stream.get_ref().has_asked_for_key() {
                    true => Ok(Handshake::Proving),
                    false => Ok(Handshake::GoesOn),
                },
                Err(error) => Err(SessionError::Refused(words(&error))),
            },
            Association::Anonymous { anonymous, began } => {
                anonymous.handle_timeout(began.elapsed());
                let mut come = Ok(Handshake::GoesOn);
                while let Some(output) = anonymous.poll() {
                    match output {
                        // What the socket does not take is lost, as on the way.
                        Output::Transmit(datagram) => drop(self.socket.try_send(&datagram)),
                        Output::Established => come = Ok(Handshake::Done),
                        Output::Received(_) => {}
                        Output::Closed(Closed::TimedOut) => come = Err(SessionError::NoAnswer),
                        Output::Closed(why) => come = Err(SessionError::Refused(why.to_string())),
                    }
                }
                come
            }
        };
        self.flush();
        come
    }

    /// The other side.
    pub(crate) fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// From which both sides make the owner's key.
    pub(crate) fn key_block(&self) -> Zeroizing<[u8; KEY_BLOCK]> {
        match &self.association {
            Association::Keyed(stream) => {
                let ssl = stream.ssl();
                let (mut client, mut server) = ([0; 32], [0; 32]);
                ssl.client_random(&mut client);
                ssl.server_random(&mut server);
                let mut master = Zeroizing::new([0; 48]);
                if let Some(session) = ssl.session() {
                    session.master_key(&mut *master);
                }
                keys::key_block(&*master, &server, &client)
            }
            Association::Anonymous { anonymous, .. } => {
                let block = anonymous.key_block().expect("the handshake is done before there is a session");
                Zeroizing::new(*block.expose())
            }
        }
    }

    /// The next datagram of the device. Loses none where the future is dropped.
    ///
    /// # Errors
    /// The session is over.
    pub(crate) async fn receive(&mut self) -> io::Result<Zeroizing<Vec<u8>>> {
        loop {
            if let Some(plain) = self.said()? {
                return Ok(plain);
            }
            self.take_in().await?;
        }
    }

    /// What has been said already.
    fn said(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let over = || io::Error::from(io::ErrorKind::ConnectionAborted);
        match &mut self.association {
            Association::Keyed(stream) => {
                let mut plain = Zeroizing::new(vec![0; MAX_DATAGRAM]);
                let read = stream.ssl_read(&mut plain);
                self.flush();
                match read {
                    Ok(length) => {
                        plain.truncate(length);
                        Ok(Some(plain))
                    }
                    Err(error) if error.code() == ErrorCode::WANT_READ => Ok(None),
                    Err(_) => Err(over()),
                }
            }
            Association::Anonymous { anonymous, .. } => {
                while let Some(output) = anonymous.poll() {
                    match output {
                        Output::Transmit(datagram) => drop(self.socket.try_send(&datagram)),
                        Output::Received(plain) => return Ok(Some(plain)),
                        Output::Established => {}
                        Output::Closed(_) => return Err(over()),
                    }
                }
                Ok(None)
            }
        }
    }

    /// Sends one datagram to the device.
    ///
    /// # Errors
    /// It did not leave this computer.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let over = || io::Error::from(io::ErrorKind::ConnectionAborted);
        match &mut self.association {
            Association::Keyed(stream) => drop(stream.ssl_write(datagram).map_err(|_| over())?),
            Association::Anonymous { anonymous, .. } => anonymous.send(datagram).map_err(|_| over())?,
        }
        self.flush();
        Ok(())
    }

    /// Waits for a datagram from the network, and takes it in.
    async fn take_in(&mut self) -> io::Result<()> {
        let length = self.socket.recv(&mut self.buffer).await?;
        let datagram = self.buffer.get(..length).unwrap_or_default();
        match &mut self.association {
            Association::Keyed(stream) => stream.get_mut().incoming.push(datagram),
            Association::Anonymous { anonymous, began } => anonymous.handle(datagram, began.elapsed()),
        }
        Ok(())
    }

    /// Sends what is to go out. What the socket does not take is lost, as on the way; what is said stays.
    fn flush(&mut self) {
        match &mut self.association {
            Association::Keyed(stream) => {
                while let Some(datagram) = stream.get_mut().outgoing.next() {
                    let _ = self.socket.try_send(&datagram);
                }
            }
            Association::Anonymous { anonymous, .. } => {
                while let Some(datagram) = anonymous.next_datagram() {
                    let _ = self.socket.try_send(&datagram);
                }
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        match &mut self.association {
            Association::Keyed(stream) => drop(stream.shutdown()),
            Association::Anonymous { anonymous, .. } => anonymous.close(),
        }
        self.flush();
    }
}

/// OpenSSL's side of a session, before its handshake.
fn stream(identity: &[u8], key: &Key) -> Result<SslStream<Datagrams>, openssl::error::ErrorStack> {
    let mut context = SslContext::builder(SslMethod::dtls())?;
    context.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    context.set_cipher_list(SUITE)?;
    context.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION | SslOptions::NO_TICKET);
    let (identity, key, datagrams) = (identity.to_vec(), key.clone(), Datagrams::default());
    let asked = datagrams.asked_for_key.clone();
    context.set_psk_client_callback(move |_, _, name, secret| {
        asked.store(true, std::sync::atomic::Ordering::Relaxed);
        // It ends with a zero byte, for which there has to be room.
        let written = name.get_mut(..=identity.len()).and_then(|room| room.split_last_mut());
        if let (Some((end, room)), Some(secret)) = (written, secret.get_mut(..key.expose().len())) {
            room.copy_from_slice(&identity);
            *end = 0;
            secret.copy_from_slice(key.expose());
            return Ok(key.expose().len());
        }
        Ok(0)
    });
    let mut ssl = Ssl::new(&context.build())?;
    ssl.set_mtu(MTU)?;
    SslStream::new(ssl, datagrams)
}

fn words(error: &openssl::ssl::Error) -> String {
    let reason = error.ssl_error().and_then(|stack| stack.errors().first()?.reason());
    reason.unwrap_or("the handshake failed").to_owned()
}

/// The datagrams between OpenSSL and the socket.
#[derive(Default)]
struct Datagrams {
    incoming: Waiting,
    outgoing: Waiting,
    asked_for_key: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

impl Datagrams {
    /// Whether the device has said all that it says before it is sure of the key.
    fn has_asked_for_key(&self) -> bool {
        self.asked_for_key.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// Datagrams in their order, so many at most.
#[derive(Default)]
struct Waiting(VecDeque<Vec<u8>>);

impl Waiting {
    fn push(&mut self, datagram: &[u8]) {
        if self.0.len() < MAX_WAITING {
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
        // One that does not fit is cut, and then no record: OpenSSL drops it.
        let length = datagram.len().min(buffer.len());
        let (Some(room), Some(datagram)) = (buffer.get_mut(..length), datagram.get(..length)) else { return Ok(0) };
        room.copy_from_slice(datagram);
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
