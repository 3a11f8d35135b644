//! The servers start, listen where they were told to, know their accounts, and end. Skipped where not installed.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use xtask::servers::{Ejabberd, Ending, Options, Prosody, ServerError, Tls, inside};

/// The server's first features, in clear text.
fn features(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(
        stream,
        "<stream:stream to='home.test' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    .unwrap();
    let mut heard = String::new();
    let mut bytes = [0; 4096];
    while !heard.contains("</stream:features>") {
        let length = stream.read(&mut bytes).unwrap();
        assert_ne!(length, 0, "the server closed the stream: {heard}");
        heard.push_str(&String::from_utf8_lossy(bytes.get(..length).unwrap()));
    }
    heard
}

/// `None` and a line that the count of skipped tests takes up, where the package is not installed.
fn started<T>(test: &str, server: Result<T, ServerError>) -> Option<T> {
    match server {
        Err(ServerError::Missing(program)) => {
            println!("SKIPPED: {test}: {program} is not installed");
            None
        }
        other => Some(other.unwrap()),
    }
}

#[test]
fn prosody_offers_starttls_on_a_free_port_and_keeps_the_port_over_a_restart() {
    let test = "prosody_offers_starttls_on_a_free_port_and_keeps_the_port_over_a_restart";
    let Some(mut server) = started(test, Prosody::start(Options::default().account("ada", "pa\"ss 1"))) else { return };
    assert!(features(server.address()).contains("<required/>"));
    let port = server.port();
    let ca = std::fs::read_to_string(server.ca_file()).unwrap();
    server.stop(Ending::Abrupt);
    assert!(TcpStream::connect(server.address()).is_err());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(std::fs::read_to_string(server.ca_file()).unwrap(), ca);
    assert!(features(server.address()).contains("starttls"));
}

#[test]
fn prosody_offers_only_the_mechanisms_asked_for() {
    let options = Options { tls: Tls::Absent, mechanisms: vec!["PLAIN".to_owned()], ..Options::default() };
    let Some(server) = started("prosody_offers_only_the_mechanisms_asked_for", Prosody::start(options)) else { return };
    let features = features(server.address());
    assert!(features.contains("<mechanism>PLAIN</mechanism>"), "{features}");
    assert_eq!(features.matches("<mechanism>").count(), 1, "{features}");
}

#[test]
fn a_server_leaves_nothing_behind_when_it_is_dropped() {
    let test = "a_server_leaves_nothing_behind_when_it_is_dropped";
    let Some(server) = started(test, Prosody::start(Options::default())) else { return };
    let (address, folder) = (server.address(), server.folder().to_owned());
    drop(server);
    assert!(TcpStream::connect(address).is_err());
    assert!(!folder.exists());
}

#[test]
fn servers_started_side_by_side_get_ports_of_their_own() {
    let test = "servers_started_side_by_side_get_ports_of_their_own";
    let starts = (0..3).map(|_| std::thread::spawn(|| Prosody::start(Options::default()))).collect::<Vec<_>>();
    let servers = starts.into_iter().filter_map(|start| started(test, start.join().unwrap())).collect::<Vec<_>>();
    let mut ports = servers.iter().map(Prosody::port).collect::<Vec<_>>();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), servers.len());
}

#[test]
fn ejabberd_has_its_accounts_and_keeps_them_over_a_restart() {
    let test = "ejabberd_has_its_accounts_and_keeps_them_over_a_restart";
    let options = Options { direct_tls: true, ..Options::default() }.account("ada", "pa\"ss 1");
    let Some(mut server) = started(test, Ejabberd::start(options)) else { return };
    assert!(features(server.address()).contains("<required/>"));
    assert!(TcpStream::connect(SocketAddr::new(server.address().ip(), server.direct_tls_port().unwrap())).is_ok());
    let check = serde_json::json!({"user": "ada", "host": "home.test", "password": "pa\"ss 1"});
    assert_eq!(server.order("check_password", &check).unwrap(), 0);
    server.restart().unwrap();
    assert_eq!(server.order("check_password", &check).unwrap(), 0);
    server.set_account("ada", "another").unwrap();
    assert_ne!(server.order("check_password", &check).unwrap(), 0);
    assert!(!server.log().contains("pa\"ss"));
}

/// A network namespace with nothing but loopback; removed on drop.
struct Namespace(String);

impl Namespace {
    fn new() -> Option<Namespace> {
        let namespace = Namespace(format!("homeward-{}", std::process::id()));
        let ip = |arguments: &[&str]| {
            std::process::Command::new("ip").args(arguments).output().is_ok_and(|output| output.status.success())
        };
        let made = ip(&["netns", "add", &namespace.0]) && ip(&["-n", &namespace.0, "link", "set", "lo", "up"]);
        made.then_some(namespace)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = std::process::Command::new("ip").args(["netns", "del", &self.0]).output();
    }
}

#[test]
fn a_server_in_a_namespace_is_reached_from_there_only() {
    let test = "a_server_in_a_namespace_is_reached_from_there_only";
    let Some(namespace) = Namespace::new() else {
        println!("SKIPPED: {test}: a network namespace cannot be made here");
        return;
    };
    let options = Options { namespace: Some(namespace.0.clone()), ..Options::default() };
    let Some(server) = started(test, Prosody::start(options)) else { return };
    assert!(TcpStream::connect(server.address()).is_err());
    assert!(inside(Some(&namespace.0), || Ok(features(server.address()))).unwrap().contains("starttls"));
}
