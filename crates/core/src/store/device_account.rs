//! The accounts that devices have for themselves; their passwords are in the keyring.

use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};

use super::{Store, failed};
use crate::error::Error;
use crate::view::Account;

/// One device's account.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DeviceAccount {
    /// Whose: `view::Device::id`.
    pub(crate) device: String,
    /// Which, and where.
    pub(crate) account: Account,
    /// Whether we made it; else the person had it.
    pub(crate) made: bool,
}

/// What is kept of it beside whose it is.
#[derive(Serialize, Deserialize)]
struct Kept {
    #[serde(flatten)]
    account: Account,
    /// Rows of before there were others.
    #[serde(default = "yes")]
    made: bool,
}

fn yes() -> bool {
    true
}

impl Store {
    /// All of them, in no order.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn device_accounts(&self) -> Result<Vec<DeviceAccount>, Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT device, json FROM device_account").map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?))).map_err(failed)?;
        let rows = rows.collect::<rusqlite::Result<Vec<(String, String)>>>().map_err(failed)?;
        Ok(rows.into_iter().filter_map(|(device, json)| parse(device, &json)).collect())
    }

    /// The account of this device.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn device_account(&self, device: &str) -> Result<Option<DeviceAccount>, Error> {
        let select = "SELECT json FROM device_account WHERE device = ?1";
        let json = self.connection().query_row(select, [device], |row| row.get::<_, String>(0)).optional();
        Ok(json.map_err(failed)?.and_then(|json| parse(device.to_owned(), &json)))
    }

    /// Keeps it, before it is made: what a server may have of us is known here.
    ///
    /// # Errors
    /// `StoreFailed`; then it should not be made.
    pub(crate) fn set_device_account(&self, own: &DeviceAccount) -> Result<(), Error> {
        let json = serde_json::to_string(&Kept { account: own.account.clone(), made: own.made })
            .map_err(|error| failed(rusqlite::Error::ToSqlConversionFailure(error.into())))?;
        let insert = "INSERT OR REPLACE INTO device_account (device, json) VALUES (?1, ?2)";
        self.connection().execute(insert, (&own.device, json)).map(drop).map_err(failed)
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn forget_device_account(&self, device: &str) -> Result<(), Error> {
        self.connection().execute("DELETE FROM device_account WHERE device = ?1", [device]).map(drop).map_err(failed)
    }
}

fn parse(device: String, json: &str) -> Option<DeviceAccount> {
    let kept = serde_json::from_str(json);
    let kept = kept.inspect_err(|error| tracing::warn!(%error, "a device's account cannot be read")).ok();
    kept.map(|Kept { account, made }| DeviceAccount { device, account, made })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn a_device_has_one_account_over_a_restart_until_it_is_forgotten() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let own = |jid: &str| DeviceAccount {
            device: "a".to_owned(),
            account: Account {
                jid: jid.to_owned(),
                server: "xmpp.hearth.example".to_owned(),
                port: 5222,
                ca: None,
                pin: None,
                has_password: true,
            },
            made: jid.starts_with("lamp"),
        };
        store.set_device_account(&own("old@hearth.example")).unwrap();
        store.set_device_account(&own("lamp@hearth.example")).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.device_accounts().unwrap(), [own("lamp@hearth.example")]);
        assert_eq!(store.device_account("a").unwrap(), Some(own("lamp@hearth.example")));
        assert_eq!(store.device_account("b").unwrap(), None);
        store.forget_device_account("a").unwrap();
        assert_eq!(store.device_accounts().unwrap(), []);
    }
}
