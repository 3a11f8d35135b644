//! What the end-to-end tests stand on: real servers, independent devices and clients, scripted bad servers, network
//! namespaces, the terminal program, the window.
//!
//! Scope: starting things, speaking with them, waiting for events, ending them. Non-scope: what is to be true of them:
//! that is said in `tests/`. A fixture that cannot do its part ends its test, so panics are in order here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod alone;
pub mod bad_server;
pub mod cli;
pub mod fault_proxy;
pub mod held;
pub mod hostile_coap;
pub mod house;
pub mod journey;
pub mod lock_house;
pub mod namespaces;
pub mod peer;
pub mod python;
pub mod reconnects;
pub mod remote_house;
mod scram;
pub mod secrets;
pub mod server;
pub mod soak;
pub mod stage;
pub mod window;

use std::path::PathBuf;

pub use alone::{alone, alone_for, inside, runtime_inside};

/// The workspace's root folder.
pub fn workspace() -> PathBuf {
    let tests = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("tests/ lies in the workspace").to_owned()
}

/// A program of this workspace, built before: it lies where this test's own program lies.
///
/// # Panics
/// When it is not there; the message says how to build it.
pub fn program(name: &str) -> PathBuf {
    let me = std::env::current_exe().expect("a running program has a path");
    let found = me.ancestors().skip(1).take(3).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --bins` first, or `cargo xtask test`"))
}

/// Names a test that cannot run here, and why, so that whoever runs the tests can count it.
pub fn skip(name: &str, why: &str) {
    use std::io::Write;
    // Past the test harness' capture, which hides what a passing test prints.
    let line = format!("SKIPPED: {name}: {why}\n");
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
