//! Network policies around a VM.

use crate::input::{Inputs, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::source::Place;
use crate::yaml::Node;

use super::clients::{self, Client};
use super::reach::{Peer, Policies, lets_in};

pub(crate) static NW002: Rule = Rule {
    id: "NW002",
    severity: Severity::Error,
    title: "a network policy that shuts out who must get in",
    cause: "Policies that select the VM's pod let through what they list, and nothing else: the \
            clients of its Service, and virt-api in KubeVirt's namespace, through which virtctl \
            ssh comes. Kubelets ask the probes; most networks let the node's own kubelet through \
            in any case, some do not.",
    evidence: "Requests to the Service, or virtctl ssh, time out, while the guest answers itself.",
    fix: "list them below ingress: the clients' pods, the namespace kubevirt for port 22, and the \
          probe's port",
    check: shut_out,
};

fn shut_out(inputs: &Inputs, found: &mut Found) {
    let all = Policies::of(inputs);
    for client in clients::all(inputs) {
        check_client(&client, &all, inputs, found);
    }
    for vm in inputs.machines() {
        let policies = all.around(vm);
        let Some(first) = policies.first() else { continue };
        if let Some(place) = ssh(vm) {
            let api = Peer { labels: None, namespace: Some(kubevirt(inputs)) };
            if !lets_in(&policies, api, 22, inputs) {
                found
                    .add(first.place(), "virtctl ssh does not get in: it comes from virt-api")
                    .see(place, "port 22 is meant to be reached");
            }
        }
        for probe in ["readinessProbe", "livenessProbe"] {
            let port = ["httpGet", "tcpSocket"]
                .iter()
                .find_map(|kind| vm.spec().at(&[probe, kind, "port"]))
                .and_then(|port| Some((port.place, port.number()?)));
            let Some((place, port)) = port else { continue };
            // Nobody knows what else is at the node's address: a rule for the port will do.
            let kubelet = Peer { labels: None, namespace: None };
            if !lets_in(&policies, kubelet, port, inputs) {
                found
                    .add(first.place(), format!("no rule lets a kubelet in to port {port}"))
                    .at_most(Severity::Warning)
                    .see(place, "which it asks");
            }
        }
    }
}

fn check_client(client: &Client<'_>, all: &Policies<'_>, inputs: &Inputs, found: &mut Found) {
    // Who reads a config map is not known.
    if client.labels.is_none() {
        return;
    }
    let peer = Peer { labels: client.labels, namespace: client.namespace };
    for (service, port, vm) in client.servers(inputs) {
        let mut ports = service.root.list(&["spec", "ports"]);
        let target = ports
            .find(|known| known.get("port").and_then(Node::number) == Some(i64::from(port)))
            .and_then(|known| known.get("targetPort").or_else(|| known.get("port")))
            .and_then(Node::number);
        let Some(target) = target else { continue };
        let policies = all.around(vm);
        if let Some(first) = policies.first()
            && !lets_in(&policies, peer, target, inputs)
        {
            found
                .add(first.place(), format!("this shuts out a client of port {target}"))
                .see(client.node.place, "it asks here");
        }
    }
}

/// Where the VM says that it is reached at port 22.
fn ssh(vm: Vm<'_>) -> Option<Place> {
    let ports = vm.interfaces().flat_map(|interface| interface.list(&["ports"]));
    let mut ports = ports.filter_map(|port| port.get("port"));
    let credentials = || vm.spec().list(&["accessCredentials"]).find_map(|c| c.get("sshPublicKey"));
    let port = ports.find(|port| port.number() == Some(22));
    port.or_else(credentials).map(|node| node.place)
}

/// The namespace that KubeVirt is installed in.
fn kubevirt(inputs: &Inputs) -> &str {
    let object = inputs.of_kind("KubeVirt").next();
    object.and_then(|object| object.namespace.as_deref()).unwrap_or("kubevirt")
}
