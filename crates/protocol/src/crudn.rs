//! Create, Retrieve, Update, Delete, Notify: the one vocabulary that CoAP and XMPP both carry.
//!
//! Scope: a request to one resource of one device, and its answer. Non-scope: how either travels (`coap`, `remote`),
//! which device is meant, and deadlines.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

/// What is asked of a resource. Create is a POST to a collection, Update a POST (partial) or PUT (whole), Notify an
/// observed GET (RA-19, RA-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Retrieve.
    Get,
    /// Create, or a partial Update.
    Post,
    /// A whole Update.
    Put,
    /// Delete.
    Delete,
}

impl Method {
    /// The method in the upper case that is sent (RA-19).
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }

    /// Whether repeating the request by itself could do something twice.
    pub fn changes_things(self) -> bool {
        self != Method::Get
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The path of a resource on its device, with its query if there is one: `/light`, `/oic/res?rt=oic.ra.xmpp`.
///
/// Starts with `/`, has at most [`Href::MAX_BYTES`] bytes, no white space, no control characters, and none that XML
/// cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(try_from = "String", into = "String")]
#[ts(as = "String")]
pub struct Href(String);

/// Why a text is not an [`Href`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HrefError {
    /// It does not start with `/`.
    #[error("a resource path starts with /")]
    NotAbsolute,
    /// It holds white space or control characters, `#`, or what XML cannot carry.
    #[error("a resource path has no spaces, control characters or fragments")]
    BadCharacter,
    /// It is longer than [`Href::MAX_BYTES`].
    #[error("a resource path has at most {max} bytes", max = Href::MAX_BYTES)]
    TooLong,
}

impl Href {
    /// Our choice: far above any path seen, and small enough to keep thousands.
    pub const MAX_BYTES: usize = 1024;

    /// Parses a path.
    ///
    /// # Errors
    /// [`HrefError`], as its variants say.
    pub fn new(text: impl Into<String>) -> Result<Self, HrefError> {
        let text = text.into();
        if !text.starts_with('/') {
            return Err(HrefError::NotAbsolute);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(HrefError::TooLong);
        }
        if !text.chars().all(Self::may_hold) {
            return Err(HrefError::BadCharacter);
        }
        Ok(Self(text))
    }

    /// Whether a path may hold the character as it is. Of those that are no control characters, XML excludes two.
    pub(crate) fn may_hold(c: char) -> bool {
        !(c.is_whitespace() || c.is_control() || matches!(c, '#' | '\u{FFFE}' | '\u{FFFF}'))
    }

    /// The path and its query, as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path without its query.
    pub fn path(&self) -> &str {
        self.0.split_once('?').map_or(&self.0, |(path, _)| path)
    }

    /// The query's parts (`rt=oic.ra.xmpp`), in order; empty parts are left out.
    pub fn queries(&self) -> impl Iterator<Item = &str> {
        let query = self.0.split_once('?').map_or("", |(_, query)| query);
        query.split('&').filter(|part| !part.is_empty())
    }
}

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Href {
    type Error = HrefError;
    fn try_from(text: String) -> Result<Self, HrefError> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Href {
    type Error = HrefError;
    fn try_from(text: &str) -> Result<Self, HrefError> {
        Self::new(text)
    }
}

impl From<Href> for String {
    fn from(href: Href) -> Self {
        href.0
    }
}

/// Whether a GET starts or ends an observation (RFC 7641 §2, RA-20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observe {
    /// Be told of changes from now on (0).
    Register,
    /// No longer (1).
    Deregister,
}

/// One request to one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of which resource.
    pub href: Href,
    /// With which representation; POST and PUT only.
    pub body: Option<Value>,
    /// Set on the GET that starts or ends an observation.
    pub observe: Option<Observe>,
}

impl Request {
    /// A Retrieve.
    pub fn get(href: Href) -> Self {
        Self { method: Method::Get, href, body: None, observe: None }
    }

    /// A partial Update, or a Create where `href` is a collection.
    pub fn post(href: Href, body: Value) -> Self {
        Self { method: Method::Post, href, body: Some(body), observe: None }
    }

    /// A whole Update.
    pub fn put(href: Href, body: Value) -> Self {
        Self { method: Method::Put, href, body: Some(body), observe: None }
    }

    /// A Delete.
    pub fn delete(href: Href) -> Self {
        Self { method: Method::Delete, href, body: None, observe: None }
    }

    /// A Retrieve that is answered again at each change.
    pub fn observe(href: Href) -> Self {
        Self { observe: Some(Observe::Register), ..Self::get(href) }
    }
}

/// How a request ended, in HTTP's numbers whichever way it went (RA-19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(transparent)]
#[ts(as = "u16")]
pub struct Status(pub u16);

impl Status {
    /// 200.
    pub const OK: Status = Status(200);
    /// 201.
    pub const CREATED: Status = Status(201);
    /// 204.
    pub const NO_CONTENT: Status = Status(204);
    /// 304.
    pub const NOT_MODIFIED: Status = Status(304);
    /// 400.
    pub const BAD_REQUEST: Status = Status(400);
    /// 401.
    pub const UNAUTHORIZED: Status = Status(401);
    /// 403.
    pub const FORBIDDEN: Status = Status(403);
    /// 404.
    pub const NOT_FOUND: Status = Status(404);
    /// 405.
    pub const METHOD_NOT_ALLOWED: Status = Status(405);
    /// 406.
    pub const NOT_ACCEPTABLE: Status = Status(406);
    /// 413.
    pub const TOO_LARGE: Status = Status(413);
    /// 500.
    pub const INTERNAL_ERROR: Status = Status(500);

    /// 2xx: the request was taken. Without a body this confirms the taking, not the value.
    pub fn is_success(self) -> bool {
        (200..300).contains(&self.0)
    }

    /// HTTP's reason phrase (RFC 9110 §15), or `Unknown`.
    pub fn reason(self) -> &'static str {
        match self.0 {
            200 => "OK",
            201 => "Created",
            202 => "Accepted",
            204 => "No Content",
            304 => "Not Modified",
            400 => "Bad Request",
            401 => "Unauthorized",
            402 => "Bad Option",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            406 => "Not Acceptable",
            408 => "Request Entity Incomplete",
            409 => "Conflict",
            412 => "Precondition Failed",
            413 => "Content Too Large",
            415 => "Unsupported Media Type",
            422 => "Unprocessable Content",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            504 => "Gateway Timeout",
            505 => "Proxying Not Supported",
            _ => "Unknown",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}

/// The answer to one request, or one notification of an observation.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// How it ended.
    pub status: Status,
    /// The representation, where the device sent one. Absent on a success, the value is not known: read it.
    pub body: Option<Value>,
    /// The sequence number, where the answer belongs to an observation.
    pub observe: Option<u32>,
    /// The device's own words on a failure (CoAP's diagnostic payload, RFC 7252 §5.5.2).
    pub diagnostic: Option<String>,
}

impl Response {
    /// An answer without a body.
    pub fn status(status: Status) -> Self {
        Self { status, body: None, observe: None, diagnostic: None }
    }

    /// 200 with a body.
    pub fn ok(body: Value) -> Self {
        Self { body: Some(body), ..Self::status(Status::OK) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_and_its_queries_are_told_apart() {
        let href = Href::new("/oic/res?rt=oic.ra.xmpp&if=oic.if.b").expect("valid");
        assert_eq!(href.path(), "/oic/res");
        assert_eq!(href.queries().collect::<Vec<_>>(), ["rt=oic.ra.xmpp", "if=oic.if.b"]);
    }

    #[test]
    fn what_is_no_path_is_refused() {
        assert_eq!(Href::new("light"), Err(HrefError::NotAbsolute));
        for bad in ["/a b", "/a#b", "/a\n", "/\u{9b}", "/\u{FFFE}", "/\u{FFFF}"] {
            assert_eq!(Href::new(bad), Err(HrefError::BadCharacter), "{bad:?}");
        }
        assert_eq!(Href::new(format!("/{}", "a".repeat(1024))), Err(HrefError::TooLong));
    }
}
