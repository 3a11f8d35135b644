//! Another password for the account, in place.
//!
//! Scope: who is concerned, the change at the server (XEP-0077 §3.3), and the proof that the old password is of no more use.
//! Non-scope: giving the new one to devices, which is a run like any other (`onboarding`).
//!
//! A server holds one password per account: whoever is not given the new one is shut out. So each device that knows the
//! old one is named beforehand, as one that gets the new one or as one that is left out.

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::secret::Secret;
use homeward_xmpp::{Cause, IqFailure};
use uuid::Uuid;

use super::Inner;
use super::devices::Known;
use super::onboarding::takes_accounts;
use crate::error::{Code, Error};
use crate::view::{Account, Knowers, OnboardChoice, Run};

/// Our choice: a server may compute a while over a password.
const SERVER_DEADLINE: Duration = Duration::from_secs(15);

/// Whether a password opens the account.
#[derive(Debug, PartialEq, Eq)]
enum Opens {
    Yes,
    No,
    Unknown,
}

impl Inner {
    pub(super) fn who_knows(&self) -> Knowers {
        let state = self.state();
        let mut knowers = Knowers::default();
        let Some(account) = state.account() else { return knowers };
        for known in state.devices().filter(|known| knows(known, account)) {
            let can_be_given = known.lan.as_ref().is_some_and(|lan| lan.answering && takes_accounts(&lan.device));
            let group = if can_be_given { &mut knowers.here } else { &mut knowers.elsewhere };
            group.push(known.view.id.clone());
        }
        // Also what is shown no longer: it has the password all the same.
        let forgotten = state.given().filter(|(id, given)| given.jid == account.jid && state.device(id).is_none());
        knowers.elsewhere.extend(forgotten.map(|(id, _)| id.clone()));
        knowers
    }

    pub(super) async fn change_password(
        self: &Arc<Self>,
        new: Secret,
        choices: Vec<OnboardChoice>,
        left_out: &[String],
    ) -> Result<Vec<Run>, Error> {
        let (account, old) = self.account_and_password().await?;
        if new.is_empty() || new.expose() == old.expose() {
            return Err(Error::new(Code::RequestInvalid, "the new password has to be another one"));
        }
        if self.state().is_setting_up() {
            let words = "devices are being set up, or put back: wait until that has ended";
            return Err(Error::new(Code::RequestInvalid, words));
        }
        self.all_are_named(&choices, left_out)?;
        match self.remote.change_password(&new, SERVER_DEADLINE).await {
            Ok(()) => {}
            Err(IqFailure::Refused { condition, text }) => {
                let words = format!("{condition:?} {text}");
                return Err(Error::new(Code::PasswordNotChanged, "the server refused").with_details(words.trim()));
            }
            // Whichever opens the account now tells.
            Err(IqFailure::NoAnswer | IqFailure::Closed) => {}
        }
        match self.opens(&account, &new).await {
            Opens::Yes => {}
            Opens::No => {
                return Err(Error::new(Code::PasswordNotChanged, "the new password does not open the account"));
            }
            Opens::Unknown => return Err(Error::new(Code::PasswordUnsure, "the server could not be reached since")),
        }
        // Whatever happens from here on, none of them counts as set up before it got the new one.
        let concerned: Vec<&str> =
            choices.iter().map(|choice| choice.id.as_str()).chain(left_out.iter().map(String::as_str)).collect();
        self.passwords.set(&account.jid, new).await;
        if let Err(error) = self.store.password_changed(&concerned) {
            tracing::warn!("that devices have an old password could not be written down: {error}");
        }
        self.connect().await;
        // What is online then is told first: a device's sign-in after that is one with the new password.
        let _ = self.connected(SERVER_DEADLINE).await;
        let old_works = self.opens(&account, &old).await == Opens::Yes;
        let runs = self.give_account(choices, true).await?;
        if old_works {
            return Err(Error::new(Code::OldPasswordWorks, "the server takes the old password still"));
        }
        Ok(runs)
    }

    /// Nobody who knows the password is forgotten, and whoever is to get the new one can be reached.
    fn all_are_named(&self, choices: &[OnboardChoice], left_out: &[String]) -> Result<(), Error> {
        let knowers = self.who_knows();
        let state = self.state();
        let names = |ids: Vec<&String>| {
            let name = |id: &String| state.device(id).map_or_else(|| id.clone(), |known| known.view.name.clone());
            ids.into_iter().map(name).collect::<Vec<_>>().join(", ")
        };
        let chosen = |id: &String| choices.iter().any(|choice| choice.id == *id);
        let all = || knowers.here.iter().chain(&knowers.elsewhere);
        let unnamed: Vec<_> = all().filter(|id| !chosen(id) && !left_out.contains(id)).collect();
        if !unnamed.is_empty() {
            let words = format!("{} would be shut out without having been named", names(unnamed));
            return Err(Error::new(Code::RequestInvalid, words));
        }
        let unreachable: Vec<_> = knowers.elsewhere.iter().filter(|id| chosen(id)).collect();
        if !unreachable.is_empty() {
            let words = format!("{} cannot be reached on this network", names(unreachable));
            return Err(Error::new(Code::NotReachable, words));
        }
        Ok(())
    }

    /// Tries a password, as another client beside the one that is signed in.
    async fn opens(&self, account: &Account, password: &Secret) -> Opens {
        let uuid = Uuid::new_v5(&self.uuid, b"password check");
        let Ok(signing_in) = self.signing_in(account, password, uuid) else { return Opens::Unknown };
        match homeward_xmpp::sign_in(&signing_in, &mut |_| ()).await {
            Ok(session) => {
                session.handle.close().await;
                Opens::Yes
            }
            Err(failure) if failure.cause == Cause::NotAuthorized => Opens::No,
            Err(_) => Opens::Unknown,
        }
    }
}

fn knows(known: &Known, account: &Account) -> bool {
    let given = known.view.credential.as_ref().is_some_and(|credential| credential.jid == account.jid);
    let has = known.view.remote.as_ref().is_some_and(|remote| !remote.contact);
    given || has
}
