//! A loopback interface for each test: devices that answer multicast are heard by everybody on it, also by the next test.
//!
//! As root on Linux each test gets a network namespace of its own, that goes away with the test however it ends.
//! Elsewhere the tests of all programs take turns.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::runtime::{Builder, Runtime};

/// After this a test hangs. Our choice: the slowest takes about one minute.
const DEADLINE: Duration = Duration::from_secs(180);

/// Runs a test on a runtime whose threads, sockets and child processes have the loopback interface to themselves.
///
/// # Panics
/// As the test does.
pub fn alone<T: Send, F: Future<Output = T>>(test: impl FnOnce() -> F + Send) -> T {
    alone_for(DEADLINE, test)
}

/// The same, for what takes longer.
///
/// # Panics
/// As the test does.
pub fn alone_for<T: Send, F: Future<Output = T>>(deadline: Duration, test: impl FnOnce() -> F + Send) -> T {
    let space = new_space().map(Arc::new);
    // Where there is no namespace to be had: one test at a time on the whole machine.
    let turn = if space.is_none() { Some(take_turn()) } else { None };
    let ended = run(space, deadline, test);
    drop(turn);
    ended
}

/// Runs a test in a namespace that was made before.
///
/// # Panics
/// As the test does.
pub fn inside<T: Send, F: Future<Output = T>>(namespace: &str, test: impl FnOnce() -> F + Send) -> T {
    run(Some(Arc::new(named(namespace))), DEADLINE, test)
}

/// A runtime for what lives in another namespace than its test.
///
/// # Panics
/// When there is no such namespace.
pub fn runtime_inside(namespace: &str) -> Runtime {
    let space = named(namespace);
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().on_thread_start(move || enter(Some(&space)));
    builder.build().expect("a runtime")
}

fn named(namespace: &str) -> File {
    File::open(Path::new("/run/netns").join(namespace)).expect("it was made before")
}

fn run<T: Send, F: Future<Output = T>>(
    space: Option<Arc<File>>,
    deadline: Duration,
    test: impl FnOnce() -> F + Send,
) -> T {
    // The test's own name, for the message of a panic.
    let name = std::thread::current().name().unwrap_or("test").to_owned();
    let ended = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name(name)
            .spawn_scoped(scope, || {
                let threads = space.clone();
                enter(threads.as_deref());
                let mut builder = Builder::new_multi_thread();
                builder.enable_all().on_thread_start(move || enter(threads.as_deref()));
                let runtime = builder.build().expect("a runtime");
                let ended = runtime.block_on(async { tokio::time::timeout(deadline, test()).await });
                // What hangs in it must not hang the other tests.
                runtime.shutdown_background();
                ended.unwrap_or_else(|_| panic!("still running after {deadline:?}"))
            })
            .expect("a thread")
            .join()
    });
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

fn enter(space: Option<&File>) {
    if let Some(space) = space {
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).expect("we made it, as root");
    }
}

/// A network with loopback only. It has no name, and lives as long as somebody is in it.
fn new_space() -> Option<File> {
    let script = "ip link set lo up && echo up && exec cat";
    let mut command = Command::new("unshare");
    command.args(["--net", "sh", "-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut keeper = command.spawn().ok()?;
    let mut line = String::new();
    let _ = BufReader::new(keeper.stdout.take()?).read_line(&mut line);
    let space = if line == "up\n" { File::open(format!("/proc/{}/ns/net", keeper.id())).ok() } else { None };
    drop(keeper.stdin.take());
    let _ = keeper.wait();
    space
}

fn take_turn() -> File {
    let path = std::env::temp_dir().join("homeward-tests.turn");
    let mut file = File::options().create(true).truncate(false).write(true).open(path).expect("a temporary file");
    file.lock().expect("a lock on a local file");
    let _ = file.write_all(b"");
    file
}
