//! `/oic/d` and `/oic/p`: what a device says about itself (OIC Core §11.3.3).
//!
//! Scope: reading both, tolerantly; texts are bounded and without control characters. Non-scope: whether it is true.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use super::controls::secret::is_secret;
use super::device_id::DeviceId;
use super::remote_access::words;

/// Where a device describes itself.
pub const DEVICE_URI: &str = "/oic/d";
/// Where it describes what it is made of.
pub const PLATFORM_URI: &str = "/oic/p";
/// The type that `/oic/d` itself has, which says nothing about the device.
const WELL_KNOWN_DEVICE: &str = "oic.wk.d";

/// `/oic/d`. Any property may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Description {
    /// Its id (`di`).
    pub di: Option<DeviceId>,
    /// Its name (`n`). Never empty.
    pub name: Option<String>,
    /// What it is: the first entry of `rt` that is not `oic.wk.d` (RA-9).
    pub device_type: Option<String>,
    /// The specification that it follows (`icv`): `ocf.2.0.5`, `core.1.1.0`.
    pub version: Option<String>,
}

impl Description {
    /// Reads a representation; `None` if it is no object. What has a wrong type counts as missing.
    pub fn read(body: &Value) -> Option<Self> {
        let object = body.as_object()?;
        let device_type = match object.get("rt") {
            Some(Value::Array(types)) => device_type(types.iter().filter_map(Value::as_str)),
            Some(Value::String(types)) => device_type(types.split_ascii_whitespace()),
            _ => None,
        };
        Some(Self {
            di: object.get("di").and_then(DeviceId::from_value),
            name: text(body, "n"),
            device_type,
            version: text(body, "icv"),
        })
    }
}

/// What a device is, by the types of its `/oic/d`: the first that is not `oic.wk.d` (RA-9). OCF's devices show these in
/// the link to it and with `if=oic.if.baseline`, not in a plain answer.
pub fn device_type<'a>(types: impl IntoIterator<Item = &'a str>) -> Option<String> {
    types.into_iter().find(|rt| *rt != WELL_KNOWN_DEVICE).map(words).filter(|rt| !rt.is_empty())
}

/// `/oic/p`. Any property may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Platform {
    /// Its maker (`mnmn`). Never empty.
    pub manufacturer: Option<String>,
    /// Its model (`mnmo`). Never empty.
    pub model: Option<String>,
}

impl Platform {
    /// Reads a representation; `None` if it is no object. What has a wrong type counts as missing.
    pub fn read(body: &Value) -> Option<Self> {
        body.as_object()?;
        Some(Self { manufacturer: text(body, "mnmn"), model: text(body, "mnmo") })
    }
}

/// One thing more that a device says of itself: `mnfv`, `1.4.2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(export)]
pub struct Saying {
    /// The property of `/oic/d` or `/oic/p`, also one that we do not know. One line.
    pub property: String,
    /// Its value as a text, of one line.
    pub text: String,
}

/// Our choice: so many of them are kept.
const MAX_SAYINGS: usize = 32;
/// What is shown of a device elsewhere, or says nothing to anybody.
const SHOWN_ELSEWHERE: [&str; 8] = ["n", "di", "rt", "if", "mnmn", "mnmo", "id", "p"];

/// Everything else that a device says of itself in these representations, in their order.
pub fn sayings<'a>(representations: impl IntoIterator<Item = &'a Value>) -> Vec<Saying> {
    let properties = representations.into_iter().filter_map(Value::as_object).flatten();
    let mut said: Vec<Saying> = Vec::new();
    for (property, value) in properties {
        if said.len() >= MAX_SAYINGS {
            break;
        }
        let property = words(property);
        let is_known = SHOWN_ELSEWHERE.contains(&property.as_str()) || said.iter().any(|one| one.property == property);
        let text = said_text(value).map(|text| words(&text)).filter(|text| !text.is_empty());
        if let (false, Some(text)) = (is_known || is_secret(&property), text) {
            said.push(Saying { property, text });
        }
    }
    said
}

/// A text, a number, yes or no; of a list each of them; of texts in several languages (`ld`) the first.
fn said_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.to_owned()),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().find_map(|item| item.get("value")?.as_str()).map(str::to_owned)
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().take(MAX_SAYINGS).filter_map(said_text).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::Object(_) | Value::Null => None,
    }
}

fn text(body: &Value, name: &str) -> Option<String> {
    body.get(name).and_then(Value::as_str).map(words).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn the_type_is_the_first_that_is_not_the_well_known_one() {
        let body = json!({"di": "AB", "n": "Lamp", "rt": ["oic.wk.d", "oic.d.light", "oic.d.x"], "icv": "ocf.2.0.5"});
        let description = Description::read(&body).unwrap();
        assert_eq!(description.di.unwrap().as_str(), "ab");
        assert_eq!(description.device_type.as_deref(), Some("oic.d.light"));
        assert_eq!((description.name.as_deref(), description.version.as_deref()), (Some("Lamp"), Some("ocf.2.0.5")));
        let one_text = Description::read(&json!({"rt": "oic.wk.d oic.d.fan"})).unwrap();
        assert_eq!(one_text.device_type.as_deref(), Some("oic.d.fan"));
    }

    #[test]
    fn what_is_missing_or_of_a_wrong_type_is_none() {
        assert_eq!(Description::read(&json!({"n": 7, "rt": 7, "di": [], "icv": ""})), Some(Description::default()));
        assert_eq!(Description::read(&json!([])), None);
        assert_eq!(Platform::read(&json!({"mnmn": "", "mnmo": 1})), Some(Platform::default()));
        assert_eq!(Platform::read(&json!("x")), None);
    }

    #[test]
    fn whatever_else_it_says_of_itself_is_kept_also_what_we_do_not_know() {
        let device = json!({
            "di": "AB", "n": "Lamp", "rt": ["oic.d.light"], "icv": "ocf.2.0.5", "dmv": ["a", "b"], "piid": "77",
            "ld": [{"language": "en", "value": "A lamp to read by"}], "x.maker.beta": true, "pin": "1234", "odd": {"a": 1},
        });
        let platform = json!({"mnmn": "Lumenfold", "mnfv": "1.4.2\n", "mnhw": 7, "piid": "other", "mnsl": ""});
        let said = sayings([&device, &platform, &json!(7)]);
        let mut said: Vec<_> = said.iter().map(|one| (one.property.as_str(), one.text.as_str())).collect();
        said.sort_unstable();
        assert_eq!(
            said,
            [
                ("dmv", "a, b"),
                ("icv", "ocf.2.0.5"),
                ("ld", "A lamp to read by"),
                ("mnfv", "1.4.2"),
                ("mnhw", "7"),
                ("piid", "77"),
                ("x.maker.beta", "yes"),
            ]
        );
    }

    #[test]
    fn what_it_says_of_itself_is_bounded() {
        let many: Value = (0..1000).map(|n| (format!("p{n}"), json!("x".repeat(1000)))).collect();
        let said = sayings([&many]);
        assert!(said.len() == MAX_SAYINGS && said.iter().all(|one| one.text.len() <= 300));
    }

    #[test]
    fn names_are_bounded_and_one_line() {
        let platform = Platform::read(&json!({"mnmn": "a\nb", "mnmo": "m".repeat(10_000)})).unwrap();
        assert_eq!(platform.manufacturer.as_deref(), Some("a b"));
        assert!(platform.model.unwrap().len() <= 300);
    }
}
