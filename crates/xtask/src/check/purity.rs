//! Which crates may not be among another's dependencies, however far down.

use crate::tree::{Failure, Tree, output_of};

/// Package, and the beginnings of names that it may not depend on.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    // No sockets, no clock, no runtime: bytes and values in, bytes and values out.
    (
        "homeward-protocol",
        &[
            "tokio",
            "mio",
            "async-std",
            "smol",
            "socket2",
            "if-addrs",
            "mdns-sd",
            "hickory",
            "rustls",
            "openssl",
            "rusqlite",
            "keyring",
            "hyper",
            "reqwest",
            "tauri",
            "homeward-",
        ],
    ),
    // One XMPP session; knows nothing of OIC.
    ("homeward-xmpp", &["homeward-", "coap-lite", "tauri"]),
    ("homeward-core", &["tauri", "wry", "tao", "gtk", "webkit2gtk", "homeward-simulator"]),
    // Shares no I/O with the client, or both would be wrong together.
    ("homeward-simulator", &["homeward-core", "tauri"]),
    ("homeward-cli", &["tauri", "wry", "homeward-simulator"]),
    ("homeward", &["homeward-simulator", "homeward-tests", "xtask"]),
    // Built on a bare machine, before it can install any library.
    ("xtask", &["tokio", "openssl", "libdbus", "glib", "gtk", "aws-lc", "homeward-"]),
];

pub(super) fn holds(tree: &Tree) -> Result<(), Failure> {
    let mut found = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let arguments = ["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package"];
        let listed = output_of(tree.cargo(&arguments).arg(package))?;
        found.extend(offences(package, forbidden, &listed));
    }
    super::none(found)
}

/// `listed`: one `name vVERSION …` per line, the package itself first.
fn offences(package: &str, forbidden: &[&str], listed: &str) -> Vec<String> {
    let mut names = listed.lines().filter_map(|line| line.split(' ').next()).collect::<Vec<_>>();
    names.sort_unstable();
    names.dedup();
    let bad = |name: &&str| *name != package && forbidden.iter().any(|start| name.starts_with(start));
    names.into_iter().filter(bad).map(|name| format!("{package} depends on {name}, and must not")).collect()
}

#[cfg(test)]
mod tests {
    use super::offences;

    #[test]
    fn a_forbidden_dependency_is_found_however_far_down_and_the_package_itself_is_none() {
        let listed = "homeward-xmpp v0.1.0\nxso v0.4.0\ncoap-lite v0.13.0\nxso v0.4.0 (*)\n";
        let found = offences("homeward-xmpp", &["homeward-", "coap-lite"], listed);
        assert_eq!(found, ["homeward-xmpp depends on coap-lite, and must not"]);
    }
}
