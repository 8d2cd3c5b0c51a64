//! Clients of the model, as their environment is set.

use crate::input::{Inputs, Object, Vm};
use crate::lint::{Found, Rule, Severity};
use crate::yaml::{Entry, Node};

use super::models::{self, Served};
use super::pods::{containers, pod};

pub(crate) static SV002: Rule = Rule {
    id: "SV002",
    severity: Severity::Error,
    title: "a client that asks for what the VM does not serve",
    cause: "The client's URL names the Service, and a port that the Service does not have; or the \
            client asks for a model that the guest does not make, or for a dimension that the \
            model does not have.",
    evidence: "The client's requests time out, or fail with \"model not found\", or its database \
               refuses the vectors, while the VM is Ready.",
    fix: "use the Service's port in OPENAI_API_BASE_URL, the guest's model in \
          OPENAI_EMBEDDING_MODEL, and that model's dimension in OPENAI_EMBEDDING_DIMENSION",
    check: wrong,
};

const URL: &str = "OPENAI_API_BASE_URL";
/// Other names of the same.
const URLS: [&str; 4] = [URL, "OPENAI_BASE_URL", "OPENAI_EMBEDDING_BASE_URL", "OLLAMA_BASE_URL"];
const MODELS: [&str; 2] = ["OPENAI_EMBEDDING_MODEL", "OLLAMA_EMBEDDING_MODEL"];
const DIMENSIONS: [&str; 2] = ["OPENAI_EMBEDDING_DIMENSION", "OPENAI_EMBEDDING_DIMENSIONS"];

/// Services of one name, and machines behind one, that are looked at: they are much the same.
const VERSIONS: usize = 10;

/// Someone who is told a server's URL.
#[derive(Debug)]
pub(super) struct Client<'a> {
    /// The URL.
    pub(super) node: &'a Node,
    pub(super) namespace: Option<&'a str>,
    /// The labels of its pod; `None` for a config map, whose reader is not known.
    pub(super) labels: Option<&'a [Entry]>,
    model: Option<&'a Node>,
    dimension: Option<&'a Node>,
}

impl<'a> Client<'a> {
    /// The Services that its URL names, with the port, and the machines behind them.
    pub(super) fn servers(&self, inputs: &'a Inputs) -> Vec<(&'a Object, u16, Vm<'a>)> {
        let Some((host, port)) = self.node.text().and_then(target) else { return Vec::new() };
        let mut labels = host.split('.');
        let (name, within) = (labels.next().unwrap_or_default(), labels.next().or(self.namespace));
        let services = inputs.named("Service", name).filter(|service| service.beside(within));
        // More than one are versions of it.
        let services = services.take(VERSIONS);
        let behind = services.flat_map(|service| {
            let selector = service.root.at(&["spec", "selector"]).map(Node::entries);
            let machines = inputs.selected(selector.unwrap_or_default());
            let own = machines.filter(|vm| service.beside(vm.object.namespace.as_deref()));
            own.take(VERSIONS).map(move |vm| (service, port, vm))
        });
        behind.collect()
    }
}

fn wrong(inputs: &Inputs, found: &mut Found) {
    for client in all(inputs) {
        for (service, port, vm) in client.servers(inputs) {
            let ports = service.root.list(&["spec", "ports"]).filter_map(|p| p.get("port"));
            if !ports.clone().any(|known| known.number() == Some(i64::from(port))) {
                let message = format!("{} has no port {port}", service.name);
                let finding = found.add(client.node.place, message);
                if let Some(known) = ports.clone().next() {
                    finding.see(known.place, "what it has");
                }
            }
            model(&client, vm, inputs, found);
        }
    }
}

/// Whether what a client asks for is what the guest makes.
fn model(client: &Client<'_>, vm: Vm<'_>, inputs: &Inputs, found: &mut Found) {
    let cloud = vm.machine.cloud_init.as_ref();
    let Some(user) = cloud.and_then(|cloud| cloud.user.known(&inputs.user_data)) else { return };
    let served = models::served(user);
    let Some(first) = served.first() else { return };
    let asked = client.model.filter(|node| !node.is_filled_in());
    let asked = asked.and_then(|node| Some((node, models::name(node.text()?))));
    let known = asked.as_ref().and_then(|(_, name)| served.iter().find(|s| s.name == *name));
    if let (Some((node, name)), None) = (&asked, known) {
        found
            .add(node.place, format!("the guest does not make {name}"))
            .see(first.place, format!("it makes {}", first.name));
        return;
    }
    // Without a name, or with one that is there, and where all that it makes is of one dimension.
    let dimensions = |served: &Served| served.dimension;
    let own = match known {
        Some(served) => dimensions(served),
        None => first.dimension.filter(|own| served.iter().all(|s| s.dimension == Some(*own))),
    };
    let wanted = client.dimension.and_then(|node| Some((node, number(node)?)));
    if let (Some((node, wanted)), Some(own)) = (wanted, own)
        && wanted != own
    {
        let place = known.unwrap_or(first).place;
        found
            .add(node.place, format!("the model's vectors have {own} numbers, not {wanted}"))
            .see(place, "this model");
    }
}

/// A number, also in quotes, as an environment needs it.
fn number(node: &Node) -> Option<i64> {
    node.text()?.trim().parse().ok()
}

/// All clients, in containers and config maps.
pub(super) fn all(inputs: &Inputs) -> Vec<Client<'_>> {
    let mut all = Vec::new();
    for object in &inputs.objects {
        let namespace = object.namespace.as_deref();
        if object.kind == "ConfigMap" {
            let data = object.root.get("data");
            let value = |names: &[&str]| names.iter().find_map(|name| data?.get(name));
            all.extend(value(&URLS).map(|node| Client {
                node,
                namespace,
                labels: None,
                model: value(&MODELS),
                dimension: value(&DIMENSIONS),
            }));
        }
        let Some(spec) = pod(object) else { continue };
        for container in containers(spec) {
            let value = |names: &[&str]| {
                let mut env = container.list(&["env"]);
                let set = env.find(|v| v.text_at(&["name"]).is_some_and(|n| names.contains(&n)));
                set?.get("value")
            };
            all.extend(value(&URLS).map(|node| Client {
                node,
                namespace,
                labels: Some(labels(object)),
                model: value(&MODELS),
                dimension: value(&DIMENSIONS),
            }));
        }
    }
    all
}

/// The labels of a workload's pods.
pub(super) fn labels(object: &Object) -> &[Entry] {
    let paths: [&[&str]; 3] = [
        &["spec", "template", "metadata", "labels"],
        &["spec", "jobTemplate", "spec", "template", "metadata", "labels"],
        &["metadata", "labels"],
    ];
    let path = match object.kind.as_str() {
        "CronJob" => paths[1],
        "Pod" => paths[2],
        _ => paths[0],
    };
    object.root.at(path).map(Node::entries).unwrap_or_default()
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
