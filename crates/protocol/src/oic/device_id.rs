//! A device's own id, `di` (OIC Core §11.3.3, RA-9).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

/// A device's id in lower case: a UUID in all that was seen, but an opaque text to us (RA-9). At most
/// [`DeviceId::MAX_BYTES`] bytes; no white space, control characters or slashes. Anybody can claim any.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(String);

impl DeviceId {
    /// Our choice: a UUID has 36, the specification's examples 37.
    pub const MAX_BYTES: usize = 64;

    /// Takes a text; `None` if it cannot be an id.
    pub fn new(text: &str) -> Option<Self> {
        let bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '?' | '#');
        // First of all: in lower case a text may be longer, and begin as a URN.
        let lower = text.to_lowercase();
        let id = lower.trim_start_matches("urn:uuid:");
        (!id.is_empty() && id.len() <= Self::MAX_BYTES && !id.chars().any(bad)).then(|| Self(id.to_owned()))
    }

    /// From a payload's value: text, or the 16 bytes that IoTivity 1.0 sends (base64url by now, see [`super::cbor`]).
    pub fn from_value(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        if text.len() == 22
            && let Ok(bytes) = URL_SAFE_NO_PAD.decode(text)
            && let Ok(uuid) = Uuid::from_slice(&bytes)
        {
            return Some(Self(uuid.to_string()));
        }
        Self::new(text)
    }

    /// From an anchor: `ocf://{di}`, `oic://{di}`, with a path behind it or not.
    pub fn from_anchor(anchor: &str) -> Option<Self> {
        let rest = anchor.strip_prefix("ocf://").or_else(|| anchor.strip_prefix("oic://"))?;
        Self::new(rest.split('/').next().unwrap_or_default())
    }

    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<DeviceId> for String {
    fn from(di: DeviceId) -> Self {
        di.0
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn text_and_16_bytes_are_the_same_id() {
        let uuid = Uuid::parse_str("12345678-ABCD-4000-8000-0123456789ab").unwrap();
        let bytes = json!(URL_SAFE_NO_PAD.encode(uuid.as_bytes()));
        let text = json!("12345678-ABCD-4000-8000-0123456789ab");
        assert_eq!(DeviceId::from_value(&bytes), DeviceId::from_value(&text));
        assert_eq!(DeviceId::from_value(&text).unwrap().as_str(), "12345678-abcd-4000-8000-0123456789ab");
    }

    #[test]
    fn an_id_is_the_same_however_often_and_in_whatever_case_it_is_read() {
        assert_eq!(DeviceId::new("URN:uuid:AB").unwrap().as_str(), "ab");
        assert_eq!(DeviceId::new("urn:uUid:"), None);
        let longer_in_lower_case = "İ".repeat(DeviceId::MAX_BYTES / 2);
        assert_eq!(DeviceId::new(&longer_in_lower_case), None);
    }

    #[test]
    fn an_anchor_names_its_device_with_or_without_a_path() {
        assert_eq!(DeviceId::from_anchor("ocf://AB/light").unwrap().as_str(), "ab");
        assert_eq!(DeviceId::from_anchor("oic://ab").unwrap().as_str(), "ab");
        assert_eq!(DeviceId::from_anchor("coap://10.0.0.1"), None);
        assert_eq!(DeviceId::from_anchor("ocf:///light"), None);
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        let long = "a".repeat(65);
        for bad in ["", "a b", "a/b", "a\nb", long.as_str()] {
            assert_eq!(DeviceId::new(bad), None, "{bad:?}");
        }
        assert_eq!(DeviceId::from_value(&json!(7)), None);
    }
}
