//! CRUDN over CoAP: one request to one address, and its answer.
//!
//! Scope: unicast, large bodies both ways, the content format that a device takes, observing. Non-scope: which device
//! is meant and which way a request shall take (`home`), opening secured sessions ([`super::secure`]).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeward_protocol::coap::block::MAX_BODY;
use homeward_protocol::coap::exchange::Failure;
use homeward_protocol::coap::message::{Format, RequestError};
use homeward_protocol::coap::transfer::{Progress, Transfer, TransferError};
use homeward_protocol::crudn::{Href, Request, Response, Status};

use super::address::canonical;
use super::departure::Departure;
use super::endpoint::{AskError, Endpoint};
use super::observation::{self, Observation};
use super::secure::Session;
use crate::tap::Copies;

/// The most endpoints whose content format is remembered. Our choice; then it is learned anew.
const MAX_FORMATS: usize = 4096;

/// Why a request has no answer that could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LanError {
    /// It did not leave this computer whole: the device cannot have acted on it.
    #[error("the request could not be sent: {0}")]
    NotSent(io::ErrorKind),
    /// It was sent, and not answered in time: the device may or may not have acted on it.
    #[error("the device did not answer")]
    NoAnswer,
    /// The device rejected the message itself, without acting on it.
    #[error("the device rejected the message")]
    Reset,
    /// The device answered, and the answer cannot be read: it may have acted on it.
    #[error("the answer cannot be read: {0}")]
    BadAnswer(TransferError),
    /// The answer is larger than is read.
    #[error("the answer is too large")]
    TooLarge,
    /// What answers there does not prove that it is the device: no request was made.
    #[error("what answers there does not prove that it is the device")]
    NotProven,
    /// The device is ours, and its key is not at hand: no request was made.
    #[error("the device's key is not at hand")]
    NoKey,
    /// The path or the body has no place in a CoAP message; nothing was sent.
    #[error(transparent)]
    BadRequest(#[from] RequestError),
}

impl From<TransferError> for LanError {
    fn from(error: TransferError) -> Self {
        match error {
            TransferError::TooLarge => LanError::TooLarge,
            other => LanError::BadAnswer(other),
        }
    }
}

/// CRUDN over CoAP. Cheap to clone.
#[derive(Clone)]
pub struct LanClient {
    pub(super) endpoint: Endpoint,
    formats: Arc<Mutex<HashMap<SocketAddr, Format>>>,
}

impl LanClient {
    /// Opens the sockets: on loopback only, or for all networks. Within a tokio runtime only.
    ///
    /// # Errors
    /// The system's, where it gives a socket of neither family.
    pub fn open(loopback_only: bool) -> io::Result<Self> {
        Ok(Self { endpoint: Endpoint::open(loopback_only)?, formats: Arc::default() })
    }

    /// Over an open session, with its device only.
    pub(crate) fn over(session: Session) -> Self {
        Self { endpoint: Endpoint::over(session), formats: Arc::default() }
    }

    /// Closes the session that it goes over, and waits until the device has been told.
    pub(crate) async fn end(&self) {
        self.endpoint.end().await;
    }

    /// Whether requests can be made: a session may be over.
    pub(super) fn is_open(&self) -> bool {
        self.endpoint.is_open()
    }

    /// Sends a request and waits for the whole answer. Sent confirmable and again as RFC 7252 §4.2 says; requests to
    /// one address wait for each other. A device that refuses the content format (4.06, 4.15) is asked in the other one,
    /// which is remembered. Dropping the future gives the request up.
    ///
    /// # Errors
    /// [`LanError`], as its variants say. An answer that is a failure (4.04) is an answer.
    pub async fn request(&self, to: SocketAddr, request: &Request, deadline: Duration) -> Result<Response, LanError> {
        self.request_limited(to, request, deadline, MAX_BODY).await
    }

    /// As [`LanClient::request`], giving up at answers larger than this many bytes.
    pub(super) async fn request_limited(
        &self,
        to: SocketAddr,
        request: &Request,
        deadline: Duration,
        limit: usize,
    ) -> Result<Response, LanError> {
        let to = canonical(to);
        // Of the message that makes the request whole: the device can act on it from then on.
        let mut whole = Arc::new(Departure::default());
        let answered = tokio::time::timeout(deadline, async {
            let format = self.format(to);
            let answer = self.transfer(to, request, format, &whole, limit).await?;
            if !refuses_format(answer.status) {
                return Ok(answer);
            }
            // A refused format means that the device has not acted: asking again does nothing twice.
            whole = Arc::default();
            let second = self.transfer(to, request, format.other(), &whole, limit).await?;
            if refuses_format(second.status) {
                return Ok(answer);
            }
            self.learn(to, format.other());
            Ok(second)
        });
        let answered = answered.await;
        match answered {
            Ok(answered) => answered,
            Err(_) if whole.call_off() => Err(LanError::NotSent(io::ErrorKind::TimedOut)),
            Err(_) => Err(LanError::NoAnswer),
        }
    }

    async fn transfer(
        &self,
        to: SocketAddr,
        request: &Request,
        format: Format,
        whole: &Arc<Departure>,
        limit: usize,
    ) -> Result<Response, LanError> {
        let mut transfer = Transfer::new(request, format)?.limited_to(limit);
        loop {
            // Blocks before the last do not make the request whole.
            let departure = if transfer.completes_request() { whole.clone() } else { Arc::default() };
            let answer = self.endpoint.ask(to, transfer.packet(), rand::random(), departure).await;
            let answer = answer.map_err(|error| error_of(error, whole.has_left()))?;
            if let Progress::Done(response) = transfer.handle(answer)? {
                return Ok(response);
            }
        }
    }

    /// Observes a resource: its value now, then again at each change, until the observation is dropped.
    pub fn observe(&self, to: SocketAddr, href: Href) -> Observation {
        observation::start(self.clone(), canonical(to), href)
    }

    /// All that goes to this address and comes from it is copied, too, for as long as somebody holds the tap.
    pub(crate) fn listen_in(&self, with: SocketAddr, copies: Copies) {
        self.endpoint.listen_in(with, copies);
    }

    /// The content format that an endpoint takes, as far as is known.
    pub(super) fn format(&self, of: SocketAddr) -> Format {
        let formats = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        formats.get(&of).copied().unwrap_or(Format::Ocf)
    }

    /// An endpoint takes this content format.
    pub(super) fn learn(&self, of: SocketAddr, format: Format) {
        let mut formats = self.formats.lock().unwrap_or_else(PoisonError::into_inner);
        if formats.len() >= MAX_FORMATS {
            formats.clear();
        }
        formats.insert(of, format);
    }
}

pub(super) fn refuses_format(status: Status) -> bool {
    matches!(status.0, 406 | 415)
}

pub(super) fn error_of(error: AskError, whole: bool) -> LanError {
    match error {
        AskError::NotSent(kind) => LanError::NotSent(kind),
        AskError::Failed(Failure::Reset) => LanError::Reset,
        AskError::Failed(Failure::NoAnswer) if whole => LanError::NoAnswer,
        AskError::Failed(Failure::NoAnswer) => LanError::NotSent(io::ErrorKind::TimedOut),
        AskError::Failed(Failure::Busy) => LanError::NotSent(io::ErrorKind::ResourceBusy),
        AskError::Failed(Failure::TooLarge) => LanError::NotSent(io::ErrorKind::FileTooLarge),
    }
}
