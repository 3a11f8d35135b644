//! Our links to XMPP servers: one with the house's account, and while the house moves, one with the account that it moves to.
//!
//! Scope: which link is which. Non-scope: when the house moves (`moving`), what a link does (`remote`).

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::EVENTS;
use crate::remote::{Remote, RemoteEvent, WallClock};

/// One of the two. What was on it stays on it when the house has moved: only their meanings change places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    First,
    Second,
}

/// Both links.
pub(super) struct Lines {
    first: Remote,
    second: Remote,
    second_is_house: AtomicBool,
}

impl Lines {
    /// Both offline, and what each will tell.
    pub(super) fn start(clock: &WallClock) -> (Self, [(Line, mpsc::Receiver<RemoteEvent>); 2]) {
        let start = || {
            let (events, told) = mpsc::channel(EVENTS);
            (Remote::start(clock.clone(), events), told)
        };
        let ((first, first_told), (second, second_told)) = (start(), start());
        let lines = Self { first, second, second_is_house: AtomicBool::new(false) };
        (lines, [(Line::First, first_told), (Line::Second, second_told)])
    }

    pub(super) fn at(&self, line: Line) -> &Remote {
        match line {
            Line::First => &self.first,
            Line::Second => &self.second,
        }
    }

    /// With the house's account.
    pub(super) fn house(&self) -> &Remote {
        if self.second_is_house.load(Ordering::Relaxed) { &self.second } else { &self.first }
    }

    /// With the account that the house moves to.
    pub(super) fn next(&self) -> &Remote {
        if self.second_is_house.load(Ordering::Relaxed) { &self.first } else { &self.second }
    }

    pub(super) fn is_house(&self, line: Line) -> bool {
        (line == Line::Second) == self.second_is_house.load(Ordering::Relaxed)
    }

    /// The house has moved: what was the next one is its own from now on.
    pub(super) fn change_places(&self) {
        self.second_is_house.fetch_xor(true, Ordering::Relaxed);
    }

    /// Says good-bye on both, and returns once that is done.
    pub(super) async fn close(&self) {
        tokio::join!(self.first.close(), self.second.close());
    }
}
