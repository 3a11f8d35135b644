//! A session whose connection broke goes on over another one, where the server keeps it (XEP-0198 §5).
//!
//! Scope: trying, for a while, and what is asked of the session meanwhile. Non-scope: beginning anew, which is the
//! reader's affair after [`Event::Ended`].

use std::time::Duration;

use futures::SinkExt as _;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_xmpp::xmlstream::XmppStreamElement;

use crate::connect::{Stream, lost};
use crate::failure::{Cause, Failure};
use crate::live::{Live, Order};
use crate::session::Event;
use crate::sign_in::resume;

/// Our choice: the first try begins so long after the break, the next ones after twice as long each.
pub(crate) const FIRST_TRY_AFTER: Duration = Duration::from_millis(500);
/// Our choice: no try begins later.
const LAST_TRY_AFTER: Duration = Duration::from_secs(4);
/// Our choice: a connection that lived this long begins the waits anew.
const STABLE_AFTER: Duration = Duration::from_secs(60);

/// What an order means for a session without a connection.
enum Next {
    Wait,
    Try,
    Over,
}

/// What became of a try.
enum Tried {
    Resumed,
    /// There was no connection; another try may bring one.
    Failed(Cause),
    /// There is a reason to try again at once.
    Overtaken,
    Over,
}

fn is_of_the_connection(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Lost(_)
            | Cause::Silent
            | Cause::Closed
            | Cause::TcpRefused
            | Cause::Unreachable(_)
            // A network that comes back has no resolver yet.
            | Cause::Dns(_)
    )
}

impl Live {
    /// Tries to go on after the connection broke. False: the session is over.
    pub(crate) async fn goes_on_after(&mut self, cause: &Cause) -> bool {
        if self.left || !is_of_the_connection(cause) {
            return false;
        }
        let Some((_, keeps)) = self.resumption.resume() else { return false };
        let until = Instant::now() + keeps;
        if self.up_since.elapsed() > STABLE_AFTER {
            self.next_try_after = FIRST_TRY_AFTER;
        }
        let mut cause = cause.clone();
        loop {
            let wait = self.next_try_after;
            self.next_try_after = (wait * 2).min(LAST_TRY_AFTER);
            if let Next::Over = self.tell_meanwhile(Event::Interrupted(cause, wait), until).await {
                return false;
            }
            if let Next::Over = self.wait(Instant::now() + wait, until).await {
                return false;
            }
            cause = loop {
                match self.try_to_resume(until).await {
                    Tried::Resumed => {
                        self.untold = Some(Event::Resumed);
                        return true;
                    }
                    Tried::Failed(cause) => break cause,
                    Tried::Overtaken => {}
                    Tried::Over => return false,
                }
            };
        }
    }

    /// Tells as soon as the reader has room; it may itself be waiting for room to ask something.
    async fn tell_meanwhile(&mut self, event: Event, until: Instant) -> Next {
        let Some(events) = self.events.get_ref().cloned() else { return Next::Over };
        loop {
            let order = tokio::select! {
                place = events.reserve() => {
                    return match place {
                        Ok(place) => {
                            place.send(event);
                            Next::Wait
                        }
                        Err(_) => Next::Over,
                    };
                }
                order = self.orders.recv() => order,
                () = sleep_until(until) => return Next::Over,
            };
            match self.attend_to(order) {
                // The next try comes soon enough.
                Next::Wait | Next::Try => {}
                Next::Over => return Next::Over,
            }
        }
    }

    /// Waits for the next try, or until there is a reason to try at once.
    async fn wait(&mut self, next: Instant, until: Instant) -> Next {
        loop {
            let order = tokio::select! {
                order = self.orders.recv() => order,
                () = sleep_until(next.min(until)) => {
                    return if Instant::now() >= until { Next::Over } else { Next::Try };
                }
            };
            match self.attend_to(order) {
                Next::Wait => {}
                next => return next,
            }
        }
    }

    /// What is asked of the session meanwhile is kept for the server.
    fn attend_to(&mut self, order: Option<Order>) -> Next {
        match order {
            Some(Order::Doubt) => Next::Try,
            Some(Order::Close) | None => Next::Over,
            Some(order) => {
                self.keep(order);
                // Beyond what is kept there is nothing to go on with.
                if self.resumption.resume().is_some() { Next::Wait } else { Next::Over }
            }
        }
    }

    async fn try_to_resume(&mut self, until: Instant) -> Tried {
        let Some((request, _)) = self.resumption.resume() else { return Tried::Over };
        let (account, pulse) = (self.account.clone(), self.pulse.clone());
        let mut trying = std::pin::pin!(timeout_at(until, resume(&account, &pulse, request)));
        let resumed = loop {
            let order = tokio::select! {
                resumed = &mut trying => break resumed,
                order = self.orders.recv() => order,
            };
            match self.attend_to(order) {
                Next::Wait => {}
                Next::Try => return Tried::Overtaken,
                Next::Over => return Tried::Over,
            }
        };
        match resumed {
            Ok(Ok(Some((stream, count)))) => self.take_up(stream, count, until).await,
            Ok(Err(Failure { cause, .. })) if is_of_the_connection(&cause) => Tried::Failed(cause),
            // The server does not go on, or something is wrong that the reader finds out, and tells, by beginning anew.
            Ok(Ok(None) | Err(_)) | Err(_) => Tried::Over,
        }
    }

    /// Goes on with this stream; the server has so many of our stanzas.
    async fn take_up(&mut self, mut stream: Stream, count: u32, until: Instant) -> Tried {
        if let Err(reason) = self.resumption.resumed(count, Instant::now()) {
            tracing::debug!("the session is not resumed: {reason}");
            // The server would go on waiting for us.
            let _ = timeout_at(until, stream.shutdown()).await;
            return Tried::Over;
        }
        for element in self.resumption.unacknowledged() {
            match timeout_at(until, stream.feed(element)).await {
                Ok(Ok(())) => {
                    if let XmppStreamElement::Stanza(stanza) = element {
                        self.ears.tell(true, stanza);
                    }
                }
                Ok(Err(error)) => return Tried::Failed(lost(error)),
                Err(_) => return Tried::Over,
            }
        }
        self.stream = stream;
        self.receipt_due = None;
        self.unflushed = true;
        self.ping = None;
        self.written_then = self.pulse.written();
        self.up_since = Instant::now();
        Tried::Resumed
    }
}
