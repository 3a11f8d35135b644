//! XMPP servers that misbehave in one chosen way, each at its place in the sign-in.
//!
//! Scope: a script per behaviour, a count of the connections, and what was said in clear text. Non-scope: XML: the
//! scripts look for a few known words only.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use xtask::servers::{Chain, ServerCertificate};

use crate::scram::{Exchange, Hash};

/// The domain that the scripted servers claim to serve.
pub const DOMAIN: &str = "home.test";
/// The password that they know of every user.
pub const PASSWORD: &str = "correct horse";

/// XEP-0198.
const SESSIONS: &str = "urn:xmpp:sm:3";

/// What the server does wrong, or (the last few) how it ends a session that was signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Accepts the connection and says nothing.
    SaysNothing,
    /// Answers in HTTP.
    SpeaksHttp,
    /// Ends the stream: it does not serve this domain (RFC 6120 §4.9.3.6).
    HostUnknown,
    /// Offers no TLS, but every sign-in in the clear.
    OffersNoTls,
    /// Shows such a certificate.
    Shows(ServerCertificate),
    /// Drops the line once TLS is there.
    DropsAfterTls,
    /// Says nothing once TLS is there.
    SilentAfterTls,
    /// Offers PLAIN and nothing else.
    PlainOnly,
    /// Somebody in between, who has left SCRAM-SHA-1 of the list and nothing else, and does not know the password.
    LeavesSha1Only,
    /// Binds channels, and somebody in between has struck that from the list: refuses whoever says that he would have
    /// bound (RFC 5802 §6), in prosody's word; good in all else.
    BindingStruck,
    /// Lists `tls-exporter` (XEP-0440), and takes the password only from who proves to be at the other end of this very
    /// TLS session (RFC 9266); good in all else.
    BindsChannel,
    /// Refuses every password.
    RefusesPassword,
    /// Says that the account is disabled (RFC 6120 §6.5.1).
    AccountDisabled,
    /// Takes the password, and its signature is wrong.
    WrongSignature,
    /// Takes the password, and gives no signature.
    NoSignature,
    /// Binds another resource than the one offered (RA-11).
    ChangesResource,
    /// Refuses the resource, because another session has it.
    BindConflict,
    /// Says nothing to the binding.
    SilentAtBind,
    /// Refuses the roster.
    RefusesRoster,
    /// Signs in, and after the roster ends the stream with this condition of RFC 6120 §4.9.3.
    EndsWith(&'static str),
    /// Signs in, answers the roster, and then nothing more.
    FallsSilent,
    /// Signs in, answers no ping until a second one has come, then the first of the two, and then nothing more: the link
    /// broke behind that answer.
    AnswersOldPing,
    /// Promises to keep sessions (XEP-0198), drops the line after the roster, and knows of nothing then.
    BreaksAndForgets,
    /// Keeps them, and drops the line again as soon as one goes on.
    BreaksAndResumes,
}

/// A running scripted server; ends when dropped.
pub struct BadServer {
    /// Where it listens, on loopback.
    pub address: SocketAddr,
    behaviour: Behaviour,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<String>>,
    folder: tempfile::TempDir,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for BadServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl BadServer {
    /// Starts one.
    pub async fn start(behaviour: Behaviour) -> BadServer {
        let kind = if let Behaviour::Shows(kind) = behaviour { kind } else { ServerCertificate::Good };
        let chain = Chain::new(DOMAIN, kind).expect("a good name");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("ca.pem"), &chain.ca).expect("a writable folder");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let (connections, heard) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(String::new())));
        let (count, ear, tls) = (Arc::clone(&connections), Arc::clone(&heard), acceptor(&chain));
        let accepting = tokio::spawn(async move {
            // Its conversations end with it.
            let mut conversations = tokio::task::JoinSet::new();
            while let Ok((tcp, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                conversations.spawn(converse(tcp, behaviour, tls.clone(), Arc::clone(&ear)));
            }
        });
        BadServer { address, behaviour, connections, heard, folder, accepting }
    }

    /// The file with the CA that a client is to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What it does.
    pub fn behaviour(&self) -> Behaviour {
        self.behaviour
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Everything that clients said, encrypted or not.
    pub fn heard(&self) -> String {
        self.heard.lock().expect("nobody panics while holding it").clone()
    }
}

fn acceptor(chain: &Chain) -> TlsAcceptor {
    let certificates = CertificateDer::pem_slice_iter(chain.certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(chain.key.as_bytes()).expect("our own key");
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(certificates.expect("our own certificate"), key)
        .expect("they fit");
    TlsAcceptor::from(Arc::new(config))
}

/// One side of a conversation: reads up to words, writes text.
struct Line<S> {
    stream: S,
    unread: String,
    heard: Arc<Mutex<String>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Line<S> {
    fn new(stream: S, heard: Arc<Mutex<String>>) -> Self {
        Line { stream, unread: String::new(), heard }
    }

    /// What comes, up to and with `words`.
    async fn until(&mut self, words: &str) -> io::Result<String> {
        loop {
            if let Some(at) = self.unread.find(words) {
                let rest = self.unread.split_off(at + words.len());
                return Ok(std::mem::replace(&mut self.unread, rest));
            }
            let mut buffer = [0; 4096];
            let read = self.stream.read(&mut buffer).await?;
            if read == 0 || self.unread.len() > 1 << 20 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = String::from_utf8_lossy(&buffer[..read]);
            self.unread.push_str(&text);
            self.heard.lock().expect("nobody panics while holding it").push_str(&text);
        }
    }

    async fn say(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes()).await?;
        self.stream.flush().await
    }

    /// Takes the client's stream header, and answers with ours and these features.
    async fn open(&mut self, features: &str) -> io::Result<()> {
        self.header().await?;
        self.say(&format!("<stream:features>{features}</stream:features>")).await
    }

    async fn header(&mut self) -> io::Result<()> {
        self.until("http://etherx.jabber.org/streams").await?;
        self.until(">").await?;
        self.say(&format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' from='{DOMAIN}' id='s1' version='1.0' \
             xmlns:stream='http://etherx.jabber.org/streams' xml:lang='en'>"
        ))
        .await
    }

    async fn end_with(&mut self, condition: &str) -> io::Result<()> {
        self.say(&format!(
            "<stream:error><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>"
        ))
        .await?;
        self.stream.shutdown().await
    }

    /// Says nothing more, and waits until the other side gives up.
    async fn stay_silent(&mut self) -> io::Result<()> {
        self.until("\u{0}never said").await.map(drop)
    }
}

/// The end of a conversation is its client's business, so errors say nothing here.
async fn converse(tcp: TcpStream, behaviour: Behaviour, tls: TlsAcceptor, heard: Arc<Mutex<String>>) {
    let mut line = Line::new(tcp, Arc::clone(&heard));
    if let Ok(true) = in_the_clear(&mut line, behaviour).await
        && let Ok(stream) = tls.accept(line.stream).await
        // RFC 9266 §2.
        && let Ok(exported) = stream.get_ref().1.export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(&[]))
    {
        let _ = encrypted(&mut Line::new(stream, heard), behaviour, &exported).await;
    }
}

/// Whether TLS comes next.
async fn in_the_clear(line: &mut Line<TcpStream>, behaviour: Behaviour) -> io::Result<bool> {
    match behaviour {
        Behaviour::SaysNothing => line.stay_silent().await?,
        Behaviour::SpeaksHttp => {
            line.until(">").await?;
            line.say("HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>Bad Request</html>").await?;
        }
        Behaviour::HostUnknown => {
            line.header().await?;
            line.end_with("host-unknown").await?;
        }
        Behaviour::OffersNoTls => {
            line.open(&mechanisms(&["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])).await?;
            line.stay_silent().await?;
        }
        _ => {
            line.open("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>").await?;
            line.until("urn:ietf:params:xml:ns:xmpp-tls").await?;
            line.until(">").await?;
            line.say("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").await?;
            return Ok(true);
        }
    }
    Ok(false)
}

fn mechanisms(names: &[&str]) -> String {
    let names: String = names.iter().map(|name| format!("<mechanism>{name}</mechanism>")).collect();
    format!("<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{names}</mechanisms>")
}

async fn encrypted<S: AsyncRead + AsyncWrite + Unpin>(
    line: &mut Line<S>,
    behaviour: Behaviour,
    exported: &[u8],
) -> io::Result<()> {
    const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
    match behaviour {
        Behaviour::DropsAfterTls => {
            // With something unread the system would reset the connection, at times before the client looks.
            line.until("http://etherx.jabber.org/streams").await?;
            line.until(">").await?;
            return Ok(());
        }
        Behaviour::SilentAfterTls => return line.stay_silent().await,
        Behaviour::PlainOnly => {
            line.open(&mechanisms(&["PLAIN"])).await?;
            return line.stay_silent().await;
        }
        Behaviour::BindsChannel => {
            const BINDING: &str = "<sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/>\
                                   </sasl-channel-binding>";
            line.open(&(mechanisms(&["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]) + BINDING)).await?;
        }
        Behaviour::LeavesSha1Only => line.open(&mechanisms(&["SCRAM-SHA-1"])).await?,
        Behaviour::BindingStruck => line.open(&mechanisms(&["SCRAM-SHA-1", "SCRAM-SHA-256"])).await?,
        _ => line.open(&mechanisms(&["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"])).await?,
    }
    let auth = line.until("</").await?;
    let first = content(&auth);
    line.until(">").await?;
    if behaviour == Behaviour::BindingStruck && first.starts_with("y,") {
        line.say(&format!("<failure xmlns='{SASL}'><malformed-request/></failure>")).await?;
        return line.stay_silent().await;
    }
    let hash = if behaviour == Behaviour::LeavesSha1Only { Hash::Sha1 } else { Hash::Sha256 };
    let exchange = Exchange::begin(hash, &first).ok_or(io::ErrorKind::InvalidData)?;
    line.say(&format!("<challenge xmlns='{SASL}'>{}</challenge>", STANDARD.encode(exchange.challenge()))).await?;
    let last = content(&line.until("</").await?);
    line.until(">").await?;
    let bound = STANDARD.encode([b"p=tls-exporter,,", exported].concat());
    let is_bound = auth.contains("SCRAM-SHA-256-PLUS") && last.starts_with(&format!("c={bound},"));
    let refusal = match behaviour {
        Behaviour::BindsChannel if !is_bound => Some("not-authorized"),
        Behaviour::RefusesPassword => Some("not-authorized"),
        Behaviour::AccountDisabled => Some("account-disabled"),
        _ => None,
    };
    if let Some(condition) = refusal {
        line.say(&format!("<failure xmlns='{SASL}'><{condition}/></failure>")).await?;
        return line.stay_silent().await;
    }
    let proof = match behaviour {
        Behaviour::NoSignature => String::new(),
        Behaviour::WrongSignature | Behaviour::LeavesSha1Only => {
            exchange.proof(&last, "another password").ok_or(io::ErrorKind::InvalidData)?
        }
        _ => exchange.proof(&last, PASSWORD).ok_or(io::ErrorKind::InvalidData)?,
    };
    line.say(&format!("<success xmlns='{SASL}'>{}</success>", STANDARD.encode(proof))).await?;
    if !matches!(behaviour, Behaviour::BreaksAndForgets | Behaviour::BreaksAndResumes) {
        line.open("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>").await?;
        return signed_in(line, behaviour).await;
    }
    line.open(&format!("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='{SESSIONS}'/>")).await?;
    let asked = line.until(">").await?;
    match (asked.contains("<resume"), behaviour) {
        (false, _) => {
            line.unread.insert_str(0, &asked);
            signed_in(line, behaviour).await
        }
        (true, Behaviour::BreaksAndResumes) => {
            line.say(&format!("<resumed xmlns='{SESSIONS}' previd='kept' h='{}'/>", attribute(&asked, "h"))).await?;
            line.stream.shutdown().await
        }
        (true, _) => {
            line.say(&format!("<failed xmlns='{SESSIONS}'/>")).await?;
            line.stay_silent().await
        }
    }
}

async fn signed_in<S: AsyncRead + AsyncWrite + Unpin>(line: &mut Line<S>, behaviour: Behaviour) -> io::Result<()> {
    const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
    let request = line.until("</iq>").await?;
    let id = attribute(&request, "id");
    let offered = request.split("resource>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default();
    match behaviour {
        Behaviour::SilentAtBind => return line.stay_silent().await,
        Behaviour::BindConflict => {
            line.say(&format!(
                "<iq type='error' id='{id}'><error type='cancel'>\
                 <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            ))
            .await?;
            return line.stay_silent().await;
        }
        _ => {}
    }
    let bound = if behaviour == Behaviour::ChangesResource { "another" } else { offered };
    let jid = format!("ada@{DOMAIN}/{bound}");
    line.say(&format!("<iq type='result' id='{id}'><bind xmlns='{BIND}'><jid>{jid}</jid></bind></iq>")).await?;
    let breaks = matches!(behaviour, Behaviour::BreaksAndForgets | Behaviour::BreaksAndResumes);
    if breaks {
        line.until(SESSIONS).await?;
        line.until(">").await?;
        line.say(&format!("<enabled xmlns='{SESSIONS}' id='kept' resume='true' max='300'/>")).await?;
    }
    let mut first_ping = None;
    loop {
        let request = line.until("</iq>").await?;
        let id = attribute(request.rsplit("<iq").next().unwrap_or_default(), "id");
        if behaviour == Behaviour::AnswersOldPing && request.contains("urn:xmpp:ping") {
            if let Some(first) = first_ping.replace(id) {
                line.say(&format!("<iq type='result' id='{first}'/>")).await?;
                return line.stay_silent().await;
            }
            continue;
        }
        if !request.contains("jabber:iq:roster") {
            line.say(&format!("<iq type='result' id='{id}'/>")).await?;
            continue;
        }
        if behaviour == Behaviour::RefusesRoster {
            line.say(&format!(
                "<iq type='error' id='{id}'><error type='auth'>\
                 <forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            ))
            .await?;
            continue;
        }
        line.say(&format!("<iq type='result' id='{id}'><query xmlns='jabber:iq:roster'/></iq>")).await?;
        match behaviour {
            Behaviour::EndsWith(condition) => return line.end_with(condition).await,
            Behaviour::FallsSilent => return line.stay_silent().await,
            _ if breaks => return line.stream.shutdown().await,
            _ => {}
        }
    }
}

/// The decoded text of the last element in `piece`, which ends at its closing tag's `</`.
fn content(piece: &str) -> String {
    let text = piece.trim_end_matches("</").rsplit('>').next().unwrap_or_default();
    String::from_utf8_lossy(&STANDARD.decode(text.trim()).unwrap_or_default()).into_owned()
}

fn attribute(element: &str, name: &str) -> String {
    let after = element.split(&format!(" {name}=")).nth(1).unwrap_or_default();
    let quote = after.chars().next().unwrap_or('"');
    after.split(quote).nth(1).unwrap_or_default().to_owned()
}
