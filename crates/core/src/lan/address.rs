//! Addresses of devices: as a person writes them, and with the zones that link-local ones need.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::COAP_PORT;
use super::interfaces;
use crate::error::{Code, Error};

/// The most addresses that are tried where a name has many. Our choice.
const MAX_ADDRESSES: usize = 4;

/// An address as a peer's key: IPv6 with its zone only where that means something.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => {
                let zone = if is_link_local(v6.ip()) { v6.scope_id() } else { 0 };
                SocketAddr::V6(SocketAddrV6::new(*v6.ip(), v6.port(), 0, zone))
            }
        },
        v4 => v4,
    }
}

/// Whether an address means something together with an interface only.
pub(super) fn is_link_local(ip: &Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

/// An address for people and scripts: `192.0.2.1:5683`, `[fe80::1%eth0]:40001` (the zone by its name).
pub fn text(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => {
            let zone = interfaces::name_of(v6.scope_id()).unwrap_or_else(|| v6.scope_id().to_string());
            format!("[{}%{zone}]:{}", v6.ip(), v6.port())
        }
        other => other.to_string(),
    }
}

/// The addresses that a person's words mean.
///
/// # Errors
/// [`Code::AddressInvalid`]: not written as an address, or an unknown zone. [`Code::NothingThere`]: the name has no
/// address.
pub(super) async fn resolve(text: &str) -> Result<Vec<SocketAddr>, Error> {
    let text = text.trim();
    let place = parse(text)
        .ok_or_else(|| Error::new(Code::AddressInvalid, format!("{text:?} is not the address of a device")))?;
    let (host, port) = match place {
        Place::Ip(address) => return Ok(vec![canonical(address)]),
        Place::Name(host, port) => (host, port),
    };
    let nothing = |details: String| {
        Error::new(Code::NothingThere, format!("the name {host} has no address")).with_details(details)
    };
    let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(|error| nothing(error.to_string()))?;
    let found: Vec<SocketAddr> = found.map(canonical).take(MAX_ADDRESSES).collect();
    if found.is_empty() { Err(nothing(String::new())) } else { Ok(found) }
}

#[derive(Debug, PartialEq)]
enum Place {
    Ip(SocketAddr),
    Name(String, u16),
}

fn parse(text: &str) -> Option<Place> {
    let text = text.strip_prefix("coap://").map_or(text, |rest| rest.strip_suffix('/').unwrap_or(rest));
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']')?;
        let port = if after.is_empty() { COAP_PORT } else { port(after.strip_prefix(':')?)? };
        return v6(host, port);
    }
    if text.matches(':').count() > 1 {
        return v6(text, COAP_PORT);
    }
    let (host, port) = match text.split_once(':') {
        Some((host, digits)) => (host, port(digits)?),
        None => (text, COAP_PORT),
    };
    if let Ok(ip) = host.parse::<IpAddr>() {
        return usable(ip).then(|| Place::Ip(SocketAddr::new(ip, port)));
    }
    let label = |label: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(fits) && !label.starts_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    // Digits and dots alone are an address written wrongly, which a resolver might take for something else.
    let numeric = name.chars().all(|c| c.is_ascii_digit() || c == '.');
    (name.len() <= 253 && !numeric && name.split('.').all(label)).then(|| Place::Name(host.to_owned(), port))
}

fn v6(text: &str, port: u16) -> Option<Place> {
    let (ip, zone) = text.split_once('%').map_or((text, None), |(ip, zone)| (ip, Some(zone)));
    let ip: Ipv6Addr = ip.parse().ok().filter(|ip| usable(IpAddr::V6(*ip)))?;
    let zone = match zone {
        Some(zone) => zone.parse().ok().or_else(|| interfaces::index_of(zone))?,
        None if is_link_local(&ip) => interfaces::only_one()?,
        None => 0,
    };
    Some(Place::Ip(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, zone))))
}

fn usable(ip: IpAddr) -> bool {
    !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
}

fn port(digits: &str) -> Option<u16> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let ip = |text: &str| Some(Place::Ip(text.parse().unwrap()));
        assert_eq!(parse("192.0.2.7"), ip("192.0.2.7:5683"));
        assert_eq!(parse("192.0.2.7:40001"), ip("192.0.2.7:40001"));
        assert_eq!(parse("coap://192.0.2.7:40001/"), ip("192.0.2.7:40001"));
        assert_eq!(parse("2001:db8::1"), ip("[2001:db8::1]:5683"));
        assert_eq!(parse("[2001:db8::1]:40001"), ip("[2001:db8::1]:40001"));
        assert_eq!(
            parse("[fe80::1%7]:40001"),
            Some(Place::Ip(SocketAddrV6::new("fe80::1".parse().unwrap(), 40001, 0, 7).into()))
        );
        assert_eq!(parse("lamp.local"), Some(Place::Name("lamp.local".into(), 5683)));
        assert_eq!(parse("lamp:40001"), Some(Place::Name("lamp".into(), 40001)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            " ",
            "lamp:0",
            "lamp:70000",
            "lamp:+5",
            "lamp:",
            "a b",
            "[::1",
            "[::1]x",
            "[lamp]:1",
            "192.0.2.256",
            "1.2",
            "0.0.0.0",
            "224.0.1.187",
            "[ff02::158]:5683",
            "255.255.255.255",
            "-x",
            "a..b",
            "fe80::1%no-such-zone",
            "/etc",
            "user@lamp",
            "http://lamp",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_wrong_address_is_refused_before_any_network() {
        assert_eq!(resolve("70000:lamp:").await.unwrap_err().code, Code::AddressInvalid);
    }

    #[test]
    fn a_zone_is_shown_only_where_it_means_something() {
        let zoned: SocketAddr = SocketAddrV6::new("2001:db8::1".parse().unwrap(), 7, 3, 9).into();
        assert_eq!(text(&canonical(zoned)), "[2001:db8::1]:7");
        let mapped: SocketAddr = "[::ffff:192.0.2.1]:7".parse().unwrap();
        assert_eq!(text(&canonical(mapped)), "192.0.2.1:7");
        let loopback = interfaces::index_of("lo");
        if let Some(index) = loopback {
            let zoned: SocketAddr = SocketAddrV6::new("fe80::1".parse().unwrap(), 7, 0, index).into();
            assert_eq!(text(&zoned), "[fe80::1%lo]:7");
        }
    }
}
