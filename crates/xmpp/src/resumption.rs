//! What each side has of the other's stanzas: with it, a session goes on over another connection (XEP-0198).
//!
//! Scope: pure book-keeping: counts, and what the server may not have. Non-scope: connecting, reading and writing.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_xmpp::Stanza;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::message::Message;
use xmpp_parsers::sm::{A, Enable, Enabled, Nonza, R, Resume, StreamId};

/// Our choice: the longest that a broken session is tried to be resumed; what is newer begins anew.
pub(crate) const RESUMED_WITHIN: Duration = Duration::from_secs(30);
/// Our choice: what a device was told so long ago may be given up by who asked for it, and must not reach it any more. Half
/// of the least time that a request is waited for, as some of that is spent before it goes out.
const COMES_TOO_LATE_AFTER: Duration = Duration::from_secs(5);
/// Our choice: stanzas that are kept until the server has them; beyond, the session cannot be resumed.
const MAX_KEPT: usize = 1024;
/// Our choice: the same in bytes of what messages carry.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Our choice: how many stanzas the server keeps for us at the most; prosody keeps 500.
const MOST_OWED: u32 = 64;
/// Our choice: how many stanzas go out for each time that the server is asked what it has.
const ASKED_EVERY: usize = 32;

/// The server's and our counts. Both are modulo 2³² (§4).
pub(crate) struct Resumption {
    state: State,
    /// Stanzas of the server's that we have taken.
    taken: u32,
    /// How many of them the server was told of.
    told: u32,
    /// Stanzas of ours that the server has, as it last said.
    acknowledged: u32,
    /// Those that it may not have, oldest first.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    since_asked: usize,
}

enum State {
    /// The server cannot, will not, or we have lost count.
    Off,
    /// It was asked, and counts ours from then on.
    Asked,
    /// It counts, and keeps the session so long.
    On { id: StreamId, keeps: Duration },
}

struct Kept {
    element: XmppStreamElement,
    at: Instant,
    /// The same by the clock on the wall, which goes on while the computer sleeps.
    wall: SystemTime,
    /// What a message carries.
    bytes: usize,
    /// Nobody waits for it any more: it is not sent again.
    withdrawn: bool,
}

/// Why a session is not resumed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotResumed {
    #[error("the server's count does not fit ours")]
    Miscounted,
    #[error("what is left to send comes too late")]
    TooLate,
}

impl Resumption {
    pub(crate) fn new(offered: bool) -> Self {
        Self {
            state: if offered { State::Asked } else { State::Off },
            taken: 0,
            told: 0,
            acknowledged: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            since_asked: 0,
        }
    }

    /// What is to be sent before any stanza, if the server counts at all.
    pub(crate) fn request(&self) -> Option<Nonza> {
        matches!(self.state, State::Asked).then(|| Nonza::Enable(Enable::new().with_resume()))
    }

    /// The server counts from now on.
    pub(crate) fn enabled(&mut self, enabled: Enabled) {
        (self.taken, self.told) = (0, 0);
        let keeps = enabled.max.map_or(RESUMED_WITHIN, |seconds| Duration::from_secs(seconds.into()));
        match enabled.id.filter(|_| enabled.resume) {
            Some(id) => self.state = State::On { id, keeps: keeps.min(RESUMED_WITHIN) },
            None => self.give_up(),
        }
    }

    /// The session cannot be resumed, whatever else happens to it.
    pub(crate) fn give_up(&mut self) {
        self.state = State::Off;
        self.kept.clear();
        self.kept_bytes = 0;
    }

    /// A stanza of the server's was taken.
    pub(crate) fn took_one(&mut self) {
        self.taken = self.taken.wrapping_add(1);
    }

    /// The answer to the server's question what we have.
    pub(crate) fn receipt(&mut self) -> Nonza {
        self.told = self.taken;
        Nonza::Ack(A::new(self.taken))
    }

    /// Whether the server keeps so many stanzas for us that it is to be told without delay.
    pub(crate) fn owes_receipt(&self) -> bool {
        self.taken.wrapping_sub(self.told) >= MOST_OWED
    }

    /// A stanza of ours went out, or goes with the next connection. True: the server is to be asked what it has.
    pub(crate) fn sent(&mut self, element: XmppStreamElement, at: Instant) -> bool {
        if matches!(self.state, State::Off) {
            return false;
        }
        let bytes = match &element {
            XmppStreamElement::Stanza(Stanza::Message(message)) => carried(message),
            _ => 0,
        };
        self.kept_bytes = self.kept_bytes.saturating_add(bytes);
        self.kept.push_back(Kept { element, at, wall: SystemTime::now(), bytes, withdrawn: false });
        if self.kept.len() > MAX_KEPT || self.kept_bytes > MAX_KEPT_BYTES {
            self.give_up();
            return false;
        }
        self.since_asked += 1;
        if self.since_asked < ASKED_EVERY {
            return false;
        }
        self.since_asked = 0;
        true
    }

    /// The message of this id is not sent again, should the server not have it.
    pub(crate) fn withdraw(&mut self, id: &str) {
        // Most likely it is one of the latest.
        if let Some(kept) = self.kept.iter_mut().rev().find(|kept| message_id(&kept.element) == Some(id)) {
            kept.withdrawn = true;
        }
    }

    /// The question to the server.
    pub(crate) fn question() -> Nonza {
        Nonza::Req(R)
    }

    /// The server has so many stanzas of ours.
    pub(crate) fn acknowledged(&mut self, count: u32) -> Result<(), NotResumed> {
        let news = usize::try_from(count.wrapping_sub(self.acknowledged)).unwrap_or(usize::MAX);
        if matches!(self.state, State::Off) {
            return Ok(());
        }
        if news > self.kept.len() {
            self.give_up();
            return Err(NotResumed::Miscounted);
        }
        for kept in self.kept.drain(..news) {
            self.kept_bytes = self.kept_bytes.saturating_sub(kept.bytes);
        }
        self.acknowledged = count;
        Ok(())
    }

    /// How to ask for the session on another connection, and how long that makes sense; `None`: it does not.
    pub(crate) fn resume(&self) -> Option<(Nonza, Duration)> {
        match &self.state {
            State::On { id, keeps } => Some((Nonza::Resume(Resume { h: self.taken, previd: id.clone() }), *keeps)),
            State::Off | State::Asked => None,
        }
    }

    /// The server goes on, and has so many of our stanzas. The others are to be sent again.
    ///
    /// # Errors
    /// The session is to be ended: a device would be told what nobody wants any more, or the counts make no sense.
    pub(crate) fn resumed(&mut self, count: u32, now: Instant) -> Result<(), NotResumed> {
        self.acknowledged(count)?;
        // The server never had them, and does not count them.
        self.kept.retain(|kept| !kept.withdrawn);
        self.kept_bytes = self.kept.iter().map(|kept| kept.bytes).sum();
        let age = |kept: &Kept| {
            let by_wall = kept.wall.elapsed().unwrap_or_default();
            by_wall.max(now.saturating_duration_since(kept.at))
        };
        let late = |kept: &Kept| kept.bytes > 0 && age(kept) > COMES_TOO_LATE_AFTER;
        if self.kept.iter().any(late) {
            self.give_up();
            return Err(NotResumed::TooLate);
        }
        Ok(())
    }

    /// What the server does not have, oldest first.
    pub(crate) fn unacknowledged(&self) -> impl Iterator<Item = &XmppStreamElement> {
        self.kept.iter().map(|kept| &kept.element)
    }
}

fn message_id(element: &XmppStreamElement) -> Option<&str> {
    match element {
        XmppStreamElement::Stanza(Stanza::Message(message)) => message.id.as_ref().map(|id| id.0.as_str()),
        _ => None,
    }
}

/// What a message's payloads hold, in bytes.
fn carried(message: &Message) -> usize {
    message.payloads.iter().flat_map(|payload| payload.texts()).map(str::len).sum()
}

#[cfg(test)]
mod tests {
    use xmpp_parsers::ibb::{Data, StreamId as Sid};
    use xmpp_parsers::iq::Iq;
    use xmpp_parsers::jid::Jid;
    use xmpp_parsers::message::Id;
    use xmpp_parsers::ping::Ping;

    use super::*;

    fn on() -> Resumption {
        let mut resumption = Resumption::new(true);
        resumption.enabled(Enabled { id: Some(StreamId("s".into())), location: None, max: Some(600), resume: true });
        resumption
    }

    fn message(bytes: usize) -> XmppStreamElement {
        let to: Jid = "home@home.test/OIC/1.0/oic.d.light/A".parse().expect("a JID");
        let mut message = Message::new(Some(to));
        message.payloads.push(Data { seq: 0, sid: Sid("s".to_owned()), data: vec![0; bytes] }.into());
        XmppStreamElement::Stanza(message.into())
    }

    fn named(id: &str) -> XmppStreamElement {
        let XmppStreamElement::Stanza(Stanza::Message(mut named)) = message(1) else { unreachable!("a message") };
        named.id = Some(Id(id.to_owned()));
        XmppStreamElement::Stanza(named.into())
    }

    fn ping() -> XmppStreamElement {
        XmppStreamElement::Stanza(Iq::from_get("p", Ping).into())
    }

    fn left(resumption: &Resumption) -> usize {
        resumption.unacknowledged().count()
    }

    #[test]
    fn what_the_server_has_is_forgotten_and_the_rest_is_sent_again() {
        let (mut resumption, now) = (on(), Instant::now());
        for _ in 0..3 {
            resumption.sent(message(1), now);
        }
        assert_eq!((resumption.acknowledged(1), left(&resumption)), (Ok(()), 2));
        assert_eq!((resumption.resumed(2, now), left(&resumption)), (Ok(()), 1));
        assert_eq!((resumption.resumed(3, now), left(&resumption)), (Ok(()), 0));
        assert_eq!(resumption.kept_bytes, 0);
    }

    #[test]
    fn counts_begin_again_after_the_largest_number() {
        let (mut resumption, now) = (on(), Instant::now());
        resumption.acknowledged = u32::MAX;
        resumption.taken = u32::MAX;
        resumption.sent(message(1), now);
        resumption.sent(message(1), now);
        resumption.took_one();
        assert_eq!((resumption.acknowledged(0), left(&resumption)), (Ok(()), 1));
        assert!(matches!(resumption.resume(), Some((Nonza::Resume(Resume { h: 0, .. }), _))));
    }

    #[test]
    fn a_server_that_has_more_than_was_sent_is_not_believed() {
        let mut resumption = on();
        resumption.sent(message(1), Instant::now());
        assert_eq!(resumption.acknowledged(2), Err(NotResumed::Miscounted));
        assert!(resumption.resume().is_none());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_sent_again() {
        let (mut resumption, then) = (on(), Instant::now());
        let now = then + COMES_TOO_LATE_AFTER * 2;
        resumption.sent(ping(), then);
        resumption.sent(message(1), now);
        assert_eq!(resumption.resumed(0, now), Ok(()), "a ping may be late");
        resumption.sent(message(1), then);
        assert_eq!(resumption.resumed(0, now), Err(NotResumed::TooLate));
    }

    #[test]
    fn what_was_withdrawn_is_not_sent_again_and_the_counts_go_on() {
        let (mut resumption, now) = (on(), Instant::now());
        for id in ["a", "b", "c"] {
            resumption.sent(named(id), now);
        }
        resumption.withdraw("a");
        resumption.withdraw("b");
        assert_eq!((resumption.resumed(1, now), left(&resumption)), (Ok(()), 1), "a was had, b was not");
        assert_eq!(resumption.kept_bytes, "AA==".len());
        assert_eq!((resumption.acknowledged(2), left(&resumption)), (Ok(()), 0), "c was sent again");
    }

    #[test]
    fn what_was_withdrawn_cannot_come_too_late() {
        let (mut resumption, then) = (on(), Instant::now());
        resumption.sent(named("a"), then);
        resumption.withdraw("a");
        assert_eq!(resumption.resumed(0, then + COMES_TOO_LATE_AFTER * 2), Ok(()));
    }

    #[test]
    fn a_server_that_acknowledges_nothing_costs_a_bounded_memory() {
        let (mut resumption, now) = (on(), Instant::now());
        for _ in 0..=MAX_KEPT {
            resumption.sent(ping(), now);
        }
        assert!(resumption.resume().is_none() && left(&resumption) == 0);
        let mut resumption = on();
        let kept = (0..5).filter(|_| {
            resumption.sent(message(MAX_KEPT_BYTES / 6), now);
            resumption.resume().is_some()
        });
        assert_eq!(kept.count(), 4, "in base64");
    }

    #[test]
    fn a_server_that_does_not_resume_is_not_asked_to() {
        for (offered, enabled) in [(false, None), (true, Some(false)), (true, None)] {
            let mut resumption = Resumption::new(offered);
            assert_eq!(resumption.request().is_some(), offered);
            if let Some(resume) = enabled {
                resumption.enabled(Enabled { id: None, location: None, max: None, resume });
            }
            assert!(resumption.resume().is_none());
        }
    }

    #[test]
    fn the_server_is_told_before_it_keeps_too_many() {
        let mut resumption = on();
        let mut receipts = 0;
        for _ in 0..MOST_OWED * 3 {
            resumption.took_one();
            if resumption.owes_receipt() {
                resumption.receipt();
                receipts += 1;
            }
        }
        assert_eq!(receipts, 3);
    }

    #[test]
    fn the_server_is_asked_now_and_then_what_it_has() {
        let (mut resumption, now) = (on(), Instant::now());
        let asked = (0..ASKED_EVERY * 3).filter(|_| resumption.sent(ping(), now)).count();
        assert_eq!(asked, 3);
    }
}
