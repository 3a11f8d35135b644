//! Who may do what: `/oic/sec/acl2` (OCF Security §13.5).

use homeward_protocol::crudn::{Method, Status};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::resource::Refusal;
use super::Asker;

/// Our choice: rules that a device keeps.
const MOST_RULES: usize = 64;
/// The wildcard: all but the configuration. No path, for those begin with a slash.
const EVERYTHING: &str = "*";

/// The rules of one device; none: nobody may do anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    subject: Subject,
    hrefs: Vec<String>,
    /// Create 1, retrieve 2, update 4, delete 8, notify 16.
    permission: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Subject {
    AnybodyInTheClear,
    Known(Uuid),
}

impl Rules {
    /// As they come from the maker: it can be found, and no more.
    pub(crate) fn of_the_maker() -> Self {
        let hrefs = ["/oic/res", "/oic/d", "/oic/p"].map(str::to_owned).to_vec();
        Self(vec![Rule { subject: Subject::AnybodyInTheClear, hrefs, permission: 2 }])
    }

    /// Whether a request is let through.
    pub(crate) fn let_through(&self, asker: Asker, method: Method, observes: bool, path: &str) -> bool {
        let needed = match method {
            Method::Get if observes => 2 | 16,
            Method::Get => 2,
            // Whether a POST creates or updates is the resource's to say: either right will do.
            Method::Post => 1 | 4,
            Method::Put => 4,
            Method::Delete => 8,
        };
        self.0.iter().any(|rule| {
            let meant = match (&rule.subject, asker) {
                (Subject::AnybodyInTheClear, Asker::Anybody) => true,
                (Subject::Known(subject), Asker::Known(asker)) => *subject == asker,
                _ => false,
            };
            let right = match method {
                Method::Post => rule.permission & needed != 0,
                _ => rule.permission & needed == needed,
            };
            let is_any = |href: &str| href == EVERYTHING && !path.starts_with("/oic/sec");
            meant && right && rule.hrefs.iter().any(|href| href == path || is_any(href))
        })
    }

    /// Adds what `aclist2` lists.
    pub(crate) fn add(&mut self, body: &Value) -> Result<(), Refusal> {
        let bad = || Refusal::new(Status::BAD_REQUEST, "no access rules");
        if body.get("rowneruuid").is_some() && body.get("aclist2").is_none() {
            return Ok(());
        }
        let listed = body.get("aclist2").and_then(Value::as_array).ok_or_else(bad)?;
        let rules: Vec<Rule> = listed.iter().map(read).collect::<Option<_>>().ok_or_else(bad)?;
        if self.0.len() + rules.len() > MOST_RULES {
            return Err(Refusal::new(Status::TOO_LARGE, "too many rules"));
        }
        self.0.extend(rules);
        Ok(())
    }

    /// As `aclist2` shows them.
    pub(crate) fn shown(&self) -> Value {
        let rule = |rule: &Rule| {
            let subject = match rule.subject {
                Subject::AnybodyInTheClear => json!({"conntype": "anon-clear"}),
                Subject::Known(subject) => json!({"uuid": subject.to_string()}),
            };
            let resources: Vec<Value> = rule.hrefs.iter().map(|href| json!({ key(href): href })).collect();
            json!({"subject": subject, "resources": resources, "permission": rule.permission})
        };
        self.0.iter().map(rule).collect()
    }
}

fn key(href: &str) -> &'static str {
    if href == EVERYTHING { "wc" } else { "href" }
}

fn read(rule: &Value) -> Option<Rule> {
    let subject = match rule.pointer("/subject/conntype").and_then(Value::as_str) {
        Some("anon-clear") => Subject::AnybodyInTheClear,
        Some(_) => return None,
        None => {
            let uuid = rule.pointer("/subject/uuid").and_then(Value::as_str)?;
            Subject::Known(Uuid::parse_str(uuid).ok()?)
        }
    };
    let hrefs = rule.get("resources")?.as_array()?.iter();
    let href = |one: &Value| match one.get("wc") {
        Some(wildcard) => wildcard.as_str().filter(|wildcard| *wildcard == EVERYTHING).map(str::to_owned),
        None => one.get("href")?.as_str().map(str::to_owned),
    };
    let hrefs = hrefs.map(href).collect::<Option<_>>()?;
    Some(Rule { subject, hrefs, permission: rule.get("permission")?.as_u64()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_who_is_meant_may_do_only_what_is_meant_to_only_what_is_meant() {
        let (owner, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut rules = Rules::of_the_maker();
        let subject = json!({"uuid": owner.to_string()});
        let body = json!({"aclist2": [{"subject": subject, "resources": [{"href": "/ra/user"}], "permission": 6}]});
        rules.add(&body).unwrap();
        let may = |asker, method, path| rules.let_through(asker, method, false, path);
        assert!(may(Asker::Anybody, Method::Get, "/oic/d") && !may(Asker::Anybody, Method::Post, "/oic/d"));
        assert!(!may(Asker::Anybody, Method::Get, "/ra/user") && !may(Asker::Known(other), Method::Get, "/ra/user"));
        assert!(
            may(Asker::Known(owner), Method::Get, "/ra/user") && may(Asker::Known(owner), Method::Post, "/ra/user")
        );
        assert!(!may(Asker::Known(owner), Method::Delete, "/ra/user"));
        assert!(!may(Asker::Known(owner), Method::Get, "/light"));
        assert!(
            !rules.let_through(Asker::Known(owner), Method::Get, true, "/ra/user"),
            "to observe is a right of its own"
        );
        assert_eq!(rules.shown().as_array().unwrap().len(), 2);
        rules.add(&json!({"aclist2": [{"subject": subject, "resources": [{"wc": "*"}], "permission": 31}]})).unwrap();
        let may = |asker, path| rules.let_through(asker, Method::Get, false, path);
        assert!(may(Asker::Known(owner), "/light") && !may(Asker::Known(owner), "/oic/sec/cred"));
        assert!(!may(Asker::Known(other), "/light"));
        assert_eq!(rules.shown()[2]["resources"], json!([{"wc": "*"}]));
    }
}
