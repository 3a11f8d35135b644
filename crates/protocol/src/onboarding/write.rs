//! One write to one of the two resources: the POST, its repetitions, and the other interfaces.
//!
//! A write is idempotent: it says the whole of what the resource shall hold. So one whose outcome is unknown is
//! repeated. `if=` is put on it only after a refusal that may be about the interface.

use std::time::Duration;

use super::{Link, Lost};
use crate::crudn::{Href, Response, Status};

/// How often a write that is not answered is sent: our choice. The message layer below has repeated each already.
pub(super) const MAX_SENT: u32 = 3;
/// Our choice: how long to wait after a write that could not even be sent.
const RESEND_PAUSE: Duration = Duration::from_secs(1);
/// What is tried after a refusal, in this order, where the link lists it.
const OTHER_INTERFACES: [&str; 3] = ["oic.if.baseline", "oic.if.rw", "oic.if.a"];

/// One write under way.
#[derive(Debug)]
pub(super) struct Write {
    /// What is still to be tried; the first is the one under way.
    hrefs: Vec<Href>,
    unanswered: u32,
    /// An attempt went out and was not answered: the device may have done it.
    unknown: bool,
    /// When to send again, while nothing is under way.
    pub(super) resend_at: Option<Duration>,
}

/// What a write came to.
#[derive(Debug, PartialEq)]
pub(super) enum Written {
    /// The device took it.
    Taken,
    /// The device certainly did not take it.
    Refused { status: Status, words: Option<String> },
    /// It certainly never reached the device.
    NotSent,
    /// Nobody knows.
    Unknown,
}

/// What follows an answer.
#[derive(Debug, PartialEq)]
pub(super) enum Next {
    /// Send it (again), to [`Write::href`].
    Send,
    /// Not before [`Write::resend_at`].
    Pause,
    /// It is over.
    Ended(Written),
}

impl Write {
    /// A write to `link`; `accepted` is the form of its path that it took before, if it has.
    pub(super) fn new(link: &Link, accepted: Option<&Href>) -> Self {
        let mut hrefs = vec![link.href.clone()];
        let others = OTHER_INTERFACES.iter().filter(|name| link.interfaces.iter().any(|listed| listed == **name));
        hrefs.extend(others.filter_map(|name| with_interface(&link.href, name)));
        if let Some(accepted) = accepted {
            hrefs.retain(|href| href != accepted);
            hrefs.insert(0, accepted.clone());
        }
        Self { hrefs, unanswered: 0, unknown: false, resend_at: None }
    }

    /// The path of the attempt under way; `None` only once all were refused.
    pub(super) fn href(&self) -> Option<&Href> {
        self.hrefs.first()
    }

    pub(super) fn answer(&mut self, result: Result<Response, Lost>, now: Duration) -> Next {
        match result {
            Ok(response) if response.status.is_success() => Next::Ended(Written::Taken),
            // A proxy's word that it got no answer is none of the device's.
            Ok(Response { status: Status(504), .. }) => self.lost(Lost::NoAnswer, now),
            Ok(response) => {
                let about_interface = matches!(response.status, Status::FORBIDDEN | Status::METHOD_NOT_ALLOWED);
                if about_interface && self.hrefs.len() > 1 {
                    self.hrefs.remove(0);
                    return Next::Send;
                }
                // A device may have taken an unanswered attempt and closed the resource to us since (L344-346).
                Next::Ended(match self.unknown {
                    true => Written::Unknown,
                    false => Written::Refused { status: response.status, words: response.diagnostic },
                })
            }
            Err(lost) => self.lost(lost, now),
        }
    }

    fn lost(&mut self, lost: Lost, now: Duration) -> Next {
        self.unknown |= lost != Lost::NotSent;
        self.unanswered += 1;
        if self.unanswered >= MAX_SENT {
            return Next::Ended(self.given_up());
        }
        if lost == Lost::NotSent {
            self.resend_at = Some(now + RESEND_PAUSE);
            return Next::Pause;
        }
        Next::Send
    }

    /// What it came to if nothing more is sent.
    pub(super) fn given_up(&self) -> Written {
        if self.unknown { Written::Unknown } else { Written::NotSent }
    }
}

fn with_interface(href: &Href, interface: &str) -> Option<Href> {
    let joint = if href.as_str().contains('?') { '&' } else { '?' };
    Href::new(format!("{href}{joint}if={interface}")).ok()
}
