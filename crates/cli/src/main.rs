//! `homewardctl`: the home in a terminal, for scripts, integrators and machines without a display.
//!
//! Scope: options, output and exit codes over `homeward_core::Home`. Non-scope: all that is done with devices.

mod account;
mod arguments;
mod backup;
mod certificate;
mod change_password;
mod devices;
mod discover;
mod exchange;
mod exit;
mod interrupt;
mod moving;
mod observe;
mod onboard;
mod output;
mod own;
mod password;
mod progress;
mod request;
mod rotate;
mod start;
mod way_back;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use exit::{Exit, Failure};
use output::Output;
use way_back::WayBack;

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
        Command::Move(command) => moving::run(common, command, output).await,
        Command::Undo(options) => way_back::run(common, options, WayBack::Undo, output).await,
        Command::TakeBack(options) => way_back::run(common, options, WayBack::TakeBack, output).await,
        Command::AccountFor(options) => own::account_for(common, options, output).await,
        Command::Rotate(options) => rotate::run(common, options, output).await,
        Command::ShutOut(options) => own::shut_out(common, options, output).await,
        Command::Own(options) => own::run(common, options, output).await,
        Command::FinishOwn(options) => own::finish(common, options, output).await,
        Command::GiveUp(options) => own::give_up(common, options, output).await,
        Command::ForgetKey(options) => own::forget_key(common, options, output).await,
        Command::Backup(command) => backup::run(common, command, output).await,
        Command::Devices => devices::run(common, output).await,
        Command::Get(asking) => request::run(common, asking.target.request(), asking.show, output).await,
        Command::Post(target) => request::run(common, target.post(), target.show, output).await,
        Command::Put(target) => request::run(common, target.put(), target.show, output).await,
        Command::Delete(asking) => request::run(common, asking.target.delete(), asking.show, output).await,
        Command::Observe(options) => observe::run(common, options, output).await,
    }
}
