//! Which properties are secrets: they never become a control or a reading, whatever the type, and are struck out of what
//! is shown of an exchange.

/// Anywhere in the name.
const PARTS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "privatedata",
    "privatekey",
    "sharedkey",
    "token",
    "apikey",
    "accesskey",
    "authcode",
    "pincode",
    "lockcode",
    "psk",
];
/// The whole name: `cd` is `oic.r.wificonf`'s credential, `ac` and `at` are authorisation code and access token in
/// OCF's cloud set-up.
const NAMES: &[&str] = &["pin", "pwd", "key", "keys", "cred", "creds", "cd", "ac", "at"];

/// Whether a property of this name may hold a secret. Case, dashes and underscores do not matter.
pub(crate) fn is_secret(property: &str) -> bool {
    let name: String = property.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || name.ends_with("key") || PARTS.iter().any(|part| name.contains(part))
}

/// Whether bytes that cannot be read, be they CBOR, JSON or something else, or a part of it, have a property of such a
/// name. Rather yes than no: then they are not shown.
pub(crate) fn may_be_named_in(bytes: &[u8]) -> bool {
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len().max(1)).any(|window| window == part);
    let lower = bytes.to_ascii_lowercase();
    let letters: Vec<u8> = lower.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    let is_name = |name: &&str| {
        // A text of CBOR, up to 23 bytes (RFC 8949 §3.1); and a name of JSON or XML.
        let cbor = u8::try_from(name.len()).map_or(0x60, |length| 0x60 | length & 0x1f);
        let text = |before: u8, after: u8| has(&lower, &[&[before], name.as_bytes(), &[after]].concat());
        has(&lower, &[&[cbor], name.as_bytes()].concat()) || text(b'"', b'"') || text(b'<', b'>')
    };
    has(&letters, b"key") || PARTS.iter().any(|part| has(&letters, part.as_bytes())) || NAMES.iter().any(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_name() {
        for name in
            ["password", "WiFi-Password", "privatedata", "credential", "creds", "access_token", "wpaPsk", "PIN", "cd"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["value", "keyvalue", "mode", "spin", "code", "cdr", "attic", "dimmingSetting"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn names_of_secrets_are_found_in_what_cannot_be_read() {
        for bytes in [
            b"\xa1\x63pin\x64" as &[u8],
            b"{\"cd\": \"",
            b"<at>",
            b"\xff\xffaccess_Token",
            b"\x68wifi_key",
            b"pass\0word",
        ] {
            assert!(may_be_named_in(bytes), "{bytes:?}");
        }
        for bytes in [b"" as &[u8], b"\xa1\x65value\xf5", b"{\"value\": true", b"the state is not at home, spinning"] {
            assert!(!may_be_named_in(bytes), "{bytes:?}");
        }
    }
}
