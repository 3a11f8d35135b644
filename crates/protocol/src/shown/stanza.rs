//! Stanzas as layers: the stanza itself, what it says to an In-Band Bytestream, the `<rest>` in that, and its JSON.
//!
//! Scope: messages that a peer splits are put together, and shown with their last block. Non-scope: which session is
//! open, and what belongs to what.

use std::collections::HashMap;

use serde_json::Value;
use xso::FromXml;

use super::secrets::{STRUCK, Secrets};
use super::{Draft, Drafts, LayerKind};
use crate::oic::controls::secret::is_secret;
use crate::remote::ibb::Block;
use crate::remote::rest::{self, Assembly, Parts};
use crate::remote::shallow::Shallow;

const CLIENT: &str = "jabber:client";
const IBB: &str = "http://jabber.org/protocol/ibb";
/// What the last of a message's parts cannot do without.
const NOT_WHOLE: &str = "a part of a message that did not come whole";

#[derive(FromXml)]
#[xml(namespace = CLIENT, name = "message", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Message {
    #[xml(child(n = ..))]
    data: Vec<Data>,
}

#[derive(FromXml)]
#[xml(namespace = CLIENT, name = "iq", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Iq {
    #[xml(child(default))]
    open: Option<Open>,
    #[xml(child(default))]
    data: Option<Data>,
    #[xml(child(default))]
    close: Option<Close>,
}

#[derive(FromXml)]
#[xml(namespace = IBB, name = "data", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Data {
    #[xml(attribute(default))]
    seq: Option<String>,
    #[xml(attribute(default))]
    sid: Option<String>,
    #[xml(text)]
    text: String,
}

#[derive(FromXml)]
#[xml(namespace = IBB, name = "open", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Open {
    #[xml(attribute(name = "block-size", default))]
    block_size: Option<String>,
    #[xml(attribute(default))]
    sid: Option<String>,
    #[xml(attribute(default))]
    stanza: Option<String>,
}

#[derive(FromXml)]
#[xml(namespace = IBB, name = "close", on_unknown_child = Discard, on_unknown_attribute = Discard)]
struct Close {
    #[xml(attribute(default))]
    sid: Option<String>,
}

/// What has come of each session, by direction.
#[derive(Default)]
pub(super) struct Streams(HashMap<(bool, String), Stream>);

#[derive(Default)]
struct Stream {
    assembly: Assembly,
    /// The parts of a message that is not whole yet, and in which stanzas they came.
    held: Vec<u8>,
    parts: Vec<usize>,
}

impl Streams {
    /// Takes a stanza.
    pub(super) fn read(&mut self, text: &str, sent: bool, drafts: &mut Drafts, secrets: &mut Secrets) {
        let mut stanza = Draft::new(LayerKind::Stanza, text);
        let Some((about, data)) = payloads(text) else {
            // It cannot be known what it carries.
            if text.contains("data") || secrets.may_be_in(text.as_bytes()) {
                stanza.conceal();
            }
            return drafts.push(stanza.with_problem("not a stanza that can be read"));
        };
        let blocks: Vec<_> = data.iter().map(|data| Block::read(data.seq.as_deref()?, &data.text)).collect();
        for (data, block) in data.iter().zip(&blocks) {
            // What has more in it than base64 stands otherwise in XML, and is not found there; then all of the stanza goes.
            stanza.spelled.extend(Some(data.text.trim().to_owned()).filter(|text| !text.is_empty()));
            stanza.spells.extend(block.iter().flat_map(|block| &block.data));
        }
        drafts.push(stanza);
        for about in about {
            drafts.push(Draft::new(LayerKind::Ibb, about));
        }
        for (data, block) in data.into_iter().zip(blocks) {
            self.block(sent, data.sid.unwrap_or_default(), block, drafts, secrets);
        }
    }

    fn block(&mut self, sent: bool, sid: String, block: Option<Block>, drafts: &mut Drafts, secrets: &mut Secrets) {
        let now = drafts.now();
        let Some(Block { seq, data }) = block else {
            if secrets.may_be_in(&[]) {
                drafts.conceal(now, LayerKind::Stanza);
            }
            let draft = Draft::new(LayerKind::Ibb, format!("data: session {sid}"));
            return drafts.push(draft.with_problem("no block number, or no base64"));
        };
        let about = format!("data: block {seq} of session {sid}, {} bytes", data.len());
        drafts.push(Draft::new(LayerKind::Ibb, about));
        let stream = self.0.entry((sent, sid)).or_default();
        stream.held.extend_from_slice(&data);
        stream.parts.push(now);
        let whole = match stream.assembly.push(data) {
            Ok(None) => return,
            Ok(Some(whole)) => whole,
            Err(_) => Vec::new(),
        };
        // A part that was given up for the beginning of another message is judged with it.
        let mut concealed = stream.held.len() > whole.len() && secrets.may_be_in(&stream.held);
        concealed |= message(&whole, drafts, secrets);
        for part in std::mem::take(&mut stream.parts) {
            if concealed {
                drafts.conceal(part, LayerKind::Stanza);
            }
        }
        stream.held.clear();
    }

    /// No more comes: what is not whole by now never was.
    pub(super) fn end(self, drafts: &mut Drafts, secrets: &Secrets) {
        for stream in self.0.into_values() {
            let concealed = is_tail(&stream.held) || secrets.may_be_in(&stream.held);
            for part in stream.parts {
                drafts.set_problem(part, LayerKind::Ibb, NOT_WHOLE);
                if concealed {
                    drafts.conceal(part, LayerKind::Stanza);
                }
            }
        }
    }
}

/// What a stanza says to a bytestream: in words, and the blocks.
fn payloads(text: &str) -> Option<(Vec<String>, Vec<Data>)> {
    if let Ok(Shallow::<Message>(message)) = xso::from_bytes(text.as_bytes()) {
        return Some((Vec::new(), message.data));
    }
    let Ok(Shallow::<Iq>(iq)) = xso::from_bytes(text.as_bytes()) else { return None };
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let open = iq.open.map(|Open { block_size, sid, stanza }| {
        let carrier = stanza.unwrap_or_else(|| "iq".to_owned());
        format!("open: session {}, blocks of at most {} bytes, in {carrier} stanzas", or_none(sid), or_none(block_size))
    });
    let close = iq.close.map(|close| format!("close: session {}", or_none(close.sid)));
    Some((open.into_iter().chain(close).collect(), iq.data.into_iter().collect()))
}

/// The layers of a whole message. True: it holds a secret, or may.
fn message(bytes: &[u8], drafts: &mut Drafts, secrets: &mut Secrets) -> bool {
    let parts = Parts::read(bytes);
    let (mut parts, raw) = match (parts, rest::unpacked(bytes)) {
        (Ok(parts), Ok(raw)) => (parts, String::from_utf8_lossy(&raw).into_owned()),
        (Err(error), _) | (_, Err(error)) => {
            let concealed = is_tail(bytes) || secrets.may_be_in(bytes);
            let mut draft = Draft::unread(bytes, error.to_string());
            if concealed {
                draft.conceal();
                draft.problem = Some("not a <rest> that can be read".to_owned());
            }
            drafts.push(draft);
            return concealed;
        }
    };
    let mut secret = names_a_secret(&raw) | secrets.strike_queries(&mut parts.url);
    for (name, value) in &mut parts.headers {
        secret |= secrets.strike_header(name, value);
    }
    let mut json = None;
    if let Some(body) = parts.body.take_if(|body| !body.trim().is_empty()) {
        let draft = match serde_json::from_str::<Value>(&body) {
            Ok(mut value) => {
                let struck = secrets.strike(&mut value);
                // A property that comes twice is there once; the other is in the text still.
                secret |= struck || secrets.may_be_in(body.as_bytes());
                parts.body = Some(if secret { value.to_string() } else { body });
                Draft::json(&value).with_secret(struck)
            }
            Err(error) => {
                let mut draft = Draft::new(LayerKind::Text, body.as_str()).with_problem(error.to_string());
                let concealed = secrets.may_be_in(body.as_bytes());
                if concealed {
                    draft.conceal();
                }
                secret |= concealed;
                parts.body = Some(if concealed { STRUCK.to_owned() } else { body });
                draft
            }
        };
        json = Some(draft);
    }
    let text = if secret { parts.write() } else { raw };
    drafts.push(Draft::new(LayerKind::Rest, text).with_secret(secret));
    if let Some(json) = json {
        drafts.push(json);
    }
    secret
}

/// Whether an element of that text, which may be one that is not read, has the name of a secret.
fn names_a_secret(xml: &str) -> bool {
    let name = |tag: &str| {
        let tag = tag.trim_start_matches('/');
        let name = tag.split(|c: char| c.is_whitespace() || c == '>' || c == '/').next().unwrap_or_default();
        is_secret(name.rsplit(':').next().unwrap_or_default())
    };
    xml.split('<').skip(1).any(name)
}

/// Whether this is the end of something that began before.
fn is_tail(bytes: &[u8]) -> bool {
    !bytes.trim_ascii_start().starts_with(b"<") && bytes.contains(&b'<')
}
