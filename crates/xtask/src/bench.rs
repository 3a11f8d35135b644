//! `cargo xtask bench`: measures the release build, beside what it is compared with, and writes `target/bench/report.json`.

use crate::desktop::Desktop;
use crate::stage::Stages;
use crate::tree::{Failure, Tree};
use crate::{compile, setup};

/// With the empty window that `start` and `memory` are compared with.
const BUILD: [&str; 4] = ["--workspace", "--release", "--features", "homeward-tests/empty-window"];

/// The command. `arguments` go to the benchmark itself: names of measurements, `--pairs N`.
pub(crate) fn run(tree: &Tree, arguments: &[String]) -> Result<(), Failure> {
    let mut stages = Stages::default();
    setup::for_tests(tree, &mut stages)?;
    stages.run("release build", || compile::programs(tree, &BUILD))?;
    let program = tree.target("release/bench").display().to_string();
    let words = std::iter::once(&program).chain(arguments).map(String::as_str).collect::<Vec<_>>();
    // The app wants a session bus and a keyring; those of whoever measures are not ours.
    let desktop = Desktop::new()?;
    stages.run("measurements", || desktop.run(tree, &words))
}
