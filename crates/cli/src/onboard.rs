//! `onboard`: gives devices their account, and sees each come online.
//!
//! Scope: finding the devices meant, printing how each gets on, Ctrl-C. Non-scope: the runs (`homeward_core`).

use std::collections::BTreeMap;
use std::time::Duration;

use homeward_core::view::{Device, OnboardChoice, Run, RunState, Step};
use homeward_core::{Code, Error, Event, Home};
use tokio::time::{Instant, timeout_at};

use crate::arguments::{Common, Onboard, Which};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, word};
use crate::progress::{End, Progress, ResultLine, RunResult, StepLine, StepOutcome};
use crate::start::{Patience, Server, search, with_home};
use crate::words;

/// With `--all`: so long after the last new device, all are found. RFC 7252 §8.2: DEFAULT_LEISURE, 5 seconds, is what an
/// answer to multicast may wait; and a little for the way.
const QUIET: Duration = Duration::from_millis(5500);

/// Finds the devices, onboards them, and prints how that gets on.
pub(crate) async fn run(common: &Common, options: &Onboard, output: &Output) -> Result<Exit, Failure> {
    with_home(common, Server::Connect, async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let wanted = Wanted::of(&options.which);
        let find = async {
            search(home)?;
            home.connected(patience.left()).await?;
            find(home, &wanted, patience).await;
            Ok::<_, Error>(())
        };
        tokio::select! {
            found = find => found?,
            () = interrupt.next() => return Err(Error::new(Code::Cancelled, "stopped before any device was touched").into()),
        }
        home.stop_search();
        let (ids, missing) = wanted.among(&home.devices())?;
        let mut watch = Watch::new(home, *output);
        watch.are_missing(missing);
        let choices = watch.choose(ids, &options.which);
        if !choices.is_empty() {
            match options.own_accounts {
                true => home.onboard_with_own_accounts(choices).await?,
                false => home.onboard(choices).await?,
            };
        }
        watch.until_all_have_ended(&mut interrupt).await
    })
    .await
}

/// Which devices are meant.
pub(crate) enum Wanted {
    /// All with Remote Access.
    All,
    /// These, by id in lower case, each once.
    Named(Vec<String>),
}

impl Wanted {
    pub(crate) fn of(options: &Which) -> Self {
        if options.all {
            return Wanted::All;
        }
        let mut named: Vec<String> = Vec::new();
        for di in &options.dis {
            let id = di.to_lowercase();
            if !named.contains(&id) {
                named.push(id);
            }
        }
        Wanted::Named(named)
    }

    /// The ids to onboard, and those of which nothing is known.
    ///
    /// # Errors
    /// [`Code::NothingThere`]: all are meant, and there is none.
    pub(crate) fn among(&self, devices: &[Device]) -> Result<(Vec<String>, Vec<String>), Error> {
        match self {
            Wanted::Named(named) => {
                Ok(named.iter().cloned().partition(|id| devices.iter().any(|device| device.id == *id)))
            }
            Wanted::All => {
                let with_remote_access =
                    |device: &&Device| device.lan.as_ref().is_some_and(|lan| lan.remote_access.is_some());
                let ids: Vec<_> = devices.iter().filter(with_remote_access).map(|device| device.id.clone()).collect();
                if ids.is_empty() {
                    return Err(Error::new(
                        Code::NothingThere,
                        "no device with Remote Access answered on this network",
                    ));
                }
                Ok((ids, Vec::new()))
            }
        }
    }

    /// Whether all that is needed has been found and read; with `--all`, that is for time to tell.
    fn are_found(&self, devices: &[Device]) -> bool {
        let is_read = |device: &Device| device.lan.as_ref().is_some_and(|lan| lan.answering && lan.described);
        match self {
            Wanted::Named(named) => {
                named.iter().all(|id| devices.iter().any(|device| device.id == *id && is_read(device)))
            }
            Wanted::All => false,
        }
    }
}

/// Waits until the devices are found, or the patience ends.
pub(crate) async fn find(home: &Home, wanted: &Wanted, patience: Patience) {
    let mut subscription = home.subscribe();
    let mut known = 0;
    let mut until = patience.until();
    loop {
        let devices = home.devices();
        if wanted.are_found(&devices) {
            return;
        }
        let on_lan = devices.iter().filter(|device| device.lan.is_some()).count();
        if on_lan > known && matches!(wanted, Wanted::All) {
            known = on_lan;
            until = patience.until().min(Instant::now() + QUIET);
        }
        match timeout_at(until, subscription.next()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return,
        }
    }
}

/// The runs, as far as they have been told.
pub(crate) struct Watch<'a> {
    home: &'a Home,
    output: Output,
    devices: BTreeMap<String, Progress>,
    /// Whether anybody still takes the output. The runs go on to their end without.
    printed: Result<(), Failure>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(home: &'a Home, output: Output) -> Self {
        Self { home, output, devices: BTreeMap::new(), printed: Ok(()) }
    }

    /// These were meant, and nothing is known of them.
    pub(crate) fn are_missing(&mut self, missing: Vec<String>) {
        for id in missing {
            let error = Error::new(Code::DeviceUnknown, format!("no device {id} answered on this network in time"));
            let mut progress = Progress::new(id.clone(), id.clone());
            let line = progress.line(Step::Read, StepOutcome::Failed, Some(&error), None);
            progress.end = Some(End::without_a_run(error));
            self.step(&progress.name, &line);
            self.ended(&progress);
            self.devices.insert(id, progress);
        }
    }

    /// These are followed from now on.
    pub(crate) fn follows(&mut self, ids: &[String]) {
        for device in self.home.devices().into_iter().filter(|device| ids.contains(&device.id)) {
            self.devices.insert(device.id, Progress::new(device.di, device.name));
        }
    }

    /// The same; what to say of them to the home.
    pub(crate) fn choose(&mut self, ids: Vec<String>, options: &Which) -> Vec<OnboardChoice> {
        self.follows(&ids);
        let choice = |id| OnboardChoice { id, allow_unencrypted: options.allow_unencrypted };
        ids.into_iter().map(choice).collect()
    }

    pub(crate) async fn until_all_have_ended(mut self, interrupt: &mut Interrupt) -> Result<Exit, Failure> {
        let mut subscription = self.home.subscribe();
        let mut told = self.look();
        let mut cancelled = false;
        while self.devices.values().any(|progress| progress.end.is_none()) {
            tokio::select! {
                batch = subscription.next() => match batch {
                    Some(Ok(events)) => {
                        for event in events.into_iter().filter(|event| event.sequence > told) {
                            if let Event::RunChanged { run } = event.event {
                                self.follow(&run);
                            }
                        }
                    }
                    Some(Err(_)) => told = self.look(),
                    None => return Err(Error::new(Code::Cancelled, "the program ends").into()),
                },
                () = interrupt.next() => {
                    if cancelled {
                        self.output.note("stopped while devices were being put back: it is not known what they have now");
                        return Ok(Exit::OutcomeUnknown);
                    }
                    cancelled = true;
                    self.output.note("cancelling: what was written is being put back (Ctrl-C again: stop at once)");
                    for (id, _) in self.devices.iter().filter(|(_, progress)| progress.end.is_none()) {
                        self.home.cancel_onboarding(id);
                    }
                }
            }
        }
        self.printed?;
        Ok(self
            .devices
            .values()
            .filter_map(|progress| progress.end.as_ref())
            .map(End::exit)
            .max()
            .unwrap_or(Exit::Done))
    }

    /// Takes the runs as they are now; returns the number of the last event in them.
    fn look(&mut self) -> u64 {
        let snapshot = self.home.snapshot();
        for run in &snapshot.runs {
            self.follow(run);
        }
        snapshot.sequence
    }

    fn follow(&mut self, run: &Run) {
        let Some(mut progress) = self.devices.remove(&run.id) else { return };
        let had_ended = progress.end.is_some();
        if let RunState::MakingAccount { retry_at_ms: Some(at) } = run.state
            && progress.waits_until.replace(at) != Some(at)
        {
            self.output.note(&format!(
                "{}: the server lets no further account be made yet; it is asked again soon",
                progress.name
            ));
        }
        for line in progress.follow(run) {
            self.step(&progress.name, &line);
        }
        if !had_ended {
            self.ended(&progress);
        }
        self.devices.insert(run.id.clone(), progress);
    }

    fn step(&mut self, name: &str, line: &StepLine) {
        if self.output.is_json() {
            self.print(|output| output.json(line));
        } else if line.outcome != StepOutcome::Waiting || matches!(line.step, Step::Status | Step::Online) {
            let time = line.elapsed_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
            let text = format!("{name:24}  {:20}  {:8}  {time:>9}", words::step(line.step), word(&line.outcome));
            self.print(|output| output.line(&text));
        }
    }

    /// The last word on a device, if it has ended.
    fn ended(&mut self, progress: &Progress) {
        let Some(end) = &progress.end else { return };
        let line = ResultLine { di: progress.di.clone(), result: end.result };
        if self.output.is_json() {
            self.print(|output| output.json(&line));
        } else {
            let text = format!("{:24}  {}", progress.name, word(&end.result));
            self.print(|output| output.line(&text));
        }
        let left = end.left.map(words::left).unwrap_or_default();
        match (&end.error, end.result) {
            (Some(error), _) => {
                let sentence = words::sentence(error);
                let name =
                    if sentence.contains(&progress.name) { String::new() } else { format!("{}: ", progress.name) };
                self.output.note(format!("{name}{sentence} {left}").trim_end());
            }
            (None, RunResult::Cancelled) => self.output.note(&format!("{}: cancelled. {left}", progress.name)),
            (None, _) => {}
        }
    }

    fn print(&mut self, print: impl FnOnce(Output) -> std::io::Result<()>) {
        if self.printed.is_ok() {
            self.printed = print(self.output).map_err(Failure::from);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn options(dis: &[&str], all: bool) -> Which {
        Which { dis: dis.iter().map(|di| (*di).to_owned()).collect(), all, allow_unencrypted: false }
    }

    #[test]
    fn a_device_named_twice_in_different_case_is_meant_once() {
        let Wanted::Named(named) = Wanted::of(&options(&["AB", "cd", "ab"], false)) else {
            unreachable!("named");
        };
        assert_eq!(named, ["ab", "cd"]);
    }

    #[test]
    fn a_device_that_nobody_knows_is_told_apart_from_the_others() {
        let (known, missing) = Wanted::of(&options(&["AB"], false)).among(&[]).unwrap();
        assert_eq!((known, missing), (vec![], vec!["ab".to_owned()]));
    }

    #[test]
    fn all_of_none_is_a_failure() {
        assert_eq!(Wanted::of(&options(&[], true)).among(&[]).unwrap_err().code, Code::NothingThere);
    }
}
