//! Which ways a request to a device may take, under the rules of identity.
//!
//! Scope: pure. Non-scope: which of two ways is better (`paths`), what is known of the device (`devices`).

use homeward_protocol::crudn::{Href, Method};
use homeward_protocol::oic::batch;
use uuid::Uuid;

use super::devices::{Known, Standing, is_collection, takes_batches};
use super::paths::{Route, Routes};
use super::reachable::not_proven;
use crate::error::{Code, Error};
use crate::lan::{LanDevice, Place};
use crate::view::{Path, Via};

impl Known {
    /// The ways for a request, under the rules of identity: an unauthenticated answer on the network is good for
    /// display; writes take that way only where we onboarded the device over it, or nothing else claims the `di`, and
    /// never for a lock. A device that we own is asked there over its secured session alone, and takes everything.
    ///
    /// # Errors
    /// [`Code::NotReachable`]: no path leads there, or none that this request may take.
    pub(super) fn routes(&self, via: Via, method: Method, href: &Href) -> Result<Routes, Error> {
        let lan = self.route_on_lan();
        let lan_by_choice = lan.clone().filter(|_| !method.changes_things() || self.may_write_on_lan(href));
        let routes = match via {
            Via::Xmpp => only(self.route_at_server()),
            // The person named the path, and bears what it means.
            Via::Lan => only(
                lan.clone().filter(|_| !method.changes_things() || self.view.owned.is_some() || !self.is_guarded(href)),
            ),
            Via::Auto => self.ordered(lan_by_choice, self.route_at_server()).map(|routes| match method {
                Method::Get => self.finding_out(routes),
                _ => routes,
            }),
        };
        routes.ok_or_else(|| {
            if lan.is_none() && via != Via::Xmpp && !self.view.claimed_at.is_empty() {
                return not_proven(&self.view.claimed_at);
            }
            if lan.is_some() && via != Via::Xmpp {
                let only =
                    "takes changes over this network only if it was set up from here, and a lock only if it is yours";
                return Error::new(Code::NotReachable, format!("{} {only}", self.view.name));
            }
            let way = match via {
                Via::Xmpp => "over XMPP",
                Via::Lan => "on this network",
                Via::Auto => "over XMPP or on this network",
            };
            Error::new(Code::NotReachable, format!("{} cannot be reached {way} now", self.view.name))
        })
    }

    /// The ways as the person sees them.
    pub(super) fn preferred(&self) -> Option<Routes> {
        self.ordered(self.route_on_lan(), self.route_at_server())
    }

    /// Whether what is under way over this path is not lost.
    pub(super) fn holds(&self, path: Path) -> bool {
        match path {
            Path::Lan => self.route_on_lan().is_some(),
            Path::Xmpp => self.remote.as_ref().is_some_and(|remote| remote.standing != Standing::Gone),
        }
    }

    fn route_on_lan(&self) -> Option<Route> {
        let lan = self.lan.as_ref().filter(|lan| lan.answering)?;
        self.place(&lan.device).map(Route::Lan)
    }

    /// Where the device is asked on this network. One of ours never in the clear, whatever answers there says.
    pub(super) fn place(&self, lan: &LanDevice) -> Option<Place> {
        if self.view.owned.is_none() {
            return lan.endpoints.first().copied().map(Place::Clear);
        }
        let (device, at) = (Uuid::parse_str(&lan.di).ok()?, lan.secured_endpoints());
        (!at.is_empty()).then_some(Place::Secured { device, at })
    }

    fn route_at_server(&self) -> Option<Route> {
        let remote = self.remote.as_ref().filter(|remote| remote.standing == Standing::Available)?;
        Some(Route::Xmpp(remote.line, remote.jid.clone()))
    }

    fn ordered(&self, lan: Option<Route>, xmpp: Option<Route>) -> Option<Routes> {
        match (lan, xmpp) {
            (Some(lan), Some(xmpp)) => Some(self.paths.order(lan, xmpp, self.is_known_here())),
            (lan, xmpp) => only(lan.or(xmpp)),
        }
    }

    /// A Retrieve may find out how fast the other path is. Where we did not onboard the device, the server comes first
    /// however fast the network is: what answers there is not known to be the device.
    fn finding_out(&self, routes: Routes) -> Routes {
        match routes {
            Routes { first, second: Some(second) }
                if self.is_known_here() && self.paths.unmeasured() == Some(second.path()) =>
            {
                Routes { first: second, second: Some(first) }
            }
            routes => routes,
        }
    }

    fn may_write_on_lan(&self, href: &Href) -> bool {
        self.view.owned.is_some() || (self.onboarded_here && !self.is_guarded(href))
    }

    /// Whether what answers on this network may be taken for the device: it is ours, or we set it up there.
    fn is_known_here(&self) -> bool {
        self.view.owned.is_some() || self.onboarded_here
    }

    /// Whether this may be a lock or an alarm; before a device's links are read, anything may be.
    fn is_guarded(&self, href: &Href) -> bool {
        let read = self.lan.as_ref().is_some_and(|lan| lan.device.listed);
        let guards = |rt: &str| rt.contains("lock") || rt.contains("alarm");
        let is_one = self.view.device_type.as_deref().is_some_and(guards);
        // Asked as a batch, in whatever spelling or by default, a collection may reach any resource.
        let listed = self.view.resources.iter().chain(&self.view.core);
        let reaches_all = batch::is_batch(href)
            || listed.filter(|one| one.href.path() == href.path()).any(|one| takes_batches(one) || is_collection(one));
        let has_one = self.view.resources.iter().any(|resource| {
            let reached = resource.href.path() == href.path() || reaches_all;
            reached && resource.rt.iter().any(|rt| guards(rt))
        });
        !read || is_one || has_one
    }
}

fn only(route: Option<Route>) -> Option<Routes> {
    route.map(|first| Routes { first, second: None })
}
