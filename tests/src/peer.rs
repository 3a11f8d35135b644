//! The independent peers (`tests/peers/*.py`) as child processes that speak JSON, line by line.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::{python, workspace};

/// Our choice: two cores are shared with a server, a window and other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A peer; ends with its standard input, so also when this program dies.
pub struct Peer {
    name: &'static str,
    input: Option<ChildStdin>,
    child: Child,
    lines: mpsc::UnboundedReceiver<Value>,
    /// Everything that it has said so far, in order.
    pub said: Vec<Value>,
}

impl Peer {
    /// The light that shares no code with the project: `tests/peers/device.py`, with its options.
    pub async fn device(ca: &Path, options: &[&str]) -> Peer {
        Self::device_in(None, ca, options).await
    }

    /// The same, in a network namespace.
    pub async fn device_in(namespace: Option<&str>, ca: &Path, options: &[&str]) -> Peer {
        let ca = ca.to_str().expect("our own path");
        let mut arguments = vec!["--ca", ca];
        arguments.extend(options);
        Self::start("device.py", namespace, &arguments).await
    }

    /// The client that shares no code with the project: `tests/peers/client.py`.
    pub async fn client() -> Peer {
        Self::client_in(None, "lo").await
    }

    /// The same, in a network namespace.
    pub async fn client_in(namespace: Option<&str>, interface: &str) -> Peer {
        Self::start("client.py", namespace, &["--interface", interface]).await
    }

    async fn start(script: &'static str, namespace: Option<&str>, arguments: &[&str]) -> Peer {
        let interpreter = python::interpreter();
        let mut command = match namespace {
            None => Command::new(interpreter),
            Some(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(interpreter);
                command
            }
        };
        command.arg(workspace().join("tests/peers").join(script)).args(arguments);
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{script}: {error}"));
        let output = child.stdout.take().expect("piped");
        let (sender, lines) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                let said = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "event": "noise", "line": line }));
                if sender.send(said).is_err() {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        let mut peer = Peer { name: script, input, child, lines, said: Vec::new() };
        peer.event("ready").await;
        peer
    }

    /// The next line that `fits`, from now on; what comes before it stays in [`Peer::said`].
    ///
    /// # Panics
    /// When it does not come within [`PATIENCE`], or the peer ends.
    pub async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let Ok(line) = timeout_at(end, self.lines.recv()).await else {
                panic!("{}: {what} did not come; it last said\n{}", self.name, self.last_words())
            };
            let Some(line) = line else {
                panic!("{} ended before {what}; it last said\n{}", self.name, self.last_words())
            };
            self.said.push(line.clone());
            if fits(&line) {
                return line;
            }
        }
    }

    /// The end of what it said, for a message.
    fn last_words(&self) -> String {
        let lines = self.said.iter().skip(self.said.len().saturating_sub(20));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The next event of this name.
    pub async fn event(&mut self, name: &str) -> Value {
        self.until(name, |line| line["event"] == name).await
    }

    /// The next request that the device executed, by method and path.
    pub async fn executes(&mut self, method: &str, path: &str) -> Value {
        let what = format!("{method} {path}");
        self.until(&what, |line| line["event"] == "request" && line["method"] == method && line["path"] == path).await
    }

    /// Gives an order without waiting for an answer.
    pub async fn order(&mut self, order: Value) {
        let input = self.input.as_mut().expect("open until the end");
        input.write_all(format!("{order}\n").as_bytes()).await.unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Tells the device to do something, and waits until it has.
    pub async fn obey(&mut self, order: Value) {
        self.order(order.clone()).await;
        let line = self.until("obedience", |line| line["event"] == "obeyed" || line["event"] == "order-refused").await;
        assert_eq!(line["event"], "obeyed", "{order}: {line}");
    }

    /// Asks the client: its answer, or the whole line with `error`.
    pub async fn try_ask(&mut self, order: Value) -> Result<Value, Value> {
        self.order(order).await;
        let mut line = self.until("an answer", |line| line.get("answer").or(line.get("error")).is_some()).await;
        if line.get("answer").is_some() { Ok(line["answer"].take()) } else { Err(line) }
    }

    /// Asks the client for something that must work.
    pub async fn ask(&mut self, order: Value) -> Value {
        let asked = order.to_string();
        self.try_ask(order).await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Ends it in order, and waits.
    pub async fn end(mut self) {
        drop(self.input.take());
        let _ = tokio::time::timeout(Duration::from_secs(5), self.child.wait()).await;
    }
}
