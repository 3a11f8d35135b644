//! The devices that the search knows, merged from all answers by `di`.
//!
//! Scope: who answers where, what is still to be read of each, who fell silent. Pure: rounds are numbers, requests are
//! handed out and their answers taken in. Non-scope: sockets and time ([`super::search`]).

use std::collections::HashMap;
use std::net::SocketAddr;

use homeward_protocol::coap::message::Format;
use homeward_protocol::oic::discovery::{DiscoveredDevice, Link};

use super::describe::{Outcome, Read, Reading};
use super::device::LanDevice;

/// The most devices that are known. Our choice; silent ones make room first.
const MAX_DEVICES: usize = 1024;
/// The most links that are known, of all devices together. Our choice: some ten megabytes.
const MAX_LINKS: usize = 32_768;
/// The most addresses of one device. Our choice: some interfaces, both families.
const MAX_ENDPOINTS: usize = 8;
/// An address that was not heard for this many rounds, while others were, is dropped. Our choice.
pub(super) const FORGET_AFTER: u32 = 6;

/// A device that missed so many rounds, and did not answer by itself meanwhile, is silent. Our choice: on a bad Wi-Fi one
/// round in four is missed.
const MISSED_ROUNDS: u32 = 2;

/// The devices.
#[derive(Debug, Default)]
pub(super) struct Known {
    devices: HashMap<String, Entry>,
    links: usize,
    full: bool,
}

#[derive(Debug)]
struct Entry {
    device: LanDevice,
    /// Where it was heard and in which round last; in the order of [`LanDevice::endpoints`].
    heard: Vec<(SocketAddr, u32)>,
    /// The content format of its whole list of resources, once that came.
    listed: Option<Format>,
    silent: bool,
    probing: bool,
    reading: Reading,
}

/// What asking a missing device by itself says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Probed {
    /// It is there.
    Alive,
    /// It did not answer, and has not missed enough rounds yet: ask there again.
    Unsure(Vec<SocketAddr>),
    /// It fell silent.
    Silent,
}

/// What an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// A device that was not known.
    Found,
    /// Something that shows, or it is back.
    Changed,
    /// Nothing that shows.
    Same,
}

impl Known {
    /// A device answered in this round. `None`: there is no room for it.
    pub(super) fn heard(
        &mut self,
        round: u32,
        from: SocketAddr,
        format: Format,
        general: bool,
        found: DiscoveredDevice,
    ) -> Option<News> {
        let from = found.at(from);
        let di = String::from(found.di);
        let is_new = !self.devices.contains_key(&di);
        if is_new && !self.has_room(found.links.len()) {
            return None;
        }
        let links_elsewhere = self.links - self.devices.get(&di).map_or(0, |entry| entry.device.links.len());
        let entry = self.devices.entry(di.clone()).or_insert_with(|| Entry::new(LanDevice::new(di, from), round));
        let before = (entry.device.clone(), entry.silent);
        entry.hear(from, round);
        if links_elsewhere + found.links.len() <= MAX_LINKS {
            entry.list(format, general, found.links);
        }
        self.links = links_elsewhere + entry.device.links.len();
        if is_new {
            Some(News::Found)
        } else if before != (entry.device.clone(), entry.silent) {
            Some(News::Changed)
        } else {
            Some(News::Same)
        }
    }

    fn has_room(&mut self, links: usize) -> bool {
        let fits = |known: &Self| known.devices.len() < MAX_DEVICES && known.links + links <= MAX_LINKS;
        if !fits(self) {
            self.devices.retain(|_, entry| !entry.silent);
            self.links = self.devices.values().map(|entry| entry.device.links.len()).sum();
        }
        let fits = fits(self);
        if !fits && !self.full {
            tracing::warn!("too many devices answer; further ones are not taken");
        }
        self.full = !fits;
        fits
    }

    /// A device, if it is known.
    pub(super) fn device(&self, di: &str) -> Option<&LanDevice> {
        self.devices.get(di).map(|entry| &entry.device)
    }

    /// All that is known is read anew, and everybody has another chance to answer.
    pub(super) fn begin_anew(&mut self, round: u32) {
        for entry in self.devices.values_mut() {
            entry.listed = None;
            entry.reading.begin_anew();
            for (_, heard) in &mut entry.heard {
                *heard = round;
            }
        }
    }

    /// A device is to be read anew; false if it is not known.
    pub(super) fn refresh(&mut self, di: &str) -> bool {
        self.devices.get_mut(di).map(|entry| entry.reading.begin_anew()).is_some()
    }

    /// What to read of a device next, and where; `None` if all is read, or something is being read.
    pub(super) fn next_read(&mut self, di: &str, round: u32) -> Option<(Read, SocketAddr)> {
        let entry = self.devices.get_mut(di)?;
        let next = entry.reading.next(&entry.device, entry.listed.is_some(), round);
        entry.device.described |= entry.reading.is_over();
        next
    }

    /// What was read at that address came, or did not. Returns what changed, and what to read next.
    pub(super) fn read(
        &mut self,
        di: &str,
        at: SocketAddr,
        round: u32,
        outcome: Outcome,
    ) -> (News, Option<(Read, SocketAddr)>) {
        let Some(entry) = self.devices.get_mut(di) else { return (News::Same, None) };
        if !entry.is_heard_at(at) {
            // It has another address meanwhile, or what answers there is not the device.
            entry.reading.lose();
            return (News::Same, entry.reading.next(&entry.device, entry.listed.is_some(), round));
        }
        let (before, was_silent) = (entry.device.clone(), entry.silent);
        if !matches!(outcome, Outcome::NoAnswer(_)) {
            entry.hear(at, round);
        }
        let links_elsewhere = self.links - before.links.len();
        if let Outcome::List(format, ref links) = outcome
            && links_elsewhere + links.len() <= MAX_LINKS
        {
            entry.list(format, true, links.clone());
        }
        entry.reading.take(outcome, &mut entry.device);
        let next = entry.reading.next(&entry.device, entry.listed.is_some(), round);
        entry.device.described |= entry.reading.is_over();
        self.links = links_elsewhere + entry.device.links.len();
        let same = entry.device == before && entry.silent == was_silent;
        (if same { News::Same } else { News::Changed }, next)
    }

    /// The devices that were not heard in the round before this one, and where to ask them by themselves.
    pub(super) fn missing(&mut self, round: u32) -> Vec<(String, Vec<SocketAddr>)> {
        let missing = self.devices.iter_mut().filter(|(_, entry)| {
            !entry.silent && !entry.probing && entry.heard.iter().all(|(_, heard)| heard + 1 < round)
        });
        missing
            .map(|(di, entry)| {
                entry.probing = true;
                (di.clone(), entry.device.endpoints.clone())
            })
            .collect()
    }

    /// A device did not answer somebody else's question; returns whether that is news.
    pub(super) fn lost(&mut self, di: &str) -> bool {
        self.devices.get_mut(di).is_some_and(|entry| !std::mem::replace(&mut entry.silent, true))
    }

    /// This address has proven to be a device of ours, that answers at such alone. What others said under its id is read
    /// anew.
    pub(super) fn proven(
        &mut self,
        di: &str,
        at: SocketAddr,
        round: u32,
        is_proven: impl Fn(SocketAddr) -> bool,
    ) -> News {
        let Some(entry) = self.devices.get_mut(di) else { return News::Same };
        let before = entry.heard.len();
        entry.heard.retain(|(endpoint, _)| is_proven(*endpoint));
        if entry.heard.len() == before {
            return News::Same;
        }
        entry.listed = None;
        entry.reading.begin_anew();
        if !entry.is_heard_at(at) {
            entry.heard.push((at, round));
        }
        entry.show_endpoints();
        News::Changed
    }

    /// What answers at this address is not this device of ours. `None`: it was heard nowhere else.
    pub(super) fn disproven(&mut self, di: &str, at: SocketAddr) -> Option<News> {
        let Some(entry) = self.devices.get_mut(di).filter(|entry| entry.is_heard_at(at)) else {
            return Some(News::Same);
        };
        if entry.heard.len() == 1 {
            return None;
        }
        entry.heard.retain(|(endpoint, _)| *endpoint != at);
        entry.show_endpoints();
        Some(News::Changed)
    }

    /// A device is not there any more, and will not be.
    pub(super) fn forget(&mut self, di: &str) {
        if let Some(gone) = self.devices.remove(di) {
            self.links -= gone.device.links.len();
        }
    }

    /// A device is no longer looked for.
    pub(super) fn probe_ended(&mut self, di: &str) {
        if let Some(entry) = self.devices.get_mut(di) {
            entry.probing = false;
        }
    }

    /// A device was asked by itself: where it answered, if it did.
    pub(super) fn probed(&mut self, di: &str, alive_at: Option<SocketAddr>, round: u32) -> Probed {
        let Some(entry) = self.devices.get_mut(di) else { return Probed::Alive };
        if let Some(at) = alive_at.filter(|at| entry.is_heard_at(*at)) {
            entry.hear(at, round);
        }
        let last = entry.heard.iter().map(|(_, heard)| *heard).max().unwrap_or_default();
        if last + 1 >= round {
            // It answered, this or the search meanwhile.
            entry.probing = false;
            Probed::Alive
        } else if last + MISSED_ROUNDS >= round {
            Probed::Unsure(entry.device.endpoints.clone())
        } else {
            entry.probing = false;
            entry.silent = true;
            Probed::Silent
        }
    }
}

impl Entry {
    fn new(device: LanDevice, round: u32) -> Self {
        let heard = device.endpoints.iter().map(|endpoint| (*endpoint, round)).collect();
        Self { device, heard, listed: None, silent: false, probing: false, reading: Reading::default() }
    }

    fn is_heard_at(&self, at: SocketAddr) -> bool {
        self.heard.iter().any(|(endpoint, _)| *endpoint == at)
    }

    fn hear(&mut self, from: SocketAddr, round: u32) {
        if std::mem::take(&mut self.silent) {
            // It may have changed while it was away.
            self.listed = None;
            self.reading.begin_anew();
        }
        self.reading.heard(round);
        match self.heard.iter_mut().find(|(endpoint, _)| *endpoint == from) {
            Some((_, heard)) => *heard = (*heard).max(round),
            None => self.hear_anew(from, round),
        }
        self.heard.retain(|(_, heard)| heard + FORGET_AFTER >= round);
        self.show_endpoints();
    }

    fn show_endpoints(&mut self) {
        self.device.endpoints = self.heard.iter().map(|(endpoint, _)| *endpoint).collect();
    }

    fn hear_anew(&mut self, from: SocketAddr, round: u32) {
        // Another port of the same address, where the former one is quiet: it restarted.
        let former = self.heard.iter_mut().find(|(endpoint, heard)| endpoint.ip() == from.ip() && *heard < round);
        if let Some(former) = former {
            *former = (from, round);
            self.listed = None;
            self.reading.begin_anew();
            return;
        }
        if self.heard.len() >= MAX_ENDPOINTS
            && let Some(oldest) = self.heard.iter().enumerate().min_by_key(|(_, (_, heard))| *heard).map(|(n, _)| n)
        {
            self.heard.remove(oldest);
        }
        self.heard.push((from, round));
    }

    /// Takes a list of resources: a whole one in place of the former, a narrowed one in addition. Stacks list other
    /// addresses to each family, and some answer in both formats: differences of that kind show nothing new.
    fn list(&mut self, format: Format, general: bool, links: Vec<Link>) {
        if general {
            if self.listed.is_some_and(|listed| listed != format) {
                return;
            }
            // Read anew, also where only the ports may be others: it may have restarted.
            let is_anew = self.listed.replace(format).is_none();
            self.device.listed = true;
            if is_anew || !same(&self.device.links, &links) {
                self.device.list(links);
            }
            return;
        }
        let mut merged = self.device.links.clone();
        let added = links.into_iter().filter(|link| merged.iter().all(|known| known.href != link.href));
        let added: Vec<Link> = added.collect();
        if !added.is_empty() {
            merged.extend(added);
            self.device.list(merged);
        }
    }
}

fn same(before: &[Link], now: &[Link]) -> bool {
    let key = |link: &Link| {
        (
            link.href.clone(),
            link.rt.clone(),
            link.interfaces.clone(),
            link.observable,
            link.is_secured(),
            link.is_secured_only(),
        )
    };
    before.iter().map(key).eq(now.iter().map(key))
}

#[cfg(test)]
#[path = "known_tests.rs"]
mod tests;
