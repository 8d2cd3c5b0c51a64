//! Everything that was read, and how its parts hang together.

mod cloud;
mod iso;
mod kustomization;
mod machine;
mod object;
mod read;
mod secret;
mod text;
mod values;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;

use crate::rules::Shown;
use crate::source::{File, Place};
use crate::yaml::{Entry, Node, Value};

pub(crate) use cloud::{CloudInit, CloudText, Data, NETWORK, Names, USER};
pub(crate) use iso::files as image_files;
pub(crate) use kustomization::replaced;
pub(crate) use machine::{Machine, Vm};
pub(crate) use object::{Object, same_namespace, selects};
use read::Reader;
pub(crate) use read::Unreadable;
pub(crate) use secret::Secret;
use text::Text;
pub(crate) use values::Values;

/// Services of one machine that are looked at. Without an end, all services with all machines that
/// they select would take for ever.
const SERVICES: usize = 100;

/// All inputs of one run.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    pub(crate) files: Vec<File>,
    pub(crate) objects: Vec<Object>,
    /// Helm's values, and other documents that are no objects.
    pub(crate) values: Vec<Values>,
    pub(crate) secrets: Vec<Secret>,
    machines: Vec<Machine>,
    pub(crate) user_data: Vec<CloudText>,
    pub(crate) network_data: Vec<CloudText>,
    pub(crate) errors: Vec<Unreadable>,
    /// The same as it was before, where the user has given that.
    pub(crate) base: Option<Box<Self>>,
    /// Definitions to check objects against, where the user has given some.
    pub(crate) schemas: Option<Box<Self>>,
    /// Whether there is nothing else: what is not among the inputs does not exist.
    pub(crate) complete: bool,
    /// Whether the user says that the nodes run Talos.
    pub(crate) talos: bool,
    /// What else says so, once it was looked for.
    pub(crate) talos_shown: OnceCell<Option<Shown>>,
    /// Indices of objects.
    kinds: HashMap<String, Vec<usize>>,
    /// Texts that were read already, by their first byte, and whether they are user-data.
    known: HashMap<(usize, usize, bool), usize>,
    /// Indices of objects, by kind and name.
    names: HashMap<(String, String), Vec<usize>>,
    /// Indices of Services, by the first label that they select.
    selectors: HashMap<(String, String), Vec<usize>>,
    /// Indices of machines, by each label of their pods.
    labels: HashMap<(String, String), Vec<usize>>,
    /// Indices of secrets, by their name.
    secret_names: HashMap<String, Vec<usize>>,
}

impl Inputs {
    /// Reads everything. What cannot be read is among the errors.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut reader = Reader::default();
        for path in paths {
            reader.read_named(path);
        }
        Self::from(reader)
    }

    /// Reads a text as if it were a file of this name.
    pub(crate) fn of_text(name: &str, text: &str) -> Self {
        let mut reader = Reader::default();
        reader.take_text(name, text);
        Self::from(reader)
    }

    fn from(mut reader: Reader) -> Self {
        kustomization::follow(&mut reader);
        let patches = kustomization::patches(&reader);
        let mut inputs = Self::default();
        for document in std::mem::take(&mut reader.documents) {
            if !patches.contains(&document.place.file) {
                inputs.add(&document, &reader.files);
            }
        }
        for object in &inputs.objects {
            inputs.secrets.extend(secret::secrets(object, &mut reader));
            inputs.values.extend(values::of(object, &mut reader));
        }
        for (index, secret) in inputs.secrets.iter().enumerate() {
            inputs.secret_names.entry(secret.name.clone()).or_default().push(index);
        }
        inputs.add_cloud_texts(&mut reader);
        inputs.files = reader.files;
        inputs.errors = reader.errors;
        inputs
    }

    fn add(&mut self, document: &Rc<Node>, files: &[File]) {
        let Some(object) = Object::from(document, files) else {
            if document.is_map() {
                self.values.push(Values::plain(document));
            }
            return;
        };
        if object.kind == "List" && object.api == "v1" {
            let items = object.root.at(&["items"]);
            if let Some(Value::List(items)) = items.map(|items| &items.value) {
                for item in items {
                    self.add(item, files);
                }
            }
            return;
        }
        let index = self.objects.len();
        if let Some(machine) = Machine::from(index, &object) {
            let vm = Vm { machine: &machine, object: &object };
            for (key, value) in vm.pod_labels() {
                let label = (key.to_owned(), value.to_owned());
                self.labels.entry(label).or_default().push(self.machines.len());
            }
            self.machines.push(machine);
        }
        let selector = object.root.at(&["spec", "selector"]).map(Node::entries);
        if let ("Service", Some([first, ..])) = (object.kind.as_str(), selector) {
            let label = (first.key.clone(), first.value.text().unwrap_or_default().to_owned());
            self.selectors.entry(label).or_default().push(index);
        }
        self.names.entry((object.kind.clone(), object.name.clone())).or_default().push(index);
        self.kinds.entry(object.kind.clone()).or_default().push(index);
        self.objects.push(object);
    }

    /// Finds what each machine's cloud-init gets, and what else looks like it.
    fn add_cloud_texts(&mut self, reader: &mut Reader) {
        for file in std::mem::take(&mut reader.user_data) {
            let text = Rc::new(Text::whole(file, &reader.files[file]));
            self.cloud_text(text, &USER, reader);
        }
        for file in std::mem::take(&mut reader.network_config) {
            let text = Rc::new(Text::whole(file, &reader.files[file]));
            self.cloud_text(text, &NETWORK, reader);
        }
        for index in 0..self.machines.len() {
            let object = &self.objects[self.machines[index].object];
            let namespace = object.namespace.clone();
            let vm = Vm { machine: &self.machines[index], object };
            let Some(entry) = cloud::volume(vm.spec()) else { continue };
            let (place, source) = (entry.place, Rc::clone(&entry.value));
            let user = self.data(&source, &USER, namespace.as_deref(), reader);
            let network = self.data(&source, &NETWORK, namespace.as_deref(), reader);
            self.machines[index].cloud_init = Some(CloudInit { place, source, user, network });
        }
        // Secrets whose machine is not among the inputs.
        for index in 0..self.secrets.len() {
            for names in [&USER, &NETWORK] {
                for key in names.keys {
                    let text = self.secrets[index].key(key).and_then(|key| key.text.clone());
                    if let Some(text) = text {
                        self.cloud_text(text, names, reader);
                    }
                }
            }
        }
    }

    fn data(
        &mut self,
        source: &Node,
        names: &Names,
        namespace: Option<&str>,
        reader: &mut Reader,
    ) -> Data {
        let text = if let Some(inline) = source.get(names.inline) {
            Text::of(inline, &reader.files)
        } else if let Some(base64) = source.get(names.base64) {
            match Text::of_base64(base64) {
                Ok(text) => text,
                Err(message) => {
                    let path = reader.files[base64.place.file].path.clone();
                    reader.errors.push(Unreadable { path, place: Some(base64.place), message });
                    None
                }
            }
        } else if let Some(reference) = source.get(names.reference) {
            return self.referenced(reference, names, namespace, reader);
        } else {
            return Data::Absent;
        };
        let text = text.filter(|text| !text.is_withheld());
        text.map_or(Data::Unknown, |text| self.cloud_text(Rc::new(text), names, reader))
    }

    fn referenced(
        &mut self,
        reference: &Node,
        names: &Names,
        namespace: Option<&str>,
        reader: &mut Reader,
    ) -> Data {
        let name = reference.text_at(&["name"]).unwrap_or_default();
        let secret = self.secret_from(name, namespace, reference.place, &reader.files);
        let Some(keys) = secret.and_then(|secret| secret.keys.as_ref()) else {
            return Data::Unknown;
        };
        let key = names.keys.iter().find_map(|name| keys.iter().find(|key| key.name == *name));
        match key.map(|key| key.text.clone()) {
            // KubeVirt says nothing about a secret without the key.
            None => Data::Absent,
            Some(None) => Data::Unknown,
            Some(Some(text)) => self.cloud_text(text, names, reader),
        }
    }

    /// Reads a text, once.
    fn cloud_text(&mut self, text: Rc<Text>, names: &Names, reader: &mut Reader) -> Data {
        let user = names.inline == USER.inline;
        let texts = if user { &mut self.user_data } else { &mut self.network_data };
        let known = self.known.entry((text.place.file, text.place.start, user));
        Data::Known(*known.or_insert_with(|| {
            texts.push(CloudText::read(text, reader, user));
            texts.len() - 1
        }))
    }

    pub(crate) fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Object> + Clone {
        let indices = self.kinds.get(kind).map(Vec::as_slice).unwrap_or_default();
        indices.iter().map(|index| &self.objects[*index])
    }

    pub(crate) fn machines(&self) -> impl Iterator<Item = Vm<'_>> + Clone {
        self.machines.iter().map(|machine| Vm { machine, object: &self.objects[machine.object] })
    }

    /// The secret that a reference at this place means.
    pub(crate) fn secret(
        &self,
        name: &str,
        namespace: Option<&str>,
        from: Place,
    ) -> Option<&Secret> {
        self.secret_from(name, namespace, from, &self.files)
    }

    /// Of several of one name, the one in the same folder is meant: the others belong to another
    /// version of the same thing.
    fn secret_from(
        &self,
        name: &str,
        namespace: Option<&str>,
        from: Place,
        files: &[File],
    ) -> Option<&Secret> {
        let indices = self.secret_names.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut found = indices
            .iter()
            .map(|index| &self.secrets[*index])
            .filter(|secret| same_namespace(secret.namespace.as_deref(), namespace));
        let folder = object::folder(from, files);
        let near = found.clone().find(|s| object::folder(s.place, files) == folder);
        near.or_else(|| found.next())
    }

    /// The objects of a kind and name, in whatever namespace.
    pub(crate) fn named<'a>(
        &'a self,
        kind: &str,
        name: &str,
    ) -> impl Iterator<Item = &'a Object> + use<'a> {
        let key = (kind.to_owned(), name.to_owned());
        self.names.get(&key).into_iter().flatten().map(|index| &self.objects[*index])
    }

    /// The services that send to a machine.
    pub(crate) fn services<'a>(&'a self, vm: Vm<'a>) -> impl Iterator<Item = &'a Object> {
        let namespace = vm.object.namespace.as_deref();
        let found = vm.pod_labels().flat_map(|(key, value)| {
            self.selectors.get(&(key.to_owned(), value.to_owned())).into_iter().flatten()
        });
        let services = found.map(|index| &self.objects[*index]).filter(move |service| {
            let selector = service.root.at(&["spec", "selector"]).map(Node::entries);
            service.beside(namespace) && vm.is_selected(selector.unwrap_or_default())
        });
        services.take(SERVICES)
    }

    /// The machines whose pods a selector finds.
    pub(crate) fn selected(&self, selector: &[Entry]) -> impl Iterator<Item = Vm<'_>> {
        let first = selector.first().and_then(|first| {
            let label = (first.key.clone(), first.value.text()?.to_owned());
            self.labels.get(&label)
        });
        first.into_iter().flatten().filter_map(move |index| {
            let machine = &self.machines[*index];
            let vm = Vm { machine, object: &self.objects[machine.object] };
            vm.is_selected(selector).then_some(vm)
        })
    }

    /// Where these words stand inside a scalar; all of it, where it is not written as it is.
    pub(crate) fn within(&self, node: &Node, words: &str) -> Place {
        let text = Text::of(node, &self.files);
        let at = text.as_ref().and_then(|text| Some((text, text.content.find(words)?)));
        at.map_or(node.place, |(text, at)| text.locate(at, at + words.len()))
    }

    /// All documents of cloud-init's user-data.
    pub(crate) fn cloud_configs(&self) -> impl Iterator<Item = &Node> {
        self.user_data.iter().filter_map(|text| text.root.as_deref())
    }

    /// What each network-config holds: below `network`, where it has that wrapper.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &Node> {
        self.network_data.iter().filter_map(|text| text.network())
    }
}

impl CloudText {
    /// The network-config itself: below `network`, where it has that wrapper.
    pub(crate) fn network(&self) -> Option<&Node> {
        let root = self.root.as_deref()?;
        Some(root.get("network").unwrap_or(root))
    }

    /// That wrapper.
    pub(crate) fn wrapper(&self) -> Option<&Entry> {
        self.root.as_deref()?.entry("network")
    }
}
