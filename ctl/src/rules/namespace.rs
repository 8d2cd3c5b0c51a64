//! What pods may do in a namespace.

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::talos;

pub(crate) static PS001: Rule = Rule {
    id: "PS001",
    severity: Severity::Error,
    title: "a namespace whose pods may not have what they need",
    cause: "KubeVirt's handlers and the GPU operator's pods need PodSecurity privileged. So may \
            the pod of a VM with a device.",
    evidence: "DaemonSets have no pods, and their events say: violates PodSecurity.",
    fix: "label the namespace pod-security.kubernetes.io/enforce: privileged",
    check: pod_security,
};

fn pod_security(inputs: &Inputs, found: &mut Found) {
    for namespace in inputs.of_kind("Namespace") {
        let path = &["metadata", "labels", "pod-security.kubernetes.io/enforce"];
        let level = namespace.root.at(path);
        if level.is_some_and(Node::is_filled_in) {
            continue;
        }
        // Without the label, the cluster's own default counts: on Talos, baseline.
        let unlabelled = level.is_none() && talos::is_used(inputs);
        if level.is_some_and(|level| level.text() == Some("privileged"))
            || level.is_none() && !unlabelled
        {
            continue;
        }
        let name = namespace.name.as_str();
        let within = |object: &Object| object.namespace.as_deref() == Some(name);
        let needs_all = ["kubevirt", "gpu-operator", "nvidia-gpu-operator"].contains(&name)
            || inputs.of_kind("KubeVirt").any(within)
            || operator_release(inputs, name);
        let may_need = || name == "cdi" || inputs.machines().any(|vm| within(vm.object));
        if !needs_all && !may_need() {
            continue;
        }
        let place = level.map_or_else(|| namespace.place(), |level| level.place);
        let finding = if unlabelled {
            let message = format!("{name} has the default of Talos: baseline");
            let finding = found.add(place, message);
            talos::because(finding, inputs);
            finding
        } else {
            found.add(place, format!("pods of {name} may need more than this"))
        };
        if !needs_all {
            finding.at_most(Severity::Warning);
        }
    }
}

/// Whether the operator is installed into a namespace, by Flux or k3s.
fn operator_release(inputs: &Inputs, namespace: &str) -> bool {
    let releases = inputs.of_kind("HelmRelease").chain(inputs.of_kind("HelmChart"));
    releases.into_iter().any(|release| {
        let target = release.root.text_at(&["spec", "targetNamespace"]);
        let chart = release.root.text_at(&["spec", "chart", "spec", "chart"]);
        let chart = chart.or_else(|| release.root.text_at(&["spec", "chart"]));
        target.or(release.namespace.as_deref()) == Some(namespace)
            && chart.is_some_and(|chart| chart.ends_with("gpu-operator"))
    })
}
