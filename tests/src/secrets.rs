//! Looks for secrets where none may be: in every file of a folder and of the folders within, and in all that was said.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
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

/// Fewer bytes than this may be anywhere by chance. Our choice: a PIN has as many digits.
const SHORTEST: usize = 8;

/// However it may be written, no secret is in any file in `folder` or in the folders within, nor in what was `said`, by
/// name.
///
/// # Panics
/// When one is, or is too short to tell; or when there was no file to look at.
pub fn are_nowhere(secrets: &[&[u8]], folder: &Path, said: &[(&str, &str)]) {
    are_nowhere_in(secrets, &[folder], said);
}

/// The same, with several folders; one of them has a file.
///
/// # Panics
/// As [`are_nowhere`].
pub fn are_nowhere_in(secrets: &[&[u8]], folders: &[&Path], said: &[(&str, &str)]) {
    let said = said.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()));
    let written: Vec<_> = folders.iter().flat_map(|folder| files(folder)).map(|path| read(&path)).collect();
    assert!(!written.is_empty(), "no file in {folders:?}");
    let forms: Vec<Vec<u8>> = secrets.iter().flat_map(|secret| forms(secret)).collect();
    for (place, bytes) in said.chain(written) {
        for form in &forms {
            let found = memchr::memmem::find(&bytes, form).is_some();
            assert!(!found, "{place} holds {:?}", String::from_utf8_lossy(form));
        }
    }
}

fn read(path: &Path) -> (String, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (path.display().to_string(), bytes)
}

/// All files in a folder and in the folders within; links are not followed.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let kind = entry.file_type().unwrap_or_else(|error| panic!("{}: {error}", entry.path().display()));
        if kind.is_dir() {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// As it is, as a text in JSON, in hexadecimal digits, as a list of numbers, and in base64.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    assert!(secret.len() >= SHORTEST, "a secret of {} bytes may be anywhere by chance", secret.len());
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = |between: &str| secret.iter().map(u8::to_string).collect::<Vec<_>>().join(between);
    let mut written = vec![hex, numbers(", "), numbers(","), STANDARD_NO_PAD.encode(secret)];
    if let Ok(text) = std::str::from_utf8(secret) {
        written.push(text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    std::iter::once(secret.to_vec()).chain(written.into_iter().map(String::into_bytes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a \"quoted\" horse";

    fn is_found(folder: &Path, said: &str) -> bool {
        std::panic::catch_unwind(|| are_nowhere(&[SECRET], folder, &[("a word", said)])).is_err()
    }

    #[test]
    fn a_secret_is_found_in_each_form_in_words_and_in_a_folder_within() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir_all(folder.path().join("some/where")).expect("a writable folder");
        assert!(is_found(folder.path(), "nothing"), "there is no file");
        let file = folder.path().join("some/where/deep");
        for form in forms(SECRET) {
            let among = [b"before ".as_slice(), form.as_slice(), b" after".as_slice()].concat();
            std::fs::write(&file, among).expect("a writable folder");
            assert!(is_found(folder.path(), "nothing"), "{}", String::from_utf8_lossy(&form));
            std::fs::write(&file, "nothing").expect("a writable folder");
            assert!(!is_found(folder.path(), "nothing"));
            assert!(is_found(folder.path(), &String::from_utf8_lossy(&form)));
        }
        assert!(is_found(folder.path(), &serde_json::to_string(r#"a "quoted" horse"#).expect("JSON")));
        assert!(is_found(folder.path(), &format!("{SECRET:?}")));
    }
}
