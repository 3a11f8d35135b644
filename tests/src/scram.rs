//! The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677), for scripted servers: honest, or lying in one chosen way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, pbkdf2};

const SALT: &[u8] = b"a salt for tests";
const ROUNDS: u32 = 4096;

/// One exchange, after the client's first message.
pub(crate) struct Exchange {
    client_first_bare: String,
    server_first: String,
}

impl Exchange {
    /// Takes `n,,n=ada,r=…`; the gs2 header before the bare message is not judged here.
    pub(crate) fn begin(client_first: &str) -> Option<Exchange> {
        let bare = client_first.splitn(3, ',').nth(2)?;
        let nonce = bare.split(',').find_map(|part| part.strip_prefix("r="))?;
        let server_first = format!("r={nonce}server,s={},i={ROUNDS}", STANDARD.encode(SALT));
        Some(Exchange { client_first_bare: bare.to_owned(), server_first })
    }

    pub(crate) fn challenge(&self) -> String {
        self.server_first.clone()
    }

    /// `v=…`: proof that the server knows the password, over the whole exchange.
    pub(crate) fn proof(&self, client_final: &str, password: &str) -> Option<String> {
        let without_proof = client_final.rsplit_once(",p=")?.0;
        let mut salted = [0; 32];
        let rounds = std::num::NonZeroU32::new(ROUNDS)?;
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, SALT, password.as_bytes(), &mut salted);
        let key = |bytes: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, bytes);
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
        let exchange = Exchange::begin("n,,n=ada,r=abc").expect("well-formed");
        assert!(exchange.challenge().starts_with("r=abcserver,s="));
        let proof = exchange.proof("c=biws,r=abcserver,p=xyz", "secret").expect("well-formed");
        assert_ne!(proof, exchange.proof("c=biws,r=abcserver,p=xyz", "other").expect("well-formed"));
        assert_ne!(proof, exchange.proof("c=eSws,r=abcserver,p=xyz", "secret").expect("well-formed"));
    }
}
