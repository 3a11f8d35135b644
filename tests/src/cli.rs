//! `homewardctl` as a child process, as scripts run it.

use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

use crate::peer::PATIENCE;
use crate::program;
use crate::server::{PASSWORD, Server};

/// Our choice: above the program's own default of 20 s for each thing it waits for, and far above what a run takes.
const DEADLINE: Duration = Duration::from_secs(90);

/// The terminal program with a state folder of its own.
pub struct Homewardctl {
    folder: PathBuf,
    interface: String,
    namespace: Option<String>,
    password: Option<String>,
    next_password: Option<String>,
    log: Option<String>,
}

/// What one call came to.
#[derive(Debug)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Standard output: results only.
    pub output: String,
    /// Standard error: the log.
    pub log: String,
}

impl Ended {
    /// Standard output as one JSON value.
    ///
    /// # Panics
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.output).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as one JSON value per line.
    ///
    /// # Panics
    /// When a line is none.
    pub fn lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{self:#?}"));
        self.output.lines().map(read).collect()
    }

    /// Asserts the exit code; the message shows all that was said.
    pub fn exits(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }
}

impl Homewardctl {
    /// One whose state is in `folder`, limited to loopback.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let (interface, password) = ("lo".to_owned(), Some(PASSWORD.to_owned()));
        Self { folder: folder.into(), interface, namespace: None, password, next_password: None, log: None }
    }

    /// In a network namespace, limited to one of its interfaces.
    #[must_use]
    pub fn in_namespace(mut self, name: &str, interface: &str) -> Self {
        (self.namespace, self.interface) = (Some(name.to_owned()), interface.to_owned());
        self
    }

    /// With this password in its environment, or none.
    #[must_use]
    pub fn with_password(mut self, password: Option<&str>) -> Self {
        self.password = password.map(str::to_owned);
        self
    }

    /// With the password of the account that the house moves to in its environment.
    #[must_use]
    pub fn with_next_password(mut self, password: &str) -> Self {
        self.next_password = Some(password.to_owned());
        self
    }

    /// Tells it the test account of `server`.
    pub async fn set_account(&self, server: &Server) {
        let (jid, host, port) = (server.jid(), server.host(), server.port().to_string());
        let ca = server.ca_file();
        let ca = ca.to_str().expect("our own path");
        self.run(&["account", "set", "--jid", &jid, "--server", &host, "--port", &port, "--ca", ca]).await.exits(0);
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let program = program("homewardctl");
        let mut command = match &self.namespace {
            None => Command::new(program),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        };
        command.args(["--interface", &self.interface]).args(arguments).env("HOMEWARD_HOME", &self.folder);
        command.env_remove("HOMEWARD_INTERFACES").env_remove("HOMEWARD_PASSWORD").env_remove("HOMEWARD_NEXT_PASSWORD");
        if let Some(password) = &self.next_password {
            command.env("HOMEWARD_NEXT_PASSWORD", password);
        }
        if let Some(password) = &self.password {
            command.env("HOMEWARD_PASSWORD", password);
        }
        if let Some(log) = &self.log {
            command.env("HOMEWARD_LOG", log);
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn run(&self, arguments: &[&str]) -> Ended {
        let running = self.command(arguments).output();
        let output = timeout(DEADLINE, running).await.unwrap_or_else(|_| panic!("{arguments:?} does not end"));
        ended(output.unwrap_or_else(|error| panic!("{arguments:?}: {error}")))
    }

    /// Logs so much (`HOMEWARD_LOG`).
    pub fn with_log(mut self, filter: &str) -> Self {
        self.log = Some(filter.to_owned());
        self
    }

    /// Starts it and reads its lines as they come: `observe`.
    pub fn start(&self, arguments: &[&str]) -> Running {
        self.spawn(self.command(arguments), arguments)
    }

    /// The same; it can be typed to, and its log is kept.
    pub fn start_with_input(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        self.spawn(command, arguments)
    }

    fn spawn(&self, mut command: Command, arguments: &[&str]) -> Running {
        command.stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{arguments:?}: {error}"));
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Running { child, lines }
    }
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code().unwrap_or(-1),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A call that goes on.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Its next line of output.
    ///
    /// # Panics
    /// When none comes within [`PATIENCE`], or it is no JSON.
    pub async fn line(&mut self) -> Value {
        let line = timeout(PATIENCE, self.lines.next_line()).await.expect("a line in time").expect("readable");
        serde_json::from_str(&line.expect("a line before the end")).expect("JSON")
    }

    /// Types to it.
    ///
    /// # Panics
    /// When it does not read.
    pub async fn types(&mut self, text: &str) {
        let input = self.child.stdin.as_mut().expect("started with input");
        input.write_all(text.as_bytes()).await.expect("it reads");
    }

    /// How it ended by itself, and what it logged.
    pub async fn ends(self) -> Ended {
        let output = timeout(DEADLINE, self.child.wait_with_output()).await.expect("an end in time");
        ended(output.expect("a child of ours"))
    }

    /// Its exit code, once it has ended by itself.
    pub async fn code(mut self) -> i32 {
        let status = timeout(DEADLINE, self.child.wait()).await.expect("an end in time").expect("a child of ours");
        status.code().unwrap_or(-1)
    }

    /// Ends it as a power cut would (SIGKILL): it cannot tidy up.
    pub async fn killed(mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// The same at that moment, unless it has ended by itself before: then nothing is returned.
    ///
    /// # Panics
    /// When neither comes.
    pub async fn killed_at<T>(mut self, moment: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            at = moment => {
                self.killed().await;
                Some(at)
            }
            ended = timeout(DEADLINE, self.child.wait()) => {
                ended.expect("an end in time").expect("a child of ours");
                None
            }
        }
    }

    /// Ends it as Ctrl-C does; its exit code.
    pub async fn interrupt(self) -> i32 {
        let id = self.child.id().expect("it runs").to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().await.expect("kill");
        assert!(sent.success());
        self.code().await
    }
}
