//! CRUDN to a device: in its session, one request at a time; observations in sessions of their own (RA-16 … RA-20).
//!
//! Scope: which session is used, and how long is waited. Non-scope: what is said in it (`conversation`), retries (`home`).

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response};
use homeward_protocol::remote::jid::OicResource;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use xmpp_parsers::jid::FullJid;

use super::RemoteError;
use super::conversation::{Conversation, Notifications};
use super::sessions::Sessions;

/// The request queue of one device: requests wait for each other here, and for no other device's.
#[derive(Default)]
pub(super) struct Peer {
    conversation: Mutex<Option<Conversation>>,
}

/// Sends one request and waits for its answer.
pub(super) async fn request(
    sessions: &Arc<Sessions>,
    jid: &FullJid,
    request: &Request,
    deadline: Duration,
) -> Result<Response, RemoteError> {
    let until = Instant::now() + deadline;
    let peer = sessions.peer(jid);
    let mut turn =
        timeout_at(until, peer.conversation.lock()).await.map_err(|_| RemoteError::NoAnswer { sent: false })?;
    loop {
        let conversation = usable(sessions, jid, &mut turn, until).await?;
        match timeout_at(until, conversation.ask(request, &device_id(jid))).await {
            Ok(Ok(outcome)) => return outcome,
            // The session had ended, and nothing was sent: a new one is opened.
            Ok(Err(_)) => *turn = None,
            Err(_) => {
                *turn = None;
                return Err(RemoteError::NoAnswer { sent: true });
            }
        }
    }
}

/// The device's session; opens one if there is none.
async fn usable(
    sessions: &Arc<Sessions>,
    jid: &FullJid,
    kept: &mut Option<Conversation>,
    until: Instant,
) -> Result<Conversation, RemoteError> {
    if let Some(conversation) = kept.as_ref().filter(|conversation| conversation.is_open()) {
        return Ok(conversation.clone());
    }
    let session = sessions.open(jid, until.saturating_duration_since(Instant::now())).await?;
    let conversation = Conversation::begin(session, device_id(jid));
    *kept = Some(conversation.clone());
    Ok(conversation)
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
    let di = device_id(jid);
    let peer = sessions.peer(jid);
    let late = |_| RemoteError::NoAnswer { sent: true };
    let (answer, notifications) = match sessions.open(jid, deadline).await {
        Ok(session) => Conversation::begin(session, di.clone()).observe(href, &di),
        Err(RemoteError::SessionRefused(_)) => {
            let mut turn = timeout_at(until, peer.conversation.lock()).await.map_err(late)?;
            let conversation = usable(sessions, jid, &mut turn, until).await?;
            let (answer, notifications) = conversation.observe(href, &di);
            let first = timeout_at(until, answer).await.unwrap_or(Ok(Err(RemoteError::NoAnswer { sent: true })));
            let first = first.unwrap_or(Err(RemoteError::Cut)).inspect_err(|_| *turn = None)?;
            return Ok(notifications.beginning_with(first));
        }
        Err(error) => return Err(error),
    };
    let first = timeout_at(until, answer).await.map_err(late)?.unwrap_or(Err(RemoteError::Cut))?;
    Ok(notifications.beginning_with(first))
}

/// The `di` that the full JID names (RA-9).
fn device_id(jid: &FullJid) -> String {
    OicResource::parse(jid.resource().as_str()).map_or_else(String::new, |resource| resource.id)
}
