//! A connection that knows nothing of homes: it sends a message to each peer, and counts what comes back.
//!
//! Against an echo it is the limit, which no client can beat. Against simulated devices, with a request made beforehand and
//! an answer that is not looked into, it tells the device's part of the time from ours.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use homeward_protocol::remote::rest;
use homeward_tests::server::Server;
use homeward_xmpp::{Account, Event, Session, sign_in};
use serde_json::json;
use tokio::time::timeout;
use xmpp_parsers::ibb::{Data, Open, Stanza as Carrier, StreamId};
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::message::{Id, Lang, Message, MessageType};
use xmpp_parsers::minidom::Element;

use crate::crudn::asked;
use crate::ground::{account, account_in_words, ms_since, role};
use crate::program::Program;

/// RA-13's for a client; what is sent to a full JID arrives all the same.
const PRIORITY: i8 = -1;
/// Our choice: what is not back by then never comes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Of our sessions, and as the id of each request: as long as those that the home makes.
const SID: &str = "0123456789abcdef0123456789abcdef";

/// What is sent.
#[derive(Clone, Copy)]
pub(crate) enum Says<'a> {
    /// A bare message with this text.
    Text(&'a str),
    /// The request, as one block of an In-Band Bytestream.
    Request,
}

/// The asking end.
pub(crate) struct Raw {
    session: Session,
    peers: Vec<Peer>,
    /// The echo's process, where it is one.
    _echo: Option<Program>,
}

struct Peer {
    jid: FullJid,
    request: Vec<u8>,
    sequence: u16,
}

impl Raw {
    /// Between us and an echo with so many connections, in a process of its own.
    pub(crate) async fn to_echo(server: &Server, others: usize) -> Raw {
        let resources: Vec<String> = (0..others).map(|number| format!("echo-{number}")).collect();
        let mut echo = role("echo");
        let mut words = account_in_words(server);
        words["resources"] = json!(resources);
        echo.tell(&words).await;
        echo.event("ready").await;
        let peer = |resource: &String| Peer {
            jid: format!("{}/{resource}", server.jid()).parse().expect("a full JID"),
            // It is sent back as it is: nobody there reads it.
            request: rest::encode_request(&asked(), SID, Some(SID)),
            sequence: 0,
        };
        let session = signed_in(&account(server, "asks-the-echo")).await;
        Raw { session, peers: resources.iter().map(peer).collect(), _echo: Some(echo) }
    }

    /// Between us and these devices, by full JID and id, with a session each.
    pub(crate) async fn to_devices(server: &Server, devices: &[(String, String)]) -> Raw {
        let session = signed_in(&account(server, "asks-the-devices")).await;
        let mut peers = Vec::new();
        for (jid, di) in devices {
            let jid: FullJid = jid.parse().expect("a full JID");
            let open = Open { block_size: u16::MAX, sid: StreamId(SID.to_owned()), stanza: Carrier::Message };
            let opened = session.handle.set(Some(jid.clone().into()), open.into(), PATIENCE).await;
            opened.unwrap_or_else(|failure| panic!("{jid} refuses a session: {failure}"));
            peers.push(Peer { jid, request: rest::encode_request(&asked(), di, Some(SID)), sequence: 0 });
        }
        Raw { session, peers, _echo: None }
    }

    async fn send(&mut self, at: usize, says: Says<'_>) {
        let peer = &mut self.peers[at];
        let mut message = Message::new_with_type(MessageType::Normal, Some(Jid::from(peer.jid.clone())));
        match says {
            Says::Text(text) => {
                message.id = Some(Id(format!("e{}", peer.sequence)));
                message.bodies.insert(Lang::new(), text.to_owned());
            }
            Says::Request => {
                let data = Data { seq: peer.sequence, sid: StreamId(SID.to_owned()), data: peer.request.clone() };
                let hint = |name: &str| Element::builder(name, "urn:xmpp:hints").build();
                message.id = Some(Id(format!("{SID}-{}", peer.sequence)));
                message.payloads = vec![data.into(), hint("no-store"), hint("no-copy")];
            }
        }
        peer.sequence = peer.sequence.wrapping_add(1);
        self.session.handle.send(message.into()).await.expect("signed in");
    }

    /// Who answered next. One message to each peer is under way at most, so no answer can be another's.
    async fn answered(&mut self) -> FullJid {
        let waiting = async {
            loop {
                match self.session.events.recv().await {
                    Some(Event::Message(message)) => {
                        assert_ne!(message.type_, MessageType::Error, "a message did not arrive: {message:?}");
                        return message.from.and_then(|from| from.try_into_full().ok()).expect("a full JID");
                    }
                    Some(Event::Ended(cause)) => panic!("the raw connection ended: {cause}"),
                    None => panic!("the raw connection ended"),
                    Some(_) => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("an answer in time")
    }

    /// One after the other, with the first peer: each one's round trip, in milliseconds.
    pub(crate) async fn round_trips(&mut self, count: usize, says: Says<'_>) -> Vec<f64> {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            self.send(0, says).await;
            self.answered().await;
            times.push(ms_since(began));
        }
        times
    }

    /// So many with each peer, one of each under way at any time; round trips per second.
    pub(crate) async fn rate(&mut self, each: usize, says: Says<'_>) -> f64 {
        let places: HashMap<FullJid, usize> =
            self.peers.iter().enumerate().map(|(at, peer)| (peer.jid.clone(), at)).collect();
        let mut left = vec![each - 1; self.peers.len()];
        let began = Instant::now();
        for at in 0..self.peers.len() {
            self.send(at, says).await;
        }
        let mut under_way = self.peers.len();
        while under_way > 0 {
            let at = places[&self.answered().await];
            if left[at] == 0 {
                under_way -= 1;
            } else {
                left[at] -= 1;
                self.send(at, says).await;
            }
        }
        per_second(each * self.peers.len(), began)
    }
}

/// Signs in, and is there.
pub(crate) async fn signed_in(account: &Account) -> Session {
    let session = sign_in(account, &mut |_| {}).await.unwrap_or_else(|failure| panic!("{failure}"));
    session.handle.announce(PRIORITY).await.expect("just signed in");
    session
}

/// So many since then, per second.
pub(crate) fn per_second(count: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64()
}
