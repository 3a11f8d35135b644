//! Blocks of a body that is larger than a datagram (RFC 7959): the option, and the server's two halves.
//!
//! Scope: [`Block`] as an option value (coap-lite's own has 16 bits for a number of 20), [`cut`] for an answer's Block2,
//! [`Upload`] for a request's Block1. The client's halves are in [`super::transfer`]. Non-scope: who is asking; a
//! server keeps one [`Upload`] per endpoint and path, and bounds their number.

use coap_lite::option_value::OptionValueU32;
use coap_lite::{CoapOption, MessageClass, Packet, ResponseType};

/// The largest body that is put together, in bytes. Our choice, as for any payload.
pub const MAX_BODY: usize = crate::oic::cbor::MAX_BYTES;

/// The size of a block: 16 to 1024 bytes, as an exponent (RFC 7959 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSize(u8);

impl BlockSize {
    /// 1024 bytes, which is also what stacks use by themselves.
    pub const LARGEST: BlockSize = BlockSize(6);

    /// The size with this exponent (SZX), 0 to 6; 7 is reserved.
    pub fn from_exponent(exponent: u8) -> Option<Self> {
        (exponent <= Self::LARGEST.0).then_some(Self(exponent))
    }

    /// In bytes.
    pub fn bytes(self) -> usize {
        16 << self.0
    }
}

/// The value of a Block1 or Block2 option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Which block, counted in blocks of this size; below 2^20.
    pub number: u32,
    /// Whether more come after it.
    pub more: bool,
    /// How large the blocks are.
    pub size: BlockSize,
}

impl Block {
    /// The block that begins at `offset` bytes, which must be a multiple of the size; `None` past 2^20 blocks.
    pub fn at(offset: usize, more: bool, size: BlockSize) -> Option<Self> {
        let number = u32::try_from(offset / size.bytes()).ok().filter(|number| *number < 1 << 20)?;
        Some(Self { number, more, size })
    }

    /// Where it begins, in bytes: at most 2^30.
    pub fn offset(self) -> usize {
        self.number as usize * self.size.bytes()
    }

    /// As an option's value.
    pub fn value(self) -> OptionValueU32 {
        OptionValueU32(self.number << 4 | u32::from(self.more) << 3 | u32::from(self.size.0))
    }

    /// From an option's value; `None` if it is longer than three bytes or of the reserved size.
    pub fn from_value(value: &[u8]) -> Option<Self> {
        if value.len() > 3 {
            return None;
        }
        let bits = value.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte));
        let size = BlockSize::from_exponent((bits & 7) as u8)?;
        Some(Self { number: bits >> 4, more: bits & 8 != 0, size })
    }

    /// The packet's Block1 or Block2 option: `None` where it has none, `Some(Err(()))` where it is not well formed.
    pub fn of(packet: &Packet, option: CoapOption) -> Option<Result<Self, BadBlock>> {
        packet.get_first_option(option).map(|value| Self::from_value(value).ok_or(BadBlock))
    }

    /// Puts it into a packet, in place of one that is there.
    pub fn put(self, packet: &mut Packet, option: CoapOption) {
        packet.clear_option(option);
        packet.add_option_as(option, self.value());
    }
}

/// A Block option that is not well formed: 4.02 to a request that has it, no answer in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a malformed Block option")]
pub struct BadBlock;

/// Cuts an answer, which holds its whole body, down to the block that the request asked for (Block2); small answers
/// stay whole. `largest` is the server's own limit; the client may ask for less.
///
/// A server that answers the blocks from its state at each time should give them the same `etag`, so that a client can
/// see that the body changed between them (RFC 7959 §2.4). A block behind the end becomes 4.02, as does a malformed
/// option.
pub fn cut(answer: &mut Packet, request: &Packet, largest: BlockSize, etag: &[u8]) {
    let asked = match Block::of(request, CoapOption::Block2) {
        None => None,
        Some(Ok(block)) => Some(block),
        Some(Err(BadBlock)) => return refuse(answer, ResponseType::BadOption),
    };
    let size = asked.map_or(largest, |block| block.size.min(largest));
    // A smaller size counts its blocks anew, from the same place.
    let offset = asked.map_or(0, Block::offset);
    let length = answer.payload.len();
    if asked.is_none() && length <= size.bytes() {
        return;
    }
    if offset > 0 && offset >= length {
        return refuse(answer, ResponseType::BadOption);
    }
    let end = length.min(offset + size.bytes());
    let Some(block) = Block::at(offset, end < length, size) else {
        return refuse(answer, ResponseType::RequestEntityTooLarge);
    };
    block.put(answer, CoapOption::Block2);
    if offset == 0 {
        answer.add_option_as(CoapOption::Size2, OptionValueU32(u32::try_from(length).unwrap_or(u32::MAX)));
    }
    if !etag.is_empty() {
        answer.clear_option(CoapOption::ETag);
        answer.add_option(CoapOption::ETag, etag.to_vec());
    }
    answer.payload = answer.payload.get(offset..end).unwrap_or_default().to_vec();
}

fn refuse(answer: &mut Packet, code: ResponseType) {
    answer.clear_all_options();
    answer.payload.clear();
    answer.header.code = MessageClass::Response(code);
}

/// A request's body while its blocks (Block1) come in. One per client and path.
#[derive(Debug, Default)]
pub struct Upload {
    body: Vec<u8>,
}

/// What a server does with a request after [`Upload::take`].
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// The body is whole; `packet` has it. Its answer gets `block` as Block1, where there is one.
    Whole {
        /// The request with its whole body.
        packet: Box<Packet>,
        /// What the answer must repeat.
        block: Option<Block>,
    },
    /// Not yet: this is the answer (2.31, 4.02, 4.08, 4.13), still without type, message id and token.
    Answer(Box<Packet>),
}

impl Upload {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes one request. A block 0 begins anew; one that does not follow is answered with 4.08.
    pub fn take(&mut self, mut packet: Packet) -> Taken {
        let block = match Block::of(&packet, CoapOption::Block1) {
            None => return Taken::Whole { packet: Box::new(packet), block: None },
            Some(Err(BadBlock)) => return self.end(None, ResponseType::BadOption),
            Some(Ok(block)) => block,
        };
        if block.number == 0 {
            self.body.clear();
        }
        if block.offset() != self.body.len() || (block.more && packet.payload.len() != block.size.bytes()) {
            return self.end(Some(block), ResponseType::RequestEntityIncomplete);
        }
        if self.body.len() + packet.payload.len() > MAX_BODY {
            return self.end(Some(block), ResponseType::RequestEntityTooLarge);
        }
        self.body.append(&mut packet.payload);
        if block.more {
            return Taken::Answer(Box::new(answer(Some(block), ResponseType::Continue)));
        }
        packet.payload = std::mem::take(&mut self.body);
        Taken::Whole { packet: Box::new(packet), block: Some(block) }
    }

    fn end(&mut self, block: Option<Block>, code: ResponseType) -> Taken {
        self.body = Vec::new();
        Taken::Answer(Box::new(answer(block, code)))
    }
}

fn answer(block: Option<Block>, code: ResponseType) -> Packet {
    let mut packet = Packet::new();
    packet.header.code = MessageClass::Response(code);
    if let Some(block) = block {
        block.put(&mut packet, CoapOption::Block1);
    }
    packet
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    fn block(number: u32, more: bool, exponent: u8) -> Block {
        Block { number, more, size: BlockSize::from_exponent(exponent).unwrap() }
    }

    fn request(option: CoapOption, block: Block, payload: &[u8]) -> Packet {
        let mut packet = Packet::new();
        block.put(&mut packet, option);
        packet.payload = payload.to_vec();
        packet
    }

    fn answer_of(length: usize) -> Packet {
        let mut packet = Packet::new();
        packet.payload = vec![1; length];
        packet
    }

    #[test]
    fn numbers_past_4096_are_kept() {
        let value: Vec<u8> = block(70_000, true, 0).value().into();
        assert_eq!(value, [0x11, 0x17, 0x08]);
        assert_eq!(Block::from_value(&value), Some(block(70_000, true, 0)));
    }

    #[test]
    fn the_reserved_size_and_long_values_are_refused() {
        assert_eq!(Block::from_value(&[0x07]), None);
        assert_eq!(Block::from_value(&[0, 0, 0, 0]), None);
        assert_eq!(Block::from_value(&[]), Some(block(0, false, 0)));
    }

    #[test]
    fn a_small_answer_stays_whole_unless_blocks_are_asked_for() {
        let mut answer = answer_of(1024);
        cut(&mut answer, &Packet::new(), BlockSize::LARGEST, b"e");
        assert_eq!((answer.payload.len(), Block::of(&answer, CoapOption::Block2)), (1024, None));
        cut(&mut answer, &request(CoapOption::Block2, block(0, false, 2), &[]), BlockSize::LARGEST, b"e");
        assert_eq!(Block::of(&answer, CoapOption::Block2), Some(Ok(block(0, true, 2))));
        assert_eq!(answer.payload.len(), 64);
    }

    #[test]
    fn a_block_behind_the_end_is_a_bad_option() {
        let mut answer = answer_of(100);
        cut(&mut answer, &request(CoapOption::Block2, block(7, false, 0), &[]), BlockSize::LARGEST, b"e");
        assert_eq!(answer.header.code, MessageClass::Response(ResponseType::BadOption));
        assert!(answer.payload.is_empty());
    }

    #[test]
    fn an_upload_with_a_gap_is_incomplete() {
        let mut upload = Upload::new();
        assert!(matches!(upload.take(request(CoapOption::Block1, block(0, true, 0), &[1; 16])), Taken::Answer(_)));
        let Taken::Answer(answer) = upload.take(request(CoapOption::Block1, block(2, false, 0), &[1])) else {
            panic!()
        };
        assert_eq!(answer.header.code, MessageClass::Response(ResponseType::RequestEntityIncomplete));
    }

    #[test]
    fn an_upload_stays_below_its_limit() {
        let mut upload = Upload::new();
        let answer = (0..=1024).map(|n| upload.take(request(CoapOption::Block1, block(n, true, 6), &[0; 1024]))).last();
        let Some(Taken::Answer(answer)) = answer else { panic!() };
        assert_eq!(answer.header.code, MessageClass::Response(ResponseType::RequestEntityTooLarge));
        assert_eq!(upload.body.capacity(), 0);
    }

    proptest! {
        #[test]
        fn a_block_comes_out_as_it_went_in(number in 0u32..1 << 20, more in any::<bool>(), exponent in 0u8..=6) {
            let value: Vec<u8> = block(number, more, exponent).value().into();
            prop_assert!(value.len() <= 3);
            prop_assert_eq!(Block::from_value(&value), Some(block(number, more, exponent)));
        }
    }
}
