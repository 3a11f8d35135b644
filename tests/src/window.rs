//! The real window, driven through WebDriver: tauri-driver, WebKitWebDriver, the app's own program.
//!
//! Scope: starting and ending it, finding things by their `data-test` names, waiting, pictures, axe-core, looking for
//! secrets in what it left behind. Non-scope: what is to be seen. Needs a display: `cargo xtask desktop COMMAND…`
//! brings a virtual one. Each window has a session bus and a keyring to itself, because on one bus there is one app,
//! and it remembers passwords.

use std::fs::DirEntry;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, Capabilities, Key, TimeoutConfiguration, WebDriver, WebElement};
use tokio::time::{Instant, sleep, timeout_at};

use crate::peer::PATIENCE;
use crate::{program, secrets, workspace};

/// How often the window is looked at while waiting: WebDriver tells nothing by itself.
const LOOK: Duration = Duration::from_millis(25);

/// How much of the end of the log a failure shows, in bytes.
const SHOWN: usize = 16 * 1024;

/// Unlocks the keyring of a person who has just logged in, then becomes the command.
const LOG_IN: &str =
    "printf throwaway | gnome-keyring-daemon --unlock --components=secrets > /dev/null 2>&1; exec \"$@\"";

/// Width and height of the window, in pixels: as it opens, and small.
pub const SIZES: [(u32, u32); 2] = [(1280, 860), (900, 640)];

/// Light or dark, as the system would say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Scheme {
    /// Both.
    pub const BOTH: [Scheme; 2] = [Scheme::Light, Scheme::Dark];

    /// For file names.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

/// The app in its window; ends when dropped.
pub struct Window {
    driver: Option<WebDriver>,
    bridge: Option<Bridge>,
}

/// The session: a bus, a keyring, tauri-driver, and all that it starts, in one process group: WebKitWebDriver outlives
/// tauri-driver otherwise.
struct Bridge {
    child: Child,
    /// What the app logs, and what the drivers say; of all starts at this desk.
    output: PathBuf,
    /// The app's state.
    home: Option<PathBuf>,
    /// What else the app and the web engine write: profile, keyring, settings.
    folders: [PathBuf; 2],
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let Some(group) = self.group() else { return };
        // It may have ended by itself.
        let _ = kill_process_group(group, Signal::TERM);
        let _ = self.child.wait();
        // The app has to be gone before another takes its place; nothing tells when a whole group has ended.
        let end = std::time::Instant::now() + Duration::from_secs(3);
        while test_kill_process_group(group).is_ok() {
            if std::time::Instant::now() > end {
                let _ = kill_process_group(group, Signal::KILL);
                return;
            }
            std::thread::sleep(LOOK);
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound").port()
}

impl Bridge {
    fn start(port: u16, scheme: Scheme, desk: &Path, environment: &[(&str, String)]) -> Bridge {
        use std::os::unix::fs::DirBuilderExt;
        use std::os::unix::process::CommandExt;
        // Ends with us, also where we are killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--", "dbus-run-session", "--", "sh", "-c", LOG_IN, "sh"]);
        for (name, folder) in [("XDG_RUNTIME_DIR", "run"), ("XDG_DATA_HOME", "data"), ("XDG_CONFIG_HOME", "config")] {
            let folder = desk.join(folder);
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
            made.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
            command.env(name, folder);
        }
        let output = desk.join("output.txt");
        let file = std::fs::File::options().create(true).append(true).open(&output).expect("a writable folder");
        let built = workspace().join("target/tools/bin/tauri-driver");
        command.arg(if built.exists() { built } else { PathBuf::from("tauri-driver") });
        command.args(["--port", &port.to_string(), "--native-port", &free_port().to_string()]);
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file).process_group(0);
        // Without compositing WebKitGTK 2.4x never answers a request for a picture.
        command.env_remove("WEBKIT_DISABLE_COMPOSITING_MODE");
        // The system's colour scheme, as WebKitGTK learns it.
        command.env("GTK_THEME", if scheme == Scheme::Dark { "Adwaita:dark" } else { "Adwaita" });
        for name in ["HOMEWARD_HOME", "HOMEWARD_INTERFACES", "HOMEWARD_PASSWORD"] {
            command.env_remove(name);
        }
        // All that it could ever log: no secret may be in it.
        command.env("HOMEWARD_LOG", "trace");
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().unwrap_or_else(|error| panic!("tauri-driver: {error}; see `cargo xtask setup`"));
        let home = environment.iter().find(|(name, _)| *name == "HOMEWARD_HOME").map(|(_, home)| PathBuf::from(home));
        Bridge { child, output, home, folders: [desk.join("data"), desk.join("config")] }
    }

    /// The end of what was said.
    fn said(&self) -> String {
        let said = std::fs::read(&self.output).unwrap_or_default();
        String::from_utf8_lossy(&said[said.len().saturating_sub(SHOWN)..]).into_owned()
    }

    fn group(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// The command lines of all that it started and that still runs, the app and the web engine among them.
    fn command_lines(&self) -> String {
        let group = self.child.id().to_string();
        // One that has ended meanwhile has none any more.
        let line = |process: DirEntry| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // After the name, which may hold anything: state, parent, group (proc(5)).
            let ours = stat.rsplit_once(')')?.1.split_whitespace().nth(2) == Some(group.as_str());
            let line = ours.then(|| std::fs::read(process.path().join("cmdline")).ok())??;
            Some(String::from_utf8_lossy(&line).replace('\0', " "))
        };
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
        processes.filter_map(line).collect::<Vec<_>>().join("\n")
    }
}

impl Window {
    /// Opens the app for a person whose keyring is in the folder `desk`, with this environment (`HOMEWARD_HOME` and its
    /// kin).
    ///
    /// # Panics
    /// When no window comes; the message has what the drivers said.
    pub async fn open(scheme: Scheme, desk: &Path, environment: &[(&str, String)]) -> Window {
        let port = free_port();
        let bridge = Bridge::start(port, scheme, desk, environment);
        let mut wanted = Capabilities::new();
        let application = program("homeward");
        wanted.set("browserName", json!("wry")).expect("JSON");
        wanted.set("tauri:options", json!({ "application": application })).expect("JSON");
        let end = Instant::now() + PATIENCE;
        let driver = loop {
            let asked = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted.clone());
            match timeout_at(end, asked).await {
                Ok(Ok(driver)) => break driver,
                Ok(Err(_)) if Instant::now() < end => sleep(LOOK).await,
                failed => panic!("no window: {:?}\n{}", failed.map(drop), bridge.said()),
            }
        };
        let window = Window { driver: Some(driver), bridge: Some(bridge) };
        let limits = TimeoutConfiguration::new(Some(PATIENCE), Some(PATIENCE), None);
        let limited = window.driver().update_timeouts(limits).await;
        limited.unwrap_or_else(|error| panic!("the window takes no limits: {error}"));
        window
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("open until it is closed")
    }

    /// Closes the window.
    pub async fn close(mut self) {
        self.quits().await;
    }

    /// Ends the app; what follows needs another window.
    pub async fn quits(&mut self) {
        if let Some(driver) = self.driver.take() {
            // It may have gone by itself.
            let _ = driver.quit().await;
        }
        if let Some(bridge) = self.bridge.take() {
            tokio::task::block_in_place(|| drop(bridge));
        }
    }

    /// Ends the app. None of these secrets is in any file that it or the web engine wrote, in its log, or in a command
    /// line of its session.
    ///
    /// # Panics
    /// When one is; or when there was nothing to look at: no file of the app's state or of its desk, no command line of
    /// the app, or no log of it.
    pub async fn quits_without_a_trace_of(&mut self, secrets: &[&[u8]]) {
        let bridge = self.bridge.as_ref().expect("open until it is closed");
        let (output, home, folders) = (bridge.output.clone(), bridge.home.clone(), bridge.folders.clone());
        let commands = bridge.command_lines();
        self.quits().await;
        let app = format!("{} ", program("homeward").display());
        assert!(commands.lines().any(|line| line.starts_with(&app)), "the app is not among:\n{commands}");
        let log = std::fs::read(&output).unwrap_or_else(|error| panic!("{}: {error}", output.display()));
        let log = String::from_utf8_lossy(&log);
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the app logged nothing:\n{log}");
        let said = [("the log", &*log), ("the command lines", &*commands)];
        secrets::are_nowhere(secrets, &home.expect("a home of its own"), &said);
        secrets::are_nowhere_in(secrets, &folders.each_ref().map(PathBuf::as_path), &[]);
    }

    /// Gives the window this size, in pixels, and waits until its content has it.
    pub async fn resize(&self, width: u32, height: u32) {
        let resized = self.driver().set_window_rect(0, 0, width, height).await;
        resized.unwrap_or_else(|error| panic!("the window cannot be resized: {error}"));
        self.until(&format!("a content of {width}x{height}"), async || {
            (self.size().await == (width, height)).then_some(())
        })
        .await;
    }

    /// The size of what is shown in the window, in pixels.
    pub async fn size(&self) -> (u32, u32) {
        let asked = self.driver().execute("return [innerWidth, innerHeight]", vec![]).await;
        let size = asked.unwrap_or_else(|error| panic!("the window does not tell its size: {error}"));
        serde_json::from_value(size.json().clone()).unwrap_or_else(|error| panic!("{:?}: {error}", size.json()))
    }

    async fn find(&self, selector: &str) -> WebDriverResult<Option<WebElement>> {
        Ok(self.driver().find_all(By::Css(selector)).await?.into_iter().next())
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if Instant::now() > end {
                panic!(
                    "not seen in the window: {what}\n--- text:\n{}\n--- drivers:\n{}",
                    self.words().await,
                    self.drivers_said()
                );
            }
            sleep(LOOK).await;
        }
    }

    fn drivers_said(&self) -> String {
        self.bridge.as_ref().map(Bridge::said).unwrap_or_default()
    }

    /// All text in the window.
    pub async fn words(&self) -> String {
        let text = self.driver().execute("return document.body ? document.body.innerText : ''", vec![]).await;
        text.ok().and_then(|text| text.json().as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits for the element with this `data-test` name.
    pub async fn sees(&self, test: &str) -> WebElement {
        self.sees_css(&named(test)).await
    }

    /// Waits for an element by a selector.
    pub async fn sees_css(&self, selector: &str) -> WebElement {
        self.until(selector, async || match self.find(selector).await {
            Ok(Some(element)) if element.is_displayed().await.unwrap_or(false) => Some(element),
            _ => None,
        })
        .await
    }

    /// Whether such an element is there now.
    pub async fn has(&self, test: &str) -> bool {
        matches!(self.find(&named(test)).await, Ok(Some(_)))
    }

    /// Whether such an element comes within a few seconds; for what may or may not be there.
    pub async fn has_within(&self, test: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end {
            if self.has(test).await {
                return true;
            }
            sleep(LOOK).await;
        }
        false
    }

    /// Waits until it is gone.
    pub async fn loses(&self, test: &str) {
        self.until(&format!("the end of {test}"), async || (!self.has(test).await).then_some(())).await;
    }

    /// Waits until the text of this element `fits`.
    pub async fn reads(&self, test: &str, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let selector = named(test);
        self.until(&format!("{test}: {what}"), async || {
            let text = self.find(&selector).await.ok()??.text().await.ok()?;
            fits(&text).then_some(text)
        })
        .await
    }

    /// Waits until none of the elements under this selector that are on screen says these words.
    pub async fn says_no_more(&self, selector: &str, words: &str) {
        let script = "const shown = (element) => {
                const place = element.getBoundingClientRect();
                return place.bottom > 0 && place.top < innerHeight;
            };
            const saying = (element) => element.innerText.toLowerCase().includes(arguments[1]);
            return [...document.querySelectorAll(arguments[0])].filter(shown).some(saying);";
        self.until(&format!("{selector} without: {words}"), async || {
            let asked = self.driver().execute(script, vec![json!(selector), json!(words.to_lowercase())]).await;
            (asked.ok()?.json() == &json!(false)).then_some(())
        })
        .await;
    }

    /// Scrolls what lies under this selector on by most of its height. False: it was at its end.
    pub async fn scrolls_on(&self, selector: &str) -> bool {
        let script = "const scrolled = document.querySelector(arguments[0]);
            const before = scrolled.scrollTop;
            scrolled.scrollTop += Math.round(scrolled.clientHeight * 0.95);
            return scrolled.scrollTop > before + 8;";
        let scrolled = self.driver().execute(script, vec![json!(selector)]).await;
        scrolled.is_ok_and(|scrolled| scrolled.json() == &json!(true))
    }

    /// Waits until an attribute of this element is as wanted.
    pub async fn attribute(&self, test: &str, name: &str, wanted: &str) {
        let selector = named(test);
        self.until(&format!("{test} with {name}={wanted}"), async || {
            let found = self.find(&selector).await.ok()??.attr(name).await.ok()??;
            (found == wanted).then_some(())
        })
        .await;
    }

    /// Waits until it can be clicked, and clicks it.
    pub async fn clicks(&self, test: &str) {
        self.clicks_css(&named(test)).await;
    }

    /// The same, by a selector.
    pub async fn clicks_css(&self, selector: &str) {
        self.until(&format!("{selector} to click"), async || {
            let element = self.find(selector).await.ok()??;
            (element.is_enabled().await.ok()? && element.click().await.is_ok()).then_some(())
        })
        .await;
    }

    /// Writes into a field, in place of what stands there.
    pub async fn writes(&self, test: &str, text: &str) {
        let field = self.sees(test).await;
        let cleared = field.clear().await;
        cleared.unwrap_or_else(|error| panic!("{test} cannot be cleared: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{test} cannot be written: {error}"));
    }

    /// Goes to another address within the app.
    pub async fn goes_to(&self, hash: &str) {
        let gone = self.driver().execute("location.hash = arguments[0]", vec![json!(hash)]).await;
        gone.unwrap_or_else(|error| panic!("{hash}: {error}"));
    }

    /// Runs a script in the window.
    pub async fn runs(&self, script: &str) {
        let ran = self.driver().execute(script, vec![]).await;
        ran.unwrap_or_else(|error| panic!("{script}: {error}"));
    }

    /// Presses Esc wherever the focus is.
    pub async fn presses_escape(&self) {
        let focused = self.driver().active_element().await;
        let pressed = focused.unwrap_or_else(|error| panic!("no focus: {error}")).send_keys(Key::Escape + "").await;
        pressed.unwrap_or_else(|error| panic!("Esc: {error}"));
    }

    /// Saves a picture of the window as it is now.
    pub async fn picture(&self, file: &Path) {
        // Two frames and a little: the picture may else be of the frame before.
        let settle = "const done = arguments[arguments.length - 1];
            requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)));";
        let settled = self.driver().execute_async(settle, vec![]).await;
        settled.unwrap_or_else(|error| panic!("the window draws nothing: {error}"));
        let taken = self.driver().screenshot(file).await;
        taken.unwrap_or_else(|error| panic!("no picture: {error}"));
    }

    /// Runs axe-core over the whole window; each violation in a line or more, with the elements that it is about.
    pub async fn violations(&self) -> Vec<String> {
        let source = workspace().join("ui/node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(&source).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
        // Its text goes before ours, in one script: the page's own policy allows neither script elements nor `eval`.
        let run = format!(
            "{source};
            const done = arguments[arguments.length - 1];
            // What still fades in is not what a person reads.
            for (const animation of document.getAnimations()) {{ try {{ animation.finish(); }} catch {{ /* endless */ }} }}
            window.axe.run(document, {{ resultTypes: ['violations'] }})
                .then((result) => done({{ violations: result.violations }}), (error) => done({{ error: String(error) }}));"
        );
        let result = self.driver().execute_async(run, vec![]).await;
        let result = result.unwrap_or_else(|error| panic!("axe-core does not run: {error}"));
        let result: &Value = result.json();
        assert!(result.get("error").is_none(), "axe-core: {result}");
        let lines = |violation: &Value| {
            let nodes = violation["nodes"].as_array().into_iter().flatten();
            let nodes: Vec<_> = nodes.map(|node| format!("  {} {}", node["html"], node["failureSummary"])).collect();
            format!("{}: {}\n{}", violation["id"], violation["help"], nodes.join("\n"))
        };
        result["violations"].as_array().into_iter().flatten().map(lines).collect()
    }

    /// Whether the window itself believes in this scheme.
    pub async fn is_in(&self, scheme: Scheme) -> bool {
        let asked = format!("return matchMedia('(prefers-color-scheme: {})').matches", scheme.name());
        self.driver().execute(asked, vec![]).await.is_ok_and(|answer| answer.json() == &json!(true))
    }
}

fn named(test: &str) -> String {
    format!("[data-test={}]", Value::from(test))
}
