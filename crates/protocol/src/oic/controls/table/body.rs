//! Health and sport.

use super::super::row::{Kind, PLAIN, Type, amount, may_tell, reading, set, tell};
use super::super::shape::TimeForm;

const GLUCOSE: Kind = amount("mg/dL");

pub(super) const TYPES: &[Type] = &[
    (
        "oic.r.activity",
        &[
            tell("activity", Kind::Text),
            may_tell("steps_day", PLAIN),
            may_tell("ccal_day", reading("kcal")),
            may_tell("steps_reset", PLAIN),
            may_tell("ccal_reset", reading("kcal")),
        ],
    ),
    ("oic.r.heartrate", &[tell("heartrate", reading("bpm"))]),
    ("oic.r.sensor.heart.zone", &[tell("heartRateZone", Kind::Text)]),
    ("oic.r.pulserate", &[tell("pulserate", reading("bpm"))]),
    ("oic.r.pulsatilecharacteristic", &[tell("characteristic", PLAIN)]),
    ("oic.r.pulsatileoccurrence", &[tell("occurrence", Kind::Text)]),
    ("oic.r.spo2", &[tell("spo2", reading("%")), may_tell("perfusion", reading("%"))]),
    ("oic.r.muscleoxygensaturation", &[tell("muscleoxygensaturation", reading("%"))]),
    (
        "oic.r.blood.pressure",
        &[tell("systolic", reading("mmHg")), tell("diastolic", reading("mmHg")), may_tell("map", reading("mmHg"))],
    ),
    ("oic.r.weight", &[set("weight", amount("kg"))]),
    ("oic.r.height", &[set("height", amount("m"))]),
    ("oic.r.bmi", &[tell("bmi", reading("kg/m²"))]),
    ("oic.r.body.fat", &[tell("bodyfat", reading("%"))]),
    ("oic.r.body.ffm", &[tell("ffm", reading("kg"))]),
    ("oic.r.body.slm", &[tell("slm", reading("kg"))]),
    ("oic.r.body.water", &[tell("bwater", reading("kg"))]),
    ("oic.r.body.location.temperature", &[tell("bloc", Kind::Text)]),
    (
        "oic.r.sleep",
        &[
            may_tell("sleepscore", PLAIN),
            tell("awake", reading("s")),
            may_tell("lightsleep", reading("s")),
            may_tell("deepsleep", reading("s")),
            may_tell("rem", reading("s")),
            may_tell("nrem1", reading("s")),
            may_tell("nrem2", reading("s")),
            may_tell("nrem3", reading("s")),
            may_tell("nrem4", reading("s")),
        ],
    ),
    ("oic.r.cadence", &[tell("cadence", reading("rpm"))]),
    (
        "oic.r.cyclingpower",
        &[tell("power", reading("W")), may_tell("power-left", reading("W")), may_tell("power-right", reading("W"))],
    ),
    ("oic.r.glucose", &[tell("glucose", reading("mg/dL"))]),
    ("oic.r.glucose.carb", &[tell("carb", reading("g")), may_tell("meal", Kind::Text)]),
    ("oic.r.glucose.exercise", &[tell("exercise", reading("%"))]),
    ("oic.r.glucose.hba1c", &[tell("hba1c", reading("%"))]),
    ("oic.r.glucose.health", &[tell("health", Kind::Text)]),
    ("oic.r.glucose.meal", &[tell("meal", Kind::Text)]),
    ("oic.r.glucose.medication", &[tell("medication", reading("mg")), may_tell("regimen", Kind::Text)]),
    ("oic.r.glucose.samplelocation", &[tell("samplelocation", Kind::Text)]),
    ("oic.r.glucose.tester", &[tell("tester", Kind::Text)]),
    ("oic.r.cgm.calibrate", &[set("Cvalue", GLUCOSE), may_tell("Cstatus", Kind::State)]),
    ("oic.r.cgm.samplinginterval", &[set("interval", amount("s"))]),
    ("oic.r.cgm.sensor", &[tell("starttime", Kind::Time(TimeForm::DateTime)), may_tell("runtime", reading("d"))]),
    (
        "oic.r.cgm.status",
        &[
            tell("cgmstatus", Kind::Text),
            may_tell("malfunction", Kind::State),
            may_tell("gtrend", PLAIN),
            may_tell("cgmtype", Kind::Text),
        ],
    ),
    (
        "oic.r.cgm.threshold",
        &[
            set("plow", GLUCOSE),
            set("phigh", GLUCOSE),
            set("dhypo", GLUCOSE),
            set("dhyper", GLUCOSE),
            set("gir", amount("%")),
            set("gdr", amount("%")),
        ],
    ),
    ("oic.r.activitytracker-am", &[tell("links", Kind::Collection)]),
    ("oic.r.bloodpressuremonitor-am", &[tell("links", Kind::Collection)]),
    ("oic.r.bodycompositionanalyser-am", &[tell("links", Kind::Collection)]),
    ("oic.r.bodyscale-am", &[tell("links", Kind::Collection)]),
    ("oic.r.bodythermometer-am", &[tell("links", Kind::Collection)]),
    ("oic.r.cgm-am", &[tell("links", Kind::Collection)]),
    ("oic.r.glucosemeter-am", &[tell("links", Kind::Collection)]),
    ("oic.r.heartratemonitor-am", &[tell("links", Kind::Collection)]),
    ("oic.r.pulseoximeter-am", &[tell("links", Kind::Collection)]),
    ("oic.r.sleepmonitor-am", &[tell("links", Kind::Collection)]),
];
