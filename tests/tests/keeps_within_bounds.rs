//! What the network says is bounded: nonsense is dropped, the search goes on, and nothing grows without end.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ciborium::{Value, cbor};
use homeward_core::Home;
use homeward_tests::alone;
use homeward_tests::hostile_coap::{Responder, Search, content};
use homeward_tests::peer::Peer;
use homeward_tests::stage::{device, open_home, until_within};

const DI: &str = "5d3f2a10-0000-4000-8000-0000000000b0";

struct Network {
    home: Home,
    _light: Peer,
    _folder: tempfile::TempDir,
}

/// A home that searches, and one honest light. The certificate authority is not used.
async fn network() -> Network {
    let folder = tempfile::tempdir().unwrap();
    let light = Peer::device(folder.path(), &["--di", DI]).await;
    let home = open_home(folder.path().join("home"), |_| ()).await;
    home.start_search();
    Network { home, _light: light, _folder: folder }
}

fn bytes(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).unwrap();
    bytes
}

fn link(di: &str, href: &str) -> Value {
    cbor!({"anchor" => format!("ocf://{di}"), "href" => href, "rt" => ["oic.r.switch.binary"], "if" => ["oic.if.a"],
           "p" => {"bm" => 3}})
    .unwrap()
}

#[test]
fn nonsense_among_the_answers_is_dropped_and_the_search_goes_on() {
    alone(async || {
        let nonsense: Vec<Vec<u8>> = vec![
            b"\xff\xff\xff".to_vec(),
            // An array that says it has 2^60 members; a map within a map within a map …
            vec![0x9b, 0x10, 0, 0, 0, 0, 0, 0, 0],
            [vec![0x81; 1000], vec![0xf6]].concat(),
            bytes(&cbor!("a text").unwrap()),
            bytes(&cbor!([1, 2, 3]).unwrap()),
            bytes(&cbor!([{"href" => "/light", "rt" => ["x"]}]).unwrap()),
            bytes(&cbor!([{"di" => 7, "links" => [{"href" => "/x", "rt" => ["x"], "if" => ["y"]}]}]).unwrap()),
            bytes(&cbor!([{"di" => "", "links" => []}]).unwrap()),
            bytes(&Value::Array(vec![link(DI, "no path"), link(DI, "/\u{0}"), link("", "/light")])),
            bytes(&cbor!([{"di" => "d\u{0}\n", "links" => [{"href" => "/x", "rt" => ["x"], "if" => ["y"]}]}]).unwrap()),
        ];
        let said = nonsense.len();
        let responder = Responder::start(move |search: &Search| {
            let mut answers: Vec<_> = nonsense.iter().map(|payload| content(search, payload, false)).collect();
            answers.push(b"\x40".to_vec());
            answers.push(Vec::new());
            answers
        })
        .await;
        let network = network().await;
        device(&network.home, DI, "found among nonsense", |device| device.lan.is_some()).await;
        until_within(&network.home, "a second round", Duration::from_secs(20), |snapshot| {
            (snapshot.search.round >= 2 && responder.answered() >= said).then_some(())
        })
        .await;
        let ids: Vec<_> = network.home.snapshot().devices.into_iter().map(|device| device.id).collect();
        assert_eq!(ids, [DI], "nonsense became a device");
    });
}

#[test]
fn an_answer_that_never_ends_is_given_up() {
    alone(async || {
        // Each block says that one more follows: after a thousand there would be 1 MB.
        let last = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&last);
        let responder = Responder::start(move |search: &Search| {
            seen.fetch_max(u64::from(search.block.unwrap_or_default()), Ordering::SeqCst);
            vec![content(search, &[0x9f; 1024], true)]
        })
        .await;
        let network = network().await;
        device(&network.home, DI, "found beside an endless answer", |device| device.lan.is_some()).await;
        until_within(&network.home, "some rounds", Duration::from_secs(30), |snapshot| {
            (snapshot.search.round >= 3).then_some(())
        })
        .await;
        assert!(responder.answered() > 0);
        let blocks = last.load(Ordering::SeqCst);
        assert!(blocks < 1024, "it went on to block {blocks}");
        let ids: Vec<_> = network.home.snapshot().devices.into_iter().map(|device| device.id).collect();
        assert_eq!(ids, [DI]);
    });
}

#[test]
fn a_crowd_that_nobody_could_own_is_cut_off() {
    alone(async || {
        // Every answer brings twenty devices more, as one that forges ids can.
        let next = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&next);
        let responder = Responder::start(move |search: &Search| {
            let mut answers = Vec::new();
            for _ in 0..400 {
                let links: Vec<_> = (0..10)
                    .map(|_| {
                        let number = counted.fetch_add(1, Ordering::SeqCst);
                        link(&format!("00000000-0000-4000-8000-{number:012}"), "/light")
                    })
                    .collect();
                answers.push(content(search, &bytes(&Value::Array(links)), false));
            }
            answers
        })
        .await;
        let network = network().await;
        device(&network.home, DI, "found in the crowd", |device| device.lan.is_some()).await;
        until_within(&network.home, "a large crowd", Duration::from_secs(60), |_| {
            (next.load(Ordering::SeqCst) > 20_000).then_some(())
        })
        .await;
        let known = network.home.snapshot().devices.len();
        assert!(known > 100, "only {known} devices are known: nobody heard the crowd");
        assert!(known <= 5_000, "{known} devices are kept after {} datagrams", responder.answered());
    });
}

#[test]
fn the_same_id_twice_is_one_device() {
    alone(async || {
        let responder = Responder::start(|search: &Search| {
            let links = Value::Array(vec![link(DI, "/light"), link(&DI.to_uppercase(), "/light")]);
            vec![content(search, &bytes(&links), false), content(search, &bytes(&links), false)]
        })
        .await;
        let network = network().await;
        until_within(&network.home, "a second round", Duration::from_secs(20), |snapshot| {
            (snapshot.search.round >= 2 && responder.answered() >= 4).then_some(())
        })
        .await;
        let ids: Vec<_> = network.home.snapshot().devices.into_iter().map(|device| device.id).collect();
        assert_eq!(ids, [DI]);
    });
}
