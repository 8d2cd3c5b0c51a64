//! Models on disk, laid out as Ollama lays them out.
//!
//! ```text
//! manifests/registry.ollama.ai/library/NAME/TAG   what a model is made of (JSON)
//! blobs/sha256-…                                  the parts, by content
//! blobs/sha256-…-partial, …-partial-0             a download under way, and how far it is
//! ```
//! Nothing is kept in memory: each answer comes from the disk as it is at that moment.

mod change;
mod create;
mod manifest;
mod model;
mod prune;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) use create::CreateRequest;
pub(crate) use manifest::{Layer, Manifest, ManifestError, media};
pub(crate) use model::{Model, ModelError};

use crate::go::{self, PathError};
use crate::name::Name;

/// The directory that `OLLAMA_MODELS` names.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the directory, creating what is missing.
    pub(crate) fn open(root: PathBuf) -> Result<Self, PathError> {
        let store = Self { root };
        make_directories(&store.blobs())?;
        make_directories(&store.manifests())?;
        Ok(store)
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    fn manifests(&self) -> PathBuf {
        self.root.join("manifests")
    }

    /// The file of `sha256:…`.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.blobs().join(digest.replace(':', "-"))
    }

    fn manifest_path(&self, name: &Name) -> PathBuf {
        self.manifests().join(name.path())
    }

    /// Every name that has a manifest, readable or not, in the order of the alphabet.
    pub(crate) fn names(&self) -> Vec<Name> {
        let mut names = Vec::new();
        for host in entries(&self.manifests()) {
            for namespace in entries(&host) {
                for model in entries(&namespace) {
                    names.extend(entries(&model).iter().filter_map(|tag| self.name_of(tag)));
                }
            }
        }
        names
    }

    fn name_of(&self, manifest: &Path) -> Option<Name> {
        let path = manifest.strip_prefix(self.manifests()).ok()?;
        let (model, tag) = path.to_str()?.rsplit_once('/')?;
        Name::parse(&format!("{model}:{tag}"))
    }

    /// The name as it is spelt on disk, where a model has it in other letter case.
    pub(crate) fn existing(&self, name: Name) -> Name {
        self.names().into_iter().find(|existing| existing.same(&name)).unwrap_or(name)
    }
}

/// `mkdir -p` with the failing directory in the error.
pub(crate) fn make_directories(path: &Path) -> Result<(), PathError> {
    match fs::metadata(path) {
        Ok(existing) if existing.is_dir() => return Ok(()),
        Ok(_) => {
            let source = io::Error::from_raw_os_error(nix::errno::Errno::ENOTDIR as i32);
            return Err(go::on("mkdir", path)(source));
        }
        Err(_) => {}
    }
    if let Some(parent) = path.parent() {
        make_directories(parent)?;
    }
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(go::on("mkdir", path)(error))
        }
        _ => Ok(()),
    }
}

/// The entries of a directory in the order of the alphabet; none where it cannot be read.
fn entries(path: &Path) -> Vec<PathBuf> {
    let Ok(directory) = fs::read_dir(path) else { return Vec::new() };
    let mut paths: Vec<_> = directory.filter_map(Result::ok).map(|entry| entry.path()).collect();
    paths.sort();
    paths
}
