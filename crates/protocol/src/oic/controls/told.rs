//! What the device itself says of a property's numbers, unit and choices: it comes before the table.

use serde_json::{Map, Value};

use super::row::{Ends, Span};
use super::shape::{Bounds, Range};
use crate::crudn::Href;
use crate::oic::introspection::{Described, Property};

/// Our choice: what is offered to choose from, to press or to open of one resource.
const MAX_ITEMS: usize = 64;
/// Our choice: characters of one of them.
const MAX_NAME: usize = 64;
/// Beyond this a step of one is lost in the rounding of a floating-point number.
const MAX_MAGNITUDE: f64 = 1e15;
/// A range narrower than this is a mistake.
const MIN_EXTENT: f64 = 1e-6;
/// Places on a slider; more than this cannot be told apart on any screen.
const MAX_PLACES: f64 = 1e6;

/// One resource's last representation, where there is one, and what its introspection document says.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) value: Option<&'a Value>,
    pub(super) described: Option<&'a Described>,
}

impl<'a> Told<'a> {
    pub(super) fn get(&self, property: &str) -> Option<&'a Value> {
        self.value?.get(property)
    }

    pub(super) fn described(&self, property: &str) -> Option<&'a Property> {
        self.described?.properties.get(property)
    }

    /// The first of these that the representation has.
    fn first(&self, names: &[String]) -> Option<&'a Value> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Least and most, as far as they are told. `own`: this property is the one that the bare `range` is about.
    pub(super) fn ends(&self, property: &str, own: bool) -> (Option<f64>, Option<f64>) {
        let ranges = names(property, "range", own);
        if let Some((min, max)) = ranges.iter().find_map(|name| self.get(name).and_then(limits)) {
            return (Some(min), Some(max));
        }
        let described = self.described(property);
        let min = described.and_then(|property| property.min).filter(|min| min.abs() <= MAX_MAGNITUDE);
        // `maximumsaturation`, `maxheatinglevel`.
        let most = self.first(&[format!("maximum{property}"), format!("max{property}")]).and_then(number);
        let max = most.or(described.and_then(|property| property.max)).filter(|max| max.abs() <= MAX_MAGNITUDE);
        match (min, max) {
            (Some(min), Some(max)) if max - min < MIN_EXTENT => (None, None),
            ends => ends,
        }
    }

    /// The least difference: the device's step, or the table's, unless the device's precision is coarser than that.
    fn step(&self, property: &str, own: bool, table: Option<f64>, fits: impl Fn(&f64) -> bool) -> Option<f64> {
        let read = |name| self.first(&names(property, name, own)).and_then(number).filter(&fits);
        let coarser = |precision: &f64| table.is_none_or(|table| *precision > table);
        read("step").or_else(|| read("precision").filter(coarser)).or(table.filter(&fits))
    }

    /// The unit in the device's words.
    pub(super) fn unit(&self) -> Option<&'a str> {
        self.get("unit").or_else(|| self.get("units")).and_then(Value::as_str).filter(|unit| is_unit(unit))
    }

    fn unit_or(&self, table: &str) -> Option<String> {
        self.unit().or((!table.is_empty()).then_some(table)).map(str::to_owned)
    }

    /// A range with both ends, for what is slid or stepped.
    pub(super) fn range(&self, property: &str, own: bool, table: Span) -> Range {
        let (min, max) = self.ends(property, own);
        let (min, max) = (min.unwrap_or(table.min), max.unwrap_or(table.max));
        let (min, max) = if max - min >= MIN_EXTENT { (min, max) } else { (table.min, table.max) };
        let extent = max - min;
        let fits = |step: &f64| *step > 0.0 && *step <= extent && *step * MAX_PLACES >= extent;
        let step = self.step(property, own, Some(table.step), fits).unwrap_or(extent / 100.0);
        // 0 … 255 is no percentage.
        let is_share = table.unit != "%" || (min, max) == (0.0, 100.0);
        Range { min, max, step, unit: self.unit_or(if is_share { table.unit } else { "" }) }
    }

    /// What is known of a number that is typed.
    pub(super) fn bounds(&self, property: &str, own: bool, table: Ends) -> Bounds {
        let (told_min, told_max) = self.ends(property, own);
        let (min, max) = (told_min.or(table.min), told_max.or(table.max));
        let (min, max) = match (min, max) {
            (Some(low), Some(high)) if high - low < MIN_EXTENT => (table.min, table.max),
            ends => ends,
        };
        let extent = min.zip(max).map_or(MAX_MAGNITUDE, |(min, max)| max - min);
        let step = self.step(property, own, table.step, |step| *step > 0.0 && *step <= extent);
        Bounds { min, max, step, unit: self.unit_or(table.unit) }
    }

    /// What a property lists, as texts and numbers, each once; an object counts by its own property of the name
    /// `inside`. OIC 1.1 writes one text with commas.
    pub(super) fn items(&self, property: &str, inside: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut add = |item: Value| {
            if items.len() < MAX_ITEMS && !items.contains(&item) {
                items.push(item);
            }
        };
        match self.get(property) {
            Some(Value::Array(list)) => {
                let own = |item: &'a Value| if item.is_object() { item.get(inside) } else { Some(item) };
                list.iter()
                    .take(MAX_ITEMS)
                    .filter_map(own)
                    .filter(|item| is_item(item))
                    .for_each(|item| add(item.clone()));
            }
            Some(Value::String(text)) => {
                let parts = text.split(',').take(MAX_ITEMS).map(|part| Value::from(part.trim()));
                parts.filter(is_item).for_each(add);
            }
            _ => {}
        }
        items
    }

    /// The resources that a collection holds: the representation is a list of links or of their batch, or has one.
    pub(super) fn members(&self) -> Vec<Href> {
        let links = |value: &'a Value| value.get("links").or_else(|| value.get("resources")).and_then(Value::as_array);
        let list = self.value.and_then(|value| value.as_array().or_else(|| links(value)));
        let href = |link: &Value| Href::new(link.get("href")?.as_str()?).ok();
        list.into_iter().flatten().take(MAX_ITEMS).filter_map(href).collect()
    }
}

/// `pan_range`, `strengthrange`, and `range` where that is about this property.
fn names(property: &str, what: &str, own: bool) -> Vec<String> {
    let mut names = vec![format!("{property}_{what}"), format!("{property}{what}")];
    names.extend(own.then(|| what.to_owned()));
    names
}

/// A line to choose or press: texts that can be shown, and numbers.
fn is_item(item: &Value) -> bool {
    match item {
        Value::String(text) => is_name(text),
        Value::Number(number) => number.as_f64().is_some_and(f64::is_finite),
        _ => false,
    }
}

/// One line of at most [`MAX_NAME`] characters.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control)
}

/// A unit is a few characters; anything longer is not shown beside a number.
fn is_unit(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 12 && !text.chars().any(char::is_control)
}

/// `"0,100"` (OIC 1.1) or `[0, 100]` (OCF).
fn limits(range: &Value) -> Option<(f64, f64)> {
    let (min, max) = match range {
        Value::String(text) => {
            let (min, max) = text.split_once(',')?;
            (min.trim().parse().ok()?, max.trim().parse().ok()?)
        }
        Value::Array(items) => match items.as_slice() {
            [min, max] => (number(min)?, number(max)?),
            _ => return None,
        },
        _ => return None,
    };
    // Infinities and NaN parse as numbers.
    let sane = |end: f64| end.is_finite() && end.abs() <= MAX_MAGNITUDE;
    (sane(min) && sane(max) && max - min >= MIN_EXTENT).then_some((min, max))
}

pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

/// The members of a representation that is an object.
pub(super) fn object(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}
