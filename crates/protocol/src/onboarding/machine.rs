//! The machine: what it knows, how it is driven, how it ends.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::undo::Ending;
use super::watch::Watch;
use super::write::Write;
use super::{
    Action, Changed, Channel, Failure, Former, Input, LeftOnDevice, Link, Lost, Outcome, OwnAccount, Password, Plan,
    Step, Target, Ticket, UndoPlan, Via,
};
use crate::crudn::{Href, Request, Response, Status};
use crate::oic::remote_access::{self, ConnectionStatus, XmppAccess};
use crate::secret::Secret;

/// Our choice, beneath the driver's own deadlines: more than MAX_TRANSMIT_WAIT (93 s, RFC 7252 §4.8.2). A request that
/// the driver never answers counts as unanswered then, so that every run ends.
pub(super) const ANSWER_DEADLINE: Duration = Duration::from_secs(95);

/// The onboarding of one device, or its undoing.
pub struct Onboarding {
    pub(super) now: Duration,
    pub(super) actions: VecDeque<Action>,
    tickets: u32,
    pub(super) links: Links,
    pub(super) channel: Channel,
    pub(super) consent: bool,
    pub(super) ours: Vec<OwnAccount>,
    /// Absent: this is an undo.
    pub(super) target: Option<(String, Target)>,
    pub(super) step: Step,
    pub(super) phase: Phase,
    /// The one request that is out over the local network.
    pub(super) flight: Option<Flight>,
    pub(super) former: Option<Former>,
    pub(super) online_as: Option<String>,
    pub(super) password: Password,
    /// What `status` and reason said before anything was written: of the old session.
    pub(super) before: XmppAccess,
    pub(super) device: OnDevice,
    /// When the first POST of the account went out: only what comes after it is proof.
    pub(super) account_sent_at: Option<Duration>,
    /// When the device's presence was seen after that.
    pub(super) seen_at: Option<Duration>,
    pub(super) cancelled: bool,
    pub(super) ending: Ending,
    pub(super) not_put_back: Option<Failure>,
}

/// The two resources, and the form of their paths that took a write.
pub(super) struct Links {
    pub(super) server: Link,
    pub(super) user: Link,
    pub(super) accepted_server: Option<Href>,
    pub(super) accepted_user: Option<Href>,
}

/// A request that is out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) deadline: Duration,
}

/// Where the machine is.
pub(super) enum Phase {
    ReadServer,
    ReadUser,
    Write(Purpose, Write),
    /// The account is given the password that the device has taken; until then, that is known.
    Change {
        until: Duration,
    },
    Watch(Watch),
    Over,
}

/// What a write is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Server,
    Account,
    AccountBack,
    ServerBack,
}

/// What the device holds, as far as its answers tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnDevice {
    pub(super) server: Holds,
    pub(super) account: Holds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Former,
    New,
    Cleared,
    Unknown,
}

impl OnDevice {
    pub(super) fn left(self) -> LeftOnDevice {
        match (self.server, self.account) {
            (Holds::Unknown, _) | (_, Holds::Unknown) => LeftOnDevice::Unknown,
            (_, Holds::New) => LeftOnDevice::NewAccount,
            (Holds::Former, Holds::Former) => LeftOnDevice::AsBefore,
            (Holds::Former, Holds::Cleared) => LeftOnDevice::SignedOut,
            (_, Holds::Former) => LeftOnDevice::NewServer,
            (_, Holds::Cleared) => LeftOnDevice::NewServerSignedOut,
        }
    }
}

impl Onboarding {
    /// Begins to onboard a device.
    pub fn new(plan: Plan, now: Duration) -> Self {
        let Plan { di, server, user, channel, consent, target, online_as, password, ours } = plan;
        let mut this = Self::at_rest(now, (server, user), channel, consent, ours, Some((di, target)));
        this.online_as = online_as;
        this.password = password;
        this.actions.push_back(Action::Began(Step::Read));
        if channel == Channel::SecuredOnly {
            this.fail(Failure::SecuredOnly { words: None });
        } else {
            this.send_over_channel(Request::get(this.links.server.href.clone()), false);
        }
        this
    }

    /// Begins to put back what a device had before its run.
    pub fn undo(plan: UndoPlan, now: Duration) -> Self {
        let UndoPlan { server, user, channel, consent, former, server_written, account_written, ours } = plan;
        let mut this = Self::at_rest(now, (server, user), channel, consent, ours, None);
        let holds = |written| if written { Holds::New } else { Holds::Former };
        this.device = OnDevice { server: holds(server_written), account: holds(account_written) };
        this.former = Some(former);
        let forbidden = match channel {
            Channel::SecuredOnly => Some(Failure::SecuredOnly { words: None }),
            Channel::Clear if account_written && !consent => Some(Failure::ConsentNeeded),
            _ => None,
        };
        if let Some(failure) = forbidden.filter(|_| account_written || server_written) {
            this.could_not_put_back(if account_written { Step::Account } else { Step::Server }, failure);
            this.finish();
        } else {
            this.put_back_next();
        }
        this
    }

    fn at_rest(
        now: Duration,
        (server, user): (Link, Link),
        channel: Channel,
        consent: bool,
        ours: Vec<OwnAccount>,
        target: Option<(String, Target)>,
    ) -> Self {
        Self {
            now,
            actions: VecDeque::new(),
            tickets: 0,
            links: Links { server, user, accepted_server: None, accepted_user: None },
            channel,
            consent,
            ours,
            target,
            step: Step::Read,
            phase: Phase::ReadServer,
            flight: None,
            former: None,
            before: XmppAccess::default(),
            device: OnDevice { server: Holds::Former, account: Holds::Former },
            account_sent_at: None,
            seen_at: None,
            cancelled: false,
            online_as: None,
            password: Password::Same,
            ending: Ending::Undo,
            not_put_back: None,
        }
    }

    /// What the device had before, once that is known: for the journal.
    pub fn former(&self) -> Option<&Former> {
        self.former.as_ref()
    }

    /// The next thing to do. `now` of the last input is the machine's time.
    pub fn poll(&mut self) -> Action {
        self.actions.pop_front().unwrap_or_else(|| Action::Wait { until: self.deadline() })
    }

    /// Whether it is over; [`Action::Finished`] may still be in the queue.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    /// Takes in what happened at `now` (a monotonic time from any origin).
    pub fn handle(&mut self, input: Input, now: Duration) {
        self.now = self.now.max(now);
        match input {
            Input::Answer { ticket, result } => self.answered(ticket, result),
            Input::PresenceSeen { id } => self.presence(&id),
            Input::Tick => {}
            Input::Cancel => self.cancel(),
            Input::PasswordChanged(changed) => self.password_changed(changed),
        }
        self.advance();
    }

    fn deadline(&self) -> Option<Duration> {
        let own = match &self.phase {
            Phase::Write(_, write) => write.resend_at,
            Phase::Watch(watch) => Some(self.watch_deadline(watch)),
            Phase::Change { until } => Some(*until),
            Phase::ReadServer | Phase::ReadUser => None,
            Phase::Over => return None,
        };
        [own, self.flight.map(|flight| flight.deadline)].into_iter().flatten().min()
    }

    fn advance(&mut self) {
        if let Some(flight) = self.flight.filter(|flight| flight.deadline <= self.now) {
            self.answered(flight.ticket, Err(Lost::NoAnswer));
        }
        if let Phase::Write(_, write) = &mut self.phase
            && write.resend_at.is_some_and(|at| at <= self.now)
        {
            write.resend_at = None;
            self.send_write();
        }
        if matches!(self.phase, Phase::Change { until } if until <= self.now) {
            self.password_changed(Changed::Unknown);
        }
        self.advance_watch();
    }

    fn answered(&mut self, ticket: Ticket, result: Result<Response, Lost>) {
        if self.flight.is_none_or(|flight| flight.ticket != ticket) {
            if self.awaits_identity(ticket) {
                return self.identity_answered(result);
            }
            return forget(result);
        }
        self.flight = None;
        let now = self.now;
        match &mut self.phase {
            Phase::ReadServer => self.server_read(result),
            Phase::ReadUser => self.user_read(result),
            Phase::Write(purpose, write) => {
                let purpose = *purpose;
                // The representation may hold the password (L765, L846), and says nothing that we need.
                let result = result.map(without_body);
                let next = write.answer(result, now);
                self.go_on_writing(purpose, next);
            }
            Phase::Watch(_) => self.status_read(result),
            Phase::Change { .. } | Phase::Over => {}
        }
    }

    /// Whether the device had the target's server already.
    pub(super) fn server_is_unchanged(&self) -> bool {
        match (&self.target, &self.former) {
            (Some((_, target)), Some(former)) => {
                former.address.eq_ignore_ascii_case(&target.address) && former.port == Some(target.port)
            }
            _ => false,
        }
    }

    /// Whether the device had the target's server and account already: then no new presence need come.
    pub(super) fn nothing_changed(&self) -> bool {
        self.account_is_unchanged() && self.password == Password::Same && self.server_is_unchanged()
    }

    fn cancel(&mut self) {
        if self.cancelled || self.target.is_none() {
            return;
        }
        match &self.phase {
            Phase::Over | Phase::Write(Purpose::AccountBack | Purpose::ServerBack, _) => {}
            // What is out may be taken: its answer decides what is to be put back.
            Phase::Write(..) => {
                self.cancelled = true;
                if self.flight.is_none() {
                    self.give_up_writing();
                }
            }
            // The account may get it meanwhile: its answer decides, too.
            Phase::Change { .. } => self.cancelled = true,
            Phase::ReadServer | Phase::ReadUser | Phase::Watch(_) => {
                self.cancelled = true;
                self.stop_cancelled();
            }
        }
    }

    pub(super) fn stop_cancelled(&mut self) {
        self.actions.push_back(Action::Failed(self.step, Failure::Cancelled));
        self.put_back_all(Ending::Cancelled);
    }

    /// Steps up to `step` are done, and it begins.
    pub(super) fn reach(&mut self, step: Step) {
        const ORDER: [Step; 6] = [Step::Read, Step::Server, Step::Account, Step::Status, Step::Online, Step::Identity];
        for next in ORDER {
            if self.step < next && next <= step {
                self.actions.push_back(Action::Done(self.step));
                self.actions.push_back(Action::Began(next));
                self.step = next;
            }
        }
    }

    /// The step failed, and what is on the device stays there.
    pub(super) fn fail(&mut self, failure: Failure) {
        self.actions.push_back(Action::Failed(self.step, failure.clone()));
        self.ending = Ending::Failed(self.step, failure);
        self.finish();
    }

    pub(super) fn fail_and_put_back(&mut self, failure: Failure) {
        self.actions.push_back(Action::Failed(self.step, failure.clone()));
        self.put_back_all(Ending::Failed(self.step, failure));
    }

    pub(super) fn finish(&mut self) {
        let (left, not_put_back) = (self.device.left(), self.not_put_back.take());
        let outcome = match std::mem::replace(&mut self.ending, Ending::Undo) {
            Ending::Onboarded => Outcome::Onboarded,
            Ending::Failed(step, failure) => Outcome::Failed { step, failure, left, not_put_back },
            Ending::Cancelled => Outcome::Cancelled { left, not_put_back },
            Ending::Undo => Outcome::Undone { left, not_put_back },
        };
        self.phase = Phase::Over;
        self.flight = None;
        self.actions.push_back(Action::Finished(outcome));
    }

    /// A refusal, as a failure: 4.01 in the clear means that the device wants a secured session.
    pub(super) fn refusal(&self, status: Status, words: Option<String>) -> Failure {
        let words = self.own_words(words);
        match (status, self.channel) {
            (Status::UNAUTHORIZED, Channel::Clear) => Failure::SecuredOnly { words },
            _ => Failure::DeviceRefused { status, words },
        }
    }

    /// A device's words as they may be shown: without any password that it may have put there.
    pub(super) fn own_words(&self, words: Option<String>) -> Option<String> {
        let words = remote_access::words(&words?);
        let passwords = self.ours.iter().map(|own| &own.password);
        let mut passwords = passwords.chain(self.target.iter().map(|(_, target)| &target.credential));
        let says = |password: &Secret| {
            let plain = password.expose();
            !plain.is_empty() && (words.contains(plain) || words.contains(&BASE64.encode(plain)))
        };
        let safe = !words.is_empty() && !passwords.any(says);
        safe.then_some(words)
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    pub(super) fn send_over_channel(&mut self, request: Request, secret: bool) {
        let flight = self.launch(Via::Channel, request, secret);
        self.flight = Some(flight);
    }

    pub(super) fn launch(&mut self, via: Via, request: Request, secret: bool) -> Flight {
        let ticket = self.ticket();
        self.actions.push_back(Action::Send { ticket, via, request, secret });
        Flight { ticket, deadline: self.now + ANSWER_DEADLINE }
    }

    /// Whether `access` says what the device said before anything was written.
    pub(super) fn says_the_same_as_before(&self, access: &XmppAccess) -> bool {
        self.before.status == Some(ConnectionStatus::Error) && self.before.error_reason == access.error_reason
    }
}

fn without_body(mut response: Response) -> Response {
    response.body.iter_mut().for_each(remote_access::wipe);
    response.body = None;
    response
}

/// Drops a late answer; it may hold a password.
fn forget(result: Result<Response, Lost>) {
    drop(result.map(without_body));
}

impl Drop for Onboarding {
    fn drop(&mut self) {
        for action in &mut self.actions {
            if let Action::Send { request, .. } = action {
                request.body.iter_mut().for_each(remote_access::wipe);
            }
        }
    }
}

impl fmt::Debug for Onboarding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Onboarding")
            .field("step", &self.step)
            .field("device", &self.device)
            .field("former", &self.former)
            .field("cancelled", &self.cancelled)
            .field("actions", &self.actions)
            .finish_non_exhaustive()
    }
}
