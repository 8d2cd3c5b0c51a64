//! What a kustomization leads to.

use std::collections::HashSet;
use std::path::Path;

use super::Inputs;
use super::object::{KUSTOMIZATIONS, Object, folder};
use super::read::Reader;
use crate::source::Place;
use crate::yaml::Node;

/// Reads the local resources of all kustomizations that were read, and theirs. Each file is read
/// once, so a circle ends.
pub(crate) fn follow(reader: &mut Reader) {
    let mut next = 0;
    while next < reader.documents.len() {
        let document = reader.documents[next].clone();
        next += 1;
        let Some(object) = Object::from(&document, &reader.files) else { continue };
        if !object.api.starts_with("kustomize.config.k8s.io/") {
            continue;
        }
        let folder = folder(object.root.place, &reader.files).to_owned();
        for key in ["resources", "components", "bases", "configurations"] {
            for item in object.root.list(&[key]).filter_map(|item| item.text()) {
                read(&folder.join(item), reader);
            }
        }
    }
}

/// What is not there is kustomize's to say: it may be an address.
fn read(path: &Path, reader: &mut Reader) {
    if path.is_dir() {
        let file = KUSTOMIZATIONS.iter().map(|name| path.join(name)).find(|file| file.is_file());
        if let Some(file) = file {
            reader.read_file(&file);
        }
    } else if path.is_file() {
        reader.read_file(path);
    }
}

/// The files of patches among those that were read: they hold parts of objects, which are judged
/// where they are whole.
pub(crate) fn patches(reader: &Reader) -> HashSet<usize> {
    let kustomizations = reader.documents.iter();
    let kustomizations = kustomizations.filter_map(|root| Object::from(root, &reader.files));
    kustomizations
        .filter(|object| object.api.starts_with("kustomize.config.k8s.io/"))
        .flat_map(|object| {
            let folder = folder(object.root.place, &reader.files).to_owned();
            let listed = ["patches", "patchesJson6902", "replacements"]
                .into_iter()
                .flat_map(|key| object.root.list(&[key]))
                .filter_map(|patch| patch.text_at(&["path"]));
            let plain = object.root.list(&["patchesStrategicMerge"]).filter_map(Node::text);
            let paths: Vec<_> = listed.chain(plain).map(|path| folder.join(path)).collect();
            paths
        })
        .filter_map(|path| reader.index(&path))
        .collect()
}

/// The values that kustomize replaces by others: what stands there now is never applied.
pub(crate) fn replaced(inputs: &Inputs) -> HashSet<Place> {
    let mut places = HashSet::new();
    for object in inputs.of_kind("Kustomization") {
        let targets = object.root.list(&["replacements"]).flat_map(|r| r.list(&["targets"]));
        for target in targets {
            let Some(kind) = target.text_at(&["select", "kind"]) else { continue };
            let name = target.text_at(&["select", "name"]);
            let paths: Vec<Vec<&str>> = target
                .list(&["fieldPaths"])
                .filter_map(Node::text)
                .map(|path| path.split('.').collect())
                .collect();
            for selected in inputs.of_kind(kind) {
                if name.is_none_or(|name| name == selected.name) {
                    let values = paths.iter().filter_map(|path| selected.root.at(path));
                    places.extend(values.map(|value| value.place));
                }
            }
        }
    }
    places
}
