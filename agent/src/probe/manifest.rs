//! What a model is made from, read from its manifest: the server tells nothing of a model that
//! lacks a file.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;

use serde::Deserialize;

use super::tree::Entry;
use crate::model::names;

/// More than any manifest has: one line for each of a few layers.
const LIMIT: u64 = 1 << 20;

/// More models than any guest keeps: where there are more files, something else has made them.
const NAMES: usize = 256;

/// The media type of the layer that holds the weights.
const WEIGHTS: &str = "application/vnd.ollama.image.model";

#[derive(Deserialize)]
struct Manifest {
    config: Option<Layer>,
    layers: Vec<Layer>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Layer {
    media_type: String,
    digest: String,
}

impl Layer {
    fn digest(&self) -> Option<String> {
        self.digest.strip_prefix("sha256:").filter(|hex| is_digest(hex)).map(str::to_owned)
    }
}

/// Where a server may have its store on the data disk, below the mount point: `OLLAMA_MODELS`
/// leads there, or the home directory of a server that is not told lies there.
pub(crate) const STORES: [&str; 3] = ["", "models", ".ollama/models"];

/// Whether this is a SHA-256 as the server writes it: lower-case hex.
pub(crate) fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The weights that the manifests of `model` name, by the store on the disk whose `top` this is.
pub(super) fn all_weights(top: &Entry, model: &str) -> BTreeMap<PathBuf, String> {
    let of = |path: &str| weights(&top.directory_below(path).ok()??, model);
    STORES.iter().filter_map(|path| Some((PathBuf::from(path), of(path)?))).collect()
}

/// The weights that the manifest of `model` names, in the store whose directory `top` is.
fn weights(top: &Entry, model: &str) -> Option<String> {
    parse(top, model)?.layers.iter().find(|layer| layer.media_type == WEIGHTS)?.digest()
}

/// The digests of all blobs that it names. None, where there is no such manifest or it cannot be
/// read.
pub(crate) fn blobs(top: &Entry, model: &str) -> Vec<String> {
    let Some(Manifest { config, layers }) = parse(top, model) else { return Vec::new() };
    config.iter().chain(&layers).filter_map(Layer::digest).collect()
}

fn parse(top: &Entry, model: &str) -> Option<Manifest> {
    serde_json::from_slice(&read(top, model).ok()??).ok()
}

/// `None`: it is not there. No link is followed.
fn read(top: &Entry, model: &str) -> io::Result<Option<Vec<u8>>> {
    let Some(path) = names::path(model) else { return Ok(None) };
    let Some(mut found) = top.child("manifests")? else { return Ok(None) };
    let [folders @ .., tag] = &path;
    for folder in folders {
        let Some(name) = spelt(&found, folder)? else { return Ok(None) };
        let Some(below) = found.child(&name)?.filter(|below| below.kind.is_dir()) else {
            return Ok(None);
        };
        found = below;
    }
    let Some(name) = spelt(&found, tag)? else { return Ok(None) };
    if !found.child(&name)?.is_some_and(|file| file.kind.is_file()) {
        return Ok(None);
    }
    let mut text = Vec::new();
    found.read_below(&name)?.take(LIMIT).read_to_end(&mut text)?;
    Ok(Some(text))
}

/// How `name`, in small letters, is spelt in that directory: the server compares without regard
/// to case.
fn spelt(directory: &Entry, name: &str) -> io::Result<Option<String>> {
    if directory.child(name)?.is_some() {
        return Ok(Some(name.to_owned()));
    }
    let same = |found: &String| found.eq_ignore_ascii_case(name);
    Ok(directory.list()?.take(NAMES).map(|(found, _)| found).find(same))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    const ALIAS: &str = "alias:1";

    fn manifest(digest: &str) -> String {
        format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"sha256:12"}},"layers":[
            {{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:34","size":1}},
            {{"mediaType":"{WEIGHTS}","digest":"{digest}","size":9}}]}}"#
        )
    }

    #[test]
    fn weights_are_read_from_a_manifest_however_its_name_is_spelt() {
        let disk = tempfile::tempdir().unwrap();
        let top = Entry::directory(disk.path()).unwrap();
        assert_eq!(weights(&top, ALIAS), None);
        let folder = disk.path().join("manifests/registry.ollama.ai/library/Alias");
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(weights(&top, ALIAS), None);
        let digest = "ab".repeat(32);
        fs::write(folder.join("1"), manifest(&format!("sha256:{digest}"))).unwrap();
        assert_eq!(weights(&top, ALIAS), Some(digest.clone()));
        // The others' digests are too short to be any.
        assert_eq!(blobs(&top, ALIAS), [digest]);
        assert_eq!(weights(&top, "alias:2"), None);
        for nonsense in [String::new(), "{".into(), manifest("sha256:../x"), manifest("ab")] {
            fs::write(folder.join("1"), nonsense).unwrap();
            assert_eq!(weights(&top, ALIAS), None);
        }
    }

    #[test]
    fn each_store_on_the_disk_has_its_own() {
        let disk = tempfile::tempdir().unwrap();
        let top = Entry::directory(disk.path()).unwrap();
        let mut wanted = BTreeMap::new();
        for (store, digit) in [("models", "a"), (".ollama/models", "b")] {
            let folder = disk.path().join(store).join("manifests/registry.ollama.ai/library/alias");
            fs::create_dir_all(&folder).unwrap();
            let digest = digit.repeat(64);
            fs::write(folder.join("1"), manifest(&format!("sha256:{digest}"))).unwrap();
            wanted.insert(PathBuf::from(store), digest);
        }
        assert_eq!(all_weights(&top, ALIAS), wanted);
    }

    #[test]
    fn no_link_leads_to_a_manifest() {
        let (disk, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let file = other.path().join("file");
        fs::write(&file, manifest(&format!("sha256:{}", "ab".repeat(32)))).unwrap();
        let folder = disk.path().join("manifests/registry.ollama.ai/library/alias");
        fs::create_dir_all(&folder).unwrap();
        symlink(&file, folder.join("1")).unwrap();
        assert_eq!(weights(&Entry::directory(disk.path()).unwrap(), ALIAS), None);
    }
}
