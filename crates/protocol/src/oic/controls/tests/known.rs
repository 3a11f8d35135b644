//! Each shape, of a type that has it.
use serde_json::json;

use super::*;

#[test]
fn a_binary_switch_is_a_switch_before_its_value_is_known() {
    let control = one("oic.r.switch.binary", "oic.if.a", None);
    assert_eq!((control.property.as_str(), control.shape, control.writable), ("value", Shape::Switch, true));
}

#[test]
fn dimming_goes_from_0_to_100_percent_unless_the_device_says_else() {
    let shape = |value| one("oic.r.light.dimming", "oic.if.a", value).shape;
    let percent = Range { min: 0.0, max: 100.0, step: 1.0, unit: Some("%".to_owned()) };
    assert_eq!(shape(None), Shape::Level(percent.clone()));
    assert_eq!(shape(Some(json!({"dimmingSetting": 30}))), Shape::Level(percent));
    let told = Range { min: 0.0, max: 255.0, step: 5.0, unit: None };
    assert_eq!(shape(Some(json!({"dimmingSetting": 30, "range": [0, 255], "step": 5}))), Shape::Level(told.clone()));
    assert_eq!(shape(Some(json!({"dimmingSetting": 30, "range": "0, 255", "step": "5"}))), Shape::Level(told));
}

#[test]
fn a_range_that_makes_no_sense_is_not_believed() {
    let percent = Range { min: 0.0, max: 100.0, step: 1.0, unit: Some("%".to_owned()) };
    for range in [json!("100,0"), json!([0]), json!("inf,nan"), json!([5, 5]), json!({"min": 0}), json!("0-100")] {
        let value = json!({"dimmingSetting": 1, "range": range, "step": -3});
        assert_eq!(one("oic.r.light.dimming", "oic.if.a", Some(value)).shape, Shape::Level(percent.clone()));
    }
}

#[test]
fn a_temperature_that_can_be_set_is_stepped_and_one_that_cannot_is_read() {
    let set = one("oic.r.temperature", "oic.if.a", Some(json!({"temperature": 21.5, "units": "C"})));
    let room = Range { min: 5.0, max: 35.0, step: 0.5, unit: Some("°C".to_owned()) };
    assert_eq!((set.shape, set.writable), (Shape::Temperature(room), true));
    let read = one("oic.r.temperature", "oic.if.s", Some(json!({"temperature": 70, "units": "F"})));
    assert_eq!((read.shape, read.writable), (Shape::Reading { unit: Some("°F".to_owned()) }, false));
}

#[test]
fn a_colour_is_written_as_the_device_writes_it() {
    let as_text = |value| match one("oic.r.colour.rgb", "oic.if.a", value).shape {
        Shape::Colour { as_text, most: 255 } => as_text,
        other => panic!("{other:?}"),
    };
    assert!(as_text(Some(json!({"rgbValue": "255,0,0"}))));
    assert!(!as_text(Some(json!({"rgbValue": [255, 0, 0]}))));
    assert!(!as_text(None));
}

#[test]
fn energy_has_two_readings_and_shows_only_those_it_gives() {
    let properties = |value| {
        let controls = of("oic.r.energy.consumption", "oic.if.s", value);
        controls.into_iter().map(|control| (control.property, control.shape)).collect::<Vec<_>>()
    };
    let power = ("power".to_owned(), Shape::Reading { unit: Some("W".to_owned()) });
    let energy = ("energy".to_owned(), Shape::Reading { unit: Some("Wh".to_owned()) });
    assert_eq!(properties(None), [power.clone(), energy]);
    assert_eq!(properties(Some(json!({"power": 12.5}))), [power]);
}

#[test]
fn lock_blind_and_motion_have_their_shapes() {
    assert_eq!(one("oic.r.lock.status", "oic.if.a", None).shape, Shape::Lock);
    assert!(matches!(one("oic.r.openlevel", "oic.if.a", None).shape, Shape::Position(_)));
    let motion = one("oic.r.sensor.motion", "oic.if.s", Some(json!({"value": true})));
    assert_eq!((motion.shape, motion.writable), (Shape::Motion, false));
}

#[test]
fn a_sensor_names_its_own_unit() {
    let value = json!({"measurement": 3, "unit": "m/s"});
    let control = one("oic.r.sensor.measurement", "oic.if.s", Some(value));
    assert_eq!(control.shape, Shape::Reading { unit: Some("m/s".to_owned()) });
    let plain = one("oic.r.sensor", "oic.if.s", Some(json!({"value": true})));
    assert_eq!((plain.property.as_str(), plain.shape), ("value", Shape::State));
}

#[test]
fn a_wish_for_humidity_shows_where_the_device_takes_one() {
    let controls = of("oic.r.humidity", "oic.if.a", Some(json!({"humidity": 40, "desiredHumidity": 45})));
    let facts = controls.iter().map(|control| (control.property.as_str(), control.writable)).collect::<Vec<_>>();
    assert_eq!(facts, [("humidity", false), ("desiredHumidity", true)]);
}

#[test]
fn a_resource_of_two_types_has_the_controls_of_both_and_no_property_twice() {
    let types = ["oic.r.switch.binary".to_owned(), "oic.r.light.dimming".to_owned(), "oic.r.switch.binary".to_owned()];
    let found = controls(&Href::new("/light").unwrap(), &types, &[], None, None);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|control| control.writable));
}

#[test]
fn before_the_first_value_a_known_type_has_something_to_be_read() {
    let properties = |rt: &str| of(rt, "oic.if.a", None).into_iter().map(|c| c.property).collect::<Vec<_>>();
    assert_eq!(properties("oic.r.refrigeration"), ["rapidFreeze"]);
    assert_eq!(properties("oic.r.energy.electrical"), ["voltage"]);
    assert_eq!(of("oic.r.refrigeration", "oic.if.a", Some(json!({"filter": 70})))[0].property, "filter");
}

#[test]
fn only_what_may_do_harm_is_asked_about() {
    let asks = |rt: &str, value| of(rt, "oic.if.rw", value).into_iter().map(|c| c.confirm).collect::<Vec<_>>();
    assert_eq!(asks("oic.r.lock.status", None), [true]);
    assert_eq!(asks("oic.wk.mnt", Some(json!({"rb": false, "fr": false}))), [true, true]);
    assert_eq!(asks("oic.r.settings.picture", Some(json!({"picture-reset": false, "tint": 5}))), [false, true]);
    assert_eq!(asks("oic.r.switch.binary", None), [false]);
    assert!(!one("oic.r.lock.status", "oic.if.s", Some(json!({"lockState": "Locked"}))).confirm, "it is only read");
}

#[test]
fn a_mode_is_chosen_from_what_the_device_supports_and_written_as_it_writes_it() {
    let mode = |value| one("oic.r.mode", "oic.if.a", value);
    let choice = |options: &[&str], as_list| Shape::Choice {
        options: options.iter().map(|option| json!(option)).collect(),
        as_list,
        several: false,
    };
    assert_eq!(mode(None).shape, choice(&[], true), "it is there before the device has told its modes");
    let told = mode(Some(json!({"modes": ["auto"], "supportedModes": ["auto", "eco", "auto", "", 7, null]})));
    let Shape::Choice { options, as_list: true, several: false } = told.shape else { panic!("{told:?}") };
    assert_eq!(options, [json!("auto"), json!("eco"), json!(7)]);
    let text = mode(Some(json!({"modes": "auto", "supportedModes": "auto,eco"})));
    assert_eq!(text.shape, choice(&["auto", "eco"], false));
    let nothing = mode(Some(json!({"modes": ["auto"]})));
    assert_eq!((nothing.shape, nothing.writable), (Shape::List { unit: None }, false));
}

#[test]
fn levels_to_select_are_numbers_and_additives_may_be_several() {
    let levels =
        one("oic.r.selectablelevels", "oic.if.a", Some(json!({"targetlevel": 2, "availablelevels": [0, 2.5]})));
    let chosen = Shape::Choice { options: vec![json!(0), json!(2.5)], as_list: false, several: false };
    assert_eq!(levels.shape, chosen);
    let value = json!({"currentwatertype": "hot", "supportedwatertypes": ["hot", "ice"],
        "currentadditivetypes": ["soda"], "supportedadditivetypes": ["soda", "mineral"]});
    let controls = of("oic.r.waterinfo", "oic.if.rw", Some(value));
    let several = |c: &Control| matches!(c.shape, Shape::Choice { as_list: true, several: true, .. });
    assert_eq!(controls.iter().map(several).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn a_state_that_cannot_be_asked_for_is_not_offered() {
    let ice = one("oic.r.icemaker", "oic.if.a", Some(json!({"status": "full"})));
    let chosen = Shape::Choice { options: vec![json!("on"), json!("off")], as_list: false, several: false };
    assert_eq!(ice.shape, chosen);
}

#[test]
fn a_remote_controls_keys_are_pressed_by_query() {
    let value = json!({"supportedactions": ["arrowup", "volume up", "ä"]});
    let control = one("oic.r.remotecontrol", "oic.if.a", Some(value));
    let Shape::Buttons { presses } = control.shape else { panic!() };
    let queries = presses.iter().map(|press| press.query.as_deref().unwrap()).collect::<Vec<_>>();
    assert_eq!(queries, ["action=arrowup", "action=volume%20up", "action=%C3%A4"]);
    assert_eq!((presses[1].name.as_str(), &presses[1].sends, control.writable), ("volume up", &json!({}), true));
    assert_eq!(of("oic.r.remotecontrol", "oic.if.s", Some(json!({"supportedactions": ["a"]}))), []);
}

#[test]
fn a_button_sends_its_property() {
    let control = one("oic.r.settings.picture", "oic.if.rw", Some(json!({"picture-reset": false})));
    let press = Press { name: "picture-reset".to_owned(), sends: json!({"picture-reset": true}), query: None };
    assert_eq!(control.shape, Shape::Buttons { presses: vec![press] });
}

#[test]
fn hue_and_saturation_are_two_and_the_device_says_how_far_saturation_goes() {
    let shapes = |value| of("oic.r.colour.hs", "oic.if.a", value).into_iter().map(|c| c.shape).collect::<Vec<_>>();
    let degrees = |step| Range { min: 0.0, max: 360.0, step, unit: Some("°".to_owned()) };
    let level = |max| Range { min: 0.0, max, step: 1.0, unit: None };
    assert_eq!(shapes(None), [Shape::Hue(degrees(1.0)), Shape::Level(level(32_767.0))]);
    let told = json!({"hue": 10.0, "saturation": 5, "maximumsaturation": 1000, "precision": 5});
    assert_eq!(shapes(Some(told)), [Shape::Hue(degrees(5.0)), Shape::Level(level(1000.0))]);
}

#[test]
fn a_colours_coordinates_and_the_most_of_its_parts_come_from_the_device() {
    let xy = |value| one("oic.r.colour.csc", "oic.if.a", Some(value)).shape;
    assert_eq!(xy(json!({"csc": [0.4, 0.5]})), Shape::Xy { as_text: false });
    assert_eq!(xy(json!({"csc": "0.4,0.5"})), Shape::Xy { as_text: true });
    let rgb = |range: Value| one("oic.r.colour.rgb", "oic.if.a", Some(json!({"rgbValue": [1, 2, 3], "range": range})));
    assert_eq!(rgb(json!([0, 1023])).shape, Shape::Colour { as_text: false, most: 1023 });
    assert_eq!(rgb(json!([-5, 1e9])).shape, Shape::Colour { as_text: false, most: 255 });
}

#[test]
fn a_range_belongs_to_its_property_and_the_bare_one_to_the_first_number() {
    let bounds = |rt: &str, property: &str, value| {
        let control = of(rt, "oic.if.rw", Some(value)).into_iter().find(|c| c.property == property).unwrap();
        let Shape::Number(bounds) = control.shape else { panic!("{control:?}") };
        (bounds.min, bounds.max, bounds.step)
    };
    let brewing =
        json!({"amountrequested": 120, "strength": 8, "strengthrange": [1, 10], "range": [50, 300], "step": 10});
    assert_eq!(bounds("oic.r.brewing", "strength", brewing.clone()), (Some(1.0), Some(10.0), Some(1.0)));
    assert_eq!(bounds("oic.r.brewing", "amountrequested", brewing), (Some(50.0), Some(300.0), Some(10.0)));
    let camera =
        of("oic.r.ptz", "oic.if.a", Some(json!({"pan": 0, "tilt": 1, "tilt_range": [-30, 60], "tilt_step": 2})));
    let Shape::Level(pan) = &camera[0].shape else { panic!() };
    let Shape::Level(tilt) = &camera[1].shape else { panic!() };
    assert_eq!((pan.min, pan.max, pan.step), (-180.0, 180.0, 1.0));
    assert_eq!((tilt.min, tilt.max, tilt.step), (-30.0, 60.0, 2.0));
}

#[test]
fn a_precision_coarser_than_the_usual_step_is_the_step() {
    let step = |precision: f64| {
        let value = json!({"temperature": 20, "precision": precision});
        match one("oic.r.temperature", "oic.if.a", Some(value)).shape {
            Shape::Temperature(range) => range.step,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(step(1.0), 1.0);
    assert_eq!(step(0.01), 0.5, "nobody steps by hundredths of a degree");
}

#[test]
fn units_come_from_the_device_before_the_table() {
    let unit = |rt: &str, value| match of(rt, "oic.if.s", Some(value)).remove(0).shape {
        Shape::Reading { unit } => unit,
        other => panic!("{other:?}"),
    };
    assert_eq!(unit("oic.r.glucose", json!({"glucose": 5.4})).as_deref(), Some("mg/dL"));
    assert_eq!(unit("oic.r.glucose", json!({"glucose": 5.4, "units": "mmol/L"})).as_deref(), Some("mmol/L"));
    assert_eq!(unit("oic.r.weight", json!({"weight": 80, "units": "x".repeat(13)})).as_deref(), Some("kg"));
    let air = |kind: &str, of: &str| json!({"contaminanttype": kind, "valuetype": of, "contaminantvalue": 4});
    assert_eq!(unit("oic.r.airquality", air("CO2", "Measured")).as_deref(), Some("ppm"));
    assert_eq!(unit("oic.r.airquality", air("PM2.5", "Measured")).as_deref(), Some("µg/m³"));
    assert_eq!(unit("oic.r.airquality", air("CO2", "Qualitative")), None);
}

#[test]
fn a_time_says_how_it_is_written_and_a_schedule_what_else_belongs_to_it() {
    let clock = of("oic.r.clock", "oic.if.a", Some(json!({"datetime": "2026-01-09T14:30Z", "countdown": 0})));
    assert_eq!(clock[0].shape, Shape::Time { form: TimeForm::DateTime });
    let open = Bounds { min: Some(0.0), max: None, step: None, unit: Some("s".to_owned()) };
    assert_eq!(clock[1].shape, Shape::Number(open));
    let door = of("oic.r.door", "oic.if.a", Some(json!({"openState": "Open", "openDuration": "PT5M"})));
    assert_eq!((&door[1].shape, door[1].writable), (&Shape::Time { form: TimeForm::Duration }, false));
    let defrost = of("oic.r.delaydefrost", "oic.if.a", Some(json!({"startTime": "T06:00:00Z", "interval": 180})));
    let schedule = Shape::Schedule {
        form: TimeForm::TimeOfDay,
        stop: Some("stopTime".to_owned()),
        minutes: Some("interval".to_owned()),
    };
    assert_eq!(defrost.into_iter().map(|c| c.shape).collect::<Vec<_>>(), [schedule]);
}

#[test]
fn a_collection_has_its_members_however_it_is_told() {
    let members = |value| match one("oic.wk.col", "oic.if.ll", value).shape {
        Shape::Collection { members } => members.iter().map(Href::to_string).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(members(None), [""; 0]);
    assert_eq!(members(Some(json!({"links": [{"href": "/a"}, {"href": 7}], "rts": []}))), ["/a"]);
    assert_eq!(members(Some(json!([{"href": "/a"}, {"href": "/b"}]))), ["/a", "/b"]);
    assert_eq!(members(Some(json!([{"href": "/a", "rep": {"value": true}}]))), ["/a"]);
}

#[test]
fn lock_codes_are_counted_and_never_shown() {
    let control = one("oic.r.lock.code", "oic.if.a", Some(json!({"lockCodeList": ["012345", "112233"]})));
    assert_eq!((&control.shape, control.writable), (&Shape::Hidden { count: Some(2) }, false));
    assert!(!format!("{control:?}").contains("012345"));
    assert_eq!(one("oic.r.lock.code", "oic.if.a", None).shape, Shape::Hidden { count: None });
}

#[test]
fn a_dali_bus_is_switched_as_a_whole() {
    let Shape::Buttons { presses } = one("oic.r.dali", "oic.if.w", Some(json!({}))).shape else { panic!() };
    let sent = presses.into_iter().map(|press| (press.name, press.sends)).collect::<Vec<_>>();
    assert_eq!(sent[0], ("off".to_owned(), json!({"pld": [255, 0], "pld_s": 2})));
}

#[test]
fn shapes_have_the_json_that_the_ui_reads() {
    let json = |shape: Shape| serde_json::to_value(shape).unwrap();
    assert_eq!(json(Shape::Colour { as_text: true, most: 255 }), json!({"is": "colour", "asText": true, "most": 255}));
    assert_eq!(json(Shape::Time { form: TimeForm::TimeOfDay }), json!({"is": "time", "form": "time-of-day"}));
    assert_eq!(
        json(Shape::Number(Bounds { min: Some(0.0), max: None, step: None, unit: None })),
        json!({"is": "number", "min": 0.0, "max": null, "step": null, "unit": null})
    );
    let choice = Shape::Choice { options: vec![json!("a")], as_list: true, several: false };
    assert_eq!(json(choice), json!({"is": "choice", "options": ["a"], "asList": true, "several": false}));
    assert_eq!(json(Shape::Xy { as_text: false }), json!({"is": "xy", "asText": false}));
}

#[test]
fn what_is_kept_of_a_value_has_no_secrets() {
    let codes = json!({"lockCodeList": [{"lockCode": "1234"}, {"lockCode": "9876"}]});
    let kept = veiled(&["oic.r.lock.code".to_owned()], codes);
    assert_eq!(kept, json!({"lockCodeList": [null, null]}));
    assert_eq!(one("oic.r.lock.code", "oic.if.a", Some(kept)).shape, Shape::Hidden { count: Some(2) });
    let kept = veiled(&["x.com.vendor.net".to_owned()], json!({"ssid": "home", "password": "swordfish", "n": 1}));
    assert_eq!(kept, json!({"ssid": "home", "password": null, "n": 1}));
    assert_eq!(veiled(&[], json!([1])), json!([1]));
    let deep = json!({"networks": [{"ssid": "home", "psk": "swordfish", "keys": ["a", "b"]}]});
    assert_eq!(veiled(&[], deep), json!({"networks": [{"ssid": "home", "psk": null, "keys": [null, null]}]}));
    let bottomless = (0..100).fold(json!({"password": "swordfish"}), |inner, _| json!([inner]));
    let kept = serde_json::to_string(&veiled(&[], bottomless)).unwrap();
    assert!(!kept.contains("swordfish") && serde_json::from_str::<Value>(&kept).is_ok(), "{kept}");
}
