//! Who can be reached: hears both sides, and keeps the devices' state.
//!
//! Scope: what comes in from `lan` and `remote`, and waiting for it. Non-scope: what is then asked of devices, and
//! with which account we are at the server (`signing_in`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use homeward_protocol::crudn::{Href, Method, Request};
use homeward_protocol::oic::device::DEVICE_URI;
use homeward_protocol::oic::remote_access::XmppAccess;
use homeward_xmpp::Cause;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use xmpp_parsers::jid::FullJid;

use super::Inner;
use super::devices::{AtServer, OnThisNetwork, Standing, key};
use super::lines::Line;
use super::state::{find, now_ms};
use crate::error::{Code, Error};
use crate::lan::{Lan, LanDevice, LanError, LanEvent, Place, address_text};
use crate::remote::RemoteEvent;
use crate::view::{Connection, Device, Layer, Move, Path, Presence, Search, Security, Via};

/// Our choice: two transmissions (RFC 7252 §4.8).
const STILL_THERE_WITHIN: Duration = Duration::from_secs(5);
/// Our choice: a handshake, and three transmissions.
const TELLS_OWNER_WITHIN: Duration = Duration::from_secs(20);
/// Our choice: how often it is looked whether a transfer of somebody's has ended.
const TRANSFER_SEEN_EVERY: Duration = Duration::from_secs(5);
/// Our choice: what answers at all answers within that time, also where datagrams are lost.
const LOOKS_AROUND_FOR: Duration = Duration::from_secs(15);

/// Applies what the local network tells, until it ends.
pub(super) async fn hear_lan(inner: Arc<Inner>, mut events: mpsc::Receiver<LanEvent>) {
    while let Some(event) = events.recv().await {
        let mut state = inner.state();
        match event {
            LanEvent::Found(device) | LanEvent::Changed(device) => {
                let id = device.di.to_lowercase();
                let described = device.described;
                let in_transfer = device.security == Security::InTransfer;
                let asks = state.change_device(&id, |known| {
                    known.view.last_seen_at_ms = Some(now_ms());
                    known.paths.heard(Path::Lan);
                    known.lan = Some(OnThisNetwork { device: *device, answering: true });
                    let begins = in_transfer && !std::mem::replace(&mut known.is_watched_in_transfer, true);
                    if begins {
                        tokio::spawn(inner.clone().watch_transfer(id.clone()));
                    }
                    let is_ours = known.view.owned.is_some() && described;
                    is_ours && !std::mem::replace(&mut known.is_asked_as_owner, true)
                });
                if asks {
                    tokio::spawn(inner.clone().ask_as_owner(id));
                }
            }
            LanEvent::Silent { di } => {
                state.change_known(&di.to_lowercase(), |known| {
                    if let Some(lan) = known.lan.as_mut() {
                        lan.answering = false;
                    }
                });
            }
            LanEvent::Claimed { di, at } => {
                let at = at.iter().map(address_text).collect();
                state.change_known(&di.to_lowercase(), |known| known.view.claimed_at = at);
            }
            LanEvent::Search(search) => state.set_search(search),
        }
    }
}

/// Applies what the server at the end of one of our links tells, until it ends.
pub(super) async fn hear_remote(inner: Arc<Inner>, line: Line, mut events: mpsc::Receiver<RemoteEvent>) {
    while let Some(event) = events.recv().await {
        match event {
            RemoteEvent::Present { jid, resource, contact } => {
                let is_its_own = inner.state().is_device_account(jid.to_bare().as_str(), &resource.key());
                let contact = contact && !is_its_own;
                let id = key(&resource, &jid, contact);
                if contact && !inner.shows_contact(&id, line, &jid) {
                    continue;
                }
                let bare = jid.to_bare();
                inner.state().change_device(&id, |known| {
                    known.view.described = false;
                    known.view.trouble = None;
                    known.arrivals += 1;
                    known.paths.heard(Path::Xmpp);
                    known.view.last_seen_at_ms = Some(now_ms());
                    let standing = Standing::Available;
                    known.remote = Some(AtServer { line, jid, resource, contact, standing });
                });
                if !contact {
                    inner.runs.seen_online(&id, bare);
                }
            }
            RemoteEvent::Gone(jid) => {
                if let Some(id) = inner.id_at(line, &jid) {
                    inner.state().change_known(&id, |known| {
                        if let Some(remote) = known.remote.as_mut() {
                            remote.standing = Standing::Gone;
                        }
                    });
                    tokio::spawn(inner.clone().ask_on_lan(id));
                }
            }
            RemoteEvent::CutOff(jid) => inner.cut_off(line, &jid),
            RemoteEvent::Proven(jid, hash) => {
                if let Err(error) = inner.store.set_proven_with(jid.as_str(), hash.mechanism()) {
                    tracing::warn!("how the account was signed in could not be kept: {error}");
                }
            }
            // Both links tell it.
            RemoteEvent::Moved if !inner.lines.is_house(line) => {}
            RemoteEvent::Moved => {
                inner.state().change_devices(|_| true, |known| known.paths.doubt());
                inner.moved.notify_one();
            }
            link => inner.link_changed(line, link),
        }
    }
}

/// Searches for a while for the devices that were onboarded here, so that at home they are reached without the server:
/// now, and where this computer may be somewhere else.
pub(super) async fn look_around(inner: Arc<Inner>) {
    loop {
        let wanted = inner.state().is_known_here() && !inner.searching.load(Ordering::Relaxed);
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

/// A device that is asked on this network does not answer there.
pub(super) fn away() -> Error {
    Error::new(Code::NotReachable, "the device does not answer on this network")
}

/// What answers on this network under the id of a device of ours is not known to be it.
pub(super) fn not_proven(at: &[String]) -> Error {
    let words = "what answers on this network under its id does not prove that it is the device";
    Error::new(Code::DeviceNotProven, words).with_details(at.join(", "))
}

fn is_at(remote: Option<&AtServer>, line: Line, jid: &FullJid) -> bool {
    remote.is_some_and(|remote| remote.line == line && remote.jid == *jid)
}

impl Inner {
    /// The device that has this address at the server.
    fn id_at(&self, line: Line, jid: &FullJid) -> Option<String> {
        let state = self.state();
        state.devices().find(|known| is_at(known.remote.as_ref(), line, jid)).map(|known| known.view.id.clone())
    }

    /// Whether a contact's device that is seen over this link is to be shown. Both of our accounts may have the contact, and may
    /// be each other's.
    fn shows_contact(&self, id: &str, line: Line, jid: &FullJid) -> bool {
        let state = self.state();
        let elsewhere = state
            .device(id)
            .and_then(|known| known.remote.as_ref())
            .is_some_and(|remote| remote.line != line && remote.standing != Standing::Gone);
        !state.is_own(jid.to_bare().as_str()) && (self.lines.is_house(line) || !elsewhere)
    }

    /// A device that sends too much: the person sees which one it is, and the others go on.
    fn cut_off(&self, line: Line, jid: &FullJid) {
        if let Some(id) = self.id_at(line, jid) {
            let error = Error::new(Code::CutOff, "the device sends too much, and is not heard for a minute");
            self.state().change_known(&id, |known| known.view.trouble = Some(error));
        }
    }

    fn link_changed(&self, line: Line, event: RemoteEvent) {
        let suspended = |layer, cause: &Cause, wait: Duration| Connection::Suspended {
            since_ms: self.down_since_ms(line),
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
        let is_house = self.lines.is_house(line);
        let before = if is_house { Some(state.connection()) } else { state.moving().map(|moving| &moving.connection) };
        // Why there is no connection says more than that there is none.
        if connection == Connection::Offline
            && matches!(before, Some(Connection::Refused { .. }))
            && state.account().is_some()
        {
            return;
        }
        let changes = |remote: &AtServer| remote.line == line && standing(remote.standing) != remote.standing;
        state.change_devices(
            |known| known.remote.as_ref().is_some_and(changes),
            |known| {
                if let Some(remote) = known.remote.as_mut() {
                    remote.standing = standing(remote.standing);
                }
            },
        );
        if is_house {
            state.set_connection(connection);
        } else if let Some(moving) = state.moving().cloned() {
            state.set_moving(Some(Move { connection, ..moving }));
        }
    }

    /// Since when that link is down, counted from the loss and not from the last try.
    fn down_since_ms(&self, line: Line) -> u64 {
        let mut state = self.state();
        if self.lines.is_house(line) {
            return state.down_since_ms();
        }
        match state.moving().map(|moving| &moving.connection) {
            Some(Connection::Suspended { since_ms, .. }) => *since_ms,
            _ => now_ms(),
        }
    }

    /// The local network, started when first needed.
    ///
    /// # Errors
    /// [`Code::InterfaceUnknown`]: a named interface is not there, or down.
    pub(super) fn lan(&self) -> Result<&Lan, Error> {
        if let Some(lan) = self.lan.get() {
            return Ok(lan);
        }
        let (lan, mut told) = Lan::start(self.config.interfaces.clone(), self.owner.clone())?;
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
        if network.request(&Place::Clear(address), &Request::get(href), STILL_THERE_WITHIN).await.is_err() {
            network.lost(&lan.di);
        }
    }

    /// Whether somebody is still taking the device over: no device tells when that has ended.
    async fn watch_transfer(self: Arc<Self>, id: String) {
        loop {
            sleep(TRANSFER_SEEN_EVERY).await;
            let Some(device) = self.lan_device(&id).filter(|lan| lan.security == Security::InTransfer) else { break };
            if let Ok(network) = self.lan() {
                network.refresh(&device.di);
            }
        }
        self.state().change_known(&id, |known| known.is_watched_in_transfer = false);
    }

    /// How the Remote Access of a device of ours stands: in the clear it does not say.
    pub(super) async fn ask_as_owner(self: Arc<Self>, id: String) {
        let asked = {
            let state = self.state();
            let known = state.device(&id).and_then(|known| Some((known, &known.lan.as_ref()?.device)));
            known.and_then(|(known, lan)| Some((known.place(lan)?, lan.xmpp.as_ref()?.href.clone())))
        };
        let answer = match (asked, self.lan()) {
            (Some((place @ Place::Secured { .. }, href)), Ok(network)) => {
                network.request(&place, &Request::get(href), TELLS_OWNER_WITHIN).await
            }
            _ => Err(LanError::NoAnswer),
        };
        let lacks_key = matches!(answer, Err(LanError::NoKey));
        let told = answer.ok().filter(|answer| answer.status.is_success());
        let told = told.and_then(|answer| XmppAccess::read(answer.body.as_ref()?));
        self.state().change_known(&id, |known| {
            known.is_asked_as_owner = false;
            known.lacks_key = lacks_key;
            known.told_owner = told.or(known.told_owner.take());
        });
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

    /// The way to a device that is available now at an account of ours.
    pub(super) fn at_own_account(&self, id: &str) -> Option<(Line, FullJid)> {
        let state = self.state();
        let remote = state.device(id)?.remote.as_ref()?;
        let is_there = remote.standing == Standing::Available && !remote.contact;
        is_there.then(|| (remote.line, remote.jid.clone()))
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
            (_, Some(device)) if via != Via::Xmpp && !device.claimed_at.is_empty() => not_proven(&device.claimed_at),
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
            return Err(Error::new(Code::NotNow, format!("{} is online", device.name)));
        }
        let mut state = self.state();
        self.store.forget_device(&device.id)?;
        state.forget_device(&device.id);
        Ok(())
    }
}
