//! The onboarding journal: what a device had before, so that an undo is possible also after a restart.
//!
//! Never a credential: an undo writes back only accounts whose passwords are in the keyring.

use homeward_protocol::onboarding::{Former, FormerAccount, LeftOnDevice, Step};
use rusqlite::{OptionalExtension as _, Transaction};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Store, failed};
use crate::error::Error;

/// One device's last run, as far as the way back needs it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JournalEntry {
    /// Which device: `view::Device::id`.
    pub(crate) id: String,
    /// What it had before the first run that changed it.
    pub(crate) former: Former,
    /// The server that it was given.
    pub(crate) server: String,
    /// And the port.
    pub(crate) port: u16,
    /// The account that it was given.
    pub(crate) jid: String,
    /// Whether the person allowed its credential to cross the network in the clear.
    pub(crate) consent: bool,
    /// The last step that began: what it writes is, or may be, on the device.
    pub(crate) step: Step,
    /// How the run, or an undo after it, left the device; absent while it goes on, or if the program ended in it.
    pub(crate) left: Option<LeftOnDevice>,
    /// When it began, in milliseconds since the Unix epoch.
    pub(crate) began_at_ms: u64,
    /// Which of the programs that share the folder runs, or ran, it: its client UUID.
    #[serde(default)]
    pub(crate) by: Option<Uuid>,
    /// Whether it was given over the account that the device had.
    #[serde(default)]
    pub(crate) over_account: bool,
    /// Whether it was given an account over this network, by this run or one before.
    #[serde(default = "yes")]
    pub(crate) here: bool,
    /// Whether the account's password is another since the device was given it: that it is online proves nothing then.
    #[serde(default)]
    pub(crate) outdated: bool,
    /// Since when it has the account, in milliseconds since the Unix epoch: by a run before this one. Absent: by this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since_ms: Option<u64>,
    /// When the run began that last brought it another password of that account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rotated_at_ms: Option<u64>,
    /// While a run goes on: that of the run before, where the device has what that one gave it. It holds again if this one
    /// leaves the device as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earlier: Option<Box<JournalEntry>>,
}

/// Entries of before there was another way.
fn yes() -> bool {
    true
}

impl JournalEntry {
    /// Whether the new server is, or may be, on the device.
    pub(crate) fn server_written(&self) -> bool {
        match self.left {
            Some(LeftOnDevice::AsBefore | LeftOnDevice::SignedOut) => false,
            Some(_) => true,
            None => self.step >= Step::Server,
        }
    }

    /// Whether the new account is, or may be, on the device.
    pub(crate) fn account_written(&self) -> bool {
        match self.left {
            Some(LeftOnDevice::NewAccount) => true,
            Some(LeftOnDevice::Unknown) | None => self.step >= Step::Account,
            Some(_) => false,
        }
    }

    fn account_was_certainly_written(&self) -> bool {
        self.left == Some(LeftOnDevice::NewAccount) || (self.left.is_none() && self.step > Step::Account)
    }

    /// Whether it never ended: it goes on, or its program ended in it.
    pub(crate) fn is_open(&self) -> bool {
        self.left.is_none()
    }

    /// Whether there is anything to put back.
    pub(crate) fn can_be_undone(&self) -> bool {
        self.server_written() || self.account_written()
    }

    /// Whether what the device had before `later` is what this run gave it.
    fn gave(&self, later: &Former) -> bool {
        let same_account = match &later.account {
            FormerAccount::Jid(jid) => {
                let is = |own: &str| own.to_lowercase() == jid.to_lowercase();
                // It was cut short before it wrote the account.
                let kept = matches!(&self.former.account, FormerAccount::Jid(former) if is(former));
                is(&self.jid) || (kept && !self.account_was_certainly_written())
            }
            // It does not tell; the server says enough.
            FormerAccount::Unread => true,
            // Only the server was written then.
            FormerAccount::None => self.former.account == FormerAccount::None,
        };
        self.can_be_undone()
            && later.address.eq_ignore_ascii_case(&self.server)
            && later.port == Some(self.port)
            && same_account
    }
}

impl Store {
    /// Begins a run's entry, before its first write. If the device has what an earlier run gave it, the way back still
    /// leads to what it had before that one.
    ///
    /// # Errors
    /// `StoreFailed`; then the run should not write.
    pub(crate) fn begin_run(&self, entry: &JournalEntry) -> Result<(), Error> {
        self.transaction(|transaction| {
            let mut entry = entry.clone();
            if let Some(earlier) = read(transaction, &entry.id)? {
                entry.here |= earlier.here && earlier.left == Some(LeftOnDevice::NewAccount);
                if earlier.gave(&entry.former) {
                    if earlier.jid == entry.jid {
                        entry.since_ms = earlier.since_ms.or(Some(earlier.began_at_ms));
                        entry.rotated_at_ms = earlier.rotated_at_ms;
                    }
                    entry.former.clone_from(&earlier.former);
                    entry.earlier = Some(Box::new(JournalEntry { earlier: None, ..earlier }));
                }
            }
            write(transaction, &entry)
        })
    }

    /// Notes that this step began, before it writes.
    ///
    /// # Errors
    /// `StoreFailed`; then the step should not write.
    pub(crate) fn run_reached(&self, id: &str, step: Step) -> Result<(), Error> {
        self.change_run(id, |entry| entry.step = step)
    }

    /// Notes that an undo of the run begins, by the program of this client UUID, before it writes.
    ///
    /// # Errors
    /// `StoreFailed`; then the undo should not write.
    pub(crate) fn run_goes_back(&self, id: &str, by: Uuid) -> Result<(), Error> {
        self.change_run(id, |entry| {
            // What was written is what the undo writes over.
            entry.step = if entry.account_written() { Step::Account.max(entry.step) } else { entry.step };
            (entry.left, entry.by) = (None, Some(by));
            entry.earlier = None;
        })
    }

    /// Notes how the run, or its undo, left the device. `proven`: it has signed in with what the run gave it.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn run_ended(&self, id: &str, left: LeftOnDevice, proven: bool) -> Result<(), Error> {
        self.change_run(id, |entry| {
            if entry.outdated && proven {
                entry.rotated_at_ms = Some(entry.began_at_ms);
            }
            entry.outdated &= !proven;
            match entry.earlier.take().filter(|_| left == LeftOnDevice::AsBefore) {
                Some(earlier) => *entry = JournalEntry { outdated: entry.outdated, ..*earlier },
                None => entry.left = Some(left),
            }
        })
    }

    /// Notes that this account's password is another now than the one that devices were given, or may be; returns them.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn password_changed(&self, jid: &str) -> Result<Vec<JournalEntry>, Error> {
        let concerned = self.runs()?.into_iter().filter(|entry| entry.jid == jid);
        let concerned: Vec<_> = concerned.map(|entry| JournalEntry { outdated: true, ..entry }).collect();
        concerned.iter().try_for_each(|entry| self.change_run(&entry.id, |entry| entry.outdated = true))?;
        Ok(concerned)
    }

    /// Notes that this device's password is the account's again.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn password_is_back(&self, id: &str) -> Result<(), Error> {
        self.change_run(id, |entry| entry.outdated = false)
    }

    /// A device's entry.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn run(&self, id: &str) -> Result<Option<JournalEntry>, Error> {
        self.transaction(|transaction| read(transaction, id))
    }

    /// All entries, in no order.
    ///
    /// # Errors
    /// `StoreFailed`.
    pub(crate) fn runs(&self) -> Result<Vec<JournalEntry>, Error> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached("SELECT json FROM journal").map_err(failed)?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
        let rows = rows.collect::<rusqlite::Result<Vec<_>>>().map_err(failed)?;
        Ok(rows.iter().filter_map(|json| parse(json)).collect())
    }

    fn change_run(&self, id: &str, change: impl FnOnce(&mut JournalEntry)) -> Result<(), Error> {
        self.transaction(|transaction| match read(transaction, id)? {
            None => Ok(()),
            Some(mut entry) => {
                change(&mut entry);
                write(transaction, &entry)
            }
        })
    }
}

fn read(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<JournalEntry>> {
    let select = "SELECT json FROM journal WHERE id = ?1";
    let json: Option<String> = transaction.query_row(select, [id], |row| row.get(0)).optional()?;
    Ok(json.and_then(|json| parse(&json)))
}

fn write(transaction: &Transaction<'_>, entry: &JournalEntry) -> rusqlite::Result<()> {
    let json = serde_json::to_string(entry).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    transaction.execute("INSERT OR REPLACE INTO journal (id, json) VALUES (?1, ?2)", (&entry.id, json)).map(drop)
}

fn parse(json: &str) -> Option<JournalEntry> {
    serde_json::from_str(json).inspect_err(|error| tracing::warn!(%error, "a journal entry cannot be read")).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::Folder;
    use super::*;

    fn entry() -> JournalEntry {
        JournalEntry {
            id: "a".to_owned(),
            former: Former {
                address: "old.example".to_owned(),
                port: Some(5223),
                account: FormerAccount::Jid("old@old.example".to_owned()),
            },
            server: "xmpp.hearth.example".to_owned(),
            port: 5222,
            jid: "maren@hearth.example".to_owned(),
            consent: true,
            step: Step::Server,
            left: None,
            began_at_ms: 1,
            by: None,
            over_account: false,
            here: true,
            outdated: false,
            since_ms: None,
            rotated_at_ms: None,
            earlier: None,
        }
    }

    #[test]
    fn since_when_it_has_its_account_and_when_its_password_was_changed_are_kept_apart() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        let run = |began_at_ms, jid: &str, had: Option<&str>, outdated| {
            let former = had.map(|jid| Former {
                address: entry().server,
                port: Some(entry().port),
                account: FormerAccount::Jid(jid.to_owned()),
            });
            let former = former.unwrap_or_else(|| entry().former);
            store.begin_run(&JournalEntry { began_at_ms, jid: jid.to_owned(), former, outdated, ..entry() }).unwrap();
            store.run_ended("a", LeftOnDevice::NewAccount, true).unwrap();
            let entry = store.run("a").unwrap().unwrap();
            (entry.since_ms, entry.rotated_at_ms)
        };
        assert_eq!(run(1, "a@h", None, false), (None, None));
        assert_eq!(run(2, "a@h", Some("a@h"), false), (Some(1), None), "the same again");
        assert_eq!(run(3, "a@h", Some("a@h"), true), (Some(1), Some(3)), "another password");
        assert_eq!(run(4, "a@h", Some("a@h"), false), (Some(1), Some(3)));
        assert_eq!(run(5, "b@h", Some("a@h"), false), (None, None), "another account");
    }

    #[test]
    fn a_run_that_leaves_the_device_as_it_was_leaves_what_is_known_of_it() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        store.run_ended("a", LeftOnDevice::NewAccount, true).unwrap();
        let before = store.run("a").unwrap().unwrap();
        let again = || JournalEntry {
            former: Former {
                address: entry().server,
                port: Some(entry().port),
                account: FormerAccount::Jid(entry().jid),
            },
            began_at_ms: 2,
            ..entry()
        };
        for left in [LeftOnDevice::AsBefore, LeftOnDevice::Unknown] {
            store.begin_run(&again()).unwrap();
            assert!(store.run("a").unwrap().unwrap().is_open());
            store.run_ended("a", left, false).unwrap();
            let now = store.run("a").unwrap().unwrap();
            match left {
                LeftOnDevice::AsBefore => assert_eq!(now, before),
                _ => assert_eq!((now.began_at_ms, now.left, now.earlier), (2, Some(left), None)),
            }
        }
    }

    #[test]
    fn an_entry_tells_after_a_crash_what_may_be_on_the_device() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        let read = store.run("a").unwrap().unwrap();
        assert_eq!((read.server_written(), read.account_written()), (true, false));
        store.run_reached("a", Step::Account).unwrap();
        drop(store);
        let store = Store::open(folder.path()).unwrap();
        let read = store.run("a").unwrap().unwrap();
        assert_eq!((read.server_written(), read.account_written()), (true, true));
        assert_eq!(read.former, entry().former);
        assert_eq!(store.runs().unwrap(), [read]);
    }

    #[test]
    fn an_undo_that_was_cut_short_may_have_left_anything() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&JournalEntry { step: Step::Identity, ..entry() }).unwrap();
        store.run_ended("a", LeftOnDevice::NewAccount, false).unwrap();
        let by = Uuid::new_v4();
        store.run_goes_back("a", by).unwrap();
        let read = store.run("a").unwrap().unwrap();
        assert!(read.is_open() && read.server_written() && read.account_written());
        assert_eq!((read.by, read.former), (Some(by), entry().former));
        store.run_goes_back("nobody", by).unwrap();
    }

    #[test]
    fn what_was_put_back_need_not_be_put_back_again() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&JournalEntry { step: Step::Online, ..entry() }).unwrap();
        for (left, written) in [
            (LeftOnDevice::AsBefore, (false, false)),
            (LeftOnDevice::NewServer, (true, false)),
            (LeftOnDevice::NewAccount, (true, true)),
            (LeftOnDevice::SignedOut, (false, false)),
            (LeftOnDevice::NewServerSignedOut, (true, false)),
            (LeftOnDevice::Unknown, (true, true)),
        ] {
            store.run_ended("a", left, false).unwrap();
            let read = store.run("a").unwrap().unwrap();
            assert_eq!((read.server_written(), read.account_written()), written, "{left:?}");
        }
    }

    #[test]
    fn a_second_run_keeps_the_way_back_to_what_was_there_before_the_first() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        store.run_ended("a", LeftOnDevice::NewAccount, false).unwrap();
        let account = FormerAccount::Jid("maren@hearth.example".to_owned());
        let ours = Former { address: "xmpp.hearth.example".to_owned(), port: Some(5222), account };
        store.begin_run(&JournalEntry { former: ours, ..entry() }).unwrap();
        assert_eq!(store.run("a").unwrap().unwrap().former, entry().former);
    }

    #[test]
    fn finishing_what_was_cut_short_between_its_writes_keeps_the_way_back() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        // It wrote the server, and the program ended. Another time, it has.
        let half = Former { address: "xmpp.hearth.example".to_owned(), port: Some(5222), ..entry().former };
        store.begin_run(&JournalEntry { former: half.clone(), ..entry() }).unwrap();
        assert_eq!(store.run("a").unwrap().unwrap().former, entry().former);
        // After the account was given, its own hand moved it.
        store.run_ended("a", LeftOnDevice::NewAccount, true).unwrap();
        store.begin_run(&JournalEntry { former: half.clone(), ..entry() }).unwrap();
        assert_eq!(store.run("a").unwrap().unwrap().former, half);
    }

    #[test]
    fn what_has_an_old_password_is_outdated_until_it_signs_in_with_the_new_one() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        store
            .begin_run(&JournalEntry { id: "b".to_owned(), jid: "other@hearth.example".to_owned(), ..entry() })
            .unwrap();
        store.password_changed(&entry().jid).unwrap();
        assert!(!store.run("b").unwrap().unwrap().outdated, "its account is another");
        store.run_ended("a", LeftOnDevice::NewAccount, false).unwrap();
        assert!(store.run("a").unwrap().unwrap().outdated);
        store.run_ended("a", LeftOnDevice::NewAccount, true).unwrap();
        assert!(!store.run("a").unwrap().unwrap().outdated);
    }

    #[test]
    fn a_device_that_somebody_else_moved_in_between_goes_back_there() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.begin_run(&entry()).unwrap();
        store.run_ended("a", LeftOnDevice::NewAccount, false).unwrap();
        let other = Former { address: "third.example".to_owned(), ..entry().former };
        store.begin_run(&JournalEntry { former: other.clone(), ..entry() }).unwrap();
        assert_eq!(store.run("a").unwrap().unwrap().former, other);
    }

    #[test]
    fn a_run_that_was_never_begun_has_no_entry() {
        let folder = Folder::new();
        let store = Store::open(folder.path()).unwrap();
        store.run_reached("a", Step::Account).unwrap();
        assert_eq!(store.run("a").unwrap(), None);
    }
}
