//! The types that ts-rs makes for the UI from Rust's: those committed must be those that the code makes now.

use std::collections::BTreeMap;
use std::path::Path;

use crate::compile::TestProgram;
use crate::tree::{Failure, Tree, run};

const COMMITTED: &str = "ui/src/host/bindings";

/// Exports into a temporary folder and compares.
pub(super) fn are_fresh(tree: &Tree, tests: &[TestProgram]) -> Result<(), Failure> {
    let folder = tree.empty_folder("check/bindings")?;
    for test in tests.iter().filter(|test| test.kind == "lib") {
        let mut command = tree.command(&test.executable.display().to_string());
        command.args(["--quiet", "export_bindings"]).env("TS_RS_EXPORT_DIR", &folder);
        run(command.current_dir(&test.folder).stdout(std::process::Stdio::null()))?;
    }
    let (made, committed) = (contents(&folder)?, contents(&tree.path(COMMITTED))?);
    if made.is_empty() {
        return Err(Failure::Found(vec!["No test of ts-rs wrote anything".to_owned()]));
    }
    let mut found = Vec::new();
    for (name, text) in &made {
        match committed.get(name) {
            None => found.push(format!("{COMMITTED}/{name} is missing")),
            Some(old) if old != text => found.push(format!("{COMMITTED}/{name} is out of date")),
            Some(_) => {}
        }
    }
    let left = committed.keys().filter(|name| !made.contains_key(*name));
    found.extend(left.map(|name| format!("{COMMITTED}/{name} is made by nothing any more")));
    if !found.is_empty() {
        found.push(format!("`cargo test export_bindings --workspace` writes {COMMITTED} anew."));
    }
    super::none(found)
}

/// Path below `folder` and text of every `.ts` file.
fn contents(folder: &Path) -> Result<BTreeMap<String, String>, Failure> {
    let mut contents = BTreeMap::new();
    for path in super::files(folder, &[".ts"])? {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        contents.insert(name, super::read(&path)?);
    }
    Ok(contents)
}
