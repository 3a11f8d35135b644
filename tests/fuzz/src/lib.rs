//! What must hold of every decoder of network bytes, whatever the bytes: one module per decoder, each with a `check`
//! that panics where it does not.
//!
//! Two run them: `tests/seeds.rs` over the committed seeds, in every run of the tests, and `cargo xtask fuzz`, which
//! looks for bytes of its own with libFuzzer (`targets/`). Beside panics, that finds hangs, and memory beyond a bound.
//!
//! Not here: `core`'s book-keeping of contacts and presences (`people.rs`). It never sees bytes, only stanzas that
//! [`stanza`] covers, and is private to its crate; a property test beside it gives it any order of them. Nor the parsers
//! of DNS-SD, DNS and TLS, which are others' crates and fuzzed there.

// A check says what does not hold by a panic: that is what libFuzzer and the tests look for.
#![allow(clippy::panic)]

pub mod cbor;
pub mod coap_exchange;
pub mod coap_message;
pub mod coap_transfer;
pub mod discovery;
pub mod dtls;
pub mod ibb;
pub mod jid;
pub mod resources;
pub mod rest;
mod script;
pub mod stanza;

/// A decoder's check.
pub type Check = fn(&[u8]);

/// Every check, under the name of its target and of its folder of seeds.
pub const TARGETS: [(&str, Check); 11] = [
    ("cbor", cbor::check),
    ("coap_exchange", coap_exchange::check),
    ("coap_message", coap_message::check),
    ("coap_transfer", coap_transfer::check),
    ("discovery", discovery::check),
    ("dtls", dtls::check),
    ("ibb", ibb::check),
    ("jid", jid::check),
    ("resources", resources::check),
    ("rest", rest::check),
    ("stanza", stanza::check),
];
