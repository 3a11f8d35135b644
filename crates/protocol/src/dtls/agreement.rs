//! What both sides agree upon: the key exchange, the transcript that `Finished` proves, and the keys made of both.
//!
//! Non-scope: which message follows which, and what goes out.

use p256::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::message::Message;
use super::record::Protection;
use super::{DtlsError, KeyBlock, Random, Suite};
use crate::ownership::keys;

/// Our choice: how often random bytes are asked for a key; one time in 2^32 they are no number below the curve's order.
const KEY_TRIES: u32 = 8;

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }

    /// RFC 5246 §7.4.9.
    fn label(self) -> &'static [u8] {
        match self {
            Side::Client => b"client finished",
            Side::Server => b"server finished",
        }
    }
}

/// One side's share of it. What is secret is wiped when it has served, or dropped.
#[derive(Default)]
pub(super) struct Agreement {
    pub(super) client_random: [u8; 32],
    pub(super) server_random: [u8; 32],
    pub(super) suite: Option<Suite>,
    secret: Option<SecretKey>,
    master: Option<Zeroizing<[u8; 48]>>,
    block: Option<KeyBlock>,
    transcript: Vec<u8>,
}

impl Agreement {
    /// The message counts for the transcript.
    pub(super) fn note(&mut self, message: &Message) {
        self.transcript.extend(message.whole());
    }

    /// Neither the HelloVerifyRequest nor the hello before it counts (RFC 6347 §4.2.1).
    pub(super) fn forget_first_hello(&mut self) {
        self.transcript.clear();
    }

    /// Our point, of a key pair for this session alone.
    ///
    /// # Errors
    /// [`DtlsError::NoKey`].
    pub(super) fn point(&mut self, random: &mut Random) -> Result<Vec<u8>, DtlsError> {
        let secret = (0..KEY_TRIES).find_map(|_| {
            let mut bytes = Zeroizing::new([0; 32]);
            random(&mut *bytes);
            SecretKey::from_slice(&*bytes).ok()
        });
        let secret = secret.ok_or(DtlsError::NoKey)?;
        let point = secret.public_key().to_sec1_point(false).as_bytes().to_vec();
        self.secret = Some(secret);
        Ok(point)
    }

    /// The premaster secret is the X coordinate (RFC 8422 §5.10); of it come the master secret (RFC 5246 §8.1) and the key
    /// block (§6.3). Our own secret is wiped.
    ///
    /// # Errors
    /// [`DtlsError::BadPoint`].
    pub(super) fn agree(&mut self, point: &[u8]) -> Result<(), DtlsError> {
        let public = PublicKey::from_sec1_bytes(point).map_err(|_| DtlsError::BadPoint)?;
        let secret = self.secret.take().ok_or(DtlsError::OutOfTurn)?;
        let shared = diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
        let mut master = Zeroizing::new([0; 48]);
        let seed: [&[u8]; 3] = [b"master secret", &self.client_random, &self.server_random];
        keys::expand(shared.raw_secret_bytes(), &seed, &mut *master);
        self.block = Some(KeyBlock(keys::key_block(&*master, &self.server_random, &self.client_random)));
        self.master = Some(master);
        Ok(())
    }

    /// The keys of what one side sends; once agreed.
    ///
    /// # Errors
    /// [`DtlsError::OutOfTurn`].
    pub(super) fn protection(&self, of: Side) -> Result<Protection, DtlsError> {
        let (Some(block), Some(suite)) = (&self.block, self.suite) else { return Err(DtlsError::OutOfTurn) };
        Protection::new(suite, block.expose(), of == Side::Client).ok_or(DtlsError::OutOfTurn)
    }

    pub(super) fn key_block(&self) -> Option<&KeyBlock> {
        self.block.as_ref()
    }

    /// What one side's Finished says, of the transcript so far (RFC 5246 §7.4.9).
    ///
    /// # Errors
    /// [`DtlsError::OutOfTurn`].
    pub(super) fn verify_data(&self, of: Side) -> Result<[u8; 12], DtlsError> {
        let master = self.master.as_ref().ok_or(DtlsError::OutOfTurn)?;
        let hash = Sha256::digest(&self.transcript);
        let mut data = [0; 12];
        keys::expand(&**master, &[of.label(), &hash], &mut data);
        Ok(data)
    }

    /// Whether this is what that side's Finished has to say; compared in constant time.
    ///
    /// # Errors
    /// [`DtlsError::NotFinished`], where it is not.
    pub(super) fn verify(&self, of: Side, said: &[u8]) -> Result<(), DtlsError> {
        let right: Choice = self.verify_data(of)?.as_slice().ct_eq(said);
        if bool::from(right) { Ok(()) } else { Err(DtlsError::NotFinished) }
    }

    /// All is proven: from here on, only the keys are needed.
    pub(super) fn conclude(&mut self) {
        self.master = None;
        self.transcript = Vec::new();
    }
}
