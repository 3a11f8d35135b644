//! Switches, lamps and colours.

use super::super::row::{
    Kind, MIRED, PERCENT, PLAIN, Type, count, either, from, level, may_set, may_tell, set, tell, whole,
};

/// The most that the CIECAM02 saturation counts to, where a device names no `maximumsaturation`.
const SATURATION: Kind = level(0.0, 32_767.0, "");

pub(super) const TYPES: &[Type] = &[
    ("oic.r.switch.binary", &[set("value", Kind::Switch)]),
    // It can be switched off from afar, and on by hand only.
    ("oic.r.switch.restricted", &[set("state", Kind::OffOnly)]),
    // `faulted` is read, and never asked for.
    ("oic.r.switch.fault", &[set("state", either(&["on", "off"]))]),
    ("oic.r.light.dimming", &[set("dimmingSetting", Kind::Level(PERCENT))]),
    ("oic.r.light.brightness", &[set("brightness", Kind::Level(PERCENT))]),
    ("oic.r.colour.rgb", &[set("rgbValue", Kind::Colour)]),
    ("oic.r.colour.colourtemperature", &[set("ct", Kind::Level(MIRED))]),
    ("oic.r.colour.hs", &[set("hue", Kind::Hue), set("saturation", SATURATION)]),
    ("oic.r.colour.csc", &[set("csc", Kind::Xy)]),
    (
        "oic.r.colour.chroma",
        &[
            set("hue", Kind::Hue),
            set("saturation", SATURATION),
            set("csc", Kind::Xy),
            may_set("ct", Kind::Level(MIRED)),
        ],
    ),
    ("oic.r.colour.saturation", &[set("colourSaturation", Kind::Level(PERCENT))]),
    ("oic.r.colour.renderingindex", &[tell("cri", PLAIN)]),
    ("oic.r.colour.autowhitebalance", &[set("autoWhiteBalance", Kind::Switch)]),
    ("oic.r.light.ramptime", &[set("rampTime", whole(0.0, 100.0, "ms"))]),
    ("oic.r.nightmode", &[set("nightMode", Kind::Switch)]),
    ("oic.r.dali", &[set("pld", Kind::Dali)]),
    ("oic.r.dali.conf", &[may_set("bus", count("")), may_set("src", from(-1.0)), may_tell("ver", PLAIN)]),
    ("oic.r.button", &[tell("value", Kind::State)]),
    ("oic.r.keycardswitch", &[tell("stateofcard", Kind::Text)]),
    ("oic.r.keypadchar", &[set("keyvalue", either(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]))]),
];
