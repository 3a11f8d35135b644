//! The `<rest>` payload.

use homeward_protocol::remote::rest::{self, Rest};

/// What was read is written, and read again as the same.
pub fn check(data: &[u8]) {
    let Ok(read) = rest::decode(data) else { return };
    let written = match &read {
        Rest::Request { request, id } => rest::encode_request(request, "di", id.as_deref()),
        Rest::Response { response, id } => rest::encode_response(response, id.as_deref()),
    };
    assert_eq!(rest::decode(&written), Ok(read), "{}", String::from_utf8_lossy(&written));
}
