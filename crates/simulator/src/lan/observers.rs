//! Who observes what over CoAP (RFC 7641).
//!
//! Scope: the list, its bound and the sequence numbers. Non-scope: sending notifications.

use homeward_protocol::crudn::Href;
use tokio_util::sync::CancellationToken;

use super::server::Peer;

/// Most observations of one device; a further one is answered as a plain GET. Our choice.
const MOST: usize = 32;

/// One observation.
#[derive(Debug, Clone)]
pub(super) struct Observer {
    pub(super) peer: Peer,
    pub(super) token: Vec<u8>,
    pub(super) href: Href,
    /// Ends the retransmission of the last notification, when a newer one takes its place.
    pub(super) last: CancellationToken,
}

/// All observations of one device.
#[derive(Debug, Default)]
pub(super) struct Observers {
    list: Vec<Observer>,
    sequence: u32,
}

impl Observers {
    /// Begins an observation, or refreshes the one with this token. The first sequence number; none if there are too many.
    pub(super) fn register(&mut self, peer: Peer, token: &[u8], href: &Href) -> Option<u32> {
        self.end(peer, token);
        if self.list.len() >= MOST {
            return None;
        }
        self.list.push(Observer { peer, token: token.to_vec(), href: href.clone(), last: CancellationToken::new() });
        Some(self.next_sequence())
    }

    /// Ends an observation, if there is one.
    pub(super) fn end(&mut self, peer: Peer, token: &[u8]) {
        self.list.retain(|one| {
            let ended = one.peer == peer && one.token == token;
            if ended {
                one.last.cancel();
            }
            !ended
        });
    }

    /// Those who observe this resource, whatever their queries. What still went out to them is no longer repeated.
    pub(super) fn of(&mut self, href: &Href) -> Vec<Observer> {
        let concerned = self.list.iter_mut().filter(|one| one.href.path() == href.path());
        concerned
            .map(|one| {
                one.last.cancel();
                one.last = CancellationToken::new();
                one.clone()
            })
            .collect()
    }

    /// All resources that somebody observes.
    pub(super) fn hrefs(&self) -> Vec<Href> {
        let mut hrefs: Vec<Href> = self.list.iter().map(|one| one.href.clone()).collect();
        hrefs.sort();
        hrefs.dedup_by(|a, b| a.path() == b.path());
        hrefs
    }

    /// 24 bits, one higher each time (RFC 7641 §3.4).
    pub(super) fn next_sequence(&mut self) -> u32 {
        self.sequence = (self.sequence + 1) & 0x00ff_ffff;
        self.sequence
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn observations_are_bounded_refreshed_and_ended() {
        let mut observers = Observers::default();
        let peer = Peer::in_the_clear(std::net::SocketAddr::from(([127, 0, 0, 1], 40001)));
        let light = Href::new("/light").unwrap();
        for token in 0..MOST as u8 {
            assert_eq!(observers.register(peer, &[token], &light), Some(u32::from(token) + 1));
        }
        assert_eq!(observers.register(peer, &[200], &light), None);
        assert!(observers.register(peer, &[3], &light).is_some(), "one that is there is refreshed");
        observers.end(peer, &[3]);
        assert_eq!(observers.of(&Href::new("/light?if=oic.if.baseline").unwrap()).len(), MOST - 1);
        assert!(observers.of(&Href::new("/dimming").unwrap()).is_empty());
    }
}
