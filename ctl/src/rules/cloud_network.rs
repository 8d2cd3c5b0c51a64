//! network-config, versions 1 and 2.

use crate::fix::Edit;
use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::{Entry, Node};

pub(crate) static CI005: Rule = Rule {
    id: "CI005",
    severity: Severity::Error,
    title: "version 1: an item without a name, or its keys in the wrong place",
    cause: "In version 1, each item of config holds its own name and subnets. What stands beside \
            config is passed over, and an item without a name stops the whole configuration.",
    evidence: "cloud-init.log has a traceback of the network stage, or the link has no address.",
    fix: "put name and subnets into the item of config",
    check: misplaced,
};

/// Kinds of items that are links.
const LINKS: [&str; 5] = ["physical", "bond", "bridge", "vlan", "infiniband"];

fn misplaced(inputs: &Inputs, found: &mut Found) {
    for network in inputs.networks().filter(|network| network.get("config").is_some()) {
        for key in ["name", "subnets", "type", "mac_address"] {
            if let Some(entry) = network.entry(key) {
                found.add(entry.place, format!("{key} stands beside config, not in an item of it"));
            }
        }
        for item in network.list(&["config"]) {
            let kind = item.entry("type");
            let is_link = |kind: &Entry| LINKS.iter().any(|link| kind.value.text() == Some(*link));
            if let Some(kind) = kind.filter(|kind| is_link(kind))
                && item.get("name").is_none()
            {
                found.add(kind.place, "this item has no name");
            }
        }
    }
}

pub(crate) static CI006: Rule = Rule {
    id: "CI006",
    severity: Severity::Error,
    title: "network data without a usable version",
    cause: "cloud-init takes the version as a number, beside the configuration. Without it, or \
            with one that does not fit what follows, nothing is configured.",
    evidence: "netplan's file in the guest says version: 2 and nothing else, or is not there.",
    fix: "write version: 2 beside ethernets, or version: 1 beside config",
    check: version,
};

fn version(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.network_data {
        let (Some(root), Some(network)) = (text.root.as_deref(), text.network()) else { continue };
        // `config: disabled` is the way to have none, and needs no version.
        if !network.is_map() || network.text_at(&["config"]) == Some("disabled") {
            continue;
        }
        if let Some(outside) = root.entry("version").filter(|_| text.wrapper().is_some()) {
            found.add(outside.place, "version stands outside network");
            continue;
        }
        let Some(version) = network.entry("version") else {
            let finding = found.add(network.place, "network data without a version");
            let second = SECOND.iter().any(|key| network.entry(key).is_some());
            match (network.entry("config").is_some(), second) {
                (true, false) => drop(finding.edit(Edit::key(network, "version", "1"))),
                (false, true) => drop(finding.edit(Edit::key(network, "version", "2"))),
                _ => {}
            }
            continue;
        };
        let (first, second) =
            (network.entry("config"), SECOND.iter().find_map(|key| network.entry(key)));
        match (version.value.number(), first, second) {
            (Some(1), _, Some(entry)) => {
                found.add(entry.place, "of version 2").see(version.place, "this is version 1");
            }
            (Some(2), Some(entry), _) => {
                found.add(entry.place, "of version 1").see(version.place, "this is version 2");
            }
            (Some(1 | 2), ..) => {}
            (Some(other), ..) => {
                found.add(version.value.place, format!("there is no version {other}"));
            }
            (None, ..) => {
                let finding = found.add(version.value.place, "the version must be a number");
                if let Some(text @ ("1" | "2")) = version.value.text() {
                    finding.edit(Edit::bare(version.value.place, text, text));
                }
            }
        }
    }
}

/// Top keys of version 2.
const SECOND: [&str; 5] = ["ethernets", "bonds", "bridges", "vlans", "wifis"];

pub(crate) static CI007: Rule = Rule {
    id: "CI007",
    severity: Severity::Information,
    title: "network data inside a key network",
    cause: "NoCloud accepts the wrapper, and without it as well. It is no cause of a missing \
            address.",
    evidence: "None: it works.",
    fix: "leave it, and look for the cause elsewhere",
    check: wrapped,
};

fn wrapped(inputs: &Inputs, found: &mut Found) {
    for text in &inputs.network_data {
        if let Some(wrapper) = text.wrapper().filter(|w| w.value.get("version").is_some()) {
            found.add(wrapper.place, "this wrapper is harmless");
        }
    }
}

pub(crate) static CI009: Rule = Rule {
    id: "CI009",
    severity: Severity::Information,
    title: "a link by its name alone",
    cause: "A link's name comes from its slot on the bus. Another disk or device may move it.",
    evidence: "The guest has a link of another name, without an address.",
    fix: "use version 2 with match: {driver: virtio_net}, or a name with a pattern",
    check: by_name,
};

fn by_name(inputs: &Inputs, found: &mut Found) {
    for network in inputs.networks() {
        for entry in network.get("ethernets").map(Node::entries).unwrap_or_default() {
            // Some name that no kernel gives is a label, and fails CI008's way or not at all.
            if entry.value.get("match").is_none() && looks_like_link(&entry.key) {
                found.add(entry.place, format!("only a link named {} is configured", entry.key));
            }
        }
        for item in network.list(&["config"]) {
            let physical = item.text_at(&["type"]) == Some("physical");
            if let Some(name) = item.get("name")
                && physical
                && item.get("mac_address").is_none()
            {
                let text = name.text().unwrap_or_default();
                found.add(name.place, format!("only a link named {text} is configured"));
            }
        }
    }
}

fn looks_like_link(name: &str) -> bool {
    ["en", "eth"].iter().any(|prefix| name.starts_with(prefix))
        && name.ends_with(|c: char| c.is_ascii_digit())
}

pub(crate) static CI010: Rule = Rule {
    id: "CI010",
    severity: Severity::Error,
    title: "version 1: a physical link without subnets",
    cause: "Without subnets, a link is rendered without addressing: not even DHCP. That is right \
            only for a member of a bond or bridge, or below a VLAN.",
    evidence: "netplan's file in the guest has an empty entry for the link.",
    fix: "add subnets: [{type: dhcp}]",
    check: no_subnets,
};

fn no_subnets(inputs: &Inputs, found: &mut Found) {
    for network in inputs.networks() {
        let items = network.list(&["config"]);
        let members: Vec<&str> = items
            .clone()
            .flat_map(|item| {
                let lists = ["bond_interfaces", "bridge_interfaces"];
                let listed = lists.into_iter().flat_map(|list| item.list(&[list]));
                listed.chain(item.get("vlan_link")).filter_map(Node::text)
            })
            .collect();
        for item in items.filter(|item| item.text_at(&["type"]) == Some("physical")) {
            let name = item.text_at(&["name"]).unwrap_or_default();
            if item.list(&["subnets"]).next().is_none() && !members.contains(&name) {
                let finding = found.add(item.place, format!("{name} gets no address"));
                if item.get_key("subnets").is_none() {
                    finding.edit(Edit::key(item, "subnets", "[{\"type\": \"dhcp\"}]"));
                }
            }
        }
    }
}
