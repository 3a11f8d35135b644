//! One device that runs: its values and knobs under one lock, and the channels by which its parts hear of each other.
//!
//! Scope: what happens to a request between the path it came by and the model, and who is told of what changed. The two
//! paths (`lan`, `remote`) call [`Unit::hear`] and then [`Unit::carry_out`]. Non-scope: sockets and sessions.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_protocol::crudn::{Href, Request, Response, Status};
use homeward_protocol::ownership::keys::{KEY_BLOCK, Key};
use serde_json::{Map, Value};
use tokio::sync::{Notify, broadcast, watch};
use zeroize::Zeroizing;

use crate::cast::Identity;
use crate::event::Event;
use crate::journal::Journal;
use crate::knobs::{self, Knobs};
use crate::lan::Lan;
use crate::model::{Answered, Asker, Change, Login, Model, RaStatus, Via, resource::Refusal};

/// How many changes one path may be behind before it has to read the values itself.
const CHANGES: usize = 64;

/// What becomes of a request that arrived.
#[derive(Debug)]
pub(crate) enum Heard {
    /// Nothing, and no answer.
    Silence,
    /// Carry it out after so long; the number is for [`Unit::carry_out`].
    Proceed { number: u64, delay: Duration },
}

/// What the device's XMPP side shall be doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Grows whenever it shall be tried anew.
    pub(crate) serial: u64,
    pub(crate) what: Wanted,
}

/// See [`Wish`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Signed out: server or account is not set.
    Nothing,
    /// Signed out: there is no power.
    NoPower,
    /// Signed out, and this is given as the reason.
    Fail(String),
    /// Signed in.
    SignIn(Login),
}

/// One running device.
#[derive(Debug)]
pub(crate) struct Unit {
    pub(crate) identity: Identity,
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
    /// Moves whenever anything that a test may wait for is different.
    stirred: watch::Sender<u64>,
    wish: watch::Sender<Wish>,
    events: broadcast::Sender<Event>,
    save: Arc<Notify>,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) model: Model,
    pub(crate) knobs: Knobs,
    pub(crate) journal: Journal,
    pub(crate) powered: bool,
    pub(crate) lan: Option<Lan>,
    /// The full JID, while signed in.
    pub(crate) jid: Option<String>,
}

impl Unit {
    pub(crate) fn new(model: Model, events: broadcast::Sender<Event>, save: Arc<Notify>) -> Self {
        let identity = model.identity.clone();
        let state =
            State { model, knobs: Knobs::default(), journal: Journal::default(), powered: true, lan: None, jid: None };
        let unit = Self {
            identity,
            state: Mutex::new(state),
            changes: broadcast::channel(CHANGES).0,
            stirred: watch::channel(0).0,
            wish: watch::channel(Wish { serial: 0, what: Wanted::Nothing }).0,
            events,
            save,
        };
        unit.wish_anew(false);
        unit
    }

    /// The state. Held for moments only, and never across an await.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    pub(crate) fn stirred(&self) -> watch::Receiver<u64> {
        self.stirred.subscribe()
    }

    pub(crate) fn wish(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }

    /// Takes a request in and writes it down.
    pub(crate) fn hear(&self, request: &Request, via: Via, from: &str) -> Heard {
        let mut state = self.state();
        let number = state.journal.arrived(request, via, from, false);
        let heard =
            if state.knobs.silent { Heard::Silence } else { Heard::Proceed { number, delay: state.knobs.delay } };
        drop(state);
        self.stir();
        heard
    }

    /// Writes down that a request came once more. It is not carried out again.
    pub(crate) fn hear_again(&self, request: &Request, via: Via, from: &str) {
        self.state().journal.arrived(request, via, from, true);
        self.stir();
    }

    /// Writes down that a request was refused before it reached the model.
    pub(crate) fn note(&self, number: u64, status: Status) {
        self.state().journal.answered(number, status, false);
        self.stir();
    }

    /// Carries a request out. None: it is done, and the answer is not to be sent.
    pub(crate) fn carry_out(&self, number: u64, request: &Request, via: Via, asker: Asker) -> Option<Response> {
        let mut state = self.state();
        let State { model, knobs, journal, .. } = &mut *state;
        let objection = knobs.object(request.method, request.href.path());
        let done = match objection {
            Some(objection) => Answered::refused(Refusal::new(objection.status, objection.words)),
            None => model.answer(request, via, asker, knobs),
        };
        let Answered { response, changes, account_written, effects } = done;
        let pin = model.ownership.as_ref().and_then(|one| one.pin()).filter(|_| effects.shows_pin).map(str::to_owned);
        let di = model.di();
        journal.answered(number, response.status, response.status.is_success());
        let swallowed = knobs::take(&mut knobs.swallows);
        let was_in_error = model.remote.as_ref().is_some_and(|remote| matches!(remote.status, RaStatus::Error(_)));
        drop(state);
        let account_changed = changes.iter().any(|change| self.is_remote_access(&change.href));
        self.publish(changes);
        if account_written && (account_changed || was_in_error) {
            self.wish_anew(true);
        }
        if let Some(pin) = pin {
            self.tell(Event::Pin { di, pin });
        }
        if effects.renamed || effects.reset {
            self.wish_anew(true);
            self.save.notify_one();
        }
        self.stir();
        (!swallowed).then_some(response)
    }

    /// The key of a session that somebody opens under this name, and who they are then.
    pub(crate) fn key(&self, identity: &[u8]) -> Option<(Key, Asker)> {
        self.state().model.ownership.as_mut()?.key(identity)
    }

    /// Whether a session may be opened without any key now.
    pub(crate) fn takes_anybody(&self) -> bool {
        self.state().model.ownership.as_mut().is_some_and(|ownership| ownership.offered() == Some(0))
    }

    /// Somebody has opened the session of a transfer of ownership.
    pub(crate) fn transfer_opened(&self, block: Zeroizing<[u8; KEY_BLOCK]>) {
        if let Some(ownership) = self.state().model.ownership.as_mut() {
            ownership.transfer_opened(block);
        }
        self.stir();
    }

    /// And it is closed.
    pub(crate) fn transfer_closed(&self) {
        if let Some(ownership) = self.state().model.ownership.as_mut() {
            ownership.transfer_closed();
        }
        self.save.notify_one();
        self.stir();
    }

    /// What a GET shows now, for a notification: not written down, not refused, not delayed. None: keep silent.
    pub(crate) fn show(&self, href: &Href, via: Via, asker: Asker) -> Option<Response> {
        let mut state = self.state();
        if state.knobs.silent {
            return None;
        }
        let State { model, knobs, .. } = &mut *state;
        Some(model.answer(&Request::get(href.clone()), via, asker, knobs).response)
    }

    /// Whether a GET of it can be an observation now.
    pub(crate) fn is_observable(&self, href: &Href) -> bool {
        let state = self.state();
        !state.knobs.ignores_observe && state.model.is_observable(href)
    }

    /// Changes a value as somebody at the device would.
    pub(crate) fn set_from_within(&self, href: &Href, value: &Map<String, Value>) {
        let changes = self.state().model.set_from_within(href, value);
        self.publish(changes);
        self.stir();
    }

    /// Turns knobs. What depends on them follows.
    pub(crate) fn turn(&self, turn: impl FnOnce(&mut Knobs)) {
        turn(&mut self.state().knobs);
        self.wish_anew(false);
        self.stir();
    }

    /// Puts the device on power or off it, as far as its XMPP side is concerned.
    pub(crate) fn set_power(&self, powered: bool) {
        self.state().powered = powered;
        self.wish_anew(false);
        self.stir();
    }

    /// Says where the device answers on the local network now.
    pub(crate) fn set_lan(&self, lan: Option<Lan>, endpoints: Vec<SocketAddr>, secure_port: Option<u16>) {
        let mut state = self.state();
        state.model.endpoints = endpoints;
        state.model.secure_port = secure_port;
        let before = std::mem::replace(&mut state.lan, lan);
        drop(state);
        drop(before);
        self.stir();
    }

    /// Reports how the XMPP connection is (RA-4).
    pub(crate) fn report(&self, status: RaStatus, jid: Option<String>) {
        let mut state = self.state();
        let Some(remote) = state.model.remote.as_mut() else { return };
        let changed = remote.status != status;
        remote.status = status.clone();
        state.jid.clone_from(&jid);
        drop(state);
        if changed {
            let (word, reason) = match status {
                RaStatus::Error(reason) => ("Error", Some(reason)),
                other => (other.as_str(), None),
            };
            self.tell(Event::Xmpp { di: self.state().model.di(), state: word, reason, jid });
        }
        self.stir();
    }

    /// Works out what the XMPP side shall do; with `again`, even if that is what it was doing.
    pub(crate) fn wish_anew(&self, again: bool) {
        let state = self.state();
        let login = state.model.remote.as_ref().and_then(|remote| remote.login());
        let what = match (&state.knobs.reports_error, login) {
            _ if !state.powered => Wanted::NoPower,
            (_, None) => Wanted::Nothing,
            (Some(reason), _) => Wanted::Fail(reason.clone()),
            (None, Some(login)) => Wanted::SignIn(login),
        };
        drop(state);
        let cleared = what == Wanted::Nothing;
        self.wish.send_if_modified(|wish| {
            let modified = again || wish.what != what;
            if modified {
                *wish = Wish { serial: wish.serial.wrapping_add(1), what };
            }
            modified
        });
        if cleared {
            self.report(RaStatus::NotInitialized, None);
        }
    }

    fn is_remote_access(&self, href: &Href) -> bool {
        self.state().model.remote.as_ref().is_some_and(|remote| remote.xmpp == *href || remote.user == *href)
    }

    fn publish(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let di = self.state().model.di();
        for change in changes {
            self.tell(Event::Value {
                di: di.clone(),
                href: change.href.clone(),
                value: change.value.clone(),
                via: change.via,
            });
            let _ = self.changes.send(change);
        }
        self.save.notify_one();
    }

    fn tell(&self, event: Event) {
        // Nobody listening is fine.
        let _ = self.events.send(event);
    }

    fn stir(&self) {
        self.stirred.send_modify(|count| *count = count.wrapping_add(1));
    }
}
