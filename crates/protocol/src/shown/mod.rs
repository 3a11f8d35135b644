//! What went over the wire, layer by layer, for a person to read: the stanza, the In-Band Bytestream in it, the `<rest>`
//! in that, the JSON in that; or the datagram, CoAP, CBOR and the JSON that it says.
//!
//! Scope: from what was captured to texts. What cannot be read is shown as it is, with the reason. Secrets are struck out
//! in every layer: what a layer spells in base64 or hex goes as a whole where what it spells holds one. Non-scope:
//! capturing, and the words around the texts.
//!
//! Nothing is made anew for show, but for what a secret was struck out of. Whatever the bytes: bounded, and no panic.

mod datagram;
mod secrets;
mod stanza;
#[cfg(test)]
mod tests;

use std::io;

use serde::Serialize;
use serde_json::Value;
use ts_rs::TS;
use zeroize::Zeroizing;

use self::secrets::{STRUCK, Secrets};

/// The most of one layer that is shown, in bytes. Our choice: some hundred screens.
const MAX_TEXT: usize = 64 * 1024;

/// One stanza or datagram between us and a device.
pub struct Captured {
    /// Whether it went to the device; else it came from there.
    pub sent: bool,
    /// What it was.
    pub carried: Carried,
}

/// What was captured; wiped when dropped, for it may hold a credential.
pub enum Carried {
    /// A stanza, as XML.
    Stanza(Zeroizing<String>),
    /// A datagram.
    Datagram(Zeroizing<Vec<u8>>),
}

/// One layer of what went over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct ExchangeLayer {
    /// Which.
    pub kind: LayerKind,
    /// What it says, without its secrets.
    pub text: String,
    /// Whether something was struck out of it (`…`), because it is a secret or may be one.
    pub secret: bool,
    /// Why it could not be read further.
    pub problem: Option<String>,
    /// How many bytes of it are not in `text`, for its length.
    #[ts(type = "number")]
    pub left_out: usize,
}

/// The layers, outermost first within each way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum LayerKind {
    /// An XMPP stanza (RFC 6120 §8).
    Stanza,
    /// What it says to an In-Band Bytestream (XEP-0047).
    Ibb,
    /// The payload of Remote Access (RA-18).
    Rest,
    /// A UDP datagram, in hex.
    Datagram,
    /// CoAP's header and options (RFC 7252 §3).
    Coap,
    /// CBOR (RFC 8949), or a block of it, in hex.
    Cbor,
    /// The representation.
    Json,
    /// Some other text.
    Text,
    /// Some other bytes, in hex.
    Bytes,
}

/// The layers of each of these. `guarded`: they are about a resource that holds a password, and of a representation
/// nothing is shown but whose it is (RA-7).
pub fn decode(captured: &[Captured], guarded: bool) -> Vec<Vec<ExchangeLayer>> {
    let mut secrets = Secrets::new(guarded);
    let mut drafts = Drafts(Vec::with_capacity(captured.len()));
    let mut streams = stanza::Streams::default();
    let mut transfers = datagram::Transfers::default();
    for one in captured {
        drafts.0.push(Vec::new());
        match &one.carried {
            Carried::Stanza(text) => streams.read(text, one.sent, &mut drafts, &mut secrets),
            Carried::Datagram(bytes) => transfers.read(bytes, one.sent, &mut drafts, &mut secrets),
        }
    }
    streams.end(&mut drafts, &secrets);
    transfers.end(&mut drafts, &secrets);
    // Now that all are known: a device may repeat one where nobody looks for it.
    drafts.0.into_iter().map(|layers| layers.into_iter().map(|draft| draft.finished(&secrets)).collect()).collect()
}

/// The layers of each that was captured, as far as they are known.
struct Drafts(Vec<Vec<Draft>>);

impl Drafts {
    /// The one that is being read.
    fn now(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    fn push(&mut self, draft: Draft) {
        if let Some(layers) = self.0.last_mut() {
            layers.push(draft);
        }
    }

    /// What spells something of this kind there is not shown.
    fn conceal(&mut self, at: usize, kind: LayerKind) {
        for draft in self.0.get_mut(at).into_iter().flatten().filter(|draft| draft.kind == kind) {
            draft.conceal();
        }
    }

    fn is_concealed(&self, at: usize, kind: LayerKind) -> bool {
        self.0.get(at).into_iter().flatten().any(|draft| draft.kind == kind && draft.secret)
    }

    fn set_problem(&mut self, at: usize, kind: LayerKind, problem: &str) {
        for draft in self.0.get_mut(at).into_iter().flatten().filter(|draft| draft.kind == kind) {
            draft.problem = Some(problem.to_owned());
        }
    }
}

/// A layer, before it is known which secrets there are.
struct Draft {
    kind: LayerKind,
    text: String,
    /// The bytes that it spells in base64 or hex.
    spells: Zeroizing<Vec<u8>>,
    /// The parts of `text` that spell them; none: all of it.
    spelled: Vec<String>,
    secret: bool,
    problem: Option<String>,
    left_out: usize,
}

impl Draft {
    /// A layer that says itself what it says.
    fn new(kind: LayerKind, text: impl Into<String>) -> Self {
        let (text, left_out) = bounded(text.into());
        let spells = Zeroizing::default();
        Self { kind, text, spells, spelled: Vec::new(), secret: false, problem: None, left_out }
    }

    /// Bytes in hex.
    fn hex(kind: LayerKind, bytes: &[u8]) -> Self {
        Self { spells: Zeroizing::new(bytes.to_vec()), ..Self::new(kind, hex(bytes)) }
    }

    /// A value, indented.
    fn json(value: &Value) -> Self {
        let mut writer = Bounded { text: Vec::new(), left_out: 0 };
        // Never fails: the writer takes all there is.
        let _ = serde_json::to_writer_pretty(&mut writer, value);
        let (text, cut) = bounded(String::from_utf8_lossy(&writer.text).into_owned());
        Self { left_out: writer.left_out + cut, ..Self::new(LayerKind::Json, text) }
    }

    /// Bytes of which nothing is known: as text where they are one.
    fn unread(bytes: &[u8], problem: String) -> Self {
        let draft = match std::str::from_utf8(bytes) {
            Ok(text) => Self::new(LayerKind::Text, text),
            Err(_) => Self::hex(LayerKind::Bytes, bytes),
        };
        draft.with_problem(problem)
    }

    fn with_problem(self, problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..self }
    }

    /// With something struck out of it, if `secret`.
    fn with_secret(self, secret: bool) -> Self {
        Self { secret, ..self }
    }

    /// What it spells is not shown.
    fn conceal(&mut self) {
        let all_found = self.spelled.iter().all(|part| self.text.contains(part.as_str()));
        if self.spelled.is_empty() || !all_found {
            self.text = STRUCK.to_owned();
            self.left_out = 0;
        } else {
            for part in &self.spelled {
                self.text = self.text.replace(part.as_str(), STRUCK);
            }
        }
        self.spells = Zeroizing::default();
        self.secret = true;
    }

    fn finished(mut self, secrets: &Secrets) -> ExchangeLayer {
        if secrets.are_in(&self.spells) {
            self.conceal();
        }
        self.secret |= secrets.strike_in(&mut self.text);
        if let Some(problem) = &mut self.problem {
            self.secret |= secrets.strike_in(problem);
        }
        let Self { kind, text, secret, problem, left_out, .. } = self;
        ExchangeLayer { kind, text, secret, problem, left_out }
    }
}

/// The beginning of a text, and how many bytes are not in it.
fn bounded(mut text: String) -> (String, usize) {
    if text.len() <= MAX_TEXT {
        return (text, 0);
    }
    let end = (0..=MAX_TEXT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let left_out = text.len() - end;
    text.truncate(end);
    (text, left_out)
}

/// Two digits a byte, sixteen bytes a line.
fn hex(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(line).collect::<Vec<_>>().join("\n")
}

/// Takes what fits, and counts the rest.
struct Bounded {
    text: Vec<u8>,
    left_out: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // One byte more than is shown: then it is cut between two characters.
        let room = (MAX_TEXT + 1).saturating_sub(self.text.len()).min(bytes.len());
        let (taken, left) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.text.extend_from_slice(taken);
        self.left_out += left.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
