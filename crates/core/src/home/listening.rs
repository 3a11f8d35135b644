//! A request or an observation whose exchange is shown: what really went over the wire, whichever way and however it
//! ended.
//!
//! Scope: listening in while it is under way. Non-scope: the request itself (`control`), which knows of a listener only
//! where there is one; what the bytes say (`homeward_protocol::shown`).

use std::sync::Arc;

use homeward_protocol::crudn::{Href, Request};

use super::control::Observation;
use super::paths::Route;
use super::{Inner, state};
use crate::error::Error;
use crate::tap::Tap;
use crate::view::{Exchange, Exchanged, Notification, Observed, Outcome, Via};

/// An observation under way, and what goes over the wire for it; ends when dropped.
pub struct ShownObservation {
    state: State,
    tap: Arc<Tap>,
}

enum State {
    UnderWay(Observation),
    Failed(Error),
    Over,
}

impl ShownObservation {
    /// The next notification (the first is the value now), or the end; `None` after that. Given up before it has come, it
    /// ends the observation.
    pub async fn next(&mut self) -> Option<Observed> {
        let (via, next) = match std::mem::replace(&mut self.state, State::Over) {
            State::UnderWay(mut observation) => {
                let next = observation.next().await;
                let via = observation.via;
                if matches!(next, Some(Ok(_))) {
                    self.state = State::UnderWay(observation);
                }
                (via, next)
            }
            State::Failed(error) => {
                return Some(Observed::Ended { error: Some(error), exchange: self.exchange().await });
            }
            State::Over => return None,
        };
        let exchange = self.exchange().await;
        Some(match next {
            Some(Ok(response)) => {
                let notification = Notification {
                    sequence: response.observe,
                    status: response.status.0,
                    reason: response.status.reason().to_owned(),
                    body: response.body,
                    diagnostic: response.diagnostic,
                    via,
                    at_ms: state::now_ms(),
                };
                Observed::Notified { notification, exchange }
            }
            Some(Err(error)) => Observed::Ended { error: Some(error), exchange },
            None => Observed::Ended { error: None, exchange },
        })
    }

    /// What went over the wire since this was last asked. What holds a password is not observed.
    async fn exchange(&self) -> Exchange {
        exchange_of(self.tap.clone(), false).await
    }
}

impl Inner {
    /// As [`Inner::ask`], and what went over the wire.
    pub(super) async fn request_shown(&self, id: &str, request: &Request, via: Via) -> Exchanged {
        let tap = Arc::new(Tap::default());
        let outcome = match self.ask_heard(id, request, via, Some(&tap)).await {
            Ok(answer) => Outcome::Answered { answer },
            Err(error) => Outcome::Failed { error },
        };
        let guarded = self.holds_password(id, &request.href);
        Exchanged { outcome, exchange: exchange_of(tap, guarded).await }
    }

    /// As [`Inner::observe`], and what went over the wire.
    pub(super) async fn observe_shown(&self, id: &str, href: Href, via: Via) -> ShownObservation {
        let tap = Arc::new(Tap::default());
        let begun = self.observe_heard(id, href, via, Some(&tap)).await;
        ShownObservation { state: begun.map_or_else(State::Failed, State::UnderWay), tap }
    }

    /// From now on all is copied that goes this way or comes from it.
    pub(super) fn listen_in(&self, route: &Route, tap: &Tap) {
        match route {
            Route::Xmpp(line, jid) => self.lines.at(*line).listen_in(jid, tap.ear()),
            Route::Lan(place) => {
                // Where there is no network, there is nothing to hear either.
                if let Ok(lan) = self.lan() {
                    lan.listen_in(place, tap.copies());
                }
            }
        }
    }
}

/// Away from the tasks that others wait for: a device decides how much there is to read.
async fn exchange_of(tap: Arc<Tap>, guarded: bool) -> Exchange {
    tokio::task::spawn_blocking(move || tap.exchange(guarded)).await.unwrap_or_default()
}
