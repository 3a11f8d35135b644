//! `cargo xtask demo`: the app with a simulated home and a real XMPP server, all on loopback.

use crate::compile;
use crate::desktop::Desktop;
use crate::stage::{Stages, say};
use crate::tree::{Failure, Tree};
use crate::{apt, setup, ui};

/// The command. With a display the app is shown; without one the whole journey is driven in a virtual one.
pub(crate) fn run(tree: &Tree, headless: bool) -> Result<(), Failure> {
    let display = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some());
    // Only Linux says by its environment that there is no display.
    let headless = headless || (cfg!(target_os = "linux") && !display);
    let mut stages = Stages::default();
    let virtual_display: &[&str] = if headless { &apt::VIRTUAL_DISPLAY } else { &[] };
    stages.run("system packages", || apt::install(tree, &[&apt::BUILD, &apt::SERVER, virtual_display]))?;
    stages.run("UI packages and build", || ui::build(tree))?;
    if headless {
        stages.run("tauri-driver", || setup::driver(tree))?;
    }
    stages.run("build", || compile::programs(tree, &["--workspace"]))?;
    let folder = tree.empty_folder("demo")?;
    if headless {
        let journey = tree.target("debug/journey").display().to_string();
        let pictures = folder.display().to_string();
        let desktop = Desktop::new()?;
        stages.run("the journey", || desktop.run(tree, &[&journey, "--pictures", &pictures]))?;
        stages.summarise();
        say(&format!("\nPictures: {}", folder.display()));
        Ok(())
    } else {
        window::show(tree, &folder)
    }
}

#[cfg(unix)]
mod window {
    use std::fs::File;
    use std::hash::{BuildHasher, Hasher};
    use std::io::{BufRead, BufReader, Read};
    use std::path::Path;
    use std::process::{Child, Stdio};

    use xtask::servers::{Options, Prosody};

    use crate::stage::say;
    use crate::tree::{Failure, Tree, run};

    /// Who signs in. The domain is reserved for tests (RFC 6761).
    const JID: &str = "ada@home.test";

    /// The simulated home; ends with the demo.
    struct Simulator(Child);

    impl Simulator {
        /// Returns when all devices are there; what happens to them goes into `simulator.jsonl`.
        fn start(tree: &Tree, folder: &Path, server: &Prosody) -> Result<Simulator, Failure> {
            let failed = |source| Failure::Start { program: "homeward-simulator".to_owned(), source };
            let mut command = tree.command(&tree.target("debug/homeward-simulator").display().to_string());
            command.args(["--interface", "lo", "--state"]).arg(folder.join("simulator"));
            command.arg("--ca").arg(server.ca_file());
            // Its standard input takes orders, and stays open as long as we do.
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
            let output = child.stdout.take();
            let simulator = Simulator(child);
            let mut output = BufReader::new(output.ok_or_else(|| failed(std::io::ErrorKind::BrokenPipe.into()))?);
            let mut ready = String::new();
            output.read_line(&mut ready).map_err(failed)?;
            if ready.is_empty() {
                return Err(Failure::Missing("homeward-simulator ended before its devices were there".to_owned()));
            }
            let log = folder.join("simulator.jsonl");
            let mut log = File::create(&log).map_err(Failure::file(&log))?;
            // Ends with the simulator's output.
            std::thread::spawn(move || std::io::copy(&mut ready.as_bytes().chain(output), &mut log));
            Ok(simulator)
        }
    }

    impl Drop for Simulator {
        fn drop(&mut self) {
            // It may have ended with us already: Ctrl-C reaches both.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    /// Starts the server and the simulated home, and shows the app until it is closed.
    pub(super) fn show(tree: &Tree, folder: &Path) -> Result<(), Failure> {
        let password = throwaway_password();
        let server = Prosody::start(Options::default().account("ada", &password))?;
        let _simulator = Simulator::start(tree, folder, &server)?;
        say(&format!("\nThe account is filled in; its password, for this demo only: {password}\n"));
        let mut app = tree.command(&tree.target("debug/homeward").display().to_string());
        app.env("HOMEWARD_HOME", folder.join("home")).env("HOMEWARD_INTERFACES", "lo");
        app.env("HOMEWARD_PREFILL_JID", JID).env("HOMEWARD_PREFILL_SERVER", server.address().ip().to_string());
        app.env("HOMEWARD_PREFILL_PORT", server.port().to_string()).env("HOMEWARD_PREFILL_CA", server.ca_file());
        app.env("HOMEWARD_PASSWORD", &password);
        run(&mut app)
    }

    /// Long enough that nobody on this machine guesses it while the demo runs; it guards nothing but simulated devices.
    fn throwaway_password() -> String {
        // The standard library's hash keys come from the system's random numbers.
        let word = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        format!("{:08x}-{:08x}", word() >> 32, word() >> 32)
    }
}

#[cfg(not(unix))]
mod window {
    use std::path::Path;

    use crate::tree::{Failure, Tree};

    pub(super) fn show(_: &Tree, _: &Path) -> Result<(), Failure> {
        Err(Failure::Missing("The demo needs prosody, which is not to be had on this system".to_owned()))
    }
}
