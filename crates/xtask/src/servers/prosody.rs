//! Prosody (0.12, from the system's packages) in a folder of its own.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::certificates::Chain;
use super::daemon::{Daemon, Ending, Start, installed};
use super::folder::{Folder, Owner};
use super::{Options, PROBE_PAUSE, START_DEADLINE, ServerError, Tls, place};

/// A running prosody; ended on drop.
pub struct Prosody {
    options: Options,
    port: u16,
    direct_tls_port: Option<u16>,
    // Before the folder: dropped first, so nothing writes into a folder that is being removed.
    daemon: Option<Daemon>,
    owner: Option<Owner>,
    folder: Folder,
}

impl Prosody {
    /// Starts a server and returns when it accepts connections.
    ///
    /// # Errors
    /// [`ServerError`]: not installed, or it did not start.
    pub fn start(options: Options) -> Result<Prosody, ServerError> {
        if !installed("prosody") {
            return Err(ServerError::Missing("prosody"));
        }
        let owner = Owner::of_package("prosody")?;
        let folder = Folder::new(options.folder.as_deref(), owner)?;
        let mut server = Prosody { options, port: 0, direct_tls_port: None, daemon: None, owner, folder };
        for (user, password) in server.options.accounts.clone() {
            server.set_account(&user, &password)?;
        }
        server.start_on_free_ports()?;
        Ok(server)
    }

    /// Where clients connect with STARTTLS.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.options.address, self.port)
    }

    /// The STARTTLS port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The direct-TLS port, where [`Options::direct_tls`] asked for one.
    pub fn direct_tls_port(&self) -> Option<u16> {
        self.direct_tls_port
    }

    /// The XMPP domain.
    pub fn domain(&self) -> &str {
        &self.options.domain
    }

    /// PEM file of the CA that clients are to trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Folder of everything the server writes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// The process, for tests that suspend or kill it. `None` while stopped.
    pub fn daemon(&self) -> Option<&Daemon> {
        self.daemon.as_ref()
    }

    /// Makes an account, or gives it another password. Holds at once, without a restart.
    ///
    /// # Errors
    /// When the account's file cannot be written.
    pub fn set_account(&self, user: &str, password: &str) -> Result<(), ServerError> {
        // Prosody's own store, so that no password stands on a command line. Plain text, because all SCRAM mechanisms
        // can be offered from it; the file is the server user's alone and goes away with the server.
        let name = self.account_file(user)?;
        self.folder.write(&name, &format!("return {{ [\"password\"] = {}; }};\n", lua_text(password)), 0o600)?;
        Ok(())
    }

    /// Removes an account. A session that is signed in goes on.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn remove_account(&self, user: &str) -> Result<(), ServerError> {
        let path = self.folder.path().join(self.account_file(user)?);
        std::fs::remove_file(&path).map_err(ServerError::io(path.display().to_string()))
    }

    /// Ends the server; the port and everything stored stay for [`Prosody::restart`].
    pub fn stop(&mut self, ending: Ending) {
        if let Some(daemon) = self.daemon.take() {
            daemon.end(ending);
        }
    }

    /// Starts it again on the same port, with a new CA and certificate if `change` asks for another kind.
    ///
    /// # Errors
    /// As [`Prosody::start`].
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Options)) -> Result<(), ServerError> {
        self.stop(Ending::Orderly);
        change(&mut self.options);
        self.options.port = self.port;
        self.start_on_free_ports()
    }

    /// Starts it again on the same port, as it was.
    ///
    /// # Errors
    /// As [`Prosody::start`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.restart_with(|_| ())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("prosody.log")
    }

    fn account_file(&self, user: &str) -> Result<String, ServerError> {
        let folder = format!("data/{}/accounts", store_name(&self.options.domain));
        self.folder.private_folder(&folder)?;
        Ok(format!("{folder}/{}.dat", store_name(user)))
    }

    fn start_on_free_ports(&mut self) -> Result<(), ServerError> {
        let mut attempts = if self.options.port == 0 { 5 } else { 1 };
        loop {
            match self.try_start() {
                Err(ServerError::NotStarted { log, .. }) if attempts > 1 && log.contains("Failed to open server") => {
                    attempts -= 1;
                }
                other => return other,
            }
        }
    }

    fn try_start(&mut self) -> Result<(), ServerError> {
        let namespace = self.options.namespace.clone();
        let free = || place::free_port(namespace.as_deref(), self.options.address);
        let port = match self.options.port {
            0 => free().map_err(ServerError::io("free port"))?,
            port => port,
        };
        let direct_tls_port = match (self.options.direct_tls, self.direct_tls_port) {
            (true, None) => Some(free().map_err(ServerError::io("free port"))?),
            (true, kept) => kept,
            (false, _) => None,
        };
        (self.port, self.direct_tls_port) = (port, direct_tls_port);
        self.write_certificate()?;
        self.folder.private_folder("data")?;
        let configuration = self.folder.write("prosody.cfg.lua", &self.configuration(), 0o600)?;
        let logged_before = self.log().len();
        let daemon = Daemon::start(&Start {
            program: "prosody",
            arguments: vec!["--config".to_owned(), configuration.display().to_string(), "-F".to_owned()],
            environment: vec![("HOME", self.folder.text("data"))],
            namespace: namespace.as_deref(),
            owner: self.owner,
            folder: self.folder.path(),
            output: &self.folder.path().join("output.txt"),
        })?;
        let deadline = Instant::now() + START_DEADLINE;
        let ports = 1 + usize::from(self.direct_tls_port.is_some());
        loop {
            let log = self.log();
            let log = log.get(logged_before..).unwrap_or(&log);
            let ready = log.matches("Activated service 'c2s").count() >= ports;
            let refused = log.contains("Failed to open server") || !daemon.runs() || Instant::now() > deadline;
            if !refused && ready && place::accepts(namespace.as_deref(), self.address()) {
                break;
            }
            if refused {
                let output = std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default();
                return Err(ServerError::NotStarted { program: "prosody", log: last_lines(&format!("{output}{log}")) });
            }
            daemon.ended_within(PROBE_PAUSE);
        }
        self.daemon = Some(daemon);
        Ok(())
    }

    fn write_certificate(&self) -> Result<(), ServerError> {
        let kind = format!("{:?}\n", self.options.certificate);
        if std::fs::read_to_string(self.folder.path().join("kind")).is_ok_and(|before| before == kind) {
            return Ok(());
        }
        let chain = Chain::new(&self.options.domain, self.options.certificate)?;
        self.folder.write("ca.pem", &chain.ca, 0o644)?;
        self.folder.write("server.pem", &chain.certificate, 0o644)?;
        self.folder.write("server.key", &chain.key, 0o600)?;
        self.folder.write("kind", &kind, 0o644)?;
        Ok(())
    }

    fn configuration(&self) -> String {
        let options = &self.options;
        let mut modules = vec!["roster", "saslauth", "disco", "ping", "presence", "message", "iq"];
        if options.keeps_sessions {
            modules.push("smacks");
        }
        let mut disabled = vec!["s2s"];
        if options.tls != Tls::Absent {
            modules.push("tls");
        }
        if options.offline {
            modules.push("offline")
        } else {
            disabled.push("offline")
        }
        if options.rate.is_some() {
            modules.push("limits");
        }
        if options.registration.is_some() {
            modules.push("register");
        }
        if options.invitations {
            modules.extend(["register", "invites", "invites_adhoc", "invites_register"]);
        }
        modules.extend(options.modules.iter().map(String::as_str));
        let mut text = String::new();
        let mut line = |name: &str, value: String| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{name} = {value}");
        };
        line("allow_registration", (options.registration.is_some() || options.invitations).to_string());
        line("registration_invite_only", options.invitations.to_string());
        line("allow_user_invites", options.invitations.to_string());
        line("data_path", lua_text(&self.folder.text("data")));
        line("interfaces", lua_list([options.address.to_string()]));
        line("c2s_ports", format!("{{ {} }}", self.port));
        line("s2s_ports", "{}".to_owned());
        line("c2s_direct_tls_ports", self.direct_tls_port.map_or("{}".to_owned(), |port| format!("{{ {port} }}")));
        line("modules_enabled", lua_list(modules));
        line("modules_disabled", lua_list(disabled));
        line("authentication", lua_text("internal_plain"));
        line("storage", lua_text("internal"));
        line("c2s_require_encryption", (options.tls == Tls::Required).to_string());
        line("allow_unencrypted_plain_auth", (options.tls == Tls::Absent).to_string());
        let (key, certificate) = (self.folder.text("server.key"), self.folder.text("server.pem"));
        let ssl = format!("{{ key = {}, certificate = {} }}", lua_text(&key), lua_text(&certificate));
        line("ssl", ssl.clone());
        line("c2s_direct_tls_ssl", ssl);
        line("network_settings", "{ nagle = false }".to_owned());
        if !options.mechanisms.is_empty() {
            line("disable_sasl_mechanisms", lua_list(options.unwanted_mechanisms()));
        }
        if let Some(limit) = options.stanza_limit {
            line("c2s_stanza_size_limit", limit.to_string());
        }
        if let Some(rate) = options.rate {
            line("limits", format!("{{ c2s = {{ rate = {} }} }}", lua_text(&format!("{rate}kb/s"))));
        }
        line("log", format!("{{ info = {} }}", lua_text(&self.log_file().display().to_string())));
        let _ = writeln!(text, "{}\nVirtualHost {}", options.extra, lua_text(&options.domain));
        text
    }
}

/// The last lines of a log, for an error message.
pub(super) fn last_lines(log: &str) -> String {
    let lines = log.lines().collect::<Vec<_>>();
    lines.get(lines.len().saturating_sub(15)..).unwrap_or(&lines).join("\n")
}

/// A Lua string literal.
fn lua_text(text: &str) -> String {
    let mut literal = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' | b' ' => {
                literal.push(char::from(byte));
            }
            // Always three digits, so that a digit that follows is not taken in.
            other => {
                let _ = write!(literal, "\\{other:03}");
            }
        }
    }
    literal.push('"');
    literal
}

fn lua_list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items = items.into_iter().map(|item| lua_text(item.as_ref())).collect::<Vec<_>>();
    format!("{{ {} }}", items.join(", "))
}

/// A name as prosody's internal storage encodes it for its files (`util.datamanager`).
fn store_name(name: &str) -> String {
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02x}");
        }
    }
    encoded
}
