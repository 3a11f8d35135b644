//! One question of the search: GET /oic/res to everybody, from a fresh socket, and all that comes back.
//!
//! Scope: one socket, one content format, both the question narrowed to Remote Access and the general one; confirmable
//! answers are acknowledged, repeated ones dropped, 4.06 and the like passed over. Non-scope: when and where to ask
//! ([`super::search`]), and what the answers add up to ([`super::known`]).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use homeward_protocol::coap::block::Block;
use homeward_protocol::coap::exchange::{Chance, ExchangeId, Exchanges, Output};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{CoapOption, Packet};
use homeward_protocol::crudn::{Href, Request};
use homeward_protocol::oic::discovery::{self, DiscoveredDevice, DiscoveryError};
use homeward_protocol::oic::remote_access::XMPP_RT;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::address::canonical;
use super::endpoint::MAX_DATAGRAM;
use super::wire::bind;

/// How long answers are waited for: DEFAULT_LEISURE, within which everybody answers (RFC 7252 §8.2), and the way back.
pub(super) const ANSWER_TIME: Duration = Duration::from_millis(5500);
/// "All CoAP Nodes", IPv4 (RFC 7252 §12.8), which is OCF's group too.
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 187);
/// "All OCF devices", link-local, realm-local and site-local, and "All CoAP Nodes" of the first and last.
const GROUPS_V6: [Ipv6Addr; 5] = [
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x158),
    Ipv6Addr::new(0xff03, 0, 0, 0, 0, 0, 0, 0x158),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0x158),
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfd),
    Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 0, 0xfd),
];
/// How many dropped answers of one socket are logged, each with a line. Our choice.
const MAX_LOGGED: usize = 16;
/// How many routers a site-local question may pass. Our choice.
const HOPS_V6: u32 = 16;

/// A socket, and whom to ask through it.
pub(super) struct Asker {
    /// The interface that it asks on; absent for a single address.
    pub(super) interface: Option<String>,
    socket: UdpSocket,
    to: Vec<SocketAddr>,
    /// Only this address is believed.
    only: Option<IpAddr>,
}

/// What an asker reports.
#[derive(Debug)]
pub(super) struct Heard {
    /// On which interface; absent for a single address.
    pub(super) interface: Option<String>,
    /// What.
    pub(super) what: What,
}

/// What happened on an asker's socket.
#[derive(Debug)]
pub(super) enum What {
    /// The questions were sent: how many datagrams left, and the system's words where one did not.
    Sent { datagrams: u32, problem: Option<String> },
    /// A datagram came, and was no list of devices.
    Nothing,
    /// A list of devices.
    Listed(Listing),
    /// The first block of a list; the others must be asked for by unicast, from block 0 on.
    Partial { from: SocketAddr, format: Format },
}

/// An answer to GET /oic/res.
#[derive(Debug)]
pub(super) struct Listing {
    /// Who answered.
    pub(super) from: SocketAddr,
    /// In which content format.
    pub(super) format: Format,
    /// Whether all resources were asked for, and not only `oic.ra.xmpp`.
    pub(super) general: bool,
    /// Which devices.
    pub(super) devices: Vec<DiscoveredDevice>,
}

impl Asker {
    /// Asks the IPv4 group through the interface with this address.
    pub(super) fn v4(interface: &str, through: Ipv4Addr, port: u16) -> io::Result<Self> {
        let socket = bind(IpAddr::V4(through))?;
        let options = SockRef::from(&socket);
        options.set_multicast_if_v4(&through)?;
        options.set_multicast_loop_v4(true)?;
        options.set_multicast_ttl_v4(1)?;
        let to = vec![SocketAddr::new(IpAddr::V4(GROUP_V4), port)];
        Ok(Self { interface: Some(interface.to_owned()), socket, to, only: None })
    }

    /// Asks the IPv6 groups through the interface with this number.
    pub(super) fn v6(interface: &str, through: u32, port: u16) -> io::Result<Self> {
        let socket = bind(IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
        let options = SockRef::from(&socket);
        options.set_multicast_if_v6(through)?;
        options.set_multicast_loop_v6(true)?;
        options.set_multicast_hops_v6(HOPS_V6)?;
        let to = GROUPS_V6.iter().map(|group| SocketAddr::V6(SocketAddrV6::new(*group, port, 0, through))).collect();
        Ok(Self { interface: Some(interface.to_owned()), socket, to, only: None })
    }

    /// Asks one address, which may answer from any port.
    pub(super) fn single(to: SocketAddr, loopback_only: bool) -> io::Result<Self> {
        let any: IpAddr = match (to.is_ipv4(), loopback_only) {
            (true, true) => Ipv4Addr::LOCALHOST.into(),
            (true, false) => Ipv4Addr::UNSPECIFIED.into(),
            (false, true) => Ipv6Addr::LOCALHOST.into(),
            (false, false) => Ipv6Addr::UNSPECIFIED.into(),
        };
        Ok(Self { interface: None, socket: bind(any)?, to: vec![to], only: Some(to.ip()) })
    }

    /// Asks, and reports until `time` is over or nobody reads.
    pub(super) async fn run(self, format: Format, time: Duration, heard: mpsc::Sender<Heard>) {
        let until = Instant::now() + time;
        let start = Instant::now();
        let mut layer = Exchanges::new(rand::random());
        let narrowed = res(&format!("?rt={XMPP_RT}"), format);
        let general = res("", format);
        let mut ask = |packet: Option<Packet>| {
            let chance = Chance { token: rand::random(), jitter: 0 };
            packet.map(|packet| layer.ask_all(&self.to, packet, chance))
        };
        let _narrowed = ask(narrowed);
        let general = ask(general);
        let asked = self.drain(&mut layer).await;
        let sent = What::Sent { datagrams: asked.datagrams, problem: asked.problem };
        if self.report(&heard, sent).await.is_err() {
            return;
        }
        let mut buffer = vec![0; MAX_DATAGRAM];
        let mut rubbish: usize = 0;
        while let Ok(received) = tokio::time::timeout_at(until, self.socket.recv_from(&mut buffer)).await {
            // An error is of a datagram that we sent and nobody took; the next answer may be fine.
            let Ok((length, from)) = received else { continue };
            let from = canonical(from);
            if self.only.is_some_and(|only| only != from.ip()) {
                continue;
            }
            layer.handle(start.elapsed(), from, buffer.get(..length).unwrap_or_default());
            let what = match self.drain(&mut layer).await.answer {
                Some((exchange, from, packet)) => match read(from, &packet, Some(exchange) == general) {
                    Ok(what) => what,
                    Err(error) => {
                        if rubbish < MAX_LOGGED {
                            tracing::warn!(%from, %error, "an answer to /oic/res was dropped");
                        }
                        rubbish += 1;
                        What::Nothing
                    }
                },
                None => What::Nothing,
            };
            if self.report(&heard, what).await.is_err() {
                return;
            }
        }
    }

    async fn report(&self, reader: &mpsc::Sender<Heard>, what: What) -> Result<(), Gone> {
        let heard = Heard { interface: self.interface.clone(), what };
        reader.send(heard).await.map_err(|_| Gone)
    }

    async fn drain(&self, layer: &mut Exchanges<SocketAddr>) -> Drained {
        let mut drained = Drained::default();
        while let Some(output) = layer.poll() {
            match output {
                Output::Transmit { to, datagram, .. } => match self.socket.send_to(&datagram, to).await {
                    Ok(_) => drained.datagrams += 1,
                    Err(error) => drained.problem = Some(error.to_string()),
                },
                Output::Answer { exchange, from, packet } => drained.answer = Some((exchange, from, packet)),
                Output::Notification { .. } | Output::Failed { .. } => {}
            }
        }
        drained
    }
}

/// Nobody reads any more.
struct Gone;

#[derive(Default)]
struct Drained {
    datagrams: u32,
    problem: Option<String>,
    answer: Option<(ExchangeId, SocketAddr, Packet)>,
}

fn res(query: &str, format: Format) -> Option<Packet> {
    let href = Href::new(format!("{}{query}", discovery::RES_URI)).ok()?;
    message::encode_request(&Request::get(href), format).ok()
}

fn read(from: SocketAddr, packet: &Packet, general: bool) -> Result<What, DiscoveryError> {
    let Some(format) = message::format(packet).filter(|_| message::code(packet) == 0x45) else {
        return Ok(What::Nothing);
    };
    if let Some(block) = Block::of(packet, CoapOption::Block2)
        && block.is_ok_and(|block| block.more || block.number != 0)
    {
        return Ok(What::Partial { from, format });
    }
    discovery::decode(&packet.payload).map(|devices| What::Listed(Listing { from, format, general, devices }))
}
