//! Clients of the model, as their environment is set.

use crate::input::{Inputs, Object};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::Node;

pub(crate) static SV002: Rule = Rule {
    id: "SV002",
    severity: Severity::Error,
    title: "a client that asks at another port than the Service has",
    cause: "The client's URL names the Service, and a port that the Service does not have.",
    evidence: "The client's requests time out while the VM is Ready.",
    fix: "use the Service's port in OPENAI_API_BASE_URL",
    check: wrong_port,
};

fn wrong_port(inputs: &Inputs, found: &mut Found) {
    let serving: Vec<&Object> = inputs.machines().flat_map(|vm| inputs.services(vm)).collect();
    if serving.is_empty() {
        return;
    }
    for (url, namespace) in urls(inputs) {
        let Some((host, port)) = target(url.text().unwrap_or_default()) else { continue };
        let mut labels = host.split('.');
        let (name, within) = (labels.next(), labels.next().or(namespace));
        let service = serving.iter().find(|s| Some(s.name.as_str()) == name && s.beside(within));
        let Some(service) = service else { continue };
        let ports = service.root.list(&["spec", "ports"]).filter_map(|p| p.get("port"));
        if !ports.clone().any(|known| known.number() == Some(i64::from(port))) {
            let finding = found.add(url.place, format!("{} has no port {port}", service.name));
            if let Some(known) = ports.clone().next() {
                finding.see(known.place, "what it has");
            }
        }
    }
}

/// The URLs that containers and config maps give to clients, with their namespaces.
fn urls(inputs: &Inputs) -> Vec<(&Node, Option<&str>)> {
    let key = "OPENAI_API_BASE_URL";
    let mut urls = Vec::new();
    for object in &inputs.objects {
        let namespace = object.namespace.as_deref();
        if object.kind == "ConfigMap" {
            urls.extend(object.root.at(&["data", key]).map(|url| (url, namespace)));
        }
        let containers = super::pods::pod(object).into_iter().flat_map(super::pods::containers);
        let variables = containers.flat_map(|container| container.list(&["env"]));
        let set = variables.filter(|variable| variable.text_at(&["name"]) == Some(key));
        urls.extend(set.filter_map(|variable| variable.get("value")).map(|url| (url, namespace)));
    }
    urls
}

/// Host and port of an `http` URL.
fn target(url: &str) -> Option<(&str, u16)> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split('/').next()?;
    match authority.rsplit_once(':') {
        Some((host, port)) => Some((host, port.parse().ok()?)),
        None => Some((authority, 80)),
    }
}
