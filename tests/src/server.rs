//! A real XMPP server, prosody or ejabberd, with one account.

use std::path::{Path, PathBuf};

use homeward_core::view::AccountForm;
use homeward_protocol::secret::Secret;
use xtask::servers::{Ejabberd, Ending, Options, Prosody};

/// The user of every test account.
pub const USER: &str = "ada";
/// Its password: one that XML, JSON and base64 each could spoil, and SASLprep (RFC 4013) leaves alone.
pub const PASSWORD: &str = "c0rrect <horse> & \"b√ttery\"";

/// Which server to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Prosody.
    Prosody,
    /// Ejabberd.
    Ejabberd,
}

/// A running server; ends when dropped.
pub enum Server {
    /// Prosody.
    Prosody(Prosody),
    /// Ejabberd.
    Ejabberd(Ejabberd),
}

impl Server {
    /// Starts one on loopback with the test account.
    pub async fn start(kind: Kind) -> Server {
        Self::start_with(kind, Options::default()).await
    }

    /// Starts one with these options and the test account.
    ///
    /// # Panics
    /// When it does not start; the message has the end of its log.
    pub async fn start_with(kind: Kind, options: Options) -> Server {
        let options = options.account(USER, PASSWORD);
        let start = move || match kind {
            Kind::Prosody => Prosody::start(options).map(Server::Prosody),
            Kind::Ejabberd => Ejabberd::start(options).map(Server::Ejabberd),
        };
        let started = tokio::task::spawn_blocking(start).await.expect("no panic in there");
        started.unwrap_or_else(|error| panic!("{kind:?}: {error}"))
    }

    /// The STARTTLS port.
    pub fn port(&self) -> u16 {
        match self {
            Server::Prosody(server) => server.port(),
            Server::Ejabberd(server) => server.port(),
        }
    }

    /// Where it listens.
    pub fn host(&self) -> String {
        match self {
            Server::Prosody(server) => server.address().ip().to_string(),
            Server::Ejabberd(server) => server.address().ip().to_string(),
        }
    }

    /// The CA that its certificate comes from.
    pub fn ca_file(&self) -> PathBuf {
        match self {
            Server::Prosody(server) => server.ca_file(),
            Server::Ejabberd(server) => server.ca_file(),
        }
    }

    /// The test account's bare JID.
    pub fn jid(&self) -> String {
        let domain = match self {
            Server::Prosody(server) => server.domain(),
            Server::Ejabberd(server) => server.domain(),
        };
        format!("{USER}@{domain}")
    }

    /// What a person would type for the test account.
    pub fn form(&self) -> AccountForm {
        let ca = self.ca_file();
        AccountForm {
            jid: self.jid(),
            server: self.host(),
            port: self.port().to_string(),
            ca: ca.to_str().map(str::to_owned),
            pin: None,
        }
    }

    /// Makes another account.
    pub async fn add_account(&self, user: &str, password: &str) {
        let made = tokio::task::block_in_place(|| match self {
            Server::Prosody(server) => server.set_account(user, password),
            Server::Ejabberd(server) => server.set_account(user, password),
        });
        made.unwrap_or_else(|error| panic!("account {user}: {error}"));
    }

    /// Ends it, in order or with its connections cut; the port stays for [`Server::restart`].
    pub async fn stop(&mut self, ending: Ending) {
        tokio::task::block_in_place(|| match self {
            Server::Prosody(server) => server.stop(ending),
            Server::Ejabberd(server) => server.stop(ending),
        });
    }

    /// Starts it again on the same port.
    pub async fn restart(&mut self) {
        self.restart_with(|_| ()).await;
    }

    /// The same, with other options.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart_with(&mut self, change: impl FnOnce(&mut Options)) {
        let started = tokio::task::block_in_place(|| match self {
            Server::Prosody(server) => server.restart_with(change),
            Server::Ejabberd(server) => server.restart_with(change),
        });
        started.unwrap_or_else(|error| panic!("restart: {error}"));
    }

    /// Freezes it: its connections stay open and fall silent, as behind a dead router.
    pub fn freeze(&self) {
        self.daemon().suspend();
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.daemon().resume();
    }

    fn daemon(&self) -> &xtask::servers::Daemon {
        let daemon = match self {
            Server::Prosody(server) => server.daemon(),
            Server::Ejabberd(server) => server.daemon(),
        };
        daemon.expect("it runs")
    }
}

/// The test account's password.
pub fn password() -> Secret {
    Secret::new(PASSWORD.to_owned())
}

/// What a person would type for a server at `port` of this computer.
pub fn form_for(jid: &str, port: u16, ca: &Path) -> AccountForm {
    AccountForm {
        jid: jid.to_owned(),
        server: "127.0.0.1".to_owned(),
        port: port.to_string(),
        ca: ca.to_str().map(str::to_owned),
        pin: None,
    }
}
