//! What a reader sees of the home: the values in a [`Snapshot`] and in events.
//!
//! Scope: plain data, serialised for the window and the terminal program. Non-scope: how it comes about.
//! Times are milliseconds since the Unix epoch (`…_at_ms`) or durations in milliseconds (`…_ms`).

mod account;
mod device;
mod exchange;
mod run;
mod search;
mod takeover;

use serde::Serialize;
use ts_rs::TS;

pub use account::{
    Account, AccountCheck, AccountForm, AccountWarning, Certificate, Connection, Keyring, Layer, LayerCheck,
    LayerState, Move, Movers, ServerSuggestion,
};
pub use device::{
    Answer, Credential, Device, OnLan, OnRemote, Owned, Path, Presence, RemoteAccess, Reported, Resource, Security,
    Via, Wish,
};
pub use exchange::{Direction, Exchange, ExchangeStep, Exchanged, Notification, Observed, Outcome};
pub use homeward_protocol::onboarding::{LeftOnDevice, Step};
pub use homeward_protocol::ownership::Method as TakeoverMethod;
pub use homeward_protocol::ownership::transfer::Step as TakeoverStep;
pub use homeward_protocol::shown::{ExchangeLayer, LayerKind};
pub use run::{Knowers, OnboardChoice, Run, RunState, RunStep, StepState, UndoReach, Whose};
pub use search::{Search, SearchHint, SearchInterface};
pub use takeover::{Takeover, TakeoverLeft, TakeoverState};

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
    /// The move to another account that is under way.
    pub moving: Option<Move>,
    /// The account check under way, or the last one.
    pub check: Option<AccountCheck>,
    /// The onboarding runs of this program's life, and those that were cut short before, by device id.
    pub runs: Vec<Run>,
    /// The transfers of ownership of this program's life, by the ids that the devices had.
    pub takeovers: Vec<Takeover>,
    /// The demo's account, to fill the form with. Never a password.
    pub prefill: Option<AccountForm>,
}
