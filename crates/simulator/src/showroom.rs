//! A showroom: for each resource type of the OCF data models a small device with one resource of it, as such devices are.
//!
//! Scope: what they hold, and which changes they take. `showroom.json` has the values; which properties can be written
//! is the types' own affair. Non-scope: what a person can do with them (`homeward_protocol::oic::controls`).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use homeward_protocol::crudn::Href;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{Resource, Rule, Rules};

/// One device.
#[derive(Debug, Deserialize)]
pub(crate) struct Sample {
    /// What a household would call it.
    pub(crate) name: String,
    /// Its device type.
    pub(crate) device: String,
    value: Map<String, Value>,
}

/// A type as its definition has it: the interfaces beside the baseline, whether there is a POST, and each property's
/// type (`/ro`: read-only; `ref`: defined elsewhere).
#[derive(Debug, Deserialize)]
struct Facts {
    r#if: Vec<String>,
    post: bool,
    properties: BTreeMap<String, String>,
}

fn samples() -> &'static BTreeMap<String, Sample> {
    static SAMPLES: OnceLock<BTreeMap<String, Sample>> = OnceLock::new();
    SAMPLES.get_or_init(|| serde_json::from_str(include_str!("showroom.json")).expect("our own file"))
}

fn facts() -> &'static BTreeMap<String, Facts> {
    static FACTS: OnceLock<BTreeMap<String, Facts>> = OnceLock::new();
    let text = include_str!("../../protocol/src/oic/controls/fixtures/types.json");
    FACTS.get_or_init(|| serde_json::from_str(text).expect("our own file"))
}

/// All types, in their order.
pub(crate) fn types() -> impl Iterator<Item = &'static str> {
    samples().keys().map(String::as_str)
}

/// The device of this type.
///
/// # Panics
/// Where there is no such type.
pub(crate) fn sample(rt: &str) -> &'static Sample {
    samples().get(rt).expect("a type of the showroom")
}

/// What it has: the resource itself, and the members that it names.
pub(crate) fn resources(rt: &str) -> Vec<Resource> {
    let own = resource(&Href::new("/sample").expect("a path"), rt);
    let links = ["links", "resources"].iter().find_map(|name| own.values.get(*name)?.as_array().cloned());
    let member = |link: &Value| {
        let href = Href::new(link.get("href")?.as_str()?).ok()?;
        let rt = link.get("rt")?.get(0)?.as_str()?;
        samples().contains_key(rt).then(|| resource(&href, rt))
    };
    let members: Vec<_> = links.iter().flatten().filter_map(member).collect();
    [own].into_iter().chain(members).collect()
}

fn resource(href: &Href, rt: &str) -> Resource {
    let Facts { r#if, post, properties } = facts().get(rt).expect("a type of the data models");
    let rule = |(name, kind): (&'static String, &String)| {
        let whole = kind == "integer";
        let rule = match kind.as_str() {
            "boolean" => Rule::Flag,
            "integer" | "number" => Rule::Number { min: -1e9, max: 1e9, whole },
            "string" => Rule::Text,
            "array" => Rule::List,
            _ => Rule::Any,
        };
        (*post && !kind.ends_with("/ro")).then_some((name.as_str(), rule))
    };
    // What each vendor says itself.
    let open = *post && properties.is_empty();
    let rules = if open { Rules::Free } else { Rules::Listed(properties.iter().filter_map(rule).collect()) };
    Resource::of_type(href, rt, r#if, sample(rt).value.clone(), rules)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_is_one_of_each_type_with_every_property_in_its_own_form() {
        let names = |rt: &str| sample(rt).value.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(types().collect::<Vec<_>>(), facts().keys().map(String::as_str).collect::<Vec<_>>());
        for (rt, facts) in facts().iter().filter(|(rt, _)| *rt != "oic.r.userinfo") {
            assert_eq!(names(rt), facts.properties.keys().cloned().collect::<BTreeSet<_>>(), "{rt}");
            for (property, kind) in &facts.properties {
                let value = &sample(rt).value[property];
                let fits = match kind.trim_end_matches("/ro") {
                    "boolean" => value.is_boolean(),
                    "integer" => value.is_i64(),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    _ => !value.is_null(),
                };
                assert!(fits, "{rt} {property}: {value}");
            }
        }
    }

    #[test]
    fn no_two_are_called_the_same() {
        let names: BTreeSet<_> = samples().values().map(|sample| &sample.name).collect();
        assert_eq!(names.len(), samples().len());
    }

    #[test]
    fn it_takes_what_its_type_lets_a_client_write_and_nothing_else() {
        let audio = &mut resources("oic.r.audio")[0];
        assert!(audio.update(&serde_json::json!({"volume": 7}), false).unwrap());
        assert!(audio.update(&serde_json::json!({"volume": "7"}), false).is_err());
        let motion = &mut resources("oic.r.sensor.motion")[0];
        let other = motion.values["value"] != true;
        assert!(motion.update(&serde_json::json!({ "value": other }), false).is_err());
    }

    #[test]
    fn a_collection_has_the_members_that_it_names() {
        let collection = resources("oic.wk.col");
        let links = collection[0].values["links"].as_array().unwrap().len();
        assert_eq!(collection.len(), 1 + links);
    }
}
