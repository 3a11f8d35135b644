//! Another password for the account, in place.
//!
//! Scope: who is concerned, the change, and the proof that the old password is of no more use.
//! Non-scope: giving the new one to devices, which is a run like any other (`onboarding`).
//!
//! A server holds one password per account: whoever is not given the new one is shut out. So each device that knows the
//! old one is named beforehand, as one that gets the new one or as one that is left out.

use std::sync::Arc;

use homeward_protocol::secret::Secret;

use super::Inner;
use super::at_server::{Opens, SERVER_DEADLINE};
use super::devices::Known;
use super::onboarding::Gift;
use super::renewal::next_of;
use super::ways::takes_accounts;
use crate::error::{Code, Error};
use crate::view::{Account, Knowers, OnboardChoice, Run};

impl Inner {
    pub(super) fn who_knows(&self) -> Knowers {
        let state = self.state();
        let mut knowers = Knowers::default();
        let Some(account) = state.account() else { return knowers };
        for known in state.devices().filter(|known| knows(known, account)) {
            let can_be_given = takes_accounts(known);
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
        let Gift { account, password: old, .. } = self.house_account().await?;
        if new.is_empty() || new.expose() == old.expose() {
            return Err(Error::new(Code::NotNow, "the new password has to be another one"));
        }
        self.state().is_at_rest()?;
        self.does_not_move()?;
        self.all_are_named(&choices, left_out)?;
        // Kept before the server has it: whenever the program ends, whichever of the two opens the account is at hand.
        self.passwords.set(&next_of(&account.jid), new.clone()).await;
        match self.change_at_server(&account, &old, &new).await {
            Ok(()) => self.adopt_next(&account, new).await,
            Err(error) => {
                match error.code {
                    // Signing in finds out.
                    Code::PasswordUnsure => self.connect().await,
                    _ => drop(self.passwords.forget(&next_of(&account.jid)).await),
                }
                return Err(error);
            }
        }
        self.connect().await;
        // What is online then is told first: a device's sign-in after that is one with the new password.
        let _ = self.connected(SERVER_DEADLINE).await;
        let old_works = self.opens(&account, &old).await == Opens::Yes;
        let gift = Gift { new_password: true, ..self.house_account().await? };
        let runs = self.give(choices, &gift)?;
        if old_works {
            return Err(Error::new(Code::OldPasswordWorks, "the server takes the old password still"));
        }
        Ok(runs)
    }

    /// Nobody who knows the password is forgotten, and whoever is to get the new one can be reached.
    fn all_are_named(&self, choices: &[OnboardChoice], left_out: &[String]) -> Result<(), Error> {
        let knowers = self.who_knows();
        let chosen = |id: &String| choices.iter().any(|choice| choice.id == *id);
        let all = || knowers.here.iter().chain(&knowers.elsewhere);
        let unnamed: Vec<_> = all().filter(|id| !chosen(id) && !left_out.contains(id)).cloned().collect();
        if !unnamed.is_empty() {
            let words = format!("{} would be shut out without having been named", self.names_of(&unnamed));
            return Err(Error::new(Code::NotNow, words));
        }
        let unreachable: Vec<_> = knowers.elsewhere.iter().filter(|id| chosen(id)).cloned().collect();
        if !unreachable.is_empty() {
            let words = format!("{} cannot be reached on this network", self.names_of(&unreachable));
            return Err(Error::new(Code::NotReachable, words));
        }
        Ok(())
    }
}

/// Whether a device has this account's password, or may have it.
pub(super) fn knows(known: &Known, account: &Account) -> bool {
    let given = known.view.credential.as_ref().is_some_and(|credential| credential.jid == account.jid);
    let has = known.remote.as_ref().is_some_and(|remote| !remote.contact && remote.is_of(&account.jid));
    given || has
}
