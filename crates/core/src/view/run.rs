//! Onboarding runs.

use homeward_protocol::onboarding::{LeftOnDevice, Step};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::error::Error;

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

/// The devices that know the account's password, by whether they can be given another one now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Knowers {
    /// On this network: they can be given the new one.
    pub here: Vec<String>,
    /// Elsewhere, or switched off: a change shuts them out.
    pub elsewhere: Vec<String>,
}

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
    /// Whose the account is that it gives: tried again, it is the same.
    pub whose: Whose,
    /// The account that it was given.
    pub jid: String,
    /// The server that it was given.
    pub server: String,
    /// And the port.
    pub port: u16,
}

/// Which account a run gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Whose {
    /// One of the house, which its devices share.
    House,
    /// One that the device has for itself, made at the house's server where it has none.
    Own,
    /// That one, with a new password.
    OwnRenewed,
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
    /// The account that the device shall have for itself is being made.
    MakingAccount {
        /// The server lets one be made not before this, in milliseconds since the Unix epoch; absent: it is being asked.
        #[serde(rename = "retryAtMs")]
        #[ts(type = "number | null")]
        retry_at_ms: Option<u64>,
    },
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

impl RunState {
    /// Whether it goes on, or waits for its turn.
    pub fn is_under_way(&self) -> bool {
        use RunState::{MakingAccount, Queued, Undoing, Working};
        matches!(self, Queued | MakingAccount { .. } | Working | Undoing)
    }
}
