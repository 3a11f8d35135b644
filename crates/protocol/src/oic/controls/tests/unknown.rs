//! Types that the table does not know.
use serde_json::json;

use super::*;
use crate::oic::introspection::Introspection;

fn facts(interface: &str, value: Value) -> Vec<(String, Shape, bool)> {
    let controls = of("x.com.vendor.fan", interface, Some(value));
    controls.into_iter().map(|control| (control.property, control.shape, control.writable)).collect()
}

fn level(min: f64, max: f64, step: f64) -> Shape {
    Shape::Level(Range { min, max, step, unit: None })
}

fn open(step: Option<f64>) -> Shape {
    Shape::Number(Bounds { min: None, max: None, step, unit: None })
}

#[test]
fn an_unknown_type_is_read_from_its_value() {
    let value = json!({
        "rt": ["x.com.vendor.fan"], "if": ["oic.if.a"], "n": "Fan", "range": [0, 5], "step": 1, "turning": true,
        "speed": 3, "mode": "breeze", "supportedModes": ["breeze", "storm"], "label": "Attic",
        "since": "2026-01-09T14:30Z", "axes": [1, 2], "inside": {"deep": 1}, "none": null, "": 1
    });
    let list = Shape::List { unit: None };
    let modes = Shape::Choice { options: vec![json!("breeze"), json!("storm")], as_list: false, several: false };
    let time = Shape::Time { form: TimeForm::DateTime };
    let named = |name: &str, shape, writable| (name.to_owned(), shape, writable);
    assert_eq!(
        facts("oic.if.a", value),
        [
            named("axes", list, false),
            named("label", Shape::Text, true),
            named("mode", modes, true),
            named("since", time, true),
            named("speed", level(0.0, 5.0, 1.0), true),
            named("turning", Shape::Switch, true),
        ]
    );
}

#[test]
fn a_list_that_is_the_plural_of_a_property_says_what_it_can_be() {
    let speeds = Shape::Choice { options: vec![json!(0), json!(1), json!(2)], as_list: false, several: false };
    let told = json!({"speed": 1, "speeds": [0, 1, 2]});
    assert_eq!(facts("oic.if.a", told), [("speed".to_owned(), speeds, true)]);
    let other = facts("oic.if.a", json!({"speed": 7, "speeds": [0, 1, 2]}));
    assert_eq!(
        other.iter().map(|(_, shape, _)| shape).collect::<Vec<_>>(),
        [&open(Some(1.0)), &Shape::List { unit: None }]
    );
}

#[test]
fn an_unknown_type_is_only_read_unless_an_interface_for_writing_is_named() {
    let value = json!({"turning": true, "speed": 3, "units": "rpm", "mode": "x", "supportedModes": ["x"]});
    for interface in ["oic.if.s", "oic.if.r", "oic.if.baseline"] {
        let facts = facts(interface, value.clone());
        assert!(facts.iter().all(|(_, _, writable)| !writable), "{interface}");
        assert_eq!(facts[0].1, Shape::Text);
        assert_eq!(facts[1].1, Shape::Reading { unit: Some("rpm".to_owned()) });
        assert_eq!(facts[2].1, Shape::State);
    }
}

#[test]
fn a_bare_range_is_nobodys_where_there_are_two_numbers() {
    let value = json!({"speed": 3, "tilt": 1.5, "range": [0, 5], "tilt_range": "-10,10"});
    let shapes = facts("oic.if.a", value).into_iter().map(|(_, shape, _)| shape).collect::<Vec<_>>();
    assert_eq!(shapes, [open(Some(1.0)), level(-10.0, 10.0, 1.0)]);
}

#[test]
fn before_its_value_an_unknown_type_has_what_its_introspection_says() {
    let introspection = Introspection::read(&json!({"paths": {"/a": {
        "get": {"responses": {"200": {"schema": {"properties": {
            "speed": {"type": "integer", "minimum": 0, "maximum": 5},
            "hours": {"type": "number", "readOnly": true},
            "mode": {"type": "string", "enum": ["breeze", "storm"]},
            "gears": {"type": "array", "items": {"type": "integer", "enum": [1, 2]}},
            "since": {"type": "string", "format": "date-time", "readOnly": true},
            "on": {"type": "boolean"},
            "wifiPassword": {"type": "string"},
            "parts": {"type": "object"}
        }}}}},
        "post": {}
    }}}))
    .unwrap();
    let of = |interface: &str, value| {
        described("x.com.vendor.fan", interface, value, introspection.of(&Href::new("/a").unwrap()))
            .into_iter()
            .map(|control| (control.property, control.shape, control.writable))
            .collect::<Vec<_>>()
    };
    let named = |name: &str, shape, writable| (name.to_owned(), shape, writable);
    let modes = Shape::Choice { options: vec![json!("breeze"), json!("storm")], as_list: false, several: false };
    let gears = Shape::Choice { options: vec![json!(1), json!(2)], as_list: true, several: true };
    assert_eq!(
        of("oic.if.a", None),
        [
            named("gears", gears, true),
            named("hours", Shape::Reading { unit: None }, false),
            named("mode", modes.clone(), true),
            named("on", Shape::Switch, true),
            named("since", Shape::Time { form: TimeForm::DateTime }, false),
            named("speed", level(0.0, 5.0, 1.0), true),
        ]
    );
    let value = json!({"mode": "storm", "hours": 7, "speed": 2, "speed_range": [1, 3]});
    assert_eq!(
        of("oic.if.a", Some(value)),
        [
            named("hours", Shape::Reading { unit: None }, false),
            named("mode", modes, true),
            named("speed", level(1.0, 3.0, 1.0), true),
        ],
        "what the representation says comes first"
    );
    assert!(of("oic.if.s", None).iter().all(|(_, _, writable)| !writable));
}

#[test]
fn introspection_says_the_ends_and_choices_of_known_types_too() {
    let introspection = Introspection::read(&json!({"paths": {"/a": {
        "get": {"responses": {"200": {"schema": {"properties": {
            "dimmingSetting": {"type": "integer", "minimum": 0, "maximum": 10},
            "modes": {"type": "array", "items": {"enum": ["auto"]}}
        }}}}}
    }}}))
    .unwrap();
    let of = |rt: &str| described(rt, "oic.if.a", None, introspection.of(&Href::new("/a").unwrap())).remove(0).shape;
    assert_eq!(of("oic.r.light.dimming"), level(0.0, 10.0, 1.0));
    assert_eq!(of("oic.r.mode"), Shape::Choice { options: vec![json!("auto")], as_list: true, several: false });
}

#[test]
fn a_list_of_links_is_a_collection_whatever_its_type() {
    let facts = facts("oic.if.ll", json!([{"href": "/b", "rt": ["x.b"]}]));
    let members = vec![Href::new("/b").unwrap()];
    assert_eq!(facts, [("links".to_owned(), Shape::Collection { members }, false)]);
}

#[test]
fn no_secret_becomes_a_control_or_a_reading_whatever_the_type() {
    let secrets = json!({
        "password": "hunter2", "privatedata": {"data": "hunter2"}, "credentials": ["hunter2"], "accesstoken": "hunter2",
        "psk": "hunter2", "cred": "hunter2", "creds": ["hunter2"], "pin": 1234, "wifi_passphrase": "hunter2",
        "apiKey": "hunter2", "cd": "hunter2", "at": "hunter2", "refreshtoken": "hunter2", "client-secret": "hunter2",
        "lockCode": "hunter2", "nested": {"password": "hunter2"}, "list": [{"password": "hunter2"}],
        "supportedPins": ["hunter2"]
    });
    let mut types = table::types().map(|(rt, _)| *rt).collect::<Vec<_>>();
    types.push("x.com.vendor.router");
    for rt in types {
        for interface in ["oic.if.a", "oic.if.rw", "oic.if.s", "oic.if.baseline"] {
            let text = serde_json::to_string(&of(rt, interface, Some(secrets.clone()))).unwrap();
            assert!(!text.contains("hunter2"), "{rt} {text}");
        }
    }
    assert_eq!(facts("oic.if.rw", secrets), []);
}

#[test]
fn security_resources_have_nothing_to_show_whatever_they_hold() {
    for rt in ["oic.r.cred", "oic.r.acl2", "oic.ra.user", "oic.r.roles", "oic.r.account", "oic.r.session"] {
        assert_eq!(of(rt, "oic.if.rw", Some(json!({"jid": "a@b.c", "owner": "x", "uid": "u"}))), [], "{rt}");
    }
}

#[test]
fn what_sounds_dangerous_is_asked_about() {
    let asks = |rt: &str, value| of(rt, "oic.if.a", Some(value)).into_iter().map(|c| c.confirm).collect::<Vec<_>>();
    assert_eq!(asks("x.com.vendor.hub", json!({"factory_reset": false, "preset": "x"})), [true, false]);
    assert_eq!(asks("x.com.vendor.doorlock", json!({"bolt": true})), [true]);
    assert_eq!(asks("x.com.vendor.clock", json!({"summer": true})), [false]);
}
