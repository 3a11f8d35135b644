//! Two accounts of ours become contacts of each other (RFC 6121 §3): ours, and one that a device shall have for itself.
//!
//! Scope: the subscription, both ways. Non-scope: who is shown of a contact (`people`).

use std::time::Duration;

use homeward_xmpp::{Account, Cause, Event, Failure, Handle, Layer, Session};
use tokio::time::timeout;
use xmpp_parsers::jid::BareJid;
use xmpp_parsers::presence::{Presence, Type};
use xmpp_parsers::roster::{Item, Subscription};

use super::link::roster_of;
use super::sessions::Sessions;

/// Of the session that only asks; RA-13's range for what is no device.
const PRIORITY: i8 = -101;

/// Each asks the other, and says yes.
pub(super) async fn befriend(sessions: &Sessions, other: &Account, deadline: Duration) -> Result<(), Failure> {
    let failed = |cause| Failure { layer: Layer::Roster, cause };
    let ours = sessions.handle().ok_or_else(|| failed(Cause::Closed))?;
    let expected = sessions.expect(other.jid.clone());
    let mut session = homeward_xmpp::sign_in(other, &mut |_| ()).await?;
    let asked = timeout(deadline, ask(&mut session, &ours, deadline)).await;
    drop(expected);
    session.handle.close().await;
    asked.unwrap_or(Err(Cause::Silent)).map_err(failed)
}

async fn ask(session: &mut Session, ours: &Handle, deadline: Duration) -> Result<(), Cause> {
    let own = &ours.jid().to_bare();
    let are_friends = |item: &Item| item.jid == *own && item.subscription == Subscription::Both;
    if roster_of(session, deadline).await?.iter().any(are_friends) {
        return Ok(());
    }
    let handle = session.handle.clone();
    let say = async |kind| handle.send(presence(kind, own).into()).await.map_err(|_| Cause::Closed);
    // Only who is available is asked at once.
    handle.announce(PRIORITY).await.map_err(|_| Cause::Closed)?;
    let other = handle.jid().to_bare();
    // Each says yes also before it is asked: a request of an earlier try, that was cut short, is passed on no second time.
    for kind in [Type::Subscribe, Type::Subscribed] {
        say(kind.clone()).await?;
        ours.send(presence(kind, &other).into()).await.map_err(|_| Cause::Closed)?;
    }
    loop {
        match session.events.recv().await {
            Some(Event::Presence(asks)) if asks.type_ == Type::Subscribe && is_from(&asks, own) => {
                say(Type::Subscribed).await?;
            }
            Some(Event::Roster(item)) if are_friends(&item) => return Ok(()),
            Some(Event::Ended(cause)) => return Err(cause),
            Some(_) => {}
            None => return Err(Cause::Closed),
        }
    }
}

/// What our own link answers to a presence: it says yes to whom it expects.
pub(super) fn answer(sessions: &Sessions, asks: &Presence) -> Option<Presence> {
    let from = asks.from.as_ref().map(|from| from.to_bare());
    let expected = from.filter(|from| asks.type_ == Type::Subscribe && sessions.expects(from))?;
    Some(presence(Type::Subscribed, &expected))
}

fn presence(kind: Type, to: &BareJid) -> Presence {
    Presence::new(kind).with_to(to.clone())
}

fn is_from(presence: &Presence, account: &BareJid) -> bool {
    presence.from.as_ref().is_some_and(|from| from.to_bare() == *account)
}
