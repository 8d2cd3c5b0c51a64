//! How NVIDIA's device plugin hands devices to containers.

use crate::fix::Edit;
use crate::input::Inputs;
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::pods::{containers, pod};

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
    for value in strategies(inputs) {
        for name in strategy_names(value) {
            // What stands between braces, or begins with a dollar, is filled in later.
            if name.is_empty() || name.contains(['$', '{']) || STRATEGIES.contains(&name) {
                continue;
            }
            let finding = found.add(value.place, format!("there is no strategy {name}"));
            if value.text() == Some("envvars") {
                finding.edit(Edit::words(value.place, name, "envvar"));
            }
        }
    }
}

/// The strategies that a value names.
pub(super) fn strategy_names(value: &Node) -> impl Iterator<Item = &str> {
    let text = value.text().unwrap_or_default();
    text.strip_prefix(ARGUMENT).unwrap_or(text).split(',').map(str::trim)
}

/// The strategy as an argument of the device plugin.
const ARGUMENT: &str = "--device-list-strategy=";

/// What states the device plugin's strategy, or several, with commas.
pub(super) fn strategies(inputs: &Inputs) -> Vec<&Node> {
    let mut values: Vec<&Node> = Vec::new();
    for object in &inputs.objects {
        values.extend(object.root.list(&["spec", "devicePlugin", "env"]).filter_map(variable));
        values.extend(object.root.at(&["spec", "deviceListStrategy"]));
        for container in pod(object).into_iter().flat_map(containers) {
            values.extend(container.list(&["env"]).filter_map(variable));
            let arguments = container.list(&["args"]).chain(container.list(&["command"]));
            values.extend(
                arguments.filter(|a| a.text().is_some_and(|text| text.starts_with(ARGUMENT))),
            );
        }
    }
    for root in inputs.values.iter().map(|values| &values.root) {
        values.extend(root.list(&["devicePlugin", "env"]).filter_map(variable));
        values.extend(root.list(&["gpu-operator", "devicePlugin", "env"]).filter_map(variable));
        values.extend(root.get("deviceListStrategy"));
        values.extend(root.at(&["flags", "plugin", "deviceListStrategy"]));
    }
    values
}

/// The value of the variable that states the strategy.
fn variable(item: &Node) -> Option<&Node> {
    item.get("value").filter(|_| item.text_at(&["name"]) == Some("DEVICE_LIST_STRATEGY"))
}
