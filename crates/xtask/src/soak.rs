//! `cargo xtask soak`: ten minutes of random faults against a real server and simulated devices, or as many as are wanted.

use crate::stage::Stages;
use crate::tree::{Failure, Tree, run as run_command};
use crate::{apt, compile, ui};

/// The command. `arguments` go to the soak itself: `--seconds N`, `--seed S`, `--reconnects N`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let mut stages = Stages::default();
    stages.run("system packages", || apt::install(tree, &[&apt::BUILD, &apt::SERVER]))?;
    // The app is one of the workspace's programs, and embeds it.
    stages.run("UI packages and build", || ui::build(tree))?;
    stages.run("build", || compile::programs(tree, &["--workspace"]))?;
    let mut soak = tree.command(&tree.target("debug/soak").display().to_string());
    stages.run("soak", || run_command(soak.args(arguments)))?;
    stages.summarise();
    Ok(())
}
