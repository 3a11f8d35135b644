//! Remote devices: staying connected, who is there, and CRUDN over In-Band Bytestreams.
//!
//! Scope: everything that goes through the XMPP server. Non-scope: the session itself (`homeward_xmpp`), the payloads
//! (`homeward_protocol::remote`), and what devices are to the person (`home`).

mod allowance;
mod crudn;
mod dialogue;
mod friends;
mod link;
mod network;
mod peer;
mod people;
mod sessions;
mod surroundings;
mod traffic;

use std::sync::{Arc, Weak};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response};
use homeward_protocol::remote::ibb::TooLarge;
use homeward_protocol::remote::jid::OicResource;
use homeward_protocol::remote::rest::RestError;
use homeward_xmpp::{Account, Cause, Ear, Failure, Hash, Invitation, IqFailure};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use xmpp_parsers::jid::{BareJid, FullJid};

use crate::view::Layer;

pub(crate) use link::{layer_view, roster_of};
pub(crate) use peer::Notifications;
use sessions::Sessions;
use surroundings::Surroundings;
pub use surroundings::WallClock;

/// What changed at the server.
#[derive(Debug)]
pub(crate) enum RemoteEvent {
    /// A layer of the sign-in is under way.
    Connecting(Layer),
    /// This account has been signed in with this hash: a weaker one is not taken any more.
    Proven(BareJid, Hash),
    /// Signed in; the presences follow. The round trip of the last ping, where there was one.
    Connected(Option<Duration>),
    /// Lost or not reached; the next try begins after this time. Nothing can be concluded about devices.
    Suspended(Layer, Cause, Duration),
    /// The connection broke; the next try to go on with the same session begins after this time (XEP-0198). Devices are
    /// not reached meanwhile, and what is under way with them is not lost yet.
    Interrupted(Cause, Duration),
    /// The session goes on: everybody is as they were, and what changed follows.
    Resumed,
    /// Refused; not tried again before the person does something.
    Refused(Layer, Cause),
    /// There is no account, or the person wants no connection.
    Offline,
    /// A device is available.
    Present {
        /// Exactly as received (RA-9).
        jid: FullJid,
        /// Who it says it is.
        resource: OicResource,
        /// Whether it is signed in with another account than ours.
        contact: bool,
    },
    /// A device is no longer available.
    Gone(FullJid),
    /// This computer slept, or its network changed: addresses may be somebody else's. Nothing more can be concluded.
    Moved,
    /// A peer sent so much that it is not heard for a while. Nothing can be concluded about others.
    CutOff(FullJid),
}

/// Why a remote request brought no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RemoteError {
    /// We are not connected, or the device is not there: nothing was sent.
    #[error("the device is not reachable over the server")]
    NotThere,
    /// The device sent too much, and is not heard for a while: nothing was sent.
    #[error("the device sends too much, and is not heard for a minute")]
    CutOff,
    /// The device refused a session: nothing was sent.
    #[error("the device refuses a session ({0})")]
    SessionRefused(String),
    /// The request does not fit the session's block: nothing was sent.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The deadline passed. `sent`: whether the request had gone out.
    #[error("no answer in time")]
    NoAnswer {
        /// Whether the request had gone out.
        sent: bool,
    },
    /// The connection or the device's session ended with the request out.
    #[error("the connection ended before the answer")]
    Cut,
    /// The answer could not be read.
    #[error("the answer could not be read: {0}")]
    BadAnswer(RestError),
}

/// What a device told, and when that came: what came later is newer, whoever reads it first.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// What.
    pub(crate) response: Response,
    /// When it was read from the connection.
    pub(crate) at: Instant,
}

/// The remote side of the home. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    sessions: Arc<Sessions>,
    wishes: mpsc::UnboundedSender<link::Wish>,
    _link: Arc<AbortOnDropHandle<()>>,
}

impl Remote {
    /// Starts without an account: offline.
    pub(crate) fn start(clock: WallClock, events: mpsc::Sender<RemoteEvent>) -> Self {
        let sessions = Arc::new(Sessions::default());
        // Unbounded: only the person's own acts are sent here.
        let (wishes, wished) = mpsc::unbounded_channel();
        let link = tokio::spawn(link::run(sessions.clone(), Surroundings::observe(clock), wished, events));
        Self { sessions, wishes, _link: Arc::new(AbortOnDropHandle::new(link)) }
    }

    /// Connects with this account from now on, or stays away.
    pub(crate) fn use_account(&self, account: Option<Account>) {
        let _ = self.wishes.send(link::Wish::Use(account.map(Box::new)));
    }

    /// Tries again at once, also after a refusal.
    pub(crate) fn try_now(&self) {
        let _ = self.wishes.send(link::Wish::TryNow);
    }

    /// Says good-bye and stays away; returns once that is done.
    pub(crate) async fn close(&self) {
        let (done, is_done) = tokio::sync::oneshot::channel();
        if self.wishes.send(link::Wish::Close(done)).is_ok() {
            let _ = is_done.await;
        }
    }

    /// Asks our server for an invitation to make another account there.
    ///
    /// # Errors
    /// [`IqFailure`]: it could not be asked.
    pub(crate) async fn invitation(&self, deadline: Duration) -> Result<Option<Invitation>, IqFailure> {
        self.sessions.handle().ok_or(IqFailure::Closed)?.invitation(deadline).await
    }

    /// Makes our account and this other one of ours contacts of each other, both ways: each sees the other's presence, and may
    /// talk to it.
    ///
    /// # Errors
    /// Why one of the two could not be asked; [`Cause::Silent`]: not both had said so in time.
    pub(crate) async fn befriend(&self, other: &Account, deadline: Duration) -> Result<(), Failure> {
        friends::befriend(&self.sessions, other, deadline).await
    }

    /// All that goes to this address and comes from it is copied, too, for as long as somebody holds the ear.
    pub(crate) fn listen_in(&self, jid: &FullJid, ear: Weak<dyn Ear>) {
        self.sessions.listen_in(jid, ear);
    }

    /// One request to a device, in its session; opens one if there is none. One request at a time per device, as the
    /// payload has no id; more with a device that returns ours. `deadline` is for an idle link. With how long it took.
    pub(crate) async fn request(
        &self,
        jid: &FullJid,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Arrival, Duration), RemoteError> {
        crudn::request(&self.sessions, jid, request, deadline).await
    }

    /// An observation in a session of its own; ends when dropped.
    pub(crate) async fn observe(
        &self,
        jid: &FullJid,
        href: Href,
        deadline: Duration,
    ) -> Result<Notifications, RemoteError> {
        crudn::observe(&self.sessions, jid, href, deadline).await
    }
}
