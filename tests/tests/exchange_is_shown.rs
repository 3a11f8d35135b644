//! What a person sees of the exchange that a request was: what went over the wire, on both paths, and no secret.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_core::view::{
    Answer, Direction, Exchange, ExchangeStep, Exchanged, LayerKind, Observed, Outcome, Path, Via,
};
use homeward_protocol::crudn::{Href, Request, Status};
use homeward_protocol::oic::remote_access::account_update;
use homeward_simulator::{Kind as Appliance, Scenario};
use homeward_tests::alone;
use homeward_tests::cli::Homewardctl;
use homeward_tests::remote_house::{LIGHT, RemoteHouse};
use homeward_tests::server::{Kind, PASSWORD, password};
use serde_json::{Value, json};

const LAMP: &str = "lamp";
const BOTH: [Via; 2] = [Via::Lan, Via::Xmpp];

fn href(path: &str) -> Href {
    Href::new(path).unwrap()
}

async fn lamp_at_home() -> RemoteHouse {
    RemoteHouse::at_home(Kind::Prosody, Scenario::of([Appliance::Lamp])).await
}

async fn asks(house: &RemoteHouse, request: Request, via: Via) -> (Answer, Exchange) {
    let di = house.devices.device(LAMP).di().to_owned();
    let Exchanged { outcome, exchange } = house.home.request_shown(&di, request, via).await;
    let Outcome::Answered { answer } = outcome else { panic!("{outcome:?} {exchange:#?}") };
    assert!(exchange.steps.iter().all(|step| step.path == answer.via && step.at_ms > 0), "{exchange:#?}");
    assert_eq!(exchange.left_out, 0);
    (answer, exchange)
}

fn layer(step: &ExchangeStep, kind: LayerKind) -> Option<&str> {
    step.layers.iter().find(|layer| layer.kind == kind).map(|layer| layer.text.as_str())
}

fn json_of(step: &ExchangeStep) -> Option<Value> {
    layer(step, LayerKind::Json).map(|text| serde_json::from_str(text).unwrap())
}

/// The step of that direction that says this.
fn step<'a>(exchange: &'a Exchange, direction: Direction, body: &Value) -> &'a ExchangeStep {
    let says = |step: &&ExchangeStep| step.direction == direction && json_of(step).as_ref() == Some(body);
    exchange.steps.iter().find(says).unwrap_or_else(|| panic!("no {direction:?} {body} in {exchange:#?}"))
}

fn kinds(step: &ExchangeStep) -> Vec<LayerKind> {
    step.layers.iter().map(|layer| layer.kind).collect()
}

fn assert_layers(step: &ExchangeStep) {
    use LayerKind as K;
    let expected: &[K] = match step.path {
        Path::Lan => &[K::Datagram, K::Coap, K::Cbor, K::Json],
        Path::Xmpp => &[K::Stanza, K::Ibb, K::Rest, K::Json],
    };
    assert_eq!(kinds(step), expected, "{step:#?}");
    assert!(step.layers.iter().all(|layer| !layer.secret && layer.problem.is_none()), "{step:#?}");
}

async fn what_was_sent_and_what_came_back_is_in_the_layers() {
    let house = lamp_at_home().await;
    for via in BOTH {
        let on = json!({"value": via == Via::Lan});
        let (answer, exchange) = asks(&house, Request::post(href(LIGHT), on.clone()), via).await;
        assert!(Status(answer.status).is_success(), "{answer:?}");
        assert_layers(step(&exchange, Direction::Sent, &on));
        let (answer, exchange) = asks(&house, Request::get(href(LIGHT)), via).await;
        let told = step(&exchange, Direction::Received, &answer.body.unwrap());
        assert_layers(told);
        let status = match via {
            Via::Xmpp => layer(told, LayerKind::Rest).is_some_and(|rest| rest.contains("200 OK")),
            _ => layer(told, LayerKind::Coap).is_some_and(|coap| coap.contains("2.05 Content")),
        };
        assert!(status, "{told:#?}");
    }
}

async fn a_password_is_in_no_layer() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    let user = lamp.user_href().unwrap();
    lamp.shows_credentials(true);
    let (jid, credential) = (house.server.jid(), STANDARD.encode(PASSWORD));
    for via in BOTH {
        // What it has already: it stays signed in. On this network, in the clear, nobody may send it that.
        let update = Request::post(user.clone(), account_update(&jid, &password()));
        let asked = [Some(update).filter(|_| via == Via::Xmpp), Some(Request::get(user.clone()))];
        for request in asked.into_iter().flatten() {
            let (answer, exchange) = asks(&house, request, via).await;
            assert!(Status(answer.status).is_success(), "{answer:?}");
            let shows_whose = |step: &ExchangeStep| json_of(step).is_some_and(|body| body["jid"] == json!(jid));
            assert!(exchange.steps.iter().any(shows_whose), "{exchange:#?}");
            assert!(exchange.steps.iter().any(|step| step.layers.iter().any(|layer| layer.secret)), "{exchange:#?}");
            for layer in exchange.steps.iter().flat_map(|step| &step.layers) {
                let hidden = [PASSWORD, "horse", credential.as_str()];
                assert!(hidden.iter().all(|secret| !layer.text.contains(secret)), "{layer:#?}");
                // Nothing in there spells it either.
                let spelled = layer.text.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
                let decoded = spelled.filter_map(|word| STANDARD.decode(word).ok());
                let text = decoded.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect::<String>();
                assert!(hidden.iter().all(|secret| !text.contains(secret)), "{layer:#?}");
                let hex: String = layer.text.split_whitespace().collect();
                let as_hex: String = credential.bytes().map(|byte| format!("{byte:02x}")).collect();
                assert!(!hex.contains(&as_hex), "{layer:#?}");
            }
        }
    }
}

async fn a_refusal_and_silence_have_their_exchange_too() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    lamp.refuses_saying(LIGHT, Status::FORBIDDEN, "child lock");
    let off = json!({"value": false});
    for via in BOTH {
        let (answer, exchange) = asks(&house, Request::post(href(LIGHT), off.clone()), via).await;
        assert_eq!(answer.status, 403);
        step(&exchange, Direction::Sent, &off);
        let told = exchange.steps.iter().filter(|step| step.direction == Direction::Received);
        let mut texts = told.flat_map(|step| &step.layers).map(|layer| &layer.text);
        assert!(texts.any(|text| text.contains("child lock")), "{exchange:#?}");
    }
    lamp.loses(100, 1);
    let asked = house.home.request_shown(lamp.di(), Request::get(href(LIGHT)), Via::Lan).await;
    assert!(matches!(asked.outcome, Outcome::Failed { .. }), "{asked:#?}");
    let steps = &asked.exchange.steps;
    assert!(!steps.is_empty() && steps.iter().all(|step| step.direction == Direction::Sent), "{steps:#?}");
    assert!(layer(&steps[0], LayerKind::Coap).unwrap().contains("Uri-Path: light"));
}

async fn each_notification_has_its_exchange() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    for via in BOTH {
        let mut observation = house.home.observe_shown(lamp.di(), href(LIGHT), via).await;
        for on in [None, Some(via == Via::Lan)] {
            if let Some(on) = on {
                let mut value = lamp.value(LIGHT).unwrap();
                value["value"] = json!(on);
                lamp.set_value(LIGHT, value);
            }
            let Some(Observed::Notified { notification, exchange }) = observation.next().await else {
                panic!("not notified")
            };
            assert!(notification.sequence.is_some(), "{notification:?}");
            step(&exchange, Direction::Received, &notification.body.unwrap());
            let registers = exchange.steps.iter().any(|step| {
                let said = [LayerKind::Rest, LayerKind::Coap].map(|kind| layer(step, kind).unwrap_or_default());
                step.direction == Direction::Sent && said.iter().any(|said| said.contains("Observe"))
            });
            assert_eq!(registers, on.is_none(), "{exchange:#?}");
        }
    }
}

async fn the_terminal_shows_it_where_it_is_asked_for() {
    let house = lamp_at_home().await;
    let lamp = house.devices.device(LAMP);
    let folder = tempfile::tempdir().unwrap();
    let terminal = Homewardctl::new(folder.path());
    let get = ["get", lamp.di(), LIGHT, "--via", "lan"];
    let plain = terminal.run(&[&get[..], &["--json"]].concat()).await.exits(0);
    assert_eq!(plain.json().get("exchange"), None);
    let shown = terminal.run(&[&get[..], &["--json", "--show-exchange"]].concat()).await.exits(0).json();
    let steps = shown["exchange"]["steps"].as_array().unwrap();
    assert!(steps.iter().any(|step| step["direction"] == "sent" && step["path"] == "lan"), "{shown:#}");
    assert!(steps.iter().any(|step| step["layers"].to_string().contains("2.05 Content")), "{shown:#}");
    let told = terminal.run(&[&get[..], &["--show-exchange"]].concat()).await.exits(0);
    assert!(!told.output.contains("-->"), "{told:#?}");
    for words in ["--> ", "<-- ", "  CoAP", "Uri-Path: light", "  JSON"] {
        assert!(told.log.contains(words), "{words}: {told:#?}");
    }
}

#[test]
fn what_was_sent_and_what_came_back_is_in_the_layers_of_both_paths() {
    alone(what_was_sent_and_what_came_back_is_in_the_layers);
}

#[test]
fn a_password_is_in_no_layer_of_either_path() {
    alone(a_password_is_in_no_layer);
}

#[test]
fn a_request_that_fails_has_its_exchange_too() {
    alone(a_refusal_and_silence_have_their_exchange_too);
}

#[test]
fn each_notification_of_an_observation_has_its_exchange() {
    alone(each_notification_has_its_exchange);
}

#[test]
fn the_terminal_shows_the_exchange_where_it_is_asked_for() {
    alone(the_terminal_shows_it_where_it_is_asked_for);
}
