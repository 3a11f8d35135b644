//! An account is made at a server that makes them on request (XEP-0077 §3.1), deleted (§3.2), and given another password
//! (§3.3).

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tokio_xmpp::Stanza;
use tokio_xmpp::xmlstream::XmppStreamElement;
use xmpp_parsers::iq::Iq;
use xmpp_parsers::jid::BareJid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::ns;
use xmpp_parsers::stanza_error::{DefinedCondition, ErrorType, StanzaError};

use crate::Account;
use crate::connect::{Stream, begin, connect, ended, lost, unread, within};
use crate::failure::{Cause, Failure, Layer};
use crate::invitation::Invitation;
use crate::session::{Handle, IqFailure};
use crate::shallow::Shallow;
use crate::wire::Pulse;

/// What the form may have beside the two that we fill in.
const HARMLESS: [&str; 5] = ["username", "password", "instructions", "registered", "x"];

/// Why no account was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRegistered {
    /// There is no way to the server.
    #[error(transparent)]
    Unreached(#[from] Failure),
    /// Somebody has this name: perhaps we, from a try whose answer was lost.
    #[error("the name is taken")]
    Taken,
    /// Not so many in so short a time.
    #[error("the server makes no further account now ({0})")]
    Later(String),
    /// It makes none, or wants to know more than a name and a password.
    #[error("the server makes no account ({0})")]
    Refused(String),
}

/// Makes the account, with its password: over TLS, before any sign-in; with an invitation where there is one. That it can be
/// signed in with is for the caller to see.
///
/// # Errors
/// [`NotRegistered`].
pub async fn register(account: &Account, invitation: Option<&Invitation>) -> Result<(), NotRegistered> {
    let pulse = Pulse::new();
    let encrypted = connect(account, &pulse, &mut |_| ()).await?;
    let asking = async {
        let (_, mut stream) = begin(encrypted, account).await?;
        let made = ask(&mut stream, account, invitation).await?;
        // The server's answer is all that matters.
        let _ = stream.shutdown().await;
        Ok(made)
    };
    match within(account.layer_deadline, &pulse, asking).await {
        Ok(made) => made.map_err(|error| refusal(&error)),
        // Prosody lets nobody ask anything before the sign-in then.
        Err(Cause::StreamError(words)) => Err(NotRegistered::Refused(words)),
        Err(cause) => Err(cause.at(Layer::Sasl).into()),
    }
}

/// The form, and then the form filled in.
async fn ask(
    stream: &mut Stream,
    account: &Account,
    invitation: Option<&Invitation>,
) -> Result<Result<(), StanzaError>, Cause> {
    if let Some(invitation) = invitation
        && let Err(error) = request(stream, "register0", invitation.shown(), true).await?
    {
        return Ok(Err(error));
    }
    let form = match request(stream, "register1", Element::builder("query", ns::REGISTER).build(), false).await? {
        Err(error) => return Ok(Err(error)),
        Ok(form) => form,
    };
    let mut asked = form.iter().flat_map(Element::children).map(Element::name);
    if let Some(more) = asked.find(|name| !HARMLESS.contains(name)) {
        let words = format!("it asks for {more}");
        return Ok(Err(StanzaError::new(ErrorType::Modify, DefinedCondition::NotAcceptable, "en", words)));
    }
    let filled_in = filled_in(&account.jid, &account.password);
    Ok(request(stream, "register2", filled_in, true).await?.map(drop))
}

fn filled_in(jid: &BareJid, password: &str) -> Element {
    let field = |name: &str, text: &str| Element::builder(name, ns::REGISTER).append(text).build();
    let user = jid.node().map(ToString::to_string).unwrap_or_default();
    Element::builder("query", ns::REGISTER).append(field("username", &user)).append(field("password", password)).build()
}

async fn request(
    stream: &mut Stream,
    id: &str,
    payload: Element,
    sets: bool,
) -> Result<Result<Option<Element>, StanzaError>, Cause> {
    let id = id.to_owned();
    let iq = match sets {
        true => Iq::Set { from: None, to: None, id: id.clone(), payload },
        false => Iq::Get { from: None, to: None, id: id.clone(), payload },
    };
    stream.send(&XmppStreamElement::Stanza(Stanza::from(iq))).await.map_err(lost)?;
    loop {
        match stream.next().await {
            Some(Ok(Ok(Shallow(XmppStreamElement::Stanza(Stanza::Iq(iq)))))) if iq.id() == id => {
                return Ok(match iq {
                    Iq::Result { payload, .. } => Ok(payload),
                    Iq::Error { error, .. } => Err(error),
                    Iq::Get { .. } | Iq::Set { .. } => return Err(Cause::NotXmpp),
                });
            }
            Some(Ok(Ok(Shallow(XmppStreamElement::StreamError(error))))) => return Err(ended(&error.0)),
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(unread(error)),
            None => return Err(Cause::Closed),
        }
    }
}

fn refusal(error: &StanzaError) -> NotRegistered {
    let text = error.texts.values().next().map_or("", String::as_str);
    let words = format!("{:?} {text}", error.defined_condition).trim().to_owned();
    match (&error.defined_condition, &error.type_) {
        (DefinedCondition::Conflict, _) => NotRegistered::Taken,
        (DefinedCondition::ResourceConstraint | DefinedCondition::PolicyViolation, _) | (_, ErrorType::Wait) => {
            NotRegistered::Later(words)
        }
        _ => NotRegistered::Refused(words),
    }
}

impl Handle {
    /// Asks the server to delete the account of this session (XEP-0077 §3.2). Whether it did is seen by signing in: it may
    /// end the session instead of answering.
    ///
    /// # Errors
    /// [`IqFailure`]: refused, or nobody knows.
    pub async fn delete_account(&self, deadline: Duration) -> Result<(), IqFailure> {
        let remove = Element::builder("remove", ns::REGISTER).build();
        let query = Element::builder("query", ns::REGISTER).append(remove).build();
        self.set(None, query, deadline).await.map(drop)
    }

    /// Asks the server for another password of the account of this session (XEP-0077 §3.3). Whether it has it is seen by
    /// signing in.
    ///
    /// # Errors
    /// [`IqFailure`]: refused, or nobody knows.
    pub async fn change_password(&self, new: &str, deadline: Duration) -> Result<(), IqFailure> {
        self.set(None, filled_in(&self.jid().to_bare(), new), deadline).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_tells_whether_to_wait() {
        let error = |kind, condition| refusal(&StanzaError::new(kind, condition, "en", "words"));
        let words = |condition: &str| format!("{condition} words");
        assert_eq!(error(ErrorType::Cancel, DefinedCondition::Conflict), NotRegistered::Taken);
        // ejabberd, prosody.
        let later = error(ErrorType::Wait, DefinedCondition::ResourceConstraint);
        assert_eq!(later, NotRegistered::Later(words("ResourceConstraint")));
        let later = error(ErrorType::Wait, DefinedCondition::PolicyViolation);
        assert_eq!(later, NotRegistered::Later(words("PolicyViolation")));
        let never = error(ErrorType::Cancel, DefinedCondition::ServiceUnavailable);
        assert_eq!(never, NotRegistered::Refused(words("ServiceUnavailable")));
    }
}
