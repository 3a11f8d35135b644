//! What the environment says at the start.
//!
//! `HOMEWARD_HOME`: the folder of all state. `HOMEWARD_INTERFACES`: the interfaces to search, comma-separated.
//! `HOMEWARD_PASSWORD`: the account's password for this run. `HOMEWARD_PREFILL_JID`, `…_SERVER`, `…_PORT`, `…_CA`: what
//! the account form begins with (the demo). `HOMEWARD_LOG`: a filter for the log on standard error.

use std::env;
use std::path::PathBuf;

use homeward_core::config::{Config, Slot};
use homeward_core::view::AccountForm;
use homeward_core::{Code, Error, Secret};
use tauri::{AppHandle, Manager as _};
use tracing_subscriber::EnvFilter;

/// What the log shows.
pub(crate) fn log_filter() -> EnvFilter {
    EnvFilter::try_from_env("HOMEWARD_LOG").unwrap_or_else(|_| EnvFilter::new("warn"))
}

/// The home's configuration.
///
/// # Errors
/// The system names no folder for an app's data.
pub(crate) fn config(app: &AppHandle) -> Result<Config, Error> {
    let folder = match env::var_os("HOMEWARD_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => app.path().app_data_dir().map_err(|error| {
            Error::new(Code::StoreFailed, "there is no folder for Homeward's data").with_details(error.to_string())
        })?,
    };
    Ok(Config {
        interfaces: homeward_core::config::interfaces(&env::var("HOMEWARD_INTERFACES").unwrap_or_default()),
        password: env::var("HOMEWARD_PASSWORD").ok().filter(|text| !text.is_empty()).map(Secret::new),
        prefill: prefill(),
        ..Config::new(folder, Slot::App)
    })
}

fn prefill() -> Option<AccountForm> {
    let jid = env::var("HOMEWARD_PREFILL_JID").ok()?;
    let given = |name: &str| env::var(name).unwrap_or_default();
    Some(AccountForm {
        jid,
        server: given("HOMEWARD_PREFILL_SERVER"),
        port: given("HOMEWARD_PREFILL_PORT"),
        ca: env::var("HOMEWARD_PREFILL_CA").ok(),
        // Only a person's own comparison pins a certificate.
        pin: None,
    })
}
