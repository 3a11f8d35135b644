//! A device at its XMPP server: signing in once server and account are set (RA-5), and answering there.
//!
//! Scope: when to sign in, again or out, and what `status` says about it. The byte streams are in `sessions`, answering
//! in `link`. Non-scope: TLS, SASL and the stream (`homeward_xmpp`).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use homeward_protocol::remote::jid::OicResource;
use homeward_xmpp::{Account, Cause, Trust};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use xmpp_parsers::jid::BareJid;

use crate::model::{Login, RaStatus};
use crate::unit::{Unit, Wanted, Wish};

mod link;
mod sessions;

/// Our choice: the first wait before a lost connection is made again; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Our choice.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Our choice: a connection that lasted so long begins the waits anew.
const STEADY: Duration = Duration::from_secs(30);

/// What the devices of one home share on their way to a server.
pub(crate) struct Site {
    pub(crate) trust: Trust,
    /// How long one layer of a sign-in may take.
    pub(crate) layer_deadline: Duration,
    /// So many sign in at the same moment.
    pub(crate) gate: Semaphore,
}

/// Why a device is not, or no longer, signed in.
enum End {
    /// It shall be doing something else now.
    Changed,
    /// Trying again may help.
    Lost(String),
    /// It will not, until somebody changes something.
    Refused(String),
}

/// Keeps a device's XMPP side as the unit wishes, for ever.
pub(crate) async fn run(unit: Arc<Unit>, site: Arc<Site>) {
    let mut wish = unit.wish();
    let mut wait = FIRST_WAIT;
    loop {
        let wanted = wish.borrow_and_update().what.clone();
        let retry = match wanted {
            Wanted::Nothing | Wanted::NoPower => {
                unit.report(RaStatus::NotInitialized, None);
                None
            }
            Wanted::Fail(reason) => {
                unit.report(RaStatus::Error(reason), None);
                None
            }
            Wanted::SignIn(login) => {
                let began = Instant::now();
                let end = stay_signed_in(&unit, &site, &login, &mut wish).await;
                if began.elapsed() > STEADY {
                    wait = FIRST_WAIT;
                }
                match end {
                    End::Changed => {
                        wait = FIRST_WAIT;
                        continue;
                    }
                    End::Lost(reason) => {
                        unit.report(RaStatus::Error(reason), None);
                        Some(wait)
                    }
                    End::Refused(reason) => {
                        unit.report(RaStatus::Error(reason), None);
                        None
                    }
                }
            }
        };
        match retry {
            None => {
                if wish.changed().await.is_err() {
                    return;
                }
            }
            Some(pause) => {
                wait = (wait * 2).min(LONGEST_WAIT);
                let jitter = rand::random_range(0.8..1.2);
                // Either the time is over, or there is something else to do: both mean to look again.
                let _ = tokio::time::timeout(pause.mul_f64(jitter), wish.changed()).await;
            }
        }
    }
}

async fn stay_signed_in(unit: &Arc<Unit>, site: &Site, login: &Login, wish: &mut watch::Receiver<Wish>) -> End {
    let account = match account(unit, site, login) {
        Ok(account) => account,
        Err(reason) => return End::Refused(reason),
    };
    let signing_in = async {
        // The gate is never closed; where it is, nobody waits.
        let _permit = site.gate.acquire().await;
        let session = homeward_xmpp::sign_in(&account, &mut |_| {}).await?;
        Ok::<_, homeward_xmpp::Failure>(session)
    };
    let signed_in = tokio::select! {
        biased;
        _ = wish.changed() => {
            wish.mark_changed();
            return End::Changed;
        }
        signed_in = signing_in => signed_in,
    };
    let session = match signed_in {
        Ok(session) => session,
        Err(failure) if may_pass(&failure.cause) => return End::Lost(failure.to_string()),
        Err(failure) => return End::Refused(failure.to_string()),
    };
    match link::serve(unit, session, wish).await {
        None => End::Changed,
        Some(cause) if may_pass(&cause) => End::Lost(cause.to_string()),
        Some(cause) => End::Refused(cause.to_string()),
    }
}

fn account(unit: &Unit, site: &Site, login: &Login) -> Result<Account, String> {
    let jid = BareJid::new(&login.jid).map_err(|error| format!("the jid is none: {error}"))?;
    let password = base64::engine::general_purpose::STANDARD
        .decode(login.credential.expose())
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| "the credential is no password in base64".to_owned())?;
    Ok(Account {
        jid,
        password: password.into(),
        resource: OicResource::device(&unit.identity.device_type, unit.state().model.di()).to_string(),
        server: login.address.clone(),
        port: login.port,
        trust: site.trust.clone(),
        layer_deadline: site.layer_deadline,
        at_least: None,
        resumes: false,
    })
}

/// Whether the same attempt may go well later. A wrong password will not, and a place that another took is theirs.
fn may_pass(cause: &Cause) -> bool {
    matches!(
        cause,
        Cause::Dns(_)
            | Cause::TcpRefused
            | Cause::Unreachable(_)
            | Cause::Silent
            | Cause::StreamError(_)
            | Cause::Closed
            | Cause::Lost(_)
    )
}
