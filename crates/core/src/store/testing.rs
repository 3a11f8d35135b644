//! A folder for one test.

use std::path::{Path, PathBuf};

/// An empty folder, removed with all in it when dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("homeward-test-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).expect("the temporary folder can be written");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over is in the system's temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
