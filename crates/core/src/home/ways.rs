//! How a device is reached to be given an account: on this network, or over the account that it has.
//!
//! Scope: which of the two, where its Remote Access resources are, and what may cross. Non-scope: what is then asked (`onboarding`).

use std::future::pending;
use std::time::Duration;

use homeward_protocol::oic::discovery;
use homeward_protocol::onboarding::{Channel, Link};
use tokio::time::timeout;

use super::devices::Known;
use super::paths::Route;
use super::reachable::away;
use super::{Inner, State};
use crate::error::{Code, Error};
use crate::lan::{LanDevice, Place, RaResource};
use crate::view::{Security, Whose};

/// Our choice: how long a run waits for the search to have read its device.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(30);

/// How a device is reached to be given an account.
pub(super) struct Way {
    pub(super) di: String,
    /// Absent: it has no Remote Access.
    pub(super) links: Option<(Link, Link)>,
    pub(super) route: Option<Route>,
    pub(super) channel: Channel,
}

impl Inner {
    /// The way on which this device is given that account.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn way_to(&self, id: &str, target: &str, whose: Whose) -> Result<Way, Error> {
        match self.way_over_account(id, target, whose).await {
            Some(way) => Ok(way),
            None => self.way_on_lan(id).await,
        }
    }

    async fn way_over_account(&self, id: &str, target: &str, whose: Whose) -> Option<Way> {
        let (line, jid) = self.at_own_account(id)?;
        let on_lan = self.state().device(id).is_some_and(takes_accounts);
        // A server may end the sessions of an account whose password changes: prosody does.
        if on_lan || whose == Whose::OwnRenewed || jid.to_bare().as_str().eq_ignore_ascii_case(target) {
            return None;
        }
        let link = |link: discovery::Link| Link { href: link.href, interfaces: link.interfaces };
        let told = |state: &State| {
            let (server, user) = state.device(id)?.links_told()?;
            Some((link(server), link(user)))
        };
        let mut links = told(&self.state());
        if links.is_none() {
            self.describe(id).await;
            links = told(&self.state());
        }
        let di = self.state().device(id)?.view.di.clone();
        Some(Way { di, links, route: Some(Route::Xmpp(line, jid)), channel: Channel::Account })
    }

    async fn way_on_lan(&self, id: &str) -> Result<Way, Error> {
        let lan = self.described_on_lan(id).await.ok_or_else(away)?;
        let (place, channel) = self.place_and_channel(id, &lan);
        if channel == Channel::SecuredOnly && matches!(lan.security, Security::Unowned | Security::InTransfer) {
            return Err(Error::new(Code::NotOwned, "the device takes an account only from its owner, and has none"));
        }
        let links = links(&lan);
        Ok(Way { di: lan.di, links, route: place.map(Route::Lan), channel })
    }

    /// The way on which a run goes on that began on `way`. A device of ours proves who it is wherever it answers, and is
    /// followed. What answers at another address in the clear may be anybody: for that, nobody has given consent.
    pub(super) fn way_on(&self, id: &str, way: Route) -> Option<Route> {
        let state = self.state();
        match (&way, state.device(id)) {
            (Route::Lan(place), Some(known)) if has_left(known, place) => {
                let lan = &known.lan.as_ref()?.device;
                known.place(lan).filter(|now| matches!((now, place), (Place::Secured { .. }, Place::Secured { .. })))
            }
            _ => return Some(way),
        }
        .map(Route::Lan)
    }

    /// Waits until nothing that is sent on this way reaches the device any more: it is heard elsewhere.
    pub(super) async fn leaves(&self, id: &str, way: &Route) {
        let Route::Lan(place) = way else { return pending().await };
        let left = |state: &State| has_left(state.device(id)?, place).then_some(());
        if self.until(left).await.is_none() {
            pending().await
        }
    }

    /// Where the device is asked, and what that means for its account.
    pub(super) fn place_and_channel(&self, id: &str, lan: &LanDevice) -> (Option<Place>, Channel) {
        let place = self.state().device(id).and_then(|known| known.place(lan));
        let channel = channel(lan, place.as_ref());
        (place, channel)
    }

    /// The device as this network shows it, once it is known where its two resources are: listed, or at the well-known
    /// paths, which counts only after all is read.
    pub(super) async fn described_on_lan(&self, id: &str) -> Option<LanDevice> {
        let described = |state: &State| {
            let lan = state.device(id)?.lan.as_ref()?;
            let known = lan.device.described || (lan.device.listed && lan.device.xmpp.is_some());
            (lan.answering && known).then(|| lan.device.clone())
        };
        let described = timeout(DESCRIBED_WITHIN, self.until(described)).await;
        described.ok().flatten()
    }
}

/// Where the two resources are (RA-2).
pub(super) fn links(lan: &LanDevice) -> Option<(Link, Link)> {
    let link = |ra: &RaResource| Link { href: ra.href.clone(), interfaces: ra.interfaces.clone() };
    Some((link(lan.xmpp.as_ref()?), link(lan.user.as_ref()?)))
}

/// Whether it can be given an account now, on this network.
pub(super) fn takes_accounts(known: &Known) -> bool {
    let Some(lan) = known.lan.as_ref().filter(|lan| lan.answering).map(|lan| &lan.device) else { return false };
    links(lan).is_some() && channel(lan, known.place(lan).as_ref()) != Channel::SecuredOnly
}

/// Whether the device answers on this network, and at none of these addresses.
fn has_left(known: &Known, place: &Place) -> bool {
    let Some(lan) = known.lan.as_ref().filter(|lan| lan.answering).map(|lan| &lan.device) else { return false };
    match place {
        Place::Clear(at) => !lan.endpoints.contains(at),
        Place::Secured { at, .. } => {
            let now = lan.secured_endpoints();
            // None is known while its list is read anew.
            !now.is_empty() && !now.iter().any(|one| at.contains(one))
        }
    }
}

/// How the device can be talked to there.
fn channel(lan: &LanDevice, place: Option<&Place>) -> Channel {
    let secured_only = lan.remote_access.as_ref().is_some_and(|access| access.secured_only);
    match place {
        Some(Place::Secured { .. }) => Channel::Secured,
        Some(Place::Clear(_)) if !secured_only && lan.security != Security::OwnedByAnother => Channel::Clear,
        _ => Channel::SecuredOnly,
    }
}
