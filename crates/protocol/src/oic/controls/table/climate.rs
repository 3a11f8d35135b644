//! Warmth, air and water about the house.

use super::super::row::{
    Kind, PERCENT, PLAIN, Plan, Type, either, level, may_set, may_tell, one_of, reading, set, tell,
};
use super::super::shape::TimeForm;

pub(super) const TYPES: &[Type] = &[
    ("oic.r.temperature", &[set("temperature", Kind::Temperature)]),
    ("oic.r.humidity", &[tell("humidity", reading("%")), may_set("desiredHumidity", Kind::Level(PERCENT))]),
    (
        "oic.r.airflow",
        &[
            // Speeds of the device's own, 0 to 100 where it names no range.
            set("speed", level(0.0, 100.0, "")),
            may_set("direction", one_of("supporteddirections")),
            // On or off; only direction and speed may be set.
            may_tell("automode", Kind::Text),
        ],
    ),
    ("oic.r.airflowcontrol", &[tell("links", Kind::Collection)]),
    (
        "oic.r.airquality",
        &[
            tell("contaminantvalue", Kind::Contaminant),
            tell("contaminanttype", Kind::Text),
            may_tell("valuetype", Kind::Text),
        ],
    ),
    ("oic.r.airqualitycollection", &[tell("links", Kind::Collection)]),
    ("oic.r.deodorization", &[set("mode", either(&["off", "on", "auto"])), may_tell("currentstate", Kind::Text)]),
    ("oic.r.hvac.capacity", &[tell("capacity", reading("kW"))]),
    ("oic.r.heatingzone", &[tell("heatinglevel", PLAIN), may_tell("maxheatinglevel", PLAIN)]),
    ("oic.r.heatingzonecollection", &[tell("links", Kind::Collection)]),
    ("oic.r.liquid.level", &[tell("currentlevel", reading("%")), may_set("desiredlevel", Kind::Level(PERCENT))]),
    (
        "oic.r.delaydefrost",
        &[
            may_set("status", Kind::Switch),
            may_set(
                "startTime",
                Kind::Schedule(Plan { form: TimeForm::TimeOfDay, stop: Some("stopTime"), minutes: Some("interval") }),
            ),
        ],
    ),
    (
        "oic.r.refrigeration",
        &[
            may_set("rapidFreeze", Kind::Switch),
            may_set("rapidCool", Kind::Switch),
            may_set("defrost", Kind::Switch),
            may_tell("filter", reading("%")),
        ],
    ),
    (
        "oic.r.vendorlist",
        &[set("currentVendor", one_of("supportedVendors")), set("status", either(&["matching", "stopped"]))],
    ),
];
