//! The source tree: its places, the programs that are run in it, and how that fails.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a command of ours ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program could not be started.
    #[error("{program}: {source}")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    /// A program ended with something other than success.
    #[error("`{command}` failed ({status})")]
    Ended { command: String, status: ExitStatus },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Something is missing that we cannot or may not install.
    #[error("{0}")]
    Missing(String),
    /// What a check found, one per line.
    #[error("{}", .0.join("\n"))]
    Found(Vec<String>),
    /// Tests failed, or were skipped where none may be.
    #[error("{failed} failed")]
    Tests { failed: usize },
    /// A server did not start.
    #[cfg(unix)]
    #[error(transparent)]
    Server(#[from] xtask::servers::ServerError),
}

impl Failure {
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Failure {
        let path = path.to_owned();
        move |source| Failure::File { path, source }
    }

    /// The exit code to end with: that of the program that failed, where it had one.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Ended { status, .. } => status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
            _ => 1,
        }
    }
}

/// The source tree that this program was built from.
pub(crate) struct Tree {
    root: PathBuf,
    assume_yes: bool,
}

impl Tree {
    pub(crate) fn here(yes: bool) -> Tree {
        // crates/xtask → the root.
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned();
        Tree { root, assume_yes: yes || std::env::var_os("CI").is_some_and(|value| !value.is_empty()) }
    }

    /// Whether to install without asking.
    pub(crate) fn assumes_yes(&self) -> bool {
        self.assume_yes
    }

    /// `path` below the root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// `path` below the build folder.
    pub(crate) fn target(&self, path: &str) -> PathBuf {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from);
        self.root.join(target).join(path)
    }

    /// An empty folder below the build folder.
    pub(crate) fn empty_folder(&self, path: &str) -> Result<PathBuf, Failure> {
        let folder = self.target(path);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Failure::file(&folder)(error)),
            _ => {}
        }
        std::fs::create_dir_all(&folder).map_err(Failure::file(&folder))?;
        Ok(folder)
    }

    /// A program, to be run at the root with our own tools (Node, cargo-deny, tauri-driver) first in its `PATH`.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut folders = vec![self.target("tools/bin"), self.target("tools/node/bin")];
        let path = std::env::var_os("PATH").unwrap_or_default();
        folders.extend(std::env::split_paths(&path));
        let path: OsString = std::env::join_paths(folders).unwrap_or(path);
        // Windows' npm and npx are scripts, which only the shell finds.
        let mut command = if cfg!(windows) && ["npm", "npx"].contains(&program) {
            let mut command = Command::new("cmd");
            command.args(["/c", program]);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(&self.root).env("PATH", path);
        command
    }

    /// Cargo itself, the one that runs us.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let mut command = self.command(&cargo);
        command.args(arguments);
        // Set by `cargo run` for us; another package built with them would differ, and be built twice.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
                command.env_remove(name);
            }
        }
        command
    }
}

/// Runs a program with our own input and output.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start { program: written(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Ended { command: written(command), status }) }
}

/// Runs a program and returns what it wrote to standard output.
pub(crate) fn output_of(command: &mut Command) -> Result<String, Failure> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| Failure::Start { program: written(command), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure::Ended { command: written(command), status: output.status })
    }
}

/// Whether a program can be run and succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

/// The program and its arguments, for a message.
fn written(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
