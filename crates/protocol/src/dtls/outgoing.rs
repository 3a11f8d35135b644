//! What goes out: numbered records, protected once the keys are in use, in datagrams that fit every link.

use super::flight::Part;
use super::record::{self, Protection, Sequence};
use super::{MAX_DATAGRAM, Random};

/// One side's way to the other.
pub(super) struct Outgoing {
    pub(super) random: Random,
    plain: Sequence,
    protected: Sequence,
    protection: Option<Protection>,
}

impl Outgoing {
    pub(super) fn new(random: Random) -> Self {
        Self { random, plain: Sequence::default(), protected: Sequence::default(), protection: None }
    }

    /// The next flight says ChangeCipherSpec: with it and from then on these keys are used.
    pub(super) fn protect(&mut self, protection: Protection) {
        self.protection = Some(protection);
    }

    /// A record, protected where the keys are in use; `None`, when all record numbers are used up.
    pub(super) fn record(&mut self, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        match self.protection {
            Some(_) => self.seal(kind, content),
            None => self.plain(kind, content),
        }
    }

    /// A flight, in as few datagrams as it needs.
    pub(super) fn datagrams(&mut self, parts: &[Part]) -> Vec<Vec<u8>> {
        let mut datagrams: Vec<Vec<u8>> = Vec::new();
        for record in parts.iter().flat_map(|part| self.records(part)) {
            match datagrams.last_mut().filter(|last| last.len() + record.len() <= MAX_DATAGRAM) {
                Some(last) => last.extend(record),
                None => datagrams.push(record),
            }
        }
        datagrams
    }

    fn records(&mut self, part: &Part) -> Vec<Vec<u8>> {
        match part {
            Part::Plain(message) => {
                let fragments = message.fragments().into_iter();
                fragments.filter_map(|fragment| self.plain(record::HANDSHAKE, &fragment)).collect()
            }
            Part::Change => self.plain(record::CHANGE_CIPHER_SPEC, &record::CHANGE).into_iter().collect(),
            Part::Protected(message) => {
                let fragments = message.fragments().into_iter();
                fragments.filter_map(|fragment| self.seal(record::HANDSHAKE, &fragment)).collect()
            }
        }
    }

    fn plain(&mut self, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        Some(record::plain(kind, self.plain.next()?, content))
    }

    fn seal(&mut self, kind: u8, content: &[u8]) -> Option<Vec<u8>> {
        let protection = self.protection.as_ref()?;
        let mut iv = [0; 16];
        (self.random)(&mut iv);
        protection.seal(kind, self.protected.next()?, iv, content)
    }
}
