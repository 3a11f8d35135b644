//! An invitation to make an account, from a server that makes none without one: asked of it by somebody who has an account
//! there (XEP-0401 §3), and shown to it before the registration (XEP-0445 §2).

use std::time::Duration;

use xmpp_parsers::data_forms::DataForm;
use xmpp_parsers::jid::Jid;
use xmpp_parsers::minidom::Element;
use xmpp_parsers::minidom::rxml::xml_ncname;
use zeroize::Zeroizing;

use crate::session::{Handle, IqFailure};

const COMMANDS: &str = "http://jabber.org/protocol/commands";
const DATA_FORMS: &str = "jabber:x:data";
const PREAUTH: &str = "urn:xmpp:pars:0";
/// XEP-0401 §3: for everybody, and for administrators.
const NODES: [&str; 2] = ["urn:xmpp:invite#invite", "urn:xmpp:invite#create-account"];
/// Our choice, in bytes.
const LONGEST_TOKEN: usize = 1024;

/// What lets its holder make one account. No `Debug`: whoever has it may use it.
#[derive(Clone)]
pub struct Invitation(Zeroizing<String>);

impl Invitation {
    pub(crate) fn shown(&self) -> Element {
        Element::builder("preauth", PREAUTH).attr(xml_ncname!("token").into(), self.0.as_str()).build()
    }
}

impl Handle {
    /// Asks the server for an invitation to make an account there. `None`: it gives this account none.
    ///
    /// # Errors
    /// [`IqFailure::NoAnswer`], [`IqFailure::Closed`].
    pub async fn invitation(&self, deadline: Duration) -> Result<Option<Invitation>, IqFailure> {
        let server: Option<Jid> = Jid::from(self.jid().to_bare()).domain().as_str().parse().ok();
        for node in NODES {
            let command = Element::builder("command", COMMANDS)
                .attr(xml_ncname!("node").into(), node)
                .attr(xml_ncname!("action").into(), "execute")
                .build();
            match self.set(server.clone(), command, deadline).await {
                Ok(Some(answer)) => {
                    if let Some(invitation) = read(&answer) {
                        return Ok(Some(invitation));
                    }
                }
                Ok(None) | Err(IqFailure::Refused { .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }
}

fn read(answer: &Element) -> Option<Invitation> {
    let form = answer.children().find(|child| child.is("x", DATA_FORMS))?;
    let form = DataForm::try_from(form.clone()).ok()?;
    let uri = form.fields.iter().find(|field| field.var.as_deref() == Some("uri"))?;
    token(uri.values.first()?)
}

/// The token of `xmpp:…?register;preauth=TOKEN`, or of `xmpp:…?roster;preauth=TOKEN;ibr=y` (XEP-0147 §2.1). Without `ibr`, that
/// makes contacts and no account.
fn token(uri: &str) -> Option<Invitation> {
    let (_, query) = uri.strip_prefix("xmpp:")?.split_once('?')?;
    let mut parts = query.split(';');
    let action = parts.next()?;
    let (mut token, mut registers) = (None, action == "register");
    for part in parts {
        match part.split_once('=') {
            Some(("preauth", value)) => token = Some(value),
            Some(("ibr", value)) => registers |= value == "y",
            _ => {}
        }
    }
    let token = token.filter(|token| registers && !token.is_empty() && token.len() <= LONGEST_TOKEN)?;
    Some(Invitation(Zeroizing::new(token.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_an_account_is_an_invitation() {
        let token = |uri: &str| token(uri).map(|invitation| invitation.0.to_string());
        let some = Some("3c7efeafc1bb10d034".to_owned());
        assert_eq!(token("xmpp:hearth.example?register;preauth=3c7efeafc1bb10d034"), some);
        assert_eq!(token("xmpp:maren@hearth.example?roster;preauth=3c7efeafc1bb10d034;ibr=y"), some);
        assert_eq!(token("xmpp:maren@hearth.example?roster;ibr=y;preauth=3c7efeafc1bb10d034"), some);
        for none in [
            "xmpp:maren@hearth.example?roster;preauth=3c7efeafc1bb10d034",
            "xmpp:maren@hearth.example?roster;preauth=3c7efeafc1bb10d034;ibr=n",
            "xmpp:hearth.example?register;preauth=",
            "xmpp:hearth.example?register",
            "xmpp:hearth.example",
            "https://hearth.example/?register;preauth=3c7efeafc1bb10d034",
            "",
        ] {
            assert_eq!(token(none), None, "{none}");
        }
        assert_eq!(token(&format!("xmpp:a?register;preauth={}", "x".repeat(1025))), None);
    }

    #[test]
    fn a_command_that_is_not_completed_or_has_no_form_gives_none() {
        let command = |inner: &str| {
            let text = format!("<command xmlns='{COMMANDS}' status='completed'>{inner}</command>");
            text.parse::<Element>().ok().as_ref().and_then(read).map(|invitation| invitation.0.to_string())
        };
        let form = |fields: &str| format!("<x xmlns='{DATA_FORMS}' type='result'>{fields}</x>");
        let field = |uri: &str| format!("<field var='uri'><value>{uri}</value></field>");
        assert_eq!(command(&form(&field("xmpp:a?register;preauth=t"))), Some("t".to_owned()));
        assert_eq!(command(&form("<field var='uri'/>")), None);
        assert_eq!(command(&form("<field var='landing-url'><value>https://a/</value></field>")), None);
        assert_eq!(command("<note type='error'>no</note>"), None);
        assert_eq!(command(""), None);
    }
}
