//! One device at the server: its turns, its session for requests, and what is out with it.
//!
//! Scope: a question from being asked to its answer or to being given up; an observation from its first answer to its
//! end. Non-scope: what belongs to what (`dialogue`), blocks (`sessions`), which session is used (`crudn`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Observe, Request, Response};
use homeward_protocol::remote::jid::OicResource;
use homeward_protocol::remote::rest::{self, RestError};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;
use xmpp_parsers::jid::FullJid;

use super::dialogue::{Asked, Dialogue, Heard, Outcome, Place};
use super::sessions::{NotSent, OpenSession, Sessions};
use super::traffic::{self, Load};
use super::{Arrival, RemoteError};

/// Our choice: requests out at once with a peer that returns our ids.
const PIPELINED: usize = 8;
/// Our choice: how much longer is waited at a time while something long comes.
const STILL_HEARING: Duration = Duration::from_secs(1);
/// Our choice: notifications that a reader may be behind; beyond, its observation ends, and it begins again.
const MAX_NOTIFICATIONS_AHEAD: usize = 64;

/// A device at the server.
pub(super) struct Peer {
    jid: FullJid,
    /// The `di` that the full JID names (RA-9).
    di: String,
    /// Requests wait for each other here, and for no other device's: one at a time, until it returns our ids.
    turns: Semaphore,
    dialogue: Mutex<Dialogue>,
    /// The session for requests.
    session: Mutex<Option<Arc<OpenSession>>>,
    /// Held while that one is opened.
    opening: tokio::sync::Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peer {
    pub(super) fn new(jid: FullJid) -> Self {
        let di = OicResource::parse(jid.resource().as_str()).map_or_else(String::new, |resource| resource.id);
        Self {
            jid,
            di,
            turns: Semaphore::new(1),
            dialogue: Mutex::default(),
            session: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, until: Instant) -> Result<SemaphorePermit<'_>, RemoteError> {
        let not_sent = RemoteError::NoAnswer { sent: false };
        // Never closed.
        timeout_at(until, self.turns.acquire()).await.map_err(|_| not_sent)?.map_err(|_| RemoteError::NotThere)
    }

    /// Whether an observation, too, has to wait for its turn.
    pub(super) fn takes_turns_in_all(&self) -> bool {
        let dialogue = lock(&self.dialogue);
        dialogue.answers_elsewhere() && !dialogue.returns_ids()
    }

    /// Whether an observation in this session could not be told from those that are there.
    pub(super) fn would_confuse(&self, session: &OpenSession) -> bool {
        lock(&self.dialogue).would_confuse(session.sid())
    }

    /// The session for requests; opens one if there is none.
    pub(super) async fn session(
        &self,
        sessions: &Arc<Sessions>,
        until: Instant,
    ) -> Result<Arc<OpenSession>, RemoteError> {
        if let Some(session) = self.session_now() {
            return Ok(session);
        }
        let not_sent = |_| RemoteError::NoAnswer { sent: false };
        let _opening = timeout_at(until, self.opening.lock()).await.map_err(not_sent)?;
        if let Some(session) = self.session_now() {
            return Ok(session);
        }
        let session = sessions.open(&self.jid, left_until(until)).await?;
        let before = lock(&self.session).replace(session.clone());
        drop(before);
        Ok(session)
    }

    fn session_now(&self) -> Option<Arc<OpenSession>> {
        lock(&self.session).clone().filter(|session| session.is_open())
    }

    /// No further request goes out in this session; it ends with the last that is out in it.
    fn retire(&self, sid: &str) {
        let retired = lock(&self.session).take_if(|session| session.sid() == sid);
        drop(retired);
    }

    /// Sends a request. `None`: the session had ended, and nothing was sent.
    pub(super) async fn ask(
        self: &Arc<Self>,
        session: Arc<OpenSession>,
        request: &Request,
        observer: Option<mpsc::Sender<Arrival>>,
        until: Instant,
    ) -> Result<Option<Question>, RemoteError> {
        let id = Uuid::new_v4().simple().to_string();
        let message = rest::encode_request(request, &self.di, Some(&id));
        let (out, answer) = oneshot::channel();
        // Before it is sent: the answer may be faster than we are.
        lock(&self.dialogue).ask(Asked { id: id.clone(), sid: session.sid().to_owned(), answer: out, observer });
        let (load, more) = session.begin(message.len());
        let until = until + more;
        let mut question =
            Question { peer: self.clone(), session, id, answer, until, sent: None, load, answered: false };
        match timeout_at(until, question.session.send(message)).await {
            Ok(Ok(stanza)) => question.sent = Some(Sent { at: Instant::now(), stanza }),
            Ok(Err(NotSent::Over)) => return Ok(None),
            Ok(Err(NotSent::TooLarge(too_large))) => return Err(too_large.into()),
            Err(_) => return Err(RemoteError::NoAnswer { sent: false }),
        }
        Ok(Some(question))
    }

    /// Registers an observation in this session and waits for its first answer, which becomes the first notification.
    pub(super) async fn observe(
        self: &Arc<Self>,
        session: Arc<OpenSession>,
        href: Href,
        until: Instant,
    ) -> Result<Notifications, RemoteError> {
        let (reader, incoming) = mpsc::channel(MAX_NOTIFICATIONS_AHEAD);
        let question = self.ask(session.clone(), &Request::observe(href.clone()), Some(reader), until).await?;
        let question = question.ok_or(RemoteError::Cut)?;
        let id = question.id.clone();
        // Made before the answer is waited for: an observation that nobody reads is ended, however that comes about.
        let mut notifications = Notifications { first: None, incoming, id, href, peer: self.clone(), session };
        notifications.first = Some(question.answer().await?.0);
        Ok(notifications)
    }

    /// Takes a response.
    pub(super) fn hear(&self, place: Place<'_>, response: Response, id: Option<&str>) -> Heard {
        let mut dialogue = lock(&self.dialogue);
        let returned_ids = dialogue.returns_ids();
        let heard = dialogue.hear(place, response, id);
        if dialogue.returns_ids() && !returned_ids {
            self.turns.add_permits(PIPELINED - 1);
        }
        heard
    }

    /// Takes what could not be read in this session of ours. False ends it.
    pub(super) fn hear_unreadable(&self, sid: &str, error: RestError) -> bool {
        let Some(asked) = lock(&self.dialogue).hear_unreadable(sid) else { return true };
        // What follows could be the answer after all: the next request, which may come at once, goes elsewhere.
        self.retire(sid);
        let _ = asked.answer.send(Err(RemoteError::BadAnswer(error)));
        false
    }

    /// A session is over, and what was out in it.
    pub(super) fn session_over(&self, sid: &str) {
        lock(&self.dialogue).session_over(sid);
    }

    /// The device or the connection has gone.
    pub(super) fn over(&self) {
        lock(&self.dialogue).over();
        let session = lock(&self.session).take();
        drop(session);
    }
}

fn left_until(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

/// When a request went out, and what to withdraw it by.
struct Sent {
    at: Instant,
    stanza: String,
}

/// A request that is out. Dropped before its answer came, it is given up.
pub(super) struct Question {
    peer: Arc<Peer>,
    session: Arc<OpenSession>,
    id: String,
    answer: oneshot::Receiver<Outcome>,
    /// With what the link needs to carry it.
    until: Instant,
    sent: Option<Sent>,
    load: Option<Load>,
    answered: bool,
}

impl Question {
    /// Waits for what becomes of it; and how long that took.
    pub(super) async fn answer(mut self) -> Result<(Arrival, Duration), RemoteError> {
        let latest = self.until + traffic::LONGEST;
        let outcome = loop {
            match timeout_at(self.until, &mut self.answer).await {
                Ok(outcome) => break outcome.unwrap_or(Err(RemoteError::Cut)),
                // A long answer over a slow link is late, and not missing.
                Err(_) if self.until < latest && self.session.is_hearing() => self.until += STILL_HEARING,
                Err(_) => break Err(RemoteError::NoAnswer { sent: true }),
            }
        };
        let sent = self.sent.as_ref().map(|sent| sent.at);
        let answered = outcome.map(|arrival| {
            let took = sent.map_or(Duration::ZERO, |sent| arrival.at.saturating_duration_since(sent));
            (arrival, took)
        });
        self.answered = answered.is_ok();
        answered
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        if let Some(load) = self.load {
            self.session.finish(load, self.answered);
        }
        let sent = self.sent.take();
        let is_sent = sent.is_some();
        if let (Some(Sent { stanza, .. }), false) = (sent, self.answered) {
            self.session.withdraw(stanza);
        }
        let returns_ids = {
            let mut dialogue = lock(&self.peer.dialogue);
            // Where the session was cut, it is not waited for any more.
            if !dialogue.give_up(&self.id) || !is_sent {
                return;
            }
            dialogue.returns_ids()
        };
        // A session that did not answer may be one that the device no longer knows.
        self.peer.retire(self.session.sid());
        if !returns_ids {
            // Its answer may still come, and could be taken for another's.
            self.session.end_with_theirs();
        }
    }
}

/// Notifications of one observation, the value now first; it ends when dropped.
pub(crate) struct Notifications {
    first: Option<Arrival>,
    incoming: mpsc::Receiver<Arrival>,
    id: String,
    href: Href,
    peer: Arc<Peer>,
    session: Arc<OpenSession>,
}

impl Notifications {
    /// The next one; `None` once the device, its session or the connection has gone.
    pub(crate) async fn next(&mut self) -> Option<Arrival> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.incoming.recv().await,
        }
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        let (returns_ids, awaits) = {
            let mut dialogue = lock(&self.peer.dialogue);
            if !dialogue.unobserve(&self.id) {
                return;
            }
            (dialogue.returns_ids(), dialogue.awaits(self.session.sid()))
        };
        // With a peer that returns no ids, the answer to this could be taken for the one that is waited for.
        if returns_ids || !awaits {
            let end = Request { observe: Some(Observe::Deregister), ..Request::get(self.href.clone()) };
            self.session.say(rest::encode_request(&end, &self.peer.di, Some(&self.id)));
        }
        if !returns_ids {
            // What it still notifies in a shared session could be taken for an answer.
            self.peer.retire(self.session.sid());
        }
    }
}
