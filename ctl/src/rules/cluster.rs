//! What the cluster allows: the KubeVirt object and namespaces.

use serde::de::IgnoredAny;

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

/// Feature gates of a KubeVirt object, and where they stand.
fn gates(cluster: &Object) -> (impl Iterator<Item = &Node> + Clone, Place) {
    let path = &["spec", "configuration", "developerConfiguration", "featureGates"];
    let list = cluster.root.at(path);
    let place = list.map_or_else(|| cluster.place(), |list| list.place);
    (cluster.root.list(path), place)
}

pub(crate) static KV001: Rule = Rule {
    id: "KV001",
    severity: Severity::Error,
    title: "a VM with an architecture, and no gate MultiArchitecture",
    cause: "Before KubeVirt 1.8, the architecture that a VM states counts only with the feature \
            gate MultiArchitecture, in that spelling. Without it, the VM gets that of the control \
            plane.",
    evidence: "An arm64 guest's pod looks for an amd64 node.",
    fix: "add MultiArchitecture to developerConfiguration.featureGates",
    check: multi_architecture,
};

fn multi_architecture(inputs: &Inputs, found: &mut Found) {
    let stated = inputs.machines().find_map(|vm| vm.spec().get("architecture"));
    let Some(cluster) = inputs.of_kind("KubeVirt").next() else { return };
    let (mut gates, place) = gates(cluster);
    if gates.clone().any(|gate| gate.text() == Some("MultiArchitecture")) || needs_no_gate(cluster)
    {
        return;
    }
    let Some(stated) = stated else { return };
    // Near enough to have been meant: the case, or a plural or a hyphen more.
    let meant = gates.find(|gate| {
        let text = gate.text().unwrap_or_default().to_ascii_lowercase().replace(['-', '_'], "");
        text.starts_with("multiarch")
    });
    if let Some(gate) = meant {
        let text = gate.text().unwrap_or_default();
        found.add(gate.place, format!("there is no gate {text}; MultiArchitecture is meant"));
        return;
    }
    let finding = found.add(place, "the gate MultiArchitecture is missing");
    finding.see(stated.place, "this architecture does not count without it");
    // What most control planes are, and then the guest is what it says by chance.
    if stated.text() == Some("amd64") {
        finding.at_most(Severity::Information);
    }
}

/// Whether the version that the object states, if it does, is 1.8 or later.
fn needs_no_gate(cluster: &Object) -> bool {
    let tag = cluster.root.text_at(&["spec", "imageTag"]);
    let version = tag.or_else(|| cluster.root.text_at(&["status", "observedKubeVirtVersion"]));
    let mut parts = version.unwrap_or_default().trim_start_matches('v').split('.');
    let mut next = || parts.next().and_then(|part| part.parse::<u32>().ok());
    (next(), next()) >= (Some(1), Some(8))
}

pub(crate) static KV002: Rule = Rule {
    id: "KV002",
    severity: Severity::Error,
    title: "hostDevices without the gate HostDevices",
    cause: "Devices below hostDevices need the feature gate HostDevices. Those below gpus do not.",
    evidence: "The VM object is refused: HostDevices feature gate is not enabled.",
    fix: "add HostDevices to developerConfiguration.featureGates, or use gpus for a GPU",
    check: host_devices,
};

fn host_devices(inputs: &Inputs, found: &mut Found) {
    let Some(cluster) = inputs.of_kind("KubeVirt").next() else { return };
    let (mut gates, place) = gates(cluster);
    if gates.any(|gate| gate.text() == Some("HostDevices")) {
        return;
    }
    for vm in inputs.machines() {
        let devices = vm.spec().at(&["domain", "devices"]);
        if let Some(entry) = devices.and_then(|devices| devices.entry("hostDevices")) {
            found.add(entry.place, "the gate HostDevices is missing").see(place, "here");
        }
    }
}

pub(crate) static KV003: Rule = Rule {
    id: "KV003",
    severity: Severity::Error,
    title: "a malformed device selector, or one resource for two devices",
    cause: "A selector is vendor and product, four hexadecimal digits each. A resourceName stands \
            for one kind of device.",
    evidence: "No node offers the resource, or a VM gets the wrong card.",
    fix: "write pciVendorSelector: \"10DE:2204\", as lspci -nn has it, and one resourceName for each",
    check: selectors,
};

fn selectors(inputs: &Inputs, found: &mut Found) {
    for cluster in inputs.of_kind("KubeVirt") {
        let path = &["spec", "configuration", "permittedHostDevices", "pciHostDevices"];
        let mut seen: Vec<&Node> = Vec::new();
        for device in cluster.root.list(path) {
            if let Some(selector) = device.get("pciVendorSelector") {
                let text = selector.text().unwrap_or_default();
                let well_formed = text.split_once(':').is_some_and(|(vendor, product)| {
                    [vendor, product]
                        .iter()
                        .all(|id| id.len() == 4 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
                });
                if !well_formed {
                    found.add(selector.place, format!("{text:?} is no vendor:product"));
                }
            }
            let Some(name) = device.get("resourceName") else { continue };
            if let Some(first) = seen.iter().find(|first| first.text() == name.text()) {
                found.add(name.place, "another device has this name").see(first.place, "this one");
            }
            seen.push(name);
        }
    }
}

pub(crate) static KV005: Rule = Rule {
    id: "KV005",
    severity: Severity::Error,
    title: "a patch of components that is not JSON",
    cause: "customizeComponents takes each patch as JSON in a string.",
    evidence: "The KubeVirt object stays Deploying, and virt-operator's log has the parse error.",
    fix: "write the patch as JSON, in single quotes or a block",
    check: patches,
};

fn patches(inputs: &Inputs, found: &mut Found) {
    for cluster in inputs.of_kind("KubeVirt") {
        for item in cluster.root.list(&["spec", "customizeComponents", "patches"]) {
            let Some(patch) = item.get("patch") else { continue };
            let text = patch.text().unwrap_or_default();
            if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
                found.add(patch.place, format!("not JSON: {error}"));
            }
        }
    }
}

pub(crate) static PS001: Rule = Rule {
    id: "PS001",
    severity: Severity::Error,
    title: "a namespace whose pods may not have what they need",
    cause: "KubeVirt's handlers and the GPU operator's pods need PodSecurity privileged. So may \
            the pod of a VM with a device.",
    evidence: "DaemonSets have no pods, and their events say: violates PodSecurity.",
    fix: "label the namespace pod-security.kubernetes.io/enforce: privileged",
    check: pod_security,
};

fn pod_security(inputs: &Inputs, found: &mut Found) {
    for namespace in inputs.of_kind("Namespace") {
        let path = &["metadata", "labels", "pod-security.kubernetes.io/enforce"];
        let Some(level) = namespace.root.at(path) else { continue };
        if level.text() == Some("privileged") {
            continue;
        }
        let name = namespace.name.as_str();
        let holds_vm = || inputs.machines().any(|vm| vm.object.namespace.as_deref() == Some(name));
        let message = format!("pods of {name} may need more than this");
        if ["kubevirt", "gpu-operator"].contains(&name) {
            found.add(level.place, message);
        } else if name == "cdi" || holds_vm() {
            found.add(level.place, message).at_most(Severity::Warning);
        }
    }
}
