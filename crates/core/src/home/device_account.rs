//! An account that one device has for itself: made at the house's server, and a contact of the house's account both ways.
//!
//! Scope: making it, ending it. Non-scope: giving it to the device, which is a run like any other (`onboarding`); another
//! password for it (`renewal`).
//!
//! Whoever gets such a password out of the device can be that device, and nothing else: to the house's account it is a
//! contact, and its presence counts for its own device only.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use homeward_protocol::secret::Secret;
use homeward_xmpp::NotRegistered;
use tokio::time::{Instant, sleep};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Inner;
use super::account::check_form;
use super::at_server::{Opens, SERVER_DEADLINE, unreached};
use super::onboarding::{Gift, no_account};
use super::renewal::next_of;
use super::signing_in::saved;
use super::state::now_ms;
use crate::error::{Code, Error};
use crate::store::DeviceAccount;
use crate::view::{Account, AccountForm, Keyring};

/// Our choice: how long a server is waited for that lets no further account be made. ejabberd lets one be made in ten minutes,
/// unless it is told otherwise: so six devices.
const LETS_ONE_WITHIN: Duration = Duration::from_secs(3_600);
/// Our choice: the first wait, doubled each time up to the last.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LAST_WAIT: Duration = Duration::from_secs(120);
/// In bytes.
const PASSWORD_LENGTH: usize = 32;

impl Inner {
    /// The account that this device has for itself; it is made where it was not, and made a contact of the house's account.
    /// `tell`: when the server is asked again, where it makes one wait.
    ///
    /// # Errors
    /// [`Code::KeyringUnavailable`], [`Code::AccountNotMade`], or why the server cannot be reached.
    pub(super) async fn device_account(
        &self,
        id: &str,
        house: &Account,
        tell: impl Fn(&Account, Option<u64>),
    ) -> Result<Gift, Error> {
        let (account, password) = self.planned_account(id, house).await?;
        tell(&account, None);
        let signing_in = self.beside(&account, &password)?;
        // It may have been made on an earlier day, and the server makes none any more.
        if self.opens(&account, &password).await != Opens::Yes {
            self.make_account(id, &account, &signing_in, tell).await?;
        }
        // Who asks has to be there: after a start, or while its link is down, it may not be yet.
        self.connected(SERVER_DEADLINE).await?;
        let befriended = self.lines.house().befriend(&signing_in, SERVER_DEADLINE).await;
        befriended.map_err(|failure| unreached(&failure))?;
        Ok(Gift { account, password, new_password: false })
    }

    async fn make_account(
        &self,
        id: &str,
        account: &Account,
        signing_in: &homeward_xmpp::Account,
        tell: impl Fn(&Account, Option<u64>),
    ) -> Result<(), Error> {
        let until = Instant::now() + LETS_ONE_WITHIN;
        let mut wait = FIRST_WAIT;
        let mut invitation = None;
        loop {
            match homeward_xmpp::register(signing_in, invitation.as_ref()).await {
                Ok(()) => return Ok(()),
                Err(NotRegistered::Later(words)) if Instant::now() + wait > until => {
                    return Err(not_made("the server makes no further account for now", words));
                }
                Err(NotRegistered::Later(_)) => {
                    tell(account, Some(now_ms().saturating_add(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))));
                    sleep(wait).await;
                    tell(account, None);
                    wait = (wait * 2).min(LAST_WAIT);
                }
                Err(NotRegistered::Taken) => return Err(not_made("its name is taken", account.jid.clone())),
                Err(NotRegistered::Refused(words)) => {
                    // Perhaps not without being invited; and it may invite whoever has an account there.
                    if invitation.is_none()
                        && let Ok(Some(given)) = self.lines.house().invitation(SERVER_DEADLINE).await
                    {
                        invitation = Some(given);
                        continue;
                    }
                    self.forget_device_account(id, &account.jid).await;
                    return Err(not_made("the server makes no accounts", words));
                }
                Err(NotRegistered::Unreached(failure)) => return Err(unreached(&failure)),
            }
        }
    }

    /// All devices' accounts become contacts of the account that the house moves to.
    ///
    /// # Errors
    /// A password is not at hand, or a server cannot be reached.
    pub(super) async fn befriend_next(&self) -> Result<(), Error> {
        for own in self.store.device_accounts()? {
            let password = self.present_password(&own.account).await?;
            let own = self.beside(&own.account, &password)?;
            let befriended = self.lines.next().befriend(&own, SERVER_DEADLINE).await;
            befriended.map_err(|failure| unreached(&failure))?;
        }
        Ok(())
    }

    /// Its name and password, kept before anything is made.
    async fn planned_account(&self, id: &str, house: &Account) -> Result<(Account, Secret), Error> {
        let kept = self.store.device_account(id)?;
        if let Some(DeviceAccount { account, .. }) = kept {
            match self.present_password(&account).await {
                Ok(password) => return Ok((account, password)),
                // Lost with the keyring: another account is made.
                Err(error) if error.code == Code::PasswordMissing => {}
                Err(error) => return Err(error),
            }
        }
        let domain = domain(house);
        let (name, _) = Uuid::new_v4().as_u64_pair();
        let jid = format!("device-{name:016x}@{domain}");
        let password = random_password();
        // Lost, the device could be given no other one: nobody could sign in to change it.
        if let Keyring::Unavailable { details } = self.passwords.set(&jid, password.clone()).await {
            let words = "without a keyring, a device gets no account of its own";
            return Err(Error::new(Code::KeyringUnavailable, words).with_details(details));
        }
        let account = Account { jid, has_password: true, ..house.clone() };
        let own = DeviceAccount { device: id.to_owned(), account: account.clone(), made: true };
        self.store.set_device_account(&own)?;
        self.state().set_device_account(&account.jid, id);
        Ok((account, password))
    }

    /// An account that the person has at hand is for this device alone from now on: it is given to it instead of one that would
    /// be made.
    ///
    /// # Errors
    /// [`Code::NotNow`]: it is the house's, another device's, or elsewhere; or the device has one. What keeps it from being
    /// signed in to.
    pub(super) async fn use_account_for(&self, id: &str, jid: &str, password: Secret) -> Result<(), Error> {
        let id = self.device_now(id)?.id;
        let house = self.state().account().cloned().ok_or_else(no_account)?;
        let form = AccountForm { jid: jid.to_owned(), ..house.clone().into() };
        let account = check_form(&form, self.loopback_only()).await.map(saved)?;
        let not_now = |words: &str| Err(Error::new(Code::NotNow, words));
        if domain(&account) != domain(&house) {
            return not_now("the account has to be at the house's server");
        }
        let is_anothers = |own: &DeviceAccount| own.account.jid == account.jid && own.device != id;
        if self.state().is_own(&account.jid) || self.store.device_accounts()?.iter().any(is_anothers) {
            return not_now("the account is in use already");
        }
        // One that was planned, and could not be made, is none.
        if let Some(DeviceAccount { account: planned, .. }) = self.store.device_account(&id)? {
            let password = self.present_password(&planned).await?;
            match self.opens(&planned, &password).await {
                Opens::No => self.forget_device_account(&id, &planned.jid).await,
                Opens::Yes | Opens::Unknown => return not_now("the device has an account of its own already"),
            }
        }
        let signing_in = self.beside(&account, &password)?;
        let signed_in = homeward_xmpp::sign_in(&signing_in, &mut |_| ()).await;
        signed_in.map_err(|failure| unreached(&failure))?.handle.close().await;
        if let Keyring::Unavailable { details } = self.passwords.set(&account.jid, password).await {
            let words = "without a keyring, a device gets no account of its own";
            return Err(Error::new(Code::KeyringUnavailable, words).with_details(details));
        }
        self.state().set_device_account(&account.jid, &id);
        self.store.set_device_account(&DeviceAccount { device: id, account, made: false })
    }

    /// A device that is lost can sign in nowhere any more: its account is deleted, and it is forgotten.
    ///
    /// # Errors
    /// [`Code::NotNow`]: it has none of its own; [`Code::PasswordMissing`], [`Code::AccountNotDeleted`].
    pub(super) async fn shut_out(&self, id: &str) -> Result<(), Error> {
        let id = self.device_now(id)?.id;
        if self.store.device_account(&id)?.is_none() {
            return Err(Error::new(Code::NotNow, "the device has no account of its own"));
        }
        self.delete_device_account(&id).await?;
        self.state().set_given(&id, None);
        self.leave_behind(&id);
        Ok(())
    }

    /// The device has it no more: what we made is deleted, and what the person had is theirs again.
    ///
    /// # Errors
    /// [`Code::PasswordMissing`], [`Code::AccountNotDeleted`].
    pub(super) async fn end_device_account(&self, id: &str) -> Result<(), Error> {
        match self.store.device_account(id)? {
            Some(DeviceAccount { made: true, .. }) => self.delete_device_account(id).await,
            Some(DeviceAccount { account, .. }) => {
                self.forget_device_account(id, &account.jid).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Deletes the account that the device has for itself, if it has one, and sees that its password opens it no more.
    async fn delete_device_account(&self, id: &str) -> Result<(), Error> {
        let Some(DeviceAccount { account, .. }) = self.store.device_account(id)? else { return Ok(()) };
        let password = self.present_password(&account).await?;
        self.delete_at_server(&account, &password).await?;
        self.forget_device_account(id, &account.jid).await;
        Ok(())
    }

    async fn forget_device_account(&self, id: &str, jid: &str) {
        self.passwords.forget(jid).await;
        self.passwords.forget(&next_of(jid)).await;
        if let Err(error) = self.store.forget_device_account(id) {
            tracing::warn!("the account of a device could not be forgotten: {error}");
        }
        self.state().forget_device_account(id);
    }
}

fn domain(account: &Account) -> &str {
    account.jid.rsplit_once('@').map_or(account.jid.as_str(), |(_, domain)| domain)
}

/// 256 bits (RFC 4086) in base64: nobody has to type it.
pub(super) fn random_password() -> Secret {
    let mut bytes = Zeroizing::new([0; PASSWORD_LENGTH]);
    rand::fill(&mut *bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))
}

fn not_made(why: &str, words: String) -> Error {
    Error::new(Code::AccountNotMade, why).with_details(words)
}
