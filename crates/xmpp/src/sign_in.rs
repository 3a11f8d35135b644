//! The whole way to a session, layer by layer.

use futures::SinkExt as _;
use futures::StreamExt as _;
use tokio_xmpp::Stanza;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::bind::{BindQuery, BindResponse};
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::FullJid;
use xmpp_parsers::sm::Nonza;
use xmpp_parsers::stanza_error::{DefinedCondition, StanzaError};
use xmpp_parsers::stream_features::StreamFeatures;

use crate::connect::{Clock, Stream, begin, connect, ended, lost, restart, unread, within};
use crate::failure::{Cause, Failure, Layer};
use crate::sasl::Hash;
use crate::session::Session;
use crate::shallow::Shallow;
use crate::wire::Pulse;
use crate::{Account, Progress, sasl};

const BIND_ID: &str = "bind";

/// What a session begins with.
pub(crate) struct Bound {
    pub(crate) stream: Stream,
    pub(crate) pulse: Pulse,
    pub(crate) jid: FullJid,
    pub(crate) proven_with: Hash,
    /// The largest stanza that the server takes, in bytes (XEP-0478).
    pub(crate) stanza_limit: Option<u32>,
    /// Whether the server offers to keep sessions whose connection broke (XEP-0198).
    pub(crate) keeps_sessions: bool,
}

/// Connects, encrypts, signs in and binds. Presence is not announced yet, and the roster not asked.
///
/// # Errors
/// The layer that failed, and why. The password never leaves this computer; where the certificate was refused, not
/// even the user name does.
pub async fn sign_in(account: &Account, progress: &mut (dyn FnMut(Progress) + Send)) -> Result<Session, Failure> {
    let pulse = Pulse::new();
    let (stream, proven_with) = authenticate(account, &pulse, progress).await?;
    let clock = Clock::begin(Layer::Bind, progress);
    let binding = bind(stream, account);
    let (features, stream, jid) =
        within(account.layer_deadline, &pulse, binding).await.map_err(|cause| cause.at(Layer::Bind))?;
    clock.passed(progress);

    let stanza_limit = features.limits.and_then(|limits| limits.max_bytes).map(|bytes| bytes.get());
    let keeps_sessions = account.resumes && features.stream_management.is_some();
    // It goes on with nothing weaker than what it began with.
    let account = Account { at_least: account.at_least.max(Some(proven_with)), ..account.clone() };
    Ok(Session::start(Bound { stream, pulse, jid, proven_with, stanza_limit, keeps_sessions }, account))
}

/// Connects anew for a session that the server keeps (XEP-0198 §5): `request` asks for it. Returns how many stanzas of
/// ours the server has; `None`: it does not go on.
///
/// # Errors
/// The layer that failed, and why.
pub(crate) async fn resume(account: &Account, pulse: &Pulse, request: Nonza) -> Result<Option<(Stream, u32)>, Failure> {
    let (stream, _) = authenticate(account, pulse, &mut |_| ()).await?;
    let resuming = async {
        let (_, mut stream) = restart(stream, account).await?;
        stream.send(&XmppStreamElement::SM(request)).await.map_err(lost)?;
        match stream.next().await {
            Some(Ok(Ok(Shallow(XmppStreamElement::SM(Nonza::Resumed(resumed)))))) => Ok(Some((stream, resumed.h))),
            Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => Err(ended(&error.0)),
            Some(Err(error)) => Err(unread(error)),
            None => Err(Cause::Closed),
            Some(Ok(_)) => {
                // The reader begins anew, and needs no stream that nobody is bound to.
                let _ = stream.shutdown().await;
                Ok(None)
            }
        }
    };
    within(account.layer_deadline, pulse, resuming).await.map_err(|cause| cause.at(Layer::Bind))
}

/// Up to a stream that is signed in, and not restarted yet.
async fn authenticate(
    account: &Account,
    pulse: &Pulse,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<(Stream, Hash), Failure> {
    let encrypted = connect(account, pulse, progress).await?;
    let clock = Clock::begin(Layer::Sasl, progress);
    let signing = async {
        let (features, mut stream) = begin(encrypted, account).await?;
        sasl::sign_in(&mut stream, &features, account).await.map(|hash| (stream, hash))
    };
    let signed_in = within(account.layer_deadline, pulse, signing).await.map_err(|cause| cause.at(Layer::Sasl))?;
    clock.passed(progress);
    Ok(signed_in)
}

async fn bind(stream: Stream, account: &Account) -> Result<(StreamFeatures, Stream, FullJid), Cause> {
    let offered = account
        .jid
        .with_resource_str(&account.resource)
        .map_err(|error| Cause::BindRefused(format!("not a resource: {error}")))?;
    let (features, mut stream) = restart(stream, account).await?;
    let query = Iq::from_set(BIND_ID, BindQuery::new(Some(account.resource.clone())));
    stream.send(&XmppStreamElement::Stanza(Stanza::from(query))).await.map_err(lost)?;
    let bound = loop {
        match stream.next().await {
            Some(Ok(Ok(Shallow(XmppStreamElement::Stanza(Stanza::Iq(iq)))))) if iq.id() == BIND_ID => {
                break bound(iq)?;
            }
            Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => return Err(ended(&error.0)),
            // Nothing else is due before the binding; a server that chatters runs into the layer's deadline.
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(unread(error)),
            None => return Err(Cause::Closed),
        }
    };
    if bound != offered {
        // RA-11: leave at once, and politely.
        let _ = stream.shutdown().await;
        return Err(Cause::ResourceChanged { offered: offered.to_string(), bound: bound.to_string() });
    }
    Ok((features, stream, bound))
}

fn bound(iq: Iq) -> Result<FullJid, Cause> {
    match iq {
        Iq::Result { payload: Some(payload), .. } => BindResponse::try_from(payload)
            .map(FullJid::from)
            .map_err(|error| Cause::BindRefused(format!("unreadable answer: {error}"))),
        Iq::Error { error, .. } => Err(refused(&error)),
        _ => Err(Cause::BindRefused("no answer to the binding".to_owned())),
    }
}

fn refused(error: &StanzaError) -> Cause {
    match error.defined_condition {
        DefinedCondition::Conflict => Cause::ResourceConflict,
        DefinedCondition::ResourceConstraint => Cause::TooManySessions,
        ref other => Cause::BindRefused(format!("{other:?}")),
    }
}
