//! Virtual machines, however they are written.

use super::cloud::CloudInit;
use super::object::Object;
use crate::source::Place;
use crate::yaml::{Entry, Node};

/// A virtual machine, or what a pool makes its machines from.
#[derive(Debug)]
pub(crate) struct Machine {
    /// Index of its object.
    pub(crate) object: usize,
    /// Where its instance's spec stands.
    path: &'static [&'static str],
    pub(crate) pooled: bool,
    pub(crate) cloud_init: Option<CloudInit>,
}

impl Machine {
    pub(crate) fn from(index: usize, object: &Object) -> Option<Self> {
        let path: &[&str] = match object.kind.as_str() {
            "VirtualMachine" if object.api.starts_with("kubevirt.io/") => &["spec", "template"],
            "VirtualMachinePool" => &["spec", "virtualMachineTemplate", "spec", "template"],
            "VirtualMachineInstance" => &[],
            _ => return None,
        };
        object.root.at(path)?.get("spec")?;
        let pooled = object.kind == "VirtualMachinePool";
        Some(Self { object: index, path, pooled, cloud_init: None })
    }
}

/// A machine with its object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vm<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) object: &'a Object,
}

impl<'a> Vm<'a> {
    fn template(self) -> &'a Node {
        self.object.root.at(self.machine.path).unwrap_or(&self.object.root)
    }

    /// The instance's spec.
    pub(crate) fn spec(self) -> &'a Node {
        self.template().get("spec").unwrap_or(&self.object.root)
    }

    /// The labels that its pod gets.
    pub(crate) fn labels(self) -> &'a [Entry] {
        self.template().at(&["metadata", "labels"]).map(Node::entries).unwrap_or_default()
    }

    /// The labels of its pod: the template's, and those that KubeVirt adds.
    pub(crate) fn pod_labels(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let added =
            [("vm.kubevirt.io/name", self.object.name.as_str()), ("kubevirt.io", "virt-launcher")];
        let own = self.labels().iter();
        own.filter_map(|label| Some((label.key.as_str(), label.value.text()?))).chain(added)
    }

    /// Whether a selector finds its pod.
    pub(crate) fn is_selected(self, selector: &[Entry]) -> bool {
        !selector.is_empty()
            && selector.iter().all(|wanted| {
                self.pod_labels()
                    .any(|(key, value)| wanted.key == key && wanted.value.text() == Some(value))
            })
    }

    pub(crate) fn interfaces(self) -> impl Iterator<Item = &'a Node> + Clone {
        self.spec().list(&["domain", "devices", "interfaces"])
    }

    /// Passed-through GPUs and other host devices.
    pub(crate) fn devices(self) -> impl Iterator<Item = &'a Node> + Clone {
        let devices = self.spec().list(&["domain", "devices", "gpus"]);
        devices.chain(self.spec().list(&["domain", "devices", "hostDevices"]))
    }

    pub(crate) fn has_gpu(self) -> bool {
        self.spec().list(&["domain", "devices", "gpus"]).next().is_some()
    }

    /// Whether its root disk outlives its pod.
    pub(crate) fn persistent(self) -> bool {
        let disks = self.spec().list(&["domain", "devices", "disks"]);
        let order = |disk: &&Node| disk.get("bootOrder").and_then(Node::number).unwrap_or(i64::MAX);
        let root = disks.min_by_key(order).and_then(|disk| disk.text_at(&["name"]));
        let volume = self.spec().list(&["volumes"]).find(|v| v.text_at(&["name"]) == root);
        volume.is_some_and(|v| {
            v.get("dataVolume").is_some() || v.get("persistentVolumeClaim").is_some()
        })
    }

    /// The place of the key that leads to its spec's end: `domain`, or its name.
    pub(crate) fn domain_place(self) -> Place {
        self.spec().entry("domain").map_or_else(|| self.object.place(), |entry| entry.place)
    }
}
