//! The onboarding of one device: give it a server and an account, and see it come online there. And the way back.
//!
//! Scope: which request follows which answer, what is repeated, what counts as proof (a presence and the identity over
//! XMPP, never `status` alone), what is put back. Non-scope: sending, clocks, whose presence it is, the journal, words
//! for people.
//!
//! Drive it: [`Onboarding::new`] (or [`Onboarding::undo`]), then drain [`Onboarding::poll`] until [`Action::Wait`]; do
//! the actions in their order; give what happens to [`Onboarding::handle`], and a [`Input::Tick`] at the instant that
//! `Wait` names; drain again. It ends with [`Action::Finished`], whatever comes or stays away. A retry is a new machine.
//!
//! Order of the writes: `oic.ra.xmpp`, then `oic.ra.user`; back the other way round. So the former server never sees
//! the new credentials.

mod forward;
mod machine;
mod renewal;
mod undo;
mod watch;
mod write;

#[cfg(test)]
mod over_account_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod way_back_tests;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ts_rs::TS;

pub use machine::Onboarding;

use crate::crudn::{Href, Request, Response, Status};
use crate::secret::Secret;

/// The steps of an onboarding run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export)]
pub enum Step {
    /// Both RA resources are read.
    Read,
    /// `oic.ra.xmpp` is written (RA-3).
    Server,
    /// `oic.ra.user` is written (RA-3).
    Account,
    /// `status` is watched (RA-5). Done: it said `Connected`, or was watched to the end; proves nothing by itself.
    Status,
    /// The server announces the device's presence (RA-12).
    Online,
    /// `/oic/d` over XMPP says the same `di` (RA-9).
    Identity,
}

/// What a run that did not end well left on the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum LeftOnDevice {
    /// Nothing was written, or all of it was put back.
    AsBefore,
    /// The new server is written and could not be put back; the account is the former one.
    NewServer,
    /// The new server and the new account are written.
    NewAccount,
    /// The former server is back, the account is cleared: the device stays signed out.
    SignedOut,
    /// The account is cleared, the new server could not be put back: the device stays signed out.
    NewServerSignedOut,
    /// A write went out unanswered: nobody knows.
    Unknown,
}

/// Where one of the two resources is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its path, without `if=`.
    pub href: Href,
    /// The interfaces that its link lists: others than the default are tried where that one is refused.
    pub interfaces: Vec<String>,
}

/// How the device is talked to before it has the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Unencrypted CoAP: no credential crosses it without consent (RA-6).
    Clear,
    /// DTLS with a device that we own.
    Secured,
    /// The RA resources have `coaps` endpoints only, and there is no secured session.
    SecuredOnly,
    /// XMPP, with the account that it has now; TLS keeps the password from the network. The first write ends that session, so
    /// there can be one only: the account, at the same server. Not for an undo.
    Account,
}

/// What the device shall have.
#[derive(Debug, Clone)]
pub struct Target {
    /// The server's host name or address.
    pub address: String,
    /// And its port.
    pub port: u16,
    /// The account, a bare JID.
    pub jid: String,
    /// Its password.
    pub credential: Secret,
}

/// An account whose password we know.
#[derive(Debug, Clone)]
pub struct OwnAccount {
    /// Bare JID.
    pub jid: String,
    /// Its password.
    pub password: Secret,
}

/// Whether the account has another password than the device had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Password {
    /// As far as is known, the same.
    Same,
    /// Another: that the device is online with the account proves nothing, only a presence that comes after it was written.
    Changed,
    /// It gets another, once the device has taken that ([`Action::ChangePassword`]); `ours` has the present one.
    Changes,
}

/// What came of the change of the account's password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changed {
    /// It opens the account.
    Yes,
    /// The one before opens it still.
    No {
        /// Why, in the server's words.
        words: Option<String>,
    },
    /// Nobody knows which does.
    Unknown,
}

/// One device's onboarding.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The device's id.
    pub di: String,
    /// `oic.ra.xmpp`.
    pub server: Link,
    /// `oic.ra.user`.
    pub user: Link,
    /// How the device is talked to.
    pub channel: Channel,
    /// The person allowed this device's credential to cross the network in the clear (RA-6).
    pub consent: bool,
    /// What it shall have.
    pub target: Target,
    /// The account that it is signed in with now, as that account's server says: believed where the device does not tell.
    pub online_as: Option<String>,
    /// Whether the account has another password than the device had.
    pub password: Password,
    /// What can be written back if the device has one of these now.
    pub ours: Vec<OwnAccount>,
}

/// The way back from a run that has ended.
#[derive(Debug, Clone)]
pub struct UndoPlan {
    /// `oic.ra.xmpp`.
    pub server: Link,
    /// `oic.ra.user`.
    pub user: Link,
    /// How the device is talked to.
    pub channel: Channel,
    /// As for the run: the former password crosses the network too.
    pub consent: bool,
    /// What the device had before the run.
    pub former: Former,
    /// Whether the run wrote, or may have written, `oic.ra.xmpp`.
    pub server_written: bool,
    /// Whether the run wrote, or may have written, `oic.ra.user`.
    pub account_written: bool,
    /// The accounts whose passwords we know.
    pub ours: Vec<OwnAccount>,
}

/// What a device had before its run; known once step `Read` is done. Holds no credential: it is what is journalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Its server; empty where it had none.
    pub address: String,
    /// And the port.
    pub port: Option<u16>,
    /// Its account.
    pub account: FormerAccount,
}

/// The account that a device had before its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FormerAccount {
    /// The device does not tell (RA-7).
    Unread,
    /// None.
    None,
    /// This bare JID; its password is known only if it is one of ours.
    Jid(String),
}

impl Former {
    /// Whether the account can be put back, given these: its password is known, or there was none.
    pub fn account_can_be_put_back(&self, ours: &[OwnAccount]) -> bool {
        match &self.account {
            FormerAccount::Unread => false,
            FormerAccount::None => true,
            FormerAccount::Jid(jid) => ours.iter().any(|own| same_jid(&own.jid, jid)),
        }
    }
}

/// Bare JIDs compare without case (RA-15).
fn same_jid(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

/// Which way a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Over the plan's channel.
    Channel,
    /// XMPP, to the device's full JID at the target's account.
    Xmpp,
}

/// Ties an answer to its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u32);

/// What the driver does next.
pub enum Action {
    /// Send this, and give back what comes of it, once, under its ticket.
    Send {
        /// To be given back.
        ticket: Ticket,
        /// Which way.
        via: Via,
        /// What. If `secret`: `oic::remote_access::wipe` its body once it is encoded.
        request: Request,
        /// Request or answer may hold a password: neither is logged, kept or shown (RA-7).
        secret: bool,
    },
    /// A step began. `Server` is the first that changes the device: [`Onboarding::former`] is known by now, and is
    /// journalled before the next action is done.
    Began(Step),
    /// A step is done.
    Done(Step),
    /// A step failed, or what it wrote could not be put back ([`Failure::NotPutBack`]).
    Failed(Step, Failure),
    /// What a step wrote is put back.
    Undone(Step),
    /// It is over; nothing more comes.
    Finished(Outcome),
    /// The device has the target's password: now the account gets it, and what came of that is told by
    /// [`Input::PasswordChanged`].
    ChangePassword,
    /// Nothing to do before that instant, or before something happens.
    Wait {
        /// The instant for the next tick.
        until: Option<Duration>,
    },
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::Send { ticket, via, request, secret } => f
                .debug_struct("Send")
                .field("ticket", &ticket.0)
                .field("via", via)
                .field("method", &request.method)
                .field("href", &request.href)
                .field("secret", secret)
                .finish_non_exhaustive(),
            Action::Began(step) => f.debug_tuple("Began").field(step).finish(),
            Action::Done(step) => f.debug_tuple("Done").field(step).finish(),
            Action::Failed(step, failure) => f.debug_tuple("Failed").field(step).field(failure).finish(),
            Action::Undone(step) => f.debug_tuple("Undone").field(step).finish(),
            Action::Finished(outcome) => f.debug_tuple("Finished").field(outcome).finish(),
            Action::ChangePassword => f.write_str("ChangePassword"),
            Action::Wait { until } => f.debug_struct("Wait").field("until", until).finish(),
        }
    }
}

/// What happened.
pub enum Input {
    /// What came of a request. Late and unknown tickets are ignored.
    Answer {
        /// Its ticket.
        ticket: Ticket,
        /// The device's answer, whatever its status; or why there is none.
        result: Result<Response, Lost>,
    },
    /// The server announced an available device of the target's account now. Not for presences remembered from before.
    PresenceSeen {
        /// The last part of its full JID (RA-9).
        id: String,
    },
    /// Time passed.
    Tick,
    /// The person, or the program's end, stops the run. What was written is put back as far as possible.
    Cancel,
    /// What came of [`Action::ChangePassword`].
    PasswordChanged(Changed),
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Answer { ticket, result } => f
                .debug_struct("Answer")
                .field("ticket", &ticket.0)
                .field("result", &result.as_ref().map(|response| response.status))
                .finish(),
            Input::PresenceSeen { id } => f.debug_struct("PresenceSeen").field("id", id).finish(),
            Input::Tick => f.write_str("Tick"),
            Input::Cancel => f.write_str("Cancel"),
            Input::PasswordChanged(changed) => f.debug_tuple("PasswordChanged").field(changed).finish(),
        }
    }
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// It certainly never left this computer: the device cannot have seen it.
    #[error("not sent")]
    NotSent,
    /// Nothing came back in time: the device may or may not have done it.
    #[error("no answer")]
    NoAnswer,
    /// What came back could not be read: the device may or may not have done it.
    #[error("an answer that cannot be read")]
    Unreadable,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The device is online at the target's account, its identity proven.
    Onboarded,
    /// It stopped at a step.
    Failed {
        /// At which.
        step: Step,
        /// Why.
        failure: Failure,
        /// What is on the device now.
        left: LeftOnDevice,
        /// Why the server could not be put back, where that was tried.
        not_put_back: Option<Failure>,
    },
    /// It was cancelled.
    Cancelled {
        /// What is on the device now.
        left: LeftOnDevice,
        /// Why not all of it could be put back.
        not_put_back: Option<Failure>,
    },
    /// An undo has ended.
    Undone {
        /// What is on the device now.
        left: LeftOnDevice,
        /// Why not all of it could be put back.
        not_put_back: Option<Failure>,
    },
}

/// Why a step failed, told apart by what a person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The channel is not encrypted, and the person has not allowed it (RA-6). Nothing was written.
    #[error("the channel is not encrypted, and that was not allowed")]
    ConsentNeeded,
    /// The device wants a secured session.
    #[error("the device wants a secured session")]
    SecuredOnly {
        /// The device's words.
        words: Option<String>,
    },
    /// Over its present account, the device can only be given another one at the same server.
    #[error("over XMPP the device can be given another account at its present server only")]
    OtherServer,
    /// The device has no `oic.ra.xmpp` where it should be.
    #[error("the device has no Remote Access resources")]
    NoRemoteAccess,
    /// The device answered with a failure.
    #[error("the device answered {status}")]
    DeviceRefused {
        /// Its status.
        status: Status,
        /// Its words.
        words: Option<String>,
    },
    /// Nothing came back, and nothing was changed.
    #[error("the device does not answer")]
    NoAnswer,
    /// A write was sent, also repeatedly, and not answered.
    #[error("a write was sent and not answered")]
    OutcomeUnknown,
    /// The device took the account and reports `Error` (RA-4).
    #[error("the device reports an error")]
    DeviceReportsError {
        /// `ErrorReason`, in the vendor's words.
        words: Option<String>,
    },
    /// The device took the account and did not come online in time.
    #[error("the device was not seen online")]
    NotSeenOnline {
        /// What its `status` said last, where it could be read.
        status: Option<String>,
    },
    /// What answers over XMPP is another device.
    #[error("another device answered")]
    IdentityMismatch {
        /// The `di` that it says.
        said: String,
    },
    /// What the step wrote could not be put back.
    #[error("what was written could not be put back")]
    NotPutBack {
        /// Why.
        cause: Box<Failure>,
    },
    /// The device has taken the account's new password, and the account did not get it.
    #[error("the account's password could not be changed")]
    PasswordNotChanged {
        /// The server's words.
        words: Option<String>,
    },
    /// The device has taken a new password, and nobody knows whether the account has it.
    #[error("nobody knows whether the account's password was changed")]
    PasswordUnsure,
    /// The answer is not what the resource type says.
    #[error("the answer could not be read")]
    BadAnswer,
    /// Stopped before it was done.
    #[error("cancelled")]
    Cancelled,
}

impl Failure {
    /// The device's own words, where it said any. Bounded, one line, without any password that we know.
    pub fn words(&self) -> Option<&str> {
        match self {
            Failure::SecuredOnly { words }
            | Failure::DeviceRefused { words, .. }
            | Failure::DeviceReportsError { words }
            | Failure::PasswordNotChanged { words } => words.as_deref(),
            Failure::NotSeenOnline { status } => status.as_deref(),
            Failure::IdentityMismatch { said } => Some(said),
            Failure::NotPutBack { cause } => cause.words(),
            _ => None,
        }
    }
}
