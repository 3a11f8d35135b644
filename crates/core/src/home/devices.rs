//! One device, put together from what answers on this network and what is online at the server.
//!
//! Scope: pure merging. A device is (account, `di`); addresses and JIDs are what it has today. Non-scope: which ways a
//! request may take (`routes`), I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::batch;
use homeward_protocol::oic::controls::{self, controls};
use homeward_protocol::oic::discovery::Link;
use homeward_protocol::oic::introspection::{INTROSPECTION_RT, Introspection};
use homeward_protocol::oic::remote_access::{USER_RT, USER_URI, XMPP_RT, XmppAccess};
use homeward_protocol::remote::jid::{OicResource, Role};
use serde_json::Value;
use tokio::time::Instant;
use xmpp_parsers::jid::FullJid;

use super::changes::Changes;
use super::lines::Line;
use super::paths::Paths;
use super::state::now_ms;
use crate::error::Error;
use crate::lan::{LanDevice, address_text};
use crate::store::{KnownDevice, KnownResource, KnownValue};
use crate::view::{Device, OnLan, OnRemote, Path, Presence, Reported, Resource, Security, Wish};

/// A collection's type (OCF Core §7.6.3.1).
pub(super) const COLLECTION_RT: &str = "oic.wk.col";
/// Our choice: resources whose values are kept of one device.
const MAX_VALUES: usize = 256;

/// What is known of one device.
pub(super) struct Known {
    /// What readers see. [`Known::settle`] derives most of it.
    pub(super) view: Device,
    /// As last answered on this network.
    pub(super) lan: Option<OnThisNetwork>,
    /// As last seen at the server.
    pub(super) remote: Option<AtServer>,
    /// Whether we gave it its account over this network: then writes may take that way (`Identity`).
    pub(super) onboarded_here: bool,
    /// What it told of itself, over the path that was asked.
    pub(super) told: Told,
    /// How often it came online: what it told before may be old.
    pub(super) arrivals: u64,
    /// How often it left a person's request unanswered.
    pub(super) silences: u64,
    /// Numbers the wishes, so that an answer to an older one does not end a newer.
    wish_serial: u64,
    /// When each value came.
    told_at: BTreeMap<Href, Instant>,
    /// What it says of its Remote Access to its owner alone.
    pub(super) told_owner: Option<XmppAccess>,
    /// Whether it is asked for that now: not again by whoever claims its id meanwhile.
    pub(super) is_asked_as_owner: bool,
    /// It is looked whether somebody still takes it over.
    pub(super) is_watched_in_transfer: bool,
    /// It is ours, and its key is not at hand.
    pub(super) lacks_key: bool,
    /// What was seen of the paths to it.
    pub(super) paths: Paths,
    pub(super) changes: Changes,
    /// Whether something is known of it that is not kept yet.
    pub(super) unkept: bool,
    wish_serials: BTreeMap<Href, u64>,
}

/// The local side.
pub(super) struct OnThisNetwork {
    pub(super) device: LanDevice,
    pub(super) answering: bool,
}

/// The remote side.
pub(super) struct AtServer {
    /// Over which of our links.
    pub(super) line: Line,
    pub(super) jid: FullJid,
    pub(super) resource: OicResource,
    pub(super) contact: bool,
    pub(super) standing: Standing,
}

/// Whether a device is available at the server, as far as our own link lets us know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Available,
    /// It was, and our own link is interrupted: the session with it may go on.
    Held,
    Gone,
}

impl AtServer {
    /// Whether it is, or was last, signed in with this account.
    pub(super) fn is_of(&self, account: &str) -> bool {
        self.jid.to_bare().as_str().eq_ignore_ascii_case(account)
    }
}

impl Standing {
    /// Our own link broke.
    pub(super) fn held(self) -> Self {
        if self == Standing::Available { Standing::Held } else { self }
    }

    /// It goes on where it broke.
    pub(super) fn resumed(self) -> Self {
        if self == Standing::Held { Standing::Available } else { self }
    }
}

/// What a device tells over XMPP: its own description and links.
#[derive(Default)]
pub(super) struct Told {
    pub(super) name: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) links: Option<Vec<Link>>,
    /// What it says of its resources, where it has some that nobody else describes.
    pub(super) introspection: Option<Introspection>,
}

/// The key of a device: its `di` in lower case; a contact's device never merges with one of ours.
pub(super) fn key(resource: &OicResource, jid: &FullJid, contact: bool) -> String {
    if contact { format!("{}/{}", jid.to_bare(), resource.key()) } else { resource.key() }
}

impl Known {
    pub(super) fn new(id: &str, onboarded_here: bool) -> Self {
        let di = id.rsplit_once('/').map_or(id, |(_, di)| di).to_owned();
        Self {
            view: Device {
                id: id.to_owned(),
                di,
                name: String::new(),
                device_type: None,
                manufacturer: None,
                model: None,
                about: Vec::new(),
                lan: None,
                remote: None,
                presence: Presence::Remembered,
                last_seen_at_ms: None,
                path: None,
                latency_ms: None,
                resources: Vec::new(),
                core: Vec::new(),
                controls: Vec::new(),
                values: BTreeMap::new(),
                wishes: BTreeMap::new(),
                trouble: None,
                described: false,
                credential: None,
                owned: None,
                claimed_at: Vec::new(),
            },
            lan: None,
            remote: None,
            onboarded_here,
            told: Told::default(),
            arrivals: 0,
            silences: 0,
            wish_serial: 0,
            told_at: BTreeMap::new(),
            told_owner: None,
            is_asked_as_owner: false,
            is_watched_in_transfer: false,
            lacks_key: false,
            paths: Paths::default(),
            changes: Changes::default(),
            unkept: false,
            wish_serials: BTreeMap::new(),
        }
    }

    /// Derives what readers see from what is known.
    pub(super) fn settle(&mut self) {
        let path = self.preferred().map(|routes| routes.first.path());
        let on_lan = self.lan.as_ref().filter(|lan| lan.answering);
        let at_server = self.remote.as_ref().filter(|remote| remote.standing == Standing::Available);
        let view = &mut self.view;
        if let Some(remote) = &self.remote {
            remote.resource.id.clone_into(&mut view.di);
        } else if let Some(lan) = &self.lan {
            view.di.clone_from(&lan.device.di);
        }
        if on_lan.is_some() || at_server.is_some() {
            view.presence = Presence::Online;
        } else if view.presence == Presence::Online {
            view.presence = Presence::Offline;
        }
        view.path = path;
        let smoothed = path.and_then(|path| self.paths.pace(path).smoothed());
        view.latency_ms = smoothed.map(super::control::millis);
        let transfer_seen_at = view.lan.as_ref().and_then(|lan| lan.in_transfer_since_ms);
        view.lan = self.lan.as_ref().map(|lan| OnLan {
            in_transfer_since_ms: (lan.device.security == Security::InTransfer)
                .then(|| transfer_seen_at.unwrap_or_else(now_ms)),
            addresses: lan.device.endpoints.iter().map(address_text).collect(),
            answering: lan.answering,
            security: match (&view.owned, self.lacks_key) {
                (Some(_), true) => Security::ResetNeeded,
                (Some(_), false) => Security::Ours,
                (None, _) => lan.device.security,
            },
            methods: lan.device.methods.clone(),
            remote_access: lan.device.remote_access.clone(),
            described: lan.device.described,
        });
        if let (Some(told), Some(access)) =
            (&self.told_owner, view.lan.as_mut().and_then(|lan| lan.remote_access.as_mut()))
        {
            access.is_now(told.clone());
        }
        view.remote = self.remote.as_ref().map(|remote| OnRemote {
            jid: remote.jid.to_string(),
            available: remote.standing == Standing::Available,
            contact: remote.contact,
        });
        let lan = self.lan.as_ref().map(|lan| &lan.device);
        let typed = self.remote.as_ref().and_then(|remote| match &remote.resource.role {
            Role::Device(device_type) => Some(device_type.clone()),
            Role::Client => None,
        });
        let told = &self.told;
        if let Some(device_type) = typed.or_else(|| lan.and_then(|lan| lan.device_type.clone())) {
            view.device_type = Some(device_type);
        }
        if let Some(maker) = told.manufacturer.clone().or_else(|| lan.and_then(|lan| lan.manufacturer.clone())) {
            view.manufacturer = Some(maker);
        }
        if let Some(model) = told.model.clone().or_else(|| lan.and_then(|lan| lan.model.clone())) {
            view.model = Some(model);
        }
        if let Some(name) = told.name.clone().or_else(|| lan.and_then(|lan| lan.name.clone())) {
            view.name = name;
        } else if view.name.is_empty() {
            view.name = name_of_type(view.device_type.as_deref());
        }
        if let Some(links) = told.links.as_ref().or_else(|| lan.map(|lan| &lan.links)) {
            let (persons, core): (Vec<&Link>, Vec<&Link>) = links.iter().partition(|link| is_the_persons(link));
            view.resources = persons.into_iter().map(resource).collect();
            view.core = core.into_iter().map(resource).collect();
        }
        let reported = &view.values;
        let described = told.introspection.as_ref();
        view.controls = view
            .resources
            .iter()
            .flat_map(|resource| {
                let value = reported.get(&resource.href).map(|reported| &reported.value);
                let described = described.and_then(|described| described.of(&resource.href));
                controls(&resource.href, &resource.rt, &resource.interfaces, value, described)
            })
            .collect();
    }

    /// A request over this path was answered after so long.
    pub(super) fn measured(&mut self, path: Path, took: Duration) {
        // It is listened to again.
        self.view.trouble = None;
        self.paths.measured(path, took);
    }

    /// What is kept of it for the next start; only of what was at the server.
    pub(super) fn remembered(&self) -> Option<KnownDevice> {
        let remote = self.remote.as_ref()?;
        let view = &self.view;
        Some(KnownDevice {
            id: view.id.clone(),
            di: view.di.clone(),
            name: view.name.clone(),
            device_type: view.device_type.clone(),
            manufacturer: view.manufacturer.clone(),
            model: view.model.clone(),
            about: view.about.clone(),
            jid: Some(remote.jid.to_string()),
            contact: remote.contact,
            resources: view.resources.iter().map(KnownResource::from).collect(),
            // What is secret may be known by a type that was told later than the value.
            values: view.values.iter().map(|(href, told)| (href.clone(), self.kept(href, told))).collect(),
            last_seen_at_ms: view.last_seen_at_ms,
        })
    }

    fn kept(&self, href: &Href, told: &Reported) -> KnownValue {
        KnownValue::from(&Reported { value: self.veiled(href, told.value.clone()), ..told.clone() })
    }

    /// As it was known on an earlier day; not confirmed.
    pub(super) fn recall(&mut self, remembered: KnownDevice) {
        let KnownDevice { jid, contact, .. } = remembered;
        let jid = jid.and_then(|jid| jid.parse::<FullJid>().ok());
        self.remote = jid.and_then(|jid| {
            let resource = OicResource::parse(jid.resource().as_str())?;
            Some(AtServer { line: Line::First, jid, resource, contact, standing: Standing::Gone })
        });
        self.view = Device {
            id: remembered.id,
            di: remembered.di,
            name: remembered.name,
            device_type: remembered.device_type,
            manufacturer: remembered.manufacturer,
            model: remembered.model,
            about: remembered.about,
            resources: remembered.resources.into_iter().map(Resource::from).collect(),
            values: remembered.values.into_iter().map(|(href, value)| (href, Reported::from(value))).collect(),
            last_seen_at_ms: remembered.last_seen_at_ms,
            ..self.view.clone()
        };
    }

    /// Whether this is its `oic.ra.user`, whose representation may hold a live password (RA-7).
    pub(super) fn is_user_resource(&self, href: &Href) -> bool {
        let listed = |links: &[Link]| links.iter().any(|link| link.is(USER_RT) && link.href.path() == href.path());
        let lan = self.lan.as_ref().map(|lan| &lan.device);
        href.path() == USER_URI
            || lan.is_some_and(|lan| {
                listed(&lan.links) || lan.user.as_ref().is_some_and(|user| user.href.path() == href.path())
            })
            || self.told.links.as_deref().is_some_and(listed)
    }

    /// Where it says over XMPP that its two Remote Access resources are: server, account.
    pub(super) fn links_told(&self) -> Option<(Link, Link)> {
        let links = self.told.links.as_deref()?;
        let of = |rt: &str| links.iter().find(|link| link.is(rt)).cloned();
        Some((of(XMPP_RT)?, of(USER_RT)?))
    }

    /// Where it says where its own description of its resources is.
    pub(super) fn introspection_at(&self) -> Option<Href> {
        let links = self.told.links.as_ref().or_else(|| self.lan.as_ref().map(|lan| &lan.device.links))?;
        links.iter().find(|link| link.is(INTROSPECTION_RT)).map(|link| link.href.clone())
    }

    /// The account is another now: what was at the server, and our part in it, is of the former one.
    pub(super) fn leave_account(&mut self) {
        self.remote = None;
        self.told = Told::default();
        self.told_at.clear();
        self.onboarded_here = false;
        // It is asked anew, as if it had come just now.
        self.arrivals += 1;
        self.view = Device {
            remote: None,
            about: Vec::new(),
            values: BTreeMap::new(),
            wishes: BTreeMap::new(),
            described: false,
            ..self.view.clone()
        };
    }

    /// A representation as it is kept: without what nobody may see.
    pub(super) fn veiled(&self, href: &Href, value: Value) -> Value {
        let types = self.view.resources.iter().find(|resource| resource.href == *href).map(|resource| &resource.rt);
        controls::veiled(types.map_or(&[], Vec::as_slice), value)
    }

    /// What an answer or a notification tells: of this resource, or, where it is a collection that was asked as a batch or
    /// answers so by default, of its members.
    pub(super) fn reported(&mut self, href: &Href, value: Value, whole: bool, via: Path, at: Instant) {
        match batch::is_batch(href) || batch::is_answer(&value) {
            true => self.report_batch(&value, whole, via, at),
            false => self.report(href, value, whole, via, at),
        }
    }

    /// A value that the device told. `whole`: all of the representation, else only what changed. What came `at` an
    /// earlier time than the value that is known is old, whatever way it took to here.
    pub(super) fn report(&mut self, href: &Href, value: Value, whole: bool, via: Path, at: Instant) {
        let href = plain(href);
        if self.told_at.get(&href).is_some_and(|newest| *newest > at) {
            return;
        }
        if self.view.values.len() >= MAX_VALUES && !self.view.values.contains_key(&href) {
            return;
        }
        let value = self.veiled(&href, value);
        let at_ms = now_ms();
        let new = Reported { value, at_ms, via, remembered: false };
        let (reported, confirmed) = match self.view.values.remove(&href) {
            Some(before) if !whole && before.remembered => {
                // What the change does not name is of an earlier day still.
                let confirmed = new.value.clone();
                (Reported { value: merged(before.value, new.value), ..before }, confirmed)
            }
            Some(before) if !whole => {
                let value = merged(before.value, new.value);
                (Reported { value: value.clone(), ..new }, value)
            }
            _ => (new.clone(), new.value),
        };
        if self.view.wishes.get(&href).is_some_and(|wish| fulfils(&confirmed, &wish.wanted)) {
            self.view.wishes.remove(&href);
        }
        self.view.last_seen_at_ms = Some(at_ms);
        self.paths.heard(via);
        self.told_at.insert(href.clone(), at);
        self.view.values.insert(href, reported);
    }

    /// What a batch told of a collection's members; of what this device is known to have only.
    fn report_batch(&mut self, answer: &Value, whole: bool, via: Path, at: Instant) {
        for (href, value) in batch::read(answer, &self.view.di) {
            let is_ours = self.view.resources.iter().any(|resource| resource.href == href);
            if is_ours && !self.is_user_resource(&href) {
                self.report(&href, value, whole, via, at);
            }
        }
    }

    /// What it told of this resource since then, if it did.
    pub(super) fn told_since(&self, href: &Href, began: Instant) -> Option<&Value> {
        let href = plain(href);
        let is_since = self.told_at.get(&href).is_some_and(|at| *at >= began);
        self.view.values.get(&href).filter(|_| is_since).map(|reported| &reported.value)
    }

    /// A wish; returns its number. What is wished of other properties of the resource meanwhile stays wished.
    pub(super) fn wish(&mut self, href: &Href, wanted: Value) -> u64 {
        let href = plain(href);
        let wanted = match self.view.wishes.remove(&href) {
            Some(before) if before.failed.is_none() => merged(before.wanted, wanted),
            _ => wanted,
        };
        self.wish_serial += 1;
        self.wish_serials.insert(href.clone(), self.wish_serial);
        self.view.wishes.insert(href, Wish { wanted, since_ms: now_ms(), failed: None });
        self.wish_serial
    }

    /// The wish has been answered, and the value read: what is reported is the truth.
    pub(super) fn wish_over(&mut self, href: &Href, serial: u64) {
        if self.is_latest(href, serial) {
            self.view.wishes.remove(&plain(href));
        }
    }

    /// The wish did not happen, or nobody knows.
    pub(super) fn wish_failed(&mut self, href: &Href, serial: u64, error: Error) {
        if self.is_latest(href, serial)
            && let Some(wish) = self.view.wishes.get_mut(&plain(href))
        {
            wish.failed = Some(error);
        }
    }

    fn is_latest(&self, href: &Href, serial: u64) -> bool {
        self.wish_serials.get(&plain(href)) == Some(&serial)
    }
}

/// The resource's key among the values: its path without a query.
pub(super) fn plain(href: &Href) -> Href {
    Href::new(href.path()).unwrap_or_else(|_| href.clone())
}

/// `oic.d.smartplug` → `Smartplug`: better than an id until the device tells its name.
fn name_of_type(device_type: Option<&str>) -> String {
    let word = device_type.and_then(|rt| rt.rsplit('.').next()).filter(|word| !word.is_empty()).unwrap_or("device");
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Of OIC's own core, what a person may care for: collections, several measurements taken at once, the device's name and
/// place, and its restart.
const THE_PERSONS: [&str; 4] = [COLLECTION_RT, "oic.wk.atomicmeasurement", "oic.wk.con", "oic.wk.mnt"];

/// A resource that a person may care for: not of OIC's own core, security or Remote Access.
fn is_the_persons(link: &Link) -> bool {
    let core = |rt: &str| rt.starts_with("oic.wk.") || rt.starts_with("oic.r.doxm") || rt == XMPP_RT || rt == USER_RT;
    let chosen = |rt: &str| THE_PERSONS.contains(&rt);
    let in_core = link.href.path().starts_with("/oic/");
    let is_core = link.rt.iter().any(|rt| core(rt) && !chosen(rt));
    !is_core && (!in_core || link.rt.iter().any(|rt| chosen(rt)))
}

fn resource(link: &Link) -> Resource {
    Resource {
        href: link.href.clone(),
        rt: link.rt.clone(),
        interfaces: link.interfaces.clone(),
        observable: link.observable,
    }
}

/// Whether its members can be had at once.
pub(super) fn takes_batches(resource: &Resource) -> bool {
    resource.interfaces.iter().any(|one| one == batch::INTERFACE)
}

pub(super) fn is_collection(resource: &Resource) -> bool {
    resource.rt.iter().any(|rt| rt == COLLECTION_RT)
}

fn merged(before: Value, change: Value) -> Value {
    match (before, change) {
        (Value::Object(mut before), Value::Object(change)) => {
            before.extend(change);
            Value::Object(before)
        }
        (_, change) => change,
    }
}

/// Whether this is a resource's representation: properties, or a collection's links.
pub(super) fn is_representation(body: &Value) -> bool {
    body.is_object() || body.is_array()
}

/// Whether a representation has every wanted property, numbers compared as numbers.
pub(super) fn fulfils(reported: &Value, wanted: &Value) -> bool {
    match (reported, wanted) {
        (Value::Object(reported), Value::Object(wanted)) => {
            wanted.iter().all(|(name, value)| reported.get(name).is_some_and(|is| fulfils(is, value)))
        }
        (Value::Number(is), Value::Number(wish)) => is.as_f64() == wish.as_f64(),
        (is, wish) => is == wish,
    }
}

#[cfg(test)]
#[path = "devices_tests.rs"]
mod tests;
