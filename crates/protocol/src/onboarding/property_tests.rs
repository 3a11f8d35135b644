//! Random devices, losses, presences and cancels against a model of the device: the run always ends, never shows the
//! new account to the former server, never sends a credential without consent, and says truthfully what it left.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{own, plan};
use super::*;
use crate::crudn::Method;

/// What the device or the network does with one request.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Does,
    DoesSilently,
    Refuses(u16),
    LosesIt,
    NotSent,
    AnswersNonsense,
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        8 => Just(Fate::Does),
        2 => Just(Fate::DoesSilently),
        2 => prop::sample::select(vec![400, 401, 403, 404, 405, 500, 503, 504]).prop_map(Fate::Refuses),
        2 => Just(Fate::LosesIt),
        1 => Just(Fate::NotSent),
        1 => Just(Fate::AnswersNonsense),
    ]
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Answer(Fate),
    Presence,
    OthersPresence,
    Pass,
    Cancel,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        12 => fate().prop_map(Event::Answer),
        2 => Just(Event::Presence),
        1 => Just(Event::OthersPresence),
        3 => Just(Event::Pass),
        1 => Just(Event::Cancel),
    ]
}

/// The device, as it really is.
#[derive(Debug, Clone, PartialEq)]
struct Device {
    address: String,
    port: u64,
    jid: String,
    credential: String,
    status: &'static str,
    di: String,
}

impl Device {
    fn does(&mut self, request: &Request) -> Response {
        let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
        match (request.href.path(), request.method, request.body.as_ref()) {
            ("/ra/xmpp", Method::Post, Some(body)) => {
                self.address = text(body, "address");
                self.port = body["port"].as_u64().unwrap();
                Response::status(Status::NO_CONTENT)
            }
            ("/ra/user", Method::Post, Some(body)) => {
                self.jid = text(body, "jid");
                self.credential = text(body, "credential");
                Response::ok(body.clone())
            }
            ("/ra/xmpp", Method::Get, None) => {
                Response::ok(json!({"address": self.address, "port": self.port, "status": self.status}))
            }
            ("/ra/user", Method::Get, None) => Response::ok(json!({"jid": self.jid, "credential": self.credential})),
            ("/oic/d", Method::Get, None) => Response::ok(json!({ "di": self.di })),
            other => panic!("{other:?}"),
        }
    }
}

#[derive(Debug, Clone)]
struct World {
    consent: bool,
    secured: bool,
    former: usize,
    knows_former: bool,
    other_interfaces: bool,
    status: &'static str,
    right_di: bool,
}

fn world() -> impl Strategy<Value = World> {
    let statuses = prop::sample::select(vec!["Connected", "Error", "NotInitialized", "Busy"]);
    (
        prop::bool::weighted(0.8),
        prop::bool::weighted(0.2),
        0..4usize,
        any::<bool>(),
        any::<bool>(),
        statuses,
        prop::bool::weighted(0.8),
    )
        .prop_map(|(consent, secured, former, knows_former, other_interfaces, status, right_di)| World {
            consent,
            secured,
            former,
            knows_former,
            other_interfaces,
            status,
            right_di,
        })
}

struct Check {
    plan: Plan,
    device: Device,
    before: Device,
    account_sent: bool,
    server_taken: bool,
    presence_after_account: bool,
    identity_given: bool,
}

impl Check {
    fn new(world: &World) -> Self {
        let mut plan = plan();
        plan.consent = world.consent;
        plan.channel = if world.secured { Channel::Secured } else { Channel::Clear };
        if world.other_interfaces {
            plan.server.interfaces.push("oic.if.baseline".to_owned());
            plan.user.interfaces.push("oic.if.rw".to_owned());
        }
        let (address, port, jid) = [
            ("", 0, ""),
            ("old.example", 5223, "old@old.example"),
            ("xmpp.hearth.example", 5222, "old@hearth.example"),
            ("xmpp.hearth.example", 5222, "maren@hearth.example"),
        ][world.former];
        if world.knows_former {
            plan.ours.push(own(jid, "former"));
        }
        let device = Device {
            address: address.to_owned(),
            port,
            jid: jid.to_owned(),
            credential: if jid.is_empty() { String::new() } else { "Zm9ybWVy".to_owned() },
            status: world.status,
            di: if world.right_di { plan.di.to_uppercase() } else { "another".to_owned() },
        };
        Self {
            plan,
            before: device.clone(),
            device,
            account_sent: false,
            server_taken: false,
            presence_after_account: false,
            identity_given: false,
        }
    }

    /// What must hold of each request, before it is on its way.
    fn sends(&mut self, request: &Request, secret: bool) {
        let about_user = request.href.path() == "/ra/user";
        assert_eq!(secret, about_user);
        let credentials_may_pass = self.plan.channel == Channel::Secured || self.plan.consent;
        assert!(credentials_may_pass || (!about_user && request.method == Method::Get), "{request:?}");
        let Some(body) = &request.body else { return };
        let names = body.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>();
        assert!(names == ["address", "port"] || names == ["credential", "jid"] || names == ["jid", "credential"]);
        if about_user && body["jid"] == self.plan.target.jid.as_str() && !self.server_taken {
            panic!("the account goes out before the server was accepted");
        }
        self.account_sent |= about_user;
    }

    fn comes_to(&mut self, request: &Request, fate: Fate) -> Result<Response, Lost> {
        let result = match fate {
            Fate::Does => Ok(self.device.does(request)),
            Fate::DoesSilently => {
                self.device.does(request);
                Err(Lost::NoAnswer)
            }
            Fate::Refuses(status) => Ok(Response::status(Status(status))),
            Fate::LosesIt => Err(Lost::NoAnswer),
            Fate::NotSent => Err(Lost::NotSent),
            Fate::AnswersNonsense => {
                self.device.does(request);
                Err(Lost::Unreadable)
            }
        };
        let taken = matches!(&result, Ok(response) if response.status.is_success());
        self.server_taken |= taken && request.method == Method::Post && request.href.path() == "/ra/xmpp";
        self.identity_given |= taken && request.href.path() == "/oic/d";
        let target = &self.plan.target;
        let moved = self.before.address != target.address;
        let new_at_old = self.device.address == self.before.address && self.device.jid == target.jid;
        assert!(!(moved && new_at_old && self.before.jid != target.jid), "the former server sees the new account");
        result
    }

    fn ended(&self, outcome: &Outcome) {
        let target = &self.plan.target;
        let (new_server, new_account) = (self.device.address == target.address, self.device.jid == target.jid);
        let (same_server, cleared) = (self.device.address == self.before.address, self.device.jid.is_empty());
        let left = match outcome {
            Outcome::Onboarded => {
                let nothing_changed = self.before.address == target.address && self.before.jid == target.jid;
                assert!(self.presence_after_account || nothing_changed);
                assert!(self.identity_given && self.device.di.eq_ignore_ascii_case(&self.plan.di));
                return;
            }
            Outcome::Failed { left, .. } | Outcome::Cancelled { left, .. } | Outcome::Undone { left, .. } => *left,
        };
        match left {
            LeftOnDevice::AsBefore => {
                // An account has one password: where it is the target's own, the new one is the former one.
                let same_account = self.device.jid == self.before.jid
                    && (self.device.jid == target.jid || self.device.credential == self.before.credential);
                assert!(same_server && same_account, "{:?} {:?}", self.device, self.before);
            }
            LeftOnDevice::NewServer => assert!(new_server && self.device.jid == self.before.jid),
            LeftOnDevice::NewAccount => assert!(new_server && new_account, "{:?}", self.device),
            LeftOnDevice::SignedOut => assert!(same_server && cleared),
            LeftOnDevice::NewServerSignedOut => assert!(new_server && cleared),
            LeftOnDevice::Unknown => {}
        }
    }

    fn drive(mut self, mut machine: Onboarding, events: Vec<Event>) {
        let mut events = events.into_iter();
        let mut now = Duration::ZERO;
        let mut open: Vec<(Ticket, Request)> = Vec::new();
        // Far more than the longest way through.
        for _ in 0..1000 {
            let until = loop {
                match machine.poll() {
                    Action::Send { ticket, request, secret, .. } => {
                        self.sends(&request, secret);
                        open.push((ticket, request));
                    }
                    Action::Wait { until } => break until,
                    Action::Finished(outcome) => return self.ended(&outcome),
                    _ => {}
                }
            };
            let input = match events.next() {
                Some(Event::Answer(fate)) if !open.is_empty() => {
                    let (ticket, request) = open.remove(0);
                    Input::Answer { ticket, result: self.comes_to(&request, fate) }
                }
                Some(Event::Presence) => {
                    // A device shows up at the account's server only if it has the account.
                    if self.device.jid != self.plan.target.jid {
                        continue;
                    }
                    self.presence_after_account |= self.account_sent;
                    Input::PresenceSeen { id: self.plan.di.clone() }
                }
                Some(Event::OthersPresence) => Input::PresenceSeen { id: "somebody".to_owned() },
                Some(Event::Cancel) => Input::Cancel,
                // The events are over, or do not fit: only time passes.
                _ => {
                    now = until.expect("it waits for something").max(now);
                    // What is answered too late counts as lost.
                    Input::Tick
                }
            };
            machine.handle(input, now);
        }
        panic!("it does not end: {machine:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_run_ends_and_tells_the_truth(world in world(), events in prop::collection::vec(event(), 0..40)) {
        let check = Check::new(&world);
        let machine = Onboarding::new(check.plan.clone(), Duration::ZERO);
        check.drive(machine, events);
    }

    #[test]
    fn an_undo_ends_and_tells_the_truth(world in world(), account_written: bool, events in prop::collection::vec(event(), 0..15)) {
        let mut check = Check::new(&world);
        let target = check.plan.target.clone();
        let account = match check.before.jid.as_str() {
            "" => FormerAccount::None,
            jid => FormerAccount::Jid(jid.to_owned()),
        };
        let former = Former { address: check.before.address.clone(), port: u16::try_from(check.before.port).ok(), account };
        check.device.address = target.address.clone();
        check.device.port = 5222;
        check.server_taken = true;
        if account_written {
            check.device.jid = target.jid.clone();
            check.device.credential = "bmV3".to_owned();
        }
        let Plan { server, user, channel, consent, ours, .. } = check.plan.clone();
        let plan = UndoPlan { server, user, channel, consent, former, server_written: true, account_written, ours };
        // Without consent the server may still be put back: nothing secret is in that.
        check.plan.consent |= !account_written;
        let machine = Onboarding::undo(plan, Duration::ZERO);
        check.drive(machine, events);
    }
}
