//! DTLS 1.2 with an anonymous key exchange: the session in which a device is taken over by Just Works (RFC 6347, RFC 5246,
//! RFC 8422). No kept library has these suites; sessions with a key are OpenSSL's, and nothing else goes over this.
//!
//! Scope: one association with one peer, in either role: which message follows which (`association`),
//! keys and their proof (`agreement`), flights and their repetition (`flight`, `outgoing`), what the messages say
//! (`message`), records (`record`). The cryptography is RustCrypto's. Non-scope: sockets, clocks and
//! chance; datagrams, instants and random bytes are fed in. It proves nobody's identity: who stands in between reads all.
//!
//! Drive it: [`Anonymous::client`] or [`Anonymous::server`], then drain [`Anonymous::poll`]; feed [`Anonymous::handle`]
//! with datagrams, and [`Anonymous::handle_timeout`] at the instant that [`Anonymous::next_timeout`] names; drain again.
//! After [`Output::Closed`] nothing more comes.

mod agreement;
mod association;
mod flight;
mod message;
mod outgoing;
mod record;

use std::fmt;

use zeroize::Zeroizing;

pub use association::Anonymous;

use crate::ownership::keys::KEY_BLOCK;

/// Fills a buffer with cryptographically strong random bytes.
pub type Random = Box<dyn FnMut(&mut [u8]) + Send>;

/// The largest datagram that is sent, in bytes: every link of IPv6 takes it (RFC 8200 §5), UDP's and IP's heads taken off.
pub const MAX_DATAGRAM: usize = 1232;
/// The longest plaintext of one record that is sent, in bytes: with head, initialisation vector, MAC and padding it fits
/// one datagram.
pub const MAX_PLAINTEXT: usize = MAX_DATAGRAM - 13 - 16 - 32 - 16;

/// A cipher suite: anonymous ECDH over secp256r1, AES-128-CBC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suite {
    /// `0xFF00`, a private number of iotivity-lite's; MAC with SHA-256.
    Private,
    /// `0xC018` as IoTivity 1.0 and 1.1 mean it: MAC with SHA-256.
    Old,
    /// `0xC018` as RFC 8422 means it, MAC with SHA-1: only to be tried against other implementations.
    #[cfg(test)]
    Standard,
}

/// What comes of it.
pub enum Output {
    /// Send this datagram to the peer.
    Transmit(Vec<u8>),
    /// The handshake is done: both have the same keys.
    Established,
    /// The peer said this: one record.
    Received(Zeroizing<Vec<u8>>),
    /// It is over, for good.
    Closed(Closed),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The peer closed it (`close_notify`).
    #[error("the peer closed the session")]
    ByPeer,
    /// We closed it.
    #[error("closed")]
    ByUs,
    /// The peer ended it with this alert (RFC 5246 §7.2).
    #[error("the peer ended the session with alert {0}")]
    Alert(u8),
    /// The peer did not answer, however often it was asked.
    #[error("the peer does not answer")]
    TimedOut,
    /// The peer does not keep to the protocol, or has none of our suites.
    #[error("the peer does not keep to the protocol: {0}")]
    Misbehaved(#[from] DtlsError),
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// A handshake message is not what the specification says.
    #[error("a handshake message cannot be read")]
    Malformed,
    /// A message came that has no place here.
    #[error("a handshake message came out of turn")]
    OutOfTurn,
    /// Not the version, the suite or the curve that was offered.
    #[error("the peer chose what was not offered")]
    NotOffered,
    /// The peer's public key is no point of the curve.
    #[error("the peer's key is no point of the curve")]
    BadPoint,
    /// `Finished` does not prove that both saw the same handshake: somebody changed it.
    #[error("the handshake was changed on its way")]
    NotFinished,
    /// The random numbers that are fed in make no key, however often they are asked for.
    #[error("the random numbers make no key")]
    NoKey,
    /// Too many records that could not be verified.
    #[error("too many records could not be verified")]
    TooManyBadRecords,
    /// Nothing can be sent: there is no session, or all its record numbers are used up.
    #[error("there is no session to send over")]
    NotOpen,
    /// Longer than [`MAX_PLAINTEXT`].
    #[error("too long for one record")]
    TooLong,
}

impl DtlsError {
    /// The alert that tells the peer (RFC 5246 §7.2).
    fn alert(self) -> u8 {
        match self {
            DtlsError::Malformed => 50,
            DtlsError::OutOfTurn => 10,
            DtlsError::NotOffered => 40,
            DtlsError::BadPoint => 47,
            DtlsError::NotFinished => 51,
            DtlsError::TooManyBadRecords => 20,
            DtlsError::NoKey | DtlsError::NotOpen | DtlsError::TooLong => 80,
        }
    }
}

/// The keys of both sides, from which an owner's key is made; not shown, wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyBlock(Zeroizing<[u8; KEY_BLOCK]>);

impl KeyBlock {
    /// The bytes: for deriving an owner's key only.
    pub fn expose(&self) -> &[u8; KEY_BLOCK] {
        &self.0
    }
}

impl fmt::Debug for KeyBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBlock(…)")
    }
}

impl Suite {
    fn number(self) -> u16 {
        match self {
            Suite::Private => 0xff00,
            Suite::Old => 0xc018,
            #[cfg(test)]
            Suite::Standard => 0xc018,
        }
    }
}

#[cfg(test)]
mod openssl_tests;
#[cfg(test)]
mod repeat_tests;
#[cfg(test)]
mod tests;
