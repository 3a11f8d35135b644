//! Secured sessions of one device: DTLS 1.2 on a port of its own.
//!
//! Scope: one task that reads the port, keeps a session for each peer, and hands what it says to the CoAP server. Non-scope:
//! the handshake itself ([`session`]), whose key it is (`model::security`).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::sync::mpsc;

use super::interface::Interface;
use super::server::{LARGEST_DATAGRAM, Server};
use super::sockets::unicast;

mod session;

use session::{Event, Session};

/// Our choice: sessions of one device at once; the one that was quiet for the longest time is given up.
const MOST_SESSIONS: usize = 32;
/// Our choice: datagrams to be sent that wait for the task; more are lost, as the network may.
pub(super) const WAITING: usize = 256;
/// Our choice: how often a handshake is looked after. OpenSSL's own timer begins with a second.
const TICK: Duration = Duration::from_millis(250);
/// Our choice: how often a port is tried that both families have free.
const TRIES: usize = 16;

/// The sockets, at the same port.
#[derive(Debug)]
pub(crate) struct SecuredSockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
}

impl SecuredSockets {
    /// Opens them; with their port.
    pub(crate) fn open(interface: &Interface) -> io::Result<(Self, u16)> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..TRIES {
            let v4 = interface.v4.map(|ip| unicast(SocketAddr::from((ip, 0)), interface)).transpose()?;
            let port = v4.as_ref().map_or(Ok(0), |socket| socket.local_addr().map(|at| at.port()))?;
            let v6 = match interface.v6.first() {
                None => None,
                Some(ip) => {
                    let ip = if interface.loopback { *ip } else { std::net::Ipv6Addr::UNSPECIFIED };
                    match unicast(SocketAddr::from((ip, port)), interface) {
                        Ok(socket) => Some(socket),
                        Err(error) => {
                            last = error;
                            continue;
                        }
                    }
                }
            };
            let first = v4.as_ref().or(v6.as_ref()).ok_or(io::ErrorKind::AddrNotAvailable)?;
            let port = first.local_addr()?.port();
            return Ok((Self { v4, v6 }, port));
        }
        Err(last)
    }

    fn of(&self, peer: SocketAddr) -> Option<&UdpSocket> {
        if peer.is_ipv4() { self.v4.as_ref() } else { self.v6.as_ref() }
    }
}

/// A datagram of CoAP on its way to a peer.
pub(super) type Outgoing = (SocketAddr, Vec<u8>);

/// Serves the port until the server is told to stop.
pub(super) fn start(server: &Arc<Server>, sockets: SecuredSockets, outgoing: mpsc::Receiver<Outgoing>) {
    let port = Port { server: Arc::clone(server), sockets, sessions: HashMap::new() };
    server.spawn(port.run(outgoing));
}

struct Port {
    server: Arc<Server>,
    sockets: SecuredSockets,
    sessions: HashMap<SocketAddr, (Session, Instant)>,
}

impl Port {
    async fn run(mut self, mut outgoing: mpsc::Receiver<Outgoing>) {
        let (mut from4, mut from6) = (vec![0; LARGEST_DATAGRAM], vec![0; LARGEST_DATAGRAM]);
        let mut tick = tokio::time::interval(TICK);
        loop {
            tokio::select! {
                Ok((length, peer)) = receive(self.sockets.v4.as_ref(), &mut from4) => {
                    self.take(from4.get(..length).unwrap_or_default(), peer);
                }
                Ok((length, peer)) = receive(self.sockets.v6.as_ref(), &mut from6) => {
                    self.take(from6.get(..length).unwrap_or_default(), peer);
                }
                Some((peer, bytes)) = outgoing.recv() => {
                    if let Some((session, _)) = self.sessions.get_mut(&peer) {
                        session.send(&bytes);
                    }
                    self.flush(peer);
                }
                _ = tick.tick(), if self.sessions.values().any(|(session, _)| session.is_opening()) => {
                    let peers: Vec<SocketAddr> = self.sessions.keys().copied().collect();
                    peers.into_iter().for_each(|peer| self.go_on(peer));
                }
            }
        }
    }

    fn take(&mut self, datagram: &[u8], peer: SocketAddr) {
        if self.server.unit.state().knobs.loss.takes_incoming() {
            return;
        }
        if !self.sessions.contains_key(&peer) {
            if !session::begins_one(datagram) {
                return;
            }
            let Some(session) = Session::new(&self.server.unit) else { return };
            self.make_room();
            self.sessions.insert(peer, (session, Instant::now()));
        }
        if let Some((session, heard)) = self.sessions.get_mut(&peer) {
            *heard = Instant::now();
            session.take(datagram);
        }
        self.go_on(peer);
    }

    fn go_on(&mut self, peer: SocketAddr) {
        loop {
            let Some((session, _)) = self.sessions.get_mut(&peer) else { return };
            match session.next() {
                Some(Event::Said(asker, bytes)) => {
                    self.flush(peer);
                    self.server.take_secured(&bytes, peer, asker);
                }
                Some(Event::Over) => {
                    self.flush(peer);
                    if let Some((session, _)) = self.sessions.remove(&peer) {
                        session.end(&self.server.unit);
                    }
                    return;
                }
                None if session.has_outgoing() => self.flush(peer),
                None => return,
            }
        }
    }

    fn flush(&mut self, peer: SocketAddr) {
        let Some((session, _)) = self.sessions.get_mut(&peer) else { return };
        let Some(socket) = self.sockets.of(peer) else { return };
        let mut flight: Vec<Vec<u8>> = std::iter::from_fn(|| session.outgoing()).collect();
        if self.server.unit.state().knobs.reorders {
            // One datagram has room for all of most flights: its records have to part first.
            flight = flight.iter().flat_map(|datagram| session::records(datagram)).collect();
            flight.reverse();
        }
        for datagram in flight {
            let copies = self.server.unit.state().knobs.copies();
            for _ in 0..copies {
                // A full buffer loses it, as the network may.
                let _ = socket.try_send_to(&datagram, peer);
            }
        }
    }

    fn make_room(&mut self) {
        if self.sessions.len() < MOST_SESSIONS {
            return;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, (_, heard))| *heard).map(|(peer, _)| *peer);
        if let Some((session, _)) = oldest.and_then(|peer| self.sessions.remove(&peer)) {
            session.end(&self.server.unit);
        }
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => loop {
            // Linux tells here that an earlier answer was not wanted.
            if let Ok(received) = socket.recv_from(buffer).await {
                return Ok(received);
            }
        },
        None => std::future::pending().await,
    }
}
