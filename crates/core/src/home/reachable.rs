//! Who can be reached: hears both sides, keeps the devices' state, and connects with the account.
//!
//! Scope: what comes in from `lan` and `remote`, and waiting for it. Non-scope: what is then asked of devices.

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Method, Request};
use homeward_protocol::oic::device::DEVICE_URI;
use homeward_protocol::remote::jid::OicResource;
use homeward_protocol::secret::Secret;
use homeward_xmpp::Trust;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use uuid::Uuid;
use xmpp_parsers::jid::FullJid;
use zeroize::Zeroizing;

use super::devices::{AtServer, Known, OnThisNetwork, key};
use super::state::{find, now_ms};
use super::{Inner, account};
use crate::error::{Code, Error};
use crate::lan::{Lan, LanDevice, LanEvent};
use crate::remote::RemoteEvent;
use crate::store::KnownDevice;
use crate::view::{Account, AccountCheck, AccountForm, Connection, Device, Presence, Search, Via};

/// Our choice: two transmissions (RFC 7252 §4.8).
const STILL_THERE_WITHIN: Duration = Duration::from_secs(5);

/// Applies what the local network tells, until it ends.
pub(super) async fn hear_lan(inner: Arc<Inner>, mut events: mpsc::Receiver<LanEvent>) {
    while let Some(event) = events.recv().await {
        let mut state = inner.state();
        match event {
            LanEvent::Found(device) | LanEvent::Changed(device) => {
                let id = device.di.to_lowercase();
                state.change_device(&id, |known| {
                    known.view.last_seen_at_ms = Some(now_ms());
                    known.lan = Some(OnThisNetwork { device: *device, answering: true });
                });
            }
            LanEvent::Silent { di } => {
                state.change_known(&di.to_lowercase(), |known| {
                    if let Some(lan) = known.lan.as_mut() {
                        lan.answering = false;
                    }
                });
            }
            LanEvent::Search(search) => state.set_search(search),
        }
    }
}

/// Applies what the server tells, until it ends.
pub(super) async fn hear_remote(inner: Arc<Inner>, mut events: mpsc::Receiver<RemoteEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            RemoteEvent::Present { jid, resource, contact } => {
                let id = key(&resource, &jid, contact);
                inner.state().change_device(&id, |known| {
                    known.view.described = false;
                    known.arrivals += 1;
                    known.view.last_seen_at_ms = Some(now_ms());
                    known.remote = Some(AtServer { jid, resource, contact, available: true });
                });
                if !contact {
                    inner.runs.seen_online(&id);
                }
            }
            RemoteEvent::Gone(jid) => {
                let id = inner
                    .state()
                    .devices()
                    .find(|known| is_at(known.remote.as_ref(), &jid))
                    .map(|known| known.view.id.clone());
                if let Some(id) = id {
                    inner.state().change_known(&id, |known| {
                        if let Some(remote) = known.remote.as_mut() {
                            remote.available = false;
                        }
                    });
                    inner.remember(&id);
                    tokio::spawn(inner.clone().ask_on_lan(id));
                }
            }
            link => inner.link_changed(link),
        }
    }
}

fn is_at(remote: Option<&AtServer>, jid: &FullJid) -> bool {
    remote.is_some_and(|remote| remote.jid == *jid)
}

impl Inner {
    fn link_changed(&self, event: RemoteEvent) {
        let connection = match event {
            RemoteEvent::Connecting(layer) => Connection::Connecting { layer },
            RemoteEvent::Connected(latency) => {
                Connection::Connected { latency_ms: latency.map(super::control::millis) }
            }
            RemoteEvent::Suspended(layer, cause, wait) => Connection::Suspended {
                since_ms: self.state().down_since_ms(),
                retry_at_ms: now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
                error: Error::from_cause(layer, &cause),
            },
            RemoteEvent::Refused(layer, cause) => Connection::Refused { error: Error::from_cause(layer, &cause) },
            RemoteEvent::Offline | RemoteEvent::Present { .. } | RemoteEvent::Gone(_) => Connection::Offline,
        };
        let mut state = self.state();
        // Why there is no connection says more than that there is none.
        if connection == Connection::Offline
            && matches!(state.connection(), Connection::Refused { .. })
            && state.account().is_some()
        {
            return;
        }
        if !matches!(connection, Connection::Connected { .. }) {
            // Our own link is down: nothing is known of what lies behind it.
            state.change_devices(
                |known| known.remote.as_ref().is_some_and(|remote| remote.available),
                |known| {
                    if let Some(remote) = known.remote.as_mut() {
                        remote.available = false;
                    }
                },
            );
        }
        state.set_connection(connection);
    }

    /// The local network, started when first needed.
    ///
    /// # Errors
    /// [`Code::InterfaceUnknown`]: a named interface is not there, or down.
    pub(super) fn lan(&self) -> Result<&Lan, Error> {
        if let Some(lan) = self.lan.get() {
            return Ok(lan);
        }
        let (lan, mut told) = Lan::start(self.config.interfaces.clone())?;
        if self.lan.set(lan).is_ok() {
            let events = self.lan_events.clone();
            tokio::spawn(async move {
                while let Some(event) = told.recv().await {
                    if events.send(event).await.is_err() {
                        return;
                    }
                }
            });
        }
        self.lan.get().ok_or_else(|| Error::new(Code::Internal, "the local network did not start"))
    }

    /// Whether a device that left the server still answers on this network: it may be switched off, and no search may
    /// be under way that would miss it.
    async fn ask_on_lan(self: Arc<Self>, id: String) {
        let Some(lan) = self.lan_device(&id) else { return };
        let (Some(address), Ok(href)) = (lan.endpoints.first().copied(), Href::new(DEVICE_URI)) else { return };
        let Ok(network) = self.lan() else { return };
        if network.request(address, &Request::get(href), STILL_THERE_WITHIN).await.is_err() {
            network.lost(&lan.di);
        }
    }

    pub(super) fn loopback_only(&self) -> bool {
        crate::lan::limited_to_loopback(&self.config.interfaces)
    }

    pub(super) fn show_search_limits(&self) {
        let search = Search { loopback_only: self.loopback_only(), ..Search::default() };
        self.state().set_search(search);
    }

    pub(super) fn start_search(&self) {
        match self.lan() {
            Ok(lan) => lan.search(),
            Err(error) => {
                let search = Search { failed: Some(error), ..self.state().search().clone() };
                self.state().set_search(search);
            }
        }
    }

    pub(super) async fn discover(&self, time: Duration) -> Result<(Vec<Device>, Search), Error> {
        let lan = self.lan()?;
        lan.search();
        sleep(time).await;
        lan.stop();
        let state = self.state();
        let found = state.devices().filter(|known| known.lan.is_some()).map(|known| known.view.clone()).collect();
        Ok((found, state.search().clone()))
    }

    pub(super) async fn add_address(&self, address: &str) -> Result<Vec<String>, Error> {
        let found = self.lan()?.ask(address).await?;
        Ok(found.into_iter().map(|di| di.to_lowercase()).collect())
    }

    /// What answers on this network under this id now.
    pub(super) fn lan_device(&self, id: &str) -> Option<LanDevice> {
        let state = self.state();
        state.device(id)?.lan.as_ref().filter(|lan| lan.answering).map(|lan| lan.device.clone())
    }

    /// The full JID of a device that is available now.
    pub(super) fn remote_jid(&self, id: &str) -> Option<FullJid> {
        let state = self.state();
        state.device(id)?.remote.as_ref().filter(|remote| remote.available).map(|remote| remote.jid.clone())
    }

    /// The same, where it is signed in with our own account.
    pub(super) fn own_remote_jid(&self, id: &str) -> Option<FullJid> {
        let state = self.state();
        let remote = state.device(id)?.remote.as_ref()?;
        (remote.available && !remote.contact).then(|| remote.jid.clone())
    }

    /// Waits until a device can be reached; searches the local network meanwhile where that may help.
    pub(super) async fn reach(&self, id: &str, via: Via, deadline: Duration) -> Result<Device, Error> {
        if via != Via::Xmpp {
            self.lan()?.search();
        }
        let root = Href::new("/").map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let reachable = |state: &super::State| {
            let device = find(state, id)?;
            state.device(&device.id)?.route(via, Method::Get, &root).ok().map(|_| Ok(device.clone()))
        };
        let refused = |state: &super::State| match state.connection() {
            Connection::Refused { error } if via == Via::Xmpp => Some(Err(error.clone())),
            _ => None,
        };
        let found = timeout(deadline, self.until(|state| reachable(state).or_else(|| refused(state)))).await;
        if let Ok(Some(found)) = found {
            return found;
        }
        let state = self.state();
        Err(match (state.connection(), find(&state, id)) {
            (Connection::Suspended { error, .. } | Connection::Refused { error }, _) => error.clone(),
            (_, Some(device)) => Error::new(Code::NotReachable, format!("{} cannot be reached now", device.name)),
            (_, None) => Error::new(Code::DeviceUnknown, format!("no device {id} was found in time")),
        })
    }

    pub(super) async fn connected(&self, deadline: Duration) -> Result<(), Error> {
        let settled = |state: &super::State| match state.connection() {
            Connection::Connected { .. } => Some(Ok(())),
            Connection::Refused { error } => Some(Err(error.clone())),
            Connection::Offline if state.account().is_none() => {
                Some(Err(Error::new(Code::NoAccount, "no account is set")))
            }
            _ => None,
        };
        match timeout(deadline, self.until(settled)).await {
            Ok(Some(settled)) => settled,
            Ok(None) => Err(Error::new(Code::Cancelled, "the program ends")),
            Err(_) => Err(match self.state().connection() {
                Connection::Suspended { error, .. } => error.clone(),
                _ => Error::new(Code::Silent, "the server did not answer in time"),
            }),
        }
    }

    /// The remembered password of an account; the one that this program was given belongs to the saved account, or to
    /// the first one that is typed.
    pub(super) async fn password(&self, jid: &str) -> Option<Secret> {
        self.passwords.get(jid).await
    }

    /// The same; without a saved account, the one that this program was given is for the account that is typed.
    async fn given_or_remembered(&self, jid: &str) -> Option<Secret> {
        let given = self.config.password.clone().filter(|_| self.state().account().is_none());
        match given {
            Some(password) => Some(password),
            None => self.password(jid).await,
        }
    }

    /// Connects with the saved account, if there is one (RA-22).
    pub(super) async fn connect(&self) {
        let Some(account) = self.state().account().cloned() else { return };
        let password = self.password(&account.jid).await;
        let told = Account { has_password: password.is_some(), ..account.clone() };
        let keyring = self.passwords.state();
        self.state().set_account(Some(told), keyring);
        let signing_in = match password {
            None => Err(Error::new(Code::PasswordMissing, format!("no password of {} is at hand", account.jid))),
            Some(password) => self.signing_in(&account, &password, self.uuid),
        };
        match signing_in {
            Ok(account) => self.remote.use_account(Some(account)),
            Err(error) => {
                self.remote.use_account(None);
                self.state().set_connection(Connection::Refused { error });
            }
        }
    }

    fn signing_in(&self, account: &Account, password: &Secret, uuid: Uuid) -> Result<homeward_xmpp::Account, Error> {
        let trust = Trust::load(account.ca.as_deref().map(std::path::Path::new)).map_err(|error| {
            Error::new(Code::CaFileInvalid, "the certificate authority's file cannot be used")
                .with_details(error.to_string())
        })?;
        Ok(homeward_xmpp::Account {
            jid: account::jid(&account.jid)?,
            password: Zeroizing::new(password.expose().to_owned()),
            resource: OicResource::client(uuid.to_string()).to_string(),
            server: account.server.clone(),
            port: account.port,
            trust,
            layer_deadline: account::LAYER_DEADLINE,
        })
    }

    pub(super) async fn check_account(
        &self,
        form: &AccountForm,
        password: Option<Secret>,
    ) -> Result<AccountCheck, Error> {
        let checked = account::check_form(form, self.loopback_only()).await?;
        let password = match password.filter(|password| !password.is_empty()) {
            Some(password) => password,
            None => self.given_or_remembered(&checked.jid.to_string()).await.ok_or_else(password_missing)?,
        };
        let warnings = checked.warnings.clone();
        let account = saved(checked, form);
        // A place of its own beside the one that may be signed in now: binding that one again would end it.
        let uuid = Uuid::new_v5(&self.uuid, b"account check");
        let signing_in = self.signing_in(&account, &password, uuid)?;
        Ok(account::check_layers(&signing_in, warnings, |check| self.state().set_check(check)).await)
    }

    pub(super) async fn set_account(&self, form: &AccountForm, password: Option<Secret>) -> Result<Account, Error> {
        let checked = account::check_form(form, self.loopback_only()).await?;
        let jid = checked.jid.to_string();
        match password.filter(|password| !password.is_empty()) {
            Some(password) => drop(self.passwords.set(&jid, password).await),
            None => {
                let password = self.given_or_remembered(&jid).await.ok_or_else(password_missing)?;
                self.passwords.set_for_this_run(&jid, password);
            }
        }
        let account = saved(checked, form);
        self.store.set_account(&account)?;
        if self.state().account().is_some_and(|former| former.jid != account.jid) {
            self.remote.use_account(None);
            self.state().leave_account();
        }
        self.state().set_account(Some(account.clone()), self.passwords.state());
        if self.config.connect {
            self.connect().await;
        }
        Ok(account)
    }

    pub(super) async fn forget_account(&self) -> Result<(), Error> {
        let Some(account) = self.state().account().cloned() else { return Ok(()) };
        self.store.clear_account()?;
        self.remote.use_account(None);
        let keyring = self.passwords.forget(&account.jid).await;
        self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        let mut state = self.state();
        state.set_account(None, keyring);
        state.set_connection(Connection::Offline);
        state.leave_account();
        Ok(())
    }

    pub(super) fn forget_device(&self, id: &str) -> Result<(), Error> {
        let device = self.device_now(id)?;
        if device.presence == Presence::Online {
            return Err(Error::new(Code::RequestInvalid, format!("{} is online", device.name)));
        }
        self.store.forget_device(&device.id)?;
        self.state().forget_device(&device.id);
        Ok(())
    }

    /// Keeps what a device is, for the next start.
    pub(super) fn remember(&self, id: &str) {
        let remembered = self.state().device(id).and_then(Known::remembered);
        self.keep(remembered.as_slice());
    }

    /// Keeps what all devices are, at the end.
    pub(super) fn remember_all(&self) {
        let remembered: Vec<_> = self.state().devices().filter_map(Known::remembered).collect();
        self.keep(&remembered);
    }

    fn keep(&self, remembered: &[KnownDevice]) {
        if let Err(error) = self.store.remember(remembered) {
            tracing::warn!("what is known of the devices could not be kept: {error}");
        }
    }
}

fn password_missing() -> Error {
    Error::new(Code::PasswordMissing, "a password is needed")
}

fn saved(checked: account::Checked, form: &AccountForm) -> Account {
    let ca = form.ca.clone().filter(|file| !file.trim().is_empty()).map(|file| {
        // Kept as an absolute path: the next start may be in another folder.
        std::path::absolute(file.trim()).map_or(file, |path| path.to_string_lossy().into_owned())
    });
    Account { jid: checked.jid.to_string(), server: checked.server, port: checked.port, ca, has_password: true }
}
