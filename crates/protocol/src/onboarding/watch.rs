//! After the account is written: `status`, presence, identity.
//!
//! Only a presence that came after the account went out, and the same `di` over XMPP, are proof; the identity alone
//! where nothing changed. `status` can only tell that it went wrong, and why.

use std::time::Duration;

use super::machine::{Flight, Holds, Onboarding, Phase, Purpose};
use super::undo::Ending;
use super::{Action, Channel, Failure, Lost, Password, Step, Ticket, Via};
use crate::crudn::{Href, Request, Response};
use crate::oic::remote_access::{self, ConnectionStatus, XmppAccess};

/// When `status` is read, counted from the account's acceptance (requirements, "watching `status`").
const READINGS: [Duration; 7] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(30),
];
/// Our choice: how long after the account went out the device may take to come online.
const ONLINE_DEADLINE: Duration = Duration::from_secs(45);
/// Our choice: how long after its presence the device may take to say who it is.
const IDENTITY_DEADLINE: Duration = Duration::from_secs(20);
/// Our choice: an `Error` with the reason of before is the old session's so long.
const STALE_ERROR: Duration = Duration::from_secs(4);
/// An `Error` is believed when it is read twice in a row: with the new server and the old account, between the two
/// POSTs, the device may have failed on its own.
const ERRORS_IN_A_ROW: u32 = 2;
/// Our choice: most time between two tries to read the identity.
const MAX_IDENTITY_PAUSE: Duration = Duration::from_secs(8);

/// Watching one device come online.
#[derive(Debug)]
pub(super) struct Watch {
    since: Duration,
    /// When the device must have been seen.
    online_by: Duration,
    /// Server and account are what the device had: the identity alone proves it.
    unchanged: bool,
    /// Which of [`READINGS`] is next.
    next_reading: usize,
    errors_in_a_row: u32,
    /// The last reading that could be read.
    last: Option<XmppAccess>,
    identity: Option<Flight>,
    /// When to ask for the identity (again).
    identity_at: Option<Duration>,
    identity_tries: u32,
    identity_failure: Option<Failure>,
}

impl Onboarding {
    pub(super) fn start_watch(&mut self) {
        let sent_at = self.account_sent_at.unwrap_or(self.now);
        self.phase = Phase::Watch(Watch {
            since: self.now,
            online_by: sent_at + ONLINE_DEADLINE,
            unchanged: self.nothing_changed() && self.device.account == Holds::New,
            next_reading: 0,
            errors_in_a_row: 0,
            last: None,
            identity: None,
            identity_at: None,
            identity_tries: 0,
            identity_failure: None,
        });
        if self.channel == Channel::Account && self.device.account == Holds::New {
            // Where `status` could be read, the device is no more.
            self.reach(Step::Online);
        }
        if self.seen_at.is_some() {
            self.came_online();
        }
    }

    pub(super) fn presence(&mut self, id: &str) {
        let is_it = self.target.as_ref().is_some_and(|(di, _)| same_id(di, id));
        // Before the account has the password that the device is given, its presence says nothing of that.
        let counts = self.account_sent_at.is_some() && self.password != Password::Changes;
        if !is_it || !counts || self.seen_at.is_some() {
            return;
        }
        self.seen_at = Some(self.now);
        match &self.phase {
            // It has taken what was not answered, and need not be told again.
            Phase::Write(Purpose::Account, _) if self.flight.is_none() => self.give_up_writing(),
            _ => self.came_online(),
        }
    }

    fn came_online(&mut self) {
        let now = self.now;
        if let Phase::Watch(watch) = &mut self.phase {
            watch.identity_at = Some(now);
            // If nobody knew: now it is plain that the device has taken the account.
            self.device.account = Holds::New;
            self.reach(Step::Identity);
        }
    }

    /// Until when nothing need be done.
    pub(super) fn watch_deadline(&self, watch: &Watch) -> Duration {
        let reading = if self.flight.is_none() { self.reading_at(watch) } else { None };
        let asking = match &watch.identity {
            Some(flight) => Some(flight.deadline),
            None => watch.identity_at,
        };
        [reading, asking].into_iter().flatten().fold(self.give_up_at(watch), Duration::min)
    }

    fn reading_at(&self, watch: &Watch) -> Option<Duration> {
        // What is not known to be taken is not judged by `status`; and a presence outweighs it.
        if self.device.account != Holds::New || self.seen_at.is_some() || self.channel == Channel::Account {
            return None;
        }
        READINGS.get(watch.next_reading).map(|after| watch.since + *after)
    }

    fn give_up_at(&self, watch: &Watch) -> Duration {
        self.seen_at.map_or(watch.online_by, |seen| watch.online_by.max(seen + IDENTITY_DEADLINE))
    }

    pub(super) fn advance_watch(&mut self) {
        let Phase::Watch(watch) = &self.phase else { return };
        if watch.identity.is_some_and(|flight| flight.deadline <= self.now) {
            self.identity_answered(Err(Lost::NoAnswer));
        }
        let Phase::Watch(watch) = &self.phase else { return };
        if self.give_up_at(watch) <= self.now {
            return self.not_in_time();
        }
        if self.flight.is_none() && self.reading_at(watch).is_some_and(|at| at <= self.now) {
            let (since, now) = (watch.since, self.now);
            if let Phase::Watch(watch) = &mut self.phase {
                // Readings that were missed are not made up for.
                watch.next_reading = READINGS.iter().filter(|after| since + **after <= now).count();
            }
            self.send_over_channel(Request::get(self.links.server.href.clone()), false);
        }
        let Phase::Watch(watch) = &self.phase else { return };
        if watch.identity.is_none() && watch.identity_at.is_some_and(|at| at <= self.now) {
            self.ask_identity();
        }
    }

    fn not_in_time(&mut self) {
        let Phase::Watch(watch) = &mut self.phase else { return };
        let last = watch.last.take();
        let failure = if self.seen_at.is_some() {
            watch.identity_failure.take().unwrap_or(Failure::NoAnswer)
        } else if self.device.account == Holds::Unknown {
            Failure::OutcomeUnknown
        } else {
            match last {
                Some(XmppAccess { status: Some(ConnectionStatus::Error), error_reason, .. }) => {
                    Failure::DeviceReportsError { words: self.own_words(error_reason) }
                }
                other => {
                    let status = other.and_then(|access| access.status).map(|status| status.as_str().to_owned());
                    Failure::NotSeenOnline { status: self.own_words(status) }
                }
            }
        };
        self.fail(failure);
    }

    pub(super) fn status_read(&mut self, result: Result<Response, Lost>) {
        let now = self.now;
        let readable = result.ok().filter(|response| response.status.is_success()).and_then(|response| response.body);
        let access = readable.as_ref().and_then(XmppAccess::read);
        let stale = access.as_ref().is_some_and(|access| self.says_the_same_as_before(access));
        let Phase::Watch(watch) = &mut self.phase else { return };
        let is_last = watch.next_reading >= READINGS.len();
        let stale = stale && now < watch.since + STALE_ERROR;
        let status = access.as_ref().and_then(|access| access.status.clone());
        let mut failure = None;
        match &status {
            Some(ConnectionStatus::Error) => {
                watch.errors_in_a_row += 1;
                if (watch.errors_in_a_row >= ERRORS_IN_A_ROW || is_last) && !stale {
                    failure = Some(access.as_ref().and_then(|access| access.error_reason.clone()));
                }
            }
            // A device that cannot be read any more has perhaps just left this network's clear CoAP.
            None => {}
            Some(_) => watch.errors_in_a_row = 0,
        }
        if access.is_some() {
            watch.last = access;
        }
        if self.seen_at.is_some() {
            return;
        }
        if let Some(reason) = failure {
            let words = self.own_words(reason);
            return self.fail(Failure::DeviceReportsError { words });
        }
        // Where nothing changed, no new presence need come: ask who answers there.
        if watch.unchanged
            && watch.identity_tries == 0
            && watch.identity_at.is_none()
            && status != Some(ConnectionStatus::Error)
        {
            watch.identity_at = Some(now);
        }
        if status == Some(ConnectionStatus::Connected) || is_last {
            self.reach(Step::Online);
        }
    }

    fn ask_identity(&mut self) {
        let Ok(href) = Href::new("/oic/d") else { return };
        let flight = self.launch(Via::Xmpp, Request::get(href), false);
        if let Phase::Watch(watch) = &mut self.phase {
            watch.identity_at = None;
            watch.identity_tries += 1;
            watch.identity = Some(flight);
        }
    }

    pub(super) fn awaits_identity(&self, ticket: Ticket) -> bool {
        match &self.phase {
            Phase::Watch(watch) => watch.identity.is_some_and(|flight| flight.ticket == ticket),
            _ => false,
        }
    }

    pub(super) fn identity_answered(&mut self, result: Result<Response, Lost>) {
        let Phase::Watch(watch) = &mut self.phase else { return };
        watch.identity = None;
        let failure = match result {
            Ok(response) if response.status.is_success() => {
                let said = response.body.as_ref().and_then(|body| body.get("di")).and_then(|di| di.as_str());
                return self.identified(said.map(remote_access::words));
            }
            Ok(response) if response.status.0 < 500 => {
                let failure = self.refusal_over_xmpp(response);
                self.reach(Step::Identity);
                return self.fail(failure);
            }
            // A device that has just come online may not be ready yet.
            Ok(response) => self.refusal_over_xmpp(response),
            Err(Lost::Unreadable) => Failure::BadAnswer,
            Err(Lost::NotSent | Lost::NoAnswer) => Failure::NoAnswer,
        };
        let now = self.now;
        if let Phase::Watch(watch) = &mut self.phase {
            let pause = Duration::from_secs(1 << watch.identity_tries.saturating_sub(1).min(3));
            watch.identity_at = Some(now + pause.min(MAX_IDENTITY_PAUSE));
            watch.identity_failure = Some(failure);
        }
    }

    fn refusal_over_xmpp(&self, response: Response) -> Failure {
        Failure::DeviceRefused { status: response.status, words: self.own_words(response.diagnostic) }
    }

    fn identified(&mut self, said: Option<String>) {
        self.reach(Step::Identity);
        match (said, &self.target) {
            (Some(said), Some((di, _))) if same_id(&said, di) => {
                self.actions.push_back(Action::Done(Step::Identity));
                self.ending = Ending::Onboarded;
                self.finish();
            }
            (Some(said), _) => self.fail(Failure::IdentityMismatch { said }),
            (None, _) => self.fail(Failure::BadAnswer),
        }
    }
}

/// Ids compare without case (RA-9).
fn same_id(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}
