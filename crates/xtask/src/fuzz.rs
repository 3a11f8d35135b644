//! `cargo xtask fuzz`: looks for bytes for which a decoder does not hold what `tests/fuzz` says of it.
//!
//! Each target begins with its committed seeds and with what earlier runs found worth keeping (`target/fuzz/corpus`).
//! Bytes for which it does not hold go to `target/fuzz/found`, and are to become a seed once the decoder is mended.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use crate::stage::{Stages, say};
use crate::tree::{Failure, Tree, output_of, run as run_command};
use crate::{apt, tools};

/// The crate with the targets.
const CRATE: &str = "tests/fuzz";
/// The longest input, in bytes. Our choice: larger ones repeat what fits here, and are slow; limits beyond it have tests.
const MAX_LENGTH: usize = 4096;
/// Far above what any input of that length may need, in MiB.
const MAX_MEMORY: usize = 512;
/// How long one input may take, in seconds.
const MAX_TIME: usize = 10;
/// How much of what a target says of a finding is shown; all of it is in its log.
const SHOWN_LINES: usize = 12;

/// The command: `chosen` targets, or all, for so many seconds each.
pub(crate) fn run(tree: &Tree, chosen: &[String], seconds: u64) -> Result<(), Failure> {
    if !cfg!(unix) {
        return Err(Failure::Missing("libFuzzer is run on Linux and macOS only".to_owned()));
    }
    let targets = choose(known(tree)?, chosen)?;
    let mut stages = Stages::default();
    stages.run("system packages", || apt::install(tree, &[&apt::COMPILER]))?;
    stages.run("cargo-fuzz", || tools::install(tree, &tools::CARGO_FUZZ))?;
    stages.run("build, with coverage", || build(tree))?;
    let programs = programs(tree)?;
    let mut figures = Vec::new();
    let mut found = Vec::new();
    for target in &targets {
        let log = tree.target(&format!("fuzz/{target}.log"));
        let ended = stages.attempt(target, || fuzz(tree, &programs.join(target), target, seconds, &log));
        let output = std::fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        figures.push(format!("{target:<16}{}", Figures::of(&output)));
        if ended.is_none() {
            found.push(finding(target, &programs, &output, &log));
        }
    }
    stages.summarise();
    say("");
    figures.iter().for_each(|line| say(line));
    if found.is_empty() { Ok(()) } else { Err(Failure::Found(found)) }
}

/// The names of all targets.
fn known(tree: &Tree) -> Result<Vec<String>, Failure> {
    let folder = tree.path(&format!("{CRATE}/targets"));
    let entries = std::fs::read_dir(&folder).map_err(Failure::file(&folder))?;
    let stem = |path: PathBuf| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut names = entries.flatten().filter_map(|entry| stem(entry.path())).collect::<Vec<_>>();
    names.sort();
    Ok(names)
}

fn choose(known: Vec<String>, chosen: &[String]) -> Result<Vec<String>, Failure> {
    match chosen.iter().find(|name| !known.contains(name)) {
        Some(name) => Err(Failure::Missing(format!("There is no target {name}; there are {}", known.join(", ")))),
        None if chosen.is_empty() => Ok(known),
        None => Ok(chosen.to_vec()),
    }
}

/// No sanitizer: those need a nightly compiler, and there is no unsafe code of ours to watch.
fn build(tree: &Tree) -> Result<(), Failure> {
    let build = ["fuzz", "build", "--fuzz-dir", CRATE, "--features", "targets", "--sanitizer", "none"];
    let mut cargo = tree.cargo(&build);
    cargo.args(["--codegen-units", "16", "--target-dir"]).arg(tree.target("fuzz"));
    // What makes the app small and fast makes this slow to build, no faster to run, and its findings nameless.
    for (setting, value) in [("LTO", "off"), ("STRIP", "none"), ("OPT_LEVEL", "1")] {
        cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
    }
    run_command(&mut cargo)
}

/// The folder of the built targets.
fn programs(tree: &Tree) -> Result<PathBuf, Failure> {
    let host = output_of(tree.command("rustc").args(["--print", "host-tuple"]))?;
    Ok(tree.target(&format!("fuzz/{}/release", host.trim())))
}

fn fuzz(tree: &Tree, program: &Path, target: &str, seconds: u64, log: &Path) -> Result<(), Failure> {
    let folder = |kind: &str| {
        let folder = tree.target(&format!("fuzz/{kind}/{target}"));
        std::fs::create_dir_all(&folder).map_err(Failure::file(&folder)).map(|()| folder)
    };
    let (corpus, found) = (folder("corpus")?, folder("found")?);
    let mut command = tree.command(&program.display().to_string());
    command.arg(corpus).arg(tree.path(&format!("{CRATE}/seeds/{target}")));
    command.arg(format!("-artifact_prefix={}/", found.display()));
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-max_len={MAX_LENGTH}"),
        format!("-rss_limit_mb={MAX_MEMORY}"),
        format!("-timeout={MAX_TIME}"),
        "-print_final_stats=1".to_owned(),
    ]);
    let file = File::create(log).map_err(Failure::file(log))?;
    command.env("RUST_BACKTRACE", "1").stdin(Stdio::null());
    command.stdout(file.try_clone().map_err(Failure::file(log))?).stderr(file);
    run_command(&mut command)
}

/// What is told of a target that did not hold, after what it says itself.
fn finding(target: &str, programs: &Path, output: &str, log: &Path) -> String {
    let says_why = |line: &&str| line.contains("panicked at") || line.contains("ERROR: libFuzzer");
    for line in output.lines().skip_while(|line| !says_why(line)).take(SHOWN_LINES) {
        say(&format!("    {line}"));
    }
    say(&format!("    (all of it: {})", log.display()));
    match artifact(output) {
        Some(path) => {
            format!("{target} does not hold for {path}\n    again: {} {path}", programs.join(target).display())
        }
        None => format!("{target} ended early: see {}", log.display()),
    }
}

/// The file into which libFuzzer put the bytes.
fn artifact(output: &str) -> Option<&str> {
    output.lines().find_map(|line| line.split_once("Test unit written to ")).map(|(_, path)| path.trim())
}

/// What libFuzzer says of a run, in its own words.
#[derive(Debug, Default, PartialEq, Eq)]
struct Figures {
    executions: String,
    per_second: String,
    coverage: String,
    corpus: String,
    memory: String,
}

impl Figures {
    fn of(output: &str) -> Self {
        let after = |line: &str, word: &str| {
            let rest = line.split_once(word).map_or("", |(_, rest)| rest);
            rest.split_ascii_whitespace().next().unwrap_or_default().to_owned()
        };
        // `#100  DONE   cov: 12 ft: 34 corp: 5/67b lim: 4096 exec/s: 50 rss: 30Mb`, the last of its kind.
        let status = output.lines().rfind(|line| line.starts_with('#') && line.contains(" cov: ")).unwrap_or_default();
        Self {
            executions: after(output, "stat::number_of_executed_units:"),
            per_second: after(output, "stat::average_exec_per_sec:"),
            coverage: after(status, " cov:"),
            corpus: after(status, " corp:"),
            memory: after(output, "stat::peak_rss_mb:"),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { executions, per_second, coverage, corpus, memory } = self;
        write!(f, "{executions:>10} executions ({per_second}/s), coverage {coverage}, corpus {corpus}, {memory} MiB")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "INFO: Seed: 1\n#2\tINITED cov: 10 ft: 11 corp: 1/1b exec/s: 0 rss: 28Mb\n\
        #2040317\tDONE   cov: 2791 ft: 9642 corp: 1657/382Kb lim: 3706 exec/s: 33447 rss: 31Mb\n\
        stat::number_of_executed_units: 2040317\nstat::average_exec_per_sec:     33447\nstat::peak_rss_mb:              31\n";

    #[test]
    fn the_figures_are_those_of_the_end() {
        let told = Figures::of(OUTPUT).to_string();
        assert_eq!(told.trim(), "2040317 executions (33447/s), coverage 2791, corpus 1657/382Kb, 31 MiB");
    }

    #[test]
    fn what_was_found_is_named() {
        let output = "SUMMARY: libFuzzer: deadly signal\nartifact_prefix='/t/'; Test unit written to /t/crash-0a\nBase64: AA==\n";
        assert_eq!(artifact(output), Some("/t/crash-0a"));
        assert_eq!(artifact(OUTPUT), None);
    }

    #[test]
    fn an_unknown_target_is_refused_and_none_means_all() {
        let known = || vec!["jid".to_owned(), "rest".to_owned()];
        assert_eq!(choose(known(), &[]).expect("all"), known());
        assert_eq!(choose(known(), &["rest".to_owned()]).expect("one"), ["rest"]);
        assert!(choose(known(), &["rset".to_owned()]).is_err());
    }
}
