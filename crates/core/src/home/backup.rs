//! The keys of our devices, and the passwords of the accounts that devices have for themselves, in one encrypted file, with
//! which another computer can own and use them, too.
//!
//! Scope: what is in it, its form, writing and reading it. Without the passphrase nobody reads it; whoever has both owns the
//! devices. Non-scope: the house's account and its password, which are typed anew.
//!
//! Form: `homeward backup 1\n`, 16 bytes of salt, 12 of nonce, 16 of tag, then JSON. The key is made by scrypt (RFC 7914,
//! N = 2^17, r = 8, p = 1), the cipher is AES-256-GCM; the first line is authenticated along.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use homeward_protocol::ownership::keys::Key;
use homeward_protocol::secret::Secret;
use openssl::pkcs5::scrypt;
use openssl::symm::{Cipher, decrypt_aead, encrypt_aead};
use rand::RngCore as _;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::devices::AtServer;
use super::{Inner, recalled};
use crate::error::{Code, Error};
use crate::store::{DeviceAccount, JournalEntry, Ownership};
use crate::view::{Account, Keyring};

const HEAD: &[u8] = b"homeward backup 1\n";
const SALT: usize = 16;
const NONCE: usize = 12;
const TAG: usize = 16;
/// RFC 7914 §2, for a file: about half a second and 128 MiB.
const COST: u64 = 1 << 17;
const COST_MEMORY: u64 = 256 << 20;
/// Our choice: a thousand devices with all that is kept of each take a quarter of it.
const MAX_BYTES: u64 = 4 << 20;
/// Our choice: whoever finds the file can try as many as they like.
const MIN_PASSPHRASE: usize = 12;

#[derive(Serialize, Deserialize)]
struct Contents {
    devices: Vec<Entry>,
    /// Of before there were any: none.
    #[serde(default)]
    accounts: Vec<AccountEntry>,
    /// What these devices were given, and when.
    #[serde(default)]
    given: Vec<JournalEntry>,
}

/// An account that a device has for itself; wiped when dropped.
#[derive(Serialize, Deserialize)]
struct AccountEntry {
    device: String,
    account: Account,
    made: bool,
    password: Zeroizing<String>,
}

/// One device; wiped when dropped.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    ownership: Ownership,
    /// Its key, in base64.
    key: Zeroizing<String>,
}

impl Inner {
    /// Writes the keys of all devices of ours, and the accounts that devices have for themselves; returns how many devices
    /// they are.
    pub(super) async fn save_backup(&self, file: &Path, passphrase: Secret) -> Result<usize, Error> {
        if passphrase.expose().chars().count() < MIN_PASSPHRASE {
            let words = format!("the passphrase has less than {MIN_PASSPHRASE} characters");
            return Err(Error::new(Code::PassphraseWeak, words));
        }
        let mut devices = Vec::new();
        for ownership in self.store.ownerships()?.into_iter().filter(Ownership::is_ours) {
            let key = self.owner.key(ownership.device).await;
            let (_, key) = key
                .ok_or_else(|| Error::new(Code::KeyMissing, format!("the key of {} is not at hand", ownership.name)))?;
            devices.push(Entry { ownership, key: Zeroizing::new(key.to_base64().expose().to_owned()) });
        }
        let mut accounts = Vec::new();
        for DeviceAccount { device, account, made } in self.store.device_accounts()? {
            let password = self.present_password(&account).await?;
            accounts.push(AccountEntry {
                device,
                account,
                made,
                password: Zeroizing::new(password.expose().to_owned()),
            });
        }
        let ids: BTreeSet<String> = devices
            .iter()
            .map(|entry| entry.ownership.device.to_string())
            .chain(accounts.iter().map(|entry| entry.device.clone()))
            .collect();
        let count = ids.len();
        if count == 0 {
            let words = "no device is yours or has an account of its own: there is nothing to keep";
            return Err(Error::new(Code::NotNow, words));
        }
        let runs = self.store.runs()?.into_iter();
        let given = runs.filter(|run| ids.contains(&run.id) && !run.is_open()).collect();
        let file = file.to_owned();
        blocking(move || {
            let contents = Contents { devices, accounts, given };
            let plain = serde_json::to_vec(&contents).map(Zeroizing::new).map_err(failed)?;
            write(&file, &seal(&passphrase, &plain)?)
        })
        .await?;
        Ok(count)
    }

    /// Takes the devices of a backup over; returns how many they are. What is known here of one already stays as it is.
    pub(super) async fn restore_backup(self: &Arc<Self>, file: &Path, passphrase: Secret) -> Result<usize, Error> {
        let file = file.to_owned();
        let contents = blocking(move || {
            let plain = open(&passphrase, &read(&file)?)?;
            serde_json::from_slice::<Contents>(&plain).map_err(failed)
        })
        .await?;
        let Contents { devices, accounts, given } = contents;
        let mut ids: BTreeSet<String> = devices.iter().map(|entry| entry.ownership.device.to_string()).collect();
        for Entry { ownership, key } in devices {
            let key = Key::from_base64(&key)
                .ok_or_else(|| Error::new(Code::BackupInvalid, "a key in the backup cannot be read"))?;
            // Before it is shown as ours: with the key lost it would have to be reset by hand.
            self.passwords.set_device_key(ownership.device, &key).await.map_err(not_kept)?;
            let ownership = Ownership { by: self.uuid, ..ownership };
            self.owner.add(ownership.device, ownership.owner, key);
            self.keep_as_ours(&ownership)?;
            self.has_key_now(&ownership.device.to_string());
            // That its key was lost is over.
            tokio::spawn(self.clone().ask_as_owner(ownership.device.to_string()));
        }
        let mut new = false;
        for AccountEntry { device, account, made, password } in accounts {
            ids.insert(device.clone());
            if self.store.device_account(&device)?.is_some() {
                continue;
            }
            let kept = self.passwords.set(&account.jid, Secret::new(password.as_str())).await;
            if let Keyring::Unavailable { details } = kept {
                return Err(not_kept(details));
            }
            let own = DeviceAccount { device: device.clone(), account: account.clone(), made };
            self.store.set_device_account(&own)?;
            self.is_its_own(&account, &device);
            new = true;
        }
        for entry in given {
            if self.store.run(&entry.id)?.is_none() {
                let entry = JournalEntry { by: Some(self.uuid), ..entry };
                self.store.begin_run(&entry)?;
                self.state().set_given(&entry.id, recalled::credential(&entry));
            }
        }
        if new && self.config.connect {
            // Who is there is told anew.
            self.connect().await;
        }
        Ok(ids.len())
    }

    /// Until now the device was a contact's.
    fn is_its_own(&self, account: &Account, device: &str) {
        let mut state = self.state();
        state.set_device_account(&account.jid, device);
        let is_it = |remote: &AtServer| remote.contact && remote.is_of(&account.jid);
        let shown: Vec<String> = state
            .devices()
            .filter(|known| known.remote.as_ref().is_some_and(is_it))
            .map(|known| known.view.id.clone())
            .collect();
        shown.iter().for_each(|id| state.forget_device(id));
    }
}

/// Away from the tasks that others wait for: making the key takes its time, and so it shall.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(error)))
}

fn not_kept(words: String) -> Error {
    let what = "the keyring does not keep what the backup holds";
    Error::new(Code::KeyringUnavailable, what).with_details(words)
}

fn seal(passphrase: &Secret, plain: &[u8]) -> Result<Vec<u8>, Error> {
    let (mut salt, mut nonce, mut tag) = ([0; SALT], [0; NONCE], [0; TAG]);
    rand::rng().fill_bytes(&mut salt);
    rand::rng().fill_bytes(&mut nonce);
    let key = key_of(passphrase, &salt)?;
    let sealed = encrypt_aead(Cipher::aes_256_gcm(), &*key, Some(&nonce), HEAD, plain, &mut tag).map_err(failed)?;
    Ok([HEAD, &salt, &nonce, &tag, &sealed].concat())
}

fn open(passphrase: &Secret, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let parts = || {
        let rest = bytes.strip_prefix(HEAD)?;
        let (salt, rest) = rest.split_at_checked(SALT)?;
        let (nonce, rest) = rest.split_at_checked(NONCE)?;
        let (tag, sealed) = rest.split_at_checked(TAG)?;
        Some((salt, nonce, tag, sealed))
    };
    let no_backup = || Error::new(Code::BackupInvalid, "the file is no backup of Homeward");
    let (salt, nonce, tag, sealed) = parts().ok_or_else(no_backup)?;
    let key = key_of(passphrase, salt)?;
    let plain = decrypt_aead(Cipher::aes_256_gcm(), &*key, Some(nonce), HEAD, sealed, tag);
    let wrong = |_| Error::new(Code::PassphraseWrong, "the passphrase is another one, or the file was changed");
    plain.map(Zeroizing::new).map_err(wrong)
}

fn key_of(passphrase: &Secret, salt: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
    let mut key = Zeroizing::new([0; 32]);
    scrypt(passphrase.expose().as_bytes(), salt, COST, 8, 1, COST_MEMORY, &mut *key).map_err(failed)?;
    Ok(key)
}

/// The old file or the new one, never a part; for its owner's eyes only.
fn write(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let next = file.with_extension(format!("{}.part", Uuid::new_v4().simple()));
    let written = || {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut out = options.open(&next)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::rename(&next, file)
    };
    written().map_err(|error: std::io::Error| {
        let _ = fs::remove_file(&next);
        Error::new(Code::StoreFailed, "the backup cannot be written").with_details(error.to_string())
    })
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let read = || {
        let mut bytes = Vec::new();
        fs::File::open(file)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error: std::io::Error| {
        Error::new(Code::StoreFailed, "the backup cannot be read").with_details(error.to_string())
    })?;
    match bytes.len() as u64 > MAX_BYTES {
        true => Err(Error::new(Code::BackupInvalid, "the file is no backup of Homeward: it is too large")),
        false => Ok(bytes),
    }
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::new(Code::Internal, "the backup failed").with_details(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_the_right_passphrase_opens_it_and_a_changed_file_is_refused() {
        let right = Secret::new("correct horse battery");
        let sealed = seal(&right, b"the keys").unwrap();
        assert_eq!(open(&right, &sealed).unwrap().as_slice(), b"the keys");
        assert!(!sealed.windows(8).any(|window| window == b"the keys"));
        assert_eq!(open(&Secret::new("correct horse batterie"), &sealed).unwrap_err().code, Code::PassphraseWrong);
        for place in [HEAD.len(), HEAD.len() + SALT, HEAD.len() + SALT + NONCE, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert_eq!(open(&right, &changed).unwrap_err().code, Code::PassphraseWrong, "byte {place}");
        }
        for length in [0, 5, HEAD.len(), HEAD.len() + 20] {
            assert_eq!(open(&right, &sealed[..length]).unwrap_err().code, Code::BackupInvalid);
        }
    }
}
