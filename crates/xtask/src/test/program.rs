//! Running one test program: its output into a file, its results counted, its end enforced.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::compile::TestProgram;
use crate::desktop::Desktop;
use crate::stage::say;
use crate::tally::Tally;
use crate::tree::{Failure, Tree};

/// After this a program hangs. Our choice; the slowest takes two minutes on two cores.
const DEADLINE: Duration = Duration::from_secs(8 * 60);
/// How much of a failed program's output is shown; all of it is in its file.
const SHOWN_LINES: usize = 150;

/// Runs the program, on the desktop if one is given.
pub(super) fn run(
    tree: &Tree,
    desktop: Option<&Desktop>,
    program: &TestProgram,
    logs: &Path,
) -> Result<Tally, Failure> {
    let name = program.name(tree);
    let log = logs.join(format!("{}.log", name.replace(['/', ' ', '(', ')'], "-")));
    let file = File::create(&log).map_err(Failure::file(&log))?;
    let executable = program.executable.display().to_string();
    let mut command = match desktop {
        Some(desktop) => desktop.command(tree, &[&executable, "--show-output"]),
        None => {
            let mut command = tree.command(&executable);
            command.arg("--show-output");
            // The keyring of whoever runs the tests is not ours to write into.
            command.env("DBUS_SESSION_BUS_ADDRESS", "disabled:");
            command
        }
    };
    command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
    // Not into the sources: `check` compares them.
    command.env("TS_RS_EXPORT_DIR", logs.join("bindings"));
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(Failure::file(&log))?).stderr(file);
    own_group(&mut command);
    let start = Instant::now();
    let child = command.spawn().map_err(|source| Failure::Start { program: executable, source })?;
    let in_time = ended_in_time(child);
    let output = String::from_utf8_lossy(&std::fs::read(&log).map_err(Failure::file(&log))?).into_owned();
    let mut tally = Tally::of_libtest(&name, &output);
    if !in_time {
        say(&format!("{name}: still running after {} minutes, so it was ended", DEADLINE.as_secs() / 60));
        if tally.failed == 0 {
            tally.add(Tally::failure(&format!("{name}: did not end after its tests")));
        }
    }
    let Tally { passed, failed, skipped, .. } = &tally;
    let took = start.elapsed().as_secs_f64();
    say(&format!("{name}: {passed} passed, {failed} failed, {} skipped in {took:.1} s", skipped.len()));
    if *failed > 0 {
        show_end(&output, &log);
    }
    Ok(tally)
}

/// The part that matters of a failed program's output.
fn show_end(output: &str, log: &Path) {
    let failures = output.find("\nfailures:\n").and_then(|at| output.get(at..)).unwrap_or(output);
    let lines = failures.lines().collect::<Vec<_>>();
    for line in lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or(&lines) {
        say(&format!("    {line}"));
    }
    say(&format!("    (all of it: {})", log.display()));
}

/// A group of its own, so that it can be ended with everything that it started.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    std::os::unix::process::CommandExt::process_group(command, 0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

/// Waits for the end, and makes it after [`DEADLINE`]; `false` if it had to be made.
fn ended_in_time(mut child: Child) -> bool {
    let id = child.id();
    let (ended, end) = mpsc::channel();
    let waiting = std::thread::spawn(move || {
        // However it ends, its results are read from its output.
        let _ = child.wait();
        drop(ended);
    });
    let in_time = end.recv_timeout(DEADLINE) != Err(mpsc::RecvTimeoutError::Timeout);
    if !in_time {
        kill_group(id);
    }
    let _: Result<(), mpsc::RecvError> = end.recv();
    drop(waiting);
    in_time
}

#[cfg(unix)]
fn kill_group(id: u32) {
    if let Some(group) = i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended in this very moment.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_: u32) {}
