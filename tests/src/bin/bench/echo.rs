//! The limit: a bare `<message>` that comes back, between two connections that know of nothing else.
//!
//! Scope: the answering end, in a process of its own, and the asking end. Both are sessions of `homeward_xmpp`, read and
//! written directly.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use homeward_tests::server::Server;
use homeward_xmpp::{Account, Event, Session, Trust, sign_in};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinSet;
use tokio::time::timeout;
use xmpp_parsers::jid::{FullJid, Jid};
use xmpp_parsers::message::{Id, Lang, Message, MessageType};

use crate::ground::{account, account_in_words, ms_since, role};
use crate::program::Program;

/// RA-13's for a client; what is sent to a full JID arrives all the same.
const PRIORITY: i8 = -1;
/// Our choice: one echo that is not back by then never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// The answering end: signs in as every resource it is told, and sends each message back as it came.
pub(crate) fn play() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = String::new();
        input.read_line(&mut line).await.expect("standard input");
        let words: Value = serde_json::from_str(&line).expect("JSON");
        let mut signing_in = JoinSet::new();
        for resource in words["resources"].as_array().into_iter().flatten() {
            let account = account_from(&words, resource.as_str().unwrap_or_default());
            signing_in.spawn(async move { signed_in(&account).await });
        }
        let mut echoes = JoinSet::new();
        for session in signing_in.join_all().await {
            echoes.spawn(send_back(session));
        }
        let _ = writeln!(std::io::stdout(), "{}", json!({ "event": "ready" }));
        // Whoever started us closes it.
        let _ = input.read_to_string(&mut line).await;
    });
    runtime.shutdown_background();
    ExitCode::SUCCESS
}

fn account_from(words: &Value, resource: &str) -> Account {
    let text = |name: &str| words[name].as_str().unwrap_or_default().to_owned();
    Account {
        jid: text("jid").parse().expect("a JID"),
        password: text("password").into(),
        resource: resource.to_owned(),
        server: text("server"),
        port: words["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port"),
        trust: Trust::load(Some(text("ca").as_ref())).expect("a CA file"),
        layer_deadline: Duration::from_secs(30),
    }
}

async fn signed_in(account: &Account) -> Session {
    let session = sign_in(account, &mut |_| {}).await.unwrap_or_else(|failure| panic!("{failure}"));
    session.handle.announce(PRIORITY).await.expect("just signed in");
    session
}

async fn send_back(mut session: Session) {
    while let Some(event) = session.events.recv().await {
        if let Event::Message(mut message) = event {
            message.to = message.from.take();
            if session.handle.send((*message).into()).await.is_err() {
                return;
            }
        }
    }
}

/// The asking end, and the process that answers.
pub(crate) struct Echo {
    session: Session,
    others: Vec<FullJid>,
    _program: Program,
    sent: u64,
}

impl Echo {
    /// With so many answering connections.
    pub(crate) async fn start(server: &Server, others: usize) -> Echo {
        let resources: Vec<String> = (0..others).map(|number| format!("echo-{number}")).collect();
        let mut program = role("echo");
        let mut words = account_in_words(server);
        words["resources"] = json!(resources);
        program.tell(&words).await;
        program.event("ready").await;
        let full = |resource: &String| format!("{}/{resource}", server.jid()).parse().expect("a full JID");
        let session = signed_in(&account(server, "asks-the-echo")).await;
        Echo { session, others: resources.iter().map(full).collect(), _program: program, sent: 0 }
    }

    async fn send(&mut self, to: &FullJid, body: &str) -> String {
        self.sent += 1;
        let id = format!("e{}", self.sent);
        let mut message = Message::new_with_type(MessageType::Normal, Some(Jid::from(to.clone())));
        message.id = Some(Id(id.clone()));
        message.bodies.insert(Lang::new(), body.to_owned());
        self.session.handle.send(message.into()).await.expect("signed in");
        id
    }

    async fn next(&mut self) -> Box<Message> {
        let waiting = async {
            loop {
                match self.session.events.recv().await {
                    Some(Event::Message(message)) => return message,
                    Some(Event::Ended(cause)) => panic!("the echo's connection ended: {cause}"),
                    None => panic!("the echo's connection ended"),
                    Some(_) => {}
                }
            }
        };
        timeout(PATIENCE, waiting).await.expect("an echo in time")
    }

    /// One after the other: each one's round trip, in milliseconds.
    pub(crate) async fn round_trips(&mut self, count: usize, body: &str) -> Vec<f64> {
        let to = self.others[0].clone();
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let began = Instant::now();
            let id = self.send(&to, body).await;
            while self.next().await.id.is_none_or(|got| got.0 != id) {}
            times.push(ms_since(began));
        }
        times
    }

    /// So many with each connection, one of each under way at any time; round trips per second.
    pub(crate) async fn rate(&mut self, each: usize, body: &str) -> f64 {
        let began = Instant::now();
        let mut left: HashMap<FullJid, usize> = self.others.iter().map(|jid| (jid.clone(), each - 1)).collect();
        for jid in self.others.clone() {
            self.send(&jid, body).await;
        }
        let mut under_way = self.others.len();
        while under_way > 0 {
            let from = self.next().await.from.and_then(|from| from.try_into_full().ok()).expect("a full JID");
            match left.get_mut(&from) {
                Some(0) | None => under_way -= 1,
                Some(more) => {
                    *more -= 1;
                    self.send(&from, body).await;
                }
            }
        }
        per_second(each * self.others.len(), began)
    }
}

/// So many since then, per second.
pub(crate) fn per_second(count: usize, began: Instant) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / began.elapsed().as_secs_f64()
}
