//! What is wrong with a device today.
//!
//! Scope: the settings that tests turn, as values. Non-scope: turning them (`device`), and acting on them (`model`, `lan`,
//! `remote`).

use std::collections::BTreeMap;
use std::time::Duration;

use homeward_protocol::crudn::{Method, Status};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// Whether a device wants secured sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// It talks in clear text only.
    None,
    /// It wants secured sessions for Remote Access, and nobody owns it: `/oic/sec/doxm` can be read.
    Unowned,
    /// Somebody else owns it: in clear text it can only be found.
    Owned,
}

/// How a device refuses a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Objection {
    pub(crate) status: Status,
    pub(crate) words: String,
    /// How many more times; none: always.
    pub(crate) left: Option<u32>,
}

/// All knobs. The default is a device without faults.
#[derive(Debug)]
pub(crate) struct Knobs {
    /// By path: what becomes of POST, PUT and DELETE.
    pub(crate) refuses: BTreeMap<String, Objection>,
    /// How long each request takes.
    pub(crate) delay: Duration,
    /// How long it stays in its old session when server or account change.
    pub(crate) sign_in_delay: Duration,
    /// Set: the device does not sign in, and says this.
    pub(crate) reports_error: Option<String>,
    /// Whether requests are heard and left without an answer, undone.
    pub(crate) silent: bool,
    /// How many more answers are done and then not sent.
    pub(crate) swallows: u32,
    /// What `/oic/d` over XMPP says the device is.
    pub(crate) wrong_identity: Option<String>,
    /// Whether `oic.ra.user` can be read (RA-7).
    pub(crate) shows_credentials: bool,
    /// Whether an update is answered with the value; none: as the dialect has it.
    pub(crate) answers_updates_with_value: Option<bool>,
    /// By path: the interface that changes must be asked with.
    pub(crate) wanted_interfaces: BTreeMap<String, String>,
    /// Whether answers to multicast are confirmable.
    pub(crate) confirmable_multicast: bool,
    /// Whether a later block is refused to whom did not ask for the first.
    pub(crate) forgets_blocks: bool,
    /// Whether a GET with Observe is answered as a plain one.
    pub(crate) ignores_observe: bool,
    /// Whether `X-Request-Id` is left out of answers over XMPP.
    pub(crate) forgets_request_ids: bool,
    /// Whether a second IBB session of the same peer is refused.
    pub(crate) takes_one_session: bool,
    /// The largest IBB block that is agreed to, in bytes.
    pub(crate) largest_block: u16,
    pub(crate) loss: Loss,
    /// Whether each datagram is sent twice.
    pub(crate) duplicates: bool,
    /// Whether the records of a flight leave one by one, the last first.
    pub(crate) reorders: bool,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            refuses: BTreeMap::new(),
            delay: Duration::ZERO,
            sign_in_delay: Duration::ZERO,
            reports_error: None,
            silent: false,
            swallows: 0,
            wrong_identity: None,
            shows_credentials: false,
            answers_updates_with_value: None,
            wanted_interfaces: BTreeMap::new(),
            confirmable_multicast: false,
            forgets_blocks: false,
            ignores_observe: false,
            forgets_request_ids: false,
            takes_one_session: false,
            largest_block: u16::MAX,
            loss: Loss::default(),
            duplicates: false,
            reorders: false,
        }
    }
}

impl Knobs {
    /// The objection to a change at this path; one that is counted is used up by it.
    pub(crate) fn object(&mut self, method: Method, path: &str) -> Option<Objection> {
        if !method.changes_things() {
            return None;
        }
        let objection = self.refuses.get_mut(path)?;
        let told = objection.clone();
        if let Some(left) = &mut objection.left {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.refuses.remove(path);
            }
        }
        Some(told)
    }

    /// How often the datagram that leaves now is sent. Each copy may be lost by itself.
    pub(crate) fn copies(&mut self) -> usize {
        let copies = if self.duplicates { 2 } else { 1 };
        (0..copies).filter(|_| !self.loss.takes_outgoing()).count()
    }
}

/// Which datagrams are lost.
#[derive(Debug)]
pub(crate) struct Loss {
    /// How many more of those that arrive.
    pub(crate) next_in: u32,
    /// How many more of those that leave.
    pub(crate) next_out: u32,
    /// Of a hundred, both ways.
    pub(crate) percent: u8,
    pub(crate) dice: StdRng,
}

impl Default for Loss {
    fn default() -> Self {
        Self { next_in: 0, next_out: 0, percent: 0, dice: StdRng::seed_from_u64(0) }
    }
}

impl Loss {
    /// Whether the datagram that arrives now is lost.
    pub(crate) fn takes_incoming(&mut self) -> bool {
        take(&mut self.next_in) || self.by_chance()
    }

    /// Whether the datagram that leaves now is lost.
    pub(crate) fn takes_outgoing(&mut self) -> bool {
        take(&mut self.next_out) || self.by_chance()
    }

    fn by_chance(&mut self) -> bool {
        self.percent > 0 && self.dice.random_range(0..100) < self.percent
    }
}

/// Counts one down; true while there was one.
pub(crate) fn take(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn loss_is_the_same_for_the_same_seed() {
        let run = |seed| {
            let mut loss = Loss { percent: 30, dice: StdRng::seed_from_u64(seed), ..Loss::default() };
            (0..200).map(|_| loss.takes_incoming()).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
        let lost = run(7).iter().filter(|lost| **lost).count();
        assert!((30..=90).contains(&lost), "{lost} of 200");
    }

    #[test]
    fn a_doubled_datagram_is_lost_copy_by_copy() {
        let mut knobs = Knobs::default();
        assert_eq!(knobs.copies(), 1);
        knobs.duplicates = true;
        assert_eq!(knobs.copies(), 2);
        knobs.loss.next_out = 3;
        assert_eq!([knobs.copies(), knobs.copies(), knobs.copies()], [0, 1, 2]);
    }

    #[test]
    fn a_counted_objection_is_used_up() {
        let mut knobs = Knobs::default();
        let objection = Objection { status: Status::FORBIDDEN, words: "no".to_owned(), left: Some(1) };
        knobs.refuses.insert("/ra/user".to_owned(), objection);
        assert!(knobs.object(Method::Get, "/ra/user").is_none());
        assert!(knobs.object(Method::Post, "/ra/user").is_some());
        assert!(knobs.object(Method::Post, "/ra/user").is_none());
    }
}
