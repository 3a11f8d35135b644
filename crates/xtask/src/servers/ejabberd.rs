//! Ejabberd (23.01, from the system's packages) in a folder of its own.
//!
//! It runs as an Erlang node without distribution: no epmd is started, no port but those for clients is opened. Orders
//! go over its HTTP interface on a Unix socket, so that passwords stand on no command line.

use std::io::{Read, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::certificates::Chain;
use super::daemon::{Daemon, Ending, Start, installed};
use super::folder::{Folder, Owner};
use super::prosody::last_lines;
use super::{Options, PROBE_PAUSE, START_DEADLINE, ServerError, Tls, place};

/// Longest wait for the answer to one order.
const ORDER_DEADLINE: Duration = Duration::from_secs(20);
/// Longest wait for what was stored to reach the disk; it takes some 2 s.
const WRITTEN_WITHIN: Duration = Duration::from_secs(10);
/// Longest answer to an order that is read, in bytes.
const ANSWER_LIMIT: u64 = 1 << 20;

/// A running ejabberd; ended on drop.
pub struct Ejabberd {
    options: Options,
    port: u16,
    direct_tls_port: Option<u16>,
    daemon: Option<Daemon>,
    owner: Option<Owner>,
    folder: Folder,
}

impl Ejabberd {
    /// Starts a server and returns when it accepts connections and has the accounts.
    ///
    /// # Errors
    /// [`ServerError`]: not installed, or it did not start.
    pub fn start(options: Options) -> Result<Ejabberd, ServerError> {
        if !installed("ejabberdctl") || !installed("erl") {
            return Err(ServerError::Missing("ejabberd"));
        }
        let owner = Owner::of_package("ejabberd")?;
        let folder = Folder::new(options.folder.as_deref(), owner)?;
        let mut server = Ejabberd { options, port: 0, direct_tls_port: None, daemon: None, owner, folder };
        server.start_on_free_ports()?;
        for (user, password) in server.options.accounts.clone() {
            server.set_account(&user, &password)?;
        }
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
        std::fs::read_to_string(self.folder.path().join("ejabberd.log")).unwrap_or_default()
    }

    /// The process, for tests that suspend or kill it. `None` while stopped.
    pub fn daemon(&self) -> Option<&Daemon> {
        self.daemon.as_ref()
    }

    /// Makes an account, or gives it another password.
    ///
    /// # Errors
    /// When the server does not do it.
    pub fn set_account(&self, user: &str, password: &str) -> Result<(), ServerError> {
        let host = &self.options.domain;
        if self.order("check_account", &json!({"user": user, "host": host}))? == json!(0) {
            let order = json!({"user": user, "host": host, "newpass": password});
            self.order("change_password", &order)?;
        } else {
            let order = json!({"user": user, "host": host, "password": password});
            self.order("register", &order)?;
        }
        Ok(())
    }

    /// Removes an account.
    ///
    /// # Errors
    /// When the server does not do it.
    pub fn remove_account(&self, user: &str) -> Result<(), ServerError> {
        self.order("unregister", &json!({"user": user, "host": self.options.domain}))?;
        Ok(())
    }

    /// Gives one of ejabberd's API orders (`register`, `kick_session`, `add_rosteritem` …), returns its answer.
    ///
    /// # Errors
    /// [`ServerError::Refused`] if the answer is an error, [`ServerError::Io`] if there is none within 20 s.
    pub fn order(&self, order: &str, arguments: &Value) -> Result<Value, ServerError> {
        let answer = self.post(order, &arguments.to_string()).map_err(ServerError::io(format!("ejabberd {order}")))?;
        let refused = |answer: &str| ServerError::Refused {
            program: "ejabberd",
            order: order.to_owned(),
            answer: answer.lines().last().unwrap_or_default().to_owned(),
        };
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| refused(&answer))?;
        // `check_account` answers 1 ("no") with status 200 as well.
        if head.split(' ').nth(1) != Some("200") {
            return Err(refused(body));
        }
        serde_json::from_str(body).map_err(|_| refused(body))
    }

    /// Ends the server; the port and everything stored stay for [`Ejabberd::restart`].
    pub fn stop(&mut self, ending: Ending) {
        if let Some(daemon) = self.daemon.take() {
            if ending == Ending::Abrupt {
                self.wait_until_accounts_are_written(&daemon);
            }
            daemon.end(ending);
        }
    }

    /// Erlang writes mnesia's log some seconds late: a kill before that would take the accounts along.
    fn wait_until_accounts_are_written(&self, daemon: &Daemon) {
        let deadline = Instant::now() + WRITTEN_WITHIN;
        let spool = self.folder.path().join("private/spool");
        let written = |user: &str| {
            // As Erlang writes a binary: a tag, its length in four bytes, itself.
            let length = u32::try_from(user.len()).unwrap_or(u32::MAX).to_be_bytes();
            let term = [&b"m"[..], &length, user.as_bytes()].concat();
            let kept = ["LATEST.LOG", "passwd.DCL", "passwd.DCD"].map(|name| std::fs::read(spool.join(name)));
            kept.iter().flatten().any(|file| file.windows(term.len()).any(|part| part == term))
        };
        while !self.options.accounts.iter().all(|(user, _)| written(user)) && Instant::now() < deadline {
            daemon.ended_within(PROBE_PAUSE);
        }
    }

    /// Starts it again on the same port, with other options.
    ///
    /// # Errors
    /// As [`Ejabberd::start`].
    pub fn restart_with(&mut self, change: impl FnOnce(&mut Options)) -> Result<(), ServerError> {
        self.stop(Ending::Orderly);
        change(&mut self.options);
        self.options.port = self.port;
        self.start_on_free_ports()
    }

    /// Starts it again on the same port, as it was.
    ///
    /// # Errors
    /// As [`Ejabberd::start`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.restart_with(|_| ())
    }

    fn post(&self, order: &str, body: &str) -> std::io::Result<String> {
        let mut stream = UnixStream::connect(self.socket())?;
        stream.set_read_timeout(Some(ORDER_DEADLINE))?;
        stream.set_write_timeout(Some(ORDER_DEADLINE))?;
        let length = body.len();
        write!(
            stream,
            "POST /api/{order} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )?;
        let mut answer = Vec::new();
        stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("private").join("api")
    }

    fn start_on_free_ports(&mut self) -> Result<(), ServerError> {
        let mut attempts = if self.options.port == 0 { 5 } else { 1 };
        loop {
            match self.try_start() {
                Err(ServerError::NotStarted { log, .. }) if attempts > 1 && log.contains("in use") => attempts -= 1,
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
        if !self.ca_file().exists() {
            let chain = Chain::new(&self.options.domain, self.options.certificate)?;
            self.folder.write("ca.pem", &chain.ca, 0o644)?;
            self.folder.write("server.pem", &(chain.certificate + &chain.key), 0o600)?;
        }
        // Only the server's user and root reach the socket, which takes orders from anybody who does.
        self.folder.private_folder("private/spool")?;
        if self.socket().exists() {
            std::fs::remove_file(self.socket()).map_err(ServerError::io("socket"))?;
        }
        let configuration = self.folder.write("ejabberd.yml", &self.configuration(), 0o600)?;
        // Erlang would ask a name server for the machine's own name.
        let resolver = self.folder.write("inetrc", "{lookup, [file, native]}.\n", 0o644)?;
        let daemon = Daemon::start(&Start {
            program: "erl",
            // The schema's folder is an Erlang term, hence the quotes.
            arguments: ["-noinput", "+K", "true", "-mnesia", "dir"]
                .map(str::to_owned)
                .into_iter()
                .chain([format!("{:?}", self.folder.text("private/spool")), "-s".to_owned(), "ejabberd".to_owned()])
                .collect(),
            environment: vec![
                ("HOME", self.folder.text("private")),
                ("EJABBERD_CONFIG_PATH", configuration.display().to_string()),
                ("EJABBERD_LOG_PATH", self.folder.text("ejabberd.log")),
                ("ERL_CRASH_DUMP", self.folder.text("private/crash.dump")),
                ("ERL_CRASH_DUMP_BYTES", "0".to_owned()),
                ("ERL_INETRC", resolver.display().to_string()),
                ("ERL_LIBS", libraries()),
            ],
            namespace: namespace.as_deref(),
            owner: self.owner,
            folder: self.folder.path(),
            output: &self.folder.path().join("output.txt"),
        })?;
        let deadline = Instant::now() + START_DEADLINE;
        while !self.is_up() {
            if !daemon.runs() || Instant::now() > deadline {
                let output = std::fs::read_to_string(self.folder.path().join("output.txt")).unwrap_or_default();
                return Err(ServerError::NotStarted { program: "ejabberd", log: last_lines(&output) });
            }
            daemon.ended_within(PROBE_PAUSE);
        }
        self.daemon = Some(daemon);
        Ok(())
    }

    /// Whether our own node answers and its client ports are open.
    fn is_up(&self) -> bool {
        let namespace = self.options.namespace.as_deref();
        let direct = self.direct_tls_port.map(|port| SocketAddr::new(self.options.address, port));
        UnixStream::connect(self.socket()).is_ok()
            && place::accepts(namespace, self.address())
            && direct.is_none_or(|address| place::accepts(namespace, address))
            && self.order("status", &json!({})).is_ok()
    }

    fn configuration(&self) -> String {
        let options = &self.options;
        let mut listen = vec![self.listener(self.port, options.tls)];
        if let Some(port) = self.direct_tls_port {
            let mut listener = self.listener(port, Tls::Absent);
            if let Some(fields) = listener.as_object_mut() {
                fields.insert("tls".to_owned(), json!(true));
            }
            listen.push(listener);
        }
        listen.push(json!({
            "port": format!("unix:{}", self.socket().display()),
            "module": "ejabberd_http",
            "request_handlers": {"/api": "mod_http_api"},
        }));
        let mut modules = json!({"mod_admin_extra": {}, "mod_disco": {}, "mod_ping": {}, "mod_roster": {}});
        if let Some(modules) = modules.as_object_mut() {
            modules.extend(options.keeps_sessions.then(|| ("mod_stream_mgmt".to_owned(), json!({}))));
            modules.extend(options.offline.then(|| ("mod_offline".to_owned(), json!({}))));
            modules.extend(options.registration.map(|_| ("mod_register".to_owned(), json!({}))));
            modules.extend(options.modules.iter().map(|name| (name.clone(), json!({}))));
        }
        let mut shaper_rules = json!({"max_user_sessions": options.max_user_sessions.unwrap_or(5000)});
        if let (Some(_), Some(rules)) = (options.rate, shaper_rules.as_object_mut()) {
            rules.insert("c2s_shaper".to_owned(), json!("limited"));
        }
        // JSON is YAML; the additional lines must be YAML's own, so each key is a line of its own.
        let mut settings = vec![
            ("hosts", json!([options.domain])),
            // The next level, info, writes the arguments of orders into the log, and with them passwords.
            ("loglevel", json!("warning")),
            ("auth_method", json!(["mnesia"])),
            // All SCRAM mechanisms can be offered from it; the store is the server user's alone and throwaway.
            ("auth_password_format", json!("plain")),
            ("disable_sasl_mechanisms", json!(options.unwanted_mechanisms())),
            ("certfiles", json!([self.folder.text("server.pem")])),
            ("listen", json!(listen)),
            ("api_permissions", json!({"tests": {"from": ["mod_http_api"], "who": "all", "what": "*"}})),
            ("shaper_rules", shaper_rules),
            ("modules", modules),
        ];
        settings.extend(options.rate.map(|rate| ("shaper", json!({"limited": u64::from(rate) * 1000}))));
        settings.extend(options.registration.map(|seconds| {
            let timeout = if seconds == 0 { json!("infinity") } else { json!(seconds) };
            ("registration_timeout", timeout)
        }));
        let mut text = settings.iter().map(|(key, value)| format!("{key}: {value}\n")).collect::<String>();
        text.push_str(&options.extra);
        text.push('\n');
        text
    }

    fn listener(&self, port: u16, tls: Tls) -> Value {
        let mut listener = json!({
            "port": port,
            "ip": self.options.address.to_string(),
            "module": "ejabberd_c2s",
            "starttls": tls != Tls::Absent,
            "starttls_required": tls == Tls::Required,
        });
        if let (Some(limit), Some(fields)) = (self.options.stanza_limit, listener.as_object_mut()) {
            fields.insert("max_stanza_size".to_owned(), json!(limit));
        }
        if let (Some(_), Some(fields)) = (self.options.rate, listener.as_object_mut()) {
            fields.insert("shaper".to_owned(), json!("c2s_shaper"));
        }
        listener
    }
}

/// Where Debian puts the Erlang libraries of ejabberd: `/usr/lib/<architecture>-linux-gnu`.
fn libraries() -> String {
    format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH)
}
