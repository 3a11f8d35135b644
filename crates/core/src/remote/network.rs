//! What the system tells of its network: an interface or an address came, went or changed.
//!
//! Scope: waiting for that, on each system in its way. Non-scope: what follows from it (`surroundings`).

#[cfg(target_os = "linux")]
pub(super) use linux::Network;
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
pub(super) use other::Network;
#[cfg(target_os = "windows")]
pub(super) use windows::Network;

/// Every notice of the kernel (rtnetlink(7)), in order. To compare lists of interfaces instead would miss those that are
/// up for less than a second: the kernel says so late that they work.
#[cfg(target_os = "linux")]
mod linux {
    use std::collections::{HashMap, HashSet};
    use std::io;
    use std::net::IpAddr;
    use std::time::{Duration, Instant};

    use netlink_packet_core::{NetlinkBuffer, NetlinkMessage, NetlinkPayload};
    use netlink_packet_route::RouteNetlinkMessage;
    use netlink_packet_route::address::{AddressAttribute, AddressMessage};
    use netlink_packet_route::link::{LinkFlags, LinkMessage};
    use netlink_sys::protocols::NETLINK_ROUTE;
    use netlink_sys::{Socket, SocketAddr};
    use socket2::SockRef;

    /// `RTNLGRP_LINK`, `RTNLGRP_IPV4_IFADDR` and `RTNLGRP_IPV6_IFADDR` of `linux/rtnetlink.h`, as bits.
    const GROUPS: u32 = 1 | 1 << 4 | 1 << 8;
    /// What decides whether anything can be sent; the kernel tells of much else, such as each look around of a Wi-Fi.
    const ABLE: LinkFlags = LinkFlags::Up.union(LinkFlags::Running).union(LinkFlags::LowerUp);
    /// The kernel writes no more at once.
    const LARGEST: usize = 1 << 16;

    pub(in super::super) struct Network {
        /// None: the system has no such notices for us.
        notices: Option<Socket>,
        known: Known,
    }

    impl Network {
        pub(in super::super) fn new() -> Self {
            Self { notices: subscribed(), known: Known::default() }
        }

        /// Waits so long at most.
        pub(in super::super) fn changed_within(&mut self, time: Duration) -> bool {
            let end = Instant::now() + time;
            loop {
                let left = end.saturating_duration_since(Instant::now());
                let Some(socket) = self.notices.as_ref().filter(|_| !left.is_zero()) else {
                    std::thread::sleep(left);
                    return false;
                };
                match next(socket, left) {
                    Ok(notices) if self.known.changed_by(&notices) => return true,
                    Ok(_) => {}
                    Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                    // More was told than was kept for us: what it was is lost.
                    Err(error) => {
                        tracing::debug!("notices of the network were lost: {error}");
                        self.notices = subscribed();
                        return true;
                    }
                }
            }
        }
    }

    fn subscribed() -> Option<Socket> {
        let subscribed = Socket::new(NETLINK_ROUTE).and_then(|mut socket| {
            socket.bind(&SocketAddr::new(0, GROUPS))?;
            Ok(socket)
        });
        match subscribed {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!("a change of network is not noticed at once: {error}");
                None
            }
        }
    }

    fn next(socket: &Socket, within: Duration) -> io::Result<Vec<u8>> {
        // Zero would be for ever.
        SockRef::from(socket).set_read_timeout(Some(within.max(Duration::from_micros(1))))?;
        let mut notices = Vec::with_capacity(LARGEST);
        socket.recv(&mut notices, 0)?;
        Ok(notices)
    }

    /// What the notices have said so far; the first one of an interface or an address counts as a change.
    #[derive(Default)]
    struct Known {
        links: HashMap<u32, LinkFlags>,
        addresses: HashSet<(u32, IpAddr)>,
    }

    impl Known {
        fn changed_by(&mut self, mut notices: &[u8]) -> bool {
            let mut changed = false;
            while let Ok(notice) = NetlinkBuffer::new_checked(&notices) {
                let length = usize::try_from(notice.length()).unwrap_or(usize::MAX);
                if let Ok(NetlinkMessage { payload: NetlinkPayload::InnerMessage(told), .. }) =
                    NetlinkMessage::deserialize(notices)
                {
                    changed |= self.take(told);
                }
                notices = notices.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
            changed
        }

        fn take(&mut self, told: RouteNetlinkMessage) -> bool {
            match told {
                RouteNetlinkMessage::NewLink(LinkMessage { header, .. }) => {
                    let able = header.flags.intersection(ABLE);
                    self.links.insert(header.index, able) != Some(able)
                }
                RouteNetlinkMessage::DelLink(LinkMessage { header, .. }) => self.links.remove(&header.index).is_some(),
                RouteNetlinkMessage::NewAddress(told) => {
                    address(&told).is_some_and(|address| self.addresses.insert(address))
                }
                RouteNetlinkMessage::DelAddress(told) => address(&told).is_some_and(|address| {
                    self.addresses.remove(&address);
                    true
                }),
                _ => false,
            }
        }
    }

    fn address(told: &AddressMessage) -> Option<(u32, IpAddr)> {
        told.attributes.iter().find_map(|attribute| match attribute {
            AddressAttribute::Address(address) => Some((told.header.index, *address)),
            _ => None,
        })
    }

    #[cfg(test)]
    mod tests {
        #![allow(clippy::unwrap_used)]
        use super::*;

        fn written(messages: impl IntoIterator<Item = RouteNetlinkMessage>) -> Vec<u8> {
            let mut all = Vec::new();
            for message in messages {
                let mut message = NetlinkMessage::from(message);
                message.finalize();
                let at = all.len();
                all.resize(at + message.buffer_len().next_multiple_of(4), 0);
                message.serialize(all.get_mut(at..).unwrap());
            }
            all
        }

        fn link(flags: LinkFlags) -> RouteNetlinkMessage {
            let mut link = LinkMessage::default();
            (link.header.index, link.header.flags) = (7, flags);
            RouteNetlinkMessage::NewLink(link)
        }

        fn addressed(address: &str) -> AddressMessage {
            let mut told = AddressMessage::default();
            told.header.index = 7;
            told.attributes = vec![AddressAttribute::Address(address.parse().unwrap())];
            told
        }

        #[test]
        fn what_is_told_again_is_no_change_and_what_came_and_went_is_one() {
            let mut known = Known::default();
            let (up, works) = (LinkFlags::Up, ABLE | LinkFlags::Multicast);
            assert!(known.changed_by(&written([link(works)])), "the first notice");
            assert!(!known.changed_by(&written([link(works), link(works | LinkFlags::Promisc)])));
            assert!(known.changed_by(&written([link(LinkFlags::empty()), link(up), link(works)])), "down and up");
            let told = addressed("192.0.2.7");
            assert!(known.changed_by(&written([RouteNetlinkMessage::NewAddress(told.clone())])));
            assert!(!known.changed_by(&written([RouteNetlinkMessage::NewAddress(told.clone())])));
            assert!(known.changed_by(&written([link(works), RouteNetlinkMessage::DelAddress(told)])), "the second one");
            assert!(!known.changed_by(&[]) && !known.changed_by(&[1; 7]) && !known.changed_by(&[0; 64]));
        }
    }
}

#[cfg(target_os = "windows")]
mod windows {
    use std::time::Duration;

    pub(in super::super) struct Network(Option<if_addrs::IfChangeNotifier>);

    impl Network {
        pub(in super::super) fn new() -> Self {
            Self(if_addrs::IfChangeNotifier::new().ok())
        }

        /// Waits so long at most.
        pub(in super::super) fn changed_within(&mut self, time: Duration) -> bool {
            match self.0.as_mut().map(|notifier| notifier.wait(Some(time))) {
                Some(Ok(_)) => true,
                Some(Err(error)) if error.kind() == std::io::ErrorKind::WouldBlock => false,
                Some(Err(_)) | None => {
                    std::thread::sleep(time);
                    false
                }
            }
        }
    }
}

/// Where the system gives no notice, its interfaces are compared now and then.
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
mod other {
    use std::time::Duration;

    pub(in super::super) struct Network(Vec<if_addrs::Interface>);

    impl Network {
        pub(in super::super) fn new() -> Self {
            Self(if_addrs::get_if_addrs().unwrap_or_default())
        }

        /// Waits so long.
        pub(in super::super) fn changed_within(&mut self, time: Duration) -> bool {
            std::thread::sleep(time);
            let now = if_addrs::get_if_addrs().unwrap_or_default();
            let changed = now != self.0;
            self.0 = now;
            changed
        }
    }
}
