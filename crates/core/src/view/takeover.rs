//! Taking ownership of a device, as a reader follows it.

use serde::Serialize;
use ts_rs::TS;

use super::{TakeoverMethod, TakeoverStep};
use crate::error::Error;

/// One transfer of ownership: where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Takeover {
    /// The device's key when it began. The device has another one afterwards.
    pub id: String,
    /// How it is taken over.
    pub method: TakeoverMethod,
    /// Where it stands.
    pub state: TakeoverState,
    /// When it began.
    #[ts(type = "number")]
    pub started_at_ms: u64,
}

/// Where a transfer stands.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "kebab-case", tag = "state")]
#[ts(export)]
pub enum TakeoverState {
    /// The device is asked whether it can be taken over so.
    Asking,
    /// The device shows a PIN now, and the person has to type it.
    PinNeeded {
        /// How often a wrong one was typed.
        wrong: u32,
    },
    /// The secured session is being opened.
    Opening,
    /// The device is written to.
    Writing {
        /// Which step.
        step: TakeoverStep,
    },
    /// It is ours, and has to prove it.
    Proving,
    /// It is ours, and has proven it.
    Owned {
        /// Its key from now on.
        #[serde(rename = "newId")]
        new_id: String,
    },
    /// It came to nothing, or not to all.
    Failed {
        /// Why.
        error: Error,
        /// What it left.
        left: TakeoverLeft,
    },
    /// The person stopped it.
    Cancelled {
        /// What it left.
        left: TakeoverLeft,
    },
}

/// What a transfer that did not end well left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum TakeoverLeft {
    /// Nothing: the device is nobody's, and can be taken over.
    Nothing,
    /// The device was told to let the transfer go; if it did not hear that, it takes nobody for up to ten minutes.
    Waiting,
    /// The device is ours, and not ready: it can be finished or reset.
    Unfinished,
}
