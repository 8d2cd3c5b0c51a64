//! Services: who is reached, where, and when.

use serde_json::{Value, json};

use crate::objects::{Objects, list, require};

/// The port that clients use.
const OLLAMA: u64 = 11434;
/// The agent's.
const AGENT: u64 = 7244;

pub(crate) fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    for service in objects.of_kind("Service") {
        reaches_guest(objects, service, &mut findings);
    }
    let hidden = |service: &&Value| service["spec"]["publishNotReadyAddresses"] != true;
    let serving: Vec<_> = with_port(objects, OLLAMA).collect();
    require(&mut findings, serving.len() == 1, "not one Service for 11434");
    require(
        &mut findings,
        serving.iter().all(hidden),
        "clients of 11434 are sent to a guest that is not ready",
    );
    let watching: Vec<_> = with_port(objects, AGENT).collect();
    require(&mut findings, watching.len() == 1, "not one Service for 7244");
    require(
        &mut findings,
        !watching.iter().any(hidden),
        "a guest that is not ready cannot be watched",
    );
    require(
        &mut findings,
        watching.iter().all(|service| service["spec"]["clusterIP"] == "None"),
        "the Service for 7244 does not name each guest",
    );
    findings
}

fn with_port(objects: &Objects, port: u64) -> impl Iterator<Item = &Value> {
    objects
        .of_kind("Service")
        .filter(move |service| list(&service["spec"]["ports"]).iter().any(|p| p["port"] == port))
}

fn reaches_guest(objects: &Objects, service: &Value, findings: &mut Vec<String>) {
    let name = &service["metadata"]["name"];
    let template = &objects.vm()["spec"]["template"]["metadata"]["labels"];
    let selector = service["spec"]["selector"].as_object();
    let selects = selector.is_some_and(|selector| {
        !selector.is_empty() && selector.iter().all(|(key, value)| template[key] == *value)
    });
    require(findings, selects, format!("Service {name} does not select the VM's pod"));
    for port in list(&service["spec"]["ports"]) {
        let target = &port["targetPort"];
        require(
            findings,
            objects.forwarded_ports().contains(&target),
            format!("Service {name}: port {target} is not forwarded"),
        );
        require(
            findings,
            // A named target port would be looked up in the launcher's pod, which has none.
            target.is_number() && port["name"] != json!(null),
            format!("Service {name}: port {target} has no number or no name"),
        );
    }
}
