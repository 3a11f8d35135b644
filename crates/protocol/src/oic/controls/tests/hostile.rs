//! Devices that say anything.
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// What holds of every control, whatever the device said.
pub(super) fn check(control: &Control) {
    match &control.shape {
        Shape::Level(range) | Shape::Position(range) | Shape::Temperature(range) | Shape::Hue(range) => {
            assert!(range.min.is_finite() && range.max.is_finite() && range.min < range.max, "{control:?}");
            assert!(range.step > 0.0 && range.step <= range.max - range.min, "{control:?}");
            assert!((range.max - range.min) / range.step <= 1e6 + 1.0, "{control:?}");
            assert!(range.min + range.step > range.min, "{control:?}");
        }
        Shape::Number(bounds) => {
            let ends = [bounds.min, bounds.max, bounds.step];
            assert!(ends.iter().flatten().all(|end| end.is_finite()), "{control:?}");
            assert!(bounds.min.zip(bounds.max).is_none_or(|(min, max)| min < max), "{control:?}");
            assert!(bounds.step.is_none_or(|step| step > 0.0), "{control:?}");
        }
        Shape::Colour { most, .. } => assert!((1..=65_535).contains(most), "{control:?}"),
        Shape::Choice { options, as_list, several } => {
            let named =
                |option: &Value| option.as_str().is_none_or(|text| !text.is_empty() && text.chars().count() <= 64);
            assert!(options.len() <= 64 && options.iter().all(named) && (*as_list || !several), "{control:?}");
        }
        Shape::Buttons { presses } => {
            assert!(presses.len() <= 64, "{control:?}");
            for query in presses.iter().filter_map(|press| press.query.as_deref()) {
                Href::new(format!("{}?{query}", control.href)).unwrap();
            }
        }
        Shape::Collection { members } => assert!(members.len() <= 64, "{control:?}"),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        (any::<f64>(), any::<f64>()).prop_map(|(min, max)| json!(format!("{min},{max}"))),
        (any::<f64>(), any::<f64>()).prop_map(|(min, max)| json!([min, max])),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{0,6}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Every name that the table or a device's neighbourhood of a property knows.
fn name() -> impl Strategy<Value = String> {
    let beside = ["range", "step", "precision", "units", "supportedModes", "links", "supportedactions", "x_range"];
    let all = table::types().flat_map(|(_, rows)| rows.iter().map(|row| row.property)).chain(beside);
    let all = all.flat_map(|name| [name.to_owned(), format!("{name}_range"), format!("max{name}")]).collect::<Vec<_>>();
    prop_oneof![4 => prop::sample::select(all), 1 => "\\PC{0,70}"]
}

fn rt() -> impl Strategy<Value = String> {
    let mut all = table::types().map(|(rt, _)| (*rt).to_owned()).collect::<Vec<_>>();
    all.push("x.com.vendor.thing".to_owned());
    prop::sample::select(all)
}

proptest! {
    #[test]
    fn no_value_makes_a_range_without_extent(range in "\\PC{0,12}", step in any::<f64>(), min in any::<f64>(), max in any::<f64>()) {
        for told in [json!(range), json!([min, max]), json!(format!("{min},{max}"))] {
            let value = json!({"dimmingSetting": 1, "range": told, "step": step});
            let control = one("oic.r.light.dimming", "oic.if.a", Some(value));
            prop_assert!(matches!(control.shape, Shape::Level(_)));
            check(&control);
        }
    }

    #[test]
    fn no_representation_panics_or_makes_a_silly_control(
        rt in rt(), members in prop::collection::btree_map(name(), anything(), 0..8), writable in any::<bool>(),
    ) {
        let value = members.into_iter().collect::<Value>();
        for control in of(&rt, if writable { "oic.if.a" } else { "oic.if.s" }, Some(value)) {
            check(&control);
            prop_assert!(writable || !control.writable || rt == "oic.r.movement.linear");
        }
    }

    #[test]
    fn a_known_property_with_any_range_makes_sense(
        row in prop::sample::select(table::types().flat_map(|(rt, rows)| rows.iter().map(|row| (*rt, row.property))).collect::<Vec<_>>()),
        min in -1e18..1e18f64, extent in -1e3..1e18f64, step in prop_oneof![any::<f64>(), 0.0..10.0f64],
    ) {
        let (rt, property) = row;
        let value = json!({
            (property): 1, (format!("{property}_range")): [min, min + extent], (format!("{property}_step")): step,
            "range": [min, min + extent], "step": step, "precision": step,
        });
        of(rt, "oic.if.a", Some(value)).iter().for_each(check);
    }

    #[test]
    fn no_document_that_is_not_an_object_panics(rt in rt(), value in anything()) {
        of(&rt, "oic.if.a", Some(value)).iter().for_each(check);
    }
}
