//! A guest that comes back as another one, or that ignores what it is told.

use crate::input::{CloudText, Data, Inputs, NETWORK, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

pub(crate) static VM001: Rule = Rule {
    id: "VM001",
    severity: Severity::Error,
    title: "masquerade and NoCloud without network data",
    cause: "Without network data, cloud-init matches the link by the MAC address that it has at \
            the first boot. A masqueraded guest gets the MAC of its pod, and every pod has \
            another.",
    evidence: "After a restart of the node, the VM is Running, its link is down and it has no \
               address. netplan's file in the guest names a MAC that no link has.",
    fix: "give the guest network data that matches by driver or name, by networkDataSecretRef",
    check: no_network_data,
};

fn no_network_data(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(cloud) = &vm.machine.cloud_init else { continue };
        let masquerade = vm.interfaces().find_map(|interface| interface.get_key("masquerade"));
        let Some(masquerade) = masquerade else { continue };
        let message = "cloud-init gets no network data, so it will match the link by its first MAC";
        let finding = match NETWORK.names().find_map(|source| cloud.source.entry(source)) {
            None => found.add(cloud.place, message),
            // An empty text is not handed to the guest at all.
            Some(entry) if is_blank(cloud.network, inputs) => {
                found.add(entry.place, message).note("this text is empty")
            }
            Some(_) => continue,
        };
        finding.see(masquerade.place, "unless it is set, this guest's MAC is its pod's");
        if vm.ephemeral() {
            // What is forgotten with the pod cannot be out of date in the next one.
            finding
                .at_most(Severity::Information)
                .note("its root disk is a new one with every pod: it breaks once the disk is kept");
        } else if vm.interfaces().all(|interface| interface.get("macAddress").is_some()) {
            finding
                .at_most(Severity::Warning)
                .note("macAddress keeps the MAC as it is: it breaks once that is changed");
        }
    }
}

/// Whether network data is there and says nothing.
fn is_blank(data: Data, inputs: &Inputs) -> bool {
    data.known(&inputs.network_data).is_some_and(|text| {
        let mut lines = text.text.content.lines().map(str::trim);
        lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---")
    })
}

pub(crate) static VM002: Rule = Rule {
    id: "VM002",
    severity: Severity::Error,
    title: "persistent root disk and no macAddress",
    cause: "Without macAddress the guest has its pod's MAC, new with every pod, while the root \
            disk remembers the old one. Where the network data matches no MAC, that is only a \
            warning: DHCP leases and other things still change.",
    evidence: "The MAC in /etc/netplan/50-cloud-init.yaml is not the link's.",
    fix: "set macAddress to a locally administered address of its own, such as 02:5a:…",
    check: no_mac,
};

fn no_mac(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines().filter(|vm| vm.persistent() && !vm.machine.pooled) {
        for interface in vm.interfaces().filter(|i| i.get("macAddress").is_none()) {
            let finding =
                found.add(interface.place, "each new pod gives this link another MAC address");
            if remembers_no_mac(vm, inputs) {
                finding.at_most(Severity::Warning);
            } else {
                finding.note("the guest's network configuration will match the first one");
            }
        }
    }
}

pub(crate) static VM003: Rule = Rule {
    id: "VM003",
    severity: Severity::Error,
    title: "persistent root disk and no firmware UUID",
    cause: "The UUID is cloud-init's instance id. Unset, KubeVirt makes one up when the object is \
            created: a VM that is deleted and created again is a new instance on an old disk, and \
            nobody can choose when it is to be one.",
    evidence: "/var/lib/cloud/instances in the guest holds an instance that nobody made.",
    fix: "set domain.firmware.uuid to a UUID of its own",
    check: no_uuid,
};

fn no_uuid(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines().filter(|vm| vm.persistent() && !vm.machine.pooled) {
        if uuid(vm).is_none() && vm.machine.cloud_init.is_some() {
            let finding = found.add(
                vm.domain_place(),
                "no firmware UUID: cloud-init's instance id is left to chance",
            );
            if remembers_no_mac(vm, inputs) {
                finding.at_most(Severity::Warning);
            }
        }
    }
}

/// Whether the network data is there, or may be, and matches no MAC.
fn remembers_no_mac(vm: Vm<'_>, inputs: &Inputs) -> bool {
    let Some(cloud) = &vm.machine.cloud_init else { return true };
    match cloud.network {
        Data::Absent => false,
        Data::Unknown => true,
        Data::Known(_) if is_blank(cloud.network, inputs) => false,
        Data::Known(_) => cloud
            .network
            .known(&inputs.network_data)
            .and_then(CloudText::network)
            .is_none_or(|network| super::vm_mac::matched(network).is_empty()),
    }
}

fn uuid(vm: Vm<'_>) -> Option<&Node> {
    vm.spec().at(&["domain", "firmware", "uuid"])
}

pub(crate) static VM005: Rule = Rule {
    id: "VM005",
    severity: Severity::Error,
    title: "network data changed, and the guest will ignore it",
    cause: "cloud-init applies network data to a new instance only. The instance id is the \
            firmware UUID; as long as it stays, a changed secret changes nothing, unless the \
            guest's user-data had updates.network.when: [boot] since its first boot.",
    evidence: "\"No network config applied. Neither a new instance nor datasource network update \
               allowed\" in /var/log/cloud-init.log.",
    fix: "change firmware.uuid as well (all of the first boot runs again), or mend netplan's \
          files in the guest by hand",
    check: ignored_change,
};

fn ignored_change(inputs: &Inputs, found: &mut Found) {
    let Some(base) = inputs.base.as_deref() else { return };
    for vm in inputs.machines() {
        let before = base.machines().find(|before| {
            before.object.kind == vm.object.kind
                && before.object.name == vm.object.name
                && before.object.beside(vm.object.namespace.as_deref())
        });
        let Some(before) = before else { continue };
        let (Some(now), Some(then)) = (&vm.machine.cloud_init, &before.machine.cloud_init) else {
            continue;
        };
        // What is not known may be the same.
        let known = now.network != Data::Unknown && then.network != Data::Unknown;
        let changed = known && content(then.network, base) != content(now.network, inputs);
        let same = uuid(vm).and_then(Node::text) == uuid(before).and_then(Node::text);
        let updates = then.user.known(&base.user_data).and_then(|text| text.root.as_deref());
        if !changed || !same || updates.is_some_and(at_each_boot) {
            continue;
        }
        let finding = found.add(
            place(vm, now.place),
            "the network data is not what it was, and the guest, still the same instance, will ignore it",
        );
        match uuid(vm) {
            Some(uuid) => finding.see(uuid.place, "the instance id, unchanged"),
            None => finding.note("there is no firmware.uuid, so the instance id stays as it is"),
        };
        if let Some(text) = now.network.known(&inputs.network_data) {
            finding.see(text.text.place, "what will be ignored");
        }
        if then.user == Data::Unknown {
            finding
                .at_most(Severity::Warning)
                .note("its user-data is not among the inputs: it may have updates.network.when");
        }
    }
}

fn content(data: Data, inputs: &Inputs) -> Option<&str> {
    data.known(&inputs.network_data).map(|text| text.text.content.as_str())
}

/// Whether cloud-init takes network data at every boot.
fn at_each_boot(user_data: &Node) -> bool {
    let when = user_data.list(&["updates", "network", "when"]);
    when.into_iter().any(|when| when.text() == Some("boot"))
}

/// Where the volume names its network data.
fn place(vm: Vm<'_>, otherwise: Place) -> Place {
    let source = vm.machine.cloud_init.as_ref().map(|cloud| cloud.source.as_ref());
    let entry = source.and_then(|source| NETWORK.names().find_map(|key| source.entry(key)));
    entry.map_or(otherwise, |entry| entry.place)
}
