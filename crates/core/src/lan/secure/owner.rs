//! Who we are to the devices that we own, and their keys, for as long as this program runs.
//!
//! Scope: what is known in memory; wiped with it. Non-scope: where it is kept (`store`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use homeward_protocol::ownership::keys::Key;
use tokio::sync::watch;
use uuid::Uuid;

/// The keys of devices, and our id to each. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Owner(Arc<Inner>);

struct Inner {
    keys: Mutex<HashMap<Uuid, (Uuid, Key)>>,
    /// Whether what is kept has been read: the keyring may ask the person something first.
    complete: watch::Sender<bool>,
}

impl Default for Owner {
    fn default() -> Self {
        Self(Arc::new(Inner { keys: Mutex::default(), complete: watch::channel(false).0 }))
    }
}

impl Owner {
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

    /// This device knows the owner by that id, and has that key.
    pub(crate) fn add(&self, device: Uuid, owner: Uuid, key: Key) {
        self.keys().insert(device, (owner, key));
    }

    /// All that is kept has been read.
    pub(crate) fn complete(&self) {
        self.0.complete.send_replace(true);
    }

    /// The device is ours no longer.
    pub(crate) fn remove(&self, device: Uuid) {
        self.keys().remove(&device);
    }
}
