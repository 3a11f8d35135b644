//! A device, its values, and what was asked of it.

use std::collections::BTreeMap;

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::controls::Control;
use homeward_protocol::oic::device::Saying;
use homeward_protocol::oic::remote_access::XmppAccess;
use homeward_protocol::ownership::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::error::Error;

/// One device: what answers on this network and what is online at the server, merged by `di`.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Device {
    /// Our key: the `di` in lower case for a device of ours, `{bare JID}/{di}` for a contact's.
    pub id: String,
    /// The device's own id (RA-9).
    pub di: String,
    /// Its name (`n`), or the type's last word where it has told none.
    pub name: String,
    /// The resource type that says what it is: `oic.d.light`.
    pub device_type: Option<String>,
    /// `mnmn` of /oic/p.
    pub manufacturer: Option<String>,
    /// `mnmo` of /oic/p.
    pub model: Option<String>,
    /// What is known of it on this network.
    pub lan: Option<OnLan>,
    /// What is known of it at the XMPP server.
    pub remote: Option<OnRemote>,
    /// Whether it can be used now.
    pub presence: Presence,
    /// When it was last heard, over whichever path.
    #[ts(type = "number | null")]
    pub last_seen_at_ms: Option<u64>,
    /// The path that requests take now.
    pub path: Option<Path>,
    /// The last round trip over that path, in milliseconds.
    pub latency_ms: Option<u32>,
    /// What else it says of itself: its firmware, its support page.
    pub about: Vec<Saying>,
    /// Its resources, without the ones of OIC's own core and security.
    pub resources: Vec<Resource>,
    /// Those of OIC's own: what it says of itself, its security, Remote Access.
    pub core: Vec<Resource>,
    /// What a person can do with it, in the device's order.
    pub controls: Vec<Control>,
    /// What it last reported, by resource path.
    pub values: BTreeMap<Href, Reported>,
    /// What was asked and is not a fact yet, by resource path.
    pub wishes: BTreeMap<Href, Wish>,
    /// Why it is not listened to now, though it is there.
    pub trouble: Option<Error>,
    /// Whether the details (resources, name) were read since it came online.
    pub described: bool,
    /// The account that it has from here, and whose password it knows.
    pub credential: Option<Credential>,
    /// Since when it is ours, and how it was taken over; absent: it is not.
    pub owned: Option<Owned>,
    /// Addresses on this network at which something answers under its id, and could not prove to be it. Only for a device
    /// that is ours; nothing is taken from there, or asked there.
    pub claimed_at: Vec<String>,
}

/// That we own a device. Never its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Owned {
    /// Since when.
    #[ts(type = "number")]
    pub since_ms: u64,
    /// How it was taken over.
    pub method: Method,
    /// False: the program ended in the middle of it, or it failed after the device had become ours. It does not work until
    /// that is finished.
    pub complete: bool,
}

/// An account that a device was given from here. Never the password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Credential {
    /// The account's bare JID.
    pub jid: String,
    /// The server that the device was told to use.
    pub server: String,
    /// And its port.
    pub port: u16,
    /// Since when.
    #[ts(type = "number")]
    pub since_ms: u64,
    /// When it was last given another password for it.
    #[ts(type = "number | null")]
    pub rotated_at_ms: Option<u64>,
    /// Whether the password crossed this network in the clear, which the person allowed (RA-6).
    pub in_the_clear: bool,
    /// Whether it went through the server, to the account that the device had before.
    pub over_account: bool,
    /// Whether it is an account that the device has for itself, which we made.
    pub own: bool,
    /// False: it was sent, or its password was changed, and nobody knows whether the device has it as it is now.
    pub certain: bool,
}

/// Whether a device can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Presence {
    /// It answers, or its server says that it is there.
    Online,
    /// It was there and is gone.
    Offline,
    /// Known from an earlier day; not confirmed since the start.
    Remembered,
}

/// The two ways to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Path {
    /// CoAP on this network.
    Lan,
    /// CRUDN over XMPP.
    Xmpp,
}

/// Which way a request shall take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Via {
    /// The home's choice.
    Auto,
    /// Only this network.
    Lan,
    /// Only XMPP.
    Xmpp,
}

/// A device as seen on the local network.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OnLan {
    /// Where it answers now, as `192.0.2.1:5683` or `[fe80::1%eth0]:40001`.
    pub addresses: Vec<String>,
    /// False once it missed several rounds of the search.
    pub answering: bool,
    /// How it can be talked to.
    pub security: Security,
    /// Since when it is seen in the middle of somebody's transfer; it lets go ten minutes after that began, or before.
    #[ts(type = "number | null")]
    pub in_transfer_since_ms: Option<u64>,
    /// How it can be taken over, the safer first; empty where it cannot be.
    pub methods: Vec<Method>,
    /// Its Remote Access resource, as read in this search; absent: the device has none.
    pub remote_access: Option<RemoteAccess>,
    /// Whether all that the search reads of it has been read. Before, what is absent may only be unknown.
    #[serde(skip)]
    #[ts(skip)]
    pub described: bool,
}

/// How far a device on the network is protected (`/oic/sec/doxm`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Security {
    /// Unencrypted CoAP only.
    None,
    /// Secured, and nobody owns it.
    Unowned,
    /// Secured, and somebody has begun to take it over: it takes nobody else until they have ended, or ten minutes on.
    InTransfer,
    /// Secured, and we own it.
    Ours,
    /// Secured, and we own it; but its key is not in this computer's keyring: it comes from a backup, or the device has to be
    /// reset by hand.
    ResetNeeded,
    /// Secured, and somebody else owns it.
    OwnedByAnother,
}

/// `oic.ra.xmpp` as a device reports it (RA-2, RA-4).
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RemoteAccess {
    /// The server that it is told to use.
    pub address: Option<String>,
    /// And its port.
    pub port: Option<u16>,
    /// `Connected`, `Error`, `NotInitialized`, or what else it says; absent where it could not be read.
    pub status: Option<String>,
    /// With `Error`: the device's own words.
    pub error_reason: Option<String>,
    /// Whether its RA resources want a secured session (`coaps` endpoints only, or 4.01 in the clear).
    pub secured_only: bool,
}

impl RemoteAccess {
    /// The device says this of it now.
    pub(crate) fn is_now(&mut self, state: XmppAccess) {
        self.address = state.address.filter(|address| !address.is_empty());
        self.port = state.port.filter(|port| *port != 0);
        self.status = state.status.map(|status| status.as_str().to_owned());
        self.error_reason = state.error_reason;
    }
}

/// A device as seen at the XMPP server.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OnRemote {
    /// Its full JID, exactly as received.
    pub jid: String,
    /// Available presence now (RA-12).
    pub available: bool,
    /// Whether it is signed in with another account than ours.
    pub contact: bool,
}

/// One resource of a device.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Resource {
    /// Where.
    pub href: Href,
    /// Its resource types.
    pub rt: Vec<String>,
    /// Its interfaces.
    #[serde(rename = "if")]
    pub interfaces: Vec<String>,
    /// Whether it says that it can be observed.
    pub observable: bool,
}

/// A value as the device reported it.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Reported {
    /// The representation.
    pub value: Value,
    /// When.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// Over which path.
    pub via: Path,
    /// Known from an earlier day, and not reported again since the start: it may be otherwise by now.
    pub remembered: bool,
}

/// A value that was asked for and is not reported yet.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Wish {
    /// The properties that were asked for.
    pub wanted: Value,
    /// When.
    #[ts(type = "number")]
    pub since_ms: u64,
    /// Absent: under way. Present: it did not happen, or nobody knows; what is reported is the truth.
    pub failed: Option<Error>,
}

/// The answer to a request that a person wrote.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Answer {
    /// HTTP's number, whichever the path (RA-19).
    pub status: u16,
    /// HTTP's reason.
    pub reason: String,
    /// The representation.
    pub body: Option<Value>,
    /// The device's own words on a failure.
    pub diagnostic: Option<String>,
    /// The path that it took.
    pub via: Path,
    /// From sending to the answer.
    pub elapsed_ms: u32,
}
