//! Secured sessions with devices on the local network: DTLS 1.2.
//!
//! Scope: opening a session ([`session`]), the sessions of the devices that we own ([`sessions`]) and their keys
//! ([`owner`]). Non-scope: taking a device over (`home::owning`), CoAP.

mod owner;
mod session;
mod sessions;

pub(crate) use owner::Owner;
pub(crate) use session::{Session, SessionError};
pub(super) use sessions::Sessions;
