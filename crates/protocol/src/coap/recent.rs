//! The messages that came lately, so that a repeated one is not taken twice (RFC 7252 §4.5).

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use super::exchange::EXCHANGE_LIFETIME;

/// The most messages that are remembered. Our choice: 17 a second for as long as a message id is unique.
const MAX_REMEMBERED: usize = 4096;

/// Endpoints and message ids, each for [`EXCHANGE_LIFETIME`].
#[derive(Debug)]
pub(super) struct Recent<P> {
    seen: HashMap<(P, u16), Duration>,
    order: VecDeque<(Duration, P, u16)>,
}

impl<P> Default for Recent<P> {
    fn default() -> Self {
        Self { seen: HashMap::new(), order: VecDeque::new() }
    }
}

impl<P: Clone + Eq + Hash> Recent<P> {
    /// Remembers a message; false if it was there already.
    pub(super) fn insert(&mut self, now: Duration, from: P, message_id: u16) -> bool {
        self.expire(now);
        if self.seen.contains_key(&(from.clone(), message_id)) {
            return false;
        }
        let until = now + EXCHANGE_LIFETIME;
        self.seen.insert((from.clone(), message_id), until);
        self.order.push_back((until, from, message_id));
        true
    }

    /// Whether a message was remembered.
    pub(super) fn saw(&mut self, now: Duration, from: &P, message_id: u16) -> bool {
        self.expire(now);
        self.seen.contains_key(&(from.clone(), message_id))
    }

    fn expire(&mut self, now: Duration) {
        while self.order.front().is_some_and(|(until, ..)| *until <= now) || self.order.len() >= MAX_REMEMBERED {
            let Some((_, from, message_id)) = self.order.pop_front() else { return };
            self.seen.remove(&(from, message_id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_remembered_for_as_long_as_its_id_is_unique() {
        let mut recent = Recent::default();
        assert!(recent.insert(Duration::ZERO, "lamp", 7));
        assert!(!recent.insert(Duration::from_secs(246), "lamp", 7));
        assert!(recent.insert(Duration::from_secs(246), "plug", 7), "another endpoint's ids are its own");
        assert!(recent.insert(EXCHANGE_LIFETIME, "lamp", 7));
    }

    #[test]
    fn no_flood_makes_it_grow_without_bound() {
        let mut recent = Recent::default();
        for peer in 0..20_000 {
            recent.insert(Duration::ZERO, peer, 1);
        }
        assert!(recent.seen.len() <= MAX_REMEMBERED && recent.order.len() <= MAX_REMEMBERED);
    }
}
