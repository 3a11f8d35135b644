//! What a person can see and do with a resource, by its type.
//!
//! Scope: from a resource's types, interfaces and last value to its [`Control`]s, by one table. Non-scope: the words
//! (they are looked up by type in the UI's catalogue); resources of a type that is not in the table get no control,
//! and are shown as a table of their properties.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ts_rs::TS;

use crate::crudn::Href;

/// One control: one property of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Control {
    /// Which resource.
    pub href: Href,
    /// Which of its properties: `value`, `dimmingSetting`.
    pub property: String,
    /// What it looks like and takes.
    pub shape: Shape,
    /// Whether it can be set. A sensor's cannot.
    pub writable: bool,
    /// The resource type that it was derived from, for words and units.
    pub rt: String,
}

/// The shape of a control.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum Shape {
    /// true or false: `oic.r.switch.binary`.
    Switch,
    /// `Locked` or `Unlocked`: `oic.r.lock.status`.
    Lock,
    /// A share, slid: `oic.r.light.dimming`.
    Level(Range),
    /// How far open: `oic.r.openlevel`.
    Position(Range),
    /// A wished temperature, stepped: `oic.r.temperature` that can be written.
    Temperature(Range),
    /// Red, green, blue: `oic.r.colour.rgb`.
    Colour {
        /// Whether the device writes `"255,0,0"` (OIC 1.1) rather than `[255, 0, 0]` (OCF).
        #[serde(rename = "asText")]
        as_text: bool,
    },
    /// true while something moves: `oic.r.sensor.motion`.
    Motion,
    /// A number to read, with its unit: `oic.r.energy.consumption`, `oic.r.sensor`.
    Reading {
        /// `W`, `°C`.
        unit: Option<String>,
    },
}

/// The numbers that a control takes; from the device where it tells them, else from the type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Range {
    /// Least.
    pub min: f64,
    /// Most.
    pub max: f64,
    /// Least difference.
    pub step: f64,
    /// `%`, `°C`.
    pub unit: Option<String>,
}

/// The controls of one resource, in the table's order. `value` is its last representation, where there is one: ranges,
/// steps and units come from it before they come from the table.
pub fn controls(href: &Href, types: &[String], interfaces: &[String], value: Option<&Value>) -> Vec<Control> {
    let mut controls = Vec::new();
    for row in TABLE.iter().filter(|row| types.iter().any(|rt| rt == row.rt)) {
        let reported = value.and_then(|value| value.get(row.property));
        // A type's optional properties, and readings that this device does not give, have nothing to show.
        let absent = reported.is_none() && (row.optional || (value.is_some() && !row.writable));
        if absent || controls.iter().any(|control: &Control| control.property == row.property) {
            continue;
        }
        let writable = row.writable && may_write(interfaces);
        controls.push(Control {
            href: href.clone(),
            property: row.property.to_owned(),
            shape: shape(row, writable, value, reported),
            writable,
            rt: row.rt.to_owned(),
        });
    }
    controls
}

/// Whether these interfaces let a client write. The baseline alone says nothing, so the type decides.
fn may_write(interfaces: &[String]) -> bool {
    let any = |names: &[&str]| interfaces.iter().any(|interface| names.contains(&interface.as_str()));
    any(&["oic.if.a", "oic.if.rw", "oic.if.w"]) || !any(&["oic.if.s", "oic.if.r"])
}

/// One property of one type.
struct Row {
    rt: &'static str,
    property: &'static str,
    kind: Kind,
    /// Whether the type has a POST, and the property is not read-only.
    writable: bool,
    /// Shown only where the value has it.
    optional: bool,
}

#[derive(Clone, Copy)]
enum Kind {
    Switch,
    Lock,
    Level(Defaults),
    Position(Defaults),
    Temperature,
    Colour,
    Motion,
    Reading(Option<&'static str>),
}

/// A range where the device tells none.
#[derive(Clone, Copy)]
struct Defaults {
    min: f64,
    max: f64,
    step: f64,
    unit: &'static str,
}

const PERCENT: Defaults = Defaults { min: 0.0, max: 100.0, step: 1.0, unit: "%" };
/// 2,000 to 6,500 K: what white lamps span. `ct` counts in mired.
const MIRED: Defaults = Defaults { min: 153.0, max: 500.0, step: 1.0, unit: "mired" };

const fn acts(rt: &'static str, property: &'static str, kind: Kind) -> Row {
    Row { rt, property, kind, writable: true, optional: false }
}

const fn tells(rt: &'static str, property: &'static str, kind: Kind) -> Row {
    Row { rt, property, kind, writable: false, optional: false }
}

const fn may_tell(rt: &'static str, property: &'static str, unit: Option<&'static str>) -> Row {
    Row { rt, property, kind: Kind::Reading(unit), writable: false, optional: true }
}

/// Types, properties and access modes as in the OCF resource type definitions; units as their descriptions have them.
const TABLE: &[Row] = &[
    acts("oic.r.switch.binary", "value", Kind::Switch),
    acts("oic.r.light.dimming", "dimmingSetting", Kind::Level(PERCENT)),
    acts("oic.r.light.brightness", "brightness", Kind::Level(PERCENT)),
    acts("oic.r.colour.rgb", "rgbValue", Kind::Colour),
    acts("oic.r.colour.colourtemperature", "ct", Kind::Level(MIRED)),
    acts("oic.r.temperature", "temperature", Kind::Temperature),
    acts("oic.r.lock.status", "lockState", Kind::Lock),
    acts("oic.r.openlevel", "openLevel", Kind::Position(PERCENT)),
    tells("oic.r.sensor.motion", "value", Kind::Motion),
    tells("oic.r.energy.consumption", "power", Kind::Reading(Some("W"))),
    tells("oic.r.energy.consumption", "energy", Kind::Reading(Some("Wh"))),
    tells("oic.r.humidity", "humidity", Kind::Reading(Some("%"))),
    Row {
        rt: "oic.r.humidity",
        property: "desiredHumidity",
        kind: Kind::Level(PERCENT),
        writable: true,
        optional: true,
    },
    tells("oic.r.energy.battery", "charge", Kind::Reading(Some("%"))),
    tells("oic.r.sensor.illuminance", "illuminance", Kind::Reading(Some("lx"))),
    tells("oic.r.sensor.atmosphericpressure", "atmosphericPressure", Kind::Reading(Some("hPa"))),
    tells("oic.r.sound.pressurelevel", "sounddB", Kind::Reading(Some("dB"))),
    may_tell("oic.r.sensor.carbondioxide", "measurement", Some("ppm")),
    may_tell("oic.r.sensor.carbonmonoxide", "measurement", Some("ppm")),
    may_tell("oic.r.energy.electrical", "voltage", Some("V")),
    may_tell("oic.r.energy.electrical", "current", Some("A")),
    may_tell("oic.r.energy.electrical", "frequency", Some("Hz")),
    may_tell("oic.r.sensor.measurement", "measurement", None),
    may_tell("oic.r.sensor", "measurement", None),
];

fn shape(row: &Row, writable: bool, value: Option<&Value>, reported: Option<&Value>) -> Shape {
    match row.kind {
        Kind::Switch => Shape::Switch,
        Kind::Lock => Shape::Lock,
        Kind::Motion => Shape::Motion,
        Kind::Level(defaults) => Shape::Level(range(defaults, value)),
        Kind::Position(defaults) => Shape::Position(range(defaults, value)),
        Kind::Colour => Shape::Colour { as_text: matches!(reported, Some(Value::String(_))) },
        Kind::Temperature => {
            let defaults = temperatures(value);
            if writable {
                Shape::Temperature(range(defaults, value))
            } else {
                Shape::Reading { unit: Some(defaults.unit.to_owned()) }
            }
        }
        Kind::Reading(unit) => {
            let own = value.and_then(|value| value.get("unit").or_else(|| value.get("units"))).and_then(Value::as_str);
            Shape::Reading { unit: own.filter(|own| is_unit(own)).or(unit).map(str::to_owned) }
        }
    }
}

/// A unit is a few characters; anything longer is not shown beside a number.
fn is_unit(text: &str) -> bool {
    !text.is_empty() && text.chars().count() <= 12 && !text.chars().any(char::is_control)
}

/// What a room can be set to, in the device's own unit (`units`: C, F or K).
fn temperatures(value: Option<&Value>) -> Defaults {
    match value.and_then(|value| value.get("units")).and_then(Value::as_str) {
        Some("F" | "f" | "°F") => Defaults { min: 41.0, max: 95.0, step: 1.0, unit: "°F" },
        Some("K" | "k") => Defaults { min: 278.0, max: 308.0, step: 0.5, unit: "K" },
        _ => Defaults { min: 5.0, max: 35.0, step: 0.5, unit: "°C" },
    }
}

fn range(defaults: Defaults, value: Option<&Value>) -> Range {
    let told = value.and_then(|value| value.get("range")).and_then(limits);
    let (min, max) = told.unwrap_or((defaults.min, defaults.max));
    let span = max - min;
    let fits = |step: &f64| *step > 0.0 && *step <= span;
    let step = value
        .and_then(|value| value.get("step"))
        .and_then(number)
        .filter(fits)
        .or(Some(defaults.step).filter(fits))
        .unwrap_or(span / 100.0);
    // 0 … 255 is no percentage.
    let is_share = defaults.unit != "%" || (min, max) == (0.0, 100.0);
    Range { min, max, step, unit: is_share.then(|| defaults.unit.to_owned()) }
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
    // Infinities and NaN parse as numbers, and a span that overflows is none.
    let in_order: bool = f64::is_finite(min) && f64::is_finite(max) && min < max && f64::is_finite(max - min);
    in_order.then_some((min, max))
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
    .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(rt: &str, interface: &str, value: Option<Value>) -> Vec<Control> {
        controls(
            &Href::new("/a").unwrap(),
            &[rt.to_owned()],
            &["oic.if.baseline".to_owned(), interface.to_owned()],
            value.as_ref(),
        )
    }

    fn one(rt: &str, interface: &str, value: Option<Value>) -> Control {
        let mut controls = of(rt, interface, value);
        assert_eq!(controls.len(), 1, "{controls:?}");
        controls.remove(0)
    }

    #[test]
    fn a_binary_switch_is_a_switch_before_its_value_is_known() {
        let control = one("oic.r.switch.binary", "oic.if.a", None);
        assert_eq!((control.property.as_str(), control.shape, control.writable), ("value", Shape::Switch, true));
    }

    #[test]
    fn dimming_goes_from_0_to_100_percent_unless_the_device_says_else() {
        let shape = |value| one("oic.r.light.dimming", "oic.if.a", value).shape;
        let percent = Range { min: 0.0, max: 100.0, step: 1.0, unit: Some("%".to_owned()) };
        assert_eq!(shape(None), Shape::Level(percent.clone()));
        assert_eq!(shape(Some(json!({"dimmingSetting": 30}))), Shape::Level(percent));
        let told = Range { min: 0.0, max: 255.0, step: 5.0, unit: None };
        assert_eq!(
            shape(Some(json!({"dimmingSetting": 30, "range": [0, 255], "step": 5}))),
            Shape::Level(told.clone())
        );
        assert_eq!(shape(Some(json!({"dimmingSetting": 30, "range": "0, 255", "step": "5"}))), Shape::Level(told));
    }

    #[test]
    fn a_range_that_makes_no_sense_is_not_believed() {
        let percent = Range { min: 0.0, max: 100.0, step: 1.0, unit: Some("%".to_owned()) };
        for range in [json!("100,0"), json!([0]), json!("inf,nan"), json!([5, 5]), json!({"min": 0}), json!("0-100")] {
            let value = json!({"dimmingSetting": 1, "range": range, "step": -3});
            assert_eq!(one("oic.r.light.dimming", "oic.if.a", Some(value)).shape, Shape::Level(percent.clone()));
        }
    }

    #[test]
    fn a_temperature_that_can_be_set_is_stepped_and_one_that_cannot_is_read() {
        let set = one("oic.r.temperature", "oic.if.a", Some(json!({"temperature": 21.5, "units": "C"})));
        let room = Range { min: 5.0, max: 35.0, step: 0.5, unit: Some("°C".to_owned()) };
        assert_eq!((set.shape, set.writable), (Shape::Temperature(room), true));
        let read = one("oic.r.temperature", "oic.if.s", Some(json!({"temperature": 70, "units": "F"})));
        assert_eq!((read.shape, read.writable), (Shape::Reading { unit: Some("°F".to_owned()) }, false));
    }

    #[test]
    fn a_colour_is_written_as_the_device_writes_it() {
        let as_text = |value| match one("oic.r.colour.rgb", "oic.if.a", value).shape {
            Shape::Colour { as_text } => as_text,
            other => panic!("{other:?}"),
        };
        assert!(as_text(Some(json!({"rgbValue": "255,0,0"}))));
        assert!(!as_text(Some(json!({"rgbValue": [255, 0, 0]}))));
        assert!(!as_text(None));
    }

    #[test]
    fn energy_has_two_readings_and_shows_only_those_it_gives() {
        let properties = |value| {
            let controls = of("oic.r.energy.consumption", "oic.if.s", value);
            controls.into_iter().map(|control| (control.property, control.shape)).collect::<Vec<_>>()
        };
        let power = ("power".to_owned(), Shape::Reading { unit: Some("W".to_owned()) });
        let energy = ("energy".to_owned(), Shape::Reading { unit: Some("Wh".to_owned()) });
        assert_eq!(properties(None), [power.clone(), energy]);
        assert_eq!(properties(Some(json!({"power": 12.5}))), [power]);
    }

    #[test]
    fn lock_blind_and_motion_have_their_shapes() {
        assert_eq!(one("oic.r.lock.status", "oic.if.a", None).shape, Shape::Lock);
        assert!(matches!(one("oic.r.openlevel", "oic.if.a", None).shape, Shape::Position(_)));
        let motion = one("oic.r.sensor.motion", "oic.if.s", Some(json!({"value": true})));
        assert_eq!((motion.shape, motion.writable), (Shape::Motion, false));
    }

    #[test]
    fn a_sensor_names_its_own_unit() {
        let value = json!({"measurement": 3, "unit": "m/s"});
        let control = one("oic.r.sensor.measurement", "oic.if.s", Some(value));
        assert_eq!(control.shape, Shape::Reading { unit: Some("m/s".to_owned()) });
        assert_eq!(of("oic.r.sensor", "oic.if.s", Some(json!({"value": true}))), []);
    }

    #[test]
    fn a_wish_for_humidity_shows_where_the_device_takes_one() {
        let controls = of("oic.r.humidity", "oic.if.a", Some(json!({"humidity": 40, "desiredHumidity": 45})));
        let facts = controls.iter().map(|control| (control.property.as_str(), control.writable)).collect::<Vec<_>>();
        assert_eq!(facts, [("humidity", false), ("desiredHumidity", true)]);
    }

    #[test]
    fn an_unknown_type_has_no_control() {
        assert_eq!(of("x.com.vendor.fan", "oic.if.a", Some(json!({"speed": 3}))), []);
    }

    #[test]
    fn a_resource_of_two_types_has_the_controls_of_both_and_no_property_twice() {
        let types =
            ["oic.r.switch.binary".to_owned(), "oic.r.light.dimming".to_owned(), "oic.r.switch.binary".to_owned()];
        let found = controls(&Href::new("/light").unwrap(), &types, &[], None);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|control| control.writable));
    }

    proptest! {
        #[test]
        fn no_value_makes_a_range_without_extent(range in "\\PC{0,12}", step in any::<f64>(), min in any::<f64>(), max in any::<f64>()) {
            for told in [json!(range), json!([min, max]), json!(format!("{min},{max}"))] {
                let value = json!({"dimmingSetting": 1, "range": told, "step": step});
                if let Shape::Level(range) = one("oic.r.light.dimming", "oic.if.a", Some(value)).shape {
                    prop_assert!(range.min < range.max && range.step > 0.0 && range.step <= range.max - range.min);
                }
            }
        }
    }
}
