//! What changed: numbered events, in batches, over one channel.
//!
//! A reader subscribes, then takes a snapshot, then applies the events with a higher number than the snapshot's: so
//! none is lost between. Each event carries the whole of the thing that changed; applying one twice does no harm.

use serde::Serialize;
use ts_rs::TS;

use crate::view::{Account, AccountCheck, Connection, Device, Keyring, Move, Run, Search, Takeover};

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "type")]
#[ts(export)]
pub enum Event {
    /// A device is new or changed; it is as given now.
    DeviceChanged {
        /// The whole device.
        device: Box<Device>,
    },
    /// A device is no longer known.
    DeviceForgotten {
        /// Its key.
        id: String,
    },
    /// The search began, ended, or counted.
    SearchChanged {
        /// The whole search.
        search: Search,
    },
    /// The saved account, or whether its password can be kept, changed.
    AccountChanged {
        /// The account.
        account: Option<Account>,
        /// The keyring.
        keyring: Keyring,
    },
    /// A layer of the account check changed.
    CheckChanged {
        /// The whole check.
        check: AccountCheck,
    },
    /// Our link to the server changed. While it is not `connected`, nothing may be concluded about remote devices.
    ConnectionChanged {
        /// How it is now.
        connection: Connection,
    },
    /// The house begins to move to another account, has moved, or its link to that account's server changed.
    MoveChanged {
        /// The move, while it is under way.
        moving: Option<Move>,
    },
    /// A step of an onboarding run changed.
    RunChanged {
        /// The whole run.
        run: Run,
    },
    /// A transfer of ownership changed.
    TakeoverChanged {
        /// The whole of it.
        takeover: Takeover,
    },
}

/// An event with its place in the order.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Numbered {
    /// One more than the event before.
    #[ts(type = "number")]
    pub sequence: u64,
    /// What changed.
    pub event: Event,
}
