//! One observation of a resource on the local network (RFC 7641).
//!
//! Scope: registering, order, renewing, ending. Non-scope: what becomes of a device that does not notify: its first
//! answer has no sequence number, and the observation ends with it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::coap::Packet;
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::observe::Freshness;
use homeward_protocol::coap::transfer::{Progress, Transfer};
use homeward_protocol::crudn::{Href, Observe, Request, Response};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{LanClient, LanError, error_of};

/// How many notifications wait for the reader; then older ones wait in the socket. Our choice.
const WAITING: usize = 16;
/// The longest a registration may take, and the end of one. Our choice: four transmissions, less the last wait.
const DEADLINE: Duration = Duration::from_secs(20);
/// Renewed at the earliest so long after the last notification, whatever its Max-Age. Our choice.
const MIN_AGE: Duration = Duration::from_secs(15);
/// And at the latest: a device that restarted has forgotten us. Our choice.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// An observation under way. Dropped, it ends, and the device is told.
pub struct Observation {
    notifications: mpsc::Receiver<Result<Response, LanError>>,
}

impl Observation {
    /// The next notification; the first is the value now. One without `observe` is the last: the device does not notify,
    /// or no longer. An error is the last as well. `None` once it has ended.
    pub async fn next(&mut self) -> Option<Result<Response, LanError>> {
        self.notifications.recv().await
    }
}

pub(super) fn start(client: LanClient, to: SocketAddr, href: Href) -> Observation {
    let (sender, notifications) = mpsc::channel(WAITING);
    let watch = Watch { format: client.format(to), client, to, href, token: rand::random() };
    tokio::spawn(watch.run(sender));
    Observation { notifications }
}

struct Watch {
    client: LanClient,
    to: SocketAddr,
    href: Href,
    token: u64,
    format: Format,
}

impl Watch {
    async fn run(mut self, reader: mpsc::Sender<Result<Response, LanError>>) {
        let registered = tokio::select! {
            goes_on = self.observe(&reader) => goes_on,
            () = reader.closed() => true,
        };
        if registered {
            self.deregister().await;
        }
    }

    /// Registers and passes notifications on. Returns whether the device may still think that we observe.
    async fn observe(&mut self, reader: &mpsc::Sender<Result<Response, LanError>>) -> bool {
        // Before registering: a notification may overtake the answer.
        let mut listener = self.client.endpoint.listen(self.token);
        let mut order = Freshness::default();
        let start = Instant::now();
        let mut incoming = VecDeque::new();
        match self.register().await {
            Ok(first) => incoming.push_back(first),
            Err(error) => {
                let _ = reader.send(Err(error)).await;
                return true;
            }
        }
        let mut renew_at = Instant::now();
        loop {
            while let Some(packet) = incoming.pop_front() {
                if !order.take(message::observe_sequence(&packet), start.elapsed()) {
                    continue;
                }
                renew_at = Instant::now() + renewal(&packet);
                let response = match self.whole(packet).await {
                    Ok(response) => response,
                    Err(error) => {
                        let _ = reader.send(Err(error)).await;
                        return true;
                    }
                };
                let last = response.observe.is_none() || !response.status.is_success();
                if reader.send(Ok(response)).await.is_err() {
                    return true;
                }
                if last {
                    return false;
                }
            }
            tokio::select! {
                packet = listener.next() => match packet {
                    Some(packet) => incoming.push_back(packet),
                    None => return false,
                },
                () = tokio::time::sleep_until(renew_at) => match self.register().await {
                    Ok(packet) => {
                        order.restart();
                        incoming.push_back(packet);
                    }
                    Err(error) => {
                        let _ = reader.send(Err(error)).await;
                        return true;
                    }
                },
            }
        }
    }

    /// Registers, or renews with the same token (RFC 7641 §3.3.1), in the format that the device takes.
    async fn register(&mut self) -> Result<Packet, LanError> {
        let first = self.send(Observe::Register).await?;
        if !message::refuses_format(&first) {
            return Ok(first);
        }
        self.format = self.format.other();
        let second = self.send(Observe::Register).await?;
        self.client.learn(self.to, self.format);
        Ok(second)
    }

    async fn send(&self, observe: Observe) -> Result<Packet, LanError> {
        let request = Request { observe: Some(observe), ..Request::get(self.href.clone()) };
        let packet = Transfer::new(&request, self.format)?.packet();
        let answer = self.client.endpoint.ask(self.to, packet, self.token, Arc::default());
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(answer) => answer.map_err(|error| error_of(error, true)),
            Err(_) => Err(LanError::NoAnswer),
        }
    }

    /// A notification with all its blocks.
    async fn whole(&self, packet: Packet) -> Result<Response, LanError> {
        let request = Request::observe(self.href.clone());
        let mut transfer = Transfer::new(&request, self.format)?;
        let mut progress = transfer.handle_notification(packet)?;
        loop {
            match progress {
                Progress::Done(response) => return Ok(response),
                Progress::More => {
                    let answer = self.client.endpoint.ask(self.to, transfer.packet(), rand::random(), Arc::default());
                    let answer = tokio::time::timeout(DEADLINE, answer).await.map_err(|_| LanError::NoAnswer)?;
                    progress = transfer.handle(answer.map_err(|error| error_of(error, true))?)?;
                }
            }
        }
    }

    async fn deregister(&self) {
        // If this gets lost, the next notification is rejected, which ends it too.
        let _ = self.send(Observe::Deregister).await;
    }
}

/// How long after a notification the registration is renewed: when it is no longer fresh, and 5 to 15 s later, so that
/// not everybody does so at once (RFC 7641 §3.3.1).
fn renewal(packet: &Packet) -> Duration {
    let age = Duration::from_secs(message::max_age(packet).into()).clamp(MIN_AGE, MAX_AGE);
    age + Duration::from_millis(5000 + u64::from(rand::random::<u16>()) * 10_000 / u64::from(u16::MAX))
}
