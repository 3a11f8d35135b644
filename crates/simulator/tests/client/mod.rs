//! A CoAP client that shares only coap-lite and ciborium with what it asks.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use ciborium::Value as Cbor;
use coap_lite::option_value::OptionValueU16;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};
use homeward_simulator::Device;

/// All CoAP nodes.
const GROUP: &str = "224.0.1.187:5683";
/// `application/vnd.ocf+cbor`.
pub(crate) const OCF: u16 = 10000;
/// `application/cbor`.
pub(crate) const CBOR: u16 = 60;

/// A client that knows nothing but datagrams.
pub(crate) struct Client {
    pub(crate) socket: UdpSocket,
    id: u16,
}

impl Client {
    pub(crate) fn new() -> Self {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        socket.set_multicast_if_v4(&std::net::Ipv4Addr::LOCALHOST).unwrap();
        let socket: UdpSocket = socket.into();
        socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { socket, id: 1 }
    }

    pub(crate) fn packet(&mut self, method: RequestType, path: &str, accept: u16) -> Packet {
        let mut packet = Packet::new();
        packet.header.set_version(1);
        packet.header.set_type(MessageType::Confirmable);
        packet.header.code = MessageClass::Request(method);
        packet.header.message_id = self.id;
        packet.set_token(vec![0xca, 0xfe, (self.id >> 8) as u8, self.id as u8]);
        self.id += 1;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        for part in path.split('/').filter(|part| !part.is_empty()) {
            packet.add_option(CoapOption::UriPath, part.as_bytes().to_vec());
        }
        for part in query.split('&').filter(|part| !part.is_empty()) {
            packet.add_option(CoapOption::UriQuery, part.as_bytes().to_vec());
        }
        packet.add_option_as(CoapOption::Accept, OptionValueU16(accept));
        packet
    }

    pub(crate) fn post(&mut self, path: &str, format: u16, body: &serde_json::Value) -> Packet {
        let mut packet = self.packet(RequestType::Post, path, format);
        ciborium::into_writer(body, &mut packet.payload).unwrap();
        packet.add_option_as(CoapOption::ContentFormat, OptionValueU16(format));
        packet
    }

    pub(crate) fn send(&self, packet: &Packet, to: SocketAddr) {
        self.socket.send_to(&packet.to_bytes_unlimited().unwrap(), to).unwrap();
    }

    pub(crate) fn receive(&self) -> (Packet, SocketAddr) {
        self.try_receive().expect("an answer")
    }

    pub(crate) fn try_receive(&self) -> Option<(Packet, SocketAddr)> {
        let mut datagram = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut datagram).ok()?;
        Some((Packet::from_bytes(&datagram[..length]).unwrap(), from))
    }

    pub(crate) fn patience(&self, patience: Duration) {
        self.socket.set_read_timeout(Some(patience)).unwrap();
    }

    pub(crate) fn ask(&self, packet: &Packet, to: SocketAddr) -> Packet {
        self.send(packet, to);
        let (answer, from) = self.receive();
        assert_eq!(from, to);
        assert_eq!(answer.get_token(), packet.get_token());
        answer
    }

    pub(crate) fn multicast(&mut self, path: &str, accept: u16) -> Packet {
        let mut packet = self.packet(RequestType::Get, path, accept);
        packet.header.set_type(MessageType::NonConfirmable);
        self.send(&packet, GROUP.parse().unwrap());
        packet
    }
}

pub(crate) fn code(packet: &Packet) -> String {
    packet.header.get_code()
}

pub(crate) fn body(packet: &Packet) -> serde_json::Value {
    let value: Cbor = ciborium::from_reader(&packet.payload[..]).unwrap();
    value.deserialized().unwrap()
}

pub(crate) fn format(packet: &Packet) -> u16 {
    packet.get_first_option_as::<OptionValueU16>(CoapOption::ContentFormat).unwrap().unwrap().0
}

/// Where a device answers.
pub(crate) fn at(device: &Device) -> SocketAddr {
    device.endpoints().into_iter().find(SocketAddr::is_ipv4).unwrap()
}
