//! A secured device: whose it is, and who may do what (OIC Security, OCF Security), as iotivity-lite does it.
//!
//! Scope: the resources under `/oic/sec`, ownership and its transfer, resets. Non-scope: access rules ([`rules`]); DTLS,
//! which asks here for keys and tells of transfers.

use std::time::{Duration, Instant};

use homeward_protocol::crudn::{Method, Request, Response, Status};
use homeward_protocol::oic::security::{ACL_URI, CRED_URI, DOXM_URI, PSTAT_URI, SDI_URI};
use homeward_protocol::ownership::keys::{KEY_BLOCK, Key};
use homeward_protocol::ownership::transfer::ABANDONED_FOR;
use serde_json::{Value, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::resource::Refusal;
use crate::knobs::Security;

pub(crate) mod rules;

use rules::Rules;

/// Nobody: the owner of an unowned device.
const NOBODY: Uuid = Uuid::nil();
/// Our choice: keys that a device keeps.
const MOST_KEYS: usize = 16;

/// Ready for a transfer of ownership, for provisioning, for normal operation: `dos.s` of pstat (OCF Security §8).
const FOR_TRANSFER: u64 = 1;
const FOR_PROVISIONING: u64 = 2;
const NORMAL: u64 = 3;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Asker {
    /// Anybody: in the clear.
    Anybody,
    /// Whoever takes the device over, over the session of the transfer.
    Newcomer,
    /// Whoever has the key of this subject, over a session opened with it.
    Known(Uuid),
    /// Whoever is let in at the XMPP server.
    Remote,
}

/// A device's ownership.
#[derive(Debug, Clone)]
pub(crate) struct Ownership {
    /// `deviceuuid`, which is its `di`.
    pub(crate) device: Uuid,
    /// Where the ids come from that it has after resets.
    seed: Uuid,
    resets: u32,
    /// `oxms`.
    pub(crate) methods: Vec<u64>,
    /// `oxmsel`.
    method: u64,
    owned: bool,
    owner: Uuid,
    state: u64,
    om: u64,
    keys: Vec<(Uuid, Key)>,
    pub(crate) rules: Rules,
    pin: Option<String>,
    transfer: Option<Transfer>,
    /// Says that nobody owns it, though somebody does.
    pub(crate) claims_unowned: bool,
    /// What it says in `deviceuuid` to its owner, instead of the truth.
    pub(crate) says_it_is: Option<Uuid>,
    /// Whether there is `/oic/sec/sdi`.
    pub(crate) has_sdi: bool,
    /// How long a transfer is kept open that nobody closes.
    pub(crate) transfer_patience: Duration,
}

/// What outlives a restart of a device that is somebody's.
pub(crate) struct Kept {
    pub(crate) device: Uuid,
    pub(crate) owner: Uuid,
    /// By their subjects.
    pub(crate) keys: Vec<(Uuid, Key)>,
    pub(crate) rules: Rules,
}

/// A transfer under way.
#[derive(Debug, Clone)]
struct Transfer {
    since: Instant,
    before: Uuid,
    block: Zeroizing<[u8; KEY_BLOCK]>,
}

/// What an answer brings with it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    /// The device has another id now.
    pub(crate) renamed: bool,
    /// It forgot all that it was given.
    pub(crate) reset: bool,
    /// It shows a PIN now.
    pub(crate) shows_pin: bool,
}

impl Ownership {
    /// Of a device that is nobody's, or a stranger's.
    pub(crate) fn new(device: Uuid, security: Security) -> Option<Self> {
        let mut this = Self {
            device,
            seed: device,
            resets: 0,
            methods: vec![0, 1],
            method: 0,
            owned: false,
            owner: NOBODY,
            state: FOR_TRANSFER,
            om: 0,
            keys: Vec::new(),
            rules: Rules::of_the_maker(),
            pin: None,
            transfer: None,
            claims_unowned: false,
            says_it_is: None,
            has_sdi: true,
            transfer_patience: ABANDONED_FOR,
        };
        match security {
            Security::None => return None,
            Security::Unowned => {}
            Security::Owned => {
                this.owned = true;
                this.owner = Uuid::new_v5(&device, b"a stranger");
                this.state = NORMAL;
            }
        }
        Some(this)
    }

    /// As it was before a restart: owned, with its keys.
    pub(crate) fn recalled(mut self, kept: Kept) -> Self {
        Kept { device: self.device, owner: self.owner, keys: self.keys, rules: self.rules } = kept;
        (self.owned, self.state) = (true, NORMAL);
        self
    }

    /// What outlives a restart; none while it is nobody's.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let Self { device, owner, .. } = *self;
        self.owned.then(|| Kept { device, owner, keys: self.keys.clone(), rules: self.rules.clone() })
    }

    /// The PIN that it shows.
    pub(crate) fn pin(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// Whether somebody owns it.
    pub(crate) fn is_owned(&self) -> bool {
        self.owned
    }

    /// A transfer that nobody closed in time is over.
    fn loses_patience(&mut self) {
        let patience = self.transfer_patience;
        if self.transfer.as_ref().is_some_and(|transfer| transfer.since.elapsed() >= patience) {
            self.transfer_closed();
        }
    }

    /// By which method it can be taken over now; none: it is somebody's, or becoming so.
    pub(crate) fn offered(&mut self) -> Option<u64> {
        self.loses_patience();
        (!self.owned && self.transfer.is_none()).then_some(self.method)
    }

    /// The key of a session that somebody opens under this name, and who they are then.
    pub(crate) fn key(&mut self, identity: &[u8]) -> Option<(Key, Asker)> {
        if identity == homeward_protocol::ownership::keys::PIN_IDENTITY.as_bytes() {
            if self.offered() != Some(1) {
                return None;
            }
            return Some((Key::of_pin(self.pin.as_deref()?, self.device), Asker::Newcomer));
        }
        let subject = Uuid::from_slice(identity).ok()?;
        let key = self.keys.iter().find(|(known, _)| *known == subject).map(|(_, key)| key.clone())?;
        Some((key, Asker::Known(subject)))
    }

    /// The session of a transfer is open.
    pub(crate) fn transfer_opened(&mut self, block: Zeroizing<[u8; KEY_BLOCK]>) {
        self.transfer = Some(Transfer { since: Instant::now(), before: self.device, block });
    }

    /// It is closed: what was not brought to its end is as if it had not begun.
    pub(crate) fn transfer_closed(&mut self) {
        if let Some(transfer) = self.transfer.take()
            && !self.owned
        {
            self.device = transfer.before;
            self.owner = NOBODY;
            self.keys.clear();
            self.rules = Rules::of_the_maker();
        }
    }

    /// The answer to a request for one of the resources of security; none, where it is for another.
    pub(crate) fn answer(
        &mut self,
        request: &Request,
        asker: Asker,
        effects: &mut Effects,
    ) -> Option<Result<Response, Refusal>> {
        let path = request.href.path();
        if path == SDI_URI && !self.has_sdi {
            return Some(Err(Refusal::new(Status::NOT_FOUND, "no such resource")));
        }
        if ![DOXM_URI, PSTAT_URI, CRED_URI, ACL_URI, SDI_URI].contains(&path) {
            return None;
        }
        Some(self.answer_security(path, request, asker, effects))
    }

    fn answer_security(
        &mut self,
        path: &str,
        request: &Request,
        asker: Asker,
        effects: &mut Effects,
    ) -> Result<Response, Refusal> {
        if asker == Asker::Anybody {
            self.loses_patience();
        }
        let body = request.body.as_ref().unwrap_or(&Value::Null);
        let masters = asker == Asker::Newcomer || (self.owned && asker == Asker::Known(self.owner));
        match (path, request.method) {
            (DOXM_URI, Method::Get) if masters || !self.owned || self.claims_unowned => {
                Ok(Response::ok(self.doxm(asker)))
            }
            (DOXM_URI, Method::Post) if asker == Asker::Anybody && !self.owned => self.choose(body, effects),
            _ if !masters => Err(Refusal::new(Status::UNAUTHORIZED, "only its owner may")),
            (PSTAT_URI, Method::Get) => Ok(Response::ok(self.pstat())),
            (CRED_URI, Method::Get) => Ok(Response::ok(self.cred())),
            (ACL_URI, Method::Get) => Ok(Response::ok(json!({"aclist2": self.rules.shown()}))),
            (DOXM_URI, Method::Post) => self.write_doxm(body, effects),
            (PSTAT_URI, Method::Post) => self.write_pstat(body, effects),
            (CRED_URI, Method::Post) => self.write_cred(body),
            (ACL_URI, Method::Post) => self.rules.add(body).map(|()| changed()),
            (ACL_URI, Method::Delete) => {
                self.rules = Rules::default();
                Ok(changed())
            }
            (SDI_URI, Method::Post) => Ok(changed()),
            _ => Err(Refusal::new(Status::METHOD_NOT_ALLOWED, "not with this method")),
        }
    }

    fn doxm(&self, asker: Asker) -> Value {
        let lies = self.claims_unowned && asker == Asker::Anybody;
        let device = self.says_it_is.filter(|_| asker != Asker::Anybody).unwrap_or(self.device);
        json!({
            "oxms": self.methods,
            "oxmsel": self.method,
            "sct": 1,
            "owned": self.owned && !lies,
            "deviceuuid": device.to_string(),
            "devowneruuid": if lies { NOBODY } else { self.owner }.to_string(),
            "rowneruuid": if lies { NOBODY } else { self.owner }.to_string(),
        })
    }

    fn pstat(&self) -> Value {
        json!({
            "dos": {"s": self.state, "p": false},
            "isop": self.state == NORMAL,
            "cm": 2,
            "tm": 0,
            "om": self.om,
            "sm": 4,
            "rowneruuid": self.owner.to_string(),
        })
    }

    /// Without the keys.
    fn cred(&self) -> Value {
        let creds = self.keys.iter().zip(1..);
        let creds: Vec<Value> = creds
            .map(|((subject, _), number)| json!({"credid": number, "credtype": 1, "subjectuuid": subject.to_string()}))
            .collect();
        json!({"creds": creds, "rowneruuid": self.owner.to_string()})
    }

    /// In the clear, while it is nobody's.
    fn choose(&mut self, body: &Value, effects: &mut Effects) -> Result<Response, Refusal> {
        let asked = body.as_object().filter(|asked| asked.len() == 1);
        let method = asked.and_then(|asked| asked.get("oxmsel")).and_then(Value::as_u64);
        let method = method.filter(|method| self.methods.contains(method));
        let method = method.ok_or_else(|| Refusal::new(Status::BAD_REQUEST, "only a method that it offers"))?;
        if self.offered().is_none() {
            return Err(Refusal::new(Status::FORBIDDEN, "it is being taken over"));
        }
        self.method = method;
        self.pin = (method == 1).then(|| format!("{:08}", rand::random_range(0..100_000_000_u32)));
        effects.shows_pin = self.pin.is_some();
        Ok(changed())
    }

    fn write_doxm(&mut self, body: &Value, effects: &mut Effects) -> Result<Response, Refusal> {
        let id = |name: &str| body.get(name).and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
        if let Some(owner) = id("devowneruuid") {
            self.owner = owner;
        }
        if let Some(device) = id("deviceuuid") {
            if self.owned {
                return Err(Refusal::new(Status::FORBIDDEN, "only while it is taken over"));
            }
            effects.renamed = self.device != device;
            self.device = device;
        }
        if body.get("owned") == Some(&Value::Bool(true)) {
            if self.owner == NOBODY || !self.keys.iter().any(|(subject, _)| *subject == self.owner) {
                return Err(Refusal::new(Status::BAD_REQUEST, "its owner has no key yet"));
            }
            self.owned = true;
            self.pin = None;
        }
        Ok(changed())
    }

    fn write_pstat(&mut self, body: &Value, effects: &mut Effects) -> Result<Response, Refusal> {
        if let Some(om) = body.get("om").and_then(Value::as_u64) {
            self.om = om;
        }
        match body.pointer("/dos/s").and_then(Value::as_u64) {
            None => Ok(changed()),
            Some(0) => {
                self.reset();
                *effects = Effects { renamed: true, reset: true, shows_pin: false };
                Ok(changed())
            }
            Some(FOR_PROVISIONING) if self.owned => {
                self.state = FOR_PROVISIONING;
                Ok(changed())
            }
            Some(NORMAL) if self.state == FOR_PROVISIONING => {
                self.state = NORMAL;
                Ok(changed())
            }
            Some(_) => Err(Refusal::new(Status::BAD_REQUEST, "not from the state that it is in")),
        }
    }

    /// The owner's key: both sides make it of the session, and none is sent.
    fn write_cred(&mut self, body: &Value) -> Result<Response, Refusal> {
        let bad = |why: &str| Refusal::new(Status::BAD_REQUEST, why);
        for cred in body.get("creds").and_then(Value::as_array).ok_or_else(|| bad("creds is a list"))? {
            let subject = cred.get("subjectuuid").and_then(Value::as_str).and_then(|id| Uuid::parse_str(id).ok());
            let subject = subject.ok_or_else(|| bad("a subject is a uuid"))?;
            let raw = cred.pointer("/privatedata/encoding").and_then(Value::as_str) == Some("oic.sec.encoding.raw");
            let empty = cred.pointer("/privatedata/data").and_then(Value::as_str) == Some("");
            if cred.get("credtype").and_then(Value::as_u64) != Some(1) || !raw || !empty || subject != self.owner {
                return Err(bad("only the owner's own key, made of the session"));
            }
            let transfer = self.transfer.as_ref().ok_or_else(|| bad("only while it is taken over"))?;
            let method = match self.method {
                1 => homeward_protocol::ownership::Method::Pin,
                _ => homeward_protocol::ownership::Method::JustWorks,
            };
            let key = Key::of_owner(&transfer.block, method, self.owner, self.device);
            self.keys.retain(|(known, _)| *known != subject);
            if self.keys.len() < MOST_KEYS {
                self.keys.push((subject, key));
            }
        }
        Ok(changed())
    }

    /// Nobody's again, under another id.
    fn reset(&mut self) {
        self.resets += 1;
        let device = Uuid::new_v5(&self.seed, &self.resets.to_be_bytes());
        self.device = device;
        (self.owned, self.owner, self.state, self.method) = (false, NOBODY, FOR_TRANSFER, 0);
        self.keys.clear();
        self.rules = Rules::of_the_maker();
        (self.pin, self.transfer) = (None, None);
    }
}

fn changed() -> Response {
    Response::status(Status::NO_CONTENT)
}
