//! A copy of all that goes between us and one device, while somebody holds it.
//!
//! Scope: keeping stanzas and datagrams, in order, within bounds. Non-scope: where they pass (`remote`, `lan`), and what
//! they say (`homeward_protocol::shown`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

use homeward_protocol::shown::{self, Captured, Carried};
use homeward_xmpp::Ear;
use zeroize::Zeroizing;

use crate::view::{Direction, Exchange, ExchangeStep, Path};

/// Our choice: far more than a request needs; the first ones are kept.
const MAX_KEPT: usize = 64;
/// Our choice: the same in bytes, two answers of the largest block with room to spare.
const MAX_KEPT_BYTES: usize = 256 * 1024;

/// What goes between us and a device. Whoever was told to copy to it stops when it is dropped.
#[derive(Default)]
pub(crate) struct Tap(Arc<Records>);

/// Where copies go, for as long as the [`Tap`] is held.
#[derive(Clone)]
pub(crate) struct Copies(Weak<Records>);

#[derive(Default)]
struct Records(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    records: Vec<(u64, Captured)>,
    bytes: usize,
    left_out: u32,
}

impl Tap {
    /// For datagrams.
    pub(crate) fn copies(&self) -> Copies {
        Copies(Arc::downgrade(&self.0))
    }

    /// For stanzas.
    pub(crate) fn ear(&self) -> Weak<dyn Ear> {
        let records: Arc<dyn Ear> = self.0.clone();
        Arc::downgrade(&records)
    }

    /// All that was kept so far, layer by layer and without secrets. `guarded`: it is about a resource that holds a
    /// password. Takes some milliseconds, more where a device wants it so.
    pub(crate) fn exchange(&self, guarded: bool) -> Exchange {
        let Kept { records, left_out, .. } = std::mem::take(&mut *self.0.kept());
        let (times, captured): (Vec<u64>, Vec<Captured>) = records.into_iter().unzip();
        let layers = shown::decode(&captured, guarded);
        let steps = times.into_iter().zip(&captured).zip(layers).map(|((at_ms, captured), layers)| ExchangeStep {
            direction: if captured.sent { Direction::Sent } else { Direction::Received },
            at_ms,
            path: match captured.carried {
                Carried::Stanza(_) => Path::Xmpp,
                Carried::Datagram(_) => Path::Lan,
            },
            layers,
        });
        Exchange { steps: steps.collect(), left_out }
    }
}

impl Copies {
    /// Whether nobody holds the tap any more.
    pub(crate) fn is_over(&self) -> bool {
        self.0.strong_count() == 0
    }

    /// A datagram went out, or came in.
    pub(crate) fn datagram(&self, sent: bool, bytes: &[u8]) {
        if let Some(records) = self.0.upgrade() {
            records.keep(Captured { sent, carried: Carried::Datagram(Zeroizing::new(bytes.to_vec())) });
        }
    }
}

impl Records {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, captured: Captured) {
        let bytes = match &captured.carried {
            Carried::Stanza(text) => text.len(),
            Carried::Datagram(bytes) => bytes.len(),
        };
        let mut kept = self.kept();
        // After the first that is left out all are: what is shown has no gaps.
        if kept.left_out > 0 || kept.records.len() >= MAX_KEPT || kept.bytes + bytes > MAX_KEPT_BYTES {
            kept.left_out = kept.left_out.saturating_add(1);
            return;
        }
        kept.bytes += bytes;
        kept.records.push((now_ms(), captured));
    }
}

impl Ear for Records {
    fn hears(&self, sent: bool, xml: Zeroizing<String>) {
        self.keep(Captured { sent, carried: Carried::Stanza(xml) });
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_ones_are_kept_and_the_others_counted() {
        let tap = Tap::default();
        for n in 0..100 {
            tap.copies().datagram(n % 2 == 0, &[n]);
        }
        let exchange = tap.exchange(false);
        assert_eq!((exchange.steps.len(), exchange.left_out), (MAX_KEPT, 36));
        assert_eq!(exchange.steps[1].direction, Direction::Received);
        assert_eq!(exchange.steps[63].layers[0].text, "3f");
    }

    #[test]
    fn one_that_does_not_fit_ends_the_copy() {
        let tap = Tap::default();
        let copies = tap.copies();
        copies.datagram(true, &[0; MAX_KEPT_BYTES - 10]);
        copies.datagram(false, &[0; 20]);
        copies.datagram(false, &[0; 1]);
        let exchange = tap.exchange(false);
        assert_eq!((exchange.steps.len(), exchange.left_out), (1, 2));
    }

    #[test]
    fn nothing_is_copied_once_the_tap_is_dropped() {
        let tap = Tap::default();
        let copies = tap.copies();
        assert!(!copies.is_over());
        drop(tap);
        assert!(copies.is_over());
        copies.datagram(true, &[1]);
    }
}
