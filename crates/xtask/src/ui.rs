//! The UI's packages and its build, made again only when something changed.

use std::path::Path;
use std::time::SystemTime;

use crate::tree::{Failure, Tree, run};

/// `npm ci`, if the lock file is newer than what is installed.
pub(crate) fn packages(tree: &Tree) -> Result<(), Failure> {
    crate::node::install(tree)?;
    let installed = tree.path("ui/node_modules/.package-lock.json");
    if changed(&tree.path("ui/package-lock.json")) <= changed(&installed) {
        return Ok(());
    }
    run(tree.command("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(tree.path("ui")))
}

/// `ui/dist`, if a source is newer.
pub(crate) fn build(tree: &Tree) -> Result<(), Failure> {
    packages(tree)?;
    if newest(&tree.path("ui"), tree)? <= changed(&tree.path("ui/dist/index.html")) {
        return Ok(());
    }
    run(tree.command("npm").args(["run", "build"]).current_dir(tree.path("ui")))
}

/// When the file was last changed; the beginning of time if it is not there.
fn changed(path: &Path) -> SystemTime {
    path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The last change of any source of the UI.
fn newest(folder: &Path, tree: &Tree) -> Result<SystemTime, Failure> {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in std::fs::read_dir(folder).map_err(Failure::file(folder))? {
        let path = entry.map_err(Failure::file(folder))?.path();
        if path == tree.path("ui/dist") || path.ends_with("node_modules") {
            continue;
        }
        latest = latest.max(if path.is_dir() { newest(&path, tree)? } else { changed(&path) });
    }
    Ok(latest)
}
