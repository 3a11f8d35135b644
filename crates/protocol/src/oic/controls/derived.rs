//! Controls of a resource whose type the table does not know: from its value, from the ranges and choices beside it,
//! and from its introspection document. Only what its interfaces let a client write is writable; secrets, and what every
//! resource has, are left out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draw::SHARE;
use super::is_told_to_write;
use super::row::Ends;
use super::secret::is_secret;
use super::shape::{Control, Shape, TimeForm};
use super::told::{Told, is_name, object};
use crate::crudn::Href;
use crate::oic::introspection::{Kind, Property};

/// Our choice: controls of one such resource.
const MAX_CONTROLS: usize = 32;
/// What every resource has, and what belongs to a property beside it.
const BESIDE: &[&str] = &[
    "rt",
    "if",
    "n",
    "id",
    "p",
    "eps",
    "anchor",
    "href",
    "links",
    "rts",
    "rts-m",
    "range",
    "step",
    "precision",
    "unit",
    "units",
];
/// What does harm, or cannot be taken back.
const GRAVE: &[&str] = &["reset", "reboot", "restart", "factory", "erase", "delete", "wipe", "unlock", "disarm"];

/// All of them, by name; a collection is one.
pub(super) fn controls(href: &Href, types: &[String], interfaces: &[String], told: Told<'_>) -> Vec<Control> {
    let rt = types.first().cloned().unwrap_or_default();
    let may_write = is_told_to_write(interfaces);
    let guarded = types.iter().any(|rt| is_guarded(rt));
    let control = |property: &str, (shape, writable): (Shape, bool)| Control {
        href: href.clone(),
        property: property.to_owned(),
        shape,
        writable,
        confirm: writable && (guarded || is_grave(property)),
        rt: rt.clone(),
    };
    let members = told.members();
    if !members.is_empty() {
        return vec![control("links", (Shape::Collection { members }, false))];
    }
    let names = names(told);
    let numeric = names.iter().filter(|name| told.get(name).is_some_and(Value::is_number)).count();
    let drawn = names.iter().filter_map(|name| {
        let described = told.described(name);
        let writable = may_write && described.is_none_or(|property| property.writable);
        let shape = match told.get(name) {
            Some(value) => of_value(name, value, numeric == 1, writable, told),
            None => of_description(name, described?, writable, told),
        };
        Some(control(name, shape?))
    });
    drawn.take(MAX_CONTROLS).collect()
}

/// What is worth a look: what the representation has; before there is one, what its description has.
fn names<'a>(told: Told<'a>) -> BTreeSet<&'a str> {
    let all: Vec<&'a str> = match object(told.value) {
        Some(object) => object.keys().map(String::as_str).collect(),
        None if told.value.is_some() => Vec::new(),
        None => told.described.into_iter().flat_map(|one| one.properties.keys()).map(String::as_str).collect(),
    };
    let is_list_of = |name: &str| name.strip_suffix('s').is_some_and(|one| is_plural(name, one, told));
    all.into_iter().filter(|name| is_name(name) && !is_beside(name) && !is_secret(name) && !is_list_of(name)).collect()
}

/// Whether it says something of the resource, or of another property, rather than of the thing.
fn is_beside(name: &str) -> bool {
    let ends = |end: &str| name.len() > end.len() && name.ends_with(end);
    BESIDE.contains(&name)
        || ["_range", "_step", "_precision"].into_iter().any(ends)
        || stem_of_list(name).is_some_and(|stem| !stem.is_empty())
}

/// `supportedModes` → `mode`.
fn stem_of_list(name: &str) -> Option<String> {
    let name = plain(name);
    let stem = ["supported", "available", "possible"].into_iter().find_map(|start| name.strip_prefix(start))?;
    Some(stem.trim_end_matches('s').to_owned())
}

/// `currentMode`, `modes` → `mode`.
fn stem(name: &str) -> String {
    let name = plain(name);
    let starts = ["current", "target", "desired", "selected"];
    let stem = starts.into_iter().find_map(|start| name.strip_prefix(start)).filter(|stem| !stem.is_empty());
    stem.unwrap_or(&name).trim_end_matches('s').to_owned()
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
}

fn is_grave(property: &str) -> bool {
    let name = plain(property).replace("preset", "");
    GRAVE.iter().any(|word| name.contains(word))
}

/// Locks and alarms: whatever is set there is asked about.
fn is_guarded(rt: &str) -> bool {
    let guards = |part: &str| {
        part.contains("alarm") || (part.contains("lock") && !part.contains("clock") && !part.contains("block"))
    };
    rt.to_ascii_lowercase().split('.').any(guards)
}

/// What the device offers for this property, under whatever name it lists it.
fn options(name: &str, told: Told<'_>) -> Vec<Value> {
    let stem = stem(name);
    let lists = object(told.value).into_iter().flat_map(|object| object.keys());
    let offers = |list: &&String| {
        stem_of_list(list).is_some_and(|of| of == stem || of == "option" || of == "value")
            || is_plural(list, name, told)
    };
    let found = lists.filter(offers).map(|list| told.items(list, name)).find(|items| !items.is_empty());
    found.unwrap_or_else(|| told.described(name).map(|property| property.options.clone()).unwrap_or_default())
}

/// Whether a list under this name says what the property can be: `speeds` beside `speed`, and the speed is one of them.
fn is_plural(list: &str, name: &str, told: Told<'_>) -> bool {
    list.strip_suffix('s') == Some(name) && told.get(name).is_some_and(|value| told.items(list, name).contains(value))
}

/// The shape of a property that has a value, and whether it can be set.
fn of_value(name: &str, value: &Value, own: bool, writable: bool, told: Told<'_>) -> Option<(Shape, bool)> {
    let options = if writable { options(name, told) } else { Vec::new() };
    let offered = match value {
        Value::Array(items) => items.iter().all(|item| options.contains(item)),
        Value::String(_) | Value::Number(_) => true,
        _ => false,
    };
    if !options.is_empty() && offered {
        return Some((Shape::Choice { options, as_list: value.is_array(), several: value.is_array() }, true));
    }
    match value {
        Value::Bool(_) => Some((if writable { Shape::Switch } else { Shape::State }, writable)),
        Value::Number(number) => {
            let whole = number.is_i64() || number.is_u64();
            Some((of_number(name, own, whole && described_whole(name, told), writable, told), writable))
        }
        Value::String(text) if is_time(text) => Some((Shape::Time { form: TimeForm::DateTime }, writable)),
        Value::String(_) => Some((Shape::Text, writable)),
        Value::Array(items) if !items.is_empty() && items.iter().all(|item| item.is_string() || item.is_number()) => {
            Some((Shape::List { unit: told.unit().map(str::to_owned) }, false))
        }
        // What is within objects is not looked at: there a secret would go by.
        _ => None,
    }
}

fn described_whole(name: &str, told: Told<'_>) -> bool {
    told.described(name).is_none_or(|property| property.kind != Kind::Number)
}

/// A slider where both ends are known, else a number to type; a reading where it cannot be set.
fn of_number(name: &str, own: bool, whole: bool, writable: bool, told: Told<'_>) -> Shape {
    if !writable {
        return Shape::Reading { unit: told.unit().map(str::to_owned) };
    }
    match told.ends(name, own) {
        (Some(_), Some(_)) => Shape::Level(told.range(name, own, SHARE)),
        _ => {
            let step = whole.then_some(1.0);
            Shape::Number(told.bounds(name, own, Ends { min: None, max: None, step, unit: "" }))
        }
    }
}

/// The shape of a property that is described and has no value yet.
fn of_description(name: &str, property: &Property, writable: bool, told: Told<'_>) -> Option<(Shape, bool)> {
    let options = property.options.clone();
    let is_list = property.kind == Kind::List;
    if writable && !options.is_empty() && property.kind != Kind::Object {
        return Some((Shape::Choice { options, as_list: is_list, several: is_list }, true));
    }
    let shape = match property.kind {
        Kind::Boolean if writable => Shape::Switch,
        Kind::Boolean => Shape::State,
        Kind::Integer | Kind::Number => of_number(name, false, property.kind == Kind::Integer, writable, told),
        Kind::Text if property.is_time => Shape::Time { form: TimeForm::DateTime },
        Kind::Text => Shape::Text,
        Kind::List => return Some((Shape::List { unit: None }, false)),
        Kind::Object | Kind::Unknown => return None,
    };
    Some((shape, writable))
}

/// `2026-01-09T14:30…`.
fn is_time(text: &str) -> bool {
    let form = "dddd-dd-ddTdd:dd";
    let fits = |(c, of): (char, char)| if of == 'd' { c.is_ascii_digit() } else { c == of };
    text.len() >= form.len() && text.len() <= 40 && text.chars().zip(form.chars()).all(fits)
}
