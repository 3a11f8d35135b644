//! The network interface that a home is on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// An interface that is up, with its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    /// The system's number for it.
    pub(crate) index: u32,
    pub(crate) v4: Option<Ipv4Addr>,
    /// Link-local ones first; without zone.
    pub(crate) v6: Vec<Ipv6Addr>,
    pub(crate) loopback: bool,
}

/// Why there is no interface to be on.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// No interface of that name has an address.
    #[error("no interface {0:?} with an address")]
    Unknown(String),
    /// The system does not tell its interfaces.
    #[error("the interfaces cannot be listed: {0}")]
    Unlisted(#[from] std::io::Error),
}

impl Interface {
    /// The interface of that name; the loopback one if there is none.
    pub(crate) fn find(name: Option<&str>) -> Result<Self, InterfaceError> {
        let all = if_addrs::get_if_addrs()?;
        let chosen = match name {
            Some(name) => all.iter().find(|one| one.name == name),
            None => all.iter().find(|one| one.is_loopback()),
        };
        let unknown = || InterfaceError::Unknown(name.unwrap_or("loopback").to_owned());
        let chosen = chosen.ok_or_else(unknown)?;
        let mut found = Self {
            name: chosen.name.clone(),
            index: chosen.index.unwrap_or(0),
            v4: None,
            v6: Vec::new(),
            loopback: chosen.is_loopback(),
        };
        for one in all.iter().filter(|one| one.name == found.name) {
            match one.ip() {
                IpAddr::V4(ip) => found.v4 = found.v4.or(Some(ip)),
                IpAddr::V6(ip) => found.v6.push(ip),
            }
        }
        found.v6.sort_by_key(|ip| !ip.is_unicast_link_local());
        Ok(found)
    }

    /// Where a device with these ports can be reached, as its links tell it.
    pub(crate) fn endpoints(&self, port4: Option<u16>, port6: Option<u16>) -> Vec<SocketAddr> {
        let v4 = self.v4.zip(port4).map(|(ip, port)| SocketAddr::from((ip, port)));
        let v6 = self.v6.iter().take(2).filter_map(|ip| port6.map(|port| SocketAddr::from((*ip, port))));
        v4.into_iter().chain(v6).collect()
    }
}
