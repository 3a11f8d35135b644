//! The saved account, without its password.

use rusqlite::OptionalExtension as _;

use super::{Store, failed};
use crate::error::Error;
use crate::view::Account;

impl Store {
    /// The saved account; `has_password` is false, as the password is elsewhere.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn account(&self) -> Result<Option<Account>, Error> {
        let read = |row: &rusqlite::Row<'_>| {
            let (jid, server, port, ca, pin) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(Account { jid, server, port, ca, pin, has_password: false })
        };
        let connection = self.connection();
        connection.query_row("SELECT jid, server, port, ca, pin FROM account", [], read).optional().map_err(failed)
    }

    /// Keeps this account instead of the one before.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn set_account(&self, account: &Account) -> Result<(), Error> {
        let Account { jid, server, port, ca, pin, has_password: _ } = account;
        let insert = "INSERT OR REPLACE INTO account (id, jid, server, port, ca, pin) VALUES (1, ?1, ?2, ?3, ?4, ?5)";
        self.connection().execute(insert, (jid, server, port, ca, pin)).map(drop).map_err(failed)
    }

    /// What this account was once signed in with, by the mechanism's name.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn proven_with(&self, jid: &str) -> Result<Option<String>, Error> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        let connection = self.connection();
        let found = connection.query_row("SELECT proven_with FROM account WHERE jid = ?1", [jid], read);
        Ok(found.optional().map_err(failed)?.flatten())
    }

    /// This account has been signed in with this mechanism; forgotten when the person sets the account anew.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn set_proven_with(&self, jid: &str, mechanism: &str) -> Result<(), Error> {
        let update = "UPDATE account SET proven_with = ?2 WHERE jid = ?1 AND proven_with IS NOT ?2";
        self.connection().execute(update, (jid, mechanism)).map(drop).map_err(failed)
    }

    /// Keeps no account any more.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn clear_account(&self) -> Result<(), Error> {
        self.connection().execute("DELETE FROM account", []).map(drop).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn the_last_account_is_kept_over_a_restart_until_it_is_cleared() {
        let folder = Folder::new();
        let account = |jid: &str, ca: Option<&str>| Account {
            jid: jid.to_owned(),
            server: "xmpp.hearth.example".to_owned(),
            port: 65535,
            ca: ca.map(str::to_owned),
            pin: None,
            has_password: false,
        };
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account().unwrap(), None);
        store.set_account(&account("old@hearth.example", None)).unwrap();
        store.set_account(&Account { has_password: true, ..account("maren@hearth.example", Some("/ca.pem")) }).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account().unwrap(), Some(account("maren@hearth.example", Some("/ca.pem"))));
        let pinned = Account { pin: Some("9F:2C".to_owned()), ..account("maren@hearth.example", None) };
        store.set_account(&pinned).unwrap();
        assert_eq!(store.account().unwrap(), Some(pinned));
        // The next account is kept whole: nothing is left of the one before.
        store.set_account(&account("maren@hearth.example", None)).unwrap();
        assert_eq!(store.account().unwrap(), Some(account("maren@hearth.example", None)));
        store.clear_account().unwrap();
        assert_eq!(store.account().unwrap(), None);
    }

    #[test]
    fn what_an_account_was_signed_in_with_is_kept_until_it_is_set_anew() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let account = Account {
            jid: "maren@hearth.example".to_owned(),
            server: "xmpp.hearth.example".to_owned(),
            port: 5222,
            ca: None,
            pin: None,
            has_password: false,
        };
        store.set_account(&account).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap(), None);
        store.set_proven_with(&account.jid, "SCRAM-SHA-256").unwrap();
        store.set_proven_with("somebody@hearth.example", "SCRAM-SHA-1").unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap().as_deref(), Some("SCRAM-SHA-256"));
        store.set_account(&account).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap(), None);
    }
}
