//! The cast: eight devices of eight kinds, and how each is furnished.
//!
//! Scope: names, makers, types and resources, the same for one seed on every run. Non-scope: how they behave.

use homeward_protocol::crudn::Href;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::{Dialect, Model, RemoteAccess, Resource, Rule};
use crate::showroom;

/// The name space of the simulated devices' ids (UUID version 5): our own, made once.
const IDS: Uuid = Uuid::from_u128(0x6f6d_6577_6172_4d00_8000_7369_6d75_6c61);

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A dimmable light with colours and scenes.
    Lamp,
    /// A switched plug that measures.
    Plug,
    /// A radiator's thermostat.
    Thermostat,
    /// A door lock.
    Lock,
    /// A blind.
    Blind,
    /// A motion sensor.
    Motion,
    /// A fan whose types are its maker's own.
    Fan,
    /// A climate sensor, without Remote Access.
    Climate,
    /// A power strip: three outlets in a collection that takes them together. Not of the cast.
    Strip,
    /// A device with one resource, of this type. Not of the cast: it is for showing what each type looks like.
    Sample(&'static str),
}

impl Kind {
    /// All, in the order of the cast.
    pub const ALL: [Kind; 8] =
        [Kind::Lamp, Kind::Blind, Kind::Thermostat, Kind::Lock, Kind::Plug, Kind::Motion, Kind::Fan, Kind::Climate];

    /// One sample of each resource type of the OCF data models.
    pub fn samples() -> impl Iterator<Item = Kind> {
        showroom::types().map(Kind::Sample)
    }

    /// The key of the first of its kind: `lamp`.
    pub fn key(self) -> &'static str {
        self.sheet().key
    }

    fn sheet(self) -> Sheet {
        let ocf = Dialect::Ocf;
        let oic = Dialect::Oic11;
        match self {
            Kind::Lamp => Sheet::new("lamp", "Reading lamp", "oic.d.light", "Lumenfold", "L2", ocf),
            Kind::Blind => Sheet::new("blind", "South blind", "oic.d.blind", "Norrvik", "Shade 3", oic),
            Kind::Thermostat => Sheet::new("thermostat", "Living room heat", "oic.d.thermostat", "Vattra", "T1", ocf),
            Kind::Lock => Sheet::new("lock", "Front door", "oic.d.smartlock", "Keystead", "Bolt", ocf),
            Kind::Plug => Sheet::new("plug", "Media shelf", "oic.d.smartplug", "Wattle", "P1", oic),
            Kind::Motion => Sheet::new("motion", "Hall motion", "oic.d.sensor", "Tern", "M", oic),
            Kind::Fan => Sheet::new("fan", "Extractor fan", "x.aurel.d.fan", "Aurel", "Luft 200", oic),
            Kind::Climate => Sheet::new("climate", "Window sill", "oic.d.sensor", "Tern", "S", ocf),
            Kind::Strip => Sheet::new("strip", "Desk outlets", "oic.d.smartplug", "Wattle", "P3", ocf),
            Kind::Sample(rt) => {
                let sample = showroom::sample(rt);
                Sheet::new(rt, &sample.name, &sample.device, "Showroom", rt, ocf)
            }
        }
    }
}

struct Sheet {
    key: &'static str,
    name: &'static str,
    device_type: &'static str,
    maker: &'static str,
    model: &'static str,
    dialect: Dialect,
}

impl Sheet {
    fn new(
        key: &'static str,
        name: &'static str,
        device_type: &'static str,
        maker: &'static str,
        model: &'static str,
        dialect: Dialect,
    ) -> Self {
        Self { key, name, device_type, maker, model, dialect }
    }
}

/// Who a device is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// What tests call it: `lamp`, `lamp-2`.
    pub(crate) key: String,
    pub(crate) kind: Kind,
    pub(crate) dialect: Dialect,
    pub(crate) di: String,
    /// The protocol-independent id of `/oic/d`.
    pub(crate) piid: String,
    /// The id of `/oic/p`.
    pub(crate) platform: String,
    pub(crate) name: String,
    pub(crate) device_type: String,
    pub(crate) maker: &'static str,
    pub(crate) model: &'static str,
}

impl Identity {
    /// The `round`th device of a kind, from 0 on. Every second round speaks the other dialect.
    pub(crate) fn new(kind: Kind, round: usize, seed: u64) -> Self {
        let sheet = kind.sheet();
        let number = round.saturating_add(1);
        let (key, name) = match round {
            0 => (sheet.key.to_owned(), sheet.name.to_owned()),
            _ => (format!("{}-{number}", sheet.key), format!("{} {number}", sheet.name)),
        };
        let dialect = match (round % 2, sheet.dialect) {
            (0, dialect) => dialect,
            (_, Dialect::Ocf) => Dialect::Oic11,
            (_, Dialect::Oic11) => Dialect::Ocf,
        };
        let id = |what: &str| Uuid::new_v5(&IDS, format!("{seed}/{key}/{what}").as_bytes()).to_string();
        Self {
            di: id("di"),
            piid: id("piid"),
            platform: id("platform"),
            key,
            kind,
            dialect,
            name,
            device_type: sheet.device_type.to_owned(),
            maker: sheet.maker,
            model: sheet.model,
        }
    }
}

/// A device as it leaves the factory. `listed` says whether `/oic/res` lists the Remote Access resources; where not, they
/// are at the well-known URIs (RA-2).
pub(crate) fn furnish(identity: Identity, listed: bool) -> Model {
    let resources = resources(identity.kind, identity.dialect);
    let remote = match identity.kind {
        Kind::Climate => None,
        _ if !listed => Some(RemoteAccess::new(at("/XMPPResURI"), at("/XMPPUserResURI"), false)),
        Kind::Fan => Some(RemoteAccess::new(at("/aurel/remote/server"), at("/aurel/remote/login"), true)),
        _ => Some(RemoteAccess::new(at("/ra/xmpp"), at("/ra/user"), true)),
    };
    Model { identity, resources, remote, endpoints: Vec::new(), secure_port: None, ownership: None, next_member: 1 }
}

fn resources(kind: Kind, dialect: Dialect) -> Vec<Resource> {
    let percent = Rule::Number { min: 0.0, max: 100.0, whole: true };
    let switch = |path: &'static str, on: bool| {
        Resource::actuator(&at(path), "oic.r.switch.binary", json!({"value": on}), &[("value", Rule::Flag)])
    };
    match kind {
        Kind::Lamp => {
            let as_text = dialect == Dialect::Oic11;
            let colour = if as_text { json!("255,214,170") } else { json!([255, 214, 170]) };
            let dimming = json!({"dimmingSetting": 60, "range": range(dialect, 0, 100), "step": 1});
            vec![
                switch("/light", false),
                Resource::actuator(&at("/dimming"), "oic.r.light.dimming", dimming, &[("dimmingSetting", percent)]),
                Resource::actuator(
                    &at("/colour"),
                    "oic.r.colour.rgb",
                    json!({"rgbValue": colour, "range": range(dialect, 0, 255)}),
                    &[("rgbValue", Rule::Colour { as_text })],
                ),
                Resource::collection(&at("/scenes"), "x.lumenfold.r.scene"),
            ]
        }
        Kind::Blind => {
            let open = json!({"openLevel": 40, "range": range(dialect, 0, 100), "step": 1});
            vec![Resource::actuator(&at("/blind"), "oic.r.openlevel", open, &[("openLevel", percent)])]
        }
        Kind::Thermostat => {
            let wished = Rule::Number { min: 5.0, max: 25.0, whole: false };
            let target = json!({"temperature": 20.0, "units": "C", "range": range(dialect, 5, 25), "step": 0.5});
            let modes = Rule::SomeOf(&["heat", "eco", "frost"]);
            let mode = json!({"modes": ["heat"], "supportedModes": ["heat", "eco", "frost"]});
            let units = Rule::OneOf(&["C"]);
            vec![
                Resource::sensor(&at("/temperature"), "oic.r.temperature", json!({"temperature": 17.4, "units": "C"})),
                Resource::actuator(
                    &at("/target"),
                    "oic.r.temperature",
                    target,
                    &[("temperature", wished), ("units", units)],
                ),
                switch("/power", true),
                Resource::actuator(&at("/mode"), "oic.r.mode", mode, &[("modes", modes)]),
            ]
        }
        Kind::Lock => {
            let states = Rule::OneOf(&["Locked", "Unlocked"]);
            let lock = json!({"lockState": "Locked"});
            vec![
                Resource::actuator(&at("/lock"), "oic.r.lock.status", lock, &[("lockState", states)]),
                Resource::sensor(&at("/battery"), "oic.r.energy.battery", json!({"charge": 82})),
            ]
        }
        Kind::Plug => vec![
            switch("/switch", false),
            Resource::sensor(&at("/energy"), "oic.r.energy.consumption", json!({"power": 0.0, "energy": 620.0})),
        ],
        Kind::Motion => vec![
            Resource::sensor(&at("/motion"), "oic.r.sensor.motion", json!({"value": false})),
            Resource::sensor(&at("/battery"), "oic.r.energy.battery", json!({"charge": 64})),
        ],
        Kind::Fan => {
            let speed = Rule::Number { min: 0.0, max: 3.0, whole: true };
            vec![
                Resource::actuator(
                    &at("/x/speed"),
                    "x.aurel.r.speed",
                    json!({"speed": 1, "speeds": [0, 1, 2, 3]}),
                    &[("speed", speed)],
                ),
                Resource::actuator(
                    &at("/x/boost"),
                    "x.aurel.r.boost",
                    json!({"boost": false, "minutes": 15}),
                    &[("boost", Rule::Flag), ("minutes", Rule::Number { min: 1.0, max: 60.0, whole: true })],
                ),
            ]
        }
        Kind::Climate => vec![
            Resource::sensor(&at("/temperature"), "oic.r.temperature", json!({"temperature": 21.4, "units": "C"})),
            Resource::sensor(&at("/humidity"), "oic.r.humidity", json!({"humidity": 46})),
        ],
        Kind::Strip => vec![
            Resource::group(&at("/outlets")),
            switch("/outlets/1", true).into_part(),
            switch("/outlets/2", false).into_part(),
            switch("/outlets/3", false).into_part(),
        ],
        Kind::Sample(rt) => showroom::resources(rt),
    }
}

/// `range` is a list of two numbers in OCF, and one text in OIC 1.1.
fn range(dialect: Dialect, min: i64, max: i64) -> Value {
    match dialect {
        Dialect::Ocf => json!([min, max]),
        Dialect::Oic11 => json!(format!("{min},{max}")),
    }
}

fn at(path: &'static str) -> Href {
    Href::new(path).expect("the cast's paths are paths")
}
