//! Onboarding runs: one `protocol::onboarding` machine per device, sixteen at once, each step journalled and told.
//!
//! Scope: sending what a machine asks, feeding it what happens, showing where it stands. Non-scope: the order of the
//! steps and what counts as proof, which the machine knows; how the device is reached (`ways`); what is put back, and when
//! (`way_back`).

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use homeward_protocol::onboarding::{
    Action, Changed, Channel, Failure, Former, Input, LeftOnDevice, Lost, Onboarding, Outcome, OwnAccount, Password,
    Plan, Step, Target, Via,
};
use homeward_protocol::secret::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::time::{Instant, sleep_until};
use xmpp_parsers::jid::BareJid;

use super::Inner;
use super::control::millis;
use super::paths::Route;
use super::recalled;
use super::renewal::Renewal;
use super::state::now_ms;
use super::ways::Way;
use crate::error::{Code, Error};
use crate::lan::Place;
use crate::store::JournalEntry;
use crate::view::{Account, OnboardChoice, Run, RunState, RunStep, StepState, UndoReach, Whose};

/// Runs side by side.
const AT_ONCE: usize = 16;
/// Our choice: requests of one run under way at once; the machine has one per path.
const ANSWERS: usize = 8;
/// Our choice: presences that a run may be behind.
const PRESENCES: usize = 1024;

/// MAX_TRANSMIT_SPAN (RFC 7252 §4.8.2): on a bad network a run is patient, for all five transmissions of a request.
const LAN_EXCHANGE: Duration = Duration::from_secs(45);
/// Our choice: earlier accounts whose passwords are looked for in the keyring.
const MAX_EARLIER_ACCOUNTS: usize = 16;

pub(super) const STEPS: [Step; 6] =
    [Step::Read, Step::Server, Step::Account, Step::Status, Step::Online, Step::Identity];

/// The runs of this program's life.
pub(super) struct Runs {
    places: Arc<Semaphore>,
    stops: Mutex<HashMap<String, mpsc::Sender<()>>>,
    /// Which device, with which account.
    pub(super) seen: broadcast::Sender<(String, BareJid)>,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            stops: Mutex::default(),
            seen: broadcast::channel(PRESENCES).0,
        }
    }
}

impl Runs {
    /// A device has become available with this account of ours.
    pub(super) fn seen_online(&self, id: &str, account: BareJid) {
        let _ = self.seen.send((id.to_owned(), account));
    }

    /// By which a run is told to stop.
    pub(super) fn stops(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<()>>> {
        self.stops.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A run as readers see it, with the clock of the step under way.
pub(super) struct Shown {
    pub(super) run: Run,
    pub(super) step_began: Instant,
    pub(super) consent: bool,
    /// Where the device answered when it was read, and how: a credential goes there and nowhere else.
    pub(super) way: Option<Route>,
    /// Whether this run, or the undo of one, has its entry in the journal.
    pub(super) journalled: bool,
    /// Whether the account's password is another than the device had.
    pub(super) new_password: bool,
    /// The account gets another one by this run.
    pub(super) renewal: Option<Renewal>,
}

/// What devices are given.
#[derive(Clone)]
pub(super) struct Gift {
    pub(super) account: Account,
    pub(super) password: Secret,
    /// The account's password is another than the devices had.
    pub(super) new_password: bool,
}

impl Inner {
    /// Begins a run for each choice; those that cannot begin fail at once, as runs.
    pub(super) async fn onboard(self: &Arc<Self>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        let gift = self.house_account().await?;
        self.give(choices, &gift)
    }

    /// The same, each with an account of its own.
    pub(super) async fn onboard_with_own_accounts(
        self: &Arc<Self>,
        choices: Vec<OnboardChoice>,
    ) -> Result<Vec<Run>, Error> {
        let gift = self.house_account().await?;
        self.begin_all(choices.into_iter().map(|choice| (choice, gift.clone())).collect(), Whose::Own)
    }

    /// The same, with any account of ours.
    pub(super) fn give(self: &Arc<Self>, choices: Vec<OnboardChoice>, gift: &Gift) -> Result<Vec<Run>, Error> {
        self.begin_all(choices.into_iter().map(|choice| (choice, gift.clone())).collect(), Whose::House)
    }

    /// Each device with what it is given, or beside which it gets its own.
    pub(super) fn begin_all(
        self: &Arc<Self>,
        gifts: Vec<(OnboardChoice, Gift)>,
        whose: Whose,
    ) -> Result<Vec<Run>, Error> {
        // All are known, or none begins.
        let devices: Vec<_> = gifts.iter().map(|(choice, _)| self.device_now(&choice.id)).collect::<Result<_, _>>()?;
        let mut runs = Vec::new();
        for ((choice, gift), device) in gifts.into_iter().zip(devices) {
            let run = fresh(&device.id, &gift.account, whose);
            {
                let mut state = self.state();
                if state.run(&device.id).is_some_and(|run| run.state.is_under_way()) {
                    continue;
                }
                state.set_run(run.clone());
            }
            runs.push(run.clone());
            let shown = Shown {
                run,
                step_began: Instant::now(),
                consent: choice.allow_unencrypted,
                way: None,
                journalled: false,
                // Also where an earlier run was to bring it, and failed.
                new_password: gift.new_password || self.store.run(&device.id)?.is_some_and(|entry| entry.outdated),
                renewal: None,
            };
            let (stop, stopped) = mpsc::channel(1);
            self.runs.stops().insert(device.id.clone(), stop);
            tokio::spawn(self.clone().begin(shown, gift, stopped));
        }
        Ok(runs)
    }

    /// The house's account, and its password, which has to be at hand.
    pub(super) async fn house_account(&self) -> Result<Gift, Error> {
        let account = self.state().account().cloned().ok_or_else(no_account)?;
        self.gift_of(account).await
    }

    /// An account, and its password, which has to be at hand.
    pub(super) async fn gift_of(&self, account: Account) -> Result<Gift, Error> {
        let password = self.password(&account.jid).await;
        let missing = || Error::new(Code::PasswordMissing, format!("no password of {} is at hand", account.jid));
        let password = password.ok_or_else(missing)?;
        Ok(Gift { account, password, new_password: false })
    }

    /// Waits for a place among the sixteen, and until all that is read of the device has been read; then runs.
    async fn begin(self: Arc<Self>, mut shown: Shown, gift: Gift, mut stopped: mpsc::Receiver<()>) {
        let place: Option<OwnedSemaphorePermit> = tokio::select! {
            place = self.runs.places.clone().acquire_owned() => place.ok(),
            _ = stopped.recv() => None,
        };
        if place.is_none() {
            return self.ended(shown, RunState::Cancelled { left: LeftOnDevice::AsBefore }).await;
        }
        let unready = |error| RunState::Failed { error, left: LeftOnDevice::AsBefore };
        let whose = shown.run.whose;
        let Gift { account, mut password, .. } = if whose == Whose::Own {
            match self.makes_account(&mut shown, gift, &mut stopped).await {
                Ok(gift) => gift,
                Err(state) => return self.ended(shown, state).await,
            }
        } else {
            gift
        };
        shown.run.state = RunState::Working;
        self.state().set_run(shown.run.clone());
        let Way { di, links, route, channel } = match self.way_to(&shown.run.id, &account.jid, whose).await {
            Ok(way) => way,
            Err(error) => return self.ended(shown, unready(error)).await,
        };
        shown.way = route;
        let Some((server, user)) = links else {
            let error = Error::new(Code::NoRemoteAccess, "the device has no Remote Access");
            return self.ended(shown, unready(error)).await;
        };
        // Nothing that is allowed in the clear is of use where nothing goes in the clear.
        shown.consent &= channel == Channel::Clear;
        if whose == Whose::OwnRenewed {
            match self.plan_renewal(&account).await {
                Ok(renewal) => password = shown.renewal.insert(renewal).password.clone(),
                Err(error) => return self.ended(shown, unready(error)).await,
            }
        }
        // Until the account has another one, the device can be given its present one back.
        let present = shown.renewal.as_ref().map_or(&password, |renewal| &renewal.present);
        let ours = self.own_accounts(&account, present).await;
        let target = Target { address: account.server, port: account.port, jid: account.jid, credential: password };
        // Subscribed before anything is written: no presence after the write can be missed.
        let seen = self.runs.seen.subscribe();
        let consent = shown.consent;
        // Online with an account of ours before anything is written: it has that account, whether it tells or not.
        let online_as = self.at_own_account(&shown.run.id).map(|(_, jid)| jid.to_bare().to_string());
        let password = match (&shown.renewal, shown.new_password) {
            (Some(_), _) => Password::Changes,
            (None, true) => Password::Changed,
            (None, false) => Password::Same,
        };
        let plan = Plan { di, server, user, channel, consent, target, online_as, password, ours };
        self.drive(Onboarding::new(plan, Duration::ZERO), Instant::now(), shown, stopped, seen).await;
    }

    /// An account for the device alone, instead of the house's. Stopped, what was made stays for the next time.
    async fn makes_account(
        &self,
        shown: &mut Shown,
        house: Gift,
        stopped: &mut mpsc::Receiver<()>,
    ) -> Result<Gift, RunState> {
        let run = Mutex::new(shown.run.clone());
        let tell = |account: &Account, retry_at_ms| {
            let mut run = run.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            run.jid.clone_from(&account.jid);
            run.state = RunState::MakingAccount { retry_at_ms };
            self.state().set_run(run.clone());
        };
        let id = shown.run.id.clone();
        let made = tokio::select! {
            made = self.device_account(&id, &house.account, tell) => made,
            _ = stopped.recv() => return Err(RunState::Cancelled { left: LeftOnDevice::AsBefore }),
        };
        shown.run = run.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        made.map_err(|error| RunState::Failed { error, left: LeftOnDevice::AsBefore })
    }

    /// Stops a run; what it wrote is put back as far as possible.
    pub(super) fn cancel_onboarding(&self, id: &str) {
        if let Some(stop) = self.runs.stops().get(id) {
            let _ = stop.try_send(());
        }
    }

    /// Does what the machine asks until it has finished.
    pub(super) async fn drive(
        self: &Arc<Self>,
        mut machine: Onboarding,
        began: Instant,
        mut shown: Shown,
        mut stopped: mpsc::Receiver<()>,
        mut seen: broadcast::Receiver<(String, BareJid)>,
    ) {
        let id = shown.run.id.clone();
        let (answers, mut answered) = mpsc::channel(ANSWERS);
        let mut stoppable = true;
        let mut unwritten: Option<Error> = None;
        let mut sees = true;
        loop {
            let until = loop {
                match machine.poll() {
                    Action::Wait { until } => break until,
                    Action::Finished(outcome) => {
                        let state = match (self.outcome_view(&id, outcome), unwritten) {
                            (RunState::Cancelled { left }, Some(error)) => RunState::Failed { error, left },
                            (state, _) => state,
                        };
                        let is_ours = matches!(shown.way, Some(Route::Lan(Place::Secured { .. })));
                        if state == RunState::Onboarded && matches!(shown.way, Some(Route::Lan(_))) {
                            self.state().change_known(&id, |known| known.onboarded_here = true);
                        }
                        self.ended(shown, state).await;
                        if is_ours {
                            self.clone().ask_as_owner(id).await;
                        }
                        return;
                    }
                    // What cannot be written down is not written to the device either.
                    Action::Send { ticket, .. } if unwritten.is_some() => {
                        machine.handle(Input::Answer { ticket, result: Err(Lost::NotSent) }, began.elapsed());
                    }
                    Action::Send { ticket, via, mut request, secret } => {
                        let (inner, id, answers) = (self.clone(), id.clone(), answers.clone());
                        let (route, deadline) = match via {
                            Via::Channel => (shown.way.clone().and_then(|way| self.way_on(&id, way)), LAN_EXCHANGE),
                            Via::Xmpp => (self.way_to_identity(&shown.run), self.config.request_deadline),
                        };
                        tokio::spawn(async move {
                            let result = inner.onboarding_request(&id, route, deadline, &request).await;
                            if secret && let Some(body) = request.body.as_mut() {
                                homeward_protocol::oic::remote_access::wipe(body);
                            }
                            let _ = answers.send((ticket, result)).await;
                        });
                    }
                    Action::ChangePassword => {
                        let changed = match &mut shown.renewal {
                            Some(renewal) => self.carry_out_renewal(renewal).await,
                            None => Changed::No { words: None },
                        };
                        machine.handle(Input::PasswordChanged(changed), began.elapsed());
                    }
                    action => {
                        if let Err(error) = self.show(&mut shown, &machine, action) {
                            unwritten = Some(error);
                            machine.handle(Input::Cancel, began.elapsed());
                        }
                    }
                }
            };
            let alarm = async {
                match until {
                    Some(until) => sleep_until(began + until).await,
                    None => std::future::pending().await,
                }
            };
            let input = tokio::select! {
                Some((ticket, result)) = answered.recv() => Input::Answer { ticket, result },
                online = seen.recv(), if sees => match online {
                    Ok((online, account)) if online == id && account.as_str().eq_ignore_ascii_case(&shown.run.jid) => {
                        Input::PresenceSeen { id: online }
                    }
                    Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
                    Err(broadcast::error::RecvError::Closed) => { sees = false; continue }
                },
                stop = stopped.recv(), if stoppable => {
                    stoppable = false;
                    if stop.is_none() { continue }
                    Input::Cancel
                }
                () = alarm => Input::Tick,
            };
            machine.handle(input, began.elapsed());
        }
    }

    /// The device, where it is there with the account that its run gave it.
    fn way_to_identity(&self, run: &Run) -> Option<Route> {
        let (line, jid) = self.at_own_account(&run.id)?;
        jid.to_bare().as_str().eq_ignore_ascii_case(&run.jid).then_some(Route::Xmpp(line, jid))
    }

    async fn onboarding_request(
        &self,
        id: &str,
        route: Option<Route>,
        deadline: Duration,
        request: &homeward_protocol::crudn::Request,
    ) -> Result<homeward_protocol::crudn::Response, Lost> {
        let route = route.ok_or(Lost::NotSent)?;
        let answered = tokio::select! {
            answered = self.carry(&route, request, deadline) => answered,
            () = self.leaves(id, &route) => return Err(Lost::NoAnswer),
        };
        answered.map(|(arrival, _)| arrival.response).map_err(|error| match error.code {
            Code::OutcomeUnknown | Code::NoAnswer => Lost::NoAnswer,
            Code::BadAnswer => Lost::Unreadable,
            _ => Lost::NotSent,
        })
    }

    /// A step changed: it is journalled, remembered for the undo, and told.
    ///
    /// # Errors
    /// It could not be written down; then the step must not write.
    fn show(&self, shown: &mut Shown, machine: &Onboarding, action: Action) -> Result<(), Error> {
        let undoing = shown.run.state == RunState::Undoing;
        let (step, state) = match action {
            Action::Began(step) => (step, StepState::Working),
            Action::Done(step) => (step, StepState::Done),
            Action::Failed(step, failure) => (step, StepState::Failed { error: failure_view(&failure) }),
            Action::Undone(step) => (step, StepState::Undone),
            Action::Send { .. } | Action::ChangePassword | Action::Finished(_) | Action::Wait { .. } => return Ok(()),
        };
        if state == StepState::Working {
            shown.step_began = Instant::now();
        }
        if !undoing && state == StepState::Working && matches!(step, Step::Server | Step::Account) {
            self.journal(shown, step, machine.former())?;
        }
        let elapsed = millis(shown.step_began.elapsed());
        for entry in shown.run.steps.iter_mut().filter(|entry| entry.step == step) {
            entry.elapsed_ms = (state != StepState::Working).then_some(elapsed);
            entry.state = state.clone();
        }
        self.state().set_run(shown.run.clone());
        Ok(())
    }

    fn outcome_view(&self, id: &str, outcome: Outcome) -> RunState {
        match outcome {
            Outcome::Onboarded => RunState::Onboarded,
            Outcome::Failed { failure, left, not_put_back, .. } => {
                let mut error = failure_view(&failure);
                if let Some(not_put_back) = not_put_back {
                    let why = failure_view(&not_put_back);
                    error.message =
                        format!("{}; and what was written could not be put back: {}", error.message, why.message);
                }
                RunState::Failed { error, left }
            }
            Outcome::Cancelled { left, .. } => RunState::Cancelled { left },
            Outcome::Undone { left, .. } => {
                if left != LeftOnDevice::NewAccount {
                    self.state().set_not_onboarded(id);
                }
                RunState::Undone { left }
            }
        }
    }

    /// The last word on a run: what can be undone now, and its end.
    async fn ended(&self, mut shown: Shown, state: RunState) {
        let state = match shown.renewal.take() {
            Some(renewal) => self.settle_renewal(&shown.run.id, renewal, state).await,
            None => state,
        };
        let left = left_by(&state);
        let before = self.store.run(&shown.run.id).ok().flatten();
        let unsure = !shown.journalled && before.is_some_and(|entry| entry.is_open());
        let state = if unsure { as_unsure(state) } else { state };
        // A run that wrote nothing leaves the way back of an earlier one alone.
        if shown.journalled
            && let Err(error) = self.store.run_ended(&shown.run.id, left, state == RunState::Onboarded)
        {
            tracing::warn!("the end of a run could not be written down: {error}");
        }
        let entry = self.store.run(&shown.run.id).ok().flatten();
        self.state().set_given(&shown.run.id, entry.as_ref().and_then(recalled::credential));
        let entry = entry.filter(JournalEntry::can_be_undone);
        shown.run.undo = entry.map(|entry| {
            let ours = self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if entry.former.account_can_be_put_back(&ours) { UndoReach::Everything } else { UndoReach::ServerOnly }
        });
        shown.run.state = state;
        self.runs.stops().remove(&shown.run.id);
        self.state().set_run(shown.run);
    }

    /// Written before the step writes, so that the way back is known whatever happens.
    fn journal(&self, shown: &mut Shown, step: Step, former: Option<&Former>) -> Result<(), Error> {
        shown.journalled = true;
        match (step, former) {
            (Step::Server, Some(former)) => self.store.begin_run(&JournalEntry {
                id: shown.run.id.clone(),
                former: former.clone(),
                server: shown.run.server.clone(),
                port: shown.run.port,
                jid: shown.run.jid.clone(),
                consent: shown.consent,
                step,
                left: None,
                began_at_ms: shown.run.started_at_ms,
                by: Some(self.uuid),
                over_account: matches!(shown.way, Some(Route::Xmpp(..))),
                here: matches!(shown.way, Some(Route::Lan(_))),
                outdated: shown.new_password,
                since_ms: None,
                rotated_at_ms: None,
                earlier: None,
            }),
            _ => self.store.run_reached(&shown.run.id, step),
        }
    }

    /// The accounts whose passwords we know: what a device had from us can be written back.
    pub(super) async fn own_accounts(&self, account: &Account, password: &Secret) -> Vec<OwnAccount> {
        let mut ours = vec![OwnAccount { jid: account.jid.clone(), password: password.clone() }];
        let now: Vec<String> = {
            let state = self.state();
            let next = state.moving().map(|moving| &moving.account);
            state.account().into_iter().chain(next).map(|account| account.jid.clone()).collect()
        };
        let earlier: BTreeSet<String> = self.store.runs().unwrap_or_default().into_iter().map(|run| run.jid).collect();
        let all = now.iter().chain(earlier.iter().filter(|jid| !now.contains(jid)));
        for jid in all.filter(|jid| **jid != account.jid).take(MAX_EARLIER_ACCOUNTS) {
            if let Some(password) = self.passwords.get(jid).await {
                ours.push(OwnAccount { jid: jid.clone(), password });
            }
        }
        ours.retain(|own| !own.password.is_empty());
        self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(&ours);
        ours
    }
}

pub(super) fn left_by(state: &RunState) -> LeftOnDevice {
    match state {
        RunState::Onboarded => LeftOnDevice::NewAccount,
        RunState::Failed { left, .. } | RunState::Cancelled { left } | RunState::Undone { left } => *left,
        RunState::Queued | RunState::MakingAccount { .. } | RunState::Working | RunState::Undoing => {
            LeftOnDevice::Unknown
        }
    }
}

/// The end of a run that wrote nothing to a device on which an earlier one, cut short, may have left anything.
fn as_unsure(state: RunState) -> RunState {
    let left = LeftOnDevice::Unknown;
    match state {
        RunState::Failed { error, .. } => RunState::Failed { error, left },
        RunState::Cancelled { .. } => RunState::Cancelled { left },
        state => state,
    }
}

pub(super) fn no_account() -> Error {
    Error::new(Code::NoAccount, "no account is set")
}

pub(super) fn fresh(id: &str, account: &Account, whose: Whose) -> Run {
    let waiting = |step| RunStep { step, state: StepState::Waiting, elapsed_ms: None };
    Run {
        id: id.to_owned(),
        steps: STEPS.map(waiting).into(),
        state: RunState::Queued,
        started_at_ms: now_ms(),
        undo: None,
        whose,
        jid: account.jid.clone(),
        server: account.server.clone(),
        port: account.port,
    }
}

/// A machine's failure in the reader's terms, with the device's own words.
fn failure_view(failure: &Failure) -> Error {
    let code = match failure {
        Failure::ConsentNeeded => Code::ConsentNeeded,
        Failure::SecuredOnly { .. } => Code::SecuredOnly,
        Failure::OtherServer => Code::OtherServer,
        Failure::NoRemoteAccess => Code::NoRemoteAccess,
        Failure::DeviceRefused { .. } => Code::DeviceRefused,
        Failure::NoAnswer => Code::NoAnswer,
        Failure::OutcomeUnknown => Code::OutcomeUnknown,
        Failure::DeviceReportsError { .. } => Code::DeviceReportsError,
        Failure::NotSeenOnline { .. } => Code::NotSeenOnline,
        Failure::IdentityMismatch { .. } => Code::IdentityMismatch,
        Failure::NotPutBack { .. } => Code::NotPutBack,
        Failure::PasswordNotChanged { .. } => Code::PasswordNotChanged,
        Failure::PasswordUnsure => Code::PasswordUnsure,
        Failure::BadAnswer => Code::BadAnswer,
        Failure::Cancelled => Code::Cancelled,
    };
    Error { code, message: failure.to_string(), details: failure.words().map(str::to_owned) }
}
