//! What must be there before anything is built or run.

use crate::stage::Stages;
use crate::tree::{Failure, Tree};
use crate::{apt, python, tools, ui};

/// `cargo xtask setup`: everything that the other commands install, at once.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let mut stages = Stages::default();
    for_tests(tree, &mut stages)?;
    stages.summarise();
    Ok(())
}

/// To check: the window's libraries, the UI's packages and build, cargo-deny.
pub(crate) fn for_checks(tree: &Tree, stages: &mut Stages) -> Result<(), Failure> {
    stages.run("system packages", || apt::install(tree, &[&apt::BUILD]))?;
    for_checks_without_packages(tree, stages)
}

/// To test: all of it.
pub(crate) fn for_tests(tree: &Tree, stages: &mut Stages) -> Result<(), Failure> {
    let packages: [&[&str]; 4] = [&apt::BUILD, &apt::SERVER, &apt::VIRTUAL_DISPLAY, &apt::TESTS];
    stages.run("system packages", || apt::install(tree, &packages))?;
    for_checks_without_packages(tree, stages)?;
    stages.run("packages of the independent peers", || python::peers(tree))?;
    stages.run("tauri-driver", || driver(tree))
}

/// The program between a test and the window.
pub(crate) fn driver(tree: &Tree) -> Result<(), Failure> {
    tools::install(tree, &tools::TAURI_DRIVER)
}

fn for_checks_without_packages(tree: &Tree, stages: &mut Stages) -> Result<(), Failure> {
    stages.run("UI packages and build", || ui::build(tree))?;
    stages.run("cargo-deny", || tools::install(tree, &tools::CARGO_DENY))
}
