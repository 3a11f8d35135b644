//! The home: finding, onboarding and controlling OIC devices. [`Home`] is the whole public API.
//!
//! Scope: I/O and use cases. Non-scope: windows and terminals; bytes on the wire (`homeward_protocol`); the XMPP
//! session itself (`homeward_xmpp`).

pub mod config;
pub mod error;
pub mod event;
mod home;
pub mod lan;
mod remote;
mod store;
mod tap;
pub mod view;

pub use config::Config;
pub use error::{Code, Error};
pub use event::{Event, Numbered};
pub use home::{Home, Lagged, Observation, ShownObservation, Subscription};
pub use homeward_protocol::crudn;
pub use homeward_protocol::secret::Secret;
