//! Onboarding runs: one `protocol::onboarding` machine per device, sixteen at once, each step journalled and told.
//!
//! Scope: sending what a machine asks, feeding it what happens, showing where it stands. Non-scope: the order of the
//! steps and what counts as proof, which the machine knows.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use homeward_protocol::onboarding::{
    Action, Channel, Failure, Former, FormerAccount, Input, LeftOnDevice, Link, Lost, Onboarding, Outcome, OwnAccount,
    Plan, Step, Target, UndoPlan, Via,
};
use homeward_protocol::secret::Secret;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Inner;
use super::control::millis;
use super::paths::Route;
use super::recalled;
use super::state::now_ms;
use crate::error::{Code, Error};
use crate::lan::{LanDevice, RaResource};
use crate::store::JournalEntry;
use crate::view::{Account, Connection, OnboardChoice, Run, RunState, RunStep, Security, StepState, UndoReach};

/// Runs side by side.
const AT_ONCE: usize = 16;
/// Our choice: requests of one run under way at once; the machine has one per path.
const ANSWERS: usize = 8;
/// Our choice: presences that a run may be behind.
const PRESENCES: usize = 1024;

/// MAX_TRANSMIT_SPAN (RFC 7252 §4.8.2): on a bad network a run is patient, for all five transmissions of a request.
const LAN_EXCHANGE: Duration = Duration::from_secs(45);
/// Our choice: how long a run waits for the search to have read its device.
const DESCRIBED_WITHIN: Duration = Duration::from_secs(30);
/// Our choice: how long a device whose account was cleared may take to sign out.
const SIGNS_OUT_WITHIN: Duration = Duration::from_secs(30);
/// Our choice: earlier accounts whose passwords are looked for in the keyring.
const MAX_EARLIER_ACCOUNTS: usize = 16;

pub(super) const STEPS: [Step; 6] =
    [Step::Read, Step::Server, Step::Account, Step::Status, Step::Online, Step::Identity];

/// The runs of this program's life.
pub(super) struct Runs {
    places: Arc<Semaphore>,
    stops: Mutex<HashMap<String, mpsc::Sender<()>>>,
    seen: broadcast::Sender<String>,
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
    /// A device of our account has become available.
    pub(super) fn seen_online(&self, id: &str) {
        let _ = self.seen.send(id.to_owned());
    }

    /// By which a run is told to stop.
    fn stops(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<()>>> {
        self.stops.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A run as readers see it, with the clock of the step under way.
struct Shown {
    run: Run,
    step_began: Instant,
    consent: bool,
    /// Where the device answered when it was read: a credential goes there and nowhere else.
    address: Option<SocketAddr>,
    /// Whether this run, or the undo of one, has its entry in the journal.
    journalled: bool,
    /// Whether the account's password is another than the device had.
    new_password: bool,
}

/// What is put back, and under which conditions.
struct Back {
    consent: bool,
    server_written: bool,
    account_written: bool,
    former: Former,
}

impl Inner {
    /// Begins a run for each choice; those that cannot begin fail at once, as runs.
    pub(super) async fn onboard(self: &Arc<Self>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        self.give_account(choices, false).await
    }

    /// The same. `new_password`: the account's is another than the devices had.
    pub(super) async fn give_account(
        self: &Arc<Self>,
        choices: Vec<OnboardChoice>,
        new_password: bool,
    ) -> Result<Vec<Run>, Error> {
        let (account, password) = self.account_and_password().await?;
        let ours = self.own_accounts(&account, &password).await;
        // All are known, or none begins.
        let devices: Vec<_> = choices.iter().map(|choice| self.device_now(&choice.id)).collect::<Result<_, _>>()?;
        let mut runs = Vec::new();
        for (choice, device) in choices.into_iter().zip(devices) {
            let run = fresh(&device.id, &account);
            {
                let mut state = self.state();
                if state.run(&device.id).is_some_and(|run| is_under_way(&run.state)) {
                    continue;
                }
                state.set_run(run.clone());
            }
            runs.push(run.clone());
            let shown = Shown {
                run,
                step_began: Instant::now(),
                consent: choice.allow_unencrypted,
                address: None,
                journalled: false,
                // Also where an earlier run was to bring it, and failed.
                new_password: new_password || self.store.run(&device.id)?.is_some_and(|entry| entry.outdated),
            };
            let target = Target {
                address: account.server.clone(),
                port: account.port,
                jid: account.jid.clone(),
                credential: password.clone(),
            };
            let (stop, stopped) = mpsc::channel(1);
            self.runs.stops().insert(device.id.clone(), stop);
            tokio::spawn(self.clone().begin(shown, target, ours.clone(), stopped));
        }
        Ok(runs)
    }

    /// The account, and its password, which has to be at hand.
    pub(super) async fn account_and_password(&self) -> Result<(Account, Secret), Error> {
        let account = self.state().account().cloned().ok_or_else(no_account)?;
        let password = self.password(&account.jid).await;
        let missing = || Error::new(Code::PasswordMissing, format!("no password of {} is at hand", account.jid));
        let password = password.ok_or_else(missing)?;
        Ok((account, password))
    }

    /// Waits for a place among the sixteen, and until all that is read of the device has been read; then runs.
    async fn begin(
        self: Arc<Self>,
        mut shown: Shown,
        target: Target,
        ours: Vec<OwnAccount>,
        mut stopped: mpsc::Receiver<()>,
    ) {
        let place: Option<OwnedSemaphorePermit> = tokio::select! {
            place = self.runs.places.clone().acquire_owned() => place.ok(),
            _ = stopped.recv() => None,
        };
        if place.is_none() {
            return self.ended(shown, RunState::Cancelled { left: LeftOnDevice::AsBefore });
        }
        shown.run.state = RunState::Working;
        self.state().set_run(shown.run.clone());
        let unready = |code, why: &str| RunState::Failed {
            error: Error::new(code, format!("the device {why}")),
            left: LeftOnDevice::AsBefore,
        };
        let Some(lan) = self.described_on_lan(&shown.run.id).await else {
            return self.ended(shown, unready(Code::NotReachable, "does not answer on this network"));
        };
        shown.address = lan.endpoints.first().copied();
        let Some((server, user)) = links(&lan) else {
            return self.ended(shown, unready(Code::NoRemoteAccess, "has no Remote Access"));
        };
        // Subscribed before anything is written: no presence after the write can be missed.
        let seen = self.runs.seen.subscribe();
        let (di, channel, consent) = (lan.di.clone(), channel(&lan), shown.consent);
        // Online with an account of ours before anything is written: it has that account, whether it tells or not.
        let online_as = self.own_remote_jid(&shown.run.id).map(|jid| jid.to_bare().to_string());
        let new_password = shown.new_password;
        let plan = Plan { di, server, user, channel, consent, target, online_as, new_password, ours };
        self.drive(Onboarding::new(plan, Duration::ZERO), Instant::now(), shown, stopped, seen).await;
    }

    /// The device as this network shows it, once it is known where its two resources are: listed, or at the well-known
    /// paths, which counts only after all is read.
    async fn described_on_lan(&self, id: &str) -> Option<LanDevice> {
        let described = |state: &super::State| {
            let lan = state.device(id)?.lan.as_ref()?;
            let known = lan.device.described || (lan.device.listed && lan.device.xmpp.is_some());
            (lan.answering && known).then(|| lan.device.clone())
        };
        let described = timeout(DESCRIBED_WITHIN, self.until(described)).await;
        described.ok().flatten()
    }

    /// Puts back what a device had before its run, also one of an earlier day.
    pub(super) async fn undo_onboarding(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let nothing = || Error::new(Code::RequestInvalid, "nothing of this device can be undone now");
        let entry = self.store.run(id)?.filter(JournalEntry::can_be_undone).ok_or_else(nothing)?;
        let back = Back {
            consent: entry.consent,
            server_written: entry.server_written(),
            account_written: entry.account_written(),
            former: entry.former,
        };
        self.go_back(id, back).await?;
        Ok(())
    }

    /// Clears what a device knows, whoever gave it; once its session has ended, it is forgotten.
    pub(super) async fn take_account_back(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let id = self.device_now(id)?.id;
        let blank = Former { address: String::new(), port: None, account: FormerAccount::None };
        // No secret crosses the network: nothing needs consent.
        let back = Back { consent: true, server_written: true, account_written: true, former: blank };
        let going = self.go_back(&id, back).await?;
        let inner = self.clone();
        tokio::spawn(async move {
            if going.await.is_err() {
                return;
            }
            let undone = |state: &super::State| {
                state.run(&id).is_some_and(|run| matches!(run.state, RunState::Undone { left: LeftOnDevice::AsBefore }))
            };
            // Seen by a link of ours that stands, and as long as nobody sets it up anew.
            let over = |state: &super::State| {
                if !undone(state) {
                    return Some(false);
                }
                let linked = matches!(state.connection(), Connection::Connected { .. });
                let available = state.device(&id)?.view.remote.as_ref().is_some_and(|remote| remote.available);
                (linked && !available).then_some(true)
            };
            if timeout(SIGNS_OUT_WITHIN, inner.until(over)).await == Ok(Some(true)) {
                inner.leave_behind(&id);
            }
        });
        Ok(())
    }

    /// It knows nothing of us any more. On this network it is still seen, as a device that nobody has set up.
    fn leave_behind(&self, id: &str) {
        let mut state = self.state();
        if let Err(error) = self.store.forget_device(id) {
            tracing::warn!("a device could not be forgotten: {error}");
        }
        match state.device(id).is_some_and(|known| known.lan.is_some()) {
            true => drop(state.change_known(id, super::devices::Known::leave_account)),
            false => state.forget_device(id),
        }
    }

    /// Begins the way back; what is returned ends with it.
    async fn go_back(self: &Arc<Self>, id: &str, back: Back) -> Result<JoinHandle<()>, Error> {
        let lan = self
            .lan_device(id)
            .ok_or_else(|| Error::new(Code::NotReachable, "the device does not answer on this network"))?;
        let (server, user) =
            links(&lan).ok_or_else(|| Error::new(Code::NoRemoteAccess, "the device has no Remote Access"))?;
        let account = self.state().account().cloned().ok_or_else(no_account)?;
        let password = self.password(&account.jid).await.unwrap_or_else(|| Secret::new(""));
        let Back { consent, server_written, account_written, former } = back;
        let plan = UndoPlan {
            server,
            user,
            channel: channel(&lan),
            consent,
            server_written,
            account_written,
            former,
            ours: self.own_accounts(&account, &password).await,
        };
        let (stop, stopped) = mpsc::channel(1);
        let run = {
            let mut state = self.state();
            let mut run = state.run(id).cloned().unwrap_or_else(|| fresh(id, &account));
            if is_under_way(&run.state) {
                return Err(Error::new(Code::RequestInvalid, "a run of this device is under way"));
            }
            // Should this program end in the middle of it, nobody knows what is on the device.
            self.store.run_goes_back(id, self.uuid)?;
            run.state = RunState::Undoing;
            state.set_run(run.clone());
            run
        };
        self.runs.stops().insert(id.to_owned(), stop);
        let seen = self.runs.seen.subscribe();
        let machine = Onboarding::undo(plan, Duration::ZERO);
        let address = lan.endpoints.first().copied();
        let shown = Shown { run, step_began: Instant::now(), consent, address, journalled: true, new_password: false };
        let inner = self.clone();
        Ok(tokio::spawn(async move { inner.drive(machine, Instant::now(), shown, stopped, seen).await }))
    }

    /// Stops a run; what it wrote is put back as far as possible.
    pub(super) fn cancel_onboarding(&self, id: &str) {
        if let Some(stop) = self.runs.stops().get(id) {
            let _ = stop.try_send(());
        }
    }

    /// Does what the machine asks until it has finished.
    async fn drive(
        self: &Arc<Self>,
        mut machine: Onboarding,
        began: Instant,
        mut shown: Shown,
        mut stopped: mpsc::Receiver<()>,
        mut seen: broadcast::Receiver<String>,
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
                        return self.ended(shown, state);
                    }
                    // What cannot be written down is not written to the device either.
                    Action::Send { ticket, .. } if unwritten.is_some() => {
                        machine.handle(Input::Answer { ticket, result: Err(Lost::NotSent) }, began.elapsed());
                    }
                    Action::Send { ticket, via, mut request, secret } => {
                        let (inner, id, answers, address) = (self.clone(), id.clone(), answers.clone(), shown.address);
                        tokio::spawn(async move {
                            let result = inner.onboarding_request(&id, address, via, &request).await;
                            if secret && let Some(body) = request.body.as_mut() {
                                homeward_protocol::oic::remote_access::wipe(body);
                            }
                            let _ = answers.send((ticket, result)).await;
                        });
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
                    Ok(online) if online == id => Input::PresenceSeen { id: online },
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

    async fn onboarding_request(
        &self,
        id: &str,
        address: Option<SocketAddr>,
        via: Via,
        request: &homeward_protocol::crudn::Request,
    ) -> Result<homeward_protocol::crudn::Response, Lost> {
        let (route, deadline) = match via {
            Via::Lan => (address.map(Route::Lan), LAN_EXCHANGE),
            Via::Xmpp => (self.remote_jid(id).map(Route::Xmpp), self.config.request_deadline),
        };
        let route = route.ok_or(Lost::NotSent)?;
        let answered = self.carry(&route, request, deadline).await;
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
            Action::Send { .. } | Action::Finished(_) | Action::Wait { .. } => return Ok(()),
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
            Outcome::Onboarded => {
                self.state().change_known(id, |known| known.onboarded_here = true);
                RunState::Onboarded
            }
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
    fn ended(&self, mut shown: Shown, state: RunState) {
        let left = match &state {
            RunState::Onboarded => LeftOnDevice::NewAccount,
            RunState::Failed { left, .. } | RunState::Cancelled { left } | RunState::Undone { left } => *left,
            RunState::Queued | RunState::Working | RunState::Undoing => LeftOnDevice::Unknown,
        };
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
                outdated: shown.new_password,
            }),
            _ => self.store.run_reached(&shown.run.id, step),
        }
    }

    /// The accounts whose passwords we know: what a device had from us can be written back.
    async fn own_accounts(&self, account: &Account, password: &Secret) -> Vec<OwnAccount> {
        let mut ours = vec![OwnAccount { jid: account.jid.clone(), password: password.clone() }];
        let earlier: BTreeSet<String> = self.store.runs().unwrap_or_default().into_iter().map(|run| run.jid).collect();
        for jid in earlier.into_iter().filter(|jid| *jid != account.jid).take(MAX_EARLIER_ACCOUNTS) {
            if let Some(password) = self.passwords.get(&jid).await {
                ours.push(OwnAccount { jid, password });
            }
        }
        ours.retain(|own| !own.password.is_empty());
        self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone_from(&ours);
        ours
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

fn no_account() -> Error {
    Error::new(Code::NoAccount, "no account is set")
}

pub(super) fn is_under_way(state: &RunState) -> bool {
    matches!(state, RunState::Queued | RunState::Working | RunState::Undoing)
}

fn fresh(id: &str, account: &Account) -> Run {
    let waiting = |step| RunStep { step, state: StepState::Waiting, elapsed_ms: None };
    Run {
        id: id.to_owned(),
        steps: STEPS.map(waiting).into(),
        state: RunState::Queued,
        started_at_ms: now_ms(),
        undo: None,
        jid: account.jid.clone(),
        server: account.server.clone(),
        port: account.port,
    }
}

/// Where the two resources are (RA-2).
fn links(lan: &LanDevice) -> Option<(Link, Link)> {
    let link = |ra: &RaResource| Link { href: ra.href.clone(), interfaces: ra.interfaces.clone() };
    Some((link(lan.xmpp.as_ref()?), link(lan.user.as_ref()?)))
}

/// Whether this version can give it an account.
pub(super) fn takes_accounts(lan: &LanDevice) -> bool {
    links(lan).is_some() && channel(lan) == Channel::Clear
}

/// How the device can be talked to: this version opens no secured session.
fn channel(lan: &LanDevice) -> Channel {
    let secured_only = lan.remote_access.as_ref().is_some_and(|access| access.secured_only);
    if secured_only || lan.security == Security::OwnedByAnother { Channel::SecuredOnly } else { Channel::Clear }
}

/// A machine's failure in the reader's terms, with the device's own words.
fn failure_view(failure: &Failure) -> Error {
    let code = match failure {
        Failure::ConsentNeeded => Code::ConsentNeeded,
        Failure::SecuredOnly { .. } => Code::SecuredOnly,
        Failure::NoRemoteAccess => Code::NoRemoteAccess,
        Failure::DeviceRefused { .. } => Code::DeviceRefused,
        Failure::NoAnswer => Code::NoAnswer,
        Failure::OutcomeUnknown => Code::OutcomeUnknown,
        Failure::DeviceReportsError { .. } => Code::DeviceReportsError,
        Failure::NotSeenOnline { .. } => Code::NotSeenOnline,
        Failure::IdentityMismatch { .. } => Code::IdentityMismatch,
        Failure::NotPutBack { .. } => Code::NotPutBack,
        Failure::BadAnswer => Code::BadAnswer,
        Failure::Cancelled => Code::Cancelled,
    };
    Error { code, message: failure.to_string(), details: failure.words().map(str::to_owned) }
}
