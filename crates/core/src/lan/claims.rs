//! Who answers under the id of a device of ours: anybody may. Only what has proven to be the device is taken for it.
//!
//! Scope: pure: which address is asked for proof and when, what came of it. Non-scope: the proof itself
//! ([`super::secure`]), and what the device says ([`super::known`]).

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;

use homeward_protocol::oic::discovery::DiscoveredDevice;
use uuid::Uuid;

use super::device::secured_endpoints;
use super::known::FORGET_AFTER;
use super::secure::Owner;

/// The most addresses that are known of one id. Our choice: some interfaces, both families, and strangers.
const MAX_OF_ONE: usize = 16;
/// The most addresses that are asked at once. Our choice; the others are asked when they are next heard.
const MAX_ASKED: usize = 64;
/// What could not prove it is asked again after so many rounds: an address may go to another host. Our choice.
const AGAIN_AFTER: u32 = 3;
/// How many addresses are asked again once the keys of our devices have been read. Our choice; further ones are asked by the
/// next round.
const MAX_AWAITING: usize = 256;

/// The addresses, by the id under which they answer.
#[derive(Default)]
pub(super) struct Claims {
    owner: Owner,
    of: HashMap<String, Vec<Claim>>,
    /// Where devices of ours may be, whose keys were still being read when they answered.
    awaiting_keys: HashSet<SocketAddr>,
}

#[derive(Debug)]
struct Claim {
    from: SocketAddr,
    heard: u32,
    is_asked: bool,
    proof: Proof,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Proof {
    None,
    Given,
    /// Asked again from that round on.
    Failed(u32),
}

/// What is to be done with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is the device's own, or that of a device which is not ours: nobody can tell.
    ItsOwn,
    /// It counts for nothing, and its sender is to be asked for proof now.
    Ask {
        /// The sender, in the clear.
        from: SocketAddr,
        /// What it has to prove to be.
        device: Uuid,
        /// Where it says that it can be asked.
        at: Vec<SocketAddr>,
    },
    /// It counts for nothing.
    Unproven,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Proven,
    Ask,
    Unproven,
}

impl Claims {
    /// To be the devices of this owner.
    pub(super) fn of(owner: Owner) -> Self {
        Self { owner, ..Self::default() }
    }

    /// A device answered in this round.
    pub(super) fn judge(&mut self, answer: &DiscoveredDevice, from: SocketAddr, round: u32) -> Verdict {
        let di = answer.di.as_str();
        let (from, Ok(device)) = (answer.at(from), Uuid::parse_str(di)) else { return Verdict::ItsOwn };
        if self.owner.awaits_key(device) {
            if self.awaiting_keys.len() < MAX_AWAITING {
                self.awaiting_keys.insert(from);
            }
            return Verdict::Unproven;
        }
        if !self.owner.has_key(device) {
            return Verdict::ItsOwn;
        }
        let at = secured_endpoints(&answer.links, &[from]);
        let standing = match at.is_empty() {
            // It cannot be asked.
            true if self.is_proven(di, from) => Standing::Proven,
            true => Standing::Unproven,
            false => self.heard(di, from, round),
        };
        match standing {
            Standing::Proven => Verdict::ItsOwn,
            Standing::Ask => Verdict::Ask { from, device, at },
            Standing::Unproven => Verdict::Unproven,
        }
    }

    /// The addresses that answered before the keys of our devices had been read, once.
    pub(super) fn could_be_asked_now(&mut self) -> HashSet<SocketAddr> {
        std::mem::take(&mut self.awaiting_keys)
    }

    /// An address answered under this id in this round.
    fn heard(&mut self, di: &str, from: SocketAddr, round: u32) -> Standing {
        let may_ask = self.of.values().flatten().filter(|claim| claim.is_asked).count() < MAX_ASKED;
        let claims = self.of.entry(di.to_owned()).or_default();
        if !claims.iter().any(|claim| claim.from == from) {
            if claims.len() >= MAX_OF_ONE {
                let idle =
                    claims.iter().enumerate().filter(|(_, claim)| !claim.is_asked && claim.proof != Proof::Given);
                let Some(oldest) = idle.min_by_key(|(_, claim)| claim.heard).map(|(at, _)| at) else {
                    return Standing::Unproven;
                };
                claims.swap_remove(oldest);
            }
            claims.push(Claim { from, heard: round, is_asked: false, proof: Proof::None });
        }
        let Some(claim) = claims.iter_mut().find(|claim| claim.from == from) else { return Standing::Unproven };
        claim.heard = claim.heard.max(round);
        match claim.proof {
            Proof::Given => return Standing::Proven,
            Proof::Failed(again) if again > round => return Standing::Unproven,
            Proof::None | Proof::Failed(_) => {}
        }
        if claim.is_asked || !may_ask {
            return Standing::Unproven;
        }
        claim.is_asked = true;
        Standing::Ask
    }

    /// What an address that was asked has proven: `None`, where it did not answer. Returns whether other addresses are shown
    /// now ([`Claims::unproven`]).
    pub(super) fn answered(&mut self, di: &str, from: SocketAddr, proven: Option<bool>, round: u32) -> bool {
        let claim = self.of.get_mut(di).and_then(|claims| claims.iter_mut().find(|claim| claim.from == from));
        let Some(claim) = claim else { return false };
        claim.is_asked = false;
        let before = claim.is_shown();
        claim.proof = match proven {
            Some(true) => Proof::Given,
            Some(false) => Proof::Failed(round + AGAIN_AFTER),
            None => Proof::None,
        };
        before != claim.is_shown()
    }

    /// Whether this address has proven to be that device.
    pub(super) fn is_proven(&self, di: &str, at: SocketAddr) -> bool {
        self.of.get(di).is_some_and(|claims| claims.iter().any(|one| one.from == at && one.proof == Proof::Given))
    }

    /// The addresses that could not prove it.
    pub(super) fn unproven(&self, di: &str) -> Vec<SocketAddr> {
        let claims = self.of.get(di).into_iter().flatten();
        claims.filter(|claim| claim.is_shown()).map(|claim| claim.from).collect()
    }

    /// What could not prove it may do so when it is next heard.
    pub(super) fn begin_anew(&mut self) {
        for claim in self.of.values_mut().flatten() {
            if let Proof::Failed(again) = &mut claim.proof {
                *again = 0;
            }
        }
    }

    /// All have to prove it anew. Returns whether some were shown.
    pub(super) fn doubt(&mut self, di: &str) -> bool {
        let Some(claims) = self.of.get_mut(di) else { return false };
        let shown = claims.iter().any(Claim::is_shown);
        claims.retain(|claim| claim.is_asked);
        claims.iter_mut().for_each(|claim| claim.proof = Proof::None);
        shown
    }

    /// Drops what was not heard any more, which has to prove it anew; returns the ids of which other addresses are shown now.
    pub(super) fn expire(&mut self, round: u32) -> Vec<String> {
        let mut changed = Vec::new();
        for (di, claims) in &mut self.of {
            let is_old = |claim: &Claim| !claim.is_asked && claim.heard + FORGET_AFTER < round;
            if claims.iter().any(|claim| claim.is_shown() && is_old(claim)) {
                changed.push(di.clone());
            }
            claims.retain(|claim| !is_old(claim));
        }
        self.of.retain(|_, claims| !claims.is_empty());
        changed
    }
}

impl Claim {
    fn is_shown(&self) -> bool {
        matches!(self.proof, Proof::Failed(_))
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
