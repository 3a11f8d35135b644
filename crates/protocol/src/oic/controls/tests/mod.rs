#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use serde_json::Value;

use super::*;

mod all_types;
mod hostile;
mod known;

mod unknown;

fn of(rt: &str, interface: &str, value: Option<Value>) -> Vec<Control> {
    described(rt, interface, value, None)
}

fn described(rt: &str, interface: &str, value: Option<Value>, described: Option<&Described>) -> Vec<Control> {
    let interfaces = ["oic.if.baseline".to_owned(), interface.to_owned()];
    controls(&Href::new("/a").unwrap(), &[rt.to_owned()], &interfaces, value.as_ref(), described)
}

fn one(rt: &str, interface: &str, value: Option<Value>) -> Control {
    let mut controls = of(rt, interface, value);
    assert_eq!(controls.len(), 1, "{controls:?}");
    controls.remove(0)
}
