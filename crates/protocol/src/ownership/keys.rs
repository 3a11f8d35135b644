//! The keys of ownership: from a PIN, and from the session in which the device was taken over.
//!
//! Scope: deriving them. All are wiped when dropped, and none shows itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Method;
use crate::secret::Secret;

/// Of the key block from which owner keys are derived: two MAC keys of 32 bytes, two keys of 16 (RFC 5246 §6.3, for
/// AES-128-CBC with SHA-256; no initialisation vectors).
pub const KEY_BLOCK: usize = 96;
/// Rounds of PBKDF2 (OIC Security §7.3.3).
const PIN_ROUNDS: u32 = 1000;
/// The identity that a PIN's session names (OIC Security §7.3.3).
pub const PIN_IDENTITY: &str = "oic.sec.doxm.rdp";

/// A pre-shared key of 16 bytes: an owner's, or one made of a PIN. Wiped when dropped, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Zeroizing<[u8; 16]>);

impl Key {
    /// From what was kept; `None` where that has not 16 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(Zeroizing::new(bytes.try_into().ok()?)))
    }

    /// The key of a session that is opened with a PIN: PBKDF2-HMAC-SHA256 of the PIN, salted with the device's uuid.
    pub fn of_pin(pin: &str, device: Uuid) -> Self {
        let mut key = Zeroizing::new([0; 16]);
        pbkdf2::pbkdf2_hmac::<Sha256>(pin.as_bytes(), device.as_bytes(), PIN_ROUNDS, &mut *key);
        Self(key)
    }

    /// The owner's key of a device, which both sides make of the session in which it is taken over. `device`: its id
    /// from now on.
    pub fn of_owner(key_block: &[u8; KEY_BLOCK], method: Method, owner: Uuid, device: Uuid) -> Self {
        let mut key = Zeroizing::new([0; 16]);
        expand(key_block, &[method.name().as_bytes(), owner.as_bytes(), device.as_bytes()], &mut *key);
        Self(key)
    }

    /// As it is kept in text.
    pub fn to_base64(&self) -> Secret {
        Secret::new(BASE64.encode(self.expose()))
    }

    /// From that text; `None` where it is no key's.
    pub fn from_base64(text: &str) -> Option<Self> {
        Self::from_bytes(&Zeroizing::new(BASE64.decode(text).ok()?))
    }

    /// The key itself: for DTLS, the keyring and the backup only.
    pub fn expose(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// The key block of a TLS 1.2 session (RFC 5246 §6.3), where its library tells the master secret and both randoms only.
pub fn key_block(
    master_secret: &[u8],
    server_random: &[u8; 32],
    client_random: &[u8; 32],
) -> Zeroizing<[u8; KEY_BLOCK]> {
    let mut block = Zeroizing::new([0; KEY_BLOCK]);
    expand(master_secret, &[b"key expansion", server_random, client_random], &mut *block);
    block
}

/// P_SHA256 (RFC 5246 §5); `seed` is what the parts say one after the other.
pub(crate) fn expand(secret: &[u8], seed: &[&[u8]], output: &mut [u8]) {
    let mac = |parts: &[&[u8]]| {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret).expect("HMAC takes keys of any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    let mut a = mac(seed);
    for chunk in output.chunks_mut(32) {
        let mut parts = vec![a.as_slice()];
        parts.extend(seed);
        let block = Zeroizing::new(<[u8; 32]>::from(mac(&parts)));
        chunk.copy_from_slice(block.get(..chunk.len()).unwrap_or_default());
        a = mac(&[&a]);
    }
}

/// An owner's id: random, and without a zero byte, for its 16 bytes name it in a DTLS handshake, where some libraries end
/// a name at the first zero.
pub fn owner_id(mut random: impl FnMut() -> Uuid) -> Uuid {
    loop {
        let id = random();
        if !id.as_bytes().contains(&0) {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5246 gives none; this is the one of the IETF's TLS list.
    #[test]
    fn expanding_follows_the_known_test_vector() {
        let secret = hex("9bbe436ba940f017b17652849a71db35");
        let seed = hex("a0ba9f936cda311827a6f796ffd5198c");
        let mut output = [0; 100];
        expand(&secret, &[b"test label", &seed], &mut output);
        let expected = "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0f\
                        a022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff7018734\
                        7b66";
        assert_eq!(output.to_vec(), hex(expected));
    }

    /// PBKDF2-HMAC-SHA256 of "12345678", the salt 00 01 … 0f, 1000 rounds, 16 bytes, by Python's `hashlib`.
    #[test]
    fn a_pins_key_is_what_other_programs_make_of_it() {
        let device = Uuid::from_bytes(std::array::from_fn(|n| n as u8));
        assert_eq!(Key::of_pin("12345678", device).expose().to_vec(), hex("42b99a197a7d9cafa9fa5b60091da410"));
        assert_ne!(Key::of_pin("12345679", device), Key::of_pin("12345678", device));
    }

    /// P_SHA256 of RFC 5246 §5, computed with Python's `hmac`.
    #[test]
    fn an_owners_key_is_what_another_implementation_makes_of_the_same() {
        let block = std::array::from_fn(|n| n as u8);
        let id = |first: u8| Uuid::from_bytes(std::array::from_fn(|n| first + n as u8));
        for (method, key) in
            [(Method::Pin, "431670f80415033ad9f22c911d605779"), (Method::JustWorks, "78ebbbca332cfc9847c60ad91acb013e")]
        {
            assert_eq!(Key::of_owner(&block, method, id(0xa0), id(0xd0)).expose().to_vec(), hex(key), "{method:?}");
        }
    }

    #[test]
    fn an_owners_key_depends_on_all_of_its_parts() {
        let (block, owner, device) = ([7; KEY_BLOCK], Uuid::from_u128(1), Uuid::from_u128(2));
        let key = Key::of_owner(&block, Method::Pin, owner, device);
        assert_ne!(key, Key::of_owner(&[8; KEY_BLOCK], Method::Pin, owner, device));
        assert_ne!(key, Key::of_owner(&block, Method::JustWorks, owner, device));
        assert_ne!(key, Key::of_owner(&block, Method::Pin, device, device));
        assert_ne!(key, Key::of_owner(&block, Method::Pin, owner, owner));
        assert_eq!(format!("{key:?}"), "Key(…)");
    }

    #[test]
    fn an_owners_id_has_no_zero_byte() {
        let mut ids = [Uuid::from_u128(1), Uuid::from_bytes([5; 16])].into_iter();
        assert_eq!(owner_id(|| ids.next().unwrap()), Uuid::from_bytes([5; 16]));
    }

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }
}
