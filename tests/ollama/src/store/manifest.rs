//! A manifest: the list of a model's layers.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Store;
use crate::digest;
use crate::go::{self, PathError};
use crate::name::Name;

/// Media types.
pub(crate) mod media {
    pub(crate) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    pub(crate) const CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    pub(crate) const MODEL: &str = "application/vnd.ollama.image.model";
    pub(crate) const TEMPLATE: &str = "application/vnd.ollama.image.template";
    pub(crate) const PARAMS: &str = "application/vnd.ollama.image.params";
    pub(crate) const LICENSE: &str = "application/vnd.ollama.image.license";
}

/// A manifest, field by field in the order of the real one's JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub(crate) schema_version: u32,
    pub(crate) media_type: String,
    pub(crate) config: Layer,
    pub(crate) layers: Vec<Layer>,
}

/// One blob of a model.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Layer {
    pub(crate) media_type: String,
    /// `sha256:…`
    pub(crate) digest: String,
    /// Bytes.
    pub(crate) size: u64,
    /// The model that a created one took this layer from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<String>,
}

impl Manifest {
    pub(crate) fn new(config: Layer, layers: Vec<Layer>) -> Self {
        Self { schema_version: 2, media_type: media::MANIFEST.to_owned(), config, layers }
    }

    /// The layers, then the config: the order in which they are pulled.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().chain([&self.config])
    }

    /// Bytes of all blobs together.
    pub(crate) fn size(&self) -> u64 {
        self.blobs().map(|blob| blob.size).sum()
    }

    pub(crate) fn layer(&self, media_type: &str) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.media_type == media_type)
    }
}

impl Layer {
    pub(crate) fn new(media_type: &str, content: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: digest::of(content),
            size: content.len() as u64,
            from: None,
        }
    }
}

/// A manifest as it was found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) manifest: Manifest,
    /// Hex SHA-256 of the manifest file: the digest that listings print.
    pub(crate) digest: String,
    pub(crate) modified: SystemTime,
}

/// Why there is no manifest to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error("not found")]
    NotFound,
    #[error(transparent)]
    Unreadable(PathError),
    /// Ollama reports the bare decoder's words, without the path.
    #[error("{0}")]
    NotJson(String),
}

impl Store {
    pub(crate) fn manifest(&self, name: &Name) -> Result<Found, ManifestError> {
        let path = self.manifest_path(name);
        let read = || {
            let modified = fs::metadata(&path)?.modified()?;
            Ok((fs::read(&path)?, modified))
        };
        let (text, modified) = read().map_err(go::on("open", &path)).map_err(|error| {
            if error.not_found() {
                ManifestError::NotFound
            } else {
                ManifestError::Unreadable(error)
            }
        })?;
        let manifest = serde_json::from_slice(&text)
            .map_err(|error| ManifestError::NotJson(go::json_text(&text, &error)))?;
        Ok(Found { manifest, digest: digest::hex(&text), modified })
    }

    /// Writes a manifest in place, as the real one does: a reader may see half of it.
    pub(crate) fn write_manifest(&self, name: &Name, content: &[u8]) -> Result<PathBuf, PathError> {
        let path = self.manifest_path(name);
        if let Some(parent) = path.parent() {
            super::make_directories(parent)?;
        }
        fs::write(&path, content).map_err(go::on("open", &path))?;
        Ok(path)
    }
}
