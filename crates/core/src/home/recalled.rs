//! What the journal knows at the start: which devices have an account from here, and whose set-up was cut short.
//!
//! Scope: from entries to what readers see. Non-scope: the way back itself (`onboarding`).

use homeward_protocol::onboarding::{LeftOnDevice, Step};
use uuid::Uuid;

use super::State;
use super::onboarding::STEPS;
use crate::config::{Config, Slot};
use crate::error::{Code, Error};
use crate::store::{JournalEntry, SlotLock};
use crate::view::{Credential, Run, RunState, RunStep, StepState, UndoReach, Whose};

/// Shows what one entry tells. `own`: our client UUID, whose slot we hold: whoever had it before has ended. `ours`: the
/// accounts that count.
pub(super) fn recall(state: &mut State, config: &Config, own: Uuid, entry: JournalEntry, ours: &[&str]) {
    state.set_given(&entry.id, credential(&entry));
    let is_of_account = ours.contains(&entry.jid.as_str());
    let goes_on = || match entry.by {
        Some(by) if by == own => false,
        // Only the app looks after what others left undone.
        Some(by) => config.slot != Slot::App || SlotLock::is_held(&config.folder, by),
        None => config.slot != Slot::App,
    };
    if entry.is_open() && is_of_account && !goes_on() {
        let whose = if state.is_device_account(&entry.jid, &entry.id) { Whose::Own } else { Whose::House };
        state.set_run(cut_short(&entry, whose));
    }
}

/// The account that the device has from here, or may have.
pub(super) fn credential(entry: &JournalEntry) -> Option<Credential> {
    entry.account_written().then(|| Credential {
        jid: entry.jid.clone(),
        server: entry.server.clone(),
        port: entry.port,
        since_ms: entry.since_ms.unwrap_or(entry.began_at_ms),
        rotated_at_ms: entry.rotated_at_ms,
        in_the_clear: entry.consent,
        over_account: entry.over_account,
        own: false,
        certain: entry.left == Some(LeftOnDevice::NewAccount) && !entry.outdated,
    })
}

/// The run as it stood when its program ended.
fn cut_short(entry: &JournalEntry, whose: Whose) -> Run {
    let error = Error::new(Code::CutShort, "the program ended in the middle of this");
    let step = |step: Step| RunStep {
        step,
        state: match step.cmp(&entry.step) {
            std::cmp::Ordering::Less => StepState::Done,
            std::cmp::Ordering::Equal => StepState::Failed { error: error.clone() },
            std::cmp::Ordering::Greater => StepState::Waiting,
        },
        elapsed_ms: None,
    };
    let reach = if entry.former.account_can_be_put_back(&[]) { UndoReach::Everything } else { UndoReach::ServerOnly };
    Run {
        id: entry.id.clone(),
        steps: STEPS.map(step).into(),
        state: RunState::Failed { error: error.clone(), left: LeftOnDevice::Unknown },
        started_at_ms: entry.began_at_ms,
        undo: entry.can_be_undone().then_some(reach),
        whose,
        jid: entry.jid.clone(),
        server: entry.server.clone(),
        port: entry.port,
    }
}
