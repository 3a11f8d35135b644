//! What a person can see and do with a resource, by its type.
//!
//! Scope: from a resource's types, interfaces, last value and introspection to its [`Control`]s: by one table for the
//! types that are known, by what the device tells for the rest. Ranges, units and choices come from the device before
//! they come from the table. Non-scope: the words (they are looked up by type and property in the UI's catalogue).
//!
//! A secret never becomes a control or a reading.

mod derived;
mod draw;
mod row;
pub(crate) mod secret;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod told;

use serde_json::Value;

use self::row::{Kind, Row};
pub use self::shape::{Bounds, Control, Press, Range, Shape, TimeForm};
use self::told::Told;
use crate::crudn::Href;
use crate::oic::introspection::Described;

/// The controls of one resource, in the table's order. `value` is its last representation, where there is one, and
/// `described` what its introspection document says of it: ranges, steps, units and choices come from them before they
/// come from the table.
///
/// Before the first value, what can be set and what a type always tells is there, so that the resource is read at all; a
/// type whose properties are all optional then shows its first.
pub fn controls(
    href: &Href,
    types: &[String],
    interfaces: &[String],
    value: Option<&Value>,
    described: Option<&Described>,
) -> Vec<Control> {
    let told = Told { value, described };
    let known = table::types().filter(|(name, _)| types.iter().any(|rt| rt == name)).collect::<Vec<_>>();
    if known.is_empty() {
        return derived::controls(href, types, interfaces, told);
    }
    let mut controls: Vec<Control> = Vec::new();
    for (rt, rows) in &known {
        let own = rows.iter().position(|row| row.kind.is_numeric());
        for (place, row) in rows.iter().enumerate() {
            let shown = !is_absent(row, told) && controls.iter().all(|control| control.property != row.property);
            if shown {
                controls.extend(draw(href, rt, row, own == Some(place), interfaces, told));
            }
        }
    }
    let stand_in = known.iter().find_map(|(rt, rows)| Some((rt, rows.first()?)));
    if let (true, None, Some((rt, row))) = (controls.is_empty(), value, stand_in) {
        controls.extend(draw(href, rt, row, row.kind.is_numeric(), interfaces, told));
    }
    controls
}

/// A representation without its secrets, to be kept: what may be one by its name, or by its type (`oic.r.lock.code`), is
/// empty, however deep it lies. Of a list of them the length is left.
pub fn veiled(types: &[String], mut value: Value) -> Value {
    if let Some(properties) = value.as_object_mut() {
        let known = || table::types().filter(|(name, _)| types.iter().any(|rt| rt == name)).flat_map(|(_, rows)| *rows);
        for (name, value) in properties.iter_mut() {
            if known().any(|row| row.property == name && matches!(row.kind, Kind::Hidden)) {
                strike(value);
            }
        }
    }
    veil(&mut value, MAX_DEPTH);
    value
}

/// Our choice: nobody shows what lies deeper in a representation. It is not kept, so that what is can be read back.
const MAX_DEPTH: usize = 32;

fn strike(secret: &mut Value) {
    *secret = secret.as_array().map_or(Value::Null, |items| vec![Value::Null; items.len()].into());
}

fn veil(value: &mut Value, depth: usize) {
    match value {
        Value::Object(_) | Value::Array(_) if depth == 0 => *value = Value::Null,
        Value::Object(properties) => {
            for (name, value) in properties {
                match secret::is_secret(name) {
                    true => strike(value),
                    false => veil(value, depth - 1),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| veil(item, depth - 1)),
        _ => {}
    }
}

/// Whether the table has a line for one of these types; of others, what the device tells is all that there is.
pub fn knows(types: &[String]) -> bool {
    table::types().any(|(name, _)| types.iter().any(|rt| rt == name))
}

fn draw(href: &Href, rt: &str, row: &Row, own: bool, interfaces: &[String], told: Told<'_>) -> Option<Control> {
    let (shape, writable) = draw::shape(row, own, row.writable && may_write(rt, interfaces), told)?;
    Some(Control {
        href: href.clone(),
        property: row.property.to_owned(),
        shape,
        writable,
        confirm: writable && row.confirm,
        rt: rt.to_owned(),
    })
}

/// A type's optional properties, and readings that this device does not give, have nothing to show.
fn is_absent(row: &Row, told: Told<'_>) -> bool {
    // A collection's representation is a list as often as an object.
    let reported = told.get(row.property).is_some() || matches!(row.kind, Kind::Collection);
    !reported && (row.optional || (told.value.is_some() && !row.writable))
}

/// Whether these interfaces let a client write. The baseline alone says nothing, so the type decides.
fn may_write(rt: &str, interfaces: &[String]) -> bool {
    // Its definition has a POST, and the sensor's interface alone.
    rt == "oic.r.movement.linear" || is_told_to_write(interfaces) || !has(interfaces, &["oic.if.s", "oic.if.r"])
}

/// Whether an interface for writing is named.
fn is_told_to_write(interfaces: &[String]) -> bool {
    has(interfaces, &["oic.if.a", "oic.if.rw", "oic.if.w"])
}

fn has(interfaces: &[String], names: &[&str]) -> bool {
    interfaces.iter().any(|interface| names.contains(&interface.as_str()))
}
