//! A copy of the two folders under test.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::objects::Objects;

/// The same kustomize, by itself and inside kubectl.
const RENDERERS: &[&[&str]] = &[&["kustomize", "build"], &["kubectl", "kustomize"]];

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
        // This package lies two folders deep in the repository.
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for folder in ["cloud-init", "vm-manifests"] {
            copy_tree(&original.join(folder), &copy.0.path().join(folder));
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
        for renderer in RENDERERS {
            let mut command = Command::new(renderer[0]);
            command.args(&renderer[1..]).arg(self.path(folder));
            let output = match command.output() {
                Ok(output) => output,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => panic!("{}: {error}", renderer[0]),
            };
            if !output.status.success() {
                return Rendered::Refused(String::from_utf8_lossy(&output.stderr).into_owned());
            }
            return Rendered::Done(Objects::parse(&String::from_utf8(output.stdout).unwrap()));
        }
        eprintln!("skipped: neither kustomize nor kubectl is in PATH");
        Rendered::Skipped
    }

    fn path(&self, relative: &str) -> PathBuf {
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
