//! What is under way on the link, and how long it takes to get through.
//!
//! Scope: an estimate, so that a slow link or a server's rate limit makes answers late and not failed. Non-scope: how
//! fast a device is (`home::pace`).

use std::time::Duration;

use tokio::time::Instant;

/// Our choice: the rate that is assumed before one was seen, in bytes per second.
const ASSUMED_RATE: f64 = 4_096.0;
/// Our choice: no link is waited for as if it were slower, in bytes per second.
const SLOWEST_RATE: f64 = 500.0;
/// Our choice: what a large message is allowed for, whatever was seen before, in bytes per second.
const SLOW_RATE: f64 = 1_000.0;
/// Our choice: what is no large message, in bytes.
const SMALL: usize = 4_096;
/// Our choice: no message is waited for longer on account of the link.
pub(super) const LONGEST: Duration = Duration::from_secs(120);
/// What the answer to a small request takes on the wire, in bytes: measured on the messages of usual devices.
const USUAL_ANSWER: usize = 1_200;
/// What a stanza adds to the base64 of its block, in bytes.
const ENVELOPE: usize = 400;

/// The link's load and rate.
#[derive(Debug)]
pub(super) struct Traffic {
    under_way: usize,
    /// Of which, of messages that are large.
    large: usize,
    moved: u64,
    rate: f64,
}

/// One request's part in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    bytes: usize,
    began: Instant,
    moved_then: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { under_way: 0, large: 0, moved: 0, rate: ASSUMED_RATE }
    }
}

/// What a message takes on the wire, in bytes.
pub(super) fn on_the_wire(message: usize) -> usize {
    message.div_ceil(3) * 4 + ENVELOPE
}

impl Traffic {
    /// A message went or came.
    pub(super) fn moved(&mut self, message: usize) {
        self.moved = self.moved.saturating_add(u64::try_from(on_the_wire(message)).unwrap_or(u64::MAX));
    }

    /// A request of this size goes out; and how much longer than on an idle link its answer may take.
    pub(super) fn begin(&mut self, message: usize) -> (Load, Duration) {
        let bytes = on_the_wire(message).saturating_add(USUAL_ANSWER);
        self.under_way = self.under_way.saturating_add(bytes);
        let load = Load { bytes, began: Instant::now(), moved_then: self.moved };
        let queue = as_number(self.under_way) / self.rate.max(SLOWEST_RATE);
        self.large = self.large.saturating_add(large(bytes));
        // A link that was fast may be slow by now, and a large message is the first to find out, with those behind it.
        // Its answer may repeat all of it.
        let own = 2.0 * as_number(self.large) / SLOW_RATE;
        (load, Duration::try_from_secs_f64(queue.max(own)).unwrap_or(LONGEST).min(LONGEST))
    }

    /// Its answer came, or is waited for no more.
    pub(super) fn end(&mut self, load: Load, answered: bool) {
        self.under_way = self.under_way.saturating_sub(load.bytes);
        self.large = self.large.saturating_sub(large(load.bytes));
        let seconds = load.began.elapsed().as_secs_f64();
        if !answered || seconds <= 0.0 {
            return;
        }
        // What moved meanwhile is the least that the link can do.
        let moved = usize::try_from(self.moved.saturating_sub(load.moved_then)).unwrap_or(usize::MAX);
        let seen = as_number(moved) / seconds;
        self.rate = if seen > self.rate { seen } else { self.rate * 0.875 + seen * 0.125 };
    }
}

/// What of a message is more than a small one.
fn large(bytes: usize) -> usize {
    bytes.saturating_sub(SMALL)
}

pub(super) fn as_number(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fast_link_adds_next_to_nothing_and_a_slow_one_what_it_takes() {
        let mut traffic = Traffic::default();
        for (pause, expected) in [(10, 0.0..0.2), (8_000, 2.0..10.0)] {
            for _ in 0..60 {
                let (load, _) = traffic.begin(3_000);
                tokio::time::advance(Duration::from_millis(pause)).await;
                traffic.moved(3_000);
                traffic.moved(600);
                traffic.end(load, true);
            }
            let (load, more) = traffic.begin(1_000);
            assert!(expected.contains(&more.as_secs_f64()), "{pause}: {more:?}");
            traffic.end(load, false);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_large_message_may_take_long_also_on_a_link_that_was_fast() {
        let mut traffic = Traffic::default();
        let (load, _) = traffic.begin(300);
        tokio::time::advance(Duration::from_millis(1)).await;
        traffic.moved(60_000);
        traffic.end(load, true);
        assert!((24.0..32.0).contains(&traffic.begin(12_000).1.as_secs_f64()));
        let (behind, more) = traffic.begin(300);
        assert!((24.0..32.0).contains(&more.as_secs_f64()), "what waits behind it waits as long");
        traffic.end(behind, false);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_under_way_before_it_counts_and_what_was_given_up_does_not() {
        let mut traffic = Traffic::default();
        let (load, alone) = traffic.begin(300);
        let (second, behind) = traffic.begin(300);
        assert!(behind > alone);
        traffic.end(load, false);
        traffic.end(second, false);
        assert_eq!(traffic.begin(300).1, alone);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_without_end() {
        let mut traffic = Traffic::default();
        for _ in 0..10_000 {
            assert!(traffic.begin(65_535).1 <= LONGEST);
        }
    }
}
