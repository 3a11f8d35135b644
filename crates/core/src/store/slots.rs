//! Which client this program is: a UUID of its own among the programs that share a folder (RA-8).
//!
//! Two programs with one UUID would bind one full JID, and throw each other out. So each takes a numbered slot, held by
//! a lock on its file until the program ends, however it ends; the UUID stays in the file, and is used again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use uuid::Uuid;

use super::make_folder;
use crate::config::Slot;
use crate::error::{Code, Error};

/// Our choice: most programs that share a folder at one time.
const MAX_SLOTS: u16 = 1000;

/// A slot that is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct SlotLock {
    uuid: Uuid,
    /// Its lock is the slot's.
    _file: File,
}

impl SlotLock {
    /// Takes a slot, and makes its UUID at the first time.
    ///
    /// # Errors
    /// [`Code::ResourceConflict`]: another program holds slot 0, or all of them; [`Code::StoreFailed`].
    pub(crate) fn take(folder: &Path, slot: Slot) -> Result<Self, Error> {
        let folder = folder.join("slots");
        make_folder(&folder)?;
        let numbers = match slot {
            Slot::App => 0..=0,
            Slot::FirstFree => 1..=MAX_SLOTS,
        };
        for number in numbers {
            let path = folder.join(number.to_string());
            let failed = |error: std::io::Error| {
                Error::new(Code::StoreFailed, "A slot of the state folder cannot be used.")
                    .with_details(format!("{}: {error}", path.display()))
            };
            let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
            let mut file = options.map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {
                    let uuid = uuid_in(&mut file).map_err(failed)?;
                    return Ok(Self { uuid, _file: file });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
        Err(Error::new(Code::ResourceConflict, "Another program has this computer's place."))
    }

    /// Whether another program that runs now has this UUID. Only for who holds slot 0, which nobody else then looks for.
    pub(crate) fn is_held(folder: &Path, uuid: Uuid) -> bool {
        let slots = std::fs::read_dir(folder.join("slots")).into_iter().flatten().flatten();
        slots.filter(|slot| slot.file_name() != "0").any(|slot| {
            let Ok(mut file) = File::open(slot.path()) else { return false };
            let mut text = String::new();
            let is_it = file.read_to_string(&mut text).is_ok() && text.trim() == uuid.to_string();
            is_it && matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
        })
    }

    /// This program's UUID: the last part of its full JID.
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }
}

fn uuid_in(file: &mut File) -> std::io::Result<Uuid> {
    let mut text = String::new();
    // A file cut short by a crash, or not text at all, gets a new one.
    let read = file.take(64).read_to_string(&mut text);
    if read.is_ok()
        && let Ok(uuid) = Uuid::parse_str(text.trim())
    {
        return Ok(uuid);
    }
    let uuid = Uuid::new_v4();
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(uuid.to_string().as_bytes())?;
    file.sync_all()?;
    Ok(uuid)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn the_app_has_one_uuid_for_the_life_of_the_installation() {
        let folder = Folder::new();
        let first = SlotLock::take(folder.path(), Slot::App).unwrap().uuid();
        let second = SlotLock::take(folder.path(), Slot::App).unwrap();
        assert_eq!(second.uuid(), first);
    }

    #[test]
    fn a_second_app_is_refused_while_the_first_runs() {
        let folder = Folder::new();
        let first = SlotLock::take(folder.path(), Slot::App).unwrap();
        let error = SlotLock::take(folder.path(), Slot::App).unwrap_err();
        assert_eq!(error.code, Code::ResourceConflict);
        drop(first);
        SlotLock::take(folder.path(), Slot::App).unwrap();
    }

    #[test]
    fn terminal_programs_take_the_first_free_slot_and_use_its_uuid_again() {
        let folder = Folder::new();
        let take = || SlotLock::take(folder.path(), Slot::FirstFree).unwrap();
        let (app, one, two) = (SlotLock::take(folder.path(), Slot::App).unwrap(), take(), take());
        let uuids = [app.uuid(), one.uuid(), two.uuid()];
        assert!(uuids[0] != uuids[1] && uuids[1] != uuids[2] && uuids[0] != uuids[2]);
        drop(one);
        let again = take();
        assert_eq!(again.uuid(), uuids[1]);
    }

    #[test]
    fn a_slot_file_that_was_damaged_gets_a_new_uuid() {
        let folder = Folder::new();
        let first = SlotLock::take(folder.path(), Slot::App).unwrap().uuid();
        std::fs::write(folder.path().join("slots/0"), [0xff; 200]).unwrap();
        let second = SlotLock::take(folder.path(), Slot::App).unwrap().uuid();
        assert_ne!(first, second);
        assert_eq!(SlotLock::take(folder.path(), Slot::App).unwrap().uuid(), second);
    }
}
