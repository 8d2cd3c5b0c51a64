//! Pods that use a GPU, and the operator that gives it to them.

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

/// Where the kinds of workloads have their pod's spec.
const PATHS: [&[&str]; 3] = [
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["spec"],
];

/// The pod's spec of a workload: what has containers.
pub(super) fn pod(object: &Object) -> Option<&Node> {
    PATHS.iter().filter_map(|path| object.root.at(path)).find(|pod| pod.get("containers").is_some())
}

pub(super) fn containers(pod: &Node) -> impl Iterator<Item = &Node> {
    pod.list(&["initContainers"]).chain(pod.list(&["containers"]))
}

pub(crate) static GP001: Rule = Rule {
    id: "GP001",
    severity: Severity::Error,
    title: "a device list strategy that does not exist",
    cause: "NVIDIA's device plugin knows envvar, volume-mounts, cdi-annotations and cdi-cri, and \
            ends with any other.",
    evidence: "The device plugin's pods crash: unknown device list strategy.",
    fix: "write envvar, without an s",
    check: strategy,
};

const STRATEGIES: [&str; 4] = ["envvar", "volume-mounts", "cdi-annotations", "cdi-cri"];

fn strategy(inputs: &Inputs, found: &mut Found) {
    let mut values: Vec<&Node> = Vec::new();
    for object in &inputs.objects {
        values.extend(object.root.list(&["spec", "devicePlugin", "env"]).filter_map(variable));
        values.extend(object.root.at(&["spec", "deviceListStrategy"]));
        let pods = pod(object).into_iter().flat_map(containers);
        values.extend(pods.flat_map(|container| container.list(&["env"])).filter_map(variable));
    }
    for root in &inputs.values {
        values.extend(root.list(&["devicePlugin", "env"]).filter_map(variable));
        values.extend(root.get("deviceListStrategy"));
        values.extend(root.at(&["flags", "plugin", "deviceListStrategy"]));
    }
    for value in values {
        for part in value.text().unwrap_or_default().split(',').map(str::trim) {
            if !part.is_empty() && !STRATEGIES.contains(&part) {
                found.add(value.place, format!("there is no strategy {part}"));
            }
        }
    }
}

/// The value of the variable that states the strategy.
fn variable(item: &Node) -> Option<&Node> {
    item.get("value").filter(|_| item.text_at(&["name"]) == Some("DEVICE_LIST_STRATEGY"))
}

pub(crate) static WL002: Rule = Rule {
    id: "WL002",
    severity: Severity::Error,
    title: "a node selector that no node has",
    cause: "Nothing sets the label node-role.kubernetes.io/gpu. NVIDIA's feature discovery sets \
            nvidia.com/gpu.present.",
    evidence: "The pod stays Pending: didn't match Pod's node affinity/selector.",
    fix: "select nvidia.com/gpu.present: \"true\"",
    check: stale_selector,
};

fn stale_selector(inputs: &Inputs, found: &mut Found) {
    let label = "node-role.kubernetes.io/gpu";
    let labelled = inputs
        .of_kind("Node")
        .any(|node| node.root.at(&["metadata", "labels"]).and_then(|l| l.get_key(label)).is_some());
    if labelled {
        return;
    }
    let pods = inputs.objects.iter().filter_map(pod);
    for spec in pods.chain(inputs.machines().map(crate::input::Vm::spec)) {
        if let Some(entry) = spec.get("nodeSelector").and_then(|s| s.get_key(label)) {
            found.add(entry.place, "no node has this label by itself");
        }
    }
}

pub(crate) static WL003: Rule = Rule {
    id: "WL003",
    severity: Severity::Warning,
    title: "NVIDIA's runtime without a GPU",
    cause: "The runtime class alone schedules nothing: the pod lands on any node, and sees all of \
            its GPUs or none.",
    evidence: "nvidia-smi in the pod says: no devices were found, or shows those of others.",
    fix: "add resources.limits: {nvidia.com/gpu: 1} to the container that computes",
    check: no_limit,
};

fn no_limit(inputs: &Inputs, found: &mut Found) {
    for spec in inputs.objects.iter().filter_map(pod) {
        let Some(class) = spec.get("runtimeClassName").filter(|c| c.text() == Some("nvidia"))
        else {
            continue;
        };
        let limited = containers(spec).any(|container| {
            let limits = container.at(&["resources", "limits"]).map(Node::entries);
            limits.unwrap_or_default().iter().any(|limit| limit.key.starts_with("nvidia.com/"))
                || container.list(&["resources", "claims"]).next().is_some()
        });
        if !limited {
            found.add(class.place, "no container of this pod asks for a GPU");
        }
    }
}
