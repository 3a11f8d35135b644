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

/// Whether this asks for a batch.
pub fn is_batch(href: &Href) -> bool {
    href.queries().any(|query| query == QUERY)
}

/// The same wish to each of these members.
pub fn write(members: &[Href], wanted: &Value) -> Value {
    members.iter().take(MAX_MEMBERS).map(|href| json!({ "href": href, "rep": wanted })).collect()
}

/// What an answer tells of each member: of the resources of the answering device only.
pub fn read(answer: &Value) -> Vec<(Href, Value)> {
    let entry = |entry: &Value| {
        let rep = entry.get("rep").filter(|rep| rep.is_object())?;
        Some((href(entry.get("href")?.as_str()?)?, rep.clone()))
    };
    answer.as_array().into_iter().flatten().take(MAX_MEMBERS).filter_map(entry).collect()
}

/// `/light`, or `ocf://{di}/light`.
fn href(text: &str) -> Option<Href> {
    let path = match text.strip_prefix("ocf://") {
        Some(rest) => rest.find('/').and_then(|slash| rest.get(slash..))?,
        None => text,
    };
    Href::new(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            read(&written),
            [(at("/outlets/1"), json!({"value": true})), (at("/outlets/2"), json!({"value": true}))]
        );
    }

    #[test]
    fn what_makes_no_sense_is_dropped_alone() {
        let answer = json!([
            {"href": "ocf://8f596b43-29c0-4147-8b40-e99268ab30f7/a", "rep": {"value": 1}},
            {"href": "ocf://nothing", "rep": {}}, {"href": "b", "rep": {}}, {"href": 7, "rep": {}}, {"rep": {}},
            {"href": "/c"}, {"href": "/d", "rep": [1]}, 7, {"href": "/e", "rep": {}},
        ]);
        assert_eq!(read(&answer), [(at("/a"), json!({"value": 1})), (at("/e"), json!({}))]);
        assert_eq!(read(&json!({"href": "/a", "rep": {}})), []);
    }

    #[test]
    fn it_is_bounded() {
        let many: Value = (0..1000).map(|n| json!({"href": format!("/{n}"), "rep": {}})).collect();
        assert_eq!(read(&many).len(), MAX_MEMBERS);
        let members: Vec<_> = (0..1000).map(|n| at(&format!("/{n}"))).collect();
        assert_eq!(write(&members, &json!({})).as_array().map(Vec::len), Some(MAX_MEMBERS));
    }
}
