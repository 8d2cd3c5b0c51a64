//! One node, and two who want its GPU.

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::{Entry, Node};

use super::pods::{containers, pod};
use super::talos::{enabled, machines, operators};

pub(crate) static GP006: Rule = Rule {
    id: "GP006",
    severity: Severity::Error,
    title: "a GPU for containers and for VMs on one node",
    cause: "A GPU that vfio-pci has is no GPU for NVIDIA's driver, and the other way round. The \
            operator keeps its own parts apart by the label nvidia.com/gpu.workload.config; \
            another device plugin does not look at it.",
    evidence: "The device plugin's pod on that node finds no device and restarts, or the VM's \
               device belongs to the driver.",
    fix: "keep the container device plugin off the node: a nodeSelector, or an affinity by \
          nvidia.com/gpu.workload.config",
    check: both,
};

/// Says what the operator does with a node's GPUs.
const WORKLOAD: &str = "nvidia.com/gpu.workload.config";
const PASSTHROUGH: &str = "vm-passthrough";

fn both(inputs: &Inputs, found: &mut Found) {
    let nodes = labels(inputs);
    for labels in &nodes {
        let workload = labels.iter().find(|label| passes_through(label));
        let plugin = labels.iter().find(|label| {
            label.key == "nvidia.com/gpu.deploy.device-plugin" && label.value.text() == Some("true")
        });
        if let (Some(workload), Some(plugin)) = (workload, plugin) {
            found
                .add(plugin.place, "the device plugin on a node whose GPUs go into VMs")
                .see(workload.place, "they do by this");
        }
    }
    let mut plugins: Vec<(&Node, Place)> = Vec::new();
    for set in inputs.of_kind("DaemonSet").filter(|set| is_plugin(set)) {
        plugins.extend(pod(set).map(|spec| (spec, set.place())));
    }
    for values in &inputs.values {
        if values.chart.as_deref() == Some("nvidia-device-plugin") {
            plugins.push((&values.root, values.root.place));
        }
    }
    for (spec, place) in plugins {
        if let Some(why) = meets_passthrough(spec, &nodes, inputs) {
            found
                .add(place, "this device plugin also runs where GPUs go into VMs")
                .see(why, "they do by this");
        }
    }
}

fn passes_through(label: &Entry) -> bool {
    label.key == WORKLOAD && label.value.text() == Some(PASSTHROUGH)
}

/// The labels of the nodes that are known, by themselves or by Talos' configuration.
fn labels(inputs: &Inputs) -> Vec<&[Entry]> {
    let nodes = inputs.of_kind("Node").filter_map(|node| node.root.at(&["metadata", "labels"]));
    let configured = machines(inputs).filter_map(|machine| machine.get("nodeLabels"));
    nodes.chain(configured).map(Node::entries).collect()
}

/// NVIDIA's plugin for containers; the one for KubeVirt has another name.
fn is_plugin(set: &Object) -> bool {
    pod(set).into_iter().flat_map(containers).any(|container| {
        let image = container.text_at(&["image"]).unwrap_or_default();
        image.contains("k8s-device-plugin") && !image.contains("amd") && !image.contains("rocm")
    })
}

/// What sends GPUs into VMs on a node that a pod may come to.
fn meets_passthrough(spec: &Node, nodes: &[&[Entry]], inputs: &Inputs) -> Option<Place> {
    // An affinity by that label, of whatever kind, was made with this in mind.
    let mindful = spec.at(&["affinity", "nodeAffinity"]).is_some_and(mentions_workload);
    let selector = spec.get("nodeSelector").map(Node::entries).unwrap_or_default();
    if mindful || selector.iter().any(|wanted| wanted.key == WORKLOAD) {
        return None;
    }
    let has = |labels: &[Entry], wanted: &Entry| {
        labels.iter().any(|l| l.key == wanted.key && l.value.text() == wanted.value.text())
    };
    // Labels that the feature discovery gives to each node with a GPU.
    let by_itself = |wanted: &Entry| {
        ["nvidia.com/gpu.present", "feature.node.kubernetes.io/pci-10de.present"]
            .contains(&wanted.key.as_str())
    };
    let labelled = nodes.iter().find_map(|labels| {
        let meets = selector.iter().all(|wanted| by_itself(wanted) || has(labels, wanted));
        labels.iter().find(|label| passes_through(label) && meets).map(|label| label.place)
    });
    let by_default = || {
        // With a selector, or a node that is labelled otherwise, there may be other nodes.
        let others = nodes.iter().any(|labels| labels.iter().any(|label| label.key == WORKLOAD));
        if others || !selector.iter().all(by_itself) {
            return None;
        }
        let sandboxed = operators(inputs).filter(|s| enabled(s, "sandboxWorkloads") == Some(true));
        let mut workloads =
            sandboxed.filter_map(|s| s.at(&["sandboxWorkloads", "defaultWorkload"]));
        workloads.find(|workload| workload.text() == Some(PASSTHROUGH)).map(|w| w.place)
    };
    labelled.or_else(by_default)
}

fn mentions_workload(affinity: &Node) -> bool {
    let required = affinity
        .list(&["requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms"])
        .flat_map(|term| term.list(&["matchExpressions"]));
    required.filter_map(|expression| expression.text_at(&["key"])).any(|key| key == WORKLOAD)
}
