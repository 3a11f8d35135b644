//! The network interfaces that are searched.
//!
//! Scope: those that are up, both families, limited to the names asked for; loopback only if named. Non-scope: sending.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use if_addrs::{IfAddr, IfOperStatus};

use crate::error::{Code, Error};

/// The most interfaces that are searched. Our choice: container hosts have dozens, each costs four sockets a round.
const MAX_INTERFACES: usize = 32;
/// The most IPv4 addresses of one interface that are searched from. Our choice.
const MAX_V4: usize = 4;

/// One interface that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Interface {
    /// The system's name of it.
    pub(super) name: String,
    /// The system's number of it; absent where it has no IPv6 use.
    pub(super) index: Option<u32>,
    /// All its addresses, to show.
    pub(super) addresses: Vec<IpAddr>,
    /// Whether it is the computer talking to itself.
    pub(super) loopback: bool,
}

impl Interface {
    /// The IPv4 addresses to search from.
    pub(super) fn v4(&self) -> impl Iterator<Item = Ipv4Addr> {
        let v4 = self.addresses.iter().filter_map(|ip| if let IpAddr::V4(v4) = ip { Some(*v4) } else { None });
        v4.take(MAX_V4)
    }

    /// The number to search by IPv6 with. None on loopback: IPv6 multicast is "network unreachable" there.
    pub(super) fn v6(&self) -> Option<u32> {
        self.index.filter(|_| !self.loopback && self.addresses.iter().any(IpAddr::is_ipv6))
    }
}

/// Which interfaces are searched.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    names: Vec<String>,
}

impl Wanted {
    /// Those with these names; none: all but loopback.
    pub(super) fn named(names: Vec<String>) -> Self {
        Self { names }
    }

    /// The names, for who has to limit itself too.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether only loopback is searched.
    ///
    /// # Errors
    /// [`Code::InterfaceUnknown`]: a named interface is not there or down.
    pub(super) fn check(&self) -> Result<bool, Error> {
        let found = self.list();
        if let Some(missing) = self.names.iter().find(|name| !found.iter().any(|interface| interface.name == **name)) {
            let up: Vec<String> = all().into_iter().map(|interface| interface.name).collect();
            return Err(Error::new(Code::InterfaceUnknown, format!("no interface {missing} is up"))
                .with_details(format!("up are: {}", up.join(", "))));
        }
        Ok(!self.names.is_empty() && found.iter().all(|interface| interface.loopback))
    }

    /// Those of them that are up now.
    pub(super) fn list(&self) -> Vec<Interface> {
        let mut found = all();
        found.retain(
            |interface| {
                if self.names.is_empty() { !interface.loopback } else { self.names.contains(&interface.name) }
            },
        );
        found.truncate(MAX_INTERFACES);
        found
    }
}

/// All interfaces that are up.
fn all() -> Vec<Interface> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in if_addrs::get_if_addrs().unwrap_or_default() {
        let down =
            matches!(entry.oper_status, IfOperStatus::Down | IfOperStatus::NotPresent | IfOperStatus::LowerLayerDown);
        if down {
            continue;
        }
        let interface = found.entry(entry.name.clone()).or_insert_with(|| Interface {
            name: entry.name.clone(),
            index: None,
            addresses: Vec::new(),
            loopback: entry.is_loopback(),
        });
        interface.index = interface.index.or(entry.index);
        // An address of 127.0.0.0/8 or ::1 makes a loopback interface, whatever others it has.
        interface.loopback |= entry.is_loopback();
        interface.addresses.push(match entry.addr {
            IfAddr::V4(v4) => IpAddr::V4(v4.ip),
            IfAddr::V6(v6) => IpAddr::V6(v6.ip),
        });
    }
    found.into_values().collect()
}

/// The interface with that number.
pub(super) fn name_of(index: u32) -> Option<String> {
    all().into_iter().find(|interface| interface.index == Some(index)).map(|interface| interface.name)
}

/// The number of the interface with that name.
pub(super) fn index_of(name: &str) -> Option<u32> {
    all().into_iter().find(|interface| interface.name == name).and_then(|interface| interface.index)
}

/// The number of the only interface with IPv6 but loopback: which a link-local address without a zone can mean.
pub(super) fn only_one() -> Option<u32> {
    let mut numbers = all().into_iter().filter_map(|interface| interface.v6());
    numbers.next().filter(|_| numbers.next().is_none())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn loopback_is_searched_only_if_it_is_named() {
        let loopback = all().into_iter().find(|interface| interface.loopback).unwrap();
        assert!(Wanted::named(vec![]).list().iter().all(|interface| !interface.loopback));
        let named = Wanted::named(vec![loopback.name.clone()]);
        assert!(named.check().unwrap(), "and then only loopback");
        assert_eq!(named.list().first(), Some(&loopback));
        assert!(loopback.v4().any(|ip| ip == Ipv4Addr::LOCALHOST));
        assert_eq!(loopback.v6(), None);
    }

    #[test]
    fn an_interface_that_is_not_there_is_named_in_the_refusal() {
        let refusal = Wanted::named(vec!["lo".into(), "eth77".into()]).check().unwrap_err();
        assert_eq!(refusal.code, Code::InterfaceUnknown);
        assert!(refusal.message.contains("eth77"));
    }
}
