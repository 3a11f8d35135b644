//! What is kept: the account, those of devices alone, the devices, which of them are ours, the onboarding journal (SQLite), this program's identity
//! (a file lock), passwords and the keys of devices (the system's keyring).
//!
//! Scope: keeping and giving back. Non-scope: what it means. No password, no key and no credential is ever in the
//! database, nor in any file.
//!
//! Several programs may share one folder: every write is one transaction, and SQLite's own locks order them. The calls
//! are short (a local file) and may be made from async code; [`Passwords`]' are not, and are async themselves.

mod account;
mod device_account;
mod devices;
mod journal;
mod ownership;
mod passwords;
mod slots;

#[cfg(test)]
mod testing;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

pub(crate) use account::Which;
pub(crate) use device_account::DeviceAccount;
pub(crate) use devices::{KnownDevice, KnownResource, KnownValue};
pub(crate) use journal::JournalEntry;
pub(crate) use ownership::Ownership;
pub(crate) use passwords::Passwords;
pub(crate) use slots::SlotLock;

use crate::error::{Code, Error};

/// The database's file in the state folder.
const FILE: &str = "homeward.sqlite";
/// Our choice: how long to wait for another program's write.
const BUSY: Duration = Duration::from_secs(5);
/// Our choice: how soon to ask again where SQLite does not wait by itself.
const BUSY_AGAIN: Duration = Duration::from_millis(5);

/// What leads from one version of the tables to the next; the database's `user_version` counts those that were done.
/// Add at the end, never change what was released.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE account (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        jid TEXT NOT NULL,
        server TEXT NOT NULL,
        port INTEGER NOT NULL,
        ca TEXT
    ) STRICT;
    CREATE TABLE device (
        id TEXT PRIMARY KEY,
        seen_at_ms INTEGER NOT NULL,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX device_seen ON device (seen_at_ms);
    CREATE TABLE journal (
        id TEXT PRIMARY KEY,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    ALTER TABLE account ADD COLUMN pin TEXT;
",
    "
    ALTER TABLE account ADD COLUMN proven_with TEXT;
",
    "
    CREATE TABLE ownership (
        device TEXT PRIMARY KEY,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    "
    CREATE TABLE next_account (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        jid TEXT NOT NULL,
        server TEXT NOT NULL,
        port INTEGER NOT NULL,
        ca TEXT,
        pin TEXT,
        proven_with TEXT
    ) STRICT;
",
    "
    CREATE TABLE device_account (
        device TEXT PRIMARY KEY,
        json TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
];

/// The database. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    connection: Arc<Mutex<Connection>>,
}

impl Store {
    /// Opens the database in `folder`, makes both where they are missing, and brings the tables up to date.
    ///
    /// # Errors
    /// [`Code::StoreFailed`]: no access, no space, no database, or one of a newer version.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        make_folder(folder)?;
        let mut connection = Connection::open(folder.join(FILE)).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        write_ahead(&connection).map_err(failed)?;
        connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        migrate(&mut connection)?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in another thread leaves SQLite's own state whole: its transaction was rolled back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of `work`, or none of it.
    fn transaction<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, Error> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let result = work(&transaction).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(result)
    }
}

/// Turns the write-ahead log on. SQLite does not wait at this one place: two programs that turn it on in a new file at
/// the same time hold a read lock each and both want the exclusive one, so one of them is told "busy" at once and has
/// to let go and ask again.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let until = Instant::now() + BUSY;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && Instant::now() < until => {
                std::thread::sleep(BUSY_AGAIN);
            }
            result => return result,
        }
    }
}

fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let done: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    let Some(missing) = usize::try_from(done).ok().and_then(|done| MIGRATIONS.get(done..)) else {
        return Err(Error::new(Code::StoreFailed, "The state folder was written by a newer version of Homeward."));
    };
    for migration in missing {
        transaction.execute_batch(migration).map_err(failed)?;
    }
    let version = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    transaction.pragma_update(None, "user_version", version).map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// Makes the folder, for this user's eyes only.
pub(super) fn make_folder(folder: &Path) -> Result<(), Error> {
    let result = fs::create_dir_all(folder).and_then(|()| close_to_others(folder));
    result.map_err(|error| {
        Error::new(Code::StoreFailed, "The state folder cannot be made.")
            .with_details(format!("{}: {error}", folder.display()))
    })
}

#[cfg(unix)]
fn close_to_others(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(folder)?.permissions().mode();
    if mode & 0o077 == 0 {
        return Ok(());
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// On Windows the user's own folders are closed to others already.
#[cfg(not(unix))]
fn close_to_others(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

fn failed(error: rusqlite::Error) -> Error {
    Error::new(Code::StoreFailed, "The state folder cannot be read or written.").with_details(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::testing::Folder;
    use super::*;

    #[test]
    fn a_store_can_be_opened_again_and_by_two_at_once() {
        let folder = Folder::new();
        let first = Store::open(folder.path()).unwrap();
        let second = Store::open(folder.path()).unwrap();
        first.remember(&[KnownDevice::example("a", 1)]).unwrap();
        assert_eq!(second.devices().unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_folder_is_closed_to_others() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = Folder::new();
        let inner = folder.path().join("deep/er");
        fs::create_dir_all(&inner).unwrap();
        fs::set_permissions(&inner, fs::Permissions::from_mode(0o755)).unwrap();
        Store::open(&inner).unwrap();
        assert_eq!(fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_newer_versions_database_is_not_touched() {
        let folder = Folder::new();
        drop(Store::open(folder.path()).unwrap());
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = Store::open(folder.path()).err().unwrap();
        assert_eq!(error.code, Code::StoreFailed);
        assert!(error.message.contains("newer"), "{error}");
    }

    #[test]
    fn an_older_versions_account_is_kept_and_pins_nothing() {
        let folder = Folder::new();
        let connection = Connection::open(folder.path().join(FILE)).unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = "INSERT INTO account VALUES (1, 'maren@hearth.example', 'xmpp.hearth.example', 5222, '/ca.pem')";
        connection.execute(insert, []).unwrap();
        drop(connection);
        let account = Store::open(folder.path()).unwrap().account(Which::House).unwrap().unwrap();
        assert_eq!((account.jid.as_str(), account.ca.as_deref()), ("maren@hearth.example", Some("/ca.pem")));
        assert_eq!(account.pin, None);
    }

    #[test]
    fn what_is_no_database_is_an_error_and_no_panic() {
        let folder = Folder::new();
        fs::write(folder.path().join(FILE), vec![b'x'; 4096]).unwrap();
        assert_eq!(Store::open(folder.path()).err().unwrap().code, Code::StoreFailed);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(Store::open(&file).err().unwrap().code, Code::StoreFailed);
    }

    #[test]
    fn many_programs_may_open_a_new_folder_at_the_same_time() {
        for _ in 0..20 {
            let folder = Folder::new();
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| Store::open(folder.path()).unwrap());
                }
            });
        }
    }
}
