//! A program that speaks lines of JSON: the simulated home, an echo, a home of its own, slixmpp.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Our choice: longer than a thousand devices need to sign in, each of which hears of all the others.
const PATIENCE: Duration = Duration::from_secs(300);

/// A running program; ended when dropped.
pub(crate) struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: mpsc::UnboundedReceiver<Value>,
}

impl Program {
    /// Starts it. Its standard error is ours.
    pub(crate) fn start(mut command: Command) -> Program {
        let name = command.as_std().get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        let output = child.stdout.take().expect("piped");
        let (sender, lines) = mpsc::unbounded_channel();
        // Read at once, whoever waits: a program whose output nobody takes stands still.
        tokio::spawn(async move {
            let mut output = BufReader::new(output).lines();
            while let Ok(Some(line)) = output.next_line().await {
                if let Ok(said) = serde_json::from_str(&line)
                    && sender.send(said).is_err()
                {
                    return;
                }
            }
        });
        let input = child.stdin.take();
        Program { name, child, input, lines }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().unwrap_or_else(|| panic!("{} has ended", self.name))
    }

    /// Gives it a line.
    pub(crate) async fn tell(&mut self, line: &Value) {
        let input = self.input.as_mut().expect("open until the end");
        let told = input.write_all(format!("{line}\n").as_bytes()).await;
        told.unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Its next line that `pick` wants.
    pub(crate) async fn says<T>(&mut self, what: &str, mut pick: impl FnMut(Value) -> Option<T>) -> T {
        let waiting = async {
            while let Some(line) = self.lines.recv().await {
                if let Some(picked) = pick(line) {
                    return picked;
                }
            }
            panic!("{} ended before {what}", self.name)
        };
        timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("{}: {what} did not come", self.name))
    }

    /// Waits for the event of this name.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        self.says(name, |line| (line["event"] == name).then_some(line)).await
    }

    /// Gives it an order and waits for the answer.
    pub(crate) async fn ask(&mut self, order: &Value) -> Value {
        self.tell(order).await;
        self.says("an answer", |mut line| line.get_mut("answer").map(Value::take)).await
    }

    /// Ends it in order, and waits.
    pub(crate) async fn end(mut self) {
        drop(self.input.take());
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        // What does not end by itself is killed as it is dropped.
        let _ = timeout(Duration::from_secs(10), self.child.wait()).await;
    }
}
