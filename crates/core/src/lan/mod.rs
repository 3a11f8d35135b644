//! The local network: interfaces, the search, CRUDN over CoAP, DNS-SD.
//!
//! Scope: finding devices, and talking to them: in the clear, where an answer is not authenticated and a `di` can be
//! claimed by anybody; or over DTLS with those that we own. Non-scope: what becomes of the devices (`home` merges them with
//! those at the server).
//!
//! Drive it: `Lan::start`, then read the events; [`Lan::search`] begins the continuous search.

mod address;
mod asking;
mod claims;
mod client;
mod departure;
mod describe;
mod device;
mod dns_sd;
mod endpoint;
mod figures;
mod interfaces;
mod known;
mod observation;
mod round;
mod search;
mod secure;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wire;

use std::net::SocketAddr;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

pub use address::text as address_text;
pub use client::{LanClient, LanError};
pub use device::{LanDevice, RaResource};
pub use observation::Observation;
pub(crate) use secure::{Owner, Session, SessionError};

use crate::error::{Code, Error};
use crate::tap::Copies;
use crate::view;
use interfaces::Wanted;
use search::Command;
use secure::Sessions;

/// CoAP's port, and that of its multicast groups (RFC 7252 §6.1).
const COAP_PORT: u16 = 5683;
/// How many events wait for the reader. Our choice; a search waits for a slow reader.
const EVENTS: usize = 256;

/// Whether a search of these interfaces (by name) stays on loopback. No names: it does not.
pub fn limited_to_loopback(interfaces: &[String]) -> bool {
    Wanted::named(interfaces.to_vec()).check().unwrap_or(false)
}

/// What happens on the local network.
#[derive(Debug, Clone, PartialEq)]
pub enum LanEvent {
    /// A device answers that did not before. What it is may still be unknown: its details are being read.
    Found(Box<LanDevice>),
    /// A device is known better, or answers elsewhere, or answers again after [`LanEvent::Silent`].
    Changed(Box<LanDevice>),
    /// A device missed a round of the search and did not answer when asked by itself.
    Silent {
        /// Which.
        di: String,
    },
    /// What answers under the id of a device of ours and could not prove to be it: nothing is taken from there, or asked there.
    Claimed {
        /// Whose id.
        di: String,
        /// At these addresses now; none: not any more.
        at: Vec<SocketAddr>,
    },
    /// The search began, ended, or counted.
    Search(view::Search),
}

/// Where a device is asked on this network, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the clear, at this address: anybody can read along, and answer.
    Clear(SocketAddr),
    /// Over the secured session with a device of ours.
    Secured {
        /// Which: both sides prove it.
        device: Uuid,
        /// Where it may answer, the best first.
        at: Vec<SocketAddr>,
    },
}

impl Place {
    /// The address that is tried first.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Place::Clear(address) => Some(*address),
            Place::Secured { at, .. } => at.first().copied(),
        }
    }
}

/// The local network. Cheap to clone; its tasks end when the last clone is dropped.
#[derive(Clone)]
pub struct Lan {
    client: LanClient,
    sessions: Sessions,
    commands: mpsc::UnboundedSender<Command>,
    loopback_only: bool,
}

impl Lan {
    /// Opens the sockets for requests, and waits to be told to search. `interfaces` are names; none: all that are up,
    /// without loopback. Within a tokio runtime only.
    ///
    /// # Errors
    /// [`Code::InterfaceUnknown`]: a named interface is not there or down. [`Code::Internal`]: no socket to be had.
    /// `owner`: the keys of the devices that we own.
    pub(crate) fn start(interfaces: Vec<String>, owner: Owner) -> Result<(Lan, mpsc::Receiver<LanEvent>), Error> {
        Self::start_at(interfaces, owner, COAP_PORT, 1)
    }

    /// At another port than CoAP's, and with all waits of the search divided: for tests.
    fn start_at(
        interfaces: Vec<String>,
        owner: Owner,
        port: u16,
        hurry: u32,
    ) -> Result<(Lan, mpsc::Receiver<LanEvent>), Error> {
        let wanted = Wanted::named(interfaces);
        let loopback_only = wanted.check()?;
        let client = LanClient::open(loopback_only)
            .map_err(|error| Error::new(Code::Internal, "no socket for CoAP").with_details(error.to_string()))?;
        let (commands, taken) = mpsc::unbounded_channel();
        let (events, reader) = mpsc::channel(EVENTS);
        let sessions = Sessions::new(owner);
        let setup =
            search::Setup { wanted, loopback_only, port, hurry, client: client.clone(), sessions: sessions.clone() };
        search::spawn(setup, taken, events);
        Ok((Lan { client, sessions, commands, loopback_only }, reader))
    }

    /// Whether only loopback is searched: the demo and the tests, where nobody's real devices are touched.
    pub fn loopback_only(&self) -> bool {
        self.loopback_only
    }

    /// Begins the search, or begins it anew: quick rounds first, and each device is read again.
    pub fn search(&self) {
        let _ = self.commands.send(Command::Search);
    }

    /// Ends the search. What was found stays known.
    pub fn stop(&self) {
        let _ = self.commands.send(Command::Stop);
    }

    /// Reads a device again (its `status`, after it was set up): [`LanEvent::Changed`] follows if it answers.
    pub fn refresh(&self, di: &str) {
        let _ = self.commands.send(Command::Refresh(di.to_owned()));
    }

    /// A device did not answer when it was asked by itself: [`LanEvent::Silent`] follows, until it is heard again.
    pub fn lost(&self, di: &str) {
        let _ = self.commands.send(Command::Lost(di.to_owned()));
    }

    /// A device has another id now: nobody will answer under this one.
    pub(crate) fn forget(&self, di: &str) {
        let _ = self.commands.send(Command::Forget(di.to_owned()));
    }

    /// Asks one place (`host`, `host:port`, `[v6%zone]:port`; port 5683 if none is named), and returns the ids of the
    /// devices there; [`LanEvent::Found`] brings them too. Takes at most some ten seconds.
    ///
    /// # Errors
    /// [`Code::AddressInvalid`], [`Code::NothingThere`].
    pub async fn ask(&self, address: &str) -> Result<Vec<String>, Error> {
        let found = self.ask_at(address::resolve(address).await?).await;
        let nothing = || Error::new(Code::NothingThere, format!("nothing at {address} answered"));
        Some(found).filter(|found| !found.is_empty()).ok_or_else(nothing)
    }

    /// The same, at these addresses. None, where nothing answers.
    pub(crate) async fn ask_at(&self, places: Vec<SocketAddr>) -> Vec<String> {
        let (answer, answered) = oneshot::channel();
        let _ = self.commands.send(Command::Ask { places, answer: Some(answer) });
        answered.await.unwrap_or_default()
    }

    /// The keys of the devices that we own have been read: what answered under their ids can be asked for proof.
    pub(crate) fn keys_are_read(&self) {
        let _ = self.commands.send(Command::KeysAreRead);
    }

    /// Asks these addresses without waiting for what they say.
    pub(crate) fn look_at(&self, places: Vec<SocketAddr>) {
        let _ = self.commands.send(Command::Ask { places, answer: None });
    }

    /// One request to one device, as [`LanClient::request`].
    ///
    /// # Errors
    /// [`LanError`].
    pub async fn request(&self, to: &Place, request: &Request, deadline: Duration) -> Result<Response, LanError> {
        match to {
            Place::Clear(address) => self.client.request(*address, request, deadline).await,
            Place::Secured { device, at } => {
                let answered = self.sessions.request(*device, at, request, deadline).await;
                self.doubted(*device, answered)
            }
        }
    }

    /// All that goes to this device and comes from it is copied, too, for as long as somebody holds the tap.
    pub(crate) fn listen_in(&self, with: &Place, copies: Copies) {
        match with {
            Place::Clear(address) => self.client.listen_in(*address, copies),
            Place::Secured { device, .. } => self.sessions.listen_in(*device, copies),
        }
    }

    /// Observes a resource, as [`LanClient::observe`].
    ///
    /// # Errors
    /// There is no secured session to be had.
    pub async fn observe(&self, to: &Place, href: Href, deadline: Duration) -> Result<Observation, LanError> {
        match to {
            Place::Clear(address) => Ok(self.client.observe(*address, href)),
            Place::Secured { device, at } => {
                let opened = self.sessions.client(*device, at, deadline).await;
                let (at, client) = self.doubted(*device, opened)?;
                Ok(client.observe(at, href))
            }
        }
    }

    /// Proves that a device of ours answers there: both sides have the key, and it says its id and its owner's.
    ///
    /// # Errors
    /// [`LanError`].
    pub(crate) async fn prove(&self, device: Uuid, at: &[SocketAddr], deadline: Duration) -> Result<(), LanError> {
        let opened = self.sessions.client(device, at, deadline).await.map(drop);
        self.doubted(device, opened)
    }

    /// Where what had proven to be a device of ours does not do so any more, it has to do it anew before it is heard again.
    fn doubted<T>(&self, device: Uuid, outcome: Result<T, LanError>) -> Result<T, LanError> {
        if matches!(outcome, Err(LanError::NotProven)) {
            let _ = self.commands.send(Command::Doubt(device.to_string()));
        }
        outcome
    }

    /// Closes the secured session with a device, if there is one.
    pub(crate) fn end_session(&self, device: Uuid) {
        self.sessions.end(device);
    }
}
