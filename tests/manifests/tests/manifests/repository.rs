//! A copy of the two folders under test.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::objects::Objects;
use crate::tools::{quiet, repository, tool};

/// What came of a rendering.
pub(crate) enum Rendered {
    /// The objects.
    Done(Objects),
    /// What kustomize said.
    Refused(String),
    /// There is no kustomize here; said aloud.
    Skipped,
}

impl Rendered {
    /// The objects; `None` where there is no kustomize. Panics where it refused.
    pub(crate) fn objects(self) -> Option<Objects> {
        match self {
            Self::Done(objects) => Some(objects),
            Self::Refused(message) => panic!("kustomize: {message}"),
            Self::Skipped => None,
        }
    }
}

/// The copy; gone when dropped.
pub(crate) struct Repository(TempDir);

impl Repository {
    pub(crate) fn copy() -> Self {
        let copy = Self(TempDir::new().unwrap());
        for folder in ["cloud-init", "vm-manifests"] {
            copy_tree(&repository().join(folder), &copy.0.path().join(folder));
        }
        copy
    }

    pub(crate) fn read(&self, file: &str) -> String {
        let path = self.path(file);
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// Replaces a text that must be there, and must be there once.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert_eq!(text.matches(from).count(), 1, "{file} has {from:?} once");
        std::fs::write(self.path(file), text.replace(from, to)).unwrap();
    }

    pub(crate) fn render(&self, folder: &str) -> Rendered {
        match self.render_text(folder) {
            Some(Ok(text)) => Rendered::Done(Objects::parse(&text)),
            Some(Err(message)) => Rendered::Refused(message),
            None => Rendered::Skipped,
        }
    }

    /// As kustomize prints it, or what it said; `None` where there is no kustomize.
    pub(crate) fn render_text(&self, folder: &str) -> Option<Result<String, String>> {
        // The same, by itself and inside kubectl.
        let mut command = if let Some(mut command) = quiet("kustomize") {
            command.arg("build");
            command
        } else {
            let mut command = tool("kubectl")?;
            command.arg("kustomize");
            command
        };
        let output = command.arg(self.path(folder)).output().unwrap();
        Some(if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
