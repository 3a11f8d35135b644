//! The system's packages: which are missing, and installing them on Debian and its kin.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::Stdio;

use crate::stage::say;
use crate::tree::{Failure, Tree, output_of};

/// To build what is C or C++.
pub(crate) const COMPILER: [&str; 1] = ["build-essential"];
/// To build the window.
pub(crate) const BUILD: [&str; 5] =
    ["build-essential", "pkg-config", "libwebkit2gtk-4.1-dev", "libdbus-1-dev", "libssl-dev"];
/// The server of the demo.
pub(crate) const SERVER: [&str; 1] = ["prosody"];
/// To drive the window without a display.
pub(crate) const VIRTUAL_DISPLAY: [&str; 8] =
    ["webkit2gtk-driver", "xvfb", "xauth", "dbus", "dbus-x11", "gnome-keyring", "libglib2.0-bin", "fonts-dejavu-core"];
/// The rest of what the tests use.
pub(crate) const TESTS: [&str; 3] = ["ejabberd", "python3-venv", "iproute2"];

/// Installs packages so that no daemon of theirs starts, now or at the next start of the machine.
const SCRIPT: &str = include_str!("install-packages.sh");

/// Sees to it that the packages are there; asks before it installs, unless told not to.
pub(crate) fn install(tree: &Tree, packages: &[&[&str]]) -> Result<(), Failure> {
    let packages = packages.concat();
    if !cfg!(target_os = "linux") {
        // Elsewhere the window's parts come with the system or its developer tools.
        return Ok(());
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return found_elsewhere(tree, &packages);
    }
    let missing = missing(tree, &packages)?;
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("These packages are missing: {}", missing.join(" ")));
    if !tree.assumes_yes() && !agreed()? {
        return Err(Failure::Missing(format!("Install them, then try again: apt-get install {}", missing.join(" "))));
    }
    let root = output_of(tree.command("id").arg("-u"))?.trim() == "0";
    let mut command = tree.command(if root { "sh" } else { "sudo" });
    if !root {
        command.arg("sh");
    }
    let mut child = command
        .args(["-s", "--"])
        .args(&missing)
        .stdin(Stdio::piped())
        .spawn()
        .map_err(|source| Failure::Start { program: "sh".to_owned(), source })?;
    if let Some(mut input) = child.stdin.take() {
        // A shell that ended early says so by its exit code.
        let _ = input.write_all(SCRIPT.as_bytes());
    }
    let status = child.wait().map_err(|source| Failure::Start { program: "sh".to_owned(), source })?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::Ended { command: format!("apt-get install {}", missing.join(" ")), status })
    }
}

fn missing<'a>(tree: &Tree, packages: &[&'a str]) -> Result<Vec<&'a str>, Failure> {
    // Ends with 1 if one is unknown; what it knows is on standard output all the same.
    let output = tree
        .command("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(packages)
        .stderr(Stdio::null())
        .output()
        .map_err(|source| Failure::Start { program: "dpkg-query".to_owned(), source })?;
    let known = String::from_utf8_lossy(&output.stdout).into_owned();
    let installed = |package: &str| known.lines().any(|line| line == format!("{package} installed"));
    Ok(packages.iter().copied().filter(|package| !installed(package)).collect())
}

fn agreed() -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    say("Install them now? Their daemons will not be started. [Y/n]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(Failure::file(Path::new("standard input")))?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes"))
}

/// On another Linux: looks for what the packages bring, and names what is not there.
fn found_elsewhere(tree: &Tree, packages: &[&str]) -> Result<(), Failure> {
    let there = |package: &str| match package {
        "build-essential" => run_quietly(tree, "cc", &["--version"]),
        "libwebkit2gtk-4.1-dev" => run_quietly(tree, "pkg-config", &["--exists", "webkit2gtk-4.1"]),
        "libdbus-1-dev" => run_quietly(tree, "pkg-config", &["--exists", "dbus-1"]),
        "libssl-dev" => run_quietly(tree, "pkg-config", &["--exists", "openssl"]),
        "pkg-config" => run_quietly(tree, "pkg-config", &["--version"]),
        "webkit2gtk-driver" => on_path("WebKitWebDriver"),
        "xvfb" => on_path("xvfb-run"),
        "dbus" => on_path("dbus-run-session"),
        "gnome-keyring" => on_path("gnome-keyring-daemon"),
        "libglib2.0-bin" => on_path("gdbus"),
        "ejabberd" => on_path("ejabberdctl"),
        "python3-venv" => run_quietly(tree, "python3", &["-c", "import venv, ensurepip"]),
        "iproute2" => on_path("ip"),
        // Bring no program of their own that is asked for by name.
        "dbus-x11" | "fonts-dejavu-core" => true,
        program => on_path(program),
    };
    let missing = packages.iter().copied().filter(|package| !there(package)).collect::<Vec<_>>();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "Please install what this system calls the following packages of Debian's, then try again: {}",
        missing.join(" ")
    )))
}

fn run_quietly(tree: &Tree, program: &str, arguments: &[&str]) -> bool {
    crate::tree::succeeds(tree.command(program).args(arguments))
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file())
}
