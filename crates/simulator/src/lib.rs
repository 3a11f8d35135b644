//! A simulated home: OIC devices on CoAP and XMPP, with a knob for every fault.
//!
//! Scope: devices as they are met on real networks, in both dialects (OCF, OIC 1.1), on the local network and at an XMPP
//! server, for tests, benches and the demonstration. Non-scope: DTLS. It shares the vocabulary and codecs of
//! `homeward_protocol` and the sessions of `homeward_xmpp` with the program that it tests, and none of its I/O.
//!
//! ```no_run
//! # async fn story() -> Result<(), Box<dyn std::error::Error>> {
//! use homeward_protocol::crudn::Status;
//! use homeward_simulator::{Home, Scenario};
//!
//! let home = Home::start(Scenario::cast()).await?;
//! home.device("lamp").loses_next(2);
//! home.device("lock").refuses("/ra/user", Status::FORBIDDEN);
//! home.device("lamp").wait_for_status("Connected").await?;
//! # Ok(())
//! # }
//! ```

mod cast;
pub mod commands;
mod device;
mod event;
mod home;
mod journal;
mod knobs;
mod lan;
mod model;
mod remote;
mod scenario;
mod showroom;
mod state;
mod unit;

pub use cast::Kind;
pub use device::{Device, NotInTime, PATIENCE};
pub use event::Event;
pub use home::{Home, StartError};
pub use journal::LoggedRequest;
pub use knobs::Security;
pub use lan::interface::InterfaceError;
pub use model::{Dialect, RaStatus, Via};
pub use scenario::Scenario;
pub use state::StateError;
