//! Who may talk to us, and which of them are devices (RA-14).
//!
//! Scope: pure book-keeping over the roster and presences. Non-scope: what is done about it.

use std::collections::{HashMap, HashSet};

use homeward_protocol::remote::jid::{OicResource, Role};
use xmpp_parsers::jid::{BareJid, FullJid, Jid};
use xmpp_parsers::presence::{Presence, Type};
use xmpp_parsers::roster::{Item, Subscription};

use super::RemoteEvent;

/// Our choice: devices kept of one account and its contacts; further ones are not shown.
const MAX_DEVICES: usize = 5_000;

/// Our choice: contacts kept; a roster is the person's own, but its length is the server's word.
const MAX_CONTACTS: usize = 20_000;

/// The account, its contacts, and the devices among them that are available.
#[derive(Debug)]
pub(super) struct People {
    own: FullJid,
    contacts: HashSet<BareJid>,
    present: HashMap<FullJid, OicResource>,
    /// Sessions of our own account beside this one, whatever they are.
    siblings: HashSet<FullJid>,
}

impl People {
    pub(super) fn new(own: FullJid, roster: Vec<Item>) -> Self {
        let mut people = Self { own, contacts: HashSet::new(), present: HashMap::new(), siblings: HashSet::new() };
        for item in roster {
            people.contact_changed(&item);
        }
        people
    }

    /// A roster item, at sign-in or by a push; returns the devices that went with a contact.
    pub(super) fn contact_changed(&mut self, item: &Item) -> Vec<RemoteEvent> {
        if matches!(item.subscription, Subscription::To | Subscription::Both) {
            if self.contacts.len() < MAX_CONTACTS {
                self.contacts.insert(item.jid.clone());
            }
            return Vec::new();
        }
        self.contacts.remove(&item.jid);
        if item.jid == self.own.to_bare() {
            return Vec::new();
        }
        let gone: Vec<FullJid> = self.present.keys().filter(|jid| jid.to_bare() == item.jid).cloned().collect();
        gone.into_iter().filter_map(|jid| self.left(&jid)).collect()
    }

    /// Whether traffic from this JID is for us: our own account, or a contact whose presence we get.
    pub(super) fn may_talk(&self, from: &Jid) -> bool {
        let bare = from.to_bare();
        bare == self.own.to_bare() || self.contacts.contains(&bare)
    }

    /// Whether our account has other sessions now.
    pub(super) fn has_siblings(&self) -> bool {
        !self.siblings.is_empty()
    }

    /// A presence; says whether a device came or went.
    pub(super) fn presence(&mut self, presence: &Presence) -> Option<RemoteEvent> {
        let from = presence.from.as_ref()?;
        if !self.may_talk(from) {
            return None;
        }
        let jid = from.clone().try_into_full().ok()?;
        if jid == self.own {
            return None;
        }
        if jid.to_bare() == self.own.to_bare() {
            match presence.type_ {
                Type::None if self.siblings.len() < MAX_DEVICES => drop(self.siblings.insert(jid.clone())),
                _ => drop(self.siblings.remove(&jid)),
            }
        }
        match presence.type_ {
            Type::None => {
                let resource = OicResource::parse(jid.resource().as_str())?;
                if resource.role == Role::Client {
                    return None;
                }
                if self.present.len() >= MAX_DEVICES && !self.present.contains_key(&jid) {
                    tracing::warn!("more than {MAX_DEVICES} devices: the others are not shown");
                    return None;
                }
                let contact = jid.to_bare() != self.own.to_bare();
                self.present.insert(jid.clone(), resource.clone());
                Some(RemoteEvent::Present { jid, resource, contact })
            }
            Type::Unavailable | Type::Error => self.left(&jid),
            _ => None,
        }
    }

    fn left(&mut self, jid: &FullJid) -> Option<RemoteEvent> {
        self.present.remove(jid).map(|_| RemoteEvent::Gone(jid.clone()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contact(jid: &str, subscription: Subscription) -> Item {
        Item {
            jid: jid.parse().expect("a JID"),
            name: None,
            subscription,
            ask: Default::default(),
            approved: Default::default(),
            groups: Vec::new(),
        }
    }

    fn people() -> People {
        let own = "home@home.test/OIC/1.0/Client/u".parse().expect("a JID");
        People::new(
            own,
            vec![contact("friend@home.test", Subscription::Both), contact("fan@home.test", Subscription::From)],
        )
    }

    fn available(from: &str) -> Presence {
        Presence::new(Type::None).with_from(from.parse::<Jid>().expect("a JID"))
    }

    #[test]
    fn a_device_of_our_account_and_one_of_a_contact_are_seen_and_told_apart() {
        let mut people = people();
        for (jid, theirs) in
            [("home@home.test/OIC/1.0/oic.d.light/A", false), ("friend@home.test/OIC/1.0/oic.d.fan/A", true)]
        {
            let seen = people.presence(&available(jid));
            assert!(matches!(seen, Some(RemoteEvent::Present { contact, .. }) if contact == theirs), "{jid}");
        }
    }

    #[test]
    fn other_programs_clients_and_strangers_are_not() {
        let mut people = people();
        for jid in [
            "home@home.test/Conversations.x",
            "home@home.test/OIC/1.0/Client/v",
            "home@home.test/OIC/1.0/Client/u",
            "fan@home.test/OIC/1.0/oic.d.light/A",
            "stranger@evil.test/OIC/1.0/oic.d.light/A",
            "home@home.test",
        ] {
            assert!(people.presence(&available(jid)).is_none(), "{jid}");
        }
    }

    #[test]
    fn a_device_that_was_there_goes_once() {
        let mut people = people();
        let jid = "home@home.test/OIC/1.0/oic.d.light/A";
        people.presence(&available(jid));
        let leaving = Presence::new(Type::Unavailable).with_from(jid.parse::<Jid>().expect("a JID"));
        assert!(matches!(people.presence(&leaving), Some(RemoteEvent::Gone(_))));
        assert!(people.presence(&leaving).is_none());
    }

    #[test]
    fn a_contact_that_is_removed_takes_its_devices_along_and_may_talk_no_more() {
        let mut people = people();
        people.presence(&available("friend@home.test/OIC/1.0/oic.d.fan/A"));
        assert_eq!(people.contact_changed(&contact("friend@home.test", Subscription::Remove)).len(), 1);
        assert!(!people.may_talk(&"friend@home.test/OIC/1.0/oic.d.fan/A".parse().expect("a JID")));
    }

    #[test]
    fn no_more_devices_are_kept_than_the_limit() {
        let mut people = people();
        let seen = (0..=MAX_DEVICES)
            .filter(|n| people.presence(&available(&format!("home@home.test/OIC/1.0/oic.d.light/{n}"))).is_some())
            .count();
        assert_eq!(seen, MAX_DEVICES);
    }

    #[test]
    fn no_more_contacts_are_kept_than_the_limit() {
        let mut people = people();
        for n in 0..=MAX_CONTACTS {
            people.contact_changed(&contact(&format!("c{n}@home.test"), Subscription::Both));
        }
        assert_eq!(people.contacts.len(), MAX_CONTACTS);
    }

    /// What the server may bring, of anybody, in any order.
    #[derive(Debug, Clone)]
    enum Act {
        Contact(Item),
        Presence(Box<Presence>),
    }

    fn any_act() -> impl Strategy<Value = Act> {
        let bare = prop::sample::select(vec!["home@home.test", "friend@home.test", "fan@home.test", "a@evil.test"]);
        let resource =
            prop::sample::select(vec!["", "/x", "/OIC/1.0/Client/u", "/OIC/1.0/oic.d.fan/A", "/OIC/2/oic.d.fan/b/c"]);
        let subscription = prop::sample::select(vec![
            Subscription::None,
            Subscription::From,
            Subscription::To,
            Subscription::Both,
            Subscription::Remove,
        ]);
        let kind = prop::sample::select(vec![Type::None, Type::Unavailable, Type::Error, Type::Subscribe, Type::Probe]);
        prop_oneof![
            1 => (bare.clone(), subscription).prop_map(|(jid, subscription)| Act::Contact(contact(jid, subscription))),
            4 => (bare, resource, kind).prop_map(|(bare, resource, kind)| {
                let from: Jid = format!("{bare}{resource}").parse().expect("a JID");
                Act::Presence(Box::new(Presence::new(kind).with_from(from)))
            }),
        ]
    }

    // Stanzas come parsed, so bytes of a fuzzer would show no more than any order of them does.
    proptest! {
        #[test]
        fn whoever_is_here_may_talk_and_goes_once(acts in prop::collection::vec(any_act(), 0..64)) {
            let mut people = people();
            let mut here = HashSet::new();
            for act in acts {
                let events = match act {
                    Act::Contact(item) => people.contact_changed(&item),
                    Act::Presence(presence) => people.presence(&presence).into_iter().collect(),
                };
                for event in events {
                    match event {
                        RemoteEvent::Present { jid, resource, .. } => {
                            prop_assert!(resource.role != Role::Client);
                            here.insert(jid);
                        }
                        RemoteEvent::Gone(jid) => prop_assert!(here.remove(&jid), "{jid} had not come"),
                        other => prop_assert!(false, "{other:?}"),
                    }
                }
                prop_assert_eq!(&here, &people.present.keys().cloned().collect::<HashSet<_>>());
                prop_assert!(here.iter().all(|jid| people.may_talk(&Jid::from(jid.clone()))));
            }
        }
    }
}
