//! `homewardctl`: the home in a terminal, for scripts, integrators and machines without a display.
//!
//! Scope: options, output and exit codes over `homeward_core::Home`. Non-scope: all that is done with devices.

mod account;
mod arguments;
mod certificate;
mod devices;
mod discover;
mod exchange;
mod exit;
mod interrupt;
mod observe;
mod onboard;
mod output;
mod password;
mod progress;
mod request;
mod start;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use exit::{Exit, Failure};
use output::Output;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    output::start_log();
    let output = Output::new(arguments.common.json);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            output.note(&format!("the program cannot start: {error}"));
            return Exit::Refused.into();
        }
    };
    let exit = match runtime.block_on(run(&arguments, &output)) {
        Ok(exit) => exit,
        Err(failure) => {
            output.failed(&failure);
            failure.exit()
        }
    };
    // A keyring may still be thinking, on a thread of its own.
    runtime.shutdown_background();
    exit.into()
}

async fn run(arguments: &Arguments, output: &Output) -> Result<Exit, Failure> {
    let common = &arguments.common;
    match &arguments.command {
        Command::Discover => discover::run(common, output).await,
        Command::Account(command) => account::run(common, command, output).await,
        Command::Onboard(options) => onboard::run(common, options, output).await,
        Command::Devices => devices::run(common, output).await,
        Command::Get(asking) => request::run(common, asking.target.request(), asking.show, output).await,
        Command::Post(target) => request::run(common, target.post(), target.show, output).await,
        Command::Put(target) => request::run(common, target.put(), target.show, output).await,
        Command::Delete(asking) => request::run(common, asking.target.delete(), asking.show, output).await,
        Command::Observe(options) => observe::run(common, options, output).await,
    }
}
