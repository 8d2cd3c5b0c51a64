//! One model, read from its manifest, its small layers and its model file.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::manifest::{Found, Layer};
use super::{ManifestError, Store, media};
use crate::gguf::{self, GgufError};
use crate::go;
use crate::name::Name;

/// The template of a model that declares none.
const DEFAULT_TEMPLATE: &str = "{{ .Prompt }}";

/// What a server knows of a model before it opens the model file.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: Name,
    /// Hex SHA-256 of the manifest.
    pub(crate) digest: String,
    pub(crate) modified: SystemTime,
    /// Bytes, by the manifest: what is on disk may differ.
    pub(crate) size: u64,
    pub(crate) config: Config,
    /// The model that this one was created from.
    pub(crate) parent: String,
    /// The model file, there or not.
    pub(crate) file: PathBuf,
    pub(crate) template: String,
    pub(crate) license: Option<String>,
    pub(crate) parameters: BTreeMap<String, Value>,
}

/// The config blob, as far as it is shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) model_format: String,
    pub(crate) model_family: String,
    #[serde(default)]
    pub(crate) model_families: Vec<String>,
    /// Number of parameters, in words.
    pub(crate) model_type: String,
    /// Quantisation.
    pub(crate) file_type: String,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ModelError {
    /// No manifest, or a blob that it names is gone.
    #[error("not found")]
    NotFound,
    #[error("{0}")]
    Broken(String),
}

impl From<ManifestError> for ModelError {
    fn from(error: ManifestError) -> Self {
        match error {
            ManifestError::NotFound => Self::NotFound,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<GgufError> for ModelError {
    fn from(error: GgufError) -> Self {
        match error {
            GgufError::Open(error) if error.not_found() => Self::NotFound,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl Model {
    /// The header of the model file, without a look at its tensors.
    pub(crate) fn metadata(&self) -> Result<gguf::Model, GgufError> {
        gguf::read(&self.file)
    }

    /// The header, of a file that is at least as long as its header says.
    pub(crate) fn checked(&self) -> Result<gguf::Model, ModelError> {
        let header = self.metadata()?;
        header.check_tensors()?;
        Ok(header)
    }

    /// Tokens that a prompt may have by the model's own parameters.
    pub(crate) fn num_ctx(&self) -> Option<u64> {
        self.parameters.get("num_ctx")?.as_u64()
    }
}

impl Store {
    /// The model of that name, in whatever letter case it was asked for.
    pub(crate) fn model(&self, name: Name) -> Result<Model, ModelError> {
        let name = self.existing(name);
        let found = self.manifest(&name)?;
        self.assemble(name, found)
    }

    /// Every model that can be listed: its manifest and its config can be read.
    /// Newest first, to the second.
    pub(crate) fn models(&self) -> Vec<Model> {
        let mut models: Vec<Model> = self
            .names()
            .into_iter()
            .filter_map(|name| {
                let found = self.manifest(&name).ok()?;
                self.assemble(name, found).ok()
            })
            .collect();
        let second = |model: &Model| {
            model.modified.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_secs())
        };
        models.sort_by_key(|model| std::cmp::Reverse(second(model)));
        models
    }

    fn assemble(&self, name: Name, found: Found) -> Result<Model, ModelError> {
        let Found { manifest, digest, modified } = found;
        let config = self.layer_json(&manifest.config)?;
        let layer = manifest.layer(media::MODEL);
        let file = self.blob(layer.map_or("", |layer| &layer.digest));
        let parent = layer.and_then(|layer| layer.from.clone()).unwrap_or_default();
        let text =
            |media_type| manifest.layer(media_type).map(|layer| self.layer_text(layer)).transpose();
        let template = text(media::TEMPLATE)?.unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned());
        let license = text(media::LICENSE)?;
        let parameters = match manifest.layer(media::PARAMS) {
            Some(layer) => self.layer_json(layer)?,
            None => BTreeMap::new(),
        };
        let size = manifest.size();
        Ok(Model {
            name,
            digest,
            modified,
            size,
            config,
            parent,
            file,
            template,
            license,
            parameters,
        })
    }

    fn layer_bytes(&self, layer: &Layer) -> Result<Vec<u8>, ModelError> {
        let path = self.blob(&layer.digest);
        fs::read(&path).map_err(go::on("open", &path)).map_err(|error| {
            if error.not_found() {
                ModelError::NotFound
            } else {
                ModelError::Broken(error.to_string())
            }
        })
    }

    fn layer_text(&self, layer: &Layer) -> Result<String, ModelError> {
        Ok(String::from_utf8_lossy(&self.layer_bytes(layer)?).into_owned())
    }

    fn layer_json<T: for<'a> Deserialize<'a>>(&self, layer: &Layer) -> Result<T, ModelError> {
        let text = self.layer_bytes(layer)?;
        serde_json::from_slice(&text)
            .map_err(|error| ModelError::Broken(go::json_text(&text, &error)))
    }
}
