//! Requests to devices: which way, what became of them, and wishes that become facts.
//!
//! Scope: one request or one wish. A Create, Update or Delete is sent once, and takes the other path only where nothing
//! was sent; where its outcome is unknown, the resource is read and the truth shown. Non-scope: which paths there are
//! (`devices`) and which is better (`paths`), what is on screen (`watching`).

use std::time::Duration;

use homeward_protocol::crudn::{Href, Method, Request, Response, Status};
use homeward_protocol::oic::device::{DEVICE_URI, Description};
use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::oic::remote_access;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::changes::Turn;
use super::devices::{Known, fulfils, is_representation};
use super::paths::{Route, Routes};
use super::{Inner, state};
use crate::error::{Code, Error};
use crate::lan::{LanError, Place};
use crate::remote::{Arrival, RemoteError};
use crate::tap::Tap;
use crate::view::{Answer, Device, Path, Via};

/// Our choice: far longer than it takes from an answer to the news that its link is back.
const COMES_BACK_WITHIN: Duration = Duration::from_secs(2);
/// How many notifications a reader in the terminal may be behind.
const MAX_BEHIND: usize = 64;
/// Our choice: how long a device is asked whether it is still at its address, two transmissions (RFC 7252 §4.8).
const STILL_ITSELF_WITHIN: Duration = Duration::from_secs(4);

/// An observation under way; ends when dropped.
pub struct Observation {
    /// The path that it takes.
    pub via: Path,
    notifications: mpsc::Receiver<Result<Arrival, Error>>,
}

impl Observation {
    /// The next notification (the first is the value now); `None` once it has ended.
    pub async fn next(&mut self) -> Option<Result<Response, Error>> {
        Some(self.next_arrival().await?.map(|arrival| arrival.response))
    }

    /// The same, with when it came.
    pub(super) async fn next_arrival(&mut self) -> Option<Result<Arrival, Error>> {
        self.notifications.recv().await
    }
}

impl Inner {
    /// The device of that id; a `di` in any case will do.
    pub(super) fn device_now(&self, id: &str) -> Result<Device, Error> {
        state::find(&self.state(), id)
            .cloned()
            .ok_or_else(|| Error::new(Code::DeviceUnknown, format!("no device {id} is known")))
    }

    fn routes(&self, id: &str, via: Via, method: Method, href: &Href) -> Result<Routes, Error> {
        let state = self.state();
        let known =
            state.device(id).ok_or_else(|| Error::new(Code::DeviceUnknown, format!("no device {id} is known")))?;
        known.routes(via, method, href)
    }

    /// What a person asks. A device that leaves it unanswered may have left changes untold too: what is on screen of it
    /// is asked for anew.
    pub(super) async fn ask(&self, id: &str, request: &Request, via: Via) -> Result<Answer, Error> {
        self.ask_heard(id, request, via, None).await
    }

    /// The same; who listens in hears each path that it takes.
    pub(super) async fn ask_heard(
        &self,
        id: &str,
        request: &Request,
        via: Via,
        tap: Option<&Tap>,
    ) -> Result<Answer, Error> {
        let answered = self.send_heard(id, request, via, tap).await;
        if answered.as_ref().is_err_and(|error| matches!(error.code, Code::NoAnswer | Code::OutcomeUnknown)) {
            let mut state = self.state();
            state.change_known(id, |known| known.silences += 1);
            state.wake();
        }
        answered
    }

    /// One request, over the other path where the first one fails it; what it tells of the device's values is kept.
    pub(super) async fn send(&self, id: &str, request: &Request, via: Via) -> Result<Answer, Error> {
        self.send_heard(id, request, via, None).await
    }

    async fn send_heard(&self, id: &str, request: &Request, via: Via, tap: Option<&Tap>) -> Result<Answer, Error> {
        let Routes { first, second } = self.routes(id, via, request.method, &request.href)?;
        if let Some(tap) = tap {
            self.listen_in(&first, tap);
        }
        // Changes keep the order in which they were asked for, whichever path is tried first.
        let queued = |known: &mut Known| request.method.changes_things().then(|| known.changes.queue(&request.href));
        let turn = self.state().change_known(id, queued).flatten();
        let turn = turn.as_ref();
        let Some(second) = second else { return self.send_over(&first, id, request, turn, false).await };
        match self.send_over(&first, id, request, turn, true).await {
            Err(error) if left_undone(&error) => {
                tracing::info!("{id} over {:?}: {error}; now over {:?}", first.path(), second.path());
                if let Some(tap) = tap {
                    self.listen_in(&second, tap);
                }
                self.send_over(&second, id, request, turn, false).await
            }
            sent => sent,
        }
    }

    /// Over this path only. `another`: there is another one, so that a Retrieve is not waited for as long as it may take.
    async fn send_over(
        &self,
        route: &Route,
        id: &str,
        request: &Request,
        turn: Option<&Turn>,
        another: bool,
    ) -> Result<Answer, Error> {
        let path = route.path();
        let holds_password = self.holds_password(id, &request.href);
        if request.method.changes_things() && matches!(route, Route::Lan(Place::Clear(_))) && holds_password {
            // Consent is for one device and one run, and is written down there (RA-6).
            let words = "an account goes to a device in the clear only when the device is set up, and that was allowed";
            return Err(Error::new(Code::ConsentNeeded, words));
        }
        if let (Route::Lan(place), true) = (route, request.method.changes_things()) {
            self.is_still_itself(id, place).await?;
        }
        let most = self.config.request_deadline;
        let pace = self.state().device(id).map(|known| known.paths.pace(path)).unwrap_or_default();
        let deadline = match another && !request.method.changes_things() {
            true => pace.patience(most),
            false => pace.deadline(most),
        };
        let carried = match turn {
            None => self.carry(route, request, deadline).await,
            Some(turn) => {
                if self.state().change_known(id, |known| known.changes.begin(turn, path)) != Some(true) {
                    return Err(Error::new(Code::Cancelled, "it was not sent: a newer change has gone out"));
                }
                tokio::select! {
                    biased;
                    carried = self.carry(route, request, deadline) => carried,
                    () = turn.overtaken() => return Err(superseded()),
                }
            }
        };
        if let Err(error) = &carried {
            self.path_failed(id, path, error);
        }
        let (Arrival { mut response, at }, took) = carried?;
        if holds_password {
            // RA-7: what it holds is dropped at once, whoever asked.
            let jid = response.body.take().and_then(remote_access::take_jid).flatten();
            response.body = jid.map(|jid| serde_json::json!({ "jid": jid }));
        }
        let elapsed_ms = millis(took);
        self.state().change_known(id, |known| {
            known.measured(path, took);
            let told = response
                .body
                .clone()
                .filter(|body| response.status.is_success() && is_representation(body) && !holds_password);
            if let Some(value) = told {
                known.reported(&request.href, value, request.method == Method::Get, path, at);
            }
        });
        Ok(Answer {
            status: response.status.0,
            reason: response.status.reason().to_owned(),
            body: response.body,
            diagnostic: response.diagnostic,
            via: path,
            elapsed_ms,
        })
    }

    /// Before a change goes to an address on the network where the device has not said lately who it is: whether it is still
    /// the one that answers there (`Identity`). Addresses are given to others, and this computer goes elsewhere.
    /// Over a secured session it is by its key; there it may have gone meanwhile.
    async fn is_still_itself(&self, id: &str, place: &Place) -> Result<(), Error> {
        let Some(address) = place.address() else { return Ok(()) };
        if self.state().device(id).is_some_and(|known| known.paths.is_identified(address)) {
            return Ok(());
        }
        let request =
            Request::get(Href::new(DEVICE_URI).map_err(|error| Error::new(Code::Internal, error.to_string()))?);
        let asked = self.carry(&Route::Lan(place.clone()), &request, STILL_ITSELF_WITHIN).await;
        let told = asked.map(|(arrival, took)| {
            let description = arrival.response.body.as_ref().and_then(Description::read);
            (description.and_then(|description| description.di), took)
        });
        let itself = |known: &Known, di: &DeviceId| known.view.di.eq_ignore_ascii_case(di.as_str());
        let outcome = self.state().change_known(id, |known| match told {
            Ok((Some(di), took)) if itself(known, &di) => {
                known.measured(Path::Lan, took);
                known.paths.identified(address);
                Ok(())
            }
            Ok(_) => {
                known.paths.failed(Path::Lan);
                let words = format!("{} is not at its address on this network any more", known.view.name);
                Err(Error::new(Code::NotReachable, words))
            }
            Err(error) => {
                known.paths.failed(Path::Lan);
                Err(error)
            }
        });
        outcome.unwrap_or_else(|| Err(Error::new(Code::DeviceUnknown, format!("no device {id} is known"))))
    }

    /// Where a failure is the path's, the other one is taken before it for a while.
    pub(super) fn path_failed(&self, id: &str, path: Path, error: &Error) {
        let is_the_paths = matches!(
            error.code,
            Code::NotReachable
                | Code::NoAnswer
                | Code::OutcomeUnknown
                | Code::CutOff
                | Code::DeviceNotProven
                | Code::KeyMissing
        );
        if is_the_paths {
            self.state().change_known(id, |known| known.paths.failed(path));
        }
    }

    pub(super) fn holds_password(&self, id: &str, href: &Href) -> bool {
        self.state().device(id).is_some_and(|known| known.is_user_resource(href))
    }

    /// The request itself, and how long it took, without any book-keeping: onboarding uses it too.
    pub(super) async fn carry(
        &self,
        route: &Route,
        request: &Request,
        deadline: Duration,
    ) -> Result<(Arrival, Duration), Error> {
        let carried = match route {
            Route::Xmpp(line, jid) => {
                let answer = self.lines.at(*line).request(jid, request, deadline).await;
                answer.map_err(|error| remote_error(&error, request.method))
            }
            Route::Lan(place) => {
                let lan = self.lan()?;
                let began = Instant::now();
                let answer = lan.request(place, request, deadline).await;
                answer
                    .map(|response| (Arrival { response, at: Instant::now() }, began.elapsed()))
                    .map_err(|error| lan_error(&error, request.method))
            }
        };
        carried.map(|(arrival, took)| (without_members_passwords(arrival), took))
    }

    /// A wish: shown at once as one, sent once, and a fact only when the device says so.
    pub(super) async fn set(&self, id: &str, href: Href, wanted: Value) -> Result<(), Error> {
        let serial = self
            .state()
            .change_known(id, |known| known.wish(&href, wanted.clone()))
            .ok_or_else(|| Error::new(Code::DeviceUnknown, format!("no device {id} is known")))?;
        let outcome = match self.ask(id, &Request::post(href.clone(), wanted.clone()), Via::Auto).await {
            Ok(answer) if !(200..300).contains(&answer.status) => {
                Err(refused(Status(answer.status), answer.diagnostic.as_deref()))
            }
            Ok(answer) if answer.body.as_ref().is_some_and(|body| fulfils(body, &wanted)) => Ok(()),
            // An answer without the value says that the request was taken, not that it is so.
            Ok(_) => match self.read_once_there(id, &href).await {
                Some(_) => Ok(()),
                None => Err(Error::new(Code::OutcomeUnknown, "the device took it, and did not say its value since")),
            },
            // Never sent again by itself; the truth is read, whatever it is.
            Err(error) if matches!(error.code, Code::OutcomeUnknown | Code::BadAnswer) => {
                match self.read(id, &href).await.is_some_and(|value| fulfils(&value, &wanted)) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        };
        self.state().change_known(id, |known| match &outcome {
            Ok(()) => known.wish_over(&href, serial),
            Err(error) => known.wish_failed(&href, serial, error.clone()),
        });
        outcome
    }

    /// The value now, if it can be had.
    async fn read(&self, id: &str, href: &Href) -> Option<Value> {
        let answer = self.send(id, &Request::get(href.clone()), Via::Auto).await.ok()?;
        answer.body.filter(|_| answer.status == 200)
    }

    /// The same, of a device that has just answered: its answer may have come over a link that is on its way back, before
    /// that is known.
    async fn read_once_there(&self, id: &str, href: &Href) -> Option<Value> {
        let there = |state: &state::State| state.device(id)?.routes(Via::Auto, Method::Get, href).ok().map(drop);
        // Where it stays away, the reading says so.
        let _ = tokio::time::timeout(COMES_BACK_WITHIN, self.until(there)).await;
        self.read(id, href).await
    }

    /// An observation of a reader's own.
    pub(super) async fn observe(&self, id: &str, href: Href, via: Via) -> Result<Observation, Error> {
        self.observe_heard(id, href, via, None).await
    }

    /// The same; who listens in hears each path that it takes.
    pub(super) async fn observe_heard(
        &self,
        id: &str,
        href: Href,
        via: Via,
        tap: Option<&Tap>,
    ) -> Result<Observation, Error> {
        if self.holds_password(id, &href) {
            return Err(Error::new(Code::RequestInvalid, "this resource holds a password, and is not observed"));
        }
        let Routes { first, second } = self.routes(id, via, Method::Get, &href)?;
        if let Some(tap) = tap {
            self.listen_in(&first, tap);
        }
        match self.observe_over(&first, href.clone()).await {
            Err(error) if left_undone(&error) => {
                self.path_failed(id, first.path(), &error);
                let second = second.ok_or(error)?;
                if let Some(tap) = tap {
                    self.listen_in(&second, tap);
                }
                self.observe_over(&second, href).await
            }
            observed => observed,
        }
    }

    async fn observe_over(&self, route: &Route, href: Href) -> Result<Observation, Error> {
        let deadline = self.config.request_deadline;
        let (out, notifications) = mpsc::channel(MAX_BEHIND);
        match route {
            Route::Xmpp(line, jid) => {
                let mut source = self
                    .lines
                    .at(*line)
                    .observe(jid, href, deadline)
                    .await
                    .map_err(|error| remote_error(&error, Method::Get))?;
                tokio::spawn(async move {
                    loop {
                        let next = tokio::select! { next = source.next() => next, () = out.closed() => None };
                        let Some(arrival) = next else { return };
                        if out.send(Ok(without_members_passwords(arrival))).await.is_err() {
                            return;
                        }
                    }
                });
            }
            Route::Lan(place) => {
                let observed = self.lan()?.observe(place, href, deadline).await;
                let mut source = observed.map_err(|error| lan_error(&error, Method::Get))?;
                tokio::spawn(async move {
                    loop {
                        let next = tokio::select! { next = source.next() => next, () = out.closed() => None };
                        let Some(next) = next else { return };
                        let next = next
                            .map(|response| without_members_passwords(Arrival { response, at: Instant::now() }))
                            .map_err(|error| lan_error(&error, Method::Get));
                        if out.send(next).await.is_err() {
                            return;
                        }
                    }
                });
            }
        }
        Ok(Observation { via: route.path(), notifications })
    }
}

/// RA-7: a collection may hand out the resource that holds a password among its members.
fn without_members_passwords(mut arrival: Arrival) -> Arrival {
    if let Some(body) = &mut arrival.response.body {
        remote_access::withhold_in_batch(body);
    }
    arrival
}

pub(super) fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

/// Whether a failure leaves the request as if it had never been made, or one that changes nothing: then it may be made
/// over the other path.
fn left_undone(error: &Error) -> bool {
    matches!(
        error.code,
        Code::NotReachable
            | Code::NoAnswer
            | Code::CutOff
            | Code::SessionRefused
            | Code::TooLarge
            | Code::DeviceNotProven
            | Code::KeyMissing
    )
}

/// A failure that the device answered with.
pub(super) fn refused(status: Status, words: Option<&str>) -> Error {
    let error = Error::new(Code::DeviceRefused, format!("the device answered {status}"));
    match words {
        Some(words) => error.with_details(words),
        None => error,
    }
}

/// Nothing came back: whether that leaves anything open depends on what was asked, and whether it went out.
fn unanswered(sent: bool, method: Method) -> Error {
    if sent && method.changes_things() {
        Error::new(Code::OutcomeUnknown, "it was sent and not answered: it may or may not have been done")
    } else {
        Error::new(Code::NoAnswer, "the device did not answer in time")
    }
}

/// A newer change takes the other path, and must not be followed by this one.
fn superseded() -> Error {
    unanswered(true, Method::Post).with_details("a newer change has gone out over another path")
}

fn remote_error(error: &RemoteError, method: Method) -> Error {
    match error {
        RemoteError::NotThere => Error::new(Code::NotReachable, error.to_string()),
        RemoteError::CutOff => Error::new(Code::CutOff, error.to_string()),
        RemoteError::SessionRefused(words) => {
            Error::new(Code::SessionRefused, "the device refuses a session").with_details(words.clone())
        }
        RemoteError::TooLarge(_) => Error::new(Code::TooLarge, error.to_string()),
        RemoteError::NoAnswer { sent } => unanswered(*sent, method),
        RemoteError::Cut if method.changes_things() => unanswered(true, method).with_details(error.to_string()),
        RemoteError::Cut => Error::new(Code::NoAnswer, error.to_string()),
        RemoteError::BadAnswer(why) => {
            Error::new(Code::BadAnswer, "the device's answer could not be read").with_details(why.to_string())
        }
    }
}

pub(super) fn lan_error(error: &LanError, method: Method) -> Error {
    match error {
        LanError::NotSent(_) => Error::new(Code::NotReachable, error.to_string()),
        LanError::NoAnswer => unanswered(true, method),
        LanError::NotProven => Error::new(Code::DeviceNotProven, error.to_string()),
        LanError::NoKey => Error::new(Code::KeyMissing, error.to_string()),
        LanError::Reset => Error::new(Code::DeviceRefused, error.to_string()),
        LanError::BadAnswer(_) | LanError::TooLarge => {
            Error::new(Code::BadAnswer, "the device's answer could not be read").with_details(error.to_string())
        }
        LanError::BadRequest(_) => Error::new(Code::RequestInvalid, error.to_string()),
    }
}
