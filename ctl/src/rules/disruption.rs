//! Disruption budgets.

use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

pub(crate) static PD001: Rule = Rule {
    id: "PD001",
    severity: Severity::Warning,
    title: "a disruption budget over the pod of a VM",
    cause: "One VM has one pod. A budget that keeps one available never lets it go, and \
            maxUnavailable needs a controller with a scale, which a launcher's pod has not.",
    evidence: "kubectl drain repeats: Cannot evict pod as it would violate the pod's disruption \
               budget.",
    fix: "drop the budget: evictionStrategy says what becomes of the VM",
    check: budget,
};

fn budget(inputs: &Inputs, found: &mut Found) {
    for budget in inputs.of_kind("PodDisruptionBudget") {
        let Some(spec) = budget.root.get("spec") else { continue };
        let selector = spec.at(&["selector", "matchLabels"]).map(Node::entries).unwrap_or_default();
        let vms: Vec<_> = inputs
            .selected(selector)
            .filter(|vm| budget.beside(vm.object.namespace.as_deref()))
            .take(VMS)
            .collect();
        let Some(vm) = vms.first() else { continue };
        let pods: i64 = vms.iter().map(|vm| replicas(*vm)).sum();
        if let Some(entry) = spec.entry("maxUnavailable") {
            found
                .add(entry.place, "a launcher's pod has no controller with a scale")
                .see(vm.object.place(), "selected");
        } else if let Some(entry) = spec.entry("minAvailable").filter(|_| vms.len() < VMS) {
            let all = entry.value.text() == Some("100%")
                || entry.value.number().is_some_and(|number| number >= pods);
            if all {
                found
                    .add(entry.place, "this never lets the pod go")
                    .see(vm.object.place(), "selected");
            }
        }
    }
}

/// Machines below one budget that are looked at: more are a fleet that nobody drains at once.
const VMS: usize = 1000;

/// How many pods a machine stands for: a pool makes as many as it says.
fn replicas(vm: Vm<'_>) -> i64 {
    let stated = vm.object.root.at(&["spec", "replicas"]).and_then(Node::number);
    stated.filter(|_| vm.machine.pooled).unwrap_or(1)
}
