//! Ports that an interface lets through.

use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

use super::guest::ollama_host;
use super::vm_probe::probes;

pub(crate) static VM007: Rule = Rule {
    id: "VM007",
    severity: Severity::Error,
    title: "a port that the interface does not forward",
    cause: "An interface that lists ports forwards those and no others. A probe of another one \
            fails for ever, and a Service's clients time out.",
    evidence: "The guest answers at the port from inside, and never from outside.",
    fix: "add the port to the interface's ports, or drop the list: without it all are forwarded",
    check: not_forwarded,
};

fn not_forwarded(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        // One that lists none forwards all.
        let lists: Vec<_> = vm.interfaces().map(|interface| interface.get("ports")).collect();
        let open = |list: Option<&Node>| list.is_none_or(|list| list.items().next().is_none());
        if lists.iter().any(|list| open(*list)) {
            continue;
        }
        let Some(list) = lists.first().copied().flatten() else { continue };
        let forwarded = |port: i64| {
            let mut items = lists.iter().flatten().flat_map(|list| list.items());
            items.any(|item| {
                item.get("port").and_then(Node::number) == Some(port)
                    && item.text_at(&["protocol"]).is_none_or(|protocol| protocol == "TCP")
            })
        };
        let mut check = |node: &Node, port: i64, whose: &str| {
            if !forwarded(port) {
                found
                    .add(
                        node.place,
                        format!("{whose} {port} is not forwarded to {}", vm.object.name),
                    )
                    .see(list.place, "only these are");
            }
        };
        for probe in probes(vm) {
            for kind in ["httpGet", "tcpSocket"] {
                if let Some(port) = probe.value.at(&[kind, "port"])
                    && let Some(number) = port.number()
                {
                    check(port, number, "the probe's port");
                }
            }
        }
        for service in inputs.services(vm) {
            for item in service.root.list(&["spec", "ports"]) {
                if item.text_at(&["protocol"]).is_some_and(|protocol| protocol != "TCP") {
                    continue;
                }
                let target = item.get("targetPort").or_else(|| item.get("port"));
                if let Some(target) = target
                    && let Some(number) = target.number()
                {
                    check(target, number, "the Service's target port");
                }
            }
        }
        if let Some((place, port)) = serves(vm, inputs)
            && !forwarded(port.into())
        {
            found
                .add(place, format!("the server's port {port} is not forwarded"))
                .see(list.place, "only these are");
        }
    }
}

/// Where the guest's server is told to listen for others, and at which port.
fn serves(vm: Vm<'_>, inputs: &Inputs) -> Option<(Place, u16)> {
    let cloud = vm.machine.cloud_init.as_ref()?;
    let host = ollama_host(cloud.user.known(&inputs.user_data)?)?;
    // Behind a proxy, it is the proxy's port that clients use.
    let loopback =
        host.address.starts_with("127.") || ["localhost", "::1"].contains(&host.address.as_str());
    (!loopback).then_some((host.place, host.port))
}
