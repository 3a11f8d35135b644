//! Building the workspace, and what came out of it.
//!
//! Everything is built by one invocation with one set of packages: cargo unites the features of the packages it is
//! asked for, so another set would build half of the tree a second time.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;

use crate::tree::{Failure, Tree};

/// An executable made from `#[test]` functions.
#[derive(Clone, Debug)]
pub(crate) struct TestProgram {
    /// Folder of its package.
    pub(crate) folder: PathBuf,
    /// Name of the target: that of the package for unit tests, of the file for the others.
    pub(crate) target: String,
    /// `lib`, `bin` or `test`.
    pub(crate) kind: String,
    /// The program.
    pub(crate) executable: PathBuf,
}

impl TestProgram {
    /// What to call it: `crates/core (library)`, `crates/cli/usage`.
    pub(crate) fn name(&self, tree: &Tree) -> String {
        let folder = self.folder.strip_prefix(tree.path("")).unwrap_or(&self.folder).display();
        match self.kind.as_str() {
            "test" => format!("{folder}/{}", self.target),
            "bin" => format!("{folder} (program {})", self.target),
            _ => format!("{folder} (library)"),
        }
    }
}

/// Builds every library, program and test; returns the test programs.
pub(crate) fn everything(tree: &Tree) -> Result<Vec<TestProgram>, Failure> {
    build(tree, &["--workspace", "--lib", "--bins", "--tests"])
}

/// Builds the programs alone; `how` may name packages or a profile.
pub(crate) fn programs(tree: &Tree, how: &[&str]) -> Result<(), Failure> {
    build(tree, &[&["--bins"], how].concat()).map(drop)
}

fn build(tree: &Tree, arguments: &[&str]) -> Result<Vec<TestProgram>, Failure> {
    let mut command = tree.cargo(&["build", "--locked", "--message-format=json-render-diagnostics"]);
    let mut cargo = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    let mut tests = Vec::new();
    if let Some(output) = cargo.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(Failure::file(Path::new("cargo's output")))?;
            tests.extend(serde_json::from_str(&line).ok().and_then(|message| test_program(&message)));
        }
    }
    let status = cargo.wait().map_err(|source| Failure::Start { program: "cargo".to_owned(), source })?;
    if status.success() {
        tests.sort_by(|a, b| (&a.folder, &a.target).cmp(&(&b.folder, &b.target)));
        Ok(tests)
    } else {
        Err(Failure::Ended { command: format!("cargo build {}", arguments.join(" ")), status })
    }
}

fn test_program(message: &Value) -> Option<TestProgram> {
    if message.pointer("/profile/test")? != &Value::Bool(true) {
        return None;
    }
    let kind = message.pointer("/target/kind/0")?.as_str()?;
    Some(TestProgram {
        folder: Path::new(message.get("manifest_path")?.as_str()?).parent()?.to_owned(),
        target: message.pointer("/target/name")?.as_str()?.to_owned(),
        kind: if ["bin", "test"].contains(&kind) { kind.to_owned() } else { "lib".to_owned() },
        executable: PathBuf::from(message.get("executable")?.as_str()?),
    })
}

#[cfg(test)]
mod tests {
    use super::test_program;
    use serde_json::json;

    #[test]
    fn only_what_was_built_as_a_test_is_a_test_program() {
        let message = |is_test: bool| {
            json!({
                "reason": "compiler-artifact",
                "manifest_path": "/tree/crates/core/Cargo.toml",
                "target": {"kind": ["lib"], "name": "homeward_core"},
                "profile": {"test": is_test},
                "executable": "/tree/target/debug/deps/homeward_core-1",
            })
        };
        let program = test_program(&message(true)).expect("a test program");
        assert_eq!((program.target.as_str(), program.kind.as_str()), ("homeward_core", "lib"));
        assert!(program.folder.ends_with("crates/core"));
        assert!(test_program(&message(false)).is_none());
        assert!(test_program(&json!({"reason": "build-finished", "success": true})).is_none());
    }
}
