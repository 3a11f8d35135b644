//! From a line of the table and what the device tells to a shape.

use serde_json::{Value, json};

use super::row::{Kind, PERCENT, Pick, Row, Span};
use super::shape::{Press, Shape};
use super::told::Told;

/// The circle, in degrees.
const CIRCLE: Span = Span { min: 0.0, max: 360.0, step: 1.0, unit: "°" };

/// The shape of one property, and whether it can be set. `None`: there is nothing to show. `own`: the bare `range`,
/// `step` and `precision` are about this property.
pub(super) fn shape(row: &Row, own: bool, writable: bool, told: Told<'_>) -> Option<(Shape, bool)> {
    let property = row.property;
    let reported = told.get(property);
    let as_text = matches!(reported, Some(Value::String(_)));
    let shape = match row.kind {
        Kind::Switch => Shape::Switch,
        Kind::OffOnly if !writable || reported == Some(&Value::Bool(false)) => return Some((Shape::State, false)),
        Kind::OffOnly => {
            let press = Press { name: "off".to_owned(), sends: json!({ (property): false }), query: None };
            Shape::Buttons { presses: vec![press] }
        }
        Kind::State => Shape::State,
        Kind::Motion => Shape::Motion,
        Kind::Lock => Shape::Lock,
        Kind::Level(span) => Shape::Level(told.range(property, own, span)),
        Kind::Position(span) => Shape::Position(told.range(property, own, span)),
        Kind::Hue => Shape::Hue(told.range(property, own, CIRCLE)),
        Kind::Temperature => temperature(property, own, writable, told),
        Kind::Number(ends) if writable => Shape::Number(told.bounds(property, own, ends)),
        Kind::Number(ends) => reading(told, Some(ends.unit).filter(|unit| !unit.is_empty())),
        Kind::Reading(unit) => reading(told, unit),
        Kind::Contaminant => reading(told, contaminant_unit(told)),
        Kind::Colour => Shape::Colour { as_text, most: most_of_three(told, own) },
        Kind::Xy => Shape::Xy { as_text },
        Kind::Choice(pick) => return Some(choice(property, pick, writable, told)),
        Kind::Button | Kind::Keys | Kind::Dali if !writable => return None,
        Kind::Button => {
            let press = Press { name: property.to_owned(), sends: json!({ (property): true }), query: None };
            Shape::Buttons { presses: vec![press] }
        }
        Kind::Keys => Shape::Buttons { presses: keys(property, told)? },
        Kind::Dali => Shape::Buttons { presses: dali() },
        Kind::Text => Shape::Text,
        Kind::Time(form) => Shape::Time { form },
        Kind::Schedule(plan) => Shape::Schedule {
            form: plan.form,
            stop: plan.stop.map(str::to_owned),
            minutes: plan.minutes.map(str::to_owned),
        },
        Kind::List(unit) => Shape::List { unit: told.unit().or(unit).map(str::to_owned) },
        Kind::Collection => Shape::Collection { members: told.members() },
        Kind::Hidden => {
            let count = reported.map(|value| value.as_array().map_or(1, Vec::len));
            Shape::Hidden { count: count.and_then(|count| u32::try_from(count).ok()) }
        }
    };
    Some((shape, writable))
}

fn reading(told: Told<'_>, table: Option<&str>) -> Shape {
    Shape::Reading { unit: told.unit().or(table).map(str::to_owned) }
}

/// What a room can be set to, in the device's own unit (`units`: C, F or K).
fn temperature(property: &str, own: bool, writable: bool, told: Told<'_>) -> Shape {
    let span = match told.get("units").and_then(Value::as_str) {
        Some("F" | "f" | "°F") => Span { min: 41.0, max: 95.0, step: 1.0, unit: "°F" },
        Some("K" | "k") => Span { min: 278.0, max: 308.0, step: 0.5, unit: "K" },
        _ => Span { min: 5.0, max: 35.0, step: 0.5, unit: "°C" },
    };
    let unit = Some(span.unit.to_owned());
    if !writable {
        return Shape::Reading { unit };
    }
    let mut range = told.range(property, own, span);
    range.unit = unit;
    Shape::Temperature(range)
}

/// 255, or the end of a `range` that begins with 0.
fn most_of_three(told: Told<'_>, own: bool) -> u32 {
    match told.ends("rgbValue", own) {
        (Some(min), Some(max)) if min == 0.0 && (1.0..=65_535.0).contains(&max) => max as u32,
        _ => 255,
    }
}

/// ppm or µg/m³ where it is measured; a qualitative value is a place in its range.
fn contaminant_unit(told: Told<'_>) -> Option<&'static str> {
    if told.get("valuetype").and_then(Value::as_str) == Some("Qualitative") {
        return None;
    }
    match told.get("contaminanttype").and_then(Value::as_str)? {
        "CO" | "CO2" => Some("ppm"),
        "CH2O" | "PM2.5" | "PM10" | "VOC" => Some("µg/m³"),
        _ => None,
    }
}

/// What the device lists, else what its introspection document allows, else what the type allows. What offers nothing
/// is read, or, as a text, typed.
fn choice(property: &str, pick: Pick, writable: bool, told: Told<'_>) -> (Shape, bool) {
    let reported = told.get(property);
    let mut options = told.items(pick.from, property);
    if options.is_empty() {
        options = told.described(property).map(|property| property.options.clone()).unwrap_or_default();
    }
    if options.is_empty() {
        options = pick.fixed.iter().map(|option| Value::from(*option)).collect();
    }
    let as_list = reported.map_or(pick.as_list, Value::is_array);
    // Before the device has spoken, it may yet offer something.
    let offers = !options.is_empty() || reported.is_none();
    match (writable && offers, as_list) {
        (true, _) => (Shape::Choice { options, as_list, several: as_list && pick.several }, true),
        (false, true) => (Shape::List { unit: None }, false),
        (false, false) if matches!(reported, Some(Value::Number(_))) => (Shape::Reading { unit: None }, false),
        (false, false) => (Shape::Text, writable),
    }
}

/// The keys that the device lists. `None`: it has spoken, and lists none.
fn keys(property: &str, told: Told<'_>) -> Option<Vec<Press>> {
    let name = |key: Value| match key {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let press = |name: String| {
        let query = format!("action={}", encoded(&name));
        Press { name, sends: json!({}), query: Some(query) }
    };
    let presses = told.items(property, "action").into_iter().filter_map(name).map(press).collect::<Vec<_>>();
    (told.value.is_none() || !presses.is_empty()).then_some(presses)
}

/// RFC 3986 §2.1: all but the unreserved characters.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Two commands to every lamp on the bus (IEC 62386-102: broadcast is address 0xFF, OFF is 0, RECALL MAX LEVEL is 5).
fn dali() -> Vec<Press> {
    let press = |name: &str, command: u8| Press {
        name: name.to_owned(),
        sends: json!({"pld": [255, command], "pld_s": 2}),
        query: None,
    };
    vec![press("off", 0), press("full", 5)]
}

/// A share of which nothing else is known.
pub(super) const SHARE: Span = Span { unit: "", ..PERCENT };
