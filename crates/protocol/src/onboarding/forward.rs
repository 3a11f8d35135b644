//! The way forward to the account: reading both resources, then writing both.

use super::machine::{Holds, Onboarding, Phase, Purpose};
use super::undo::Ending;
use super::write::{Next, Write, Written};
use super::{Action, Channel, Failure, Former, FormerAccount, Lost, Password, Step};
use crate::crudn::{Request, Response, Status};
use crate::oic::remote_access::{self, XmppAccess};

impl Onboarding {
    pub(super) fn server_read(&mut self, result: Result<Response, Lost>) {
        let access = match result {
            Err(Lost::Unreadable) => return self.fail(Failure::BadAnswer),
            Err(_) => return self.fail(Failure::NoAnswer),
            Ok(response) if response.status == Status::NOT_FOUND => return self.fail(Failure::NoRemoteAccess),
            Ok(response) if !response.status.is_success() => {
                let failure = self.refusal(response.status, response.diagnostic);
                return self.fail(failure);
            }
            Ok(response) => response.body.as_ref().and_then(XmppAccess::read),
        };
        let Some(access) = access else { return self.fail(Failure::BadAnswer) };
        self.former = Some(Former {
            address: access.address.clone().unwrap_or_default(),
            port: access.port,
            account: FormerAccount::Unread,
        });
        self.before = access;
        if !self.may_carry_credentials() {
            return self.fail(Failure::ConsentNeeded);
        }
        if self.channel == Channel::Account && !self.server_is_unchanged() {
            return self.fail(Failure::OtherServer);
        }
        self.phase = Phase::ReadUser;
        self.send_over_channel(Request::get(self.links.user.href.clone()), true);
    }

    pub(super) fn user_read(&mut self, result: Result<Response, Lost>) {
        let account = match result {
            Err(Lost::NotSent | Lost::NoAnswer) => return self.fail(Failure::NoAnswer),
            // Refused, or not readable: expected (RA-7).
            Err(Lost::Unreadable) => FormerAccount::Unread,
            Ok(response) => {
                let readable = response.status.is_success();
                match response.body.and_then(remote_access::take_jid).filter(|_| readable) {
                    Some(Some(jid)) => FormerAccount::Jid(jid),
                    Some(None) => FormerAccount::None,
                    None => FormerAccount::Unread,
                }
            }
        };
        let has = match (self.password, &self.target) {
            // A new password is for the account that the device has, whether it tells that or not.
            (Password::Changes, Some((_, target))) => Some(target.jid.clone()),
            _ => self.online_as.take(),
        };
        let account = match (account, has) {
            (FormerAccount::Unread, Some(jid)) => FormerAccount::Jid(jid),
            (told, _) => told,
        };
        if let Some(former) = &mut self.former {
            former.account = account;
        }
        self.reach(Step::Server);
        // Written again, it would end the session that the account is to come by.
        match self.channel {
            Channel::Account => self.server_written(Written::Taken),
            _ => self.start_write(Purpose::Server),
        }
    }

    /// Whether this channel may carry a password, or an answer that may hold one.
    pub(super) fn may_carry_credentials(&self) -> bool {
        match self.channel {
            Channel::Clear => self.consent,
            Channel::Secured | Channel::Account => true,
            Channel::SecuredOnly => false,
        }
    }

    pub(super) fn start_write(&mut self, purpose: Purpose) {
        let links = &self.links;
        let write = match purpose {
            Purpose::Server | Purpose::ServerBack => Write::new(&links.server, links.accepted_server.as_ref()),
            Purpose::Account | Purpose::AccountBack => Write::new(&links.user, links.accepted_user.as_ref()),
        };
        self.phase = Phase::Write(purpose, write);
        self.send_write();
    }

    pub(super) fn send_write(&mut self) {
        let Phase::Write(purpose, write) = &self.phase else { return };
        let purpose = *purpose;
        let Some(href) = write.href().cloned() else { return };
        let body = match purpose {
            Purpose::Server => self.target.as_ref().map(|(_, t)| remote_access::server_update(&t.address, t.port)),
            Purpose::Account => self.target.as_ref().map(|(_, t)| remote_access::account_update(&t.jid, &t.credential)),
            Purpose::ServerBack => {
                self.former.as_ref().map(|f| remote_access::server_update(&f.address, f.port.unwrap_or(0)))
            }
            Purpose::AccountBack => Some(match self.former_account() {
                Some((jid, password)) => remote_access::account_update(jid, password),
                None => remote_access::account_cleared(),
            }),
        };
        let Some(body) = body else { return };
        if purpose == Purpose::Account {
            self.account_sent_at.get_or_insert(self.now);
        }
        let secret = matches!(purpose, Purpose::Account | Purpose::AccountBack);
        self.send_over_channel(Request::post(href, body), secret);
    }

    pub(super) fn go_on_writing(&mut self, purpose: Purpose, next: Next) {
        let forward = matches!(purpose, Purpose::Server | Purpose::Account);
        match next {
            Next::Ended(written) => self.written(purpose, written),
            Next::Send | Next::Pause if self.cancelled && forward => self.give_up_writing(),
            // It came online with the account: it has taken it, and need not be told again.
            Next::Send if purpose == Purpose::Account && self.seen_at.is_some() => self.give_up_writing(),
            Next::Send => self.send_write(),
            Next::Pause => {}
        }
    }

    pub(super) fn give_up_writing(&mut self) {
        if let Phase::Write(purpose, write) = &self.phase {
            let (purpose, written) = (*purpose, write.given_up());
            self.written(purpose, written);
        }
    }

    fn written(&mut self, purpose: Purpose, written: Written) {
        if written == Written::Taken
            && let Phase::Write(_, write) = &self.phase
        {
            let accepted = write.href().cloned();
            match purpose {
                Purpose::Server | Purpose::ServerBack => self.links.accepted_server = accepted,
                Purpose::Account | Purpose::AccountBack => self.links.accepted_user = accepted,
            }
        }
        match purpose {
            Purpose::Server => self.server_written(written),
            Purpose::Account => self.account_written(written),
            Purpose::AccountBack | Purpose::ServerBack => self.put_back(purpose, written),
        }
    }

    fn server_written(&mut self, written: Written) {
        let changed = !self.server_is_unchanged();
        match written {
            Written::Taken if changed => self.device.server = Holds::New,
            Written::Unknown if changed => self.device.server = Holds::Unknown,
            _ => {}
        }
        match written {
            Written::Taken if self.cancelled => {
                self.actions.push_back(Action::Done(Step::Server));
                self.put_back_all(Ending::Cancelled);
            }
            Written::Taken => {
                self.reach(Step::Account);
                self.start_write(Purpose::Account);
            }
            _ if self.cancelled => self.stop_cancelled(),
            Written::Refused { status, words } => {
                let failure = self.refusal(status, words);
                self.fail(failure);
            }
            Written::NotSent => self.fail(Failure::NoAnswer),
            Written::Unknown => self.fail(Failure::OutcomeUnknown),
        }
    }

    fn account_written(&mut self, written: Written) {
        // Written once more, it is there.
        let has_it = self.device.account == Holds::New;
        match written {
            Written::Taken => self.device.account = Holds::New,
            Written::Unknown if !has_it => self.device.account = Holds::Unknown,
            Written::Unknown | Written::Refused { .. } | Written::NotSent => {}
        }
        match written {
            Written::Taken if self.cancelled => {
                self.actions.push_back(Action::Done(Step::Account));
                self.put_back_all(Ending::Cancelled);
            }
            _ if self.cancelled => self.stop_cancelled(),
            Written::Taken if self.password == Password::Changes => self.ask_for_change(),
            Written::Taken => {
                self.reach(Step::Status);
                self.start_watch();
            }
            // Online with the password that the account has, it need not have taken this one.
            Written::Unknown if self.password == Password::Changes => self.fail(Failure::OutcomeUnknown),
            // Its presence after the first attempt would tell that the device has taken it.
            Written::Unknown => self.start_watch(),
            Written::Refused { status, words } => {
                let failure = self.refusal(status, words);
                self.fail_and_put_back(failure);
            }
            Written::NotSent => self.fail_and_put_back(Failure::NoAnswer),
        }
    }
}
