//! The way back: what a device was given from here is put back, or cleared.
//!
//! Scope: what to put back, and what is forgotten once it is. Non-scope: the run itself, which is driven as any other
//! (`onboarding`).

use std::sync::Arc;
use std::time::Duration;

use homeward_protocol::onboarding::{Former, FormerAccount, LeftOnDevice, Onboarding, UndoPlan};
use homeward_protocol::secret::Secret;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::Inner;
use super::onboarding::{Shown, fresh, no_account};
use super::paths::Route;
use super::reachable::away;
use super::ways::links;
use crate::error::{Code, Error};
use crate::store::JournalEntry;
use crate::view::{Connection, RunState, Whose};

/// Our choice: how long a device whose account was cleared may take to sign out.
const SIGNS_OUT_WITHIN: Duration = Duration::from_secs(30);

/// What is put back, and under which conditions.
struct Back {
    consent: bool,
    server_written: bool,
    account_written: bool,
    former: Former,
}

impl Inner {
    /// Puts back what a device had before its run, also one of an earlier day.
    pub(super) async fn undo_onboarding(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let nothing = || Error::new(Code::NotNow, "nothing of this device can be undone now");
        let entry = self.store.run(id)?.filter(JournalEntry::can_be_undone).ok_or_else(nothing)?;
        let back = Back {
            consent: entry.consent,
            server_written: entry.server_written(),
            account_written: entry.account_written(),
            former: entry.former,
        };
        let former = back.former.account.clone();
        let going = self.go_back(id, back).await?;
        let (inner, id) = (self.clone(), id.to_owned());
        tokio::spawn(async move {
            if going.await.is_ok() && inner.has_left_its_account(&id, &former) {
                inner.end_its_account(&id).await;
            }
        });
        Ok(())
    }

    /// Whether the device has, after a way back, no longer the account that it had for itself.
    fn has_left_its_account(&self, id: &str, former: &FormerAccount) -> bool {
        let state = self.state();
        let Some(RunState::Undone { left }) = state.run(id).map(|run| &run.state) else { return false };
        let may_have_it = matches!(left, LeftOnDevice::NewAccount | LeftOnDevice::Unknown);
        !may_have_it && !matches!(former, FormerAccount::Jid(jid) if state.is_device_account(jid, id))
    }

    async fn end_its_account(&self, id: &str) {
        if let Err(error) = self.end_device_account(id).await {
            tracing::warn!(%error, "a device's own account could not be ended");
        }
    }

    /// Clears what a device knows, whoever gave it; once its session has ended, it is forgotten.
    pub(super) async fn take_account_back(self: &Arc<Self>, id: &str) -> Result<(), Error> {
        let id = self.device_now(id)?.id;
        let blank = Former { address: String::new(), port: None, account: FormerAccount::None };
        // No secret crosses the network: nothing needs consent.
        let back = Back { consent: true, server_written: true, account_written: true, former: blank };
        let going = self.go_back(&id, back).await?;
        let inner = self.clone();
        tokio::spawn(async move {
            if going.await.is_err() {
                return;
            }
            let undone = |state: &super::State| {
                state.run(&id).is_some_and(|run| matches!(run.state, RunState::Undone { left: LeftOnDevice::AsBefore }))
            };
            // Seen by a link of ours that stands, and as long as nobody sets it up anew.
            let over = |state: &super::State| {
                if !undone(state) {
                    return Some(false);
                }
                let linked = matches!(state.connection(), Connection::Connected { .. });
                let available = state.device(&id)?.view.remote.as_ref().is_some_and(|remote| remote.available);
                (linked && !available).then_some(true)
            };
            if timeout(SIGNS_OUT_WITHIN, inner.until(over)).await == Ok(Some(true)) {
                // Set up anew after that, it is given another one.
                inner.end_its_account(&id).await;
                inner.leave_behind(&id);
            }
        });
        Ok(())
    }

    /// It is none of ours any more. On this network it is still seen, as a device that nobody has set up.
    pub(super) fn leave_behind(&self, id: &str) {
        let mut state = self.state();
        if let Err(error) = self.store.forget_device(id) {
            tracing::warn!("a device could not be forgotten: {error}");
        }
        match state.device(id).is_some_and(|known| known.lan.is_some()) {
            true => drop(state.change_known(id, super::devices::Known::leave_account)),
            false => state.forget_device(id),
        }
    }

    /// Begins the way back; what is returned ends with it.
    async fn go_back(self: &Arc<Self>, id: &str, back: Back) -> Result<JoinHandle<()>, Error> {
        // Before its list is read, its resources may seem to be elsewhere.
        let lan = self.described_on_lan(id).await.ok_or_else(away)?;
        let (server, user) =
            links(&lan).ok_or_else(|| Error::new(Code::NoRemoteAccess, "the device has no Remote Access"))?;
        let account = self.state().account().cloned().ok_or_else(no_account)?;
        let password = self.password(&account.jid).await.unwrap_or_else(|| Secret::new(""));
        let Back { consent, server_written, account_written, former } = back;
        let (place, channel) = self.place_and_channel(id, &lan);
        let plan = UndoPlan {
            server,
            user,
            channel,
            consent,
            server_written,
            account_written,
            former,
            ours: self.own_accounts(&account, &password).await,
        };
        let (stop, stopped) = mpsc::channel(1);
        let run = {
            let mut state = self.state();
            let before = state.run(id).cloned();
            if before.as_ref().is_some_and(|run| run.state.is_under_way()) {
                return Err(Error::new(Code::NotNow, "a run of this device is under way"));
            }
            let mut run = before.unwrap_or_else(|| fresh(id, &account, Whose::House));
            // Should this program end in the middle of it, nobody knows what is on the device.
            self.store.run_goes_back(id, self.uuid)?;
            run.state = RunState::Undoing;
            state.set_run(run.clone());
            run
        };
        self.runs.stops().insert(id.to_owned(), stop);
        let seen = self.runs.seen.subscribe();
        let machine = Onboarding::undo(plan, Duration::ZERO);
        let way = place.map(Route::Lan);
        let shown = Shown {
            run,
            step_began: Instant::now(),
            consent,
            way,
            journalled: true,
            new_password: false,
            renewal: None,
        };
        let inner = self.clone();
        Ok(tokio::spawn(async move { inner.drive(machine, Instant::now(), shown, stopped, seen).await }))
    }
}
