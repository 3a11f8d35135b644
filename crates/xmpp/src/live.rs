//! The task behind a session: one loop that reads, writes, matches `iq` answers, and pings.
//!
//! Scope: what RFC 6120 asks of every client, and being sure that the connection lives (RA-21). Non-scope: the meaning
//! of stanzas, which go to the reader of the events.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Weak;
use std::task::Poll;
use std::time::Duration;

use futures::Sink;
use futures::Stream as _;
use futures::StreamExt as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::PollSender;
use tokio_xmpp::Stanza;
use tokio_xmpp::xmlstream::{ReadError, XmppStreamElement};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};
use xmpp_parsers::iq::{Iq, IqHeader, IqPayload};
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::ping::Ping as PingQuery;
use xmpp_parsers::roster::Roster;
use xmpp_parsers::sm::Nonza;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use crate::Account;
use crate::connect::{Stream, ended, lost, unread};
use crate::ear::{Ear, Ears};
use crate::failure::Cause;
use crate::interrupted::FIRST_TRY_AFTER;
use crate::resumption::Resumption;
use crate::session::{Event, IqFailure};
use crate::shallow::{Received, Shallow};
use crate::sign_in::Bound;
use crate::wire::Pulse;

/// RA-21, our choice: a home router forgets an idle connection after a minute or more; a person waits ten seconds.
const SILENCE_BEFORE_PING: Duration = Duration::from_secs(8);
/// Our choice: under traffic too, so that the latency shown is not an old one.
const PING_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// Our choice, for a link that is idle.
const PING_DEADLINE: Duration = Duration::from_secs(5);
/// Our choice, where there is reason to doubt the link: so long, and some of its latest round trips.
const DOUBTED_DEADLINE: Duration = Duration::from_secs(1);
/// Our choice.
const DOUBTED_ROUND_TRIPS: u32 = 4;
/// Our choice: so long after a doubt, what is read may have come before it.
const CAME_BEFORE: Duration = Duration::from_millis(250);
/// Our choice: the slowest link that is waited for, in bytes per second. A ping waits behind what was sent before it.
const SLOWEST_LINK: u64 = 1_000;
/// Our choice: so much more is sent within an idle link's deadline.
const SENT_AT_ONCE: u64 = 4_096;
/// Our choice: no pong is waited for longer, whatever was sent before and is heard meanwhile.
const LONGEST_QUEUE: Duration = Duration::from_secs(120);
/// Our choice: `iq` questions of ours under way at once.
const MAX_ASKED: usize = 4096;
/// How long the server may take to close its side.
const FAREWELL: Duration = Duration::from_secs(1);
const PING_PREFIX: &str = "ping-";
/// Our choice: how long the server waits for a receipt at the most. It asks for the next one when it has this one, and
/// after each stanza if it could.
const RECEIPT_WITHIN: Duration = Duration::from_millis(250);

/// What the handle asks the task to do.
pub(crate) enum Order {
    Send(Box<Stanza>),
    Ask {
        to: Option<Jid>,
        payload: Box<IqPayload>,
        answer: oneshot::Sender<Result<Option<Element>, IqFailure>>,
    },
    ListenIn {
        with: FullJid,
        ear: Weak<dyn Ear>,
    },
    /// Nobody waits any more for what the message of this id would bring about.
    Withdraw {
        id: String,
    },
    Doubt,
    Close,
}

/// One question of ours that is not answered yet.
struct Asked {
    to: Option<Jid>,
    answer: oneshot::Sender<Result<Option<Element>, IqFailure>>,
}

pub(crate) struct Live {
    pub(crate) stream: Stream,
    pub(crate) pulse: Pulse,
    /// To connect with once more.
    pub(crate) account: Account,
    /// Since when there has been this connection.
    pub(crate) up_since: Instant,
    /// How long after its break another one is tried.
    pub(crate) next_try_after: Duration,
    pub(crate) resumption: Resumption,
    /// When the server is to be told at the latest what we have.
    pub(crate) receipt_due: Option<Instant>,
    pub(crate) ears: Ears,
    jid: FullJid,
    pub(crate) orders: mpsc::Receiver<Order>,
    pub(crate) events: PollSender<Event>,
    /// What the reader is told before anything else.
    pub(crate) untold: Option<Event>,
    asked: HashMap<String, Asked>,
    next_id: u64,
    pinged_at: Instant,
    /// The ping under way.
    pub(crate) ping: Option<Ping>,
    /// The last one's round trip.
    latency: Option<Duration>,
    /// What had been written when the server last said something.
    pub(crate) written_then: u64,
    pub(crate) unflushed: bool,
    /// We have said good-bye.
    pub(crate) left: bool,
}

/// A ping under way.
pub(crate) struct Ping {
    id: String,
    since: Instant,
    until: Instant,
    /// What is heard up to then says nothing of the link.
    heard_before: Instant,
    /// Sent because there was reason to doubt the link.
    doubted: bool,
}

enum Step {
    Received(Box<Option<Result<Received, ReadError>>>),
    Ordered(Option<Order>),
    WriteFailed(std::io::Error),
    ReaderGone,
    Alarm,
}

impl Live {
    pub(crate) fn new(
        bound: Bound,
        account: Account,
        orders: mpsc::Receiver<Order>,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let Bound { stream, pulse, jid, keeps_sessions, .. } = bound;
        Self {
            written_then: pulse.written(),
            stream,
            pulse,
            account,
            up_since: Instant::now(),
            next_try_after: FIRST_TRY_AFTER,
            resumption: Resumption::new(keeps_sessions),
            receipt_due: None,
            ears: Ears::default(),
            jid,
            orders,
            events: PollSender::new(events),
            untold: None,
            asked: HashMap::new(),
            next_id: 0,
            pinged_at: Instant::now(),
            ping: None,
            latency: None,
            unflushed: false,
            left: false,
        }
    }

    pub(crate) async fn run(mut self) {
        let enabled = self.resumption.request().map_or(Ok(()), |request| self.write_nonza(request));
        let cause = match enabled {
            Ok(()) => loop {
                // A ping at once, for the round trip: it is shown, and tells how long a doubted link is waited for.
                let cause = match self.send_ping(PING_DEADLINE) {
                    Ok(()) => self.live().await,
                    Err(cause) => cause,
                };
                if !self.goes_on_after(&cause).await {
                    break cause;
                }
            },
            Err(error) => lost(error),
        };
        for (_, asked) in self.asked.drain() {
            let _ = asked.answer.send(Err(IqFailure::Closed));
        }
        self.orders.close();
        if let Some(events) = self.events.get_ref() {
            let _ = events.send(Event::Ended(cause)).await;
        }
    }

    /// Reads and writes until the session is over; returns why.
    async fn live(&mut self) -> Cause {
        loop {
            match self.step().await {
                Step::Received(received) => {
                    if let Err(cause) = self.received(*received) {
                        break cause;
                    }
                }
                Step::WriteFailed(error) => break self.last_words().await.unwrap_or_else(|| lost(error)),
                Step::Ordered(Some(Order::Close)) | Step::Ordered(None) | Step::ReaderGone => {
                    self.leave().await;
                    break Cause::Closed;
                }
                Step::Ordered(Some(Order::Doubt)) => {
                    let deadline = self.latency.map_or(PING_DEADLINE, |latency| {
                        (DOUBTED_DEADLINE + latency * DOUBTED_ROUND_TRIPS).min(PING_DEADLINE)
                    });
                    if let Err(cause) = self.doubt(deadline) {
                        break cause;
                    }
                }
                Step::Ordered(Some(order)) => {
                    if let Err(error) = self.carry_out(order) {
                        break lost(error);
                    }
                }
                Step::Alarm => {
                    let receipt = match self.receipt_due.is_some_and(|due| due <= Instant::now()) {
                        true => self.write_receipt().map_err(lost),
                        false => Ok(()),
                    };
                    match receipt.and_then(|()| self.ping_or_give_up()) {
                        Ok(()) => {}
                        Err(cause) => break cause,
                    }
                }
            }
        }
    }

    /// Why the server ended the stream, where it said so before the connection broke under a write.
    async fn last_words(&mut self) -> Option<Cause> {
        let reading = async {
            while let Some(Ok(received)) = self.stream.next().await {
                if let Ok(Shallow(XmppStreamElement::StreamError(error))) = received {
                    return Some(ended(&error.0));
                }
            }
            None
        };
        timeout(FAREWELL, reading).await.ok().flatten()
    }

    /// What the stream brought.
    ///
    /// # Errors
    /// Why the session is over.
    fn received(&mut self, received: Option<Result<Received, ReadError>>) -> Result<(), Cause> {
        match received {
            None => return Err(Cause::Closed),
            Some(Err(ReadError::SoftTimeout | ReadError::ParseError(_))) => return Ok(()),
            Some(Err(error)) => {
                return Err(match unread(error) {
                    // It was XMPP until now, and broke off within a word.
                    Cause::NotXmpp => Cause::Closed,
                    cause => cause,
                });
            }
            // One stanza that we cannot read must not cost the stream; whether it was one, and counts, nobody knows.
            Some(Ok(Err(error))) => {
                tracing::debug!("a stanza could not be read: {error}");
                self.resumption.give_up();
            }
            Some(Ok(Ok(Shallow(XmppStreamElement::Stanza(stanza))))) => {
                self.resumption.took_one();
                self.ears.tell(false, &stanza);
                self.take(stanza).map_err(lost)?;
                if self.receipt_due.is_some() && self.resumption.owes_receipt() {
                    self.write_receipt().map_err(lost)?;
                }
            }
            Some(Ok(Ok(Shallow(XmppStreamElement::SM(nonza))))) => {
                self.take_nonza(nonza);
                self.pulse.is_whole();
                // The server asks for receipts of its own accord: this says nothing of what it has read.
                return Ok(());
            }
            Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => return Err(ended(&error.0)),
            Some(Ok(Ok(_))) => {}
        }
        self.written_then = self.pulse.written();
        self.pulse.is_whole();
        Ok(())
    }

    /// Waits for the next thing to do. Writes what is queued while waiting; reads only while the reader has room.
    async fn step(&mut self) -> Step {
        let alarm = match &self.ping {
            Some(ping) => ping.until,
            None => (self.pulse.heard_at() + SILENCE_BEFORE_PING).min(self.pinged_at + PING_AT_LEAST_EVERY),
        };
        let alarm = self.receipt_due.map_or(alarm, |due| due.min(alarm));
        let mut alarm = std::pin::pin!(sleep_until(alarm));
        let Self { stream, orders, events, untold, unflushed, .. } = self;
        poll_fn(|cx| {
            match Sink::<&XmppStreamElement>::poll_ready(Pin::new(&mut *stream), cx) {
                Poll::Ready(Ok(())) => {
                    if let Poll::Ready(order) = orders.poll_recv(cx) {
                        return Poll::Ready(Step::Ordered(order));
                    }
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Step::WriteFailed(error)),
                Poll::Pending => {}
            }
            if *unflushed {
                match Sink::<&XmppStreamElement>::poll_flush(Pin::new(&mut *stream), cx) {
                    Poll::Ready(Ok(())) => *unflushed = false,
                    Poll::Ready(Err(error)) => return Poll::Ready(Step::WriteFailed(error)),
                    Poll::Pending => {}
                }
            }
            let mut room = events.poll_reserve(cx);
            if matches!(room, Poll::Ready(Ok(())))
                && let Some(event) = untold.take()
            {
                let _ = events.send_item(event);
                room = events.poll_reserve(cx);
            }
            match room {
                Poll::Ready(Ok(())) => {
                    if let Poll::Ready(received) = Pin::new(&mut *stream).poll_next(cx) {
                        return Poll::Ready(Step::Received(Box::new(received)));
                    }
                }
                Poll::Ready(Err(_)) => return Poll::Ready(Step::ReaderGone),
                Poll::Pending => {}
            }
            alarm.as_mut().poll(cx).map(|()| Step::Alarm)
        })
        .await
    }

    /// Writes into the stream's buffer; `step` has seen it ready, and flushes.
    fn write(&mut self, stanza: Stanza) -> std::io::Result<()> {
        self.unflushed = true;
        let element = XmppStreamElement::Stanza(stanza);
        let written = Pin::new(&mut self.stream).start_send(&element);
        if let (Ok(()), XmppStreamElement::Stanza(stanza)) = (&written, &element) {
            self.ears.tell(true, stanza);
        }
        let asks = self.resumption.sent(element, Instant::now());
        written?;
        if asks { self.write_nonza(Resumption::question()) } else { Ok(()) }
    }

    fn write_receipt(&mut self) -> std::io::Result<()> {
        self.receipt_due = None;
        let receipt = self.resumption.receipt();
        self.write_nonza(receipt)
    }

    fn write_nonza(&mut self, nonza: Nonza) -> std::io::Result<()> {
        self.unflushed = true;
        Pin::new(&mut self.stream).start_send(&XmppStreamElement::SM(nonza))
    }

    fn take_nonza(&mut self, nonza: Nonza) {
        match nonza {
            Nonza::Enabled(enabled) => self.resumption.enabled(enabled),
            Nonza::Failed(_) => self.resumption.give_up(),
            Nonza::Req(_) => {
                self.receipt_due.get_or_insert_with(|| Instant::now() + RECEIPT_WITHIN);
            }
            Nonza::Ack(ack) => {
                if let Err(reason) = self.resumption.acknowledged(ack.h) {
                    tracing::debug!("this session cannot be resumed: {reason}");
                }
            }
            Nonza::Enable(_) | Nonza::Resume(_) | Nonza::Resumed(_) => {}
        }
    }

    fn carry_out(&mut self, order: Order) -> std::io::Result<()> {
        match self.stanza_of(order) {
            Some(stanza) => self.write(stanza),
            None => Ok(()),
        }
    }

    /// There is no connection now: what is asked goes out with the next one, if that goes on where this one ended.
    pub(crate) fn keep(&mut self, order: Order) {
        if let Some(stanza) = self.stanza_of(order) {
            self.resumption.sent(XmppStreamElement::Stanza(stanza), Instant::now());
        }
    }

    fn stanza_of(&mut self, order: Order) -> Option<Stanza> {
        match order {
            Order::Send(stanza) => Some(*stanza),
            Order::Ask { to, payload, answer } => {
                if self.asked.len() >= MAX_ASKED {
                    self.asked.retain(|_, asked| !asked.answer.is_closed());
                }
                if self.asked.len() >= MAX_ASKED {
                    let _ = answer.send(Err(IqFailure::NoAnswer));
                    return None;
                }
                let id = self.fresh_id("q-");
                let iq = payload.assemble(IqHeader { from: None, to: to.clone(), id: id.clone() });
                self.asked.insert(id, Asked { to, answer });
                Some(iq.into())
            }
            Order::ListenIn { with, ear } => {
                self.ears.add(with, ear);
                None
            }
            Order::Withdraw { id } => {
                self.resumption.withdraw(&id);
                None
            }
            Order::Doubt | Order::Close => None,
        }
    }

    fn fresh_id(&mut self, prefix: &str) -> String {
        self.next_id += 1;
        format!("{prefix}{:x}", self.next_id)
    }

    fn ping_or_give_up(&mut self) -> Result<(), Cause> {
        if let Some(ping) = &mut self.ping {
            let now = Instant::now();
            if now < ping.until {
                return Ok(());
            }
            // Whatever is heard shows that the pong can still be on its way, behind something long; not for ever, as our
            // own direction may be the dead one.
            if self.pulse.heard_at() <= ping.heard_before || now > ping.since + LONGEST_QUEUE {
                return Err(Cause::Silent);
            }
            ping.heard_before = self.pulse.heard_at();
            ping.until = now + PING_DEADLINE;
            return Ok(());
        }
        if self.pulse.heard_at() + SILENCE_BEFORE_PING > Instant::now()
            && self.pinged_at + PING_AT_LEAST_EVERY > Instant::now()
        {
            // Something came while the alarm was set.
            return Ok(());
        }
        self.send_ping(PING_DEADLINE)
    }

    /// Pings anew: the pong of a ping under way may lie here unread, from before the reason to doubt.
    fn doubt(&mut self, deadline: Duration) -> Result<(), Cause> {
        let earlier = self.ping.take().filter(|ping| ping.doubted);
        self.send_ping(deadline)?;
        if let Some(ping) = &mut self.ping {
            ping.doubted = true;
            ping.heard_before = ping.since + CAME_BEFORE;
            // Doubts that follow each other do not put the end off.
            ping.until = earlier.map_or(ping.until, |earlier| earlier.until.min(ping.until));
        }
        Ok(())
    }

    fn send_ping(&mut self, deadline: Duration) -> Result<(), Cause> {
        let now = Instant::now();
        let id = self.fresh_id(PING_PREFIX);
        let unheard = self.pulse.written().saturating_sub(self.written_then);
        let queue = Duration::from_secs(unheard.saturating_sub(SENT_AT_ONCE) / SLOWEST_LINK).min(LONGEST_QUEUE);
        let heard_before = self.pulse.heard_at();
        self.ping =
            Some(Ping { id: id.clone(), since: now, until: now + deadline + queue, heard_before, doubted: false });
        self.pinged_at = now;
        let ping = IqPayload::Get(PingQuery.into()).assemble(IqHeader { from: None, to: None, id });
        self.write(ping.into()).map_err(lost)
    }

    fn take(&mut self, stanza: Stanza) -> std::io::Result<()> {
        match stanza {
            Stanza::Presence(presence) => self.tell(Event::Presence(presence)),
            Stanza::Message(message) => self.tell(Event::Message(Box::new(message))),
            Stanza::Iq(iq) => return self.take_iq(iq),
        }
        Ok(())
    }

    fn tell(&mut self, event: Event) {
        // `step` reserved a place before it read.
        let _ = self.events.send_item(event);
    }

    fn take_iq(&mut self, iq: Iq) -> std::io::Result<()> {
        let from_our_server = self.is_from_our_server(iq.from());
        match iq {
            Iq::Result { id, .. } | Iq::Error { id, .. } if self.ping.as_ref().is_some_and(|ping| ping.id == id) => {
                if from_our_server && let Some(ping) = self.ping.take() {
                    let latency = ping.since.elapsed();
                    self.latency = Some(latency);
                    self.tell(Event::Latency(latency));
                }
            }
            Iq::Result { id, from, payload, .. } => self.answered(&id, from.as_ref(), Ok(payload)),
            Iq::Error { id, from, error, .. } => {
                let text = error.texts.into_values().next().unwrap_or_default();
                let refused = IqFailure::Refused { condition: error.defined_condition, text };
                self.answered(&id, from.as_ref(), Err(refused));
            }
            iq @ (Iq::Get { .. } | Iq::Set { .. }) => return self.asked_of_us(iq),
        }
        Ok(())
    }

    fn answered(&mut self, id: &str, from: Option<&Jid>, answer: Result<Option<Element>, IqFailure>) {
        let is_theirs = self.asked.get(id).is_some_and(|asked| match &asked.to {
            Some(to) => from == Some(to),
            None => self.is_from_our_server(from),
        });
        if is_theirs && let Some(asked) = self.asked.remove(id) {
            let _ = asked.answer.send(answer);
        }
    }

    /// RFC 6120 §8.1.2.1, RFC 6121 §2.1.6: no `from`, our own bare JID, or our domain.
    fn is_from_our_server(&self, from: Option<&Jid>) -> bool {
        let Some(from) = from else { return true };
        let bare = from.resource().is_none() && from.to_bare() == self.jid.to_bare();
        let domain = from.resource().is_none() && from.node().is_none() && from.domain() == self.jid.domain();
        bare || domain || from.as_str() == self.jid.as_str()
    }

    /// RFC 6121 §2.1.6: without `from`, or from our own bare JID; from anybody else it is forged.
    fn may_push_roster(&self, from: Option<&Jid>) -> bool {
        from.is_none_or(|from| from.resource().is_none() && from.to_bare() == self.jid.to_bare())
    }

    fn asked_of_us(&mut self, iq: Iq) -> std::io::Result<()> {
        let (header, payload) = iq.split();
        let (IqPayload::Get(element) | IqPayload::Set(element)) = &payload else { return Ok(()) };
        let is_set = matches!(payload, IqPayload::Set(_));
        let answer = if element.ns() == ns::IBB {
            self.tell(Event::Ibb(Box::new(Iq::assemble(header, payload))));
            return Ok(());
        } else if element.is("ping", ns::PING) {
            IqPayload::Result(None)
        } else if element.is("query", ns::DISCO_INFO) {
            IqPayload::Result(Some(about_us(element)))
        } else if is_set && element.is("query", ns::ROSTER) && self.may_push_roster(header.from.as_ref()) {
            for item in
                Roster::try_from(element.clone()).map(|roster| roster.items).unwrap_or_default().into_iter().take(1)
            {
                self.tell(Event::Roster(item));
            }
            IqPayload::Result(None)
        } else {
            let text = "this client takes In-Band Bytestreams only";
            let condition = DefinedCondition::ServiceUnavailable;
            IqPayload::Error(StanzaError::new(ErrorType::Cancel, condition, "en", text))
        };
        let answer = answer.assemble(IqHeader { from: None, to: header.from, id: header.id });
        self.write(answer.into())
    }

    async fn leave(&mut self) {
        self.left = true;
        let farewell = async {
            let presence = xmpp_parsers::presence::Presence::new(xmpp_parsers::presence::Type::Unavailable);
            self.write(presence.into())?;
            self.stream.shutdown().await
        };
        // After our footer, whatever way the server ends is a clean end.
        let _ = timeout(FAREWELL, farewell).await;
    }
}

/// XEP-0030: what we can do.
fn about_us(query: &Element) -> Element {
    DiscoInfoResult {
        node: query.attr("node").map(str::to_owned),
        identities: vec![Identity::new("client", "pc", "en", "Homeward")],
        features: [ns::DISCO_INFO, ns::IBB, ns::PING].map(str::to_owned).into(),
        extensions: Vec::new(),
    }
    .into()
}
