//! The Python in which the independent peers run: a virtual environment under `target/`, made when it is missing.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace;

/// The interpreter with aiocoap and slixmpp, pinned by `tests/requirements.txt`.
///
/// # Panics
/// When the environment cannot be made; the message has pip's own words.
pub(crate) fn interpreter() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = workspace().join("target/tools/peers");
        fs::create_dir_all(&folder).expect("target/ is writable");
        let lock = File::create(folder.join("lock")).expect("target/ is writable");
        // Other test programs run at the same time.
        lock.lock().expect("a lock on a local file");
        let wanted = workspace().join("tests/requirements.txt");
        let (environment, done) = (folder.join("venv"), folder.join("installed.txt"));
        if fs::read(&done).ok() != fs::read(&wanted).ok() {
            make(&environment, &wanted);
            fs::copy(&wanted, &done).expect("target/ is writable");
        }
        environment.join("bin/python")
    })
}

fn make(environment: &Path, requirements: &Path) {
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(environment));
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"];
    run(Command::new(environment.join("bin/python")).args(pip).arg(requirements));
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}
