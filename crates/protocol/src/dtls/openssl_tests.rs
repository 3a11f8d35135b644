//! Whole handshakes and data against OpenSSL, in both roles, by the suite that it has in common with us: all is the same
//! but for the MAC's hash and the suite's number.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "a test against another program")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

const CIPHER: &str = "AECDH-AES128-SHA:@SECLEVEL=0";

fn random() -> Random {
    let mut source = std::fs::File::open("/dev/urandom").expect("a system with random numbers");
    Box::new(move |buffer| source.read_exact(buffer).expect("random numbers"))
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn openssl(arguments: &[&str]) -> Running {
    let mut command = Command::new("openssl");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    Running(command.spawn().expect("the openssl program"))
}

/// Drives one end over a socket until `done`.
fn drive(end: &mut Anonymous, socket: &UdpSocket, began: Instant, mut done: impl FnMut(&Output) -> bool) {
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 4096];
    while began.elapsed() < Duration::from_secs(20) {
        while let Some(output) = end.poll() {
            if let Output::Transmit(datagram) = &output {
                // It may not have begun to listen.
                let _ = socket.send(datagram);
            }
            if done(&output) {
                return;
            }
        }
        match socket.recv(&mut buffer) {
            Ok(length) => end.handle(&buffer[..length], began.elapsed()),
            Err(_) => end.handle_timeout(began.elapsed()),
        }
    }
    panic!("not within 20 seconds");
}

#[test]
fn openssl_as_the_server_understands_us_and_we_it() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut server = openssl(&["s_server", "-dtls1_2", "-nocert", "-cipher", CIPHER, "-accept", &port, "-quiet"]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(format!("127.0.0.1:{port}")).unwrap();
    let began = Instant::now();
    let mut client = Anonymous::offering(vec![Suite::Standard], random(), Duration::ZERO);
    drive(&mut client, &socket, began, |output| matches!(output, Output::Established));
    client.send(b"from us\n").unwrap();
    server.0.stdin.as_mut().unwrap().write_all(b"from openssl\n").unwrap();
    let mut heard = Vec::new();
    drive(&mut client, &socket, began, |output| {
        if let Output::Received(plain) = output {
            heard.extend_from_slice(plain);
        }
        heard.ends_with(b"\n")
    });
    assert_eq!(heard, b"from openssl\n");
    let mut line = String::new();
    BufReader::new(server.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "from us\n");
    client.close();
    drive(&mut client, &socket, began, |output| matches!(output, Output::Closed(Closed::ByUs)));
}

#[test]
fn openssl_as_the_client_understands_us_and_its_goodbye_is_heard() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = socket.local_addr().unwrap().to_string();
    let mut other = openssl(&["s_client", "-dtls1_2", "-cipher", CIPHER, "-legacy_server_connect", "-connect", &at]);
    let mut buffer = [0; 4096];
    let (length, peer) = socket.recv_from(&mut buffer).unwrap();
    socket.connect(peer).unwrap();
    let began = Instant::now();
    let mut server = Anonymous::server(Suite::Standard, random(), Duration::ZERO);
    server.handle(&buffer[..length], began.elapsed());
    drive(&mut server, &socket, began, |output| matches!(output, Output::Established));
    server.send(b"from us\n").unwrap();
    other.0.stdin.as_mut().unwrap().write_all(b"from openssl\n").unwrap();
    let mut heard = Vec::new();
    drive(&mut server, &socket, began, |output| {
        if let Output::Received(plain) = output {
            heard.extend_from_slice(plain);
        }
        heard.ends_with(b"\n")
    });
    assert_eq!(heard, b"from openssl\n");
    let mut line = String::new();
    let mut said = BufReader::new(other.0.stdout.as_mut().unwrap());
    while line != "from us\n" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it said something else");
    }
    // Its own command for the end.
    other.0.stdin.as_mut().unwrap().write_all(b"Q\n").unwrap();
    drive(&mut server, &socket, began, |output| matches!(output, Output::Closed(Closed::ByPeer)));
}
