//! The saved account, and the one that the house moves to, without their passwords.

use rusqlite::OptionalExtension as _;

use super::{Store, failed};
use crate::error::Error;
use crate::view::Account;

/// Of two accounts, which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that the house has.
    House,
    /// The one that the house moves to.
    Next,
}

impl Which {
    fn table(self) -> &'static str {
        match self {
            Which::House => "account",
            Which::Next => "next_account",
        }
    }
}

impl Store {
    /// A saved account; `has_password` is false, as the password is elsewhere.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn account(&self, which: Which) -> Result<Option<Account>, Error> {
        let read = |row: &rusqlite::Row<'_>| {
            let (jid, server, port, ca, pin) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
            Ok(Account { jid, server, port, ca, pin, has_password: false })
        };
        let select = format!("SELECT jid, server, port, ca, pin FROM {}", which.table());
        self.connection().query_row(&select, [], read).optional().map_err(failed)
    }

    /// Keeps this account instead of the one before.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn set_account(&self, which: Which, account: &Account) -> Result<(), Error> {
        let Account { jid, server, port, ca, pin, has_password: _ } = account;
        let insert = format!(
            "INSERT OR REPLACE INTO {} (id, jid, server, port, ca, pin) VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            which.table()
        );
        self.connection().execute(&insert, (jid, server, port, ca, pin)).map(drop).map_err(failed)
    }

    /// The house has the account now that it moved to.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn has_moved(&self) -> Result<(), Error> {
        self.transaction(|transaction| {
            transaction.execute(
                "INSERT OR REPLACE INTO account (id, jid, server, port, ca, pin, proven_with)
                 SELECT id, jid, server, port, ca, pin, proven_with FROM next_account",
                [],
            )?;
            transaction.execute("DELETE FROM next_account", []).map(drop)
        })
    }

    /// What this account was once signed in with, by the mechanism's name.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn proven_with(&self, jid: &str) -> Result<Option<String>, Error> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        let connection = self.connection();
        let select = "SELECT proven_with FROM account WHERE jid = ?1
                      UNION ALL SELECT proven_with FROM next_account WHERE jid = ?1";
        Ok(connection.query_row(select, [jid], read).optional().map_err(failed)?.flatten())
    }

    /// This account has been signed in with this mechanism; forgotten when the person sets the account anew.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn set_proven_with(&self, jid: &str, mechanism: &str) -> Result<(), Error> {
        for which in [Which::House, Which::Next] {
            let table = which.table();
            let update = format!("UPDATE {table} SET proven_with = ?2 WHERE jid = ?1 AND proven_with IS NOT ?2");
            self.connection().execute(&update, (jid, mechanism)).map_err(failed)?;
        }
        Ok(())
    }

    /// Keeps no account any more.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn clear_account(&self, which: Which) -> Result<(), Error> {
        self.connection().execute(&format!("DELETE FROM {}", which.table()), []).map(drop).map_err(failed)
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
        assert_eq!(store.account(Which::House).unwrap(), None);
        store.set_account(Which::House, &account("old@hearth.example", None)).unwrap();
        store
            .set_account(
                Which::House,
                &Account { has_password: true, ..account("maren@hearth.example", Some("/ca.pem")) },
            )
            .unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account(Which::House).unwrap(), Some(account("maren@hearth.example", Some("/ca.pem"))));
        let pinned = Account { pin: Some("9F:2C".to_owned()), ..account("maren@hearth.example", None) };
        store.set_account(Which::House, &pinned).unwrap();
        assert_eq!(store.account(Which::House).unwrap(), Some(pinned));
        // The next account is kept whole: nothing is left of the one before.
        store.set_account(Which::House, &account("maren@hearth.example", None)).unwrap();
        assert_eq!(store.account(Which::House).unwrap(), Some(account("maren@hearth.example", None)));
        store.clear_account(Which::House).unwrap();
        assert_eq!(store.account(Which::House).unwrap(), None);
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
        store.set_account(Which::House, &account).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap(), None);
        store.set_proven_with(&account.jid, "SCRAM-SHA-256").unwrap();
        store.set_proven_with("somebody@hearth.example", "SCRAM-SHA-1").unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap().as_deref(), Some("SCRAM-SHA-256"));
        store.set_account(Which::House, &account).unwrap();
        assert_eq!(store.proven_with(&account.jid).unwrap(), None);
    }

    #[test]
    fn the_account_that_the_house_moves_to_is_kept_beside_its_own_and_takes_its_place_whole() {
        let folder = Folder::new();
        let account = |jid: &str, ca: Option<&str>| Account {
            jid: jid.to_owned(),
            server: "xmpp.hearth.example".to_owned(),
            port: 5222,
            ca: ca.map(str::to_owned),
            pin: None,
            has_password: false,
        };
        let store = Store::open(folder.path()).unwrap();
        let (old, new) = (account("old@hearth.example", Some("/ca.pem")), account("new@hearth.example", None));
        store.set_account(Which::House, &old).unwrap();
        store.set_account(Which::Next, &new).unwrap();
        store.set_proven_with(&old.jid, "SCRAM-SHA-1").unwrap();
        store.set_proven_with(&new.jid, "SCRAM-SHA-256").unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.account(Which::House).unwrap(), Some(old));
        assert_eq!(store.account(Which::Next).unwrap().as_ref(), Some(&new));
        store.has_moved().unwrap();
        assert_eq!(
            (store.account(Which::House).unwrap(), store.account(Which::Next).unwrap()),
            (Some(new.clone()), None)
        );
        assert_eq!(store.proven_with(&new.jid).unwrap().as_deref(), Some("SCRAM-SHA-256"));
        // Without one there is nothing to move to.
        store.has_moved().unwrap();
        assert_eq!(store.account(Which::House).unwrap(), Some(new));
    }
}
