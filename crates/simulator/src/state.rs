//! What a home remembers over a restart: one JSON file.
//!
//! Scope: the file's form, reading and writing it. Non-scope: when. The file holds the devices' credentials and keys, as their
//! own memory would, and is readable by its owner only.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use homeward_protocol::crudn::Href;
use homeward_protocol::ownership::keys::Key;
use homeward_protocol::secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::knobs::Security;
use crate::model::resource::{Resource, Role};
use crate::model::security::Kept;
use crate::model::security::rules::Rules;
use crate::model::{Model, Ownership};

/// The file in the folder that the scenario names.
const FILE: &str = "home.json";

/// Why a home's memory is no use.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The folder or the file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Unreachable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is no home's memory: {source}", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// All devices of a home, by `di`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Saved {
    devices: BTreeMap<String, SavedDevice>,
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedDevice {
    #[serde(skip_serializing_if = "Option::is_none")]
    remote_access: Option<SavedAccess>,
    values: BTreeMap<Href, Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<SavedMember>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ownership: Option<SavedOwnership>,
}

/// Of a device that is somebody's.
#[derive(Serialize, Deserialize)]
struct SavedOwnership {
    device: Uuid,
    owner: Uuid,
    /// The key of each subject, in base64.
    keys: BTreeMap<Uuid, String>,
    rules: Value,
}

impl std::fmt::Debug for SavedOwnership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedOwnership")
            .field("device", &self.device)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl SavedOwnership {
    fn of(ownership: &Ownership) -> Option<Self> {
        let Kept { device, owner, keys, rules } = ownership.kept()?;
        let keys = keys.iter().map(|(subject, key)| (*subject, key.to_base64().expose().to_owned())).collect();
        Some(Self { device, owner, keys, rules: rules.shown() })
    }

    fn recall(&self, maker: Uuid) -> Option<Ownership> {
        let key = |(subject, key): (&Uuid, &String)| Some((*subject, Key::from_base64(key)?));
        let keys = self.keys.iter().map(key).collect::<Option<_>>()?;
        let mut rules = Rules::default();
        rules.add(&serde_json::json!({"aclist2": self.rules})).ok()?;
        Some(Ownership::new(maker, Security::Unowned)?.recalled(Kept {
            device: self.device,
            owner: self.owner,
            keys,
            rules,
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct SavedAccess {
    address: String,
    port: u16,
    jid: String,
    credential: String,
}

impl std::fmt::Debug for SavedAccess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SavedAccess").field("address", &self.address).field("jid", &self.jid).finish_non_exhaustive()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct SavedMember {
    href: Href,
    rt: Vec<String>,
    values: Map<String, Value>,
}

impl Saved {
    /// Notes what a device holds now.
    pub(crate) fn note(&mut self, model: &Model) {
        let own = model.resources.iter().filter(|one| matches!(one.role, Role::Plain | Role::Part));
        let members = model.resources.iter().filter(|one| one.role == Role::Member);
        let device = SavedDevice {
            remote_access: model.remote.as_ref().map(|remote| SavedAccess {
                address: remote.address.clone(),
                port: remote.port,
                jid: remote.jid.clone(),
                credential: remote.credential.expose().to_owned(),
            }),
            values: own.map(|one| (one.href.clone(), one.values.clone())).collect(),
            members: members
                .map(|one| SavedMember { href: one.href.clone(), rt: one.rt.clone(), values: one.values.clone() })
                .collect(),
            ownership: model.ownership.as_ref().and_then(SavedOwnership::of),
        };
        // By the id that it has from its maker: the other one changes.
        self.devices.insert(model.identity.di.clone(), device);
    }

    /// Gives a device back what it held.
    pub(crate) fn recall(&self, model: &mut Model) {
        let Some(saved) = self.devices.get(&model.identity.di) else { return };
        if let (Some(remote), Some(access)) = (model.remote.as_mut(), &saved.remote_access) {
            remote.address.clone_from(&access.address);
            remote.port = access.port;
            remote.jid.clone_from(&access.jid);
            remote.credential = Secret::new(access.credential.clone());
        }
        if let (Some(saved), Ok(maker)) = (&saved.ownership, Uuid::parse_str(&model.identity.di)) {
            model.ownership = saved.recall(maker);
        }
        for resource in &mut model.resources {
            if let Some(values) = saved.values.get(&resource.href) {
                resource.values.clone_from(values);
            }
        }
        for member in &saved.members {
            let number = member.href.path().rsplit_once('/').and_then(|(_, number)| number.parse::<u32>().ok());
            model.next_member = model.next_member.max(number.unwrap_or(0).saturating_add(1));
            model.resources.push(Resource::member(member.href.clone(), member.rt.clone(), member.values.clone()));
        }
    }
}

/// The file.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    /// Who writes gathers and writes alone, so that an older state never follows a newer one. True: the home has ended.
    ended: Mutex<bool>,
}

impl StateFile {
    /// The file in this folder, which is made if it is not there; with what it holds.
    pub(crate) fn open(folder: &Path) -> Result<(Self, Saved), StateError> {
        let path = folder.join(FILE);
        let unreachable = |source| StateError::Unreachable { path: path.clone(), source };
        std::fs::create_dir_all(folder).map_err(unreachable)?;
        let saved = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| StateError::Unreadable { path: path.clone(), source })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Saved::default(),
            Err(error) => return Err(unreachable(error)),
        };
        Ok((Self { path, ended: Mutex::new(false) }, saved))
    }

    /// Gathers all of it and writes it. A reader sees the old file or the new one, never a part. After the `last` time
    /// nothing is written any more.
    pub(crate) fn write(&self, gather: impl FnOnce() -> Saved, last: bool) -> io::Result<()> {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if *ended {
            return Ok(());
        }
        *ended = last;
        let next = self.path.with_extension("json.next");
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&next)?;
        // A file that was there keeps its mode when it is opened.
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        file.write_all(&serde_json::to_vec(&gather())?)?;
        drop(file);
        std::fs::rename(&next, &self.path)
    }
}
