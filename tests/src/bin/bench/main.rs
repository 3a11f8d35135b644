//! `bench`: how fast it is, beside what bounds it; run by `cargo xtask bench`.
//!
//! Scope: the figures that a person feels: a request, fifty devices found, a thousand at the server, set-up, coming back
//! after a broken link, start, memory.
//! Each reference is measured in the same call, alternating with ours, so that a busy machine slows both. Non-scope:
//! passing or failing: a missed goal is printed, and the exit code stays 0; only what could not be measured is an error.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod comes_back;
mod crudn;
mod discover;
mod echo;
mod ground;
mod memory;
mod onboard;
mod program;
mod raw;
mod report;
mod roster;
mod start;
mod window;

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;

use clap::Parser;
use homeward_tests::{alone, workspace};

use crate::report::{Measurement, Report};

/// Measures the programs that lie beside this one, and writes target/bench/report.json.
#[derive(Parser)]
#[command(name = "bench")]
struct Options {
    /// Which to measure: crudn_rtt, crudn_rate, discover_50, roster_1000, onboard_20, comes_back, start, memory; all if none is named
    #[arg(value_parser = MEASUREMENTS.map(|one| one.name))]
    names: Vec<String>,
    /// How many pairs of each, instead of its own number
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pairs: Option<u16>,
    /// The other end of a measurement, in a process of its own: `echo` or `home`
    #[arg(long, hide = true, value_name = "ROLE")]
    role: Option<String>,
}

/// One measurement of the report.
struct Entry {
    name: &'static str,
    /// Its own number of pairs: enough for a median that stays where it is from call to call.
    pairs: usize,
    measure: fn(usize) -> Measurement,
}

/// Those that search the local network have one to themselves: others' devices must not answer.
const MEASUREMENTS: [Entry; 8] = [
    Entry { name: "crudn_rtt", pairs: 15, measure: |pairs| here(crudn::round_trip(pairs)) },
    Entry { name: "crudn_rate", pairs: 7, measure: |pairs| here(crudn::rate(pairs)) },
    Entry { name: "discover_50", pairs: 11, measure: |pairs| alone(|| among_tasks(discover::fifty(pairs))) },
    Entry { name: "roster_1000", pairs: 7, measure: |pairs| here(roster::thousand(pairs)) },
    Entry { name: "onboard_20", pairs: 5, measure: |pairs| alone(|| among_tasks(onboard::twenty(pairs))) },
    Entry { name: "comes_back", pairs: 7, measure: |pairs| here(comes_back::after_a_cut(pairs)) },
    Entry { name: "start", pairs: 7, measure: |pairs| here(start::first_paint(pairs)) },
    Entry { name: "memory", pairs: 3, measure: |pairs| here(memory::resident(pairs)) },
];

/// Runs a measurement on a runtime of its own; nothing of it is left for the next.
fn here(measurement: impl Future<Output = Measurement> + Send + 'static) -> Measurement {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let measured = runtime.block_on(among_tasks(measurement));
    runtime.shutdown_background();
    measured
}

/// On a thread of the runtime, where the app's requests are made too. The thread that waits for all has to be woken from
/// another one each time.
async fn among_tasks(measurement: impl Future<Output = Measurement> + Send + 'static) -> Measurement {
    match tokio::spawn(measurement).await {
        Ok(measured) => measured,
        Err(failed) => resume_unwind(failed.into_panic()),
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match options.role.as_deref() {
        None => measure(&options),
        Some("echo") => echo::play(),
        Some("home") => memory::play(),
        Some(other) => {
            say(&format!("there is no role {other}"));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> ExitCode {
    let mut report = Report::begin();
    say(&report.head());
    let wanted = |entry: &&Entry| options.names.is_empty() || options.names.iter().any(|name| name == entry.name);
    for entry in MEASUREMENTS.iter().filter(wanted) {
        let pairs = options.pairs.map_or(entry.pairs, usize::from);
        // What a fixture says when it gives up has been printed by then.
        let outcome = catch_unwind(AssertUnwindSafe(|| (entry.measure)(pairs)));
        say(&report.add(entry.name, outcome.map_err(|_| "could not be measured; see the message above".to_owned())));
    }
    let file = workspace().join("target/bench/report.json");
    match report.write(&file) {
        Ok(()) => say(&format!("\n{}", file.display())),
        Err(error) => {
            say(&format!("{}: {error}", file.display()));
            return ExitCode::FAILURE;
        }
    }
    if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes to standard output; whoever closed it does not want it.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
