//! Who we are to the devices that we own, and their keys, for as long as this program runs.
//!
//! Scope: what is known in memory; wiped with it. Non-scope: where it is kept (`store`).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homeward_protocol::ownership::keys::Key;
use tokio::sync::watch;
use uuid::Uuid;

/// The keys of devices, and our id to each. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Owner(Arc<Inner>);

struct Inner {
    keys: Mutex<HashMap<Uuid, (Uuid, Key)>>,
    /// The devices of ours whose keys are being read.
    awaited: Mutex<HashSet<Uuid>>,
    /// Whether what is kept has been read: the keyring may ask the person something first.
    complete: watch::Sender<bool>,
}

impl Default for Owner {
    fn default() -> Self {
        Self::awaiting(HashSet::new())
    }
}

impl Owner {
    /// Of these devices the keys are being read.
    pub(crate) fn awaiting(devices: HashSet<Uuid>) -> Self {
        let (keys, awaited) = (Mutex::default(), Mutex::new(devices));
        Self(Arc::new(Inner { keys, awaited, complete: watch::channel(false).0 }))
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<Uuid, (Uuid, Key)>> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The owner's id that this device knows, and its key. Waits until all that is kept has been read.
    pub(crate) async fn key(&self, device: Uuid) -> Option<(Uuid, Key)> {
        let known = || self.keys().get(&device).cloned();
        if let Some(key) = known() {
            return Some(key);
        }
        self.0.complete.subscribe().wait_for(|complete| *complete).await.ok()?;
        known()
    }

    /// Whether it is a device of ours whose key may still come.
    pub(crate) fn awaits_key(&self, device: Uuid) -> bool {
        self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner).contains(&device) && !self.has_key(device)
    }

    /// Whether the device's key is at hand now.
    pub(crate) fn has_key(&self, device: Uuid) -> bool {
        self.keys().contains_key(&device)
    }

    /// This device knows the owner by that id, and has that key.
    pub(crate) fn add(&self, device: Uuid, owner: Uuid, key: Key) {
        self.keys().insert(device, (owner, key));
    }

    /// All that is kept has been read.
    pub(crate) fn complete(&self) {
        self.0.awaited.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.0.complete.send_replace(true);
    }

    /// The device is ours no longer.
    pub(crate) fn remove(&self, device: Uuid) {
        self.keys().remove(&device);
    }
}
