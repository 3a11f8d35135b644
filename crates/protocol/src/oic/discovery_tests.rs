#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use proptest::prelude::*;

use super::*;

const LAMP: &str = "8f596b43-29c0-4147-8b40-e99268ab30f7";
const PLUG: &str = "2b4b1d3c-5a2f-4b0e-9c46-3c1f1e9d8a11";

fn decode_value(value: Value) -> Result<Vec<DiscoveredDevice>, DiscoveryError> {
    decode(&cbor::encode(&value).unwrap())
}

fn hrefs(device: &DiscoveredDevice) -> Vec<&str> {
    device.links.iter().map(|link| link.href.as_str()).collect()
}

#[test]
fn ocfs_flat_links_are_read() {
    let devices = decode_value(json!([
        {"anchor": format!("ocf://{LAMP}"), "href": "/light", "rt": ["oic.r.switch.binary"],
         "if": ["oic.if.a", "oic.if.baseline"], "p": {"bm": 3}, "tag-x": 1,
         "eps": [{"ep": "coap://10.77.1.1:33051", "pri": 1}, {"ep": "coaps://[fe80::1]:33052"},
                 {"ep": "coaps+tcp://10.77.1.1", "pri": 3}, {"ep": "coap://host:1"}, {"ep": "http://10.77.1.1:1"}, 7]},
        {"anchor": format!("ocf://{LAMP}"), "href": "/oic/p", "rt": ["oic.wk.p"], "if": ["oic.if.r"], "p": {"bm": 1}},
    ]))
    .unwrap();
    assert_eq!((devices.len(), devices[0].di.as_str(), hrefs(&devices[0])), (1, LAMP, vec!["/light", "/oic/p"]));
    let light = &devices[0].links[0];
    assert!(light.observable && light.is("oic.r.switch.binary") && light.is_secured() && !light.is_secured_only());
    assert_eq!(
        light.endpoints,
        [
            Endpoint { scheme: Scheme::Coap, ip: "10.77.1.1".parse().unwrap(), port: 33051, priority: 1 },
            Endpoint { scheme: Scheme::Coaps, ip: "fe80::1".parse().unwrap(), port: 33052, priority: 1 },
            Endpoint { scheme: Scheme::CoapsTcp, ip: "10.77.1.1".parse().unwrap(), port: 5684, priority: 3 },
        ]
    );
    assert!(!devices[0].links[1].observable);
}

#[test]
fn a_host_that_stands_for_several_devices_lists_a_port_for_each() {
    let link = |di: &str, href: &str, eps: &[(&str, u8)]| {
        let eps: Vec<_> = eps.iter().map(|(ep, pri)| json!({"ep": ep, "pri": pri})).collect();
        json!({"anchor": format!("ocf://{di}"), "href": href, "rt": ["x"], "if": ["y"], "eps": eps})
    };
    let other = "6a4f0000-0000-4000-8000-0000000000ff";
    let devices = decode_value(json!([
        link(
            LAMP,
            "/light",
            &[("coap://192.0.2.9:5", 1), ("coap://10.77.1.1:40002", 3), ("coap://10.77.1.1:40001", 2)]
        ),
        link(
            other,
            "/fan",
            &[("coaps://10.77.1.1:1", 1), ("coap+tcp://10.77.1.1:2", 1), ("coap://10.77.1.1:40003", 1)]
        ),
    ]))
    .unwrap();
    let from: SocketAddr = "10.77.1.1:5683".parse().unwrap();
    let at: Vec<u16> = devices.iter().map(|device| device.at(from).port()).collect();
    assert_eq!(at, [40001, 40003], "by priority, at the host alone, over UDP in the clear");
    let elsewhere: SocketAddr = "10.77.1.2:5683".parse().unwrap();
    assert_eq!(devices[0].at(elsewhere), elsewhere, "whoever answers names no other host");
}

#[test]
fn ocfs_baseline_wraps_the_same_links() {
    let devices = decode_value(json!([{"rt": ["oic.wk.res"], "if": ["oic.if.baseline"], "links": [
        {"anchor": format!("ocf://{LAMP}"), "href": "/light", "rt": ["a"], "if": ["b"]}]}]))
    .unwrap();
    assert_eq!((devices[0].di.as_str(), hrefs(&devices[0])), (LAMP, vec!["/light"]));
}

#[test]
fn oic_1_1_is_read_with_its_secure_port() {
    let devices = decode_value(json!([{"di": LAMP.to_uppercase(), "links": [
        {"href": "/XMPPResURI", "rt": ["oic.ra.xmpp"], "if": ["oic.if.s"], "p": {"bm": 1, "sec": true, "port": 57083}},
        {"href": "/light", "rt": ["oic.r.light"], "if": ["oic.if.a"], "p": {"bm": 3, "sec": false, "port": 1}}]}]))
    .unwrap();
    assert_eq!(devices[0].di.as_str(), LAMP);
    assert_eq!(devices[0].links[0].secure_port, Some(57083));
    assert!(devices[0].links[0].is_secured_only());
    assert_eq!(devices[0].links[1].secure_port, None);
}

/// One `{di, links: [one]}` per resource, `di` a byte string, `rt` and `if` one string with spaces.
#[test]
fn iotivity_1_0_0_is_read_as_one_device() {
    let mut payload = vec![0x82];
    for href in [b"/a", b"/b"] {
        payload.extend([0xa2, 0x62, b'd', b'i', 0x50]);
        payload.extend(0u8..16);
        payload.extend([0x65, b'l', b'i', b'n', b'k', b's', 0x81, 0xa2, 0x64, b'h', b'r', b'e', b'f', 0x62]);
        payload.extend(href);
        payload.extend([0x62, b'r', b't', 0x63, b'x', b' ', b'y']);
    }
    let devices = decode(&payload).unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].di.as_str(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    assert_eq!(
        (hrefs(&devices[0]), &devices[0].links[0].rt[..]),
        (vec!["/a", "/b"], &["x".to_owned(), "y".into()][..])
    );
}

#[test]
fn iotivity_1_0_1_is_one_map() {
    let devices = decode_value(json!({"di": LAMP, "links": [{"href": "/a", "rt": "x y", "if": "z"}]})).unwrap();
    assert_eq!(devices[0].links[0].rt, ["x", "y"]);
}

#[test]
fn a_list_may_name_several_devices() {
    let devices = decode_value(json!([
        {"anchor": format!("ocf://{LAMP}"), "href": "/a"},
        {"anchor": format!("ocf://{PLUG}/b"), "href": "/a"},
    ]))
    .unwrap();
    assert_eq!(devices.iter().map(|device| device.di.as_str()).collect::<Vec<_>>(), [LAMP, PLUG]);
}

#[test]
fn nothing_that_matched_is_no_error() {
    assert_eq!(decode_value(json!([])), Ok(vec![]));
}

#[test]
fn an_answer_without_a_device_id_is_dropped() {
    for answer in [
        json!([{"href": "/a", "rt": ["x"]}]),
        json!([{"links": [{"href": "/a"}]}]),
        json!([{"di": "", "links": [{"href": "/a"}]}]),
        json!([{"di": 7, "links": [{"href": "/a"}]}]),
        json!([{"anchor": "http://a", "href": "/a"}]),
    ] {
        assert_eq!(decode_value(answer.clone()), Err(DiscoveryError::NoDevice), "{answer}");
    }
}

#[test]
fn an_answer_with_a_doubled_di_is_dropped() {
    // [{"di": "a", "di": "b", "href": "/a"}]
    let payload = [&[0x81, 0xa3][..], b"\x62di\x61a", b"\x62di\x61b", b"\x64href\x62/a"].concat();
    assert_eq!(decode(&payload), Err(DiscoveryError::Body(cbor::CborError::KeyTwice)));
}

#[test]
fn a_path_that_comes_twice_is_kept_once() {
    let devices =
        decode_value(json!([{"di": LAMP, "links": [{"href": "/a", "rt": ["x"]}, {"href": "/a", "rt": ["y"]}]}]))
            .unwrap();
    assert_eq!((devices[0].links.len(), &devices[0].links[0].rt[0][..]), (1, "x"));
}

#[test]
fn wrong_types_drop_the_link_or_the_answer() {
    let devices = decode_value(json!([{"di": LAMP, "links": [
        {"href": 7}, {"href": "a"}, {"rt": ["x"]}, "x", {"href": "/bad", "rt": 7}, {"href": "/bad", "rt": ["x", 7]},
        {"href": "/good", "rt": ["x"], "p": 7, "eps": 7}]}]))
    .unwrap();
    assert_eq!(hrefs(&devices[0]), ["/good"]);
    for answer in [json!(7), json!("x"), json!(null), json!(true)] {
        assert_eq!(decode_value(answer), Err(DiscoveryError::NotAList));
    }
    for answer in [json!([7, "x"]), json!([{"di": LAMP, "links": 7}]), json!({"di": LAMP, "links": {}})] {
        assert_eq!(decode_value(answer), Err(DiscoveryError::NoDevice));
    }
}

#[test]
fn a_megabyte_is_dropped() {
    let links: Vec<_> =
        (0..16_000).map(|n| json!({"href": format!("/{n}"), "rt": ["oic.r.switch.binary.long"]})).collect();
    let payload = cbor::encode(&json!([{"di": LAMP, "links": links}])).unwrap();
    assert!(payload.len() > 600_000);
    assert_eq!(decode(&payload), Err(DiscoveryError::TooLarge));
    let links: Vec<_> = (0..=MAX_LINKS).map(|n| json!({"href": format!("/{n}")})).collect();
    assert_eq!(decode_value(json!([{"di": LAMP, "links": links}])), Err(DiscoveryError::TooManyLinks));
}

#[test]
fn malformed_cbor_is_dropped() {
    assert_eq!(decode(&[0x81, 0xa1]), Err(DiscoveryError::Body(cbor::CborError::Malformed)));
    assert!(decode(b"<html>").is_err());
}

#[test]
fn one_link_cannot_hold_without_bound() {
    let names: Vec<_> = (0..100).map(|n| format!("x{n}")).collect();
    let eps: Vec<_> = (0..100).map(|n| json!({"ep": format!("coap://10.0.0.1:{}", n + 1)})).collect();
    let devices =
        decode_value(json!([{"di": LAMP, "href": "/a", "rt": names, "if": "y".repeat(200), "eps": eps}])).unwrap();
    let link = &devices[0].links[0];
    assert_eq!((link.rt.len(), link.interfaces.len(), link.endpoints.len()), (16, 0, 16));
}

fn any_link(shape: Shape) -> impl Strategy<Value = Link> {
    let names = || prop::collection::vec("[a-z.]{1,12}", 0..4);
    let endpoint = (prop::sample::select(Scheme::ALL.to_vec()), any::<IpAddr>(), 1u16.., any::<u8>())
        .prop_map(|(scheme, ip, port, priority)| Endpoint { scheme, ip, port, priority });
    ("/[a-z/]{0,12}", names(), names(), any::<bool>(), prop::collection::vec(endpoint, 0..3), prop::option::of(1u16..))
        .prop_map(move |(href, rt, interfaces, observable, endpoints, port)| Link {
            href: Href::new(href).unwrap(),
            rt,
            interfaces,
            observable,
            endpoints: if shape == Shape::Ocf { endpoints } else { Vec::new() },
            secure_port: port.filter(|_| shape == Shape::Oic),
        })
}

fn any_device(shape: Shape) -> impl Strategy<Value = DiscoveredDevice> {
    prop::collection::vec(any_link(shape), 1..6).prop_map(|mut links| {
        links.sort_by(|a, b| a.href.cmp(&b.href));
        links.dedup_by(|a, b| a.href == b.href);
        DiscoveredDevice { di: DeviceId::new(LAMP).unwrap(), links }
    })
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let _ = decode(&bytes);
    }

    #[test]
    fn an_ocf_list_comes_out_as_it_went_in(device in any_device(Shape::Ocf)) {
        prop_assert_eq!(decode_value(write(&device, Shape::Ocf)), Ok(vec![device]));
    }

    #[test]
    fn an_oic_list_comes_out_as_it_went_in(device in any_device(Shape::Oic)) {
        prop_assert_eq!(decode_value(write(&device, Shape::Oic)), Ok(vec![device]));
    }
}
