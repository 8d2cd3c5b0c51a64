//! A model registry with one model, for real Ollama servers and for the stand-in.
//!
//! ```text
//! GET  /v2/NS/NAME/manifests/TAG     the manifest
//! HEAD /v2/NS/NAME/blobs/DIGEST      its size
//! GET  /v2/NS/NAME/blobs/DIGEST      307, to where the bytes lie
//! GET  /cdn/DIGEST                   the bytes, with Range
//! GET  /cdn/NAME                     those of another file, see [`Registry::files`]
//! ```
//! A server goes on with the bytes by itself only where the redirect leads to **another host
//! name**, as the public registry's does. So the bytes are offered at the IP address that the
//! connection came to, or at `localhost` where the client asked for an IP address; a
//! certificate has to name that too. [`Registry::bytes_at`] says something else.

mod blob;
mod faults;
mod listen;
mod routes;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::gguf;
use crate::name::Name;
use crate::store::{Layer, Manifest, media};
use crate::{digest, small_model};

pub use listen::{Tls, serve};

use blob::Blob;

/// The name under which the model is served unless told otherwise.
pub const REFERENCE: &str = "qwen3-embedding:0.6b";

/// What is served.
#[derive(Debug)]
pub struct Registry {
    /// Manifests by `NS/NAME/TAG`.
    manifests: BTreeMap<String, Vec<u8>>,
    /// By digest.
    blobs: BTreeMap<String, Blob>,
    /// Bytes per second for each connection that reads a blob; none: no limit.
    rate: Option<u64>,
    /// `https://host:port` of the bytes, where it is not derived.
    bytes_at: Option<String>,
    /// The file that switches faults.
    faults: Option<PathBuf>,
}

/// Where the model file comes from.
#[derive(Debug)]
pub enum ModelFile<'a> {
    /// The small one of this crate.
    Small,
    /// A file of the caller's.
    Path(&'a Path),
}

/// Why there is nothing to serve.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The model file cannot be read, or is none.
    #[error("model file {path}: {reason}")]
    ModelFile {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a model name.
    #[error("model name {0:?} is invalid")]
    Name(String),
}

impl Registry {
    /// A registry that serves one model under each of `names`.
    ///
    /// Next to the model file it has a `params` layer with `num_ctx` 512: small, so that a real
    /// server needs little memory for it, and not what an alias of it declares.
    pub fn new(names: &[&str], file: &ModelFile<'_>) -> Result<Self, RegistryError> {
        let (blob, digest) = open(file)?;
        let header = header(file, &blob)?;
        let mut blobs = BTreeMap::new();
        let mut add = |kind: &str, content: Vec<u8>| {
            let layer = Layer::new(kind, &content);
            blobs.insert(layer.digest.clone(), Blob::Memory(content.into()));
            layer
        };
        let params = add(media::PARAMS, b"{\"num_ctx\":512}\n".to_vec());
        let config = config(&header, &[&digest, &params.digest]);
        let config = add(media::CONFIG, config.to_string().into_bytes());
        let media_type = media::MODEL.to_owned();
        let model = Layer { media_type, digest: digest.clone(), size: blob.size(), from: None };
        blobs.insert(digest, blob);

        let manifest = json!(Manifest::new(config, vec![model, params])).to_string();
        let mut manifests = BTreeMap::new();
        for text in names {
            let name = Name::parse(text).ok_or_else(|| RegistryError::Name((*text).to_owned()))?;
            let path = format!("{}/{}/{}", name.namespace, name.model, name.tag);
            manifests.insert(path, manifest.clone().into_bytes());
        }
        Ok(Self { manifests, blobs, rate: None, bytes_at: None, faults: None })
    }

    /// Serves these files as well, as `/cdn/NAME`.
    pub fn files(mut self, files: &[PathBuf]) -> Result<Self, RegistryError> {
        for path in files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let size = std::fs::metadata(path).map_err(|error| unusable(path, error))?.len();
            self.blobs.insert(name, Blob::File { path: path.clone(), size });
        }
        Ok(self)
    }

    /// Sends blobs no faster than this, in bytes per second and connection.
    #[must_use]
    pub fn rate(mut self, rate: Option<u64>) -> Self {
        self.rate = rate;
        self
    }

    /// Redirects to this `scheme://host:port` for the bytes.
    #[must_use]
    pub fn bytes_at(mut self, base: Option<String>) -> Self {
        self.bytes_at = base;
        self
    }

    /// Reads faults from this file at each request.
    #[must_use]
    pub fn faults_from(mut self, path: Option<PathBuf>) -> Self {
        self.faults = path;
        self
    }
}

fn open(file: &ModelFile<'_>) -> Result<(Blob, String), RegistryError> {
    match file {
        ModelFile::Small => {
            let bytes = small_model();
            let digest = digest::of(&bytes);
            Ok((Blob::Memory(bytes.into()), digest))
        }
        ModelFile::Path(path) => {
            let read = || Ok((std::fs::metadata(path)?.len(), digest::of_file(path)?));
            let (size, digest) = read().map_err(|error: io::Error| unusable(path, error))?;
            Ok((Blob::File { path: path.to_path_buf(), size }, digest))
        }
    }
}

fn header(file: &ModelFile<'_>, blob: &Blob) -> Result<gguf::Model, RegistryError> {
    match (file, blob) {
        (ModelFile::Path(path), _) => gguf::read(path).map_err(|error| unusable(path, error)),
        (ModelFile::Small, Blob::Memory(bytes)) => {
            gguf::parse(bytes).map_err(|error| unusable(Path::new("(small model)"), error))
        }
        (ModelFile::Small, Blob::File { path, .. }) => {
            gguf::read(path).map_err(|error| unusable(path, error))
        }
    }
}

fn unusable(path: &Path, error: impl std::fmt::Display) -> RegistryError {
    RegistryError::ModelFile { path: path.display().to_string(), reason: error.to_string() }
}

/// The config blob as the public registry has it.
fn config(header: &gguf::Model, layers: &[&str]) -> Value {
    let family = header.architecture();
    json!({
        "model_format": "gguf",
        "model_family": family,
        "model_families": [family],
        "model_type": human(header.parameters()),
        "file_type": header.quantization(),
        "architecture": "amd64",
        "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": layers },
    })
}

/// A number of parameters in words: 595.78M.
fn human(number: u64) -> String {
    let two = |unit: u64| format!("{}.{:02}", number / unit, number % unit * 100 / unit);
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}K", number / 1_000),
        1_000_000..1_000_000_000 => format!("{}M", two(1_000_000)),
        _ => format!("{}B", two(1_000_000_000)),
    }
}
