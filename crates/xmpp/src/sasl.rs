//! Sign-in by SCRAM (RFC 5802, RFC 7677): the password stays here, and the server proves that it knows it.
//!
//! Scope: SCRAM-SHA-256, then SCRAM-SHA-1, with channel binding where the server lists tls-exporter (XEP-0440).
//! Non-scope: PLAIN, ever (RA-10).

use futures::SinkExt as _;
use futures::StreamExt as _;
use sasl::client::mechanisms::Scram;
use sasl::client::{Mechanism, MechanismError};
use sasl::common::scram::{ScramProvider, Sha1, Sha256};
use sasl::common::{ChannelBinding, Credentials};
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::sasl::{Auth, DefinedCondition, Mechanism as Name, Nonza, Response};
use xmpp_parsers::sasl_cb::Type;
use xmpp_parsers::stream_features::StreamFeatures;

use crate::Account;
use crate::connect::{Stream, ended, lost, unread};
use crate::failure::Cause;
use crate::shallow::Shallow;

/// Our choice: each iteration is two SHA blocks of ours; beyond this a server only wants to keep us busy.
const MAX_ITERATIONS: u32 = 2_000_000;

/// The hash that a sign-in was proven with, weaker first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hash {
    /// SCRAM-SHA-1.
    Sha1,
    /// SCRAM-SHA-256.
    Sha256,
}

impl Hash {
    /// The mechanism's name, without channel binding.
    pub fn mechanism(self) -> &'static str {
        match self {
            Hash::Sha1 => "SCRAM-SHA-1",
            Hash::Sha256 => "SCRAM-SHA-256",
        }
    }

    /// By the mechanism's name.
    pub fn of(mechanism: &str) -> Option<Self> {
        [Hash::Sha1, Hash::Sha256].into_iter().find(|hash| hash.mechanism() == mechanism)
    }
}

/// Signs in; with which hash.
///
/// # Errors
/// [`Cause`]; the password has not left this computer in any case.
pub(crate) async fn sign_in(stream: &mut Stream, features: &StreamFeatures, account: &Account) -> Result<Hash, Cause> {
    let offered = &features.sasl_mechanisms;
    let exporter = features.sasl_cb.as_ref().is_some_and(|listed| listed.types.contains(&Type::TlsExporter));
    let has = |name: &str| offered.contains(name);
    if has("SCRAM-SHA-256-PLUS") && exporter {
        let binding = ChannelBinding::TlsExporter(exported(stream)?);
        scram::<Sha256>(stream, Name::ScramSha256Plus, binding, account).await?;
        return Ok(Hash::Sha256);
    }
    if has("SCRAM-SHA-256") {
        scram::<Sha256>(stream, Name::ScramSha256, unbound(has("SCRAM-SHA-256-PLUS")), account).await?;
        return Ok(Hash::Sha256);
    }
    let offered = || offered.iter().take(16).cloned().collect();
    if account.at_least > Some(Hash::Sha1) {
        // Somebody in between may have struck the better ones from the list, to be told the weaker proof.
        return Err(Cause::WeakerThanBefore { offered: offered() });
    }
    if has("SCRAM-SHA-1-PLUS") && exporter {
        let binding = ChannelBinding::TlsExporter(exported(stream)?);
        scram::<Sha1>(stream, Name::ScramSha1Plus, binding, account).await?;
        Ok(Hash::Sha1)
    } else if has("SCRAM-SHA-1") {
        scram::<Sha1>(stream, Name::ScramSha1, unbound(has("SCRAM-SHA-1-PLUS")), account).await?;
        Ok(Hash::Sha1)
    } else {
        Err(Cause::NoSafeMechanism { offered: offered() })
    }
}

/// gs2 flag `n` where the server offers a binding that we cannot name, `y` where it offers none (RFC 5802 §6).
fn unbound(plus_offered: bool) -> ChannelBinding {
    if plus_offered { ChannelBinding::None } else { ChannelBinding::Unsupported }
}

/// RFC 9266 §2: 32 bytes under this label, with an empty context. Before TLS 1.3 only with extended master secret,
/// which rustls requires anyway where the peer has it.
fn exported(stream: &Stream) -> Result<Vec<u8>, Cause> {
    let (_, tls) = stream.get_stream().get_ref().get_ref();
    tls.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(&[]))
        .map_err(|error| Cause::Tls(error.to_string()))
}

async fn scram<S: ScramProvider>(
    stream: &mut Stream,
    name: Name,
    binding: ChannelBinding,
    account: &Account,
) -> Result<(), Cause>
where
    Scram<S>: Send + 'static,
{
    // RFC 5802 §5.1: saslname; the localpart may hold both characters.
    let user = account.jid.node().map_or("", |node| node.as_str()).replace('=', "=3D").replace(',', "=2C");
    let says_unoffered = matches!(binding, ChannelBinding::Unsupported);
    let password = stringprep::saslprep(&account.password).map_err(|_| Cause::NotAuthorized)?;
    let credentials = Credentials::default().with_username(user).with_password(password).with_channel_binding(binding);
    let mut mechanism = Scram::<S>::from_credentials(credentials).map_err(unproven)?;

    send(stream, Nonza::Auth(Auth { mechanism: name, data: mechanism.initial() })).await?;
    let challenge = match receive(stream).await? {
        Nonza::Challenge(challenge) => challenge.data,
        Nonza::Success(_) => return Err(Cause::ServerNotProven("it skipped its proof".to_owned())),
        // RFC 5802 §6: a server that binds does not take the word that it offered no binding.
        Nonza::Failure(failure)
            if says_unoffered && failure.defined_condition == DefinedCondition::MalformedRequest =>
        {
            return Err(Cause::ServerNotProven(
                "its offer to bind the sign-in to the connection did not arrive".to_owned(),
            ));
        }
        other => return Err(refused(&other)),
    };
    if iterations(&challenge).is_none_or(|count| count > MAX_ITERATIONS) {
        return Err(Cause::ServerNotProven("its challenge is out of bounds".to_owned()));
    }
    // Thousands of hash rounds: not on the thread that serves the window.
    let (mechanism, answer) = tokio::task::spawn_blocking(move || {
        let answer = mechanism.response(&challenge);
        (mechanism, answer)
    })
    .await
    .map_err(|error| Cause::Lost(error.to_string()))?;
    let mut mechanism = mechanism;
    send(stream, Nonza::Response(Response { data: answer.map_err(unproven)? })).await?;
    match receive(stream).await? {
        Nonza::Success(success) => mechanism.success(&success.data).map_err(unproven),
        other => Err(refused(&other)),
    }
}

fn iterations(challenge: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(challenge).ok()?;
    let mut counts = text.split(',').filter_map(|part| part.strip_prefix("i="));
    // The mechanism takes the last of several: one only, so that the one that is checked is the one that is used.
    let count = counts.next()?.parse().ok();
    if counts.next().is_some() { None } else { count }
}

async fn send(stream: &mut Stream, nonza: Nonza) -> Result<(), Cause> {
    stream.send(&XmppStreamElement::Sasl(nonza)).await.map_err(lost)
}

async fn receive(stream: &mut Stream) -> Result<Nonza, Cause> {
    match stream.next().await {
        Some(Ok(Ok(Shallow(XmppStreamElement::Sasl(nonza))))) => Ok(nonza),
        Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => Err(ended(&error.0)),
        Some(Ok(_)) => Err(Cause::NotXmpp),
        Some(Err(error)) => Err(unread(error)),
        None => Err(Cause::Closed),
    }
}

fn refused(nonza: &Nonza) -> Cause {
    match nonza {
        Nonza::Failure(failure) => match &failure.defined_condition {
            // The server cannot tell now: trying again may help.
            DefinedCondition::TemporaryAuthFailure => Cause::StreamError("temporary-auth-failure".to_owned()),
            DefinedCondition::NotAuthorized | DefinedCondition::InvalidAuthzid => Cause::NotAuthorized,
            other => Cause::AccountRefused(format!("{other:?}")),
        },
        _ => Cause::ServerNotProven("it left the protocol".to_owned()),
    }
}

fn unproven(error: MechanismError) -> Cause {
    Cause::ServerNotProven(error.to_string())
}
