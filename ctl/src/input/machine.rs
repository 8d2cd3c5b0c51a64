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
        // Others have kinds of these names too.
        let group = object.api.split('/').next().unwrap_or_default();
        if !["kubevirt.io", "pool.kubevirt.io"].contains(&group) {
            return None;
        }
        let path: &[&str] = match object.kind.as_str() {
            "VirtualMachine" | "VirtualMachineInstanceReplicaSet" => &["spec", "template"],
            "VirtualMachinePool" => &["spec", "virtualMachineTemplate", "spec", "template"],
            "VirtualMachineInstance" => &[],
            _ => return None,
        };
        object.root.at(path)?.get("spec")?;
        let pooled = ["VirtualMachinePool", "VirtualMachineInstanceReplicaSet"];
        let pooled = pooled.contains(&object.kind.as_str());
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

    /// The name of the volume that it boots from: the first disk by its order, which is not a CD
    /// with an installer and not what cloud-init reads.
    pub(crate) fn root(self) -> Option<&'a str> {
        let disks = self.spec().list(&["domain", "devices", "disks"]);
        let order = |disk: &&Node| disk.get("bootOrder").and_then(Node::number).unwrap_or(i64::MAX);
        let named = disks
            .filter(|disk| disk.get_key("cdrom").is_none())
            .filter(|disk| self.volume(disk.text_at(&["name"])).is_none_or(is_bootable));
        let first = named.min_by_key(order).and_then(|disk| disk.text_at(&["name"]));
        // A volume that no disk names gets one of its own, behind the others.
        let volume = || self.spec().list(&["volumes"]).find(|volume| is_bootable(volume));
        first.or_else(|| volume()?.text_at(&["name"]))
    }

    fn volume(self, name: Option<&str>) -> Option<&'a Node> {
        self.spec().list(&["volumes"]).find(|v| name.is_some() && v.text_at(&["name"]) == name)
    }

    /// Whether its root disk outlives its pod.
    pub(crate) fn persistent(self) -> bool {
        let kept = ["dataVolume", "persistentVolumeClaim", "hostDisk"];
        self.volume(self.root()).is_some_and(|v| kept.iter().any(|kind| v.get(kind).is_some()))
    }

    /// Whether its root disk is a new one with every pod.
    pub(crate) fn ephemeral(self) -> bool {
        let fresh = ["containerDisk", "ephemeral"];
        self.volume(self.root()).is_some_and(|v| fresh.iter().any(|kind| v.get(kind).is_some()))
    }

    /// The place of the key that leads to its spec's end: `domain`, or its name.
    pub(crate) fn domain_place(self) -> Place {
        self.spec().entry("domain").map_or_else(|| self.object.place(), |entry| entry.place)
    }
}

/// Whether a guest can start from a volume: not from what only brings it data.
fn is_bootable(volume: &Node) -> bool {
    let kinds = ["dataVolume", "persistentVolumeClaim", "hostDisk", "containerDisk", "ephemeral"];
    kinds.iter().any(|kind| volume.get(kind).is_some())
}
