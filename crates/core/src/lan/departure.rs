//! Whether a message leaves this computer: decided once, by whoever comes first.
//!
//! Scope: one request, between who asks, and may give it up, and the task that sends. Non-scope: both of them.

use std::sync::atomic::{AtomicU8, Ordering};

const HERE: u8 = 0;
const LEFT: u8 = 1;
const CALLED_OFF: u8 = 2;

/// Begins as a message that is still here.
#[derive(Debug, Default)]
pub(super) struct Departure(AtomicU8);

impl Departure {
    /// Just before it is sent. False: it was called off, and must not be.
    pub(super) fn leave(&self) -> bool {
        self.decide(LEFT) == LEFT
    }

    /// It is not to be sent any more. False: it has left, or is leaving in this moment.
    pub(super) fn call_off(&self) -> bool {
        self.decide(CALLED_OFF) == CALLED_OFF
    }

    /// Whether it has left, or is leaving in this moment.
    pub(super) fn has_left(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT
    }

    fn decide(&self, wanted: u8) -> u8 {
        match self.0.compare_exchange(HERE, wanted, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => wanted,
            Err(decided) => decided,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn what_is_called_off_does_not_leave_and_what_left_is_not_called_off() {
        let departure = Departure::default();
        assert!(departure.call_off() && departure.call_off());
        assert!(!departure.leave() && !departure.has_left());
        let departure = Departure::default();
        assert!(departure.leave() && departure.leave() && departure.has_left());
        assert!(!departure.call_off());
    }

    #[test]
    fn of_two_at_once_one_decides() {
        for _ in 0..2000 {
            let departure = Arc::new(Departure::default());
            let other = departure.clone();
            let sending = thread::spawn(move || other.leave());
            let called_off = departure.call_off();
            assert_ne!(called_off, sending.join().unwrap());
        }
    }
}
