//! `cargo xtask …`: the project's own commands. They set up what they need, so that Rust is the one prerequisite.

mod apt;
mod bench;
mod bundle;
mod check;
mod compile;
mod demo;
mod desktop;
mod fuzz;
mod gallery;
mod node;
mod python;
mod setup;
mod soak;
mod stage;
mod tally;
mod test;
mod tools;
mod tree;
mod ui;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::stage::say;
use crate::tree::Tree;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Homeward's own commands; each installs what it needs")]
struct Cli {
    #[command(subcommand)]
    command: Task,
    /// Install missing packages without asking (as where CI is set)
    #[arg(long, global = true)]
    yes: bool,
}

#[derive(Subcommand)]
enum Task {
    /// Show the app with a simulated home and a real XMPP server, all on loopback
    Demo {
        /// Run the whole journey in a virtual display even where there is a real one
        #[arg(long)]
        headless: bool,
    },
    /// Everything that can be tested here: lints, types, unit, UI, end to end, in the real window
    Test,
    /// Lints, types, licences, and the rules of the tree
    Check,
    /// Measure, and write target/bench/report.json
    Bench {
        /// What to pass on to the benchmark
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Ten minutes of random faults against a real server and simulated devices, repeatable by their seed
    Soak {
        /// What to pass on to it: --seconds N, --seed S, --reconnects N
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Look for bytes that a decoder of network input does not stand
    Fuzz {
        /// Which decoders: the names of the files in tests/fuzz/targets; all if none is named
        targets: Vec<String>,
        /// How long each
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Pictures of the tile and the page of every resource type, light and dark, in target/gallery/
    Gallery,
    /// Make the .deb
    Bundle,
    /// Install what the other commands need, and nothing more
    Setup,
    /// Run a command in a virtual display with a session bus and an unlocked keyring of its own
    Desktop {
        /// The command and its arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let tree = Tree::here(cli.yes);
    let outcome = match cli.command {
        Task::Demo { headless } => demo::run(&tree, headless),
        Task::Test => test::run(&tree),
        Task::Check => check::run(&tree),
        Task::Bench { arguments } => bench::run(&tree, &arguments),
        Task::Soak { arguments } => soak::run(&tree, &arguments),
        Task::Fuzz { targets, seconds } => fuzz::run(&tree, &targets, seconds),
        Task::Gallery => gallery::run(&tree),
        Task::Bundle => bundle::run(&tree),
        Task::Setup => setup::run(&tree),
        Task::Desktop { command } => desktop::run(&tree, &command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(&format!("\n{failure}"));
            ExitCode::from(failure.exit_code())
        }
    }
}
