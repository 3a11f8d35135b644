//! A device as the local network shows it.

use std::net::SocketAddr;

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::device::{DEVICE_URI, device_type};
use homeward_protocol::oic::discovery::{Link, Scheme};
use homeward_protocol::oic::remote_access::{INTERFACE, USER_RT, USER_URI, XMPP_RT};
use homeward_protocol::ownership::Method;

use crate::view;

/// The most secured endpoints of one device that are tried. Our choice.
const MAX_SECURED: usize = 8;

/// A device as the local network shows it. None of it is authenticated.
#[derive(Debug, Clone, PartialEq)]
pub struct LanDevice {
    /// Its own id, in lower case.
    pub di: String,
    /// Where it answers now, the best first; never empty.
    pub endpoints: Vec<SocketAddr>,
    /// `n` of /oic/d.
    pub name: Option<String>,
    /// What it is (`rt` of /oic/d, or of the link to it; RA-9).
    pub device_type: Option<String>,
    /// `mnmn` of /oic/p.
    pub manufacturer: Option<String>,
    /// `mnmo` of /oic/p.
    pub model: Option<String>,
    /// Its resources, as /oic/res lists them.
    pub links: Vec<Link>,
    /// Its `oic.ra.xmpp`, once that is known to be there.
    pub remote_access: Option<view::RemoteAccess>,
    /// Where its `oic.ra.xmpp` is (RA-2).
    pub xmpp: Option<RaResource>,
    /// Where its `oic.ra.user` is (RA-2). The search never reads it (RA-7).
    pub user: Option<RaResource>,
    /// How far it is protected.
    pub security: view::Security,
    /// How it offers to be taken over, the safer first; while nobody owns it.
    pub methods: Vec<Method>,
    /// Whether its whole list is known: before, a resource that is listed may seem not to be.
    pub listed: bool,
    /// Whether all that is read of a device has been read. Before, what is absent may only be unknown.
    pub described: bool,
}

/// The endpoints over DTLS that these links name, at the hosts where they were heard.
pub(super) fn secured_endpoints(links: &[Link], heard_at: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut found = Vec::new();
    for heard in heard_at {
        let listed = links.iter().flat_map(|link| &link.endpoints);
        let at_host = listed.filter(|one| one.scheme == Scheme::Coaps && one.ip == heard.ip());
        let ports = at_host.map(|one| one.port).chain(links.iter().filter_map(|link| link.secure_port));
        for port in ports {
            let mut at = *heard;
            at.set_port(port);
            if !found.contains(&at) && found.len() < MAX_SECURED {
                found.push(at);
            }
        }
    }
    found
}

/// One of the two Remote Access resources.
#[derive(Debug, Clone, PartialEq)]
pub struct RaResource {
    /// Where.
    pub href: Href,
    /// Its interfaces, as the link lists them: what to try where the default one is refused.
    pub interfaces: Vec<String>,
    /// Whether its link has `coaps` endpoints only.
    pub secured_only: bool,
}

impl RaResource {
    /// The resource of that type, where a list of links has it.
    pub(super) fn listed(links: &[Link], rt: &str) -> Option<Self> {
        let link = links.iter().find(|link| link.is(rt))?;
        let secured_only = link.is_secured_only();
        Some(Self { href: link.href.clone(), interfaces: link.interfaces.clone(), secured_only })
    }

    /// The resource at its well-known path, where it is not listed (RA-2).
    pub(super) fn well_known(uri: &str) -> Option<Self> {
        let href = Href::new(uri).ok()?;
        Some(Self { href, interfaces: vec![INTERFACE.to_owned()], secured_only: false })
    }
}

impl LanDevice {
    /// Where it answers over DTLS: at the hosts where it was heard, and no others.
    pub fn secured_endpoints(&self) -> Vec<SocketAddr> {
        secured_endpoints(&self.links, &self.endpoints)
    }

    /// A device of which nothing is known but that it answers.
    pub(super) fn new(di: String, endpoint: SocketAddr) -> Self {
        Self {
            di,
            endpoints: vec![endpoint],
            name: None,
            device_type: None,
            manufacturer: None,
            model: None,
            links: Vec::new(),
            remote_access: None,
            xmpp: None,
            user: None,
            security: view::Security::None,
            methods: Vec::new(),
            listed: false,
            described: false,
        }
    }

    /// Takes its list of resources over: what it shows of Remote Access and security.
    pub(super) fn list(&mut self, links: Vec<Link>) {
        self.links = links;
        if let Some(own) = self.links.iter().find(|link| link.href.path() == DEVICE_URI) {
            self.device_type = device_type(own.rt.iter().map(String::as_str)).or(self.device_type.take());
        }
        if let Some(xmpp) = RaResource::listed(&self.links, XMPP_RT) {
            self.offers(xmpp);
        }
        let secured = self.links.iter().any(Link::is_secured);
        if secured && self.security == view::Security::None {
            // Whose it is shows in its doxm, and one that is owned hides that.
            self.security = view::Security::OwnedByAnother;
        }
    }

    /// It has Remote Access, there.
    pub(super) fn offers(&mut self, xmpp: RaResource) {
        let access = self.remote_access.get_or_insert(view::RemoteAccess {
            address: None,
            port: None,
            status: None,
            error_reason: None,
            secured_only: false,
        });
        access.secured_only |= xmpp.secured_only;
        self.user = RaResource::listed(&self.links, USER_RT).or_else(|| RaResource::well_known(USER_URI));
        self.xmpp = Some(xmpp);
    }
}
