//! Hints from DNS-SD (RFC 6763): where OCF devices and CoAP servers say that they are.
//!
//! Scope: addresses, each to be asked for what it really is. Non-scope: TXT records; what they say is asked anyway.

use std::net::{SocketAddr, SocketAddrV6};

use mdns_sd::{IfKind, ScopedIp, ServiceDaemon, ServiceEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::address::canonical;

/// What is browsed for: OCF devices, and CoAP servers at large.
const SERVICES: [&str; 2] = ["_ocfd._udp.local.", "_coap._udp.local."];
/// How many hints wait; more are dropped. Our choice.
const WAITING: usize = 64;
/// How many addresses of one service are taken. Our choice.
const MAX_ADDRESSES: usize = 4;

/// Browses until it is dropped.
pub(super) struct Browser {
    daemon: ServiceDaemon,
    hints: mpsc::Receiver<SocketAddr>,
    _tasks: JoinSet<()>,
}

impl Browser {
    /// Begins, on these interfaces (none: all but loopback). `None` where the system does not let us: these are hints
    /// only.
    pub(super) fn start(interfaces: &[String]) -> Option<Self> {
        let begun = Self::begin(interfaces);
        if let Err(error) = &begun {
            tracing::info!(%error, "no DNS-SD here");
        }
        begun.ok()
    }

    fn begin(interfaces: &[String]) -> mdns_sd::Result<Self> {
        let daemon = ServiceDaemon::new()?;
        if interfaces.is_empty() {
            daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6])?;
        } else {
            daemon.disable_interface(IfKind::All)?;
            daemon.enable_interface(interfaces.iter().map(IfKind::from).collect::<Vec<_>>())?;
        }
        let (sender, hints) = mpsc::channel(WAITING);
        let mut tasks = JoinSet::new();
        for service in SERVICES {
            let events = daemon.browse(service)?;
            let sender = sender.clone();
            tasks.spawn(async move {
                while let Ok(event) = events.recv_async().await {
                    if let ServiceEvent::ServiceResolved(service) = event {
                        for address in service.addresses.iter().take(MAX_ADDRESSES) {
                            // A full queue drops the hint: the search finds the device by itself.
                            let _ = sender.try_send(socket(address, service.port));
                        }
                    }
                }
            });
        }
        Ok(Self { daemon, hints, _tasks: tasks })
    }

    /// The next hint; `None` once nothing comes any more.
    pub(super) async fn next(&mut self) -> Option<SocketAddr> {
        self.hints.recv().await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.daemon.shutdown();
    }
}

fn socket(address: &ScopedIp, port: u16) -> SocketAddr {
    canonical(match address {
        ScopedIp::V6(v6) => SocketAddr::V6(SocketAddrV6::new(*v6.addr(), port, 0, v6.scope_id().index)),
        other => SocketAddr::new(other.to_ip_addr(), port),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use mdns_sd::ServiceInfo;

    use super::*;

    #[tokio::test]
    async fn a_device_that_announces_itself_is_a_hint() {
        let interface = if cfg!(target_os = "macos") { "lo0" } else { "lo" };
        let announcer = ServiceDaemon::new().unwrap();
        announcer.disable_interface(IfKind::All).unwrap();
        announcer.enable_interface(interface).unwrap();
        let instance = uuid::Uuid::new_v4().to_string();
        let host = format!("{instance}.local.");
        let port = 40_000 + u16::from(instance.as_bytes()[0]);
        let service = ServiceInfo::new(SERVICES[0], &instance, &host, "127.0.0.1", port, &[("di", "x")][..]).unwrap();
        announcer.register(service).unwrap();
        let mut browser = Browser::start(&[interface.to_owned()]).unwrap();
        let hinted = tokio::time::timeout(Duration::from_secs(20), async {
            while let Some(hint) = browser.next().await {
                if hint == SocketAddr::from(([127, 0, 0, 1], port)) {
                    return;
                }
            }
        });
        assert!(hinted.await.is_ok());
        announcer.shutdown().unwrap();
    }
}
