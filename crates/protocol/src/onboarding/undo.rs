//! The way back: `oic.ra.user` first, then `oic.ra.xmpp`, so that the former server never sees the new credentials.

use super::machine::{Holds, Onboarding, Purpose};
use super::write::Written;
use super::{Action, Failure, FormerAccount, Step, same_jid};
use crate::secret::Secret;

/// How the run will have ended, once what can be put back is.
#[derive(Debug)]
pub(super) enum Ending {
    Onboarded,
    Failed(Step, Failure),
    Cancelled,
    Undo,
}

impl Onboarding {
    /// Puts back all that was, or may have been, written, and ends as told.
    pub(super) fn put_back_all(&mut self, ending: Ending) {
        self.ending = ending;
        // The answer to a reading that is still out no longer matters.
        self.flight = None;
        self.put_back_next();
    }

    pub(super) fn put_back_next(&mut self) {
        // The password that it had of the same account opens it no more: there is nothing to go back to.
        let goes_back = !self.has_same_account_anew();
        if matches!(self.device.account, Holds::New | Holds::Unknown) && goes_back {
            self.start_write(Purpose::AccountBack);
        } else if self.device.server != Holds::Former {
            self.start_write(Purpose::ServerBack);
        } else {
            self.finish();
        }
    }

    pub(super) fn put_back(&mut self, purpose: Purpose, written: Written) {
        let is_account = purpose == Purpose::AccountBack;
        let step = if is_account { Step::Account } else { Step::Server };
        let failure = match written {
            Written::Taken => {
                if is_account {
                    self.device.account = self.account_after_undo();
                } else {
                    self.device.server = Holds::Former;
                }
                self.actions.push_back(Action::Undone(step));
                return self.put_back_next();
            }
            Written::Refused { status, words } => self.refusal(status, words),
            Written::NotSent => Failure::NoAnswer,
            Written::Unknown => {
                let holds = if is_account { &mut self.device.account } else { &mut self.device.server };
                *holds = Holds::Unknown;
                Failure::OutcomeUnknown
            }
        };
        // The server is not put back under an account that may still be the new one.
        self.could_not_put_back(step, failure);
        self.finish();
    }

    pub(super) fn could_not_put_back(&mut self, step: Step, cause: Failure) {
        let failure = Failure::NotPutBack { cause: Box::new(cause) };
        self.actions.push_back(Action::Failed(step, failure.clone()));
        self.not_put_back = Some(failure);
    }

    /// The former account with its password, where that is one that we know.
    pub(super) fn former_account(&self) -> Option<(&str, &Secret)> {
        let FormerAccount::Jid(jid) = &self.former.as_ref()?.account else { return None };
        let ours = self.ours.iter().map(|own| (own.jid.as_str(), &own.password));
        // An account has one password: where the account is the same, it is the target's.
        let mut known = ours.chain(self.target.iter().map(|(_, target)| (target.jid.as_str(), &target.credential)));
        known.find(|(own, _)| same_jid(own, jid)).map(|(_, password)| (jid.as_str(), password))
    }

    fn account_after_undo(&self) -> Holds {
        let had_none = self.former.as_ref().is_some_and(|former| former.account == FormerAccount::None);
        if had_none || self.former_account().is_some() { Holds::Former } else { Holds::Cleared }
    }
}
