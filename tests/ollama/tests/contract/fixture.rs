//! A models directory with one model in it, laid out by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ring::digest::{SHA256, digest};
use serde_json::json;

/// The name that most transcripts use.
pub(crate) const MODEL: &str = "qwen3-embedding:0.6b";
pub(crate) const ALIAS: &str = "qwen3-embedding-saigak:0.6b";

pub(crate) static WEIGHTS: LazyLock<Vec<u8>> = LazyLock::new(saigak_lab_ollama::small_model);

/// Puts the model there, without a `params` layer, as the recorded one had none.
pub(crate) fn model(root: &Path) {
    let config = json!({
        "model_format": "gguf", "model_family": "qwen3", "model_families": ["qwen3"],
        "model_type": "4.20M", "file_type": "F16",
    });
    let config = blob(root, config.to_string().as_bytes());
    let weights = blob(root, &WEIGHTS);
    let layer = |kind: &str, (digest, size): (String, usize)| json!({ "mediaType": format!("application/vnd.{kind}"), "digest": digest, "size": size });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": layer("docker.container.image.v1+json", config),
        "layers": [layer("ollama.image.model", weights)],
    });
    let path = manifest_path(root, MODEL);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, manifest.to_string()).unwrap();
}

pub(crate) fn manifest_path(root: &Path, name: &str) -> PathBuf {
    let (model, tag) = name.split_once(':').unwrap();
    root.join("manifests/registry.ollama.ai/library").join(model).join(tag)
}

/// The model file's blob.
pub(crate) fn weights_path(root: &Path) -> PathBuf {
    root.join("blobs").join(name_of(&WEIGHTS).replace(':', "-"))
}

pub(crate) fn name_of(content: &[u8]) -> String {
    let hex: Vec<String> =
        digest(&SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{}", hex.concat())
}

fn blob(root: &Path, content: &[u8]) -> (String, usize) {
    let name = name_of(content);
    let directory = root.join("blobs");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join(name.replace(':', "-")), content).unwrap();
    (name, content.len())
}
