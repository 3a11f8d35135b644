//! What a device remembers of the messages it exchanged: requests that came before, and messages not acknowledged yet.
//!
//! Scope: RFC 7252 §4.2, §4.3 and §4.5 for one device. Non-scope: what messages mean; sending them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::server::Peer;

/// EXCHANGE_LIFETIME, RFC 7252 §4.8.2: so long a message id means the same message.
const LIFETIME: Duration = Duration::from_secs(247);
/// Our choice: requests remembered, the oldest forgotten first.
const MOST_REQUESTS: usize = 512;
/// Our choice: confirmable messages of ours under way at once.
const MOST_UNACKNOWLEDGED: usize = 256;

/// A message: whose, and its id.
pub(super) type Key = (Peer, u16);

/// What was answered to a request so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Answered {
    /// Nothing yet.
    #[default]
    NotYet,
    /// An empty acknowledgement; the answer comes by itself (RFC 7252 §5.2.2).
    Acknowledged,
    /// This.
    With(Vec<u8>),
    /// Nothing, for good.
    Never,
}

/// Requests that came (RFC 7252 §4.5).
#[derive(Debug, Default)]
pub(super) struct Requests {
    known: HashMap<Key, Answered>,
    order: VecDeque<(Key, Instant)>,
}

impl Requests {
    /// What was answered when this came before; none: it is new, and remembered from now on.
    pub(super) fn before(&mut self, key: Key, now: Instant) -> Option<Answered> {
        while let Some((oldest, since)) = self.order.front().copied() {
            if now.duration_since(since) < LIFETIME && self.order.len() < MOST_REQUESTS {
                break;
            }
            self.order.pop_front();
            self.known.remove(&oldest);
        }
        if let Some(answered) = self.known.get(&key) {
            return Some(answered.clone());
        }
        self.known.insert(key, Answered::NotYet);
        self.order.push_back((key, now));
        None
    }

    /// Remembers what was answered, for when it comes again.
    pub(super) fn answered(&mut self, key: Key, how: Answered) {
        if let Some(answered) = self.known.get_mut(&key) {
            *answered = how;
        }
    }
}

/// How the other side took a confirmable message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Acknowledged.
    Taken,
    /// Reset: it does not want this.
    Rejected,
}

/// Confirmable messages of ours that wait for their acknowledgement, with their tokens.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged(HashMap<Key, (Vec<u8>, oneshot::Sender<Verdict>)>);

impl Unacknowledged {
    /// Waits for this one's; none if too many are under way.
    pub(super) fn expect(&mut self, key: Key, token: &[u8]) -> Option<oneshot::Receiver<Verdict>> {
        self.0.retain(|_, (_, waiting)| !waiting.is_closed());
        if self.0.len() >= MOST_UNACKNOWLEDGED {
            return None;
        }
        let (verdict, waiting) = oneshot::channel();
        self.0.insert(key, (token.to_vec(), verdict));
        Some(waiting)
    }

    /// An acknowledgement or a reset came; the token of the message that it is for.
    pub(super) fn settle(&mut self, key: Key, verdict: Verdict) -> Option<Vec<u8>> {
        let (token, waiting) = self.0.remove(&key)?;
        let _ = waiting.send(verdict);
        Some(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u16) -> Key {
        (Peer::in_the_clear(std::net::SocketAddr::from(([127, 0, 0, 1], 40001))), id)
    }

    #[test]
    fn a_message_id_is_known_for_its_lifetime() {
        let (mut requests, now) = (Requests::default(), Instant::now());
        assert_eq!(requests.before(key(1), now), None);
        assert_eq!(requests.before(key(1), now), Some(Answered::NotYet));
        requests.answered(key(1), Answered::With(vec![1]));
        let later = now + LIFETIME - Duration::from_millis(1);
        assert_eq!(requests.before(key(1), later), Some(Answered::With(vec![1])));
        assert_eq!(requests.before(key(1), now + LIFETIME), None);
    }

    #[test]
    fn no_more_requests_are_remembered_than_the_bound() {
        let (mut requests, now) = (Requests::default(), Instant::now());
        for id in 0..2000 {
            assert_eq!(requests.before(key(id), now), None);
        }
        assert!(requests.known.len() <= MOST_REQUESTS && requests.order.len() <= MOST_REQUESTS);
        assert!(requests.before(key(1999), now).is_some());
    }
}
