//! A session that is signed in and bound: what can be asked of it, and what it reports.
//!
//! Scope: the [`Handle`] and the [`Event`]s. The task behind them is in `live`. Non-scope: beginning anew once it is over.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_xmpp::Stanza;
use xmpp_parsers::iq::{Iq, IqPayload};
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::message::Message;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ping::Ping;
use xmpp_parsers::presence::{Presence, Type as PresenceType};
use xmpp_parsers::roster::{Item, Roster};
use xmpp_parsers::stanza_error::DefinedCondition;

use crate::Account;
use crate::ear::Ear;
use crate::failure::Cause;
use crate::live::{Live, Order};
use crate::sasl::Hash;
use crate::sign_in::Bound;
use crate::wire::Pulse;

/// Our choice: what one reader may be behind before the server is made to wait.
const EVENTS: usize = 1024;
/// Our choice: stanzas on their way out; senders wait when it is full.
const ORDERS: usize = 256;
/// How long the server may take to say good-bye.
const FAREWELL: Duration = Duration::from_secs(2);

/// A session under way.
#[derive(Debug)]
pub struct Session {
    /// To act with.
    pub handle: Handle,
    /// What happens; ends after [`Event::Ended`].
    pub events: mpsc::Receiver<Event>,
    /// What both sides proved the password with.
    pub proven_with: Hash,
}

/// What the server passed on.
#[derive(Debug)]
pub enum Event {
    /// Somebody's presence, whoever it is.
    Presence(Presence),
    /// A message, whoever sent it.
    Message(Box<Message>),
    /// An `iq` get or set with an In-Band Bytestream payload: the reader must answer it.
    Ibb(Box<Iq>),
    /// A contact changed (a roster push from our own server, RFC 6121 §2.1.6).
    Roster(Item),
    /// The server answered a ping after so long; nothing can be concluded about devices.
    Latency(Duration),
    /// The connection broke, and the session may go on over another one, which is tried after this time (XEP-0198).
    /// Nothing can be concluded about anybody meanwhile.
    Interrupted(Cause, Duration),
    /// The session goes on, and nothing was lost; what happened meanwhile follows.
    Resumed,
    /// The session is over; the last event.
    Ended(Cause),
}

/// The session has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct Closed;

/// Why an `iq` brought no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IqFailure {
    /// The other side refused.
    #[error("refused: {condition:?} {text}")]
    Refused {
        /// RFC 6120 §8.3.3.
        condition: DefinedCondition,
        /// Its own words, may be empty.
        text: String,
    },
    /// No answer until the deadline.
    #[error("no answer")]
    NoAnswer,
    /// The session ended first.
    #[error("the session has ended")]
    Closed,
}

/// Acts on a session. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    orders: mpsc::Sender<Order>,
    jid: FullJid,
    stanza_limit: Option<u32>,
    pulse: Pulse,
    task: Arc<JoinHandle<()>>,
}

/// Room for one stanza on its way out. What must keep an order among several senders is queued through this, under
/// their own lock.
#[derive(Debug)]
pub struct Place<'a>(mpsc::Permit<'a, Order>);

impl Place<'_> {
    /// Queues a stanza, at once. It may still not arrive: XMPP has no receipt.
    pub fn send(self, stanza: Stanza) {
        self.0.send(Order::Send(Box::new(stanza)));
    }
}

impl Session {
    pub(crate) fn start(bound: Bound, account: Account) -> Self {
        let (orders, orders_in) = mpsc::channel(ORDERS);
        let (events_out, events) = mpsc::channel(EVENTS);
        let (pulse, jid, stanza_limit) = (bound.pulse.clone(), bound.jid.clone(), bound.stanza_limit);
        let proven_with = bound.proven_with;
        let live = Live::new(bound, account, orders_in, events_out);
        let task = Arc::new(tokio::spawn(live.run()));
        Session { handle: Handle { orders, jid, stanza_limit, pulse, task }, events, proven_with }
    }
}

impl Handle {
    /// Whether the session goes on, as far as is known.
    pub fn is_open(&self) -> bool {
        !self.orders.is_closed()
    }

    /// Our full JID.
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }

    /// Whether something long is on its way to us now, bit by bit.
    pub fn is_hearing(&self) -> bool {
        self.pulse.is_hearing()
    }

    /// The largest stanza that the server takes, in bytes, where it says so (XEP-0478).
    pub fn stanza_limit(&self) -> Option<u32> {
        self.stanza_limit
    }

    /// Queues a stanza; waits while the queue is full.
    ///
    /// # Errors
    /// The session has ended. A stanza that was queued may still not arrive: XMPP has no receipt.
    pub async fn send(&self, stanza: Stanza) -> Result<(), Closed> {
        self.orders.send(Order::Send(Box::new(stanza))).await.map_err(|_| Closed)
    }

    /// Waits for room to queue one stanza.
    ///
    /// # Errors
    /// The session has ended.
    pub async fn place(&self) -> Result<Place<'_>, Closed> {
        self.orders.reserve().await.map(Place).map_err(|_| Closed)
    }

    /// Room to queue one stanza, if there is some now.
    pub fn try_place(&self) -> Option<Place<'_>> {
        self.orders.try_reserve().ok().map(Place)
    }

    /// Asks by `iq` get; `to: None` is our own server.
    ///
    /// # Errors
    /// [`IqFailure`], as its variants say.
    pub async fn get(
        &self,
        to: Option<Jid>,
        payload: Element,
        deadline: Duration,
    ) -> Result<Option<Element>, IqFailure> {
        self.ask(to, IqPayload::Get(payload), deadline).await
    }

    /// Asks by `iq` set; `to: None` is our own server.
    ///
    /// # Errors
    /// [`IqFailure`], as its variants say.
    pub async fn set(
        &self,
        to: Option<Jid>,
        payload: Element,
        deadline: Duration,
    ) -> Result<Option<Element>, IqFailure> {
        self.ask(to, IqPayload::Set(payload), deadline).await
    }

    async fn ask(&self, to: Option<Jid>, payload: IqPayload, deadline: Duration) -> Result<Option<Element>, IqFailure> {
        let (answer, answered) = oneshot::channel();
        let asking = async {
            let order = Order::Ask { to, payload: Box::new(payload), answer };
            self.orders.send(order).await.map_err(|_| IqFailure::Closed)?;
            answered.await.unwrap_or(Err(IqFailure::Closed))
        };
        tokio::time::timeout(deadline, asking).await.unwrap_or(Err(IqFailure::NoAnswer))
    }

    /// Fetches the roster (RA-12, RFC 6121 §2.2).
    ///
    /// # Errors
    /// [`IqFailure`]; an answer that cannot be read counts as a refusal.
    pub async fn roster(&self, deadline: Duration) -> Result<Vec<Item>, IqFailure> {
        let unreadable = || IqFailure::Refused {
            condition: DefinedCondition::UndefinedCondition,
            text: "the answer is no roster".to_owned(),
        };
        let query = Roster { ver: None, items: Vec::new() };
        let answer = self.get(None, query.into(), deadline).await?.ok_or_else(unreadable)?;
        Ok(Roster::try_from(answer).map_err(|_| unreadable())?.items)
    }

    /// Announces that we are available, at this priority (RA-12, RA-13).
    ///
    /// # Errors
    /// The session has ended.
    pub async fn announce(&self, priority: i8) -> Result<(), Closed> {
        let presence = Presence::new(PresenceType::None).with_priority(priority);
        self.send(presence.into()).await
    }

    /// Asks the server for a sign of life (XEP-0199); returns the round trip.
    ///
    /// # Errors
    /// [`IqFailure`]; a server that refuses pings is alive all the same, and counts as an answer.
    pub async fn ping(&self, deadline: Duration) -> Result<Duration, IqFailure> {
        let asked = Instant::now();
        match self.get(None, Ping.into(), deadline).await {
            Ok(_) | Err(IqFailure::Refused { .. }) => Ok(asked.elapsed()),
            Err(other) => Err(other),
        }
    }

    /// From now on the ear is told of each stanza that goes to this peer or comes from it, until it is dropped. Where the
    /// queue is full, it is told nothing.
    pub fn listen_in(&self, with: FullJid, ear: Weak<dyn Ear>) {
        let _ = self.orders.try_send(Order::ListenIn { with, ear });
    }

    /// A message that was queued under this id is not sent again, should the connection break before the server had it
    /// (XEP-0198): nobody waits any more for what it would bring about. What is on its way stays so.
    pub fn withdraw(&self, id: String) {
        // Where the queue is full the connection is at work, and what was sent has gone out.
        let _ = self.orders.try_send(Order::Withdraw { id });
    }

    /// Asks for a sign of life at once: there is reason to doubt the connection. The session ends if none comes.
    pub fn doubt(&self) {
        // Where the queue is full the connection is at work, and found out soon anyway.
        let _ = self.orders.try_send(Order::Doubt);
    }

    /// Says good-bye and ends the session; returns once it has ended, at most two seconds later.
    pub async fn close(&self) {
        if self.orders.send(Order::Close).await.is_ok() {
            let _ = tokio::time::timeout(FAREWELL, self.orders.closed()).await;
        }
        self.task.abort();
    }
}
