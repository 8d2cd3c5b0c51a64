//! What a kustomization leads to.

use std::path::Path;

use super::object::{Object, folder};
use super::read::Reader;

/// The names that kustomize looks for.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Reads the local resources of all kustomizations that were read, and theirs. Each file is read
/// once, so a circle ends.
pub(crate) fn follow(reader: &mut Reader) {
    let mut next = 0;
    while next < reader.documents.len() {
        let document = reader.documents[next].clone();
        next += 1;
        let Some(object) = Object::from(&document) else { continue };
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
        let file = NAMES.iter().map(|name| path.join(name)).find(|file| file.is_file());
        if let Some(file) = file {
            reader.read_file(&file);
        }
    } else if path.is_file() {
        reader.read_file(path);
    }
}
