//! `cargo xtask bundle`: the .deb, and whether what is in it can be installed and finds its libraries here.

use std::path::{Path, PathBuf};

use crate::stage::{Stages, say};
use crate::tree::{Failure, Tree, output_of, run as run_command};
use crate::{apt, ui};

/// The command.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::Missing("The .deb is made on Linux".to_owned()));
    }
    let mut stages = Stages::default();
    stages.run("system packages", || apt::install(tree, &[&apt::BUILD]))?;
    stages.run("UI packages and build", || ui::build(tree))?;
    stages.run("bundle", || {
        let tauri = tree.path("ui/node_modules/.bin/tauri").display().to_string();
        run_command(tree.command(&tauri).args(["build", "--bundles", "deb", "--", "--locked"]))
    })?;
    let package = newest_package(&tree.target("release/bundle/deb"))?;
    stages.run("what is in it", || examine(tree, &package))?;
    stages.summarise();
    say(&format!("\n{}\nInstall it: sudo apt-get install {0}", package.display()));
    Ok(())
}

fn newest_package(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).map_err(Failure::file(folder))?;
    let packages =
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "deb"));
    packages
        .max_by_key(|path| path.metadata().and_then(|data| data.modified()).ok())
        .ok_or_else(|| Failure::Found(vec![format!("{} holds no .deb", folder.display())]))
}

/// Its dependencies can be had, and the program in it finds every library.
fn examine(tree: &Tree, package: &Path) -> Result<(), Failure> {
    say(&output_of(tree.command("dpkg-deb").arg("--info").arg(package))?);
    output_of(tree.command("apt-get").args(["install", "--simulate"]).arg(package))?;
    let folder = tree.empty_folder("bundle")?;
    output_of(tree.command("dpkg-deb").arg("--extract").arg(package).arg(&folder))?;
    let program = folder.join("usr/bin/homeward");
    let libraries = output_of(tree.command("ldd").arg(&program))?;
    let missing = libraries.lines().filter(|line| line.contains("not found")).map(|line| line.trim().to_owned());
    let missing = missing.collect::<Vec<_>>();
    if missing.is_empty() { Ok(()) } else { Err(Failure::Found(missing)) }
}
