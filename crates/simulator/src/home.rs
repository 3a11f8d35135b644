//! A simulated home: its devices, running.
//!
//! Scope: starting and stopping them together, remembering what they hold. Non-scope: what one device does (`unit`) and
//! how a test plays with it (`device`).

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, broadcast};
use tokio::task::JoinSet;

use crate::cast::{Identity, Kind, furnish};
use crate::device::{Device, NotInTime};
use crate::event::Event;
use crate::lan::Lan;
use crate::lan::interface::{Interface, InterfaceError};
use crate::lan::sockets::make_room_for;
use crate::model::{Login, RaStatus};
use crate::remote::{self, Site};
use crate::scenario::Scenario;
use crate::state::{Saved, StateError, StateFile};
use crate::unit::Unit;

/// How many events a reader may be behind; the oldest are lost to it then.
const EVENTS: usize = 8192;
/// Our choice: devices that sign in at the same moment. A server is asked for a proof of the password for each.
const SIGN_INS_AT_ONCE: usize = 64;

/// Why a home could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The network interface.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// A device's sockets.
    #[error("{device}: the sockets cannot be opened on {interface}: {source}")]
    Sockets {
        /// Which device.
        device: String,
        /// Where.
        interface: String,
        /// Why.
        source: std::io::Error,
    },
    /// The authority's file.
    #[error("the authority's file: {0}")]
    Authority(#[from] homeward_xmpp::TrustError),
    /// The state file.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A simulated home. Ends when it is dropped; [`Home::stop`] also says good-bye.
#[derive(Debug)]
pub struct Home {
    units: Vec<Arc<Unit>>,
    ground: Arc<Ground>,
    events: broadcast::Sender<Event>,
    memory: Option<Arc<StateFile>>,
    tasks: JoinSet<()>,
}

/// What the devices of one home share.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) interface: Option<Interface>,
    pub(crate) leisure: Duration,
    pub(crate) runtime: tokio::runtime::Handle,
}

impl Ground {
    /// Puts a device on the network, at new ports.
    pub(crate) fn put_on_lan(&self, unit: &Arc<Unit>) -> std::io::Result<()> {
        let _inside = self.runtime.enter();
        match &self.interface {
            Some(interface) => Lan::start(unit, interface, self.leisure),
            None => Ok(()),
        }
    }
}

impl Home {
    /// Starts all devices. When this returns they answer on the network; those that know a server and an account are
    /// signing in.
    ///
    /// # Errors
    /// [`StartError`], as its variants say.
    pub async fn start(scenario: Scenario) -> Result<Self, StartError> {
        let interface = if scenario.on_lan { Some(Interface::find(scenario.interface.as_deref())?) } else { None };
        let trust = homeward_xmpp::Trust::load(scenario.ca.as_deref())?;
        let (memory, saved) = match scenario.folder.as_deref().map(StateFile::open).transpose()? {
            Some((file, saved)) => (Some(Arc::new(file)), saved),
            None => (None, Saved::default()),
        };
        make_room_for(scenario.kinds.len());
        let events = broadcast::channel(EVENTS).0;
        let save = Arc::new(Notify::new());
        let runtime = tokio::runtime::Handle::current();
        let ground = Arc::new(Ground { interface, leisure: scenario.leisure, runtime });
        let units: Vec<Arc<Unit>> = units(&scenario, &saved, &events, &save);
        for unit in &units {
            ground.put_on_lan(unit).map_err(|source| StartError::Sockets {
                device: unit.identity.key.clone(),
                interface: ground.interface.as_ref().map(|one| one.name.clone()).unwrap_or_default(),
                source,
            })?;
        }
        let site =
            Arc::new(Site { trust, layer_deadline: scenario.layer_deadline, gate: Semaphore::new(SIGN_INS_AT_ONCE) });
        let mut tasks = JoinSet::new();
        for unit in units.iter().filter(|unit| unit.identity.kind != Kind::Climate) {
            tasks.spawn(remote::run(Arc::clone(unit), Arc::clone(&site)));
        }
        if let Some(file) = memory.clone() {
            let units = units.clone();
            tasks.spawn(async move {
                loop {
                    save.notified().await;
                    write(&file, &units, false);
                }
            });
        }
        Ok(Self { units, ground, events, memory, tasks })
    }

    /// The device with this key (`lamp`, `lamp-2`), `di` or name.
    ///
    /// # Panics
    /// If there is none: a test that names it is wrong.
    pub fn device(&self, key: &str) -> Device {
        self.find(key).unwrap_or_else(|| {
            let keys: Vec<&str> = self.units.iter().map(|unit| unit.identity.key.as_str()).collect();
            #[allow(clippy::panic, reason = "documented: only a wrong test comes here")]
            {
                panic!("no device {key:?} among {keys:?}")
            }
        })
    }

    /// The device with this key (`lamp`, `lamp-2`), `di` or name, if there is one.
    pub fn find(&self, key: &str) -> Option<Device> {
        self.devices()
            .find(|device| device.key() == key || device.di() == key || device.di_now() == key || device.name() == key)
    }

    /// All devices, in the order of the scenario.
    pub fn devices(&self) -> impl Iterator<Item = Device> {
        self.units.iter().map(|unit| Device::new(Arc::clone(unit), Arc::clone(&self.ground)))
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Waits until all devices that have Remote Access are signed in.
    ///
    /// # Errors
    /// [`NotInTime`].
    pub async fn wait_until_all_are_connected(&self, within: Duration) -> Result<(), NotInTime> {
        let deadline = tokio::time::Instant::now() + within;
        for device in self.devices().filter(|device| device.status().is_some()) {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            let connected = |device: &Device| (device.status() == Some(RaStatus::Connected)).then_some(());
            device.wait_for(left, "to be connected", connected).await?;
        }
        Ok(())
    }

    /// Signs all devices out, writes down what they hold, and ends.
    pub async fn stop(self) {
        for unit in &self.units {
            unit.set_lan(None, Vec::new(), None);
            unit.set_power(false);
        }
        for device in self.devices() {
            let signed_out = |device: &Device| device.jid().is_none().then_some(());
            // A server that says nothing more is left behind.
            let _ = device.wait_for(Duration::from_secs(3), "to sign out", signed_out).await;
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.tasks.abort_all();
        for unit in &self.units {
            unit.set_lan(None, Vec::new(), None);
        }
        if let Some(file) = &self.memory {
            write(file, &self.units, true);
        }
    }
}

fn units(scenario: &Scenario, saved: &Saved, events: &broadcast::Sender<Event>, save: &Arc<Notify>) -> Vec<Arc<Unit>> {
    let mut rounds = std::collections::HashMap::new();
    let build = |kind: &Kind| {
        let round: &mut usize = rounds.entry(*kind).or_default();
        let identity = Identity::new(*kind, *round, scenario.seed);
        *round += 1;
        let listed = !scenario.unlisted.contains(&identity.key);
        let mut model = furnish(identity, listed);
        if let (Some(remote), Some(Login { address, port, jid, credential })) = (model.remote.as_mut(), &scenario.login)
        {
            (remote.address, remote.port) = (address.clone(), *port);
            (remote.jid, remote.credential) = (jid.clone(), credential.clone());
        }
        saved.recall(&mut model);
        Arc::new(Unit::new(model, events.clone(), Arc::clone(save)))
    };
    scenario.kinds.iter().map(build).collect()
}

fn write(file: &StateFile, units: &[Arc<Unit>], last: bool) {
    let gather = || {
        let mut saved = Saved::default();
        for unit in units {
            saved.note(&unit.state().model);
        }
        saved
    };
    if let Err(error) = file.write(gather, last) {
        tracing::error!("the devices' memory could not be written: {error}");
    }
}
