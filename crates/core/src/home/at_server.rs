//! What a server is asked about an account of ours, signed in as that account beside whoever else is: whether a password
//! opens it, another password for it (XEP-0077 §3.3), its end (§3.2).
//!
//! Scope: one account, and the proof that it is as it was wanted. Non-scope: who knows the account, and what is kept of it.

use std::time::Duration;

use homeward_protocol::secret::Secret;
use homeward_xmpp::{Cause, Failure, IqFailure};
use uuid::Uuid;

use super::Inner;
use crate::error::{Code, Error};
use crate::remote::layer_view;
use crate::view::Account;

/// Our choice: a server may compute a while over a password.
pub(super) const SERVER_DEADLINE: Duration = Duration::from_secs(15);

/// Whether a password opens an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opens {
    Yes,
    No,
    Unknown,
}

impl Inner {
    /// How to sign in as the account, in no place of an OIC device or client.
    pub(super) fn beside(&self, account: &Account, password: &Secret) -> Result<homeward_xmpp::Account, Error> {
        let signing_in = self.signing_in(account, password, self.uuid)?;
        Ok(homeward_xmpp::Account { resource: format!("Homeward/{}", Uuid::new_v4()), resumes: false, ..signing_in })
    }

    /// Tries a password.
    pub(super) async fn opens(&self, account: &Account, password: &Secret) -> Opens {
        let Ok(signing_in) = self.beside(account, password) else { return Opens::Unknown };
        match homeward_xmpp::sign_in(&signing_in, &mut |_| ()).await {
            Ok(session) => {
                session.handle.close().await;
                Opens::Yes
            }
            Err(failure) if failure.cause == Cause::NotAuthorized => Opens::No,
            Err(_) => Opens::Unknown,
        }
    }

    /// Has the account's password changed. Whether the one before opens it still is for the caller to see.
    ///
    /// # Errors
    /// [`Code::PasswordNotChanged`]; [`Code::PasswordUnsure`]: nobody knows. Or why the server cannot be reached.
    pub(super) async fn change_at_server(
        &self,
        account: &Account,
        present: &Secret,
        new: &Secret,
    ) -> Result<(), Error> {
        let signed_in = homeward_xmpp::sign_in(&self.beside(account, present)?, &mut |_| ()).await;
        let session = signed_in.map_err(|failure| unreached(&failure))?;
        let asked = session.handle.change_password(new.expose(), SERVER_DEADLINE).await;
        session.handle.close().await;
        if let Err(IqFailure::Refused { condition, text }) = asked {
            let words = format!("{condition:?} {text}");
            return Err(Error::new(Code::PasswordNotChanged, "the server refused").with_details(words.trim()));
        }
        match self.opens(account, new).await {
            Opens::Yes => Ok(()),
            Opens::No => Err(Error::new(Code::PasswordNotChanged, "the new password does not open the account")),
            Opens::Unknown => Err(Error::new(Code::PasswordUnsure, "the server could not be reached since")),
        }
    }

    /// Has the account deleted, and sees that its password opens it no more.
    ///
    /// # Errors
    /// [`Code::AccountNotDeleted`].
    pub(super) async fn delete_at_server(&self, account: &Account, password: &Secret) -> Result<(), Error> {
        let mut words = None;
        // It may have been deleted before: whether the password still opens it tells.
        if let Ok(session) = homeward_xmpp::sign_in(&self.beside(account, password)?, &mut |_| ()).await {
            if let Err(IqFailure::Refused { condition, text }) = session.handle.delete_account(SERVER_DEADLINE).await {
                words = Some(format!("{condition:?} {text}").trim().to_owned());
            }
            session.handle.close().await;
        }
        let why = match (self.opens(account, password).await, &words) {
            (Opens::No, _) => return Ok(()),
            (_, Some(_)) => format!("the server does not delete {}", account.jid),
            (Opens::Yes, None) => format!("the password of {} opens it still", account.jid),
            (Opens::Unknown, None) => format!("nobody can tell whether {} was deleted", account.jid),
        };
        Err(Error { details: words, ..Error::new(Code::AccountNotDeleted, why) })
    }
}

pub(super) fn unreached(failure: &Failure) -> Error {
    Error::from_cause(layer_view(failure.layer), &failure.cause)
}
