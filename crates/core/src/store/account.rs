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
            let (jid, server, port, ca) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(Account { jid, server, port, ca, has_password: false })
        };
        let connection = self.connection();
        connection.query_row("SELECT jid, server, port, ca FROM account", [], read).optional().map_err(failed)
    }

    /// Keeps this account instead of the one before.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn set_account(&self, account: &Account) -> Result<(), Error> {
        let Account { jid, server, port, ca, has_password: _ } = account;
        let insert = "INSERT OR REPLACE INTO account (id, jid, server, port, ca) VALUES (1, ?1, ?2, ?3, ?4)";
        self.connection().execute(insert, (jid, server, port, ca)).map(drop).map_err(failed)
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
            has_password: false,
        };
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account().unwrap(), None);
        store.set_account(&account("old@hearth.example", None)).unwrap();
        store.set_account(&Account { has_password: true, ..account("maren@hearth.example", Some("/ca.pem")) }).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account().unwrap(), Some(account("maren@hearth.example", Some("/ca.pem"))));
        store.clear_account().unwrap();
        assert_eq!(store.account().unwrap(), None);
    }
}
