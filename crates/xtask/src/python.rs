//! Python environments under `target/`: one from which Node is fetched where it is missing, and one in which the tests'
//! independent peers run.

use std::path::Path;

use crate::tree::{Failure, Tree, run};

/// Makes a virtual environment if it is not there; returns the path of its interpreter.
pub(crate) fn environment(tree: &Tree, folder: &Path) -> Result<String, Failure> {
    let python = folder.join("bin/python");
    if !python.exists() {
        crate::apt::install(tree, &[&["python3-venv"]])?;
        run(tree.command("python3").args(["-m", "venv"]).arg(folder))?;
    }
    Ok(python.display().to_string())
}

/// Installs the independent peers' packages, if their list has changed. Before any test: each has a network of its own,
/// from which no package is to be had.
pub(crate) fn peers(tree: &Tree) -> Result<(), Failure> {
    let folder = tree.target("tools/peers");
    let (wanted, done) = (tree.path("tests/requirements.txt"), folder.join("installed.txt"));
    if std::fs::read(&done).ok() == std::fs::read(&wanted).ok() {
        return Ok(());
    }
    let python = environment(tree, &folder.join("venv"))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
    run(tree.command(&python).args(pip).arg(&wanted))?;
    std::fs::copy(&wanted, &done).map_err(Failure::file(&done))?;
    Ok(())
}
