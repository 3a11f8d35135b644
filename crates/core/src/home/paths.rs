//! The paths to one device: how fast each answers, whether it works now, and which is taken first.
//!
//! Scope: pure. Non-scope: which paths a request may take at all (`devices`), sending it (`control`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;
use xmpp_parsers::jid::FullJid;

use super::lines::Line;
use super::pace::Pace;
use crate::lan::Place;
use crate::view::Path;

/// Our choice: so long after a failure a path is taken only where there is no other.
const DISTRUSTED_FOR: Duration = Duration::from_secs(60);
/// Our choice: so long after it last said who it is there, an address on the network is still the device's.
const FRESH_FOR: Duration = Duration::from_secs(30);
/// Our choice: so long a measure holds that speaks against a path.
const MEASURE_HOLDS: Duration = Duration::from_secs(600);
/// Our choice: so many times slower than the server is clearly slower; less is chance.
const CLEARLY: u32 = 2;

/// The way that one request takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Lan(Place),
    /// Over which link, and to whom.
    Xmpp(Line, FullJid),
}

impl Route {
    pub(super) fn path(&self) -> Path {
        match self {
            Route::Lan(_) => Path::Lan,
            Route::Xmpp(..) => Path::Xmpp,
        }
    }
}

/// The ways that one request may take: the second, where the first fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Routes {
    pub(super) first: Route,
    pub(super) second: Option<Route>,
}

/// What is known of a device's paths.
#[derive(Debug, Default)]
pub(super) struct Paths {
    seen: BTreeMap<Path, Experience>,
    /// Where on the network the device last said itself who it is. What else answers there proves nothing.
    identified: Option<(SocketAddr, Instant)>,
}

/// What was seen of one.
#[derive(Debug, Default)]
struct Experience {
    pace: Pace,
    heard_at: Option<Instant>,
    failed_at: Option<Instant>,
}

impl Paths {
    /// A request over this path was answered after so long.
    pub(super) fn measured(&mut self, path: Path, took: Duration) {
        self.heard(path);
        self.seen.entry(path).or_default().pace.measured(took);
    }

    /// The device itself was heard over this path.
    pub(super) fn heard(&mut self, path: Path) {
        let seen = self.seen.entry(path).or_default();
        seen.heard_at = Some(Instant::now());
        seen.failed_at = None;
    }

    /// A request over this path was not answered, or did not get through.
    pub(super) fn failed(&mut self, path: Path) {
        let seen = self.seen.entry(path).or_default();
        seen.failed_at = Some(Instant::now());
        seen.heard_at = None;
        if path == Path::Lan {
            self.identified = None;
        }
    }

    /// This computer may be somewhere else by now.
    pub(super) fn doubt(&mut self) {
        for seen in self.seen.values_mut() {
            seen.heard_at = None;
        }
        self.identified = None;
    }

    /// The device itself answered at this address, and said the right id.
    pub(super) fn identified(&mut self, at: SocketAddr) {
        self.identified = Some((at, Instant::now()));
    }

    /// Whether it has said so lately.
    pub(super) fn is_identified(&self, at: SocketAddr) -> bool {
        self.identified.is_some_and(|(address, since)| address == at && since.elapsed() < FRESH_FOR)
    }

    /// How fast the device answers over this path.
    pub(super) fn pace(&self, path: Path) -> Pace {
        self.seen.get(&path).map(|seen| seen.pace.clone()).unwrap_or_default()
    }

    /// Which of two comes first: what works, then what is faster. `at_home`: this network is taken before the server,
    /// unless it was measured to be clearly slower; else the server is.
    pub(super) fn order(&self, lan: Route, xmpp: Route, at_home: bool) -> Routes {
        let lan_first = match (self.is_distrusted(Path::Lan), self.is_distrusted(Path::Xmpp)) {
            (true, false) => false,
            (false, true) => true,
            _ => at_home && !self.is_clearly_slower_on_lan(),
        };
        let (first, second) = if lan_first { (lan, xmpp) } else { (xmpp, lan) };
        Routes { first, second: Some(second) }
    }

    /// The path that was never measured while the other was, and is not known to fail.
    pub(super) fn unmeasured(&self) -> Option<Path> {
        let has_measure = |path| self.pace(path).smoothed().is_some();
        let path = match (has_measure(Path::Lan), has_measure(Path::Xmpp)) {
            (true, false) => Path::Xmpp,
            (false, true) => Path::Lan,
            _ => return None,
        };
        (!self.is_distrusted(path)).then_some(path)
    }

    fn is_distrusted(&self, path: Path) -> bool {
        self.seen.get(&path).and_then(|seen| seen.failed_at).is_some_and(|at| at.elapsed() < DISTRUSTED_FOR)
    }

    fn is_clearly_slower_on_lan(&self) -> bool {
        let heard = self.seen.get(&Path::Lan).and_then(|seen| seen.heard_at);
        let holds = heard.is_some_and(|at| at.elapsed() < MEASURE_HOLDS);
        match (self.pace(Path::Lan).smoothed(), self.pace(Path::Xmpp).smoothed()) {
            (Some(lan), Some(xmpp)) => holds && lan > xmpp * CLEARLY,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn millis(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    fn first(paths: &Paths, at_home: bool) -> Path {
        let lan = Route::Lan(Place::Clear(SocketAddr::from(([192, 0, 2, 7], 40001))));
        let jid = FullJid::new("home@home.test/OIC/1.0/oic.d.light/6a4f0000-0000-4000-8000-000000000001");
        let routes = paths.order(lan, Route::Xmpp(Line::First, jid.expect("a full JID")), at_home);
        assert_ne!(Some(routes.first.path()), routes.second.map(|second| second.path()));
        routes.first.path()
    }

    #[tokio::test(start_paused = true)]
    async fn at_home_this_network_comes_first_unless_it_is_clearly_slower() {
        let mut paths = Paths::default();
        assert_eq!((first(&paths, true), first(&paths, false)), (Path::Lan, Path::Xmpp));
        paths.measured(Path::Xmpp, millis(40));
        paths.measured(Path::Lan, millis(79));
        assert_eq!(first(&paths, true), Path::Lan, "by chance");
        for _ in 0..40 {
            paths.measured(Path::Lan, millis(300));
        }
        assert_eq!(first(&paths, true), Path::Xmpp);
        advance(MEASURE_HOLDS).await;
        assert_eq!(first(&paths, true), Path::Lan, "it may be faster by now");
    }

    #[tokio::test(start_paused = true)]
    async fn a_path_that_failed_comes_second_for_a_minute_or_until_the_device_is_heard_there() {
        let mut paths = Paths::default();
        paths.failed(Path::Lan);
        assert_eq!(first(&paths, true), Path::Xmpp);
        paths.failed(Path::Xmpp);
        assert_eq!(first(&paths, true), Path::Lan, "both failed: as if none had");
        paths.heard(Path::Xmpp);
        assert_eq!(first(&paths, true), Path::Xmpp);
        advance(DISTRUSTED_FOR).await;
        assert_eq!(first(&paths, true), Path::Lan);
        paths.failed(Path::Xmpp);
        assert_eq!(first(&paths, false), Path::Lan);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_is_the_devices_for_a_while_after_it_said_so_there_and_no_answer_says_so_for_it() {
        let mut paths = Paths::default();
        let at = SocketAddr::from(([192, 0, 2, 7], 40001));
        paths.heard(Path::Lan);
        paths.measured(Path::Lan, millis(1));
        assert!(!paths.is_identified(at));
        paths.identified(at);
        assert!(paths.is_identified(at));
        assert!(!paths.is_identified(SocketAddr::from(([192, 0, 2, 7], 40002))));
        advance(FRESH_FOR).await;
        assert!(!paths.is_identified(at));
        for unsure in [Paths::doubt, |paths: &mut Paths| paths.failed(Path::Lan)] {
            paths.identified(at);
            unsure(&mut paths);
            assert!(!paths.is_identified(at));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_path_without_a_measure_is_found_out_once_the_other_has_one() {
        let mut paths = Paths::default();
        assert_eq!(paths.unmeasured(), None);
        paths.measured(Path::Lan, millis(3));
        assert_eq!(paths.unmeasured(), Some(Path::Xmpp));
        paths.failed(Path::Xmpp);
        assert_eq!(paths.unmeasured(), None);
        paths.measured(Path::Xmpp, millis(40));
        assert_eq!(paths.unmeasured(), None);
    }
}
