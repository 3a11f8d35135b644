//! One In-Band Bytestream session (XEP-0047), either role.
//!
//! Turns messages into numbered blocks and back: one message is one block (RA-17). Does not send stanzas, choose peers,
//! or know requests from answers: the reader of the session does.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::remote::rest::{Assembly, RestError};

/// Largest decoded payload of one block that we offer, in bytes; the peer may ask for less. XEP-0047 §2.1, RA-16.
pub const MAX_BLOCK: u16 = 65535;

/// One session. Its stream is over for good after an error of [`Session::receive`].
#[derive(Debug)]
pub struct Session {
    block_size: u16,
    next_out: u16,
    next_in: u16,
    assembly: Assembly,
}

/// What one `<data/>` carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its number: 0 … 65535, then 0 again (XEP-0047 §2.2).
    pub seq: u16,
    /// Before base64.
    pub data: Vec<u8>,
}

impl Block {
    /// Reads a `<data/>` from its `seq` and its text; `None` if it is no block. Peers wrap their base64 as the XEP's
    /// examples do, so white space is dropped first.
    pub fn read(seq: &str, text: &str) -> Option<Self> {
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        Some(Self { seq: seq.parse().ok()?, data: STANDARD.decode(packed).ok()? })
    }
}

/// A message does not fit the negotiated block, and is never split (RA-17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the message has {size} bytes, the session takes {limit}")]
pub struct TooLarge {
    /// The message, in bytes.
    pub size: usize,
    /// The session's block, in bytes.
    pub limit: usize,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IbbError {
    /// A gap means lost data, and IBB has no resend: the session is closed (XEP-0047 §2.2).
    #[error("block {got} came instead of {expected}")]
    OutOfOrder {
        /// The number that was due.
        expected: u16,
        /// The number that came.
        got: u16,
    },
    /// The peer sent a larger block than was agreed.
    #[error("a block of {size} bytes came, {limit} were agreed")]
    BlockTooLarge {
        /// What came, in bytes.
        size: usize,
        /// What was agreed, in bytes.
        limit: usize,
    },
    /// The peer splits a message beyond all bounds.
    #[error(transparent)]
    Endless(#[from] RestError),
}

impl Session {
    /// A session with the block size that both sides agreed to, in bytes before base64.
    pub fn new(block_size: u16) -> Self {
        Self { block_size, next_out: 0, next_in: 0, assembly: Assembly::default() }
    }

    /// The agreed block size, in bytes before base64.
    pub fn block_size(&self) -> u16 {
        self.block_size
    }

    /// Numbers one message.
    ///
    /// # Errors
    /// [`TooLarge`]; nothing is sent, the session lives.
    pub fn send(&mut self, message: Vec<u8>) -> Result<Block, TooLarge> {
        if message.len() > usize::from(self.block_size) {
            return Err(TooLarge { size: message.len(), limit: usize::from(self.block_size) });
        }
        let seq = self.next_out;
        self.next_out = self.next_out.wrapping_add(1);
        Ok(Block { seq, data: message })
    }

    /// Takes one block; returns a message once it is whole.
    ///
    /// # Errors
    /// [`IbbError`]; the session is then closed for good.
    pub fn receive(&mut self, seq: u16, data: Vec<u8>) -> Result<Option<Vec<u8>>, IbbError> {
        if seq != self.next_in {
            return Err(IbbError::OutOfOrder { expected: self.next_in, got: seq });
        }
        if data.len() > usize::from(self.block_size) {
            return Err(IbbError::BlockTooLarge { size: data.len(), limit: usize::from(self.block_size) });
        }
        self.next_in = self.next_in.wrapping_add(1);
        Ok(self.assembly.push(data)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_numbered_and_start_again_after_65535() {
        let (mut ours, mut theirs) = (Session::new(100), Session::new(100));
        for round in 0..=70_000u32 {
            let block = ours.send(b"x".to_vec()).expect("fits");
            assert_eq!(u32::from(block.seq), round % 65_536);
            assert_eq!(theirs.receive(block.seq, block.data), Ok(Some(b"x".to_vec())));
        }
    }

    #[test]
    fn wrapped_base64_is_read() {
        assert_eq!(Block::read("3", "\n  aGVs\n  bG8=\n"), Some(Block { seq: 3, data: b"hello".to_vec() }));
    }

    #[test]
    fn what_is_no_block_is_not_read() {
        for (seq, text) in [("65536", "AA=="), ("-1", "AA=="), ("", "AA=="), ("1", "?"), ("1", "AA"), ("1", "AAé=")] {
            assert_eq!(Block::read(seq, text), None, "{seq} {text}");
        }
    }

    #[test]
    fn a_gap_or_a_repeated_block_ends_the_session() {
        let mut session = Session::new(100);
        assert_eq!(session.receive(1, vec![b'x']), Err(IbbError::OutOfOrder { expected: 0, got: 1 }));
        assert!(session.receive(0, vec![b'x']).is_ok());
        assert_eq!(session.receive(0, vec![b'x']), Err(IbbError::OutOfOrder { expected: 1, got: 0 }));
    }

    #[test]
    fn a_message_larger_than_the_block_is_refused_with_both_sizes_and_takes_no_number() {
        let mut session = Session::new(4);
        assert_eq!(session.send(vec![0; 5]), Err(TooLarge { size: 5, limit: 4 }));
        assert_eq!(session.send(vec![0; 4]).map(|block| block.seq), Ok(0));
    }

    #[test]
    fn a_larger_block_than_agreed_ends_the_session() {
        let mut session = Session::new(4);
        assert_eq!(session.receive(0, vec![b'x'; 5]), Err(IbbError::BlockTooLarge { size: 5, limit: 4 }));
    }
}
