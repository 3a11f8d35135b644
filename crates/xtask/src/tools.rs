//! Programs from the Rust world that the checks and tests use, built once into `target/tools`.

use crate::stage::say;
use crate::tree::{Failure, Tree, run, succeeds};

/// A program, its version, and how it is asked for it.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
}

/// Licences, sources and bans of the dependencies.
pub(crate) const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };
/// Between the tests and the window's WebKitWebDriver; the newest is an alpha.
pub(crate) const TAURI_DRIVER: Tool = Tool { name: "tauri-driver", version: "2.1.0" };

/// Builds the fuzz targets so that libFuzzer sees what they cover.
pub(crate) const CARGO_FUZZ: Tool = Tool { name: "cargo-fuzz", version: "0.13.2" };

/// Builds the tool if this version of it is not there.
pub(crate) fn install(tree: &Tree, tool: &Tool) -> Result<(), Failure> {
    let Tool { name, version } = tool;
    let mark = tree.target(&format!("tools/{name}-{version}"));
    if mark.exists() && succeeds(tree.command(name).arg("--help")) {
        return Ok(());
    }
    say(&format!("{name} {version} is built once, into target/tools."));
    let root = tree.target("tools");
    // Unoptimised: half the time to build, and it runs for seconds.
    let install = ["install", "--quiet", "--locked", "--debug", "--force", name, "--version", version, "--root"];
    run(tree.cargo(&install).arg(&root))?;
    std::fs::write(&mark, "").map_err(Failure::file(&mark))
}
