//! Power, batteries, gas, and the plant behind them (IEC 61850).

use super::super::row::{Kind, PLAIN, Plan, Type, amount, count, may_set, may_tell, reading, set, tell, whole};
use super::super::shape::TimeForm;

const DAY: Kind = Kind::Time(TimeForm::DateTime);

pub(super) const TYPES: &[Type] = &[
    ("oic.r.energy.consumption", &[tell("power", reading("W")), tell("energy", reading("Wh"))]),
    (
        "oic.r.energy.battery",
        &[
            tell("charge", reading("%")),
            may_tell("lowbattery", Kind::State),
            may_tell("charging", Kind::State),
            may_tell("discharging", Kind::State),
            may_tell("defect", Kind::State),
            may_tell("capacity", reading("Ah")),
            may_set("batterythreshold", whole(0.0, 100.0, "%")),
            may_tell("timestamp", DAY),
        ],
    ),
    (
        "oic.r.energy.electrical",
        &[
            may_tell("voltage", reading("V")),
            may_tell("current", reading("A")),
            may_tell("frequency", reading("Hz")),
            may_set("desiredvoltage", amount("V")),
            may_set("desiredcurrent", amount("A")),
            may_set("desiredfrequency", amount("Hz")),
        ],
    ),
    ("oic.r.energy.generation", &[tell("energygenerated", reading("Wh"))]),
    ("oic.r.energy.overload", &[tell("value", Kind::State)]),
    ("oic.r.energy.usage", &[tell("links", Kind::Collection)]),
    (
        "oic.r.energy.drlc",
        &[
            // ApplianceLoadReductionType of the Zigbee Smart Energy Profile 2.0.
            set("DRType", count("")),
            set("start", Kind::Schedule(Plan { form: TimeForm::DateTime, stop: None, minutes: Some("duration") })),
            may_set("override", Kind::Switch),
            // 0, 30, 50 and 70 % less.
            may_set("drlevel", whole(0.0, 3.0, "")),
            may_set("mandate", Kind::Switch),
        ],
    ),
    (
        "oic.r.powersource",
        &[tell("active", Kind::Text), may_tell("sourcefault", Kind::State), may_tell("powersources", Kind::List(None))],
    ),
    ("oic.r.batterymaterial", &[tell("material", Kind::Text)]),
    (
        "oic.r.circuitbreaker",
        &[
            tell("status", Kind::Text),
            may_tell("ratedcurrent", reading("A")),
            may_tell("ratedbreakingcurrent", reading("A")),
            may_tell("ratedvoltage", reading("V")),
            may_tell("leakagecurrent", reading("mA")),
            may_tell("insulationresistance", reading("MΩ")),
            may_tell("timestamp", DAY),
        ],
    ),
    (
        "oic.r.inverter",
        &[
            tell("status", Kind::Text),
            may_tell("outputpower", reading("kW")),
            may_tell("inputvoltage", reading("V")),
            may_tell("inputcurrent", reading("A")),
            may_tell("ratedpower", reading("kW")),
            may_tell("minvoltmppt", reading("V")),
            may_tell("maxvoltmppt", reading("V")),
            may_tell("timestamp", DAY),
        ],
    ),
    (
        "oic.r.pvconnectionterminal",
        &[
            tell("arrayvoltage", reading("V")),
            may_tell("arraycurrent", reading("A")),
            may_tell("ratedarrayvoltage", reading("V")),
            may_tell("ratedarraycurrent", reading("A")),
            may_tell("leakagecurrent", reading("mA")),
            may_tell("insulationresistance", reading("MΩ")),
            may_tell("timestamp", DAY),
        ],
    ),
    (
        "oic.r.vehicle.connector",
        &[
            tell("connected", Kind::State),
            may_tell("ratedchargingcapacity", reading("A")),
            may_tell("rateddischargingcapacity", reading("A")),
        ],
    ),
    ("oic.r.gas.consumption", &[tell("gas", reading("kWh")), may_tell("volume", reading("m³"))]),
    ("oic.r.gas.usage", &[tell("links", Kind::Collection)]),
    ("oic.r.calorificvalue", &[tell("calorific", reading("MJ/m³"))]),
    ("oic.r.conversionfactor", &[tell("conversion", PLAIN)]),
];
