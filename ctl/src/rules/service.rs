//! Between clients and the guest.

use crate::input::{Inputs, Object, Vm, selects};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

use super::clients::labels;
use super::guest::{Host, ollama_host};
use super::pods::pod;

pub(crate) static SV001: Rule = Rule {
    id: "SV001",
    severity: Severity::Error,
    title: "a Service that selects the VM and not its pod",
    cause: "A Service selects pods. The pod of a VM has the labels of the VM's template, not those \
            of the VM.",
    evidence: "The Service has no endpoints while the VM runs.",
    fix: "put the labels below spec.template.metadata.labels",
    check: selects_no_pod,
};

fn selects_no_pod(inputs: &Inputs, found: &mut Found) {
    for service in inputs.of_kind("Service") {
        let Some(selector) = service.root.at(&["spec", "selector"]) else { continue };
        let near = |vm: &Vm<'_>| {
            let labels = vm.object.root.at(&["metadata", "labels"]).map(Node::entries);
            service.beside(vm.object.namespace.as_deref())
                && selects(selector.entries(), labels.unwrap_or_default())
        };
        // Or another's, of the same name as the VM.
        let other = |object: &Object| {
            pod(object).is_some()
                && service.beside(object.namespace.as_deref())
                && selects(selector.entries(), labels(object))
        };
        if inputs.selected(selector.entries()).next().is_some() {
            continue;
        }
        if let Some(vm) = inputs.machines().find(near)
            && !inputs.objects.iter().any(other)
        {
            found.add(selector.place, "no pod has these labels").see(
                vm.object.place(),
                "this VM has them; its template, which its pod is made from, has not",
            );
        }
    }
}

pub(crate) static SV003: Rule = Rule {
    id: "SV003",
    severity: Severity::Error,
    title: "clients are sent to a guest that is not ready",
    cause: "publishNotReadyAddresses makes readiness meaningless for this Service. That is right \
            for whoever watches the agent, and wrong for clients of the model.",
    evidence: "Requests fail while the VM is not Ready.",
    fix: "drop publishNotReadyAddresses, and give the agent's port a Service of its own",
    check: not_ready,
};

fn not_ready(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let port = host(vm, inputs).map_or(super::guest::OLLAMA_PORT, |host| host.port);
        for service in inputs.services(vm) {
            let published =
                service.root.get("spec").and_then(|s| s.entry("publishNotReadyAddresses"));
            let Some(entry) = published.filter(|entry| entry.value.is_true()) else { continue };
            if targets(&service.root).any(|target| target.number() == Some(port.into())) {
                found.add(entry.place, "clients get addresses of guests that are not ready");
            }
        }
    }
}

fn host(vm: Vm<'_>, inputs: &Inputs) -> Option<Host> {
    let cloud = vm.machine.cloud_init.as_ref()?;
    ollama_host(cloud.user.known(&inputs.user_data)?)
}

/// The ports that a Service sends to.
fn targets(service: &Node) -> impl Iterator<Item = &Node> {
    service
        .list(&["spec", "ports"])
        .filter_map(|port| port.get("targetPort").or_else(|| port.get("port")))
}

pub(crate) static SV004: Rule = Rule {
    id: "SV004",
    severity: Severity::Error,
    title: "a server where no client reaches it",
    cause: "Masquerade sends to the guest's own address, not to its loopback. And a Service sends \
            to the port that it names.",
    evidence: "curl works inside the guest, and is refused from outside.",
    fix: "set OLLAMA_HOST=0.0.0.0:11434, and the Service's targetPort to the same port",
    check: unreachable,
};

fn unreachable(inputs: &Inputs, found: &mut Found) {
    for vm in inputs.machines() {
        let Some(host) = host(vm, inputs) else { continue };
        let mut services = inputs.services(vm).peekable();
        if services.peek().is_none() {
            continue;
        }
        let loopback = ["localhost", "::1"].contains(&host.address.as_str())
            || host.address.starts_with("127.");
        if loopback {
            found.add(host.place, format!("the server listens on {} only", host.address));
        }
        for service in services {
            // One that names neither Ollama's own port nor this one is another's.
            let wrong = targets(&service.root).find(|target| {
                target.number() == Some(super::guest::OLLAMA_PORT.into())
                    && host.port != super::guest::OLLAMA_PORT
            });
            if let Some(target) = wrong {
                found
                    .add(target.place, format!("the server listens at port {}", host.port))
                    .see(host.place, "set here");
            }
        }
    }
}
