//! Harvester's claims of PCI devices.

use crate::fix::Edit;
use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

/// The kind of a claim.
const CLAIM: &str = "PCIDeviceClaim";

pub(crate) static HV001: Rule = Rule {
    id: "HV001",
    severity: Severity::Error,
    title: "a claim whose name is not its device's",
    cause: "Harvester finds a device's claim by the name: the node, a hyphen, and the address \
            without its colons and dot.",
    evidence: "The claim exists, and the device stays unclaimed.",
    fix: "name the claim as the PCIDevice object is named",
    check: name,
};

fn name(inputs: &Inputs, found: &mut Found) {
    for claim in inputs.of_kind(CLAIM) {
        let text = |key| claim.root.text_at(&["spec", key]);
        let (Some(address), Some(node)) = (text("address"), text("nodeName")) else { continue };
        let named = [&["metadata", "name"], &["spec", "nodeName"]];
        let filled = named.iter().any(|p| claim.root.at(*p).is_some_and(Node::is_filled_in));
        let expected = format!("{node}-{}", address.replace([':', '.'], ""));
        // A short address is HV002's.
        if is_address(address) && claim.name != expected && !filled {
            found
                .add(claim.place(), format!("the claim of this device is named {expected}"))
                .edit(Edit::words(claim.place(), &claim.name, &expected));
        }
    }
}

/// Domain, bus, device and function, as sysfs names them: 0000:0b:00.0.
fn is_address(text: &str) -> bool {
    let shape = b"xxxx:xx:xx.x";
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, shape)| match shape {
            b'x' => byte.is_ascii_hexdigit(),
            other => byte == *other,
        })
}

pub(crate) static HV002: Rule = Rule {
    id: "HV002",
    severity: Severity::Error,
    title: "a claim that says too little",
    cause: "The schema requires none of address, nodeName and userName, and the controller needs \
            all of them.",
    evidence: "The claim exists, and nothing happens.",
    fix: "state the full address (0000:0b:00.0), nodeName and userName",
    check: fields,
};

fn fields(inputs: &Inputs, found: &mut Found) {
    for claim in inputs.of_kind(CLAIM) {
        for key in ["address", "nodeName", "userName"] {
            if claim.root.at(&["spec", key]).is_none() {
                found.add(claim.place(), format!("{key} is missing"));
            }
        }
        if let Some(address) = claim.root.at(&["spec", "address"]) {
            let text = address.text().unwrap_or_default();
            if !is_address(text) && !address.is_filled_in() {
                found.add(address.place, format!("{text:?} is no address of a PCI function"));
            }
        }
    }
}

pub(crate) static HV003: Rule = Rule {
    id: "HV003",
    severity: Severity::Error,
    title: "a GPU is claimed, and its audio function is not",
    cause: "Both functions of a card are in one IOMMU group, and a group is passed through as a \
            whole or not at all.",
    evidence: "The VM does not start: group is not viable.",
    fix: "claim the function .1 as well, and attach only .0 to the VM",
    check: sibling,
};

fn sibling(inputs: &Inputs, found: &mut Found) {
    for claim in inputs.of_kind(CLAIM) {
        let Some(address) = claim.root.at(&["spec", "address"]) else { continue };
        let Some(card) = address.text().and_then(|text| text.strip_suffix(".0")) else { continue };
        let node = claim.root.text_at(&["spec", "nodeName"]);
        let audio = format!("{card}.1");
        // Only where the inputs show that the card has one.
        let shown = inputs.of_kind("PCIDevice").find(|device| {
            device.root.text_at(&["status", "address"]) == Some(audio.as_str())
                && device.root.text_at(&["status", "nodeName"]) == node
        });
        let claimed = inputs.of_kind(CLAIM).any(|other| {
            other.root.text_at(&["spec", "address"]) == Some(audio.as_str())
                && other.root.text_at(&["spec", "nodeName"]) == node
        });
        if let (Some(device), false) = (shown, claimed) {
            found
                .add(address.place, format!("{audio} is not claimed"))
                .see(device.place(), "it is here");
        }
    }
}

pub(crate) static HV004: Rule = Rule {
    id: "HV004",
    severity: Severity::Warning,
    title: "an owner by its UID",
    cause: "An object's UID is new whenever it is made. An object whose owner's UID is gone is \
            collected as garbage.",
    evidence: "The object disappears soon after it is applied.",
    fix: "drop ownerReferences from the manifest",
    check: owner,
};

fn owner(inputs: &Inputs, found: &mut Found) {
    for object in &inputs.objects {
        // What came out of a cluster has been given these there.
        if object.root.at(&["metadata", "uid"]).is_some() {
            continue;
        }
        for reference in object.root.list(&["metadata", "ownerReferences"]) {
            if let Some(uid) = reference.entry("uid") {
                found.add(uid.place, "this owner's UID will be another one in the next cluster");
            }
        }
    }
}

pub(crate) static HV005: Rule = Rule {
    id: "HV005",
    severity: Severity::Warning,
    title: "a GPU's audio function in the VM",
    cause: "The audio function must be claimed, so that the group is free, but a guest that \
            computes has no use for it.",
    evidence: "A sound card in the guest, and a VM that waits for two devices instead of one.",
    fix: "drop it from the VM's hostDevices, and keep its claim",
    check: audio,
};

fn audio(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        for device in vm.devices() {
            for key in ["deviceName", "name"] {
                let text = device.text_at(&[key]).unwrap_or_default().to_ascii_uppercase();
                if text.contains("AUDIO") {
                    found.add(device.place, "the guest has no use for this");
                    break;
                }
            }
        }
    }
}
