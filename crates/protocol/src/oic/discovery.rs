//! `/oic/res`: which devices answer, and the resources that they list (OIC Core §11.3, OCF Core §11.2).
//!
//! Scope: reading the shapes of OCF (flat or baseline), OIC 1.1, IoTivity 1.0.0 and 1.0.1, and writing OCF's and
//! OIC 1.1's for the simulated home. An answer is hostile: bounded, and an entry that makes no sense is dropped alone.
//! Non-scope: where the answer came from, and whether the device is what it says.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Map, Value, json};

use super::cbor;
use super::device_id::DeviceId;
use crate::crudn::Href;

/// Where every device lists its resources.
pub const RES_URI: &str = "/oic/res";
/// The largest answer that is read, in bytes. Our choice: [`MAX_LINKS`] links of 250 bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// The most links that one answer may hold. Our choice.
pub const MAX_LINKS: usize = 1024;
/// The most types, interfaces or endpoints of one link that are kept. Our choice.
const MAX_OF_ONE_LINK: usize = 16;
/// The longest type or interface that is kept, in bytes (OCF Core §6.4 allows 64).
const MAX_NAME: usize = 128;

/// A device, as its (or a directory's) `/oic/res` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveredDevice {
    /// Which device it says it is.
    pub di: DeviceId,
    /// Its resources, in its order; each path once.
    pub links: Vec<Link>,
}

/// One resource in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where.
    pub href: Href,
    /// Its resource types.
    pub rt: Vec<String>,
    /// Its interfaces.
    pub interfaces: Vec<String>,
    /// Whether it can be observed (bit 2 of `p.bm`).
    pub observable: bool,
    /// Where it can be reached (OCF's `eps`); empty where the answer's source is meant.
    pub endpoints: Vec<Endpoint>,
    /// The `coaps` port at the answer's source (OIC 1.1's `p.sec` and `p.port`).
    pub secure_port: Option<u16>,
}

impl DiscoveredDevice {
    /// Where the device itself is reached, when its list came from there: a host that stands for several devices lists
    /// for each the port that it has at the host (OCF Core §10.3). Only ports are believed, and no other hosts, or
    /// whoever answers could have us ask anybody.
    pub fn at(&self, from: SocketAddr) -> SocketAddr {
        let listed = self.links.iter().flat_map(|link| &link.endpoints);
        let at_host = listed.filter(|endpoint| endpoint.scheme == Scheme::Coap && endpoint.ip == from.ip());
        let best = at_host.min_by_key(|endpoint| (endpoint.priority, endpoint.port != from.port()));
        let mut own = from;
        own.set_port(best.map_or(from.port(), |endpoint| endpoint.port));
        own
    }
}

impl Link {
    /// Whether it has the resource type.
    pub fn is(&self, rt: &str) -> bool {
        self.rt.iter().any(|own| own == rt)
    }

    /// Whether it can be reached over a secured session.
    pub fn is_secured(&self) -> bool {
        self.secure_port.is_some() || self.endpoints.iter().any(|endpoint| endpoint.scheme.is_secure())
    }

    /// Whether it can be reached over a secured session only: `coaps` endpoints and no `coap` one. (OIC 1.1 lists the
    /// secure port of a resource that requires it.)
    pub fn is_secured_only(&self) -> bool {
        self.is_secured() && !self.endpoints.iter().any(|endpoint| endpoint.scheme == Scheme::Coap)
    }
}

/// One entry of `eps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// What is spoken there.
    pub scheme: Scheme,
    /// Its address; a link-local one lacks its zone.
    pub ip: IpAddr,
    /// Its port.
    pub port: u16,
    /// The device would rather be asked at the endpoint with the lower number (`pri`); 1 where it says nothing.
    pub priority: u8,
}

/// What is spoken at an endpoint. Over TCP (RFC 8323) nothing is asked: that it is there is all that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// CoAP over UDP.
    Coap,
    /// The same over DTLS.
    Coaps,
    /// CoAP over TCP.
    CoapTcp,
    /// The same over TLS.
    CoapsTcp,
}

impl Scheme {
    /// All of them.
    pub const ALL: [Scheme; 4] = [Scheme::Coap, Scheme::Coaps, Scheme::CoapTcp, Scheme::CoapsTcp];

    /// As in a URI.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Coap => "coap",
            Scheme::Coaps => "coaps",
            Scheme::CoapTcp => "coap+tcp",
            Scheme::CoapsTcp => "coaps+tcp",
        }
    }

    /// Whether a secured session is needed.
    pub fn is_secure(self) -> bool {
        matches!(self, Scheme::Coaps | Scheme::CoapsTcp)
    }
}

/// Why an answer was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiscoveryError {
    /// The payload is larger than [`MAX_BYTES`].
    #[error("the answer is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is not CBOR that we read.
    #[error(transparent)]
    Body(#[from] cbor::CborError),
    /// It is no list of links.
    #[error("the answer is no list of links")]
    NotAList,
    /// It lists more than [`MAX_LINKS`] links.
    #[error("the answer lists more than {MAX_LINKS} links")]
    TooManyLinks,
    /// No entry in it both names its device and makes sense.
    #[error("no entry of the answer names its device")]
    NoDevice,
}

/// Reads the payload of an answer. An empty list is no error: nothing matched.
///
/// # Errors
/// [`DiscoveryError`]: the answer is to be dropped, and said so once.
pub fn decode(payload: &[u8]) -> Result<Vec<DiscoveredDevice>, DiscoveryError> {
    if payload.len() > MAX_BYTES {
        return Err(DiscoveryError::TooLarge);
    }
    read(&cbor::decode(payload)?)
}

/// Reads an answer that is a value already.
///
/// # Errors
/// As [`decode`].
pub fn read(answer: &Value) -> Result<Vec<DiscoveredDevice>, DiscoveryError> {
    let entries = match answer {
        Value::Array(entries) => entries.as_slice(),
        Value::Object(_) => std::slice::from_ref(answer),
        _ => return Err(DiscoveryError::NotAList),
    };
    let mut list = List::default();
    for entry in entries.iter().filter_map(Value::as_object) {
        let own = entry.get("di").and_then(DeviceId::from_value);
        match entry.get("links") {
            Some(Value::Array(links)) => {
                for link in links.iter().filter_map(Value::as_object) {
                    list.add(link, own.as_ref())?;
                }
            }
            Some(Value::Object(link)) => list.add(link, own.as_ref())?,
            Some(_) => {}
            None => list.add(entry, own.as_ref())?,
        }
    }
    if list.devices.is_empty() && !entries.is_empty() { Err(DiscoveryError::NoDevice) } else { Ok(list.devices) }
}

#[derive(Default)]
struct List {
    devices: Vec<DiscoveredDevice>,
    seen: usize,
}

impl List {
    /// Adds a link to its device: the one that its anchor names, else the one that encloses it. What makes no sense
    /// and what is there already is dropped.
    fn add(&mut self, link: &Map<String, Value>, enclosing: Option<&DeviceId>) -> Result<(), DiscoveryError> {
        self.seen += 1;
        if self.seen > MAX_LINKS {
            return Err(DiscoveryError::TooManyLinks);
        }
        let anchor = link.get("anchor").and_then(Value::as_str).and_then(DeviceId::from_anchor);
        let own = link.get("di").and_then(DeviceId::from_value);
        let Some(di) = anchor.or(own).or_else(|| enclosing.cloned()) else { return Ok(()) };
        let Some(link) = read_link(link) else { return Ok(()) };
        match self.devices.iter_mut().find(|device| device.di == di) {
            None => self.devices.push(DiscoveredDevice { di, links: vec![link] }),
            Some(device) if device.links.iter().all(|other| other.href != link.href) => device.links.push(link),
            Some(_) => {}
        }
        Ok(())
    }
}

fn read_link(link: &Map<String, Value>) -> Option<Link> {
    let href = Href::new(link.get("href")?.as_str()?).ok()?;
    let policy = link.get("p").and_then(Value::as_object);
    let of_policy = |name: &str| policy.and_then(|policy| policy.get(name));
    let secure =
        matches!(of_policy("sec"), Some(Value::Bool(true))) || of_policy("sec").and_then(Value::as_u64) == Some(1);
    let port = of_policy("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
    Some(Link {
        href,
        rt: names(link.get("rt"))?,
        interfaces: names(link.get("if"))?,
        observable: of_policy("bm").and_then(Value::as_u64).unwrap_or(0) & 2 != 0,
        endpoints: link.get("eps").and_then(Value::as_array).map(|eps| endpoints(eps)).unwrap_or_default(),
        secure_port: port.filter(|port| secure && *port != 0),
    })
}

/// A list of names: an array of text, or one text with spaces (IoTivity 1.0). `None` if it is neither.
fn names(value: Option<&Value>) -> Option<Vec<String>> {
    let fits = |name: &&str| !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    match value {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(text)) => {
            Some(text.split_ascii_whitespace().filter(fits).take(MAX_OF_ONE_LINK).map(str::to_owned).collect())
        }
        Some(Value::Array(items)) => {
            let texts = items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?;
            Some(texts.into_iter().filter(fits).take(MAX_OF_ONE_LINK).map(str::to_owned).collect())
        }
        Some(_) => None,
    }
}

fn endpoints(eps: &[Value]) -> Vec<Endpoint> {
    let entries = eps.iter().filter_map(|entry| {
        let priority = entry.get("pri").and_then(Value::as_u64).unwrap_or(1);
        read_endpoint(entry.get("ep")?.as_str()?, u8::try_from(priority).unwrap_or(u8::MAX))
    });
    entries.take(MAX_OF_ONE_LINK).collect()
}

/// `coap://10.77.1.1:33051`, `coaps+tcp://[fe80::1]:5684`. Host names and other schemes are passed over.
fn read_endpoint(text: &str, priority: u8) -> Option<Endpoint> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = Scheme::ALL.into_iter().find(|known| known.as_str() == scheme)?;
    let authority = rest.split('/').next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(v6) => {
            let (host, after) = v6.split_once(']')?;
            (host.split('%').next()?, after.strip_prefix(':'))
        }
        None => authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))),
    };
    let default = if scheme.is_secure() { 5684 } else { 5683 };
    let port = port.map_or(Some(default), |port| port.parse().ok()).filter(|port| *port != 0)?;
    Some(Endpoint { scheme, ip: host.parse().ok()?, port, priority })
}

/// The shape of an answer that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OCF: flat links with anchor and `eps`.
    Ocf,
    /// OIC 1.1: the device with its links, secure ports in `p`.
    Oic,
}

/// Writes an answer: what the shape has no place for is left out.
pub fn write(device: &DiscoveredDevice, shape: Shape) -> Value {
    match shape {
        Shape::Ocf => device.links.iter().map(|link| write_ocf(link, &device.di)).collect(),
        Shape::Oic if device.links.is_empty() => json!([]),
        Shape::Oic => {
            json!([{ "di": device.di.as_str(), "links": device.links.iter().map(write_oic).collect::<Vec<_>>() }])
        }
    }
}

fn write_ocf(link: &Link, di: &DeviceId) -> Value {
    let eps: Vec<_> = link.endpoints.iter().map(|endpoint| write_endpoint(*endpoint)).collect();
    json!({
        "anchor": format!("ocf://{di}"), "href": link.href.as_str(), "rt": link.rt, "if": link.interfaces,
        "p": { "bm": bitmap(link) }, "eps": eps,
    })
}

fn write_oic(link: &Link) -> Value {
    let policy = match link.secure_port {
        Some(port) => json!({ "bm": bitmap(link), "sec": true, "port": port }),
        None => json!({ "bm": bitmap(link) }),
    };
    json!({ "href": link.href.as_str(), "rt": link.rt, "if": link.interfaces, "p": policy })
}

fn bitmap(link: &Link) -> u8 {
    if link.observable { 3 } else { 1 }
}

fn write_endpoint(endpoint: Endpoint) -> Value {
    let Endpoint { scheme, ip, port, priority } = endpoint;
    let text = format!("{}://{}", scheme.as_str(), SocketAddr::new(ip, port));
    if priority == 1 { json!({ "ep": text }) } else { json!({ "ep": text, "pri": priority }) }
}

#[cfg(test)]
#[path = "discovery_tests.rs"]
mod tests;
