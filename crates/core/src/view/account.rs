//! The account, its check, and our own link to its server.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::Error;

/// What the person typed. The password travels beside it and is never in here.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
#[ts(export)]
pub struct AccountForm {
    /// `user@domain`.
    pub jid: String,
    /// The server's host name or address; empty: from DNS SRV, then the domain.
    pub server: String,
    /// As typed; empty: from DNS SRV, then 5222.
    pub port: String,
    /// A PEM file with one more certificate authority.
    pub ca: Option<String>,
    /// The SHA-256 fingerprint of the only certificate to trust, which the person compared with the server's own; excludes
    /// `ca`. It is for this JID, server and port: a form in which one of them changes must drop it.
    pub pin: Option<String>,
}

/// The saved account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Account {
    /// Bare JID.
    pub jid: String,
    /// The address that the devices get too.
    pub server: String,
    /// The port that the devices get too.
    pub port: u16,
    /// A PEM file with one more certificate authority.
    pub ca: Option<String>,
    /// The SHA-256 fingerprint of the only certificate that is trusted, hex pairs with colons; then there is no `ca`.
    #[serde(default)]
    pub pin: Option<String>,
    /// Whether a password is at hand (in the keyring or in memory).
    #[serde(default)]
    pub has_password: bool,
}

impl From<Account> for AccountForm {
    /// The form that leads to this very account.
    fn from(account: Account) -> Self {
        let Account { jid, server, port, ca, pin, has_password: _ } = account;
        Self { jid, server, port: port.to_string(), ca, pin }
    }
}

/// The move of the house to another account, while it is under way. Devices of both are shown and used as one.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Move {
    /// The account that it moves to.
    pub account: Account,
    /// Our link to that one's server.
    pub connection: Connection,
}

/// Who has moved, and how the others can be given the new account now. Ids of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Movers {
    /// They have the new account.
    pub moved: Vec<String>,
    /// They answer on this network, and are given it there.
    pub here: Vec<String>,
    /// They can be given it over their old account: both are at one server.
    pub over_account: Vec<String>,
    /// Elsewhere, or switched off: they stay with the old account for now.
    pub elsewhere: Vec<String>,
}

/// A server address found for a JID, before anything is sent.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ServerSuggestion {
    /// Host name.
    pub server: String,
    /// Port.
    pub port: u16,
    /// Whether DNS SRV named it (else it is the domain and 5222).
    pub from_dns: bool,
}

/// Something that the person should know about the server's address; not a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum AccountWarning {
    /// A private or `.local` address: devices reach it at home only.
    PrivateAddress,
    /// A CA of one's own: the devices must trust it too.
    OwnCa,
    /// One certificate alone is trusted: the devices must trust it by their own means.
    PinnedCertificate,
    /// The devices sign in by STARTTLS; this port answered with direct TLS only.
    DirectTlsOnly,
}

/// Whether passwords can be kept.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[ts(export)]
pub enum Keyring {
    /// Not tried yet.
    Unknown,
    /// It takes and returns passwords.
    Works,
    /// It does not: the password is in memory only, and asked for at the next start.
    Unavailable {
        /// The system's words.
        details: String,
    },
}

/// The layers of a sign-in, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Layer {
    /// The server's name has an address.
    Dns,
    /// It takes connections.
    Tcp,
    /// It proves that it is the domain's server, and encrypts.
    Tls,
    /// It takes the password, and proves that it knows it.
    Sasl,
    /// It gives us exactly our resource.
    Bind,
    /// It tells the account's contacts.
    Roster,
}

/// How one layer of the check went.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct LayerCheck {
    /// Which.
    pub layer: Layer,
    /// Where it stands.
    pub state: LayerState,
    /// How long it took, in milliseconds, once it has ended.
    pub elapsed_ms: Option<u32>,
}

/// Where a layer stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum LayerState {
    /// Not tried.
    Waiting,
    /// Under way.
    Working,
    /// Passed.
    Passed,
    /// Failed; what lies behind it was not tried.
    Failed {
        /// Why.
        error: Error,
    },
}

/// The account check, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct AccountCheck {
    /// All six, in order.
    pub layers: Vec<LayerCheck>,
    /// Whether it is still going on.
    pub running: bool,
    /// Known once the form itself was accepted.
    pub warnings: Vec<AccountWarning>,
    /// The server's certificate, where one was shown and refused.
    pub certificate: Option<Certificate>,
}

/// A certificate that was refused, in words. Whoever made it chose them all; only the fingerprint cannot be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Certificate {
    /// SHA-256 over the DER form, hex pairs with colons.
    pub fingerprint: String,
    /// The fingerprint of the only one that is trusted, where there is such a one.
    pub pinned: Option<String>,
    /// The hosts and addresses that it is for, else its subject's own name; 16 at the most.
    pub names: Vec<String>,
    /// Who says that he signed it.
    pub issuer: Option<String>,
    /// Whether it names itself as its issuer.
    pub self_issued: bool,
    /// The begin of its time, in milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub not_before_ms: Option<i64>,
    /// The end of its time, in milliseconds since the Unix epoch.
    #[ts(type = "number | null")]
    pub not_after_ms: Option<i64>,
}

/// Our own link to the XMPP server.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[ts(export)]
pub enum Connection {
    /// No account, or told to stay away.
    Offline,
    /// Signing in.
    Connecting {
        /// Which layer is under way.
        layer: Layer,
    },
    /// Signed in; the server answered a ping or sent something within the last minute.
    Connected {
        /// The last ping's round trip, in milliseconds.
        #[serde(rename = "latencyMs")]
        latency_ms: Option<u32>,
    },
    /// Lost, and tried again by itself.
    Suspended {
        /// Since when.
        #[serde(rename = "sinceMs")]
        #[ts(type = "number")]
        since_ms: u64,
        /// When the next try begins.
        #[serde(rename = "retryAtMs")]
        #[ts(type = "number")]
        retry_at_ms: u64,
        /// Why.
        error: Error,
    },
    /// Refused: not tried again before the person does something.
    Refused {
        /// Why.
        error: Error,
    },
}
