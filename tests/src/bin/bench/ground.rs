//! What the measurements stand on: a server, simulated devices, a home, slixmpp; each a process of its own but the home.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use homeward_core::config::Slot;
use homeward_core::view::Snapshot;
use homeward_core::{Config, Event, Home};
use homeward_tests::server::{Kind, PASSWORD, Server, password};
use homeward_tests::{python, workspace};
use homeward_xmpp::{Account, Trust};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use xtask::servers::Options;

use crate::program::Program;

/// Our choice: after this something is broken, not slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Milliseconds since then.
pub(crate) fn ms_since(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1000.0
}

/// Prosody with the test account.
pub(crate) async fn server() -> Server {
    Server::start_with(Kind::Prosody, Options::default()).await
}

/// The test account, to sign in at `server` as this resource.
pub(crate) fn account(server: &Server, resource: &str) -> Account {
    Account {
        jid: server.jid().parse().expect("our own account"),
        password: PASSWORD.to_owned().into(),
        resource: resource.to_owned(),
        server: server.host(),
        port: server.port(),
        trust: Trust::load(Some(&server.ca_file())).expect("the server's own CA"),
        layer_deadline: Duration::from_secs(30),
        at_least: None,
        resumes: false,
    }
}

/// The same for another process; goes through its standard input.
pub(crate) fn account_in_words(server: &Server) -> Value {
    json!({
        "jid": server.jid(), "password": PASSWORD, "server": server.host(), "port": server.port(), "ca": server.ca_file(),
    })
}

/// One of our own roles in a process of its own.
pub(crate) fn role(name: &str) -> Program {
    let me = std::env::current_exe().expect("a running program has a path");
    let mut command = Command::new(me);
    command.args(["--role", name]);
    Program::start(command)
}

/// A slixmpp process: `tests/peers/bench_xmpp.py`, with these full JIDs' resources signed in.
pub(crate) async fn slixmpp(server: &Server, resources: &[String], answer: &Value) -> Program {
    let mut command = Command::new(python::interpreter());
    command.arg(workspace().join("tests/peers/bench_xmpp.py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    let mut program = Program::start(command);
    let mut words = account_in_words(server);
    words["resources"] = json!(resources);
    words["answer"] = answer.clone();
    program.tell(&words).await;
    program.event("ready").await;
    program
}

/// The simulated home in a process of its own.
pub(crate) struct Simulated {
    pub(crate) program: Program,
    /// The ids of the devices that have Remote Access.
    pub(crate) remote: Vec<String>,
    /// The ids of all.
    pub(crate) all: Vec<String>,
}

impl Simulated {
    /// So many devices on loopback, which do not know any account yet.
    pub(crate) async fn on_loopback(server: &Server, devices: usize, seed: usize) -> Simulated {
        Self::start(server, devices, |command| {
            command.args(["--seed", &seed.to_string()]);
        })
        .await
    }

    /// So many devices with Remote Access, at the server already.
    pub(crate) async fn at_server(server: &Server, devices: usize) -> Simulated {
        // Each eighth has none.
        let with_others = devices + devices.saturating_sub(1) / 7;
        let mut simulated = Self::start(server, with_others, |command| {
            let (jid, host, port) = (server.jid(), server.host(), server.port().to_string());
            command.args(["--xmpp-only", "--jid", &jid, "--server", &host, "--port", &port]);
            command.env("HOMEWARD_SIMULATOR_PASSWORD", PASSWORD);
        })
        .await;
        assert_eq!(simulated.remote.len(), devices, "the cast is another one now");
        let mut missing: HashSet<String> = simulated.remote.iter().cloned().collect();
        let signed_in = |line: Value| {
            if line["event"] == "xmpp" && line["state"] == "Connected" {
                missing.remove(line["di"].as_str().unwrap_or_default());
            }
            missing.is_empty().then_some(())
        };
        simulated.program.says("the last sign-in", signed_in).await;
        simulated
    }

    async fn start(server: &Server, devices: usize, how: impl FnOnce(&mut Command)) -> Simulated {
        let mut command = Command::new(homeward_tests::program("homeward-simulator"));
        command.args(["--devices", &devices.to_string(), "--interface", "lo", "--leisure-ms", "0"]);
        command.arg("--ca").arg(server.ca_file());
        how(&mut command);
        let mut program = Program::start(command);
        let ready = program.event("ready").await;
        let devices = ready["devices"].as_array().expect("a list");
        let di = |device: &Value| device["di"].as_str().expect("an id").to_owned();
        let remote = devices.iter().filter(|device| !device["remoteAccess"].is_null()).map(di).collect();
        let all = devices.iter().map(di).collect();
        Simulated { program, remote, all }
    }
}

/// Opens a home that is limited to loopback and has the password at hand. Not in the app's slot: that one tries the
/// keyring, which is somebody's.
pub(crate) async fn home(folder: &Path) -> Home {
    let mut config = Config::new(PathBuf::from(folder), Slot::FirstFree);
    config.interfaces = vec!["lo".to_owned()];
    config.password = Some(password());
    Home::open(config).await.unwrap_or_else(|error| panic!("the home does not open: {error:?}"))
}

/// The same, with the test account, signed in.
pub(crate) async fn signed_in_home(folder: &Path, server: &Server) -> Home {
    let home = home(folder).await;
    home.set_account(&server.form(), None).await.unwrap_or_else(|error| panic!("the account is refused: {error:?}"));
    home.connected(PATIENCE).await.unwrap_or_else(|error| panic!("not connected: {error:?}"));
    home
}

/// Tells `hear` everything that a reader of the home learns, first what is so already, until it has heard what it wants.
///
/// # Panics
/// When that does not come within [`PATIENCE`].
pub(crate) async fn until<T>(home: &Home, what: &str, mut hear: impl FnMut(&Event) -> Option<T>) -> T {
    let mut events = home.subscribe();
    let hearing = async {
        if let Some(heard) = from_snapshot(home.snapshot(), &mut hear) {
            return heard;
        }
        loop {
            // A subscription's first batch comes at once, later ones up to 50 ms after what they tell: that would be the
            // better part of what is measured here. What two subscriptions both tell does no harm.
            let fresh = home.subscribe();
            match events.next().await {
                None => panic!("the home closed before: {what}"),
                Some(Err(_)) => {
                    if let Some(heard) = from_snapshot(home.snapshot(), &mut hear) {
                        return heard;
                    }
                }
                Some(Ok(batch)) => {
                    if let Some(heard) = batch.iter().find_map(|numbered| hear(&numbered.event)) {
                        return heard;
                    }
                }
            }
            events = fresh;
        }
    };
    timeout(PATIENCE, hearing).await.unwrap_or_else(|_| panic!("did not happen within {PATIENCE:?}: {what}"))
}

fn from_snapshot<T>(snapshot: Snapshot, hear: &mut impl FnMut(&Event) -> Option<T>) -> Option<T> {
    let devices = snapshot.devices.into_iter().map(|device| Event::DeviceChanged { device: Box::new(device) });
    let runs = snapshot.runs.into_iter().map(|run| Event::RunChanged { run });
    devices.chain(runs).find_map(|event| hear(&event))
}

/// Waits until so many devices are available at the server.
pub(crate) async fn available(home: &Home, devices: usize) {
    let mut seen = HashSet::new();
    let what = format!("{devices} devices at the server");
    until(home, &what, |event| {
        if let Event::DeviceChanged { device } = event {
            if device.remote.as_ref().is_some_and(|remote| remote.available) {
                seen.insert(device.id.clone());
            } else {
                seen.remove(&device.id);
            }
        }
        (seen.len() >= devices).then_some(())
    })
    .await;
}
