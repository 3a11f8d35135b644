//! What a program tells the home at its start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use homeward_protocol::secret::Secret;

pub use crate::remote::WallClock;
use crate::view::AccountForm;

/// What a program tells the home at its start.
pub struct Config {
    /// The folder of all state (`HOMEWARD_HOME`).
    pub folder: PathBuf,
    /// Which UUID slot to take: the app has slot 0, each `homewardctl` the first free one from 1 on (RA-8).
    pub slot: Slot,
    /// The interfaces to search, by name; empty: all that are up.
    pub interfaces: Vec<String>,
    /// A password for this run, instead of the keyring's.
    pub password: Option<Secret>,
    /// The same, of the account that the house moves to.
    pub next_password: Option<Secret>,
    /// Whether to connect at start where there is an account (RA-22).
    pub connect: bool,
    /// How long one request may take.
    pub request_deadline: Duration,
    /// Tells the time of day, by which a sleep of this computer is noticed.
    pub wall_clock: WallClock,
    /// What to fill the account form with (the demo).
    pub prefill: Option<AccountForm>,
}

/// A place among the programs that share one folder: each has a client UUID of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Slot 0; fails if another app holds it.
    App,
    /// The first free one from 1 on.
    FirstFree,
}

impl Config {
    /// The folder that `HOMEWARD_HOME` names, else the system's place for an app's data.
    pub fn new(folder: PathBuf, slot: Slot) -> Self {
        Self {
            folder,
            slot,
            interfaces: Vec::new(),
            password: None,
            next_password: None,
            connect: true,
            request_deadline: Duration::from_secs(20),
            wall_clock: Arc::new(SystemTime::now),
            prefill: None,
        }
    }
}

/// A comma-separated list of interface names (`HOMEWARD_INTERFACES`).
pub fn interfaces(list: &str) -> Vec<String> {
    list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
