//! A request whose exchange is shown: what really went over the wire, whichever way and however it ended.
//!
//! Scope: listening in while it is under way. Non-scope: the request itself (`control`), which knows of a listener only
//! where there is one; what the bytes say (`homeward_protocol::shown`).

use homeward_protocol::crudn::Request;

use super::Inner;
use super::paths::Route;
use crate::tap::Tap;
use crate::view::{Exchange, Exchanged, Outcome, Via};

impl Inner {
    /// As [`Inner::send`], and what went over the wire.
    pub(super) async fn request_shown(&self, id: &str, request: &Request, via: Via) -> Exchanged {
        let tap = Tap::default();
        let outcome = match self.send_heard(id, request, via, Some(&tap)).await {
            Ok(answer) => Outcome::Answered { answer },
            Err(error) => Outcome::Failed { error },
        };
        let guarded = self.holds_password(id, &request.href);
        Exchanged { outcome, exchange: exchange_of(tap, guarded).await }
    }

    /// From now on all is copied that goes to this address or comes from it.
    pub(super) fn listen_in(&self, route: &Route, tap: &Tap) {
        match route {
            Route::Xmpp(jid) => self.remote.listen_in(jid, tap.ear()),
            Route::Lan(address) => {
                // Where there is no network, there is nothing to hear either.
                if let Ok(lan) = self.lan() {
                    lan.listen_in(*address, tap.copies());
                }
            }
        }
    }
}

/// Away from the tasks that others wait for: a device decides how much there is to read.
async fn exchange_of(tap: Tap, guarded: bool) -> Exchange {
    tokio::task::spawn_blocking(move || tap.exchange(guarded)).await.unwrap_or_default()
}
