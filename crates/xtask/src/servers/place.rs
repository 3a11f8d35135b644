//! Where a server is: this process' network, or a network namespace.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest wait for one attempt to connect to an address of this machine.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

/// Runs `act` in the network namespace `namespace` (made with `ip netns add`), or here if there is none named.
///
/// Sockets made by `act` stay in that namespace wherever they are used afterwards. `act` runs on a thread of its own.
///
/// # Errors
/// When there is no such namespace, or we may not enter it (that needs root), or as `act` does.
pub fn inside<T: Send>(namespace: Option<&str>, act: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let Some(namespace) = namespace else { return act() };
    let file = std::fs::File::open(Path::new("/run/netns").join(namespace))?;
    std::thread::scope(|scope| {
        scope
            .spawn(move || {
                enter(&file)?;
                act()
            })
            .join()
            .map_err(|_| io::Error::other("the thread in the namespace panicked"))?
    })
}

#[cfg(target_os = "linux")]
fn enter(namespace: &std::fs::File) -> io::Result<()> {
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::os::fd::AsFd;
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?)
}

#[cfg(not(target_os = "linux"))]
fn enter(_: &std::fs::File) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// A command that will run in the namespace; its process id is that of `program` itself.
pub(super) fn command(namespace: Option<&str>, program: &str) -> Command {
    match namespace {
        None => Command::new(program),
        Some(namespace) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", namespace, program]);
            command
        }
    }
}

/// A TCP port that nothing listens on. It lies below the range from which systems take ports for outgoing connections,
/// so only another server can take it before ours does.
pub(super) fn free_port(namespace: Option<&str>, address: IpAddr) -> io::Result<u16> {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hash keys are random: good enough to spread servers started side by side.
    let start = std::collections::hash_map::RandomState::new().build_hasher().finish();
    inside(namespace, || {
        (0..10_000u64)
            .map(|step| 20_000 + u16::try_from(start.wrapping_add(step) % 10_000).unwrap_or_default())
            .find(|port| TcpListener::bind((address, *port)).is_ok())
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))
    })
}

/// Whether something accepts connections there now.
pub(super) fn accepts(namespace: Option<&str>, address: SocketAddr) -> bool {
    inside(namespace, || TcpStream::connect_timeout(&address, CONNECT_DEADLINE)).is_ok()
}
