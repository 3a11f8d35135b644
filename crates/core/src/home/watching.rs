//! What is on screen is kept up to date: described once, observed where the device can, else read now and then.
//!
//! Scope: one task per watched device, ended when it leaves the screen. Non-scope: requests that a person makes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request};
use homeward_protocol::oic::batch;
use homeward_protocol::oic::controls::{self, Shape};
use homeward_protocol::oic::device::{DEVICE_URI, Description, PLATFORM_URI, Platform, sayings};
use homeward_protocol::oic::discovery::{self, RES_URI};
use homeward_protocol::oic::introspection::{self, Introspection};
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::task::AbortOnDropHandle;

use super::Inner;
use super::control::Observation;
use super::devices::{Known, is_collection, is_representation, plain, takes_batches};
use crate::error::Code;
use crate::remote::Arrival;
use crate::view::{Device, Resource, Via};

/// `requirements.md`, Observe: a device without it is read so often while on screen.
const READ_EVERY: Duration = Duration::from_secs(30);
/// Our choice: before an observation that ended, or a description that failed, is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// Our choice: a device that has dropped an observation without a word is found out by asking for it again.
const CONFIRM_EVERY: Duration = Duration::from_secs(600);
/// Our choice: how much later than an answer a notification may be.
const NOTIFIED_WITHIN: Duration = Duration::from_secs(5);
/// Our choice: devices that a screen can show at once, with what lies just beyond its edge.
const MAX_WATCHED: usize = 256;
/// Our choice: resources observed of one device.
const MAX_OBSERVED: usize = 16;

/// The devices on screen.
#[derive(Default)]
pub(super) struct Watched(Mutex<HashMap<String, AbortOnDropHandle<()>>>);

impl Inner {
    /// These are on screen now; others no longer.
    pub(super) fn watch(self: &Arc<Self>, ids: Vec<String>) {
        let wanted: HashSet<String> = ids.into_iter().take(MAX_WATCHED).collect();
        let mut watched = self.watched.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        watched.retain(|id, _| wanted.contains(id));
        for id in wanted {
            watched.entry(id.clone()).or_insert_with(|| AbortOnDropHandle::new(tokio::spawn(attend(self.clone(), id))));
        }
    }

    /// Reads what a device says of itself, over the path that it has now.
    pub(super) async fn describe(&self, id: &str) {
        let read = async |path: &str| {
            let request = Request::get(Href::new(path).ok()?);
            let answer = self.send(id, &request, Via::Auto).await.ok()?;
            answer.body.filter(|_| answer.status == 200)
        };
        let (said, made) = (read(DEVICE_URI).await, read(PLATFORM_URI).await);
        let device = said.as_ref().and_then(Description::read);
        let platform = made.as_ref().and_then(Platform::read);
        let links = read(RES_URI).await.as_ref().and_then(|body| discovery::read(body).ok()).and_then(|mut devices| {
            let di = id.rsplit('/').next().unwrap_or(id);
            let own = devices.iter().position(|device| device.di.as_str().eq_ignore_ascii_case(di))?;
            Some(devices.swap_remove(own).links)
        });
        self.state().change_known(id, |known| {
            known.view.described = device.is_some() || links.is_some();
            if said.is_some() || made.is_some() {
                known.view.about = sayings(said.iter().chain(&made));
            }
            if let Some(device) = device {
                known.told.name = device.name.or(known.told.name.take());
            }
            if let Some(platform) = platform {
                known.told.manufacturer = platform.manufacturer;
                known.told.model = platform.model;
            }
            if links.is_some() {
                known.told.links = links;
            }
        });
        self.read_what_nobody_describes(id).await;
        // What it says of itself is not a value to show.
        self.state().change_known(id, |known| {
            let shown = known.view.resources.iter().map(|resource| resource.href.clone()).collect::<HashSet<_>>();
            known.view.values.retain(|href, _| !href.path().starts_with("/oic/") || shown.contains(href));
        });
    }

    /// Resources of types that are new to us have only what the device tells: their values, and its own description of
    /// them (OCF Core §11.4), where it has one.
    async fn read_what_nobody_describes(&self, id: &str) {
        let Ok(device) = self.device_now(id) else { return };
        let unknown = device.resources.into_iter().filter(|resource| !controls::knows(&resource.rt));
        let unknown: Vec<Href> = unknown.map(|resource| resource.href).take(MAX_OBSERVED).collect();
        if unknown.is_empty() {
            return;
        }
        let read = async |href: Href| {
            let answer = self.send(id, &Request::get(href), Via::Auto).await.ok()?;
            answer.body.filter(|_| answer.status == 200)
        };
        let at = self.state().device(id).and_then(Known::introspection_at);
        if let Some(at) = at
            && let Some(document) = read(at).await.as_ref().and_then(introspection::location)
            && let Some(introspection) = read(document).await.as_ref().and_then(Introspection::read)
        {
            self.state().change_known(id, |known| known.told.introspection = Some(introspection));
        }
        for href in unknown {
            read(href).await;
        }
    }
}

/// Keeps one device up to date, over whichever path it has.
async fn attend(inner: Arc<Inner>, id: String) {
    loop {
        let reachable = inner.until(|state| state.device(&id).and_then(|known| known.view.path)).await;
        let Some(path) = reachable else { return };
        let unsure = |state: &super::State| state.device(&id).map(|known| (known.arrivals, known.silences));
        let before = unsure(&inner.state());
        // Also where it came back before it was seen to go, or did not answer: what it has told may not be all.
        let lost = inner.until(|state| {
            let gone = !state.device(&id).is_some_and(|known| known.holds(path));
            (gone || unsure(state) != before).then_some(())
        });
        tokio::select! {
            _ = lost => {}
            () = keep_up_to_date(&inner, &id) => {}
        }
    }
}

async fn keep_up_to_date(inner: &Arc<Inner>, id: &str) {
    let described = inner.device_now(id).is_ok_and(|device| device.described);
    if !described {
        inner.describe(id).await;
    }
    // Which members a collection has is read before they are: one of them may hold a password (RA-7).
    for links in inner.device_now(id).iter().flat_map(|device| collections(device).filter_map(batch::links_of)) {
        let _ = inner.send(id, &Request::get(links), Via::Auto).await;
    }
    for batch in inner.device_now(id).iter().flat_map(batches) {
        let _ = inner.send(id, &Request::get(batch), Via::Auto).await;
    }
    let Ok(device) = inner.device_now(id) else { return };
    let mut observed = JoinSet::new();
    for (href, observable) in shown(&device) {
        observed.spawn(follow(inner.clone(), id.to_owned(), href, observable));
    }
    if observed.is_empty() {
        sleep(if device.described { READ_EVERY } else { TRY_AGAIN }).await;
        return;
    }
    let following = async { while observed.join_next().await.is_some() {} };
    if device.described {
        following.await;
    } else {
        // Known from an earlier day, and not confirmed yet: followed all the same, and asked again.
        let _ = tokio::time::timeout(TRY_AGAIN, following).await;
    }
}

/// Where collections are whose members can be had at once.
fn collections(device: &Device) -> impl Iterator<Item = &Href> {
    let at_once = device.resources.iter().filter(|resource| takes_batches(resource));
    at_once.map(|resource| &resource.href).take(MAX_OBSERVED)
}

/// Where they are read: those that told which members they have, all of which are known, and no collections themselves.
/// RA-7: any other member might hold a password.
pub(super) fn batches(device: &Device) -> impl Iterator<Item = Href> {
    let is_plain = |resource: &Resource| !is_collection(resource) && !takes_batches(resource);
    let is_known =
        move |href: &Href| device.resources.iter().any(|resource| resource.href == *href && is_plain(resource));
    let safe = move |collection: &&Href| {
        let told = device.values.get(*collection).filter(|told| !told.remembered);
        let members = told.and_then(|told| batch::members(&told.value, &device.di));
        members.is_some_and(|members| members.iter().all(is_known))
    };
    collections(device).filter(safe).filter_map(batch::of)
}

/// The resources behind a device's controls, each once; members that cannot be observed with the others of their
/// collection, where it can be read at once.
fn shown(device: &Device) -> Vec<(Href, bool)> {
    let mut seen = HashSet::new();
    let observable =
        |href: &Href| device.resources.iter().any(|resource| resource.href == *href && resource.observable);
    let collections = device.controls.iter().filter_map(|control| match &control.shape {
        Shape::Collection { members } => Some((batch::of(&control.href)?, members)),
        _ => None,
    });
    let collections: Vec<_> = collections.filter(|(batch, _)| batches(device).any(|one| one == *batch)).collect();
    let was_read = |href: &Href| device.values.get(href).is_some_and(|told| !told.remembered);
    let read_with =
        |href: &Href| collections.iter().find(|(_, members)| members.contains(href)).filter(|_| was_read(href));
    let collects = |href: &Href| device.resources.iter().any(|one| one.href == *href && is_collection(one));
    let followed = |href: Href| match (observable(&href), read_with(&href)) {
        (false, Some((batch, _))) => (batch.clone(), false),
        // Its links only: by default it may hand out what its members hold.
        (observable, _) if collects(&href) => (batch::links_of(&href).unwrap_or(href), observable),
        (observable, _) => (href, observable),
    };
    let all = device.controls.iter().map(|control| followed(control.href.clone()));
    all.filter(|(href, _)| seen.insert(href.clone())).take(MAX_OBSERVED).collect()
}

/// Follows one resource: by observation, or by a read every 30 seconds.
async fn follow(inner: Arc<Inner>, id: String, href: Href, observable: bool) {
    loop {
        let again_after = match observable {
            true => match inner.observe(&id, href.clone(), Via::Auto).await {
                Ok(observation) => follow_observation(&inner, &id, &href, observation).await,
                // It says that it cannot be observed now.
                Err(error) if matches!(error.code, Code::DeviceRefused | Code::SessionRefused) => None,
                Err(_) => Some(TRY_AGAIN),
            },
            false => None,
        };
        if again_after.is_none() {
            let _ = inner.send(&id, &Request::get(href.clone()), Via::Auto).await;
        }
        sleep(again_after.unwrap_or(READ_EVERY)).await;
    }
}

/// Until it ends, or there is reason to believe that the device has dropped it without a word. Returns when to observe
/// again; `None`: the device never did.
async fn follow_observation(
    inner: &Arc<Inner>,
    id: &str,
    href: &Href,
    mut observation: Observation,
) -> Option<Duration> {
    let resource = plain(href);
    let mut last = None;
    let mut confirmed_at = Instant::now();
    let mut observed = false;
    loop {
        let arrival = tokio::select! {
            arrival = observation.next_arrival() => arrival,
            // The device told somebody else what it did not tell us, or is asked whether it still knows us.
            () = inner.tells_otherwise(id, &resource, last.clone()), if observed => return Some(Duration::ZERO),
            () = sleep_until(confirmed_at + CONFIRM_EVERY), if observed => return Some(Duration::ZERO),
        };
        let Arrival { response, at } = match arrival {
            Some(Ok(arrival)) => arrival,
            Some(Err(error)) => {
                inner.path_failed(id, observation.via, &error);
                return Some(TRY_AGAIN);
            }
            // Ended after it had begun: the gap is filled by the next registration's first answer.
            None => return observed.then_some(TRY_AGAIN),
        };
        observed |= response.observe.is_some();
        confirmed_at = Instant::now();
        if let Some(value) = response.body.filter(|value| response.status.is_success() && is_representation(value)) {
            last = inner.state().change_known(id, |known| {
                let kept = known.veiled(&resource, value);
                known.reported(href, kept.clone(), true, observation.via, at);
                kept
            });
        }
    }
}

impl Inner {
    /// Waits until the resource's value has been another than `last` for some time: known from a read or an answer, and
    /// not notified.
    async fn tells_otherwise(&self, id: &str, href: &Href, last: Option<Value>) {
        let differs = |state: &super::State| {
            let told = state.device(id)?.view.values.get(href)?;
            (Some(&told.value) != last.as_ref()).then_some(())
        };
        loop {
            if self.until(differs).await.is_none() {
                return std::future::pending().await;
            }
            sleep(NOTIFIED_WITHIN).await;
            if differs(&self.state()).is_some() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::super::devices::COLLECTION_RT;
    use super::*;
    use crate::view::{Path, Reported};

    fn href(path: &str) -> Href {
        Href::new(path).unwrap()
    }

    /// A device with a collection of two outlets, which told these links.
    fn strip(links: Value, remembered: bool) -> Device {
        let mut device = Known::new("a", false).view;
        let resource = |path: &str, rt: &str, interface: &str| Resource {
            href: href(path),
            rt: vec![rt.to_owned()],
            interfaces: vec![interface.to_owned()],
            observable: false,
        };
        device.resources = vec![
            resource("/outlets", COLLECTION_RT, batch::INTERFACE),
            resource("/outlets/1", "oic.r.switch.binary", "oic.if.a"),
            resource("/outlets/2", "oic.r.switch.binary", "oic.if.a"),
        ];
        device.values.insert(href("/outlets"), Reported { value: links, at_ms: 1, via: Path::Lan, remembered });
        device
    }

    #[test]
    fn a_collection_is_read_at_once_only_where_all_its_members_are_known() {
        let known = json!([{"href": "/outlets/1"}, {"href": "/outlets/2"}]);
        assert_eq!(batches(&strip(known.clone(), false)).collect::<Vec<_>>(), [href("/outlets?if=oic.if.b")]);
        assert_eq!(batches(&strip(known, true)).count(), 0, "it may have others today");
        // RA-7: the second would hand out the password of the account.
        for unsafe_links in [
            json!([{"href": "/nobody-knows"}]),
            json!([{"href": "/XMPPUserResURI"}]),
            json!([{"href": "/outlets/1"}, {"href": "/outlets"}]),
            json!({}),
        ] {
            assert_eq!(batches(&strip(unsafe_links.clone(), false)).count(), 0, "{unsafe_links}");
        }
    }

    #[test]
    fn members_that_a_batch_left_out_are_read_by_themselves_and_of_a_collection_the_links_only() {
        let links = json!([{"href": "/outlets/1"}, {"href": "/outlets/2"}]);
        let mut device = strip(links, false);
        let switch = |path: &str| {
            let rt = "oic.r.switch.binary".to_owned();
            controls::controls(&href(path), &[rt], &["oic.if.a".to_owned()], Some(&json!({"value": true})), None)
        };
        let told = &device.values[&href("/outlets")].value;
        device.controls = controls::controls(&href("/outlets"), &[COLLECTION_RT.to_owned()], &[], Some(told), None);
        device.controls.extend(["/outlets/1", "/outlets/2"].into_iter().flat_map(switch));
        let value = Reported { value: json!({"value": true}), at_ms: 1, via: Path::Lan, remembered: false };
        device.values.insert(href("/outlets/1"), value);
        let followed = ["/outlets?if=oic.if.ll", "/outlets?if=oic.if.b", "/outlets/2"].map(|path| (href(path), false));
        assert_eq!(shown(&device), followed);
    }
}
