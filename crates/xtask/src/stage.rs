//! The stages of a long command: each is named as it starts, and its seconds are told when it ends.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::tree::Failure;

/// Writes one line to standard output.
pub(crate) fn say(line: &str) {
    // Whoever closed our output does not want it.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// The stages so far.
pub(crate) struct Stages {
    began: Instant,
    done: Vec<(String, Duration, bool)>,
}

impl Default for Stages {
    fn default() -> Self {
        Self { began: Instant::now(), done: Vec::new() }
    }
}

impl Stages {
    /// Runs one stage.
    pub(crate) fn run<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
        say(&format!("\n== {name}"));
        let start = Instant::now();
        let outcome = act();
        let took = start.elapsed();
        self.ended(name, took, outcome.is_ok());
        outcome
    }

    /// Tells that a stage ended, that was run beside others.
    pub(crate) fn ended(&mut self, name: &str, took: Duration, ok: bool) {
        let word = if ok { "done" } else { "FAILED" };
        say(&format!("== {name}: {word} in {:.1} s", took.as_secs_f64()));
        self.done.push((name.to_owned(), took, ok));
    }

    /// Runs one stage after whose failure the others are still worth running.
    pub(crate) fn attempt<T>(&mut self, name: &str, act: impl FnOnce() -> Result<T, Failure>) -> Option<T> {
        match self.run(name, act) {
            Ok(value) => Some(value),
            Err(failure) => {
                say(&failure.to_string());
                None
            }
        }
    }

    /// Names of the stages that failed.
    pub(crate) fn failed(&self) -> Vec<&str> {
        self.done.iter().filter(|(_, _, ok)| !ok).map(|(name, _, _)| name.as_str()).collect()
    }

    /// How many stages succeeded.
    pub(crate) fn succeeded(&self) -> usize {
        self.done.len() - self.failed().len()
    }

    /// Writes the table of all stages.
    pub(crate) fn summarise(&self) {
        say("");
        for (name, took, ok) in &self.done {
            say(&format!("{:>8.1} s  {}{name}", took.as_secs_f64(), if *ok { "" } else { "FAILED: " }));
        }
        say(&format!("{:>8.1} s  in all", self.began.elapsed().as_secs_f64()));
    }
}
