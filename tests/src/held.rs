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
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory_kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
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

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB, {} tasks, {} files", self.memory_kib as f64 / 1024.0, self.tasks, self.files)
    }
}
