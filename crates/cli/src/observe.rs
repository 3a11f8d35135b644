//! `observe`: a resource's value now, and again at each change.

use std::time::Duration;

use homeward_core::crudn::Method;
use homeward_core::view::Path;
use homeward_core::{Code, Error};
use serde::Serialize;
use serde_json::Value;
use tokio::time::sleep_until;

use crate::arguments::{Common, Observe};
use crate::exit::{Exit, Failure};
use crate::interrupt::Interrupt;
use crate::output::{Output, now, word};
use crate::request::{reach, server};
use crate::start::with_home;

/// Our choice: an observation that is dropped tells the device so in one datagram or stanza; nothing tells when.
const FAREWELL: Duration = Duration::from_millis(100);

/// A notification, as scripts read it.
#[derive(Debug, Serialize)]
struct Notification {
    sequence: Option<u32>,
    body: Option<Value>,
    via: Path,
    at: String,
}

/// Observes until Ctrl-C, or so many notifications.
pub(crate) async fn run(common: &Common, options: &Observe, output: &Output) -> Result<Exit, Failure> {
    let target = options.target.request();
    with_home(common, server(target.via), async |home, patience| {
        let mut interrupt = Interrupt::listen();
        let begin = async {
            let device = reach(home, &target.di, target.via, Method::Get, patience).await?;
            Ok::<_, Failure>(home.observe(&device.id, target.request.href.clone(), target.via).await?)
        };
        let mut observation = tokio::select! {
            begun = begin => begun?,
            () = interrupt.next() => return Ok(Exit::Done),
        };
        let mut printed = 0;
        let mut goes_on = false;
        let ended = loop {
            if options.count == Some(printed) {
                break Ok(Exit::Done);
            }
            let next = tokio::select! {
                next = observation.next() => next,
                () = interrupt.next() => break Ok(Exit::Done),
                () = sleep_until(patience.until()), if options.count.is_some() => {
                    output.note(&format!("{printed} of {} notifications came within the timeout", options.count.unwrap_or(0)));
                    break Ok(Exit::NotReached);
                }
            };
            let response = match next {
                None if goes_on => break Err(Error::new(Code::ConnectionLost, "the observation has ended").into()),
                None => break Err(Error::new(Code::DeviceRefused, "the device does not notify of this resource").into()),
                Some(Err(error)) => break Err(error.into()),
                Some(Ok(response)) => response,
            };
            if !response.status.is_success() {
                let refused = Error::new(Code::DeviceRefused, format!("the device answered {}", response.status));
                break Err(match response.diagnostic {
                    Some(words) => refused.with_details(words).into(),
                    None => refused.into(),
                });
            }
            goes_on = response.observe.is_some();
            let notification =
                Notification { sequence: response.observe, body: response.body, via: observation.via, at: now() };
            if let Err(error) = show(&notification, *output) {
                break Err(error);
            }
            printed += 1;
        };
        drop(observation);
        tokio::time::sleep(FAREWELL).await;
        ended
    })
    .await
}

fn show(notification: &Notification, output: Output) -> Result<(), Failure> {
    if output.is_json() {
        output.json(notification)?;
    } else {
        let body = notification.body.as_ref().map(Value::to_string).unwrap_or_default();
        output.line(&format!("{}  {}  {body}", notification.at, word(&notification.via)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn a_notification_has_the_fields_that_scripts_rely_on() {
        let notification = Notification {
            sequence: Some(3),
            body: Some(json!({"value": false})),
            via: Path::Lan,
            at: "2025-12-31T23:59:59.25Z".into(),
        };
        assert_eq!(
            serde_json::to_value(notification).unwrap(),
            json!({"sequence": 3, "body": {"value": false}, "via": "lan", "at": "2025-12-31T23:59:59.25Z"})
        );
    }
}
