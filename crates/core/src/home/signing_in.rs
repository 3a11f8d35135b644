//! With which account we are at the server: checked, kept, connected with, forgotten.
//!
//! Scope: the saved account, its password, and what the person typed. Non-scope: the form's own rules and the layers of the
//! check (`account`), staying connected (`remote`).

use homeward_protocol::remote::jid::OicResource;
use homeward_protocol::secret::Secret;
use homeward_xmpp::Hash;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::renewal::next_of;
use super::{Inner, account};
use crate::error::{Code, Error};
use crate::store::Which;
use crate::view::{Account, AccountCheck, AccountForm, Connection, Layer, Move};

impl Inner {
    /// The remembered password of an account; the one that this program was given belongs to the saved account, or to
    /// the first one that is typed.
    pub(super) async fn password(&self, jid: &str) -> Option<Secret> {
        self.passwords.get(jid).await
    }

    /// The same; without a saved account, the one that this program was given is for the account that is typed.
    async fn given_or_remembered(&self, jid: &str) -> Option<Secret> {
        let given = self.config.password.clone().filter(|_| self.state().account().is_none());
        match given {
            Some(password) => Some(password),
            None => self.password(jid).await,
        }
    }

    /// Connects with the saved account, if there is one (RA-22).
    pub(super) async fn connect(&self) {
        let Some(account) = self.state().account().cloned() else { return };
        let (account, signing_in) = self.with_password(account).await;
        let keyring = self.passwords.state();
        self.state().set_account(Some(account), keyring);
        // At once: what became of the account before is no answer to whoever waits for this one.
        self.state().set_connection(beginning(&signing_in));
        self.lines.house().use_account(signing_in.ok());
    }

    /// Connects with the account that the house moves to, if it does.
    pub(super) async fn connect_next(&self) {
        let Some(Move { account, .. }) = self.state().moving().cloned() else { return };
        let (account, signing_in) = self.with_password(account).await;
        self.state().set_moving(Some(Move { account, connection: beginning(&signing_in) }));
        self.lines.next().use_account(signing_in.ok());
    }

    /// Whether its password is at hand, and if so, how to sign in.
    async fn with_password(&self, account: Account) -> (Account, Result<homeward_xmpp::Account, Error>) {
        let password = match self.present_password(&account).await {
            Err(error) if error.code == Code::PasswordUnsure => self.password(&account.jid).await,
            present => present.ok(),
        };
        let account = Account { has_password: password.is_some(), ..account };
        let signing_in = match password {
            None => Err(Error::new(Code::PasswordMissing, format!("no password of {} is at hand", account.jid))),
            Some(password) => self.signing_in(&account, &password, self.uuid),
        };
        (account, signing_in)
    }

    pub(super) fn signing_in(
        &self,
        account: &Account,
        password: &Secret,
        uuid: Uuid,
    ) -> Result<homeward_xmpp::Account, Error> {
        // A pin that cannot be read must not end in trusting everybody's authorities.
        let pin = account.pin.as_deref().map(account::pin).transpose()?;
        let trust = account::trust(account.ca.as_deref(), pin)?;
        Ok(homeward_xmpp::Account {
            jid: account::jid(&account.jid)?,
            password: Zeroizing::new(password.expose().to_owned()),
            resource: OicResource::client(uuid.to_string()).to_string(),
            server: account.server.clone(),
            port: account.port,
            trust,
            layer_deadline: account::LAYER_DEADLINE,
            at_least: self.store.proven_with(&account.jid)?.as_deref().and_then(Hash::of),
            resumes: true,
        })
    }

    pub(super) async fn check_account(
        &self,
        form: &AccountForm,
        password: Option<Secret>,
    ) -> Result<AccountCheck, Error> {
        let checked = account::check_form(form, self.loopback_only()).await?;
        let password = match password.filter(|password| !password.is_empty()) {
            Some(password) => password,
            None => self.given_or_remembered(&checked.jid.to_string()).await.ok_or_else(password_missing)?,
        };
        let warnings = checked.warnings.clone();
        let account = saved(checked);
        // A place of its own beside the one that may be signed in now: binding that one again would end it.
        let uuid = Uuid::new_v5(&self.uuid, b"account check");
        let signing_in = self.signing_in(&account, &password, uuid)?;
        Ok(account::check_layers(&signing_in, warnings, |check| self.state().set_check(check)).await)
    }

    pub(super) async fn set_account(&self, form: &AccountForm, password: Option<Secret>) -> Result<Account, Error> {
        let account = account::check_form(form, self.loopback_only()).await.map(saved)?;
        let is_another = self.state().account().is_some_and(|former| former.jid != account.jid);
        if is_another {
            self.does_not_move()?;
        }
        self.keep_password(&account.jid, password).await?;
        self.store.set_account(Which::House, &account)?;
        if is_another {
            self.lines.house().use_account(None);
            self.leave_account()?;
        }
        self.state().set_account(Some(account.clone()), self.passwords.state());
        if self.config.connect {
            self.connect().await;
        }
        Ok(account)
    }

    /// Keeps what was typed for this account, or goes on with what is remembered.
    pub(super) async fn keep_password(&self, jid: &str, typed: Option<Secret>) -> Result<(), Error> {
        match typed.filter(|password| !password.is_empty()) {
            Some(password) => drop(self.passwords.set(jid, password).await),
            None => {
                let password = self.given_or_remembered(jid).await.ok_or_else(password_missing)?;
                self.passwords.set_for_this_run(jid, password);
            }
        }
        Ok(())
    }

    pub(super) async fn forget_account(&self) -> Result<(), Error> {
        let Some(account) = self.state().account().cloned() else { return Ok(()) };
        self.does_not_move()?;
        self.store.clear_account(Which::House)?;
        self.lines.house().use_account(None);
        let keyring = self.passwords.forget(&account.jid).await;
        self.passwords.forget(&next_of(&account.jid)).await;
        self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        {
            let mut state = self.state();
            state.set_account(None, keyring);
            state.set_connection(Connection::Offline);
        }
        self.leave_account()
    }

    /// What was known of the account's devices, and of its contacts', is of no other one.
    fn leave_account(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.leave_account();
        self.store.forget_devices()
    }
}

fn password_missing() -> Error {
    Error::new(Code::PasswordMissing, "a password is needed")
}

fn beginning(signing_in: &Result<homeward_xmpp::Account, Error>) -> Connection {
    match signing_in {
        Ok(_) => Connection::Connecting { layer: Layer::Dns },
        Err(error) => Connection::Refused { error: error.clone() },
    }
}

pub(super) fn saved(checked: account::Checked) -> Account {
    let account::Checked { jid, server, port, ca, pin, warnings: _ } = checked;
    Account { jid: jid.to_string(), server, port, ca, pin: pin.map(|pin| pin.to_string()), has_password: true }
}
