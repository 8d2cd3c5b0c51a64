//! Secrets, also those that something else makes.

use std::path::Path;
use std::rc::Rc;

use super::object::{Object, folder};
use super::read::{Reader, Unreadable};
use super::text::Text;
use crate::source::Place;
use crate::yaml::Node;

/// A secret by its name.
#[derive(Debug)]
pub(crate) struct Secret {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    /// Of its name.
    pub(crate) place: Place,
    /// `None` where its contents come from elsewhere.
    pub(crate) keys: Option<Vec<Key>>,
    /// Whether kustomize ends its name in a hash of its contents.
    pub(crate) hashed: bool,
}

/// One key of a secret.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// `None` where it is no text.
    pub(crate) text: Option<Rc<Text>>,
}

impl Secret {
    pub(crate) fn key(&self, name: &str) -> Option<&Key> {
        self.keys.iter().flatten().find(|key| key.name == name)
    }
}

/// The secrets that an object is, or leads to.
pub(crate) fn secrets(object: &Object, reader: &mut Reader) -> Vec<Secret> {
    let named = |node: Option<&Node>, keys| {
        let name = node.and_then(Node::text).unwrap_or(&object.name).to_owned();
        Secret {
            name,
            namespace: object.namespace.clone(),
            place: object.place(),
            keys,
            hashed: false,
        }
    };
    match object.kind.as_str() {
        "Secret" => vec![named(None, Some(keys(object, reader)))],
        "ExternalSecret" => {
            let name = object.root.at(&["spec", "target", "name"]);
            vec![named(name, elsewhere(object, &["spec", "target", "template", "data"]))]
        }
        "SealedSecret" => {
            let name = object.root.at(&["spec", "template", "metadata", "name"]);
            vec![named(name, elsewhere(object, &["spec", "template", "data"]))]
        }
        "Kustomization" => object
            .root
            .list(&["secretGenerator"])
            .filter_map(|generator| generated(generator, object, reader))
            .collect(),
        _ => Vec::new(),
    }
}

/// The keys of a secret whose contents come from elsewhere, where the object names them all.
fn elsewhere(object: &Object, template: &[&str]) -> Option<Vec<Key>> {
    let root = &object.root;
    let unnamed = root.at(&["spec", "dataFrom"]).is_some()
        || root.at(&["spec", "target", "template", "templateFrom"]).is_some();
    let key = |name: &str, place| Key { name: name.to_owned(), place, text: None };
    let fetched = root
        .list(&["spec", "data"])
        .filter_map(|item| item.get("secretKey"))
        .filter_map(|name| Some(key(name.text()?, name.place)));
    let sealed = root.at(&["spec", "encryptedData"]).map(Node::entries).unwrap_or_default();
    let filled = root.at(template).map(Node::entries).unwrap_or_default();
    let written = sealed.iter().chain(filled).map(|entry| key(&entry.key, entry.place));
    let keys: Vec<Key> = fetched.chain(written).collect();
    (!unnamed && !keys.is_empty()).then_some(keys)
}

fn keys(object: &Object, reader: &mut Reader) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for entry in object.root.get("stringData").map(Node::entries).unwrap_or_default() {
        let text = Text::of(&entry.value, &reader.files);
        let text = text.filter(|text| !text.is_withheld()).map(Rc::new);
        keys.push(Key { name: entry.key.clone(), place: entry.place, text });
    }
    for entry in object.root.get("data").map(Node::entries).unwrap_or_default() {
        // `stringData` wins.
        if keys.iter().any(|key| key.name == entry.key) {
            continue;
        }
        let text = match Text::of_base64(&entry.value) {
            Ok(text) => text.map(Rc::new),
            // Keys and certificates are no text, and nobody's fault.
            Err(_) if !is_cloud_init(&entry.key) => None,
            Err(message) => {
                let path = reader.files[entry.place.file].path.clone();
                let place = Some(entry.value.place);
                reader.errors.push(Unreadable { path, place, message });
                None
            }
        };
        keys.push(Key { name: entry.key.clone(), place: entry.place, text });
    }
    keys
}

fn is_cloud_init(key: &str) -> bool {
    key.eq_ignore_ascii_case("userdata") || key.eq_ignore_ascii_case("networkdata")
}

/// A secret that kustomize makes of files beside it.
fn generated(generator: &Node, object: &Object, reader: &mut Reader) -> Option<Secret> {
    let name = generator.get("name")?;
    let options = ["options", "generatorOptions"].iter().zip([generator, &object.root]);
    let unhashed = options
        .filter_map(|(key, node)| node.at(&[key, "disableNameSuffixHash"]))
        .any(Node::is_true);
    let mut keys = Vec::new();
    let mut complete = generator.get("literals").is_none() && generator.get("envs").is_none();
    for file in generator.list(&["files"]) {
        let written = file.text()?;
        let (key, path) = written.split_once('=').unwrap_or((written, written));
        let key = key.rsplit('/').next().unwrap_or(key);
        // Only what cloud-init gets is looked into.
        let text = is_cloud_init(key).then(|| {
            let path = folder(object.place(), &reader.files).join(Path::new(path));
            let text = reader.load(&path).map(|file| Text::whole(file, &reader.files[file]));
            text.map(|text| (!text.is_withheld()).then(|| Rc::new(text)))
        });
        complete &= text.as_ref().is_none_or(Option::is_some);
        keys.push(Key { name: key.to_owned(), place: file.place, text: text.flatten().flatten() });
    }
    Some(Secret {
        name: name.text()?.to_owned(),
        namespace: object.root.text_at(&["namespace"]).map(str::to_owned),
        place: name.place,
        keys: complete.then_some(keys),
        hashed: !unhashed,
    })
}
