//! How much one peer may send unasked.
//!
//! Scope: counting. Answers to our own requests are free: we asked for them, and their number is ours. Non-scope: what is
//! done with a peer that sends more (`sessions`).

use std::time::Duration;

use tokio::time::Instant;

use super::traffic::as_number;

/// Our choice: notifications and other unasked messages of one peer, per second.
const MESSAGES_PER_SECOND: f64 = 50.0;
/// Our choice: so many at once, as after a reconnect.
const MESSAGES_AT_ONCE: f64 = 250.0;
/// Our choice: bytes in blocks that belong to no answer, per second.
const BYTES_PER_SECOND: f64 = 256.0 * 1024.0;
/// Our choice: sixteen of the longest messages that are put together.
const BYTES_AT_ONCE: f64 = 16.0 * 1024.0 * 1024.0;
/// Our choice: how long a peer that sent more is not heard.
pub(super) const SILENCE: Duration = Duration::from_secs(60);

/// What one peer may still send.
#[derive(Debug)]
pub(super) struct Allowance {
    messages: f64,
    bytes: f64,
    at: Instant,
    unheard_until: Option<Instant>,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { messages: MESSAGES_AT_ONCE, bytes: BYTES_AT_ONCE, at: Instant::now(), unheard_until: None }
    }
}

impl Allowance {
    /// Whether the peer is heard at all now.
    pub(super) fn is_heard(&mut self) -> bool {
        if self.unheard_until.is_some_and(|until| until <= Instant::now()) {
            *self = Self::default();
        }
        self.unheard_until.is_none()
    }

    /// A block came. False: it was one too many, and the peer is not heard for a while.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        let now = Instant::now();
        let seconds = now.duration_since(self.at).as_secs_f64();
        self.at = now;
        self.messages = (self.messages + seconds * MESSAGES_PER_SECOND).min(MESSAGES_AT_ONCE) - 1.0;
        self.bytes = (self.bytes + seconds * BYTES_PER_SECOND).min(BYTES_AT_ONCE) - as_number(bytes);
        if self.messages < 0.0 || self.bytes < 0.0 {
            self.unheard_until = Some(now + SILENCE);
        }
        self.unheard_until.is_none()
    }

    /// The block was the last of an answer of so many bytes.
    pub(super) fn was_asked_for(&mut self, bytes: usize) {
        self.messages += 1.0;
        self.bytes += as_number(bytes);
    }

    /// Whether it is as if the peer had never sent anything.
    pub(super) fn is_whole(&mut self) -> bool {
        let seconds = self.at.elapsed().as_secs_f64();
        let whole = self.messages + seconds * MESSAGES_PER_SECOND >= MESSAGES_AT_ONCE
            && self.bytes + seconds * BYTES_PER_SECOND >= BYTES_AT_ONCE;
        self.is_heard() && whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_floods_is_not_heard_for_a_minute_and_begins_anew() {
        let mut allowance = Allowance::default();
        let taken = (0..1_000).take_while(|_| allowance.takes(300)).count();
        assert_eq!(taken, 250);
        assert!(!allowance.is_heard());
        tokio::time::advance(SILENCE).await;
        assert!(allowance.is_heard() && allowance.takes(300));
    }

    #[tokio::test(start_paused = true)]
    async fn a_sensor_that_tells_twenty_times_a_second_is_heard_for_ever() {
        let mut allowance = Allowance::default();
        for _ in 0..10_000 {
            assert!(allowance.takes(300));
            tokio::time::advance(Duration::from_millis(50)).await;
        }
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(allowance.is_whole());
    }

    #[tokio::test(start_paused = true)]
    async fn answers_cost_nothing_however_many() {
        let mut allowance = Allowance::default();
        for _ in 0..10_000 {
            assert!(allowance.takes(60_000));
            allowance.was_asked_for(60_000);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn few_but_huge_messages_are_too_many_as_well() {
        let mut allowance = Allowance::default();
        let mut taken = 0;
        while allowance.takes(65_535) {
            taken += 1;
            // Twenty-five in a second: as messages, they would be heard for ever.
            tokio::time::advance(Duration::from_millis(40)).await;
        }
        assert!((256..320).contains(&taken), "{taken}");
    }
}
