//! What went over the wire for one request.

use homeward_protocol::shown::ExchangeLayer;
use serde::Serialize;
use serde_json::Value;
use ts_rs::TS;

use super::{Answer, Path};
use crate::error::Error;

/// A request that was listened to: what became of it, and what went over the wire meanwhile.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Exchanged {
    /// What became of it.
    pub outcome: Outcome,
    /// What went over the wire, whatever became of it.
    pub exchange: Exchange,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum Outcome {
    /// The device answered, be it with a failure.
    Answered {
        /// With what.
        answer: Answer,
    },
    /// There is no answer, or none that can be read.
    Failed {
        /// Why.
        error: Error,
    },
}

/// What an observation brings that a person began.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum Observed {
    /// The value now, or another one.
    Notified {
        /// Which.
        notification: Notification,
        /// What went over the wire since the one before.
        exchange: Exchange,
    },
    /// Nothing more comes.
    Ended {
        /// Why, where it is a failure. Absent: the device does not notify, or no longer.
        error: Option<Error>,
        /// What went over the wire since the last one.
        exchange: Exchange,
    },
}

/// One notification (RA-20).
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Notification {
    /// Its number; absent in the last one.
    pub sequence: Option<u32>,
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
    /// When it came.
    #[ts(type = "number")]
    pub at_ms: u64,
}

/// All that went between us and a device while a request was under way, also what belongs to something else.
#[derive(Debug, Clone, PartialEq, Default, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Exchange {
    /// Each stanza and datagram, in order; acknowledgements of the connections beneath are none.
    pub steps: Vec<ExchangeStep>,
    /// How many more there were.
    pub left_out: u32,
}

/// One stanza or datagram.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ExchangeStep {
    /// Which way.
    pub direction: Direction,
    /// When it was written or read.
    #[ts(type = "number")]
    pub at_ms: u64,
    /// A stanza over XMPP, a datagram on this network.
    pub path: Path,
    /// What it says, the outermost layer first.
    pub layers: Vec<ExchangeLayer>,
}

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Direction {
    /// From us to the device.
    Sent,
    /// From the device to us.
    Received,
}
