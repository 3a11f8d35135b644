//! `account set | check | show | change-password`.

use std::time::{Duration, Instant};

use homeward_core::view::{Account, AccountCheck, AccountForm, Certificate, Keyring, Layer, LayerCheck, LayerState};
use homeward_core::{Code, Error, Event, Home, Secret};
use serde::Serialize;

use crate::arguments::{AccountCommand, AccountSet, Common};
use crate::certificate::{self, CertificateShown};
use crate::change_password;
use crate::exit::{Exit, Failure};
use crate::output::{Output, word};
use crate::password;
use crate::start::{Patience, Server, with_home};
use crate::words;

/// The account, as scripts read it.
#[derive(Debug, Serialize)]
struct Shown {
    jid: String,
    server: String,
    port: u16,
    ca: Option<String>,
    /// Only where one certificate alone is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin: Option<String>,
}

impl From<Account> for Shown {
    fn from(account: Account) -> Self {
        let Account { jid, server, port, ca, pin, has_password: _ } = account;
        Self { jid, server, port, ca, pin }
    }
}

/// One layer of the check, as scripts read it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct LayerLine {
    layer: Layer,
    ok: bool,
    code: Option<Code>,
    message: Option<String>,
    elapsed_ms: Option<u32>,
    /// The server's, on the line of the layer that refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateShown>,
}

impl LayerLine {
    /// `None` for a layer that has not ended. `refused`: the certificate that made the check fail, if one did.
    fn of(check: &LayerCheck, refused: Option<&Certificate>) -> Option<Self> {
        let error = match &check.state {
            LayerState::Waiting | LayerState::Working => return None,
            LayerState::Passed => None,
            LayerState::Failed { error } => Some(error),
        };
        Some(Self {
            layer: check.layer,
            ok: error.is_none(),
            code: error.map(|error| error.code),
            message: error.map(words::sentence),
            elapsed_ms: check.elapsed_ms,
            certificate: error.and(refused).map(CertificateShown::from),
        })
    }
}

/// The account's commands.
pub(crate) async fn run(common: &Common, command: &AccountCommand, output: &Output) -> Result<Exit, Failure> {
    match command {
        AccountCommand::Set(form) => set(common, form, *output).await,
        AccountCommand::ChangePassword(options) => change_password::run(common, options, *output).await,
        AccountCommand::Check => {
            with_home(common, Server::StayAway, async |home, patience| check(common, home, patience, *output).await)
                .await
        }
        AccountCommand::Show => with_home(common, Server::StayAway, async |home, _| show(saved(home)?, *output)).await,
    }
}

fn saved(home: &Home) -> Result<Account, Error> {
    home.account().ok_or_else(|| Error::new(Code::NoAccount, "no account is set"))
}

fn show(account: Account, output: Output) -> Result<Exit, Failure> {
    let shown = Shown::from(account);
    if output.is_json() {
        output.json(&shown)?;
    } else {
        output.line(&format!("JID     {}", shown.jid))?;
        output.line(&format!("Server  {}", shown.server))?;
        output.line(&format!("Port    {}", shown.port))?;
        match &shown.pin {
            Some(pin) => output.line(&format!("Trusts  only the certificate {pin}"))?,
            None => output.line(&format!("CA      {}", shown.ca.as_deref().unwrap_or("the system's")))?,
        }
    }
    Ok(Exit::Done)
}

/// The form that the options make.
pub(crate) fn form_of(set: &AccountSet) -> AccountForm {
    AccountForm {
        jid: set.jid.clone(),
        server: set.server.clone().unwrap_or_default(),
        port: set.port.clone().unwrap_or_default(),
        ca: set.ca.as_ref().map(|file| file.to_string_lossy().into_owned()),
        pin: set.pin.clone(),
    }
}

async fn set(common: &Common, set: &AccountSet, output: Output) -> Result<Exit, Failure> {
    let form = form_of(set);
    let (given, common) = password::of_account(common, &set.jid)?;
    with_home(&common, Server::StayAway, async |home, _| {
        let account = home.set_account(&form, given).await?;
        if let Keyring::Unavailable { details } = home.snapshot().keyring {
            output.note(&format!(
                "the account is saved without its password, for this computer's keyring cannot be used ({details}). Give \
                 the password by HOMEWARD_PASSWORD or --password-stdin next time."
            ));
        }
        show(account, output)
    })
    .await
}

/// Prints each layer as it ends.
async fn check(common: &Common, home: &Home, patience: Patience, output: Output) -> Result<Exit, Failure> {
    let account = saved(home)?;
    let jid = account.jid.clone();
    let form = AccountForm::from(account);
    match layers(home, &form, None, patience, output).await {
        Err(Failure::Home(error)) if error.code == Code::PasswordMissing => match password::asked(&jid)? {
            None => Err(error.into()),
            // What a person took to type is not the server's.
            typed => layers(home, &form, typed, Patience::new(common.timeout), output).await,
        },
        done => done,
    }
}

async fn layers(
    home: &Home,
    form: &AccountForm,
    password: Option<Secret>,
    patience: Patience,
    output: Output,
) -> Result<Exit, Failure> {
    let mut subscription = home.subscribe();
    let began = Instant::now();
    let mut printed = 0;
    let mut checking = std::pin::pin!(home.check_account(form, password));
    let check = loop {
        tokio::select! {
            done = &mut checking => break done?,
            batch = subscription.next() => {
                let checks = batch.and_then(Result::ok).unwrap_or_default();
                for event in checks {
                    if let Event::CheckChanged { check } = event.event {
                        printed = print(&check, printed, output)?;
                    }
                }
            }
            () = tokio::time::sleep_until(patience.until()) => {
                let check = home.snapshot().check;
                let check = check.ok_or_else(|| Error::new(Code::Silent, "the check did not begin in time"))?;
                break given_up(check, began.elapsed());
            }
        }
    };
    print(&check, printed, output)?;
    for warning in &check.warnings {
        output.note(&format!("note: {}", words::warning(*warning)));
    }
    let failed = check.layers.iter().find_map(|layer| match &layer.state {
        LayerState::Failed { error } => Some(error),
        _ => None,
    });
    match failed {
        None => Ok(Exit::Done),
        Some(error) => Err(error.clone().into()),
    }
}

/// The timeout came before the layers' own: the one under way has fallen silent.
fn given_up(mut check: AccountCheck, took: Duration) -> AccountCheck {
    let silent = Error::new(Code::Silent, "there was no answer within the timeout");
    let before = check.layers.iter().filter_map(|layer| layer.elapsed_ms).fold(0, u32::saturating_add);
    let took = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
    for layer in check.layers.iter_mut().filter(|layer| layer.state == LayerState::Working) {
        layer.state = LayerState::Failed { error: silent.clone() };
        layer.elapsed_ms = Some(took.saturating_sub(before));
    }
    check
}

/// Prints the layers that have ended, past the first `printed`; returns how many are printed then.
fn print(check: &AccountCheck, printed: usize, output: Output) -> Result<usize, Failure> {
    let line = |layer| LayerLine::of(layer, check.certificate.as_ref());
    let ended: Vec<LayerLine> = check.layers.iter().map_while(line).collect();
    for line in ended.iter().skip(printed) {
        if output.is_json() {
            output.json(line)?;
        } else {
            let state = if line.ok {
                "passed".to_owned()
            } else {
                format!("failed  {}", line.code.as_ref().map(word).unwrap_or_default())
            };
            let time = line.elapsed_ms.map(|ms| format!("{ms} ms")).unwrap_or_default();
            output.line(&format!("{:8}  {time:>8}  {state}", word(&line.layer)))?;
            line.certificate.iter().flat_map(certificate::lines).try_for_each(|line| output.line(&line))?;
        }
    }
    Ok(ended.len().max(printed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn layer(layer: Layer, state: LayerState, elapsed_ms: Option<u32>) -> LayerCheck {
        LayerCheck { layer, state, elapsed_ms }
    }

    #[test]
    fn an_account_is_shown_without_anything_about_its_password() {
        let account = Account {
            jid: "home@home.test".into(),
            server: "xmpp.home.test".into(),
            port: 5222,
            ca: None,
            pin: None,
            has_password: true,
        };
        assert_eq!(
            serde_json::to_value(Shown::from(account)).unwrap(),
            json!({"jid": "home@home.test", "server": "xmpp.home.test", "port": 5222, "ca": null})
        );
    }

    #[test]
    fn a_layer_that_passed_has_neither_code_nor_message() {
        let line = LayerLine::of(&layer(Layer::Dns, LayerState::Passed, Some(3)), None);
        assert_eq!(
            serde_json::to_value(line).unwrap(),
            json!({"layer": "dns", "ok": true, "code": null, "message": null, "elapsedMs": 3})
        );
    }

    #[test]
    fn a_layer_that_failed_has_both_and_one_not_tried_has_no_line() {
        let error = Error::new(Code::NotAuthorized, "the server does not take this user name and password");
        let line = LayerLine::of(&layer(Layer::Sasl, LayerState::Failed { error }, Some(40)), None);
        let line = serde_json::to_value(line).unwrap();
        assert_eq!(
            (&line["layer"], &line["ok"], &line["code"]),
            (&json!("sasl"), &json!(false), &json!("not-authorized"))
        );
        assert!(line["message"].as_str().unwrap().starts_with("the server does not take"));
        assert!(LayerLine::of(&layer(Layer::Bind, LayerState::Waiting, None), None).is_none());
    }

    #[test]
    fn at_the_timeout_the_layer_under_way_is_the_silent_one() {
        let layers = vec![
            layer(Layer::Dns, LayerState::Passed, Some(1)),
            layer(Layer::Tcp, LayerState::Working, None),
            layer(Layer::Tls, LayerState::Waiting, None),
        ];
        let check = AccountCheck { layers, running: true, warnings: vec![], certificate: None };
        let check = given_up(check, Duration::from_millis(2000));
        let lines: Vec<_> = check.layers.iter().map_while(|layer| LayerLine::of(layer, None)).collect();
        assert_eq!(lines.iter().map(|line| line.code).collect::<Vec<_>>(), [None, Some(Code::Silent)]);
        assert_eq!(lines.last().unwrap().elapsed_ms, Some(1999));
    }

    #[test]
    fn a_refused_certificate_stands_on_the_line_that_refused_it_and_on_no_other() {
        let refused = Certificate {
            fingerprint: "9F:2C".to_owned(),
            pinned: None,
            names: vec!["home.test".to_owned()],
            issuer: Some("Hearth Home Authority".to_owned()),
            self_issued: false,
            not_before_ms: Some(1_577_836_800_000),
            not_after_ms: Some(2_493_072_000_000),
        };
        let error = Error::new(Code::CertificateUnknown, "nobody we trust signed the server's certificate");
        let failed = LayerLine::of(&layer(Layer::Tls, LayerState::Failed { error }, Some(5)), Some(&refused)).unwrap();
        assert_eq!(
            serde_json::to_value(failed.certificate).unwrap(),
            json!({"fingerprint": "9F:2C", "pinned": null, "names": ["home.test"], "issuer": "Hearth Home Authority",
                "selfIssued": false, "notBefore": "2020-01-01T00:00:00Z", "notAfter": "2049-01-01T00:00:00Z"})
        );
        let passed = LayerLine::of(&layer(Layer::Tcp, LayerState::Passed, Some(1)), Some(&refused)).unwrap();
        assert!(serde_json::to_value(passed).unwrap().get("certificate").is_none());
    }
}
