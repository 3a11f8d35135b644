//! `homeward-simulator`: a simulated home for scripts, demonstrations and benches.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use homeward_simulator::commands::{self, Ready, Reply};
use homeward_simulator::{Home, Scenario};
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::sync::broadcast::error::RecvError;

/// Most devices on the local network: our choice, what the simulated home is tested with.
const MOST_ON_LAN: usize = 500;
/// Most devices that are on XMPP only. Our choice.
const MOST_ON_XMPP: usize = 5000;

/// A simulated home: OIC devices on CoAP and XMPP, with a knob for every fault.
///
/// Prints one line of JSON for each event, first "ready" with all devices. Ends on SIGINT or SIGTERM.
#[derive(Debug, Parser)]
#[command(version, after_help = commands::HELP)]
struct Options {
    /// How many devices: eight kinds first, then repeats with ids and names of their own. At most 500, with --xmpp-only 5000
    #[arg(long, value_name = "N", default_value_t = 8)]
    devices: usize,

    /// The network interface to be on; the loopback one if not given
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,

    /// An authority (PEM) whose XMPP servers the devices believe, beside the system's
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Where the devices keep what they hold over a restart: home.json, with their credentials, readable by you only
    #[arg(long, value_name = "FOLDER")]
    state: Option<PathBuf>,

    /// The longest that an answer to multicast waits, in milliseconds (RFC 7252 §8.2)
    #[arg(long, value_name = "N", default_value_t = 250)]
    leisure_ms: u64,

    /// From which the devices' ids follow
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Not on the local network at all
    #[arg(long)]
    xmpp_only: bool,

    /// Start with this account on all devices; the password comes from HOMEWARD_SIMULATOR_PASSWORD
    #[arg(long, value_name = "JID", requires = "server")]
    jid: Option<String>,

    /// The XMPP server's address, with --jid
    #[arg(long, value_name = "ADDRESS", requires = "jid")]
    server: Option<String>,

    /// The XMPP server's port, with --jid
    #[arg(long, value_name = "N", default_value_t = 5222)]
    port: u16,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let scenario = match scenario(options) {
        Ok(scenario) => scenario,
        Err(message) => return failed(&message),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.to_string()),
    };
    let code = match runtime.block_on(run(scenario)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => failed(&message),
    };
    // A thread may still wait for a line that never comes.
    runtime.shutdown_background();
    code
}

fn scenario(options: Options) -> Result<Scenario, String> {
    let most = if options.xmpp_only { MOST_ON_XMPP } else { MOST_ON_LAN };
    if options.devices == 0 || options.devices > most {
        return Err(format!("1 to {most} devices, not {}", options.devices));
    }
    let mut scenario = Scenario::devices(options.devices)
        .with_seed(options.seed)
        .with_leisure(Duration::from_millis(options.leisure_ms));
    if let Some(name) = options.interface {
        scenario = scenario.on_interface(name);
    }
    if let Some(ca) = options.ca {
        scenario = scenario.trusting(ca);
    }
    if let Some(folder) = options.state {
        scenario = scenario.keeping_state_in(folder);
    }
    if options.xmpp_only {
        scenario = scenario.over_xmpp_only();
    }
    if let (Some(jid), Some(server)) = (options.jid, options.server) {
        let password = std::env::var("HOMEWARD_SIMULATOR_PASSWORD")
            .map_err(|_| "HOMEWARD_SIMULATOR_PASSWORD is not set".to_owned())?;
        scenario = scenario.signed_in(&server, options.port, &jid, &password);
    }
    Ok(scenario)
}

async fn run(scenario: Scenario) -> Result<(), String> {
    let home = Home::start(scenario).await.map_err(|error| error.to_string())?;
    let mut events = home.events();
    print(&Ready::of(&home))?;
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut listening = true;
    let mut end = std::pin::pin!(told_to_end());
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => print(&event)?,
                Err(RecvError::Lagged(lost)) => print(&Lost { event: "lost", events: lost })?,
                Err(RecvError::Closed) => return Ok(()),
            },
            line = lines.next_line(), if listening => match line {
                Ok(Some(line)) if line.trim().is_empty() => {}
                Ok(Some(line)) => {
                    for reply in commands::obey(&home, &line) {
                        print::<Reply>(&reply)?;
                    }
                }
                Ok(None) | Err(_) => listening = false,
            },
            () = &mut end => break,
        }
    }
    home.stop().await;
    Ok(())
}

#[derive(Serialize)]
struct Lost {
    event: &'static str,
    events: u64,
}

async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn print<T: Serialize>(line: &T) -> Result<(), String> {
    let text = serde_json::to_string(line).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    // Nobody reads any more: the same as being told to end.
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| format!("standard output: {error}"))
}

fn failed(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "homeward-simulator: {message}");
    ExitCode::FAILURE
}
