#![allow(clippy::unwrap_used)]

use homeward_protocol::crudn::Href;
use homeward_protocol::oic::device_id::DeviceId;
use homeward_protocol::oic::discovery::Link;
use homeward_protocol::ownership::keys::Key;

use super::*;

const LOCK: &str = "lock";

fn host(number: usize) -> SocketAddr {
    format!("192.0.2.{number}:5683").parse().unwrap()
}

#[test]
fn an_answer_counts_once_its_sender_has_proven_to_be_the_device() {
    let mut claims = Claims::default();
    assert_eq!(claims.heard(LOCK, host(1), 1), Standing::Ask);
    assert_eq!(claims.heard(LOCK, host(1), 1), Standing::Unproven, "it is being asked");
    assert!(!claims.answered(LOCK, host(1), Some(true), 1), "nothing is shown of it");
    assert_eq!(claims.heard(LOCK, host(1), 2), Standing::Proven);
    assert!(claims.is_proven(LOCK, host(1)) && !claims.is_proven(LOCK, host(2)) && !claims.is_proven("lamp", host(1)));
    // Its other family proves it for itself.
    assert_eq!(claims.heard(LOCK, host(2), 2), Standing::Ask);
}

#[test]
fn who_cannot_prove_it_is_shown_until_it_can_or_is_not_heard_any_more() {
    let mut claims = Claims::default();
    assert_eq!(claims.heard(LOCK, host(1), 1), Standing::Ask);
    assert!(claims.answered(LOCK, host(1), Some(false), 1));
    assert_eq!(claims.unproven(LOCK), [host(1)]);
    assert_eq!(claims.heard(LOCK, host(1), AGAIN_AFTER), Standing::Unproven, "not in every round");
    assert_eq!(claims.heard(LOCK, host(1), 1 + AGAIN_AFTER), Standing::Ask);
    assert_eq!(claims.unproven(LOCK), [host(1)], "still");
    assert!(!claims.answered(LOCK, host(1), Some(false), 1 + AGAIN_AFTER), "nothing new");
    claims.begin_anew();
    assert_eq!(claims.heard(LOCK, host(1), 1 + AGAIN_AFTER), Standing::Ask, "a person searches anew");
    assert!(claims.answered(LOCK, host(1), Some(true), 1 + AGAIN_AFTER));
    assert!(claims.unproven(LOCK).is_empty());

    let mut claims = Claims::default();
    claims.heard(LOCK, host(1), 1);
    claims.answered(LOCK, host(1), Some(false), 1);
    assert!(claims.expire(1 + FORGET_AFTER).is_empty());
    assert_eq!(claims.expire(2 + FORGET_AFTER), [LOCK]);
    assert!(claims.unproven(LOCK).is_empty());
}

#[test]
fn who_does_not_answer_is_no_impostor_and_is_asked_when_it_is_next_heard() {
    let mut claims = Claims::default();
    assert_eq!(claims.heard(LOCK, host(1), 1), Standing::Ask);
    assert!(!claims.answered(LOCK, host(1), None, 1));
    assert!(claims.unproven(LOCK).is_empty());
    assert_eq!(claims.heard(LOCK, host(1), 2), Standing::Ask);
}

#[test]
fn in_doubt_all_prove_it_anew() {
    let mut claims = Claims::default();
    for number in 1..=3 {
        assert_eq!(claims.heard(LOCK, host(number), 1), Standing::Ask);
    }
    claims.answered(LOCK, host(1), Some(true), 1);
    claims.answered(LOCK, host(2), Some(false), 1);
    assert!(claims.doubt(LOCK), "the second was shown");
    assert_eq!(claims.heard(LOCK, host(1), 1), Standing::Ask);
    assert_eq!(claims.heard(LOCK, host(2), 1), Standing::Ask);
    assert_eq!(claims.heard(LOCK, host(3), 1), Standing::Unproven, "it is being asked still");
}

#[test]
fn strangers_take_bounded_room_and_not_the_devices() {
    let mut claims = Claims::default();
    assert_eq!(claims.heard(LOCK, host(0), 1), Standing::Ask);
    claims.answered(LOCK, host(0), Some(true), 1);
    for number in 1..=200 {
        if claims.heard(LOCK, host(number), 2) == Standing::Ask {
            claims.answered(LOCK, host(number), Some(false), 2);
        }
    }
    assert!(claims.of[LOCK].len() <= MAX_OF_ONE);
    assert_eq!(claims.heard(LOCK, host(0), 3), Standing::Proven);

    let asked = (0..300).filter(|one| claims.heard(&format!("device {one}"), host(1), 3) == Standing::Ask).count();
    assert_eq!(asked, MAX_ASKED);
    assert_eq!(claims.heard("one more", host(1), 4), Standing::Unproven);
    claims.answered("device 0", host(1), None, 4);
    assert_eq!(claims.heard("one more", host(1), 4), Standing::Ask);
}

#[test]
fn only_devices_of_ours_are_asked_and_not_before_their_keys_have_been_read() {
    let (ours, awaited, others) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
    let owner = Owner::awaiting(HashSet::from([ours, awaited]));
    let key = Key::from_base64("AAECAwQFBgcICQoLDA0ODw==").unwrap();
    owner.add(ours, Uuid::from_u128(9), key.clone());
    let mut claims = Claims::of(owner.clone());
    let answer = |device: Uuid, secure_port| {
        let link = Link {
            href: Href::new("/lock").unwrap(),
            rt: vec!["oic.r.lock.status".to_owned()],
            interfaces: vec![],
            observable: false,
            endpoints: vec![],
            secure_port,
        };
        DiscoveredDevice { di: DeviceId::new(&device.to_string()).unwrap(), links: vec![link] }
    };
    assert_eq!(claims.judge(&answer(others, None), host(1), 1), Verdict::ItsOwn);
    let at = vec!["192.0.2.1:5684".parse().unwrap()];
    let ask = |device, at: &Vec<SocketAddr>| Verdict::Ask { from: host(1), device, at: at.clone() };
    assert_eq!(claims.judge(&answer(ours, Some(5684)), host(1), 1), ask(ours, &at));
    assert_eq!(claims.judge(&answer(ours, None), host(2), 1), Verdict::Unproven, "it cannot be asked");
    claims.answered(&ours.to_string(), host(1), Some(true), 1);
    assert_eq!(claims.judge(&answer(ours, None), host(1), 1), Verdict::ItsOwn, "as it has proven");

    assert_eq!(claims.judge(&answer(awaited, Some(5684)), host(1), 1), Verdict::Unproven);
    assert_eq!(claims.could_be_asked_now(), HashSet::from([host(1)]));
    assert!(claims.could_be_asked_now().is_empty(), "once");
    owner.add(awaited, Uuid::from_u128(9), key);
    assert_eq!(claims.judge(&answer(awaited, Some(5684)), host(1), 1), ask(awaited, &at));
    // Where the keyring has none, it is shown as one whose key is lost.
    let lost = Uuid::from_u128(4);
    let owner = Owner::awaiting(HashSet::from([lost]));
    let mut claims = Claims::of(owner.clone());
    for n in 0..2 * MAX_AWAITING {
        let from = format!("192.0.{}.{}:5683", n / 200, n % 200).parse().unwrap();
        assert_eq!(claims.judge(&answer(lost, Some(5684)), from, 1), Verdict::Unproven);
    }
    owner.complete();
    assert_eq!(claims.judge(&answer(lost, Some(5684)), host(1), 1), Verdict::ItsOwn);
    assert_eq!(claims.could_be_asked_now().len(), MAX_AWAITING);
}
