//! The server's half of SCRAM-SHA-1 and SCRAM-SHA-256 (RFC 5802, RFC 7677), for scripted servers: honest, or lying in
//! one chosen way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, pbkdf2};

const SALT: &[u8] = b"a salt for tests";
const ROUNDS: u32 = 4096;

/// What the mechanism is named for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

impl Hash {
    fn mac(self) -> hmac::Algorithm {
        match self {
            Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => hmac::HMAC_SHA256,
        }
    }

    fn derivation(self) -> pbkdf2::Algorithm {
        match self {
            Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
            Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        }
    }
}

/// One exchange, after the client's first message.
pub(crate) struct Exchange {
    hash: Hash,
    salt: Vec<u8>,
    client_first_bare: String,
    server_first: String,
}

impl Exchange {
    /// Takes `n,,n=ada,r=…`; the gs2 header before the bare message is not judged here.
    pub(crate) fn begin(hash: Hash, client_first: &str) -> Option<Exchange> {
        let bare = client_first.splitn(3, ',').nth(2)?;
        let nonce = bare.split(',').find_map(|part| part.strip_prefix("r="))?;
        let server_first = format!("r={nonce}server,s={},i={ROUNDS}", STANDARD.encode(SALT));
        Some(Exchange { hash, salt: SALT.to_vec(), client_first_bare: bare.to_owned(), server_first })
    }

    pub(crate) fn challenge(&self) -> String {
        self.server_first.clone()
    }

    /// `v=…`: proof that the server knows the password, over the whole exchange.
    pub(crate) fn proof(&self, client_final: &str, password: &str) -> Option<String> {
        let without_proof = client_final.rsplit_once(",p=")?.0;
        let mut salted = vec![0; self.hash.mac().digest_algorithm().output_len()];
        let rounds = std::num::NonZeroU32::new(ROUNDS)?;
        pbkdf2::derive(self.hash.derivation(), rounds, &self.salt, password.as_bytes(), &mut salted);
        let key = |bytes: &[u8]| hmac::Key::new(self.hash.mac(), bytes);
        let server_key = hmac::sign(&key(&salted), b"Server Key");
        let message = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        let signature = hmac::sign(&key(server_key.as_ref()), message.as_bytes());
        Some(format!("v={}", STANDARD.encode(signature)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proof_depends_on_the_password_and_on_the_exchange() {
        let exchange = Exchange::begin(Hash::Sha256, "n,,n=ada,r=abc").expect("well-formed");
        assert!(exchange.challenge().starts_with("r=abcserver,s="));
        let proof = exchange.proof("c=biws,r=abcserver,p=xyz", "secret").expect("well-formed");
        assert_ne!(proof, exchange.proof("c=biws,r=abcserver,p=xyz", "other").expect("well-formed"));
        assert_ne!(proof, exchange.proof("c=eSws,r=abcserver,p=xyz", "secret").expect("well-formed"));
    }

    #[test]
    fn the_examples_of_the_rfcs_are_reproduced() {
        let rows = [
            (
                Hash::Sha1,
                "n=user,r=fyko+d2lbbFgONRv9qkxdawL",
                "QSXCR+Q6sek8bf92",
                "fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
                "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            (
                Hash::Sha256,
                "n=user,r=rOprNGfwEbeRWgbNEkqO",
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ];
        for (hash, client_first_bare, salt, nonce, proof) in rows {
            let exchange = Exchange {
                hash,
                salt: STANDARD.decode(salt).expect("base64"),
                client_first_bare: client_first_bare.to_owned(),
                server_first: format!("r={nonce},s={salt},i=4096"),
            };
            let said = exchange.proof(&format!("c=biws,r={nonce},p=not looked at"), "pencil");
            assert_eq!(said.as_deref(), Some(proof), "{hash:?}");
        }
    }
}
