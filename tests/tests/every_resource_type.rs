//! One device of each resource type of the OCF data models, at a real server: each is shown with controls that fit it, and
//! whatever a person can ask by them is taken by the device, which believes its type's definition and nobody else.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, missing_docs)]

use std::time::Duration;

use homeward_core::view::Device;
use homeward_protocol::oic::controls::{Bounds, Control, Range, Shape, TimeForm};
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::remote_house::RemoteHouse;
use homeward_tests::server::Kind;
use serde_json::{Map, Value, json};

const TYPES: usize = 182;
/// All are described, and their values read, on two cores.
const READ_WITHIN: Duration = Duration::from_secs(60);

/// Another value than it has, in the form in which the control writes it; `None`: there is no other.
fn another(control: &Control, now: Option<&Value>) -> Option<Value> {
    let number = |min: f64, max: f64, step: f64| {
        let is = now.and_then(Value::as_f64);
        let choice = [min, min + step, max].into_iter().find(|choice| Some(*choice) != is)?;
        // As the window writes it: whole numbers without a fraction.
        Some(if choice.fract() == 0.0 { json!(choice as i64) } else { json!(choice) })
    };
    match &control.shape {
        Shape::Switch => Some(json!(now != Some(&json!(true)))),
        Shape::Lock => Some(json!(if now == Some(&json!("Locked")) { "Unlocked" } else { "Locked" })),
        Shape::Level(range) | Shape::Position(range) | Shape::Temperature(range) | Shape::Hue(range) => {
            let Range { min, max, step, .. } = range;
            number(*min, *max, *step)
        }
        Shape::Number(bounds) => {
            let Bounds { min, max, step, .. } = bounds;
            let min = min.unwrap_or_else(|| max.unwrap_or(0.0) - 10.0);
            number(min, max.unwrap_or(min + 10.0), step.unwrap_or(0.5))
        }
        Shape::Colour { as_text, .. } => Some(if *as_text { json!("1,2,3") } else { json!([1, 2, 3]) }),
        Shape::Xy { as_text } => Some(if *as_text { json!("0.1,0.2") } else { json!([0.1, 0.2]) }),
        Shape::Choice { options, as_list, .. } => {
            let is = |option: &&Value| if *as_list { now == Some(&json!([option])) } else { now == Some(option) };
            let chosen = options.iter().find(|option| !is(option))?;
            Some(if *as_list { json!([chosen]) } else { chosen.clone() })
        }
        Shape::Text => Some(json!("Something else")),
        Shape::Time { form } => Some(time(*form)),
        Shape::Schedule { form, stop, minutes } => {
            let mut period = Map::from_iter([(control.property.clone(), time(*form))]);
            match (stop, minutes) {
                (Some(stop), _) => period.insert(stop.clone(), json!("2026-12-24T19:00:00Z")),
                (None, Some(minutes)) => period.insert(minutes.clone(), json!(45)),
                (None, None) => None,
            };
            Some(Value::Object(period))
        }
        Shape::State
        | Shape::Motion
        | Shape::Reading { .. }
        | Shape::List { .. }
        | Shape::Collection { .. }
        | Shape::Hidden { .. }
        | Shape::Buttons { .. } => None,
    }
}

fn time(form: TimeForm) -> Value {
    json!(match form {
        TimeForm::DateTime => "2026-12-24T18:00:00Z",
        TimeForm::TimeOfDay => "T06:30:00Z",
        TimeForm::Duration => "PT12M",
    })
}

/// What is POSTed for it.
fn asked(control: &Control, value: Value) -> Value {
    match control.shape {
        Shape::Schedule { .. } => value,
        _ => json!({ (control.property.as_str()): value }),
    }
}

/// Every control that can be set is set, and the device has what was asked. How many there were.
async fn takes_what_a_person_asks(house: &RemoteHouse, shown: &Device) -> usize {
    let mut set = 0;
    let device = house.devices.devices().find(|device| device.di() == shown.di).expect("it is one of ours");
    for control in shown.controls.iter().filter(|control| control.writable) {
        let what = format!("{} {}", control.rt, control.property);
        let now = device.value(control.href.path()).and_then(|value| value.get(&control.property).cloned());
        let Some(value) = another(control, now.as_ref()) else {
            assert!(matches!(control.shape, Shape::Buttons { .. } | Shape::Choice { .. }), "{what}: {control:?}");
            continue;
        };
        let wanted = asked(control, value);
        let outcome = house.home.set(&shown.id, control.href.clone(), wanted.clone()).await;
        outcome.unwrap_or_else(|error| panic!("{what} = {wanted}: {error:?}"));
        let is = device.value(control.href.path()).unwrap();
        for (property, value) in wanted.as_object().unwrap() {
            assert_eq!(&is[property], value, "{what}");
        }
        set += 1;
    }
    set
}

async fn every_type() {
    let house = RemoteHouse::with(Kind::Prosody, Scenario::of(Appliance::samples())).await;
    let ids: Vec<String> = house.devices.devices().map(|device| device.di().to_owned()).collect();
    assert_eq!(ids.len(), TYPES);
    house.home.watch(ids);
    let is_read = |device: &Device| {
        let read = |control: &Control| device.values.contains_key(&control.href);
        device.described && !device.controls.is_empty() && device.controls.iter().all(read)
    };
    let took = house.when("each with its controls", READ_WITHIN, |now| now.devices.iter().all(is_read)).await;
    println!("{TYPES} types described and read within {took:?}");
    let mut set = 0;
    for shown in house.home.devices() {
        set += takes_what_a_person_asks(&house, &shown).await;
    }
    println!("{set} properties set");
    assert!(set > 150, "{set}");
}

#[test]
fn of_every_resource_type_what_a_person_can_ask_is_taken() {
    alone(every_type);
}
