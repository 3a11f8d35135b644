//! The association: which message follows which, in either role, and what is said once it stands.

use std::collections::VecDeque;
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::agreement::{Agreement, Side};
use super::flight::{Flight, Part};
use super::message::{self, Assembly, ClientHello, Message};
use super::outgoing::Outgoing;
use super::record::{self, Protection, Record, ReplayWindow};
use super::{Closed, DtlsError, KeyBlock, MAX_DATAGRAM, MAX_PLAINTEXT, Output, Random, Suite};

/// Alerts (RFC 5246 §7.2).
const WARNING: u8 = 1;
const FATAL: u8 = 2;
const CLOSE_NOTIFY: u8 = 0;
/// Our choice: records that cannot be verified; a network does not change so many by chance.
const MAX_BAD_RECORDS: u32 = 64;
/// Our choice: records of the next epoch that came before the keys did; a flight has one.
const MAX_EARLY: usize = 4;
/// Our choice: so long after its first datagram a handshake is done or given up, whatever keeps it going.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(60);

/// One association with one peer.
pub struct Anonymous {
    side: Side,
    /// What is offered, or taken.
    suites: Vec<Suite>,
    cookie: Vec<u8>,
    agreement: Agreement,
    /// The server's point, until it is answered.
    point: Vec<u8>,
    assembly: Assembly,
    /// The number of our next handshake message.
    next_number: u16,
    flight: Flight,
    /// The peer lacks our last flight: it is sent again, once for each datagram that says so.
    missed: bool,
    outgoing: Outgoing,
    theirs: Option<Protection>,
    /// Whether the peer has said that it uses its new keys from now on.
    changed: bool,
    /// Whether the peer has proven that it has the same keys.
    proven: bool,
    window: ReplayWindow,
    early: Vec<Vec<u8>>,
    bad_records: u32,
    state: State,
    outputs: VecDeque<Output>,
    now: Duration,
    /// When the handshake is given up; `None`: it has not begun.
    until: Option<Duration>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The client: for HelloVerifyRequest or ServerHello.
    Hello,
    ServerKeyExchange,
    ServerHelloDone,
    /// The server: for a ClientHello.
    ClientHello,
    ClientKeyExchange,
    /// Either: for the peer's Finished.
    Finished,
    Established,
    Closed,
}

impl Anonymous {
    /// Begins a handshake as the client, offering both suites: its first datagram is in [`Anonymous::poll`].
    pub fn client(random: Random, now: Duration) -> Self {
        Self::offering(vec![Suite::Private, Suite::Old], random, now)
    }

    pub(super) fn offering(suites: Vec<Suite>, random: Random, now: Duration) -> Self {
        let mut this = Self::new(Side::Client, State::Hello, suites, random, now);
        this.until = Some(now.saturating_add(HANDSHAKE_WITHIN));
        (this.outgoing.random)(&mut this.agreement.client_random);
        this.say_hello(None);
        this
    }

    /// Waits for one peer's ClientHello as the server, with one suite.
    pub fn server(suite: Suite, random: Random, now: Duration) -> Self {
        let mut this = Self::new(Side::Server, State::ClientHello, vec![suite], random, now);
        this.cookie = vec![0; 16];
        (this.outgoing.random)(&mut this.cookie);
        (this.outgoing.random)(&mut this.agreement.server_random);
        this
    }

    fn new(side: Side, state: State, suites: Vec<Suite>, random: Random, now: Duration) -> Self {
        Self {
            side,
            suites,
            cookie: Vec::new(),
            agreement: Agreement::default(),
            point: Vec::new(),
            assembly: Assembly::default(),
            next_number: 0,
            flight: Flight::default(),
            missed: false,
            outgoing: Outgoing::new(random),
            theirs: None,
            changed: false,
            proven: false,
            window: ReplayWindow::default(),
            early: Vec::new(),
            bad_records: 0,
            state,
            outputs: VecDeque::new(),
            now,
            until: None,
        }
    }

    /// Whether the handshake is done, and it is not over.
    pub fn is_established(&self) -> bool {
        self.state == State::Established
    }

    /// From which an owner's key is made; once the peer has proven that it has the same, and also when it is over.
    pub fn key_block(&self) -> Option<&KeyBlock> {
        self.agreement.key_block().filter(|_| self.proven)
    }

    /// The next thing that comes of it.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// The next datagram to send, if one comes before anything else.
    pub fn next_datagram(&mut self) -> Option<Vec<u8>> {
        match self.outputs.pop_front()? {
            Output::Transmit(datagram) => Some(datagram),
            other => {
                self.outputs.push_front(other);
                None
            }
        }
    }

    /// Whether [`Anonymous::next_datagram`] has one.
    pub fn has_datagram(&self) -> bool {
        matches!(self.outputs.front(), Some(Output::Transmit(_)))
    }

    /// When [`Anonymous::handle_timeout`] is to be called.
    pub fn next_timeout(&self) -> Option<Duration> {
        let waits = !matches!(self.state, State::Established | State::Closed);
        self.flight.again_at.into_iter().chain(self.until).min().filter(|_| waits)
    }

    /// The instant has come: the last flight is sent again, or given up.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.now = self.now.max(now);
        if self.next_timeout().is_some_and(|at| at <= self.now) {
            let over = self.until.is_some_and(|until| until <= self.now);
            match !over && self.flight.may_repeat(self.now) {
                true => self.send_flight(),
                false => self.end(Closed::TimedOut),
            }
        }
    }

    /// Takes a datagram of the peer's in.
    pub fn handle(&mut self, datagram: &[u8], now: Duration) {
        self.now = self.now.max(now);
        self.until.get_or_insert(self.now.saturating_add(HANDSHAKE_WITHIN));
        for record in record::records(datagram) {
            if self.state == State::Closed {
                return;
            }
            if let Err(error) = self.take(&record) {
                self.misbehaved(error);
            }
        }
        if std::mem::take(&mut self.missed) && self.state != State::Closed {
            self.send_flight();
        }
    }

    /// Sends one record.
    ///
    /// # Errors
    /// [`DtlsError::NotOpen`], [`DtlsError::TooLong`].
    pub fn send(&mut self, plaintext: &[u8]) -> Result<(), DtlsError> {
        if self.state != State::Established {
            return Err(DtlsError::NotOpen);
        }
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(DtlsError::TooLong);
        }
        let sealed = self.outgoing.record(record::APPLICATION_DATA, plaintext).ok_or(DtlsError::NotOpen)?;
        self.outputs.push_back(Output::Transmit(sealed));
        Ok(())
    }

    /// Closes it, and tells the peer. Also before the handshake is done.
    pub fn close(&mut self) {
        if self.state != State::Closed {
            self.alert(WARNING, CLOSE_NOTIFY);
            self.end(Closed::ByUs);
        }
    }

    fn end(&mut self, closed: Closed) {
        if self.state != State::Closed {
            self.state = State::Closed;
            self.outputs.push_back(Output::Closed(closed));
        }
    }

    fn misbehaved(&mut self, error: DtlsError) {
        self.alert(FATAL, error.alert());
        self.end(Closed::Misbehaved(error));
    }

    fn alert(&mut self, level: u8, description: u8) {
        let alert = self.outgoing.record(record::ALERT, &[level, description]);
        self.outputs.extend(alert.map(Output::Transmit));
    }

    fn take(&mut self, record: &Record<'_>) -> Result<(), DtlsError> {
        match record.epoch {
            // After the handshake, nothing that nobody vouches for matters.
            0 if self.state != State::Established => self.take_plain(record),
            1 if self.changed => self.take_protected(record),
            1 if self.early.len() < MAX_EARLY && record.fragment.len() <= MAX_DATAGRAM => {
                // Its ChangeCipherSpec is late, or lost: whole, to be read again.
                self.early.push(record.whole());
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Nothing of it is verified.
    fn take_plain(&mut self, record: &Record<'_>) -> Result<(), DtlsError> {
        match record.kind {
            record::HANDSHAKE => self.take_handshake(record.fragment, false)?,
            record::ALERT => self.take_alert(record.fragment),
            record::CHANGE_CIPHER_SPEC if self.theirs.is_some() && record.fragment == record::CHANGE => {
                self.changed = true;
                for early in std::mem::take(&mut self.early) {
                    for record in record::records(&early) {
                        self.take_protected(&record)?;
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn take_protected(&mut self, record: &Record<'_>) -> Result<(), DtlsError> {
        if self.state == State::Closed || !self.window.is_new(record.sequence) {
            return Ok(());
        }
        let Some(plaintext) = self.theirs.as_ref().and_then(|theirs| theirs.open(record)) else {
            // Anybody can send such a record: it is dropped (RFC 6347 §4.1.2.7).
            self.bad_records += 1;
            return if self.bad_records > MAX_BAD_RECORDS { Err(DtlsError::TooManyBadRecords) } else { Ok(()) };
        };
        self.window.mark(record.sequence);
        match record.kind {
            record::HANDSHAKE => self.take_handshake(&plaintext, true)?,
            record::ALERT => self.take_alert(&plaintext),
            record::APPLICATION_DATA if self.state == State::Established => {
                self.outputs.push_back(Output::Received(plaintext));
            }
            _ => {}
        }
        Ok(())
    }

    fn take_alert(&mut self, alert: &[u8]) {
        match alert {
            [_, CLOSE_NOTIFY] => {
                self.alert(WARNING, CLOSE_NOTIFY);
                self.end(Closed::ByPeer);
            }
            [FATAL, description] => self.end(Closed::Alert(*description)),
            _ => {}
        }
    }

    fn take_handshake(&mut self, fragments: &[u8], protected: bool) -> Result<(), DtlsError> {
        let repeated = self.assembly.take(fragments, protected)?;
        self.missed |= repeated.is_some_and(|number| self.flight.is_missed(number, self.now));
        while self.state != State::Closed
            && let Some(message) = self.assembly.next()
        {
            self.message(&message)?;
        }
        Ok(())
    }

    fn message(&mut self, message: &Message) -> Result<(), DtlsError> {
        match (self.side, self.state, message.kind) {
            (Side::Client, State::Hello, message::HELLO_VERIFY_REQUEST) if self.cookie.is_empty() => {
                self.cookie = message::read_hello_verify_request(&message.body).ok_or(DtlsError::Malformed)?;
                self.agreement.forget_first_hello();
                self.say_hello(Some(message.number));
                Ok(())
            }
            (Side::Client, State::Hello, message::SERVER_HELLO) => {
                let (random, suite) = message::read_server_hello(&message.body).ok_or(DtlsError::Malformed)?;
                let chosen = self.suites.iter().find(|offered| offered.number() == suite);
                self.agreement.suite = Some(*chosen.ok_or(DtlsError::NotOffered)?);
                self.agreement.server_random = random;
                self.goes_on(message, State::ServerKeyExchange)
            }
            (Side::Client, State::ServerKeyExchange, message::SERVER_KEY_EXCHANGE) => {
                self.point = message::read_server_key_exchange(&message.body)?.to_vec();
                self.goes_on(message, State::ServerHelloDone)
            }
            (Side::Client, State::ServerHelloDone, message::SERVER_HELLO_DONE) if message.body.is_empty() => {
                self.agreement.note(message);
                self.answer_server(message.number)
            }
            (Side::Server, State::ClientHello, message::CLIENT_HELLO) => self.answer_hello(message),
            (Side::Server, State::ClientKeyExchange, message::CLIENT_KEY_EXCHANGE) => {
                let point = message::read_client_key_exchange(&message.body).ok_or(DtlsError::Malformed)?;
                self.agreement.agree(point)?;
                self.theirs = Some(self.agreement.protection(Side::Client)?);
                self.goes_on(message, State::Finished)
            }
            (side, State::Finished, message::FINISHED) => {
                self.agreement.verify(side.other(), &message.body)?;
                self.agreement.note(message);
                if side == Side::Server {
                    let finished = self.finished()?;
                    self.begin_flight(vec![Part::Change, finished], Some(message.number), false);
                } else {
                    // The server has our last flight; what it repeats now is its own that we have.
                    self.flight = Flight::default();
                }
                self.agreement.conclude();
                (self.state, self.proven) = (State::Established, true);
                self.outputs.push_back(Output::Established);
                Ok(())
            }
            // A new handshake in the session: not with us.
            (_, State::Established, _) => Ok(()),
            _ => Err(DtlsError::OutOfTurn),
        }
    }

    fn goes_on(&mut self, message: &Message, state: State) -> Result<(), DtlsError> {
        self.agreement.note(message);
        self.state = state;
        Ok(())
    }

    fn say_hello(&mut self, answers: Option<u16>) {
        let suites = self.suites.iter().map(|suite| suite.number()).collect();
        let hello = ClientHello { random: self.agreement.client_random, cookie: self.cookie.clone(), suites };
        let hello = self.message_of(message::CLIENT_HELLO, hello.write());
        self.agreement.note(&hello);
        self.begin_flight(vec![Part::Plain(hello)], answers, true);
    }

    fn answer_hello(&mut self, message: &Message) -> Result<(), DtlsError> {
        let hello = ClientHello::read(&message.body).ok_or(DtlsError::Malformed)?;
        if !bool::from(hello.cookie.ct_eq(&self.cookie)) {
            // Only who hears us goes on (RFC 6347 §4.2.1).
            let request = message::write_hello_verify_request(&self.cookie);
            let request = self.message_of(message::HELLO_VERIFY_REQUEST, request);
            self.begin_flight(vec![Part::Plain(request)], Some(message.number), false);
            return Ok(());
        }
        let suite = *self.suites.first().ok_or(DtlsError::NotOffered)?;
        if !hello.suites.contains(&suite.number()) {
            return Err(DtlsError::NotOffered);
        }
        self.agreement.suite = Some(suite);
        self.agreement.client_random = hello.random;
        self.agreement.note(message);
        let point = self.agreement.point(&mut self.outgoing.random)?;
        let server_hello = message::write_server_hello(&self.agreement.server_random, suite);
        let bodies = [
            (message::SERVER_HELLO, server_hello),
            (message::SERVER_KEY_EXCHANGE, message::write_server_key_exchange(&point)),
            (message::SERVER_HELLO_DONE, Vec::new()),
        ];
        let mut parts = Vec::new();
        for (kind, body) in bodies {
            let message = self.message_of(kind, body);
            self.agreement.note(&message);
            parts.push(Part::Plain(message));
        }
        self.begin_flight(parts, Some(message.number), true);
        self.state = State::ClientKeyExchange;
        Ok(())
    }

    fn answer_server(&mut self, answers: u16) -> Result<(), DtlsError> {
        let ours = self.agreement.point(&mut self.outgoing.random)?;
        let exchange = self.message_of(message::CLIENT_KEY_EXCHANGE, message::write_client_key_exchange(&ours));
        self.agreement.agree(&self.point)?;
        self.agreement.note(&exchange);
        self.theirs = Some(self.agreement.protection(Side::Server)?);
        let finished = self.finished()?;
        self.begin_flight(vec![Part::Plain(exchange), Part::Change, finished], Some(answers), true);
        self.state = State::Finished;
        Ok(())
    }

    /// Our Finished, which counts for the peer's; with it our keys are used.
    fn finished(&mut self) -> Result<Part, DtlsError> {
        let said = self.agreement.verify_data(self.side)?.to_vec();
        let finished = self.message_of(message::FINISHED, said);
        self.agreement.note(&finished);
        self.outgoing.protect(self.agreement.protection(self.side)?);
        Ok(Part::Protected(finished))
    }

    fn message_of(&mut self, kind: u8, body: Vec<u8>) -> Message {
        let number = self.next_number;
        self.next_number = self.next_number.wrapping_add(1);
        Message { kind, number, body }
    }

    fn begin_flight(&mut self, parts: Vec<Part>, answers: Option<u16>, answered: bool) {
        self.flight = Flight::new(parts, answers, self.now, answered);
        self.missed = false;
        self.send_flight();
    }

    fn send_flight(&mut self) {
        let datagrams = self.outgoing.datagrams(&self.flight.parts);
        self.outputs.extend(datagrams.into_iter().map(Output::Transmit));
    }
}
