//! Opens the home as the options say, and closes it again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use homeward_core::config::{self, Slot};
use homeward_core::view::{Connection, Snapshot};
use homeward_core::{Code, Config, Error, Home, Secret};

use crate::arguments::Common;
use crate::exit::{Exit, Failure};
use crate::password;

/// The app's identifier: its data folder bears this name.
const IDENTIFIER: &str = "io.github.homeward.app";
/// Our choice: what a good-bye to the server may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// Whether a command needs the XMPP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Connect with the saved account, if there is one.
    Connect,
    /// Stay away.
    StayAway,
}

/// How long a command may still look for what it needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    until: Instant,
}

impl Patience {
    /// From now on.
    pub(crate) fn new(time: Duration) -> Self {
        Self { until: Instant::now() + time }
    }

    /// What is left of it; zero when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// When it is over.
    pub(crate) fn until(&self) -> tokio::time::Instant {
        self.until.into()
    }
}

/// Does a command's work with an open home, and closes it whatever comes of it.
pub(crate) async fn with_home(
    common: &Common,
    server: Server,
    work: impl AsyncFnOnce(&Home, Patience) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let given = password::given(common.password_stdin)?;
    let mut home = open(common, server, given).await?;
    if server == Server::Connect && lacks_password(&home) {
        let jid = home.account().map(|account| account.jid).unwrap_or_default();
        if let Some(password) = password::asked(&jid)? {
            home.close().await;
            home = open(common, server, Some(password)).await?;
        }
    }
    let done = work(&home, Patience::new(common.timeout)).await;
    let _ = tokio::time::timeout(GOODBYE, home.close()).await;
    done
}

async fn open(common: &Common, server: Server, password: Option<Secret>) -> Result<Home, Error> {
    let interfaces = if common.interfaces.is_empty() {
        config::interfaces(&std::env::var("HOMEWARD_INTERFACES").unwrap_or_default())
    } else {
        common.interfaces.clone()
    };
    Home::open(Config {
        interfaces,
        password,
        next_password: password::of_next(),
        connect: server == Server::Connect,
        request_deadline: common.timeout,
        ..Config::new(folder()?, Slot::FirstFree)
    })
    .await
}

/// Waits until the home is so; `None`: not in time.
pub(crate) async fn until<T>(home: &Home, patience: Patience, look: impl Fn(&Snapshot) -> Option<T>) -> Option<T> {
    let looking = async {
        let mut subscription = home.subscribe();
        loop {
            if let Some(found) = look(&home.snapshot()) {
                return Some(found);
            }
            // Whether some were dropped does not matter: the next look is at the whole.
            let _ = subscription.next().await?;
        }
    };
    tokio::time::timeout_at(patience.until(), looking).await.ok().flatten()
}

fn lacks_password(home: &Home) -> bool {
    matches!(home.snapshot().connection, Connection::Refused { error } if error.code == Code::PasswordMissing)
}

/// `HOMEWARD_HOME`, else the folder that the app uses.
fn folder() -> Result<PathBuf, Error> {
    let named = std::env::var_os("HOMEWARD_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    named
        .or_else(|| dirs::data_dir().map(|folder| folder.join(IDENTIFIER)))
        .ok_or_else(|| Error::new(Code::StoreFailed, "the system names no folder for data; HOMEWARD_HOME can name one"))
}

/// Begins the search on the local network.
///
/// # Errors
/// [`Code::InterfaceUnknown`]: a named interface is not there, or down.
pub(crate) fn search(home: &Home) -> Result<(), Error> {
    home.start_search();
    home.snapshot().search.failed.map_or(Ok(()), Err)
}
