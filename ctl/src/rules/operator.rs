//! NVIDIA's operator, where whole GPUs go into VMs.

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

use super::permitted::{clusters, permitted, selector};
use super::pods::{containers, pod};
use super::talos::{enabled, machines, operators};

/// What configures the operator for VMs.
fn settings(inputs: &Inputs) -> impl Iterator<Item = &Node> {
    operators(inputs).filter(|root| root.get("sandboxWorkloads").is_some())
}

pub(crate) static KV004: Rule = Rule {
    id: "KV004",
    severity: Severity::Error,
    title: "nobody, or two, offer the device",
    cause: "A device is offered to the scheduler by KubeVirt itself, or, with \
            externalResourceProvider, by the operator's sandbox device plugin. By neither, no node \
            has the resource; by both, they take turns.",
    evidence: "The node's allocatable has none of the resource, or its number changes by itself.",
    fix: "set externalResourceProvider: true exactly where sandboxDevicePlugin is enabled",
    check: provider,
};

fn provider(inputs: &Inputs, found: &mut Found) {
    let Some(settings) = settings(inputs).next() else { return };
    let Some(plugin) = enabled(settings, "sandboxDevicePlugin") else { return };
    // Without workloads in VMs the operator starts none of its parts for them.
    let plugin = plugin && enabled(settings, "sandboxWorkloads") == Some(true);
    // The same plugin is there by itself as well.
    let other = inputs.of_kind("DaemonSet").any(offers);
    for cluster in clusters(inputs) {
        for kind in ["pciHostDevices", "mediatedDevices"] {
            for device in permitted(cluster, kind) {
                // Only NVIDIA's are the operator's.
                let selector = selector(device).and_then(Node::text).unwrap_or("10DE");
                if !selector.to_ascii_uppercase().starts_with("10DE") {
                    continue;
                }
                let provider = device.entry("externalResourceProvider");
                let external = provider.is_some_and(|entry| entry.value.is_true());
                if external == plugin || external && other {
                    continue;
                }
                let place = provider.map_or(device.place, |entry| entry.place);
                let message = if external {
                    "nobody offers this device: the sandbox device plugin is off"
                } else {
                    "KubeVirt and the sandbox device plugin both offer this device"
                };
                let finding = found.add(place, message);
                if let Some(entry) = settings.entry("sandboxDevicePlugin") {
                    finding.see(entry.place, "the plugin");
                }
            }
        }
    }
}

/// Whether it is NVIDIA's device plugin for KubeVirt.
fn offers(set: &Object) -> bool {
    let mut containers = pod(set).into_iter().flat_map(containers);
    containers.any(|container| {
        container
            .text_at(&["image"])
            .is_some_and(|image| image.contains("kubevirt-gpu-device-plugin"))
    })
}

pub(crate) static GP005: Rule = Rule {
    id: "GP005",
    severity: Severity::Error,
    title: "passthrough without what binds the device",
    cause: "A GPU goes into a VM only when vfio-pci has it. The operator's VFIO manager binds it, \
            unless Talos does so itself by its machine configuration.",
    evidence: "KubeVirt offers no device: the card belongs to another driver, or to none.",
    fix: "enable vfioManager, or have Talos bind the device's ids to vfio-pci",
    check: unbound,
};

fn unbound(inputs: &Inputs, found: &mut Found) {
    for settings in settings(inputs) {
        let sandbox = enabled(settings, "sandboxWorkloads") == Some(true);
        let Some(workload) = settings.at(&["sandboxWorkloads", "defaultWorkload"]) else {
            continue;
        };
        if workload.text() != Some("vm-passthrough") {
            continue;
        }
        if !sandbox {
            found.add(workload.place, "sandboxWorkloads is not enabled");
        }
        // Unless it is switched off, the operator has it on.
        if let Some(manager) = settings.at(&["vfioManager", "enabled"])
            && !manager.is_true()
            && !bound_by_talos(inputs)
        {
            found.add(manager.place, "nothing binds the device to vfio-pci");
        }
    }
}

/// Whether a machine configuration among the inputs gives devices to vfio-pci.
fn bound_by_talos(inputs: &Inputs) -> bool {
    machines(inputs).any(|machine| {
        let arguments = machine.list(&["install", "extraKernelArgs"]);
        let modules = machine.list(&["kernel", "modules"]);
        arguments.filter_map(Node::text).any(|text| text.starts_with("vfio-pci.ids="))
            || modules.filter_map(|m| m.text_at(&["name"])).any(|name| name == "vfio_pci")
    })
}

pub(crate) static GP007: Rule = Rule {
    id: "GP007",
    severity: Severity::Warning,
    title: "the sandbox device plugin on arm64",
    cause: "NVIDIA publishes the image of the sandbox device plugin for amd64 only.",
    evidence: "Its pods on arm64 nodes end with: exec format error, or no match for platform.",
    fix: "set sandboxDevicePlugin.enabled: false, and let KubeVirt offer the device: \
          externalResourceProvider: false",
    check: plugin_on_arm,
};

fn plugin_on_arm(inputs: &Inputs, found: &mut Found) {
    let Some(arm) = arm64(inputs) else { return };
    // Unless it is switched off, the operator has it on; another file may switch it off.
    let stated = settings(inputs).any(|s| enabled(s, "sandboxDevicePlugin").is_some());
    for settings in settings(inputs) {
        if enabled(settings, "sandboxWorkloads") != Some(true) {
            continue;
        }
        let place = match settings.at(&["sandboxDevicePlugin", "enabled"]) {
            Some(plugin) if plugin.is_true() => plugin.place,
            None if !stated => settings.get("sandboxWorkloads").unwrap_or(settings).place,
            _ => continue,
        };
        found.add(place, "this plugin's image does not run on arm64").see(arm, "an arm64 node");
    }
}

/// What shows that nodes with GPUs are arm64: a node, or a VM with a GPU that wants one.
fn arm64(inputs: &Inputs) -> Option<Place> {
    let node = inputs.of_kind("Node").find_map(|node| {
        let label = node.root.at(&["metadata", "labels", "kubernetes.io/arch"]);
        let info = || node.root.at(&["status", "nodeInfo", "architecture"]);
        label.or_else(info).filter(|arch| arch.text() == Some("arm64"))
    });
    let machine = || {
        let wanted = inputs.machines().filter(|vm| vm.has_gpu());
        wanted.filter_map(|vm| vm.spec().get("architecture")).find(|a| a.text() == Some("arm64"))
    };
    node.or_else(machine).map(|node| node.place)
}
