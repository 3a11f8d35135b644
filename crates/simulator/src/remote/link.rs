//! A device that is signed in: presence, requests and notifications, until it shall do something else or the session ends.

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::crudn::{Observe, Request, Response};
use homeward_xmpp::{Cause, Closed, Event, Handle, Session};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use xmpp_parsers::presence::Type as PresenceType;

use super::sessions::{Key, Manners, Outcome, Sessions};
use crate::model::{Asker, Change, RaStatus, Via};
use crate::unit::{Heard, Unit, Wanted, Wish};

/// RA-13: a device without other XMPP features, -100 … -33.
const PRIORITY: i8 = -50;
/// Our choice.
const ROSTER_DEADLINE: Duration = Duration::from_secs(10);
/// Our choice: requests that a slow device is still busy with; more are left unheard.
const MOST_UNDER_WAY: usize = 64;

/// A request that is carried out later.
struct Late {
    session: Key,
    request: Request,
    id: Option<String>,
    number: u64,
}

/// Serves until the wish changes (none), or the session ends.
pub(super) async fn serve(unit: &Arc<Unit>, session: Session, wish: &mut watch::Receiver<Wish>) -> Option<Cause> {
    let Session { handle, mut events, .. } = session;
    let mut link = Link::new(Arc::clone(unit), handle.clone());
    let mut changes = unit.changes();
    let (late_in, mut late) = mpsc::channel(MOST_UNDER_WAY);
    let mut leave_at: Option<Instant> = None;
    let mut sleepers = JoinSet::new();
    if link.arrive().await.is_err() {
        return Some(ended(&mut events).await);
    }
    loop {
        let outcomes = tokio::select! {
            _ = wish.changed(), if leave_at.is_none() => {
                let powered = wish.borrow().what != Wanted::NoPower;
                let pause = if powered { unit.state().knobs.sign_in_delay } else { Duration::ZERO };
                leave_at = Some(Instant::now() + pause);
                Vec::new()
            }
            () = sleep_until(leave_at.unwrap_or_else(Instant::now)), if leave_at.is_some() => {
                handle.close().await;
                unit.report(RaStatus::NotInitialized, None);
                wish.mark_changed();
                return None;
            }
            event = events.recv() => match event {
                None => return Some(Cause::Closed),
                Some(Event::Ended(cause)) => return Some(cause),
                Some(event) => link.take(event),
            },
            change = changes.recv() => {
                let sent = match change {
                    Ok(change) => link.notify(&change).await,
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => return None,
                };
                if sent.is_err() {
                    return Some(ended(&mut events).await);
                }
                Vec::new()
            }
            Some(ready) = late.recv() => {
                if link.carry_out(ready).await.is_err() {
                    return Some(ended(&mut events).await);
                }
                Vec::new()
            }
            Some(_) = sleepers.join_next() => Vec::new(),
        };
        for outcome in outcomes {
            let sent = match outcome {
                Outcome::Send(stanza) => handle.send(stanza).await,
                Outcome::Asked { session, request, id } => {
                    let from = session.0.to_string();
                    match unit.hear(&request, Via::Xmpp, &from) {
                        Heard::Silence => Ok(()),
                        Heard::Proceed { number, delay } => {
                            let asked = Late { session, request, id, number };
                            if delay.is_zero() {
                                link.carry_out(asked).await
                            } else {
                                if sleepers.len() < MOST_UNDER_WAY {
                                    let late_in = late_in.clone();
                                    sleepers.spawn(async move {
                                        tokio::time::sleep(delay).await;
                                        let _ = late_in.send(asked).await;
                                    });
                                }
                                Ok(())
                            }
                        }
                    }
                }
            };
            if sent.is_err() {
                return Some(ended(&mut events).await);
            }
        }
    }
}

/// Why the session ended: its last event.
async fn ended(events: &mut mpsc::Receiver<Event>) -> Cause {
    while let Some(event) = events.recv().await {
        if let Event::Ended(cause) = event {
            return cause;
        }
    }
    Cause::Closed
}

struct Link {
    unit: Arc<Unit>,
    handle: Handle,
    sessions: Sessions,
}

impl Link {
    fn new(unit: Arc<Unit>, handle: Handle) -> Self {
        let sessions = Sessions::new(handle.jid().to_bare());
        Self { unit, handle, sessions }
    }

    /// RA-12: the roster, then presence. From now on the device can be reached.
    async fn arrive(&mut self) -> Result<(), Closed> {
        match self.handle.roster(ROSTER_DEADLINE).await {
            Ok(items) => items.iter().for_each(|item| self.sessions.contact(item)),
            Err(error) => tracing::debug!("{}: no roster: {error}", self.unit.identity.key),
        }
        self.handle.announce(PRIORITY).await?;
        self.unit.report(RaStatus::Connected, Some(self.handle.jid().to_string()));
        Ok(())
    }

    fn take(&mut self, event: Event) -> Vec<Outcome> {
        match event {
            Event::Ibb(iq) => {
                let manners = self.manners();
                self.sessions.take_iq(*iq, manners)
            }
            Event::Message(message) => self.sessions.take_message(&message),
            Event::Presence(presence) => {
                if let (Some(from), PresenceType::Unavailable) = (&presence.from, &presence.type_) {
                    self.sessions.gone(from);
                }
                Vec::new()
            }
            Event::Roster(item) => {
                self.sessions.contact(&item);
                Vec::new()
            }
            // It asks for no session that outlives its connection.
            Event::Latency(_) | Event::Interrupted(..) | Event::Resumed | Event::Ended(_) => Vec::new(),
        }
    }

    fn manners(&self) -> Manners {
        let state = self.unit.state();
        Manners {
            takes_one_session: state.knobs.takes_one_session,
            forgets_request_ids: state.knobs.forgets_request_ids,
            largest_block: state.knobs.largest_block,
        }
    }

    async fn carry_out(&mut self, asked: Late) -> Result<(), Closed> {
        let Late { session, request, id, number } = asked;
        let Some(mut response) = self.unit.carry_out(number, &request, Via::Xmpp, Asker::Remote) else { return Ok(()) };
        match request.observe {
            Some(Observe::Register) if response.status.is_success() && self.unit.is_observable(&request.href) => {
                response.observe = self.sessions.observe(&session, &request.href, id.as_deref());
            }
            Some(_) => self.sessions.leave_alone(&session, &request.href),
            None => {}
        }
        self.answer(&session, &response, id.as_deref()).await
    }

    async fn notify(&mut self, change: &Change) -> Result<(), Closed> {
        for (session, href, id, sequence) in self.sessions.observers(change) {
            let Some(mut response) = self.unit.show(&href, Via::Xmpp, Asker::Remote) else { return Ok(()) };
            if response.status.is_success() {
                response.observe = Some(sequence);
            } else {
                self.sessions.leave_alone(&session, &href);
            }
            if response.body.is_some() && href.queries().next().is_none() && !change.value.is_null() {
                // Each change is told as it was, even if the next one has come already.
                response.body = Some(change.value.clone());
            }
            self.answer(&session, &response, id.as_deref()).await?;
        }
        Ok(())
    }

    async fn answer(&mut self, session: &Key, response: &Response, id: Option<&str>) -> Result<(), Closed> {
        let id = id.filter(|_| !self.manners().forgets_request_ids);
        match self.sessions.answer(session, response, id) {
            Some(stanza) => self.handle.send(stanza).await,
            None => Ok(()),
        }
    }
}
