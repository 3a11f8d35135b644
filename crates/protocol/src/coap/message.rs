//! [`Request`]s and [`Response`]s of [`crate::crudn`] as CoAP packets, in both directions.
//!
//! Scope: codes, Uri-Path and Uri-Query, content formats, Observe, diagnostic payloads (RFC 7252, RFC 7641 §2), and
//! OCF's two own options. A packet here carries the whole body; [`super::block`] cuts and joins. Non-scope: message
//! ids, tokens and time ([`super::exchange`]).

use coap_lite::option_value::{OptionValueU16, OptionValueU32};
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};

use super::path;
use crate::crudn::{Href, HrefError, Method, Observe, Request, Response, Status};
use crate::oic::cbor::{self, CborError};

/// OCF-Accept-Content-Format-Version (OCF Core §12.2.5). Read, never sent: no stack tried asks for it.
pub const OPTION_ACCEPT_VERSION: u16 = 2049;
/// OCF-Content-Format-Version, beside every OCF payload. Its number is odd, which makes it critical: it must be known
/// to be tolerated.
pub const OPTION_CONTENT_VERSION: u16 = 2053;
/// OCF 1.0.0 as the value of either (5 bits major, 5 minor, 6 sub).
pub const OCF_VERSION: u16 = 2048;
/// The largest packet that is sent. Our choice: a block of 1024 bytes with the longest path and query.
pub const MAX_PACKET: usize = 4096;
/// The most of a device's diagnostic payload that is kept, in characters. Our choice: some lines of text.
pub const MAX_DIAGNOSTIC: usize = 512;

/// The content formats of OIC and OCF. Both are CBOR; stacks accept one or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `application/vnd.ocf+cbor`, 10000: OCF.
    Ocf,
    /// `application/cbor`, 60: OIC 1.1.
    Cbor,
}

impl Format {
    /// Both, the one of today's devices first.
    pub const ALL: [Format; 2] = [Format::Ocf, Format::Cbor];

    /// Its number in Content-Format and Accept.
    pub fn number(self) -> u16 {
        match self {
            Format::Ocf => 10000,
            Format::Cbor => 60,
        }
    }

    /// The format with that number.
    pub fn from_number(number: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.number() == number)
    }

    /// The one to try where this one was refused (4.06, 4.15).
    pub fn other(self) -> Self {
        match self {
            Format::Ocf => Format::Cbor,
            Format::Cbor => Format::Ocf,
        }
    }
}

/// Why bytes are not a CoAP message, or cannot become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Shorter than its own lengths say, reserved lengths, or a payload marker before nothing (RFC 7252 §3).
    #[error("not a CoAP message")]
    Malformed,
    /// Another version than 1: to be ignored in silence (RFC 7252 §3).
    #[error("CoAP version {0}, not 1")]
    Version(u8),
    /// An empty message that is not empty (RFC 7252 §4.1), or a code that is neither request nor response.
    #[error("not a code of CoAP's")]
    Code,
    /// A packet larger than [`MAX_PACKET`] was about to be sent.
    #[error("a packet larger than {MAX_PACKET} bytes")]
    TooLarge,
}

/// Why a request could not be put into a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A part of its path or query is longer than an option takes (255 bytes, RFC 7252 §5.10).
    #[error("a part of the path or query is longer than 255 bytes")]
    PathTooLong,
    /// Its body.
    #[error(transparent)]
    Body(#[from] CborError),
}

/// Why a packet is no answer that we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Its code is not one of an answer: it is raw here.
    #[error("an answer with code {}.{:02}", .0 >> 5, .0 & 0x1f)]
    Code(u8),
    /// It has a critical option that we don't know, and so must not be taken (RFC 7252 §5.4.1).
    #[error("an answer with the unknown critical option {0}")]
    CriticalOption(u16),
    /// Its content format is neither of ours.
    #[error("an answer in content format {0}")]
    Format(u16),
    /// Its body.
    #[error(transparent)]
    Body(#[from] CborError),
}

/// A request as a server reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What is asked.
    pub request: Request,
    /// The content format that the client wants (Accept), raw.
    pub accept: Option<u16>,
    /// The content format of the request's body, raw.
    pub format: Option<u16>,
}

/// Why a server must refuse a request, and with what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {words}")]
pub struct Refusal {
    /// The answer's status.
    pub status: Status,
    /// The answer's diagnostic payload.
    pub words: &'static str,
}

impl Refusal {
    /// The refusal as an answer.
    pub fn response(self) -> Response {
        Response { diagnostic: Some(self.words.to_owned()), ..Response::status(self.status) }
    }
}

/// Reads a datagram.
///
/// # Errors
/// [`MessageError`]: such a datagram is dropped.
pub fn decode(datagram: &[u8]) -> Result<Packet, MessageError> {
    let version = datagram.first().ok_or(MessageError::Malformed)? >> 6;
    if version != 1 {
        return Err(MessageError::Version(version));
    }
    let packet = Packet::from_bytes(datagram).map_err(|_| MessageError::Malformed)?;
    // coap-lite takes a payload marker that nothing follows.
    if packet.payload.is_empty() && ends_with_marker(&packet, datagram) {
        return Err(MessageError::Malformed);
    }
    let empty = packet.get_token().is_empty() && packet.options().next().is_none() && packet.payload.is_empty();
    match code(&packet) {
        0 if empty => Ok(packet),
        0 => Err(MessageError::Code),
        0x01..=0x1f | 0x40..=0xbf => Ok(packet),
        _ => Err(MessageError::Code),
    }
}

/// Whether the datagram's last byte is a payload marker rather than the last byte of an option or the token.
fn ends_with_marker(packet: &Packet, datagram: &[u8]) -> bool {
    let unmarked = packet.to_bytes_unlimited().map_or(0, |bytes| bytes.len());
    // An option can be written in one way only, so what is one byte longer than its own re-encoding has the marker.
    datagram.last() == Some(&0xff) && datagram.len() > unmarked
}

/// Writes a packet.
///
/// # Errors
/// [`MessageError::TooLarge`]: its body was not cut into blocks.
pub fn encode(packet: &Packet) -> Result<Vec<u8>, MessageError> {
    packet.to_bytes_with_limit(MAX_PACKET).map_err(|_| MessageError::TooLarge)
}

/// An empty message: an acknowledgement or a reset (RFC 7252 §4.2).
pub fn empty(kind: MessageType, message_id: u16) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::Empty;
    packet.header.set_type(kind);
    packet.header.message_id = message_id;
    packet
}

/// The raw code of a packet: three bits of class, five of detail.
pub fn code(packet: &Packet) -> u8 {
    packet.header.code.into()
}

/// Whether a packet is a request (class 0, not empty).
pub fn is_request(packet: &Packet) -> bool {
    matches!(code(packet), 0x01..=0x1f)
}

/// Whether a packet is a response (classes 2, 4 and 5).
pub fn is_response(packet: &Packet) -> bool {
    matches!(code(packet) >> 5, 2 | 4 | 5)
}

/// Whether an answer says that the other content format must be tried: 4.06 or 4.15. The request was not acted on.
pub fn refuses_format(packet: &Packet) -> bool {
    matches!(code(packet), 0x86 | 0x8f)
}

/// A request as a confirmable packet with its whole body; message id and token are still to be set.
///
/// # Errors
/// [`RequestError`].
pub fn encode_request(request: &Request, format: Format) -> Result<Packet, RequestError> {
    let mut packet = Packet::new();
    packet.header.set_type(MessageType::Confirmable);
    packet.header.code = MessageClass::Request(match request.method {
        Method::Get => RequestType::Get,
        Method::Post => RequestType::Post,
        Method::Put => RequestType::Put,
        Method::Delete => RequestType::Delete,
    });
    for segment in path::segments(&request.href) {
        add_text(&mut packet, CoapOption::UriPath, segment)?;
    }
    for query in path::queries(&request.href) {
        add_text(&mut packet, CoapOption::UriQuery, query)?;
    }
    match request.observe {
        Some(Observe::Register) => packet.set_observe_value(0),
        Some(Observe::Deregister) => packet.set_observe_value(1),
        None => {}
    }
    packet.add_option_as(CoapOption::Accept, OptionValueU16(format.number()));
    if let Some(body) = &request.body {
        packet.payload = cbor::encode(body)?;
        packet.add_option_as(CoapOption::ContentFormat, OptionValueU16(format.number()));
        if format == Format::Ocf {
            packet.add_option_as(CoapOption::Unknown(OPTION_CONTENT_VERSION), OptionValueU16(OCF_VERSION));
        }
    }
    Ok(packet)
}

fn add_text(packet: &mut Packet, option: CoapOption, text: String) -> Result<(), RequestError> {
    if text.len() > 255 {
        return Err(RequestError::PathTooLong);
    }
    packet.add_option(option, text.into_bytes());
    Ok(())
}

/// An answer, from a packet with its whole body.
///
/// # Errors
/// [`AnswerError`]: the answer came and cannot be read; what it answers may well have been done.
pub fn decode_response(packet: &Packet) -> Result<Response, AnswerError> {
    let code = code(packet);
    let with_body = !packet.payload.is_empty();
    let status = Status(match (code >> 5, code & 0x1f) {
        (2, 1) => 201,
        (2, 2 | 4) if with_body => 200,
        (2, 2 | 4) => 204,
        (2, 3) => 304,
        (2, 5) => 200,
        (class @ (4 | 5), detail) => u16::from(class) * 100 + u16::from(detail),
        _ => return Err(AnswerError::Code(code)),
    });
    if let Some(option) = unknown_critical(packet) {
        return Err(AnswerError::CriticalOption(option));
    }
    let mut response = Response { observe: observe_sequence(packet), ..Response::status(status) };
    let format = number(packet, CoapOption::ContentFormat);
    if !with_body {
        return Ok(response);
    }
    match (format, format.and_then(Format::from_number)) {
        // A payload that names no format: text where it goes with an error (RFC 7252 §5.5.2), else taken for what
        // these devices speak.
        (None | Some(0), _) if code >> 5 != 2 => response.diagnostic = diagnostic(&packet.payload),
        (None, _) | (_, Some(_)) => response.body = Some(cbor::decode(&packet.payload)?),
        // An error stays one, in whatever form its words are.
        (Some(_), None) if code >> 5 != 2 => {}
        (Some(other), None) => return Err(AnswerError::Format(other)),
    }
    Ok(response)
}

/// A device's own words, bounded and without control characters; `None` where they are no text.
fn diagnostic(payload: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(payload).ok()?;
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DIAGNOSTIC).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A request, from a packet with its whole body.
///
/// # Errors
/// [`Refusal`]: what a server answers instead.
pub fn decode_request(packet: &Packet) -> Result<Asked, Refusal> {
    let method = match packet.header.code {
        MessageClass::Request(RequestType::Get) => Method::Get,
        MessageClass::Request(RequestType::Post) => Method::Post,
        MessageClass::Request(RequestType::Put) => Method::Put,
        MessageClass::Request(RequestType::Delete) => Method::Delete,
        _ => return Err(Refusal { status: Status::METHOD_NOT_ALLOWED, words: "only GET, POST, PUT and DELETE" }),
    };
    if unknown_critical(packet).is_some() {
        return Err(Refusal { status: Status(402), words: "an unknown critical option" });
    }
    let href = decode_href(packet).map_err(|_| Refusal { status: Status::BAD_REQUEST, words: "not a path" })?;
    let observe = match (method, observe_sequence(packet)) {
        (Method::Get, Some(0)) => Some(Observe::Register),
        (Method::Get, Some(1)) => Some(Observe::Deregister),
        _ => None,
    };
    let format = number(packet, CoapOption::ContentFormat);
    let body = if packet.payload.is_empty() {
        None
    } else if format.is_none_or(|number| Format::from_number(number).is_some()) {
        let refusal = |_| Refusal { status: Status::BAD_REQUEST, words: "the body is not CBOR" };
        Some(cbor::decode(&packet.payload).map_err(refusal)?)
    } else {
        return Err(Refusal { status: Status(415), words: "only CBOR" });
    };
    let request = Request { method, href, body, observe };
    Ok(Asked { request, accept: number(packet, CoapOption::Accept), format })
}

/// The path and query that a request's options spell.
///
/// # Errors
/// [`HrefError`].
pub fn decode_href(packet: &Packet) -> Result<Href, HrefError> {
    let texts = |option| packet.get_option(option).into_iter().flatten();
    path::href(texts(CoapOption::UriPath), texts(CoapOption::UriQuery))
}

/// An answer to a request with this method, as a packet with its whole body; type, message id and token are still to
/// be set.
///
/// # Errors
/// [`CborError::TooLarge`].
pub fn encode_response(response: &Response, method: Method, format: Format) -> Result<Packet, CborError> {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::from(response_code(response.status, method));
    if let Some(sequence) = response.observe {
        // 24 bits on the wire (RFC 7641 §2).
        packet.set_observe_value(sequence & 0x00ff_ffff);
    }
    if let Some(body) = &response.body {
        packet.payload = cbor::encode(body)?;
        packet.add_option_as(CoapOption::ContentFormat, OptionValueU16(format.number()));
        if format == Format::Ocf {
            packet.add_option_as(CoapOption::Unknown(OPTION_CONTENT_VERSION), OptionValueU16(OCF_VERSION));
        }
    } else if let Some(words) = &response.diagnostic {
        packet.payload = words.clone().into_bytes();
    }
    Ok(packet)
}

fn response_code(status: Status, method: Method) -> u8 {
    let done = if method == Method::Delete { 2 } else { 4 };
    let (class, detail) = match status.0 {
        200 if method == Method::Get => (2, 5),
        201 => (2, 1),
        304 => (2, 3),
        200..=299 => (2, done),
        number @ (400..=431 | 500..=531) => ((number / 100) as u8, (number % 100) as u8),
        _ => (5, 0),
    };
    class << 5 | detail
}

/// The sequence number of an answer's Observe option, if it has one that is well formed.
pub fn observe_sequence(packet: &Packet) -> Option<u32> {
    packet.get_first_option_as::<OptionValueU32>(CoapOption::Observe)?.ok().map(|value| value.0 & 0x00ff_ffff)
}

/// How long a notification stays fresh, in seconds: Max-Age, 60 where absent (RFC 7252 §5.10.5).
pub fn max_age(packet: &Packet) -> u32 {
    packet.get_first_option_as::<OptionValueU32>(CoapOption::MaxAge).and_then(Result::ok).map_or(60, |value| value.0)
}

fn number(packet: &Packet, option: CoapOption) -> Option<u16> {
    packet.get_first_option_as::<OptionValueU16>(option)?.ok().map(|value| value.0)
}

/// The content format of a packet's body, if it is one of ours.
pub fn format(packet: &Packet) -> Option<Format> {
    number(packet, CoapOption::ContentFormat).and_then(Format::from_number)
}

/// The first critical option (odd number, RFC 7252 §5.4.6) that we don't know.
fn unknown_critical(packet: &Packet) -> Option<u16> {
    /// If-Match, Uri-Host, If-None-Match, Uri-Port, Uri-Path, Uri-Query, Accept, Block2, Block1, OCF's two.
    const KNOWN: [u16; 11] = [1, 3, 5, 7, 11, 15, 17, 23, 27, OPTION_ACCEPT_VERSION, OPTION_CONTENT_VERSION];
    let mut numbers = packet.options().filter(|(_, values)| !values.is_empty()).map(|(number, _)| *number);
    numbers.find(|number| number % 2 == 1 && !KNOWN.contains(number))
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
