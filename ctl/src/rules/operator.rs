//! NVIDIA's operator, where whole GPUs go into VMs.

use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

/// What configures the operator: its chart's values, and the spec of its policy.
fn settings(inputs: &Inputs) -> impl Iterator<Item = &Node> {
    let values = inputs.values.iter().map(AsRef::as_ref);
    let policies = inputs.of_kind("ClusterPolicy").filter_map(|policy| policy.root.get("spec"));
    values.chain(policies).filter(|root| root.get("sandboxWorkloads").is_some())
}

/// Whether a part is switched on; `None` where nothing is said.
fn enabled(settings: &Node, part: &str) -> Option<bool> {
    settings.at(&[part, "enabled"]).map(Node::is_true)
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
    for cluster in inputs.of_kind("KubeVirt") {
        for list in ["pciHostDevices", "mediatedDevices"] {
            let path = &["spec", "configuration", "permittedHostDevices", list];
            for device in cluster.root.list(path) {
                // Only NVIDIA's are the operator's.
                let selector = device.text_at(&["pciVendorSelector"]).unwrap_or("10DE");
                if !selector.to_ascii_uppercase().starts_with("10DE") {
                    continue;
                }
                let provider = device.entry("externalResourceProvider");
                let external = provider.is_some_and(|entry| entry.value.is_true());
                if external == plugin {
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
    inputs.values.iter().any(|root| {
        let arguments = root.list(&["machine", "install", "extraKernelArgs"]);
        let modules = root.list(&["machine", "kernel", "modules"]);
        arguments.filter_map(Node::text).any(|text| text.starts_with("vfio-pci.ids="))
            || modules.filter_map(|m| m.text_at(&["name"])).any(|name| name == "vfio_pci")
    })
}
