//! Where things lie.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result};
use serde::Deserialize;
use std::time::Duration;

use crate::process;

/// The checkout and its build directory.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The repository's root.
    pub workspace: PathBuf,
    /// Cargo's target directory.
    pub target: PathBuf,
    /// The cargo that started the lab, else the one on the PATH.
    pub cargo: String,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

impl Paths {
    /// Asks cargo, which knows about `CARGO_TARGET_DIR` and every configuration file.
    pub async fn find() -> Result<Self> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
        let arguments = ["metadata", "--no-deps", "--format-version=1", "--offline"];
        let mut command = process::command(&cargo, &arguments);
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        let text = process::run(command, Duration::from_mins(1)).await?;
        let metadata: Metadata =
            serde_json::from_str(&text).context("cannot read the answer of `cargo metadata`")?;
        Ok(Self { workspace: metadata.workspace_root, target: metadata.target_directory, cargo })
    }

    /// Everything that the lab keeps: `target/lab`.
    #[must_use]
    pub fn lab(&self) -> PathBuf {
        self.target.join("lab")
    }
}

/// Makes a directory and its parents.
pub fn make_directory(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))
}

/// Writes a file, with the directories above it.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    if let Some(parent) = path.parent() {
        make_directory(parent)?;
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))
}

/// Removes a directory beside everything else: with very many files in it, that takes seconds in
/// which one thread would do nothing for any guest. Its name is free at once. What cannot be
/// removed, or is not yet when the run ends, goes with the run's own directory.
pub fn discard(path: &Path) {
    static DISCARDED: AtomicU32 = AtomicU32::new(0);
    let number = DISCARDED.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_extension(format!("discarded-{number}"));
    if std::fs::rename(path, &aside).is_ok() {
        std::thread::spawn(move || std::fs::remove_dir_all(aside));
    }
}
