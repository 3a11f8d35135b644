//! The two resources that give a device its XMPP server and account: `oic.ra.xmpp` and `oic.ra.user` (RA-2).
//!
//! Scope: what they hold, show and take. Non-scope: signing in; the device's `remote` part does that.

use homeward_protocol::crudn::{Href, Status};
use homeward_protocol::secret::Secret;
use serde_json::{Map, Value, json};

use super::resource::Refusal;
use super::{Dialect, Resource, Rules};

/// `status` of `oic.ra.xmpp` (RA-4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RaStatus {
    /// Server or account is not set.
    NotInitialized,
    /// Signed in.
    Connected,
    /// Not signed in, and why, in the device's own words.
    Error(String),
}

impl RaStatus {
    /// The word on the wire.
    pub fn as_str(&self) -> &'static str {
        match self {
            RaStatus::NotInitialized => "NotInitialized",
            RaStatus::Connected => "Connected",
            RaStatus::Error(_) => "Error",
        }
    }
}

/// Everything that a device needs to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    /// The server's address.
    pub(crate) address: String,
    /// Its port.
    pub(crate) port: u16,
    /// The bare JID.
    pub(crate) jid: String,
    /// The password in base64, as `oic.ra.user` holds it.
    pub(crate) credential: Secret,
}

/// The two resources.
#[derive(Debug, Clone)]
pub(crate) struct RemoteAccess {
    pub(crate) xmpp: Href,
    pub(crate) user: Href,
    /// Whether `/oic/res` lists them; where not, they are at the well-known URIs (RA-2).
    pub(crate) listed: bool,
    /// Empty: not set.
    pub(crate) address: String,
    /// 0: not set.
    pub(crate) port: u16,
    /// Empty: not set.
    pub(crate) jid: String,
    pub(crate) credential: Secret,
    pub(crate) status: RaStatus,
}

impl RemoteAccess {
    pub(crate) fn new(xmpp: Href, user: Href, listed: bool) -> Self {
        Self {
            xmpp,
            user,
            listed,
            address: String::new(),
            port: 0,
            jid: String::new(),
            credential: Secret::new(""),
            status: RaStatus::NotInitialized,
        }
    }

    /// Nothing is set any more.
    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.xmpp.clone(), self.user.clone(), self.listed);
    }

    /// What to sign in with, once both resources are set (RA-5).
    pub(crate) fn login(&self) -> Option<Login> {
        if self.address.is_empty() || self.port == 0 || self.jid.is_empty() || self.credential.is_empty() {
            return None;
        }
        Some(Login {
            address: self.address.clone(),
            port: self.port,
            jid: self.jid.clone(),
            credential: self.credential.clone(),
        })
    }

    /// Both as links, for `/oic/res`.
    pub(crate) fn links(&self) -> [Resource; 2] {
        let link = |href: &Href, rt: &str| Resource { rules: Rules::Free, ..Resource::sensor(href, rt, Value::Null) };
        [link(&self.xmpp, "oic.ra.xmpp"), link(&self.user, "oic.ra.user")]
    }

    /// `oic.ra.xmpp` as a GET shows it. OIC 1.1 devices leave out what is not set, though Annex A requires it.
    pub(crate) fn show_xmpp(&self, dialect: Dialect) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("status".to_owned(), json!(self.status.as_str()));
        let reason = if let RaStatus::Error(reason) = &self.status { reason.as_str() } else { "" };
        if dialect == Dialect::Ocf || !self.address.is_empty() {
            shown.insert("address".to_owned(), json!(self.address));
            shown.insert("port".to_owned(), json!(self.port));
        }
        if dialect == Dialect::Ocf || !reason.is_empty() {
            shown.insert("ErrorReason".to_owned(), json!(reason));
        }
        shown
    }

    /// `oic.ra.user` with the live credential: for the wire only, where reading is allowed (RA-7).
    pub(crate) fn show_user(&self) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("jid".to_owned(), json!(self.jid));
        shown.insert("credential".to_owned(), json!(self.credential.expose()));
        shown
    }

    /// Takes `{address, port}`: exactly these (RA-3). An empty address clears it. Tells whether anything is different.
    pub(crate) fn set_xmpp(&mut self, body: &Value) -> Result<bool, Refusal> {
        let [address, port] = exactly(body, ["address", "port"])?;
        let address = address.as_str().ok_or_else(|| bad("address is a text"))?;
        let port = port.as_f64().filter(|n| n.fract() == 0.0 && (0.0..=65535.0).contains(n));
        let port = port.ok_or_else(|| bad("port is a number from 1 to 65535"))? as u16;
        if !address.is_empty() && port == 0 {
            return Err(bad("port is a number from 1 to 65535"));
        }
        if address.len() > 255 || address.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(bad("address is a host name or an IP address"));
        }
        let port = if address.is_empty() { 0 } else { port };
        let changed = self.address != address || self.port != port;
        self.address = address.to_owned();
        self.port = port;
        Ok(changed)
    }

    /// Takes `{jid, credential}`: exactly these (RA-3). Both empty clears them. Tells whether anything is different.
    pub(crate) fn set_user(&mut self, body: &Value) -> Result<bool, Refusal> {
        use base64::Engine;
        let [jid, credential] = exactly(body, ["jid", "credential"])?;
        let jid = jid.as_str().ok_or_else(|| bad("jid is a text"))?;
        let credential = credential.as_str().ok_or_else(|| bad("credential is a text"))?;
        if !jid.is_empty() && (jid.contains('/') || jid.len() > 2048 || jid.chars().any(char::is_whitespace)) {
            return Err(bad("jid is a bare JID"));
        }
        let password = base64::engine::general_purpose::STANDARD.decode(credential);
        if credential.len() > 4096 || !password.is_ok_and(|bytes| String::from_utf8(bytes).is_ok()) {
            return Err(bad("credential is a password in base64"));
        }
        if jid.is_empty() != credential.is_empty() {
            return Err(bad("jid and credential are set, or cleared, together"));
        }
        let changed = self.jid != jid || self.credential.expose() != credential;
        self.jid = jid.to_owned();
        self.credential = Secret::new(credential);
        Ok(changed)
    }
}

/// The values of these two properties; anything beside them, or one missing, is refused.
fn exactly<'a>(body: &'a Value, names: [&str; 2]) -> Result<[&'a Value; 2], Refusal> {
    let map = body.as_object().ok_or_else(|| bad("the body is no map"))?;
    if let Some(other) = map.keys().find(|name| !names.contains(&name.as_str())) {
        return Err(bad(format!("{other} can not be set")));
    }
    let value = |name: &str| map.get(name).ok_or_else(|| bad(format!("{name} is missing")));
    let [first, second] = names;
    Ok([value(first)?, value(second)?])
}

fn bad(words: impl Into<String>) -> Refusal {
    Refusal::new(Status::BAD_REQUEST, words)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
    use super::*;

    fn fresh() -> RemoteAccess {
        RemoteAccess::new(Href::new("/ra/xmpp").unwrap(), Href::new("/ra/user").unwrap(), true)
    }

    #[test]
    fn both_resources_set_make_a_login_ra_5() {
        let mut remote = fresh();
        assert!(remote.set_xmpp(&json!({"address": "hearth.example", "port": 5222})).unwrap());
        assert_eq!(remote.login(), None);
        assert!(remote.set_user(&json!({"jid": "maren@hearth.example", "credential": "c2VjcmV0"})).unwrap());
        assert_eq!(remote.login().unwrap().address, "hearth.example");
        assert!(!remote.set_user(&json!({"jid": "maren@hearth.example", "credential": "c2VjcmV0"})).unwrap());
    }

    #[test]
    fn an_empty_account_clears_it() {
        let mut remote = fresh();
        remote.set_xmpp(&json!({"address": "hearth.example", "port": 5222})).unwrap();
        remote.set_user(&json!({"jid": "maren@hearth.example", "credential": "c2VjcmV0"})).unwrap();
        assert!(remote.set_user(&json!({"jid": "", "credential": ""})).unwrap());
        assert_eq!(remote.login(), None);
        assert!(remote.set_xmpp(&json!({"address": "", "port": 0})).unwrap());
        assert_eq!(remote.show_xmpp(Dialect::Ocf)["address"], json!(""));
    }

    #[test]
    fn exactly_the_two_properties_are_taken_ra_3() {
        for body in [
            json!({"address": "a", "port": 1, "status": "Connected"}),
            json!({"address": "a", "port": 1, "rt": "oic.ra.xmpp"}),
            json!({"address": "a"}),
            json!({"address": "a", "port": 0}),
            json!({"address": "a", "port": 70000}),
            json!({"address": "a", "port": "5222"}),
            json!({"address": "a b", "port": 5222}),
            json!("a"),
        ] {
            assert_eq!(fresh().set_xmpp(&body).unwrap_err().status, Status::BAD_REQUEST, "{body}");
        }
        for body in [
            json!({"jid": "a@b/c", "credential": "c2VjcmV0"}),
            json!({"jid": "a@b", "credential": "not base64!"}),
            json!({"jid": "a@b", "credential": ""}),
            json!({"jid": "a@b", "credential": "c2VjcmV0", "port": 1}),
        ] {
            assert_eq!(fresh().set_user(&body).unwrap_err().status, Status::BAD_REQUEST, "{body}");
        }
    }

    #[test]
    fn debug_shows_no_credential() {
        let mut remote = fresh();
        remote.set_user(&json!({"jid": "a@b", "credential": "aHVudGVyMg=="})).unwrap();
        assert!(!format!("{remote:?}").contains("aHVudGVyMg"));
    }
}
