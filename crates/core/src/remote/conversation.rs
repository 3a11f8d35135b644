//! What is said in one session: a request and its answer, and the notifications of observations.
//!
//! Scope: which message belongs to what. The payload has no id of its own: one request is out at a time, and a peer that
//! returns our `X-Request-Id` is taken at its word. Non-scope: blocks (`sessions`), which session to use (`crudn`).

use homeward_protocol::crudn::{Href, Observe, Request, Response, Status};
use homeward_protocol::remote::rest::{self, Rest};
use tokio::sync::{mpsc, oneshot};

use super::RemoteError;
use super::sessions::OpenSession;

/// Our choice: notifications that a reader may be behind; beyond, its observation ends, and it begins again.
const MAX_NOTIFICATIONS_AHEAD: usize = 64;

/// A session with a device, in use. Ends when the last handle, or the last observation in it, is dropped.
#[derive(Clone)]
pub(super) struct Conversation {
    orders: mpsc::UnboundedSender<Order>,
}

/// What is wanted of the conversation. Unbounded: only our own acts are sent here, each after the answer to the last.
enum Order {
    Ask(Question),
    EndObservation { id: String, href: Href },
}

/// A request that is out, or about to be.
struct Question {
    id: String,
    message: Vec<u8>,
    answer: oneshot::Sender<Result<Response, RemoteError>>,
    /// Where notifications go, if this registers an observation.
    observer: Option<mpsc::Sender<Response>>,
}

impl Conversation {
    /// Takes a session over. `di` names the device in what is sent.
    pub(super) fn begin(session: OpenSession, di: String) -> Self {
        let (orders, ordered) = mpsc::unbounded_channel();
        let speaker = Speaker { session, di, asked: None, observers: Vec::new(), returns_ids: false, leaving: false };
        tokio::spawn(speaker.run(ordered));
        Self { orders }
    }

    /// Whether it goes on, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Sends a request. Its outcome comes; where nothing comes, the session had ended before and nothing was sent. If the
    /// receiver is dropped first, the session is closed, so that a late answer cannot be taken for another's.
    pub(super) fn ask(&self, request: &Request, di: &str) -> oneshot::Receiver<Result<Response, RemoteError>> {
        self.send(request, di, None).1
    }

    /// Registers an observation; its first answer, and where the others come.
    pub(super) fn observe(
        &self,
        href: Href,
        di: &str,
    ) -> (oneshot::Receiver<Result<Response, RemoteError>>, Notifications) {
        let (out, incoming) = mpsc::channel(MAX_NOTIFICATIONS_AHEAD);
        let (id, answer) = self.send(&Request::observe(href.clone()), di, Some(out));
        (answer, Notifications { first: None, incoming, id, href, conversation: self.clone() })
    }

    fn send(
        &self,
        request: &Request,
        di: &str,
        observer: Option<mpsc::Sender<Response>>,
    ) -> (String, oneshot::Receiver<Result<Response, RemoteError>>) {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let (answer, answered) = oneshot::channel();
        let message = rest::encode_request(request, di, Some(&id));
        // Where the conversation is over, the question is dropped, and its receiver hears that.
        let _ = self.orders.send(Order::Ask(Question { id: id.clone(), message, answer, observer }));
        (id, answered)
    }
}

/// Notifications of one observation, the value now first; it ends when dropped.
pub(crate) struct Notifications {
    first: Option<Response>,
    incoming: mpsc::Receiver<Response>,
    id: String,
    href: Href,
    conversation: Conversation,
}

impl Notifications {
    /// With the answer to the registration as the first one.
    pub(super) fn beginning_with(mut self, first: Response) -> Self {
        self.first = Some(first);
        self
    }

    /// The next one; `None` once the device, its session or the connection has gone.
    pub(crate) async fn next(&mut self) -> Option<Response> {
        match self.first.take() {
            Some(first) => Some(first),
            None => self.incoming.recv().await,
        }
    }
}

impl Drop for Notifications {
    fn drop(&mut self) {
        let end = Order::EndObservation { id: std::mem::take(&mut self.id), href: self.href.clone() };
        let _ = self.conversation.orders.send(end);
    }
}

/// Who reads and writes the session.
struct Speaker {
    session: OpenSession,
    di: String,
    /// The request that is out.
    asked: Option<Question>,
    observers: Vec<(String, mpsc::Sender<Response>)>,
    /// Whether the peer has returned an `X-Request-Id`.
    returns_ids: bool,
    /// The session is closed as soon as no request is out.
    leaving: bool,
}

impl Speaker {
    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<Order>) {
        loop {
            let going_on = tokio::select! {
                // First of all: whatever comes after an abandoned request could be its answer.
                biased;
                () = given_up(&mut self.asked) => false,
                message = self.session.receive() => match message {
                    Some(message) => self.hear(&message).await,
                    None => false,
                },
                order = orders.recv() => match order {
                    Some(Order::Ask(question)) => self.put(question).await,
                    Some(Order::EndObservation { id, href }) => self.end(&id, href).await,
                    None => false,
                },
            };
            if !going_on {
                break;
            }
        }
        if let Some(question) = self.asked.take() {
            let _ = question.answer.send(Err(RemoteError::Cut));
        }
    }

    async fn put(&mut self, mut question: Question) -> bool {
        if self.asked.is_some() {
            // Its asker has gone, or this one would not be asked. Dropped unsent, it is asked again in a new session.
            return false;
        }
        // Without ids, notifications of two observations could not be told apart.
        if question.observer.is_some() && !self.observers.is_empty() && !self.returns_ids {
            let words = "it takes one session, and one observation in it".to_owned();
            let _ = question.answer.send(Err(RemoteError::SessionRefused(words)));
            return true;
        }
        match self.session.send(std::mem::take(&mut question.message)).await {
            Ok(()) => self.asked = Some(question),
            Err(error) => {
                let lives = matches!(error, RemoteError::TooLarge(_));
                let _ = question.answer.send(Err(error));
                return lives;
            }
        }
        true
    }

    /// Ends an observation. A peer that returns ids is told so, and its answer is known by its id; with any other the
    /// session is closed, once the request that is out is answered: then no answer can be taken for another's.
    async fn end(&mut self, id: &str, href: Href) -> bool {
        let before = self.observers.len();
        self.observers.retain(|(theirs, _)| theirs != id);
        if self.observers.len() == before {
            return true;
        }
        self.leaving |= !self.returns_ids;
        if self.returns_ids || self.asked.is_none() {
            let request = Request { observe: Some(Observe::Deregister), ..Request::get(href) };
            if self.session.send(rest::encode_request(&request, &self.di, Some(id))).await.is_err() {
                return false;
            }
        }
        !(self.leaving && self.asked.is_none())
    }

    /// Takes one message; false ends the session.
    async fn hear(&mut self, message: &[u8]) -> bool {
        match rest::decode(message) {
            Ok(Rest::Response { response, id }) => {
                self.returns_ids |= id.is_some();
                self.answered(response, id.as_deref())
            }
            Ok(Rest::Request { id, .. }) => refuse(&mut self.session, id.as_deref()).await.is_ok(),
            Err(error) => match self.asked.take() {
                Some(question) => {
                    let _ = question.answer.send(Err(RemoteError::BadAnswer(error)));
                    // What follows could be the answer after all.
                    false
                }
                None => {
                    tracing::debug!("a notification of {} was unreadable: {error}", self.session.jid());
                    true
                }
            },
        }
    }

    fn answered(&mut self, response: Response, id: Option<&str>) -> bool {
        let is_ours = |question: &Question| match id {
            Some(id) => id == question.id,
            // A notification comes unasked; only a registration is answered with a number.
            None => response.observe.is_none() || question.observer.is_some() || self.observers.is_empty(),
        };
        if self.asked.as_ref().is_some_and(is_ours)
            && let Some(question) = self.asked.take()
        {
            if let Some(observer) =
                question.observer.filter(|_| response.status.is_success() && response.observe.is_some())
            {
                self.observers.push((question.id, observer));
            }
            let _ = question.answer.send(Ok(response));
            return !self.leaving;
        }
        let observer = match (id, self.observers.as_slice()) {
            (Some(id), observers) => observers.iter().position(|(theirs, _)| theirs == id),
            // Without a number it is the last one: the device notifies no more.
            (None, [_]) if response.observe.is_some() || self.asked.is_none() => Some(0),
            _ => None,
        };
        let Some(at) = observer else {
            // With an id it is late, and known to be; without one the next answer could be the wrong one.
            return id.is_some() || !self.observers.is_empty();
        };
        let (_, reader) = self.observers.get(at).expect("found above");
        let is_last = response.observe.is_none();
        if reader.try_send(response).is_err() || is_last {
            // Gone, or too far behind: it hears the end, and begins again with the value of then.
            self.observers.remove(at);
        }
        true
    }
}

/// Waits until nobody waits for the answer any more.
async fn given_up(asked: &mut Option<Question>) {
    match asked {
        Some(question) => question.answer.closed().await,
        None => std::future::pending().await,
    }
}

/// A device that is a client too may send requests; we serve none (RA-9).
async fn refuse(session: &mut OpenSession, id: Option<&str>) -> Result<(), RemoteError> {
    session.send(rest::encode_response(&Response::status(Status::METHOD_NOT_ALLOWED), id)).await
}

/// Serves a session that the other side opened: requests get `405`.
pub(super) async fn serve(mut session: OpenSession) {
    while let Some(message) = session.receive().await {
        let refused = match rest::decode(&message) {
            Ok(Rest::Request { id, .. }) => refuse(&mut session, id.as_deref()).await,
            Ok(Rest::Response { .. }) => Ok(()),
            Err(_) => session.send(rest::encode_response(&Response::status(Status::BAD_REQUEST), None)).await,
        };
        if refused.is_err() {
            return;
        }
    }
}
