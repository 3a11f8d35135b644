//! The `<rest xmlns="rest.oic.org">` payload: one CRUDN request or answer (RA-17 … RA-20).
//!
//! Scope: bytes ↔ [`Request`] and [`Response`]; the habits of peers that we tolerate. Non-scope: base64, blocks and
//! sessions (`ibb`); which answer belongs to which request (the reader of the session).

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use xso::{AsXml, FromXml};

use super::shallow::Shallow;
use crate::crudn::{Href, Method, Observe, Request, Response, Status};
use crate::oic::remote_access::words;

/// The namespace of the payload (RA-18).
const REST: &str = "rest.oic.org";
/// The namespace of the body's JSON container (RA-18, XEP-0335).
const JSON: &str = "urn:xmpp:json:0";

/// Largest payload that is decoded, in bytes; what peers split is put together up to here.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Our choice: far more than anybody sends, few enough to keep.
const MAX_HEADERS: usize = 64;
/// Most blocks that one message may be split over. Our choice: 4 MiB in the smallest blocks seen; each is looked at anew.
const MAX_PIECES: usize = 1024;
/// Longest request id that is kept, in bytes. Our choice; ours have 32.
const MAX_ID: usize = 256;

/// The header with which a pipelining peer says what it answers.
const REQUEST_ID: &str = "X-Request-Id";
/// RA-20.
const OBSERVE: &str = "Observe";

/// One decoded payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Rest {
    /// Somebody asks.
    Request {
        /// What.
        request: Request,
        /// To be returned in the answer; one that could not be returned as it is, is none.
        id: Option<String>,
    },
    /// Somebody answers, or notifies.
    Response {
        /// What.
        response: Response,
        /// The request's id, from a peer that returns it.
        id: Option<String>,
    },
}

/// Why a payload is no `<rest>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// More than [`MAX_BYTES`], or split over more than 1024 blocks.
    #[error("the message is longer than {MAX_BYTES} bytes, or split over more than {MAX_PIECES} blocks")]
    TooLong,
    /// Not well-formed XML without a DTD, or not a `<rest>` with a `<url>`.
    #[error("the message is no <rest>: {0}")]
    NotRest(String),
    /// A method that RA-19 does not know.
    #[error("the method {0:?} is not known")]
    UnknownMethod(String),
    /// The url holds no resource path.
    #[error("the url has no resource path")]
    BadUrl,
    /// The status line does not start with a number from 100 to 599.
    #[error("the status line has no status")]
    BadStatus,
    /// The body is no JSON.
    #[error("the body is no JSON")]
    BadBody,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = REST, name = "rest", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Payload {
    #[xml(child)]
    url: Url,
    #[xml(child(default))]
    headers: Option<Headers>,
    #[xml(child(default))]
    body: Option<Body>,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = REST, name = "url", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Url {
    #[xml(attribute)]
    method: String,
    #[xml(text)]
    text: String,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = REST, name = "headers", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Headers {
    #[xml(child(n = ..))]
    headers: Vec<Header>,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = REST, name = "header", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Header {
    #[xml(attribute)]
    name: String,
    #[xml(text)]
    value: String,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = REST, name = "body", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Body {
    #[xml(child(default))]
    json: Option<JsonText>,
}

#[derive(FromXml, AsXml)]
#[xml(namespace = JSON, name = "json", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct JsonText {
    #[xml(text)]
    text: String,
}

/// A request as it is sent: upper-case method, `coap://{di}{href}` (RA-18, RA-19).
pub fn encode_request(request: &Request, di: &str, request_id: Option<&str>) -> Vec<u8> {
    let mut headers = vec![header("Accept", "application/json")];
    if request.body.is_some() {
        headers.push(header("Content-Type", "application/json"));
    }
    match request.observe {
        Some(Observe::Register) => headers.push(header(OBSERVE, "0")),
        Some(Observe::Deregister) => headers.push(header(OBSERVE, "1")),
        None => {}
    }
    headers.extend(request_id.map(|id| header(REQUEST_ID, id)));
    let text = printable(&format!("coap://{di}{}", request.href));
    let url = Url { method: request.method.as_str().to_owned(), text };
    encode(url, headers, request.body.as_ref())
}

/// An answer as it is sent: the status line in `url` (RA-19); on a failure the diagnostic takes the reason's place.
pub fn encode_response(response: &Response, request_id: Option<&str>) -> Vec<u8> {
    let mut headers = Vec::new();
    if response.body.is_some() {
        headers.push(header("Content-Type", "application/json"));
    }
    headers.extend(response.observe.map(|sequence| header(OBSERVE, &sequence.to_string())));
    headers.extend(request_id.map(|id| header(REQUEST_ID, id)));
    let reason = response.diagnostic.as_deref().unwrap_or_else(|| response.status.reason());
    let url = Url { method: "RESPONSE".to_owned(), text: format!("{} {}", response.status.0, printable(reason)) };
    encode(url, headers, response.body.as_ref())
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: printable(value) }
}

fn encode(url: Url, headers: Vec<Header>, body: Option<&Value>) -> Vec<u8> {
    let body = body.map(|value| Body { json: Some(JsonText { text: xml_safe_json(value) }) });
    let payload = Payload { url, headers: Some(Headers { headers }), body };
    xso::to_vec(&payload).expect("names are constants and texts are XML characters")
}

/// JSON whose every character XML may carry: the two that JSON leaves raw and XML forbids are escaped.
fn xml_safe_json(value: &Value) -> String {
    value.to_string().replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
}

/// A text without what XML or a header line cannot carry.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{FFFE}' | '\u{FFFF}')).collect()
}

/// The parts of a payload, as they stand in it.
pub(crate) struct Parts {
    /// RA-19; whatever it says.
    pub(crate) method: String,
    /// The address, or the status line.
    pub(crate) url: String,
    /// By name.
    pub(crate) headers: Vec<(String, String)>,
    /// The text in the JSON container.
    pub(crate) body: Option<String>,
}

impl Parts {
    /// Takes a payload apart.
    ///
    /// # Errors
    /// [`RestError::TooLong`], [`RestError::NotRest`].
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, RestError> {
        let payload = payload(bytes)?;
        let headers = payload.headers.into_iter().flat_map(|headers| headers.headers);
        Ok(Self {
            method: payload.url.method,
            url: payload.url.text,
            headers: headers.map(|header| (header.name, header.value)).collect(),
            body: payload.body.and_then(|body| body.json).map(|json| json.text),
        })
    }

    /// A payload of these parts.
    pub(crate) fn write(self) -> String {
        let headers = self.headers.iter().map(|(name, value)| header(name, value)).collect();
        let json = self.body.map(|text| JsonText { text: text.replace(['\u{FFFE}', '\u{FFFF}'], "") });
        let payload = Payload {
            url: Url { method: self.method, text: self.url },
            headers: Some(Headers { headers }),
            body: json.map(|json| Body { json: Some(json) }),
        };
        // All that was read from XML can be written as such.
        xso::to_vec(&payload).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

/// A payload without the base64 that some peers put around it a second time.
///
/// # Errors
/// [`RestError::NotRest`]: it is neither XML nor that.
pub(crate) fn unpacked(bytes: &[u8]) -> Result<Cow<'_, [u8]>, RestError> {
    let bytes = bytes.trim_ascii();
    if bytes.starts_with(b"<") {
        return Ok(Cow::Borrowed(bytes));
    }
    decode_base64(bytes).map(Cow::Owned).ok_or_else(|| RestError::NotRest("not XML".to_owned()))
}

fn payload(bytes: &[u8]) -> Result<Payload, RestError> {
    if bytes.len() > MAX_BYTES {
        return Err(RestError::TooLong);
    }
    let bytes = unpacked(bytes)?;
    let read = xso::from_bytes(bytes.trim_ascii());
    let Shallow::<Payload>(payload) = read.map_err(|error| RestError::NotRest(error.to_string()))?;
    Ok(payload)
}

/// Reads one payload; tolerates any case of the method, prefixed namespaces, a missing reason, an `HTTP/x.y ` before
/// the status, a bare path, and bytes that are themselves base64 of a `<rest>`.
///
/// # Errors
/// [`RestError`]; the session and the stream are not concerned.
pub fn decode(bytes: &[u8]) -> Result<Rest, RestError> {
    let payload = payload(bytes)?;
    let mut id = None;
    let mut observe = None;
    for header in payload.headers.into_iter().flat_map(|headers| headers.headers).take(MAX_HEADERS) {
        if header.name.eq_ignore_ascii_case(REQUEST_ID) {
            id = Some(header.value.trim()).filter(|id| id.len() <= MAX_ID && printable(id) == **id).map(str::to_owned);
        } else if header.name.eq_ignore_ascii_case(OBSERVE) {
            observe = header.value.trim().parse::<u32>().ok();
        }
    }
    let body = match payload.body.and_then(|body| body.json).map(|json| json.text) {
        Some(text) if !text.trim().is_empty() => Some(serde_json::from_str(&text).map_err(|_| RestError::BadBody)?),
        _ => None,
    };
    let url = payload.url.text.trim();
    let method = match payload.url.method.trim().to_ascii_uppercase().as_str() {
        "RESPONSE" => {
            let response = response(url, body, observe)?;
            return Ok(Rest::Response { response, id });
        }
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        _ => return Err(RestError::UnknownMethod(payload.url.method.chars().take(32).collect())),
    };
    let observe = match observe {
        Some(0) => Some(Observe::Register),
        Some(1) => Some(Observe::Deregister),
        _ => None,
    };
    Ok(Rest::Request { request: Request { method, href: href(url)?, body, observe }, id })
}

fn response(status_line: &str, body: Option<Value>, observe: Option<u32>) -> Result<Response, RestError> {
    let mut line = status_line;
    if line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("HTTP/")) {
        line = line.split_once(' ').map_or("", |(_, rest)| rest).trim_start();
    }
    let (number, reason) = line.split_once(' ').unwrap_or((line, ""));
    let number = number.parse::<u16>().ok().filter(|n| (100..600).contains(n)).ok_or(RestError::BadStatus)?;
    let status = Status(number);
    let reason = words(reason);
    let says_more = !status.is_success() && !reason.is_empty() && !reason.eq_ignore_ascii_case(status.reason());
    Ok(Response { status, body, observe, diagnostic: says_more.then_some(reason) })
}

/// The path and query of a fully qualified url, whatever its authority, or of a bare path.
fn href(url: &str) -> Result<Href, RestError> {
    let path = match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        _ => url,
    };
    Href::new(path).map_err(|_| RestError::BadUrl)
}

fn decode_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(packed(bytes)).ok().filter(|decoded| decoded.trim_ascii_start().starts_with(b"<"))
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect()
}

/// Puts together what a peer split over several blocks, though it should not (RA-17).
#[derive(Debug, Default)]
pub struct Assembly {
    held: Vec<u8>,
    pieces: usize,
}

impl Assembly {
    /// Takes one block; returns a whole message once there is one. What cannot be the start of a `<rest>` is returned
    /// as it is, for [`decode`] to refuse.
    ///
    /// # Errors
    /// [`RestError::TooLong`]: what was held is dropped.
    pub fn push(&mut self, block: Vec<u8>) -> Result<Option<Vec<u8>>, RestError> {
        if !self.held.is_empty() && begins_anew(&self.held, &block) {
            self.held.clear();
        }
        if self.held.is_empty() {
            self.held = block;
            self.pieces = 1;
        } else {
            self.held.extend_from_slice(&block);
            self.pieces += 1;
        }
        if self.held.len() > MAX_BYTES || self.pieces > MAX_PIECES {
            self.held = Vec::new();
            return Err(RestError::TooLong);
        }
        Ok(is_whole(&self.held).then(|| std::mem::take(&mut self.held)))
    }
}

/// Whether the block is the beginning of another message than the one that is held: the latter was cut short.
fn begins_anew(held: &[u8], block: &[u8]) -> bool {
    let block = block.trim_ascii_start();
    // The same in base64, where a quantum begins: elsewhere those letters mean something else.
    let packed_anew = || {
        (block.starts_with(b"PHJlc3") || block.starts_with(b"PD94bW"))
            && held.trim_ascii_start().starts_with(b"P")
            && packed(held).len().is_multiple_of(4)
    };
    block.starts_with(b"<rest") || block.starts_with(b"<?xml") || packed_anew()
}

/// Whether the bytes end as a `<rest>` ends, or cannot be one at all.
fn is_whole(bytes: &[u8]) -> bool {
    let trimmed = bytes.trim_ascii();
    if trimmed.starts_with(b"<") {
        return trimmed.ends_with(b"rest>") || trimmed.ends_with(b"/>") && !trimmed.windows(4).any(|w| w == b"url>");
    }
    // Base64 of a `<` starts with `P`, and a part of it is none unless it is cut between two quanta.
    if !trimmed.starts_with(b"P") {
        return true;
    }
    let packed = packed(trimmed);
    if !packed.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')) {
        return true;
    }
    // Four quanta are enough to see the end of a tag, and spare decoding the whole at each block.
    let tail = packed.get(packed.len().saturating_sub(16)..).and_then(|tail| STANDARD.decode(tail).ok());
    packed.len().is_multiple_of(4)
        && tail.is_none_or(|tail| tail.trim_ascii_end().ends_with(b">"))
        && decode_base64(&packed).is_none_or(|decoded| is_whole(&decoded))
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
