//! What the program's exit code says; scripts rely on it.

use std::io;
use std::process::ExitCode;

use homeward_core::{Code, Error};

/// How the program ends. Of several endings, the gravest has the highest number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Refused by device or server; also what was stopped by Ctrl-C, and failures of this computer.
    Refused = 1,
    /// The command itself is wrong, or something is not set up for it.
    Usage = 2,
    /// Not reached in time.
    NotReached = 3,
    /// Sign-in or certificate refused, by either side.
    SignInRefused = 4,
    /// Sent and unanswered: it may or may not have been done.
    OutcomeUnknown = 5,
}

impl Exit {
    /// The exit code of a failure.
    pub(crate) fn of(code: Code) -> Self {
        match code {
            Code::DeviceRefused
            | Code::SessionRefused
            | Code::CutOff
            | Code::TooLarge
            | Code::BadAnswer
            | Code::Cancelled
            | Code::CutShort
            | Code::PasswordNotChanged
            | Code::OldPasswordWorks
            | Code::PasswordUnsure
            | Code::AccountNotDeleted
            | Code::AccountNotMade
            | Code::OtherServer
            | Code::NoRemoteAccess
            | Code::ConsentNeeded
            | Code::SecuredOnly
            | Code::OwnedByAnother
            | Code::InTransfer
            | Code::MethodNotOffered
            | Code::PinWrong
            | Code::NotOwned
            | Code::DeviceNotProven
            | Code::KeyMissing
            | Code::PassphraseWrong
            | Code::BackupInvalid
            | Code::DeviceReportsError
            | Code::IdentityMismatch
            | Code::NotPutBack
            | Code::RosterRefused
            | Code::KeyringUnavailable
            | Code::Internal => Exit::Refused,
            Code::JidInvalid
            | Code::PasswordMissing
            | Code::ServerInvalid
            | Code::PortInvalid
            | Code::CaFileInvalid
            | Code::PinInvalid
            | Code::LoopbackAddress
            | Code::NoAccount
            | Code::AddressInvalid
            | Code::InterfaceUnknown
            | Code::RequestInvalid
            | Code::NotNow
            | Code::PassphraseWeak
            | Code::StoreFailed => Exit::Usage,
            Code::DnsFailed
            | Code::TcpRefused
            | Code::Unreachable
            | Code::Silent
            | Code::NotXmpp
            | Code::ServerClosed
            | Code::ConnectionLost
            | Code::NothingThere
            | Code::DeviceUnknown
            | Code::NotReachable
            | Code::NoAnswer
            | Code::NotSeenOnline => Exit::NotReached,
            Code::HostUnknown
            | Code::TlsNotOffered
            | Code::TlsFailed
            | Code::CertificateUnknown
            | Code::CertificateExpired
            | Code::CertificateWrongName
            | Code::CertificateChanged
            | Code::NoSafeMechanism
            | Code::NotAuthorized
            | Code::AccountDisabled
            | Code::ServerNotProven
            | Code::SignInWeakened
            | Code::ResourceChanged
            | Code::ResourceConflict
            | Code::TooManySessions => Exit::SignInRefused,
            Code::OutcomeUnknown => Exit::OutcomeUnknown,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a command ended without a result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The home says so.
    Home(Error),
    /// Nobody takes the output.
    Output(io::Error),
}

impl Failure {
    /// The exit code. A reader that has read enough (`| head -1`) is no failure.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Home(error) => Exit::of(error.code),
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Failure::Output(_) => Exit::Refused,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Home(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_the_number_that_scripts_rely_on() {
        for (code, number) in [
            (Code::DeviceRefused, 1),
            (Code::ConsentNeeded, 1),
            (Code::NoAccount, 2),
            (Code::JidInvalid, 2),
            (Code::PasswordMissing, 2),
            (Code::NotReachable, 3),
            (Code::Silent, 3),
            (Code::TcpRefused, 3),
            (Code::NotAuthorized, 4),
            (Code::CertificateWrongName, 4),
            (Code::CertificateChanged, 4),
            (Code::ServerNotProven, 4),
            (Code::SignInWeakened, 4),
            (Code::OutcomeUnknown, 5),
        ] {
            assert_eq!(Exit::of(code) as u8, number, "{code:?}");
        }
    }

    #[test]
    fn of_several_devices_the_gravest_ending_counts() {
        let endings = [Exit::Done, Exit::Refused, Exit::OutcomeUnknown, Exit::NotReached];
        assert_eq!(endings.into_iter().max(), Some(Exit::OutcomeUnknown));
    }

    #[test]
    fn a_reader_that_has_enough_is_no_failure_and_a_full_disk_is() {
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).exit(), Exit::Done);
        assert_eq!(Failure::from(io::Error::from(io::ErrorKind::StorageFull)).exit(), Exit::Refused);
    }
}
