//! What a simulated home shall be.

use std::path::PathBuf;
use std::time::Duration;

use homeward_protocol::secret::Secret;

use crate::cast::Kind;
use crate::model::Login;

/// What a simulated home shall be: which devices, where, and with what memory.
#[derive(Debug, Clone)]
pub struct Scenario {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) seed: u64,
    pub(crate) interface: Option<String>,
    pub(crate) leisure: Duration,
    pub(crate) ca: Option<PathBuf>,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) on_lan: bool,
    pub(crate) unlisted: Vec<String>,
    pub(crate) login: Option<Login>,
    pub(crate) layer_deadline: Duration,
}

impl Scenario {
    /// The cast: one device of each of the eight kinds, on the loopback interface, answering multicast at once,
    /// remembering nothing.
    pub fn cast() -> Self {
        Self::devices(Kind::ALL.len())
    }

    /// So many devices: the cast first, then repeats with ids and names of their own (`lamp-2`). Every second round
    /// speaks the other dialect.
    pub fn devices(count: usize) -> Self {
        Self::of(Kind::ALL.into_iter().cycle().take(count))
    }

    /// These devices.
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
        Self {
            kinds: kinds.into_iter().collect(),
            seed: 1,
            interface: None,
            leisure: Duration::ZERO,
            ca: None,
            folder: None,
            on_lan: true,
            unlisted: Vec::new(),
            login: None,
            layer_deadline: Duration::from_secs(10),
        }
    }

    /// On this interface; without this, on the loopback one.
    pub fn on_interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// With other device ids: they follow from the seed alone.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Answering multicast at a random moment within this time (RFC 7252 §8.2).
    pub fn with_leisure(mut self, leisure: Duration) -> Self {
        self.leisure = leisure;
        self
    }

    /// Believing this authority's XMPP servers too (a PEM file).
    pub fn trusting(mut self, ca: impl Into<PathBuf>) -> Self {
        self.ca = Some(ca.into());
        self
    }

    /// Remembering servers, accounts and values in `home.json` in this folder. It holds the devices' credentials, as the
    /// memory of real devices would; only its owner can read it.
    pub fn keeping_state_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Without the local network: XMPP only.
    pub fn over_xmpp_only(mut self) -> Self {
        self.on_lan = false;
        self
    }

    /// With Remote Access of this device (by its key) at the well-known URIs, and not in `/oic/res` (RA-2).
    pub fn with_unlisted_remote_access(mut self, key: impl Into<String>) -> Self {
        self.unlisted.push(key.into());
        self
    }

    /// With all devices that have Remote Access set up already.
    pub fn signed_in(mut self, server: &str, port: u16, jid: &str, password: &str) -> Self {
        use base64::Engine;
        let credential = base64::engine::general_purpose::STANDARD.encode(password);
        self.login =
            Some(Login { address: server.to_owned(), port, jid: jid.to_owned(), credential: Secret::new(credential) });
        self
    }

    /// Giving up on a layer of the sign-in after this time; 10 s without this.
    pub fn with_layer_deadline(mut self, deadline: Duration) -> Self {
        self.layer_deadline = deadline;
        self
    }
}
