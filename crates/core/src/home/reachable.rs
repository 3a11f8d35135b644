//! Who can be reached: hears both sides, and keeps the devices' state.
//!
//! Scope: what comes in from `lan` and `remote`, and waiting for it. Non-scope: what is then asked of devices, and
//! with which account we are at the server (`signing_in`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Method, Request};
use homeward_protocol::oic::device::DEVICE_URI;
use homeward_xmpp::Cause;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use xmpp_parsers::jid::FullJid;

use super::Inner;
use super::devices::{AtServer, OnThisNetwork, Standing, key};
use super::state::{find, now_ms};
use crate::error::{Code, Error};
use crate::lan::{Lan, LanDevice, LanEvent};
use crate::remote::RemoteEvent;
use crate::view::{Connection, Device, Layer, Path, Presence, Search, Via};

/// Our choice: two transmissions (RFC 7252 §4.8).
const STILL_THERE_WITHIN: Duration = Duration::from_secs(5);
/// Our choice: what answers at all answers within that time, also where datagrams are lost.
const LOOKS_AROUND_FOR: Duration = Duration::from_secs(15);

/// Applies what the local network tells, until it ends.
pub(super) async fn hear_lan(inner: Arc<Inner>, mut events: mpsc::Receiver<LanEvent>) {
    while let Some(event) = events.recv().await {
        let mut state = inner.state();
        match event {
            LanEvent::Found(device) | LanEvent::Changed(device) => {
                let id = device.di.to_lowercase();
                state.change_device(&id, |known| {
                    known.view.last_seen_at_ms = Some(now_ms());
                    known.paths.heard(Path::Lan);
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
                    known.view.trouble = None;
                    known.arrivals += 1;
                    known.paths.heard(Path::Xmpp);
                    known.view.last_seen_at_ms = Some(now_ms());
                    let standing = Standing::Available;
                    known.remote = Some(AtServer { jid, resource, contact, standing });
                });
                if !contact {
                    inner.runs.seen_online(&id);
                }
            }
            RemoteEvent::Gone(jid) => {
                if let Some(id) = inner.id_at(&jid) {
                    inner.state().change_known(&id, |known| {
                        if let Some(remote) = known.remote.as_mut() {
                            remote.standing = Standing::Gone;
                        }
                    });
                    tokio::spawn(inner.clone().ask_on_lan(id));
                }
            }
            RemoteEvent::CutOff(jid) => inner.cut_off(&jid),
            RemoteEvent::Proven(jid, hash) => {
                if let Err(error) = inner.store.set_proven_with(jid.as_str(), hash.mechanism()) {
                    tracing::warn!("how the account was signed in could not be kept: {error}");
                }
            }
            RemoteEvent::Moved => {
                inner.state().change_devices(|_| true, |known| known.paths.doubt());
                inner.moved.notify_one();
            }
            link => inner.link_changed(link),
        }
    }
}

/// Searches for a while for the devices that were onboarded here, so that at home they are reached without the server:
/// now, and where this computer may be somewhere else.
pub(super) async fn look_around(inner: Arc<Inner>) {
    loop {
        let wanted = inner.state().has_onboarded() && !inner.searching.load(Ordering::Relaxed);
        if let (true, Ok(lan)) = (wanted, inner.lan()) {
            lan.search();
            sleep(LOOKS_AROUND_FOR).await;
            if !inner.searching.load(Ordering::Relaxed) {
                lan.stop();
            }
        }
        inner.moved.notified().await;
    }
}

fn is_at(remote: Option<&AtServer>, jid: &FullJid) -> bool {
    remote.is_some_and(|remote| remote.jid == *jid)
}

impl Inner {
    /// The device that has this address at the server.
    fn id_at(&self, jid: &FullJid) -> Option<String> {
        let state = self.state();
        state.devices().find(|known| is_at(known.remote.as_ref(), jid)).map(|known| known.view.id.clone())
    }

    /// A device that sends too much: the person sees which one it is, and the others go on.
    fn cut_off(&self, jid: &FullJid) {
        if let Some(id) = self.id_at(jid) {
            let error = Error::new(Code::CutOff, "the device sends too much, and is not heard for a minute");
            self.state().change_known(&id, |known| known.view.trouble = Some(error));
        }
    }

    fn link_changed(&self, event: RemoteEvent) {
        let suspended = |layer, cause: &Cause, wait: Duration| Connection::Suspended {
            since_ms: self.state().down_since_ms(),
            retry_at_ms: now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            error: Error::from_cause(layer, cause),
        };
        // Our own link is down: nothing is known of what lies behind it.
        let mut standing: fn(Standing) -> Standing = |_| Standing::Gone;
        let connection = match event {
            RemoteEvent::Connecting(layer) => Connection::Connecting { layer },
            RemoteEvent::Connected(latency) => {
                standing = |same| same;
                Connection::Connected { latency_ms: latency.map(super::control::millis) }
            }
            RemoteEvent::Suspended(layer, cause, wait) => suspended(layer, &cause, wait),
            RemoteEvent::Interrupted(cause, wait) => {
                standing = Standing::held;
                suspended(Layer::Tcp, &cause, wait)
            }
            RemoteEvent::Resumed => {
                standing = Standing::resumed;
                Connection::Connected { latency_ms: None }
            }
            RemoteEvent::Refused(layer, cause) => Connection::Refused { error: Error::from_cause(layer, &cause) },
            RemoteEvent::Offline
            | RemoteEvent::Present { .. }
            | RemoteEvent::Gone(_)
            | RemoteEvent::CutOff(_)
            | RemoteEvent::Proven(..)
            | RemoteEvent::Moved => Connection::Offline,
        };
        let mut state = self.state();
        // Why there is no connection says more than that there is none.
        if connection == Connection::Offline
            && matches!(state.connection(), Connection::Refused { .. })
            && state.account().is_some()
        {
            return;
        }
        state.change_devices(
            |known| known.remote.as_ref().is_some_and(|remote| standing(remote.standing) != remote.standing),
            |known| {
                if let Some(remote) = known.remote.as_mut() {
                    remote.standing = standing(remote.standing);
                }
            },
        );
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
        self.searching.store(true, Ordering::Relaxed);
        match self.lan() {
            Ok(lan) => lan.search(),
            Err(error) => {
                let search = Search { failed: Some(error), ..self.state().search().clone() };
                self.state().set_search(search);
            }
        }
    }

    pub(super) fn stop_search(&self) {
        self.searching.store(false, Ordering::Relaxed);
        if let Some(lan) = self.lan.get() {
            lan.stop();
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
        state
            .device(id)?
            .remote
            .as_ref()
            .filter(|remote| remote.standing == Standing::Available)
            .map(|remote| remote.jid.clone())
    }

    /// The same, where it is signed in with our own account.
    pub(super) fn own_remote_jid(&self, id: &str) -> Option<FullJid> {
        let state = self.state();
        let remote = state.device(id)?.remote.as_ref()?;
        (remote.standing == Standing::Available && !remote.contact).then(|| remote.jid.clone())
    }

    /// Waits until a device can be reached; searches the local network meanwhile where that may help.
    pub(super) async fn reach(&self, id: &str, via: Via, deadline: Duration) -> Result<Device, Error> {
        if via != Via::Xmpp {
            self.lan()?.search();
        }
        let root = Href::new("/").map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let reachable = |state: &super::State| {
            let device = find(state, id)?;
            state.device(&device.id)?.routes(via, Method::Get, &root).ok().map(|_| Ok(device.clone()))
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

    pub(super) fn forget_device(&self, id: &str) -> Result<(), Error> {
        let device = self.device_now(id)?;
        if device.presence == Presence::Online {
            return Err(Error::new(Code::RequestInvalid, format!("{} is online", device.name)));
        }
        let mut state = self.state();
        self.store.forget_device(&device.id)?;
        state.forget_device(&device.id);
        Ok(())
    }
}
