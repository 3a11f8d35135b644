//! What is read of a found device, one request after the other: /oic/d, `oic.ra.xmpp`, /oic/p, its whole list where that
//! did not come, `/oic/sec/doxm` where it has one. Never `oic.ra.user`: its answer may hold a live password (RA-7).
//!
//! Scope: the order, and what each answer says. Pure but for [`perform`], which asks. Non-scope: when, and how many
//! devices at once ([`super::search`]).

use std::net::SocketAddr;
use std::time::Duration;

use homeward_protocol::coap::block::MAX_BODY;
use homeward_protocol::coap::message::Format;
use homeward_protocol::crudn::{Href, HrefError, Request, Response, Status};
use homeward_protocol::oic::device::{DEVICE_URI, Description, PLATFORM_URI, Platform};
use homeward_protocol::oic::discovery::{self, Link};
use homeward_protocol::oic::remote_access::{XMPP_URI, XmppAccess};
use homeward_protocol::oic::security::{DOXM_RT, DOXM_URI, Doxm, Ownership};
use homeward_protocol::ownership::Method;

use super::client::{LanClient, LanError};
use super::device::{LanDevice, RaResource};
use crate::view;

/// How long one read may take. Our choice: three transmissions.
const DEADLINE: Duration = Duration::from_secs(10);
/// How often a device that does not answer is tried again, each time when it is next heard. Our choice.
const MAX_TRIES: u32 = 3;

/// One thing to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// /oic/d.
    Device,
    /// Its `oic.ra.xmpp`.
    Access(Href),
    /// /oic/p.
    Platform,
    /// /oic/res, whole.
    List,
    /// /oic/d with its types, where neither its plain answer nor the list told what the device is.
    Types,
    /// `oic.ra.xmpp` at its well-known path: not listed, but it may be there (RA-2).
    WellKnownAccess,
    /// /oic/sec/doxm.
    Doxm,
}

/// What kind of thing, for the list of what is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Device,
    Access,
    Platform,
    List,
    Types,
    WellKnownAccess,
    Doxm,
}

impl Read {
    fn kind(&self) -> Kind {
        match self {
            Read::Device => Kind::Device,
            Read::Access(_) => Kind::Access,
            Read::Platform => Kind::Platform,
            Read::List => Kind::List,
            Read::Types => Kind::Types,
            Read::WellKnownAccess => Kind::WellKnownAccess,
            Read::Doxm => Kind::Doxm,
        }
    }

    fn href(&self) -> Result<Href, HrefError> {
        match self {
            Read::Device => Href::new(DEVICE_URI),
            Read::Access(href) => Ok(href.clone()),
            Read::Platform => Href::new(PLATFORM_URI),
            Read::List => Href::new(discovery::RES_URI),
            Read::Types => Href::new(format!("{DEVICE_URI}?if=oic.if.baseline")),
            Read::WellKnownAccess => Href::new(XMPP_URI),
            Read::Doxm => Href::new(DOXM_URI),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Outcome {
    /// /oic/d, if it could be read.
    Device(Option<Description>),
    /// `oic.ra.xmpp`: its state, or that it wants a secured session, or that it cannot be read.
    Access(Access),
    /// /oic/p, if it could be read.
    Platform(Option<Platform>),
    /// The device's own links.
    List(Format, Vec<Link>),
    /// The list could not be read, or does not name the device.
    NoList,
    /// What the device is, if that could be read.
    Types(Option<Description>),
    /// What the well-known path says.
    WellKnownAccess(Access),
    /// /oic/sec/doxm, if it could be read.
    Doxm(Option<Doxm>),
    /// Nothing came back.
    NoAnswer(Read),
}

/// What reading `oic.ra.xmpp` says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Access {
    /// Its state.
    Is(XmppAccess),
    /// 4.01: only over a secured session.
    Secured,
    /// Another failure.
    Unreadable,
}

/// How far the reading of one device has come.
#[derive(Debug, Default)]
pub(super) struct Reading {
    done: Vec<Kind>,
    over: bool,
    under_way: bool,
    /// Read anew as soon as what is under way is over.
    anew: bool,
    tries: u32,
    /// The round in which the read under way began.
    began: u32,
    /// The round in which the device was last heard.
    heard: u32,
    /// It did not answer: not again before it is heard in a later round than that read began in.
    paused: bool,
}

impl Reading {
    /// All is to be read again.
    pub(super) fn begin_anew(&mut self) {
        self.anew = true;
        self.tries = 0;
        self.paused = false;
    }

    /// Whether nothing is left to read.
    pub(super) fn is_over(&self) -> bool {
        self.over && !self.anew
    }

    /// The next thing to read and where, if nothing is being read. `listed`: its whole list of resources came.
    pub(super) fn next(&mut self, device: &LanDevice, listed: bool, round: u32) -> Option<(Read, SocketAddr)> {
        if self.under_way || (self.paused && self.heard <= self.began) {
            return None;
        }
        self.paused = false;
        self.began = round;
        if std::mem::take(&mut self.anew) {
            self.done.clear();
            self.over = false;
        }
        // An address that did not answer may be of a family that does not get through.
        let at = *device.endpoints.iter().cycle().nth(self.tries as usize)?;
        let next = self.left(device, listed);
        self.under_way = next.is_some();
        self.over = next.is_none();
        next.map(|read| (read, at))
    }

    fn left(&self, device: &LanDevice, listed: bool) -> Option<Read> {
        let access = device.xmpp.as_ref().filter(|xmpp| !xmpp.secured_only).map(|xmpp| Read::Access(xmpp.href.clone()));
        let has_doxm = device.links.iter().any(|link| link.is(DOXM_RT) || link.href.as_str() == DOXM_URI);
        let secured = has_doxm || device.links.iter().any(Link::is_secured);
        let in_order = [
            Some(Read::Device),
            access,
            Some(Read::Platform),
            (!listed).then_some(Read::List),
            device.device_type.is_none().then_some(Read::Types),
            device.xmpp.is_none().then_some(Read::WellKnownAccess),
            secured.then_some(Read::Doxm),
        ];
        in_order.into_iter().flatten().find(|read| !self.done.contains(&read.kind()))
    }

    /// What was being read came from elsewhere: it is read again.
    pub(super) fn lose(&mut self) {
        self.under_way = false;
    }

    /// The device was heard in this round.
    pub(super) fn heard(&mut self, round: u32) {
        self.heard = self.heard.max(round);
    }

    /// Takes what came of the read under way into the device.
    pub(super) fn take(&mut self, outcome: Outcome, device: &mut LanDevice) {
        self.under_way = false;
        match outcome {
            Outcome::NoAnswer(read) => {
                self.tries += 1;
                if self.tries < MAX_TRIES {
                    self.paused = true;
                } else {
                    self.done.push(read.kind());
                }
            }
            Outcome::Device(description) => {
                let description = description.unwrap_or_default();
                device.name = description.name.or(device.name.take());
                device.device_type = description.device_type.or(device.device_type.take());
                self.done.push(Kind::Device);
            }
            Outcome::Types(description) => {
                device.device_type = description.and_then(|description| description.device_type);
                self.done.push(Kind::Types);
            }
            Outcome::Platform(platform) => {
                let platform = platform.unwrap_or_default();
                device.manufacturer = platform.manufacturer.or(device.manufacturer.take());
                device.model = platform.model.or(device.model.take());
                self.done.push(Kind::Platform);
            }
            Outcome::Access(access) => {
                accept(access, device);
                self.done.push(Kind::Access);
            }
            Outcome::WellKnownAccess(access) => {
                // Only an answer that has its properties shows that it is there.
                if matches!(&access, Access::Is(state) if *state != XmppAccess::default())
                    && let Some(xmpp) = RaResource::well_known(XMPP_URI)
                {
                    device.offers(xmpp);
                    accept(access, device);
                    self.done.push(Kind::Access);
                }
                self.done.push(Kind::WellKnownAccess);
            }
            Outcome::List(..) | Outcome::NoList => self.done.push(Kind::List),
            Outcome::Doxm(doxm) => {
                device.methods = doxm.as_ref().map(|doxm| Method::offered(doxm).collect()).unwrap_or_default();
                device.security = match doxm.map(|doxm| doxm.ownership(None)) {
                    Some(Ownership::Unowned) => view::Security::Unowned,
                    Some(Ownership::InTransfer) => view::Security::InTransfer,
                    Some(Ownership::Ours) => view::Security::Ours,
                    Some(Ownership::AnothersOrHidden) | None => view::Security::OwnedByAnother,
                };
                self.done.push(Kind::Doxm);
            }
        }
    }
}

fn accept(access: Access, device: &mut LanDevice) {
    let Some(shown) = &mut device.remote_access else { return };
    match access {
        Access::Is(state) => shown.is_now(state),
        Access::Secured => shown.secured_only = true,
        Access::Unreadable => {}
    }
}

/// Asks for one thing.
pub(super) async fn perform(client: &LanClient, di: &str, read: Read, at: SocketAddr) -> Outcome {
    let Ok(href) = read.href() else { return Outcome::NoAnswer(read) };
    let limit = if read == Read::List { discovery::MAX_BYTES } else { MAX_BODY };
    let answer = match client.request_limited(at, &Request::get(href), DEADLINE, limit).await {
        Ok(answer) => answer,
        Err(LanError::NotSent(_) | LanError::NoAnswer) => return Outcome::NoAnswer(read),
        Err(error) => {
            tracing::warn!(%at, %error, "an answer was dropped");
            Response::status(Status::INTERNAL_ERROR)
        }
    };
    let unauthorized = answer.status == Status::UNAUTHORIZED;
    let body = answer.body.filter(|_| answer.status.is_success());
    match read {
        Read::Device | Read::Types => {
            // What answers there may speak for several devices, and describe another one.
            let own = |described: &Description| described.di.as_ref().is_none_or(|own| own.as_str() == di);
            let description = body.as_ref().and_then(Description::read).filter(own);
            if read == Read::Device { Outcome::Device(description) } else { Outcome::Types(description) }
        }
        Read::Platform => Outcome::Platform(body.as_ref().and_then(Platform::read)),
        Read::Doxm => Outcome::Doxm(body.as_ref().and_then(Doxm::read)),
        Read::Access(_) | Read::WellKnownAccess => {
            let access = match body.as_ref().and_then(XmppAccess::read) {
                Some(state) => Access::Is(state),
                None if unauthorized => Access::Secured,
                None => Access::Unreadable,
            };
            if read == Read::WellKnownAccess { Outcome::WellKnownAccess(access) } else { Outcome::Access(access) }
        }
        Read::List => {
            let devices = body.as_ref().map(discovery::read);
            if let Some(Err(error)) = &devices {
                tracing::warn!(%at, %error, "an answer to /oic/res was dropped");
            }
            let own = devices.and_then(Result::ok).and_then(|all| all.into_iter().find(|one| one.di.as_str() == di));
            own.map_or(Outcome::NoList, |own| Outcome::List(client.format(at), own.links))
        }
    }
}

#[cfg(test)]
#[path = "describe_tests.rs"]
mod tests;
