//! The devices known from earlier days, so that an offline one still has its name and place.

use std::collections::BTreeMap;

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::device::Saying;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Store, failed};
use crate::error::Error;
use crate::view::{Path, Reported, Resource};

/// Our choice: most devices that are remembered; beyond, those not seen for the longest time are forgotten.
const MAX_DEVICES: i64 = 5_000;
/// Our choice: most bytes of one device; beyond, it is remembered without its values, or without its resources too.
const MAX_JSON: usize = 64 * 1024;

/// A device as it was last known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct KnownDevice {
    /// Our key, as in `view::Device::id`.
    pub(crate) id: String,
    /// The device's own id.
    pub(crate) di: String,
    /// Its name.
    pub(crate) name: String,
    /// What it is: `oic.d.light`.
    pub(crate) device_type: Option<String>,
    /// Its maker.
    pub(crate) manufacturer: Option<String>,
    /// Its model.
    pub(crate) model: Option<String>,
    /// What else it says of itself.
    pub(crate) about: Vec<Saying>,
    /// Its full JID, exactly as received.
    pub(crate) jid: Option<String>,
    /// Whether it is signed in with another account than ours.
    pub(crate) contact: bool,
    /// Its resources.
    pub(crate) resources: Vec<KnownResource>,
    /// What it last reported, without what may be a secret.
    pub(crate) values: BTreeMap<Href, KnownValue>,
    /// When it was last heard, in milliseconds since the Unix epoch.
    pub(crate) last_seen_at_ms: Option<u64>,
}

/// A resource as it was last known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct KnownResource {
    pub(crate) href: Href,
    #[serde(default)]
    pub(crate) rt: Vec<String>,
    #[serde(default, rename = "if")]
    pub(crate) interfaces: Vec<String>,
    #[serde(default)]
    pub(crate) observable: bool,
}

/// A value as it was last reported.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KnownValue {
    value: Value,
    at_ms: u64,
    via: Path,
}

impl From<&Reported> for KnownValue {
    fn from(reported: &Reported) -> Self {
        let Reported { value, at_ms, via, .. } = reported.clone();
        Self { value, at_ms, via }
    }
}

impl From<KnownValue> for Reported {
    fn from(known: KnownValue) -> Self {
        let KnownValue { value, at_ms, via } = known;
        Self { value, at_ms, via, remembered: true }
    }
}

impl From<&Resource> for KnownResource {
    fn from(resource: &Resource) -> Self {
        let Resource { href, rt, interfaces, observable } = resource.clone();
        Self { href, rt, interfaces, observable }
    }
}

impl From<KnownResource> for Resource {
    fn from(known: KnownResource) -> Self {
        let KnownResource { href, rt, interfaces, observable } = known;
        Self { href, rt, interfaces, observable }
    }
}

impl Store {
    /// All remembered devices, in no order. One that cannot be read is left out, with a line in the log.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn devices(&self) -> Result<Vec<KnownDevice>, Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT id, json FROM device").map_err(failed)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
        let mut devices = Vec::new();
        for row in rows {
            let (id, json): (String, String) = row.map_err(failed)?;
            match serde_json::from_str::<KnownDevice>(&json) {
                Ok(device) => devices.push(KnownDevice { id, ..device }),
                Err(error) => tracing::warn!(id, %error, "a remembered device cannot be read"),
            }
        }
        Ok(devices)
    }

    /// Remembers these, as they are now. Of more than 5,000, those not seen for the longest time are forgotten.
    ///
    /// # Errors
    /// `StoreFailed`; then none of them is remembered.
    pub(crate) fn remember(&self, devices: &[KnownDevice]) -> Result<(), Error> {
        self.transaction(|transaction| {
            let insert = "INSERT OR REPLACE INTO device (id, seen_at_ms, json) VALUES (?1, ?2, ?3)";
            let mut statement = transaction.prepare_cached(insert)?;
            for device in devices {
                let seen = i64::try_from(device.last_seen_at_ms.unwrap_or(0)).unwrap_or(i64::MAX);
                statement.execute((&device.id, seen, json(device)))?;
            }
            transaction.execute(
                "DELETE FROM device WHERE id IN (SELECT id FROM device ORDER BY seen_at_ms DESC LIMIT -1 OFFSET ?1)",
                [MAX_DEVICES],
            )?;
            Ok(())
        })
    }

    /// Remembers this device no longer.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn forget_device(&self, id: &str) -> Result<(), Error> {
        self.connection().execute("DELETE FROM device WHERE id = ?1", [id]).map(drop).map_err(failed)
    }

    /// Remembers no device any longer.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn forget_devices(&self) -> Result<(), Error> {
        self.connection().execute("DELETE FROM device", []).map(drop).map_err(failed)
    }
}

fn json(device: &KnownDevice) -> String {
    let text = |device: &KnownDevice| serde_json::to_string(device).unwrap_or_default();
    let fits = |text: &String| text.len() <= MAX_JSON;
    let without_values = || text(&KnownDevice { values: BTreeMap::new(), ..device.clone() });
    let bare = || text(&KnownDevice { resources: Vec::new(), values: BTreeMap::new(), ..device.clone() });
    Some(text(device)).filter(fits).or_else(|| Some(without_values()).filter(fits)).unwrap_or_else(bare)
}

#[cfg(test)]
impl KnownDevice {
    pub(crate) fn example(id: &str, seen: u64) -> Self {
        Self { id: id.to_owned(), di: id.to_owned(), last_seen_at_ms: Some(seen), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use serde_json::json;

    use super::super::testing::Folder;
    use super::*;

    fn lamp() -> KnownDevice {
        KnownDevice {
            name: "Reading lamp".to_owned(),
            device_type: Some("oic.d.light".to_owned()),
            jid: Some("maren@hearth.example/OIC/1.0/oic.d.light/A".to_owned()),
            resources: vec![KnownResource {
                href: Href::new("/light").unwrap(),
                rt: vec!["oic.r.switch.binary".to_owned()],
                interfaces: vec!["oic.if.a".to_owned()],
                observable: true,
            }],
            values: BTreeMap::from([(
                Href::new("/light").unwrap(),
                KnownValue { value: json!({"value": true}), at_ms: 6, via: Path::Xmpp },
            )]),
            ..KnownDevice::example("a", 7)
        }
    }

    #[test]
    fn a_device_is_remembered_as_it_was_last_known_until_it_is_forgotten() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.remember(&[KnownDevice::example("a", 1), KnownDevice::example("b", 2)]).unwrap();
        store.remember(&[lamp()]).unwrap();
        let store = Store::open(folder.path()).unwrap();
        let mut devices = store.devices().unwrap();
        devices.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(devices, [lamp(), KnownDevice::example("b", 2)]);
        store.forget_device("a").unwrap();
        assert_eq!(store.devices().unwrap(), [KnownDevice::example("b", 2)]);
    }

    #[test]
    fn the_longest_unseen_are_forgotten_beyond_the_bound() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let many: Vec<_> = (0..5_010).map(|n| KnownDevice::example(&n.to_string(), n)).collect();
        store.remember(&many).unwrap();
        let seen: Vec<_> = store.devices().unwrap().iter().filter_map(|device| device.last_seen_at_ms).collect();
        assert_eq!((seen.len(), seen.iter().min()), (5_000, Some(&10)));
    }

    #[test]
    fn a_device_too_large_is_remembered_without_its_values() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let mut device = lamp();
        let long = KnownValue { value: json!("x".repeat(MAX_JSON)), at_ms: 1, via: Path::Lan };
        device.values.insert(Href::new("/notes").unwrap(), long);
        store.remember(&[device]).unwrap();
        let device = store.devices().unwrap().remove(0);
        assert_eq!((device.resources, device.values.len()), (lamp().resources, 0));
    }

    #[test]
    fn a_device_too_large_is_remembered_without_its_resources() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let mut device = lamp();
        device.resources = vec![device.resources[0].clone(); 2_000];
        store.remember(&[device]).unwrap();
        let device = store.devices().unwrap().remove(0);
        assert_eq!((device.name.as_str(), device.resources.len()), ("Reading lamp", 0));
    }

    #[test]
    fn one_unreadable_device_does_not_hide_the_others() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.remember(&[lamp()]).unwrap();
        store.connection().execute("INSERT INTO device VALUES ('x', 1, '{\"name\": 7}')", []).unwrap();
        assert_eq!(store.devices().unwrap(), [lamp()]);
    }
}
