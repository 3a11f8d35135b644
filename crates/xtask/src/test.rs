//! `cargo xtask test`: the set-up, then everything, with the seconds of each stage.

mod lanes;
mod program;

use std::fs::File;
use std::path::Path;

use crate::compile::{self, TestProgram};
use crate::desktop::Desktop;
use crate::stage::{Stages, say};
use crate::tally::Tally;
use crate::tree::{Failure, Tree, output_of};
use crate::{check, setup};

/// The package of the end-to-end tests.
const END_TO_END: &str = "tests";
/// Beginnings of the names of those that run on a virtual desktop: they drive the window, or keep keys in the keyring.
const ON_A_DESKTOP: [&str; 2] = ["window", "own"];

/// The command.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let _alone = alone(tree)?;
    let mut stages = Stages::default();
    setup::for_tests(tree, &mut stages)?;
    let mut tally = Tally::default();
    let logs = tree.empty_folder("test")?;

    let set_up = stages.succeeded();
    check::lints(tree, &mut stages);
    let built = stages.attempt("build", || compile::everything(tree));
    if let Some(programs) = &built {
        stages.attempt("types shared with the UI", || check::bindings(tree, programs));
    }
    check::rules(tree, &mut stages);
    tally.passed += stages.succeeded() - set_up;
    for name in stages.failed() {
        tally.add(Tally::failure(name));
    }

    counted(&mut stages, &mut tally, "UI", || vitest(tree, &logs));
    if let Some(programs) = built {
        let (end_to_end, unit): (Vec<_>, Vec<_>) =
            programs.into_iter().partition(|program| program.folder == tree.path(END_TO_END));
        counted(&mut stages, &mut tally, "unit", || all(&unit, |program| program::run(tree, None, program, &logs)));
        counted(&mut stages, &mut tally, "documentation", || documentation(tree));
        lanes::run(
            end_to_end,
            needs_desktop,
            |program| end_to_end_one(tree, program, &logs),
            |program, took, outcome| {
                let name = program.name(tree);
                let ok = add(&mut tally, &name, outcome) == 0;
                stages.ended(&name, took, ok);
            },
        );
    }

    stages.summarise();
    report(tree, &tally)
}

/// One run at a time: two would write into the same files, and take each other's time.
fn alone(tree: &Tree) -> Result<File, Failure> {
    let path = tree.target("test.lock");
    let file = File::create(&path).map_err(Failure::file(&path))?;
    if file.try_lock().is_err() {
        say("Another `cargo xtask test` is running here: waiting for its end.");
        file.lock().map_err(Failure::file(&path))?;
    }
    Ok(file)
}

/// One stage whose tests are added to the sum. A stage that breaks down is a failure like that of a test.
fn counted(stages: &mut Stages, sum: &mut Tally, name: &str, act: impl FnOnce() -> Result<Tally, Failure>) {
    stages.attempt(name, || match add(sum, name, act()) {
        0 => Ok(()),
        failed => Err(Failure::Tests { failed }),
    });
}

/// Adds what came of a stage to the sum; returns how many of its tests failed.
fn add(sum: &mut Tally, name: &str, outcome: Result<Tally, Failure>) -> usize {
    let tally = outcome.unwrap_or_else(|failure| {
        say(&failure.to_string());
        Tally::failure(name)
    });
    let failed = tally.failed;
    sum.add(tally);
    failed
}

fn needs_desktop(program: &TestProgram) -> bool {
    ON_A_DESKTOP.iter().any(|start| program.target.starts_with(start))
}

fn end_to_end_one(tree: &Tree, program: &TestProgram, logs: &Path) -> Result<Tally, Failure> {
    let desktop = needs_desktop(program).then(Desktop::new).transpose()?;
    program::run(tree, desktop.as_ref(), program, logs)
}

fn all(
    programs: &[TestProgram],
    mut run: impl FnMut(&TestProgram) -> Result<Tally, Failure>,
) -> Result<Tally, Failure> {
    let mut sum = Tally::default();
    for program in programs {
        sum.add(run(program)?);
    }
    Ok(sum)
}

fn vitest(tree: &Tree, logs: &Path) -> Result<Tally, Failure> {
    let report = logs.join("vitest.json");
    let mut command = tree.command("npx");
    command.args(["vitest", "run", "--reporter=default", "--reporter=json"]);
    command.arg(format!("--outputFile.json={}", report.display())).current_dir(tree.path("ui"));
    let ended = crate::tree::run(&mut command);
    let written = std::fs::read_to_string(&report).ok().and_then(|text| serde_json::from_str(&text).ok());
    match (written, ended) {
        (None, Err(failure)) => Err(failure),
        (None, Ok(())) => Ok(Tally::failure("ui: vitest wrote no report")),
        (Some(report), ended) => {
            let mut tally = Tally::of_vitest(&report);
            // An error outside of any test.
            if ended.is_err() && tally.failed == 0 {
                tally.add(Tally::failure("ui: vitest"));
            }
            Ok(tally)
        }
    }
}

fn documentation(tree: &Tree) -> Result<Tally, Failure> {
    let output = output_of(&mut tree.cargo(&["test", "--workspace", "--doc", "--locked", "--no-fail-fast"]));
    match output {
        Ok(output) => Ok(Tally::of_libtest("documentation", &output)),
        Err(Failure::Ended { .. }) => Ok(Tally::failure("documentation: see `cargo test --workspace --doc`")),
        Err(failure) => Err(failure),
    }
}

fn report(tree: &Tree, tally: &Tally) -> Result<(), Failure> {
    for name in &tally.failures {
        say(&format!("FAILED: {name}"));
    }
    for skipped in &tally.skipped {
        say(&format!("SKIPPED: {skipped}"));
    }
    let Tally { passed, failed, skipped, .. } = tally;
    let skipped = skipped.len();
    // Where everything can be had, everything is run.
    let may_skip = !cfg!(target_os = "linux") || output_of(tree.command("id").arg("-u"))?.trim() != "0";
    if skipped > 0 && !may_skip {
        say("As root on Linux no test may be skipped.");
    }
    say(&format!("{passed} passed, {failed} failed, {skipped} skipped"));
    if *failed == 0 && (skipped == 0 || may_skip) { Ok(()) } else { Err(Failure::Tests { failed: *failed }) }
}
