//! The house moves to another account, one device at a time.
//!
//! Scope: beginning, who can be moved how, and the end. Non-scope: giving one device its account, which is a run like any
//! other (`onboarding`), and being signed in with both accounts meanwhile (`lines`).
//!
//! A server holds one password per account, so an account that devices share cannot get another one device by device. A
//! second account can: whoever has not moved works on with the first. What is under way is kept, and so goes on after a
//! restart, wherever it was cut short.

use std::sync::Arc;

use homeward_protocol::secret::Secret;

use super::devices::{Known, Standing};
use super::new_password::knows;
use super::signing_in::saved;
use super::ways::takes_accounts;
use super::{Inner, account};
use crate::error::{Code, Error};
use crate::store::Which;
use crate::view::{Account, AccountForm, Connection, Move, Movers, OnboardChoice, Run};

impl Inner {
    pub(super) async fn begin_move(&self, form: &AccountForm, password: Option<Secret>) -> Result<Move, Error> {
        let next = account::check_form(form, self.loopback_only()).await.map(saved)?;
        {
            let state = self.state();
            let house = state.account().ok_or_else(|| Error::new(Code::NoAccount, "no account is set"))?;
            if house.jid.eq_ignore_ascii_case(&next.jid) {
                return Err(Error::new(Code::NotNow, format!("{} is the house's account already", next.jid)));
            }
            if let Some(other) = state.moving().filter(|moving| moving.account.jid != next.jid) {
                let words = format!("the house moves to {} already: finish that, or stop it", other.account.jid);
                return Err(Error::new(Code::NotNow, words));
            }
        }
        self.keep_password(&next.jid, password).await?;
        self.store.set_account(Which::Next, &next)?;
        self.state().set_moving(Some(Move { account: next, connection: Connection::Offline }));
        if self.config.connect {
            self.connect_next().await;
        }
        self.moving()
    }

    /// The move that is under way.
    fn moving(&self) -> Result<Move, Error> {
        let nothing = || Error::new(Code::NotNow, "the house does not move to another account");
        self.state().moving().cloned().ok_or_else(nothing)
    }

    /// For what cannot be done meanwhile.
    pub(super) fn does_not_move(&self) -> Result<(), Error> {
        match self.state().moving() {
            None => Ok(()),
            Some(moving) => {
                let words = format!("the house moves to {}: finish that, or stop it", moving.account.jid);
                Err(Error::new(Code::NotNow, words))
            }
        }
    }

    pub(super) fn who_moves(&self) -> Movers {
        let state = self.state();
        let mut movers = Movers::default();
        let (Some(old), Some(Move { account: next, .. })) = (state.account(), state.moving()) else { return movers };
        let is_one_server = old.server.eq_ignore_ascii_case(&next.server) && old.port == next.port;
        for known in state.devices().filter(|known| knows(known, old) || knows(known, next)) {
            let group = if has(known, next) {
                &mut movers.moved
            } else if takes_accounts(known) {
                &mut movers.here
            } else if is_one_server && is_there_with(known, old) {
                &mut movers.over_account
            } else {
                &mut movers.elsewhere
            };
            group.push(known.view.id.clone());
        }
        // Also what is shown no longer: it has an account all the same.
        for (id, given) in state.given().filter(|(id, _)| state.device(id).is_none()) {
            match &given.jid {
                jid if *jid == next.jid && given.certain => movers.moved.push(id.clone()),
                jid if *jid == next.jid || *jid == old.jid => movers.elsewhere.push(id.clone()),
                _ => {}
            }
        }
        movers
    }

    pub(super) async fn move_devices(self: &Arc<Self>, choices: Vec<OnboardChoice>) -> Result<Vec<Run>, Error> {
        let Move { account, connection } = self.moving()?;
        // A device that is seen there is the proof; and what nobody can sign in with is given to nobody.
        is_connected(connection)?;
        let gift = self.gift_of(account).await?;
        self.give(choices, &gift)
    }

    pub(super) async fn stop_move(&self) -> Result<(), Error> {
        let next = self.moving()?.account;
        {
            let state = self.state();
            state.is_at_rest()?;
            let has_it = |known: &&Known| knows(known, &next);
            let names: Vec<_> = state.devices().filter(has_it).map(|known| known.view.name.clone()).collect();
            let unseen = state.given().any(|(id, given)| given.jid == next.jid && state.device(id).is_none());
            if !names.is_empty() || unseen {
                let words = format!("these have {} now, or may have it: {}", next.jid, names.join(", "));
                return Err(Error::new(Code::NotNow, words));
            }
        }
        self.store.clear_account(Which::Next)?;
        self.lines.next().use_account(None);
        self.state().set_moving(None);
        self.passwords.forget(&next.jid).await;
        Ok(())
    }

    pub(super) async fn finish_move(&self, left_out: &[String], delete_old: bool) -> Result<(), Error> {
        let Move { account: next, connection } = self.moving()?;
        let old = if delete_old { Some(self.house_account().await?) } else { None };
        self.state().is_at_rest()?;
        is_connected(connection)?;
        let Movers { here, over_account, elsewhere, .. } = self.who_moves();
        let stay: Vec<String> = [here, over_account, elsewhere].concat();
        let unnamed: Vec<_> = stay.iter().filter(|id| !left_out.contains(id)).cloned().collect();
        if !unnamed.is_empty() {
            let names = self.names_of(&unnamed);
            let words = format!("{names} would be left with the old account without having been named");
            return Err(Error::new(Code::NotNow, words));
        }
        self.befriend_next().await?;
        if let Some(old) = &old {
            self.delete_at_server(&old.account, &old.password).await?;
        }
        self.store.has_moved()?;
        self.lines.change_places();
        let stays = |known: &&Known| known.remote.is_some() && !has(known, &next) && !self.is_at_house(known);
        let left: Vec<String> = {
            let mut state = self.state();
            state.has_moved();
            state.devices().filter(stays).map(|known| known.view.id.clone()).collect()
        };
        left.iter().for_each(|id| self.leave_behind(id));
        self.lines.next().use_account(None);
        if let Some(old) = old {
            self.passwords.forget(&old.account.jid).await;
            // Nothing can be put back to it.
            let mut ours = self.own_accounts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            ours.retain(|own| own.jid != old.account.jid);
        }
        Ok(())
    }

    /// Whether it was last seen over the link that is the house's own now.
    fn is_at_house(&self, known: &Known) -> bool {
        known
            .remote
            .as_ref()
            .is_some_and(|remote| self.lines.is_house(remote.line) && remote.standing != Standing::Gone)
    }

    pub(super) fn names_of(&self, ids: &[String]) -> String {
        let state = self.state();
        let name = |id: &String| state.device(id).map_or_else(|| id.clone(), |known| known.view.name.clone());
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

/// Whether the device is known to have this account: it is seen with it, or was and has proven it.
fn has(known: &Known, account: &Account) -> bool {
    if let Some(remote) = known.remote.as_ref().filter(|remote| !remote.contact && remote.standing != Standing::Gone) {
        return remote.is_of(&account.jid);
    }
    known.view.credential.as_ref().is_some_and(|given| given.jid == account.jid && given.certain)
}

fn is_there_with(known: &Known, account: &Account) -> bool {
    let there = |remote: &super::devices::AtServer| remote.standing == Standing::Available && !remote.contact;
    known.remote.as_ref().is_some_and(|remote| there(remote) && remote.is_of(&account.jid))
}

fn is_connected(connection: Connection) -> Result<(), Error> {
    match connection {
        Connection::Connected { .. } => Ok(()),
        Connection::Suspended { error, .. } | Connection::Refused { error } => Err(error),
        Connection::Offline | Connection::Connecting { .. } => {
            Err(Error::new(Code::NotReachable, "the new account is not signed in yet"))
        }
    }
}
