//! The search on the local network.

use serde::Serialize;
use ts_rs::TS;

use crate::error::Error;

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
