//! `cargo xtask check`: lints, types, licences, and the rules of the tree.

mod bindings;
mod conformance;
mod notices;
mod purity;
mod window;

use std::path::{Path, PathBuf};

use crate::compile::{self, TestProgram};
use crate::setup;
use crate::stage::Stages;
use crate::tree::{Failure, Tree, run as run_command};

/// The command: sets up, builds, checks.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let mut stages = Stages::default();
    setup::for_checks(tree, &mut stages)?;
    lints(tree, &mut stages);
    if let Some(tests) = stages.attempt("build", || compile::everything(tree)) {
        stages.attempt("types shared with the UI", || bindings::are_fresh(tree, &tests));
    }
    rules(tree, &mut stages);
    stages.summarise();
    match stages.failed().len() {
        0 => Ok(()),
        failed => Err(Failure::Tests { failed }),
    }
}

/// The checks that need no build of the tests.
pub(crate) fn lints(tree: &Tree, stages: &mut Stages) {
    stages.attempt("rustfmt", || run_command(&mut tree.cargo(&["fmt", "--all", "--check"])));
    stages.attempt("clippy", || {
        // With the two features that only `cargo xtask bench` and `fuzz` switch on.
        let features = "homeward-tests/empty-window,homeward-fuzz/targets";
        let what = ["--workspace", "--all-targets", "--features", features];
        let mut clippy = tree.cargo(&["clippy", "--locked", "--keep-going"]);
        run_command(clippy.args(what).args(["--", "--deny", "warnings"]))
    });
    stages.attempt("rustdoc", || {
        let doc = ["doc", "--workspace", "--no-deps", "--locked"];
        run_command(tree.cargo(&doc).env("RUSTDOCFLAGS", "--deny warnings"))
    });
    stages.attempt("UI types", || {
        run_command(tree.command("npm").args(["run", "--silent", "check"]).current_dir(tree.path("ui")))
    });
    stages.attempt("licences, sources and bans of dependencies", || {
        run_command(&mut tree.cargo(&["deny", "--locked", "check", "bans", "licenses", "sources"]))?;
        notices::are_complete(tree)
    });
}

/// The rules of this tree that no lint knows.
pub(crate) fn rules(tree: &Tree, stages: &mut Stages) {
    stages.attempt("who may depend on whom", || purity::holds(tree));
    stages.attempt("who may import whom in the UI", || window::imports_hold(tree));
    stages.attempt("what the UI may call", || window::commands_are_allowed(tree));
    stages.attempt("no simulated host in the UI's bundle", || window::bundle_is_real(tree));
    stages.attempt("docs/protocol.md names a file and a test for each requirement", || conformance::holds(tree));
}

/// Whether the committed types are those that the code makes now.
pub(crate) fn bindings(tree: &Tree, tests: &[TestProgram]) -> Result<(), Failure> {
    bindings::are_fresh(tree, tests)
}

/// All files below `folder` whose name ends with one of `endings`, without `node_modules`.
fn files(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path.is_dir() {
            if !path.ends_with("node_modules") {
                found.extend(files(&path, endings)?);
            }
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(Failure::file(path))
}

/// `Ok` if nothing was found.
fn none(found: Vec<String>) -> Result<(), Failure> {
    if found.is_empty() { Ok(()) } else { Err(Failure::Found(found)) }
}
