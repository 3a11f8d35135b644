//! Passwords, in the system's keyring, or in memory where there is none; and the keys of the devices that we own, in the
//! keyring only: with such a key lost, a device has to be reset by hand. Never in a file.
//!
//! A keyring may open, and answer readings, and still take nothing (a session bus without a collection): only a write
//! tells whether it works. Its calls block, and panic on an async thread, so each runs on a thread for such.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeward_protocol::ownership::keys::Key;
use homeward_protocol::secret::Secret;
use uuid::Uuid;

use crate::view::Keyring;

/// The name under which passwords are kept.
const SERVICE: &str = "homeward";
/// The entry of our id as an owner. No JID: it has no domain.
const OWNER: &str = "owner";
/// The entries that probes write, read and remove begin so. No JID: those have no space.
const PROBE: &str = "probe";
/// Our choice: a person may have to unlock the keyring; a keyring that hangs must not hang us.
const DEADLINE: Duration = Duration::from_secs(60);

/// Passwords by bare JID. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Passwords(Arc<Inner>);

struct Inner {
    vault: Arc<dyn Vault>,
    deadline: Duration,
    known: Mutex<Known>,
}

struct Known {
    /// What was set or read in this program's life; wiped with it.
    passwords: HashMap<String, Secret>,
    state: Keyring,
}

/// Where passwords outlive the program.
trait Vault: Send + Sync {
    fn get(&self, user: &str) -> Result<Option<Secret>, String>;
    fn set(&self, user: &str, password: &Secret) -> Result<(), String>;
    fn delete(&self, user: &str) -> Result<(), String>;
}

impl Passwords {
    /// The system's keyring, not tried yet.
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(System), DEADLINE)
    }

    fn with(vault: Arc<dyn Vault>, deadline: Duration) -> Self {
        let known = Mutex::new(Known { passwords: HashMap::new(), state: Keyring::Unknown });
        Self(Arc::new(Inner { vault, deadline, known }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether passwords can be kept, as far as that has shown.
    pub(crate) fn state(&self) -> Keyring {
        self.known().state.clone()
    }

    /// Finds out whether passwords can be kept, by keeping one.
    pub(crate) async fn probe(&self) -> Keyring {
        let probed = self
            .blocking(|vault| {
                // Of its own: another program may be finding out the same.
                let entry = format!("{PROBE} {}", Uuid::new_v4());
                vault.set(&entry, &Secret::new(PROBE))?;
                let read = vault.get(&entry)?;
                vault.delete(&entry)?;
                match read {
                    Some(read) if read.expose() == PROBE => Ok(()),
                    _ => Err("the keyring does not return what it was given".to_owned()),
                }
            })
            .await;
        self.has_shown(probed.map(|()| true))
    }

    /// The password for a bare JID, if there is one.
    pub(crate) async fn get(&self, jid: &str) -> Option<Secret> {
        let user = user(jid);
        if let Some(password) = self.known().passwords.get(&user) {
            return Some(password.clone());
        }
        let asked = user.clone();
        match self.blocking(move |vault| vault.get(&asked)).await {
            Ok(Some(password)) => {
                self.known().passwords.entry(user).or_insert_with(|| password.clone());
                Some(password)
            }
            // That a keyring can be read does not tell that it can be written.
            Ok(None) => None,
            Err(details) => {
                self.has_shown(Err(details));
                None
            }
        }
    }

    /// Keeps a password: in the keyring and in memory; where the keyring does not take it, in memory only. Returns
    /// which, as [`Passwords::state`] does from then on.
    pub(crate) async fn set(&self, jid: &str, password: Secret) -> Keyring {
        let user = user(jid);
        self.known().passwords.insert(user.clone(), password.clone());
        let written = self.blocking(move |vault| vault.set(&user, &password)).await;
        self.has_shown(written.map(|()| true))
    }

    /// Uses a password in this program's life only, without keeping it.
    pub(crate) fn set_for_this_run(&self, jid: &str, password: Secret) {
        self.known().passwords.insert(user(jid), password);
    }

    /// Keeps a bare JID's password no longer.
    pub(crate) async fn forget(&self, jid: &str) -> Keyring {
        let user = user(jid);
        self.known().passwords.remove(&user);
        let deleted = self.blocking(move |vault| vault.delete(&user)).await;
        self.has_shown(deleted.map(|()| false))
    }

    /// Our id as an owner of devices, if there is one.
    ///
    /// # Errors
    /// The keyring's words.
    pub(crate) async fn owner(&self) -> Result<Option<Uuid>, String> {
        let kept = self.blocking(|vault| vault.get(OWNER)).await?;
        Ok(kept.and_then(|kept| Uuid::parse_str(kept.expose()).ok()))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The keyring's words.
    pub(crate) async fn set_owner(&self, owner: Uuid) -> Result<(), String> {
        self.blocking(move |vault| vault.set(OWNER, &Secret::new(owner.to_string()))).await
    }

    /// The key of a device of ours.
    ///
    /// # Errors
    /// The keyring's words.
    pub(crate) async fn device_key(&self, device: Uuid) -> Result<Option<Key>, String> {
        let kept = self.blocking(move |vault| vault.get(&entry_of(device))).await?;
        Ok(kept.and_then(|kept| Key::from_base64(kept.expose())))
    }

    /// Keeps it.
    ///
    /// # Errors
    /// The keyring's words.
    pub(crate) async fn set_device_key(&self, device: Uuid, key: &Key) -> Result<(), String> {
        let text = key.to_base64();
        self.blocking(move |vault| vault.set(&entry_of(device), &text)).await
    }

    /// Keeps it no longer.
    ///
    /// # Errors
    /// The keyring's words.
    pub(crate) async fn forget_device_key(&self, device: Uuid) -> Result<(), String> {
        self.blocking(move |vault| vault.delete(&entry_of(device))).await
    }

    /// Takes note of a success (`true`: of a write) or of a failure's words.
    fn has_shown(&self, result: Result<bool, String>) -> Keyring {
        let mut known = self.known();
        match result {
            Ok(true) => known.state = Keyring::Works,
            Ok(false) => {}
            Err(details) => {
                if !matches!(known.state, Keyring::Unavailable { .. }) {
                    tracing::warn!(details, "the keyring cannot be used: passwords are in memory only");
                }
                known.state = Keyring::Unavailable { details };
            }
        }
        known.state.clone()
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Vault) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let vault = Arc::clone(&self.0.vault);
        let task = tokio::task::spawn_blocking(move || work(vault.as_ref()));
        match tokio::time::timeout(self.0.deadline, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err("the keyring's library failed".to_owned()),
            Err(_) => Err(format!("the keyring did not answer within {} s", self.0.deadline.as_secs())),
        }
    }
}

/// The entry of a device's key. No JID: those have no space.
fn entry_of(device: Uuid) -> String {
    format!("device {device}")
}

/// Bare JIDs are case-insensitive (RA-15).
fn user(jid: &str) -> String {
    jid.to_lowercase()
}

/// The keyring of the system.
struct System;

impl System {
    fn entry(user: &str) -> Result<keyring::Entry, String> {
        // `Entry::new` hides why the store could not be opened.
        if let Err(error) = keyring::Entry::store_status() {
            return Err(words(error));
        }
        keyring::Entry::new(SERVICE, user).map_err(|error| words(&error))
    }
}

/// The system's words. Not every variant's own: some carry the secret, or other entries.
fn words(error: &keyring::Error) -> String {
    match error {
        keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => {
            "the keyring's entry cannot be read".to_owned()
        }
        keyring::Error::Ambiguous(_) => "the keyring has several entries of this name".to_owned(),
        other => other.to_string(),
    }
}

impl Vault for System {
    fn get(&self, user: &str) -> Result<Option<Secret>, String> {
        match Self::entry(user)?.get_password() {
            Ok(password) => Ok(Some(Secret::new(password))),
            Err(keyring::Error::NoEntry) => Ok(None),
            Err(error) => Err(words(&error)),
        }
    }

    fn set(&self, user: &str, password: &Secret) -> Result<(), String> {
        Self::entry(user)?.set_password(password.expose()).map_err(|error| words(&error))
    }

    fn delete(&self, user: &str) -> Result<(), String> {
        match Self::entry(user)?.delete_credential() {
            Ok(()) | Err(keyring::Error::NoEntry) => Ok(()),
            Err(error) => Err(words(&error)),
        }
    }
}

#[cfg(test)]
mod tests;
