//! A TCP proxy on loopback between a client and its server, with the faults of real networks to be had at any moment.
//!
//! Scope: cuts (also at a chosen byte), stalls, delays, low rates, refusals, and healing. It sees what TLS leaves to be
//! seen: how many bytes go which way, and in what portions they were written. Non-scope: what the bytes mean; what is
//! to be true under a fault, which is said in `tests/faults_*.rs`.
//!
//! What a fault holds back is not lost: a stalled link that heals delivers it, late, as TCP does. Only a cut loses.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_core::view::AccountForm;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::server::{Server, form_for};

/// Our choice: the largest portion read at once; one TLS record and its header are less.
const PORTION: usize = 20_000;
/// Our choice: portions that wait in one direction of one connection; then its sender waits, as at a full buffer.
const MOST_WAITING: usize = 64;
/// Our choice: a throttled direction moves so often, each time a little.
const SLICE: Duration = Duration::from_millis(50);
/// Our choice: how long a test waits for the moment that it arranged.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// Both ways.
pub const BOTH: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

/// How a connection is cut, at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// RST: what was on its way is lost.
    Reset,
    /// FIN, without a word of XMPP or TLS before.
    Close,
}

/// A moment at which to cut, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// When so many more bytes have gone this way.
    After {
        /// Which way.
        direction: Direction,
        /// How many bytes; what lies beyond is lost.
        bytes: usize,
    },
    /// In the next portion of at least so many bytes: what one side wrote at once.
    Portion {
        /// Which way.
        direction: Direction,
        /// The least size, to tell a request from a ping.
        at_least: usize,
        /// So much of it still arrives: 0 is before it, `usize::MAX` right behind it.
        arrives: usize,
    },
}

/// What holds for all connections now.
#[derive(Debug, Clone, Default)]
struct Weather {
    stalled: HashMap<Direction, bool>,
    delay: HashMap<Direction, Duration>,
    /// Bytes a second.
    rate: HashMap<Direction, u64>,
}

impl Weather {
    fn stalled(&self, direction: Direction) -> bool {
        self.stalled.get(&direction).copied().unwrap_or_default()
    }

    fn delay(&self, direction: Direction) -> Duration {
        self.delay.get(&direction).copied().unwrap_or_default()
    }
}

/// A cut that waits for its moment.
struct Armed {
    moment: Moment,
    cut: Cut,
    fired: oneshot::Sender<()>,
}

struct Shared {
    weather: watch::Sender<Weather>,
    /// How often everything was cut, and how the last time.
    cuts: watch::Sender<(u64, Cut)>,
    armed: Mutex<Option<Armed>>,
    accepted: AtomicU64,
    open: AtomicUsize,
    forwarded: [AtomicU64; 2],
}

impl Shared {
    fn armed(&self) -> MutexGuard<'_, Option<Armed>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of a portion may still arrive, and the cut that follows, where its moment has come.
    fn due(&self, direction: Direction, portion: usize) -> Option<(usize, Cut)> {
        let mut armed = self.armed();
        let arrives = match &mut armed.as_mut()?.moment {
            Moment::Portion { direction: wanted, at_least, arrives } if *wanted == direction => {
                (portion >= *at_least).then_some((*arrives).min(portion))
            }
            Moment::After { direction: wanted, bytes } if *wanted == direction => {
                let arrives = (*bytes <= portion).then_some(*bytes);
                *bytes = bytes.saturating_sub(portion);
                arrives
            }
            _ => None,
        }?;
        let armed = armed.take()?;
        // Whoever armed it need not wait for it.
        let _ = armed.fired.send(());
        Some((arrives, armed.cut))
    }

    fn count(&self, direction: Direction, bytes: usize) {
        self.forwarded[direction as usize].fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// The moment of an arranged cut.
pub struct Fired(oneshot::Receiver<()>);

impl Fired {
    /// Waits until the link was cut there.
    ///
    /// # Panics
    /// When the moment does not come.
    pub async fn wait(self) {
        match timeout(PATIENCE, self.0).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => panic!("the arranged cut was called off"),
            Err(_) => panic!("the moment to cut did not come within {PATIENCE:?}"),
        }
    }
}

/// The proxy. Ends, and closes everything, when dropped.
pub struct FaultProxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    /// Whether to listen; answered once it is so.
    listening: mpsc::Sender<(bool, oneshot::Sender<()>)>,
    /// Ended when dropped.
    _accepting: JoinSet<()>,
}

impl FaultProxy {
    /// Listens on loopback, and passes everything on to `server`.
    ///
    /// # Panics
    /// When there is no port to be had.
    pub async fn start(server: SocketAddr) -> FaultProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            weather: watch::channel(Weather::default()).0,
            cuts: watch::channel((0, Cut::Close)).0,
            armed: Mutex::default(),
            accepted: AtomicU64::new(0),
            open: AtomicUsize::new(0),
            forwarded: Default::default(),
        });
        let (listening, orders) = mpsc::channel(1);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(Arc::clone(&shared), listener, address, server, orders));
        FaultProxy { shared, address, listening, _accepting: accepting }
    }

    /// In front of this server.
    pub async fn before(server: &Server) -> FaultProxy {
        let host = server.host().parse().expect("servers listen on addresses");
        Self::start(SocketAddr::new(host, server.port())).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The test account, as one would type it to come through here.
    pub fn form(&self, server: &Server) -> AccountForm {
        form_for(&server.jid(), self.address.port(), &server.ca_file())
    }

    /// Cuts every connection now. New ones are let through.
    pub fn cut(&self, how: Cut) {
        self.shared.cuts.send_modify(|cuts| *cuts = (cuts.0 + 1, how));
    }

    /// Cuts the connection in which this moment comes first. Takes the place of an earlier arrangement.
    pub fn cut_at(&self, moment: Moment, how: Cut) -> Fired {
        let (fired, has_fired) = oneshot::channel();
        *self.shared.armed() = Some(Armed { moment, cut: how, fired });
        Fired(has_fired)
    }

    /// Half-open: connections stay and are taken, and nothing comes through in these directions, not even an end.
    pub fn stall(&self, directions: &[Direction]) {
        self.change(|weather| weather.stalled.extend(directions.iter().map(|direction| (*direction, true))));
    }

    /// Everything that comes from now on arrives so much later, in its order.
    pub fn delay(&self, directions: &[Direction], delay: Duration) {
        self.change(|weather| weather.delay.extend(directions.iter().map(|direction| (*direction, delay))));
    }

    /// No more than so many bytes a second, for each connection.
    ///
    /// # Panics
    /// At a rate of zero: that is [`FaultProxy::stall`].
    pub fn throttle(&self, directions: &[Direction], bytes_per_second: u64) {
        assert!(bytes_per_second > 0, "a rate of zero is a stall");
        self.change(|weather| weather.rate.extend(directions.iter().map(|direction| (*direction, bytes_per_second))));
    }

    /// Refuses new connections, as a port that nobody listens on. Those that are open stay.
    pub async fn refuse(&self) {
        self.listen(false).await;
    }

    /// Everything as at the start; what was held back arrives now, what was delayed still does so when it is due.
    pub async fn heal(&self) {
        *self.shared.armed() = None;
        self.change(|weather| *weather = Weather::default());
        self.listen(true).await;
    }

    /// How many connections were ever taken.
    pub fn accepted(&self) -> u64 {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// How many connections it holds now, those included whose end is held back.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }

    /// How many bytes it has passed on this way.
    pub fn forwarded(&self, direction: Direction) -> u64 {
        self.shared.forwarded[direction as usize].load(Ordering::Relaxed)
    }

    fn change(&self, change: impl FnOnce(&mut Weather)) {
        self.shared.weather.send_modify(change);
    }

    async fn listen(&self, listens: bool) {
        let (done, is_done) = oneshot::channel();
        let told = self.listening.send((listens, done)).await;
        assert!(told.is_ok() && is_done.await.is_ok(), "the proxy has ended");
    }
}

async fn accept(
    shared: Arc<Shared>,
    listener: TcpListener,
    address: SocketAddr,
    server: SocketAddr,
    mut orders: mpsc::Receiver<(bool, oneshot::Sender<()>)>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            match &listener {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            accepted = accepted => {
                let Ok((client, _)) = accepted else { continue };
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                // From here on, so that no cut is missed.
                let cuts = shared.cuts.subscribe();
                connections.spawn(serve(Arc::clone(&shared), client, server, cuts));
            }
            Some(_) = connections.join_next() => {}
            order = orders.recv() => match order {
                None => return,
                Some((true, done)) => {
                    if listener.is_none() {
                        listener = Some(TcpListener::bind(address).await.expect("our own port is free again"));
                    }
                    let _ = done.send(());
                }
                Some((false, done)) => {
                    listener = None;
                    let _ = done.send(());
                }
            },
        }
    }
}

/// One connection, from its beginning to its end.
async fn serve(shared: Arc<Shared>, mut client: TcpStream, server: SocketAddr, mut cuts: watch::Receiver<(u64, Cut)>) {
    shared.open.fetch_add(1, Ordering::Relaxed);
    let cut = match TcpStream::connect(server).await {
        Err(_) => Cut::Reset,
        Ok(mut server) => {
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let cut = tokio::select! {
                biased;
                _ = cuts.changed() => cuts.borrow().1,
                cut = both_ways(
                    carry(&shared, Direction::ToServer, from_client, to_server),
                    carry(&shared, Direction::ToClient, from_server, to_client),
                ) => cut,
            };
            end(&server, cut);
            cut
        }
    };
    end(&client, cut);
    shared.open.fetch_sub(1, Ordering::Relaxed);
}

/// Both directions until both have ended, or one breaks the connection.
async fn both_ways(to_server: impl Future<Output = Option<Cut>>, to_client: impl Future<Output = Option<Cut>>) -> Cut {
    let mut directions = (std::pin::pin!(to_server), std::pin::pin!(to_client));
    let broken = tokio::select! {
        first = &mut directions.0 => match first {
            Some(cut) => Some(cut),
            None => directions.1.await,
        },
        first = &mut directions.1 => match first {
            Some(cut) => Some(cut),
            None => directions.0.await,
        },
    };
    broken.unwrap_or(Cut::Close)
}

fn end(stream: &TcpStream, cut: Cut) {
    let linger = (cut == Cut::Reset).then_some(Duration::ZERO);
    // A socket whose other end has gone needs no manners.
    let _ = SockRef::from(stream).set_linger(linger);
}

/// What came from one end, in its order.
enum Arrival {
    Portion(Instant, Vec<u8>),
    End(Instant),
    Broken(Instant),
}

/// One direction of one connection. `None`: it has ended in order; else it breaks both.
async fn carry(shared: &Shared, direction: Direction, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Option<Cut> {
    let (arrived, arrivals) = mpsc::channel(MOST_WAITING);
    tokio::select! {
        cut = write(shared, direction, to, arrivals) => cut,
        never = read(shared, direction, from, arrived) => match never {},
    }
}

async fn read(
    shared: &Shared,
    direction: Direction,
    mut from: ReadHalf<'_>,
    arrived: mpsc::Sender<Arrival>,
) -> std::convert::Infallible {
    let mut portion = vec![0; PORTION];
    loop {
        let read = from.read(&mut portion).await;
        let due = Instant::now() + shared.weather.borrow().delay(direction);
        let (arrival, last) = match read {
            Ok(0) => (Arrival::End(due), true),
            Ok(length) => (Arrival::Portion(due, portion[..length].to_vec()), false),
            Err(_) => (Arrival::Broken(due), true),
        };
        if arrived.send(arrival).await.is_err() || last {
            // The writer ends the direction, when it has come so far.
            std::future::pending::<()>().await;
        }
    }
}

async fn write(
    shared: &Shared,
    direction: Direction,
    mut to: WriteHalf<'_>,
    mut arrivals: mpsc::Receiver<Arrival>,
) -> Option<Cut> {
    let mut weather = shared.weather.subscribe();
    while let Some(arrival) = arrivals.recv().await {
        let (Arrival::Portion(due, _) | Arrival::End(due) | Arrival::Broken(due)) = &arrival;
        sleep_until(*due).await;
        flows(&mut weather, direction).await;
        let portion = match arrival {
            Arrival::Portion(_, portion) => portion,
            Arrival::Broken(_) => return Some(Cut::Reset),
            Arrival::End(_) => {
                let _ = to.shutdown().await;
                return None;
            }
        };
        let cut = shared.due(direction, portion.len());
        let arrives = cut.map_or(portion.len(), |(arrives, _)| arrives);
        // Where that end has gone, its own direction brings the news.
        pass_on(shared, direction, &mut to, &portion[..arrives], &mut weather).await.ok()?;
        if let Some((_, cut)) = cut {
            return Some(cut);
        }
    }
    None
}

/// Waits while nothing may come through.
async fn flows(weather: &mut watch::Receiver<Weather>, direction: Direction) {
    // The sender lives as long as the proxy does.
    let _ = weather.wait_for(|weather| !weather.stalled(direction)).await;
}

async fn pass_on(
    shared: &Shared,
    direction: Direction,
    to: &mut WriteHalf<'_>,
    portion: &[u8],
    weather: &mut watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut rest = portion;
    while !rest.is_empty() {
        flows(weather, direction).await;
        let rate = weather.borrow().rate.get(&direction).copied();
        let slice = rate.map_or(rest.len(), |rate| slice_of(rate).min(rest.len()));
        let (now, later) = rest.split_at(slice);
        to.write_all(now).await?;
        shared.count(direction, slice);
        if let Some(rate) = rate {
            sleep(Duration::from_secs_f64(slice as f64 / rate as f64)).await;
        }
        rest = later;
    }
    Ok(())
}

/// How many bytes a rate lets through at once.
fn slice_of(rate: u64) -> usize {
    usize::try_from(rate * SLICE.as_millis() as u64 / 1000).unwrap_or(usize::MAX).max(1)
}

#[cfg(test)]
#[path = "fault_proxy_tests.rs"]
mod tests;
