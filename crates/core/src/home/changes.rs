//! Changes of one device, so that an older one never comes after a newer one of the same thing by another path.
//!
//! Scope: pure. Over one path changes keep their order by themselves. Non-scope: sending them (`control`).

use std::sync::{Arc, Weak};

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::batch;
use tokio::sync::Notify;

use crate::view::Path;

/// Those of one device that were asked for, in that order, as far as they matter still.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Change>);

#[derive(Debug)]
struct Change {
    href: Href,
    /// Over which path it went out last; `None`: it has not.
    begun: Option<Path>,
    /// Lives as long as its [`Turn`].
    overtaken: Weak<Notify>,
}

/// A change's place in the order. It lasts until the change is over.
#[derive(Debug, Default)]
pub(super) struct Turn(Arc<Notify>);

impl Turn {
    /// Returns when a newer change has gone out over another path: what of this one has not left this computer must not
    /// leave it any more.
    pub(super) async fn overtaken(&self) {
        self.0.notified().await;
    }
}

impl Changes {
    /// A change is asked for.
    pub(super) fn queue(&mut self, href: &Href) -> Turn {
        // What is over matters to those that were asked for before it only.
        let first = self.0.iter().position(|change| change.overtaken.strong_count() > 0).unwrap_or(self.0.len());
        self.0.drain(..first);
        let turn = Turn::default();
        self.0.push(Change { href: href.clone(), begun: None, overtaken: Arc::downgrade(&turn.0) });
        turn
    }

    /// It is to go out over this path. `false`: a newer one of the same thing has, and it must not. Else the older ones
    /// that are out over another path are told to give up.
    pub(super) fn begin(&mut self, turn: &Turn, path: Path) -> bool {
        let Some(place) = self.0.iter().position(|change| change.overtaken.as_ptr() == Arc::as_ptr(&turn.0)) else {
            return false;
        };
        let (older, rest) = self.0.split_at_mut(place);
        let Some((this, newer)) = rest.split_first_mut() else { return false };
        if newer.iter().any(|change| change.begun.is_some() && is_same_thing(&change.href, &this.href)) {
            return false;
        }
        this.begun = Some(path);
        for change in older.iter().filter(|change| is_same_thing(&change.href, &this.href)) {
            if let (Some(other), Some(overtaken)) = (change.begun, change.overtaken.upgrade())
                && other != path
            {
                overtaken.notify_one();
            }
        }
        true
    }
}

/// A batch may reach any resource; each Create makes a thing of its own.
fn is_same_thing(one: &Href, other: &Href) -> bool {
    let is_same = one.path() == other.path() || batch::is_batch(one) || batch::is_batch(other);
    is_same && !creates(one) && !creates(other)
}

/// Whether this asks a collection for a new member (`oic.if.create`, OCF Core §7.6.3).
fn creates(href: &Href) -> bool {
    href.queries().any(|query| query == "if=oic.if.create")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    fn is_overtaken(change: &Turn) -> bool {
        change.overtaken().now_or_never().is_some()
    }

    fn href(path: &str) -> Href {
        Href::new(path).unwrap()
    }

    #[test]
    fn a_newer_change_over_another_path_overtakes_and_one_over_the_same_path_does_not() {
        let mut changes = Changes::default();
        let [first, second, third] = [(); 3].map(|()| changes.queue(&href("/light")));
        assert!(changes.begin(&first, Path::Xmpp) && changes.begin(&second, Path::Xmpp));
        assert!(!is_overtaken(&first) && !is_overtaken(&second));
        assert!(changes.begin(&third, Path::Lan));
        assert!(is_overtaken(&first) && is_overtaken(&second) && !is_overtaken(&third));
    }

    #[test]
    fn an_older_change_does_not_go_out_after_a_newer_one_whatever_became_of_that() {
        let mut changes = Changes::default();
        let older = changes.queue(&href("/light"));
        let newer = changes.queue(&href("/light"));
        assert!(changes.begin(&newer, Path::Xmpp));
        drop(newer);
        let newest = changes.queue(&href("/light"));
        assert!(!changes.begin(&older, Path::Xmpp) && !changes.begin(&older, Path::Lan));
        assert!(changes.begin(&newest, Path::Lan));
    }

    #[test]
    fn changes_of_different_things_do_not_mind_each_other_and_a_batch_is_of_everything() {
        let mut changes = Changes::default();
        let hrefs = ["/light", "/fan", "/all?if=oic.if.b"];
        let [light, fan, all] = hrefs.map(|path| changes.queue(&href(path)));
        assert!(changes.begin(&fan, Path::Lan) && changes.begin(&light, Path::Xmpp));
        assert!(!is_overtaken(&fan) && !is_overtaken(&light));
        assert!(changes.begin(&all, Path::Lan));
        assert!(is_overtaken(&light) && !is_overtaken(&fan) && !changes.begin(&fan, Path::Xmpp));
    }

    #[test]
    fn no_create_is_overtaken_by_another_one() {
        let mut changes = Changes::default();
        let [first, second, third] = [(); 3].map(|()| changes.queue(&href("/scenes?if=oic.if.create")));
        assert!(changes.begin(&third, Path::Xmpp) && changes.begin(&first, Path::Xmpp));
        assert!(changes.begin(&second, Path::Lan) && !is_overtaken(&first) && !is_overtaken(&third));
    }

    #[test]
    fn what_is_over_is_forgotten() {
        let mut changes = Changes::default();
        for _ in 0..1000 {
            let turn = changes.queue(&href("/light"));
            changes.begin(&turn, Path::Lan);
        }
        assert_eq!(changes.0.len(), 1);
    }
}
