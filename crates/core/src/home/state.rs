//! The one truth: what is known of the home, and the numbered events that tell of its changes.
//!
//! Scope: the values and their publication, in one lock, so that a snapshot and the events after it fit together.
//! Non-scope: where changes come from.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};

use super::devices::Known;
use crate::error::{Code, Error};
use crate::event::{Event, Numbered};
use crate::store::KnownDevice;
use crate::view::{
    Account, AccountCheck, AccountForm, Connection, Credential, Device, Keyring, Move, Owned, Presence, Run, Search,
    Snapshot, Takeover,
};

/// Our choice: events that a reader may be behind; then it takes a new snapshot.
const MAX_BEHIND: usize = 8192;
/// Our choice: devices that are known at one time; both sides bound those that are there.
const MAX_DEVICES: usize = 12_000;
/// Our choice: how often a reader is given a batch. A person sees no difference below.
const BATCH_EVERY: Duration = Duration::from_millis(50);

/// Everything that is known.
pub(super) struct State {
    sequence: u64,
    sender: broadcast::Sender<Arc<Numbered>>,
    /// Wakes those who wait for a condition; holds no event.
    changed: watch::Sender<u64>,
    devices: BTreeMap<String, Known>,
    search: Search,
    account: Option<Account>,
    keyring: Keyring,
    connection: Connection,
    moving: Option<Move>,
    /// The accounts that devices have for themselves, with whose each is.
    device_accounts: HashMap<String, String>,
    /// Since when our own link is down.
    down_since_ms: Option<u64>,
    check: Option<AccountCheck>,
    runs: BTreeMap<String, Run>,
    prefill: Option<AccountForm>,
    /// Devices that were onboarded over this network on an earlier day.
    onboarded: HashSet<String>,
    /// What devices were given from here, by their ids.
    given: HashMap<String, Credential>,
    /// The devices that are ours.
    owned: HashMap<String, Owned>,
    /// Transfers of ownership of this program's life, by the ids that the devices had.
    takeovers: BTreeMap<String, Takeover>,
}

impl State {
    pub(super) fn new(account: Option<Account>, prefill: Option<AccountForm>, onboarded: HashSet<String>) -> Self {
        Self {
            sequence: 0,
            sender: broadcast::channel(MAX_BEHIND).0,
            changed: watch::channel(0).0,
            devices: BTreeMap::new(),
            search: Search::default(),
            account,
            keyring: Keyring::Unknown,
            connection: Connection::Offline,
            moving: None,
            device_accounts: HashMap::new(),
            down_since_ms: None,
            check: None,
            runs: BTreeMap::new(),
            prefill,
            onboarded,
            given: HashMap::new(),
            owned: HashMap::new(),
            takeovers: BTreeMap::new(),
        }
    }

    pub(super) fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.sender.subscribe(), next_batch_at: Instant::now() }
    }

    /// Wakes at every change, for those who wait for a condition.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        Snapshot {
            sequence: self.sequence,
            devices: self.devices.values().map(|known| known.view.clone()).collect(),
            search: self.search.clone(),
            account: self.account.clone(),
            keyring: self.keyring.clone(),
            connection: self.connection.clone(),
            moving: self.moving.clone(),
            check: self.check.clone(),
            runs: self.runs.values().cloned().collect(),
            takeovers: self.takeovers.values().cloned().collect(),
            prefill: self.prefill.clone(),
        }
    }

    fn publish(&mut self, event: Event) {
        self.sequence += 1;
        // Without a reader the event is simply gone: whoever comes takes a snapshot.
        let _ = self.sender.send(Arc::new(Numbered { sequence: self.sequence, event }));
        self.changed.send_replace(self.sequence);
    }

    pub(super) fn device(&self, id: &str) -> Option<&Known> {
        self.devices.get(id)
    }

    /// Whether any device is worth looking for on this network: one that was onboarded over it, or is ours.
    pub(super) fn is_known_here(&self) -> bool {
        !self.owned.is_empty() || !self.onboarded.is_empty() || self.devices.values().any(|known| known.onboarded_here)
    }

    pub(super) fn devices(&self) -> impl Iterator<Item = &Known> {
        self.devices.values()
    }

    /// Changes a device, which is made if it was not known, and tells of it if anything that a reader sees differs.
    pub(super) fn change_device<T>(&mut self, id: &str, change: impl FnOnce(&mut Known) -> T) -> T {
        if self.devices.len() >= MAX_DEVICES && !self.devices.contains_key(id) {
            self.make_room();
        }
        let onboarded = self.onboarded.contains(id);
        let credential = self.given.get(id).cloned();
        let credential = credential.map(|given| Credential { own: self.is_device_account(&given.jid, id), ..given });
        let known = self.devices.entry(id.to_owned()).or_insert_with(|| Known::new(id, onboarded));
        let before = known.view.clone();
        known.view.credential = credential;
        known.view.owned = self.owned.get(id).cloned();
        let result = change(known);
        known.settle();
        if known.view != before {
            known.unkept = true;
            let device = Box::new(known.view.clone());
            self.publish(Event::DeviceChanged { device });
        }
        result
    }

    /// Forgets the device that was away for the longest time.
    fn make_room(&mut self) {
        let away = self.devices.values().filter(|known| known.view.presence != Presence::Online);
        let longest = away.min_by_key(|known| known.view.last_seen_at_ms).map(|known| known.view.id.clone());
        if let Some(id) = longest {
            self.forget_device(&id);
        }
    }

    /// Like [`State::change_device`], for a device that must be known already.
    pub(super) fn change_known<T>(&mut self, id: &str, change: impl FnOnce(&mut Known) -> T) -> Option<T> {
        self.devices.contains_key(id).then(|| self.change_device(id, change))
    }

    /// Whether something is known that [`State::take_unkept`] would return.
    pub(super) fn has_unkept(&self) -> bool {
        self.devices.values().any(|known| known.unkept)
    }

    /// What is known of the devices that changed since this was last asked.
    pub(super) fn take_unkept(&mut self) -> Vec<KnownDevice> {
        let mut changed = Vec::new();
        for known in self.devices.values_mut().filter(|known| known.unkept) {
            known.unkept = false;
            changed.extend(known.remembered());
        }
        changed
    }

    /// What a device was given from here is this now.
    pub(super) fn set_given(&mut self, id: &str, credential: Option<Credential>) {
        match credential {
            Some(credential) => self.given.insert(id.to_owned(), credential),
            None => self.given.remove(id),
        };
        self.change_known(id, |_| ());
    }

    /// Whether a device is ours is this now.
    pub(super) fn set_owned(&mut self, id: &str, owned: Option<Owned>) {
        match owned {
            Some(owned) => self.owned.insert(id.to_owned(), owned),
            None => self.owned.remove(id),
        };
        let is_ours = self.owned.contains_key(id);
        self.change_known(id, |known| {
            if !is_ours {
                known.view.claimed_at.clear();
            }
        });
    }

    pub(super) fn takeover(&self, id: &str) -> Option<&Takeover> {
        self.takeovers.get(id)
    }

    pub(super) fn set_takeover(&mut self, takeover: Takeover) {
        if self.takeovers.get(&takeover.id) != Some(&takeover) {
            self.takeovers.insert(takeover.id.clone(), takeover.clone());
            self.publish(Event::TakeoverChanged { takeover });
        }
    }

    /// What devices were given from here, also those that are shown no longer.
    pub(super) fn given(&self) -> impl Iterator<Item = (&String, &Credential)> {
        self.given.iter()
    }

    /// Refuses where a device is being set up, or put back.
    pub(super) fn is_at_rest(&self) -> Result<(), Error> {
        if self.runs.values().any(|run| run.state.is_under_way()) {
            let words = "devices are being set up, or put back: wait until that has ended";
            return Err(Error::new(Code::NotNow, words));
        }
        Ok(())
    }

    /// It has no account from here any more.
    pub(super) fn set_not_onboarded(&mut self, id: &str) {
        self.onboarded.remove(id);
        self.change_known(id, |known| known.onboarded_here = false);
    }

    /// Wakes those who wait for something that no reader sees.
    pub(super) fn wake(&self) {
        self.changed.send_replace(self.sequence);
    }

    /// Changes every device that the filter picks.
    pub(super) fn change_devices(&mut self, pick: impl Fn(&Known) -> bool, change: impl Fn(&mut Known)) {
        let picked: Vec<String> =
            self.devices.iter().filter(|(_, known)| pick(known)).map(|(id, _)| id.clone()).collect();
        for id in picked {
            self.change_device(&id, &change);
        }
    }

    /// Another account, or none: what was known at the server is of the former one.
    pub(super) fn leave_account(&mut self) {
        self.onboarded.clear();
        let (here, gone): (Vec<_>, Vec<_>) =
            self.devices.values().map(|known| (known.view.id.clone(), known.lan.is_some())).partition(|(_, lan)| *lan);
        for (id, _) in gone {
            self.forget_device(&id);
        }
        for (id, _) in here {
            self.change_device(&id, Known::leave_account);
        }
    }

    pub(super) fn forget_device(&mut self, id: &str) {
        if self.devices.remove(id).is_some() {
            self.publish(Event::DeviceForgotten { id: id.to_owned() });
        }
    }

    pub(super) fn set_search(&mut self, search: Search) {
        if self.search != search {
            self.search = search.clone();
            self.publish(Event::SearchChanged { search });
        }
    }

    pub(super) fn search(&self) -> &Search {
        &self.search
    }

    pub(super) fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    pub(super) fn set_account(&mut self, account: Option<Account>, keyring: Keyring) {
        if self.account != account || self.keyring != keyring {
            (self.account, self.keyring) = (account.clone(), keyring.clone());
            self.publish(Event::AccountChanged { account, keyring });
        }
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Since when our own link is down, counted from the loss and not from the last try.
    pub(super) fn down_since_ms(&mut self) -> u64 {
        *self.down_since_ms.get_or_insert_with(now_ms)
    }

    pub(super) fn set_connection(&mut self, connection: Connection) {
        if matches!(connection, Connection::Connected { .. } | Connection::Offline) {
            self.down_since_ms = None;
        }
        if self.connection != connection {
            self.connection = connection.clone();
            self.publish(Event::ConnectionChanged { connection });
        }
    }

    /// The move to another account that is under way.
    pub(super) fn moving(&self) -> Option<&Move> {
        self.moving.as_ref()
    }

    pub(super) fn set_moving(&mut self, moving: Option<Move>) {
        if self.moving != moving {
            self.moving.clone_from(&moving);
            self.publish(Event::MoveChanged { moving });
        }
    }

    /// The house has the account now that it moved to, and our link with that is its own.
    pub(super) fn has_moved(&mut self) {
        if let Some(Move { account, connection }) = self.moving.clone() {
            self.set_moving(None);
            self.set_account(Some(account), self.keyring.clone());
            self.set_connection(connection);
        }
    }

    /// This account is this device's alone.
    pub(super) fn set_device_account(&mut self, jid: &str, device: &str) {
        self.device_accounts.insert(jid.to_lowercase(), device.to_owned());
    }

    pub(super) fn forget_device_account(&mut self, device: &str) {
        self.device_accounts.retain(|_, whose| whose != device);
    }

    /// Whether this bare JID is the account that this device has for itself. For another device it is a stranger's.
    pub(super) fn is_device_account(&self, jid: &str, device: &str) -> bool {
        self.device_accounts.get(&jid.to_lowercase()).is_some_and(|whose| whose == device)
    }

    /// Whether this bare JID is the house's account, or the one that it moves to.
    pub(super) fn is_own(&self, bare: &str) -> bool {
        let next = self.moving.as_ref().map(|moving| &moving.account);
        self.account.iter().chain(next).any(|account| account.jid.to_lowercase() == bare.to_lowercase())
    }

    pub(super) fn set_check(&mut self, check: AccountCheck) {
        self.check = Some(check.clone());
        self.publish(Event::CheckChanged { check });
    }

    pub(super) fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(id)
    }

    pub(super) fn set_run(&mut self, run: Run) {
        if self.runs.get(&run.id) != Some(&run) {
            self.runs.insert(run.id.clone(), run.clone());
            self.publish(Event::RunChanged { run });
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Numbered events, in batches.
pub struct Subscription {
    receiver: broadcast::Receiver<Arc<Numbered>>,
    next_batch_at: Instant,
}

/// Events were dropped because the reader was too slow; take a new snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events were dropped because the reader was too slow")]
pub struct Lagged;

impl Subscription {
    /// The next batch: at once after a quiet time, then at most every 50 ms. Of several changes to one thing it holds
    /// the last. `None` once the home is closed.
    ///
    /// # Errors
    /// [`Lagged`]: take a new snapshot, and go on.
    pub async fn next(&mut self) -> Option<Result<Vec<Numbered>, Lagged>> {
        use broadcast::error::{RecvError, TryRecvError};
        let mut batch = Batch::default();
        match self.receiver.recv().await {
            Ok(event) => batch.push(event),
            Err(RecvError::Lagged(_)) => return Some(Err(Lagged)),
            Err(RecvError::Closed) => return None,
        }
        sleep_until(self.next_batch_at).await;
        loop {
            match self.receiver.try_recv() {
                Ok(event) => batch.push(event),
                Err(TryRecvError::Lagged(_)) => return Some(Err(Lagged)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        self.next_batch_at = Instant::now() + BATCH_EVERY;
        Some(Ok(batch.into_events()))
    }
}

/// Events in their order, of which a later one about the same thing replaces the earlier.
#[derive(Default)]
struct Batch {
    events: Vec<Option<Arc<Numbered>>>,
    last: HashMap<String, usize>,
}

impl Batch {
    fn push(&mut self, event: Arc<Numbered>) {
        let about = match &event.event {
            Event::DeviceChanged { device } => format!("device {}", device.id),
            Event::DeviceForgotten { id } => format!("device {id}"),
            Event::RunChanged { run } => format!("run {}", run.id),
            Event::TakeoverChanged { takeover } => format!("takeover {}", takeover.id),
            Event::SearchChanged { .. } => "search".to_owned(),
            Event::AccountChanged { .. } => "account".to_owned(),
            Event::CheckChanged { .. } => "check".to_owned(),
            Event::ConnectionChanged { .. } => "connection".to_owned(),
            Event::MoveChanged { .. } => "move".to_owned(),
        };
        if let Some(earlier) = self.last.insert(about, self.events.len())
            && let Some(replaced) = self.events.get_mut(earlier)
        {
            *replaced = None;
        }
        self.events.push(Some(event));
    }

    fn into_events(self) -> Vec<Numbered> {
        self.events.into_iter().flatten().map(|event| (*event).clone()).collect()
    }
}

/// For readers that want one device once it fulfils a condition.
pub(super) fn find<'a>(state: &'a State, id: &str) -> Option<&'a Device> {
    if let Some(known) = state.device(id) {
        return Some(&known.view);
    }
    let id = id.to_lowercase();
    state
        .devices()
        .map(|known| &known.view)
        .find(|device| device.id.to_lowercase() == id || device.di.to_lowercase() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_and_the_events_after_it_fit_together() {
        let mut state = State::new(None, None, HashSet::new());
        let mut subscription = state.subscribe();
        state.change_device("a", |known| known.view.name = "Lamp".to_owned());
        let snapshot = state.snapshot();
        state.change_device("a", |known| known.view.name = "Reading lamp".to_owned());
        let batch = subscription.next().await.expect("open").expect("in time");
        let after: Vec<_> = batch.into_iter().filter(|event| event.sequence > snapshot.sequence).collect();
        assert_eq!(after.len(), 1);
        assert!(matches!(&after[0].event, Event::DeviceChanged { device } if device.name == "Reading lamp"));
    }

    #[tokio::test(start_paused = true)]
    async fn of_many_changes_to_one_thing_a_batch_holds_the_last() {
        let mut state = State::new(None, None, HashSet::new());
        let mut subscription = state.subscribe();
        for n in 0..100 {
            state.change_device("a", |known| known.view.name = format!("{n}"));
            state.change_device("b", |known| known.view.name = format!("{n}"));
        }
        let batch = subscription.next().await.expect("open").expect("in time");
        assert_eq!(batch.iter().map(|event| event.sequence).collect::<Vec<_>>(), [199, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_is_too_slow_is_told() {
        let mut state = State::new(None, None, HashSet::new());
        let mut subscription = state.subscribe();
        for n in 0..=MAX_BEHIND {
            state.change_device("a", |known| known.view.name = format!("{n}"));
        }
        assert_eq!(subscription.next().await, Some(Err(Lagged)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_change_is_not_told() {
        let mut state = State::new(None, None, HashSet::new());
        state.change_device("a", |_| ());
        let before = state.snapshot().sequence;
        state.change_device("a", |_| ());
        assert_eq!(state.snapshot().sequence, before);
    }
}
