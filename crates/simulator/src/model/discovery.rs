//! What a device says about itself: `/oic/res`, `/oic/d` and `/oic/p`.
//!
//! Scope: both payload shapes and the `rt=` and `if=` filters. Non-scope: content formats; multicast's silence.

use std::net::IpAddr;

use homeward_protocol::crudn::{Href, Request, Response, Status};
use serde_json::{Value, json};

use super::resource::{BASELINE, Refusal, Resource, Role};
use super::{Dialect, Model, Via};
use crate::knobs::Knobs;

/// `p.bm`, bit 1: listed in `/oic/res`.
const DISCOVERABLE: u8 = 1;
/// `p.bm`, bit 2: can be observed.
const OBSERVABLE: u8 = 2;

struct Link {
    href: Href,
    rt: Vec<String>,
    interfaces: Vec<String>,
    bm: u8,
    secured_only: bool,
}

impl Model {
    /// The answer of one of OIC's own resources, if `path` names one.
    pub(super) fn core_resource(
        &self,
        path: &str,
        request: &Request,
        via: Via,
        knobs: &Knobs,
    ) -> Option<Result<Response, Refusal>> {
        match path {
            "/oic/res" => Some(self.res(request, knobs)),
            "/oic/d" => Some(Ok(Response::ok(self.device_description(request, via, knobs)))),
            "/oic/p" => Some(Ok(Response::ok(self.platform_description(request)))),
            _ => None,
        }
    }

    fn res(&self, request: &Request, knobs: &Knobs) -> Result<Response, Refusal> {
        let mut links = self.links(knobs);
        let types: Vec<&str> = request.href.queries().filter_map(|query| query.strip_prefix("rt=")).collect();
        if !types.is_empty() {
            links.retain(|link| link.rt.iter().any(|rt| types.contains(&rt.as_str())));
        }
        let interface = request.href.queries().find_map(|query| query.strip_prefix("if="));
        let baseline = interface == Some(BASELINE);
        if let Some(asked) = interface.filter(|asked| !baseline && *asked != "oic.if.ll") {
            links.retain(|link| link.interfaces.iter().any(|one| one == asked));
        }
        if links.is_empty() {
            return Err(Refusal::new(Status::BAD_REQUEST, "nothing matches"));
        }
        let di = &self.di();
        let body = match self.identity.dialect {
            Dialect::Ocf => {
                let links: Value = links.iter().map(|link| self.ocf_link(link)).collect();
                if baseline {
                    json!([{"rt": ["oic.wk.res"], "if": ["oic.if.ll", BASELINE], "links": links}])
                } else {
                    links
                }
            }
            Dialect::Oic11 => {
                let links: Value = links.iter().map(|link| self.oic_link(link)).collect();
                if baseline {
                    let name = &self.identity.name;
                    json!([{"n": name, "di": di, "rt": ["oic.wk.res"], "if": ["oic.if.ll", BASELINE], "links": links}])
                } else {
                    json!([{"di": di, "links": links}])
                }
            }
        };
        Ok(Response::ok(body))
    }

    fn links(&self, knobs: &Knobs) -> Vec<Link> {
        let core = |path: &str, rt: Vec<String>| {
            Href::new(path).ok().map(|href| Link {
                href,
                rt,
                interfaces: vec!["oic.if.r".to_owned(), BASELINE.to_owned()],
                bm: DISCOVERABLE,
                secured_only: false,
            })
        };
        let secured = self.ownership.is_some();
        let hides_all = self.ownership.as_ref().is_some_and(super::Ownership::is_owned);
        let mut links: Vec<Link> = Vec::new();
        links.extend(core("/oic/d", self.device_types()));
        links.extend(core("/oic/p", vec!["oic.wk.p".to_owned()]));
        if secured {
            links.extend(core("/oic/sec/doxm", vec!["oic.r.doxm".to_owned()]));
        }
        let link = |one: &Resource, bm: u8, secured_only: bool| {
            let mut interfaces = one.interfaces.clone();
            interfaces
                .extend(knobs.wanted_interfaces.get(one.href.path()).filter(|i| !one.interfaces.contains(i)).cloned());
            Link { href: one.href.clone(), rt: one.rt.clone(), interfaces, bm, secured_only }
        };
        let own = self.resources.iter().filter(|one| one.role != Role::Member);
        links.extend(own.map(|one| link(one, DISCOVERABLE | OBSERVABLE, hides_all)));
        if let Some(remote) = self.remote.as_ref().filter(|remote| remote.listed) {
            links.extend(remote.links().iter().map(|one| link(one, DISCOVERABLE, secured)));
        }
        links
    }

    fn ocf_link(&self, link: &Link) -> Value {
        let eps: Vec<Value> = self
            .endpoints
            .iter()
            .filter_map(|at| {
                let host = match at.ip() {
                    IpAddr::V4(ip) => ip.to_string(),
                    IpAddr::V6(ip) => format!("[{ip}]"),
                };
                if link.secured_only {
                    self.secure_port.map(|port| json!({"ep": format!("coaps://{host}:{port}")}))
                } else {
                    Some(json!({"ep": format!("coap://{host}:{}", at.port())}))
                }
            })
            .collect();
        json!({
            "anchor": format!("ocf://{}", self.di()),
            "href": link.href,
            "rt": link.rt,
            "if": link.interfaces,
            "p": {"bm": link.bm},
            "eps": eps,
        })
    }

    fn oic_link(&self, link: &Link) -> Value {
        let p = match self.secure_port.filter(|_| link.secured_only) {
            Some(port) => json!({"bm": link.bm, "sec": true, "port": port}),
            None => json!({"bm": link.bm}),
        };
        json!({"href": link.href, "rt": link.rt, "if": link.interfaces, "p": p})
    }

    fn device_types(&self) -> Vec<String> {
        vec!["oic.wk.d".to_owned(), self.identity.device_type.clone()]
    }

    /// `rt` and `if` are in OCF's answer only where the baseline is asked for; IoTivity's OIC 1.1 always had them.
    fn device_description(&self, request: &Request, via: Via, knobs: &Knobs) -> Value {
        let who = &self.identity;
        let stranger = knobs.wrong_identity.as_deref().filter(|_| via == Via::Xmpp);
        let (icv, dmv) = match who.dialect {
            Dialect::Ocf => ("ocf.2.2.0", "ocf.res.1.3.0,ocf.sh.1.3.0"),
            Dialect::Oic11 => ("core.1.1.0", "res.1.1.0"),
        };
        let mut shown = json!({"n": who.name, "di": stranger.unwrap_or(&self.di()), "icv": icv, "dmv": dmv});
        if let Some(map) = shown.as_object_mut() {
            if who.dialect == Dialect::Ocf {
                map.insert("piid".to_owned(), json!(who.piid));
            }
            if who.dialect == Dialect::Oic11 || asks_for_baseline(request) {
                map.insert("rt".to_owned(), json!(self.device_types()));
                map.insert("if".to_owned(), json!(["oic.if.r", BASELINE]));
            }
        }
        shown
    }

    fn platform_description(&self, request: &Request) -> Value {
        let who = &self.identity;
        let mut shown = json!({
            "pi": who.platform,
            "mnmn": who.maker,
            "mnmo": who.model,
            "mnfv": "2.4.1",
        });
        if let Some(map) = shown.as_object_mut().filter(|_| asks_for_baseline(request)) {
            map.insert("rt".to_owned(), json!(["oic.wk.p"]));
            map.insert("if".to_owned(), json!(["oic.if.r", BASELINE]));
        }
        shown
    }
}

fn asks_for_baseline(request: &Request) -> bool {
    request.href.queries().any(|query| query == "if=oic.if.baseline")
}
