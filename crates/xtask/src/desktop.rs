//! A virtual desktop: a display, a session bus and an unlocked keyring that are nobody's.

use std::path::PathBuf;
use std::process::Command;

use crate::tree::{Failure, Tree, run as run_command};
use crate::{apt, setup};

/// Puts our output aside and sends that of everything else on the desktop into a file: `sh -c … sh FILE COMMAND…`.
const QUIETLY: &str = "log=$1; shift; exec 3>&1 4>&2 > \"$log\" 2>&1; exec \"$@\"";

/// What runs on the session bus.
const SESSION: &str = include_str!("desktop-session.sh");

/// Each program of the chain ends when the one that started it does, so that nothing is left behind by a kill.
const WITH_ITS_PARENT: [&str; 3] = ["setpriv", "--pdeathsig", "TERM"];

/// `cargo xtask desktop COMMAND…`
pub(crate) fn run(tree: &Tree, command: &[String]) -> Result<(), Failure> {
    apt::install(tree, &[&apt::VIRTUAL_DISPLAY])?;
    setup::driver(tree)?;
    let words = command.iter().map(String::as_str).collect::<Vec<_>>();
    Desktop::new()?.run(tree, &words)
}

/// The folders of one virtual desktop; removed on drop.
pub(crate) struct Desktop {
    folder: PathBuf,
}

impl Desktop {
    pub(crate) fn new() -> Result<Desktop, Failure> {
        // Short, because sockets go below it, whose paths may have 107 bytes.
        let folder = std::env::temp_dir().join(format!("homeward-desktop-{}", std::process::id()));
        let desktop = Desktop { folder };
        for name in ["", "run", "data", "config", "cache"] {
            let path = desktop.folder.join(name);
            std::fs::create_dir_all(&path).map_err(Failure::file(&path))?;
            only_ours(&path)?;
        }
        Ok(desktop)
    }

    /// Runs `words` on this desktop, with our own input and output.
    pub(crate) fn run(&self, tree: &Tree, words: &[&str]) -> Result<(), Failure> {
        run_command(&mut self.command(tree, words)).map_err(|failure| match failure {
            // Not all that it takes to make a desktop.
            Failure::Ended { status, .. } => Failure::Ended { command: words.join(" "), status },
            other => other,
        })
    }

    /// The command that runs `words` on this desktop. Its exit code is that of `words`.
    pub(crate) fn command(&self, tree: &Tree, words: &[&str]) -> Command {
        let [program, flags @ ..] = WITH_ITS_PARENT;
        let mut command = tree.command(program);
        command.args(flags).args(["sh", "-c", QUIETLY, "sh"]).arg(tree.target("desktop.log"));
        command.args(["xvfb-run", "-a", "-s", "-screen 0 1280x900x24"]);
        command.args(WITH_ITS_PARENT).args(["dbus-run-session", "--"]);
        command.args(WITH_ITS_PARENT).args(["sh", "-c", SESSION, "sh"]).args(words);
        command.env("XDG_RUNTIME_DIR", self.folder.join("run"));
        command.env("XDG_DATA_HOME", self.folder.join("data"));
        command.env("XDG_CONFIG_HOME", self.folder.join("config"));
        command.env("XDG_CACHE_HOME", self.folder.join("cache"));
        // Accelerated drawing has no graphics card to draw on here.
        command.env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        command.env("GDK_BACKEND", "x11").env("NO_AT_BRIDGE", "1");
        command.env_remove("WAYLAND_DISPLAY").env_remove("DBUS_SESSION_BUS_ADDRESS");
        command
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // What cannot be removed stays for the system to clean up.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[cfg(unix)]
fn only_ours(path: &std::path::Path) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(Failure::file(path))
}

#[cfg(not(unix))]
fn only_ours(_: &std::path::Path) -> Result<(), Failure> {
    Err(Failure::Missing("The virtual display needs Linux".to_owned()))
}
