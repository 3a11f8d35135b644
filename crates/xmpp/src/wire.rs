//! The TCP connection, and when anything last came over it.
//!
//! Scope: what is true of the connection below TLS. A stanza that takes a minute over a slow link is heard bit by bit
//! here, and in one piece above. Non-scope: what comes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Our choice: the system's own question to a peer that is silent, should ours ever fail to go out.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// Our choice.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(10);

/// Our choice: how long a link may pause in the middle of a stanza.
const LATELY: Duration = Duration::from_secs(3);

/// A TCP connection whose sign of life can be read from elsewhere.
#[derive(Debug)]
pub(crate) struct Wire {
    tcp: TcpStream,
    pulse: Pulse,
}

/// What has gone over a session's connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pulse(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    since: Instant,
    /// When bytes last came, in microseconds from `since`.
    heard_us: AtomicU64,
    /// When a stanza was last whole, as `heard_us`.
    whole_us: AtomicU64,
    written: AtomicU64,
}

impl Wire {
    /// Takes a connection over and sets it up for small messages.
    pub(crate) fn new(tcp: TcpStream, pulse: &Pulse) -> io::Result<Self> {
        // Requests are small; waiting to fill a segment costs 40 ms each.
        tcp.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
        SockRef::from(&tcp).set_tcp_keepalive(&keepalive)?;
        pulse.heard();
        pulse.is_whole();
        Ok(Self { tcp, pulse: pulse.clone() })
    }
}

impl Pulse {
    /// Of a session: one connection, or several in turn.
    pub(crate) fn new() -> Self {
        Self(Arc::new(Counts {
            since: Instant::now(),
            heard_us: AtomicU64::new(0),
            whole_us: AtomicU64::new(0),
            written: AtomicU64::new(0),
        }))
    }

    /// When anything last came, be it a part of a stanza.
    pub(crate) fn heard_at(&self) -> Instant {
        self.0.since + Duration::from_micros(self.0.heard_us.load(Ordering::Relaxed))
    }

    /// Whether something long is on its way to us now: bytes came lately, and are no whole stanza yet.
    pub(crate) fn is_hearing(&self) -> bool {
        let part_way = self.0.heard_us.load(Ordering::Relaxed) > self.0.whole_us.load(Ordering::Relaxed);
        part_way && self.heard_at().elapsed() < LATELY
    }

    /// A stanza has been put together.
    pub(crate) fn is_whole(&self) {
        self.0.whole_us.store(self.elapsed_us(), Ordering::Relaxed);
    }

    /// Bytes that the system has taken from us, in all.
    pub(crate) fn written(&self) -> u64 {
        self.0.written.load(Ordering::Relaxed)
    }

    fn heard(&self) {
        self.0.heard_us.store(self.elapsed_us(), Ordering::Relaxed);
    }

    fn elapsed_us(&self) -> u64 {
        u64::try_from(self.0.since.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn wrote(&self, bytes: usize) {
        self.0.written.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.pulse.heard();
        }
        read
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            self.pulse.wrote(*count);
        }
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(cx, slices);
        if let Poll::Ready(Ok(count)) = &written {
            self.pulse.wrote(*count);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
