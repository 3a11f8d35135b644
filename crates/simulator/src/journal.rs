//! The request log of one device, for tests to read.
//!
//! Scope: what came in and what became of it. Non-scope: the contents of credentials, which are never in here.

use std::collections::VecDeque;

use homeward_protocol::crudn::{Href, Method, Request, Status};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::model::Via;

/// Most entries kept; the oldest go first. Our choice.
const MOST: usize = 2000;

/// One request as the device saw it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// Counted from 1 on for each device.
    pub number: u64,
    /// What was asked.
    pub method: Method,
    /// Of which resource, with its query.
    pub href: Href,
    /// Over which path.
    pub via: Via,
    /// Who asked: a socket address or a full JID.
    pub from: String,
    /// The body, with `…` in place of a credential.
    pub body: Option<Value>,
    /// The `Observe` of the request: 0 or 1.
    pub observe: Option<u8>,
    /// Whether the request came before (the same message id) and was not carried out again.
    pub repeated: bool,
    /// Whether it was carried out, with success.
    pub executed: bool,
    /// What was answered; none while it is under way, or where the device keeps silent.
    pub status: Option<Status>,
}

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: VecDeque<LoggedRequest>,
    counted: u64,
}

impl Journal {
    /// Writes a request down; its number is for [`Journal::answered`].
    pub(crate) fn arrived(&mut self, request: &Request, via: Via, from: &str, repeated: bool) -> u64 {
        self.counted += 1;
        if self.entries.len() >= MOST {
            self.entries.pop_front();
        }
        self.entries.push_back(LoggedRequest {
            number: self.counted,
            method: request.method,
            href: request.href.clone(),
            via,
            from: from.to_owned(),
            body: request.body.as_ref().map(without_credentials),
            observe: request.observe.map(|observe| match observe {
                homeward_protocol::crudn::Observe::Register => 0,
                homeward_protocol::crudn::Observe::Deregister => 1,
            }),
            repeated,
            executed: false,
            status: None,
        });
        self.counted
    }

    /// Notes what became of a request.
    pub(crate) fn answered(&mut self, number: u64, status: Status, executed: bool) {
        if let Some(entry) = self.entries.iter_mut().rev().find(|entry| entry.number == number) {
            entry.status = Some(status);
            entry.executed = executed;
        }
    }

    pub(crate) fn entries(&self) -> Vec<LoggedRequest> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A copy with `…` in place of every `credential`.
pub(crate) fn without_credentials(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let hide = |(name, value): (&String, &Value)| {
                let hidden = if name.eq_ignore_ascii_case("credential") {
                    Value::String("…".to_owned())
                } else {
                    without_credentials(value)
                };
                (name.clone(), hidden)
            };
            Value::Object(map.iter().map(hide).collect::<Map<_, _>>())
        }
        Value::Array(list) => list.iter().map(without_credentials).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_credential_never_gets_into_the_log() {
        let mut journal = Journal::default();
        let body = json!({"jid": "a@b", "credential": "aHVudGVyMg==", "deep": [{"Credential": "aHVudGVyMg=="}]});
        journal.arrived(&Request::post(Href::new("/ra/user").unwrap(), body), Via::Lan, "127.0.0.1:1", false);
        let log = serde_json::to_string(&journal.entries()).unwrap();
        assert!(log.contains("a@b") && !log.contains("aHVudGVyMg"), "{log}");
    }

    #[test]
    fn the_log_is_bounded() {
        let mut journal = Journal::default();
        for _ in 0..MOST + 5 {
            journal.arrived(&Request::get(Href::new("/light").unwrap()), Via::Lan, "127.0.0.1:1", false);
        }
        assert_eq!(journal.entries().len(), MOST);
        assert_eq!(journal.entries()[0].number, 6);
    }
}
