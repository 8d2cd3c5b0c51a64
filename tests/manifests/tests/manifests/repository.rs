//! A copy of the two folders under test.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

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

    /// What `look` sees while a text is another, as with [`Self::replace`].
    pub(crate) fn broken<T>(
        &self,
        (file, from, to): (&str, &str, &str),
        look: impl FnOnce() -> T,
    ) -> T {
        let before = self.read(file);
        self.replace(file, from, to);
        let seen = look();
        std::fs::write(self.path(file), before).unwrap();
        seen
    }

    pub(crate) fn render(&self, folder: &str) -> Rendered {
        match self.render_text(folder) {
            Some(Ok(text)) => Rendered::Done(Objects::parse(&text)),
            Some(Err(message)) => Rendered::Refused(message),
            None => Rendered::Skipped,
        }
    }

    /// As kustomize prints it, or what it said; `None` where there is no kustomize. What it makes
    /// hangs on nothing but the files, so the same files are rendered once.
    pub(crate) fn render_text(&self, folder: &str) -> Option<Result<String, String>> {
        type Rendered = BTreeMap<(String, u64), Result<String, String>>;
        static RENDERED: Mutex<Rendered> = Mutex::new(BTreeMap::new());
        let key = (folder.to_owned(), self.fingerprint());
        if let Some(known) = RENDERED.lock().unwrap().get(&key) {
            return Some(known.clone());
        }
        let rendered = self.kustomize(folder)?;
        RENDERED.lock().unwrap().insert(key, rendered.clone());
        Some(rendered)
    }

    /// Of all names and contents.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        hash_tree(self.0.path(), &mut hasher);
        hasher.finish()
    }

    fn kustomize(&self, folder: &str) -> Option<Result<String, String>> {
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
            // kubectl quotes what it is told.
            Err(String::from_utf8_lossy(&output.stderr).replace("\\\"", "\""))
        })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.0.path().join(relative)
    }
}

fn hash_tree(folder: &Path, hasher: &mut DefaultHasher) {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = entries.collect();
    paths.sort_unstable();
    for path in paths {
        path.file_name().hash(hasher);
        if path.is_dir() {
            hash_tree(&path, hasher);
        } else {
            std::fs::read(&path).unwrap().hash(hasher);
        }
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
