//! Pods that use a GPU.

use crate::fix::Edit;
use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::talos;

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

pub(crate) static WL001: Rule = Rule {
    id: "WL001",
    severity: Severity::Error,
    title: "a GPU without NVIDIA's runtime",
    cause: "On Talos, and wherever NVIDIA's runtime is a class beside the default one, a container \
            that asks for a GPU gets the device's name alone: no libraries and no device nodes.",
    evidence: "The pod is scheduled, and says: libcuda.so.1 not found, or no CUDA-capable device.",
    fix: "set runtimeClassName: nvidia in the pod",
    check: no_runtime,
};

fn no_runtime(inputs: &Inputs, found: &mut Found) {
    let talos = talos::is_used(inputs);
    let class = inputs.of_kind("RuntimeClass").find(|class| class.name == "nvidia");
    // The operator's toolkit, where it is on, makes its runtime the default.
    let toolkit = || talos::operators(inputs).any(|s| talos::enabled(s, "toolkit") != Some(false));
    let default = inputs.files.iter().any(|file| file.text.contains(DEFAULT));
    if default || !talos && (class.is_none() || toolkit()) {
        return;
    }
    for object in &inputs.objects {
        let Some(spec) = pod(object) else { continue };
        if spec.text_at(&["runtimeClassName"]).is_some_and(|class| class.contains("nvidia")) {
            continue;
        }
        let limits =
            containers(spec).filter_map(|container| container.at(&["resources", "limits"]));
        let gpu = limits.flat_map(Node::entries).find(|limit| is_gpu(&limit.key));
        let Some(gpu) = gpu.filter(|gpu| gpu.value.text() != Some("0")) else { continue };
        let finding = found.add(gpu.place, "this pod has a GPU, and the default runtime");
        if spec.get_key("runtimeClassName").is_none() {
            finding.edit(Edit::key(spec, "runtimeClassName", "\"nvidia\""));
        }
        if talos {
            talos::because(finding, inputs);
        } else if let Some(class) = class {
            finding.at_most(Severity::Warning).see(class.place(), "NVIDIA's runtime is a class");
        }
    }
}

/// What containerd's configuration says where NVIDIA's runtime is the default.
const DEFAULT: &str = "default_runtime_name = \"nvidia\"";

/// A whole GPU, or a slice of one, for containers. What VMs get has other names.
fn is_gpu(resource: &str) -> bool {
    resource == "nvidia.com/gpu"
        || resource == "nvidia.com/gpu.shared"
        || resource.starts_with("nvidia.com/mig-")
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
            let finding = found.add(entry.place, "no node has this label by itself");
            if let Some(text) = entry.value.text().filter(|_| !entry.value.is_null()) {
                finding
                    .edit(Edit::words(entry.place, label, "nvidia.com/gpu.present"))
                    .edit(Edit::bare(entry.value.place, text, "\"true\""));
            }
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
    // A DaemonSet watches the GPUs of a node, as the device plugin does, and takes none.
    let workloads = inputs.objects.iter().filter(|object| object.kind != "DaemonSet");
    for spec in workloads.filter_map(pod) {
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
