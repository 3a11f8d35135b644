//! The Python in which the independent peers run.

use std::path::PathBuf;

use crate::workspace;

/// The interpreter with aiocoap and slixmpp, pinned by `tests/requirements.txt`. The set-up of `cargo xtask test` makes it:
/// a test has a network of its own, from which no package is to be had.
///
/// # Panics
/// When it is not there, or has other packages than are wanted now.
pub fn interpreter() -> PathBuf {
    let folder = workspace().join("target/tools/peers");
    let wanted = std::fs::read(workspace().join("tests/requirements.txt")).expect("the list is in the tree");
    let installed = std::fs::read(folder.join("installed.txt")).unwrap_or_default();
    assert!(installed == wanted, "the independent peers' packages are not installed: run `cargo xtask setup`");
    folder.join("venv/bin/python")
}
