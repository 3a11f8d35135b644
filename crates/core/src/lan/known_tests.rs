#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::device::Description;
use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::oic::discovery::{Endpoint, Scheme};

use super::*;

const LAMP: &str = "lamp";

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn link(href: &str, rt: &str) -> Link {
    Link {
        href: Href::new(href).unwrap(),
        rt: vec![rt.to_owned()],
        interfaces: vec![],
        observable: false,
        endpoints: vec![],
        secure_port: None,
    }
}

fn found(di: &str, links: Vec<Link>) -> DiscoveredDevice {
    DiscoveredDevice { di: DeviceId::new(di).unwrap(), links }
}

fn heard(known: &mut Known, round: u32, from: &str) -> Option<News> {
    known.heard(round, address(from), Format::Ocf, true, found(LAMP, vec![link("/light", "x")]))
}

fn endpoints(known: &Known) -> Vec<String> {
    known.device(LAMP).unwrap().endpoints.iter().map(ToString::to_string).collect()
}

#[test]
fn one_device_on_two_paths_is_one_device() {
    let mut known = Known::default();
    assert_eq!(heard(&mut known, 1, "192.0.2.1:40001"), Some(News::Found));
    assert_eq!(heard(&mut known, 1, "[2001:db8::1]:40002"), Some(News::Changed));
    assert_eq!(heard(&mut known, 1, "192.0.2.1:40001"), Some(News::Same));
    assert_eq!(endpoints(&known), ["192.0.2.1:40001", "[2001:db8::1]:40002"]);
}

#[test]
fn a_narrowed_list_adds_and_a_whole_one_replaces() {
    let mut known = Known::default();
    let from = address("192.0.2.1:40001");
    known.heard(1, from, Format::Ocf, false, found(LAMP, vec![link("/ra", "oic.ra.xmpp")]));
    assert!(known.device(LAMP).unwrap().xmpp.is_some());
    let whole = vec![link("/a", "x"), link("/ra", "oic.ra.xmpp")];
    assert_eq!(known.heard(1, from, Format::Ocf, true, found(LAMP, whole.clone())), Some(News::Changed));
    assert_eq!(known.heard(2, from, Format::Ocf, true, found(LAMP, whole)), Some(News::Same));
    assert_eq!(known.device(LAMP).unwrap().links.len(), 2);
}

#[test]
fn the_other_familys_endpoints_and_the_other_formats_list_are_nothing_new() {
    let mut known = Known::default();
    let from = address("192.0.2.1:40001");
    let mut with_endpoint = link("/a", "x");
    known.heard(1, from, Format::Ocf, true, found(LAMP, vec![with_endpoint.clone()]));
    let endpoint = discovery_endpoint("192.0.2.1");
    with_endpoint.endpoints = vec![endpoint];
    assert_eq!(known.heard(1, from, Format::Ocf, true, found(LAMP, vec![with_endpoint])), Some(News::Same));
    let other = vec![link("/a", "x"), link("/b", "y")];
    assert_eq!(known.heard(1, from, Format::Cbor, true, found(LAMP, other)), Some(News::Same));
}

fn discovery_endpoint(ip: &str) -> Endpoint {
    Endpoint { scheme: Scheme::Coap, ip: ip.parse().unwrap(), port: 40001, priority: 1 }
}

#[test]
fn a_new_port_of_the_same_address_takes_the_place_of_the_former() {
    let mut known = Known::default();
    heard(&mut known, 1, "192.0.2.1:40001");
    assert_eq!(heard(&mut known, 2, "192.0.2.1:50001"), Some(News::Changed));
    assert_eq!(endpoints(&known), ["192.0.2.1:50001"]);
}

#[test]
fn two_that_claim_one_id_in_the_same_round_are_both_kept_within_bounds() {
    let mut known = Known::default();
    for port in 1..=20 {
        heard(&mut known, 1, &format!("192.0.2.1:{port}"));
    }
    assert_eq!(endpoints(&known).len(), MAX_ENDPOINTS);
}

#[test]
fn an_address_that_is_no_longer_heard_is_dropped() {
    let mut known = Known::default();
    heard(&mut known, 1, "192.0.2.1:40001");
    heard(&mut known, 1, "[2001:db8::1]:40002");
    heard(&mut known, 2 + FORGET_AFTER, "[2001:db8::1]:40002");
    assert_eq!(endpoints(&known), ["[2001:db8::1]:40002"]);
}

#[test]
fn who_missed_a_round_is_looked_for_once_and_marked_if_that_fails() {
    let mut known = Known::default();
    heard(&mut known, 1, "192.0.2.1:40001");
    assert!(known.missing(2).is_empty(), "round 2 has only begun");
    assert_eq!(known.missing(3), [(LAMP.to_owned(), vec![address("192.0.2.1:40001")])]);
    assert!(known.missing(4).is_empty(), "being looked for");
    assert_eq!(
        known.probed(LAMP, None, 3),
        Probed::Unsure(vec![address("192.0.2.1:40001")]),
        "one round is not enough"
    );
    assert_eq!(known.probed(LAMP, None, 4), Probed::Silent);
    assert!(known.missing(9).is_empty(), "known to be silent");
    assert_eq!(heard(&mut known, 9, "192.0.2.1:40001"), Some(News::Changed), "it is back");
}

#[test]
fn who_answers_by_itself_or_meanwhile_is_not_marked() {
    let mut known = Known::default();
    let at = address("192.0.2.1:40001");
    heard(&mut known, 1, "192.0.2.1:40001");
    known.missing(3);
    assert_eq!(known.probed(LAMP, Some(at), 3), Probed::Alive);
    known.missing(6);
    heard(&mut known, 6, "192.0.2.1:40001");
    assert_eq!(known.probed(LAMP, None, 6), Probed::Alive);
}

#[test]
fn no_flood_makes_it_grow_without_bound_and_silent_devices_make_room() {
    let mut known = Known::default();
    let from = address("192.0.2.1:40001");
    for n in 0..3000 {
        known.heard(1, from, Format::Ocf, true, found(&format!("d{n}"), vec![link("/a", "x")]));
    }
    assert_eq!(known.devices.len(), MAX_DEVICES);
    assert_eq!(known.heard(1, from, Format::Ocf, true, found("late", vec![])), None);
    known.missing(4);
    known.probed("d5", None, 4);
    assert_eq!(known.heard(4, from, Format::Ocf, true, found("late", vec![])), Some(News::Found));
}

#[test]
fn all_links_together_are_bounded() {
    let mut known = Known::default();
    let many: Vec<Link> = (0..1000).map(|n| link(&format!("/{n}"), "x")).collect();
    for n in 0..100 {
        known.heard(1, address("192.0.2.1:1"), Format::Ocf, true, found(&format!("d{n}"), many.clone()));
    }
    let kept: usize = known.devices.values().map(|entry| entry.device.links.len()).sum();
    assert!(kept <= MAX_LINKS && kept == known.links, "{kept}");
}

#[test]
fn a_device_of_ours_answers_where_that_is_proven_and_what_others_said_is_read_anew() {
    let mut known = Known::default();
    let (own, others) = (address("192.0.2.1:40001"), address("192.0.2.66:40001"));
    heard(&mut known, 1, "192.0.2.66:40001");
    heard(&mut known, 1, "192.0.2.1:40001");
    let (read, at) = known.next_read(LAMP, 1).unwrap();
    assert_eq!(at, others);
    assert_eq!(known.proven(LAMP, own, 2, |at| at == own), News::Changed);
    assert_eq!(known.proven(LAMP, own, 2, |at| at == own), News::Same);
    assert_eq!(endpoints(&known), [own.to_string()]);
    let said = Description { name: Some("Not the lamp".into()), ..Description::default() };
    let (news, again) = known.read(LAMP, others, 2, Outcome::Device(Some(said)));
    assert_eq!((news, again), (News::Same, Some((read, own))), "asked again, and of the device");
    assert_eq!(known.device(LAMP).unwrap().name, None);
    assert_eq!(known.probed(LAMP, Some(others), 3), Probed::Unsure(vec![own]), "whose sign of life was that?");
}

#[test]
fn where_another_answers_a_device_of_ours_does_not() {
    let mut known = Known::default();
    heard(&mut known, 1, "192.0.2.1:40001");
    heard(&mut known, 1, "[2001:db8::1]:40002");
    assert_eq!(known.disproven(LAMP, address("192.0.2.66:40001")), Some(News::Same));
    let elsewhere = known.disproven(LAMP, address("192.0.2.1:40001"));
    assert_eq!(elsewhere, Some(News::Changed), "it answers elsewhere too");
    assert_eq!(endpoints(&known), ["[2001:db8::1]:40002"]);
    assert_eq!(known.disproven(LAMP, address("[2001:db8::1]:40002")), None, "and there alone");
    assert!(known.lost(LAMP), "silent now");
    assert!(!known.lost(LAMP), "as before");
    assert_eq!(heard(&mut known, 2, "[2001:db8::1]:40002"), Some(News::Changed));
}
