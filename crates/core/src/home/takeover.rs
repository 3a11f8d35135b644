//! Taking a device over: it becomes ours, and is talked to over secured sessions from then on. And giving it up.
//!
//! Scope: one transfer of ownership from the first question to the proof, what is kept of it, its end. Non-scope: the
//! requests and their order (`protocol::ownership`), DTLS (`lan`).
//!
//! A device has another id once it is ours. What it was before is forgotten here; the new one comes with its first answer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response};
use homeward_protocol::oic::security::{DOXM_URI, Doxm, Ownership as Whose};
use homeward_protocol::onboarding::LeftOnDevice;
use homeward_protocol::ownership::Method;
use homeward_protocol::ownership::keys::{self, Key};
use homeward_protocol::ownership::transfer::{self, Asked, Step, Terms};
use homeward_protocol::secret::Secret;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::Inner;
use super::control::{self, lan_error};
use super::devices::Known;
use super::reachable::away;
use super::state::{State, now_ms};
use crate::error::{Code, Error};
use crate::lan::{LanClient, LanDevice, LanError, Place, Session, SessionError};
use crate::store::{Ownership, SlotLock};
use crate::view::{Keyring, Owned, Path, Security, Takeover, TakeoverLeft, TakeoverState};

/// Our choice: what a person does to one transfer and it has not seen yet.
const ANSWERS: usize = 4;
/// Our choice: how often a PIN may be wrong. A device may show another one, or none, after a few.
const MAX_WRONG_PINS: u32 = 5;
/// Our choice: so long a person may take to find the PIN. The device waits about as long.
const PIN_WITHIN: Duration = Duration::from_secs(300);
/// Our choice: how long one request of a transfer may take, all five transmissions included (RFC 7252 §4.8.2).
const ANSWERS_WITHIN: Duration = Duration::from_secs(45);
/// Our choice: how long a handshake may take, on a network that loses much.
const OPENS_WITHIN: Duration = Duration::from_secs(20);
/// Our choice: how long a device may take to be found under its new id.
const FOUND_WITHIN: Duration = Duration::from_secs(20);
/// Our choice: how soon it is asked again who it is now.
const LOOKS_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The transfers that are under way, by the devices' keys.
#[derive(Default)]
pub(super) struct Takeovers(Mutex<HashMap<String, mpsc::Sender<Said>>>);

/// What a person says to a transfer.
enum Said {
    Pin(Secret),
    Cancel,
}

impl Takeovers {
    fn under_way(&self) -> MutexGuard<'_, HashMap<String, mpsc::Sender<Said>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a transfer ended, but well.
enum End {
    Failed(Error, TakeoverLeft),
    Cancelled(TakeoverLeft),
}

impl From<Error> for End {
    /// Of before anything was written to the device.
    fn from(error: Error) -> Self {
        End::Failed(error, TakeoverLeft::Nothing)
    }
}

/// A device that is being taken over, and where it stands.
struct Transfer<'a> {
    inner: &'a Arc<Inner>,
    shown: Takeover,
    device: LanDevice,
    /// Where it answers in the clear.
    at: SocketAddr,
    said: mpsc::Receiver<Said>,
}

impl Inner {
    /// Begins to take a device over; by the safest method that it offers, if none is named.
    pub(super) fn take_over(self: &Arc<Self>, id: &str, method: Option<Method>) -> Result<Takeover, Error> {
        let shown = self.device_now(id)?;
        let id = shown.id;
        match shown.lan.ok_or_else(away)?.security {
            Security::Unowned | Security::InTransfer => {}
            Security::None => return Err(Error::new(Code::NotNow, "the device has no secure channel")),
            Security::Ours => return Err(Error::new(Code::NotNow, "the device is yours already")),
            Security::OwnedByAnother => return Err(owned_by_another()),
            Security::ResetNeeded => {
                let words = "its key is not at hand: it comes from a backup, or the device has to be reset by hand";
                return Err(Error::new(Code::KeyMissing, words));
            }
        }
        let device = self.lan_device(&id).ok_or_else(away)?;
        let method = method.or_else(|| device.methods.first().copied());
        let method =
            method.ok_or_else(|| Error::new(Code::MethodNotOffered, "the device offers no way that we know"))?;
        let at = device.endpoints.first().copied();
        let at = at.ok_or_else(|| Error::new(Code::NotReachable, "the device has no address"))?;
        let (say, said) = mpsc::channel(ANSWERS);
        {
            let mut under_way = self.takeovers.under_way();
            if under_way.contains_key(&id) {
                return Err(Error::new(Code::NotNow, "the device is being taken over"));
            }
            under_way.insert(id.clone(), say);
        }
        let shown = Takeover { id: id.clone(), method, state: TakeoverState::Asking, started_at_ms: now_ms() };
        self.state().set_takeover(shown.clone());
        let inner = self.clone();
        let begun = shown.clone();
        tokio::spawn(async move {
            let mut transfer = Transfer { inner: &inner, shown, device, at, said };
            let state = match transfer.run().await {
                Ok(new_id) => TakeoverState::Owned { new_id },
                Err(End::Failed(error, left)) => TakeoverState::Failed { error, left },
                Err(End::Cancelled(left)) => TakeoverState::Cancelled { left },
            };
            // Before it is told: who hears of its end may begin anew.
            inner.takeovers.under_way().remove(&transfer.shown.id);
            transfer.show(state);
        });
        Ok(begun)
    }

    /// The PIN that the device shows.
    pub(super) fn answer_pin(&self, id: &str, pin: Secret) -> Result<(), Error> {
        let waits = matches!(self.state().takeover(id).map(|one| &one.state), Some(TakeoverState::PinNeeded { .. }));
        let under_way = self.takeovers.under_way();
        let say = under_way.get(id).filter(|_| waits);
        let say = say.ok_or_else(|| Error::new(Code::NotNow, "no PIN is asked for now"))?;
        say.try_send(Said::Pin(pin)).map_err(|_| Error::new(Code::NotNow, "a PIN is being tried"))
    }

    /// Stops a transfer; the device is told.
    pub(super) fn cancel_takeover(&self, id: &str) {
        if let Some(say) = self.takeovers.under_way().get(id) {
            let _ = say.try_send(Said::Cancel);
        }
    }

    /// Does what is left of a transfer that was cut short after the device had become ours.
    pub(super) async fn finish_takeover(&self, id: &str) -> Result<(), Error> {
        // Its whole list: what is not in there it would let nobody do.
        self.described_on_lan(id).await;
        let (ownership, lan) = self.ours(id)?;
        let place = self.secured_place(id)?;
        let network = self.lan()?;
        for asked in transfer::from_provisioning(&terms(&ownership, &lan)) {
            let answer = network.request(&place, &asked.request, ANSWERS_WITHIN).await;
            taken(&asked, &answer.map_err(|error| lan_error(&error, asked.request.method))?)?;
        }
        self.keep_as_ours(&Ownership { step: None, ..ownership })
    }

    /// Where a transfer was cut short between the device's old rules and its new ones, nobody finds it: it is told to answer
    /// again, where it was then.
    pub(super) async fn bring_to_light(&self, ownership: &Ownership) -> Result<(), Error> {
        let place = Place::Secured { device: ownership.device, at: ownership.at.clone() };
        let request = transfer::lets_itself_be_found();
        let answer = self.lan()?.request(&place, &request, ANSWERS_WITHIN).await;
        let answer = answer.map_err(|error| lan_error(&error, request.method))?;
        if answer.status.is_success() { Ok(()) } else { Err(refused(&answer)) }
    }

    /// Gives a device up: it forgets us, its account and all that it was given.
    pub(super) async fn give_up(&self, id: &str) -> Result<(), Error> {
        let (ownership, lan) = self.ours(id)?;
        let place = self.secured_place(id)?;
        let request = transfer::reset();
        match self.lan()?.request(&place, &request, ANSWERS_WITHIN).await {
            Ok(answer) if answer.status.is_success() => {}
            Ok(answer) => return Err(refused(&answer)),
            Err(LanError::NoAnswer) if self.has_forgotten_us(&place, &lan).await => {}
            Err(error) => return Err(lan_error(&error, request.method)),
        }
        self.forget_ownership(ownership.device).await;
        self.leave_former(id, &lan);
        // It has nothing from here any more.
        self.store.run_ended(id, LeftOnDevice::AsBefore, false)?;
        self.lan()?.ask_at(lan.endpoints.clone()).await;
        Ok(())
    }

    /// A device of ours that is lost, or was reset by hand, is ours no longer.
    pub(super) async fn forget_key(&self, id: &str) -> Result<(), Error> {
        let device = Uuid::parse_str(id).ok();
        let ownership = device.map(|device| self.store.ownership(device)).transpose()?.flatten();
        let ownership = ownership.ok_or_else(not_ours)?;
        let can_be_asked = |known: &Known| known.holds(Path::Lan) && !known.lacks_key;
        if self.state().device(id).is_some_and(can_be_asked) {
            return Err(Error::new(Code::NotNow, "the device answers on this network: give it up, so that it knows"));
        }
        self.forget_ownership(ownership.device).await;
        Ok(())
    }

    /// Whether a device that did not answer to its reset has done it: it does not know our key any more, and says that nobody
    /// owns it.
    async fn has_forgotten_us(&self, place: &Place, lan: &LanDevice) -> bool {
        let (Ok(network), Ok(href), Some(at)) = (self.lan(), Href::new(DOXM_URI), lan.endpoints.first()) else {
            return false;
        };
        let request = Request::get(href);
        if !matches!(network.request(place, &request, OPENS_WITHIN).await, Err(LanError::NotProven)) {
            return false;
        }
        let answer = network.request(&Place::Clear(*at), &request, ANSWERS_WITHIN).await.ok();
        let doxm = answer.and_then(|answer| Doxm::read(answer.body.as_ref()?));
        doxm.is_some_and(|doxm| doxm.owned == Some(false))
    }

    /// A device that is, or may be, ours, as it answers on this network.
    fn ours(&self, id: &str) -> Result<(Ownership, LanDevice), Error> {
        let lan = self.lan_device(id).ok_or_else(away)?;
        let device = Uuid::parse_str(&lan.di).map_err(|_| not_ours())?;
        Ok((self.store.ownership(device)?.ok_or_else(not_ours)?, lan))
    }

    fn secured_place(&self, id: &str) -> Result<Place, Error> {
        let state = self.state();
        let place = state.device(id).and_then(|known| known.place(&known.lan.as_ref()?.device));
        place
            .filter(|place| matches!(place, Place::Secured { .. }))
            .ok_or_else(|| Error::new(Code::NotReachable, "the device names no secured endpoint"))
    }

    /// Keeps how far a device is ours, and shows it.
    pub(super) fn keep_as_ours(&self, ownership: &Ownership) -> Result<(), Error> {
        self.store.keep_ownership(ownership)?;
        self.state().set_owned(&ownership.device.to_string(), Some(owned(ownership)));
        Ok(())
    }

    async fn forget_ownership(&self, device: Uuid) {
        if let Some(lan) = self.lan.get() {
            lan.end_session(device);
        }
        self.owner.remove(device);
        if let Err(words) = self.passwords.forget_device_key(device).await {
            tracing::warn!("the key of a device that is not ours any more could not be removed: {words}");
        }
        if let Err(error) = self.store.forget_ownership(device) {
            tracing::warn!("that a device is not ours any more could not be written down: {error}");
        }
        self.state().set_owned(&device.to_string(), None);
    }

    /// Nobody answers under this id any more.
    fn leave_former(&self, id: &str, device: &LanDevice) {
        if let Some(lan) = self.lan.get() {
            lan.forget(&device.di);
        }
        let mut state = self.state();
        if let Err(error) = self.store.forget_device(id) {
            tracing::warn!("a device could not be forgotten: {error}");
        }
        state.set_given(id, None);
        state.forget_device(id);
    }

    /// A device has become ours, whose key another computer had: what answered under its id until then was taken for it, and
    /// has to prove that now.
    pub(super) fn has_key_now(&self, id: &str) {
        if let (Some(lan), Some(network)) = (self.lan_device(id), self.lan.get()) {
            network.look_at(lan.endpoints);
        }
    }

    /// The keys of all devices of ours, from the keyring. What was cut short before a device had become ours is cleared
    /// away.
    pub(super) async fn load_keys(&self) {
        let goes_on = |by| by != self.uuid && SlotLock::is_held(&self.config.folder, by);
        let mut hidden = Vec::new();
        for ownership in self.store.ownerships().unwrap_or_default() {
            if !ownership.is_ours() {
                if !goes_on(ownership.by) {
                    self.forget_ownership(ownership.device).await;
                }
                continue;
            }
            match self.passwords.device_key(ownership.device).await {
                Ok(Some(key)) => {
                    self.owner.add(ownership.device, ownership.owner, key);
                    if ownership.step == Some(Step::Access) && !goes_on(ownership.by) {
                        hidden.push(ownership);
                    }
                }
                Ok(None) => tracing::warn!("the keyring has no key of {}", ownership.device),
                Err(words) => {
                    tracing::warn!("the keys of devices cannot be read: {words}");
                    break;
                }
            }
        }
        self.owner.complete();
        if let Some(lan) = self.lan.get() {
            lan.keys_are_read();
        }
        for ownership in hidden {
            if let Err(error) = self.bring_to_light(&ownership).await {
                tracing::warn!("{}, whose transfer was cut short, cannot be reached: {error}", ownership.device);
            }
        }
    }
}

impl Transfer<'_> {
    /// The whole transfer; returns the device's new key.
    async fn run(&mut self) -> Result<String, End> {
        // A device whose key was lost has to be reset by hand: without a keyring none is taken.
        if let Keyring::Unavailable { details } = self.inner.passwords.probe().await {
            let error = Error::new(Code::KeyringUnavailable, "there is no keyring to keep the device's key in");
            return Err(error.with_details(details).into());
        }
        // Its whole list: what is not in there it would let nobody do.
        let described = tokio::select! {
            described = self.inner.described_on_lan(&self.shown.id) => described,
            () = cancelled(&mut self.said) => return Err(End::Cancelled(TakeoverLeft::Nothing)),
        };
        self.device = described.ok_or_else(away)?;
        let uuid = self.choose().await?;
        let (session, at) = self.open(uuid).await?;
        let outcome = self.hand_over(session, at).await;
        if let Err(End::Failed(error, left)) = &outcome {
            tracing::warn!("{} was not taken over: {error} ({left:?})", self.shown.id);
        }
        outcome
    }

    /// In the clear: whether the device can be taken over, and that it shall be by our method. Returns its id as it counts
    /// for the PIN.
    async fn choose(&mut self) -> Result<Uuid, End> {
        let doxm = Href::new(DOXM_URI).map_err(|error| Error::new(Code::Internal, error.to_string()))?;
        let answer = self.in_the_clear(Request::get(doxm)).await?;
        let doxm = answer.body.as_ref().and_then(Doxm::read).ok_or_else(bad_answer)?;
        match doxm.ownership(None) {
            Whose::Unowned => {}
            Whose::InTransfer => {
                return Err(Error::new(Code::InTransfer, "somebody is taking the device over at this moment").into());
            }
            Whose::Ours | Whose::AnothersOrHidden => return Err(owned_by_another().into()),
        }
        if !Method::offered(&doxm).any(|offered| offered == self.shown.method) {
            return Err(Error::new(Code::MethodNotOffered, "the device does not offer to be taken over so").into());
        }
        let device = doxm.device.and_then(|device| Uuid::parse_str(device.as_str()).ok()).ok_or_else(bad_answer)?;
        self.in_the_clear(transfer::choose(self.shown.method)).await?;
        Ok(device)
    }

    async fn in_the_clear(&mut self, request: Request) -> Result<Response, End> {
        let place = Place::Clear(self.at);
        let asked = self.inner.lan()?.request(&place, &request, ANSWERS_WITHIN);
        let answer = tokio::select! {
            answer = asked => answer.map_err(|error| lan_error(&error, request.method))?,
            () = cancelled(&mut self.said) => return Err(End::Cancelled(TakeoverLeft::Nothing)),
        };
        if answer.status.is_success() { Ok(answer) } else { Err(refused(&answer).into()) }
    }

    /// The session of the method; a wrong PIN is asked for again.
    async fn open(&mut self, device: Uuid) -> Result<(Session, SocketAddr), End> {
        let mut wrong = 0;
        loop {
            let key = match self.shown.method {
                Method::JustWorks => None,
                Method::Pin => Some(Key::of_pin(self.pin(wrong).await?.expose().trim(), device)),
            };
            self.show(TakeoverState::Opening);
            let mut why = SessionError::NoAnswer;
            for at in self.device.secured_endpoints() {
                let deadline = Instant::now() + OPENS_WITHIN;
                let opened = async {
                    match &key {
                        Some(key) => Session::with_key(at, keys::PIN_IDENTITY.as_bytes(), key, deadline).await,
                        None => Session::just_works(at, deadline).await,
                    }
                };
                tokio::select! {
                    opened = opened => match opened {
                        Ok(session) => return Ok((session, at)),
                        Err(error) => why = error,
                    },
                    () = cancelled(&mut self.said) => return Err(End::Cancelled(TakeoverLeft::Nothing)),
                }
            }
            match why {
                SessionError::OtherKey | SessionError::Refused(_) if key.is_some() && wrong + 1 < MAX_WRONG_PINS => {
                    wrong += 1;
                }
                SessionError::OtherKey | SessionError::Refused(_) if key.is_some() => {
                    return Err(Error::new(Code::PinWrong, "the PIN was wrong too often").into());
                }
                SessionError::Refused(words) => {
                    let refused = Error::new(Code::SessionRefused, "the device refuses the session");
                    return Err(refused.with_details(words).into());
                }
                why => return Err(Error::new(Code::NotReachable, why.to_string()).into()),
            }
        }
    }

    /// What the person types.
    async fn pin(&mut self, wrong: u32) -> Result<Secret, End> {
        self.show(TakeoverState::PinNeeded { wrong });
        match timeout(PIN_WITHIN, self.said.recv()).await {
            Ok(Some(Said::Pin(pin))) => Ok(pin),
            Ok(Some(Said::Cancel) | None) => Err(End::Cancelled(TakeoverLeft::Nothing)),
            Err(_) => Err(Error::new(Code::Cancelled, "no PIN was typed in time").into()),
        }
    }

    /// Over the session: the device becomes ours. Then it has to prove it.
    async fn hand_over(&mut self, session: Session, at: SocketAddr) -> Result<String, End> {
        let block = session.key_block();
        let client = LanClient::over(session);
        let owner = match self.owner().await {
            Ok(owner) => owner,
            Err(error) => {
                client.end().await;
                return Err(End::Failed(error, TakeoverLeft::Waiting));
            }
        };
        let mut ownership = Ownership {
            device: keys::owner_id(Uuid::new_v4),
            owner,
            former: self.shown.id.clone(),
            name: self.device.name.clone().unwrap_or_default(),
            method: self.shown.method,
            step: Some(Step::Owner),
            since_ms: now_ms(),
            at: self.device.secured_endpoints(),
            by: self.inner.uuid,
        };
        let key = Key::of_owner(&block, self.shown.method, owner, ownership.device);
        let written = self.write(&client, at, &mut ownership, &key).await;
        // Whatever came of it: a device that hears no end of a transfer takes nobody for minutes.
        client.end().await;
        let is_ours = ownership.is_ours();
        if is_ours {
            self.inner.leave_former(&self.shown.id, &self.device);
            self.inner.state().set_owned(&ownership.device.to_string(), Some(owned(&ownership)));
            self.inner.owner.add(ownership.device, owner, key);
        } else {
            self.inner.forget_ownership(ownership.device).await;
        }
        if let Err(end) = written {
            return Err(match end {
                End::Failed(error, _) if is_ours => End::Failed(error, TakeoverLeft::Unfinished),
                End::Failed(error, _) => End::Failed(error, TakeoverLeft::Waiting),
                End::Cancelled(_) => End::Cancelled(TakeoverLeft::Waiting),
            });
        }
        self.show(TakeoverState::Proving);
        self.prove(&ownership).await.map_err(|error| End::Failed(error, TakeoverLeft::Unfinished))
    }

    /// Our id as an owner: the one that is kept, or a new one.
    async fn owner(&self) -> Result<Uuid, Error> {
        let words = |words| Error::new(Code::KeyringUnavailable, "the keyring failed").with_details(words);
        let passwords = &self.inner.passwords;
        if let Some(owner) = passwords.owner().await.map_err(words)? {
            return Ok(owner);
        }
        let owner = keys::owner_id(Uuid::new_v4);
        passwords.set_owner(owner).await.map_err(words)?;
        Ok(owner)
    }

    /// All requests, each step journalled before it is written; the key is kept before the device has it.
    async fn write(
        &mut self,
        client: &LanClient,
        at: SocketAddr,
        ownership: &mut Ownership,
        key: &Key,
    ) -> Result<(), End> {
        let (mut shown, mut is_owned) = (None, false);
        for asked in transfer::over_the_session(&terms(ownership, &self.device)) {
            if shown != Some(asked.step) {
                shown = Some(asked.step);
                self.show(TakeoverState::Writing { step: asked.step });
                if asked.step == Step::Key {
                    let kept = self.inner.passwords.set_device_key(ownership.device, key).await;
                    kept.map_err(|words| {
                        Error::new(Code::KeyringUnavailable, "the keyring does not keep the device's key")
                            .with_details(words)
                    })?;
                }
                self.inner.store.keep_ownership(&Ownership { step: shown, ..ownership.clone() })?;
                ownership.step = shown;
            }
            let answered = client.request(at, &asked.request, ANSWERS_WITHIN);
            let answer = tokio::select! {
                answer = answered => answer.map_err(|error| lan_error(&error, asked.request.method))?,
                // From there on it takes a few moments, and the device would be left as nobody can use it.
                () = cancelled(&mut self.said), if asked.step < Step::Owned => {
                    return Err(End::Cancelled(TakeoverLeft::Waiting));
                }
            };
            if let Err(error) = taken(&asked, &answer) {
                // It says itself that it has not become ours.
                ownership.step = ownership.step.filter(|step| *step != Step::Owned || is_owned).or(Some(Step::Key));
                return Err(error.into());
            }
            is_owned |= asked.step == Step::Owned;
        }
        Ok(())
    }

    /// The device is found under its new id, and proves over a session of the owner's that it is ours.
    async fn prove(&mut self, ownership: &Ownership) -> Result<String, Error> {
        let network = self.inner.lan()?;
        let new_id = ownership.device.to_string();
        let places = self.device.endpoints.clone();
        let found = |state: &State| state.device(&new_id)?.lan.as_ref().map(|lan| lan.device.secured_endpoints());
        let looking = async {
            loop {
                network.ask_at(places.clone()).await;
                if let Ok(Some(at)) = timeout(LOOKS_AGAIN_AFTER, self.inner.until(found)).await {
                    return at;
                }
            }
        };
        let nowhere = |_| Error::new(Code::NotReachable, "the device was not found again under its new id");
        let at = timeout(FOUND_WITHIN, looking).await.map_err(nowhere)?;
        let until = Instant::now() + ANSWERS_WITHIN;
        let proven = loop {
            match network.prove(ownership.device, &at, ANSWERS_WITHIN).await {
                // On a bad network a whole handshake may be lost.
                Err(LanError::NoAnswer | LanError::NotSent(_)) if Instant::now() < until => {
                    sleep(LOOKS_AGAIN_AFTER).await;
                }
                proven => break proven,
            }
        };
        proven.map_err(|error| lan_error(&error, homeward_protocol::crudn::Method::Get))?;
        self.inner.keep_as_ours(&Ownership { step: None, ..ownership.clone() })?;
        network.refresh(&new_id);
        // It may have been read under its new id before it was ours, and then nothing of it changes any more.
        tokio::spawn(self.inner.clone().ask_as_owner(new_id.clone()));
        Ok(new_id)
    }

    fn show(&mut self, state: TakeoverState) {
        self.shown.state = state;
        self.inner.state().set_takeover(self.shown.clone());
    }
}

/// The person stops it; a PIN that comes meanwhile was not asked for.
async fn cancelled(said: &mut mpsc::Receiver<Said>) {
    loop {
        match said.recv().await {
            Some(Said::Cancel) => return,
            Some(Said::Pin(_)) => {}
            None => std::future::pending().await,
        }
    }
}

/// What readers see of it.
pub(super) fn owned(ownership: &Ownership) -> Owned {
    Owned { since_ms: ownership.since_ms, method: ownership.method, complete: ownership.step.is_none() }
}

/// Its Remote Access is the owner's alone; so is all that it has.
fn terms(ownership: &Ownership, device: &LanDevice) -> Terms {
    let remote_access: Vec<Href> =
        [&device.xmpp, &device.user].into_iter().flatten().map(|ra| ra.href.clone()).collect();
    let is_own = |href: &&Href| !href.path().starts_with("/oic/") && !remote_access.contains(href);
    let own = device.links.iter().map(|link| &link.href).filter(is_own).cloned().collect();
    Terms { owner: ownership.owner, device: ownership.device, remote_access, own }
}

fn taken(asked: &Asked, answer: &Response) -> Result<(), Error> {
    if asked.is_taken(answer) { Ok(()) } else { Err(refused(answer)) }
}

fn not_ours() -> Error {
    Error::new(Code::NotNow, "the device is not yours")
}

/// A failure that the device answered with.
fn refused(answer: &Response) -> Error {
    control::refused(answer.status, answer.diagnostic.as_deref())
}

fn bad_answer() -> Error {
    Error::new(Code::BadAnswer, "what the device says of its owner could not be read")
}

fn owned_by_another() -> Error {
    Error::new(Code::OwnedByAnother, "somebody else owns the device")
}
