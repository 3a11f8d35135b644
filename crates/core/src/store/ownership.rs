//! The devices that we own, and transfers of ownership that were cut short. Never a key: those are in the keyring.

use std::net::SocketAddr;

use homeward_protocol::ownership::Method;
use homeward_protocol::ownership::transfer::Step;
use rusqlite::OptionalExtension as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Store, failed};
use crate::error::Error;

/// One device that is ours, or was becoming so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ownership {
    /// The id that the device has from us.
    pub(crate) device: Uuid,
    /// The id by which the device knows us.
    pub(crate) owner: Uuid,
    /// The device's key (`view::Device::id`) before.
    pub(crate) former: String,
    /// Its name, as it was then.
    pub(crate) name: String,
    /// How it was taken over.
    pub(crate) method: Method,
    /// The last step that began, while the transfer goes on or if it did not end; absent once the device is ours wholly.
    pub(crate) step: Option<Step>,
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) since_ms: u64,
    /// Where it took secured sessions then.
    #[serde(default)]
    pub(crate) at: Vec<SocketAddr>,
    /// Which of the programs that share the folder takes, or took, it over: its client UUID.
    pub(crate) by: Uuid,
}

impl Ownership {
    /// Whether the device is, or may be, ours.
    pub(crate) fn is_ours(&self) -> bool {
        self.step.is_none_or(|step| step >= Step::Owned)
    }
}

impl Store {
    /// Keeps how far a device is ours; before the step is written to the device.
    ///
    /// # Errors
    /// `StoreFailed`; then nothing should be written to the device.
    pub(crate) fn keep_ownership(&self, ownership: &Ownership) -> Result<(), Error> {
        self.transaction(|transaction| {
            let json = serde_json::to_string(ownership)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            let insert = "INSERT OR REPLACE INTO ownership (device, json) VALUES (?1, ?2)";
            transaction.execute(insert, (ownership.device.to_string(), json)).map(drop)
        })
    }

    /// A device is not ours, or no longer.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn forget_ownership(&self, device: Uuid) -> Result<(), Error> {
        let delete = "DELETE FROM ownership WHERE device = ?1";
        self.transaction(|transaction| transaction.execute(delete, [device.to_string()]).map(drop))
    }

    /// One device's.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn ownership(&self, device: Uuid) -> Result<Option<Ownership>, Error> {
        let select = "SELECT json FROM ownership WHERE device = ?1";
        let json: Option<String> = self.transaction(|transaction| {
            transaction.query_row(select, [device.to_string()], |row| row.get(0)).optional()
        })?;
        Ok(json.and_then(|json| parse(&json)))
    }

    /// All, in no order.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn ownerships(&self) -> Result<Vec<Ownership>, Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT json FROM ownership").map_err(failed)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        Ok(rows.iter().filter_map(|json| parse(json)).collect())
    }
}

fn parse(json: &str) -> Option<Ownership> {
    serde_json::from_str(json).inspect_err(|error| tracing::warn!(%error, "an ownership cannot be read")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn how_far_a_device_is_ours_outlives_the_program() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let mut ownership = Ownership {
            device: Uuid::from_u128(2),
            owner: Uuid::from_u128(1),
            former: "a".to_owned(),
            name: "Front door".to_owned(),
            method: Method::Pin,
            step: Some(Step::Key),
            since_ms: 1,
            at: vec!["127.0.0.1:5684".parse().unwrap()],
            by: Uuid::from_u128(9),
        };
        store.keep_ownership(&ownership).unwrap();
        assert!(!store.ownership(ownership.device).unwrap().unwrap().is_ours(), "it has no owner yet");
        ownership.step = Some(Step::Owned);
        store.keep_ownership(&ownership).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.ownerships().unwrap(), [ownership.clone()]);
        assert!(ownership.is_ours());
        store.forget_ownership(ownership.device).unwrap();
        assert_eq!(store.ownership(ownership.device).unwrap(), None);
    }
}
