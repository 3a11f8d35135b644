//! A scripted device on loopback, for the tests: it answers each message as its script says, from a port of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use homeward_protocol::coap::block::{self, BlockSize};
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{MessageType, Packet};
use homeward_protocol::crudn::{Href, Method, Response, Status};
use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::oic::discovery::{self, DiscoveredDevice, Link, Shape};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// One message that the device got.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) packet: Packet,
    pub(super) from: SocketAddr,
    pub(super) multicast: bool,
    /// How many came before it.
    pub(super) nth: usize,
}

impl Seen {
    /// `/oic/res?rt=…`; empty for acknowledgements and resets.
    pub(super) fn href(&self) -> String {
        let request = message::is_request(&self.packet);
        if request { message::decode_href(&self.packet).unwrap().to_string() } else { String::new() }
    }

    /// The answer: piggybacked to a confirmable message, else non-confirmable.
    pub(super) fn answer(&self, mut answer: Packet) -> Packet {
        let confirmable = self.packet.header.get_type() == MessageType::Confirmable;
        let kind = if confirmable { MessageType::Acknowledgement } else { MessageType::NonConfirmable };
        answer.header.set_type(kind);
        answer.header.message_id = if confirmable { self.packet.header.message_id } else { 1000 + self.nth as u16 };
        answer.set_token(self.packet.get_token().to_vec());
        answer
    }

    pub(super) fn respond(&self, response: &Response, format: Format) -> Packet {
        self.answer(message::encode_response(response, Method::Get, format).unwrap())
    }
}

/// The device: ends when dropped.
pub(super) struct Device {
    pub(super) address: SocketAddr,
    pub(super) socket: Arc<UdpSocket>,
    seen: Arc<Mutex<Vec<Seen>>>,
    count: watch::Receiver<usize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Device {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Device {
    /// A device that hears unicast only, or the group at `port` too.
    pub(super) async fn start(port: Option<u16>, script: impl FnMut(&Seen) -> Vec<Packet> + Send + 'static) -> Self {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        let address = socket.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (counted, count) = watch::channel(0);
        let counted = Arc::new(counted);
        let script: Script = Arc::new(Mutex::new(Box::new(script)));
        let mut tasks = Vec::new();
        let heard = [Some((socket.clone(), false)), port.map(|port| (Arc::new(group(port)), true))];
        for (listening, multicast) in heard.into_iter().flatten() {
            let (seen, counted, script, socket) = (seen.clone(), counted.clone(), script.clone(), socket.clone());
            tasks.push(tokio::spawn(async move {
                let mut buffer = vec![0; 65_535];
                loop {
                    let Ok((length, from)) = listening.recv_from(&mut buffer).await else { continue };
                    let packet = message::decode(&buffer[..length]).unwrap();
                    let one = {
                        let mut seen = seen.lock().unwrap();
                        let nth = seen.len();
                        seen.push(Seen { packet, from, multicast, nth });
                        seen.last().unwrap().clone()
                    };
                    let answers = (script.lock().unwrap())(&one);
                    for answer in answers {
                        let bytes = answer.to_bytes_unlimited().unwrap();
                        socket.send_to(&bytes, from).await.unwrap();
                    }
                    counted.send_modify(|count| *count += 1);
                }
            }));
        }
        Self { address, socket, seen, count, tasks }
    }

    /// What it got so far.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until it got what `wanted` says, and returns that.
    pub(super) async fn got(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let mut count = self.count.clone();
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            loop {
                count.borrow_and_update();
                if let Some(seen) = self.seen().into_iter().find(&wanted) {
                    return seen;
                }
                count.changed().await.unwrap();
            }
        });
        waited.await.expect("the device should have got it")
    }

    /// Sends a packet from its own port.
    pub(super) async fn send(&self, packet: &Packet, to: SocketAddr) {
        self.socket.send_to(&packet.to_bytes_unlimited().unwrap(), to).await.unwrap();
    }
}

type Script = Arc<Mutex<Box<dyn FnMut(&Seen) -> Vec<Packet> + Send>>>;

fn group(port: u16) -> UdpSocket {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket.bind(&SocketAddr::from((Ipv4Addr::new(224, 0, 1, 187), port)).into()).unwrap();
    socket.join_multicast_v4(&Ipv4Addr::new(224, 0, 1, 187), &Ipv4Addr::LOCALHOST).unwrap();
    UdpSocket::from_std(socket.into()).unwrap()
}

/// A group port that no other test or program uses now.
pub(super) fn free_port() -> u16 {
    std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What a well-behaved lamp with Remote Access answers; `None` to what is not for it.
pub(super) struct Lamp {
    pub(super) di: String,
    pub(super) format: Format,
    /// Paths that it lists, with their types.
    pub(super) lists: Vec<(&'static str, &'static str)>,
    /// Paths that it answers, with their values.
    pub(super) values: Vec<(&'static str, Value)>,
    /// The size of its blocks.
    pub(super) blocks: BlockSize,
}

impl Lamp {
    pub(super) fn new(format: Format) -> Self {
        let di = uuid::Uuid::new_v4().to_string();
        Self {
            lists: vec![
                ("/light", "oic.r.switch.binary"),
                ("/oic/d", "oic.wk.d"),
                ("/ra/xmpp", "oic.ra.xmpp"),
                ("/ra/user", "oic.ra.user"),
            ],
            values: vec![
                ("/light", json!({"value": false})),
                ("/oic/d", json!({"n": "Lamp", "di": di, "rt": ["oic.wk.d", "oic.d.light"]})),
                ("/oic/p", json!({"mnmn": "ACME", "mnmo": "L1"})),
                (
                    "/ra/xmpp",
                    json!({"address": "xmpp.example", "port": 5222, "status": "Connected", "ErrorReason": ""}),
                ),
                ("/ra/user", json!({"jid": "user@example", "credential": "c2VjcmV0"})),
            ],
            di,
            format,
            blocks: BlockSize::LARGEST,
        }
    }

    pub(super) fn list(&self, narrowed: bool) -> Value {
        let shape = if self.format == Format::Ocf { Shape::Ocf } else { Shape::Oic };
        let listed = self.lists.iter().filter(|(_, rt)| !narrowed || *rt == "oic.ra.xmpp");
        let links = listed.map(|(href, rt)| Link {
            href: Href::new(*href).unwrap(),
            rt: vec![(*rt).to_owned()],
            interfaces: vec!["oic.if.s".to_owned()],
            observable: false,
            endpoints: vec![],
            secure_port: None,
        });
        let device = DiscoveredDevice { di: DeviceId::new(&self.di).unwrap(), links: links.collect() };
        discovery::write(&device, shape)
    }

    pub(super) fn answer(&self, seen: &Seen) -> Option<Packet> {
        let asked = message::decode_request(&seen.packet).ok()?;
        if asked.accept != Some(self.format.number()) {
            return Some(seen.respond(&Response::status(Status::NOT_ACCEPTABLE), self.format));
        }
        let narrowed = asked.request.href.queries().any(|query| query == "rt=oic.ra.xmpp");
        let value = match asked.request.href.path() {
            "/oic/res" if narrowed && self.list(true) == json!([]) => return None,
            "/oic/res" => Some(self.list(narrowed)),
            path => self.values.iter().find(|(own, _)| *own == path).map(|(_, value)| value.clone()),
        };
        let response = value.map_or(Response::status(Status::NOT_FOUND), Response::ok);
        let mut answer = seen.respond(&response, self.format);
        block::cut(&mut answer, &seen.packet, self.blocks, b"1");
        Some(answer)
    }

    pub(super) fn script(self) -> impl FnMut(&Seen) -> Vec<Packet> + Send + 'static {
        move |seen| self.answer(seen).into_iter().collect()
    }
}
