//! Records (RFC 6347 §4.1): their heads, their protection (AES-128-CBC with HMAC, RFC 5246 §6.2.3.2), the replay window.

use aes::Aes128;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq, ConstantTimeLess};
use zeroize::Zeroizing;

use super::Suite;
use super::message::Reader;

/// Content types (RFC 5246 §6.2.1).
pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(super) const ALERT: u8 = 21;
pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// DTLS 1.2, and the 1.0 that first hellos bear (RFC 6347 §4.1).
pub(super) const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
const DTLS_1_0: [u8; 2] = [0xfe, 0xff];
/// The length of a record's head.
pub(super) const HEAD: usize = 13;
const BLOCK: usize = 16;
/// The most blocks that the longest padding, of 255 bytes, keeps from being hashed.
const MAX_SPARED: usize = 4;
/// What ChangeCipherSpec says (RFC 5246 §7.1).
pub(super) const CHANGE: [u8; 1] = [1];
/// The longest plaintext, and the longest fragment (RFC 5246 §6.2.1, §6.2.3), in bytes.
const MAX_CONTENT: usize = 1 << 14;
const MAX_FRAGMENT: usize = MAX_CONTENT + 2048;
/// Record numbers have 48 bits (RFC 6347 §4.1).
const MAX_SEQUENCE: u64 = (1 << 48) - 1;

/// One record, as it came.
pub(super) struct Record<'a> {
    pub(super) kind: u8,
    version: [u8; 2],
    pub(super) epoch: u16,
    pub(super) sequence: u64,
    pub(super) fragment: &'a [u8],
}

impl Record<'_> {
    /// As it came.
    pub(super) fn whole(&self) -> Vec<u8> {
        let head = head(self.kind, self.version, self.epoch, self.sequence, self.fragment.len());
        [&head[..], self.fragment].concat()
    }
}

/// The records of a datagram, up to the first that cannot be read or is too long to be one.
pub(super) fn records(datagram: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut reader = Reader::new(datagram);
    std::iter::from_fn(move || {
        let kind = reader.u8()?;
        let version = reader.array()?;
        let epoch = reader.u16()?;
        let sequence = reader.u48()?;
        let length = reader.u16()?;
        let fragment = reader.take(length.into())?;
        let known = (version == DTLS_1_2 || version == DTLS_1_0) && fragment.len() <= MAX_FRAGMENT;
        known.then_some(Record { kind, version, epoch, sequence, fragment })
    })
}

/// A record in the clear.
pub(super) fn plain(kind: u8, sequence: u64, fragment: &[u8]) -> Vec<u8> {
    head(kind, DTLS_1_2, 0, sequence, fragment.len()).into_iter().chain(fragment.iter().copied()).collect()
}

fn head(kind: u8, version: [u8; 2], epoch: u16, sequence: u64, length: usize) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let sequence = sequence.to_be_bytes();
    let parts = [&[kind][..], &version, &epoch.to_be_bytes(), &sequence[2..], &(length as u16).to_be_bytes()];
    for (to, from) in head.iter_mut().zip(parts.concat()) {
        *to = from;
    }
    head
}

/// Numbers of records to send, in one epoch.
#[derive(Default)]
pub(super) struct Sequence(u64);

impl Sequence {
    /// The next one; `None`, when all are used up.
    pub(super) fn next(&mut self) -> Option<u64> {
        let next = self.0;
        self.0 = self.0.checked_add(1).filter(|after| *after <= MAX_SEQUENCE)?;
        Some(next)
    }
}

/// The last 64 records that came (RFC 6347 §4.1.2.6).
#[derive(Default)]
pub(super) struct ReplayWindow {
    highest: Option<u64>,
    seen: u64,
}

impl ReplayWindow {
    /// Whether a record of this number has not come yet, and is not too old to tell.
    pub(super) fn is_new(&self, sequence: u64) -> bool {
        match self.highest {
            None => true,
            Some(highest) if sequence > highest => true,
            Some(highest) => highest - sequence < 64 && self.seen & (1 << (highest - sequence)) == 0,
        }
    }

    /// It came, and was verified.
    pub(super) fn mark(&mut self, sequence: u64) {
        match self.highest {
            Some(highest) if sequence <= highest => {
                if highest - sequence < 64 {
                    self.seen |= 1 << (highest - sequence);
                }
            }
            highest => {
                let by = highest.map_or(64, |highest| sequence - highest);
                self.seen = if by >= 64 { 0 } else { self.seen << by };
                self.seen |= 1;
                self.highest = Some(sequence);
            }
        }
    }
}

/// The keys of one direction.
pub(super) struct Protection {
    suite: Suite,
    mac: Zeroizing<Vec<u8>>,
    key: Zeroizing<[u8; 16]>,
}

impl Protection {
    /// Of the client (first of both in the block) or of the server (RFC 5246 §6.3).
    pub(super) fn new(suite: Suite, block: &[u8; crate::ownership::keys::KEY_BLOCK], of_client: bool) -> Option<Self> {
        let mac = mac_length(suite);
        let place = usize::from(!of_client);
        let mac_key = block.get(place * mac..(place + 1) * mac)?;
        let key = block.get(2 * mac + place * 16..2 * mac + (place + 1) * 16)?;
        let (mac, key) = (Zeroizing::new(mac_key.to_vec()), Zeroizing::new(key.try_into().ok()?));
        Some(Self { suite, mac, key })
    }

    /// A protected record of epoch 1. `iv`: random.
    pub(super) fn seal(&self, kind: u8, sequence: u64, iv: [u8; BLOCK], plaintext: &[u8]) -> Option<Vec<u8>> {
        let mac = self.mac(&pseudo_head(kind, DTLS_1_2, 1, sequence, plaintext.len()), plaintext);
        let padding = BLOCK - (plaintext.len() + mac.len()) % BLOCK;
        // With room for all of it: moved, it would leave a copy behind.
        let mut content = Zeroizing::new(Vec::with_capacity(plaintext.len() + mac.len() + padding));
        content.extend(plaintext);
        content.extend(mac);
        content.extend(std::iter::repeat_n((padding - 1) as u8, padding));
        let length = content.len();
        let encryptor = cbc::Encryptor::<Aes128>::new(&(*self.key).into(), &iv.into());
        let encrypted = encryptor.encrypt_padded::<NoPadding>(&mut content, length).ok()?;
        let fragment = [&iv[..], encrypted].concat();
        Some([&head(kind, DTLS_1_2, 1, sequence, fragment.len())[..], &fragment].concat())
    }

    /// What a protected record says; `None`, where it cannot be verified. A MAC is computed and compared whatever the
    /// padding says, and nothing tells which of both was wrong (RFC 5246 §6.2.3.2).
    pub(super) fn open(&self, record: &Record<'_>) -> Option<Zeroizing<Vec<u8>>> {
        let (iv, encrypted) = record.fragment.split_at_checked(BLOCK)?;
        let iv: [u8; BLOCK] = iv.try_into().ok()?;
        let mac_length = mac_length(self.suite);
        if encrypted.is_empty() || encrypted.len() % BLOCK != 0 || encrypted.len() < mac_length + 1 {
            return None;
        }
        let mut content = Zeroizing::new(encrypted.to_vec());
        let decryptor = cbc::Decryptor::<Aes128>::new(&(*self.key).into(), &iv.into());
        decryptor.decrypt_padded::<NoPadding>(&mut content).ok()?;
        let padding = *content.last()?;
        let most = u16::try_from(content.len() - mac_length - 1).unwrap_or(u16::MAX);
        let fits: Choice = !most.ct_lt(&u16::from(padding));
        // Of a padding that cannot be, none is taken off: the MAC is wrong then, too.
        let taken_off = u16::from(padding) * u16::from(fits.unwrap_u8());
        let mut right = fits;
        for (back, byte) in content.iter().rev().enumerate().take(256) {
            let of_padding = !(taken_off.ct_lt(&(back as u16)));
            right &= byte.ct_eq(&padding) | !of_padding;
        }
        let length = content.len() - mac_length - 1 - usize::from(taken_off);
        let (plaintext, rest) = content.split_at_checked(length)?;
        let said = rest.get(..mac_length)?;
        let head = pseudo_head(record.kind, record.version, record.epoch, record.sequence, length);
        let verified = right & self.mac(&head, plaintext).ct_eq(said);
        // As many blocks are hashed for each, whatever the padding, so that the time tells less of it.
        let spared = hashed_blocks(usize::from(most)) - hashed_blocks(length);
        let mut spare = Sha256::new();
        spare.update([0; 64 * MAX_SPARED].get(..64 * spared)?);
        std::hint::black_box(&spare);
        (bool::from(verified) && plaintext.len() <= MAX_CONTENT).then(|| Zeroizing::new(plaintext.to_vec()))
    }

    fn mac(&self, head: &[u8], plaintext: &[u8]) -> Vec<u8> {
        match self.suite {
            Suite::Private | Suite::Old => {
                let mut mac =
                    <Hmac<Sha256> as KeyInit>::new_from_slice(&self.mac).expect("HMAC takes keys of any length");
                mac.update(head);
                mac.update(plaintext);
                mac.finalize().into_bytes().to_vec()
            }
            #[cfg(test)]
            Suite::Standard => {
                let mut mac =
                    <Hmac<sha1::Sha1> as KeyInit>::new_from_slice(&self.mac).expect("HMAC takes keys of any length");
                mac.update(head);
                mac.update(plaintext);
                mac.finalize().into_bytes().to_vec()
            }
        }
    }
}

fn mac_length(suite: Suite) -> usize {
    match suite {
        Suite::Private | Suite::Old => 32,
        #[cfg(test)]
        Suite::Standard => 20,
    }
}

/// How many blocks of 64 bytes are hashed for so much content, but for those that are hashed for any: with the pseudo head,
/// and nine bytes at least of the hash's own padding.
fn hashed_blocks(content: usize) -> usize {
    (content + 13 + 8) / 64
}

/// What a MAC covers before the content (RFC 6347 §4.1.2.1).
fn pseudo_head(kind: u8, version: [u8; 2], epoch: u16, sequence: u64, length: usize) -> Vec<u8> {
    let sequence = sequence.to_be_bytes();
    let parts = [&epoch.to_be_bytes()[..], &sequence[2..], &[kind], &version, &(length as u16).to_be_bytes()];
    parts.concat()
}
