//! One XMPP client session (RFC 6120): connected, encrypted, signed in and bound, or a failure that says which layer
//! failed and why.
//!
//! Scope: DNS and TCP to a given server, TLS checked against the JID's domain, SCRAM with the server's proof verified,
//! exactly the offered resource bound, the roster, presence, pings, going on over another connection (XEP-0198). Non-scope:
//! beginning anew, and what the stanzas mean: it knows nothing of OIC.
//!
//! Drive it: [`sign_in`], then read [`Session::events`] until [`Event::Ended`], and act through [`Handle`].

mod certificate;
mod connect;
mod ear;
mod failure;
mod interrupted;
mod invitation;
mod live;
mod register;
mod resumption;
mod sasl;
mod session;
mod shallow;
mod sign_in;
mod trust;
mod wire;

use std::time::Duration;

use xmpp_parsers::jid::BareJid;
use zeroize::Zeroizing;

pub use certificate::{Certificate, Fingerprint, NoFingerprint};
pub use ear::Ear;
pub use failure::{Cause, Failure, Layer};
pub use invitation::Invitation;
pub use register::{NotRegistered, register};
pub use sasl::Hash;
pub use session::{Closed, Event, Handle, IqFailure, Place, Session};
pub use sign_in::sign_in;
pub use trust::{Trust, TrustError};

/// Who signs in, where, and as which resource. Has no `Debug`: it holds the password.
#[derive(Clone)]
pub struct Account {
    /// The account.
    pub jid: BareJid,
    /// Its password; never sent, only proven (SCRAM).
    pub password: Zeroizing<String>,
    /// The resource that is offered, and insisted on (RA-11).
    pub resource: String,
    /// Host name or address of the server. Its certificate is checked against the JID's domain, not against this.
    pub server: String,
    /// Its port.
    pub port: u16,
    /// Which certificates are believed.
    pub trust: Trust,
    /// How long the server may say nothing in one layer.
    pub layer_deadline: Duration,
    /// What it was once signed in with: a weaker way is not taken.
    pub at_least: Option<Hash>,
    /// Whether the session shall outlive a broken connection, where the server can do that (XEP-0198).
    pub resumes: bool,
}

/// How far a sign-in has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// This layer is under way.
    Began(Layer),
    /// This layer has passed, after so long.
    Passed(Layer, Duration),
    /// The server spoke TLS from the first byte (XEP-0368), not STARTTLS; told before TLS has passed.
    DirectTls,
}
