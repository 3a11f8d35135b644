//! What a reader sees of the home: the values in a [`Snapshot`] and in events.
//!
//! Scope: plain data, serialised for the window and the terminal program. Non-scope: how it comes about.
//! Times are milliseconds since the Unix epoch (`…_at_ms`) or durations in milliseconds (`…_ms`).

use std::collections::BTreeMap;

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::controls::Control;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::error::Error;

/// Everything, as of event number `sequence`.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Snapshot {
    /// The number of the last event that is in here.
    #[ts(type = "number")]
    pub sequence: u64,
    /// All known devices, in no order.
    pub devices: Vec<Device>,
    /// The search on the local network.
    pub search: Search,
    /// The saved account.
    pub account: Option<Account>,
    /// Whether passwords can be kept in the system's keyring.
    pub keyring: Keyring,
    /// Our own link to the XMPP server.
    pub connection: Connection,
    /// The account check under way, or the last one.
    pub check: Option<AccountCheck>,
    /// The onboarding runs of this program's life, by device id.
    pub runs: Vec<Run>,
    /// The demo's account, to fill the form with. Never a password.
    pub prefill: Option<AccountForm>,
}

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
    /// Its resources, without the ones of OIC's own core and security.
    pub resources: Vec<Resource>,
    /// What a person can do with it, in the device's order.
    pub controls: Vec<Control>,
    /// What it last reported, by resource path.
    pub values: BTreeMap<Href, Reported>,
    /// What was asked and is not a fact yet, by resource path.
    pub wishes: BTreeMap<Href, Wish>,
    /// Whether the details (resources, name) were read since it came online.
    pub described: bool,
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
    /// Secured, and we own it.
    Ours,
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

/// The search on the local network.
#[derive(Debug, Clone, PartialEq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Search {
    /// Whether it goes on.
    pub running: bool,
    /// Rounds begun since it was started.
    pub round: u32,
    /// What happened on each interface.
    pub interfaces: Vec<SearchInterface>,
    /// Whether the search is limited to loopback.
    pub loopback_only: bool,
    /// Why it cannot run, if so.
    pub failed: Option<Error>,
}

/// The search on one interface.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct SearchInterface {
    /// The system's name of it.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Datagrams sent, over both families.
    pub sent: u32,
    /// Datagrams received.
    pub received: u32,
    /// Devices found through it.
    pub devices: u32,
    /// The system's words where sending failed.
    pub problem: Option<String>,
    /// What the figures suggest, where no device answered.
    pub hint: Option<SearchHint>,
}

/// What silence on an interface suggests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum SearchHint {
    /// Sent, and nothing at all came back: no device, a guest network that keeps devices apart, or a firewall that
    /// drops unicast answers to multicast.
    NothingCameBack,
    /// Sending failed: no multicast here, or the system forbids it.
    CouldNotSend,
    /// Answers came that were no devices.
    NoDeviceAmongAnswers,
}

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
    /// Whether a password is at hand (in the keyring or in memory).
    #[serde(default)]
    pub has_password: bool,
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
    /// The server's certificate, where one was shown and not trusted.
    pub certificate: Option<Certificate>,
}

/// A certificate, in words.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Certificate {
    /// SHA-256 over the DER form, hex pairs with colons.
    pub fingerprint: String,
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

/// One device's choice in an onboarding run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct OnboardChoice {
    /// Which device.
    pub id: String,
    /// The person allowed its credential to cross the network in the clear (RA-6).
    pub allow_unencrypted: bool,
}

/// The steps of an onboarding run, in order.
pub use homeward_protocol::onboarding::Step;

/// One device's onboarding, as far as it got.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Run {
    /// Which device.
    pub id: String,
    /// Its steps, in order; those not begun are waiting.
    pub steps: Vec<RunStep>,
    /// Where the whole stands.
    pub state: RunState,
    /// When it began.
    #[ts(type = "number")]
    pub started_at_ms: u64,
    /// What an undo could do, once something was written.
    pub undo: Option<UndoReach>,
    /// The account that it was given.
    pub jid: String,
    /// The server that it was given.
    pub server: String,
    /// And the port.
    pub port: u16,
}

/// What undo can put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum UndoReach {
    /// Server and account: its former password is one of ours.
    Everything,
    /// The server; the account is cleared and the device stays signed out: its former password is unknown.
    ServerOnly,
}

/// One step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct RunStep {
    /// Which.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    /// How long it took, in milliseconds, once it has ended.
    pub elapsed_ms: Option<u32>,
}

/// How a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum StepState {
    /// Not begun.
    Waiting,
    /// Under way.
    Working,
    /// Done.
    Done,
    /// Failed.
    Failed {
        /// Why, with the device's own words.
        error: Error,
    },
    /// Was done, and put back.
    Undone,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum RunState {
    /// Waits for its turn (16 run at once).
    Queued,
    /// Under way.
    Working,
    /// The device is online with its identity proven.
    Onboarded,
    /// It stopped at a step.
    Failed {
        /// Why.
        error: Error,
        /// What is on the device now.
        left: LeftOnDevice,
    },
    /// The person stopped it.
    Cancelled {
        /// What is on the device now.
        left: LeftOnDevice,
    },
    /// Being undone.
    Undoing,
    /// Undone.
    Undone {
        /// What is on the device now.
        left: LeftOnDevice,
    },
}

pub use homeward_protocol::onboarding::LeftOnDevice;

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
