//! A device on the local network: CoAP over its own UDP sockets, and over DTLS where it is a secured one.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::unit::Unit;

pub(crate) mod interface;
mod memory;
mod observers;
mod questions;
mod secure;
mod server;
pub(crate) mod sockets;

use interface::Interface;
use secure::SecuredSockets;
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
        let is_secured = unit.state().model.ownership.is_some();
        let secured = is_secured.then(|| SecuredSockets::open(interface)).transpose()?;
        let (secured, port) = secured.unzip();
        let stop = CancellationToken::new();
        let (to_secured, outgoing) = mpsc::channel(secure::WAITING);
        let server = Server::new(Arc::clone(unit), sockets, to_secured, leisure, stop.clone());
        if let Some(secured) = secured {
            secure::start(&server, secured, outgoing);
        }
        server.start();
        unit.set_lan(Some(Self { stop }), endpoints, port);
        Ok(())
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
