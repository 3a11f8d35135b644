//! What carries CoAP's datagrams: UDP to everybody, or one secured session to one device.
//!
//! Scope: one interface over both. Non-scope: what the datagrams say ([`super::endpoint`]), opening sessions
//! ([`super::secure`]).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::secure::Session;

/// The receive buffer that is asked for, in bytes: the answers of hundreds of devices at once.
const RECEIVE_BUFFER: usize = 1 << 20;

/// What carries datagrams.
pub(super) enum Wire {
    /// In the clear, to any address.
    Clear {
        /// The socket of IPv4.
        v4: Option<UdpSocket>,
        /// The socket of IPv6.
        v6: Option<UdpSocket>,
    },
    /// Secured, to the one device of the session.
    Secured(Box<Session>),
}

impl Wire {
    /// Opens the sockets; on loopback only, or on all interfaces. One family is enough.
    pub(super) fn clear(loopback_only: bool) -> io::Result<Self> {
        let v4 = if loopback_only { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let v6 = if loopback_only { Ipv6Addr::LOCALHOST } else { Ipv6Addr::UNSPECIFIED };
        match (bind(IpAddr::V4(v4)), bind(IpAddr::V6(v6))) {
            (Err(error), Err(_)) => Err(error),
            (v4, v6) => Ok(Self::Clear { v4: v4.ok(), v6: v6.ok() }),
        }
    }

    /// The next datagram and where it came from. Loses none where the future is dropped.
    ///
    /// # Errors
    /// In the clear: of an earlier datagram that nobody took; the wire goes on. Secured: the session is over.
    pub(super) async fn receive(&mut self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match self {
            Wire::Clear { v4, v6 } => loop {
                for socket in [&*v4, &*v6].into_iter().flatten() {
                    match socket.try_recv_from(buffer) {
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                        received => return received,
                    }
                }
                tokio::select! {
                    ready = readable(v4.as_ref()) => ready?,
                    ready = readable(v6.as_ref()) => ready?,
                }
            },
            Wire::Secured(session) => {
                let datagram = session.receive().await?;
                let room = buffer.get_mut(..datagram.len()).ok_or(io::ErrorKind::InvalidData)?;
                room.copy_from_slice(&datagram);
                Ok((datagram.len(), session.peer()))
            }
        }
    }

    /// Sends one.
    ///
    /// # Errors
    /// It did not leave this computer.
    pub(super) async fn transmit(&mut self, to: SocketAddr, datagram: &[u8]) -> io::Result<()> {
        match self {
            Wire::Clear { v4, v6 } => {
                let socket = if to.is_ipv4() { v4 } else { v6 };
                let socket = socket.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                socket.send_to(datagram, to).await.map(drop)
            }
            Wire::Secured(session) if session.peer() == to => session.send(datagram),
            Wire::Secured(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// Whether an error in receiving ends it.
    pub(super) fn ends_with_an_error(&self) -> bool {
        matches!(self, Wire::Secured(_))
    }
}

/// A UDP socket on any port of an address; of one family only.
pub(super) fn bind(ip: IpAddr) -> io::Result<UdpSocket> {
    let domain = if ip.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    if ip.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system may give less; then a few answers are lost and asked for again.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(ip, 0).into())?;
    UdpSocket::from_std(socket.into())
}

/// Never, where there is no socket.
async fn readable(socket: Option<&UdpSocket>) -> io::Result<()> {
    match socket {
        Some(socket) => socket.readable().await,
        None => std::future::pending().await,
    }
}
