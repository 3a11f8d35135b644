//! The search: loss, confirmable answers, blocks, formats, silence, and rubbish.

use std::collections::HashMap;
use std::time::Duration;

use homeward_protocol::coap::block::BlockSize;
use homeward_protocol::coap::message::{self, Format};
use homeward_protocol::coap::{MessageType, Packet};
use homeward_protocol::crudn::{Response, Status};
use serde_json::json;
use tokio::sync::mpsc;

use crate::error::Code;
use crate::lan::testing::{Device, Lamp, Seen, free_port};
use crate::lan::{Lan, LanDevice, LanEvent, Owner};
use crate::view;

/// How much faster than in life the rounds follow each other here.
const HURRY: u32 = 10;

struct Home {
    lan: Lan,
    events: mpsc::Receiver<LanEvent>,
    devices: HashMap<String, LanDevice>,
    silent: Vec<String>,
    search: view::Search,
}

impl Home {
    fn start(port: u16) -> Self {
        let loopback = if cfg!(target_os = "macos") { "lo0" } else { "lo" };
        let (lan, events) = Lan::start_at(vec![loopback.to_owned()], Owner::default(), port, HURRY).unwrap();
        Self { lan, events, devices: HashMap::new(), silent: vec![], search: view::Search::default() }
    }

    fn searching(port: u16) -> Self {
        let home = Self::start(port);
        home.lan.search();
        home
    }

    /// Takes events until it is as wanted.
    async fn until(&mut self, wanted: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while !wanted(self) {
                match self.events.recv().await.unwrap() {
                    LanEvent::Found(device) => {
                        assert!(self.devices.insert(device.di.clone(), *device).is_none(), "found twice");
                    }
                    LanEvent::Changed(device) => {
                        self.silent.retain(|di| *di != device.di);
                        assert!(self.devices.insert(device.di.clone(), *device).is_some(), "changed before found");
                    }
                    LanEvent::Silent { di } => self.silent.push(di),
                    LanEvent::Claimed { .. } => panic!("of a device of ours, and none of them is"),
                    LanEvent::Search(search) => self.search = search,
                }
            }
        });
        assert!(waited.await.is_ok(), "known: {:?}, silent: {:?}, {:?}", self.devices, self.silent, self.search);
    }

    async fn described(&mut self, di: &str) -> LanDevice {
        self.until(|home| home.devices.get(di).is_some_and(|device| device.described)).await;
        self.devices[di].clone()
    }
}

#[tokio::test]
async fn a_device_is_found_and_described_and_its_account_is_never_read() {
    for format in Format::ALL {
        let port = free_port();
        let lamp = Lamp::new(format);
        let di = lamp.di.clone();
        let device = Device::start(Some(port), lamp.script()).await;
        let mut home = Home::searching(port);
        let found = home.described(&di).await;
        assert_eq!(found.endpoints, [device.address], "its own port, not the group's");
        assert_eq!((found.name.as_deref(), found.device_type.as_deref()), (Some("Lamp"), Some("oic.d.light")));
        assert_eq!((found.manufacturer.as_deref(), found.model.as_deref()), (Some("ACME"), Some("L1")));
        assert_eq!(found.links.len(), 4);
        assert_eq!(found.xmpp.unwrap().href.as_str(), "/ra/xmpp");
        assert_eq!(found.user.unwrap().href.as_str(), "/ra/user");
        assert_eq!(found.security, view::Security::None);
        let access = found.remote_access.unwrap();
        assert_eq!((access.address.as_deref(), access.port), (Some("xmpp.example"), Some(5222)));
        assert_eq!((access.status.as_deref(), access.error_reason), (Some("Connected"), None));
        home.until(|home| home.search.interfaces.iter().any(|interface| interface.devices == 1)).await;
        assert!(home.search.loopback_only && home.search.running);
        assert!(home.search.interfaces[0].sent >= 4 && home.search.interfaces[0].received >= 2);
        assert!(device.seen().iter().all(|seen| seen.href() != "/ra/user" && seen.href() != "/XMPPUserResURI"));
    }
}

#[tokio::test]
async fn each_round_comes_from_fresh_sockets_in_both_formats_narrowed_and_general() {
    let port = free_port();
    let device = Device::start(Some(port), |_| vec![]).await;
    let mut home = Home::searching(port);
    home.until(|home| home.search.round >= 3).await;
    device.got(|seen| seen.nth == 7).await;
    let seen = device.seen();
    let sources = |nth: std::ops::Range<usize>| seen[nth].iter().map(|seen| seen.from.port()).collect::<Vec<_>>();
    assert!(seen.iter().all(|seen| seen.packet.header.get_type() == MessageType::NonConfirmable && seen.multicast));
    assert!(sources(0..4).iter().all(|port| !sources(4..8).contains(port)));
    let mut asked: Vec<_> = seen[..4]
        .iter()
        .map(|seen| (message::decode_request(&seen.packet).unwrap().accept.unwrap(), seen.href()))
        .collect();
    asked.sort();
    let (narrowed, general) = ("/oic/res?rt=oic.ra.xmpp".to_owned(), "/oic/res".to_owned());
    assert_eq!(asked, [(60, general.clone()), (60, narrowed.clone()), (10000, general), (10000, narrowed)]);
}

#[tokio::test]
async fn a_device_that_missed_the_first_rounds_is_found_in_a_later_one() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let _device = Device::start(Some(port), move |seen| {
        if seen.multicast && seen.nth < 10 { vec![] } else { lamp.answer(seen).into_iter().collect() }
    })
    .await;
    Home::searching(port).described(&di).await;
}

#[tokio::test]
async fn a_confirmable_answer_to_multicast_is_acknowledged_and_a_blockwise_one_begun_anew_by_unicast() {
    let port = free_port();
    let mut lamp = Lamp::new(Format::Ocf);
    lamp.blocks = BlockSize::from_exponent(2).unwrap();
    let di = lamp.di.clone();
    let mut multicast_sources = vec![];
    let device = Device::start(Some(port), move |seen| {
        if !message::is_request(&seen.packet) {
            return vec![];
        }
        if seen.multicast {
            multicast_sources.push(seen.from);
        } else {
            assert!(!multicast_sources.contains(&seen.from));
        }
        let Some(mut answer) = lamp.answer(seen) else { return vec![] };
        if seen.multicast {
            answer.header.set_type(MessageType::Confirmable);
        }
        vec![answer]
    })
    .await;
    let found = Home::searching(port).described(&di).await;
    assert_eq!(found.links.len(), 4);
    let acknowledged = device.got(|seen| seen.packet.header.get_type() == MessageType::Acknowledgement).await;
    assert!(!acknowledged.multicast);
    let seen = device.seen();
    let restarted = seen.iter().find(|seen| !seen.multicast && seen.href() == "/oic/res").unwrap();
    assert_eq!(restarted.packet.get_option(homeward_protocol::coap::CoapOption::Block2), None, "block 0 again");
}

#[tokio::test]
async fn a_device_without_remote_access_is_found_and_said_to_have_none() {
    let port = free_port();
    let mut lamp = Lamp::new(Format::Cbor);
    lamp.lists.retain(|(href, _)| !href.starts_with("/ra"));
    lamp.values.retain(|(href, _)| !href.starts_with("/ra"));
    let di = lamp.di.clone();
    let device = Device::start(Some(port), lamp.script()).await;
    let found = Home::searching(port).described(&di).await;
    assert_eq!((found.remote_access, found.xmpp, found.user), (None, None, None));
    assert!(device.seen().iter().any(|seen| seen.href() == "/XMPPResURI"), "it was looked for where it must be");
}

#[tokio::test]
async fn remote_access_that_is_not_listed_is_found_at_its_well_known_path() {
    let port = free_port();
    let mut lamp = Lamp::new(Format::Ocf);
    lamp.lists.retain(|(href, _)| !href.starts_with("/ra"));
    lamp.values.push(("/XMPPResURI", json!({"status": "NotInitialized"})));
    let di = lamp.di.clone();
    let _device = Device::start(Some(port), lamp.script()).await;
    let found = Home::searching(port).described(&di).await;
    assert_eq!(found.xmpp.unwrap().href.as_str(), "/XMPPResURI");
    assert_eq!(found.user.unwrap().href.as_str(), "/XMPPUserResURI");
    assert_eq!(found.remote_access.unwrap().status.as_deref(), Some("NotInitialized"));
}

#[tokio::test]
async fn remote_access_that_answers_4_01_in_the_clear_wants_a_secured_session() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let _device = Device::start(Some(port), move |seen| {
        if seen.href() == "/ra/xmpp" {
            return vec![seen.respond(&Response::status(Status::UNAUTHORIZED), Format::Ocf)];
        }
        lamp.answer(seen).into_iter().collect()
    })
    .await;
    let access = Home::searching(port).described(&di).await.remote_access.unwrap();
    assert_eq!((access.secured_only, access.status), (true, None));
}

#[tokio::test]
async fn rubbish_is_dropped_and_the_search_goes_on() {
    let port = free_port();
    let rubbish = |payload: Vec<u8>| {
        move |seen: &Seen| -> Vec<Packet> {
            let mut answer = seen.respond(&Response::ok(json!(0)), Format::Ocf);
            answer.payload = payload.clone();
            vec![answer]
        }
    };
    let mut peers = vec![];
    for payload in [
        vec![0x81, 0xa1],                                         // cut short
        b"\x81\xa1\x64href\x62/a".to_vec(),                       // without di
        b"\x81\xa3\x62di\x61a\x62di\x61b\x64href\x62/a".to_vec(), // with two
        b"\x81\xa2\x62di\x61a\x65links\x07".to_vec(),             // wrong types
        vec![0x81; 60_000],                                       // deep
        [vec![0x5a, 0, 0, 0xea, 0x60], vec![7; 60_000]].concat(), // large
    ] {
        peers.push(Device::start(Some(port), rubbish(payload)).await);
    }
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let _lamp = Device::start(Some(port), lamp.script()).await;
    let mut home = Home::searching(port);
    home.described(&di).await;
    home.until(|home| home.search.round >= 4).await;
    assert_eq!(home.devices.keys().collect::<Vec<_>>(), [&di]);
}

#[tokio::test]
async fn a_megabyte_of_links_is_given_up_and_the_device_shown_without_them() {
    let port = free_port();
    let mut lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let path: &'static str = Box::leak(format!("/{}", "a".repeat(900)).into_boxed_str());
    lamp.lists.extend((0..1000).map(|_| (path, "x")));
    let _device = Device::start(Some(port), lamp.script()).await;
    let found = Home::searching(port).described(&di).await;
    assert_eq!(found.links.len(), 1, "what the narrowed answer told");
    assert!(found.remote_access.is_some());
}

#[tokio::test]
async fn a_device_that_falls_silent_is_marked_and_shown_again_when_it_is_back() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let (away, is_away) = tokio::sync::watch::channel(false);
    let _device =
        Device::start(
            Some(port),
            move |seen| {
                if *is_away.borrow() { vec![] } else { lamp.answer(seen).into_iter().collect() }
            },
        )
        .await;
    let mut home = Home::searching(port);
    home.described(&di).await;
    away.send(true).unwrap();
    home.until(|home| home.silent.contains(&di)).await;
    away.send(false).unwrap();
    home.until(|home| !home.silent.contains(&di)).await;
}

#[tokio::test]
async fn a_device_that_misses_the_rounds_and_answers_by_itself_is_not_marked() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let (deaf, is_deaf) = tokio::sync::watch::channel(false);
    let device = Device::start(Some(port), move |seen| {
        if seen.multicast && *is_deaf.borrow() { vec![] } else { lamp.answer(seen).into_iter().collect() }
    })
    .await;
    let mut home = Home::searching(port);
    home.described(&di).await;
    deaf.send(true).unwrap();
    let heard = device.seen().len();
    device.got(|seen| seen.nth >= heard && !seen.multicast && seen.href() == "/oic/d").await;
    let round = home.search.round;
    home.until(|home| home.search.round >= round + 4).await;
    assert!(home.silent.is_empty());
}

#[tokio::test]
async fn a_restarted_device_is_reached_at_its_new_port() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let again = Lamp { di: lamp.di.clone(), values: lamp.values.clone(), ..Lamp::new(Format::Ocf) };
    let di = lamp.di.clone();
    let former = Device::start(Some(port), lamp.script()).await;
    let mut home = Home::searching(port);
    home.described(&di).await;
    drop(former);
    let now = Device::start(Some(port), again.script()).await;
    home.until(|home| home.devices[&di].endpoints == [now.address]).await;
    now.got(|seen| seen.href() == "/ra/xmpp").await;
}

#[tokio::test]
async fn a_place_is_asked_by_its_address_without_a_search() {
    let lamp = Lamp::new(Format::Cbor);
    let di = lamp.di.clone();
    let device = Device::start(None, lamp.script()).await;
    let mut home = Home::start(free_port());
    assert_eq!(home.lan.ask(&device.address.to_string()).await.unwrap(), [di.as_str()]);
    home.described(&di).await;
    assert!(!home.search.running);
}

#[tokio::test]
async fn coaps_own_port_may_answer_from_another() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let device = Device::start(None, lamp.script()).await;
    let front = tokio::net::UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
    let lamp_again = Lamp { di: di.clone(), ..Lamp::new(Format::Ocf) };
    let socket = device.socket.clone();
    let answering = tokio::spawn(async move {
        let mut buffer = vec![0; 2000];
        for nth in 0.. {
            let (length, from) = front.recv_from(&mut buffer).await.unwrap();
            let packet = message::decode(&buffer[..length]).unwrap();
            let seen = Seen { packet, from, multicast: false, nth };
            let answer = lamp_again.answer(&seen).unwrap();
            socket.send_to(&message::encode(&answer).unwrap(), from).await.unwrap();
        }
    });
    let mut home = Home::start(port);
    assert_eq!(home.lan.ask(&format!("127.0.0.1:{port}")).await.unwrap(), [di.as_str()]);
    assert_eq!(home.described(&di).await.endpoints, [device.address]);
    answering.abort();
}

#[tokio::test]
async fn an_address_where_nothing_is_says_so() {
    let home = Home::start(free_port());
    let silent =
        Device::start(None, |seen| vec![seen.respond(&Response::status(Status::NOT_FOUND), Format::Ocf)]).await;
    let error = home.lan.ask(&silent.address.to_string()).await.unwrap_err();
    assert_eq!(error.code, Code::NothingThere);
    assert_eq!(home.lan.ask("no address").await.unwrap_err().code, Code::AddressInvalid);
}

#[tokio::test]
async fn a_stopped_search_asks_no_more_and_a_new_one_reads_again() {
    let port = free_port();
    let lamp = Lamp::new(Format::Ocf);
    let di = lamp.di.clone();
    let device = Device::start(Some(port), lamp.script()).await;
    let mut home = Home::searching(port);
    home.described(&di).await;
    home.lan.stop();
    home.until(|home| !home.search.running).await;
    let reads = |device: &Device| device.seen().iter().filter(|seen| seen.href() == "/ra/xmpp").count();
    assert_eq!(reads(&device), 1);
    home.lan.refresh(&di);
    device.got(|_| reads(&device) == 2).await;
    home.lan.search();
    device.got(|_| reads(&device) == 3).await;
}

#[tokio::test]
async fn an_unknown_interface_is_refused() {
    let refused = Lan::start(vec!["eth77".to_owned()], Owner::default()).err().unwrap();
    assert_eq!(refused.code, Code::InterfaceUnknown);
}

#[tokio::test]
async fn fifty_devices_are_all_found() {
    let port = free_port();
    let mut devices = vec![];
    for _ in 0..50 {
        devices.push(Device::start(Some(port), Lamp::new(Format::Ocf).script()).await);
    }
    let mut home = Home::searching(port);
    home.until(|home| home.devices.len() == 50 && home.devices.values().all(|device| device.described)).await;
}
