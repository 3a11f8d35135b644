//! How fast a device answers, and how long it is waited for (RFC 6298 §2).
//!
//! Scope: arithmetic over what was measured. Non-scope: what a slow link adds for a large message (`remote::traffic`).

use std::time::Duration;

/// Our choice: a device that answers in milliseconds may still have to turn a motor; nobody waits longer in vain.
const LEAST: Duration = Duration::from_secs(10);
/// Our choice: so many of its usual worst times.
const PATIENCE: u32 = 4;
/// Our choice: with another path at hand, one lost datagram is still waited for (RFC 7252 §4.8).
const LEAST_BEFORE_ANOTHER: Duration = Duration::from_secs(3);
/// Our choice: the same for a path that was never measured.
const MOST_BEFORE_ANOTHER: Duration = Duration::from_secs(5);

/// The round trips of one device over one path.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    smoothed: Option<Duration>,
    variation: Duration,
}

impl Pace {
    /// One more round trip was measured.
    pub(super) fn measured(&mut self, took: Duration) {
        match self.smoothed {
            None => {
                self.smoothed = Some(took);
                self.variation = took / 2;
            }
            Some(smoothed) => {
                self.variation = self.variation * 3 / 4 + smoothed.abs_diff(took) / 4;
                self.smoothed = Some(smoothed * 7 / 8 + took / 8);
            }
        }
    }

    /// The smoothed round trip (SRTT), once there is one.
    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed
    }

    /// How long to wait before the other path is tried: a Retrieve may go out twice.
    pub(super) fn patience(&self, most: Duration) -> Duration {
        let usual_worst =
            self.smoothed.map_or(MOST_BEFORE_ANOTHER, |smoothed| (smoothed + self.variation * 4) * PATIENCE);
        usual_worst.max(LEAST_BEFORE_ANOTHER).min(most)
    }

    /// How long to wait for the next answer: `most`, until there is a measure.
    pub(super) fn deadline(&self, most: Duration) -> Duration {
        match self.smoothed {
            Some(smoothed) => ((smoothed + self.variation * 4) * PATIENCE).clamp(LEAST.min(most), most),
            None => most,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: Duration = Duration::from_secs(20);

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn the_first_round_trip_is_the_measure_and_later_ones_move_it_by_an_eighth() {
        let mut pace = Pace::default();
        assert_eq!((pace.smoothed(), pace.deadline(MOST)), (None, MOST));
        pace.measured(millis(80));
        assert_eq!(pace.smoothed(), Some(millis(80)));
        pace.measured(millis(160));
        assert_eq!(pace.smoothed(), Some(millis(90)));
        // RTTVAR: 40, then 3/4 * 40 + 1/4 * 80.
        assert_eq!(pace.variation, millis(50));
    }

    #[test]
    fn a_fast_device_is_given_up_sooner_than_one_that_is_not_known() {
        let mut pace = Pace::default();
        pace.measured(millis(41));
        assert_eq!(pace.deadline(MOST), LEAST);
    }

    #[test]
    fn the_other_path_is_tried_soon_and_a_slow_device_has_its_time() {
        let mut pace = Pace::default();
        assert_eq!(pace.patience(MOST), millis(5_000), "not known yet");
        pace.measured(millis(1));
        assert_eq!(pace.patience(MOST), millis(3_000));
        for _ in 0..40 {
            pace.measured(millis(8_000));
        }
        assert_eq!(pace.patience(MOST), MOST);
        assert_eq!(pace.patience(millis(500)), millis(500), "the caller's own limit");
    }

    #[test]
    fn a_slow_link_makes_deadlines_longer_and_never_longer_than_allowed() {
        let mut pace = Pace::default();
        for _ in 0..40 {
            pace.measured(millis(3_500));
        }
        let deadline = pace.deadline(MOST);
        assert!((millis(14_000)..millis(14_100)).contains(&deadline), "{deadline:?}");
        pace.measured(millis(60_000));
        assert_eq!(pace.deadline(MOST), MOST);
        assert_eq!(pace.deadline(millis(3_000)), millis(3_000), "the caller's own limit");
    }
}
