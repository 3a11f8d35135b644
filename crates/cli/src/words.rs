//! The words that a person reads in the terminal: what happened, and what to do.

use homeward_core::view::{AccountWarning, LeftOnDevice, SearchHint, Step};
use homeward_core::{Code, Error};

/// What happened, with the words of who reported it, and what to do.
pub(crate) fn sentence(error: &Error) -> String {
    let happened = error.message.trim_end_matches('.');
    let details = match &error.details {
        Some(details) if !happened.contains(details.as_str()) => format!(" ({})", details.trim_end_matches('.')),
        _ => String::new(),
    };
    format!("{happened}{details}. {}", advice(error.code)).trim_end().to_owned()
}

fn advice(code: Code) -> &'static str {
    match code {
        Code::JidInvalid => "Give it as user@domain, without a resource.",
        Code::PasswordMissing => "Give it by HOMEWARD_PASSWORD or --password-stdin, or save it by `account set`.",
        Code::ServerInvalid => "Give a host name or an IP address, without scheme and port.",
        Code::PortInvalid => "XMPP's is 5222.",
        Code::CaFileInvalid => "Give a file with the authority's certificate in PEM form.",
        Code::LoopbackAddress => {
            "Give an address that the devices can reach, or limit the search to this computer by naming its loopback \
             --interface."
        }
        Code::NoAccount => "Save one first: `homewardctl account set --jid user@domain`.",
        Code::DnsFailed => "Check the server's name, and this computer's connection.",
        Code::TcpRefused | Code::NotXmpp => "Check server and port; `account show` prints them.",
        Code::Unreachable => "Check the server's address, and this computer's connection.",
        Code::Silent => {
            "Try again; if it stays silent, check the server's address and port, and the firewalls between."
        }
        Code::HostUnknown => "Check the domain of the JID, and the server's address.",
        Code::TlsNotOffered | Code::NoSafeMechanism => {
            "Its operator has to allow it; Homeward does not go on without, for the password's sake."
        }
        Code::TlsFailed => "Check that the server offers TLS 1.2 or later at this port.",
        Code::PinInvalid => "Give the certificate's SHA-256 fingerprint, and no CA file beside it.",
        Code::CertificateUnknown => {
            "If you know its authority, give the authority's file by `account set --ca`. Or compare the fingerprint with \
             the one on the server, and give it by `account set --pin`."
        }
        Code::CertificateExpired => "Its operator has to renew it; or this computer's clock is wrong.",
        Code::CertificateWrongName => "It must be for the domain of the JID; check the JID and the server's address.",
        Code::CertificateChanged => {
            "Somebody may stand between this computer and the server: nothing was sent. Ask its operator whether the \
             certificate was renewed, compare the new fingerprint, and only then save it by `account set --pin`."
        }
        Code::NotAuthorized => "Check the JID and the password; `account set` takes new ones.",
        Code::AccountDisabled => "Ask the server's operator.",
        Code::SignInWeakened => {
            "Somebody in between may have struck the better ways from its list. If its operator says that it is so, set the account anew."
        }
        Code::ServerNotProven => "It may be an impostor: do not sign in there before you know why.",
        Code::ResourceChanged => "Ask the server's operator: devices and clients need the resource that they ask for.",
        Code::ResourceConflict => "End the other program, or give it a HOMEWARD_HOME of its own.",
        Code::TooManySessions => "End other programs of this account, or ask the operator for a higher limit.",
        Code::ServerClosed | Code::ConnectionLost => "Try again; if it stays so, the server's log tells why.",
        Code::RosterRefused => "Ask the server's operator: without it, other people's devices stay hidden.",
        Code::AddressInvalid => "Give it as host, host:port or [v6%zone]:port.",
        Code::NothingThere => "Check the address, and that the device is switched on.",
        Code::InterfaceUnknown => "Check the name after --interface, or in HOMEWARD_INTERFACES.",
        Code::DeviceUnknown => "`homewardctl discover` and `homewardctl devices` show which there are.",
        Code::NotReachable => "Check that it is switched on and online, or give it more time by --timeout.",
        Code::NoAnswer => "Try again; nothing was changed.",
        Code::OutcomeUnknown => "Read the resource to see what holds now.",
        Code::DeviceRefused
        | Code::BadAnswer
        | Code::SessionRefused
        | Code::CutOff
        | Code::Cancelled
        | Code::NotNow
        | Code::Internal => "",
        Code::OldPasswordWorks => "Ask whoever runs the server why.",
        Code::PasswordUnsure => "Sign in with the new one, else with the old one.",
        Code::PasswordNotChanged => "Change it where the account was made, then enter it here.",
        Code::AccountNotDeleted => "Finish without --delete-old, or ask whoever runs the server to delete it.",
        Code::AccountNotMade => "Onboard it without --own-accounts, or ask whoever runs the server.",
        Code::OtherServer => "Bring it to the network where this computer is, or this computer to its.",
        Code::CutShort => "Onboard the device again to finish, or undo what was done.",
        Code::TooLarge => "Write less at a time.",
        Code::RequestInvalid => "A path starts with /, and a body is JSON.",
        Code::NoRemoteAccess => "It can be used on the local network only.",
        Code::ConsentNeeded => {
            "Say --allow-unencrypted where a device is given its account (`onboard`, `move`, `rotate`) if the password may \
             cross this network in clear text, where others on it can read it."
        }
        Code::SecuredOnly => "Only the device's owner can give it an account.",
        Code::NotOwned => "Make it yours first: `homewardctl own DI`.",
        Code::OwnedByAnother => "Its owner has to give it up; or reset it, as its manual says.",
        Code::InTransfer => "If nobody does, the device lets go by itself within ten minutes.",
        Code::MethodNotOffered => "Try without --method.",
        Code::PassphraseWeak => {
            "Give a longer one by HOMEWARD_PASSPHRASE or --passphrase-stdin; several words are good."
        }
        Code::PassphraseWrong => "Try again; without it nobody can read the backup.",
        Code::BackupInvalid => "Choose the file that `homewardctl backup save` has written.",
        Code::PinWrong => "Begin anew: the device shows another PIN then.",
        Code::DeviceNotProven => {
            "Another device may claim its id; nothing was asked of it. If the device was reset, make it yours again."
        }
        Code::KeyMissing => {
            "The device's key is in the keyring of the computer that took it over; restore its backup, or reset the device."
        }
        Code::DeviceReportsError => "Check that the device can reach the server, and trusts its certificate.",
        Code::NotSeenOnline => {
            "Check that the device can reach the server, trusts its certificate, and has the right time."
        }
        Code::IdentityMismatch => "Do not use it before you know why.",
        Code::NotPutBack => "Onboard it again, or reset it.",
        Code::KeyringUnavailable => "Give the password by HOMEWARD_PASSWORD or --password-stdin.",
        Code::StoreFailed => "Check the folder that HOMEWARD_HOME names, and its permissions.",
    }
}

/// Something else answers under a device's id.
pub(crate) fn claimed(name: &str, at: &[String]) -> String {
    let at = at.join(", ");
    format!(
        "{name}: something at {at} answers under its id, and could not prove that it is the device: it is told nothing"
    )
}

/// What a step does, as far as it is done.
pub(crate) fn step(step: Step) -> &'static str {
    match step {
        Step::Read => "Remote Access read",
        Step::Server => "server written",
        Step::Account => "account written",
        Step::Status => "status watched",
        Step::Online => "seen online",
        Step::Identity => "identity confirmed",
    }
}

/// What a run that did not end well left on the device.
pub(crate) fn left(left: LeftOnDevice) -> &'static str {
    match left {
        LeftOnDevice::AsBefore => "The device is as it was before.",
        LeftOnDevice::NewServer => "The device has the new server now, and its former account.",
        LeftOnDevice::NewAccount => "The device has the new server and the new account now.",
        LeftOnDevice::SignedOut => "The device has its former server, no account, and stays signed out.",
        LeftOnDevice::NewServerSignedOut => "The device has the new server, no account, and stays signed out.",
        LeftOnDevice::Unknown => "It is not known what the device has now.",
    }
}

/// What the silence on an interface suggests.
pub(crate) fn hint(hint: SearchHint) -> &'static str {
    match hint {
        SearchHint::NothingCameBack => {
            "there is no device, the network keeps devices apart (a guest network does), or a firewall drops unicast \
             answers to multicast"
        }
        SearchHint::CouldNotSend => "nothing could be sent: no multicast here, or the system forbids it",
        SearchHint::NoDeviceAmongAnswers => "what answered were no devices",
    }
}

/// What should be known about an account's server; not a refusal.
pub(crate) fn warning(warning: AccountWarning) -> &'static str {
    match warning {
        AccountWarning::PrivateAddress => "the server's address is a private one: devices reach it from home only",
        AccountWarning::OwnCa => "the devices must trust this certificate authority too",
        AccountWarning::PinnedCertificate => {
            "only this one certificate is trusted, and another is refused: also the one that follows it. The devices must \
             trust it by their own means"
        }
        AccountWarning::DirectTlsOnly => {
            "this port answers with direct TLS only; the devices sign in by STARTTLS, and need such a port"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_happened_by_whose_words_and_what_to_do() {
        let error = Error::new(Code::DeviceReportsError, "the device reports an error").with_details("no such host");
        let said = sentence(&error);
        assert!(said.starts_with("the device reports an error (no such host). Check"), "{said}");
    }

    #[test]
    fn words_that_the_message_has_already_are_not_said_twice() {
        let error = Error::new(Code::DeviceRefused, "the connection was lost (reset).").with_details("reset");
        assert_eq!(sentence(&error), "the connection was lost (reset).");
    }

    #[test]
    fn missing_consent_names_the_flag() {
        assert!(sentence(&Error::new(Code::ConsentNeeded, "no")).contains("--allow-unencrypted"));
    }
}
