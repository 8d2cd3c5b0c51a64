//! Which schema is for which objects.

use std::collections::HashMap;
use std::path::Path;

use crate::input::{Inputs, Object};
use crate::yaml::Node;

/// One kind of object: group and version, and kind.
type Key = (String, String);

/// The schemas of all kinds, each with the document that its references are within.
pub(super) struct Known<'a> {
    kinds: HashMap<Key, (&'a Node, &'a Node)>,
    /// Those that say only by their file's name what they are for: `KIND-GROUP-VERSION`, in small
    /// letters, with the group up to its first dot, as collections of schemas are laid out.
    files: HashMap<String, &'a Node>,
}

impl<'a> Known<'a> {
    pub(super) fn of(schemas: &'a Inputs) -> Self {
        let mut known = Self { kinds: HashMap::new(), files: HashMap::new() };
        for definition in schemas.of_kind("CustomResourceDefinition") {
            known.kinds.extend(versions(definition));
        }
        for root in schemas.values.iter().map(|values| &*values.root) {
            known.add_plain(root, schemas);
        }
        known
    }

    /// A plain JSON schema, or a description with many.
    fn add_plain(&mut self, root: &'a Node, schemas: &'a Inputs) {
        let definitions = root.get("definitions").map(Node::entries).unwrap_or_default();
        for schema in definitions.iter().map(|entry| &*entry.value).chain([root]) {
            for kind in schema.list(&["x-kubernetes-group-version-kind"]) {
                let text = |key| kind.text_at(&[key]).unwrap_or_default();
                let api = match text("group") {
                    "" => text("version").to_owned(),
                    group => format!("{group}/{}", text("version")),
                };
                self.kinds.insert((api, text("kind").to_owned()), (schema, root));
            }
        }
        let path = Path::new(&schemas.files[root.place.file].path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.split('.').next().unwrap_or_default();
        self.files.insert(stem.to_ascii_lowercase(), root);
    }

    pub(super) fn schema(&self, object: &Object) -> Option<(&'a Node, &'a Node)> {
        let key = (object.api.clone(), object.kind.clone());
        let by_file = || {
            let kind = object.kind.to_ascii_lowercase();
            let name = match object.api.split_once('/') {
                Some((group, version)) => {
                    format!("{kind}-{}-{version}", group.split('.').next().unwrap_or(group))
                }
                None => format!("{kind}-{}", object.api),
            };
            self.files.get(&name).map(|root| (*root, *root))
        };
        self.kinds.get(&key).copied().or_else(by_file)
    }
}

fn versions(definition: &Object) -> Vec<(Key, (&Node, &Node))> {
    let root = &*definition.root;
    let text = |path: &[&str]| root.text_at(path).unwrap_or_default();
    let (group, kind) = (text(&["spec", "group"]), text(&["spec", "names", "kind"]));
    root.list(&["spec", "versions"])
        .filter_map(|version| {
            let schema = version.at(&["schema", "openAPIV3Schema"])?;
            let api = format!("{group}/{}", version.text_at(&["name"])?);
            Some(((api, kind.to_owned()), (schema, root)))
        })
        .collect()
}
