//! The two resources that every device with Remote Access has: `oic.ra.xmpp` and `oic.ra.user` (RA-2, Annex A).
//!
//! Scope: reading what a device answers, tolerantly, and making exactly what is written (RA-3). Non-scope: when either
//! may be read or written ([`crate::onboarding`]).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use zeroize::Zeroize;

use crate::secret::Secret;

/// The resource type of the server's address (A.1.3).
pub const XMPP_RT: &str = "oic.ra.xmpp";
/// The resource type of the account (A.2.3).
pub const USER_RT: &str = "oic.ra.user";
/// Where `oic.ra.xmpp` is if /oic/res does not list it (A.1.2).
pub const XMPP_URI: &str = "/XMPPResURI";
/// Where `oic.ra.user` is if /oic/res does not list it (A.2.2).
pub const USER_URI: &str = "/XMPPUserResURI";
/// The interface that both have (L549, L723).
pub const INTERFACE: &str = "oic.if.s";

/// Most characters kept of a text that a device says: our choice, enough for two lines on a screen.
pub const MAX_WORDS: usize = 300;

/// `oic.ra.xmpp`, as a device reports it. Any property may be missing, whatever Annex A says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct XmppAccess {
    /// The server that the device is told to use; empty where it says so.
    pub address: Option<String>,
    /// And its port.
    pub port: Option<u16>,
    /// How its connection is.
    pub status: Option<ConnectionStatus>,
    /// With [`ConnectionStatus::Error`]: the vendor's words (RA-4). Never empty.
    pub error_reason: Option<String>,
}

/// `status` of `oic.ra.xmpp` (RA-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// Signed in.
    Connected,
    /// Could not sign in.
    Error,
    /// Was told no server or no account.
    NotInitialized,
    /// What the specification does not know; as the device wrote it.
    Other(String),
}

impl ConnectionStatus {
    /// The word on the wire.
    pub fn as_str(&self) -> &str {
        match self {
            ConnectionStatus::Connected => "Connected",
            ConnectionStatus::Error => "Error",
            ConnectionStatus::NotInitialized => "NotInitialized",
            ConnectionStatus::Other(text) => text,
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "Connected" => ConnectionStatus::Connected,
            "Error" => ConnectionStatus::Error,
            "NotInitialized" => ConnectionStatus::NotInitialized,
            other => ConnectionStatus::Other(words(other)),
        }
    }
}

impl XmppAccess {
    /// Reads a representation; `None` if it is no object. `port` may be a number or its decimal text, the reason may
    /// be called `error` (Table 2), and what has a wrong type counts as missing.
    pub fn read(body: &Value) -> Option<Self> {
        let object = body.as_object()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let reason = text("ErrorReason").or_else(|| text("error")).map(words).filter(|reason| !reason.is_empty());
        Some(Self {
            address: text("address").map(|address| address.chars().take(MAX_WORDS).collect()),
            port: object.get("port").and_then(port),
            status: text("status").map(ConnectionStatus::read),
            error_reason: reason,
        })
    }
}

fn port(value: &Value) -> Option<u16> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => u16::try_from(whole).ok(),
            // CBOR may carry 5222.0.
            None => number
                .as_f64()
                .filter(|f| f.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(f))
                .map(|f| f as u16),
        },
        _ => None,
    }
}

/// A device's words, as far as they are shown: one line, at most [`MAX_WORDS`] characters, no control characters.
pub fn words(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect();
    line.trim().to_owned()
}

/// What is written to `oic.ra.xmpp`: exactly these two properties (RA-3).
pub fn server_update(address: &str, port: u16) -> Value {
    json!({ "address": address, "port": port })
}

/// What is written to `oic.ra.user`: exactly these two, the credential as base64 of the UTF-8 password (RA-3). Holds
/// the password: [`wipe`] it once it is encoded.
pub fn account_update(jid: &str, password: &Secret) -> Value {
    let credential = BASE64.encode(password.expose());
    json!({ "jid": jid, "credential": credential })
}

/// What is written to `oic.ra.user` to sign a device out whose former password nobody knows.
pub fn account_cleared() -> Value {
    json!({ "jid": "", "credential": "" })
}

/// The `jid` of an `oic.ra.user` representation; the credential in it is wiped, and with it all the rest (RA-7).
/// Outer `None`: it is no object. Inner `None`: no account is set.
pub fn take_jid(mut body: Value) -> Option<Option<String>> {
    let jid = body.as_object().map(|object| {
        let jid = object.get("jid").and_then(Value::as_str).unwrap_or_default();
        Some(jid.trim().chars().take(MAX_JID).collect::<String>()).filter(|jid| !jid.is_empty())
    });
    wipe(&mut body);
    jid
}

/// The same, where it comes as a member of a collection that was asked as a batch: of each entry that holds a credential
/// its `jid` is left.
pub fn withhold_in_batch(body: &mut Value) {
    let entries = body.as_array_mut().into_iter().flatten();
    for rep in entries.filter_map(|entry| entry.get_mut("rep")) {
        if rep.get("credential").is_some() {
            let jid = take_jid(rep.take()).flatten();
            *rep = jid.map_or(Value::Null, |jid| json!({ "jid": jid }));
        } else {
            // A collection in a collection. How deep a message goes, its codec bounds.
            withhold_in_batch(rep);
        }
    }
}

/// Longest JID, in characters: three parts of at most 1023 bytes (RFC 6122 §2.1).
const MAX_JID: usize = 3071;

/// Overwrites every text in a value, then the value. What was copied elsewhere before stays there.
pub fn wipe(value: &mut Value) {
    match value {
        Value::String(text) => text.zeroize(),
        Value::Array(items) => items.iter_mut().for_each(wipe),
        Value::Object(object) => object.values_mut().for_each(wipe),
        _ => {}
    }
    *value = Value::Null;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    #[test]
    fn the_specifications_xmpp_example_is_read_l601() {
        let access = XmppAccess::read(&json!({
            "rt": "oic.ra.xmpp", "address": "www.cisco.oic.xmpp.com", "port": 8080, "status": "Connected",
            "ErrorReason": ""
        }));
        let access = access.unwrap();
        assert_eq!(access.address.as_deref(), Some("www.cisco.oic.xmpp.com"));
        assert_eq!((access.port, access.status), (Some(8080), Some(ConnectionStatus::Connected)));
        assert_eq!(access.error_reason, None, "an empty reason is none");
    }

    #[test]
    fn the_specifications_user_example_gives_its_jid_l767() {
        let body = json!({"rt": "oic.ra.user", "jid": "user@mydomain.com", "credential": "AADRRRDSDSSDFERVVDESDFSD"});
        assert_eq!(take_jid(body), Some(Some("user@mydomain.com".to_owned())));
    }

    #[test]
    fn an_account_that_is_not_set_has_no_jid() {
        assert_eq!(take_jid(json!({"jid": "", "credential": ""})), Some(None));
        assert_eq!(take_jid(json!({})), Some(None));
        assert_eq!(take_jid(json!("nothing")), None);
    }

    #[test]
    fn a_collection_does_not_hand_out_the_credential_of_its_member() {
        let user = json!({"rt": "oic.ra.user", "jid": "user@mydomain.com", "credential": "AADRRRDSDSSDFERVVDESDFSD"});
        let light = json!({"href": "/light", "rep": {"value": true}});
        let all = |user: Value| json!([light, {"href": "/XMPPUserResURI", "rep": user}]);
        let mut body = json!([light, {"href": "/all", "rep": all(user.clone())}, all(user)[1]]);
        withhold_in_batch(&mut body);
        let left = all(json!({"jid": "user@mydomain.com"}));
        assert_eq!(body, json!([light, {"href": "/all", "rep": left}, left[1]]));
        let mut other = json!({"value": true});
        withhold_in_batch(&mut other);
        assert_eq!(other, json!({"value": true}));
    }

    #[test]
    fn exactly_two_properties_are_written_l649_l806() {
        assert_eq!(server_update("xmpp.example", 5222), json!({"address": "xmpp.example", "port": 5222}));
        let password = Secret::new("pässword");
        let written = account_update("user@mydomain.com", &password);
        assert_eq!(written, json!({"jid": "user@mydomain.com", "credential": "cMOkc3N3b3Jk"}));
    }

    #[test]
    fn a_port_may_be_text_or_a_whole_float_and_nothing_else() {
        let port = |value: Value| XmppAccess::read(&json!({ "port": value })).unwrap().port;
        assert_eq!(port(json!("5222")), Some(5222));
        assert_eq!(port(json!(5222.0)), Some(5222));
        for bad in [json!(70000), json!(-1), json!(52.5), json!("many"), json!([5222]), json!(null), json!(1e300)] {
            assert_eq!(port(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn missing_properties_and_table_2s_error_are_read() {
        assert_eq!(XmppAccess::read(&json!({})), Some(XmppAccess::default()));
        let access = XmppAccess::read(&json!({"status": "Error", "error": "no\nroute"})).unwrap();
        assert_eq!(access.error_reason.as_deref(), Some("no route"));
    }

    #[test]
    fn an_unknown_status_keeps_its_word() {
        let access = XmppAccess::read(&json!({"status": "Connecting"})).unwrap();
        assert_eq!(access.status.unwrap().as_str(), "Connecting");
    }

    #[test]
    fn what_is_no_object_is_no_answer() {
        for body in [json!(null), json!([]), json!("Connected"), json!(7)] {
            assert_eq!(XmppAccess::read(&body), None, "{body}");
        }
    }

    #[test]
    fn long_words_are_cut() {
        let access = XmppAccess::read(&json!({"status": "Error", "ErrorReason": "é".repeat(10_000)})).unwrap();
        assert_eq!(access.error_reason.unwrap().chars().count(), MAX_WORDS);
    }

    #[test]
    fn a_wiped_value_is_gone() {
        let mut body = account_update("a@b", &Secret::new("hunter2"));
        wipe(&mut body);
        assert_eq!(body, Value::Null);
    }
}
