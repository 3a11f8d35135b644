//! `cargo xtask gallery`: pictures of the tiles and pages of every resource type, light and dark, in `target/gallery/`.

use crate::desktop::Desktop;
use crate::stage::{Stages, say};
use crate::tree::{Failure, Tree};
use crate::{compile, setup};

/// The command.
pub(crate) fn run(tree: &Tree) -> Result<(), Failure> {
    let mut stages = Stages::default();
    setup::for_tests(tree, &mut stages)?;
    stages.run("build", || compile::programs(tree, &["--workspace"]))?;
    let folder = tree.empty_folder("gallery")?;
    let program = tree.target("debug/gallery").display().to_string();
    let desktop = Desktop::new()?;
    stages.run("the pictures", || desktop.run(tree, &[&program, &folder.display().to_string()]))?;
    stages.summarise();
    say(&format!("\nPictures: {}", folder.display()));
    Ok(())
}
