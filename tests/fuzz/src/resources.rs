//! What a device says of itself: `/oic/d`, `/oic/p`, the two Remote Access resources, `/oic/sec/doxm`, and any resource
//! that a person can control.

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::cbor;
use homeward_protocol::oic::controls::{Shape, controls};
use homeward_protocol::oic::device::{Description, Platform};
use homeward_protocol::oic::introspection::{self, Introspection};
use homeward_protocol::oic::remote_access::{MAX_WORDS, XmppAccess, take_jid, words};
use homeward_protocol::oic::security::Doxm;
use serde_json::Value;

/// Any value is read by each of them, as CBOR or as the JSON that comes over XMPP; texts are fit to be shown.
pub fn check(data: &[u8]) {
    let Some(value) = cbor::decode(data).ok().or_else(|| serde_json::from_slice(data).ok()) else { return };
    if let Some(device) = Description::read(&value) {
        shown([device.name, device.device_type, device.version]);
    }
    if let Some(platform) = Platform::read(&value) {
        shown([platform.manufacturer, platform.model]);
    }
    if let Some(access) = XmppAccess::read(&value) {
        shown([access.status.map(|status| status.as_str().to_owned()).filter(|s| !s.is_empty()), access.error_reason]);
        assert!(access.address.is_none_or(|address| address.chars().count() <= MAX_WORDS));
    }
    if let Some(doxm) = Doxm::read(&value) {
        doxm.ownership(None);
        doxm.ownership(doxm.device.as_ref());
    }
    control(&value);
    if let Some(Some(jid)) = take_jid(value) {
        assert!(!jid.is_empty());
    }
}

/// One line, bounded, not empty.
fn shown<const N: usize>(texts: [Option<String>; N]) {
    for text in texts.into_iter().flatten() {
        assert!(!text.is_empty() && text.chars().count() <= MAX_WORDS && !text.contains(char::is_control), "{text:?}");
        assert_eq!(words(&text), text);
    }
}

/// The representation names its own types and interfaces, as a baseline answer does.
fn control(value: &Value) {
    let names = |property: &str| {
        let texts = value.get(property).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let Ok(href) = Href::new("/a") else { return };
    introspection::location(value);
    let introspection = Introspection::read(value);
    let described = introspection.as_ref().and_then(|introspection| introspection.of(&href));
    for control in controls(&href, &names("rt"), &names("if"), Some(value), described) {
        match control.shape {
            Shape::Level(range) | Shape::Position(range) | Shape::Temperature(range) | Shape::Hue(range) => {
                assert!(range.min.is_finite() && range.max.is_finite() && range.step.is_finite(), "{range:?}");
                assert!(range.min < range.max && range.step > 0.0, "{range:?}");
            }
            Shape::Number(bounds) => {
                assert!(bounds.min.zip(bounds.max).is_none_or(|(min, max)| min < max), "{bounds:?}");
                assert!(bounds.step.is_none_or(|step| step > 0.0), "{bounds:?}");
            }
            _ => {}
        }
    }
}
