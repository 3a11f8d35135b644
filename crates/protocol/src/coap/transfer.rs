//! One request of [`crate::crudn`] and its answer, over as many CoAP messages as their bodies need (RFC 7959).
//!
//! Scope: the client's halves of Block1 and Block2, in either format. Non-scope: retransmission and tokens
//! ([`super::exchange`]), and trying the other content format after a 4.06 (the reader's).
//!
//! Drive it: send [`Transfer::packet`], give its answer to [`Transfer::handle`], until that says [`Progress::Done`].

use coap_lite::option_value::OptionValueU32;
use coap_lite::{CoapOption, MessageClass, Packet, RequestType, ResponseType};
use zeroize::Zeroizing;

use super::block::{BadBlock, Block, BlockSize, MAX_BODY};
use super::message::{self, AnswerError, Format, RequestError};
use crate::crudn::{Request, Response};

/// How often an answer that changed between two of its blocks is begun anew. Our choice.
const MAX_RESTARTS: u32 = 3;

/// Why a transfer cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The answer is larger than [`Transfer::limited_to`] says, or [`MAX_BODY`].
    #[error("an answer larger than is read")]
    TooLarge,
    /// The device's blocks do not follow each other, or it acknowledges blocks that were not sent.
    #[error("blocks that do not follow each other")]
    OutOfOrder,
    /// The answer changed each time while it was read.
    #[error("an answer that changes while it is read")]
    Unsteady,
    /// The answer cannot be read.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl From<BadBlock> for TransferError {
    fn from(_: BadBlock) -> Self {
        Self::OutOfOrder
    }
}

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Send [`Transfer::packet`] again: it is the next message.
    More,
    /// The answer, whole.
    Done(Response),
}

/// One request on its way, with its answer on its way back. No `Debug`: the body may hold a credential, and is wiped.
pub struct Transfer {
    /// The request without body and Block options.
    request: Packet,
    upload: Zeroizing<Vec<u8>>,
    /// The largest answer, in bytes.
    limit: usize,
    state: State,
}

enum State {
    /// The request's body from `offset` on is still to be sent.
    Sending { offset: usize, size: BlockSize },
    /// The answer's body is coming in.
    Receiving { first: Box<Packet>, body: Vec<u8>, size: BlockSize, restarts: u32 },
}

impl Transfer {
    /// Begins with a request.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn new(request: &Request, format: Format) -> Result<Self, RequestError> {
        let mut request = message::encode_request(request, format)?;
        let upload = Zeroizing::new(std::mem::take(&mut request.payload));
        Ok(Self { request, upload, limit: MAX_BODY, state: State::Sending { offset: 0, size: BlockSize::LARGEST } })
    }

    /// Gives up at answers larger than this many bytes (at most [`MAX_BODY`]).
    pub fn limited_to(mut self, bytes: usize) -> Self {
        self.limit = bytes.min(MAX_BODY);
        self
    }

    /// Whether the message that [`Transfer::packet`] gives completes the request, so that the device may act on it.
    pub fn completes_request(&self) -> bool {
        match self.state {
            State::Sending { offset, size } => offset + size.bytes() >= self.upload.len(),
            State::Receiving { .. } => true,
        }
    }

    /// The message to send now, confirmable; message id and token are still to be set.
    pub fn packet(&self) -> Packet {
        let mut packet = self.request.clone();
        match &self.state {
            State::Sending { offset, size } => {
                let end = self.upload.len().min(offset + size.bytes());
                packet.payload = self.upload.get(*offset..end).unwrap_or_default().to_vec();
                if self.upload.len() > size.bytes()
                    && let Some(block) = Block::at(*offset, end < self.upload.len(), *size)
                {
                    block.put(&mut packet, CoapOption::Block1);
                    let length = u32::try_from(self.upload.len()).unwrap_or(u32::MAX);
                    packet.add_option_as(CoapOption::Size1, OptionValueU32(length));
                }
            }
            State::Receiving { body, size, .. } => {
                // The next blocks of a notification, too, are read by a plain GET (RFC 7959 §2.6).
                packet.clear_option(CoapOption::Observe);
                packet.clear_option(CoapOption::ContentFormat);
                packet.clear_option(CoapOption::Unknown(message::OPTION_CONTENT_VERSION));
                if let Some(block) = Block::at(body.len(), false, *size) {
                    block.put(&mut packet, CoapOption::Block2);
                }
            }
        }
        packet
    }

    /// Takes the answer to the last message.
    ///
    /// # Errors
    /// [`TransferError`]; the transfer is then over.
    pub fn handle(&mut self, answer: Packet) -> Result<Progress, TransferError> {
        match std::mem::replace(&mut self.state, State::Sending { offset: 0, size: BlockSize::LARGEST }) {
            State::Sending { offset, size } => self.handle_sending(answer, offset, size),
            State::Receiving { first, body, size, restarts } => {
                self.handle_receiving(answer, Some((first, body, size)), restarts)
            }
        }
    }

    /// Takes a notification of an observation that this transfer began: its further blocks are read, if it has any.
    ///
    /// # Errors
    /// [`TransferError`].
    pub fn handle_notification(&mut self, notification: Packet) -> Result<Progress, TransferError> {
        self.handle_receiving(notification, None, 0)
    }

    fn changes_things(&self) -> bool {
        self.request.header.code != MessageClass::Request(RequestType::Get)
    }

    fn handle_sending(&mut self, answer: Packet, offset: usize, size: BlockSize) -> Result<Progress, TransferError> {
        let taken = Block::of(&answer, CoapOption::Block1).transpose()?;
        let end = self.upload.len().min(offset + size.bytes());
        match answer.header.code {
            MessageClass::Response(ResponseType::Continue) => {
                // The device may ask for smaller blocks from here on (RFC 7959 §2.3). It has taken this one whole.
                let smaller = taken.map_or(size, |block| block.size.min(size));
                if end >= self.upload.len() || taken.is_some_and(|block| block.number != number_of(offset, size)) {
                    return Err(TransferError::OutOfOrder);
                }
                self.state = State::Sending { offset: end, size: smaller };
                Ok(Progress::More)
            }
            // Too large a block: the device says what size it takes. Begin again with that.
            MessageClass::Response(ResponseType::RequestEntityTooLarge)
                if taken.is_some_and(|block| block.size < size) && offset == 0 =>
            {
                self.state = State::Sending { offset: 0, size: taken.map_or(size, |block| block.size) };
                Ok(Progress::More)
            }
            _ => self.handle_receiving(answer, None, 0),
        }
    }

    fn handle_receiving(
        &mut self,
        mut answer: Packet,
        before: Option<(Box<Packet>, Vec<u8>, BlockSize)>,
        restarts: u32,
    ) -> Result<Progress, TransferError> {
        let Some(block) = Block::of(&answer, CoapOption::Block2).transpose()? else {
            // The device has acted, and said so: what it has forgotten since is only the rest of its words.
            if let Some((mut first, ..)) = before.filter(|_| self.changes_things() && !is_success(&answer)) {
                first.payload.clear();
                return Ok(Progress::Done(message::decode_response(&first)?));
            }
            // Whole by itself; also an error in the middle of a body.
            if answer.payload.len() > self.limit {
                return Err(TransferError::TooLarge);
            }
            return Ok(Progress::Done(message::decode_response(&answer)?));
        };
        if announced(&answer).is_some_and(|size| size > self.limit) {
            return Err(TransferError::TooLarge);
        }
        let asked = before.as_ref().map_or(0, |(_, body, _)| body.len());
        // Stacks that give an ETag with some blocks only are believed.
        let changed = before
            .as_ref()
            .is_some_and(|(first, _, _)| etag(first).zip(etag(&answer)).is_some_and(|(before, now)| before != now));
        if changed {
            if restarts >= MAX_RESTARTS {
                return Err(TransferError::Unsteady);
            }
            // Ask for block 0: a body of which nothing has come yet.
            self.state = State::Receiving {
                first: Box::new(answer),
                body: Vec::new(),
                size: block.size,
                restarts: restarts + 1,
            };
            return Ok(Progress::More);
        }
        if block.offset() != asked || (block.more && answer.payload.len() != block.size.bytes()) {
            return Err(TransferError::OutOfOrder);
        }
        let mut piece = std::mem::take(&mut answer.payload);
        let (mut first, mut body) =
            before.map_or_else(|| (Box::new(answer), Vec::new()), |(first, body, _)| (first, body));
        if body.len() + piece.len() > self.limit {
            return Err(TransferError::TooLarge);
        }
        body.append(&mut piece);
        if block.more {
            self.state = State::Receiving { first, body, size: block.size, restarts };
            return Ok(Progress::More);
        }
        first.payload = body;
        Ok(Progress::Done(message::decode_response(&first)?))
    }
}

fn is_success(packet: &Packet) -> bool {
    matches!(message::code(packet) >> 5, 2)
}

fn number_of(offset: usize, size: BlockSize) -> u32 {
    u32::try_from(offset / size.bytes()).unwrap_or(u32::MAX)
}

fn etag(packet: &Packet) -> Option<&[u8]> {
    packet.get_first_option(CoapOption::ETag).map(Vec::as_slice)
}

/// The size that the device announces (Size2).
fn announced(packet: &Packet) -> Option<usize> {
    packet.get_first_option_as::<OptionValueU32>(CoapOption::Size2)?.ok().map(|size| size.0 as usize)
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
