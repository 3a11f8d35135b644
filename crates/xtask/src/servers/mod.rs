//! Real XMPP servers for tests and the demo: prosody and ejabberd from the system's packages, in folders of their own.
//!
//! They listen on loopback, or on an address of a network namespace that the caller made. Each gets a CA and a
//! certificate that are thrown away with it. When we are root they run as their packages' users. They end when they
//! are dropped, and also when this process dies in any other way.
//!
//! Not here: XMPP itself; nothing in this module speaks it.
//!
//! ```no_run
//! use xtask::servers::{Options, Prosody};
//! let server = Prosody::start(Options::default().account("ada", "secret"))?;
//! println!("{} {}", server.address(), server.ca_file().display());
//! # Ok::<(), xtask::servers::ServerError>(())
//! ```

mod certificates;
mod daemon;
mod ejabberd;
mod folder;
mod place;
mod prosody;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

pub use certificates::{Chain, ServerCertificate};
pub use daemon::{Daemon, Ending};
pub use ejabberd::Ejabberd;
pub use place::inside;
pub use prosody::Prosody;

/// How long a server may take until it accepts connections. Our choice: ejabberd needs 2 s on two idle cores.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a server may take to close its sessions before it is killed. Our choice.
const STOP_DEADLINE: Duration = Duration::from_secs(5);
/// Pause between two attempts to connect to a server that is starting; the deadline bounds their number.
const PROBE_PAUSE: Duration = Duration::from_millis(20);

/// Why a server could not be started or asked.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program is not installed.
    #[error("{0} is not installed: `cargo xtask demo` and `cargo xtask test` install it on Debian and Ubuntu")]
    Missing(&'static str),
    /// We are root, and the package's user, as which the server must run, does not exist.
    #[error("there is no user {0}, as which the server must run")]
    NoUser(&'static str),
    /// A file, folder, socket or process failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The server ended before it accepted connections, or could not listen.
    #[error("{program} did not start; the end of its log:\n{log}")]
    NotStarted {
        /// `prosody` or `ejabberd`.
        program: &'static str,
        /// The last lines of its log.
        log: String,
    },
    /// The server refused an order over its local interface.
    #[error("{program} refused {order}: {answer}")]
    Refused {
        /// Which server.
        program: &'static str,
        /// Name of the order; never its arguments, which can hold a password.
        order: String,
        /// What it answered.
        answer: String,
    },
}

impl ServerError {
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> ServerError {
        let what = what.into();
        move |source| ServerError::Io { what, source }
    }
}

/// Whether the server speaks TLS to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tls {
    /// STARTTLS is offered and required.
    #[default]
    Required,
    /// STARTTLS is offered; a client may go on without.
    Offered,
    /// There is no TLS at all, and every mechanism is offered in clear text.
    Absent,
}

/// How a server is set up; start from [`Options::default`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The XMPP domain served, and the certificate's name.
    pub domain: String,
    /// Address to listen on.
    pub address: IpAddr,
    /// Port for STARTTLS connections; 0 = a free one. Kept over [`Prosody::restart`] and [`Ejabberd::restart`].
    pub port: u16,
    /// Listen for direct TLS (XEP-0368) too, on a free port.
    pub direct_tls: bool,
    /// Name of the network namespace (`ip netns`) to run in; Linux, as root.
    pub namespace: Option<String>,
    /// Folder for everything the server writes; must exist, be empty, and be reachable for the server's user.
    /// `None`: one under the system's temporary folder, removed with the server.
    pub folder: Option<PathBuf>,
    /// User name and password of the accounts at start.
    pub accounts: Vec<(String, String)>,
    /// Whether the server speaks TLS.
    pub tls: Tls,
    /// The certificate that it shows.
    pub certificate: ServerCertificate,
    /// The only SASL mechanisms offered, as far as the server knows them; empty = all that it has.
    pub mechanisms: Vec<String>,
    /// Largest stanza from a signed-in client, in bytes; `None`: prosody 256 KiB, ejabberd no limit.
    pub stanza_limit: Option<u32>,
    /// Most that is read of one client, in kilobytes (1,000 bytes) a second; `None`: no limit.
    pub rate: Option<u32>,
    /// Most sessions of one account; ejabberd throws out the oldest. Prosody has no such limit and ignores it.
    pub max_user_sessions: Option<u32>,
    /// Keep sessions whose connection broke (XEP-0198).
    pub keeps_sessions: bool,
    /// Keep messages to accounts that are away (off: they bounce, which is what shows a lost device at once).
    pub offline: bool,
    /// Makes accounts on request (XEP-0077), one in so many seconds; 0: as many as are asked for. Prosody ignores the number.
    pub registration: Option<u32>,
    /// Whether accounts are made by invitation only, which every account may ask for (XEP-0401). Prosody only.
    pub invitations: bool,
    /// Further modules: prosody `mod_…` names without `mod_`; for ejabberd `mod_…` names.
    pub modules: Vec<String>,
    /// Lines appended to the server's own configuration: Lua (global section) or YAML (top level).
    pub extra: String,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            domain: "home.test".to_owned(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            direct_tls: false,
            namespace: None,
            folder: None,
            accounts: Vec::new(),
            tls: Tls::default(),
            certificate: ServerCertificate::default(),
            mechanisms: Vec::new(),
            stanza_limit: None,
            rate: None,
            max_user_sessions: None,
            keeps_sessions: true,
            offline: false,
            registration: None,
            invitations: false,
            modules: Vec::new(),
            extra: String::new(),
        }
    }
}

impl Options {
    /// Adds an account.
    #[must_use]
    pub fn account(mut self, user: &str, password: &str) -> Self {
        self.accounts.push((user.to_owned(), password.to_owned()));
        self
    }

    /// Every SASL mechanism that prosody 0.12 or ejabberd 23.01 can offer, without the wanted ones.
    fn unwanted_mechanisms(&self) -> Vec<&'static str> {
        const KNOWN: [&str; 11] = [
            "PLAIN",
            "LOGIN",
            "DIGEST-MD5",
            "SCRAM-SHA-1",
            "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-256",
            "SCRAM-SHA-256-PLUS",
            "SCRAM-SHA-512",
            "SCRAM-SHA-512-PLUS",
            "X-OAUTH2",
            "OAUTHBEARER",
        ];
        if self.mechanisms.is_empty() {
            return Vec::new();
        }
        KNOWN.into_iter().filter(|name| !self.mechanisms.iter().any(|wanted| wanted == name)).collect()
    }
}
