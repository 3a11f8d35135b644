//! CRUDN to a device: which session a request takes, and how long is waited (RA-16 … RA-20).
//!
//! Scope: requests in the device's session, observations in sessions of their own. Non-scope: what is said in them
//! (`peer`), retries (`home`).

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request};
use tokio::time::Instant;
use xmpp_parsers::jid::FullJid;

use super::peer::Notifications;
use super::sessions::Sessions;
use super::{Arrival, RemoteError};

/// Sends one request and waits for its answer; and how long that took from being sent. `deadline` is for an idle link:
/// what the link needs to carry it comes on top.
pub(super) async fn request(
    sessions: &Arc<Sessions>,
    jid: &FullJid,
    request: &Request,
    deadline: Duration,
) -> Result<(Arrival, Duration), RemoteError> {
    let until = Instant::now() + deadline;
    let peer = sessions.peer(jid);
    let _turn = peer.turn(until).await?;
    loop {
        let session = peer.session(sessions, until).await?;
        // Where the session had ended, nothing was sent: a new one is opened.
        if let Some(question) = peer.ask(session, request, None, until).await? {
            return question.answer().await;
        }
    }
}

/// Registers an observation in a session of its own; a device that refuses a second session is observed in the first.
///
/// The first answer decides: a failure, or a success without an `Observe` number, means that there is no observation;
/// it is then the only notification.
pub(super) async fn observe(
    sessions: &Arc<Sessions>,
    jid: &FullJid,
    href: Href,
    deadline: Duration,
) -> Result<Notifications, RemoteError> {
    let until = Instant::now() + deadline;
    let peer = sessions.peer(jid);
    let mut turn = match peer.takes_turns_in_all() {
        true => Some(peer.turn(until).await?),
        false => None,
    };
    let session = match sessions.open(jid, deadline).await {
        Err(RemoteError::SessionRefused(_)) => {
            if turn.is_none() {
                turn = Some(peer.turn(until).await?);
            }
            peer.session(sessions, until).await?
        }
        opened => opened?,
    };
    if peer.would_confuse(&session) {
        let words = "it takes one session, and one observation in it".to_owned();
        return Err(RemoteError::SessionRefused(words));
    }
    let notifications = peer.observe(session, href, until).await;
    drop(turn);
    notifications
}
