//! `get | post | put | delete`: one request to one device.

use std::time::Duration;

use homeward_core::crudn::Method;
use homeward_core::view::{Answer, Connection, Device, Exchange, Exchanged, Outcome, Path, Via};
use homeward_core::{Code, Error, Home};
use serde::Serialize;
use serde_json::Value;
use tokio::time::timeout_at;

use crate::arguments::{Asked, Common, Show};
use crate::exchange;
use crate::exit::{Exit, Failure};
use crate::output::{Output, word};
use crate::start::{Patience, Server, with_home};

/// Our choice: the presences come in one burst after the sign-in; a device that is not among them after this long is
/// not at the server.
const PRESENCES: Duration = Duration::from_secs(2);

/// The answer, as scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    status: u16,
    reason: String,
    body: Option<Value>,
    via: Path,
    elapsed_ms: u32,
    /// Where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    exchange: Option<Exchange>,
}

/// Which side a path needs.
pub(crate) fn server(via: Via) -> Server {
    if via == Via::Lan { Server::StayAway } else { Server::Connect }
}

/// Sends one request and prints the answer.
pub(crate) async fn run(common: &Common, asked: Asked, show: Show, output: &Output) -> Result<Exit, Failure> {
    with_home(common, server(asked.via), async |home, patience| {
        let Asked { di, request, via } = asked;
        let method = request.method;
        let device = reach(home, &di, via, method, patience).await?;
        let (outcome, exchange) = match show.exchange {
            false => (home.request(&device.id, request, via).await, None),
            true => {
                let Exchanged { outcome, exchange } = home.request_shown(&device.id, request, via).await;
                match outcome {
                    Outcome::Answered { answer } => (Ok(answer), Some(exchange)),
                    Outcome::Failed { error } => (Err(error), Some(exchange)),
                }
            }
        };
        if let Some(exchange) = exchange.as_ref().filter(|_| outcome.is_err() || !output.is_json()) {
            output.aside(&exchange::text(exchange));
        }
        let answer = match outcome {
            Ok(answer) => answer,
            // It was answered, and nobody can say how: what it should change may be changed.
            Err(error) if error.code == Code::BadAnswer && method.changes_things() => {
                output.failed(&error.into());
                return Ok(Exit::OutcomeUnknown);
            }
            Err(error) => return Err(error.into()),
        };
        print(answer, exchange, *output)
    })
    .await
}

/// Waits until the device can be reached for such a request.
///
/// A write takes the local network only where the device is not at the server, which has to have told who is there; and
/// only once the device has told what it is: never a lock's.
pub(crate) async fn reach(
    home: &Home,
    di: &str,
    via: Via,
    method: Method,
    patience: Patience,
) -> Result<Device, Failure> {
    let has_account = home.account().is_some();
    if via == Via::Xmpp && !has_account {
        return Err(Error::new(Code::NoAccount, "no account is set").into());
    }
    if via != Via::Xmpp && method.changes_things() {
        if via == Via::Auto && has_account && is_connected(home, patience).await {
            let presences = patience.left().min(PRESENCES);
            if let Ok(device) = home.device(di, Via::Xmpp, presences).await {
                return Ok(device);
            }
        }
        let device = home.device(di, via, patience.left()).await?;
        return Ok(described(home, device, patience).await);
    }
    Ok(home.device(di, via, patience.left()).await?)
}

/// Waits until the first try to connect has ended; returns whether it led there.
async fn is_connected(home: &Home, patience: Patience) -> bool {
    let mut subscription = home.subscribe();
    loop {
        match home.snapshot().connection {
            Connection::Connected { .. } => return true,
            Connection::Suspended { .. } | Connection::Refused { .. } => return false,
            Connection::Offline | Connection::Connecting { .. } => {}
        }
        match timeout_at(patience.until(), subscription.next()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return false,
        }
    }
}

/// Waits until all is read that the search reads of the device.
async fn described(home: &Home, device: Device, patience: Patience) -> Device {
    let mut subscription = home.subscribe();
    let now = || home.devices().into_iter().find(|known| known.id == device.id);
    loop {
        match now() {
            Some(known) if known.lan.as_ref().is_none_or(|lan| lan.described) => return known,
            _ => {}
        }
        match timeout_at(patience.until(), subscription.next()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return device,
        }
    }
}

fn print(answer: Answer, exchange: Option<Exchange>, output: Output) -> Result<Exit, Failure> {
    let Answer { status, reason, body, diagnostic, via, elapsed_ms } = answer;
    if output.is_json() {
        output.json(&Shown { status, reason, body, via, elapsed_ms, exchange })?;
    } else {
        output.line(&format!("{status} {reason}  (over {}, {elapsed_ms} ms)", word(&via)))?;
        if let Some(body) = &body {
            output.value(body)?;
        }
    }
    if status < 400 {
        return Ok(Exit::Done);
    }
    let words = diagnostic.filter(|words| !words.is_empty()).map(|words| format!(": {words}")).unwrap_or_default();
    output.note(&format!("the device refused{words}"));
    Ok(Exit::Refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_has_the_fields_that_scripts_rely_on() {
        let shown = Shown {
            status: 200,
            reason: "OK".into(),
            body: Some(json!({"value": true})),
            via: Path::Xmpp,
            elapsed_ms: 12,
            exchange: None,
        };
        assert_eq!(
            serde_json::to_value(shown).unwrap(),
            json!({"status": 200, "reason": "OK", "body": {"value": true}, "via": "xmpp", "elapsedMs": 12})
        );
    }

    #[test]
    fn a_request_over_the_local_network_leaves_the_server_alone() {
        assert_eq!(server(Via::Lan), Server::StayAway);
        assert_eq!(server(Via::Auto), Server::Connect);
        assert_eq!(server(Via::Xmpp), Server::Connect);
    }
}
