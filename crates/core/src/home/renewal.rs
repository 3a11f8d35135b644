//! Another password for an account that one device has for itself, in place.
//!
//! Scope: what is kept, and the change at the server. Non-scope: giving it to the device, which is a run like any other
//! (`onboarding`); that the device has it before the account, so that one that does not take it works on, which the machine
//! knows.
//!
//! The new password is kept before anybody has it, beside the present one: whenever the program ends, whichever of the two
//! opens the account is at hand.

use std::sync::Arc;

use homeward_protocol::onboarding::{Changed, LeftOnDevice};
use homeward_protocol::secret::Secret;

use super::at_server::Opens;
use super::device_account::random_password;
use super::onboarding::{Gift, left_by};
use super::{Inner, recalled};
use crate::error::{Code, Error};
use crate::view::{Account, Keyring, OnboardChoice, Run, RunState, Whose};

/// A new password that a run brings to a device and its account.
pub(super) struct Renewal {
    pub(super) account: Account,
    pub(super) password: Secret,
    /// Both have it until the account has the new one.
    pub(super) present: Secret,
    /// What became of it at the server, where that is not as it was wanted.
    failed: Option<Error>,
}

/// Where a password is kept that the server may have already. No JID: those have no space.
pub(super) fn next_of(jid: &str) -> String {
    format!("{jid} next")
}

impl Inner {
    /// Begins a run for each of these devices, which have accounts of their own.
    pub(super) async fn renew_passwords(self: &Arc<Self>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        let mut gifts = Vec::new();
        for choice in choices {
            let device = self.device_now(&choice.id)?;
            let shared = || Error::new(Code::NotNow, format!("{} has no account of its own", device.name));
            let account = self.store.device_account(&device.id)?.ok_or_else(shared)?.account;
            gifts.push((choice, Gift { new_password: true, ..self.gift_of(account).await? }));
        }
        self.begin_all(gifts, Whose::OwnRenewed)
    }

    /// A new password for the account of this device, kept before anybody is given it.
    ///
    /// # Errors
    /// [`Code::PasswordMissing`], [`Code::PasswordUnsure`], [`Code::KeyringUnavailable`].
    pub(super) async fn plan_renewal(&self, account: &Account) -> Result<Renewal, Error> {
        let present = self.present_password(account).await?;
        let password = random_password();
        if let Keyring::Unavailable { details } = self.passwords.set(&next_of(&account.jid), password.clone()).await {
            let words = "without a keyring, no device's password is changed";
            return Err(Error::new(Code::KeyringUnavailable, words).with_details(details));
        }
        // Whatever happens from here on, it does not count as set up before it was seen with the account's password.
        self.store.password_changed(&account.jid)?;
        Ok(Renewal { account: account.clone(), password, present, failed: None })
    }

    /// The device has the new password: now the account gets it.
    pub(super) async fn carry_out_renewal(&self, renewal: &mut Renewal) -> Changed {
        let Renewal { account, password, present, .. } = &*renewal;
        let mut changed = self.change_at_server(account, present, password).await;
        if changed.is_ok() && self.opens(account, present).await == Opens::Yes {
            changed = Err(Error::new(Code::OldPasswordWorks, "the server takes the old password still"));
        }
        let Err(error) = changed else {
            self.adopt_next(account, password.clone()).await;
            return Changed::Yes;
        };
        let words = error.details.clone();
        let is_unsure = error.code == Code::PasswordUnsure;
        renewal.failed = Some(error);
        if is_unsure { Changed::Unknown } else { Changed::No { words } }
    }

    /// What is kept once the run has ended like this, and how that is told.
    pub(super) async fn settle_renewal(&self, id: &str, renewal: Renewal, state: RunState) -> RunState {
        let Renewal { account, present, failed, .. } = renewal;
        if left_by(&state) == LeftOnDevice::AsBefore {
            self.adopt_password(&account, present).await;
            if let Err(error) = self.store.password_is_back(id) {
                tracing::warn!("that a device has its account's password could not be written down: {error}");
            }
        }
        match (failed, state) {
            // The server's reason says more than that there is one.
            (Some(why), RunState::Failed { left, error }) if error.code != Code::NotPutBack => {
                RunState::Failed { error: why, left }
            }
            (_, state) => state,
        }
    }

    /// The password of an account: where a change was cut short, the one that the server has.
    ///
    /// # Errors
    /// [`Code::PasswordMissing`]; [`Code::PasswordUnsure`]: a change was cut short, and the server cannot be asked.
    pub(super) async fn present_password(&self, account: &Account) -> Result<Secret, Error> {
        let kept = self.gift_of(account.clone()).await?.password;
        let Some(next) = self.passwords.get(&next_of(&account.jid)).await else { return Ok(kept) };
        match self.opens(account, &next).await {
            Opens::Yes => {
                self.adopt_next(account, next.clone()).await;
                Ok(next)
            }
            Opens::No => {
                self.passwords.forget(&next_of(&account.jid)).await;
                Ok(kept)
            }
            Opens::Unknown => {
                let words = format!("which password {} has is not known, and its server cannot be asked", account.jid);
                Err(Error::new(Code::PasswordUnsure, words))
            }
        }
    }

    /// The account has this password now. None of its devices counts as set up before it got that.
    pub(super) async fn adopt_next(&self, account: &Account, password: Secret) {
        match self.store.password_changed(&account.jid) {
            Ok(entries) => {
                entries.iter().for_each(|entry| self.state().set_given(&entry.id, recalled::credential(entry)))
            }
            Err(error) => tracing::warn!("that devices have an old password could not be written down: {error}"),
        }
        self.adopt_password(account, password).await;
    }

    async fn adopt_password(&self, account: &Account, password: Secret) {
        self.passwords.set(&account.jid, password).await;
        self.passwords.forget(&next_of(&account.jid)).await;
    }
}
