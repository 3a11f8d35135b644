//! CRUDN over XMPP: who a full JID is, what a stanza's payload says, and the byte stream that carries it.

pub mod ibb;
pub mod jid;
pub mod rest;
pub(crate) mod shallow;
