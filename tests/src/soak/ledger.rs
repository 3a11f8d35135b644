//! Every press, what the person was told of it, and what the devices' own logs say.

use std::collections::BTreeMap;
use std::time::Duration;

use homeward_core::view::Device as Shown;
use homeward_core::{Code, Error, Home};
use homeward_protocol::crudn::Href;
use homeward_simulator::{Device, LoggedRequest};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

/// Where a press goes: it takes sixteen million different values, so that each press is known again in a log.
pub(super) const COLOUR: &str = "/colour";
/// Our choice: two deadlines of a request, for itself and for the read that looks for the truth, and their queue.
const OUTCOME_WITHIN: Duration = Duration::from_secs(90);

/// What presses came to, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Said to be done, and done once.
    pub done: usize,
    /// Said to be unknown, and done once.
    pub unknown_done: usize,
    /// Said to be unknown, and not done.
    pub unknown_undone: usize,
    /// Said not to be done, and not done.
    pub undone: usize,
    /// Reads, each with an outcome.
    pub reads: usize,
}

/// A press that has no outcome yet.
struct UnderWay {
    began: Instant,
    lamp: usize,
    wanted: Value,
    told: JoinHandle<Result<(), Error>>,
}

/// A press with its outcome.
struct Press {
    lamp: usize,
    wanted: Value,
    told: Result<(), Error>,
}

/// The book of one soak.
#[derive(Default)]
pub(super) struct Ledger {
    next: u32,
    under_way: Vec<UnderWay>,
    reads_under_way: Vec<(Instant, JoinHandle<()>)>,
    presses: Vec<Press>,
    reads: usize,
    /// Each device's log, by its own numbers: it keeps the last ones only.
    logs: BTreeMap<(usize, u64), LoggedRequest>,
}

impl Ledger {
    /// Presses for a colour that nobody asked for before.
    pub(super) fn press(&mut self, home: &Home, lamp: usize, device: &Device) {
        self.next += 1;
        let [_, red, green, blue] = self.next.to_be_bytes();
        let as_text = device.value(COLOUR).is_some_and(|colour| colour["rgbValue"].is_string());
        let colour = if as_text { json!(format!("{red},{green},{blue}")) } else { json!([red, green, blue]) };
        let wanted = json!({ "rgbValue": colour });
        let (home, id, asked) = (home.clone(), device.di().to_owned(), wanted.clone());
        let told = tokio::spawn(async move { home.set(&id, path(COLOUR), asked).await });
        self.under_way.push(UnderWay { began: Instant::now(), lamp, wanted, told });
    }

    /// Reads, whatever comes of it.
    pub(super) fn read(&mut self, home: &Home, device: &Device) {
        let (home, id) = (home.clone(), device.di().to_owned());
        let request = homeward_protocol::crudn::Request::get(path(COLOUR));
        let read = tokio::spawn(async move {
            let _ = home.request(&id, request, homeward_core::view::Via::Xmpp).await;
        });
        self.reads_under_way.push((Instant::now(), read));
    }

    /// Copies the devices' logs; often enough that none has forgotten anything.
    pub(super) fn copy(&mut self, lamps: &[Device]) {
        for (lamp, device) in lamps.iter().enumerate() {
            let changes = device.requests().into_iter().filter(|one| one.method.changes_things());
            self.logs.extend(changes.map(|one| ((lamp, one.number), one)));
        }
    }

    /// Waits until each press and read has its outcome.
    ///
    /// # Panics
    /// When one has none in time.
    pub(super) async fn outcomes(&mut self) {
        for UnderWay { began, lamp, wanted, told } in std::mem::take(&mut self.under_way) {
            let told = timeout_at(began + OUTCOME_WITHIN, told).await;
            let told = told.unwrap_or_else(|_| panic!("lamp {lamp}: {wanted} has no outcome after {OUTCOME_WITHIN:?}"));
            self.presses.push(Press { lamp, wanted, told: told.expect("the home does not panic") });
        }
        for (began, read) in std::mem::take(&mut self.reads_under_way) {
            let ended = timeout_at(began + OUTCOME_WITHIN, read).await;
            ended.unwrap_or_else(|_| panic!("a read has no outcome after {OUTCOME_WITHIN:?}")).expect("no panic");
            self.reads += 1;
        }
    }

    /// Every press that has an outcome so far, against the logs.
    ///
    /// # Panics
    /// Where a press was carried out twice, or the person was lied to.
    pub(super) fn tally(&mut self, lamps: &[Device]) -> Tally {
        self.copy(lamps);
        let mut tally = Tally { reads: self.reads, ..Tally::default() };
        for Press { lamp, wanted, told } in &self.presses {
            let of_this = |((theirs, _), one): &(&(usize, u64), &LoggedRequest)| {
                theirs == lamp && one.body.as_ref() == Some(wanted)
            };
            let arrived: Vec<_> = self.logs.iter().filter(of_this).map(|(_, one)| one).collect();
            assert!(arrived.len() <= 1, "lamp {lamp}: one press arrived {} times: {arrived:#?}", arrived.len());
            let done = arrived.iter().any(|one| one.executed);
            match (told, done) {
                (Ok(()), true) => tally.done += 1,
                (Ok(()), false) => panic!("lamp {lamp}: {wanted} is said to be done: {arrived:#?}"),
                (Err(error), true) if error.code == Code::OutcomeUnknown => tally.unknown_done += 1,
                (Err(error), false) if error.code == Code::OutcomeUnknown => tally.unknown_undone += 1,
                (Err(error), true) => panic!("lamp {lamp}: {wanted} is said not to be done ({error:?}): {arrived:#?}"),
                (Err(_), false) => tally.undone += 1,
            }
        }
        tally
    }
}

/// Where a tile shows another value than the device itself holds, in words.
pub(super) fn lies(shown: &[Shown], device: &Device) -> Vec<String> {
    let Some(tile) = shown.iter().find(|shown| shown.id == device.di()) else {
        return vec![format!("{} has no tile", device.key())];
    };
    let lie = |href: &Href| {
        let truth = device.value(href.path());
        let shown = tile.values.get(href).map(|now| &now.value);
        (shown != truth.as_ref()).then(|| format!("{}{href}: shown {shown:?}, is {truth:?}", device.key()))
    };
    tile.controls.iter().filter_map(|control| lie(&control.href)).collect()
}

fn path(href: &str) -> Href {
    Href::new(href).expect("the cast's paths are paths")
}
