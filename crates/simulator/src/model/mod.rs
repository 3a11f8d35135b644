//! One simulated device as a thing of values: a request and the knobs go in, an answer and the changes come out.
//!
//! Scope: what the device is, holds, shows and takes. Non-scope: sockets, sessions, time, files.

use homeward_protocol::crudn::{Href, Method, Request, Response, Status};
use serde_json::{Map, Value, json};

use crate::cast::{Identity, Kind};
use crate::knobs::Knobs;

pub(crate) mod discovery;
pub(crate) mod remote_access;
pub(crate) mod resource;
pub(crate) mod security;

pub use remote_access::RaStatus;
pub(crate) use remote_access::{Login, RemoteAccess};
use resource::{BASELINE, BATCH, MAX_MEMBERS, Refusal, Role};
pub(crate) use resource::{Resource, Rule, Rules};
pub(crate) use security::{Asker, Effects, Ownership};

/// Which generation of the standard a device speaks: its content format and the shape of its payloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// OCF: content format 10000, option 2053, flat links with `anchor` and `eps`.
    Ocf,
    /// OIC 1.1: content format 60, links grouped under `di`.
    Oic11,
}

/// Over which path something came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Via {
    /// CoAP on the local network.
    Lan,
    /// CRUDN over XMPP.
    Xmpp,
    /// Somebody at the device itself, or the test.
    Device,
}

/// A representation that is different now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// Whose.
    pub(crate) href: Href,
    /// The new one, without credentials.
    pub(crate) value: Value,
    /// What changed it.
    pub(crate) via: Via,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) response: Response,
    /// In the order in which they came about.
    pub(crate) changes: Vec<Change>,
    /// Whether server or account were written, changed or not (RA-5).
    pub(crate) account_written: bool,
    /// What became of its ownership.
    pub(crate) effects: Effects,
}

impl Answered {
    /// A refusal: nothing is different.
    pub(crate) fn refused(refusal: Refusal) -> Self {
        Self { response: refused(refusal), changes: Vec::new(), account_written: false, effects: Effects::default() }
    }
}

/// The device.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) identity: Identity,
    pub(crate) resources: Vec<Resource>,
    pub(crate) remote: Option<RemoteAccess>,
    /// Where it answers on the local network now.
    pub(crate) endpoints: Vec<std::net::SocketAddr>,
    /// The port that it names for `coaps`, while it is a secured one.
    pub(crate) secure_port: Option<u16>,
    /// Whose it is, while it is a secured one.
    pub(crate) ownership: Option<Ownership>,
    /// The number that the next member of a collection gets.
    pub(crate) next_member: u32,
}

impl Model {
    /// Carries a request out.
    pub(crate) fn answer(&mut self, request: &Request, via: Via, asker: Asker, knobs: &Knobs) -> Answered {
        let mut done = Answered {
            response: Response::status(Status::OK),
            changes: Vec::new(),
            account_written: false,
            effects: Effects::default(),
        };
        match self.carry_out(request, via, asker, knobs, &mut done) {
            Ok(response) => done.response = response,
            Err(refusal) => done.response = refused(refusal),
        }
        if done.effects.reset
            && let Some(remote) = self.remote.as_mut()
        {
            remote.clear();
        }
        done
    }

    /// Its id now: another one once it was taken over, or reset.
    pub(crate) fn di(&self) -> String {
        self.ownership.as_ref().map_or_else(|| self.identity.di.clone(), |ownership| ownership.device.to_string())
    }

    fn carry_out(
        &mut self,
        request: &Request,
        via: Via,
        asker: Asker,
        knobs: &Knobs,
        done: &mut Answered,
    ) -> Result<Response, Refusal> {
        let path = request.href.path().to_owned();
        let asked_if = request.href.queries().find_map(|query| query.strip_prefix("if="));
        let security = self.ownership.as_mut().filter(|_| via == Via::Lan);
        if let Some(answer) = security.and_then(|ownership| ownership.answer(request, asker, &mut done.effects)) {
            return answer;
        }
        if via == Via::Lan {
            self.check_access(&path, request, asker)?;
        }
        if let Some(core) = self.core_resource(&path, request, via, knobs) {
            if request.method != Method::Get {
                return Err(not_allowed());
            }
            return core;
        }
        if let Some(wanted) = knobs.wanted_interfaces.get(&path)
            && request.method.changes_things()
            && asked_if != Some(wanted.as_str())
        {
            return Err(Refusal::new(Status::FORBIDDEN, format!("only with if={wanted}")));
        }
        if let Some(remote) =
            self.remote.as_ref().filter(|remote| [&remote.xmpp, &remote.user].iter().any(|h| h.path() == path))
        {
            let is_user = remote.user.path() == path;
            return self.remote_access(is_user, request, via, knobs, done);
        }
        let Some(at) = self.resources.iter().position(|one| one.href.path() == path) else {
            return Err(Refusal::new(Status::NOT_FOUND, format!("nothing at {path}")));
        };
        match request.method {
            Method::Get => self.retrieve(at, asked_if, knobs),
            Method::Delete => self.delete(at, via, done),
            Method::Post | Method::Put => self.change(at, request, via, knobs, done),
        }
    }

    fn retrieve(&self, at: usize, asked_if: Option<&str>, knobs: &Knobs) -> Result<Response, Refusal> {
        let resource = self.resources.get(at).ok_or_else(gone)?;
        if let Some(asked) = asked_if {
            let wanted = knobs.wanted_interfaces.get(resource.href.path()).is_some_and(|one| one == asked);
            if !wanted && !resource.interfaces.iter().any(|one| one == asked) {
                return Err(Refusal::new(Status::BAD_REQUEST, format!("no interface {asked} here")));
            }
        }
        Ok(Response::ok(self.shown(resource, asked_if)))
    }

    /// A resource as a GET shows it.
    fn shown(&self, resource: &Resource, asked_if: Option<&str>) -> Value {
        if resource.role != Role::Collection {
            return resource.representation(asked_if == Some(BASELINE));
        }
        let members = self.resources.iter().filter(|one| is_member_of(one, resource));
        if asked_if == Some(BATCH) {
            return members.map(|one| json!({"href": one.href, "rep": one.representation(false)})).collect();
        }
        let links: Value = members.map(|one| json!({"href": one.href, "rt": one.rt, "if": one.interfaces})).collect();
        if asked_if == Some(BASELINE) {
            return json!({"rt": resource.rt, "if": resource.interfaces, "links": links});
        }
        links
    }

    fn change(
        &mut self,
        at: usize,
        request: &Request,
        via: Via,
        knobs: &Knobs,
        done: &mut Answered,
    ) -> Result<Response, Refusal> {
        let nothing = Value::Null;
        let body = request.body.as_ref().unwrap_or(&nothing);
        let resource = self.resources.get_mut(at).ok_or_else(gone)?;
        if resource.role == Role::Collection && request.method == Method::Post {
            let in_batch = request.href.queries().any(|query| query.strip_prefix("if=") == Some(BATCH));
            return if in_batch {
                self.change_together(at, body, via, knobs, done)
            } else {
                self.create(at, body, via, done)
            };
        }
        if !resource.is_writable() {
            return Err(not_allowed());
        }
        let changed = resource.update(body, request.method == Method::Put)?;
        let shown = resource.representation(false);
        let href = resource.href.clone();
        if changed {
            done.changes.push(Change { href: href.clone(), value: shown.clone(), via });
            done.changes.extend(self.settle(&href));
        }
        Ok(self.taken(shown, knobs))
    }

    /// Changes the members that are named, those that take it; what does not is left as it is, and not said
    /// (OCF Core §7.6.3.4.2).
    fn change_together(
        &mut self,
        at: usize,
        body: &Value,
        via: Via,
        knobs: &Knobs,
        done: &mut Answered,
    ) -> Result<Response, Refusal> {
        let collection = self.resources.get(at).ok_or_else(gone)?.clone();
        if !collection.interfaces.iter().any(|one| one == BATCH) {
            return Err(Refusal::new(Status::BAD_REQUEST, format!("no interface {BATCH} here")));
        }
        let asked = body.as_array().ok_or_else(|| Refusal::new(Status::BAD_REQUEST, "a batch is a list"))?;
        let mut taken = Vec::new();
        for one in asked {
            let href = one.get("href").and_then(Value::as_str).unwrap_or_default();
            let rep = one.get("rep").unwrap_or(&Value::Null);
            let member =
                self.resources.iter_mut().find(|own| own.href.path() == href && is_member_of(own, &collection));
            let Some(member) = member else { continue };
            let Ok(changed) = member.update(rep, false) else { continue };
            let (href, value) = (member.href.clone(), member.representation(false));
            taken.push(json!({"href": href, "rep": value}));
            if changed {
                done.changes.push(Change { href: href.clone(), value, via });
                done.changes.extend(self.settle(&href));
            }
        }
        Ok(self.taken(Value::Array(taken), knobs))
    }

    /// The answer to an update that was taken: with the value, or without a body.
    fn taken(&self, shown: Value, knobs: &Knobs) -> Response {
        let with_value = knobs.answers_updates_with_value.unwrap_or(self.identity.dialect == Dialect::Oic11);
        if with_value { Response::ok(shown) } else { Response::status(Status::NO_CONTENT) }
    }

    /// Makes a member: `{"rt": […], "rep": {…}}` as OCF Core §11.2.3 has it, or the bare representation.
    fn create(&mut self, at: usize, body: &Value, via: Via, done: &mut Answered) -> Result<Response, Refusal> {
        let collection = self.resources.get(at).ok_or_else(gone)?;
        let Value::Object(asked) = body else {
            return Err(Refusal::new(Status::BAD_REQUEST, "the body is no map"));
        };
        if self.resources.iter().filter(|one| is_member_of(one, collection)).count() >= MAX_MEMBERS {
            return Err(Refusal::new(Status::FORBIDDEN, format!("at most {MAX_MEMBERS} members")));
        }
        let texts = |value: &Value| -> Option<Vec<String>> {
            value.as_array()?.iter().map(|one| one.as_str().map(str::to_owned)).collect()
        };
        let rt = match asked.get("rt") {
            Some(rt) => texts(rt).ok_or_else(|| Refusal::new(Status::BAD_REQUEST, "rt lists texts"))?,
            None => collection.rt.last().cloned().into_iter().collect(),
        };
        let rep = match asked.get("rep") {
            Some(Value::Object(rep)) => rep.clone(),
            Some(_) => return Err(Refusal::new(Status::BAD_REQUEST, "rep is a map")),
            None => asked.clone(),
        };
        let href = format!("{}/{}", collection.href.path(), self.next_member);
        let href = Href::new(href).map_err(|_| Refusal::new(Status::INTERNAL_ERROR, "no path left"))?;
        let mut member = Resource::member(href.clone(), rt, Map::new());
        member.update(&Value::Object(rep), true)?;
        let collection_href = collection.href.clone();
        let mut shown = json!({"href": href, "rt": member.rt, "if": member.interfaces});
        if let Some(map) = shown.as_object_mut() {
            map.insert("rep".to_owned(), member.representation(false));
        }
        self.next_member = self.next_member.saturating_add(1);
        done.changes.push(Change { href: href.clone(), value: member.representation(false), via });
        self.resources.push(member);
        self.collection_changed(&collection_href, via, done);
        Ok(Response { status: Status::CREATED, ..Response::ok(shown) })
    }

    fn delete(&mut self, at: usize, via: Via, done: &mut Answered) -> Result<Response, Refusal> {
        let resource = self.resources.get(at).ok_or_else(gone)?;
        if resource.role != Role::Member {
            return Err(not_allowed());
        }
        let member = self.resources.remove(at);
        done.changes.push(Change { href: member.href.clone(), value: Value::Null, via });
        if let Some((collection, _)) = member.href.path().rsplit_once('/')
            && let Ok(collection) = Href::new(collection)
        {
            self.collection_changed(&collection, via, done);
        }
        Ok(Response::status(Status::NO_CONTENT))
    }

    fn collection_changed(&self, href: &Href, via: Via, done: &mut Answered) {
        if let Some(collection) = self.resources.iter().find(|one| one.href == *href) {
            done.changes.push(Change { href: href.clone(), value: self.shown(collection, None), via });
        }
    }

    fn remote_access(
        &mut self,
        is_user: bool,
        request: &Request,
        via: Via,
        knobs: &Knobs,
        done: &mut Answered,
    ) -> Result<Response, Refusal> {
        let dialect = self.identity.dialect;
        let Some(remote) = self.remote.as_mut() else { return Err(gone()) };
        match request.method {
            Method::Get if is_user && !knobs.shows_credentials => {
                Err(Refusal::new(Status::FORBIDDEN, "readable by the owner only"))
            }
            Method::Get if is_user => Ok(Response::ok(Value::Object(remote.show_user()))),
            Method::Get => Ok(Response::ok(Value::Object(remote.show_xmpp(dialect)))),
            Method::Post => {
                let nothing = Value::Null;
                let body = request.body.as_ref().unwrap_or(&nothing);
                let changed = if is_user { remote.set_user(body)? } else { remote.set_xmpp(body)? };
                done.account_written = true;
                let (href, shown) = if is_user {
                    (remote.user.clone(), Value::Object(remote.show_user()))
                } else {
                    (remote.xmpp.clone(), Value::Object(remote.show_xmpp(dialect)))
                };
                if changed {
                    done.changes.push(Change { href, value: crate::journal::without_credentials(&shown), via });
                }
                Ok(self.taken(shown, knobs))
            }
            Method::Put | Method::Delete => Err(not_allowed()),
        }
    }

    /// What the device itself does after a change: a plug that is switched on draws power.
    fn settle(&mut self, changed: &Href) -> Option<Change> {
        if self.identity.kind != Kind::Plug || changed.path() != "/switch" {
            return None;
        }
        let on = self.resource(changed)?.values.get("value") == Some(&Value::Bool(true));
        let energy = self.resources.iter_mut().find(|one| one.href.path() == "/energy")?;
        energy.values.insert("power".to_owned(), if on { json!(84.0) } else { json!(0.0) });
        Some(Change { href: energy.href.clone(), value: energy.representation(false), via: Via::Device })
    }

    /// Changes a resource from within, as a hand on the device would: properties that are read-only change too.
    pub(crate) fn set_from_within(&mut self, href: &Href, value: &Map<String, Value>) -> Vec<Change> {
        let Some(resource) = self.resources.iter_mut().find(|one| one.href == *href) else { return Vec::new() };
        let before = resource.values.clone();
        resource.values.extend(value.iter().map(|(name, value)| (name.clone(), value.clone())));
        if before == resource.values {
            return Vec::new();
        }
        let mut changes = vec![Change { href: href.clone(), value: resource.representation(false), via: Via::Device }];
        changes.extend(self.settle(href));
        changes
    }

    /// The resource at a path.
    pub(crate) fn resource(&self, href: &Href) -> Option<&Resource> {
        self.resources.iter().find(|one| one.href.path() == href.path())
    }

    /// What a GET would show, with the credential: for tests in this process.
    pub(crate) fn value(&self, href: &Href) -> Option<Value> {
        if let Some(remote) = &self.remote {
            if remote.xmpp == *href {
                return Some(Value::Object(remote.show_xmpp(Dialect::Ocf)));
            }
            if remote.user == *href {
                return Some(Value::Object(remote.show_user()));
            }
        }
        self.resource(href).map(|resource| self.shown(resource, None))
    }

    /// Whether a GET of it can be an observation. Annex A lists no Notify for the two RA resources (RA-5).
    pub(crate) fn is_observable(&self, href: &Href) -> bool {
        self.resource(href).is_some()
    }

    /// One that is nobody's shows all but Remote Access to anybody; one that is owned follows its rules.
    fn check_access(&self, path: &str, request: &Request, asker: Asker) -> Result<(), Refusal> {
        let Some(ownership) = &self.ownership else { return Ok(()) };
        let is_ra = self.remote.as_ref().is_some_and(|ra| ra.xmpp.path() == path || ra.user.path() == path);
        let open = match ownership.is_owned() {
            false => !is_ra,
            true => ownership.rules.let_through(asker, request.method, request.observe.is_some(), path),
        };
        match asker {
            _ if open => Ok(()),
            Asker::Anybody => Err(Refusal::new(Status::UNAUTHORIZED, "only in a secured session")),
            _ => Err(Refusal::new(Status::FORBIDDEN, "no rule lets this through")),
        }
    }
}

fn is_member_of(one: &Resource, collection: &Resource) -> bool {
    matches!(one.role, Role::Member | Role::Part)
        && one.href.path().rsplit_once('/').is_some_and(|(up, _)| up == collection.href.path())
}

fn not_allowed() -> Refusal {
    Refusal::new(Status::METHOD_NOT_ALLOWED, "not with this method")
}

fn gone() -> Refusal {
    Refusal::new(Status::NOT_FOUND, "gone")
}

/// A refusal as an answer.
fn refused(refusal: Refusal) -> Response {
    Response { diagnostic: Some(refusal.words), ..Response::status(refusal.status) }
}

#[cfg(test)]
mod tests;
