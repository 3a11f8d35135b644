//! A device on the local network: CoAP over its own UDP sockets.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::unit::Unit;

pub(crate) mod interface;
mod memory;
mod observers;
mod questions;
mod server;
pub(crate) mod sockets;

use interface::Interface;
use server::Server;
use sockets::Sockets;

/// A device's presence on the network; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Lan {
    stop: CancellationToken,
}

impl Lan {
    /// Opens the sockets and serves them. Needs a tokio runtime.
    pub(crate) fn start(unit: &Arc<Unit>, interface: &Interface, leisure: Duration) -> io::Result<()> {
        let sockets = Sockets::open(interface)?;
        let endpoints = sockets.endpoints(interface);
        let stop = CancellationToken::new();
        Server::new(Arc::clone(unit), sockets, leisure, stop.clone()).start();
        unit.set_lan(Some(Self { stop }), endpoints);
        Ok(())
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
