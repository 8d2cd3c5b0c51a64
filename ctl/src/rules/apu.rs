//! AMD's processors with graphics.

use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::permitted::{clusters, permitted, selector};

pub(crate) static PK001: Rule = Rule {
    id: "PK001",
    severity: Severity::Warning,
    title: "an AMD APU's graphics in a VM",
    cause: "The graphics of an APU share memory, firmware and reset with the processor. After the \
            first guest they often cannot be reset, and need a ROM that no card carries.",
    evidence: "The VM starts once after a boot of the node; later the guest's amdgpu cannot \
               initialise, or the node hangs.",
    fix: "compute with it in a container on the node, or pass through a card of its own",
    check: apu,
};

/// Devices of AMD's (1002) that are part of a processor, from pci.ids, Kaveri to Strix.
const IDS: [&str; 29] = [
    "1304", "1309", "130A", "130F", "1313", "1315", "9874", "98E4", "15D8", "15DD", "15E7", "1636",
    "1638", "163F", "164C", "164D", "164E", "164F", "1681", "15BF", "15C8", "1506", "150E", "1586",
    "13C0", "1435", "1900", "1901", "1114",
];

/// The same by the names that resources are given.
const NAMES: [&str; 14] = [
    "RAVEN",
    "PICASSO",
    "RENOIR",
    "LUCIENNE",
    "CEZANNE",
    "BARCELO",
    "REMBRANDT",
    "MENDOCINO",
    "RAPHAEL",
    "PHOENIX",
    "HAWKPOINT",
    "HAWK_POINT",
    "STRIX",
    "VANGOGH",
];

fn apu(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        for device in vm.devices() {
            let Some(name) = device.get("deviceName") else { continue };
            let text = name.text().unwrap_or_default();
            let message = format!("{text} is the graphics of an APU");
            if let Some(selector) = selected(text, inputs) {
                if is_apu(selector.text().unwrap_or_default()) {
                    found.add(name.place, message).see(selector.place, "this device");
                }
            } else if is_named(text) {
                found.add(name.place, message);
            }
        }
    }
    // Harvester's devices say what they are.
    for claim in inputs.of_kind("PCIDeviceClaim") {
        let device = inputs.named("PCIDevice", &claim.name).find(|device| {
            let text = |key| device.root.text_at(&["status", key]).unwrap_or_default();
            is_apu(&format!("{}:{}", text("vendorId"), text("deviceId")))
        });
        if let Some(device) = device {
            found
                .add(claim.place(), "claims the graphics of an APU")
                .see(device.place(), "this device");
        }
    }
}

/// The selector of the device that KubeVirt permits under this name.
fn selected<'a>(resource: &str, inputs: &'a Inputs) -> Option<&'a Node> {
    clusters(inputs)
        .flat_map(|cluster| permitted(cluster, "pciHostDevices"))
        .find(|device| device.text_at(&["resourceName"]) == Some(resource))
        .and_then(selector)
}

fn is_apu(selector: &str) -> bool {
    let selector = selector.to_ascii_uppercase();
    selector.split_once(':').is_some_and(|(vendor, id)| vendor == "1002" && IDS.contains(&id))
}

fn is_named(resource: &str) -> bool {
    let resource = resource.to_ascii_uppercase();
    let name = resource.strip_prefix("AMD.COM/");
    name.is_some_and(|name| !name.contains("AUDIO") && NAMES.iter().any(|n| name.contains(n)))
}
