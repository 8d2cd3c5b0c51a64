//! What a path holds: a GGUF file, or a tree of models as a server keeps it. All of it blocks, and
//! hangs with the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::gguf::Gguf;
use crate::probe::blob::sha256_of;
use crate::probe::manifest::{self, WEIGHTS};
use crate::probe::tree::Entry;

/// The media type of the small file that tells what kind of model it is.
const CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// The media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// A model as a registry gives it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) manifest: Vec<u8>,
    /// By their SHA-256.
    pub(super) blobs: Vec<(String, Blob)>,
    /// The one of its weights.
    pub(super) weights: String,
}

/// What a blob is read from.
#[derive(Debug, Clone)]
pub(super) enum Blob {
    Memory(Vec<u8>),
    File(Arc<File>, u64),
}

impl Blob {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(_, bytes) => *bytes,
        }
    }
}

/// How many bytes of a file have been read.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) total: AtomicU64,
    pub(super) done: AtomicU64,
}

/// What is at `path` of the model `name`.
///
/// # Errors
/// Why there is nothing that can be used.
pub(super) fn find(path: &Path, name: &str, counted: &Read) -> Result<Found, String> {
    let words = |error: io::Error| error.to_string();
    if !fs::metadata(path).map_err(words)?.is_dir() {
        return from_file(path, counted);
    }
    if path.join("manifests").is_dir() {
        return from_tree(path, name);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(words)? {
        let file = entry.map_err(words)?.path();
        if file.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) {
            files.push(file);
        }
    }
    match <[PathBuf; 1]>::try_from(files) {
        Ok([file]) => from_file(&file, counted),
        Err(files) if files.is_empty() => {
            Err("neither a .gguf file nor a tree of models is in it".into())
        }
        Err(files) => Err(format!("{} .gguf files are in it: name one", files.len())),
    }
}

/// Nobody has made a manifest of it yet. Its name may change, its content not: it is hashed first,
/// and the server hashes what it has loaded.
fn from_file(path: &Path, counted: &Read) -> Result<Found, String> {
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let gguf = Gguf::open(path).map_err(failed)?;
    counted.total.store(gguf.bytes, Ordering::Relaxed);
    let weights = gguf.hash(counted).map_err(failed)?;
    let config = gguf.config(&weights);
    let digest = sha256_of(&config);
    let layer = |kind: &str, digest: &str, bytes: u64| json!({ "mediaType": kind, "digest": format!("sha256:{digest}"), "size": bytes });
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": layer(CONFIG, &digest, config.len() as u64),
        "layers": [layer(WEIGHTS, &weights, gguf.bytes)],
    });
    let file = Blob::File(Arc::new(gguf.file), gguf.bytes);
    let blobs = vec![(weights.clone(), file), (digest, Blob::Memory(config))];
    Ok(Found { manifest: manifest.to_string().into_bytes(), blobs, weights })
}

/// The server compares what it loads with the names of the blobs.
fn from_tree(path: &Path, name: &str) -> Result<Found, String> {
    let words = |error: io::Error| format!("the manifest of {name}: {error}");
    let top = Entry::directory(path).map_err(words)?;
    let whole = manifest::whole(&top, name).map_err(words)?;
    let whole = whole.ok_or_else(|| format!("no manifest of {name} is in it"))?;
    let weights = whole.weights.ok_or_else(|| format!("{name} has no weights"))?;
    let mut blobs = Vec::new();
    for digest in whole.blobs {
        let file = format!("blobs/sha256-{digest}");
        let open = || {
            let below = top.child("blobs")?.ok_or(io::ErrorKind::NotFound)?;
            let file = below.read_below(&format!("sha256-{digest}"))?;
            let data = file.metadata()?;
            let whole = data.is_file().then_some(Blob::File(Arc::new(file), data.len()));
            whole.ok_or_else(|| io::Error::other("this is no file"))
        };
        let blob = open().map_err(|error| format!("{file}: {error}"))?;
        blobs.push((digest, blob));
    }
    Ok(Found { manifest: whole.text, blobs, weights })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::gguf::tests::header;
    use super::*;

    fn found(path: &Path) -> Result<Found, String> {
        find(path, "M:1", &Read::default())
    }

    #[test]
    fn one_file_of_weights_is_found_by_its_name_or_alone_in_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("a.GGUF");
        assert!(found(&file).unwrap_err().contains("No such file"));
        let nothing = found(directory.path()).unwrap_err();
        assert_eq!(nothing, "neither a .gguf file nor a tree of models is in it");
        fs::write(&file, header("qwen3")).unwrap();
        for path in [&file, directory.path()] {
            let found = found(path).unwrap();
            assert_eq!(found.weights, sha256_of(&header("qwen3")));
            let manifest: Value = serde_json::from_slice(&found.manifest).unwrap();
            let told = manifest["layers"][0]["digest"].as_str().unwrap();
            assert_eq!(told, format!("sha256:{}", found.weights));
            let sizes: Vec<_> = found.blobs.iter().map(|(_, blob)| blob.bytes()).collect();
            assert_eq!(manifest["layers"][0]["size"], sizes[0]);
            assert_eq!(manifest["config"]["size"], sizes[1]);
        }
        fs::write(directory.path().join("b.gguf"), "<html>").unwrap();
        assert_eq!(found(directory.path()).unwrap_err(), "2 .gguf files are in it: name one");
        let none = found(&directory.path().join("b.gguf")).unwrap_err();
        assert!(none.ends_with("b.gguf: this is no GGUF file"), "{none}");
    }

    #[test]
    fn a_model_in_a_tree_comes_with_its_very_manifest_and_all_that_it_names() {
        let tree = tempfile::tempdir().unwrap();
        let (blobs, models) =
            (tree.path().join("blobs"), tree.path().join("manifests/registry.ollama.ai/library/m"));
        fs::create_dir_all(&blobs).unwrap();
        fs::create_dir_all(&models).unwrap();
        assert_eq!(found(tree.path()).unwrap_err(), "no manifest of M:1 is in it");
        let (config, weights) = ("a".repeat(64), "b".repeat(64));
        let manifest = json!({
            "config": { "digest": format!("sha256:{config}") },
            "layers": [{ "mediaType": WEIGHTS, "digest": format!("sha256:{weights}") }],
        });
        fs::write(models.join("1"), manifest.to_string()).unwrap();
        fs::write(blobs.join(format!("sha256-{config}")), "{}").unwrap();
        let lacks = found(tree.path()).unwrap_err();
        assert!(lacks.starts_with(&format!("blobs/sha256-{weights}: No such file")), "{lacks}");
        fs::write(blobs.join(format!("sha256-{weights}")), "weights").unwrap();
        let whole = found(tree.path()).unwrap();
        assert_eq!(whole.manifest, manifest.to_string().into_bytes());
        assert_eq!(whole.weights, weights);
        let sizes: Vec<_> = whole.blobs.iter().map(|(_, blob)| blob.bytes()).collect();
        assert_eq!(sizes, [2, 7]);
        for (text, why) in
            [("{", "the manifest of M:1: EOF"), ("{\"layers\":[]}", "M:1 has no weights")]
        {
            fs::write(models.join("1"), text).unwrap();
            let refused = found(tree.path()).unwrap_err();
            assert!(refused.starts_with(why), "{refused}");
        }
    }
}
