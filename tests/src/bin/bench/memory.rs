//! `memory`: what the home, and the app with its web view, hold in memory with no device and with fifty.
//!
//! A page that several processes share counts for each as its part (`Pss` of /proc/PID/smaps_rollup), so that the sum over the
//! app's processes counts nothing twice.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use crate::ground::{Simulated, available, home, role, server, signed_in_home};
use crate::program::Program;
use crate::report::{Goal, Measurement, Series};
use crate::window::{App, Display, proportional_mib, resident_mib};

const DEVICES: usize = 50;
/// Our choice: the web view has drawn what it has, and returned what it does not need.
const SETTLED: Duration = Duration::from_secs(3);

/// A home of its own: opens the folder it is told, waits for the devices, and says that it is ready.
pub(crate) fn play() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = String::new();
        input.read_line(&mut line).await.expect("standard input");
        let words: Value = serde_json::from_str(&line).expect("JSON");
        let home = home(words["folder"].as_str().unwrap_or_default().as_ref()).await;
        if let Some(devices) = words["devices"].as_u64().and_then(|devices| usize::try_from(devices).ok()) {
            available(&home, devices).await;
        }
        let _ = writeln!(std::io::stdout(), "{}", json!({ "event": "ready" }));
        // Whoever started us closes it.
        let _ = input.read_to_string(&mut line).await;
        home.close().await;
    });
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

/// Resident memory, in MiB.
pub(crate) async fn resident(pairs: usize) -> Measurement {
    let server = server().await;
    let simulated = Simulated::at_server(&server, DEVICES).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = signed_in_home(folder.path(), &server).await;
    first.close().await;
    drop(first);
    let display = Display::start().await;
    let [mut empty, mut full, mut app_alone, mut app_all, mut app_full_alone, mut app_full_all, mut bare_all] = [
        "home, no account",
        "home, 50 devices",
        "app, no account, own process",
        "app, no account, with web view",
        "app, 50 devices, own process",
        "app, 50 devices, with web view",
        "empty Tauri window, with web view",
    ]
    .map(Series::new);
    for _ in 0..pairs {
        let nothing = tempfile::tempdir().expect("a temporary folder");
        let program = home_in(&nothing, None).await;
        empty.push(resident_mib(program.id()));
        program.end().await;
        let program = home_in(&folder, Some(DEVICES)).await;
        full.push(resident_mib(program.id()));
        program.end().await;
        let app = App::homeward(&display, nothing.path());
        let (own, all) = once_quiet(app).await;
        app_alone.push(own);
        app_all.push(all);
        let app = App::homeward(&display, folder.path());
        let (own, all) = once_quiet(app).await;
        app_full_alone.push(own);
        app_full_all.push(all);
        bare_all.push(once_quiet(App::empty(&display)).await.1);
    }
    simulated.program.end().await;
    Measurement {
        what: "memory once it is quiet: VmRSS of one process; with the web view, Pss of all the app's processes"
            .to_owned(),
        unit: "MiB",
        series: vec![empty, full, app_alone, app_full_alone, app_all, app_full_all, bare_all],
        goals: vec![Goal::Ratio {
            of: "app, 50 devices, with web view",
            to: "empty Tauri window, with web view",
            at_most: None,
        }],
        notes: vec!["the fifty devices are at the server, and the app shows them".to_owned()],
    }
}

async fn home_in(folder: &tempfile::TempDir, devices: Option<usize>) -> Program {
    let mut program = role("home");
    program.tell(&json!({ "folder": folder.path(), "devices": devices })).await;
    program.event("ready").await;
    program
}

/// Of the process that was started, and of it with all that it started.
async fn once_quiet(app: App<'_>) -> (f64, f64) {
    app.painted().await;
    tokio::time::sleep(SETTLED).await;
    let memory = (resident_mib(app.id()), proportional_mib(app.id()));
    app.end().await;
    memory
}
