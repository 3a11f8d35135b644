//! Locks, doors, blinds, modes, alarms, movement and times.

use super::super::row::{
    ANY_WHOLE, Kind, PERCENT, PLAIN, Pick, Plan, TURN, Type, amount, count, either, from, may_set, may_tell, one_of,
    reading, set, tell, whole,
};
use super::super::shape::TimeForm;

const MODE: Kind = Kind::Choice(Pick { from: "supportedModes", fixed: &[], as_list: true, several: false });
const ECO: Kind =
    Kind::Choice(Pick { from: "supportedModes", fixed: &["disabled", "enabled"], as_list: true, several: false });
const DAY: Kind = Kind::Time(TimeForm::DateTime);
const COMPASS: &[&str] = &["N", "S", "E", "W", "NE", "NW", "SE", "SW"];
const SPAN: Kind = Kind::Time(TimeForm::Duration);

pub(super) const TYPES: &[Type] = &[
    ("oic.r.lock.status", &[set("lockState", Kind::Lock).asking()]),
    ("oic.r.lock.code", &[tell("lockCodeList", Kind::Hidden)]),
    ("oic.r.openlevel", &[set("openLevel", Kind::Position(PERCENT))]),
    (
        "oic.r.door",
        &[tell("openState", Kind::Text), may_tell("openDuration", SPAN), may_set("openAlarm", Kind::Switch)],
    ),
    (
        "oic.r.windowcovering",
        &[
            tell("windowcoveringtype", Kind::Text),
            may_set("liftvelocity", count("cm/s")),
            may_set("liftaccelerationtime", count("ms")),
            may_set("liftdecelerationtime", count("ms")),
            may_tell("mode", Kind::List(None)),
            may_tell("configstatus", Kind::List(None)),
        ],
    ),
    ("oic.r.mode", &[set("modes", MODE)]),
    ("oic.r.ecomode", &[set("modes", ECO), may_tell("adminforced", Kind::State)]),
    (
        "oic.r.operational.state",
        &[
            set("currentMachineState", one_of("machineStates")),
            may_set("currentJobState", one_of("jobStates")),
            may_tell("progressPercentage", reading("%")),
            may_tell("remainingTime", SPAN),
            may_tell("runningTime", SPAN),
        ],
    ),
    ("oic.r.selectablelevels", &[set("targetlevel", one_of("availablelevels"))]),
    ("oic.r.movement.linear", &[set("movement", one_of("movementSettings")), may_set("movementModifier", Kind::Text)]),
    ("oic.r.ptz", &[set("pan", Kind::Level(TURN)), set("tilt", Kind::Level(TURN)), may_set("zoomFactor", Kind::Text)]),
    ("oic.r.autofocus", &[set("autoFocus", Kind::Switch)]),
    (
        "oic.r.alarm",
        &[
            set("status", Kind::Switch).asking(),
            may_tell("alarmtype", Kind::Text),
            may_set("time", DAY),
            may_set("duration", amount("s")),
        ],
    ),
    ("oic.r.iaszone", &[tell("links", Kind::Collection)]),
    (
        "oic.r.iaszoneinfo",
        &[
            tell("zonestate", Kind::State),
            may_tell("zonetype", Kind::Text),
            may_tell("zonestatus", Kind::List(None)),
            may_set("currentzonesensitivitylevel", from(1.0)),
            may_tell("numzonesensitivitylevel", PLAIN),
            may_tell("zoneid", PLAIN),
            may_tell("iascieaddress", Kind::Text),
        ],
    ),
    ("oic.r.clock", &[set("datetime", DAY), may_set("countdown", amount("s"))]),
    (
        "oic.r.time.period",
        &[
            set(
                "startTime",
                Kind::Schedule(Plan { form: TimeForm::DateTime, stop: Some("stopTime"), minutes: Some("interval") }),
            ),
            may_set("intervalsecond", count("s")),
            // 0: without end; -1 stops it.
            may_set("repeat", whole(-1.0, 1_000_000.0, "")),
            may_set("triggertiming", either(&["startTime", "stopTime", "totalInterval"])),
            may_tell("state", Kind::Text),
        ],
    ),
    ("oic.r.time.stamp", &[tell("timestamp", DAY)]),
    (
        "oic.r.location.civic",
        &[
            may_set("name", Kind::Text),
            may_set("street-a6", Kind::Text),
            may_set("buildingnumber", count("")),
            may_set("buildingnumbersuffix", Kind::Text),
            may_set("postalcode", Kind::Text),
            may_set("city-a3", Kind::Text),
            may_set("citydivision-a4", Kind::Text),
            may_set("block-a5", Kind::Text),
            may_set("region-a2", Kind::Text),
            may_set("national-a1", Kind::Text),
            may_set("country", Kind::Text),
            may_set("flr", ANY_WHOLE),
            may_set("loc", Kind::Text),
            may_set("landmark", Kind::Text),
            may_set("prd", either(COMPASS)),
            may_set("pod", either(COMPASS)),
            may_set("sts", Kind::Text),
        ],
    ),
    (
        "oic.r.orfid.station",
        &[set("actionrequest", count("")), may_tell("process", PLAIN), may_set("event", Kind::Switch)],
    ),
    ("oic.r.orfid.tag", &[tell("tagid", PLAIN), may_tell("reading", Kind::State)]),
    ("oic.wk.col", &[tell("links", Kind::Collection)]),
    ("oic.wk.atomicmeasurement", &[tell("links", Kind::Collection)]),
];
