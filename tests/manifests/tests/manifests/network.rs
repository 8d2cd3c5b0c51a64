//! Whom the network policy lets through.

use serde_json::{Value, json};

use crate::objects::{Objects, list, require};

/// A peer: the labels of its namespace and of its pod.
type Peer = (Value, Value);

fn namespace(name: &str) -> Value {
    json!({ "kubernetes.io/metadata.name": name })
}

pub(crate) fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    let template = &objects.vm()["spec"]["template"]["metadata"]["labels"];
    let mut policies = objects.of_kind("NetworkPolicy");
    let Some(policy) = policies.find(|p| selects(&p["spec"]["podSelector"], template)) else {
        return vec!["no network policy selects the VM's pod".to_owned()];
    };
    let virt_api = (namespace("kubevirt"), json!({ "kubevirt.io": "virt-api" }));
    let prometheus = (namespace("monitoring"), json!({}));
    let client = (json!({ "saigak-client": "true" }), json!({}));
    let smoke = (template.clone(), json!({ "app.kubernetes.io/name": "saigak-smoke" }));
    let stranger = (namespace("default"), json!({}));
    for (who, peer, port, let_in) in [
        ("virt-api", &virt_api, 22, true),
        ("Prometheus", &prometheus, 7244, true),
        ("a client", &client, 11434, true),
        ("the smoke test", &smoke, 11434, true),
        ("a stranger", &stranger, 11434, false),
        ("a stranger", &stranger, 22, false),
    ] {
        let allowed = list(&policy["spec"]["ingress"]).iter().any(|rule| admits(rule, peer, port));
        let word = if let_in { "shut out from" } else { "let in to" };
        require(&mut findings, allowed == let_in, format!("{who} is {word} {port}"));
    }
    let egress = list(&policy["spec"]["egress"]);
    for (what, port) in [("names", 53), ("packages", 80), ("the registry", 443), ("the time", 123)]
    {
        let open = egress.iter().any(|rule| has_port(rule, port));
        require(&mut findings, open, format!("{what} cannot be reached at {port}"));
    }
    findings
}

fn admits(rule: &Value, peer: &Peer, port: u64) -> bool {
    let from = list(&rule["from"]);
    let known = from.iter().any(|from| {
        // Without a namespace's selector, the policy's own namespace is meant.
        let near = match from.get("namespaceSelector") {
            Some(selector) => selects(selector, &peer.0),
            None => peer.0.get("app.kubernetes.io/name").is_some(),
        };
        near && from.get("podSelector").is_none_or(|selector| selects(selector, &peer.1))
    });
    has_port(rule, port) && (from.is_empty() || known)
}

fn has_port(rule: &Value, port: u64) -> bool {
    list(&rule["ports"]).iter().any(|item| item["port"] == port)
}

fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector["matchLabels"].as_object();
    wanted.is_none_or(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}
