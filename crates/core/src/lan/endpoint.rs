//! Our own CoAP endpoint: the message layer over a wire.
//!
//! Scope: unicast messages, one request and its answer at a time, and notifications. Non-scope: bodies larger than a
//! datagram, content formats, CRUDN ([`super::client`]); multicast ([`super::round`]).

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeward_protocol::coap::Packet;
use homeward_protocol::coap::exchange::{Chance, ExchangeId, Exchanges, Failure, Output};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::address::canonical;
use super::departure::Departure;
use super::secure::Session;
use super::wire::Wire;
use crate::tap::Copies;

/// The most notifications of one observation that wait for their reader; more are dropped. Our choice.
const NOTIFICATIONS: usize = 64;
/// The largest datagram there is.
pub(super) const MAX_DATAGRAM: usize = 65_535;

/// Why a message has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AskError {
    /// It did not leave this computer.
    NotSent(io::ErrorKind),
    /// The message layer gave it up.
    Failed(Failure),
}

/// Our endpoint. Its wire is closed when the last clone is dropped.
#[derive(Clone)]
pub(super) struct Endpoint {
    commands: mpsc::UnboundedSender<Command>,
    numbers: Arc<AtomicU64>,
}

enum Command {
    Ask(Box<Ask>),
    Cancel(u64),
    Listen { token: u64, notifications: mpsc::Sender<Packet> },
    Unlisten { token: u64 },
    ListenIn { with: SocketAddr, copies: Copies },
    End,
}

struct Ask {
    number: u64,
    to: SocketAddr,
    packet: Packet,
    token: u64,
    departure: Arc<Departure>,
    answer: oneshot::Sender<Result<Packet, AskError>>,
}

impl Endpoint {
    /// Opens the sockets; on loopback only, or on all interfaces. One family is enough.
    pub(super) fn open(loopback_only: bool) -> io::Result<Self> {
        Ok(Self::start(Wire::clear(loopback_only)?))
    }

    /// Over an open session, with its device only. Ends with the session.
    pub(super) fn over(session: Session) -> Self {
        Self::start(Wire::Secured(Box::new(session)))
    }

    fn start(wire: Wire) -> Self {
        let (commands, taken) = mpsc::unbounded_channel();
        let driver = Driver {
            wire,
            start: Instant::now(),
            layer: Exchanges::new(rand::random()),
            asked: HashMap::new(),
            exchanges: HashMap::new(),
            listeners: HashMap::new(),
            taps: Vec::new(),
        };
        tokio::spawn(driver.run(taken));
        Self { commands, numbers: Arc::default() }
    }

    /// Closes the wire, for all clones, and waits until it is closed.
    pub(super) async fn end(&self) {
        if self.commands.send(Command::End).is_ok() {
            self.commands.closed().await;
        }
    }

    /// Whether messages can be sent: a session may be over.
    pub(super) fn is_open(&self) -> bool {
        !self.commands.is_closed()
    }

    /// Sends a confirmable message and waits for its answer, for as long as the message layer does. It leaves this
    /// computer unless its `departure` is called off before. Dropping the future cancels it.
    pub(super) async fn ask(
        &self,
        to: SocketAddr,
        packet: Packet,
        token: u64,
        departure: Arc<Departure>,
    ) -> Result<Packet, AskError> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let mut cancel = CancelOnDrop { commands: &self.commands, number: None, departure: departure.clone() };
        let ask = Box::new(Ask { number, to: canonical(to), packet, token, departure, answer });
        let closed = AskError::NotSent(io::ErrorKind::NotConnected);
        self.commands.send(Command::Ask(ask)).map_err(|_| closed)?;
        cancel.number = Some(number);
        let outcome = answered.await.unwrap_or(Err(closed));
        cancel.number = None;
        outcome
    }

    /// The notifications of observations with this token, until the listener is dropped.
    pub(super) fn listen(&self, token: u64) -> Listener {
        let (notifications, received) = mpsc::channel(NOTIFICATIONS);
        let _ = self.commands.send(Command::Listen { token, notifications });
        Listener { commands: self.commands.clone(), token, received }
    }

    /// Copies each datagram to and from this address, for as long as somebody holds the tap.
    pub(super) fn listen_in(&self, with: SocketAddr, copies: Copies) {
        let _ = self.commands.send(Command::ListenIn { with: canonical(with), copies });
    }
}

/// Notifications; those that come after it is dropped are rejected.
pub(super) struct Listener {
    commands: mpsc::UnboundedSender<Command>,
    token: u64,
    received: mpsc::Receiver<Packet>,
}

impl Listener {
    /// The next one; `None` once the endpoint is gone.
    pub(super) async fn next(&mut self) -> Option<Packet> {
        self.received.recv().await
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Unlisten { token: self.token });
    }
}

struct CancelOnDrop<'a> {
    commands: &'a mpsc::UnboundedSender<Command>,
    number: Option<u64>,
    departure: Arc<Departure>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // The task that sends sees the question before it sees that nobody waits for the answer.
            self.departure.call_off();
            let _ = self.commands.send(Command::Cancel(number));
        }
    }
}

/// What drives the message layer. One task.
struct Driver {
    wire: Wire,
    start: Instant,
    layer: Exchanges<SocketAddr>,
    asked: HashMap<ExchangeId, Waiting>,
    exchanges: HashMap<u64, ExchangeId>,
    listeners: HashMap<u64, mpsc::Sender<Packet>>,
    /// Nobody listens in, as a rule.
    taps: Vec<(SocketAddr, Copies)>,
}

struct Waiting {
    number: u64,
    departure: Arc<Departure>,
    answer: oneshot::Sender<Result<Packet, AskError>>,
}

impl Driver {
    async fn run(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let timeout = self.layer.next_timeout().map(|after| self.start + after);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::End) => return self.break_off(),
                    Some(command) => self.take(command),
                    None => return,
                },
                received = self.wire.receive(&mut buffer) => {
                    if received.is_err() && self.wire.ends_with_an_error() {
                        return self.break_off();
                    }
                    self.handle(received, &buffer);
                }
                () = at(timeout) => self.layer.handle_timeout(self.now()),
            }
            self.drain().await;
        }
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn take(&mut self, command: Command) {
        let now = self.now();
        match command {
            Command::Ask(ask) => {
                let Ask { number, to, packet, token, departure, answer } = *ask;
                let chance = Chance { token, jitter: rand::random() };
                let id = self.layer.request(now, to, packet, chance);
                self.exchanges.insert(number, id);
                self.asked.insert(id, Waiting { number, departure, answer });
            }
            Command::Cancel(number) => {
                if let Some(id) = self.exchanges.remove(&number) {
                    self.asked.remove(&id);
                    self.layer.cancel(now, id);
                }
            }
            Command::Listen { token, notifications } => {
                self.listeners.insert(token, notifications);
            }
            Command::Unlisten { token } => {
                self.listeners.remove(&token);
                self.layer.forget_observation(token);
            }
            Command::ListenIn { with, copies } => self.taps.push((with, copies)),
            Command::End => {}
        }
    }

    fn handle(&mut self, received: io::Result<(usize, SocketAddr)>, buffer: &[u8]) {
        // An error here is of an earlier datagram that nobody took (Windows says so on receiving); who waits for its
        // answer will know by the silence.
        if let Ok((length, from)) = received
            && let Some(datagram) = buffer.get(..length)
        {
            let from = canonical(from);
            self.copy(false, from, datagram);
            self.layer.handle(self.now(), from, datagram);
        }
    }

    /// For who listens in.
    fn copy(&mut self, sent: bool, with: SocketAddr, datagram: &[u8]) {
        if self.taps.is_empty() {
            return;
        }
        self.taps.retain(|(_, copies)| !copies.is_over());
        for (_, copies) in self.taps.iter().filter(|(of, _)| *of == with) {
            copies.datagram(sent, datagram);
        }
    }

    async fn drain(&mut self) {
        while let Some(output) = self.layer.poll() {
            match output {
                Output::Transmit { to, datagram, exchange } => {
                    let waiting = exchange.and_then(|id| Some((id, self.asked.get(&id)?.departure.clone())));
                    let left_before = waiting.as_ref().is_some_and(|(_, departure)| departure.has_left());
                    if waiting.as_ref().is_some_and(|(_, departure)| !departure.leave()) {
                        // Called off; whoever asked cancels it.
                        continue;
                    }
                    match (self.wire.transmit(to, &datagram).await, waiting) {
                        (Ok(()), _) => self.copy(true, to, &datagram),
                        // What cannot be sent at first will not be in two seconds either; what was sent once may be answered.
                        (Err(error), Some((id, _))) if !left_before => {
                            self.layer.cancel(self.now(), id);
                            self.end(id, Err(AskError::NotSent(error.kind())));
                        }
                        (Err(_), _) => {}
                    }
                }
                Output::Answer { exchange, packet, .. } => self.end(exchange, Ok(packet)),
                Output::Failed { exchange, why } => self.end(exchange, Err(AskError::Failed(why))),
                Output::Notification { token, packet, .. } => {
                    // A reader that is too slow misses some: the newest value comes again with the next change.
                    if let Some(listener) = self.listeners.get(&token) {
                        let _ = listener.try_send(packet);
                    }
                }
            }
        }
    }

    /// The wire is gone: what has left may have been done, what has not was not.
    fn break_off(&mut self) {
        for (_, waiting) in std::mem::take(&mut self.asked) {
            let outcome = match waiting.departure.has_left() {
                true => AskError::Failed(Failure::NoAnswer),
                false => AskError::NotSent(io::ErrorKind::ConnectionAborted),
            };
            let _ = waiting.answer.send(Err(outcome));
        }
    }

    fn end(&mut self, id: ExchangeId, outcome: Result<Packet, AskError>) {
        if let Some(waiting) = self.asked.remove(&id) {
            self.exchanges.remove(&waiting.number);
            let _ = waiting.answer.send(outcome);
        }
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
