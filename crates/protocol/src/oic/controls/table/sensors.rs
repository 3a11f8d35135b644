//! What only tells.

use super::super::row::{Kind, PLAIN, Type, amount, count, may_set, may_tell, number, reading, set, tell};

pub(super) const TYPES: &[Type] = &[
    ("oic.r.sensor.motion", &[tell("value", Kind::Motion)]),
    ("oic.r.sensor.presence", &[tell("value", Kind::State)]),
    ("oic.r.sensor.contact", &[tell("value", Kind::State)]),
    ("oic.r.sensor.glassbreak", &[tell("value", Kind::State)]),
    ("oic.r.sensor.touch", &[tell("value", Kind::State)]),
    ("oic.r.sensor.sleep", &[tell("value", Kind::State)]),
    ("oic.r.sensor.smoke", &[tell("value", Kind::State), may_tell("measurement", reading("%"))]),
    ("oic.r.sensor.water", &[tell("value", Kind::State), may_tell("measurement", reading("l/h"))]),
    ("oic.r.sensor.carbonmonoxide", &[may_tell("measurement", reading("ppm")), tell("value", Kind::State)]),
    ("oic.r.sensor.carbondioxide", &[may_tell("measurement", reading("ppm")), tell("value", Kind::State)]),
    ("oic.r.sensor.illuminance", &[tell("illuminance", reading("lx"))]),
    ("oic.r.sensor.atmosphericpressure", &[tell("atmosphericPressure", reading("hPa"))]),
    ("oic.r.sound.pressurelevel", &[tell("sounddB", reading("dB"))]),
    ("oic.r.sound.pressure", &[tell("soundpa", reading("Pa"))]),
    ("oic.r.sensor.measurement", &[tell("measurement", PLAIN)]),
    ("oic.r.sensor", &[may_tell("measurement", PLAIN), tell("value", Kind::State)]),
    ("oic.r.sensor.acceleration", &[tell("acceleration", reading("g"))]),
    ("oic.r.sensor.activity.count", &[set("count", count(""))]),
    (
        "oic.r.sensor.geolocation",
        &[
            tell("latitude", reading("°")),
            tell("longitude", reading("°")),
            may_tell("alt", reading("m")),
            may_tell("accuracy", reading("m")),
            may_tell("altitudeAccuracy", reading("m")),
            may_tell("heading", reading("°")),
            may_tell("speed", reading("m/s")),
        ],
    ),
    ("oic.r.altimeter", &[tell("alt", reading("m"))]),
    ("oic.r.speed", &[tell("speed", reading("m/s"))]),
    ("oic.r.torque", &[tell("torque", reading("N·m"))]),
    ("oic.r.sensor.magneticfielddirection", &[tell("value", Kind::List(Some("A/m")))]),
    ("oic.r.sensor.threeaxis", &[tell("orientation", Kind::List(Some("g")))]),
    ("oic.r.sensor.radiation.uv", &[tell("measurement", PLAIN)]),
    ("oic.r.sensor.radiation.uva", &[tell("measurement", reading("mW/cm²"))]),
    ("oic.r.sensor.radiation.uvb", &[tell("measurement", reading("mW/cm²"))]),
    (
        "oic.r.impactsensor",
        &[
            tell("impactstatus", Kind::State),
            may_tell("impactlevel", reading("g")),
            may_tell("impactdirectionhorizontal", reading("°")),
            may_tell("impactdirectionvertical", reading("°")),
        ],
    ),
    ("oic.r.sensor.props", &[may_set("sensitivity", number("")), may_set("silenttime", count("s"))]),
    (
        "oic.r.value.conditional",
        &[
            may_set("threshold", amount("")),
            may_set("minnotifyperiod", count("ms")),
            may_set("maxnotifyperiod", count("ms")),
        ],
    ),
    ("oic.r.signalstrength", &[tell("rssi", PLAIN), may_tell("lqi", PLAIN)]),
];
