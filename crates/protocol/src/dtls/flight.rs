//! Flights and their repetition (RFC 6347 §4.2.4).

use std::time::Duration;

use super::message::Message;

/// The first wait for an answer, doubled each time up to the last (RFC 6347 §4.2.4.1).
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Our choice: how often a flight is sent in all; the last wait is 16 s.
const TRIES: u32 = 5;
/// Our choice: a peer that repeats itself has its answer repeated so often; then it has to wait for our own timer.
const MAX_REPEATS: u32 = 16;
/// Our choice: so soon after the flight was sent the peer cannot have missed it, for its own first wait is a second; what
/// comes is a datagram that the network has doubled.
const CANNOT_MISS_WITHIN: Duration = Duration::from_millis(500);

/// One part of a flight.
pub(super) enum Part {
    /// In the clear.
    Plain(Message),
    /// ChangeCipherSpec.
    Change,
    /// Under the new keys.
    Protected(Message),
}

/// The last flight that was sent.
#[derive(Default)]
pub(super) struct Flight {
    pub(super) parts: Vec<Part>,
    /// The number of the peer's message that it answers; `None`, where it is the first.
    answers: Option<u16>,
    tries: u32,
    repeats: u32,
    wait: Duration,
    sent_at: Duration,
    /// When it is repeated, if it is to be answered.
    pub(super) again_at: Option<Duration>,
}

impl Flight {
    /// Sent at `now`, in answer to the peer's message of that number; `answered`: the peer's own answer is waited for.
    pub(super) fn new(parts: Vec<Part>, answers: Option<u16>, now: Duration, answered: bool) -> Self {
        let again_at = answered.then(|| now.saturating_add(FIRST_WAIT));
        Self { parts, answers, tries: 1, repeats: 0, wait: FIRST_WAIT, sent_at: now, again_at }
    }

    /// Its time has come: whether it is sent again, or given up.
    pub(super) fn may_repeat(&mut self, now: Duration) -> bool {
        self.tries += 1;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        self.sent_at = now;
        self.again_at = Some(now.saturating_add(self.wait));
        self.tries <= TRIES
    }

    /// The peer has sent its message `number` once more: whether it lacks this flight, and is to get it again at `now`.
    /// Only the last message of the peer's flight tells so; with each, two peers would answer each other's repetitions.
    pub(super) fn is_missed(&mut self, number: u16, now: Duration) -> bool {
        let answered = self.answers == Some(number) && self.repeats < MAX_REPEATS;
        let missed = answered && now.saturating_sub(self.sent_at) >= CANNOT_MISS_WITHIN;
        if missed {
            self.repeats += 1;
            self.sent_at = now;
        }
        missed
    }
}
