//! Staying connected: signs in, keeps the roster and presences, and comes back after a loss (RA-12, RA-21, RA-22).
//!
//! Scope: one connection at a time, and when to try again. Never on a wrong password, a replaced session, or anything
//! else that trying again cannot mend. Non-scope: pings (`homeward_xmpp`).

use std::sync::Arc;
use std::time::Duration;

use homeward_xmpp::{Account, Cause, Event, Failure, Handle, IqFailure, Progress, Session};
use rand::Rng as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use xmpp_parsers::disco::{DiscoInfoQuery, DiscoInfoResult};
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::presence::{Presence, Type as PresenceType};
use xmpp_parsers::roster::Item;

use super::friends;
use super::people::People;
use super::sessions::Sessions;
use super::surroundings::Surroundings;
use super::{Layer, RemoteEvent};

/// RA-13: an OIC client without other XMPP features.
const PRIORITY: i8 = -1;
/// Our choice.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// Our choice: a server that restarts is found again within a minute.
const LAST_RETRY: Duration = Duration::from_secs(60);
/// Our choice: a connection that lived this long begins the waits anew.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// Our choice: nothing waits for it.
const SERVER_NAMES_ITSELF_WITHIN: Duration = Duration::from_secs(10);

/// What the person wants of the connection.
pub(super) enum Wish {
    Use(Option<Box<Account>>),
    TryNow,
    Close(oneshot::Sender<()>),
}

/// Whether trying again by itself cannot help.
pub(crate) fn is_final(cause: &Cause) -> bool {
    match cause {
        Cause::Dns(_)
        | Cause::TcpRefused
        | Cause::Unreachable(_)
        | Cause::Silent
        | Cause::Tls(_)
        | Cause::StreamError(_)
        | Cause::Closed
        | Cause::Lost(_) => false,
        Cause::NotXmpp
        | Cause::HostUnknown
        | Cause::TlsNotOffered
        | Cause::CertificateUnknown(_)
        | Cause::CertificateExpired(_)
        | Cause::CertificateWrongName(_)
        | Cause::CertificateChanged { .. }
        | Cause::NoSafeMechanism { .. }
        | Cause::WeakerThanBefore { .. }
        | Cause::NotAuthorized
        | Cause::AccountRefused(_)
        | Cause::ServerNotProven(_)
        | Cause::ResourceChanged { .. }
        | Cause::ResourceConflict
        | Cause::TooManySessions
        | Cause::BindRefused(_) => true,
    }
}

/// Whether to wait for the person. `worked`: this account has been signed in at this server. Then what answers without
/// being ready is most likely a server that restarts.
fn gives_up(cause: &Cause, worked: bool) -> bool {
    let may_be_a_restart = matches!(cause, Cause::NotXmpp | Cause::HostUnknown | Cause::TlsNotOffered);
    is_final(cause) && !(worked && may_be_a_restart)
}

/// How a stretch of the loop ended.
enum Next {
    Wished(Wish),
    Failed(Failure),
    /// The connection broke a while ago, which was told then; now it is certain that the session does not go on.
    NotResumed(Failure),
}

pub(super) async fn run(
    sessions: Arc<Sessions>,
    mut surroundings: Surroundings,
    mut wishes: mpsc::UnboundedReceiver<Wish>,
    events: mpsc::Sender<RemoteEvent>,
) {
    let mut account: Option<Box<Account>> = None;
    let mut failures = 0;
    let mut worked = false;
    loop {
        let wish = match &mut account {
            None => {
                let _ = events.send(RemoteEvent::Offline).await;
                wishes.recv().await
            }
            Some(wanted) => {
                let began = Instant::now();
                let next = connected(&sessions, wanted, &mut worked, &mut surroundings, &mut wishes, &events).await;
                sessions.detach();
                let was_waited_for = matches!(next, Next::NotResumed(_));
                match next {
                    Next::Wished(wish) => Some(wish),
                    Next::Failed(Failure { layer, cause }) | Next::NotResumed(Failure { layer, cause })
                        if gives_up(&cause, worked) =>
                    {
                        failures = 0;
                        let _ = events.send(RemoteEvent::Refused(layer_view(layer), cause)).await;
                        wishes.recv().await
                    }
                    Next::Failed(Failure { layer, cause }) | Next::NotResumed(Failure { layer, cause }) => {
                        failures = if began.elapsed() > STABLE_AFTER { 0 } else { failures + 1 };
                        let wait = match failures {
                            0 | 1 if was_waited_for => Duration::ZERO,
                            failures => backoff(failures),
                        };
                        let _ = events.send(RemoteEvent::Suspended(layer_view(layer), cause, wait)).await;
                        tokio::select! {
                            wish = wishes.recv() => wish,
                            () = sleep(wait) => Some(Wish::TryNow),
                            // What was in the way may have gone.
                            () = surroundings.changed() => {
                                failures = 0;
                                let _ = events.send(RemoteEvent::Moved).await;
                                Some(Wish::TryNow)
                            }
                        }
                    }
                }
            }
        };
        match wish {
            Some(Wish::Use(wanted)) => {
                failures = 0;
                worked = false;
                sessions.forget_limit();
                account = wanted;
            }
            Some(Wish::TryNow) => {}
            Some(Wish::Close(done)) => {
                let _ = done.send(());
                return;
            }
            None => return,
        }
    }
}

/// Doubling from one second to a minute, each half fixed and half by chance, so that a house does not return as one.
fn backoff(failures: u32) -> Duration {
    let full = FIRST_RETRY.saturating_mul(1 << failures.saturating_sub(1).min(6)).min(LAST_RETRY);
    full.mul_f64(rand::rng().random_range(0.5..=1.0))
}

/// Signs in and stays until something ends it.
async fn connected(
    sessions: &Arc<Sessions>,
    account: &mut Account,
    worked: &mut bool,
    surroundings: &mut Surroundings,
    wishes: &mut mpsc::UnboundedReceiver<Wish>,
    events: &mpsc::Sender<RemoteEvent>,
) -> Next {
    let signed_in = tokio::select! {
        signed_in = sign_in(account, events) => signed_in,
        wish = wishes.recv() => return Next::Wished(wish.unwrap_or(Wish::Use(None))),
    };
    let (session, mut people) = match signed_in {
        Ok(signed_in) => signed_in,
        Err(failure) => return Next::Failed(failure),
    };
    let Session { handle, events: mut incoming, proven_with } = session;
    *worked = true;
    account.at_least = account.at_least.max(Some(proven_with));
    let _ = events.send(RemoteEvent::Proven(account.jid.clone(), proven_with)).await;
    sessions.attach(handle.clone());
    let _ = events.send(RemoteEvent::Connected(None)).await;
    // Where the session has ended already, its last event says why.
    let _ = handle.announce(PRIORITY).await;
    let mut interrupted = false;
    let mut is_ejabberd = tokio::spawn(is_ejabberd(handle.clone()));
    loop {
        let event = tokio::select! {
            event = incoming.recv() => event,
            () = surroundings.changed() => {
                handle.doubt();
                let _ = events.send(RemoteEvent::Moved).await;
                continue;
            }
            wish = wishes.recv() => match wish {
                Some(Wish::TryNow) => {
                    if interrupted {
                        handle.doubt();
                    }
                    continue;
                }
                wish => {
                    handle.close().await;
                    return Next::Wished(wish.unwrap_or(Wish::Use(None)));
                }
            },
        };
        match event {
            None => return Next::Failed(Failure { layer: homeward_xmpp::Layer::Tcp, cause: Cause::Closed }),
            Some(Event::Ended(Cause::ResourceConflict))
                if people.has_siblings() && (&mut is_ejabberd).await.unwrap_or(false) =>
            {
                return Next::Failed(Failure { layer: homeward_xmpp::Layer::Tcp, cause: Cause::TooManySessions });
            }
            Some(Event::Ended(cause)) => {
                let failure = Failure { layer: homeward_xmpp::Layer::Tcp, cause };
                if interrupted {
                    return Next::NotResumed(failure);
                }
                let Failure { cause, .. } = &failure;
                if matches!(cause, Cause::StreamError(words) if words.starts_with("PolicyViolation")) {
                    sessions.was_too_large();
                }
                return Next::Failed(failure);
            }
            Some(Event::Presence(presence)) => {
                if let Some(answer) = friends::answer(sessions, &presence) {
                    let _ = handle.send(answer.into()).await;
                }
                if let Some(gone) = gone(&presence) {
                    sessions.forget(&gone);
                }
                if let Some(event) = people.presence(&presence) {
                    let _ = events.send(event).await;
                }
            }
            Some(Event::Message(message)) => {
                if message.from.as_ref().is_some_and(|from| people.may_talk(from))
                    && let Some(jid) = sessions.message(&message)
                {
                    let _ = events.send(RemoteEvent::CutOff(jid)).await;
                }
            }
            Some(Event::Ibb(iq)) => {
                let may_talk = iq.from().is_some_and(|from| people.may_talk(from));
                if let Some(answer) = sessions.iq(&iq, may_talk) {
                    let _ = handle.send(answer.into()).await;
                }
            }
            Some(Event::Roster(item)) => {
                for event in people.contact_changed(&item) {
                    if let RemoteEvent::Gone(jid) = &event {
                        sessions.forget(jid);
                    }
                    let _ = events.send(event).await;
                }
            }
            Some(Event::Latency(latency)) => {
                let _ = events.send(RemoteEvent::Connected(Some(latency))).await;
            }
            Some(Event::Interrupted(cause, wait)) => {
                interrupted = true;
                let _ = events.send(RemoteEvent::Interrupted(cause, wait)).await;
            }
            Some(Event::Resumed) => {
                interrupted = false;
                sessions.resumed();
                let _ = events.send(RemoteEvent::Resumed).await;
            }
        }
    }
}

/// Who has gone, device or not: anybody may have opened a session towards us.
fn gone(presence: &Presence) -> Option<FullJid> {
    let left = matches!(presence.type_, PresenceType::Unavailable | PresenceType::Error);
    presence.from.clone().filter(|_| left)?.try_into_full().ok()
}

/// Whether the server names itself so (XEP-0030). ejabberd ends the oldest session beyond `max_user_sessions` with the
/// words of a replaced one; servers without such a limit mean what they say.
async fn is_ejabberd(handle: Handle) -> bool {
    let server = Jid::from(handle.jid().to_bare()).domain().as_str().parse().ok();
    let query = DiscoInfoQuery { node: None };
    let about = handle.get(server, query.into(), SERVER_NAMES_ITSELF_WITHIN).await.ok().flatten();
    let about = about.and_then(|about| DiscoInfoResult::try_from(about).ok());
    let named = |name: &str| name.to_ascii_lowercase().contains("ejabberd");
    about.is_some_and(|about| about.identities.iter().any(|identity| identity.name.as_deref().is_some_and(named)))
}

async fn sign_in(account: &Account, events: &mpsc::Sender<RemoteEvent>) -> Result<(Session, People), Failure> {
    let mut tell = |progress: Progress| {
        if let Progress::Began(layer) = progress {
            // Progress only: where the reader is behind, the next layer tells it.
            let _ = events.try_send(RemoteEvent::Connecting(layer_view(layer)));
        }
    };
    let mut session = homeward_xmpp::sign_in(account, &mut tell).await?;
    tell(Progress::Began(homeward_xmpp::Layer::Roster));
    let roster = match roster_of(&mut session, account.layer_deadline).await {
        Ok(roster) => roster,
        // Our own account's devices need no roster; the account check tells of it.
        Err(Cause::StreamError(words)) if session.handle.is_open() => {
            tracing::warn!("the server refuses the roster ({words}): contacts' devices are not shown");
            Vec::new()
        }
        Err(cause) => return Err(Failure { layer: homeward_xmpp::Layer::Roster, cause }),
    };
    let people = People::new(session.handle.jid().clone(), roster);
    Ok((session, people))
}

/// The roster of a fresh session (RA-12).
///
/// # Errors
/// Why it did not come; where the session ended instead, why that was.
pub(crate) async fn roster_of(session: &mut Session, deadline: Duration) -> Result<Vec<Item>, Cause> {
    let failure = match session.handle.roster(deadline).await {
        Ok(roster) => return Ok(roster),
        Err(failure) => failure,
    };
    Err(match failure {
        IqFailure::NoAnswer => Cause::Silent,
        IqFailure::Refused { condition, text } => Cause::StreamError(format!("{condition:?} {text}").trim().to_owned()),
        IqFailure::Closed => loop {
            match session.events.recv().await {
                Some(Event::Ended(cause)) => break cause,
                Some(_) => {}
                None => break Cause::Closed,
            }
        },
    })
}

pub(crate) fn layer_view(layer: homeward_xmpp::Layer) -> Layer {
    match layer {
        homeward_xmpp::Layer::Dns => Layer::Dns,
        homeward_xmpp::Layer::Tcp => Layer::Tcp,
        homeward_xmpp::Layer::Tls => Layer::Tls,
        homeward_xmpp::Layer::Sasl => Layer::Sasl,
        homeward_xmpp::Layer::Bind => Layer::Bind,
        homeward_xmpp::Layer::Roster => Layer::Roster,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_minute_and_differ_by_chance() {
        for (failures, least, most) in
            [(1, 0.5, 1.0), (2, 1.0, 2.0), (5, 8.0, 16.0), (7, 30.0, 60.0), (1000, 30.0, 60.0)]
        {
            let wait = backoff(failures).as_secs_f64();
            assert!((least..=most).contains(&wait), "{failures}: {wait}");
        }
    }

    #[test]
    fn a_wrong_password_and_a_replaced_session_are_never_tried_again() {
        assert!(is_final(&Cause::NotAuthorized));
        assert!(is_final(&Cause::ResourceConflict));
        assert!(!is_final(&Cause::TcpRefused));
        assert!(!is_final(&Cause::Silent));
    }

    #[test]
    fn a_server_that_worked_may_restart_and_a_wrong_password_stays_wrong() {
        for (cause, before, after) in [
            (Cause::NotXmpp, true, false),
            (Cause::HostUnknown, true, false),
            (Cause::TlsNotOffered, true, false),
            (Cause::NotAuthorized, true, true),
            (Cause::ResourceConflict, true, true),
            (Cause::TcpRefused, false, false),
        ] {
            assert_eq!((gives_up(&cause, false), gives_up(&cause, true)), (before, after), "{cause}");
        }
    }
}
