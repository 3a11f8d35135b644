//! Secrets in what is shown: found by the names that they go by, struck out, and looked for everywhere else.
//!
//! Scope: properties, queries and headers whose names say what they hold; the values that were found, wherever else they
//! stand. Non-scope: which names those are (`oic::controls::secret`).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::oic::controls::secret::is_secret;
use crate::oic::remote_access::wipe;

/// What stands in the place of a secret.
pub(super) const STRUCK: &str = "…";
/// Our choice, in bytes: shorter ones stand in any hex by chance. Where they have a name, they are struck out all the same.
const MIN_LOOKED_FOR: usize = 6;
/// Our choice, in bytes.
const MAX_LOOKED_FOR: usize = 4096;
/// Our choice: each is looked for in all that is shown.
const MAX_SECRETS: usize = 16;
/// What is shown of a representation that holds a password: whose it is, and what it is.
const OPEN_WHERE_GUARDED: [&str; 5] = ["jid", "rt", "if", "n", "id"];

/// The secrets that were found so far.
pub(super) struct Secrets {
    guarded: bool,
    /// Each in every form that it is likely to stand in.
    forms: Vec<Zeroizing<Vec<u8>>>,
    count: usize,
}

impl Secrets {
    pub(super) fn new(guarded: bool) -> Self {
        Self { guarded, forms: Vec::new(), count: 0 }
    }

    /// Whether bytes that cannot be read may hold a secret.
    pub(super) fn may_be_in(&self, unread: &[u8]) -> bool {
        self.guarded || crate::oic::controls::secret::may_be_named_in(unread)
    }

    /// Strikes the secrets out of a value; whether there were any.
    pub(super) fn strike(&mut self, value: &mut Value) -> bool {
        let mut any = false;
        match value {
            Value::Array(items) => {
                for item in items {
                    any |= self.strike(item);
                }
            }
            Value::Object(properties) => {
                for (name, value) in properties.iter_mut() {
                    let secret = match self.guarded {
                        true => !OPEN_WHERE_GUARDED.contains(&name.as_str()),
                        false => is_secret(name),
                    };
                    any |= if secret { self.strike_out(value) } else { !self.guarded && self.strike(value) };
                }
            }
            alone if self.guarded => any = self.strike_out(alone),
            _ => {}
        }
        any
    }

    /// Strikes a whole value out, unless there is nothing in it.
    fn strike_out(&mut self, value: &mut Value) -> bool {
        let empty = match &*value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(properties) => properties.is_empty(),
            Value::Bool(_) | Value::Number(_) => false,
        };
        if empty {
            return false;
        }
        self.learn_all(value);
        wipe(value);
        *value = STRUCK.into();
        true
    }

    /// Strikes the secrets out of a path's query; whether there were any.
    pub(super) fn strike_queries(&mut self, url: &mut String) -> bool {
        let Some((path, query)) = url.split_once('?') else { return false };
        let mut any = false;
        let parts = query.split('&').map(|part| {
            let mut part = part.to_owned();
            any |= self.strike_query(&mut part);
            part
        });
        let struck = format!("{path}?{}", parts.collect::<Vec<_>>().join("&"));
        *url = struck;
        any
    }

    /// The same for one part of a query: `token=…`.
    pub(super) fn strike_query(&mut self, part: &mut String) -> bool {
        let Some((name, value)) = part.split_once('=') else { return false };
        if !is_secret(name) || value.is_empty() {
            return false;
        }
        self.learn(value);
        *part = format!("{name}={STRUCK}");
        true
    }

    /// The same for a header.
    pub(super) fn strike_header(&mut self, name: &str, value: &mut String) -> bool {
        if value.is_empty() || !(is_secret(name) || name.eq_ignore_ascii_case("Authorization")) {
            return false;
        }
        self.learn(value);
        *value = STRUCK.to_owned();
        true
    }

    fn learn_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.learn(text),
            Value::Number(number) => self.learn(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.learn_all(item)),
            Value::Object(properties) => properties.values().for_each(|value| self.learn_all(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// From now on it is looked for, and what it is the base64 of.
    fn learn(&mut self, text: &str) {
        if self.count >= MAX_SECRETS || text.len() > MAX_LOOKED_FOR {
            return;
        }
        self.count += 1;
        self.learn_forms(text.as_bytes());
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            if let Ok(decoded) = engine.decode(text).map(Zeroizing::new) {
                self.learn_forms(&decoded);
                break;
            }
        }
    }

    fn learn_forms(&mut self, secret: &[u8]) {
        if secret.len() < MIN_LOOKED_FOR {
            return;
        }
        let mut forms: Vec<Vec<u8>> = vec![secret.to_vec()];
        if let Ok(text) = std::str::from_utf8(secret) {
            let quoted = Value::from(text).to_string();
            let quoted = quoted.trim_matches('"');
            forms.extend([quoted.into(), in_xml(text).into(), in_xml(quoted).into()]);
        }
        forms.push(super::hex(secret).replace([' ', '\n'], "").into_bytes());
        forms.extend((0..3).flat_map(|before| within_base64(secret, before)));
        for form in forms.into_iter().map(Zeroizing::new) {
            if form.len() >= MIN_LOOKED_FOR && !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
    }

    /// Whether one of them stands in these bytes.
    pub(super) fn are_in(&self, bytes: &[u8]) -> bool {
        self.forms.iter().any(|form| bytes.windows(form.len()).any(|window| window == form.as_slice()))
    }

    /// Strikes out of a text what has been found elsewhere; whether there was anything.
    pub(super) fn strike_in(&self, text: &mut String) -> bool {
        let mut any = false;
        for form in self.forms.iter().filter_map(|form| std::str::from_utf8(form).ok()) {
            if text.contains(form) {
                *text = text.replace(form, STRUCK);
                any = true;
            }
        }
        any
    }
}

/// What of a secret's base64 does not depend on its surroundings, where so many bytes stand before it in its group of
/// three; in both alphabets.
fn within_base64(secret: &[u8], before: usize) -> [Vec<u8>; 2] {
    let mut group = Zeroizing::new(vec![0; before]);
    group.extend_from_slice(secret);
    let own = |text: String| {
        // Six bits a character: the first ones have bits of what stands before, the last of what comes after.
        let (from, to) = ((before * 8).div_ceil(6), group.len() * 8 / 6);
        text.as_bytes().get(from..to).unwrap_or_default().to_vec()
    };
    [own(STANDARD_NO_PAD.encode(&*group)), own(URL_SAFE_NO_PAD.encode(&*group))]
}

fn in_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}
