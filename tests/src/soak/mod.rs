//! A soak: random faults, presses and reads against a real server and simulated devices, repeatable by their seed.
//!
//! Scope: what must hold whatever happens: no press is carried out twice, each has an outcome and no outcome is a lie,
//! what is shown becomes the truth once all is well, and nothing grows. Non-scope: how soon a single fault is shown
//! (`tests/faults_*.rs`).

mod ledger;
mod plan;

use std::collections::{HashSet, VecDeque};
use std::io::Write as _;
use std::time::Duration;

use homeward_core::view::{Connection, Via};
use homeward_protocol::crudn::{Href, Request};
use homeward_simulator::{Device, Kind as Appliance, Scenario};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout_at};
use xtask::servers::Ending;

use crate::fault_proxy::{BOTH, FaultProxy};
use crate::held::Held;
use crate::remote_house::{LIGHT, RemoteHouse, is_connected, is_live};
use crate::server::Kind;
pub use ledger::Tally;
use ledger::{Ledger, lies};
pub use plan::{Act, DeviceFault, LinkFault, Plan, ServerFault};

/// Our choice: both dialects, several of each.
const LAMPS: usize = 6;
/// Our choice: a person who sees that all is well again presses *Try now* as often.
const PRESSES_TRY_NOW_EVERY: Duration = Duration::from_secs(3);
/// Our choice: then all devices have come back by themselves, or are switched off and on.
const DEVICES_BACK_WITHIN: Duration = Duration::from_secs(10);
/// Our choice: from all being well to all being shown as usable.
const WHOLE_WITHIN: Duration = Duration::from_secs(60);
/// Our choice: a device without an observation is read every thirty seconds.
const TRUE_WITHIN: Duration = Duration::from_secs(40);
/// What comes and goes. The devices' own logs, in the same process, hold 2,000 requests each.
const BOUNDS: Held = Held { memory_kib: 24 << 10, tasks: 24, files: 16 };
/// How many acts are told where something went wrong.
const LAST_ACTS: usize = 40;

/// What a soak came to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    /// How often all faults ended, and everything was as it should be.
    pub rounds: usize,
    /// What the presses came to.
    pub tally: Tally,
    /// What was held before the first fault, with everything on screen observed.
    pub first: Held,
    /// And after the last.
    pub last: Held,
}

/// Soaks for this time, to the end of the round that is under way then; tells each round on standard output.
///
/// # Panics
/// As soon as something is not as it must be; the message has the seed and the last acts.
pub async fn soak(seed: u64, time: Duration) -> Outcome {
    let mut soak = Soak::begin(seed).await;
    let began = Instant::now();
    let end = began + time;
    say(&format!("seed {seed}: {LAMPS} lamps, for {time:?}"));
    for act in Plan::new(seed, LAMPS) {
        // The acts of a round that shall be the last one end early.
        let act = if Instant::now() < end { act } else { Act::Peace };
        let is_peace = act == Act::Peace;
        soak.happens(act).await;
        if is_peace {
            let Round { shown_after, tally, held } = soak.round.expect("peace ends a round");
            let Tally { done, unknown_done, unknown_undone, undone, reads } = tally;
            say(&format!(
                "{:6.1} s  round {}: {} presses: {done} done, {unknown_done} unknown and done, {unknown_undone} unknown and \
                 not done, {undone} not done; {reads} reads; all true after {:.1} s; {held}",
                began.elapsed().as_secs_f64(),
                soak.rounds,
                done + unknown_done + unknown_undone + undone,
                shown_after.as_secs_f64(),
            ));
            if Instant::now() >= end {
                break;
            }
        }
    }
    soak.ends().await
}

/// How a round ended.
#[derive(Clone, Copy)]
struct Round {
    shown_after: Duration,
    tally: Tally,
    held: Held,
}

struct Soak {
    house: RemoteHouse,
    lamps: Vec<Device>,
    /// Which of them hear and say nothing now.
    mute: HashSet<usize>,
    ledger: Ledger,
    rounds: usize,
    round: Option<Round>,
    first: Held,
    /// Told if it ends by a panic.
    story: Story,
}

/// What happened last; tells it where a panic passes by.
struct Story {
    seed: u64,
    acts: VecDeque<(Instant, String)>,
    began: Instant,
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            say(&format!("\nseed {}, the last acts before it went wrong:", self.seed));
            for (at, act) in &self.acts {
                say(&format!("{:8.2} s  {act}", at.duration_since(self.began).as_secs_f64()));
            }
        }
    }
}

impl Soak {
    async fn begin(seed: u64) -> Soak {
        let house = RemoteHouse::with(Kind::Prosody, Scenario::of([Appliance::Lamp; LAMPS])).await;
        let lamps: Vec<Device> = house.devices.devices().collect();
        let keys: Vec<&str> = lamps.iter().map(Device::key).collect();
        house.watches(&keys).await;
        let story = Story { seed, acts: VecDeque::new(), began: Instant::now() };
        Soak {
            house,
            lamps,
            mute: HashSet::new(),
            ledger: Ledger::default(),
            rounds: 0,
            round: None,
            first: Held::now(),
            story,
        }
    }

    async fn happens(&mut self, act: Act) {
        self.story.acts.push_back((Instant::now(), format!("{act:?}")));
        if self.story.acts.len() > LAST_ACTS {
            self.story.acts.pop_front();
        }
        match act {
            Act::Pause(time) => sleep(time).await,
            Act::Press(lamp) => self.ledger.press(&self.house.home, lamp, &self.lamps[lamp]),
            Act::Read(lamp) => self.ledger.read(&self.house.home, &self.lamps[lamp]),
            // What a mute device does not tell, and is not asked for, nobody can know before the next time that it is asked.
            Act::Hand(lamp) if self.mute.contains(&lamp) => {}
            Act::Hand(lamp) => by_hand(&self.lamps[lamp]),
            Act::Ours(fault) => befalls_link(&self.house.link, fault).await,
            Act::Theirs(fault) => befalls_link(&self.house.devices_link, fault).await,
            Act::Device(lamp, fault) => {
                match fault {
                    DeviceFault::Silent => drop(self.mute.insert(lamp)),
                    DeviceFault::Well => drop(self.mute.remove(&lamp)),
                    DeviceFault::SwitchedOff | DeviceFault::Slow(_) | DeviceFault::Swallows(_) => {}
                }
                befalls_device(&self.lamps[lamp], &fault);
            }
            Act::Server(fault) => self.befalls_server(fault).await,
            Act::Peace => self.peace().await,
        }
        self.ledger.copy(&self.lamps);
        self.never_lies();
    }

    /// Holds at every moment: nothing that hangs on our link is shown as live while the link is shown as lost.
    fn never_lies(&self) {
        let snapshot = self.house.home.snapshot();
        if matches!(snapshot.connection, Connection::Suspended { .. } | Connection::Refused { .. }) {
            let live: Vec<_> = snapshot.devices.iter().filter(|device| is_live(device)).map(|one| &one.name).collect();
            assert!(live.is_empty(), "{:?}, and {live:?} are shown as live", snapshot.connection);
        }
    }

    async fn befalls_server(&mut self, fault: ServerFault) {
        let ending = match fault {
            // A frozen one would not end in order.
            ServerFault::Restarted => {
                self.house.server.thaw();
                Ending::Orderly
            }
            ServerFault::Killed => Ending::Abrupt,
            ServerFault::Frozen => return self.house.server.freeze(),
            ServerFault::Thawed => return self.house.server.thaw(),
        };
        self.house.server.stop(ending).await;
        self.house.server.restart().await;
    }

    /// All faults end. Then every press has an outcome, everything can be used, and what is shown is true.
    async fn peace(&mut self) {
        self.house.server.thaw();
        self.house.link.heal().await;
        self.house.devices_link.heal().await;
        self.mute.clear();
        for lamp in &self.lamps {
            befalls_device(lamp, &DeviceFault::Well);
        }
        let began = Instant::now();
        self.comes_back().await;
        self.is_true().await;
        let shown_after = began.elapsed();
        self.ledger.outcomes().await;
        // What lay on its way has arrived by now: everything since went the same way behind it.
        self.is_true().await;
        self.answers().await;
        for lamp in 0..LAMPS {
            self.ledger.press(&self.house.home, lamp, &self.lamps[lamp]);
        }
        let before = self.ledger.tally(&self.lamps).done;
        self.ledger.outcomes().await;
        let tally = self.ledger.tally(&self.lamps);
        assert_eq!(tally.done - before, LAMPS, "all is well, and a press is not done");
        // From now on too, and not only because it was just pressed.
        self.lamps.iter().for_each(by_hand);
        self.is_true().await;
        self.is_quiet();
        let held = Held::now();
        if let Some(growth) = held.beyond(&self.first, &BOUNDS) {
            panic!("it has grown {growth}");
        }
        self.rounds += 1;
        self.round = Some(Round { shown_after, tally, held });
    }

    /// Everything is shown as usable.
    async fn comes_back(&self) {
        let end = Instant::now() + WHOLE_WITHIN;
        let mut patience_ends = Instant::now() + DEVICES_BACK_WITHIN;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let whole = self.house.is_whole(left);
            tokio::select! {
                _ = whole => return,
                () = sleep(PRESSES_TRY_NOW_EVERY) => {
                    if !is_connected(&self.house.home.snapshot().connection) {
                        self.house.home.try_now();
                    }
                    if Instant::now() > patience_ends {
                        patience_ends = Instant::now() + DEVICES_BACK_WITHIN;
                        // They wait up to a minute before a new try, as real ones do; nobody is here to see that. Some
                        // notice only now that their server has gone.
                        for lamp in self.lamps.iter().filter(|lamp| lamp.jid().is_none()) {
                            befalls_device(lamp, &DeviceFault::SwitchedOff);
                            befalls_device(lamp, &DeviceFault::Well);
                        }
                    }
                }
            }
        }
    }

    /// Each lamp answers over the link: a cut that came just before the peace has been noticed by now, and is over.
    async fn answers(&self) {
        let end = Instant::now() + WHOLE_WITHIN;
        let light = Href::new(LIGHT).expect("a path");
        for lamp in &self.lamps {
            while let Err(error) = self.house.home.request(lamp.di(), Request::get(light.clone()), Via::Xmpp).await {
                assert!(Instant::now() < end, "all is well, and {} does not answer: {error:?}", lamp.key());
                self.comes_back().await;
            }
        }
    }

    /// What every tile shows is what its device holds.
    async fn is_true(&self) {
        let mut end = Instant::now() + TRUE_WITHIN;
        let mut gone = 0;
        loop {
            let mut events = self.house.home.subscribe();
            let shown = self.house.home.snapshot().devices;
            let lies: Vec<String> = self.lamps.iter().flat_map(|lamp| lies(&shown, lamp)).collect();
            if lies.is_empty() {
                return;
            }
            // Who went before the peace is seen to be gone only now that the link is back, and says so.
            if gone <= LAMPS && !shown.iter().all(is_live) {
                gone += 1;
                self.comes_back().await;
                end = Instant::now() + TRUE_WITHIN;
                continue;
            }
            if timeout_at(end, events.next()).await.is_err() {
                panic!("all is well for {TRUE_WITHIN:?}, and not all that is shown is true: {lies:#?}");
            }
        }
    }

    /// No wish is shown as under way when none is.
    fn is_quiet(&self) {
        for device in self.house.home.snapshot().devices {
            for (href, wish) in device.wishes {
                assert!(wish.failed.is_some(), "{}: {href} is shown as under way, and nothing is", device.name);
            }
        }
    }

    async fn ends(self) -> Outcome {
        self.house.home.close().await;
        let Round { tally, held, .. } = self.round.expect("a round has ended");
        Outcome { rounds: self.rounds, tally, first: self.first, last: held }
    }
}

/// Somebody switches a lamp at the lamp itself.
fn by_hand(lamp: &Device) {
    let on = lamp.value(LIGHT).is_some_and(|light| light["value"] == true);
    lamp.set_value(LIGHT, json!({ "value": !on }));
}

async fn befalls_link(link: &FaultProxy, fault: LinkFault) {
    match fault {
        LinkFault::Cut(how) => link.cut(how),
        LinkFault::CutAt(moment, how) => drop(link.cut_at(moment, how)),
        LinkFault::Stall(directions) => link.stall(&directions),
        LinkFault::Delay(delay) => link.delay(&BOTH, delay),
        LinkFault::Throttle(rate) => link.throttle(&BOTH, rate),
        LinkFault::Refuse => link.refuse().await,
        LinkFault::Heal => link.heal().await,
    }
}

fn befalls_device(lamp: &Device, fault: &DeviceFault) {
    match fault {
        DeviceFault::SwitchedOff => drop(lamp.goes_away()),
        DeviceFault::Well => {
            lamp.behaves();
            // Without sockets of its own there is nothing that could fail.
            let _ = lamp.comes_back();
        }
        DeviceFault::Slow(time) => drop(lamp.slow(*time)),
        DeviceFault::Silent => drop(lamp.stops_answering()),
        DeviceFault::Swallows(answers) => drop(lamp.swallows_next_answers(*answers)),
    }
}

fn say(line: &str) {
    // Where nobody reads it any more there is nobody to tell.
    let _ = writeln!(std::io::stdout(), "{line}");
}
