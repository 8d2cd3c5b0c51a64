//! Where cloud-init's data comes from.

use crate::fix::Edit;
use crate::input::{Inputs, NETWORK, Names, USER, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

pub(crate) static CI001: Rule = Rule {
    id: "CI001",
    severity: Severity::Error,
    title: "a secret for cloud-init that is not there, or lacks its key",
    cause: "KubeVirt reads the keys userdata and networkdata (or userData and networkData). A \
            secret without them is no error to it: the guest just gets nothing.",
    evidence: "The guest boots as its image is: no user, no network data, no mounts.",
    fix: "name the key userdata or networkdata, and mind the name of the secret",
    check: missing,
};

fn missing(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(cloud) = &vm.machine.cloud_init else { continue };
        let namespace = vm.object.namespace.as_deref();
        for names in [&USER, &NETWORK] {
            let Some(name) = cloud.source.at(&[names.reference, "name"]) else { continue };
            let text = name.text().unwrap_or_default();
            match inputs.secret(text, namespace, name.place) {
                Some(secret) => {
                    let Some(keys) = &secret.keys else { continue };
                    if !keys.iter().any(|key| names.keys.contains(&key.name.as_str())) {
                        let wanted = names.keys[0];
                        found
                            .add(name.place, format!("the secret {text} has no key {wanted}"))
                            .see(secret.place, "this one");
                    }
                }
                None => absent(name, vm, names, inputs, found),
            }
        }
    }
}

/// A secret that is not among the inputs. That proves nothing, unless they are all that there is.
fn absent(name: &Node, vm: Vm<'_>, names: &Names, inputs: &Inputs, found: &mut Found) {
    let text = name.text().unwrap_or_default();
    // A reference does not leave its namespace. Where another machine is there, the secret is its.
    let same = inputs.secrets.iter().filter(|secret| secret.name == text);
    let elsewhere = same.into_iter().find(|secret| {
        let mut others = inputs.machines();
        let theirs =
            others.any(|o| secret.namespace.is_some() && o.object.namespace == secret.namespace);
        !theirs
    });
    if let Some(secret) = elsewhere {
        let place = secret.namespace.as_deref().unwrap_or_default();
        let message = format!("the secret {text} is in the namespace {place}, not in the VM's");
        let finding = found.add(name.place, message).see(secret.place, "this one");
        if !inputs.complete {
            finding.at_most(Severity::Warning);
        }
    } else if inputs.complete || has_sibling(inputs, vm, names) {
        let finding = found.add(name.place, format!("there is no secret {text} among the inputs"));
        // The other secret of its cloud-init is here, so this one should be as well.
        if !inputs.complete {
            finding.at_most(Severity::Warning);
        }
    }
}

/// Whether the secret of the other of the two texts is among the inputs.
fn has_sibling(inputs: &Inputs, vm: Vm<'_>, names: &Names) -> bool {
    let other = if names.reference == USER.reference { &NETWORK } else { &USER };
    let Some(cloud) = &vm.machine.cloud_init else { return false };
    let name = cloud.source.at(&[other.reference, "name"]);
    name.is_some_and(|name| {
        let text = name.text().unwrap_or_default();
        inputs.secret(text, vm.object.namespace.as_deref(), name.place).is_some()
    })
}

pub(crate) static CI002: Rule = Rule {
    id: "CI002",
    severity: Severity::Error,
    title: "network data in the secret, and nobody reads it",
    cause: "KubeVirt reads network data only where networkDataSecretRef (or inline networkData) \
            says so. secretRef brings the user-data alone.",
    evidence: "The NoCloud disk in the guest has no network-config.",
    fix: "add networkDataSecretRef with the name of the same secret",
    check: unread,
};

fn unread(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(cloud) = &vm.machine.cloud_init else { continue };
        if NETWORK.names().any(|source| cloud.source.get(source).is_some()) {
            continue;
        }
        let Some(name) = cloud.source.at(&[USER.reference, "name"]) else { continue };
        let namespace = vm.object.namespace.as_deref();
        let secret = inputs.secret(name.text().unwrap_or_default(), namespace, name.place);
        let key = secret.and_then(|secret| NETWORK.keys.iter().find_map(|key| secret.key(key)));
        if let Some(key) = key {
            found
                .add(key.place, format!("{} does not read this", vm.object.name))
                .see(name.place, "it reads the user-data of this secret only")
                .edit(Edit::key(
                    &cloud.source,
                    "networkDataSecretRef",
                    format!("{{\"name\": \"{}\"}}", name.text().unwrap_or_default()),
                ));
        }
    }
}

pub(crate) static CI003: Rule = Rule {
    id: "CI003",
    severity: Severity::Error,
    title: "one text under two spellings, with different contents",
    cause: "KubeVirt takes whichever spelling it looks for first. The other one is what somebody \
            will edit.",
    evidence: "An edit of the secret changes nothing in the guest, even in a new one.",
    fix: "keep one spelling: userdata, networkdata",
    check: spellings,
};

fn spellings(inputs: &Inputs, found: &mut Found) {
    for secret in &inputs.secrets {
        for names in [&USER, &NETWORK] {
            let [Some(lower), Some(camel)] = names.keys.map(|key| secret.key(key)) else {
                continue;
            };
            if let (Some(one), Some(other)) = (&lower.text, &camel.text)
                && one.content.trim_end() != other.content.trim_end()
            {
                found
                    .add(camel.place, format!("{} and {} differ", camel.name, lower.name))
                    .see(lower.place, "the other one");
            }
        }
    }
}

pub(crate) static CI004: Rule = Rule {
    id: "CI004",
    severity: Severity::Error,
    title: "network configuration inside user-data",
    cause: "cloud-init has configured the network before it reads user-data. A key network in it \
            is passed over.",
    evidence: "cloud-init schema --system says that network is unexpected.",
    fix: "move it to network data of its own, and name that with networkDataSecretRef",
    check: network_in_user_data,
};

fn network_in_user_data(inputs: &Inputs, found: &mut Found) {
    for root in inputs.cloud_configs() {
        if let Some(entry) = root.entry("network") {
            found.add(entry.place, "cloud-init passes over network configuration in user-data");
        }
    }
}
