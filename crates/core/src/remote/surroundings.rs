//! What happens to this computer and may have broken the link: it slept, or its network changed.
//!
//! Scope: noticing. A connection says nothing of a cable that was pulled, nor of an hour that was slept through. Non-scope:
//! what is done about it (`link`); how each system tells of its network (`network`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::network::Network;

/// Our choice: how soon a sleep is noticed after waking up.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Our choice: the clock on the wall may be set by so much without anything having happened.
const CLOCK_SET_BY: Duration = Duration::from_secs(10);

/// Tells the time of day; tests have one that jumps.
pub type WallClock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Counts what happened.
pub(super) struct Surroundings {
    changes: watch::Receiver<u64>,
    stop: Arc<AtomicBool>,
}

impl Surroundings {
    /// Looks at them from now on, in a thread of its own: the system's notices are waited for there.
    pub(super) fn observe(clock: WallClock) -> Self {
        let (counted, changes) = watch::channel(0);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let watching = std::thread::Builder::new().name("surroundings".to_owned());
        let started = watching.spawn(move || look(&clock, &counted, &stopped));
        if let Err(error) = started {
            tracing::warn!("a change of network is not noticed at once: {error}");
        }
        Self { changes, stop }
    }

    /// Waits until something happened since the last call.
    pub(super) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Surroundings {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn look(clock: &WallClock, counted: &watch::Sender<u64>, stop: &AtomicBool) {
    let mut network = Network::new();
    let mut pace = Pace::new(clock(), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let rewired = network.changed_within(LOOK_EVERY);
        let slept = pace.jumped(clock(), Instant::now());
        if rewired || slept {
            tracing::info!("{}", if slept { "this computer slept" } else { "this computer's network changed" });
            counted.send_modify(|count| *count += 1);
        }
    }
}

/// Two clocks: one goes on while the computer sleeps, the other does not.
struct Pace {
    wall: SystemTime,
    steady: Instant,
}

impl Pace {
    fn new(wall: SystemTime, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// Whether they went apart since the last look.
    fn jumped(&mut self, wall: SystemTime, steady: Instant) -> bool {
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let by_steady = steady.duration_since(self.steady);
        *self = Self { wall, steady };
        // A system whose steady clock goes on in its sleep shows it by a look that comes late.
        by_wall > by_steady + CLOCK_SET_BY || by_steady > LOOK_EVERY + CLOCK_SET_BY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_sleep_is_noticed_and_a_clock_that_is_set_by_seconds_is_not() {
        let (wall, steady) = (SystemTime::now(), Instant::now());
        let mut pace = Pace::new(wall, steady);
        let seconds = Duration::from_secs;
        assert!(!pace.jumped(wall + seconds(2), steady + seconds(2)));
        assert!(!pace.jumped(wall + seconds(9), steady + seconds(4)));
        assert!(!pace.jumped(wall + seconds(1), steady + seconds(6)), "set back");
        assert!(pace.jumped(wall + seconds(3_600), steady + seconds(8)));
        assert!(!pace.jumped(wall + seconds(3_602), steady + seconds(10)));
        assert!(pace.jumped(wall + seconds(7_200), steady + seconds(3_700)), "a steady clock that goes on");
    }
}
