//! Which message of a device belongs to what: the answer to a request, a notification, or nothing of ours.
//!
//! Scope: book-keeping over what is out with one device. The payload has no id of its own: in a session of ours one
//! request is out at a time, and a peer that returns our `X-Request-Id` is taken at its word. Non-scope: sending, waiting
//! (`peer`), and sessions (`sessions`).

use homeward_protocol::crudn::Response;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::{Arrival, RemoteError};

/// What became of a request.
pub(super) type Outcome = Result<Arrival, RemoteError>;

/// What is out with one device.
#[derive(Default)]
pub(super) struct Dialogue {
    asked: Vec<Asked>,
    observed: Vec<Observed>,
    returns_ids: bool,
    answers_elsewhere: bool,
}

/// A request that is out, or about to be.
pub(super) struct Asked {
    /// What the peer may return.
    pub(super) id: String,
    /// The session that it goes out in.
    pub(super) sid: String,
    /// Where its outcome is waited for.
    pub(super) answer: oneshot::Sender<Outcome>,
    /// Where notifications go, if this registers an observation.
    pub(super) observer: Option<mpsc::Sender<Arrival>>,
}

struct Observed {
    id: String,
    sid: String,
    reader: mpsc::Sender<Arrival>,
}

/// In which session something was said.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// One that we opened.
    Ours(&'a str),
    /// One that the device opened towards us, with whatever we asked in ours.
    Theirs,
}

/// What a response was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The answer to a request that was out.
    Answer,
    /// A notification, or nothing that anybody waits for.
    Unasked,
    /// Something that makes everything that comes after it doubtful: its session has to end.
    Nonsense,
}

impl Place<'_> {
    fn may_answer(self, sid: &str) -> bool {
        match self {
            Place::Ours(here) => here == sid,
            Place::Theirs => true,
        }
    }
}

impl Dialogue {
    /// Whether the peer has returned an id of ours. Then requests need not wait for each other.
    pub(super) fn returns_ids(&self) -> bool {
        self.returns_ids
    }

    /// Whether an answer came that more than one request could claim. Then one request is out at a time with this
    /// device, whatever its session.
    pub(super) fn answers_elsewhere(&self) -> bool {
        self.answers_elsewhere
    }

    /// Whether an observation in this session could not be told from those that are there.
    pub(super) fn would_confuse(&self, sid: &str) -> bool {
        let beside = |observed: &Observed| self.answers_elsewhere || observed.sid == sid;
        !self.returns_ids && self.observed.iter().any(beside)
    }

    /// Whether a request is out in this session.
    pub(super) fn awaits(&self, sid: &str) -> bool {
        self.asked.iter().any(|asked| asked.sid == sid)
    }

    /// A request is about to be sent.
    pub(super) fn ask(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    /// Nobody waits for this answer any more; whether it was still out.
    pub(super) fn give_up(&mut self, id: &str) -> bool {
        let before = self.asked.len();
        self.asked.retain(|asked| asked.id != id);
        self.asked.len() < before
    }

    /// Nobody reads this observation any more; whether it was under way.
    pub(super) fn unobserve(&mut self, id: &str) -> bool {
        let before = self.observed.len();
        self.observed.retain(|observed| observed.id != id);
        self.observed.len() < before
    }

    /// The session is over, and what was out in it.
    pub(super) fn session_over(&mut self, sid: &str) {
        for asked in self.asked.extract_if(.., |asked| asked.sid == sid) {
            let _ = asked.answer.send(Err(RemoteError::Cut));
        }
        self.observed.retain(|observed| observed.sid != sid);
    }

    /// The device or the connection has gone.
    pub(super) fn over(&mut self) {
        for asked in self.asked.drain(..) {
            let _ = asked.answer.send(Err(RemoteError::Cut));
        }
        self.observed.clear();
    }

    /// Takes a response.
    pub(super) fn hear(&mut self, place: Place<'_>, response: Response, id: Option<&str>) -> Heard {
        match id {
            Some(id) => {
                if let Some(at) = self.asked.iter().position(|asked| asked.id == id) {
                    self.returns_ids = true;
                    self.answered(at, response);
                    return Heard::Answer;
                } else if let Some(at) = self.observed.iter().position(|observed| observed.id == id) {
                    self.returns_ids = true;
                    self.notified(at, response);
                }
                // Any other is late or repeated, and known to be.
                Heard::Unasked
            }
            None => self.hear_without_id(place, response),
        }
    }

    fn hear_without_id(&mut self, place: Place<'_>, response: Response) -> Heard {
        let observed = || {
            let here = self.observed.iter().enumerate().filter(|(_, observed)| place.may_answer(&observed.sid));
            here.map(|(at, _)| at)
        };
        let observes = observed().next().is_some();
        // A notification comes unasked; only a registration is answered with a number.
        let fits = |asked: &Asked| {
            place.may_answer(&asked.sid) && (response.observe.is_none() || asked.observer.is_some() || !observes)
        };
        let mut fitting = self.asked.iter().enumerate().filter(|(_, asked)| fits(asked)).map(|(at, _)| at);
        match (fitting.next(), fitting.next()) {
            (Some(at), None) => {
                self.answered(at, response);
                return Heard::Answer;
            }
            (Some(_), Some(_)) => {
                self.answers_elsewhere = true;
                return Heard::Unasked;
            }
            (None, _) => {}
        }
        let mut readers = observed();
        match (readers.next(), readers.next()) {
            // Without a number it is the last one: the device notifies no more.
            (Some(at), None) if response.observe.is_some() || !self.asked.iter().any(fits) => {
                self.notified(at, response);
                Heard::Unasked
            }
            _ if observes => Heard::Unasked,
            // Nothing was asked: whatever is answered here next could be the wrong thing.
            _ => Heard::Nonsense,
        }
    }

    fn answered(&mut self, at: usize, response: Response) {
        let asked = self.asked.remove(at);
        if let Some(reader) = asked.observer.filter(|_| response.status.is_success() && response.observe.is_some()) {
            self.observed.push(Observed { id: asked.id, sid: asked.sid, reader });
        }
        let _ = asked.answer.send(Ok(Arrival { response, at: Instant::now() }));
    }

    fn notified(&mut self, at: usize, response: Response) {
        let is_last = response.observe.is_none();
        let full = self
            .observed
            .get(at)
            .is_none_or(|observed| observed.reader.try_send(Arrival { response, at: Instant::now() }).is_err());
        if full || is_last {
            // Gone, or too far behind: it hears the end, and begins again with the value of then.
            self.observed.remove(at);
        }
    }

    /// Something came that could not be read: takes out the one request that it could be the answer to.
    pub(super) fn hear_unreadable(&mut self, sid: &str) -> Option<Asked> {
        let mut here = self.asked.iter().enumerate().filter(|(_, asked)| asked.sid == sid).map(|(at, _)| at);
        // Where more than one is out, their deadlines tell whose answer it was.
        let (Some(at), None) = (here.next(), here.next()) else { return None };
        Some(self.asked.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use homeward_protocol::crudn::Status;
    use serde_json::json;

    use super::*;

    type Answer = oneshot::Receiver<Outcome>;

    fn ask(dialogue: &mut Dialogue, id: &str, sid: &str) -> Answer {
        let (answer, answered) = oneshot::channel();
        dialogue.ask(Asked { id: id.to_owned(), sid: sid.to_owned(), answer, observer: None });
        answered
    }

    fn observe(dialogue: &mut Dialogue, id: &str, sid: &str) -> (Answer, mpsc::Receiver<Arrival>) {
        let (answer, answered) = oneshot::channel();
        let (reader, notified) = mpsc::channel(2);
        dialogue.ask(Asked { id: id.to_owned(), sid: sid.to_owned(), answer, observer: Some(reader) });
        (answered, notified)
    }

    fn says(n: u32) -> Response {
        Response { body: Some(json!({ "n": n })), ..Response::status(Status::OK) }
    }

    fn notifies(n: u32) -> Response {
        Response { observe: Some(n), ..says(n) }
    }

    fn heard(answer: &mut Answer) -> Option<u64> {
        answer.try_recv().ok()?.ok()?.response.body?.get("n")?.as_u64()
    }

    fn number(notification: &Arrival) -> Option<u64> {
        notification.response.body.as_ref()?.get("n")?.as_u64()
    }

    #[test]
    fn answers_without_ids_belong_to_the_request_of_their_session() {
        let mut dialogue = Dialogue::default();
        let (mut one, mut two) = (ask(&mut dialogue, "1", "a"), ask(&mut dialogue, "2", "b"));
        assert_ne!(dialogue.hear(Place::Ours("b"), says(2), None), Heard::Nonsense);
        assert_ne!(dialogue.hear(Place::Ours("a"), says(1), None), Heard::Nonsense);
        assert_eq!((heard(&mut one), heard(&mut two)), (Some(1), Some(2)));
    }

    #[test]
    fn answers_with_ids_may_come_in_any_order_and_session() {
        let mut dialogue = Dialogue::default();
        let (mut one, mut two) = (ask(&mut dialogue, "1", "a"), ask(&mut dialogue, "2", "a"));
        assert!(!dialogue.returns_ids());
        assert_ne!(dialogue.hear(Place::Theirs, says(2), Some("2")), Heard::Nonsense);
        assert!(dialogue.returns_ids());
        assert_ne!(dialogue.hear(Place::Ours("a"), says(1), Some("1")), Heard::Nonsense);
        assert_eq!((heard(&mut one), heard(&mut two)), (Some(1), Some(2)));
    }

    #[test]
    fn a_late_a_repeated_and_a_strange_id_are_nobodys_and_the_session_goes_on() {
        let mut dialogue = Dialogue::default();
        drop(ask(&mut dialogue, "late", "a"));
        assert!(dialogue.give_up("late"));
        let mut answer = ask(&mut dialogue, "1", "a");
        for id in ["late", "strange"] {
            assert_ne!(dialogue.hear(Place::Ours("a"), says(9), Some(id)), Heard::Nonsense);
        }
        assert!(!dialogue.returns_ids(), "an id that is not ours says nothing about the peer");
        assert_ne!(dialogue.hear(Place::Ours("a"), says(1), Some("1")), Heard::Nonsense);
        assert_ne!(dialogue.hear(Place::Ours("a"), says(8), Some("1")), Heard::Nonsense);
        assert_eq!(heard(&mut answer), Some(1));
    }

    #[test]
    fn an_answer_to_nothing_without_an_id_ends_the_session() {
        let mut dialogue = Dialogue::default();
        let mut answer = ask(&mut dialogue, "1", "a");
        assert_ne!(dialogue.hear(Place::Ours("a"), says(1), None), Heard::Nonsense);
        assert_eq!(dialogue.hear(Place::Ours("a"), says(1), None), Heard::Nonsense, "twice");
        assert_eq!(heard(&mut answer), Some(1));
    }

    #[test]
    fn an_answer_in_a_session_of_theirs_is_matched_where_only_one_request_is_out() {
        let mut dialogue = Dialogue::default();
        let mut one = ask(&mut dialogue, "1", "a");
        assert_ne!(dialogue.hear(Place::Theirs, says(1), None), Heard::Nonsense);
        assert_eq!(heard(&mut one), Some(1));
        let (mut two, mut three) = (ask(&mut dialogue, "2", "a"), ask(&mut dialogue, "3", "b"));
        assert!(!dialogue.answers_elsewhere());
        assert_ne!(dialogue.hear(Place::Theirs, says(9), None), Heard::Nonsense);
        assert!(dialogue.answers_elsewhere(), "from then on one at a time");
        assert_eq!((heard(&mut two), heard(&mut three)), (None, None), "nobody gets another's answer");
    }

    #[test]
    fn a_notification_is_not_taken_for_the_answer_to_a_request_beside_it() {
        let mut dialogue = Dialogue::default();
        let (mut registered, mut notified) = observe(&mut dialogue, "o", "a");
        dialogue.hear(Place::Ours("a"), notifies(1), None);
        assert_eq!(heard(&mut registered), Some(1));
        let mut answer = ask(&mut dialogue, "1", "a");
        assert_ne!(dialogue.hear(Place::Ours("a"), notifies(2), None), Heard::Nonsense);
        assert_ne!(dialogue.hear(Place::Ours("a"), says(3), None), Heard::Nonsense);
        assert_eq!(heard(&mut answer), Some(3));
        assert_eq!(notified.try_recv().ok().as_ref().and_then(number), Some(2));
    }

    #[test]
    fn a_reader_that_is_too_far_behind_hears_the_end() {
        let mut dialogue = Dialogue::default();
        let (_registered, mut notified) = observe(&mut dialogue, "o", "a");
        for n in 1..=4 {
            assert_ne!(dialogue.hear(Place::Ours("a"), notifies(n), Some("o")), Heard::Nonsense);
        }
        assert_eq!(notified.try_recv().ok().as_ref().and_then(number), Some(2));
        assert_eq!(notified.try_recv().ok().as_ref().and_then(number), Some(3));
        assert!(matches!(notified.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
    }

    #[test]
    fn the_end_of_a_session_ends_what_is_out_in_it_and_nothing_else() {
        let mut dialogue = Dialogue::default();
        let (mut one, mut two) = (ask(&mut dialogue, "1", "a"), ask(&mut dialogue, "2", "b"));
        let (_registered, mut notified) = observe(&mut dialogue, "o", "c");
        dialogue.hear(Place::Ours("c"), notifies(1), None);
        dialogue.session_over("a");
        dialogue.session_over("c");
        assert!(matches!(one.try_recv(), Ok(Err(RemoteError::Cut))));
        assert!(matches!(notified.try_recv(), Err(mpsc::error::TryRecvError::Disconnected)));
        dialogue.hear(Place::Ours("b"), says(2), None);
        assert_eq!(heard(&mut two), Some(2));
    }

    #[test]
    fn what_cannot_be_read_fails_the_one_request_that_it_could_answer() {
        let mut dialogue = Dialogue::default();
        let _answers = [ask(&mut dialogue, "1", "a"), ask(&mut dialogue, "2", "b"), ask(&mut dialogue, "3", "b")];
        assert_eq!(dialogue.hear_unreadable("a").map(|asked| asked.id), Some("1".to_owned()));
        assert!(dialogue.hear_unreadable("a").is_none(), "nothing is out");
        assert!(dialogue.hear_unreadable("b").is_none(), "it could be either's");
    }
}
