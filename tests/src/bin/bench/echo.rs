//! The answering end of the limit: connections that send each message back as it came, in a process of their own.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use homeward_xmpp::{Account, Event, Session, Trust};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::task::JoinSet;

use crate::raw::signed_in;

/// Signs in as every resource that the first line of standard input names, and answers until it is closed.
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
        at_least: None,
        resumes: false,
    }
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
