//! The knobs as lines of JSON, for scripts: `{"device": "lamp", "knob": "goes-away"}`.
//!
//! Scope: what a line means, and the line that answers it. Non-scope: reading and printing them.

use std::time::Duration;

use homeward_protocol::crudn::{Href, Status};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::device::Device;
use crate::home::Home;
use crate::journal::{LoggedRequest, without_credentials};
use crate::knobs::Security;

/// What the program's help says about its standard input.
pub const HELP: &str = r#"Standard input takes one knob a line, and answers each on standard output with an event done, value-read, requests or error:
  {"device": "lamp", "knob": "goes-away"}        "device": a key (lamp, blind, thermostat, lock, plug, motion, fan, climate,
                                                 lamp-2 …), a di, a name, or "*" for all
  goes-away   comes-back   stops-answering   answers-again   recovers   behaves
  returns-wrong-identity   returns-its-identity
  refuses {href, status, words?, times?}         POST, PUT and DELETE there; status as in HTTP: 401, 403, 500
  accepts {href}           wants-interface {href, interface}
  slow {ms}                signs-in-slowly {ms}
  reports-error {reason}
  loses-next {datagrams}   loses-next-answers {datagrams}   loses {percent, seed}
  duplicates-datagrams {on}                      reorders-datagrams {on}
  swallows-next-answers {answers}
  shows-credentials {on}   answers-updates-with-value {on}   confirms-multicast {on}   forgets-blocks {on}
  ignores-observe {on}     forgets-request-ids {on}          takes-one-session {on}    takes-blocks-up-to {bytes}
  secured {security}       "none", "unowned" or "owned"; at new ports then
  set {href, value}        as a hand on the device would
  get {href}               requests                  what it holds; its request log

Events: ready {devices}; value {di, href, value, via}; pin {di, pin}, by which it can be taken over; xmpp {di, state, reason?, jid?}; lost {events}, where this reader was too slow."#;

#[derive(Debug, Deserialize)]
struct Command {
    device: String,
    #[serde(flatten)]
    knob: Knob,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "knob", rename_all = "kebab-case")]
enum Knob {
    GoesAway,
    ComesBack,
    StopsAnswering,
    AnswersAgain,
    Recovers,
    Behaves,
    ReturnsWrongIdentity,
    ReturnsItsIdentity,
    Refuses { href: String, status: u16, words: Option<String>, times: Option<u32> },
    Accepts { href: String },
    WantsInterface { href: String, interface: String },
    Slow { ms: u64 },
    SignsInSlowly { ms: u64 },
    ReportsError { reason: String },
    LosesNext { datagrams: u32 },
    LosesNextAnswers { datagrams: u32 },
    Loses { percent: u8, seed: u64 },
    DuplicatesDatagrams { on: bool },
    ReordersDatagrams { on: bool },
    SwallowsNextAnswers { answers: u32 },
    ShowsCredentials { on: bool },
    AnswersUpdatesWithValue { on: bool },
    ConfirmsMulticast { on: bool },
    ForgetsBlocks { on: bool },
    IgnoresObserve { on: bool },
    ForgetsRequestIds { on: bool },
    TakesOneSession { on: bool },
    TakesBlocksUpTo { bytes: u16 },
    Secured { security: Security },
    Set { href: String, value: Value },
    Get { href: String },
    Requests,
}

/// The answer to a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Reply {
    /// Turned.
    Done {
        /// Whose knob.
        di: String,
    },
    /// What a resource holds, without credentials.
    ValueRead {
        /// Whose.
        di: String,
        /// Which.
        href: String,
        /// All of it.
        value: Value,
    },
    /// The request log.
    Requests {
        /// Whose.
        di: String,
        /// Oldest first.
        requests: Vec<LoggedRequest>,
    },
    /// The line could not be obeyed.
    Error {
        /// Why.
        message: String,
    },
}

/// Does what a line says: one answer for each device that it names.
pub fn obey(home: &Home, line: &str) -> Vec<Reply> {
    let command: Command = match serde_json::from_str(line) {
        Ok(command) => command,
        Err(error) => return vec![Reply::Error { message: format!("not a command: {error}") }],
    };
    let devices: Vec<Device> = match command.device.as_str() {
        "*" => home.devices().collect(),
        one => home.find(one).into_iter().collect(),
    };
    if devices.is_empty() {
        return vec![Reply::Error { message: format!("no device {:?}", command.device) }];
    }
    devices
        .iter()
        .map(|device| turn(device, command.knob.clone()).unwrap_or_else(|message| Reply::Error { message }))
        .collect()
}

fn turn(device: &Device, knob: Knob) -> Result<Reply, String> {
    let known = |href: &str| {
        if device.has(href) { Ok(()) } else { Err(format!("{} has nothing at {href}", device.key())) }
    };
    let di = device.di().to_owned();
    match knob {
        Knob::GoesAway => device.goes_away(),
        Knob::ComesBack => device.comes_back().map_err(|error| error.to_string())?,
        Knob::StopsAnswering => device.stops_answering(),
        Knob::AnswersAgain => device.answers_again(),
        Knob::Recovers => device.recovers(),
        Knob::Behaves => device.behaves(),
        Knob::ReturnsWrongIdentity => device.returns_wrong_identity(),
        Knob::ReturnsItsIdentity => device.returns_its_identity(),
        Knob::Refuses { href, status, words, times } => {
            known(&href)?;
            let words = words.as_deref().unwrap_or("refused by the simulated home");
            device.object(&href, Status(status), words, times)
        }
        Knob::Accepts { href } => device.accepts(&href),
        Knob::WantsInterface { href, interface } => {
            known(&href)?;
            device.wants_interface(&href, &interface)
        }
        Knob::Slow { ms } => device.slow(Duration::from_millis(ms)),
        Knob::SignsInSlowly { ms } => device.signs_in_slowly(Duration::from_millis(ms)),
        Knob::ReportsError { reason } => device.reports_error(&reason),
        Knob::LosesNext { datagrams } => device.loses_next(datagrams),
        Knob::LosesNextAnswers { datagrams } => device.loses_next_answers(datagrams),
        Knob::Loses { percent, seed } => device.loses(percent, seed),
        Knob::DuplicatesDatagrams { on } => device.duplicates_datagrams(on),
        Knob::ReordersDatagrams { on } => device.reorders_datagrams(on),
        Knob::SwallowsNextAnswers { answers } => device.swallows_next_answers(answers),
        Knob::ShowsCredentials { on } => device.shows_credentials(on),
        Knob::AnswersUpdatesWithValue { on } => device.answers_updates_with_value(on),
        Knob::ConfirmsMulticast { on } => device.confirms_multicast(on),
        Knob::ForgetsBlocks { on } => device.forgets_blocks(on),
        Knob::IgnoresObserve { on } => device.ignores_observe(on),
        Knob::ForgetsRequestIds { on } => device.forgets_request_ids(on),
        Knob::TakesOneSession { on } => device.takes_one_session(on),
        Knob::TakesBlocksUpTo { bytes } => device.takes_blocks_up_to(bytes),
        Knob::Secured { security } => device.secured(security).map_err(|error| error.to_string())?,
        Knob::Set { href, value } => {
            known(&href)?;
            if !value.is_object() {
                return Err("a value is a map".to_owned());
            }
            device.set_value(&href, value)
        }
        Knob::Get { href } => {
            let value = device.value(&href).ok_or_else(|| format!("{} has nothing at {href}", device.key()))?;
            return Ok(Reply::ValueRead { di, href, value: without_credentials(&value) });
        }
        Knob::Requests => return Ok(Reply::Requests { di, requests: device.requests() }),
    };
    Ok(Reply::Done { di })
}

/// Who is in a home, as the program's first line says it.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename = "ready")]
pub struct Ready {
    devices: Vec<Present>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Present {
    key: String,
    di: String,
    name: String,
    device_type: String,
    dialect: crate::model::Dialect,
    endpoints: Vec<std::net::SocketAddr>,
    /// The paths of `oic.ra.xmpp` and `oic.ra.user`; none without Remote Access.
    remote_access: Option<[Href; 2]>,
}

impl Ready {
    /// All devices of a home.
    pub fn of(home: &Home) -> Self {
        let present = |device: Device| Present {
            key: device.key().to_owned(),
            di: device.di().to_owned(),
            name: device.name().to_owned(),
            device_type: device.device_type().to_owned(),
            dialect: device.dialect(),
            endpoints: device.endpoints(),
            remote_access: device.xmpp_href().zip(device.user_href()).map(|(xmpp, user)| [xmpp, user]),
        };
        Self { devices: home.devices().map(present).collect() }
    }
}
