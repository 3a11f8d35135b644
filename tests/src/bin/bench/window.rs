//! A display whose pixels can be read without asking anybody, and the app on it.
//!
//! Xvfb keeps its screen in a file. Nothing is put into the app, and no driver stands between: what is measured is the
//! program that people start. Non-scope: what is to be seen.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use homeward_tests::held::kib;
use homeward_tests::program;
use homeward_tests::server::PASSWORD;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::ground::{PATIENCE, ms_since};

/// How often the screen is looked at; the figures are that exact.
const LOOK: Duration = Duration::from_millis(2);
/// Each eighth line is looked at: no line of text is less high.
const LINES: u64 = 8;
/// An empty screen, a bare window and a bare page make three colours at most. Edges of letters make many.
const COLOURS_OF_TEXT: usize = 8;

/// A virtual display of our own; ended when dropped.
pub(crate) struct Display {
    number: String,
    screen: Arc<Screen>,
    _server: Child,
    _folder: tempfile::TempDir,
}

impl Display {
    pub(crate) async fn start() -> Display {
        // In memory where that is to be had: a screen on a disk would be written back to it.
        let shared = Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let mut command = Command::new("Xvfb");
        command.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "1280x900x24",
            "-br",
            "-noreset",
            "-nolisten",
            "tcp",
            "-fbdir",
        ]);
        command.arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut server = command.spawn().unwrap_or_else(|error| panic!("Xvfb: {error}; see `cargo xtask setup`"));
        let mut line = String::new();
        let mut output = BufReader::new(server.stdout.take().expect("piped"));
        let told = timeout(PATIENCE, output.read_line(&mut line)).await;
        told.expect("a display in time").expect("Xvfb's output");
        let screen = Screen::open(&folder.path().join("Xvfb_screen0")).unwrap_or_else(|error| panic!("Xvfb: {error}"));
        let number = format!(":{}", line.trim());
        Display { number, screen: Arc::new(screen), _server: server, _folder: folder }
    }

    /// Waits until the screen has so many colours, or fewer again.
    async fn shows(&self, what: &str, fits: impl Fn(usize) -> bool + Send + 'static) {
        let screen = Arc::clone(&self.screen);
        let looking = tokio::task::spawn_blocking(move || {
            let end = Instant::now() + PATIENCE;
            while !fits(screen.colours()) {
                if Instant::now() > end {
                    return false;
                }
                std::thread::sleep(LOOK);
            }
            true
        });
        assert!(looking.await.expect("no panic in there"), "not seen on the display: {what}");
    }
}

/// The X server's screen as a file in the format of `xwd`, which it draws into.
struct Screen {
    file: File,
    pixels: u64,
    line: u64,
    height: u64,
}

impl Screen {
    fn open(path: &Path) -> std::io::Result<Screen> {
        let file = File::open(path)?;
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0)?;
        // X11/XWDFile.h: big-endian words; 12 bytes for each colour of the map.
        let word = |at: usize| u64::from(u32::from_be_bytes([0, 1, 2, 3].map(|byte| header[4 * at + byte])));
        let (size, height, bits, line, colours) = (word(0), word(5), word(11), word(12), word(19));
        assert_eq!(bits, 32, "a screen of another kind");
        Ok(Screen { file, pixels: size + 12 * colours, line, height })
    }

    /// How many colours are on it; more than text makes are not counted.
    fn colours(&self) -> usize {
        let mut seen = HashSet::new();
        let mut line = vec![0; usize::try_from(self.line).unwrap_or_default()];
        for number in (0..self.height).step_by(usize::try_from(LINES).unwrap_or(1)) {
            if self.file.read_exact_at(&mut line, self.pixels + number * self.line).is_err() {
                break;
            }
            let mut before = None;
            for pixel in line.as_chunks::<4>().0 {
                if before != Some(pixel) {
                    seen.insert(*pixel);
                    before = Some(pixel);
                }
            }
            if seen.len() >= COLOURS_OF_TEXT {
                break;
            }
        }
        seen.len()
    }
}

/// A program with a window; ended when dropped.
pub(crate) struct App<'a> {
    display: &'a Display,
    child: Child,
    group: Option<Pid>,
    began: Instant,
}

impl App<'_> {
    /// The app with this folder, and the test account's password.
    pub(crate) fn homeward<'a>(display: &'a Display, folder: &Path) -> App<'a> {
        let mut command = Command::new(program("homeward"));
        command.env("HOMEWARD_HOME", folder).env("HOMEWARD_INTERFACES", "lo").env("HOMEWARD_PASSWORD", PASSWORD);
        App::start(display, command)
    }

    /// A Tauri window with one sentence in it.
    pub(crate) fn empty(display: &Display) -> App<'_> {
        App::start(display, Command::new(program("empty-window")))
    }

    fn start(display: &Display, mut command: Command) -> App<'_> {
        command.env("DISPLAY", &display.number).env("GDK_BACKEND", "x11").env_remove("WAYLAND_DISPLAY");
        command.env("WEBKIT_DISABLE_COMPOSITING_MODE", "1").env("NO_AT_BRIDGE", "1").env("GTK_THEME", "Adwaita");
        command.stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        command.as_std_mut().process_group(0);
        let began = Instant::now();
        let child = command.spawn().unwrap_or_else(|error| panic!("the app: {error}"));
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        App { display, child, group, began }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("the app runs")
    }

    /// Waits until text is on the screen; milliseconds since it was started.
    pub(crate) async fn painted(&self) -> f64 {
        self.display.shows("the app's first words", |colours| colours >= COLOURS_OF_TEXT).await;
        ms_since(self.began)
    }

    /// Ends it, and waits until its window is gone.
    pub(crate) async fn end(mut self) {
        self.signal(Signal::TERM);
        if timeout(Duration::from_secs(10), self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.child.wait().await;
        }
        self.display.shows("an empty screen", |colours| colours <= 1).await;
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group.filter(|_| self.child.id().is_some()) {
            // It may have ended in this very moment.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for App<'_> {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// `VmRSS` of one process.
pub(crate) fn resident_mib(id: u32) -> f64 {
    kib(&format!("/proc/{id}/status"), "VmRSS:") as f64 / 1024.0
}

/// `Pss` of a process and all that descend from it.
pub(crate) fn proportional_mib(id: u32) -> f64 {
    family(id).into_iter().map(|id| kib(&format!("/proc/{id}/smaps_rollup"), "Pss:")).sum::<usize>() as f64 / 1024.0
}

fn family(id: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = ids.filter_map(|id| Some((id, parent(id)?))).collect();
    let mut family = vec![id];
    let mut at = 0;
    while let Some(elder) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == elder).map(|(child, _)| *child));
        at += 1;
    }
    family
}

/// The fourth field of /proc/PID/stat; the second is the name, in brackets, and may hold anything.
fn parent(id: u32) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
