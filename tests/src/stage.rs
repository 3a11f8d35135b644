//! A real server, a state folder and a [`Home`] that is limited to loopback.

use std::path::PathBuf;
use std::time::Duration;

use homeward_core::config::Slot;
use homeward_core::view::{AccountForm, Connection, Device, OnboardChoice, Presence, Run, RunState, Snapshot};
use homeward_core::{Config, Home};
use tokio::time::{Instant, timeout_at};
use xtask::servers::Options;

use crate::peer::PATIENCE;
use crate::server::{Kind, Server, password};

/// A server and a home, not signed in yet.
pub struct Stage {
    /// Ended before the server, so that its farewell is heard.
    pub home: Home,
    /// The real server.
    pub server: Server,
    /// `HOMEWARD_HOME`; removed with the stage.
    pub folder: tempfile::TempDir,
}

impl Stage {
    /// Starts the server, and opens a home in an empty folder.
    pub async fn start(kind: Kind) -> Stage {
        Self::start_with(kind, Options::default()).await
    }

    /// The same, with the server's options.
    pub async fn start_with(kind: Kind, options: Options) -> Stage {
        let server = Server::start_with(kind, options).await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = open_home(folder.path().to_owned(), |_| ()).await;
        Stage { home, server, folder }
    }

    /// Starts all, and signs in.
    pub async fn signed_in(kind: Kind) -> Stage {
        let stage = Self::start(kind).await;
        stage.sign_in().await;
        stage
    }

    /// Keeps the account and waits for the connection.
    pub async fn sign_in(&self) {
        set_account(&self.home, &self.server.form()).await;
        self.home.connected(PATIENCE).await.unwrap_or_else(|error| panic!("not connected: {error:?}"));
    }

    /// Searches until a device with this id answers on the network.
    pub async fn found(&self, id: &str) -> Device {
        self.home.start_search();
        device(&self.home, id, "found on the network", |device| device.lan.is_some()).await
    }

    /// Onboards one device, in clear text where it must be, and waits for the end of the run.
    pub async fn onboard(&self, id: &str) -> Run {
        let choice = OnboardChoice { id: id.to_owned(), allow_unencrypted: true };
        self.home.onboard(vec![choice]).await.unwrap_or_else(|error| panic!("onboarding {id}: {error:?}"));
        run_ended(&self.home, id).await
    }

    /// Finds and onboards one device, and waits until it is online for us.
    pub async fn onboarded(&self, id: &str) -> Device {
        self.found(id).await;
        let run = self.onboard(id).await;
        assert_eq!(run.state, RunState::Onboarded, "{run:#?}");
        device(&self.home, id, "online at the server", |device| {
            device.presence == Presence::Online && device.remote.as_ref().is_some_and(|remote| remote.available)
        })
        .await
    }
}

/// Opens a home that searches loopback only; `change` has the last word.
///
/// # Panics
/// When it does not open.
pub async fn open_home(folder: PathBuf, change: impl FnOnce(&mut Config)) -> Home {
    let mut config = Config::new(folder, Slot::App);
    config.interfaces = vec!["lo".to_owned()];
    change(&mut config);
    Home::open(config).await.unwrap_or_else(|error| panic!("the home does not open: {error:?}"))
}

/// Keeps the test account.
///
/// # Panics
/// When the home refuses it.
pub async fn set_account(home: &Home, form: &AccountForm) {
    let set = home.set_account(form, Some(password())).await;
    set.unwrap_or_else(|error| panic!("the account is refused: {error:?}"));
}

/// Waits until `pick` finds what it looks for in the home's state.
///
/// # Panics
/// When that does not happen within [`PATIENCE`]; the message shows the last state.
pub async fn until<T>(home: &Home, what: &str, pick: impl FnMut(&Snapshot) -> Option<T>) -> T {
    until_within(home, what, PATIENCE, pick).await
}

/// The same, with another patience.
///
/// # Panics
/// As [`until`].
pub async fn until_within<T>(
    home: &Home,
    what: &str,
    patience: Duration,
    mut pick: impl FnMut(&Snapshot) -> Option<T>,
) -> T {
    let end = Instant::now() + patience;
    loop {
        // A new one each time: its first batch comes at once, later ones are held back for others to join them.
        let mut events = home.subscribe();
        let snapshot = home.snapshot();
        if let Some(found) = pick(&snapshot) {
            return found;
        }
        match timeout_at(end, events.next()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the home closed before: {what}"),
            Err(_) => panic!("did not happen within {patience:?}: {what}\n{:#?}", home.snapshot()),
        }
    }
}

/// Waits until a device is as `fits` says.
pub async fn device(home: &Home, id: &str, what: &str, fits: impl Fn(&Device) -> bool) -> Device {
    until(home, &format!("{id} {what}"), |snapshot| {
        snapshot.devices.iter().find(|device| device.id == id && fits(device)).cloned()
    })
    .await
}

/// Waits until a device's run has ended, however.
pub async fn run_ended(home: &Home, id: &str) -> Run {
    // One exchange that a bad network loses altogether takes 45 s of it.
    until_within(home, &format!("the end of {id}'s run"), Duration::from_secs(120), |snapshot| {
        let run = snapshot.runs.iter().find(|run| run.id == id)?;
        (!run.state.is_under_way()).then(|| run.clone())
    })
    .await
}

/// Waits until the link to the server is as `fits` says.
pub async fn connection(home: &Home, what: &str, fits: impl Fn(&Connection) -> bool) -> Connection {
    until(home, what, |snapshot| fits(&snapshot.connection).then(|| snapshot.connection.clone())).await
}
