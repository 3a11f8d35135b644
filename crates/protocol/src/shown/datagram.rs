//! Datagrams as layers: the bytes, CoAP's header and options, and what they carry.
//!
//! Scope: bodies that come in blocks are put together, and shown with their last block. Non-scope: which answer a client
//! takes (`coap::exchange`).

use std::collections::HashMap;

use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};
use zeroize::Zeroizing;

use super::secrets::Secrets;
use super::{Draft, Drafts, LayerKind};
use crate::coap::block::Block;
use crate::coap::message::{self, Format, OPTION_ACCEPT_VERSION, OPTION_CONTENT_VERSION};
use crate::oic::cbor;

/// What the last of a body's blocks cannot do without.
const NOT_WHOLE: &str = "a block of a body that did not come whole";
const AGAIN: &str = "the same datagram again";
const TEXT: u32 = 0;
const JSON: u32 = 50;

/// The bodies under way.
#[derive(Default)]
pub(super) struct Transfers {
    /// What was asked, by who asked (`sent`) and token.
    asked: HashMap<(bool, Vec<u8>), String>,
    bodies: HashMap<Body, Held>,
    /// Each, its direction, and where it stands for the first time.
    seen: Vec<(Zeroizing<Vec<u8>>, bool, usize)>,
    /// Those that stand there again, and where first.
    again: Vec<(usize, usize)>,
}

/// Whose body it is: of the requests, or of the answers, of that direction, about that resource.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Body {
    request: bool,
    sent: bool,
    what: String,
}

#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    format: Option<u32>,
    /// The datagrams that it came in.
    blocks: Vec<usize>,
    /// A block was missed.
    broken: bool,
}

impl Transfers {
    /// Takes a datagram.
    pub(super) fn read(&mut self, bytes: &[u8], sent: bool, drafts: &mut Drafts, secrets: &mut Secrets) {
        let packet = match message::decode(bytes) {
            Ok(packet) => packet,
            Err(error) => {
                let mut draft = Draft::hex(LayerKind::Datagram, bytes).with_problem(error.to_string());
                if secrets.may_be_in(bytes) {
                    draft.conceal();
                }
                return drafts.push(draft);
            }
        };
        drafts.push(Draft::hex(LayerKind::Datagram, bytes));
        let (coap, struck) = header(&packet, secrets);
        drafts.push(coap);
        if struck {
            drafts.conceal(drafts.now(), LayerKind::Datagram);
        }
        let now = drafts.now();
        if let Some((.., first)) = self.seen.iter().find(|(seen, way, _)| *way == sent && seen.as_slice() == bytes) {
            drafts.set_problem(now, LayerKind::Coap, AGAIN);
            return self.again.push((now, *first));
        }
        self.seen.push((Zeroizing::new(bytes.to_vec()), sent, now));
        let request = message::is_request(&packet);
        let token = packet.get_token().to_vec();
        if request {
            let what = format!("{} {}", message::code(&packet), path(&packet));
            self.asked.insert((sent, token.clone()), what);
        }
        let what = self.asked.get(&(sent == request, token)).cloned().unwrap_or_default();
        let option = if request { CoapOption::Block1 } else { CoapOption::Block2 };
        let format = number(&packet, CoapOption::ContentFormat);
        let failure = matches!(message::code(&packet) >> 5, 4 | 5);
        match Block::of(&packet, option) {
            _ if packet.payload.is_empty() => {}
            Some(Ok(block)) if block.more || block.number > 0 => {
                self.block(Body { request, sent, what }, block, format, &packet.payload, drafts, secrets);
            }
            _ => {
                if body(&packet.payload, format.or(failure.then_some(TEXT)), true, drafts, secrets) {
                    drafts.conceal(drafts.now(), LayerKind::Datagram);
                }
            }
        }
    }

    fn block(
        &mut self,
        whose: Body,
        block: Block,
        format: Option<u32>,
        piece: &[u8],
        drafts: &mut Drafts,
        secrets: &mut Secrets,
    ) {
        let now = drafts.now();
        drafts.push(Draft::hex(LayerKind::Cbor, piece));
        if block.offset() == 0
            && let Some(before) = self.bodies.remove(&whose).filter(|before| !before.bytes.starts_with(piece))
        {
            before.end(drafts, secrets);
        }
        let held = self.bodies.entry(whose.clone()).or_default();
        held.format = held.format.or(format);
        held.blocks.push(now);
        let again = held.bytes.get(block.offset()..).is_some_and(|rest| !rest.is_empty() && rest.starts_with(piece));
        if block.offset() == held.bytes.len() {
            held.bytes.extend_from_slice(piece);
        } else if !again {
            held.broken = true;
        }
        if block.more || held.broken || again {
            return;
        }
        if let Some(held) = self.bodies.remove(&whose)
            && body(&held.bytes, held.format, false, drafts, secrets)
        {
            held.conceal(drafts);
        }
    }

    /// No more comes: what is not whole by now never was.
    pub(super) fn end(self, drafts: &mut Drafts, secrets: &Secrets) {
        for held in self.bodies.into_values() {
            held.end(drafts, secrets);
        }
        for (again, first) in self.again {
            if drafts.is_concealed(first, LayerKind::Datagram) {
                drafts.conceal(again, LayerKind::Datagram);
            }
        }
    }
}

impl Held {
    fn conceal(&self, drafts: &mut Drafts) {
        for at in &self.blocks {
            drafts.conceal(*at, LayerKind::Datagram);
            drafts.conceal(*at, LayerKind::Cbor);
        }
    }

    fn end(self, drafts: &mut Drafts, secrets: &Secrets) {
        for at in &self.blocks {
            drafts.set_problem(*at, LayerKind::Cbor, NOT_WHOLE);
        }
        // A block whose beginning is not known could be the middle of anything.
        if self.broken || secrets.may_be_in(&self.bytes) {
            self.conceal(drafts);
        }
    }
}

/// The layers of a whole body. True: it holds a secret, or may. `spelled`: its bytes are to be shown, too.
fn body(bytes: &[u8], format: Option<u32>, spelled: bool, drafts: &mut Drafts, secrets: &mut Secrets) -> bool {
    let is_cbor = format.is_none_or(|format| Format::ALL.iter().any(|own| u32::from(own.number()) == format));
    let read = match format {
        _ if is_cbor => cbor::decode(bytes).map_err(|error| error.to_string()),
        Some(JSON) => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        Some(TEXT) => Err(String::new()),
        Some(other) => Err(format!("content format {other}")),
        None => Err(String::new()),
    };
    match read {
        Ok(mut value) => {
            let struck = secrets.strike(&mut value);
            // Of JSON, a property that comes twice is there once.
            let secret = struck || (!is_cbor && secrets.may_be_in(bytes));
            if spelled && is_cbor {
                let mut draft = Draft::hex(LayerKind::Cbor, bytes);
                if secret {
                    draft.conceal();
                }
                drafts.push(draft);
            }
            drafts.push(Draft::json(&value).with_secret(struck));
            secret
        }
        Err(problem) => {
            let mut draft = match is_cbor {
                true => Draft::hex(LayerKind::Cbor, bytes).with_problem(problem),
                false => Draft::unread(bytes, problem),
            };
            draft.problem = draft.problem.filter(|problem| !problem.is_empty());
            let secret = secrets.may_be_in(bytes);
            if secret {
                draft.conceal();
            }
            drafts.push(draft);
            secret
        }
    }
}

/// Header and options, in words; whether a secret was struck out of them.
fn header(packet: &Packet, secrets: &mut Secrets) -> (Draft, bool) {
    let kind = match packet.header.get_type() {
        MessageType::Confirmable => "CON",
        MessageType::NonConfirmable => "NON",
        MessageType::Acknowledgement => "ACK",
        MessageType::Reset => "RST",
    };
    let token = packet.get_token();
    let token = if token.is_empty() { String::new() } else { format!(", token {}", digits(token)) };
    let mut lines = vec![format!("{kind} {}, message {}{token}", code(packet.header.code), packet.header.message_id)];
    let mut struck = false;
    let mut raw = Vec::new();
    for (option, values) in packet.options() {
        for value in values {
            let option = CoapOption::from(*option);
            let mut said = said(option, value);
            if matches!(option, CoapOption::UriQuery | CoapOption::LocationQuery) {
                struck |= secrets.strike_query(&mut said);
            }
            raw.extend_from_slice(value);
            lines.push(format!("{}: {said}", name(option)));
        }
    }
    let mut draft = Draft::new(LayerKind::Coap, lines.join("\n")).with_secret(struck);
    if !struck {
        draft.spells.extend_from_slice(&raw);
    }
    (draft, struck)
}

/// `0.02 POST`, `2.05 Content`.
fn code(code: MessageClass) -> String {
    let word = match code {
        MessageClass::Empty => "Empty".to_owned(),
        MessageClass::Request(RequestType::Get) => "GET".to_owned(),
        MessageClass::Request(RequestType::Post) => "POST".to_owned(),
        MessageClass::Request(RequestType::Put) => "PUT".to_owned(),
        MessageClass::Request(RequestType::Delete) => "DELETE".to_owned(),
        MessageClass::Response(response) => spaced(&format!("{response:?}")),
        MessageClass::Request(_) | MessageClass::Reserved(_) => String::new(),
    };
    format!("{code} {word}").trim_end().to_owned()
}

/// `NotFound` → `Not Found`, as RFC 7252 §12.1.2 writes it.
fn spaced(word: &str) -> String {
    let mut spaced = String::new();
    for c in word.chars() {
        if c.is_uppercase() && !spaced.is_empty() {
            spaced.push(' ');
        }
        spaced.push(c);
    }
    spaced
}

fn name(option: CoapOption) -> String {
    let name = match option {
        CoapOption::IfMatch => "If-Match",
        CoapOption::UriHost => "Uri-Host",
        CoapOption::ETag => "ETag",
        CoapOption::IfNoneMatch => "If-None-Match",
        CoapOption::Observe => "Observe",
        CoapOption::UriPort => "Uri-Port",
        CoapOption::LocationPath => "Location-Path",
        CoapOption::Oscore => "OSCORE",
        CoapOption::UriPath => "Uri-Path",
        CoapOption::ContentFormat => "Content-Format",
        CoapOption::MaxAge => "Max-Age",
        CoapOption::UriQuery => "Uri-Query",
        CoapOption::Accept => "Accept",
        CoapOption::LocationQuery => "Location-Query",
        CoapOption::Block2 => "Block2",
        CoapOption::Block1 => "Block1",
        CoapOption::ProxyUri => "Proxy-Uri",
        CoapOption::ProxyScheme => "Proxy-Scheme",
        CoapOption::Size1 => "Size1",
        CoapOption::Size2 => "Size2",
        CoapOption::NoResponse => "No-Response",
        CoapOption::Unknown(OPTION_ACCEPT_VERSION) => "OCF-Accept-Content-Format-Version",
        CoapOption::Unknown(OPTION_CONTENT_VERSION) => "OCF-Content-Format-Version",
        CoapOption::Unknown(other) => return format!("Option {other}"),
    };
    name.to_owned()
}

fn said(option: CoapOption, value: &[u8]) -> String {
    let text = || match std::str::from_utf8(value) {
        // One line each, whatever a device writes.
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => digits(value),
    };
    let number = uint(value);
    match (option, number) {
        (
            CoapOption::UriHost
            | CoapOption::UriPath
            | CoapOption::UriQuery
            | CoapOption::LocationPath
            | CoapOption::LocationQuery
            | CoapOption::ProxyUri
            | CoapOption::ProxyScheme,
            _,
        ) => text(),
        (CoapOption::Block1 | CoapOption::Block2, _) => match Block::from_value(value) {
            Some(Block { number, more, size }) => {
                let end = if more { "more follow" } else { "the last" };
                format!("{number}, {end}, {} bytes each", size.bytes())
            }
            None => digits(value),
        },
        (CoapOption::ContentFormat | CoapOption::Accept, Some(number)) => match number {
            TEXT => "0, text/plain".to_owned(),
            JSON => "50, application/json".to_owned(),
            60 => "60, application/cbor".to_owned(),
            10_000 => "10000, application/vnd.ocf+cbor".to_owned(),
            other => other.to_string(),
        },
        // Five bits, five bits, six bits (OCF Core §12.2.5).
        (CoapOption::Unknown(OPTION_ACCEPT_VERSION | OPTION_CONTENT_VERSION), Some(version @ 0..=0xffff)) => {
            format!("{version}, {}.{}.{}", version >> 11, version >> 6 & 0x1f, version & 0x3f)
        }
        (CoapOption::MaxAge, Some(seconds)) => format!("{seconds} s"),
        (CoapOption::Size1 | CoapOption::Size2, Some(bytes)) => format!("{bytes} bytes"),
        (CoapOption::Observe | CoapOption::UriPort, Some(number)) => number.to_string(),
        _ => digits(value),
    }
}

/// The path and query that the options spell, to tell requests apart.
fn path(packet: &Packet) -> String {
    let parts = |option| packet.get_option(option).into_iter().flatten();
    let both = parts(CoapOption::UriPath).chain(parts(CoapOption::UriQuery));
    both.map(|part| format!("/{}", digits(part))).collect()
}

fn number(packet: &Packet, option: CoapOption) -> Option<u32> {
    packet.get_first_option(option).and_then(|value| uint(value))
}

/// RFC 7252 §3.2: `None` beyond 32 bits.
fn uint(value: &[u8]) -> Option<u32> {
    (value.len() <= 4).then(|| value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte)))
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
