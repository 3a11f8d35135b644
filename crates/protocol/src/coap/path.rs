//! A resource's path and query as CoAP options and back (RFC 7252 §6.4, §6.5).
//!
//! Options carry the parts decoded; an [`Href`] carries them with percent signs where a character would break it.

use crate::crudn::{Href, HrefError};

/// The Uri-Path options: one per segment, percent-decoded; none for `/`.
pub(super) fn segments(href: &Href) -> impl Iterator<Item = String> {
    let path = href.path().strip_prefix('/').unwrap_or_default();
    let none = path.is_empty();
    path.split('/').filter(move |_| !none).map(decoded)
}

/// The Uri-Query options, percent-decoded.
pub(super) fn queries(href: &Href) -> impl Iterator<Item = String> {
    href.queries().map(decoded)
}

/// The path that such options spell. What is not UTF-8 is no path.
///
/// # Errors
/// [`HrefError`].
pub(super) fn href<'a>(
    segments: impl Iterator<Item = &'a Vec<u8>>,
    queries: impl Iterator<Item = &'a Vec<u8>>,
) -> Result<Href, HrefError> {
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        encode_into(&mut text, segment, "/?")?;
    }
    if text.is_empty() {
        text.push('/');
    }
    for (index, query) in queries.filter(|query| !query.is_empty()).enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        encode_into(&mut text, query, "&")?;
    }
    Href::new(text)
}

fn encode_into(text: &mut String, part: &[u8], separators: &str) -> Result<(), HrefError> {
    let part = std::str::from_utf8(part).map_err(|_| HrefError::BadCharacter)?;
    for c in part.chars() {
        if !Href::may_hold(c) || c == '%' || separators.contains(c) {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                text.push_str(&format!("%{byte:02X}"));
            }
        } else {
            text.push(c);
        }
        if text.len() > Href::MAX_BYTES {
            return Err(HrefError::TooLong);
        }
    }
    Ok(())
}

/// `%41` → `A`. A percent sign that begins nothing, and a part that would not be UTF-8, stay as they are.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low),
            _ => None,
        };
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| part.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
