//! Every type of the OCF resource type definitions. `types.json` has their facts, as the definitions have them: the
//! interfaces beside the baseline, whether there is a POST, and each property's type (`/ro`: read-only; `ref`: defined
//! elsewhere).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;

use super::super::secret::is_secret;
use super::*;

#[derive(Deserialize)]
struct Facts {
    r#if: Vec<String>,
    post: bool,
    properties: BTreeMap<String, String>,
}

impl Facts {
    fn may_set(&self, property: &str) -> bool {
        let access = self.properties.get(property).map_or("", String::as_str);
        self.post && !access.ends_with("/ro")
    }

    fn is_scalar(&self, property: &str) -> bool {
        let kind = self.properties[property].trim_end_matches("/ro");
        ["boolean", "integer", "number", "string"].contains(&kind)
    }

    /// A representation with every property, each of a likely value.
    fn value(&self) -> Value {
        self.properties.iter().map(|(name, kind)| (name.clone(), likely(name, kind))).collect()
    }

    fn controls(&self, rt: &str, value: Option<&Value>) -> Vec<Control> {
        controls(&Href::new("/a").unwrap(), &[rt.to_owned()], &self.r#if, value, None)
    }
}

fn facts() -> BTreeMap<String, Facts> {
    serde_json::from_str(include_str!("../fixtures/types.json")).unwrap()
}

fn likely(name: &str, kind: &str) -> Value {
    match (name, kind.trim_end_matches("/ro")) {
        ("links" | "resources", _) => json!([{"href": "/member"}]),
        ("rgbValue", _) => json!([1, 2, 3]),
        ("csc", _) => json!([0.4, 0.5]),
        (name, "ref") if name.contains("range") => json!([0, 10]),
        (name, "ref") if name.contains("step") || name.contains("precision") => json!(1),
        (name, "ref") if name.starts_with("power") => json!(100),
        (name, "ref") if name.contains("uration") || name.contains("Time") => json!("PT5M"),
        (_, "boolean") => json!(true),
        (_, "integer") => json!(3),
        (_, "number") => json!(1.5),
        (_, "array") => json!(["one", "two"]),
        (_, "object") => json!({"operational": true}),
        _ => json!("one"),
    }
}

/// Has no properties but the vendor's own.
const VENDORS_OWN: &str = "oic.r.userinfo";

/// Could be set, and are only read here: what is not for a person to write.
const ONLY_READ: &[(&str, &str)] = &[
    // Only direction and speed may be set, its description says.
    ("oic.r.airflow", "automode"),
    ("oic.r.dali.conf", "ver"),
    ("oic.r.opaquedata", "encoding"),
    ("oic.r.opaquedata", "payloadtype"),
    ("oic.r.opaquedata", "size"),
    ("oic.r.opaquedata", "system"),
];

/// Are no control of their own: they say how another is read, or are for machines.
const BESIDE: &[(&str, &str)] = &[
    ("oic.r.temperature", "units"),
    ("oic.r.opaquedata", "payload"),
    ("oic.r.opaquedata", "hash"),
    ("oic.r.colour.hs", "maximumsaturation"),
    ("oic.r.colour.chroma", "maximumsaturation"),
    ("oic.r.ptz", "zoomFactorRange"),
    ("oic.r.speech.tts", "supportedVoices"),
];

#[test]
fn there_are_182_types_and_each_has_something_to_see_or_to_do() {
    let facts = facts();
    assert_eq!(facts.len(), 182);
    for (rt, facts) in &facts {
        let value = if rt == VENDORS_OWN { json!({"nickname": "Ann"}) } else { facts.value() };
        assert!(!facts.controls(rt, Some(&value)).is_empty(), "{rt}");
        assert!(rt == VENDORS_OWN || !facts.controls(rt, None).is_empty(), "{rt} before its first value");
    }
}

#[test]
fn only_what_a_type_lets_a_client_set_is_writable() {
    for (rt, facts) in &facts() {
        for control in facts.controls(rt, Some(&facts.value())) {
            // They are pressed, not set: the keys are read-only, and DALI's frames are only ever sent.
            let pressed = matches!(control.shape, Shape::Buttons { .. }) && facts.post;
            let property = &control.property;
            assert!(!control.writable || pressed || facts.may_set(property), "{rt} {property}");
            assert!(control.writable || !control.confirm, "{rt} {property}");
            assert_eq!(&control.rt, rt);
        }
    }
}

#[test]
fn whatever_a_type_lets_a_client_set_can_be_set() {
    for (rt, facts) in &facts() {
        let controls = facts.controls(rt, Some(&facts.value()));
        let set = controls.iter().filter(|control| control.writable).flat_map(covered).collect::<BTreeSet<_>>();
        for property in facts.properties.keys().filter(|property| facts.may_set(property) && facts.is_scalar(property))
        {
            let named = |list: &[(&str, &str)]| list.contains(&(rt, property));
            let by_design = named(ONLY_READ) || named(BESIDE);
            assert_ne!(set.contains(property.as_str()), by_design, "{rt} {property}");
        }
    }
}

#[test]
fn whatever_a_type_tells_a_person_is_shown() {
    for (rt, facts) in &facts() {
        let controls = facts.controls(rt, Some(&facts.value()));
        let shown = controls.iter().flat_map(covered).collect::<BTreeSet<_>>();
        for property in facts.properties.keys().filter(|property| facts.is_scalar(property)) {
            let beside = ["units", "unit", "precision"].contains(&property.as_str());
            let hidden = beside || BESIDE.contains(&(rt, property));
            assert_ne!(shown.contains(property.as_str()), hidden, "{rt} {property}");
        }
    }
}

/// The properties that a control is about.
fn covered(control: &Control) -> Vec<&str> {
    let others = match &control.shape {
        Shape::Schedule { stop, minutes, .. } => [stop.as_deref(), minutes.as_deref()],
        _ => [None, None],
    };
    others.into_iter().flatten().chain([control.property.as_str()]).collect()
}

#[test]
fn every_number_that_can_be_set_has_a_range_that_makes_sense() {
    for (rt, facts) in &facts() {
        for value in [None, Some(facts.value())] {
            for control in facts.controls(rt, value.as_ref()) {
                super::hostile::check(&control);
            }
        }
    }
}

#[test]
fn the_table_names_each_type_once_and_each_property_of_it_once() {
    let mut seen = BTreeSet::new();
    for (rt, rows) in table::types() {
        assert!(seen.insert(*rt), "{rt} twice");
        let properties = rows.iter().map(|row| row.property).collect::<BTreeSet<_>>();
        assert_eq!(properties.len(), rows.len(), "{rt}");
    }
    let missing = facts().into_keys().filter(|rt| !seen.contains(rt.as_str())).collect::<Vec<_>>();
    assert_eq!(missing, [VENDORS_OWN]);
}

#[test]
fn no_line_of_the_table_is_about_a_secret_that_would_be_shown() {
    for (rt, rows) in table::types() {
        for row in rows.iter().filter(|row| is_secret(row.property)) {
            assert!(matches!(row.kind, Kind::Hidden), "{rt} {}", row.property);
        }
    }
}
