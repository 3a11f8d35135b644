//! One server process: started in a group of its own, watched, and ended by its id.
//!
//! A thread keeps each process: it starts it and waits for its end. Where `setpriv` is to be had (Linux), the kernel
//! ends the process when that thread dies, that is, when this program dies in whatever way: nothing is left behind.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::folder::Owner;
use super::{STOP_DEADLINE, ServerError, place};

/// How to end a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Ask (SIGTERM), so that a server closes its streams; kill it if it does not.
    Orderly,
    /// Kill it at once: its connections are cut without a word.
    Abrupt,
}

/// A running process group. Ended on drop.
pub struct Daemon {
    pid: Pid,
    exit: Arc<Exit>,
}

#[derive(Default)]
struct Exit {
    status: Mutex<Option<ExitStatus>>,
    changed: Condvar,
}

impl Exit {
    fn status(&self) -> MutexGuard<'_, Option<ExitStatus>> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What to start.
pub(super) struct Start<'a> {
    pub(super) program: &'static str,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) namespace: Option<&'a str>,
    pub(super) owner: Option<Owner>,
    /// Working folder.
    pub(super) folder: &'a Path,
    /// File for standard output and error; added to.
    pub(super) output: &'a Path,
}

impl Start<'_> {
    fn command(&self) -> io::Result<Command> {
        let output = File::options().append(true).create(true).open(self.output)?;
        let mut command = if installed("setpriv") {
            let mut command = place::command(self.namespace, "setpriv");
            if let Some(owner) = self.owner {
                command.arg(format!("--reuid={}", owner.uid)).arg(format!("--regid={}", owner.gid));
                command.arg("--clear-groups");
            }
            command.args(["--pdeathsig", "KILL", "--", self.program]);
            command
        } else {
            let mut command = place::command(self.namespace, self.program);
            if let Some(owner) = self.owner {
                command.uid(owner.uid).gid(owner.gid);
            }
            command
        };
        command.args(&self.arguments).envs(self.environment.iter().cloned()).current_dir(self.folder);
        command.process_group(0).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(command)
    }
}

/// Whether `program` is in one of the folders of `PATH`, or where Debian keeps servers.
pub(super) fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).collect::<Vec<_>>();
    folders.extend(["/usr/sbin", "/sbin"].map(Into::into));
    folders.iter().any(|folder| folder.join(program).is_file())
}

impl Daemon {
    pub(super) fn start(start: &Start<'_>) -> Result<Daemon, ServerError> {
        let mut command = start.command().map_err(ServerError::io(start.program))?;
        let exit = Arc::new(Exit::default());
        let kept = Arc::clone(&exit);
        let (started, answer) = mpsc::sync_channel(1);
        let keeper = move || match command.spawn() {
            Err(error) => drop(started.send(Err(error))),
            Ok(mut child) => {
                drop(started.send(Ok(child.id())));
                let status = child.wait();
                *kept.status() = Some(status.unwrap_or_default());
                kept.changed.notify_all();
            }
        };
        std::thread::Builder::new()
            .name(format!("{} keeper", start.program))
            .spawn(keeper)
            .map_err(ServerError::io("thread"))?;
        let id = answer.recv().unwrap_or_else(|lost| Err(io::Error::other(lost))).map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                ServerError::Missing(start.program)
            } else {
                ServerError::Io { what: start.program.to_owned(), source: error }
            }
        })?;
        let pid = i32::try_from(id).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| ServerError::io(start.program)(io::Error::other("no process id")))?;
        Ok(Daemon { pid, exit })
    }

    /// Process id; also the id of its group.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Whether the process still runs.
    pub fn runs(&self) -> bool {
        self.exit.status().is_none()
    }

    /// Waits until the process has ended, at most `deadline`; `false` if it runs on.
    pub fn ended_within(&self, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        let mut status = self.exit.status();
        while status.is_none() {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            status = self.exit.changed.wait_timeout(status, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends the process group and waits for it.
    pub fn end(&self, ending: Ending) {
        if ending == Ending::Orderly {
            self.signal(Signal::TERM);
            // A suspended process would never read it.
            self.signal(Signal::CONT);
            if self.ended_within(STOP_DEADLINE) {
                return;
            }
        }
        self.signal(Signal::KILL);
        self.ended_within(STOP_DEADLINE);
    }

    /// Freezes the process: its connections stay open and fall silent.
    pub fn suspend(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a suspended process go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        // While the status is locked the keeper cannot report the end, so the id is not another's yet; a group that
        // ended in this very moment is no error.
        let status = self.exit.status();
        if status.is_none() {
            let _ = kill_process_group(self.pid, signal);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.end(Ending::Orderly);
    }
}
