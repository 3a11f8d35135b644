//! Something on the local network that answers every search with nonsense.
//!
//! Scope: hearing the IPv4 group on loopback, and answering with given bytes. Non-scope: CoAP at large: the few bytes of
//! a message are written by hand here.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 1, 187);

/// One search, as heard.
pub struct Search {
    /// The message's token.
    pub token: Vec<u8>,
    /// Its message id.
    pub id: u16,
    /// Which block is asked for (RFC 7959), if one is.
    pub block: Option<u32>,
    /// Whether it came by unicast.
    pub unicast: bool,
}

/// A running responder; ends when dropped.
pub struct Responder {
    answered: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Responder {
    /// Starts one that answers each search with what `answers` makes of it.
    pub async fn start(answers: impl Fn(&Search) -> Vec<Vec<u8>> + Clone + Send + Sync + 'static) -> Responder {
        let group = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
        group.set_reuse_address(true).expect("an option");
        group.set_nonblocking(true).expect("an option");
        group.bind(&SocketAddr::from((GROUP, 5683)).into()).expect("the group's port, shared");
        group.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST).expect("the group, on loopback");
        let group = UdpSocket::from_std(group.into()).expect("a runtime");
        let own = Arc::new(UdpSocket::bind("127.0.0.1:0").await.expect("loopback"));
        let answered = Arc::new(AtomicUsize::new(0));
        let multicast = answer_from(Arc::new(group), Arc::clone(&own), false, answers.clone(), Arc::clone(&answered));
        let unicast = answer_from(Arc::clone(&own), own, true, answers, Arc::clone(&answered));
        Responder { answered, tasks: vec![tokio::spawn(multicast), tokio::spawn(unicast)] }
    }

    /// How many datagrams it has sent.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

async fn answer_from(
    ear: Arc<UdpSocket>,
    mouth: Arc<UdpSocket>,
    unicast: bool,
    answers: impl Fn(&Search) -> Vec<Vec<u8>>,
    answered: Arc<AtomicUsize>,
) {
    let mut buffer = [0; 2048];
    while let Ok((length, source)) = ear.recv_from(&mut buffer).await {
        let Some(search) = heard(&buffer[..length], unicast) else { continue };
        for answer in answers(&search) {
            if mouth.send_to(&answer, source).await.is_ok() {
                answered.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

/// A GET, in the few fields that answers need.
fn heard(message: &[u8], unicast: bool) -> Option<Search> {
    let (&first, &code) = (message.first()?, message.get(1)?);
    if first >> 6 != 1 || code != 1 {
        return None;
    }
    let id = u16::from_be_bytes([*message.get(2)?, *message.get(3)?]);
    let token = message.get(4..4 + usize::from(first & 15))?.to_vec();
    let (mut at, mut number, mut block) = (4 + token.len(), 0, None);
    while let Some(&head) = message.get(at).filter(|byte| **byte != 0xff) {
        at += 1;
        let mut field = |nibble: u8| -> Option<usize> {
            match nibble {
                13 => {
                    at += 1;
                    Some(usize::from(*message.get(at - 1)?) + 13)
                }
                14 => {
                    at += 2;
                    Some(usize::from(u16::from_be_bytes([*message.get(at - 2)?, *message.get(at - 1)?])) + 269)
                }
                15 => None,
                small => Some(usize::from(small)),
            }
        };
        number += field(head >> 4)?;
        let length = field(head & 15)?;
        let value = message.get(at..at + length)?;
        at += length;
        if number == 23 {
            block = Some(value.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) >> 4);
        }
    }
    Some(Search { token, id, block, unicast })
}

/// A 2.05 answer: acknowledging a unicast request, non-confirmable to a multicast one. With `more`, it says that
/// further blocks of 1024 bytes follow this one.
pub fn content(search: &Search, payload: &[u8], more: bool) -> Vec<u8> {
    let (kind, id) = if search.unicast { (0x60, search.id) } else { (0x50, rand_id()) };
    let token = search.token.len() as u8;
    let mut message = vec![kind | token, 0x45];
    message.extend(id.to_be_bytes());
    message.extend(&search.token);
    // Content-Format (12) 10000.
    message.extend([0xc2, 0x27, 0x10]);
    if more || search.block.is_some() {
        let value = search.block.unwrap_or_default() << 4 | u32::from(more) << 3 | 6;
        // Block2 (23), three bytes.
        message.extend([0xb3, (value >> 16) as u8, (value >> 8) as u8, value as u8]);
    }
    message.push(0xff);
    message.extend(payload);
    message
}

fn rand_id() -> u16 {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed) as u16
}
