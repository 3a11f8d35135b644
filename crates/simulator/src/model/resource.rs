//! One resource: its link, what it holds, and which changes it takes.
//!
//! Scope: retrieve and update of one representation. Non-scope: who asks, over which path, and what else changes with it.

use std::collections::BTreeMap;

use homeward_protocol::crudn::{Href, Status};
use serde_json::{Map, Value, json};

/// The interface that shows a representation with its types and interfaces (OCF Core §7.6.3).
pub(crate) const BASELINE: &str = "oic.if.baseline";

/// The interface that shows, and takes, all members of a collection at once (OCF Core §7.6.3.4).
pub(crate) const BATCH: &str = "oic.if.b";

/// The properties that every resource may carry (OCF Core §7.3.2); an update may repeat them, and does not change them.
const COMMON: [&str; 3] = ["rt", "if", "id"];

/// Most members that one collection takes: our choice.
pub(crate) const MAX_MEMBERS: usize = 32;

/// Most bytes of one representation, as JSON: our choice.
pub(crate) const MAX_REPRESENTATION: usize = 16 * 1024;

/// Why a request was not carried out, in the device's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What the asker is told.
    pub(crate) status: Status,
    /// The diagnostic payload.
    pub(crate) words: String,
}

impl Refusal {
    pub(crate) fn new(status: Status, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }

    fn bad(words: impl Into<String>) -> Self {
        Self::new(Status::BAD_REQUEST, words)
    }
}

/// What one property takes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Rule {
    /// true or false.
    Flag,
    /// A number within both ends; `whole` ones have no fraction.
    Number {
        /// Least.
        min: f64,
        /// Most.
        max: f64,
        /// Whether a fraction is refused.
        whole: bool,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list of one or more of these words.
    SomeOf(&'static [&'static str]),
    /// Any text.
    Text,
    /// A list, whatever is in it.
    List,
    /// Whatever is not nothing.
    Any,
    /// Red, green and blue, 0 to 255 each: `[255, 0, 0]`, or `"255,0,0"` if `as_text` (OIC 1.1).
    Colour {
        /// Whether it is written as one text.
        as_text: bool,
    },
}

/// Which properties an update may name.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Rules {
    /// These.
    Listed(BTreeMap<&'static str, Rule>),
    /// Whatever a client wants to keep there: the members of a collection.
    Free,
}

/// What a resource is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It holds a representation of its own.
    Plain,
    /// It holds members, which clients make and delete.
    Collection,
    /// It was made by a client, and can be deleted.
    Member,
    /// It belongs to a collection, and stays.
    Part,
}

/// One resource of a device.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resource {
    pub(crate) href: Href,
    pub(crate) rt: Vec<String>,
    pub(crate) interfaces: Vec<String>,
    pub(crate) role: Role,
    pub(crate) values: Map<String, Value>,
    pub(crate) rules: Rules,
}

impl Resource {
    /// An actuator: retrieve and update.
    pub(crate) fn actuator(href: &Href, rt: &str, values: Value, rules: &[(&'static str, Rule)]) -> Self {
        Self::plain(href, rt, &["oic.if.a", BASELINE], values, rules)
    }

    /// A sensor: retrieve only.
    pub(crate) fn sensor(href: &Href, rt: &str, values: Value) -> Self {
        Self::plain(href, rt, &["oic.if.s", BASELINE], values, &[])
    }

    /// A collection that takes new members.
    pub(crate) fn collection(href: &Href, rt: &str) -> Self {
        let mut collection =
            Self::plain(href, "oic.wk.col", &["oic.if.ll", "oic.if.create", BASELINE], Value::Null, &[]);
        collection.rt.push(rt.to_owned());
        collection.role = Role::Collection;
        collection
    }

    /// A collection whose members are there for good, and can be read and written at once.
    pub(crate) fn group(href: &Href) -> Self {
        let mut group = Self::plain(href, "oic.wk.col", &["oic.if.ll", BATCH, BASELINE], Value::Null, &[]);
        group.role = Role::Collection;
        group
    }

    /// This one belongs to the collection above its path.
    pub(crate) fn into_part(mut self) -> Self {
        self.role = Role::Part;
        self
    }

    /// A resource as its type defines it: it takes what these rules say, whatever its interfaces.
    pub(crate) fn of_type(
        href: &Href,
        rt: &str,
        interfaces: &[String],
        values: Map<String, Value>,
        rules: Rules,
    ) -> Self {
        let mut all = interfaces.to_vec();
        all.push(BASELINE.to_owned());
        Self { href: href.clone(), rt: vec![rt.to_owned()], interfaces: all, role: Role::Plain, values, rules }
    }

    /// A member that a client made.
    pub(crate) fn member(href: Href, rt: Vec<String>, values: Map<String, Value>) -> Self {
        let interfaces = vec!["oic.if.rw".to_owned(), BASELINE.to_owned()];
        Self { href, rt, interfaces, role: Role::Member, values, rules: Rules::Free }
    }

    fn plain(href: &Href, rt: &str, ifs: &[&str], values: Value, rules: &[(&'static str, Rule)]) -> Self {
        let values = match values {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            href: href.clone(),
            rt: vec![rt.to_owned()],
            interfaces: ifs.iter().map(|one| (*one).to_owned()).collect(),
            role: Role::Plain,
            values,
            rules: Rules::Listed(rules.iter().copied().collect()),
        }
    }

    /// Whether an update can be taken at all.
    pub(crate) fn is_writable(&self) -> bool {
        match &self.rules {
            Rules::Listed(rules) => !rules.is_empty(),
            Rules::Free => true,
        }
    }

    /// The representation as a GET shows it; with `common`, `rt` and `if` too.
    pub(crate) fn representation(&self, common: bool) -> Value {
        let mut shown = self.values.clone();
        if common {
            shown.insert("rt".to_owned(), json!(self.rt));
            shown.insert("if".to_owned(), json!(self.interfaces));
        }
        Value::Object(shown)
    }

    /// Takes an update. A `whole` one (PUT) must name every property that can be written. Tells whether anything is
    /// different now; on a refusal nothing is.
    pub(crate) fn update(&mut self, body: &Value, whole: bool) -> Result<bool, Refusal> {
        let Value::Object(asked) = body else { return Err(Refusal::bad("the body is no map")) };
        if body.to_string().len() > MAX_REPRESENTATION {
            return Err(Refusal::new(Status::TOO_LARGE, format!("at most {MAX_REPRESENTATION} bytes")));
        }
        let mut next = self.values.clone();
        match &self.rules {
            Rules::Free => {
                if whole {
                    next.clear();
                }
                next.extend(asked.iter().filter(|(name, _)| !is_common(name)).map(|(n, v)| (n.clone(), v.clone())));
            }
            Rules::Listed(rules) => {
                if let Some(missing) = rules.keys().find(|name| whole && !asked.contains_key(**name)) {
                    return Err(Refusal::bad(format!("{missing} is missing")));
                }
                for (name, value) in asked.iter().filter(|(name, _)| !is_common(name)) {
                    let now = self.values.get(name);
                    match rules.get(name.as_str()) {
                        Some(rule) => {
                            next.insert(name.clone(), rule.check(name, value)?);
                        }
                        None if now.is_some_and(|now| same(now, value)) => {}
                        None if now.is_some() => return Err(Refusal::bad(format!("{name} is read-only"))),
                        None => return Err(Refusal::bad(format!("no property {name} here"))),
                    }
                }
            }
        }
        let changed = !same(&Value::Object(next.clone()), &Value::Object(self.values.clone()));
        if changed {
            self.values = next;
        }
        Ok(changed)
    }
}

fn is_common(name: &str) -> bool {
    COMMON.contains(&name)
}

impl Rule {
    /// The value as it is kept, or why it is not.
    fn check(&self, name: &str, value: &Value) -> Result<Value, Refusal> {
        match *self {
            Rule::Flag if value.is_boolean() => Ok(value.clone()),
            Rule::Flag => Err(Refusal::bad(format!("{name} is true or false"))),
            Rule::Number { min, max, whole } => match value.as_f64() {
                Some(number) if number < min || number > max => {
                    Err(Refusal::bad(format!("{name} goes from {min} to {max}")))
                }
                Some(number) if whole && number.fract() == 0.0 => Ok(json!(number as i64)),
                Some(_) if whole => Err(Refusal::bad(format!("{name} is a whole number"))),
                Some(_) => Ok(value.clone()),
                None => Err(Refusal::bad(format!("{name} is a number"))),
            },
            Rule::OneOf(words) if value.as_str().is_some_and(|word| words.contains(&word)) => Ok(value.clone()),
            Rule::OneOf(words) => Err(Refusal::bad(format!("{name} is one of {}", words.join(", ")))),
            Rule::SomeOf(words) => {
                let list = value.as_array().filter(|list| !list.is_empty());
                let known = |one: &Value| one.as_str().is_some_and(|word| words.contains(&word));
                match list {
                    Some(list) if list.iter().all(known) => Ok(value.clone()),
                    _ => Err(Refusal::bad(format!("{name} lists some of {}", words.join(", ")))),
                }
            }
            Rule::Text if value.is_string() => Ok(value.clone()),
            Rule::Text => Err(Refusal::bad(format!("{name} is a text"))),
            Rule::List if value.is_array() => Ok(value.clone()),
            Rule::List => Err(Refusal::bad(format!("{name} is a list"))),
            Rule::Any if value.is_null() => Err(Refusal::bad(format!("{name} is nothing"))),
            Rule::Any => Ok(value.clone()),
            Rule::Colour { as_text } => check_colour(name, value, as_text),
        }
    }
}

fn check_colour(name: &str, value: &Value, as_text: bool) -> Result<Value, Refusal> {
    let shares: Option<Vec<u8>> = if as_text {
        value.as_str().and_then(|text| text.split(',').map(|share| share.trim().parse().ok()).collect())
    } else {
        let whole = |share: &Value| share.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=255.0).contains(n));
        value.as_array().and_then(|list| list.iter().map(|share| whole(share).map(|n| n as u8)).collect())
    };
    match shares {
        Some(shares) if shares.len() == 3 && as_text => {
            Ok(Value::String(shares.iter().map(u8::to_string).collect::<Vec<_>>().join(",")))
        }
        Some(shares) if shares.len() == 3 => Ok(json!(shares)),
        _ if as_text => Err(Refusal::bad(format!("{name} is a text like \"255,0,0\""))),
        _ => Err(Refusal::bad(format!("{name} lists three whole numbers from 0 to 255"))),
    }
}

/// Whether two values are the same to a person: 20 and 20.0 are.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn dimming() -> Resource {
        let whole = Rule::Number { min: 0.0, max: 100.0, whole: true };
        Resource::actuator(
            &Href::new("/dimming").unwrap(),
            "oic.r.light.dimming",
            json!({"dimmingSetting": 60, "range": [0, 100]}),
            &[("dimmingSetting", whole)],
        )
    }

    #[test]
    fn an_update_within_the_range_is_taken() {
        let mut dimming = dimming();
        assert!(dimming.update(&json!({"dimmingSetting": 15.0}), false).unwrap());
        assert_eq!(dimming.values["dimmingSetting"], json!(15));
    }

    #[test]
    fn the_same_value_again_is_no_change() {
        assert!(!dimming().update(&json!({"dimmingSetting": 60, "range": [0, 100], "rt": ["x"]}), false).unwrap());
    }

    #[test]
    fn what_is_out_of_range_read_only_unknown_or_no_map_changes_nothing() {
        for bad in [
            json!({"dimmingSetting": 101}),
            json!({"dimmingSetting": 1.5}),
            json!({"dimmingSetting": "1"}),
            json!({"dimmingSetting": 1, "range": [0, 50]}),
            json!({"dimmingSetting": 1, "extra": 1}),
            json!([1]),
            Value::Null,
        ] {
            let mut dimming = dimming();
            assert_eq!(dimming.update(&bad, false).unwrap_err().status, Status::BAD_REQUEST, "{bad}");
            assert_eq!(dimming.values["dimmingSetting"], json!(60));
        }
    }

    #[test]
    fn a_whole_update_names_all_that_can_be_written() {
        assert_eq!(dimming().update(&json!({}), true).unwrap_err().words, "dimmingSetting is missing");
        assert!(dimming().update(&json!({"dimmingSetting": 1}), true).unwrap());
    }

    #[test]
    fn a_colour_is_a_list_in_ocf_and_a_text_in_oic() {
        assert_eq!(check_colour("c", &json!([1, 2, 3]), false).unwrap(), json!([1, 2, 3]));
        assert_eq!(check_colour("c", &json!("1, 2,3"), true).unwrap(), json!("1,2,3"));
        for (bad, as_text) in
            [(json!("1,2,3"), false), (json!([1, 2, 3]), true), (json!([1, 2, 256]), false), (json!("1,2"), true)]
        {
            assert!(check_colour("c", &bad, as_text).is_err(), "{bad}");
        }
    }
}
