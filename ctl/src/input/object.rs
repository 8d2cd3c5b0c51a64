//! Kubernetes objects among the documents.

use std::ffi::OsStr;
use std::path::Path;
use std::rc::Rc;

use crate::source::{File, Place};
use crate::yaml::{Entry, Node};

/// The names that kustomize looks for.
pub(super) const KUSTOMIZATIONS: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// One object.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) root: Rc<Node>,
    /// With its group and version.
    pub(crate) api: String,
    pub(crate) kind: String,
    /// Empty where it has none.
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
}

impl Object {
    /// `None` where a document is something else, such as Helm's values.
    pub(crate) fn from(root: &Rc<Node>, files: &[File]) -> Option<Self> {
        let text = |path: &[&str]| root.text_at(path).map(str::to_owned);
        // kustomize asks for neither in its own file.
        let own = || Path::new(&files[root.place.file].path).file_name().and_then(OsStr::to_str);
        let own = || own().is_some_and(|name| KUSTOMIZATIONS.contains(&name) && root.is_map());
        let otherwise = |text: &str| own().then(|| text.to_owned());
        Some(Self {
            api: text(&["apiVersion"]).or_else(|| otherwise("kustomize.config.k8s.io/v1beta1"))?,
            kind: text(&["kind"]).or_else(|| otherwise("Kustomization"))?,
            name: text(&["metadata", "name"]).unwrap_or_default(),
            namespace: text(&["metadata", "namespace"]),
            root: Rc::clone(root),
        })
    }

    /// Where to point when a whole object is meant: at its name.
    pub(crate) fn place(&self) -> Place {
        self.root.at(&["metadata", "name"]).unwrap_or(&self.root).place
    }

    /// Whether references go from one to the other. One that names no namespace is put into one
    /// when it is applied, and may come to be anywhere.
    pub(crate) fn beside(&self, namespace: Option<&str>) -> bool {
        same_namespace(self.namespace.as_deref(), namespace)
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.root.text_at(&["metadata", "annotations", key])
    }
}

pub(crate) fn same_namespace(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_none() || other.is_none() || one == other
}

/// The folder of the file that holds this.
pub(crate) fn folder(place: Place, files: &[File]) -> &Path {
    Path::new(&files[place.file].path).parent().unwrap_or(Path::new(""))
}

/// Whether all of a selector's labels are among these.
pub(crate) fn selects(selector: &[Entry], labels: &[Entry]) -> bool {
    let has = |wanted: &Entry| {
        labels.iter().any(|e| e.key == wanted.key && e.value.text() == wanted.value.text())
    };
    !selector.is_empty() && selector.iter().all(has)
}
