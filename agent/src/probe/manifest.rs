//! What a model is made from, read from its manifest: the server tells nothing of a model that
//! lacks a file.

use std::collections::{BTreeMap, BTreeSet};
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
pub(crate) const WEIGHTS: &str = "application/vnd.ollama.image.model";

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

/// The store at `path` below a disk's `top`, and its directory of blobs. `None`: there is no such
/// directory, or a link in its place.
pub(crate) fn store(top: &Entry, path: &str) -> io::Result<Option<(Entry, Entry)>> {
    let Some(store) = top.directory_below(path)? else { return Ok(None) };
    let blobs = store.child("blobs")?.filter(|blobs| blobs.kind.is_dir());
    Ok(blobs.map(|blobs| (store, blobs)))
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

/// A manifest as it stands in a store, and what it names.
#[derive(Debug)]
pub(crate) struct Whole {
    /// Its very bytes.
    pub(crate) text: Vec<u8>,
    /// The digests of all its blobs.
    pub(crate) blobs: Vec<String>,
    /// The one of its weights.
    pub(crate) weights: Option<String>,
}

/// The manifest of `model` in the store whose directory `top` is. `None`: there is none.
///
/// # Errors
/// Where it cannot be read, or is none.
pub(crate) fn whole(top: &Entry, model: &str) -> io::Result<Option<Whole>> {
    let Some(text) = read(top, model)? else { return Ok(None) };
    let Manifest { config, layers } = serde_json::from_slice(&text)?;
    let weights = layers.iter().find(|layer| layer.media_type == WEIGHTS).and_then(Layer::digest);
    let blobs = config.iter().chain(&layers).map(Layer::digest).collect::<Option<_>>();
    let blobs = blobs.ok_or_else(|| io::Error::other("a layer has no digest"))?;
    Ok(Some(Whole { text, blobs, weights }))
}

fn parse(top: &Entry, model: &str) -> Option<Manifest> {
    serde_json::from_slice(&read(top, model).ok()??).ok()
}

/// How deep manifests lie: registry, namespace, model, and the tag, which is the file.
const DEPTH: usize = 4;

/// The blobs that the manifests of one store name, by their digests.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// By those of the agent's own models.
    pub(crate) own: BTreeSet<String>,
    /// By all others.
    others: BTreeSet<String>,
    /// Whether one of the others is not known: it may name any blob.
    unknown: bool,
}

impl Named {
    /// What is named in the store whose directory `top` is. `own`: the agent's own models.
    pub(crate) fn read(top: &Entry, own: &[&str]) -> Self {
        let mut named = Self::default();
        let own: Vec<_> = own.iter().filter_map(|model| names::path(model)).collect();
        match top.child("manifests") {
            Ok(None) => {}
            Ok(Some(manifests)) if manifests.kind.is_dir() => {
                named.walk(&manifests, &mut Vec::new(), &own);
            }
            // The server follows a link, and this does not.
            Ok(Some(_)) | Err(_) => named.unknown = true,
        }
        named
    }

    /// Whether the agent's own models need the blob, or none does.
    pub(crate) fn is_own_or_unneeded(&self, digest: &str) -> bool {
        self.own.contains(digest) || !(self.unknown || self.others.contains(digest))
    }

    /// `path`: the names from the manifests down to this directory, in small letters.
    fn walk(&mut self, directory: &Entry, path: &mut Vec<String>, own: &[[String; DEPTH]]) {
        let Ok(listing) = directory.list() else {
            self.unknown = true;
            return;
        };
        for (place, (name, entry)) in listing.enumerate() {
            let Some(entry) = entry.ok().filter(|_| place < NAMES) else {
                self.unknown = true;
                return;
            };
            path.push(name.to_ascii_lowercase());
            let is_tag = path.len() == DEPTH;
            if entry.kind.is_dir() && !is_tag {
                self.walk(&entry, path, own);
            } else if is_tag && own.iter().any(|own| own.as_slice() == path.as_slice()) {
                self.own.extend(read_digests(directory, &name).unwrap_or_default());
            } else if is_tag || entry.kind.is_symlink() {
                match read_digests(directory, &name) {
                    Some(digests) if is_tag => self.others.extend(digests),
                    _ => self.unknown = true,
                }
            }
            path.pop();
        }
    }
}

/// The digests of all blobs that the manifest `name` in this directory names. `None`: it is none,
/// or cannot be read.
fn read_digests(directory: &Entry, name: &str) -> Option<Vec<String>> {
    let text = read_below(directory, name).ok()?;
    let Manifest { config, layers } = serde_json::from_slice(&text).ok()?;
    Some(config.iter().chain(&layers).filter_map(Layer::digest).collect())
}

/// The content of the plain file `name`. No link is followed.
fn read_below(directory: &Entry, name: &str) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    directory.read_below(name)?.take(LIMIT).read_to_end(&mut text)?;
    Ok(text)
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
    read_below(&found, &name).map(Some)
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
        assert_eq!(Named::read(&top, &[ALIAS]).own, BTreeSet::from([digest]));
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
    fn what_another_model_needs_or_may_need_is_known() {
        let disk = tempfile::tempdir().unwrap();
        let top = Entry::directory(disk.path()).unwrap();
        let models = disk.path().join("manifests/registry.ollama.ai/library");
        let (own, other, nobodys) = ("a".repeat(64), "b".repeat(64), "c".repeat(64));
        let removed = || {
            let named = Named::read(&top, &[ALIAS]);
            [&own, &other, &nobodys].map(|digest| named.is_own_or_unneeded(digest))
        };
        assert_eq!(removed(), [true, true, true]);
        for (model, digest) in [("Alias", &own), ("theirs", &other), ("shared", &own)] {
            fs::create_dir_all(models.join(model)).unwrap();
            fs::write(models.join(model).join("1"), manifest(&format!("sha256:{digest}"))).unwrap();
        }
        fs::write(models.join("notes"), "").unwrap();
        assert_eq!(removed(), [true, false, true]);
        // Its own manifest that cannot be read is written anew by a pull; nobody writes theirs.
        fs::write(models.join("Alias/1"), "{").unwrap();
        assert_eq!(removed(), [false, false, true]);
        fs::write(models.join("theirs/1"), "{").unwrap();
        assert_eq!(removed(), [false, false, false]);
        fs::remove_file(models.join("theirs/1")).unwrap();
        symlink("/nowhere", models.join("linked")).unwrap();
        assert_eq!(removed(), [false, false, false]);
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
