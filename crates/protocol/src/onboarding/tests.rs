//! One device's onboarding, forward, as a dialogue with the device.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::crudn::Method;

const DI: &str = "0685b960-736f-46f7-bec0-9e6234671adc";

fn link(href: &str, interfaces: &[&str]) -> Link {
    Link { href: Href::new(href).unwrap(), interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect() }
}

pub(super) fn own(jid: &str, password: &str) -> OwnAccount {
    OwnAccount { jid: jid.to_owned(), password: Secret::new(password) }
}

pub(super) fn plan() -> Plan {
    Plan {
        password: Password::Same,
        di: DI.to_owned(),
        server: link("/ra/xmpp", &["oic.if.s"]),
        user: link("/ra/user", &["oic.if.s"]),
        channel: Channel::Clear,
        consent: true,
        target: Target {
            address: "xmpp.hearth.example".to_owned(),
            port: 5222,
            jid: "maren@hearth.example".to_owned(),
            credential: Secret::new("correct horse"),
        },
        online_as: None,
        ours: Vec::new(),
    }
}

/// A driver whose device is the test: it answers what is asked, in the test's order.
pub(super) struct Run {
    pub(super) machine: Onboarding,
    pub(super) now: Duration,
    pub(super) open: VecDeque<(Ticket, Via, Request, bool)>,
    pub(super) log: Vec<String>,
    pub(super) outcome: Option<Outcome>,
    pub(super) until: Option<Duration>,
}

impl Run {
    pub(super) fn new(plan: Plan) -> Self {
        Self::of(Onboarding::new(plan, Duration::ZERO))
    }

    pub(super) fn of(machine: Onboarding) -> Self {
        let now = Duration::ZERO;
        let mut run = Self { machine, now, open: VecDeque::new(), log: Vec::new(), outcome: None, until: None };
        run.drain();
        run
    }

    pub(super) fn drain(&mut self) {
        loop {
            match self.machine.poll() {
                Action::Send { ticket, via, request, secret } => self.open.push_back((ticket, via, request, secret)),
                Action::Wait { until } => break self.until = until,
                Action::Finished(outcome) => self.outcome = Some(outcome),
                Action::Failed(step, failure) => self.log.push(format!("failed {step:?}: {failure}")),
                step => self.log.push(format!("{step:?}").to_lowercase()),
            }
        }
    }

    pub(super) fn gets(&mut self, input: Input) -> &mut Self {
        self.machine.handle(input, self.now);
        self.drain();
        self
    }

    /// The request that is out, with its body; answered with the next call.
    pub(super) fn asks(&self) -> (Via, Method, &str, Option<&Value>) {
        let (_, via, request, _) = self.open.front().unwrap_or_else(|| panic!("nothing is asked; {:?}", self.log));
        (*via, request.method, request.href.as_str(), request.body.as_ref())
    }

    pub(super) fn answer(&mut self, result: Result<Response, Lost>) -> &mut Self {
        let (ticket, ..) = self.open.pop_front().unwrap_or_else(|| panic!("nothing is asked; {:?}", self.log));
        self.gets(Input::Answer { ticket, result })
    }

    pub(super) fn ok(&mut self, body: Value) -> &mut Self {
        self.answer(Ok(Response::ok(body)))
    }

    pub(super) fn refused(&mut self, status: u16, words: &str) -> &mut Self {
        let response = Response { diagnostic: Some(words.to_owned()), ..Response::status(Status(status)) };
        self.answer(Ok(response))
    }

    pub(super) fn present(&mut self) -> &mut Self {
        self.gets(Input::PresenceSeen { id: DI.to_uppercase() })
    }

    /// Lets time pass until the machine asks something, or ends.
    pub(super) fn passes(&mut self) -> &mut Self {
        while self.open.is_empty() && self.outcome.is_none() {
            self.now = self.until.unwrap();
            self.gets(Input::Tick);
        }
        self
    }

    /// Up to the account's POST being out, from a device that knows nothing.
    pub(super) fn up_to_account(&mut self) -> &mut Self {
        self.ok(json!({"status": "NotInitialized"})).ok(json!({})).answer(Ok(Response::status(Status::NO_CONTENT)))
    }

    pub(super) fn up_to_status(&mut self) -> &mut Self {
        self.up_to_account().ok(json!({"jid": "maren@hearth.example", "credential": "Y29ycmVjdCBob3JzZQ=="}))
    }

    pub(super) fn on_old_server(&mut self) -> &mut Self {
        self.ok(json!({"address": "old.example", "port": 5223, "status": "Connected"}))
            .ok(json!({"jid": "old@old.example", "credential": "c2VjcmV0"}))
            .ok(json!({}))
    }

    pub(super) fn failure(&self) -> (Step, Failure, LeftOnDevice, Option<Failure>) {
        match self.outcome.clone().unwrap_or_else(|| panic!("it goes on; {:?}", self.log)) {
            Outcome::Failed { step, failure, left, not_put_back } => (step, failure, left, not_put_back),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn cancelled(&self) -> LeftOnDevice {
        match &self.outcome {
            Some(Outcome::Cancelled { left, .. }) => *left,
            other => panic!("{other:?}; {:?}", self.log),
        }
    }
}

pub(super) const OLD_SERVER: &str = r#"{"address":"old.example","port":5223}"#;

pub(super) fn body_is(run: &Run, text: &str) {
    assert_eq!(run.asks().3, Some(&serde_json::from_str(text).unwrap()));
}

#[test]
fn a_device_that_answers_well_is_onboarded_step_by_step() {
    let mut run = Run::new(plan());
    assert_eq!(run.asks(), (Via::Channel, Method::Get, "/ra/xmpp", None));
    run.ok(json!({"address": "", "port": 0, "status": "NotInitialized", "ErrorReason": ""}));
    assert_eq!(run.asks(), (Via::Channel, Method::Get, "/ra/user", None));
    run.ok(json!({"jid": "", "credential": ""}));
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/xmpp"));
    body_is(&run, r#"{"address":"xmpp.hearth.example","port":5222}"#);
    run.answer(Ok(Response::status(Status::NO_CONTENT)));
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/user"));
    body_is(&run, r#"{"jid":"maren@hearth.example","credential":"Y29ycmVjdCBob3JzZQ=="}"#);
    assert!(run.open[0].3, "it is marked as secret");
    run.answer(Ok(Response::status(Status::NO_CONTENT))).passes();
    assert_eq!(run.now, Duration::from_millis(500));
    run.ok(json!({"status": "Connected"})).present();
    assert_eq!(run.asks(), (Via::Xmpp, Method::Get, "/oic/d", None));
    run.ok(json!({"di": DI.to_uppercase(), "n": "Lamp"}));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
    assert_eq!(
        run.log,
        [
            "began(read)",
            "done(read)",
            "began(server)",
            "done(server)",
            "began(account)",
            "done(account)",
            "began(status)",
            "done(status)",
            "began(online)",
            "done(online)",
            "began(identity)",
            "done(identity)"
        ]
    );
    assert!(run.machine.is_over());
}

#[test]
fn without_consent_nothing_that_holds_a_password_is_asked_or_written() {
    let mut run = Run::new(Plan { consent: false, ..plan() });
    run.ok(json!({"status": "NotInitialized"}));
    assert!(run.open.is_empty());
    assert_eq!(run.failure(), (Step::Read, Failure::ConsentNeeded, LeftOnDevice::AsBefore, None));
}

#[test]
fn a_secured_session_needs_no_consent() {
    let mut run = Run::new(Plan { consent: false, channel: Channel::Secured, ..plan() });
    run.up_to_account();
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/user"));
}

#[test]
fn a_device_with_secured_endpoints_only_is_not_asked_in_the_clear() {
    let run = Run::new(Plan { channel: Channel::SecuredOnly, ..plan() });
    assert!(run.open.is_empty());
    assert_eq!(run.failure().1, Failure::SecuredOnly { words: None });
}

#[test]
fn unauthorized_in_the_clear_means_secured_only() {
    let mut run = Run::new(plan());
    run.refused(401, "use DTLS");
    let words = Some("use DTLS".to_owned());
    assert_eq!(run.failure(), (Step::Read, Failure::SecuredOnly { words }, LeftOnDevice::AsBefore, None));
}

#[test]
fn reading_that_fails_ends_before_anything_is_written() {
    let cases: [(Result<Response, Lost>, Failure); 5] = [
        (Err(Lost::NoAnswer), Failure::NoAnswer),
        (Err(Lost::Unreadable), Failure::BadAnswer),
        (Ok(Response::ok(json!([1]))), Failure::BadAnswer),
        (Ok(Response::status(Status::NOT_FOUND)), Failure::NoRemoteAccess),
        (
            Ok(Response::status(Status::INTERNAL_ERROR)),
            Failure::DeviceRefused { status: Status::INTERNAL_ERROR, words: None },
        ),
    ];
    for (answer, failure) in cases {
        let mut run = Run::new(plan());
        run.answer(answer);
        assert_eq!(run.failure(), (Step::Read, failure, LeftOnDevice::AsBefore, None));
    }
}

#[test]
fn a_user_resource_that_may_not_be_read_is_expected_ra_7() {
    let mut run = Run::new(plan());
    run.ok(json!({"address": "old.example", "port": 5222, "status": "Connected"})).refused(403, "not you");
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/xmpp"));
    assert_eq!(run.machine.former().unwrap().account, FormerAccount::Unread);
}

#[test]
fn what_the_device_had_is_known_before_anything_is_written() {
    let mut run = Run::new(plan());
    run.ok(json!({"address": "old.example", "port": "5223"}))
        .ok(json!({"jid": "old@old.example", "credential": "eA=="}));
    let account = FormerAccount::Jid("old@old.example".to_owned());
    let former = Former { address: "old.example".to_owned(), port: Some(5223), account };
    assert_eq!(run.machine.former(), Some(&former));
    assert!(!former.account_can_be_put_back(&[]));
    assert!(former.account_can_be_put_back(&[own("Old@old.example", "x")]));
}

#[test]
fn a_refused_server_is_told_in_the_devices_words_and_leaves_all_as_it_was() {
    let mut run = Run::new(plan());
    run.ok(json!({})).ok(json!({})).refused(400, "no such server");
    let failure = Failure::DeviceRefused { status: Status::BAD_REQUEST, words: Some("no such server".to_owned()) };
    assert_eq!(run.failure(), (Step::Server, failure, LeftOnDevice::AsBefore, None));
}

#[test]
fn other_interfaces_are_tried_in_order_where_the_link_lists_them() {
    let server = link("/ra/xmpp", &["oic.if.s", "oic.if.a", "oic.if.baseline"]);
    let mut run = Run::new(Plan { server, ..plan() });
    run.ok(json!({})).ok(json!({}));
    assert_eq!(run.asks().2, "/ra/xmpp");
    run.refused(405, "");
    assert_eq!(run.asks().2, "/ra/xmpp?if=oic.if.baseline");
    run.refused(403, "");
    assert_eq!(run.asks().2, "/ra/xmpp?if=oic.if.a");
    run.ok(json!({}));
    // The user's link lists none: refused is refused. The way back takes the form that was accepted.
    run.refused(405, "read only");
    assert_eq!(run.asks().2, "/ra/xmpp?if=oic.if.a");
    run.ok(json!({}));
    assert_eq!((run.failure().0, run.failure().2), (Step::Account, LeftOnDevice::AsBefore));
}

#[test]
fn a_write_without_an_answer_is_repeated_twice() {
    let mut run = Run::new(plan());
    run.ok(json!({})).ok(json!({}));
    run.answer(Err(Lost::NoAnswer)).answer(Err(Lost::Unreadable)).ok(json!({}));
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/user"));
}

#[test]
fn a_server_write_that_stays_unanswered_has_an_unknown_outcome() {
    let mut run = Run::new(plan());
    run.ok(json!({})).ok(json!({}));
    run.answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer));
    assert_eq!(run.failure(), (Step::Server, Failure::OutcomeUnknown, LeftOnDevice::Unknown, None));
}

#[test]
fn a_write_that_could_not_be_sent_is_sent_again_after_a_pause_and_changed_nothing() {
    let mut run = Run::new(plan());
    run.ok(json!({})).ok(json!({}));
    for _ in 0..3 {
        run.passes().answer(Err(Lost::NotSent));
    }
    assert_eq!(run.now, Duration::from_secs(2));
    assert_eq!(run.failure(), (Step::Server, Failure::NoAnswer, LeftOnDevice::AsBefore, None));
}

#[test]
fn a_refused_account_puts_the_former_server_back() {
    let mut run = Run::new(plan());
    run.on_old_server().refused(403, "not allowed");
    assert_eq!((run.asks().1, run.asks().2), (Method::Post, "/ra/xmpp"));
    body_is(&run, OLD_SERVER);
    run.ok(json!({}));
    let failure = Failure::DeviceRefused { status: Status::FORBIDDEN, words: Some("not allowed".to_owned()) };
    assert_eq!(run.failure(), (Step::Account, failure, LeftOnDevice::AsBefore, None));
    assert_eq!(run.log.last().unwrap(), "undone(server)");
}

#[test]
fn a_server_that_cannot_be_put_back_is_told() {
    let mut run = Run::new(plan());
    run.on_old_server().refused(500, "full").refused(500, "still full");
    let (step, failure, left, not_put_back) = run.failure();
    assert_eq!((step, failure.words(), left), (Step::Account, Some("full"), LeftOnDevice::NewServer));
    let cause = Failure::DeviceRefused { status: Status::INTERNAL_ERROR, words: Some("still full".to_owned()) };
    assert_eq!(not_put_back, Some(Failure::NotPutBack { cause: Box::new(cause) }));
    assert_eq!(run.log.last().unwrap(), "failed Server: what was written could not be put back");
}

#[test]
fn a_server_that_did_not_change_need_not_be_put_back() {
    let mut run = Run::new(plan());
    run.ok(json!({"address": "xmpp.hearth.example", "port": 5222})).ok(json!({"jid": "old@hearth.example"}));
    run.ok(json!({})).refused(400, "");
    assert_eq!(run.failure().2, LeftOnDevice::AsBefore);
    assert!(run.open.is_empty());
}

#[test]
fn an_account_of_unknown_outcome_leaves_the_server_alone() {
    let mut run = Run::new(plan());
    run.on_old_server();
    run.answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer)).answer(Err(Lost::NoAnswer)).passes();
    assert!(run.open.is_empty(), "no reading: status would tell of another session");
    assert_eq!(run.now, Duration::from_secs(45));
    assert_eq!(run.failure(), (Step::Account, Failure::OutcomeUnknown, LeftOnDevice::Unknown, None));
}

#[test]
fn a_refusal_after_an_unanswered_account_is_no_proof_that_it_was_not_taken() {
    let mut run = Run::new(plan());
    run.on_old_server().answer(Err(Lost::NoAnswer)).refused(403, "locked since").passes();
    assert_eq!(run.failure(), (Step::Account, Failure::OutcomeUnknown, LeftOnDevice::Unknown, None));
}

#[test]
fn a_device_that_comes_online_without_answering_has_taken_the_account() {
    let mut run = Run::new(plan());
    run.on_old_server().answer(Err(Lost::NoAnswer)).present().answer(Err(Lost::NoAnswer));
    assert_eq!(run.asks().0, Via::Xmpp);
    run.ok(json!({ "di": DI }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn a_presence_before_the_account_went_out_proves_nothing() {
    let mut run = Run::new(plan());
    run.present().ok(json!({})).present().ok(json!({})).present().ok(json!({})).ok(json!({})).passes();
    assert_eq!(run.asks().0, Via::Channel, "it still watches the status");
}

#[test]
fn another_devices_presence_proves_nothing() {
    let mut run = Run::new(plan());
    run.up_to_status().gets(Input::PresenceSeen { id: "another".to_owned() });
    assert!(run.open.is_empty());
}

#[test]
fn status_is_read_at_ever_longer_intervals_up_to_30_seconds() {
    let mut run = Run::new(plan());
    run.up_to_status();
    let mut at = Vec::new();
    while run.passes().outcome.is_none() {
        at.push(run.now.as_millis());
        run.ok(json!({"status": "NotInitialized"}));
    }
    assert_eq!(at, [500, 1000, 2000, 4000, 8000, 16000, 30000]);
    assert_eq!(run.now, Duration::from_secs(45));
    let failure = Failure::NotSeenOnline { status: Some("NotInitialized".to_owned()) };
    assert_eq!(run.failure(), (Step::Online, failure, LeftOnDevice::NewAccount, None));
}

#[test]
fn connected_alone_is_no_success() {
    let mut run = Run::new(plan());
    run.up_to_status();
    while run.passes().outcome.is_none() {
        run.ok(json!({"status": "Connected"}));
    }
    assert!(matches!(run.failure(), (Step::Online, Failure::NotSeenOnline { .. }, LeftOnDevice::NewAccount, None)));
}

#[test]
fn an_error_is_told_in_the_devices_words() {
    let mut run = Run::new(plan());
    run.up_to_status();
    for _ in 0..2 {
        run.passes().ok(json!({"status": "Error", "ErrorReason": "certificate not trusted"}));
    }
    let failure = Failure::DeviceReportsError { words: Some("certificate not trusted".to_owned()) };
    assert_eq!(run.failure(), (Step::Status, failure, LeftOnDevice::NewAccount, None));
}

#[test]
fn an_error_that_passes_is_forgiven() {
    let mut run = Run::new(plan());
    run.up_to_status().passes().ok(json!({"status": "Error", "ErrorReason": "old account"}));
    run.passes().ok(json!({"status": "NotInitialized"})).passes().ok(json!({"status": "Error"}));
    assert_eq!(run.outcome, None);
    run.present().ok(json!({ "di": DI }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn an_error_of_before_is_of_the_old_session_for_a_while() {
    let error = json!({"status": "Error", "ErrorReason": "wrong password"});
    let mut run = Run::new(plan());
    run.ok(error.clone()).ok(json!({})).ok(json!({})).ok(json!({}));
    while run.passes().outcome.is_none() {
        run.ok(error.clone());
    }
    assert_eq!(run.now, Duration::from_secs(4));
    assert!(matches!(run.failure().1, Failure::DeviceReportsError { .. }));
}

#[test]
fn a_status_that_cannot_be_read_any_more_fails_nothing() {
    let mut run = Run::new(plan());
    run.up_to_status().passes().answer(Err(Lost::NoAnswer)).passes().refused(401, "").passes();
    assert_eq!(run.outcome, None);
    run.present();
    run.open.pop_front();
    run.ok(json!({ "di": DI }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn another_di_over_xmpp_is_a_mismatch() {
    let mut run = Run::new(plan());
    run.up_to_status().present().ok(json!({"di": "evil"}));
    let failure = Failure::IdentityMismatch { said: "evil".to_owned() };
    assert_eq!(run.failure(), (Step::Identity, failure, LeftOnDevice::NewAccount, None));
}

#[test]
fn an_identity_that_is_not_ready_is_asked_for_again_and_not_for_ever() {
    let mut run = Run::new(plan());
    run.up_to_status().present().answer(Err(Lost::NotSent)).passes().refused(503, "starting").passes();
    assert_eq!(run.now, Duration::from_secs(3));
    while run.outcome.is_none() {
        run.answer(Err(Lost::NoAnswer)).passes();
    }
    assert_eq!(run.failure(), (Step::Identity, Failure::NoAnswer, LeftOnDevice::NewAccount, None));
}

#[test]
fn an_identity_that_is_refused_or_unreadable_fails() {
    let refused = Failure::DeviceRefused { status: Status::FORBIDDEN, words: None };
    let cases = [(Response::status(Status::FORBIDDEN), refused), (Response::ok(json!({})), Failure::BadAnswer)];
    for (answer, failure) in cases {
        let mut run = Run::new(plan());
        run.up_to_status().present().answer(Ok(answer));
        assert_eq!(run.failure(), (Step::Identity, failure, LeftOnDevice::NewAccount, None));
    }
}

#[test]
fn where_nothing_changed_the_identity_alone_is_proof() {
    let mut run = Run::new(plan());
    run.ok(json!({"address": "XMPP.hearth.example", "port": 5222, "status": "Connected"}));
    run.ok(json!({"jid": "Maren@hearth.example"})).ok(json!({})).ok(json!({}));
    run.passes().ok(json!({"status": "Connected"}));
    assert_eq!(run.asks(), (Via::Xmpp, Method::Get, "/oic/d", None));
    run.ok(json!({ "di": DI }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn one_that_hides_its_account_and_is_online_with_it_already_is_not_waited_for() {
    let mut run = Run::new(Plan { online_as: Some("maren@hearth.example".to_owned()), ..plan() });
    run.ok(json!({"address": "xmpp.hearth.example", "port": 5222, "status": "Connected"})).refused(403, "not you");
    run.ok(json!({})).ok(json!({})).passes().ok(json!({"status": "Connected"}));
    assert_eq!(run.asks(), (Via::Xmpp, Method::Get, "/oic/d", None));
    run.ok(json!({ "di": DI }));
    assert_eq!(run.outcome, Some(Outcome::Onboarded));
}

#[test]
fn a_driver_that_never_answers_does_not_keep_the_run_alive() {
    let mut run = Run::new(plan());
    while run.outcome.is_none() {
        run.now = run.until.unwrap();
        run.gets(Input::Tick);
    }
    assert_eq!(run.failure().1, Failure::NoAnswer);
}

#[test]
fn a_password_in_the_devices_words_is_not_repeated() {
    for words in ["bad password: correct horse", "credential Y29ycmVjdCBob3JzZQ== refused"] {
        let mut run = Run::new(plan());
        run.up_to_account().refused(400, words).ok(json!({}));
        assert_eq!(run.failure().1.words(), None);
    }
}

#[test]
fn debug_shows_no_password() {
    let mut machine = Onboarding::new(plan(), Duration::ZERO);
    let mut seen = format!("{machine:?} {:?}", plan());
    loop {
        let action = machine.poll();
        seen.push_str(&format!("{action:?}{machine:?}"));
        let Action::Send { ticket, .. } = action else {
            if matches!(action, Action::Wait { .. }) {
                break;
            }
            continue;
        };
        let body = json!({"jid": "maren@hearth.example", "credential": "Y29ycmVjdCBob3JzZQ=="});
        let answer = Input::Answer { ticket, result: Ok(Response::ok(body)) };
        seen.push_str(&format!("{answer:?}"));
        machine.handle(answer, Duration::ZERO);
        seen.push_str(&format!("{machine:?}"));
    }
    assert!(seen.contains("/ra/user"));
    assert!(!seen.contains("correct horse") && !seen.contains("Y29ycmVjdCBob3JzZQ"), "{seen}");
}
