//! Passed-through devices.

use crate::fix::Edit;
use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::permitted::{clusters, permitted};

pub(crate) static VM009: Rule = Rule {
    id: "VM009",
    severity: Severity::Error,
    title: "a VM with a GPU that is to be migrated live",
    cause: "A passed-through device cannot migrate. With LiveMigrate, an eviction is refused \
            until the VM has migrated, so the drain of its node never ends.",
    evidence: "kubectl drain repeats \"Cannot evict pod\" for the launcher pod.",
    fix: "set evictionStrategy: None in the VM",
    check: live_migrate,
};

fn live_migrate(inputs: &Inputs, found: &mut Found) {
    let path = &["spec", "configuration", "evictionStrategy"];
    let mut clusters = inputs.of_kind("KubeVirt").map(|cluster| cluster.root.at(path));
    let inherited = clusters.next().flatten();
    // Of several clusters among the inputs, nobody knows which one a VM is for.
    let all = clusters.all(|other| other.and_then(Node::text) == inherited.and_then(Node::text));
    let inherited = inherited.filter(|_| all);
    for vm in inputs.machines() {
        let Some(device) = vm.devices().next() else { continue };
        let own = vm.spec().get("evictionStrategy");
        let Some(strategy) = own.or(inherited) else { continue };
        if strategy.text() == Some("LiveMigrate") {
            let message = format!("{} has a device that cannot migrate", vm.object.name);
            let finding = found.add(strategy.place, message).see(device.place, "this one");
            finding.edit(match own {
                Some(own) => Edit::words(own.place, "LiveMigrate", "None"),
                None => Edit::key(vm.spec(), "evictionStrategy", "\"None\""),
            });
        }
    }
}

pub(crate) static VM011: Rule = Rule {
    id: "VM011",
    severity: Severity::Error,
    title: "a device that KubeVirt does not permit",
    cause: "deviceName must be the resourceName of one of the KubeVirt object's \
            permittedHostDevices, to the letter.",
    evidence: "The VM object is refused, or its pod stays Pending for a resource that no node has.",
    fix: "use the resourceName that is permitted, or permit this one",
    check: not_permitted,
};

fn not_permitted(inputs: &Inputs, found: &mut Found) {
    let Some(cluster) = clusters(inputs).next() else { return };
    // Of several clusters among the inputs, nobody knows which one the VM is for.
    let permitted: Vec<&Node> = clusters(inputs)
        .flat_map(|cluster| {
            let kinds = ["pciHostDevices", "mediatedDevices", "usb", "usbHostDevices"];
            kinds.into_iter().flat_map(|kind| permitted(cluster, kind))
        })
        .filter_map(|device| device.get("resourceName"))
        .collect();
    for vm in inputs.machines() {
        for device in vm.devices() {
            let Some(name) = device.get("deviceName").filter(|n| !n.is_filled_in()) else {
                continue;
            };
            if permitted.iter().any(|permitted| permitted.text() == name.text()) {
                continue;
            }
            let text = name.text().unwrap_or_default();
            let finding = found.add(name.place, format!("{text} is no permitted host device"));
            match permitted.first() {
                Some(first) => finding.see(first.place, "what is permitted"),
                None => finding.see(cluster.place(), "no device is permitted here"),
            };
        }
    }
}

pub(crate) static VM012: Rule = Rule {
    id: "VM012",
    severity: Severity::Warning,
    title: "a VM with a GPU that is bound to no node",
    cause: "The scheduler finds a node with the device by itself. But a disk that lives on one \
            node binds the VM to that node, with or without the GPU.",
    evidence: "The pod stays Pending: one node has the disk, another one the GPU.",
    fix: "add a nodeSelector for the node that has both",
    check: not_pinned,
};

/// Provisioners whose volumes live on one node, as the usual storage classes name them.
const NODE_LOCAL: [&str; 5] = ["local-path", "local-storage", "hostpath", "local", "topolvm"];

fn not_pinned(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines().filter(|vm| vm.has_gpu() && !vm.machine.pooled) {
        if vm.spec().get("nodeSelector").is_some() || vm.spec().get("affinity").is_some() {
            continue;
        }
        let finding = found.add(vm.domain_place(), "bound to no node");
        match local_disk(vm, inputs) {
            Some(class) => finding.see(class.place, "this disk is on one node only"),
            None => finding.at_most(Severity::Information),
        };
    }
}

/// The storage class of a disk that lives on one node.
fn local_disk<'a>(vm: Vm<'a>, inputs: &'a Inputs) -> Option<&'a Node> {
    let templates = vm.object.root.list(&["spec", "dataVolumeTemplates"]);
    let own = templates.filter_map(|t| {
        ["storage", "pvc"].iter().find_map(|key| t.at(&["spec", key, "storageClassName"]))
    });
    let names = vm
        .spec()
        .list(&["volumes"])
        .filter_map(|volume| volume.text_at(&["persistentVolumeClaim", "claimName"]));
    let namespace = vm.object.namespace.as_deref();
    let claims = names
        .flat_map(|name| inputs.named("PersistentVolumeClaim", name))
        .filter(|claim| claim.beside(namespace))
        .filter_map(|claim| claim.root.at(&["spec", "storageClassName"]));
    let is_local = |class: &&Node| {
        class
            .text()
            .is_some_and(|c| NODE_LOCAL.iter().any(|l| c == *l || c.ends_with(&format!("-{l}"))))
    };
    own.chain(claims).find(is_local)
}
