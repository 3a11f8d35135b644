//! The batch interface of a collection: its members read, or written, in one request (OCF Core §7.6.3.4).
//!
//! Scope: the payloads. Non-scope: which members there are (`controls`), and sending (`core`). An answer is hostile: it is
//! bounded, and an entry that makes no sense is dropped alone.

use serde_json::{Value, json};

use crate::crudn::Href;

/// The interface's name.
pub const INTERFACE: &str = "oic.if.b";
/// The most members that are read or written at once. Our choice.
pub const MAX_MEMBERS: usize = 64;
const QUERY: &str = "if=oic.if.b";

/// Where a collection's batch is: the collection, asked through this interface. `None`: its path leaves no room for that.
pub fn of(collection: &Href) -> Option<Href> {
    Href::new(format!("{}?{QUERY}", collection.path())).ok()
}

/// Where a collection's links are, and nothing that its members hold (OCF Core §7.6.3.2).
pub fn links_of(collection: &Href) -> Option<Href> {
    Href::new(format!("{}?if=oic.if.ll", collection.path())).ok()
}

/// The members that a collection's links name, all of them of the device `di`. `None`: these are no links, one of them is
/// of another device or makes no sense, or they are too many for a batch.
pub fn members(links: &Value, di: &str) -> Option<Vec<Href>> {
    let links = links.as_array().or_else(|| links.get("links")?.as_array())?;
    let member = |link: &Value| {
        let anchor = link.get("anchor").and_then(Value::as_str).unwrap_or_default();
        let of = anchor.strip_prefix("ocf://").map(|rest| rest.split('/').next().unwrap_or_default());
        let path = href(link.get("href")?.as_str()?, di)?;
        of.is_none_or(|of| of.eq_ignore_ascii_case(di)).then_some(path)
    };
    (links.len() <= MAX_MEMBERS).then(|| links.iter().map(member).collect())?
}

/// Whether this asks for a batch.
pub fn is_batch(href: &Href) -> bool {
    href.queries().any(|query| query == QUERY)
}

/// The same wish to each of these members.
pub fn write(members: &[Href], wanted: &Value) -> Value {
    members.iter().take(MAX_MEMBERS).map(|href| json!({ "href": href, "rep": wanted })).collect()
}

/// Whether this is a batch: a collection may answer so by default.
pub fn is_answer(body: &Value) -> bool {
    body.as_array().is_some_and(|entries| entries.iter().any(|entry| entry.get("rep").is_some()))
}

/// What an answer tells of each member: of the resources of the answering device, `di`, only.
pub fn read(answer: &Value, di: &str) -> Vec<(Href, Value)> {
    let entry = |entry: &Value| {
        let rep = entry.get("rep").filter(|rep| rep.is_object())?;
        Some((href(entry.get("href")?.as_str()?, di)?, rep.clone()))
    };
    answer.as_array().into_iter().flatten().take(MAX_MEMBERS).filter_map(entry).collect()
}

/// `/light`, or `ocf://{di}/light`.
fn href(text: &str, di: &str) -> Option<Href> {
    let path = match text.strip_prefix("ocf://") {
        Some(rest) => rest.find('/').map(|slash| rest.split_at(slash)).filter(|(of, _)| of.eq_ignore_ascii_case(di))?.1,
        None => text,
    };
    Href::new(path).ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const DI: &str = "8f596b43-29c0-4147-8b40-e99268ab30f7";

    fn at(path: &str) -> Href {
        Href::new(path).unwrap()
    }

    #[test]
    fn a_batch_is_asked_for_by_its_interface() {
        let batch = of(&at("/outlets")).unwrap();
        assert_eq!(batch.as_str(), "/outlets?if=oic.if.b");
        assert!(is_batch(&batch) && !is_batch(&at("/outlets")) && !is_batch(&at("/outlets?if=oic.if.ll")));
    }

    #[test]
    fn each_member_is_written_with_what_is_wanted_of_it() {
        let written = write(&[at("/outlets/1"), at("/outlets/2")], &json!({"value": true}));
        let entry = |href: &str| json!({"href": href, "rep": {"value": true}});
        assert_eq!(written, json!([entry("/outlets/1"), entry("/outlets/2")]));
        assert_eq!(
            read(&written, DI),
            [(at("/outlets/1"), json!({"value": true})), (at("/outlets/2"), json!({"value": true}))]
        );
    }

    #[test]
    fn what_makes_no_sense_is_dropped_alone() {
        let answer = json!([
            {"href": "ocf://8F596B43-29c0-4147-8b40-e99268ab30f7/a", "rep": {"value": 1}},
            {"href": "ocf://00000000-29c0-4147-8b40-e99268ab30f7/theirs", "rep": {"value": 1}},
            {"href": "ocf://nothing", "rep": {}}, {"href": "b", "rep": {}}, {"href": 7, "rep": {}}, {"rep": {}},
            {"href": "/c"}, {"href": "/d", "rep": [1]}, 7, {"href": "/e", "rep": {}},
        ]);
        assert_eq!(read(&answer, DI), [(at("/a"), json!({"value": 1})), (at("/e"), json!({}))]);
        assert_eq!(read(&json!({"href": "/a", "rep": {}}), DI), []);
        assert!(is_answer(&answer) && !is_answer(&json!([{"href": "/a"}])) && !is_answer(&json!({"rep": {}})));
    }

    #[test]
    fn members_are_those_of_this_device_or_none_at_all() {
        let links = json!([{"href": "/a", "anchor": format!("ocf://{DI}")}, {"href": format!("ocf://{DI}/b")}]);
        assert_eq!(members(&links, DI), Some(vec![at("/a"), at("/b")]));
        assert_eq!(members(&json!({"links": links, "rts": []}), DI), Some(vec![at("/a"), at("/b")]));
        let theirs = "ocf://00000000-29c0-4147-8b40-e99268ab30f7";
        for bad in [
            json!([{"href": "/a", "anchor": theirs}]),
            json!([{"href": "/a"}, {"href": format!("{theirs}/b")}]),
            json!([{"href": "/a"}, {"href": 7}]),
            json!({"value": true}),
            (0..=MAX_MEMBERS).map(|n| json!({"href": format!("/{n}")})).collect(),
        ] {
            assert_eq!(members(&bad, DI), None, "{bad}");
        }
    }

    #[test]
    fn it_is_bounded() {
        let many: Value = (0..1000).map(|n| json!({"href": format!("/{n}"), "rep": {}})).collect();
        assert_eq!(read(&many, DI).len(), MAX_MEMBERS);
        let members: Vec<_> = (0..1000).map(|n| at(&format!("/{n}"))).collect();
        assert_eq!(write(&members, &json!({})).as_array().map(Vec::len), Some(MAX_MEMBERS));
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Value::from),
            "/[a-z]{0,4}".prop_map(Value::from),
            "/[a-z]{0,3}".prop_map(|path| Value::from(format!("ocf://{DI}{path}"))),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            let names = select(vec!["href", "rep", "links", "anchor", "value"]).prop_map(str::to_owned);
            prop_oneof![
                vec(inner.clone(), 0..100).prop_map(Value::from),
                btree_map(names, inner, 0..5).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(paths in vec("/[a-z0-9/]{1,20}", 0..80), value in anything()) {
            let members: Vec<Href> = paths.into_iter().filter_map(|path| Href::new(path).ok()).collect();
            let wanted = json!({ "value": value });
            let expected: Vec<_> =
                members.iter().take(MAX_MEMBERS).map(|href| (href.clone(), wanted.clone())).collect();
            prop_assert_eq!(read(&write(&members, &wanted), DI), expected);
        }

        #[test]
        fn nothing_is_read_without_bounds(answer in anything()) {
            prop_assert!(read(&answer, DI).len() <= MAX_MEMBERS);
            prop_assert!(super::members(&answer, DI).is_none_or(|members| members.len() <= MAX_MEMBERS));
        }
    }
}
