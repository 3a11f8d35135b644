//! The folder of one server: who owns it, and when it goes away.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use super::ServerError;

/// User and group of a system account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Owner {
    /// The account `name` when we are root; `None` when we are not, and the server runs as ourselves.
    pub(super) fn of_package(name: &'static str) -> Result<Option<Owner>, ServerError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd").map_err(ServerError::io("/etc/passwd"))?;
        let owner = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(name)).then_some(())?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(Owner { uid, gid })
        });
        owner.map(Some).ok_or(ServerError::NoUser(name))
    }
}

/// A server's folder; the one that we made is removed on drop.
pub(super) struct Folder {
    path: PathBuf,
    owner: Option<Owner>,
    ours: bool,
}

impl Folder {
    /// Takes `given`, or makes one under the temporary folder: the server's user must be able to reach it, which is
    /// seldom so under the home folder of root.
    pub(super) fn new(given: Option<&Path>, owner: Option<Owner>) -> Result<Folder, ServerError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (path, ours) = match given {
            Some(path) => (path.to_owned(), false),
            None => loop {
                let count = COUNT.fetch_add(1, Ordering::Relaxed);
                let path = std::env::temp_dir().join(format!("homeward-{}-{count}", std::process::id()));
                match fs::create_dir(&path) {
                    Ok(()) => break (path, true),
                    // Left by a process of the same number that was killed.
                    Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                    Err(source) => return Err(ServerError::Io { what: path.display().to_string(), source }),
                }
            },
        };
        let folder = Folder { path, owner, ours };
        folder.hand_over(&folder.path, 0o755)?;
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Path of `name` inside, as text for a configuration file.
    pub(super) fn text(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Makes the folders of `name` inside, for the server's eyes only.
    pub(super) fn private_folder(&self, name: &str) -> Result<PathBuf, ServerError> {
        let mut path = self.path.clone();
        for part in name.split('/') {
            path.push(part);
            match fs::create_dir(&path) {
                Ok(()) => self.hand_over(&path, 0o700)?,
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(ServerError::Io { what: path.display().to_string(), source }),
            }
        }
        Ok(path)
    }

    /// Writes a file of the server's. `mode` holds from its first byte on.
    pub(super) fn write(&self, name: &str, text: &str, mode: u32) -> Result<PathBuf, ServerError> {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.path.join(name);
        let failed = |source| ServerError::Io { what: path.display().to_string(), source };
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&path).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        self.hand_over(&path, mode)?;
        Ok(path)
    }

    fn hand_over(&self, path: &Path, mode: u32) -> Result<(), ServerError> {
        let failed = |source| ServerError::Io { what: path.display().to_string(), source };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)?;
        match self.owner {
            Some(owner) => chown(path, Some(owner.uid), Some(owner.gid)).map_err(failed),
            None => Ok(()),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.ours {
            // What cannot be removed stays for the system to clean up.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
