//! Listening in: somebody is told of each stanza that goes to one peer, or comes from it.
//!
//! Scope: which stanzas those are, as they are written and read. Non-scope: what they mean, and who may listen.

use std::sync::{Arc, Weak};

use tokio_xmpp::Stanza;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::{FullJid, Jid};
use zeroize::Zeroizing;

/// Is told of each stanza between us and a peer, in order, by the session's own task: it must not wait.
pub trait Ear: Send + Sync {
    /// A stanza was written into the stream, or came out of it. `xml`: the stanza alone, with the namespace that the
    /// stream's header declares for it; prefixes and quotes may differ from those on the wire.
    fn hears(&self, sent: bool, xml: Zeroizing<String>);
}

/// Who listens now, and to whom. Nobody, as a rule: that costs nothing.
#[derive(Default)]
pub(crate) struct Ears(Vec<(FullJid, Weak<dyn Ear>)>);

impl Ears {
    /// Listens until it is dropped elsewhere.
    pub(crate) fn add(&mut self, with: FullJid, ear: Weak<dyn Ear>) {
        self.0.push((with, ear));
    }

    /// Tells who listens to the stanza's other side.
    pub(crate) fn tell(&mut self, sent: bool, stanza: &Stanza) {
        if self.0.is_empty() {
            return;
        }
        self.0.retain(|(_, ear)| ear.strong_count() > 0);
        let Some(peer) = other_side(sent, stanza) else { return };
        let listening = self.0.iter().filter(|(with, _)| with.as_str() == peer.as_str());
        for ear in listening.filter_map(|(_, ear)| Weak::upgrade(ear)).collect::<Vec<Arc<dyn Ear>>>() {
            if let Ok(xml) = xso::to_vec(stanza) {
                ear.hears(sent, Zeroizing::new(String::from_utf8_lossy(&Zeroizing::new(xml)).into_owned()));
            }
        }
    }
}

fn other_side(sent: bool, stanza: &Stanza) -> Option<&Jid> {
    match (stanza, sent) {
        (Stanza::Message(message), true) => message.to.as_ref(),
        (Stanza::Message(message), false) => message.from.as_ref(),
        (Stanza::Presence(presence), true) => presence.to.as_ref(),
        (Stanza::Presence(presence), false) => presence.from.as_ref(),
        (Stanza::Iq(iq), true) => to(iq),
        (Stanza::Iq(iq), false) => iq.from(),
    }
}

fn to(iq: &Iq) -> Option<&Jid> {
    let (Iq::Get { to, .. } | Iq::Set { to, .. } | Iq::Result { to, .. } | Iq::Error { to, .. }) = iq;
    to.as_ref()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use xmpp_parsers::message::Message;
    use xmpp_parsers::ping::Ping;

    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<(bool, String)>>);

    impl Ear for Notes {
        fn hears(&self, sent: bool, xml: Zeroizing<String>) {
            self.0.lock().expect("no panic").push((sent, xml.to_string()));
        }
    }

    fn jid(text: &str) -> Jid {
        text.parse().expect("a JID")
    }

    #[test]
    fn who_listens_hears_both_sides_of_one_peer_and_nobody_else() {
        let (lamp, plug) = ("home@home.test/OIC/1.0/oic.d.light/A", "home@home.test/OIC/1.0/oic.d.smartplug/B");
        let notes = Arc::new(Notes::default());
        let mut ears = Ears::default();
        let downgraded = Arc::downgrade(&notes);
        ears.add(lamp.parse().expect("a full JID"), downgraded);
        let question = |to: &str| Stanza::from(Iq::from_get("q-1", Ping).with_to(jid(to)));
        ears.tell(true, &question(lamp));
        ears.tell(true, &question(plug));
        let mut message = Message::new(Some(jid("home@home.test/us")));
        message.from = Some(jid(lamp));
        ears.tell(false, &message.into());
        let heard = std::mem::take(&mut *notes.0.lock().expect("no panic"));
        assert_eq!(heard.iter().map(|(sent, _)| *sent).collect::<Vec<_>>(), [true, false]);
        assert!(heard.iter().all(|(_, xml)| xml.contains("jabber:client") && xml.contains(lamp)), "{heard:?}");
        drop(notes);
        ears.tell(true, &question(lamp));
        assert!(ears.0.is_empty(), "it has let go");
    }
}
