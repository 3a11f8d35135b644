//! The vocabulary: a control, and what it looks like and takes.

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
    /// Whether a person is asked before it is set, as what it does may do harm or cannot be taken back: unlocking,
    /// resetting, restarting. Locking needs no question. Always false where it cannot be set.
    pub confirm: bool,
    /// The resource type that it was derived from, for words and units.
    pub rt: String,
}

/// The shape of a control. What is written, and what is reported, is the property's value, unless a variant says else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case", tag = "is")]
#[ts(export)]
pub enum Shape {
    /// true or false: `oic.r.switch.binary`.
    Switch,
    /// true or false, to be read: `oic.r.sensor.smoke`. What either means is said by type and property.
    State,
    /// `Locked` or `Unlocked`: `oic.r.lock.status`.
    Lock,
    /// A share, slid: `oic.r.light.dimming`.
    Level(Range),
    /// How far open: `oic.r.openlevel`.
    Position(Range),
    /// A wished temperature, stepped: `oic.r.temperature` that can be written.
    Temperature(Range),
    /// A number that is typed or stepped: `oic.r.clock`'s `countdown`.
    Number(Bounds),
    /// Red, green, blue: `oic.r.colour.rgb`.
    Colour {
        /// Whether the device writes `"255,0,0"` (OIC 1.1) rather than `[255, 0, 0]` (OCF).
        #[serde(rename = "asText")]
        as_text: bool,
        /// Most of each of the three; the least is 0. 255 unless the device's `range` says else.
        most: u32,
    },
    /// The hue of a colour, in degrees on the circle: `oic.r.colour.hs`. Its saturation is a level of its own.
    Hue(Range),
    /// A colour's x and y in the CIE 1931 colour space, each 0 to 1: `oic.r.colour.csc`.
    Xy {
        /// Whether the device writes `"0.4,0.5"` rather than `[0.4, 0.5]`.
        #[serde(rename = "asText")]
        as_text: bool,
    },
    /// One, or several, of what the device offers: `oic.r.mode`.
    Choice {
        /// Texts or numbers, as they are written; none before the device has told them.
        options: Vec<Value>,
        /// Whether the value is a list: `["auto"]` rather than `"auto"`.
        #[serde(rename = "asList")]
        as_list: bool,
        /// Whether more than one may be chosen; only of a list.
        several: bool,
    },
    /// Things to press, which leave no value behind: the keys of `oic.r.remotecontrol`. There is no wish to come true:
    /// the answer to the request is all there is.
    Buttons {
        /// In the device's order; none before it has told them.
        presses: Vec<Press>,
    },
    /// A line of text: `oic.r.speech.tts`, `oic.r.consumable`.
    Text,
    /// A time: `oic.r.clock`, `oic.r.time.stamp`.
    Time {
        /// How it is written.
        form: TimeForm,
    },
    /// From when until when: `oic.r.time.period`. The control's property is when it starts. What is written is an object
    /// of that and of one of the two below, never both: they exclude each other.
    Schedule {
        /// How start and stop are written.
        form: TimeForm,
        /// The property that says when it stops.
        stop: Option<String>,
        /// The property that says how long it lasts instead, in whole minutes.
        minutes: Option<String>,
    },
    /// true while something moves: `oic.r.sensor.motion`.
    Motion,
    /// A number to read, with its unit: `oic.r.energy.consumption`, `oic.r.sensor`.
    Reading {
        /// `W`, `°C`.
        unit: Option<String>,
    },
    /// Several values that belong together, to be read: the items of a list (`oic.r.sensor.threeaxis`), or the named
    /// parts of an object (`oic.r.windowcovering`'s `mode`).
    List {
        /// Of each number in it.
        unit: Option<String>,
    },
    /// Other resources of this device, held together: `oic.wk.col`.
    Collection {
        /// Which they are; none before the device has told them.
        members: Vec<Href>,
    },
    /// Secrets, of which only the number may be shown: `oic.r.lock.code`.
    Hidden {
        /// How many there are; unknown before the device has told it.
        count: Option<u32>,
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

/// What is known of the numbers that a control takes; either end may be open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Bounds {
    /// Least.
    pub min: Option<f64>,
    /// Most; above `min`.
    pub max: Option<f64>,
    /// Least difference, above 0. None: any number will do.
    pub step: Option<f64>,
    /// `s`, `ml`.
    pub unit: Option<String>,
}

/// One thing to press, and what it asks of the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
pub struct Press {
    /// What it is called, by the device or the type: `arrowup`. At most 64 characters, one line.
    pub name: String,
    /// The body of the POST to the control's resource.
    pub sends: Value,
    /// The query of that POST, already encoded, where it needs one: `action=arrowup`.
    pub query: Option<String>,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum TimeForm {
    /// Day and time, RFC 3339; the seconds may be missing: `2026-01-09T14:30Z`.
    DateTime,
    /// The time of any day, ISO 8601 with its leading T: `T06:00:00Z`.
    TimeOfDay,
    /// A span of time, ISO 8601: `PT15M20S`.
    Duration,
}
