//! Two network namespaces joined by a veth pair: a network of our own, IPv4 and IPv6, with multicast.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The IPv4 address on the client's side; the server listens there too.
pub const CLIENT_V4: &str = "10.77.1.1";
/// The IPv4 address on the devices' side.
pub const DEVICES_V4: &str = "10.77.1.2";
/// The IPv6 address on the client's side.
pub const CLIENT_V6: &str = "fd77::1";
/// The IPv6 address on the devices' side.
pub const DEVICES_V6: &str = "fd77::2";
/// The name of the interface, on both sides.
pub const INTERFACE: &str = "house0";

/// Both namespaces; taken away when dropped.
pub struct Namespaces {
    /// Where the client and the server run.
    pub client: String,
    /// Where the devices run.
    pub devices: String,
}

impl Namespaces {
    /// Makes them.
    ///
    /// # Errors
    /// Why they cannot be made here: not root, no `ip`, not Linux.
    pub fn new() -> Result<Namespaces, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = |side: &str| format!("hw{}x{number}{side}", std::process::id());
        let made = Namespaces { client: name("c"), devices: name("d") };
        made.build()?;
        Ok(made)
    }

    fn build(&self) -> Result<(), String> {
        for name in [&self.client, &self.devices] {
            ip(&["netns", "add", name])?;
            // Without this an address cannot be used for two seconds while it is looked for elsewhere.
            let quiet = "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done; true";
            ip(&["netns", "exec", name, "sh", "-c", quiet])?;
            ip(&["-n", name, "link", "set", "lo", "up"])?;
        }
        let (client, devices) = (&self.client, &self.devices);
        ip(&["link", "add", INTERFACE, "netns", client, "type", "veth", "peer", "name", INTERFACE, "netns", devices])?;
        for (name, v4, v6) in [(client, CLIENT_V4, CLIENT_V6), (devices, DEVICES_V4, DEVICES_V6)] {
            ip(&["-n", name, "address", "add", &format!("{v4}/24"), "dev", INTERFACE])?;
            ip(&["-n", name, "address", "add", &format!("{v6}/64"), "dev", INTERFACE, "nodad"])?;
            ip(&["-n", name, "link", "set", INTERFACE, "up"])?;
        }
        Ok(())
    }

    /// The devices' side's link-local IPv6 address.
    ///
    /// # Errors
    /// `ip`'s own words, or that there is none.
    pub fn link_local(&self) -> Result<String, String> {
        let shown = ip(&["-n", &self.devices, "-6", "-o", "address", "show", "dev", INTERFACE, "scope", "link"])?;
        let address = shown.split_whitespace().find(|word| word.starts_with("fe80:"));
        let address = address.and_then(|address| address.split('/').next());
        address.map(str::to_owned).ok_or_else(|| format!("no link-local address: {shown}"))
    }

    /// Takes IPv4 away from both sides.
    ///
    /// # Errors
    /// `ip`'s own words.
    pub fn without_ipv4(&self) -> Result<(), String> {
        for name in [&self.client, &self.devices] {
            ip(&["-n", name, "-4", "address", "flush", "dev", INTERFACE])?;
        }
        Ok(())
    }

    /// Takes the client's own interface down, or up again, as a person or a sleeping computer does.
    ///
    /// # Errors
    /// `ip`'s own words.
    pub fn interface(&self, up: bool) -> Result<(), String> {
        ip(&["-n", &self.client, "link", "set", INTERFACE, if up { "up" } else { "down" }]).map(drop)
    }

    /// Cuts the cable, or mends it: nothing is told to anybody.
    ///
    /// # Errors
    /// `ip`'s own words.
    pub fn cable(&self, connected: bool) -> Result<(), String> {
        ip(&["-n", &self.devices, "link", "set", INTERFACE, if connected { "up" } else { "down" }]).map(drop)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for name in [&self.client, &self.devices] {
            let _ = ip(&["netns", "delete", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}
