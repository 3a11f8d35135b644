//! Introspection: a device's own description of its resources (OCF Core §11.4), an OpenAPI 2.0 document.
//!
//! Scope: where the document is, and what it says of each resource's properties: type, choices, ends, whether they can
//! be set. Non-scope: fetching it; whether it is true. It comes from the device, so it is bounded and may say anything:
//! what is not understood counts as not said.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::crudn::Href;

/// The type of the resource that says where the document is.
pub const INTROSPECTION_RT: &str = "oic.wk.introspection";
/// Our choice: resources read from one document.
const MAX_RESOURCES: usize = 256;
/// Our choice: properties read of one resource.
const MAX_PROPERTIES: usize = 64;
/// Our choice: choices read of one property.
const MAX_OPTIONS: usize = 64;
/// Our choice: schemas within schemas that are followed (`$ref`, `allOf`).
const MAX_DEPTH: usize = 8;
/// Our choice: schemas looked at for one operation, however they are nested.
const MAX_SCHEMAS: usize = 64;
/// Our choice: characters of a property's name or of a choice.
const MAX_NAME: usize = 64;

/// Where the document is, from the representation of `/oic/introspection` (`urlInfo`): the path of the first URL that a
/// CoAP client can ask for. It is to be asked of the device itself, whatever host the URL names.
pub fn location(value: &Value) -> Option<Href> {
    let entries = value.get("urlInfo")?.as_array()?;
    entries.iter().take(MAX_OPTIONS).find_map(|entry| {
        let url = entry.get("url")?.as_str()?;
        let path = match url.split_once("://") {
            Some(("coap" | "coaps" | "coap+tcp" | "coaps+tcp", rest)) => rest.get(rest.find('/')?..)?,
            Some(_) => return None,
            None => url,
        };
        Href::new(path).ok()
    })
}

/// What the document says, by path.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Introspection {
    resources: BTreeMap<String, Described>,
}

/// What it says of one resource.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Described {
    /// By name; without what every resource has (`rt`, `if`, `n`, `id`).
    pub properties: BTreeMap<String, Property>,
}

/// What it says of one property.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    /// What kind of value it has.
    pub kind: Kind,
    /// The values that it may have, or that the items of its list may have: texts and numbers. Empty: not said.
    pub options: Vec<Value>,
    /// Least. Finite.
    pub min: Option<f64>,
    /// Most. Finite.
    pub max: Option<f64>,
    /// Whether it says of itself that it is a date and time.
    pub is_time: bool,
    /// Whether it is in what may be sent, and not read-only.
    pub writable: bool,
}

/// The kinds of value that the document tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// An object.
    Object,
    /// Nothing that is known here.
    Unknown,
}

impl Introspection {
    /// Reads the document; `None` if it has no `paths`. What has a wrong type counts as missing.
    pub fn read(document: &Value) -> Option<Self> {
        let paths = document.get("paths")?.as_object()?;
        let base = document.get("basePath").and_then(Value::as_str).unwrap_or_default().trim_end_matches('/');
        let resources = paths.iter().take(MAX_RESOURCES).filter_map(|(path, operations)| {
            let path = format!("{base}{path}");
            let href = Href::new(path).ok()?;
            Some((key(href.path()).to_owned(), described(document, operations)?))
        });
        Some(Self { resources: resources.collect() })
    }

    /// What it says of the resource at this path, whatever the query.
    pub fn of(&self, href: &Href) -> Option<&Described> {
        self.resources.get(key(href.path()))
    }
}

/// `/a/` and `/a` are one path to most devices.
fn key(path: &str) -> &str {
    path.trim_end_matches('/')
}

fn described(document: &Value, operations: &Value) -> Option<Described> {
    let told = operations.get("get").map(|get| answer_schema(document, get)).unwrap_or_default();
    let update = operations.get("post").or_else(|| operations.get("put"));
    let taken = update.map(|update| body_schema(document, update)).unwrap_or_default();
    // A POST that does not say what it takes takes what is told.
    let takes = |name: &str| update.is_some() && (taken.is_empty() || taken.contains_key(name));
    let mut properties = BTreeMap::new();
    for (name, schema) in told.iter().chain(&taken) {
        if properties.len() >= MAX_PROPERTIES || is_common(name) || name.chars().count() > MAX_NAME {
            continue;
        }
        properties.entry((*name).to_owned()).or_insert_with(|| property(schema, takes(name)));
    }
    (!properties.is_empty()).then_some(Described { properties })
}

fn is_common(name: &str) -> bool {
    ["rt", "if", "n", "id"].contains(&name)
}

/// The properties of a schema, each with its own.
type Properties<'a> = BTreeMap<&'a str, &'a Map<String, Value>>;

/// Of the first answer that is a success and has any.
fn answer_schema<'a>(document: &'a Value, operation: &'a Value) -> Properties<'a> {
    let responses = operation.get("responses").and_then(Value::as_object);
    let good = responses.into_iter().flatten().filter(|(status, _)| status.starts_with('2'));
    let found = good.filter_map(|(_, response)| response.get("schema")).map(|schema| properties_of(document, schema));
    found.into_iter().find(|properties| !properties.is_empty()).unwrap_or_default()
}

/// Of the parameter that is the body.
fn body_schema<'a>(document: &'a Value, operation: &'a Value) -> Properties<'a> {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let mut bodies = parameters.into_iter().flatten().take(MAX_OPTIONS).filter_map(|parameter| {
        let parameter = resolve(document, parameter)?;
        (parameter.get("in").and_then(Value::as_str) == Some("body")).then(|| parameter.get("schema")).flatten()
    });
    bodies.next().map(|schema| properties_of(document, schema)).unwrap_or_default()
}

/// With those of the schemas that it refers to, is made of, or offers as alternatives.
fn properties_of<'a>(document: &'a Value, schema: &'a Value) -> Properties<'a> {
    let mut found = Properties::new();
    let mut waiting = vec![(schema, 0)];
    for _ in 0..MAX_SCHEMAS {
        let Some((schema, depth)) = waiting.pop() else { break };
        let Some(schema) = resolve(document, schema) else { continue };
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let Some(property) = resolve(document, property).and_then(Value::as_object) else { continue };
            if found.len() < MAX_PROPERTIES {
                found.entry(name.as_str()).or_insert(property);
            }
        }
        if depth < MAX_DEPTH {
            let parts = ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|part| schema.get(part)?.as_array());
            waiting.extend(parts.flatten().take(MAX_OPTIONS).map(|part| (part, depth + 1)));
        }
    }
    found
}

/// The schema itself, or what its `$ref` within the document leads to.
fn resolve<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let mut schema = schema;
    for _ in 0..MAX_DEPTH {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => schema = document.pointer(reference.strip_prefix('#')?)?,
            None => return Some(schema),
        }
    }
    None
}

fn property(schema: &Map<String, Value>, taken: bool) -> Property {
    let kind = match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("string") => Kind::Text,
        Some("array") => Kind::List,
        Some("object") => Kind::Object,
        _ => Kind::Unknown,
    };
    let choices = schema.get("enum").or_else(|| schema.get("items")?.get("enum")).and_then(Value::as_array);
    let may_be_chosen = |option: &&Value| match option {
        Value::String(text) => !text.is_empty() && text.chars().count() <= MAX_NAME,
        other => other.is_number(),
    };
    let end = |name: &str| schema.get(name).and_then(Value::as_f64).filter(|end| end.is_finite());
    Property {
        kind,
        options: choices.into_iter().flatten().filter(may_be_chosen).take(MAX_OPTIONS).cloned().collect(),
        min: end("minimum"),
        max: end("maximum"),
        is_time: schema.get("format").and_then(Value::as_str) == Some("date-time"),
        writable: taken && schema.get("readOnly").and_then(Value::as_bool) != Some(true),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn href(path: &str) -> Href {
        Href::new(path).unwrap()
    }

    fn fan() -> Value {
        json!({
            "swagger": "2.0", "basePath": "/",
            "paths": {"/fan": {
                "get": {"responses": {"200": {"schema": {"$ref": "#/definitions/Fan"}}}},
                "post": {"parameters": [
                    {"$ref": "#/parameters/interface"},
                    {"name": "body", "in": "body", "schema": {"oneOf": [{"$ref": "#/definitions/FanUpdate"}]}}
                ]}
            }},
            "parameters": {"interface": {"in": "query", "name": "if", "type": "string"}},
            "definitions": {
                "Fan": {"properties": {
                    "rt": {"type": "array", "readOnly": true},
                    "speed": {"type": "integer", "minimum": 0, "maximum": 5},
                    "hours": {"type": "number", "readOnly": true},
                    "mode": {"type": "string", "enum": ["breeze", "storm", "", 7]},
                    "model": {"type": "string"}
                }},
                "FanUpdate": {"properties": {
                    "speed": {"type": "integer"}, "hours": {"type": "number", "readOnly": true}, "mode": {"type": "string"}
                }}
            }
        })
    }

    #[test]
    fn a_property_has_its_type_its_ends_its_choices_and_whether_it_can_be_set() {
        let introspection = Introspection::read(&fan()).unwrap();
        let fan = introspection.of(&href("/fan?if=oic.if.a")).unwrap();
        let names = fan.properties.keys().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(names, ["hours", "mode", "model", "speed"]);
        let speed = &fan.properties["speed"];
        assert_eq!((speed.kind, speed.min, speed.max, speed.writable), (Kind::Integer, Some(0.0), Some(5.0), true));
        assert_eq!(fan.properties["mode"].options, [json!("breeze"), json!("storm"), json!(7)]);
        assert!(!fan.properties["hours"].writable, "read-only, though the update has it");
        assert!(!fan.properties["model"].writable, "the update does not take it");
        assert_eq!(introspection.of(&href("/other")), None);
    }

    #[test]
    fn the_document_is_asked_of_the_device_itself() {
        let at = |url: &str| location(&json!({"urlInfo": [{"url": url, "protocol": "coap"}]}));
        assert_eq!(at("coap://[fe80::1]:5683/oc/introspection"), Some(href("/oc/introspection")));
        assert_eq!(at("coaps://elsewhere.example/IDD?x=1"), Some(href("/IDD?x=1")));
        assert_eq!(at("/idd"), Some(href("/idd")));
        assert_eq!(at("https://elsewhere.example/idd"), None);
        assert_eq!(at("coap://host"), None);
        assert_eq!(location(&json!({"urlInfo": 7})), None);
    }

    #[test]
    fn references_that_go_in_circles_lead_nowhere() {
        let document = json!({
            "paths": {"/a": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/A"}}}}}},
            "definitions": {"A": {"$ref": "#/definitions/B"}, "B": {"$ref": "#/definitions/A"}}
        });
        assert_eq!(Introspection::read(&document), Some(Introspection::default()));
        let nested = json!({
            "paths": {"/a": {"get": {"responses": {"200": {"schema": {"$ref": "#/definitions/A"}}}}}},
            "definitions": {"A": {"allOf": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/A"}]}}
        });
        assert_eq!(Introspection::read(&nested), Some(Introspection::default()));
    }

    #[test]
    fn a_document_too_large_is_read_in_part() {
        let property = |i: usize| (format!("p{i}"), json!({"type": "integer"}));
        let many = (0..1000).map(property).collect::<Map<_, _>>();
        let path = json!({"get": {"responses": {"200": {"schema": {"properties": many}}}}});
        let paths = (0..1000).map(|i| (format!("/r{i:04}"), path.clone())).collect::<Map<_, _>>();
        let introspection = Introspection::read(&json!({"paths": paths})).unwrap();
        assert_eq!(introspection.resources.len(), MAX_RESOURCES);
        assert!(introspection.resources.values().all(|described| described.properties.len() == MAX_PROPERTIES));
    }

    fn anything() -> impl Strategy<Value = Value> {
        let names =
            ["$ref", "properties", "allOf", "enum", "items", "type", "minimum", "schema", "get", "responses", "200"];
        let leaf = prop_oneof![
            Just(json!("#/definitions/A")),
            Just(json!("#")),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(prop::sample::select(names.to_vec()), inner, 0..5)
                    .prop_map(|map| map.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_document_panics(path in anything(), definition in anything(), value in anything()) {
            let document = json!({"paths": {"/a": path}, "definitions": {"A": definition}});
            let read = Introspection::read(&document).unwrap();
            let bounded = read.resources.values().all(|described| described.properties.len() <= MAX_PROPERTIES);
            prop_assert!(bounded);
            let _ = (Introspection::read(&value), location(&value));
        }
    }
}
