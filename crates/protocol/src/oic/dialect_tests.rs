//! Whole datagrams of each dialect, as they are on the wire, made by another CBOR encoder than ours: `fixtures/wire`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::json;

use crate::coap::message::{self, Format};
use crate::crudn::{Href, Status};
use crate::oic::controls::{Shape, controls};
use crate::oic::device_id::DeviceId;
use crate::oic::discovery::{self, DiscoveredDevice, Endpoint, Link, Scheme};

const LAMP: &str = "8f596b43-29c0-4147-8b40-e99268ab30f7";

/// The bytes in a file; lines that begin with `#` say what they are.
fn datagram(file: &str) -> Vec<u8> {
    let digits: String = file.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(!digits.is_empty() && digits.len().is_multiple_of(2));
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

macro_rules! wire {
    ($name:literal) => {
        datagram(include_str!(concat!("fixtures/wire/", $name, ".hex")))
    };
}

fn link(href: &str, rt: &str, interfaces: &[&str], observable: bool) -> Link {
    Link {
        href: Href::new(href).unwrap(),
        rt: vec![rt.to_owned()],
        interfaces: interfaces.iter().map(|one| (*one).to_owned()).collect(),
        observable,
        endpoints: Vec::new(),
        secure_port: None,
    }
}

fn light() -> Link {
    link("/light", "oic.r.switch.binary", &["oic.if.a", "oic.if.baseline"], true)
}

fn remote_access() -> Link {
    link("/ra/xmpp", "oic.ra.xmpp", &["oic.if.s"], false)
}

fn lists(datagram: &[u8], format: Format, links: Vec<Link>) {
    let packet = message::decode(datagram).unwrap();
    assert_eq!(message::format(&packet), Some(format));
    let response = message::decode_response(&packet).unwrap();
    assert_eq!(response.status, Status::OK);
    let devices = vec![DiscoveredDevice { di: DeviceId::new(LAMP).unwrap(), links }];
    assert_eq!(discovery::read(&response.body.unwrap()).unwrap(), devices);
    // By its own way, which multicast answers take.
    assert_eq!(discovery::decode(&packet.payload).unwrap(), devices);
}

#[test]
fn iotivity_1_0_0_has_a_map_for_each_resource() {
    lists(&wire!("iotivity-1.0.0"), Format::Cbor, vec![light(), remote_access()]);
}

#[test]
fn iotivity_1_0_1_has_one_map_for_all() {
    lists(&wire!("iotivity-1.0.1"), Format::Cbor, vec![light(), remote_access()]);
}

#[test]
fn oic_1_1_tells_where_coaps_is_by_its_port() {
    let secured = Link { secure_port: Some(57083), ..remote_access() };
    lists(&wire!("oic-1.1"), Format::Cbor, vec![light(), secured]);
}

#[test]
fn ocf_tells_its_endpoints_and_may_wrap_its_links() {
    let at = |scheme, port, priority| Endpoint { scheme, ip: "10.77.1.1".parse().unwrap(), port, priority };
    let both = vec![at(Scheme::Coap, 33051, 1), at(Scheme::Coaps, 33052, 2)];
    let links = vec![
        Link { endpoints: both, ..light() },
        Link { endpoints: vec![at(Scheme::Coaps, 33052, 1)], ..remote_access() },
    ];
    lists(&wire!("ocf"), Format::Ocf, links.clone());
    lists(&wire!("ocf-baseline"), Format::Ocf, links);
}

#[test]
fn a_colour_is_a_text_in_oic_and_a_list_in_ocf_and_the_same_control_to_a_person() {
    for (datagram, as_text, body) in [
        (wire!("oic-1.1-colour"), true, json!({"rgbValue": "255,214,170", "range": "0,255"})),
        (wire!("ocf-colour"), false, json!({"rgbValue": [255, 214, 170], "range": [0, 255]})),
    ] {
        let response = message::decode_response(&message::decode(&datagram).unwrap()).unwrap();
        assert_eq!(response.body.as_ref(), Some(&body));
        let (href, rt) = (Href::new("/colour").unwrap(), "oic.r.colour.rgb".to_owned());
        let drawn = controls(&href, &[rt], &["oic.if.a".to_owned()], response.body.as_ref(), None);
        assert_eq!(drawn[0].shape, Shape::Colour { as_text, most: 255 });
    }
}
