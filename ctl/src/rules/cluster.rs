//! What the cluster allows: the KubeVirt object.

use serde::de::IgnoredAny;

use crate::fix::Edit;
use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

use super::permitted::{clusters, permitted, selector};

/// Feature gates of a KubeVirt object, and where they stand.
fn gates(cluster: &Object) -> (impl Iterator<Item = &Node> + Clone, Place) {
    let list = cluster.root.at(GATES);
    let place = list.map_or_else(|| cluster.place(), |list| list.place);
    (cluster.root.list(GATES), place)
}

const GATES: &[&str] = &["spec", "configuration", "developerConfiguration", "featureGates"];

/// The list of feature gates, where it has items to put another one before.
fn list(cluster: &Object) -> Option<&Node> {
    cluster.root.at(GATES).filter(|list| list.items().next().is_some())
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
    let stated: Vec<&Node> =
        inputs.machines().filter_map(|vm| vm.spec().get("architecture")).collect();
    // What most control planes are not shows the fault; the others are what they say by chance.
    let other = stated.iter().find(|architecture| architecture.text() != Some("amd64"));
    let Some(stated) = other.or(stated.first()) else { return };
    for cluster in inputs.of_kind("KubeVirt") {
        let (mut gates, place) = gates(cluster);
        let version = version(cluster, inputs);
        if gates.clone().any(|gate| gate.text() == Some("MultiArchitecture"))
            || version >= Some((1, 8))
        {
            continue;
        }
        // Near enough to have been meant: the case, a plural, or hyphens.
        let meant = gates.find(|gate| {
            let text = gate.text().unwrap_or_default().to_ascii_lowercase().replace(['-', '_'], "");
            text.starts_with("multiarch")
        });
        if let Some(gate) = meant {
            let text = gate.text().unwrap_or_default();
            found
                .add(gate.place, format!("there is no gate {text}; MultiArchitecture is meant"))
                .see(stated.place, "this architecture does not count without it")
                .edit(Edit::words(gate.place, text, "MultiArchitecture"));
            continue;
        }
        let finding = found.add(place, "the gate MultiArchitecture is missing");
        finding.see(stated.place, "this architecture does not count without it");
        if let Some(gates) = list(cluster).filter(|_| version.is_some()) {
            finding.edit(Edit::item(gates, "MultiArchitecture"));
        }
        if stated.text() == Some("amd64") {
            finding.at_most(Severity::Information);
        } else if version.is_none() {
            finding.at_most(Severity::Warning).note(
                "no version of KubeVirt is stated among the inputs: from 1.8 on it is not needed",
            );
        }
    }
}

/// Major and minor version of a KubeVirt object, where it, or its operator, states one.
fn version(cluster: &Object, inputs: &Inputs) -> Option<(u32, u32)> {
    let tag = cluster.root.text_at(&["spec", "imageTag"]);
    let observed = || cluster.root.text_at(&["status", "observedKubeVirtVersion"]);
    let operator = || {
        let operators = inputs.named("Deployment", "virt-operator").filter_map(super::pods::pod);
        let mut images = operators.flat_map(super::pods::containers);
        images
            .find_map(|container| container.text_at(&["image"])?.rsplit_once(':'))
            .map(|(_, tag)| tag)
    };
    let version = tag.or_else(observed).or_else(operator)?;
    let mut parts = version.trim_start_matches('v').split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
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
    // Of several clusters among the inputs, nobody knows which one a VM is for.
    let open = |cluster| gates(cluster).0.any(|gate: &Node| gate.text() == Some("HostDevices"));
    if inputs.of_kind("KubeVirt").any(open) {
        return;
    }
    let place = gates(cluster).1;
    for vm in inputs.machines() {
        let devices = vm.spec().at(&["domain", "devices"]);
        if let Some(entry) = devices.and_then(|devices| devices.entry("hostDevices")) {
            let finding = found.add(entry.place, "the gate HostDevices is missing");
            finding.see(place, "here");
            if let Some(gates) = list(cluster) {
                finding.edit(Edit::item(gates, "HostDevices"));
            }
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
    for cluster in clusters(inputs) {
        let mut seen: Vec<&Node> = Vec::new();
        for device in permitted(cluster, "pciHostDevices") {
            if let Some(selector) = selector(device) {
                let text = selector.text().unwrap_or_default();
                let well_formed = text.split_once(':').is_some_and(|(vendor, product)| {
                    [vendor, product]
                        .iter()
                        .all(|id| id.len() == 4 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
                });
                if !well_formed && !selector.is_filled_in() {
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
