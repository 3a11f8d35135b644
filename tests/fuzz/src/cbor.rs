//! CBOR to JSON values and back.

use homeward_protocol::oic::cbor::{self, CborError};

/// What was read is written, and read again as the same; unless base64 of its byte strings made it too long.
pub fn check(data: &[u8]) {
    let Ok(value) = cbor::decode(data) else { return };
    match cbor::encode(&value) {
        Ok(bytes) => assert_eq!(cbor::decode(&bytes).as_ref(), Ok(&value)),
        Err(why) => assert!(why == CborError::TooLarge && data.len() > cbor::MAX_BYTES / 2, "{why}"),
    }
}
