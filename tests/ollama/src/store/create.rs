//! A new model made of an existing one, with another template or other parameters.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::Value;

use super::{Layer, Manifest, ModelError, Store, media};
use crate::go;
use crate::name::Name;

/// What may differ from the model that it is made of.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct CreateRequest {
    pub(crate) model: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) files: Option<Value>,
    pub(crate) template: Option<String>,
    #[serde(default)]
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) stream: Option<bool>,
}

impl Store {
    /// Writes the new model's layers and manifest, and reports each step in Ollama's words.
    pub(crate) fn create(
        &self,
        name: &Name,
        from: &str,
        base: Manifest,
        request: &CreateRequest,
        mut report: impl FnMut(String),
    ) -> Result<(), ModelError> {
        let mut layers = base.layers;
        for layer in &mut layers {
            if layer.media_type == media::MODEL {
                layer.from = Some(from.to_owned());
            }
        }
        let mut added = Vec::new();
        if let Some(template) = &request.template {
            added.push((media::TEMPLATE, template.clone().into_bytes()));
        }
        if !request.parameters.is_empty() {
            let mut parameters = self.parameters(&layers)?;
            parameters.extend(request.parameters.clone());
            // Go's encoder ends with a newline, and the digest covers it.
            let mut text = serde_json::to_vec(&parameters).map_err(broken)?;
            text.push(b'\n');
            added.push((media::PARAMS, text));
        }
        layers.retain(|layer| added.iter().all(|(kind, _)| layer.media_type != *kind));
        for layer in &layers {
            report(format!("using existing layer {}", layer.digest));
        }
        for (kind, content) in added {
            let layer = Layer::new(kind, &content);
            report(self.write_layer(&layer, &content)?);
            layers.push(layer);
        }
        let manifest = Manifest::new(base.config, layers);
        let mut text = serde_json::to_vec(&manifest).map_err(broken)?;
        text.push(b'\n');
        report("writing manifest".to_owned());
        self.write_manifest(name, &text).map_err(broken)?;
        Ok(())
    }

    fn parameters(&self, layers: &[Layer]) -> Result<BTreeMap<String, Value>, ModelError> {
        let Some(layer) = layers.iter().find(|layer| layer.media_type == media::PARAMS) else {
            return Ok(BTreeMap::new());
        };
        let path = self.blob(&layer.digest);
        let text = fs::read(&path).map_err(go::on("open", &path)).map_err(broken)?;
        serde_json::from_slice(&text).map_err(broken)
    }

    fn write_layer(&self, layer: &Layer, content: &[u8]) -> Result<String, ModelError> {
        let path = self.blob(&layer.digest);
        if path.exists() {
            return Ok(format!("using existing layer {}", layer.digest));
        }
        fs::write(&path, content).map_err(go::on("write", &path)).map_err(broken)?;
        Ok(format!("creating new layer {}", layer.digest))
    }
}

fn broken(error: impl std::fmt::Display) -> ModelError {
    ModelError::Broken(error.to_string())
}
