//! In-Band Bytestreams: `<data/>`, the order of blocks, and messages that a peer splits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_protocol::crudn::Response;
use homeward_protocol::remote::ibb::{Block, IbbError, Session};
use homeward_protocol::remote::rest::{self, Rest};

use crate::script::Script;

/// Blocks from a hostile peer; then an answer of ours, split by the same bytes.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = Block::read(text, text);
        let _ = Block::read("1", text);
    }
    hostile(Script::new(data));
    split(Script::new(data));
}

/// `block size, (is the number right, a block) …`: the session ends by the first block that is out of order or too
/// large, and by no other; what it gives out was put in.
fn hostile(mut script: Script<'_>) {
    let mut session = Session::new(script.word());
    let (mut taken, mut given, mut due) = (0, 0, 0u16);
    while !script.is_over() {
        let wrong = u16::from(script.byte());
        let text = STANDARD.encode(script.counted());
        let seq = due.wrapping_add(wrong);
        let Some(block) = Block::read(&seq.to_string(), &format!(" {text}\n")) else { panic!("not read: {text}") };
        let size = block.data.len();
        match session.receive(block.seq, block.data) {
            Err(IbbError::OutOfOrder { expected, got }) => return assert!(expected == due && got == seq && wrong != 0),
            Err(IbbError::BlockTooLarge { .. }) => return assert!(size > usize::from(session.block_size())),
            Err(IbbError::Endless(_)) => panic!("a script is shorter than what is kept"),
            Ok(message) => {
                assert!(wrong == 0 && size <= usize::from(session.block_size()));
                (taken, due) = (taken + size, due.wrapping_add(1));
                if let Some(message) = message {
                    given += message.len();
                    assert!(given <= taken);
                    let _ = rest::decode(&message);
                }
            }
        }
    }
}

/// `(size of a piece) × 16, text`: an answer of ours comes out once and whole, wherever it was split, also when a peer
/// has encoded it twice.
fn split(mut script: Script<'_>) {
    let cuts = script.bytes(16);
    let text = String::from_utf8_lossy(script.rest()).into_owned();
    let response = Response::ok(text.into());
    let plain = rest::encode_response(&response, None);
    for message in [STANDARD.encode(&plain).into_bytes(), plain] {
        let mut session = Session::new(u16::MAX);
        let mut left = Script::new(&message);
        let mut cuts = cuts.iter().map(|cut| usize::from(*cut).max(1)).chain(std::iter::repeat(usize::from(u16::MAX)));
        let mut due = 0;
        while !left.is_over() {
            let piece = left.bytes(cuts.next().unwrap_or(1)).to_vec();
            let received = session.receive(due, piece);
            due += 1;
            match received {
                Ok(None) => assert!(!left.is_over(), "never whole"),
                Ok(Some(whole)) => {
                    assert!(left.is_over() && whole == message, "whole too early");
                    assert_eq!(rest::decode(&whole), Ok(Rest::Response { response: response.clone(), id: None }));
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}
