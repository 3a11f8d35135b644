//! Looks for secrets where none may be: in every file of the state folder, and in all that was said.

use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homeward_core::Home;

/// All events of a home, as its readers get them, from a moment on.
pub struct Told {
    text: Arc<Mutex<String>>,
    listening: tokio::task::JoinHandle<()>,
}

impl Told {
    /// Begins to listen.
    pub fn by(home: &Home) -> Told {
        let text = Arc::new(Mutex::new(String::new()));
        let (told, mut events) = (Arc::clone(&text), home.subscribe());
        let listening = tokio::spawn(async move {
            while let Some(batch) = events.next().await {
                let batch = batch.expect("a reader that keeps up");
                let json = serde_json::to_string(&batch).expect("events are JSON");
                told.lock().expect("nobody panics while holding it").push_str(&json);
            }
        });
        Told { text, listening }
    }

    /// What has been told so far.
    ///
    /// # Panics
    /// When that is nothing.
    pub fn so_far(&self) -> String {
        let text = self.text.lock().expect("nobody panics while holding it").clone();
        assert!(!text.is_empty(), "nothing was told");
        text
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Raw, in hexadecimal digits, and in base64, no secret is in any file directly in `folder`, nor in what was `said`, by name.
///
/// # Panics
/// When one is; or when there was no file to look at.
pub fn are_nowhere(secrets: &[&[u8]], folder: &Path, said: &[(&str, &str)]) {
    let mut places: Vec<(String, Vec<u8>)> =
        said.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    let files = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let before = places.len();
    for path in files.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        places.push((path.display().to_string(), bytes));
    }
    assert!(places.len() > before, "no file in {}", folder.display());
    let hex = |secret: &[u8]| secret.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let forms = |secret: &&[u8]| [secret.to_vec(), hex(secret).into_bytes(), STANDARD.encode(secret).into_bytes()];
    let forms: Vec<Vec<u8>> = secrets.iter().flat_map(forms).collect();
    for (place, bytes) in &places {
        for form in &forms {
            let found = bytes.windows(form.len()).any(|window| window == form);
            assert!(!found, "{place} holds {:?}", String::from_utf8_lossy(form));
        }
    }
}
