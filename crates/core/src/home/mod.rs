//! The home itself: one truth about the devices, and all that can be done with them.
//!
//! Scope: the public API ([`Home`]) and what holds it together. Each use case has a file: `signing_in`, `control`,
//! `listening`, `onboarding`, `way_back`, `moving`, `takeover`, `watching`; `devices` merges, `state` publishes.

mod account;
mod at_server;
mod backup;
mod changes;
mod control;
mod device_account;
mod devices;
mod keeping;
mod lines;
mod listening;
mod moving;
mod new_password;
mod onboarding;
mod pace;
mod paths;
mod reachable;
mod recalled;
mod renewal;
mod routes;
mod signing_in;
mod state;
mod takeover;
mod together;
mod watching;
mod way_back;
mod ways;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request};
use homeward_protocol::onboarding::{LeftOnDevice, OwnAccount};
use homeward_protocol::secret::Secret;
use serde_json::Value;
use tokio::sync::{Notify, OnceCell, mpsc};
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::config::{Config, Slot};
use crate::error::Error;
use crate::lan::{Lan, LanEvent, Owner};
use crate::store::{JournalEntry, KnownDevice, Passwords, SlotLock, Store, Which};
use crate::view::{
    Account, AccountCheck, AccountForm, Answer, Connection, Device, Exchanged, Knowers, Move, Movers, OnboardChoice,
    Run, Search, ServerSuggestion, Snapshot, Takeover, TakeoverMethod, Via,
};
pub use control::Observation;
use lines::Lines;
pub use listening::ShownObservation;
use state::State;
pub use state::{Lagged, Subscription};

/// Our choice: events from one side that the home may be behind; then that side waits.
const EVENTS: usize = 1024;

/// The home: what is known of the devices, and all that can be done with them. Cheap to clone.
#[derive(Clone)]
pub struct Home {
    inner: Arc<Inner>,
    _tasks: Arc<Vec<AbortOnDropHandle<()>>>,
}

/// What every use case works on.
struct Inner {
    config: Config,
    store: Store,
    passwords: Passwords,
    /// This program's UUID (RA-8), ours while the slot's lock is held.
    uuid: Uuid,
    slot: Mutex<Option<SlotLock>>,
    state: Mutex<State>,
    lines: Lines,
    lan: OnceCell<Lan>,
    lan_events: mpsc::Sender<LanEvent>,
    /// Whether the person searches now.
    searching: AtomicBool,
    /// This computer may be somewhere else.
    moved: Notify,
    watched: watching::Watched,
    runs: onboarding::Runs,
    takeovers: takeover::Takeovers,
    /// Who we are to the devices that are ours.
    owner: Owner,
    own_accounts: Mutex<Vec<OwnAccount>>,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until the state fulfils a condition; `None` once the home is closed.
    async fn until<T>(&self, condition: impl Fn(&State) -> Option<T>) -> Option<T> {
        let mut changes = self.state().changes();
        loop {
            if let Some(fulfilled) = condition(&self.state()) {
                return Some(fulfilled);
            }
            changes.changed().await.ok()?;
        }
    }
}

impl Home {
    /// Opens the state folder, takes a UUID slot, and connects if there is an account and `config.connect` (RA-22).
    ///
    /// # Errors
    /// [`crate::Code::StoreFailed`]: the folder cannot be used, or another app holds its slot.
    pub async fn open(config: Config) -> Result<Home, Error> {
        let store = Store::open(&config.folder)?;
        let slot = SlotLock::take(&config.folder, config.slot)?;
        let (account, next) = (store.account(Which::House)?, store.account(Which::Next)?);
        let device_accounts = store.device_accounts()?;
        let houses = account.iter().chain(&next).map(|account| account.jid.as_str());
        let ours: Vec<&str> = houses.chain(device_accounts.iter().map(|own| own.account.jid.as_str())).collect();
        let mut state = State::new(account.clone(), config.prefill.clone(), onboarded(&store, &ours)?);
        state.set_moving(next.clone().map(|account| Move { account, connection: Connection::Offline }));
        for own in &device_accounts {
            state.set_device_account(&own.account.jid, &own.device);
        }
        for remembered in store.devices()?.into_iter().filter(|device| is_of(device, &ours)) {
            state.change_device(&remembered.id.clone(), |known| known.recall(remembered));
        }
        state.take_unkept();
        let owned = store.ownerships()?.into_iter().filter(|ownership| ownership.is_ours()).collect::<Vec<_>>();
        for ownership in &owned {
            state.set_owned(&ownership.device.to_string(), Some(takeover::owned(ownership)));
        }
        for entry in store.runs()? {
            recalled::recall(&mut state, &config, slot.uuid(), entry, &ours);
        }
        let (lines, told) = Lines::start(&config.wall_clock);
        let (lan_events, lan_told) = mpsc::channel(EVENTS);
        let passwords = Passwords::new();
        if let (Some(password), Some(account)) = (&config.password, &account) {
            passwords.set_for_this_run(&account.jid, password.clone());
        }
        if let (Some(password), Some(next)) = (&config.next_password, &next) {
            passwords.set_for_this_run(&next.jid, password.clone());
        }
        let inner = Arc::new(Inner {
            passwords,
            store,
            uuid: slot.uuid(),
            slot: Mutex::new(Some(slot)),
            state: Mutex::new(state),
            lines,
            lan: OnceCell::new(),
            lan_events,
            searching: AtomicBool::new(false),
            moved: Notify::new(),
            watched: watching::Watched::default(),
            runs: onboarding::Runs::default(),
            takeovers: takeover::Takeovers::default(),
            owner: Owner::awaiting(owned.iter().map(|ownership| ownership.device).collect()),
            own_accounts: Mutex::default(),
            config,
        });
        let mut tasks = vec![
            AbortOnDropHandle::new(tokio::spawn(reachable::hear_lan(inner.clone(), lan_told))),
            AbortOnDropHandle::new(tokio::spawn(keeping::keep(inner.clone()))),
        ];
        for (line, told) in told {
            tasks.push(AbortOnDropHandle::new(tokio::spawn(reachable::hear_remote(inner.clone(), line, told))));
        }
        inner.show_search_limits();
        let is_app = inner.config.slot == Slot::App;
        if is_app {
            // The terminal searches where a command asks for it.
            tasks.push(AbortOnDropHandle::new(tokio::spawn(reachable::look_around(inner.clone()))));
        }
        let home = Home { inner, _tasks: Arc::new(tasks) };
        if is_app {
            // The keyring may ask the person something: the window does not wait for that.
            let inner = home.inner.clone();
            let connect = account.is_some() && inner.config.connect;
            tokio::spawn(async move {
                inner.load_keys().await;
                if connect {
                    inner.connect().await;
                    inner.connect_next().await;
                }
                // Said before a password is typed, not after.
                let keyring = inner.passwords.probe().await;
                let mut state = inner.state();
                let account = state.account().cloned();
                state.set_account(account, keyring);
            });
        } else {
            home.inner.load_keys().await;
            if home.inner.config.connect {
                home.inner.connect().await;
                home.inner.connect_next().await;
            }
        }
        Ok(home)
    }

    /// Ends everything that runs, tells the server, and lets the slot go: the next program may have it.
    pub async fn close(&self) {
        self.inner.watch(Vec::new());
        self.inner.stop_search();
        self.inner.lines.close().await;
        self.inner.keep_devices();
        self.inner.slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
    }

    /// Events from now on. Subscribe first, then take a [`Home::snapshot`].
    pub fn subscribe(&self) -> Subscription {
        self.inner.state().subscribe()
    }

    /// Everything as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.state().snapshot()
    }

    /// Starts the continuous search on the local network, or begins it anew.
    pub fn start_search(&self) {
        self.inner.start_search();
    }

    /// Ends it.
    pub fn stop_search(&self) {
        self.inner.stop_search();
    }

    /// Searches for `time`, and returns what answered on this network. For the terminal.
    ///
    /// # Errors
    /// [`crate::Code::InterfaceUnknown`]: a named interface is not there.
    pub async fn discover(&self, time: Duration) -> Result<(Vec<Device>, Search), Error> {
        self.inner.discover(time).await
    }

    /// Asks one address (`host`, `host:port`, `[v6%zone]:port`), and returns the ids of the devices there.
    ///
    /// # Errors
    /// [`crate::Code::AddressInvalid`], [`crate::Code::NothingThere`].
    pub async fn add_address(&self, address: &str) -> Result<Vec<String>, Error> {
        self.inner.add_address(address).await
    }

    /// The server's address for a JID: from DNS SRV, or the domain and 5222.
    ///
    /// # Errors
    /// [`crate::Code::JidInvalid`].
    pub async fn suggest_server(&self, jid: &str) -> Result<ServerSuggestion, Error> {
        Ok(account::suggest(account::jid(jid)?.domain().as_str()).await)
    }

    /// Checks the form and each layer of the sign-in; progress goes out as `CheckChanged` too. Without a password, the
    /// one remembered for the JID is used.
    ///
    /// # Errors
    /// Only where the form itself is refused, before any network; a layer's failure is in the check.
    pub async fn check_account(&self, form: &AccountForm, password: Option<Secret>) -> Result<AccountCheck, Error> {
        self.inner.check_account(form, password).await
    }

    /// Keeps the account (the password in the keyring, or in memory) and connects with it.
    ///
    /// # Errors
    /// The form is refused, or the folder cannot be written.
    pub async fn set_account(&self, form: &AccountForm, password: Option<Secret>) -> Result<Account, Error> {
        self.inner.set_account(form, password).await
    }

    /// Signs out and keeps the account no longer, nor its password. The devices keep theirs.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub async fn forget_account(&self) -> Result<(), Error> {
        self.inner.forget_account().await
    }

    /// Shows a device no longer, until it answers again. What it was given stays on it.
    ///
    /// # Errors
    /// The device is online, or the folder cannot be written.
    pub fn forget_device(&self, id: &str) -> Result<(), Error> {
        self.inner.forget_device(id)
    }

    /// The saved account.
    pub fn account(&self) -> Option<Account> {
        self.inner.state().account().cloned()
    }

    /// Connects now instead of at the next try, or after a refusal.
    pub fn try_now(&self) {
        self.inner.lines.house().try_now();
        self.inner.lines.next().try_now();
    }

    /// Waits until connected, or returns why not.
    ///
    /// # Errors
    /// [`crate::Code::NoAccount`], why the server refused, or the last failure at the deadline.
    pub async fn connected(&self, deadline: Duration) -> Result<(), Error> {
        self.inner.connected(deadline).await
    }

    /// Begins to onboard these devices with the saved account, 16 at once. Progress: `RunChanged`.
    ///
    /// # Errors
    /// [`crate::Code::NoAccount`], [`crate::Code::PasswordMissing`], [`crate::Code::DeviceUnknown`]; a device's own failure is in its run.
    pub async fn onboard(&self, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        self.inner.onboard(choices).await
    }

    /// The same, each with an account of its own, which is made at the house's server (XEP-0077) and becomes a contact of the
    /// house's account: what one device knows opens nothing else. A server that makes one wait is waited for.
    ///
    /// # Errors
    /// As for [`Home::onboard`].
    pub async fn onboard_with_own_accounts(&self, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        self.inner.onboard_with_own_accounts(choices).await
    }

    /// An account that the person has at hand, at the house's server, is for this device alone from now on:
    /// [`Home::onboard_with_own_accounts`] gives it to it, and makes none.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`]: it is in use, or the device has one; [`crate::Code::KeyringUnavailable`]; why it cannot be
    /// signed in to.
    pub async fn use_account_for(&self, id: &str, jid: &str, password: Secret) -> Result<(), Error> {
        self.inner.use_account_for(id, jid, password).await
    }

    /// Begins to give each of these devices, which have accounts of their own, another password for it (XEP-0077): at the
    /// server, and then on the device, on its own network, by a run that only a fresh presence ends well. One that does not
    /// take it works on with the one that it has. Progress: `RunChanged`.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`]: one has no account of its own; [`crate::Code::PasswordMissing`],
    /// [`crate::Code::DeviceUnknown`]; a device's own failure is in its run.
    pub async fn renew_passwords(&self, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        self.inner.renew_passwords(choices).await
    }

    /// Stops a device's run; what was written is put back where possible.
    pub fn cancel_onboarding(&self, id: &str) {
        self.inner.cancel_onboarding(id);
    }

    /// Begins to put back what a device had before its run. Progress: `RunChanged`.
    ///
    /// # Errors
    /// There is nothing to undo, or no way to the device.
    pub async fn undo_onboarding(&self, id: &str) -> Result<(), Error> {
        self.inner.undo_onboarding(id).await
    }

    /// Who knows the account's password, by what a change of it would mean to them.
    pub fn who_knows(&self) -> Knowers {
        self.inner.who_knows()
    }

    /// Another password for the account, in place: at the server (XEP-0077), here, and then on each device of `choices`, by
    /// a run that only a fresh presence ends well. Whoever else knows the old one has to be named in `left_out`: a server
    /// holds one password per account, so they are shut out from then on.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`], [`crate::Code::NotReachable`]: nothing was changed.
    /// [`crate::Code::PasswordNotChanged`]: the server refused. [`crate::Code::PasswordUnsure`]: one of the two works.
    /// [`crate::Code::OldPasswordWorks`]: it was changed, the runs have begun, and the old one is of use still.
    pub async fn change_password(
        &self,
        new: Secret,
        choices: Vec<OnboardChoice>,
        left_out: Vec<String>,
    ) -> Result<Vec<Run>, Error> {
        self.inner.change_password(new, choices, &left_out).await
    }

    /// Begins to move the house to another account, or goes on with it: from now on this program is signed in with both, and
    /// shows and uses the devices of both as one. Nothing is changed on any device.
    ///
    /// # Errors
    /// The form is refused; [`crate::Code::NotNow`]: it is the house's own, or the house moves to a third one; the
    /// folder cannot be written.
    pub async fn begin_move(&self, form: &AccountForm, password: Option<Secret>) -> Result<Move, Error> {
        self.inner.begin_move(form, password).await
    }

    /// Who has moved, and how the others can be moved now. Nobody, where the house does not move.
    pub fn who_moves(&self) -> Movers {
        self.inner.who_moves()
    }

    /// Gives these devices the new account, 16 at once: on this network, or else over their old account, where both are at
    /// one server. A device counts as moved once it is seen there and has said who it is; one that fails is left where it
    /// works. Progress: `RunChanged`.
    ///
    /// # Errors
    /// The house does not move, the new account's server cannot be reached now; a device's own failure is in its run.
    pub async fn move_devices(&self, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        self.inner.move_devices(choices).await
    }

    /// Stays with the old account after all; the new one, and its password, are forgotten.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`]: a device has the new account, or may have it, or is being given it.
    pub async fn stop_move(&self) -> Result<(), Error> {
        self.inner.stop_move().await
    }

    /// The house has the new account from now on. Whoever did not move is named in `left_out`, and shown no longer.
    /// `delete_old`: the old account is deleted at its server before (XEP-0077 §3.2), and seen not to work any more.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`], or why the new account's server cannot be reached: nothing was changed.
    /// [`crate::Code::AccountNotDeleted`]: the old account may be of use still; the move goes on.
    pub async fn finish_move(&self, left_out: Vec<String>, delete_old: bool) -> Result<(), Error> {
        self.inner.finish_move(&left_out, delete_old).await
    }

    /// Begins to take back the account that a device knows: its two resources are cleared, its session is seen to end, and
    /// it is forgotten. Progress: `RunChanged`, as for an undo. Only on its own network.
    ///
    /// # Errors
    /// There is no way to the device on this network, or it has no Remote Access, or a run of it is under way.
    pub async fn take_account_back(&self, id: &str) -> Result<(), Error> {
        self.inner.take_account_back(id).await
    }

    /// Ends the account that a lost device has for itself, wherever the device is: it is deleted at its server (XEP-0077 §3.2),
    /// seen to open no more, and the device is forgotten.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`]: it has none of its own. [`crate::Code::AccountNotDeleted`], [`crate::Code::PasswordMissing`].
    pub async fn shut_out(&self, id: &str) -> Result<(), Error> {
        self.inner.shut_out(id).await
    }

    /// Begins to take a device over, by this method or by the safest that it offers. Progress: `TakeoverChanged`; a PIN is
    /// asked for there. The device has another id afterwards.
    ///
    /// # Errors
    /// It does not answer on this network, has no secure channel, is ours already or another's.
    pub fn take_over(&self, id: &str, method: Option<TakeoverMethod>) -> Result<Takeover, Error> {
        self.inner.take_over(id, method)
    }

    /// The PIN that a device shows which is being taken over.
    ///
    /// # Errors
    /// [`crate::Code::NotNow`]: none is asked for.
    pub fn answer_pin(&self, id: &str, pin: Secret) -> Result<(), Error> {
        self.inner.answer_pin(id, pin)
    }

    /// Stops a transfer of ownership, where the device is not ours yet.
    pub fn cancel_takeover(&self, id: &str) {
        self.inner.cancel_takeover(id);
    }

    /// Does what is left of a transfer that was cut short when the device was ours already ([`crate::view::Owned`]).
    ///
    /// # Errors
    /// The device is not ours, does not answer, does not prove itself, or refuses.
    pub async fn finish_takeover(&self, id: &str) -> Result<(), Error> {
        self.inner.finish_takeover(id).await
    }

    /// Gives a device of ours up: it forgets us, its account and all that it was given, and has another id afterwards.
    ///
    /// # Errors
    /// The device is not ours, does not answer, does not prove itself, or refuses.
    pub async fn give_up(&self, id: &str) -> Result<(), Error> {
        self.inner.give_up(id).await
    }

    /// Forgets the key of a device of ours that is lost, or was reset by hand: it is ours no longer, and in no further backup.
    /// If it was neither, nobody can command it on its network before it is reset.
    ///
    /// # Errors
    /// The device is not ours, or it answers: then it is to be given up.
    pub async fn forget_key(&self, id: &str) -> Result<(), Error> {
        self.inner.forget_key(id).await
    }

    /// Writes the keys of our devices into an encrypted file; returns how many they are. Whoever has the file and the
    /// passphrase owns the devices.
    ///
    /// # Errors
    /// [`crate::Code::PassphraseWeak`], [`crate::Code::KeyMissing`], no device is ours, or the file cannot be written.
    pub async fn save_backup(&self, file: &Path, passphrase: Secret) -> Result<usize, Error> {
        self.inner.save_backup(file, passphrase).await
    }

    /// Takes the devices of a backup over; returns how many they are.
    ///
    /// # Errors
    /// [`crate::Code::PassphraseWrong`], [`crate::Code::BackupInvalid`], [`crate::Code::KeyringUnavailable`], or the file cannot be
    /// read.
    pub async fn restore_backup(&self, file: &Path, passphrase: Secret) -> Result<usize, Error> {
        self.inner.restore_backup(file, passphrase).await
    }

    /// The devices known now.
    pub fn devices(&self) -> Vec<Device> {
        self.inner.state().devices().map(|known| known.view.clone()).collect()
    }

    /// Waits until the device is known and reachable over `via`.
    ///
    /// # Errors
    /// [`crate::Code::NotReachable`] or [`crate::Code::DeviceUnknown`] at the deadline; why we are not connected, where that is it.
    pub async fn device(&self, id: &str, via: Via, deadline: Duration) -> Result<Device, Error> {
        self.inner.reach(id, via, deadline).await
    }

    /// Reads what a device says of itself: name, maker, resources.
    pub async fn describe(&self, id: &str) {
        self.inner.describe(id).await;
    }

    /// One request to a device, over the path that the home chooses, or the one named.
    ///
    /// # Errors
    /// [`crate::Code::NotReachable`], [`crate::Code::NoAnswer`], [`crate::Code::OutcomeUnknown`] and the like; a status that the device
    /// answers with is no error.
    pub async fn request(&self, id: &str, request: Request, via: Via) -> Result<Answer, Error> {
        self.inner.ask(id, &request, via).await
    }

    /// As [`Home::request`], and with it what went over the wire meanwhile, layer by layer, without secrets. A failure has
    /// its exchange too.
    pub async fn request_shown(&self, id: &str, request: Request, via: Via) -> Exchanged {
        self.inner.request_shown(id, &request, via).await
    }

    /// Asks for a value: a wish at once, a fact once the device reports it.
    ///
    /// # Errors
    /// Why it did not happen, or nobody knows; the wish carries it too.
    pub async fn set(&self, id: &str, href: Href, value: Value) -> Result<(), Error> {
        self.inner.set(id, href, value).await
    }

    /// Asks for the same value of several members of a collection, in one request through its batch interface: a wish of
    /// each at once, a fact once the device reports it.
    ///
    /// # Errors
    /// Why it did not happen of at least one, or nobody knows; each one's wish says which.
    pub async fn set_together(
        &self,
        id: &str,
        collection: Href,
        members: Vec<Href>,
        value: Value,
    ) -> Result<(), Error> {
        self.inner.set_together(id, &collection, members, value).await
    }

    /// The tiles on screen: these devices are described and observed, others not.
    pub fn watch(&self, ids: Vec<String>) {
        self.inner.watch(ids);
    }

    /// An observation of one's own, for the terminal.
    ///
    /// # Errors
    /// As for [`Home::request`].
    pub async fn observe(&self, id: &str, href: Href, via: Via) -> Result<Observation, Error> {
        self.inner.observe(id, href, via).await
    }

    /// As [`Home::observe`], and with each notification what went over the wire for it. Why it cannot be observed is the
    /// first, and last, that it brings.
    pub async fn observe_shown(&self, id: &str, href: Href, via: Via) -> ShownObservation {
        self.inner.observe_shown(id, href, via).await
    }

    /// The client UUID of this program's slot (RA-8).
    pub fn client_uuid(&self) -> Uuid {
        self.inner.uuid
    }
}

/// The devices that we gave one of these accounts over this network, and that have it still as far as we know.
fn onboarded(store: &Store, ours: &[&str]) -> Result<HashSet<String>, Error> {
    let given =
        |run: &JournalEntry| run.here && run.left == Some(LeftOnDevice::NewAccount) && ours.contains(&run.jid.as_str());
    Ok(store.runs()?.into_iter().filter(given).map(|run| run.id).collect())
}

/// Whether a remembered device is of one of these accounts, or of a contact.
fn is_of(device: &KnownDevice, ours: &[&str]) -> bool {
    let bare = device.jid.as_deref().and_then(|jid| jid.split_once('/')).map(|(bare, _)| bare);
    !ours.is_empty() && (device.contact || bare.is_some_and(|bare| ours.contains(&bare)))
}
