//! The real window, driven through WebDriver: tauri-driver, WebKitWebDriver, the app's own program.
//!
//! Scope: starting and ending it, finding things by their `data-test` names, waiting, pictures, axe-core. Non-scope: what
//! is to be seen. Needs a display; `cargo xtask desktop COMMAND…` brings a virtual one with a bus and a keyring.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{By, Capabilities, WebDriver, WebElement};
use tokio::time::{Instant, sleep};

use crate::peer::PATIENCE;
use crate::{program, workspace};

/// How often the window is looked at while waiting: WebDriver tells nothing by itself.
const LOOK: Duration = Duration::from_millis(25);

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
    bridge: Bridge,
}

/// tauri-driver in a process group of its own: WebKitWebDriver outlives it otherwise.
struct Bridge {
    child: Child,
    output: PathBuf,
    _folder: tempfile::TempDir,
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let group = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = group {
            // It may have ended by itself.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound").port()
}

impl Bridge {
    fn start(port: u16, scheme: Scheme, environment: &[(&str, String)]) -> Bridge {
        use std::os::unix::process::CommandExt;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = folder.path().join("output.txt");
        let file = std::fs::File::create(&output).expect("a writable folder");
        let built = workspace().join("target/tools/bin/tauri-driver");
        let mut command = Command::new(if built.exists() { built } else { PathBuf::from("tauri-driver") });
        command.args(["--port", &port.to_string(), "--native-port", &free_port().to_string()]);
        command.stdin(Stdio::null()).stdout(file.try_clone().expect("a file")).stderr(file).process_group(0);
        command.env("WEBKIT_DISABLE_COMPOSITING_MODE", "1");
        // The system's colour scheme, as WebKitGTK learns it.
        command.env("GTK_THEME", if scheme == Scheme::Dark { "Adwaita:dark" } else { "Adwaita" });
        for name in ["HOMEWARD_HOME", "HOMEWARD_INTERFACES", "HOMEWARD_PASSWORD"] {
            command.env_remove(name);
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().unwrap_or_else(|error| panic!("tauri-driver: {error}; see `cargo xtask setup`"));
        Bridge { child, output, _folder: folder }
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Window {
    /// Opens the app with this environment (`HOMEWARD_HOME` and its kin).
    ///
    /// # Panics
    /// When no window comes; the message has what the drivers said.
    pub async fn open(scheme: Scheme, environment: &[(&str, String)]) -> Window {
        let port = free_port();
        let bridge = Bridge::start(port, scheme, environment);
        let mut wanted = Capabilities::new();
        let application = program("homeward");
        wanted.set("browserName", json!("wry")).expect("JSON");
        wanted.set("tauri:options", json!({ "application": application })).expect("JSON");
        let end = Instant::now() + PATIENCE;
        let driver = loop {
            match WebDriver::new(format!("http://127.0.0.1:{port}"), wanted.clone()).await {
                Ok(driver) => break driver,
                Err(error) if Instant::now() > end => panic!("no window: {error}\n{}", bridge.said()),
                Err(_) => sleep(LOOK).await,
            }
        };
        Window { driver: Some(driver), bridge }
    }

    fn driver(&self) -> &WebDriver {
        self.driver.as_ref().expect("open until it is closed")
    }

    /// Closes the window.
    pub async fn close(mut self) {
        if let Some(driver) = self.driver.take() {
            let _ = driver.quit().await;
        }
    }

    /// Gives the window this size, in pixels.
    pub async fn resize(&self, width: u32, height: u32) {
        let resized = self.driver().set_window_rect(0, 0, width, height).await;
        resized.unwrap_or_else(|error| panic!("the window cannot be resized: {error}"));
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
                    self.bridge.said()
                );
            }
            sleep(LOOK).await;
        }
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
