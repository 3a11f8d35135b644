//! From a server's name to an encrypted XMPP stream: DNS, TCP, STARTTLS or direct TLS (XEP-0368).
//!
//! Scope: the layers below sign-in. Non-scope: SRV look-ups (the caller names server and port).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::SinkExt as _;
use futures::StreamExt as _;
use tokio::io::BufStream;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::Error as TlsError;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_xmpp::xmlstream::{
    PendingFeaturesRecv, ReadError, RecvFeaturesError, StreamHeader, Timeouts, XmlStream, XmppStreamElement,
    initiate_stream,
};
use xmpp_parsers::stream_error::{DefinedCondition, StreamError};
use xmpp_parsers::stream_features::StreamFeatures;
use xmpp_parsers::{ns, starttls};

use crate::failure::{Cause, Failure, Layer};
use crate::shallow::{Received, Shallow};
use crate::trust::RefusedCertificate;
use crate::wire::{Pulse, Wire};
use crate::{Account, Progress};

/// An encrypted stream, before or after sign-in.
pub(crate) type Stream = XmlStream<BufStream<Encrypted>, Received>;

/// The port that is direct TLS by custom (XEP-0368 §5); tried so first.
const DIRECT_TLS_PORT: u16 = 5223;

/// Our choice: a layer that is heard of is waited for so many deadlines at most.
const MOST_DEADLINES: u32 = 6;

/// Backstop only; our own pings find a dead connection long before.
const TIMEOUTS: Timeouts =
    Timeouts { read_timeout: Duration::from_secs(90), response_timeout: Duration::from_secs(60) };

/// A connection that is encrypted, to a server that has proven whose it is.
pub(crate) type Encrypted = TlsStream<Wire>;

/// Connects and encrypts.
///
/// # Errors
/// The layer that failed, and why; nothing secret has been sent.
pub(crate) async fn connect(
    account: &Account,
    pulse: &Pulse,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Encrypted, Failure> {
    let deadline = account.layer_deadline;
    let clock = Clock::begin(Layer::Dns, progress);
    let looked_up = timeout(deadline, tokio::net::lookup_host((account.server.as_str(), account.port))).await;
    let addresses: Vec<_> = match looked_up {
        Err(_) => return Err(Cause::Silent.at(Layer::Dns)),
        Ok(Err(error)) => return Err(Cause::Dns(error.to_string()).at(Layer::Dns)),
        Ok(Ok(addresses)) => addresses.collect(),
    };
    if addresses.is_empty() {
        return Err(Cause::Dns("no address".to_owned()).at(Layer::Dns));
    }
    clock.passed(progress);

    let clock = Clock::begin(Layer::Tcp, progress);
    let tcp = reach(&addresses, deadline, pulse).await.map_err(|cause| cause.at(Layer::Tcp))?;
    clock.passed(progress);

    let clock = Clock::begin(Layer::Tls, progress);
    let direct = account.port == DIRECT_TLS_PORT;
    let encrypted = within(deadline, pulse, async {
        if direct {
            return encrypt(tcp, account, true).await;
        }
        match start_tls(tcp, account).await {
            Ok(tcp) => encrypt(tcp, account, false).await,
            // A server that expects TLS at once answers our clear header with an alert, or not at all.
            Err(refused @ (Cause::NotXmpp | Cause::Closed | Cause::Lost(_))) => {
                let again = reach(&addresses, deadline, pulse).await?;
                match timeout(deadline / 4, encrypt(again, account, true)).await {
                    Err(_) | Ok(Err(Cause::Tls(_) | Cause::Closed | Cause::Lost(_))) => Err(refused),
                    Ok(spoke_tls) => {
                        progress(Progress::DirectTls);
                        spoke_tls
                    }
                }
            }
            Err(cause) => Err(cause),
        }
    });
    let encrypted = encrypted.await.map_err(|cause| cause.at(Layer::Tls))?;
    if direct {
        progress(Progress::DirectTls);
    }
    clock.passed(progress);
    Ok(encrypted)
}

/// Measures one layer.
pub(crate) struct Clock(Layer, std::time::Instant);

impl Clock {
    pub(crate) fn begin(layer: Layer, progress: &mut (dyn FnMut(Progress) + Send)) -> Self {
        progress(Progress::Began(layer));
        Self(layer, std::time::Instant::now())
    }

    pub(crate) fn passed(self, progress: &mut (dyn FnMut(Progress) + Send)) {
        progress(Progress::Passed(self.0, self.1.elapsed()));
    }
}

/// Runs a layer until nothing was heard for its deadline: one of several round trips takes its time on a slow link. A
/// server that lets drop a byte now and then is not waited for for ever.
pub(crate) async fn within<T>(
    deadline: Duration,
    pulse: &Pulse,
    layer: impl Future<Output = Result<T, Cause>>,
) -> Result<T, Cause> {
    let mut layer = std::pin::pin!(layer);
    let began = Instant::now();
    let latest = began + deadline * MOST_DEADLINES;
    loop {
        let until = (began.max(pulse.heard_at()) + deadline).min(latest);
        match timeout_at(until, &mut layer).await {
            Ok(outcome) => return outcome,
            Err(_) if until < latest && pulse.heard_at() + deadline > until => {}
            Err(_) => return Err(Cause::Silent),
        }
    }
}

/// Tries the addresses in turn; one that is merely silent must not use up the others' time.
async fn reach(addresses: &[std::net::SocketAddr], deadline: Duration, pulse: &Pulse) -> Result<Wire, Cause> {
    let each = deadline / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = Cause::Silent;
    for address in addresses {
        match timeout(each, TcpStream::connect(address)).await {
            Err(_) => last = Cause::Silent,
            Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => last = Cause::TcpRefused,
            Ok(Err(error)) => last = Cause::Unreachable(error.to_string()),
            Ok(Ok(tcp)) => return Wire::new(tcp, pulse).map_err(|error| Cause::Unreachable(error.to_string())),
        }
    }
    Err(last)
}

fn header(account: &Account) -> StreamHeader<'_> {
    StreamHeader { to: Some(account.jid.domain().as_str().into()), from: None, id: None }
}

/// Up to the server's word to go on with TLS.
async fn start_tls(tcp: Wire, account: &Account) -> Result<Wire, Cause> {
    let pending =
        initiate_stream(BufStream::new(tcp), ns::JABBER_CLIENT, header(account), TIMEOUTS).await.map_err(lost)?;
    let (features, mut stream): (_, XmlStream<_, Received>) = pending.recv_features().await.map_err(no_features)?;
    if !features.can_starttls() {
        return Err(Cause::TlsNotOffered);
    }
    let request = XmppStreamElement::Starttls(starttls::Nonza::Request(starttls::Request));
    stream.send(&request).await.map_err(lost)?;
    match stream.next().await {
        Some(Ok(Ok(Shallow(XmppStreamElement::Starttls(starttls::Nonza::Proceed(_)))))) => {}
        Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => return Err(ended(&error.0)),
        Some(Err(error)) => return Err(unread(error)),
        _ => return Err(Cause::TlsNotOffered),
    }
    Ok(stream.into_inner().into_inner())
}

/// TLS against the JID's domain.
async fn encrypt(tcp: Wire, account: &Account, direct: bool) -> Result<Encrypted, Cause> {
    let (mut config, refused) = account.trust.config().map_err(|error| Cause::Tls(error.to_string()))?;
    if direct {
        // XEP-0368 §3.
        config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    }
    let name = ServerName::try_from(account.jid.domain().as_str().to_owned())
        .map_err(|error| Cause::Tls(error.to_string()))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, tcp).await.map_err(|error| refused_tls(&error, &refused))
}

/// Begins the stream over the encrypted connection.
pub(crate) async fn begin(tls: Encrypted, account: &Account) -> Result<(StreamFeatures, Stream), Cause> {
    let pending =
        initiate_stream(BufStream::new(tls), ns::JABBER_CLIENT, header(account), TIMEOUTS).await.map_err(lost)?;
    features(pending).await
}

/// Begins the stream anew after sign-in (RFC 6120 §6.3.2).
pub(crate) async fn restart(stream: Stream, account: &Account) -> Result<(StreamFeatures, Stream), Cause> {
    let pending = stream.initiate_reset().send_header(header(account)).await.map_err(lost)?;
    features(pending).await
}

async fn features(pending: PendingFeaturesRecv<BufStream<Encrypted>>) -> Result<(StreamFeatures, Stream), Cause> {
    pending.recv_features().await.map_err(no_features)
}

fn no_features(error: RecvFeaturesError) -> Cause {
    match error {
        RecvFeaturesError::StreamError(error) => ended(&error.0),
        RecvFeaturesError::Io(error) => lost(error),
    }
}

fn refused_tls(error: &io::Error, refused: &RefusedCertificate) -> Cause {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>());
    match tls {
        Some(error) => refused.cause(error).unwrap_or_else(|| Cause::Tls(error.to_string())),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::Closed,
        None => Cause::Lost(error.to_string()),
    }
}

/// What a read or write error says of the server.
pub(crate) fn lost(error: io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::InvalidData => Cause::NotXmpp,
        io::ErrorKind::UnexpectedEof => Cause::Closed,
        io::ErrorKind::TimedOut => Cause::Silent,
        _ => Cause::Lost(error.to_string()),
    }
}

/// What a stream that cannot be read says of the server.
pub(crate) fn unread(error: ReadError) -> Cause {
    match error {
        ReadError::HardError(error) => lost(error),
        ReadError::StreamFooterReceived => Cause::Closed,
        ReadError::SoftTimeout => Cause::Silent,
        ReadError::ParseError(_) => Cause::NotXmpp,
    }
}

/// What a stream error says (RFC 6120 §4.9.3).
pub(crate) fn ended(error: &StreamError) -> Cause {
    let text = error.get_best_text(vec!["en"]).map_or("", |(_, text)| text.as_str());
    let says_sessions = {
        let text = text.to_ascii_lowercase();
        text.contains("session") && (text.contains("many") || text.contains("max"))
    };
    match &error.condition {
        DefinedCondition::HostUnknown | DefinedCondition::HostGone => Cause::HostUnknown,
        _ if says_sessions => Cause::TooManySessions,
        DefinedCondition::Conflict => Cause::ResourceConflict,
        DefinedCondition::BadFormat
        | DefinedCondition::InvalidXml
        | DefinedCondition::NotWellFormed
        | DefinedCondition::UnsupportedVersion => Cause::StreamError(format!("{:?} {text}", error.condition)),
        other => Cause::StreamError(format!("{other:?} {text}").trim().to_owned()),
    }
}
