//! The UDP sockets of one device: two of its own at random ports, and one per family that listens to multicast.
//!
//! Scope: opening them. Non-scope: reading and writing (`server`).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::interface::Interface;

/// The port of CoAP, where multicast goes to (RFC 7252 §6.1).
const PORT: u16 = 5683;

/// All CoAP nodes (RFC 7252 §12.8).
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 187);

/// All OCF nodes: link-local, realm-local and site-local (OCF Core §12.2.9).
const GROUPS_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x158),
    Ipv6Addr::new(0xff03, 0, 0, 0, 0, 0, 0, 0x158),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0x158),
];

/// The sockets. At least one of the two unicast ones is there.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) unicast4: Option<UdpSocket>,
    pub(crate) unicast6: Option<UdpSocket>,
    pub(crate) multicast4: Option<UdpSocket>,
    pub(crate) multicast6: Option<UdpSocket>,
}

impl Sockets {
    /// Opens them for one interface. A family that the interface does not carry is left out; needs a tokio runtime.
    pub(crate) fn open(interface: &Interface) -> io::Result<Self> {
        let unicast4 = interface.v4.map(|ip| unicast(SocketAddr::from((ip, 0)), interface)).transpose()?;
        let unicast6 = match interface.v6.first() {
            None => None,
            Some(ip) if interface.loopback => Some(unicast(SocketAddr::from((*ip, 0)), interface)?),
            Some(_) => Some(unicast(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)), interface)?),
        };
        let multicast4 = interface.v4.is_some().then(|| multicast_v4(interface)).transpose()?;
        // Linux has no route for IPv6 multicast on loopback: nothing would ever come.
        let multicast6 =
            (!interface.v6.is_empty() && !interface.loopback).then(|| multicast_v6(interface)).transpose()?;
        Ok(Self { unicast4, unicast6, multicast4, multicast6 })
    }

    /// Where a device with these sockets is reached.
    pub(crate) fn endpoints(&self, interface: &Interface) -> Vec<SocketAddr> {
        let port = |socket: &Option<UdpSocket>| socket.as_ref().and_then(|s| s.local_addr().ok()).map(|at| at.port());
        interface.endpoints(port(&self.unicast4), port(&self.unicast6))
    }

    /// The device's own socket of the family of this address: all that it says goes out there.
    pub(crate) fn own(&self, to: SocketAddr) -> Option<&UdpSocket> {
        if to.is_ipv4() { self.unicast4.as_ref() } else { self.unicast6.as_ref() }
    }
}

pub(super) fn unicast(at: SocketAddr, interface: &Interface) -> io::Result<UdpSocket> {
    let socket = new_socket(at)?;
    keep_to(&socket, interface);
    socket.bind(&at.into())?;
    UdpSocket::from_std(socket.into())
}

fn multicast_v4(interface: &Interface) -> io::Result<UdpSocket> {
    // Bound to the group itself, a socket on loopback hears nothing from outside. Windows cannot do this.
    let ip = if interface.loopback && cfg!(unix) { GROUP_V4 } else { Ipv4Addr::UNSPECIFIED };
    let at = SocketAddr::from((ip, PORT));
    let socket = shared_socket(at)?;
    // Linux hands a socket whatever group any program on this host has joined, unless told not to.
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v4(false)?;
    socket.bind(&at.into())?;
    let on = match interface.v4 {
        Some(ip) if cfg!(windows) || interface.index == 0 => InterfaceIndexOrAddress::Address(ip),
        _ => InterfaceIndexOrAddress::Index(interface.index),
    };
    socket.join_multicast_v4_n(&GROUP_V4, &on)?;
    UdpSocket::from_std(socket.into())
}

fn multicast_v6(interface: &Interface) -> io::Result<UdpSocket> {
    let at = SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT));
    let socket = shared_socket(at)?;
    #[cfg(target_os = "linux")]
    socket.set_multicast_all_v6(false)?;
    socket.bind(&at.into())?;
    for group in GROUPS_V6 {
        socket.join_multicast_v6(&group, interface.index)?;
    }
    UdpSocket::from_std(socket.into())
}

fn new_socket(at: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// A socket that shares its port with every other device, and with other programs of the kind.
fn shared_socket(at: SocketAddr) -> io::Result<Socket> {
    let socket = new_socket(at)?;
    socket.set_reuse_address(true)?;
    #[cfg(all(unix, not(target_os = "solaris"), not(target_os = "illumos")))]
    socket.set_reuse_port(true)?;
    Ok(socket)
}

/// On Linux, what comes in by another interface is not for us. Older kernels allow this to root only: then it is left.
fn keep_to(socket: &Socket, interface: &Interface) {
    #[cfg(target_os = "linux")]
    if !interface.loopback
        && let Err(error) = socket.bind_device(Some(interface.name.as_bytes()))
    {
        tracing::debug!("{}: not bound to the interface: {error}", interface.name);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (socket, interface);
}

/// Raises the limit of open files where it is lower than so many devices need.
pub(crate) fn make_room_for(devices: usize) {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        // Four sockets on the network, one connection, and some for everything else.
        let needed = devices as u64 * 5 + 100;
        let now = getrlimit(Resource::Nofile);
        if now.current.is_some_and(|current| current < needed) {
            let current = now.maximum.map_or(needed, |most| most.min(needed));
            if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: now.maximum }) {
                tracing::warn!("{devices} devices may need more open files than are allowed: {error}");
            }
        }
    }
    #[cfg(not(unix))]
    let _ = devices;
}
