//! CBOR (RFC 8949) at the edge of a program that speaks in JSON values.
//!
//! Byte strings become base64url text without padding (RFC 8949 §6.1); tags are passed through to what they enclose. Text
//! stays text on the way out, but for the `data` of a map whose `encoding` says that it is raw bytes (OCF Security §13.3.1).
//! What JSON cannot say is an error of that payload alone: maps with other than text keys, NaN and the infinities,
//! integers beyond 64 bits. Size, depth and number of items are bounded, so that a small payload cannot ask for much
//! memory. Does not know what a payload means: the other modules of [`crate::oic`] do.

use std::cell::Cell;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, IgnoredAny, MapAccess, SeqAccess, VariantAccess};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, de::Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

/// The largest payload that is read or written, in bytes. Our choice: far above any resource seen.
pub const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting that is read. Our choice: OCF's own payloads stay below ten.
pub const MAX_DEPTH: usize = 32;
/// The most items (values and keys) that are read. Our choice: one item takes some hundred bytes at most, so a payload
/// cannot grow to more than some ten megabytes.
pub const MAX_ITEMS: usize = 100_000;

/// Why a payload could not be turned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// It is not CBOR, is cut short, or is followed by something else.
    #[error("the payload is not one CBOR item")]
    Malformed,
    /// It is larger than [`MAX_BYTES`].
    #[error("the payload is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is nested deeper than [`MAX_DEPTH`].
    #[error("the payload is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// It has more than [`MAX_ITEMS`] items.
    #[error("the payload has more than {MAX_ITEMS} items")]
    TooManyItems,
    /// A map has a key that is no text.
    #[error("a map in the payload has a key that is no text")]
    KeyNotText,
    /// A map has the same key twice (not valid by RFC 8949 §5.6): readers would differ about what it says.
    #[error("a map in the payload has a key twice")]
    KeyTwice,
    /// A number is NaN, infinite, or an integer beyond 64 bits.
    #[error("a number in the payload has no place in JSON")]
    NumberNotJson,
}

/// Reads one CBOR item that fills `bytes` wholly.
///
/// # Errors
/// [`CborError`], as its variants say. Never panics, whatever the bytes.
pub fn decode(bytes: &[u8]) -> Result<Value, CborError> {
    if bytes.len() > MAX_BYTES {
        return Err(CborError::TooLarge);
    }
    let mut rest = bytes;
    // The recursion limit is ciborium's own guard for what our visitor does not see (tags within tags).
    let read: Result<Outcome, _> = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH * 2);
    match read {
        Ok(Outcome(Err(why))) => Err(why),
        Ok(Outcome(Ok(_))) if !rest.is_empty() => Err(CborError::Malformed),
        Ok(Outcome(Ok(value))) => Ok(value),
        Err(ciborium::de::Error::RecursionLimitExceeded) => Err(CborError::TooDeep),
        Err(_) => Err(CborError::Malformed),
    }
}

/// Writes a value as CBOR. Text stays text: a value that was a byte string once does not become one again, unless it says
/// itself that it is one.
///
/// # Errors
/// [`CborError::TooLarge`].
pub fn encode(value: &Value) -> Result<Vec<u8>, CborError> {
    let mut bytes = Vec::new();
    ciborium::into_writer(&Written(value), &mut bytes).map_err(|_| CborError::Malformed)?;
    if bytes.len() > MAX_BYTES {
        return Err(CborError::TooLarge);
    }
    Ok(bytes)
}

/// What a map says whose `data` is raw bytes.
const RAW: &str = "oic.sec.encoding.raw";

/// A value on its way out.
struct Written<'a>(&'a Value);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Array(items) => serializer.collect_seq(items.iter().map(Written)),
            Value::Object(map) => {
                let is_raw = map.get("encoding").and_then(Value::as_str) == Some(RAW);
                let mut written = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    let bytes = value.as_str().filter(|_| is_raw && key == "data");
                    match bytes.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok().map(Zeroizing::new)) {
                        Some(bytes) => written.serialize_entry(key, &Bytes(&bytes))?,
                        None => written.serialize_entry(key, &Written(value))?,
                    }
                }
                written.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}

/// A byte string.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

/// A whole payload: the value, or our own reason against it (serde's errors carry text only).
struct Outcome(Result<Value, CborError>);

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let limits = Limits { items: Cell::new(0), refused: Cell::new(None) };
        match (Item { limits: &limits, depth: 0 }).deserialize(deserializer) {
            Ok(value) => Ok(Self(Ok(value))),
            Err(error) => limits.refused.get().map(|why| Self(Err(why))).ok_or(error),
        }
    }
}

/// What one payload has used up, and why it was given up.
struct Limits {
    items: Cell<usize>,
    refused: Cell<Option<CborError>>,
}

impl Limits {
    fn refuse<E: de::Error>(&self, why: CborError) -> E {
        self.refused.set(Some(why));
        E::custom(why)
    }

    fn count<E: de::Error>(&self) -> Result<(), E> {
        let items = self.items.get() + 1;
        self.items.set(items);
        if items > MAX_ITEMS { Err(self.refuse(CborError::TooManyItems)) } else { Ok(()) }
    }
}

/// One item at some depth.
#[derive(Clone, Copy)]
struct Item<'a> {
    limits: &'a Limits,
    depth: usize,
}

impl Item<'_> {
    fn deeper<E: de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(self.limits.refuse(CborError::TooDeep));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.limits.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CBOR item")
    }

    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_u128<E: de::Error>(self, v: u128) -> Result<Value, E> {
        u64::try_from(v).map(Value::from).map_err(|_| self.limits.refuse(CborError::NumberNotJson))
    }
    fn visit_i128<E: de::Error>(self, v: i128) -> Result<Value, E> {
        i64::try_from(v).map(Value::from).map_err(|_| self.limits.refuse(CborError::NumberNotJson))
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v).map(Value::Number).ok_or_else(|| self.limits.refuse(CborError::NumberNotJson))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Value, E> {
        Ok(Value::from(v))
    }
    fn visit_string<E: de::Error>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }
    fn visit_bytes<E: de::Error>(self, v: &[u8]) -> Result<Value, E> {
        Ok(Value::String(URL_SAFE_NO_PAD.encode(v)))
    }
    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(Key(inner))? {
            if map.insert(key, entries.next_value_seed(inner)?).is_some() {
                return Err(self.limits.refuse(CborError::KeyTwice));
            }
        }
        Ok(Value::Object(map))
    }

    /// ciborium shows a tag as an enum variant of two elements: the tag's number, and what it encloses.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Value, A::Error> {
        let (IgnoredAny, contents) = tagged.variant()?;
        contents.tuple_variant(2, Tagged(self.deeper()?))
    }
}

struct Tagged<'a>(Item<'a>);

impl<'de> Visitor<'de> for Tagged<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tagged CBOR item")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Value, A::Error> {
        let _tag: Option<u64> = parts.next_element()?;
        parts.next_element_seed(self.0)?.ok_or_else(|| de::Error::custom("a tag without content"))
    }
}

/// A map's key: text, or the payload is refused.
#[derive(Clone, Copy)]
struct Key<'a>(Item<'a>);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = String;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        self.0.limits.count()?;
        deserializer.deserialize_any(self)
    }
}

macro_rules! not_text {
    ($($visit:ident($t:ty)),+ $(,)?) => { $(
        fn $visit<E: de::Error>(self, _: $t) -> Result<String, E> {
            Err(self.0.limits.refuse(CborError::KeyNotText))
        }
    )+ };
}

impl<'de> Visitor<'de> for Key<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, v: &str) -> Result<String, E> {
        Ok(v.to_owned())
    }
    fn visit_string<E: de::Error>(self, v: String) -> Result<String, E> {
        Ok(v)
    }
    not_text! {
        visit_bool(bool), visit_u64(u64), visit_i64(i64), visit_u128(u128), visit_i128(i128), visit_f64(f64),
        visit_bytes(&[u8]),
    }
    fn visit_none<E: de::Error>(self) -> Result<String, E> {
        Err(self.0.limits.refuse(CborError::KeyNotText))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.0.limits.refuse(CborError::KeyNotText))
    }
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.0.limits.refuse(CborError::KeyNotText))
    }
    fn visit_enum<A: EnumAccess<'de>>(self, _: A) -> Result<String, A::Error> {
        Err(self.0.limits.refuse(CborError::KeyNotText))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn byte_strings_become_base64url_without_padding() {
        assert_eq!(decode(&[0x44, 0xfb, 0xff, 0x00, 0x01]).unwrap(), json!("-_8AAQ"));
    }

    #[test]
    fn raw_data_is_written_as_a_byte_string_and_other_text_as_text() {
        let raw = |data: &str| json!({"data": data, "encoding": "oic.sec.encoding.raw"});
        let key =
            |bytes: &[u8]| [&[0xa2, 0x64][..], b"data", bytes, &[0x68], b"encoding", &[0x74], RAW.as_bytes()].concat();
        assert_eq!(encode(&json!([raw("")])).unwrap()[1..], key(&[0x40]));
        assert_eq!(encode(&raw("-_8AAQ")).unwrap(), key(&[0x44, 0xfb, 0xff, 0x00, 0x01]));
        assert_eq!(encode(&raw("not base64!")).unwrap()[6], 0x6b);
        assert_eq!(encode(&json!({"data": "-_8AAQ"})).unwrap()[6], 0x66);
    }

    #[test]
    fn tags_are_passed_through() {
        // 32("http://a"): a URI; 55799(1): the self-describing tag.
        assert_eq!(decode(&[0xd8, 0x20, 0x61, 0x61]).unwrap(), json!("a"));
        assert_eq!(decode(&[0xd9, 0xd9, 0xf7, 0x01]).unwrap(), json!(1));
    }

    #[test]
    fn indefinite_lengths_are_read() {
        assert_eq!(decode(&[0xbf, 0x61, 0x61, 0x9f, 0x01, 0x02, 0xff, 0xff]).unwrap(), json!({"a": [1, 2]}));
        assert_eq!(decode(&[0x7f, 0x61, 0x61, 0x61, 0x62, 0xff]).unwrap(), json!("ab"));
    }

    #[test]
    fn undefined_is_null() {
        assert_eq!(decode(&[0xf7]).unwrap(), Value::Null);
    }

    #[test]
    fn keys_that_are_no_text_are_refused() {
        assert_eq!(decode(&[0xa1, 0x01, 0x02]), Err(CborError::KeyNotText));
        assert_eq!(decode(&[0xa1, 0x41, 0x61, 0x02]), Err(CborError::KeyNotText), "a byte string is no text");
        assert_eq!(decode(&[0xa1, 0x80, 0x02]), Err(CborError::KeyNotText));
        assert_eq!(decode(&[0xa1, 0xf6, 0x02]), Err(CborError::KeyNotText));
    }

    #[test]
    fn a_key_that_comes_twice_is_refused() {
        assert_eq!(decode(&[0xa2, 0x61, 0x61, 1, 0x61, 0x61, 2]), Err(CborError::KeyTwice));
    }

    #[test]
    fn numbers_that_json_has_not_are_refused() {
        for nan_or_infinity in [[0xf9, 0x7e, 0x00], [0xf9, 0x7c, 0x00], [0xf9, 0xfc, 0x00]] {
            assert_eq!(decode(&nan_or_infinity), Err(CborError::NumberNotJson));
        }
        let bignum = [0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(decode(&bignum), Err(CborError::NumberNotJson));
        assert_eq!(decode(&[0x3b, 255, 255, 255, 255, 255, 255, 255, 255]), Err(CborError::NumberNotJson));
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_refused() {
        assert_eq!(decode(&[]), Err(CborError::Malformed));
        assert_eq!(decode(&[0x82, 0x01]), Err(CborError::Malformed));
        assert_eq!(decode(&[0x01, 0x02]), Err(CborError::Malformed));
        assert_eq!(decode(&[0x9b, 255, 255, 255, 255, 255, 255, 255, 255]), Err(CborError::Malformed));
        assert_eq!(decode(&[0x5b, 127, 255, 255, 255, 255, 255, 255, 255]), Err(CborError::Malformed));
    }

    #[test]
    fn depth_items_and_size_are_bounded() {
        assert_eq!(decode(&[0x81; 1000]), Err(CborError::TooDeep));
        assert_eq!(decode(&[0xc6; 1000]), Err(CborError::TooDeep));
        assert_eq!(decode(&vec![0x40; MAX_BYTES + 1]), Err(CborError::TooLarge));
        let mut many = vec![0x9f];
        many.resize(MAX_ITEMS + 10, 0x01);
        many.push(0xff);
        assert_eq!(decode(&many), Err(CborError::TooManyItems));
        assert_eq!(encode(&json!("a".repeat(MAX_BYTES))), Err(CborError::TooLarge));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter_map("finite", |n| Number::from_f64(n).map(Value::Number)),
            ".{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 64, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
                prop::collection::btree_map(".{0,8}", inner, 0..8).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn what_was_encoded_decodes_to_the_same(value in any_json()) {
            prop_assert_eq!(decode(&encode(&value).unwrap()).unwrap(), value);
        }
    }
}
