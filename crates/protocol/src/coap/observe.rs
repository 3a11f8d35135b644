//! Which of two notifications is the newer (RFC 7641 §3.4): datagrams overtake each other.
//!
//! Non-scope: registering and ending an observation ([`super::exchange`]).

use std::time::Duration;

/// After this time any notification is newer than the last one, whatever its number (RFC 7641 §3.4).
const WRAP_TIME: Duration = Duration::from_secs(128);

/// The last notification that was taken.
#[derive(Debug, Clone, Copy, Default)]
pub struct Freshness {
    last: Option<(u32, Duration)>,
}

impl Freshness {
    /// Takes a notification with this sequence number (24 bits), come at `now`; false if a newer one was taken before,
    /// so that this one is to be dropped. One without a number is taken as fresh: it ends the observation.
    pub fn take(&mut self, sequence: Option<u32>, now: Duration) -> bool {
        let Some(sequence) = sequence else { return true };
        let fresh = self.last.is_none_or(|(last, at)| {
            (last < sequence && sequence - last < 1 << 23)
                || (last > sequence && last - sequence > 1 << 23)
                || now > at + WRAP_TIME
        });
        if fresh {
            self.last = Some((sequence, now));
        }
        fresh
    }

    /// Forgets the order: the next notification is the first of a new registration.
    pub fn restart(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn a_notification_that_was_overtaken_is_dropped() {
        let mut order = Freshness::default();
        assert!(order.take(Some(5), NOW));
        assert!(order.take(Some(7), NOW));
        assert!(!order.take(Some(6), NOW));
        assert!(!order.take(Some(7), NOW));
    }

    #[test]
    fn numbers_wrap_at_24_bits() {
        let mut order = Freshness::default();
        assert!(order.take(Some(0x00ff_fffe), NOW));
        assert!(order.take(Some(3), NOW));
        assert!(!order.take(Some(0x00ff_ffff), NOW));
    }

    #[test]
    fn after_128_seconds_any_number_is_fresh() {
        let mut order = Freshness::default();
        assert!(order.take(Some(1000), NOW));
        assert!(!order.take(Some(2), NOW + Duration::from_secs(128)));
        assert!(order.take(Some(2), NOW + Duration::from_secs(129)));
    }

    #[test]
    fn a_new_registration_begins_a_new_order() {
        let mut order = Freshness::default();
        assert!(order.take(Some(1000), NOW));
        order.restart();
        assert!(order.take(Some(2), NOW));
    }
}
