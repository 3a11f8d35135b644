//! CoAP (RFC 7252) as OIC and OCF devices speak it.
//!
//! Scope: requests and answers as packets ([`message`]), bodies larger than a datagram ([`block`], [`transfer`]),
//! retransmission, deduplication and matching ([`exchange`]), the order of notifications ([`observe`]). The packet codec
//! is coap-lite's. Non-scope: sockets, clocks and chance; instants and random numbers are fed in.

pub mod block;
pub mod exchange;
pub mod message;
pub mod observe;
mod path;
mod recent;
pub mod transfer;

pub use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType, ResponseType};
