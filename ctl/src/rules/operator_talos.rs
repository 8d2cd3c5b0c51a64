//! NVIDIA's operator for containers, on Talos.

use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::pods::{containers, pod};
use super::strategy::{strategies, strategy_names};
use super::talos::{self, because, enabled, operators};

/// Where the operator's parts tell each other that they are ready.
const VALIDATIONS: &str = "/run/nvidia/validations";
/// What the operator's own driver container writes there, and nobody else should.
const OWN_DRIVER: &str = ".driver-ctr-ready";

pub(crate) static GP002: Rule = Rule {
    id: "GP002",
    severity: Severity::Warning,
    title: "CDI on Talos",
    cause: "Talos has NVIDIA's libraries below /usr/local/glibc. The CDI specifications that the \
            operator makes look for them in /usr/lib, and say nothing when they are not there.",
    evidence: "The pod runs, and nvidia-smi in it is missing or finds no library.",
    fix: "set cdi.enabled: false and DEVICE_LIST_STRATEGY=envvar, with runtimeClassName: nvidia",
    check: cdi,
};

fn cdi(inputs: &Inputs, found: &mut Found) {
    if !talos::is_used(inputs) {
        return;
    }
    for settings in operators(inputs) {
        // Without the device plugin there are no containers to give a device to.
        let plugin = enabled(settings, "devicePlugin") != Some(false);
        let switch = settings.at(&["cdi", "enabled"]).filter(|cdi| cdi.is_true() && plugin);
        if let Some(switch) = switch {
            because(found.add(switch.place, "CDI does not find Talos' libraries"), inputs);
        }
    }
    for value in strategies(inputs) {
        if let Some(strategy) = strategy_names(value).find(|name| name.starts_with("cdi-")) {
            let message = format!("{strategy} does not find Talos' libraries");
            because(found.add(value.place, message), inputs);
        }
    }
}

pub(crate) static GP003: Rule = Rule {
    id: "GP003",
    severity: Severity::Information,
    title: "the operator's driver or toolkit on Talos",
    cause: "Talos brings both as system extensions, for a root that nothing can be written to. \
            Some versions of the operator see that and stand back, others try to install.",
    evidence: "The driver's or toolkit's DaemonSet never becomes ready, or has no pods.",
    fix: "set driver.enabled: false and toolkit.enabled: false, unless this version is known to \
          stand back",
    check: installs,
};

fn installs(inputs: &Inputs, found: &mut Found) {
    if !talos::is_used(inputs) {
        return;
    }
    for settings in operators(inputs) {
        for part in ["driver", "toolkit"] {
            let switch = settings.at(&[part, "enabled"]).filter(|switch| switch.is_true());
            if let Some(switch) = switch {
                let message = format!("Talos has the {part} as an extension");
                because(found.add(switch.place, message), inputs);
            }
        }
    }
}

pub(crate) static GP004: Rule = Rule {
    id: "GP004",
    severity: Severity::Information,
    title: "nobody, or too much, says that driver and toolkit are ready",
    cause: "The operator's pods wait for files in /run/nvidia/validations. With driver and \
            toolkit off, a DaemonSet of one's own writes driver-ready and toolkit-ready. \
            .driver-ctr-ready is the sign of the operator's own driver container: with it, the \
            others look for the driver where there is none.",
    evidence: "The device plugin's pods stay in Init, or fail to find the driver's root.",
    fix: "write driver-ready and toolkit-ready from a DaemonSet, and not .driver-ctr-ready; or \
          use the device plugin's own chart instead of the operator",
    check: bridge,
};

fn bridge(inputs: &Inputs, found: &mut Found) {
    if !talos::is_used(inputs) {
        return;
    }
    let sets = inputs.of_kind("DaemonSet").filter_map(pod);
    let commands = sets
        .flat_map(containers)
        .flat_map(|container| container.list(&["command"]).chain(container.list(&["args"])));
    let mut bridged = false;
    for command in commands {
        let text = command.text().unwrap_or_default();
        bridged |= text.contains(VALIDATIONS) || text.contains("toolkit-ready");
        if text.contains(OWN_DRIVER) {
            let place = inputs.within(command, OWN_DRIVER);
            because(found.add(place, "there is no driver container to be ready"), inputs);
        }
    }
    if bridged {
        return;
    }
    for settings in operators(inputs) {
        let off = |part: &str| enabled(settings, part) == Some(false);
        if off("driver") && off("toolkit") && !off("devicePlugin") {
            let place =
                settings.at(&["toolkit", "enabled"]).map_or(settings.place, |n: &Node| n.place);
            let message = "nothing among the inputs says that driver and toolkit are ready";
            because(found.add(place, message), inputs);
        }
    }
}
