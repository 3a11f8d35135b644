#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::json;

use super::*;

fn link(href: &str, rt: &str, secure_port: Option<u16>) -> Link {
    Link {
        href: Href::new(href).unwrap(),
        rt: vec![rt.to_owned()],
        interfaces: vec![],
        observable: false,
        endpoints: vec![],
        secure_port,
    }
}

fn device(links: Vec<Link>) -> LanDevice {
    let mut device = LanDevice::new("lamp".into(), "192.0.2.1:40001".parse().unwrap());
    device.list(links);
    device
}

/// Reads all there is, each with an outcome that says nothing.
fn order(device: &mut LanDevice, listed: bool) -> Vec<Read> {
    let mut reading = Reading::default();
    let mut order = vec![];
    while let Some((read, _)) = reading.next(device, listed, 1) {
        assert!(reading.next(device, listed, 1).is_none(), "one at a time");
        let outcome = match &read {
            Read::Device => Outcome::Device(None),
            Read::Access(_) => Outcome::Access(Access::Unreadable),
            Read::Platform => Outcome::Platform(None),
            Read::List => Outcome::NoList,
            Read::Types => Outcome::Types(Description::read(&json!({"rt": ["oic.wk.d", "oic.d.fan"]}))),
            Read::WellKnownAccess => Outcome::WellKnownAccess(Access::Unreadable),
            Read::Doxm => Outcome::Doxm(None),
        };
        reading.take(outcome, device);
        order.push(read);
    }
    assert!(reading.is_over());
    order
}

#[test]
fn what_a_person_wants_to_know_first_is_read_first() {
    let ra = Href::new("/ra").unwrap();
    let mut listed = device(vec![link("/ra", "oic.ra.xmpp", None), link("/oic/d", "oic.d.light", None)]);
    assert_eq!(listed.device_type.as_deref(), Some("oic.d.light"), "the link to /oic/d tells it");
    assert_eq!(order(&mut listed, true), [Read::Device, Read::Access(ra), Read::Platform]);
    let mut unlisted = device(vec![]);
    let all = [Read::Device, Read::Platform, Read::List, Read::Types, Read::WellKnownAccess];
    assert_eq!(order(&mut unlisted, false), all);
    assert_eq!(unlisted.device_type.as_deref(), Some("oic.d.fan"));
}

#[test]
fn a_secured_resource_is_not_read_in_the_clear_and_its_owner_is_asked_for() {
    let mut secured = device(vec![link("/ra", "oic.ra.xmpp", Some(5684)), link("/oic/d", "oic.d.x", None)]);
    assert_eq!(order(&mut secured, true), [Read::Device, Read::Platform, Read::Doxm]);
    assert!(secured.remote_access.unwrap().secured_only);
    assert_eq!(secured.security, view::Security::OwnedByAnother, "it hides whose it is");
}

#[test]
fn an_unowned_device_is_told_from_an_owned_one() {
    let mut secured = device(vec![link("/oic/sec/doxm", "oic.r.doxm", Some(5684))]);
    let mut reading = Reading::default();
    reading.take(Outcome::Doxm(Doxm::read(&json!({"owned": false}))), &mut secured);
    assert_eq!(secured.security, view::Security::Unowned);
    reading.take(Outcome::Doxm(Doxm::read(&json!({"owned": true, "devowneruuid": "x"}))), &mut secured);
    assert_eq!(secured.security, view::Security::OwnedByAnother);
}

#[test]
fn a_device_that_does_not_answer_is_tried_again_when_it_is_next_heard_and_not_for_ever() {
    let mut quiet = device(vec![]);
    quiet.endpoints.push("[2001:db8::1]:40002".parse().unwrap());
    let mut reading = Reading::default();
    let mut asked_at = vec![];
    for round in 1..=3 {
        reading.heard(round);
        let (read, at) = reading.next(&quiet, true, round).unwrap();
        assert_eq!(read, Read::Device);
        asked_at.push(at);
        reading.take(Outcome::NoAnswer(read), &mut quiet);
        reading.heard(round);
        if round < 3 {
            assert!(reading.next(&quiet, true, round).is_none(), "not in the same round");
        }
    }
    assert_eq!(asked_at, [quiet.endpoints[0], quiet.endpoints[1], quiet.endpoints[0]], "its other address, too");
    assert_eq!(reading.next(&quiet, true, 4).unwrap().0, Read::Platform, "given up, the rest goes on");
}

#[test]
fn a_former_status_goes_when_the_device_reports_a_new_one() {
    let mut lamp = device(vec![link("/ra", "oic.ra.xmpp", None)]);
    let mut reading = Reading::default();
    let is = |body| Outcome::Access(Access::Is(XmppAccess::read(&body).unwrap()));
    reading.take(is(json!({"address": "a", "port": 1, "status": "Error", "ErrorReason": "no route"})), &mut lamp);
    assert_eq!(lamp.remote_access.as_ref().unwrap().error_reason.as_deref(), Some("no route"));
    reading.take(is(json!({"address": "", "port": 0, "status": "NotInitialized"})), &mut lamp);
    let access = lamp.remote_access.unwrap();
    assert_eq!((access.address, access.port, access.error_reason), (None, None, None));
    assert_eq!(access.status.as_deref(), Some("NotInitialized"));
}

#[test]
fn an_empty_answer_at_the_well_known_path_is_no_remote_access() {
    let mut lamp = device(vec![]);
    let mut reading = Reading::default();
    reading.take(Outcome::WellKnownAccess(Access::Is(XmppAccess::default())), &mut lamp);
    assert_eq!(lamp.remote_access, None);
}
