//! Networks that lie in each other.

use std::net::IpAddr;

use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

pub(crate) static NW001: Rule = Rule {
    id: "NW001",
    severity: Severity::Error,
    title: "the guest's network lies in the cluster's",
    cause: "A masqueraded guest has an address of vmNetworkCIDR, 10.0.2.0/24 unless it is set. \
            What the guest sends to pods or Services in that range stays inside its own network, \
            and the launcher takes answers from there for the guest's.",
    evidence: "The guest reaches some pods and not others; DNS or the model's clients time out.",
    fix: "set vmNetworkCIDR in the VM's pod network to a range that the cluster does not use",
    check: overlaps,
};

/// KubeVirt's own choice for masquerade.
const DEFAULT: &str = "10.0.2.0/24";

fn overlaps(inputs: &Inputs, found: &mut Found) {
    let used: Vec<(Range, &Node, &str)> = ranges(inputs)
        .into_iter()
        .flat_map(|(node, whose)| {
            // Two families stand in one text, with a comma, or in a list.
            let items = if node.is_list() { node.items().collect() } else { vec![node] };
            items.into_iter().flat_map(move |item| {
                let parts = item.text().unwrap_or_default().split(',');
                parts.filter_map(Range::of).map(move |range| (range, item, whose))
            })
        })
        .collect();
    if used.is_empty() {
        return;
    }
    for vm in inputs.machines() {
        let Some((range, text, place)) = own(vm) else { continue };
        let inside = used.iter().find(|(other, ..)| range.overlaps(other));
        if let Some((_, node, whose)) = inside {
            found
                .add(
                    place,
                    format!("the guest is in {text}, which is among the addresses of {whose}"),
                )
                .see(node.place, "here");
        }
    }
}

/// The range of a masqueraded guest, and where it is chosen, or left to KubeVirt.
fn own(vm: Vm<'_>) -> Option<(Range, &str, Place)> {
    let interface = vm.interfaces().find(|interface| interface.get_key("masquerade").is_some())?;
    let name = interface.text_at(&["name"])?;
    let network = vm.spec().list(&["networks"]).find(|n| n.text_at(&["name"]) == Some(name));
    let chosen = network.and_then(|network| network.at(&["pod", "vmNetworkCIDR"]));
    let text = chosen.map_or(Some(DEFAULT), Node::text)?;
    let place = interface.get_key("masquerade").map(|entry| entry.place);
    Some((Range::of(text)?, text, chosen.map(|node| node.place).or(place)?))
}

/// Where clusters say which addresses their pods and Services have.
fn ranges<'a>(inputs: &'a Inputs) -> Vec<(&'a Node, &'static str)> {
    let mut all: Vec<(&Node, &'static str)> = Vec::new();
    let (pods, services) = ("pods", "Services");
    let mut take = |root: &'a Node, path: &[&str], whose| {
        all.extend(root.at(path).map(|node| (node, whose)));
    };
    for values in &inputs.values {
        let root: &Node = &values.root;
        // Talos, k3s and RKE2, Cilium, Calico.
        take(root, &["cluster", "network", "podSubnets"], pods);
        take(root, &["cluster", "network", "serviceSubnets"], services);
        take(root, &["cluster-cidr"], pods);
        take(root, &["service-cidr"], services);
        take(root, &["ipam", "operator", "clusterPoolIPv4PodCIDRList"], pods);
        for pool in root.list(&["installation", "calicoNetwork", "ipPools"]) {
            take(pool, &["cidr"], pods);
        }
    }
    for object in &inputs.objects {
        let root: &Node = &object.root;
        match object.kind.as_str() {
            "ClusterConfiguration" => {
                take(root, &["networking", "podSubnet"], pods);
                take(root, &["networking", "serviceSubnet"], services);
            }
            "Cluster" => {
                take(root, &["networking", "podSubnet"], pods);
                take(root, &["networking", "serviceSubnet"], services);
                take(root, &["spec", "clusterNetwork", "pods", "cidrBlocks"], pods);
                take(root, &["spec", "clusterNetwork", "services", "cidrBlocks"], services);
            }
            "IPPool" => take(root, &["spec", "cidr"], pods),
            "Installation" => {
                for pool in root.list(&["spec", "calicoNetwork", "ipPools"]) {
                    take(pool, &["cidr"], pods);
                }
            }
            "ServiceCIDR" => take(root, &["spec", "cidrs"], services),
            "Node" => {
                take(root, &["spec", "podCIDR"], pods);
                take(root, &["spec", "podCIDRs"], pods);
            }
            _ => {}
        }
    }
    all
}

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy)]
struct Range {
    /// Its first bits; the others count for nothing, as in `10.0.1.0/8`.
    bits: u128,
    length: u32,
    /// Bits of an address of its family.
    width: u32,
}

impl Range {
    fn of(text: &str) -> Option<Self> {
        let (address, length) = text.trim().split_once('/')?;
        let (bits, width) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let length = length.parse().ok().filter(|length| *length <= width)?;
        Some(Self { bits, length, width })
    }

    fn overlaps(&self, other: &Self) -> bool {
        let common = self.length.min(other.length);
        let differ = self.bits ^ other.bits;
        // A shift by the whole width of the type is none that the processor has.
        self.width == other.width && differ.checked_shr(self.width - common).unwrap_or(0) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    fn overlap(one: &str, other: &str) -> bool {
        let [one, other] = [one, other].map(|text| Range::of(text).unwrap());
        assert_eq!(one.overlaps(&other), other.overlaps(&one));
        one.overlaps(&other)
    }

    #[test]
    fn ranges_overlap_whichever_is_larger() {
        assert!(overlap("10.0.2.0/24", "10.0.1.0/8"), "bits behind the prefix do not count");
        assert!(overlap("10.0.2.0/24", "10.0.2.128/25"));
        assert!(overlap("10.0.2.0/24", "0.0.0.0/0"));
        assert!(!overlap("10.0.2.0/24", "10.0.3.0/24"));
        assert!(!overlap("10.0.2.0/24", "10.244.0.0/16"));
        assert!(overlap("fd10:0:2::/120", "fd10::/16"));
        assert!(overlap("::/0", "fd10::/16"));
        assert!(!overlap("0.0.0.0/0", "::/0"));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["", "10.0.2.0", "10.0.2.0/33", "x/8", "10.0.2/24", "::/129"] {
            assert!(Range::of(text).is_none(), "{text}");
        }
    }
}
