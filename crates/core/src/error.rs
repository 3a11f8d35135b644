//! What can go wrong, as values: one [`Code`] per case that a reader treats differently.
//!
//! The words that a person reads live in the UI's catalogue (and the terminal program's), keyed by code; `message` is
//! one plain English sentence for logs and scripts, `details` the protocol's or the device's own words.

use homeward_xmpp::Cause;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

use crate::view::Layer;

/// A failure, told apart by what a reader can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "kebab-case")]
#[ts(export)]
pub enum Code {
    // The account form: refused before any network.
    /// Not a bare JID: no domain, a resource, spaces (RA-1, RFC 7622 §3).
    JidInvalid,
    /// No password given, and none remembered.
    PasswordMissing,
    /// The server address is no host name or IP address.
    ServerInvalid,
    /// The port is not in 1 … 65535.
    PortInvalid,
    /// The CA file cannot be read or holds no certificate.
    CaFileInvalid,
    /// The fingerprint is no SHA-256, or stands beside a CA file: one of the two.
    PinInvalid,
    /// The address means "this computer", which no device can reach, and the search is not limited to loopback.
    LoopbackAddress,

    // The account: while connecting.
    /// No account is set.
    NoAccount,
    /// The server's name has no address.
    DnsFailed,
    /// The port refused the connection.
    TcpRefused,
    /// No way to the address.
    Unreachable,
    /// The layer under way said nothing for its whole deadline.
    Silent,
    /// What answers is no XMPP server.
    NotXmpp,
    /// The server does not know the JID's domain.
    HostUnknown,
    /// The server offers no TLS; we do not go on without (RA-10).
    TlsNotOffered,
    /// The TLS handshake failed for another reason than the certificate.
    TlsFailed,
    /// Nobody we trust signed the certificate.
    CertificateUnknown,
    /// The certificate's time is over, or has not begun.
    CertificateExpired,
    /// The certificate is for another name than the JID's domain.
    CertificateWrongName,
    /// The certificate is not the only one that the person trusts.
    CertificateChanged,
    /// The server offers no sign-in that keeps the password to itself (PLAIN only, say).
    NoSafeMechanism,
    /// The server offers a weaker sign-in than the one that was used before.
    SignInWeakened,
    /// Wrong user name or password.
    NotAuthorized,
    /// The account exists and may not sign in now.
    AccountDisabled,
    /// The server did not prove that it knows the password: it may be an impostor.
    ServerNotProven,
    /// The server bound another full JID than the one offered (RA-11).
    ResourceChanged,
    /// Another program is signed in with this computer's resource.
    ResourceConflict,
    /// The server ended the session in favour of others: its limit of sessions per user.
    TooManySessions,
    /// The server ended the connection.
    ServerClosed,
    /// The connection died.
    ConnectionLost,
    /// The server refused the roster.
    RosterRefused,

    // Finding.
    /// Not an address and port of a device.
    AddressInvalid,
    /// Nothing at that address answered.
    NothingThere,
    /// The named interface is not there, or down.
    InterfaceUnknown,

    // A request.
    /// The device is not known.
    DeviceUnknown,
    /// No path leads to the device now.
    NotReachable,
    /// Nothing came back, and nothing can have been changed.
    NoAnswer,
    /// It was sent and not answered: it may or may not have been done.
    OutcomeUnknown,
    /// The device answered with a failure; `details` has its words.
    DeviceRefused,
    /// The request is larger than the device's session takes; never sent.
    TooLarge,
    /// The answer could not be read.
    BadAnswer,
    /// The device refuses a session.
    SessionRefused,
    /// What answers at the device's address does not prove that it is the device: nothing was asked of it.
    DeviceNotProven,
    /// The device is ours, and its key is not at hand on this computer.
    KeyMissing,
    /// The device sent so much that it is not heard for a minute.
    CutOff,
    /// Not a path, or not JSON.
    RequestInvalid,
    /// It cannot be done as things stand; the message says why.
    NotNow,
    /// The person, or the program's end, stopped it.
    Cancelled,
    /// The server did not take another password for the account; `details` has its words.
    PasswordNotChanged,
    /// The password was changed, and the server takes the old one still.
    OldPasswordWorks,
    /// The server was asked for another password, and could not be reached since: one of the two works.
    PasswordUnsure,
    /// The old account may be of use still: its server did not delete it, or nobody can tell; `details` has its words.
    AccountNotDeleted,
    /// The server did not make the account that the device shall have for itself; `details` has its words.
    AccountNotMade,
    /// Over XMPP the device can be given another account at its present server only: for another server it has to answer on
    /// this network.
    OtherServer,
    /// The program ended in the middle of it: what was written then is on the device.
    CutShort,

    // Taking a device over.
    /// Somebody else owns the device.
    OwnedByAnother,
    /// Somebody is taking the device over at this moment.
    InTransfer,
    /// The device does not offer this way to be taken over.
    MethodNotOffered,
    /// The PIN was wrong too often.
    PinWrong,
    /// Nobody owns the device yet: it has to be taken over first.
    NotOwned,
    /// The passphrase of a backup is too short.
    PassphraseWeak,
    /// The backup has another passphrase, or was changed.
    PassphraseWrong,
    /// The file is no backup.
    BackupInvalid,

    // Onboarding.
    /// The device has no Remote Access resources.
    NoRemoteAccess,
    /// The device has no secure channel, and the person has not allowed the clear one (RA-6).
    ConsentNeeded,
    /// The device takes credentials only over a secured session, which this version cannot open.
    SecuredOnly,
    /// The device took the account and reports `Error`; `details` has its reason (RA-4).
    DeviceReportsError,
    /// The device took the account, and did not appear online in time.
    NotSeenOnline,
    /// What answers over XMPP says another `di`.
    IdentityMismatch,
    /// The former server could not be put back.
    NotPutBack,

    // This computer.
    /// The keyring cannot be used; the password is only in memory.
    KeyringUnavailable,
    /// The state folder cannot be read or written.
    StoreFailed,
    /// A fault of ours; `details` says where.
    Internal,
}

/// One failure: what happened, and the words of who reported it.
#[derive(Debug, Clone, PartialEq, Serialize, TS, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[ts(export)]
#[error("{message}")]
pub struct Error {
    /// Which case.
    pub code: Code,
    /// One sentence, in English, without secrets.
    pub message: String,
    /// The device's, the server's or the system's own words, where there are any.
    pub details: Option<String>,
}

impl Error {
    /// A failure without anybody's own words.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None }
    }

    /// With the words of who reported it.
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = Some(details.into());
        self
    }
}

impl Error {
    /// Why a layer of a sign-in failed, or a session ended.
    pub(crate) fn from_cause(layer: Layer, cause: &Cause) -> Self {
        let (code, details) = match cause {
            Cause::Dns(words) => (Code::DnsFailed, Some(words.clone())),
            Cause::TcpRefused => (Code::TcpRefused, None),
            Cause::Unreachable(words) => (Code::Unreachable, Some(words.clone())),
            Cause::Silent => (Code::Silent, None),
            Cause::NotXmpp => (Code::NotXmpp, None),
            Cause::HostUnknown => (Code::HostUnknown, None),
            Cause::TlsNotOffered => (Code::TlsNotOffered, None),
            Cause::Tls(words) => (Code::TlsFailed, Some(words.clone())),
            Cause::CertificateUnknown(shown) => (Code::CertificateUnknown, Some(shown.fingerprint.to_string())),
            Cause::CertificateExpired(shown) => (Code::CertificateExpired, Some(shown.fingerprint.to_string())),
            Cause::CertificateWrongName(shown) => (Code::CertificateWrongName, Some(shown.fingerprint.to_string())),
            Cause::CertificateChanged { pinned, shown } => {
                (Code::CertificateChanged, Some(format!("trusted {pinned}, shown {}", shown.fingerprint)))
            }
            Cause::NoSafeMechanism { offered } => (Code::NoSafeMechanism, Some(offered.join(", "))),
            Cause::WeakerThanBefore { offered } => (Code::SignInWeakened, Some(offered.join(", "))),
            Cause::NotAuthorized => (Code::NotAuthorized, None),
            Cause::AccountRefused(words) => (Code::AccountDisabled, Some(words.clone())),
            Cause::ServerNotProven(words) => (Code::ServerNotProven, Some(words.clone())),
            Cause::ResourceChanged { bound, .. } => (Code::ResourceChanged, Some(bound.clone())),
            Cause::ResourceConflict => (Code::ResourceConflict, None),
            Cause::TooManySessions => (Code::TooManySessions, Some("max_user_sessions".to_owned())),
            Cause::BindRefused(words) => (Code::AccountDisabled, Some(words.clone())),
            Cause::StreamError(words) if layer == Layer::Roster => (Code::RosterRefused, Some(words.clone())),
            Cause::StreamError(words) => (Code::ServerClosed, Some(words.clone())),
            Cause::Closed => (Code::ServerClosed, None),
            Cause::Lost(words) => (Code::ConnectionLost, Some(words.clone())),
        };
        Self { code, message: cause.to_string(), details }
    }
}
