//! A Python environment under `target/`, from which Node is fetched where it is missing. (The tests make one of their own
//! for the independent peers.)

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
