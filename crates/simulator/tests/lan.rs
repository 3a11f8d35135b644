//! The simulated home on the wire, as a client sees it that shares only coap-lite and ciborium with it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod client;

use std::net::SocketAddr;
use std::time::Duration;

use ciborium::Value as Cbor;
use client::{CBOR, Client, OCF, at, body, code, format};
use coap_lite::option_value::{OptionValueU16, OptionValueU32};
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};
use homeward_protocol::crudn::Status;
use homeward_simulator::{Home, Kind, Scenario, Security, Via};
use serde_json::json;

async fn home(kinds: &[Kind]) -> Home {
    Home::start(Scenario::of(kinds.iter().copied())).await.unwrap()
}

/// Runs what blocks beside the home.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_answers_multicast_from_its_own_port_in_its_own_dialect() {
    let seed = 4711;
    let home = Home::start(Scenario::cast().with_seed(seed)).await.unwrap();
    let expected: Vec<(SocketAddr, String, u16)> = home
        .devices()
        .filter(|device| device.key() != "climate")
        .map(|device| {
            let native = if device.dialect() == homeward_simulator::Dialect::Ocf { OCF } else { CBOR };
            (at(&device), device.di().to_owned(), native)
        })
        .collect();
    blocking(move || {
        for asked in [OCF, CBOR] {
            let mut client = Client::new();
            let request = client.multicast("/oic/res?rt=oic.ra.xmpp", asked);
            client.patience(Duration::from_secs(2));
            let mut left = expected.clone();
            while !left.is_empty() {
                let (answer, from) = client.receive();
                // Another home on this machine may answer as well.
                let Some(place) = left.iter().position(|(at, ..)| *at == from) else { continue };
                let (_, di, native) = left.remove(place);
                assert_eq!(answer.get_token(), request.get_token());
                assert_eq!(answer.header.get_type(), MessageType::NonConfirmable);
                if asked != native {
                    assert_eq!(code(&answer), "4.06");
                    continue;
                }
                assert_eq!(code(&answer), "2.05");
                assert_eq!(format(&answer), native);
                let version = answer.get_first_option_as::<OptionValueU16>(CoapOption::Unknown(2053));
                assert_eq!(version.map(|version| version.unwrap().0), (native == OCF).then_some(2048));
                let body = body(&answer);
                if native == OCF {
                    assert_eq!(body[0]["anchor"], format!("ocf://{di}"));
                    assert_eq!(body[0]["eps"][0]["ep"], format!("coap://{from}"));
                } else {
                    assert_eq!(body[0]["di"], di);
                    assert_eq!(body[0]["links"][0]["rt"], json!(["oic.ra.xmpp"]));
                }
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_matches_is_silence_on_multicast_and_4_00_on_unicast() {
    let home = home(&[Kind::Climate]).await;
    let to = at(&home.device("climate"));
    blocking(move || {
        let mut client = Client::new();
        client.multicast("/oic/res?rt=oic.ra.xmpp", OCF);
        let request = client.packet(RequestType::Get, "/oic/res?rt=oic.ra.xmpp", OCF);
        client.send(&request, to);
        loop {
            let (answer, from) = client.receive();
            // The unicast answer is the first that comes from this device.
            if from == to {
                assert_eq!((answer.header.get_type(), code(&answer)), (MessageType::Acknowledgement, "4.00".into()));
                break;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_post_is_answered_the_same_and_not_executed_twice() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let to = at(&lamp);
    blocking(move || {
        let mut client = Client::new();
        let scene = client.post("/scenes", OCF, &json!({"n": "Evening"}));
        let first = client.ask(&scene, to);
        assert_eq!(code(&first), "2.01");
        assert_eq!(client.ask(&scene, to), first);
    })
    .await;
    let requests = lamp.requests();
    assert_eq!(
        requests.iter().map(|one| (one.repeated, one.executed)).collect::<Vec<_>>(),
        [(false, true), (true, false)]
    );
    assert_eq!(lamp.value("/scenes").unwrap().as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_had_by_asking_again() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    lamp.loses_next_answers(1);
    let to = at(&lamp);
    blocking(move || {
        let mut client = Client::new();
        client.patience(Duration::from_millis(300));
        let request = client.post("/light", OCF, &json!({"value": true}));
        client.send(&request, to);
        assert!(client.try_receive().is_none());
        client.patience(Duration::from_secs(5));
        assert_eq!(code(&client.ask(&request, to)), "2.04");
    })
    .await;
    assert_eq!(lamp.requests().iter().filter(|one| one.executed).count(), 1);
    assert_eq!(lamp.value("/light").unwrap(), json!({"value": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_datagrams_never_arrived() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    lamp.loses_next(2);
    let to = at(&lamp);
    blocking(move || {
        let mut client = Client::new();
        let request = client.packet(RequestType::Get, "/light", OCF);
        client.send(&request, to);
        client.send(&request, to);
        assert_eq!(code(&client.ask(&request, to)), "2.05");
    })
    .await;
    assert_eq!(lamp.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_answer_comes_in_blocks() {
    let home = home(&[Kind::Lamp]).await;
    let to = at(&home.device("lamp"));
    let whole = blocking(move || {
        let mut client = Client::new();
        let mut payload = Vec::new();
        let mut etags = Vec::new();
        for number in 0.. {
            let mut request = client.packet(RequestType::Get, "/oic/res", OCF);
            // 64-byte blocks: number, no more, exponent 2.
            request.add_option_as(CoapOption::Block2, OptionValueU32(number << 4 | 2));
            let answer = client.ask(&request, to);
            let block = answer.get_first_option_as::<OptionValueU32>(CoapOption::Block2).unwrap().unwrap().0;
            assert_eq!((block >> 4, block & 7), (number, 2));
            etags.extend(answer.get_first_option(CoapOption::ETag).cloned());
            payload.extend(&answer.payload);
            if block & 8 == 0 {
                etags.dedup();
                assert_eq!(etags.len(), 1);
                break;
            }
            assert_eq!(answer.payload.len(), 64);
        }
        // Unasked, it is cut at 1024.
        let request = client.packet(RequestType::Get, "/oic/res", OCF);
        let answer = client.ask(&request, to);
        assert_eq!(answer.payload, payload[..1024]);
        payload
    })
    .await;
    let value: Cbor = ciborium::from_reader(&whole[..]).unwrap();
    assert!(value.into_array().unwrap().len() >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_forgets_blocks_refuses_to_go_on_where_another_began() {
    let home = home(&[Kind::Lamp]).await;
    home.device("lamp").forgets_blocks(true);
    let to = at(&home.device("lamp"));
    blocking(move || {
        let (mut one, mut other) = (Client::new(), Client::new());
        let block = |client: &mut Client, number: u32| {
            let mut request = client.packet(RequestType::Get, "/oic/res", OCF);
            request.add_option_as(CoapOption::Block2, OptionValueU32(number << 4 | 6));
            code(&client.ask(&request, to))
        };
        assert_eq!(block(&mut one, 0), "2.05");
        assert_eq!(block(&mut other, 1), "4.08");
        assert_eq!(block(&mut one, 1), "2.05");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_request_is_taken_in_blocks() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let to = at(&lamp);
    let text = "long ".repeat(60);
    let scene = json!({"n": text});
    blocking(move || {
        let mut client = Client::new();
        let whole = client.post("/scenes", OCF, &scene);
        let chunks: Vec<Vec<u8>> = whole.payload.chunks(128).map(<[u8]>::to_vec).collect();
        for (number, chunk) in chunks.iter().enumerate() {
            let more = number + 1 < chunks.len();
            let mut part = client.packet(RequestType::Post, "/scenes", OCF);
            part.add_option_as(CoapOption::ContentFormat, OptionValueU16(OCF));
            let block = (number as u32) << 4 | u32::from(more) << 3 | 3;
            part.add_option_as(CoapOption::Block1, OptionValueU32(block));
            part.payload = chunk.clone();
            let answer = client.ask(&part, to);
            assert_eq!(code(&answer), if more { "2.31" } else { "2.01" });
            let echoed = answer.get_first_option_as::<OptionValueU32>(CoapOption::Block1).unwrap().unwrap().0;
            assert_eq!(echoed >> 4, number as u32);
        }
    })
    .await;
    assert_eq!(lamp.value("/scenes/1").unwrap()["n"], text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_is_told_of_each_change_until_it_leaves() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let to = at(&lamp);
    let teller = lamp.clone();
    blocking(move || {
        let mut client = Client::new();
        let mut request = client.packet(RequestType::Get, "/light", OCF);
        request.set_observe_value(0);
        let first = client.ask(&request, to);
        let mut last = first.get_observe_value().unwrap().unwrap();
        for value in [true, false] {
            teller.set_value("/light", json!({"value": value}));
            let (told, _) = client.receive();
            assert_eq!(told.header.get_type(), MessageType::Confirmable);
            assert_eq!(told.get_token(), request.get_token());
            assert_eq!(body(&told), json!({"value": value}));
            let sequence = told.get_observe_value().unwrap().unwrap();
            assert!(sequence > last);
            last = sequence;
            let mut ack = Packet::new();
            ack.header.set_version(1);
            ack.header.code = MessageClass::Empty;
            ack.header.set_type(MessageType::Acknowledgement);
            ack.header.message_id = told.header.message_id;
            client.send(&ack, to);
        }
        // A reset ends it (RFC 7641 §3.6).
        teller.set_value("/light", json!({"value": true}));
        let (told, _) = client.receive();
        let mut reset = Packet::new();
        reset.header.set_version(1);
        reset.header.code = MessageClass::Empty;
        reset.header.set_type(MessageType::Reset);
        reset.header.message_id = told.header.message_id;
        client.send(&reset, to);
        let plain = client.packet(RequestType::Get, "/light", OCF);
        assert_eq!(code(&client.ask(&plain, to)), "2.05");
        teller.set_value("/light", json!({"value": false}));
        let plain = client.packet(RequestType::Get, "/light", OCF);
        let answer = client.ask(&plain, to);
        assert_eq!(body(&answer), json!({"value": false}), "no notification came before this answer");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_that_is_not_acknowledged_comes_again() {
    let home = home(&[Kind::Motion]).await;
    let motion = home.device("motion");
    let to = at(&motion);
    blocking(move || {
        let mut client = Client::new();
        let mut request = client.packet(RequestType::Get, "/motion", CBOR);
        request.set_observe_value(0);
        client.ask(&request, to);
        motion.set_value("/motion", json!({"value": true}));
        let (told, _) = client.receive();
        assert_eq!(client.receive().0, told);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_acknowledged_first_and_comes_by_itself() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    lamp.slow(Duration::from_millis(700));
    let to = at(&lamp);
    blocking(move || {
        let mut client = Client::new();
        let request = client.packet(RequestType::Get, "/light", OCF);
        client.send(&request, to);
        let (ack, _) = client.receive();
        assert_eq!((ack.header.get_type(), code(&ack)), (MessageType::Acknowledgement, "0.00".into()));
        assert_eq!(ack.header.message_id, request.header.message_id);
        let (answer, _) = client.receive();
        assert_eq!((answer.header.get_type(), code(&answer)), (MessageType::Confirmable, "2.05".into()));
        assert_eq!(answer.get_token(), request.get_token());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn multicast_answers_can_be_confirmable() {
    let home = home(&[Kind::Thermostat]).await;
    let thermostat = home.device("thermostat");
    thermostat.confirms_multicast(true);
    let to = at(&thermostat);
    blocking(move || {
        let mut client = Client::new();
        client.multicast("/oic/res?rt=oic.ra.xmpp", OCF);
        let answer = loop {
            let (answer, from) = client.receive();
            if from == to {
                break answer;
            }
        };
        assert_eq!(answer.header.get_type(), MessageType::Confirmable);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_two_remote_access_resources_are_written_and_remembered_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::of([Kind::Fan]).keeping_state_in(folder.path());
    let home = Home::start(scenario.clone()).await.unwrap();
    let fan = home.device("fan");
    let (xmpp, user) = (fan.xmpp_href().unwrap().to_string(), fan.user_href().unwrap().to_string());
    let to = at(&fan);
    {
        let (xmpp, user) = (xmpp.clone(), user.clone());
        blocking(move || {
            let mut client = Client::new();
            // Nobody listens there: the fan will say so.
            let server = client.post(&xmpp, CBOR, &json!({"address": "127.0.0.1", "port": 9}));
            assert_eq!(code(&client.ask(&server, to)), "2.04");
            let account = client.post(&user, CBOR, &json!({"jid": "maren@home.test", "credential": "c2VjcmV0"}));
            assert_eq!(code(&client.ask(&account, to)), "2.04");
            let read = client.packet(RequestType::Get, &user, CBOR);
            assert_eq!(code(&client.ask(&read, to)), "4.03");
        })
        .await;
    }
    fan.wait_for_status("Error").await.unwrap();
    assert!(!serde_json::to_string(&fan.requests()).unwrap().contains("c2VjcmV0"));
    home.stop().await;

    let file = folder.path().join("home.json");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert!(file.exists());
    let home = Home::start(scenario).await.unwrap();
    let fan = home.device("fan");
    assert_eq!(fan.value(&user).unwrap(), json!({"jid": "maren@home.test", "credential": "c2VjcmV0"}));
    assert_eq!(fan.value(&xmpp).unwrap()["port"], 9);
    let to = at(&fan);
    blocking(move || {
        let mut client = Client::new();
        let cleared = client.post(&user, CBOR, &json!({"jid": "", "credential": ""}));
        assert_eq!(code(&client.ask(&cleared, to)), "2.04");
        let read = client.packet(RequestType::Get, &xmpp, CBOR);
        assert_eq!(body(&client.ask(&read, to))["status"], "NotInitialized");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_and_scenes_are_remembered_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = Scenario::of([Kind::Lamp, Kind::Lamp]).keeping_state_in(folder.path());
    let home = Home::start(scenario.clone()).await.unwrap();
    home.device("lamp-2").set_value("/light", json!({"value": true}));
    let to = at(&home.device("lamp"));
    blocking(move || {
        let mut client = Client::new();
        let scene = client.post("/scenes", OCF, &json!({"n": "Evening"}));
        client.ask(&scene, to);
    })
    .await;
    drop(home);
    let home = Home::start(scenario).await.unwrap();
    assert_eq!(home.device("lamp").value("/light").unwrap(), json!({"value": false}));
    assert_eq!(home.device("lamp-2").value("/light").unwrap(), json!({"value": true}));
    assert_eq!(home.device("lamp").value("/scenes/1").unwrap(), json!({"n": "Evening"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_told_in_the_devices_words_and_change_nothing() {
    let home = home(&[Kind::Lock]).await;
    let lock = home.device("lock");
    lock.refuses_saying("/lock", Status::FORBIDDEN, "the bolt is jammed").refuses_next(
        "/ra/xmpp",
        Status::INTERNAL_ERROR,
        1,
    );
    let to = at(&lock);
    blocking(move || {
        let mut client = Client::new();
        let unlock = client.post("/lock", OCF, &json!({"lockState": "Unlocked"}));
        let answer = client.ask(&unlock, to);
        assert_eq!((code(&answer).as_str(), &answer.payload[..]), ("4.03", &b"the bolt is jammed"[..]));
        for expected in ["5.00", "2.04"] {
            let server = client.post("/ra/xmpp", OCF, &json!({"address": "a.example", "port": 5222}));
            assert_eq!(code(&client.ask(&server, to)), expected);
        }
        let text = {
            let mut packet = client.post("/lock", OCF, &json!({}));
            packet.clear_option(CoapOption::ContentFormat);
            packet.add_option_as(CoapOption::ContentFormat, OptionValueU16(0));
            packet
        };
        assert_eq!(code(&client.ask(&text, to)), "4.15");
    })
    .await;
    assert_eq!(lock.value("/lock").unwrap(), json!({"lockState": "Locked"}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_stops_answering_hears_and_does_nothing() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    lamp.stops_answering();
    let to = at(&lamp);
    let asked = tokio::task::spawn_blocking(move || {
        let mut client = Client::new();
        client.patience(Duration::from_millis(300));
        let request = client.post("/light", OCF, &json!({"value": true}));
        client.send(&request, to);
        client.try_receive()
    });
    let heard = lamp.wait_for_request(|one| one.href.as_str() == "/light").await.unwrap();
    assert_eq!((heard.via, heard.executed, heard.status), (Via::Lan, false, None));
    assert!(asked.await.unwrap().is_none());
    assert_eq!(lamp.value("/light").unwrap(), json!({"value": false}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_swallows_its_answer_did_what_was_asked() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    lamp.swallows_next_answers(1);
    let to = at(&lamp);
    blocking(move || {
        let mut client = Client::new();
        client.patience(Duration::from_millis(300));
        let request = client.post("/light", OCF, &json!({"value": true}));
        client.send(&request, to);
        assert!(client.try_receive().is_none());
        client.send(&request, to);
        assert!(client.try_receive().is_none(), "nor when it is asked again");
    })
    .await;
    assert_eq!(lamp.value("/light").unwrap(), json!({"value": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_goes_away_comes_back_at_another_port() {
    let home = home(&[Kind::Lamp]).await;
    let lamp = home.device("lamp");
    let before = at(&lamp);
    lamp.goes_away();
    assert!(lamp.endpoints().is_empty());
    lamp.comes_back().unwrap();
    let after = at(&lamp);
    assert_ne!(before, after);
    blocking(move || {
        let mut client = Client::new();
        let request = client.packet(RequestType::Get, "/light", OCF);
        assert_eq!(code(&client.ask(&request, after)), "2.05");
        client.patience(Duration::from_millis(300));
        client.send(&request, before);
        assert!(client.try_receive().is_none());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secured_device_refuses_remote_access_in_clear_text() {
    let home = home(&[Kind::Lock]).await;
    let lock = home.device("lock");
    lock.secured(Security::Unowned).unwrap();
    let to = at(&lock);
    blocking(move || {
        let mut client = Client::new();
        let mut get = |path: &str| {
            let request = client.packet(RequestType::Get, path, OCF);
            client.ask(&request, to)
        };
        assert_eq!(code(&get("/ra/xmpp")), "4.01");
        assert_eq!(body(&get("/oic/sec/doxm"))["oxms"], json!([0, 1]));
        let links = body(&get("/oic/res?rt=oic.ra.xmpp"));
        assert!(links[0]["eps"][0]["ep"].as_str().unwrap().starts_with("coaps://127.0.0.1:"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_dropped_and_the_device_lives() {
    let home = home(&[Kind::Lamp]).await;
    let to = at(&home.device("lamp"));
    blocking(move || {
        let mut client = Client::new();
        let mut dice = 1u32;
        for length in 0..400usize {
            let garbage: Vec<u8> = (0..length % 60)
                .map(|_| {
                    dice = dice.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (dice >> 24) as u8
                })
                .collect();
            client.socket.send_to(&garbage, to).unwrap();
        }
        let request = client.packet(RequestType::Get, "/light", OCF);
        client.patience(Duration::from_secs(1));
        // The flood may have filled the device's buffer, and some of it may be answered as a request.
        for _ in 0..10 {
            client.send(&request, to);
            while let Some((answer, _)) = client.try_receive() {
                if answer.get_token() == request.get_token() {
                    assert_eq!(code(&answer), "2.05");
                    return;
                }
            }
        }
        panic!("the device does not answer any more");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_devices_are_found_by_one_question() {
    let home = Home::start(Scenario::devices(500).with_seed(99)).await.unwrap();
    let mut left: std::collections::HashSet<SocketAddr> = home.devices().map(|device| at(&device)).collect();
    assert_eq!(left.len(), 500);
    blocking(move || {
        // A socket's buffer does not hold 500 answers at once: several rounds, as any client does it.
        for _ in 0..10 {
            let mut client = Client::new();
            client.multicast("/oic/res?rt=oic.wk.d", OCF);
            client.patience(Duration::from_millis(400));
            while let Some((answer, from)) = client.try_receive() {
                assert!(["2.05", "4.06"].contains(&code(&answer).as_str()));
                left.remove(&from);
            }
            if left.is_empty() {
                return;
            }
        }
        panic!("{} devices never answered", left.len());
    })
    .await;
}
