//! Why there is no session: which layer failed, and a cause for each case that a reader treats differently.

use std::fmt;

use crate::certificate::{Certificate, Fingerprint};

/// The layers of a sign-in, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// The server's name has an address.
    Dns,
    /// It takes connections.
    Tcp,
    /// It speaks XMPP, proves that it is the domain's server, and encrypts.
    Tls,
    /// It takes the password, and proves that it knows it.
    Sasl,
    /// It gives exactly the offered resource.
    Bind,
    /// It tells the contacts. Asked by the caller ([`crate::Handle::roster`]).
    Roster,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layer::Dns => "name look-up",
            Layer::Tcp => "connection",
            Layer::Tls => "encryption",
            Layer::Sasl => "sign-in",
            Layer::Bind => "resource binding",
            Layer::Roster => "contact list",
        })
    }
}

/// A sign-in that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    /// Where. The layers before it have passed; those behind it were not tried.
    pub layer: Layer,
    /// Why.
    pub cause: Cause,
}

/// Why a layer failed, or a session ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The name has no address.
    #[error("the server's name has no address ({0})")]
    Dns(String),
    /// Nobody listens at the port.
    #[error("the server's port refuses connections")]
    TcpRefused,
    /// No way there.
    #[error("the server cannot be reached ({0})")]
    Unreachable(String),
    /// The layer said nothing until its deadline.
    #[error("the server fell silent")]
    Silent,
    /// What answers speaks something else.
    #[error("what answers there is no XMPP server")]
    NotXmpp,
    /// The server does not serve the JID's domain (RFC 6120 §4.9.3.6).
    #[error("the server does not serve this domain")]
    HostUnknown,
    /// No STARTTLS among the features; we do not go on without (RA-10).
    #[error("the server offers no encryption")]
    TlsNotOffered,
    /// TLS failed for another reason than the certificate.
    #[error("the encrypted connection could not be made ({0})")]
    Tls(String),
    /// Nobody we trust signed the certificate.
    #[error("nobody we trust signed the server's certificate")]
    CertificateUnknown(Box<Certificate>),
    /// The certificate's time is over, or has not begun.
    #[error("the server's certificate is not valid now")]
    CertificateExpired(Box<Certificate>),
    /// The certificate is for another name than the JID's domain.
    #[error("the server's certificate is for another name")]
    CertificateWrongName(Box<Certificate>),
    /// Only one certificate is trusted, and this is another: somebody may stand between us and the server.
    #[error("the server shows another certificate than the only one that is trusted")]
    CertificateChanged {
        /// The trusted one.
        pinned: Fingerprint,
        /// The one that was shown.
        shown: Box<Certificate>,
    },
    /// No mechanism that keeps the password here.
    #[error("the server offers no safe way to sign in (only {})", offered.join(", "))]
    NoSafeMechanism {
        /// What it offers.
        offered: Vec<String>,
    },
    /// No mechanism as strong as the one that this account was once signed in with: the list may be somebody else's.
    #[error("the server offers a weaker way to sign in than before (only {})", offered.join(", "))]
    WeakerThanBefore {
        /// What it offers.
        offered: Vec<String>,
    },
    /// Wrong user name or password.
    #[error("the server does not take this user name and password")]
    NotAuthorized,
    /// The account may not sign in now; the server's condition.
    #[error("the server refuses this account ({0})")]
    AccountRefused(String),
    /// The server's SCRAM signature is wrong or missing: it may be an impostor.
    #[error("the server did not prove that it knows the password ({0})")]
    ServerNotProven(String),
    /// The server bound another full JID than the one offered (RA-11).
    #[error("the server gave us another address ({bound}) than the one we need ({offered})")]
    ResourceChanged {
        /// Ours.
        offered: String,
        /// The server's.
        bound: String,
    },
    /// Another program is signed in with our resource, or has just taken it.
    #[error("another program is signed in with this computer's address")]
    ResourceConflict,
    /// The server's limit of sessions per user (ejabberd: `max_user_sessions`), as far as can be told: ejabberd ends the
    /// oldest session with the same words as one whose resource another program takes.
    #[error(
        "the server ended this session in favour of a newer one of the account: most often its limit of sessions per user (max_user_sessions), else another program has this computer's address"
    )]
    TooManySessions,
    /// The server refused the resource for another reason.
    #[error("the server refused our address ({0})")]
    BindRefused(String),
    /// The server ended the stream with this condition.
    #[error("the server ended the connection ({0})")]
    StreamError(String),
    /// The server closed the stream, or the connection, without a reason.
    #[error("the server closed the connection")]
    Closed,
    /// The connection died.
    #[error("the connection was lost ({0})")]
    Lost(String),
}

impl Cause {
    /// The certificate that was shown and refused.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Cause::CertificateUnknown(shown)
            | Cause::CertificateExpired(shown)
            | Cause::CertificateWrongName(shown)
            | Cause::CertificateChanged { shown, .. } => Some(shown),
            _ => None,
        }
    }

    pub(crate) fn at(self, layer: Layer) -> Failure {
        Failure { layer, cause: self }
    }
}
