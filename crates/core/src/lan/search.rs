//! The continuous search: rounds of questions on every interface, and what comes of the answers.
//!
//! Scope: when to ask, reading what is found, noticing who falls silent, telling the reader. One task. Non-scope: what
//! an answer says ([`super::round`]), how answers add up ([`super::known`]).

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use homeward_protocol::coap::message::Format;
use homeward_protocol::crudn::{Href, Request};
use homeward_protocol::oic::device::DEVICE_URI;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use super::asking::{self, fetch};
use super::claims::{Claims, Verdict};
use super::client::{LanClient, LanError};
use super::describe::{self, Outcome, Read};
use super::dns_sd::Browser;
use super::figures::Figures;
use super::interfaces::Wanted;
use super::known::{Known, News, Probed};
use super::round::{ANSWER_TIME, Asker, Heard, Listing, What};
use super::secure::Sessions;
use super::{LanDevice, LanEvent};
use crate::view;

/// The first rounds follow each other quickly: datagrams get lost, and a person is waiting. Our choice: fourteen within the
/// first three seconds; where every third datagram is lost, half of the devices are missed by one round, and one in 16,000
/// by all of them.
const QUICK: [Duration; 14] = [
    Duration::from_millis(100),
    Duration::from_millis(150),
    Duration::from_millis(150),
    Duration::from_millis(200),
    Duration::from_millis(200),
    Duration::from_millis(200),
    Duration::from_millis(200),
    Duration::from_millis(250),
    Duration::from_millis(250),
    Duration::from_millis(250),
    Duration::from_millis(250),
    Duration::from_millis(250),
    Duration::from_millis(250),
    Duration::from_millis(1500),
];
/// Then every 5 s in the first minute, every 10 s in the first five, every 30 s after. Our choice.
const STEADY: [(Duration, Duration); 2] =
    [(Duration::from_secs(60), Duration::from_secs(5)), (Duration::from_secs(300), Duration::from_secs(10))];
const SLOW: Duration = Duration::from_secs(30);
/// Who is missing is looked for only after a round that gave everybody the time to answer.
const FAIR_ROUND: Duration = Duration::from_millis(2500);
/// How long a device that missed a round may take to answer when asked by itself. Our choice: three transmissions.
const PROBE_TIME: Duration = Duration::from_secs(8);
/// How many devices are read at once. Our choice.
const MAX_READING: usize = 32;
/// How many places are asked at once; further hints are dropped. Our choice.
const MAX_ASKING: usize = 16;
/// How many hints of DNS-SD one search follows. Our choice.
const MAX_HINTS: usize = 256;
/// The figures are told at most so often.
const FIGURES_EVERY: Duration = Duration::from_millis(150);
/// How many answers wait for the search. Our choice; then they wait in the sockets.
const WAITING: usize = 128;
/// How many devices one answer may bring. Our choice: a bridge has dozens.
const MAX_OF_ONE_ANSWER: usize = 64;

/// What the search can be told.
pub(super) enum Command {
    Search,
    Stop,
    Refresh(String),
    Lost(String),
    Forget(String),
    Doubt(String),
    KeysAreRead,
    Ask { places: Vec<SocketAddr>, answer: Option<oneshot::Sender<Vec<String>>> },
}

/// What it needs.
pub(super) struct Setup {
    pub(super) wanted: Wanted,
    pub(super) loopback_only: bool,
    pub(super) port: u16,
    /// Divides the waits between rounds and for those who are missing; 1, but in tests.
    pub(super) hurry: u32,
    pub(super) client: LanClient,
    pub(super) sessions: Sessions,
}

/// What its tasks report.
enum Note {
    Read { di: String, at: SocketAddr, outcome: Outcome },
    Probed { di: String, alive_at: Option<SocketAddr> },
    Fetched { from: SocketAddr, interface: Option<String>, listing: Option<Listing> },
    Asked { listings: Vec<Listing>, answer: Option<oneshot::Sender<Vec<String>>> },
    Proof { di: String, from: SocketAddr, proven: Result<(), LanError> },
}

/// Starts the task; it ends when nobody can tell it anything any more, or nobody reads.
pub(super) fn spawn(
    setup: Setup,
    commands: mpsc::UnboundedReceiver<Command>,
    events: mpsc::Sender<LanEvent>,
) -> tokio::task::JoinHandle<()> {
    let (heard, answers) = mpsc::channel(WAITING);
    let (notes, noted) = mpsc::channel(WAITING);
    let search = Search {
        events,
        heard,
        notes,
        known: Known::default(),
        claims: Claims::of(setup.sessions.owner().clone()),
        setup,
        figures: Figures::default(),
        round: 0,
        running: None,
        elapsed: Duration::ZERO,
        figures_due: None,
        tasks: JoinSet::new(),
        askers: JoinSet::new(),
        reading: 0,
        to_read: VecDeque::new(),
        asking: 0,
        fetching: HashSet::new(),
        browser: None,
        hinted: HashSet::new(),
    };
    tokio::spawn(async move {
        let _ = search.run(commands, answers, noted).await;
    })
}

struct Search {
    setup: Setup,
    events: mpsc::Sender<LanEvent>,
    heard: mpsc::Sender<Heard>,
    notes: mpsc::Sender<Note>,
    known: Known,
    claims: Claims,
    figures: Figures,
    /// Counts over all searches, so that "heard in the last round" keeps its meaning.
    round: u32,
    running: Option<Running>,
    /// How long the search ran, once it has ended.
    elapsed: Duration,
    figures_due: Option<Instant>,
    /// Reads and the like; they go on after the search has ended.
    tasks: JoinSet<()>,
    askers: JoinSet<()>,
    reading: usize,
    to_read: VecDeque<String>,
    asking: usize,
    fetching: HashSet<SocketAddr>,
    browser: Option<Browser>,
    hinted: HashSet<SocketAddr>,
}

struct Running {
    since: Instant,
    first_round: u32,
    next_round: Instant,
    /// How long the round before this one lasted.
    lasted: Duration,
}

/// Nobody reads the events any more.
struct Unread;

impl Search {
    async fn run(
        mut self,
        mut commands: mpsc::UnboundedReceiver<Command>,
        mut answers: mpsc::Receiver<Heard>,
        mut noted: mpsc::Receiver<Note>,
    ) -> Result<(), Unread> {
        loop {
            let next_round = self.running.as_ref().map(|running| running.next_round);
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.command(command).await?,
                    None => return Ok(()),
                },
                Some(heard) = answers.recv() => self.take(heard).await?,
                Some(note) = noted.recv() => self.note(note).await?,
                Some(at) = hint(&mut self.browser) => self.follow(at),
                () = due(next_round) => self.begin_round().await?,
                () = due(self.figures_due) => self.tell_figures().await?,
                Some(_) = self.tasks.join_next() => {}
                Some(_) = self.askers.join_next() => {}
            }
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), Unread> {
        match command {
            Command::Search => self.begin().await,
            Command::Stop => self.stop().await,
            Command::Refresh(di) => {
                if self.known.refresh(&di) {
                    self.read_next(di);
                }
                Ok(())
            }
            Command::Lost(di) => self.lose(di).await,
            Command::Forget(di) => {
                self.known.forget(&di);
                self.doubt(&di).await
            }
            Command::Doubt(di) => {
                self.doubt(&di).await?;
                self.lose(di).await
            }
            Command::KeysAreRead => {
                for at in self.claims.could_be_asked_now() {
                    self.ask(vec![at], None);
                }
                Ok(())
            }
            Command::Ask { places, answer } => {
                self.ask(places, answer);
                Ok(())
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Unread> {
        let now = Instant::now();
        self.known.begin_anew(self.round);
        self.claims.begin_anew();
        self.figures = Figures::default();
        self.hinted.clear();
        self.running = Some(Running { since: now, first_round: self.round, next_round: now, lasted: Duration::ZERO });
        if !self.setup.loopback_only {
            self.browser = Browser::start(self.setup.wanted.names());
        }
        self.begin_round().await
    }

    async fn stop(&mut self) -> Result<(), Unread> {
        if let Some(running) = self.running.take() {
            self.elapsed = running.since.elapsed();
        }
        self.askers.abort_all();
        self.browser = None;
        self.tell_figures().await
    }

    async fn begin_round(&mut self) -> Result<(), Unread> {
        let Some(running) = &mut self.running else { return Ok(()) };
        self.round += 1;
        let nth = (self.round - running.first_round) as usize;
        let hurry = self.setup.hurry;
        let gap = gap(nth, running.since.elapsed() * hurry) / hurry;
        let fair = std::mem::replace(&mut running.lasted, gap) * hurry >= FAIR_ROUND;
        running.next_round = Instant::now() + gap;
        self.ask_everybody();
        for di in self.claims.expire(self.round) {
            self.tell_claims(di).await?;
        }
        if fair {
            self.look_for_the_missing();
        }
        self.tell_figures().await
    }

    /// Fresh sockets each time: a stack whose block-wise answer is unfinished drops a repeated question from the same.
    fn ask_everybody(&mut self) {
        let interfaces = self.setup.wanted.list();
        self.figures.only(&interfaces);
        let port = self.setup.port;
        for interface in &interfaces {
            self.figures.searches(interface);
            let name = &interface.name;
            for format in Format::ALL {
                let v4 = interface.v4().map(|through| Asker::v4(name, through, port));
                let v6 = interface.v6().map(|through| Asker::v6(name, through, port));
                for asker in v4.chain(v6) {
                    match asker {
                        Ok(asker) => {
                            self.askers.spawn(asker.run(format, ANSWER_TIME, self.heard.clone()));
                        }
                        Err(error) => self.figures.sent(name, 0, Some(error.to_string())),
                    }
                }
            }
        }
    }

    fn look_for_the_missing(&mut self) {
        for (di, endpoints) in self.known.missing(self.round) {
            self.look_for(di, endpoints);
        }
    }

    fn look_for(&mut self, di: String, endpoints: Vec<SocketAddr>) {
        let (client, notes, time) = (self.setup.client.clone(), self.notes.clone(), PROBE_TIME / self.setup.hurry);
        self.tasks.spawn(async move {
            let alive_at = probe(&client, endpoints, time).await;
            let _ = notes.send(Note::Probed { di, alive_at }).await;
        });
    }

    async fn take(&mut self, heard: Heard) -> Result<(), Unread> {
        let interface = heard.interface;
        if let Some(name) = &interface {
            match &heard.what {
                What::Sent { datagrams, problem } => self.figures.sent(name, *datagrams, problem.clone()),
                What::Nothing | What::Listed(_) | What::Partial { .. } => self.figures.received(name),
            }
        }
        self.figures_due.get_or_insert_with(|| Instant::now() + FIGURES_EVERY);
        match heard.what {
            What::Sent { .. } | What::Nothing => Ok(()),
            What::Listed(listing) => self.list(listing, interface.as_deref()).await.map(|_| ()),
            What::Partial { from, format } => {
                if self.fetching.len() < MAX_READING && self.fetching.insert(from) {
                    let (client, notes) = (self.setup.client.clone(), self.notes.clone());
                    client.learn(from, format);
                    self.tasks.spawn(async move {
                        let listing = fetch(&client, from).await;
                        let _ = notes.send(Note::Fetched { from, interface, listing }).await;
                    });
                }
                Ok(())
            }
        }
    }

    /// Takes a list over, tells what is new, and reads on. Returns the ids in it.
    async fn list(&mut self, listing: Listing, interface: Option<&str>) -> Result<Vec<String>, Unread> {
        let Listing { from, format, general, devices } = listing;
        self.setup.client.learn(from, format);
        let mut ids = Vec::new();
        for device in devices.into_iter().take(MAX_OF_ONE_ANSWER) {
            let di = device.di.to_string();
            match self.claims.judge(&device, from, self.round) {
                Verdict::ItsOwn => {}
                verdict => {
                    if let Verdict::Ask { from, device, at } = verdict {
                        self.ask_for_proof(di.clone(), from, device, at);
                    }
                    ids.push(di);
                    continue;
                }
            }
            let Some(news) = self.known.heard(self.round, from, format, general, device) else { continue };
            if let Some(interface) = interface {
                self.figures.device(interface, &di);
            }
            self.tell(news, &di).await?;
            self.read_next(di.clone());
            ids.push(di);
        }
        Ok(ids)
    }

    /// Has what answers there prove that it is this device of ours.
    fn ask_for_proof(&mut self, di: String, from: SocketAddr, device: Uuid, at: Vec<SocketAddr>) {
        let (sessions, notes) = (self.setup.sessions.clone(), self.notes.clone());
        self.tasks.spawn(async move {
            let proven = sessions.prove(device, &at).await;
            let _ = notes.send(Note::Proof { di, from, proven }).await;
        });
    }

    async fn note(&mut self, note: Note) -> Result<(), Unread> {
        match note {
            Note::Read { di, at, outcome } => {
                self.reading -= 1;
                let (news, next) = self.known.read(&di, at, self.round, outcome);
                self.tell(news, &di).await?;
                match next {
                    Some((read, at)) => self.start_read(di, read, at),
                    None => {
                        while self.reading < MAX_READING
                            && let Some(waiting) = self.to_read.pop_front()
                        {
                            self.read_next(waiting);
                        }
                    }
                }
                Ok(())
            }
            Note::Probed { di, alive_at } => {
                match self.known.probed(&di, alive_at, self.round) {
                    Probed::Alive => {}
                    // A search that has ended has no more rounds to miss.
                    Probed::Unsure(endpoints) if self.running.is_some() => self.look_for(di, endpoints),
                    Probed::Unsure(_) => self.known.probe_ended(&di),
                    Probed::Silent => return self.tell_silent(di).await,
                }
                Ok(())
            }
            Note::Fetched { from, interface, listing } => {
                self.fetching.remove(&from);
                if let Some(listing) = listing {
                    self.list(listing, interface.as_deref()).await?;
                }
                Ok(())
            }
            Note::Asked { listings, answer } => {
                self.asking -= 1;
                let mut ids = Vec::new();
                for listing in listings {
                    for id in self.list(listing, None).await? {
                        if !ids.contains(&id) {
                            ids.push(id);
                        }
                    }
                }
                if let Some(answer) = answer {
                    let _ = answer.send(ids);
                }
                Ok(())
            }
            Note::Proof { di, from, proven } => {
                let proven = match proven {
                    Ok(()) => Some(true),
                    Err(LanError::NotProven) => Some(false),
                    Err(_) => None,
                };
                if self.claims.answered(&di, from, proven, self.round) {
                    self.tell_claims(di.clone()).await?;
                }
                match proven {
                    Some(true) => {
                        let news = self.known.proven(&di, from, self.round, |at| self.claims.is_proven(&di, at));
                        self.tell(news, &di).await?;
                        // What it said before counted for nothing.
                        self.ask(vec![from], None);
                    }
                    Some(false) => match self.known.disproven(&di, from) {
                        Some(news) => self.tell(news, &di).await?,
                        None => self.lose(di).await?,
                    },
                    None => {}
                }
                Ok(())
            }
        }
    }

    /// A device does not answer, as far as is known.
    async fn lose(&mut self, di: String) -> Result<(), Unread> {
        if self.known.lost(&di) { self.tell_silent(di).await } else { Ok(()) }
    }

    async fn tell_silent(&self, di: String) -> Result<(), Unread> {
        self.events.send(LanEvent::Silent { di }).await.map_err(|_| Unread)
    }

    /// What answers under this id has to prove anew that it is the device.
    async fn doubt(&mut self, di: &str) -> Result<(), Unread> {
        if self.claims.doubt(di) { self.tell_claims(di.to_owned()).await } else { Ok(()) }
    }

    async fn tell_claims(&mut self, di: String) -> Result<(), Unread> {
        let at = self.claims.unproven(&di);
        self.events.send(LanEvent::Claimed { di, at }).await.map_err(|_| Unread)
    }

    /// Reads the next thing of a device, now or when its turn comes.
    fn read_next(&mut self, di: String) {
        if self.reading >= MAX_READING {
            if !self.to_read.contains(&di) {
                self.to_read.push_back(di);
            }
        } else if let Some((read, at)) = self.known.next_read(&di, self.round) {
            self.start_read(di, read, at);
        }
    }

    fn start_read(&mut self, di: String, read: Read, at: SocketAddr) {
        self.reading += 1;
        let (client, notes) = (self.setup.client.clone(), self.notes.clone());
        self.tasks.spawn(async move {
            let outcome = describe::perform(&client, &di, read, at).await;
            let _ = notes.send(Note::Read { di, at, outcome }).await;
        });
    }

    /// A hint of DNS-SD: an address where a device may be.
    fn follow(&mut self, at: SocketAddr) {
        if self.hinted.len() < MAX_HINTS && self.asking < MAX_ASKING && self.hinted.insert(at) {
            self.ask(vec![at], None);
        }
    }

    fn ask(&mut self, places: Vec<SocketAddr>, answer: Option<oneshot::Sender<Vec<String>>>) {
        self.asking += 1;
        let (client, notes) = (self.setup.client.clone(), self.notes.clone());
        let (loopback_only, port) = (self.setup.loopback_only, self.setup.port);
        self.tasks.spawn(async move {
            let listings = asking::ask(&client, places, loopback_only, port).await;
            let _ = notes.send(Note::Asked { listings, answer }).await;
        });
    }

    async fn tell(&mut self, news: News, di: &str) -> Result<(), Unread> {
        let device = || self.known.device(di).cloned().map(Box::<LanDevice>::new);
        let event = match news {
            News::Found => device().map(LanEvent::Found),
            News::Changed => device().map(LanEvent::Changed),
            News::Same => None,
        };
        if let Some(event) = event {
            self.events.send(event).await.map_err(|_| Unread)?;
        }
        if news == News::Found && !self.claims.unproven(di).is_empty() {
            self.tell_claims(di.to_owned()).await?;
        }
        Ok(())
    }

    async fn tell_figures(&mut self) -> Result<(), Unread> {
        self.figures_due = None;
        let (round, elapsed) = match &self.running {
            Some(running) => (self.round - running.first_round, running.since.elapsed()),
            None => (0, self.elapsed),
        };
        let search: view::Search =
            self.figures.view(round, self.running.is_some(), elapsed, self.setup.loopback_only, None);
        self.events.send(LanEvent::Search(search)).await.map_err(|_| Unread)
    }
}

/// How long the nth round (from 1) lasts, begun `elapsed` after the first.
fn gap(nth: usize, elapsed: Duration) -> Duration {
    let quick = nth.checked_sub(1).and_then(|nth| QUICK.get(nth)).copied();
    let steady = || STEADY.iter().find(|(until, _)| elapsed < *until).map(|(_, gap)| *gap);
    quick.or_else(steady).unwrap_or(SLOW)
}

/// Asks a device by itself, at each of its addresses at once; the first that answers, whatever it says.
async fn probe(client: &LanClient, endpoints: Vec<SocketAddr>, time: Duration) -> Option<SocketAddr> {
    let request = Request::get(Href::new(DEVICE_URI).ok()?);
    let mut asked = JoinSet::new();
    for at in endpoints {
        let (client, request) = (client.clone(), request.clone());
        asked.spawn(async move { client.request(at, &request, time).await.ok().map(|_| at) });
    }
    while let Some(answer) = asked.join_next().await {
        if let Ok(Some(at)) = answer {
            return Some(at);
        }
    }
    None
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

async fn hint(browser: &mut Option<Browser>) -> Option<SocketAddr> {
    match browser {
        Some(browser) => browser.next().await,
        None => std::future::pending().await,
    }
}
