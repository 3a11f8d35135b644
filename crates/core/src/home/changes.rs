//! Changes of one device that are out, so that an older one never comes after a newer one by another path.
//!
//! Scope: pure. Over one path changes keep their order by themselves. Non-scope: sending them (`control`).

use std::sync::{Arc, Weak};

use tokio::sync::Notify;

use crate::view::Path;

/// Those of one device that are out. Each lasts as long as what [`Changes::begin`] gave for it.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<(Path, Weak<Notify>)>);

impl Changes {
    /// A change goes out over this path. Those that are out over another one are told to give up: what of them has not
    /// left this computer must not leave it any more. It is told so itself by what is returned.
    pub(super) fn begin(&mut self, path: Path) -> Arc<Notify> {
        self.0.retain(|(other, change)| match change.upgrade() {
            Some(overtaken) if *other != path => {
                overtaken.notify_one();
                false
            }
            Some(_) => true,
            None => false,
        });
        let change = Arc::default();
        self.0.push((path, Arc::downgrade(&change)));
        change
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn is_overtaken(change: &Notify) -> bool {
        change.notified().now_or_never().is_some()
    }

    #[test]
    fn a_newer_change_over_another_path_overtakes_and_one_over_the_same_path_does_not() {
        let mut changes = Changes::default();
        let first = changes.begin(Path::Xmpp);
        let second = changes.begin(Path::Xmpp);
        assert!(!is_overtaken(&first) && !is_overtaken(&second));
        let third = changes.begin(Path::Lan);
        assert!(is_overtaken(&first) && is_overtaken(&second) && !is_overtaken(&third));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut changes = Changes::default();
        for _ in 0..1000 {
            drop(changes.begin(Path::Lan));
        }
        assert_eq!(changes.0.len(), 1);
    }
}
