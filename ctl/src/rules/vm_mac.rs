//! MAC addresses and UUIDs that cannot be, and MAC addresses that no link has.

use std::collections::HashMap;

use crate::input::{CloudText, Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

pub(crate) static VM004: Rule = Rule {
    id: "VM004",
    severity: Severity::Error,
    title: "a MAC address or UUID that is reserved, not unique, or shared by a pool",
    cause: "KubeVirt refuses the MAC 02:00:00:00:00:00, no link may have a multicast address, and \
            two guests with one identity take each other's leases and instance data. A pool gives \
            what its template fixes to all its machines.",
    evidence: "The VM object is refused, or two guests answer at one address by turns.",
    fix: "give each VM a locally administered MAC and a UUID of its own, and a pool neither",
    check: identities,
};

fn identities(inputs: &Inputs, found: &mut Found) {
    let mut seen: HashMap<String, (Vm<'_>, &Node)> = HashMap::new();
    for vm in inputs.machines() {
        let uuid = vm.spec().at(&["domain", "firmware", "uuid"]);
        let macs = vm.interfaces().filter_map(|interface| interface.get("macAddress"));
        let stated = macs.map(|mac| (mac, "MAC address")).chain(uuid.map(|u| (u, "UUID")));
        for (node, what) in stated.filter(|(node, _)| !node.is_filled_in()) {
            let text = node.text().unwrap_or_default().to_ascii_lowercase().replace('-', ":");
            if what != "UUID" {
                reserved(node, &text, found);
            }
            if vm.machine.pooled {
                found.add(node.place, format!("all machines of this pool would have this {what}"));
            }
            match seen.get(&text) {
                // The same object again: another version of it, or another overlay.
                Some((other, first)) if other.object.name != vm.object.name => {
                    found
                        .add(node.place, format!("two machines have this {what}"))
                        .see(first.place, format!("{} has it too", other.object.name));
                }
                Some(_) => {}
                None => {
                    seen.insert(text, (vm, node));
                }
            }
        }
    }
}

fn reserved(node: &Node, mac: &str, found: &mut Found) {
    let first = mac.get(..2).and_then(|octet| u8::from_str_radix(octet, 16).ok());
    if mac == "02:00:00:00:00:00" {
        found.add(node.place, "KubeVirt keeps this MAC address for itself");
    } else if first.is_some_and(|octet| octet & 1 == 1) {
        // Of the first octet, bit 0 means multicast.
        found.add(node.place, "a multicast address is no link's");
    }
}

pub(crate) static CI008: Rule = Rule {
    id: "CI008",
    severity: Severity::Error,
    title: "network data matches a MAC address that the VM does not have",
    cause: "A link that no entry matches is left alone: down, without an address. Without \
            macAddress in the VM, its MAC is new with every pod.",
    evidence: "networkctl in the guest shows the link as unmanaged.",
    fix: "set macAddress in the VM to the one in the network data, or match by driver instead",
    check: mac_mismatch,
};

fn mac_mismatch(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(cloud) = &vm.machine.cloud_init else { continue };
        let text = cloud.network.known(&inputs.network_data);
        let Some(network) = text.and_then(CloudText::network) else { continue };
        let own: Vec<String> = vm
            .interfaces()
            .filter_map(|interface| interface.text_at(&["macAddress"]))
            .map(normal)
            .collect();
        let interfaces = vm.interfaces().count();
        for mac in matched(network) {
            let text = mac.text().unwrap_or_default();
            if own.contains(&normal(text)) || mac.is_filled_in() {
                continue;
            }
            if own.len() < interfaces {
                found
                    .add(
                        mac.place,
                        format!("{text} is matched, and the VM has no fixed MAC address"),
                    )
                    .see(vm.domain_place(), "this one");
            } else {
                found
                    .add(
                        mac.place,
                        format!("no link of {} has the MAC address {text}", vm.object.name),
                    )
                    .see(vm.domain_place(), "this one");
            }
        }
    }
}

fn normal(mac: &str) -> String {
    mac.to_ascii_lowercase().replace('-', ":")
}

/// The MAC addresses that a network-config looks for.
pub(crate) fn matched(network: &Node) -> Vec<&Node> {
    let second = network.get("ethernets").map(Node::entries).unwrap_or_default();
    let second = second.iter().filter_map(|entry| entry.value.at(&["match", "macaddress"]));
    let first =
        network.list(&["config"]).filter(|item| item.text_at(&["type"]) == Some("physical"));
    second.chain(first.filter_map(|item| item.get("mac_address"))).collect()
}
