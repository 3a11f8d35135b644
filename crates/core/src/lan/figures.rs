//! What the search did on each interface, and what that suggests.
//!
//! Scope: counting. Non-scope: the words for it (the UI's).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::interfaces::Interface;
use crate::error::Error;
use crate::view::{Search, SearchHint, SearchInterface};

/// Before that, silence suggests nothing: devices take their time. Our choice.
const PATIENCE: Duration = Duration::from_secs(3);

/// The figures of one search.
#[derive(Debug, Default)]
pub(super) struct Figures {
    interfaces: BTreeMap<String, Figure>,
}

#[derive(Debug, Default)]
struct Figure {
    addresses: Vec<String>,
    sent: u32,
    received: u32,
    devices: BTreeSet<String>,
    problem: Option<String>,
}

impl Figures {
    /// An interface is searched, with the addresses that it has now.
    pub(super) fn searches(&mut self, interface: &Interface) {
        let figure = self.interfaces.entry(interface.name.clone()).or_default();
        figure.addresses = interface.addresses.iter().map(ToString::to_string).collect();
    }

    /// Interfaces that are no longer up are no longer shown.
    pub(super) fn only(&mut self, up: &[Interface]) {
        self.interfaces.retain(|name, _| up.iter().any(|interface| interface.name == *name));
    }

    /// Datagrams left, or could not.
    pub(super) fn sent(&mut self, interface: &str, datagrams: u32, problem: Option<String>) {
        if let Some(figure) = self.interfaces.get_mut(interface) {
            figure.sent = figure.sent.saturating_add(datagrams);
            if problem.is_some() {
                figure.problem = problem;
            }
        }
    }

    /// A datagram came.
    pub(super) fn received(&mut self, interface: &str) {
        if let Some(figure) = self.interfaces.get_mut(interface) {
            figure.received = figure.received.saturating_add(1);
        }
    }

    /// A device is known through an interface.
    pub(super) fn device(&mut self, interface: &str, di: &str) {
        if let Some(figure) = self.interfaces.get_mut(interface) {
            figure.devices.insert(di.to_owned());
        }
    }

    /// All of it, `elapsed` after the search began.
    pub(super) fn view(
        &self,
        round: u32,
        running: bool,
        elapsed: Duration,
        loopback_only: bool,
        failed: Option<Error>,
    ) -> Search {
        let interfaces = self.interfaces.iter().map(|(name, figure)| SearchInterface {
            name: name.clone(),
            addresses: figure.addresses.clone(),
            sent: figure.sent,
            received: figure.received,
            devices: u32::try_from(figure.devices.len()).unwrap_or(u32::MAX),
            problem: figure.problem.clone(),
            hint: figure.hint(elapsed),
        });
        Search { running, round, interfaces: interfaces.collect(), loopback_only, failed }
    }
}

impl Figure {
    fn hint(&self, elapsed: Duration) -> Option<SearchHint> {
        if self.sent == 0 && self.problem.is_some() {
            Some(SearchHint::CouldNotSend)
        } else if elapsed < PATIENCE || !self.devices.is_empty() || self.sent == 0 {
            None
        } else if self.received == 0 {
            Some(SearchHint::NothingCameBack)
        } else {
            Some(SearchHint::NoDeviceAmongAnswers)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn figures() -> Figures {
        let mut figures = Figures::default();
        figures.searches(&Interface { name: "eth0".into(), index: Some(2), addresses: vec![], loopback: false });
        figures
    }

    fn hint(figures: &Figures, seconds: u64) -> Option<SearchHint> {
        figures.view(1, true, Duration::from_secs(seconds), false, None).interfaces[0].hint
    }

    #[test]
    fn silence_suggests_something_only_after_a_while() {
        let mut figures = figures();
        figures.sent("eth0", 4, None);
        assert_eq!(hint(&figures, 1), None);
        assert_eq!(hint(&figures, 4), Some(SearchHint::NothingCameBack));
        figures.received("eth0");
        assert_eq!(hint(&figures, 4), Some(SearchHint::NoDeviceAmongAnswers));
        figures.device("eth0", "a");
        assert_eq!(hint(&figures, 4), None);
    }

    #[test]
    fn an_interface_that_sends_nothing_says_so_at_once() {
        let mut figures = figures();
        figures.sent("eth0", 0, Some("Network is unreachable".into()));
        assert_eq!(hint(&figures, 0), Some(SearchHint::CouldNotSend));
        figures.sent("eth0", 4, None);
        assert_eq!(hint(&figures, 4), Some(SearchHint::NothingCameBack));
    }

    #[test]
    fn a_device_counts_once_however_often_it_answers() {
        let mut figures = figures();
        for di in ["a", "b", "a"] {
            figures.device("eth0", di);
        }
        assert_eq!(figures.view(1, true, Duration::ZERO, false, None).interfaces[0].devices, 2);
    }
}
