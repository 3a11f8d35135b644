//! Another password for the account that the device has: the device is given it first, and then the account.
//!
//! A device that does not take it keeps its session, and nothing has changed. One that takes it signs in anew, perhaps before
//! the account has it, and a server may end its sessions when the account gets it; so it is written once more after that,
//! which makes every device sign in again.

use super::machine::{Holds, Onboarding, Phase, Purpose};
use super::{Action, Changed, Failure, Former, FormerAccount, Password, same_jid};

impl Onboarding {
    /// The device has taken the new password: now the account gets it.
    pub(super) fn ask_for_change(&mut self) {
        self.phase = Phase::Change { until: self.now + super::machine::ANSWER_DEADLINE };
        self.actions.push_back(Action::ChangePassword);
    }

    pub(super) fn password_changed(&mut self, changed: Changed) {
        if !matches!(self.phase, Phase::Change { .. }) {
            return;
        }
        match changed {
            Changed::Yes => {
                self.password = Password::Changed;
                // Only what comes from here on is proof.
                (self.account_sent_at, self.seen_at) = (None, None);
                self.start_write(Purpose::Account);
            }
            Changed::No { words } => self.fail_and_put_back(Failure::PasswordNotChanged { words }),
            Changed::Unknown => {
                self.device.account = Holds::Unknown;
                self.fail(Failure::PasswordUnsure);
            }
        }
    }

    /// Whether the device has the target's account, and the password that it had opens that no more: then there is nothing
    /// to go back to.
    pub(super) fn has_same_account_anew(&self) -> bool {
        self.account_is_unchanged() && self.password == Password::Changed
    }

    /// Whether the device had the target's account, perhaps with another password.
    pub(super) fn account_is_unchanged(&self) -> bool {
        match (&self.target, &self.former) {
            (Some((_, target)), Some(Former { account: FormerAccount::Jid(jid), .. })) => same_jid(jid, &target.jid),
            _ => false,
        }
    }
}
