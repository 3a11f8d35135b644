//! What this process holds of the system: memory, tasks, sockets. For tests that say that none of it grows.

use std::fmt;

use tokio::runtime::Handle;

/// What is held at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// Resident memory, in KiB; 0 where the system does not say.
    pub memory_kib: usize,
    /// Tasks of this runtime that have not ended.
    pub tasks: usize,
    /// Open files, sockets among them; 0 where the system does not say.
    pub files: usize,
}

impl Held {
    /// By this process now; to be called within its runtime.
    pub fn now() -> Held {
        let memory_kib = kib("/proc/self/status", "VmRSS:");
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count).unwrap_or_default();
        Held { memory_kib, tasks: Handle::current().metrics().num_alive_tasks(), files }
    }

    /// What is held more than at an earlier moment, where that is beyond these bounds; in words.
    pub fn beyond(&self, before: &Held, bounds: &Held) -> Option<String> {
        let grown = self.memory_kib > before.memory_kib + bounds.memory_kib
            || self.tasks > before.tasks + bounds.tasks
            || self.files > before.files + bounds.files;
        grown.then(|| format!("from {before} to {self}"))
    }
}

/// A size that the system tells in a file of names and values, in KiB; 0 where it does not.
pub fn kib(file: &str, name: &str) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB, {} tasks, {} files", self.memory_kib as f64 / 1024.0, self.tasks, self.files)
    }
}
