//! Which properties are secrets: they never become a control or a reading, whatever the type.

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
pub(super) fn is_secret(property: &str) -> bool {
    let name: String = property.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    NAMES.contains(&name.as_str()) || name.ends_with("key") || PARTS.iter().any(|part| name.contains(part))
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
}
