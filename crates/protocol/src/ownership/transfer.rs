//! The requests of an ownership transfer, in their order, and what a device's answers must be.
//!
//! Every one is confirmable and in OCF's content format. The first goes in the clear; the others over the session that the
//! chosen method opens, which has to be closed in the end: a device with a transfer left open takes nobody for up to ten
//! minutes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ts_rs::TS;
use uuid::Uuid;

use super::Method;
use crate::crudn::{Href, Request, Response, Status};
use crate::oic::security::{ACL_URI, CRED_URI, DOXM_URI, PSTAT_URI, SDI_URI};

/// How long a device keeps a transfer open that nobody closes (seen in iotivity-lite).
pub const ABANDONED_FOR: Duration = Duration::from_secs(600);
/// Retrieve, update, notify: bits of an access rule's `permission` (OCF Security §13.5).
const READ_WRITE_NOTIFY: u8 = 22;
/// All five.
const ALL: u8 = 31;
const READ: u8 = 2;
/// Ready for provisioning, ready for normal operation: `dos.s` of `/oic/sec/pstat` (OCF Security §8).
const PROVISIONING: u8 = 2;
const NORMAL: u8 = 3;
/// Unowned again: `dos.s`.
const RESET: u8 = 0;

/// A step of the transfer over its session, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
#[ts(export, rename = "TakeoverStep")]
pub enum Step {
    /// The device learns its owner and gets the id that it has from now on.
    Owner,
    /// Both sides make the owner's key. Before this is sent, the key has to be kept.
    Key,
    /// The device is owned.
    Owned,
    /// Who may do what.
    Access,
    /// The device works again.
    Ready,
}

/// One request of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Which step it belongs to.
    pub step: Step,
    /// What is sent.
    pub request: Request,
    /// Whether the transfer goes on without it.
    pub needed: Needed,
}

/// Whether a transfer goes on without one of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// It does not.
    Always,
    /// It does where the device has no such resource.
    IfThere,
    /// It does where the device refuses it.
    IfTaken,
}

impl Asked {
    /// Whether an answer lets the transfer go on.
    pub fn is_taken(&self, answer: &Response) -> bool {
        let refused = (400..500).contains(&answer.status.0);
        answer.status.is_success()
            || match self.needed {
                Needed::Always => false,
                Needed::IfThere => answer.status == Status::NOT_FOUND,
                Needed::IfTaken => refused,
            }
    }
}

/// Whose a device becomes, and what it lets its owner do.
#[derive(Debug, Clone, PartialEq)]
pub struct Terms {
    /// The owner.
    pub owner: Uuid,
    /// The device's id from now on.
    pub device: Uuid,
    /// The two Remote Access resources: read and written by the owner, and nobody else.
    pub remote_access: Vec<Href>,
    /// The device's other resources.
    pub own: Vec<Href>,
}

/// Chooses the method, in the clear: the first request of a transfer.
pub fn choose(method: Method) -> Request {
    post(DOXM_URI, json!({"oxmsel": method.number()}))
}

/// All requests over the session, in order.
pub fn over_the_session(terms: &Terms) -> Vec<Asked> {
    let Terms { owner, device, .. } = terms;
    let (owner, device) = (owner.to_string(), device.to_string());
    let cred = json!({
        "creds": [{
            "credtype": 1,
            "subjectuuid": owner,
            "privatedata": {"encoding": "oic.sec.encoding.raw", "data": ""},
        }],
        "rowneruuid": owner,
    });
    let asked = |step, request| Asked { step, request, needed: Needed::Always };
    let mut all = vec![
        asked(Step::Owner, post(PSTAT_URI, json!({"om": 4}))),
        asked(Step::Owner, post(DOXM_URI, json!({"devowneruuid": owner}))),
        asked(Step::Owner, post(DOXM_URI, json!({"deviceuuid": device}))),
        asked(Step::Owner, post(DOXM_URI, json!({"rowneruuid": owner}))),
        asked(Step::Owner, post(ACL_URI, json!({"rowneruuid": owner}))),
        asked(Step::Owner, post(PSTAT_URI, json!({"rowneruuid": owner}))),
        asked(Step::Key, post(CRED_URI, cred)),
        Asked {
            needed: Needed::IfThere,
            ..asked(Step::Key, post(SDI_URI, json!({"uuid": owner, "name": "home", "priv": false})))
        },
        asked(Step::Owned, post(DOXM_URI, json!({"owned": true}))),
    ];
    all.extend(from_provisioning(terms));
    all
}

/// What is left of a transfer once the device is owned: also over a session of the owner's, where a transfer was cut short.
pub fn from_provisioning(terms: &Terms) -> Vec<Asked> {
    let asked = |step, request| Asked { step, request, needed: Needed::Always };
    vec![
        asked(Step::Owned, post(PSTAT_URI, json!({"dos": {"s": PROVISIONING}}))),
        Asked { needed: Needed::IfThere, ..asked(Step::Access, delete(ACL_URI)) },
        asked(Step::Access, post(ACL_URI, json!({"aclist2": access_rules(terms)}))),
        Asked {
            needed: Needed::IfTaken,
            ..asked(Step::Access, post(ACL_URI, json!({"aclist2": [for_what_is_made(terms)]})))
        },
        asked(Step::Ready, post(PSTAT_URI, json!({"dos": {"s": NORMAL}}))),
    ]
}

/// Lets anybody find a device of ours. Where a transfer was cut short between two of its last requests, it has no rules at all,
/// and answers to nobody but its owner.
pub fn lets_itself_be_found() -> Request {
    post(ACL_URI, json!({"aclist2": [found_by_anybody()]}))
}

/// Gives a device up: it forgets its owner, its keys and all that it was given, and has another id afterwards. Over a
/// session of the owner's.
pub fn reset() -> Request {
    post(PSTAT_URI, json!({"dos": {"s": RESET}}))
}

/// Anybody finds it; its owner does everything; nobody else does anything.
fn access_rules(terms: &Terms) -> Value {
    let resources = |hrefs: &[Href]| hrefs.iter().map(|href| json!({"href": href.path()})).collect::<Vec<_>>();
    let owner = json!({"uuid": terms.owner.to_string()});
    let mut rules =
        vec![found_by_anybody(), json!({"subject": owner, "resources": of_discovery(), "permission": READ})];
    for (hrefs, permission) in [(&terms.remote_access, READ_WRITE_NOTIFY), (&terms.own, ALL)] {
        if !hrefs.is_empty() {
            rules.push(json!({"subject": owner, "resources": resources(hrefs), "permission": permission}));
        }
    }
    Value::Array(rules)
}

/// The owner does everything, also with what is created one day: no rule can name that now. In a request of its own, for
/// stacks before OCF 1.3 have no wildcards (OCF Security §13.5: all but the configuration).
fn for_what_is_made(terms: &Terms) -> Value {
    json!({"subject": {"uuid": terms.owner.to_string()}, "resources": [{"wc": "*"}], "permission": ALL})
}

fn found_by_anybody() -> Value {
    json!({"subject": {"conntype": "anon-clear"}, "resources": of_discovery(), "permission": READ})
}

fn of_discovery() -> [Value; 3] {
    ["/oic/res", "/oic/d", "/oic/p"].map(|href| json!({ "href": href }))
}

fn post(uri: &str, body: Value) -> Request {
    Request::post(href(uri), body)
}

fn delete(uri: &str) -> Request {
    Request::delete(href(uri))
}

fn href(uri: &str) -> Href {
    Href::new(uri).expect("a path of the specification's")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        let href = |path: &str| Href::new(path).unwrap();
        Terms {
            owner: Uuid::from_u128(0x11),
            device: Uuid::from_u128(0x22),
            remote_access: vec![href("/ra/xmpp"), href("/ra/user")],
            own: vec![href("/light")],
        }
    }

    #[test]
    fn the_key_is_made_before_the_device_is_owned_and_the_device_works_last() {
        let all = over_the_session(&terms());
        let steps: Vec<Step> = all.iter().map(|asked| asked.step).collect();
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(all.last().unwrap().request.body, Some(json!({"dos": {"s": 3}})));
        let at = |body: &Value| all.iter().position(|asked| asked.request.body.as_ref() == Some(body)).unwrap();
        let owner = terms().owner.to_string();
        assert!(at(&json!({"devowneruuid": owner})) < at(&json!({"deviceuuid": terms().device.to_string()})));
        assert!(all.ends_with(&from_provisioning(&terms())));
    }

    #[test]
    fn nobody_but_the_owner_comes_to_the_accounts() {
        let all = from_provisioning(&terms());
        let listed = all.iter().filter_map(|asked| asked.request.body.as_ref()?["aclist2"].as_array());
        let rules: Vec<&Value> = listed.flatten().collect();
        let names = |rule: &Value| rule["resources"].as_array().unwrap().contains(&json!({"href": "/ra/user"}));
        let to_user = |rule: &&&Value| names(rule) || rule["resources"][0].get("wc").is_some();
        let subjects: Vec<_> = rules.iter().filter(to_user).map(|rule| rule["subject"].clone()).collect();
        let owner = json!({"uuid": terms().owner.to_string()});
        assert_eq!(subjects, [owner.clone(), owner]);
        let anonymous = rules.iter().find(|rule| rule["subject"].get("conntype").is_some()).unwrap();
        assert_eq!(anonymous["permission"], 2);
    }

    #[test]
    fn only_what_may_be_absent_may_be_absent_and_only_the_wildcard_may_be_refused() {
        for asked in over_the_session(&terms()) {
            let is_wildcard = asked.request.body.as_ref().is_some_and(|body| body.to_string().contains(r#""wc""#));
            assert_eq!(asked.needed == Needed::IfTaken, is_wildcard);
            assert!(asked.is_taken(&Response::status(Status(204))));
            assert_eq!(asked.is_taken(&Response::status(Status::NOT_FOUND)), asked.needed != Needed::Always);
            assert_eq!(asked.is_taken(&Response::status(Status(400))), is_wildcard);
            assert!(!asked.is_taken(&Response::status(Status(500))));
        }
    }
}
