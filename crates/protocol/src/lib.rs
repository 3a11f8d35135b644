//! What is said on the wire, without saying it: the vocabulary, codecs and state machines of OIC Remote Access 1.0.
//!
//! Scope: CRUDN requests and answers ([`crudn`]), OIC resources and what a person can do with them ([`oic`]), CoAP's
//! message layer ([`coap`]), CRUDN over XMPP In-Band Bytestreams ([`remote`]), the onboarding of one device
//! ([`onboarding`]), and all of that as a person reads it ([`shown`]).
//!
//! Non-scope: sockets, clocks, threads and files. Bytes, values and instants come in; bytes, values and deadlines go out.

pub mod coap;
pub mod crudn;
pub mod dtls;
pub mod oic;
pub mod onboarding;
pub mod ownership;
pub mod remote;
pub mod secret;
pub mod shown;
