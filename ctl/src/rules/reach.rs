//! Who reaches a machine past the network policies.

use std::collections::HashMap;

use crate::input::{Inputs, Object, Vm, same_namespace};
use crate::yaml::{Entry, Node};

/// Someone who wants in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer<'a> {
    /// The labels of its pod; `None` where they are not known.
    pub(super) labels: Option<&'a [Entry]>,
    pub(super) namespace: Option<&'a str>,
}

/// The policies for incoming traffic, by the first label that they select: in large inputs, most
/// are about other pods.
pub(super) struct Policies<'a> {
    labels: HashMap<Option<(&'a str, &'a str)>, Vec<&'a Object>>,
}

impl<'a> Policies<'a> {
    pub(super) fn of(inputs: &'a Inputs) -> Self {
        let mut labels: HashMap<_, Vec<&Object>> = HashMap::new();
        for policy in inputs.of_kind("NetworkPolicy") {
            let types = policy.root.at(&["spec", "policyTypes"]);
            let incoming =
                types.is_none_or(|types| types.items().any(|kind| kind.text() == Some("Ingress")));
            if incoming && policy.api.starts_with("networking.k8s.io/") {
                let selected = policy.root.at(&["spec", "podSelector", "matchLabels"]);
                let first = selected.and_then(|labels| labels.entries().first());
                let first = first.and_then(|label| Some((label.key.as_str(), label.value.text()?)));
                labels.entry(first).or_default().push(policy);
            }
        }
        Self { labels }
    }

    /// Those that shut incoming traffic to a machine's pod, all but what they let through.
    pub(super) fn around(&self, vm: Vm<'_>) -> Vec<&'a Object> {
        let namespace = vm.object.namespace.as_deref();
        let label =
            |key: &str| vm.pod_labels().find(|(label, _)| *label == key).map(|(_, value)| value);
        let keys = vm.pod_labels().map(Some).chain([None]);
        keys.filter_map(|key| self.labels.get(&key))
            .flatten()
            .filter(|policy| {
                let selector = policy.root.at(&["spec", "podSelector"]);
                policy.beside(namespace)
                    && selector.is_none_or(|selector| chooses(selector, &label))
            })
            .copied()
            .collect()
    }
}

/// Whether any of the policies lets a peer through to a port. What is not known, may.
pub(super) fn lets_in(policies: &[&Object], peer: Peer<'_>, port: i64, inputs: &Inputs) -> bool {
    policies.iter().any(|policy| {
        policy.root.list(&["spec", "ingress"]).any(|rule| {
            let mut ports = rule.list(&["ports"]).peekable();
            let port = ports.peek().is_none() || ports.any(|known| has_port(known, port));
            let mut from = rule.list(&["from"]).peekable();
            port && (from.peek().is_none() || from.any(|from| means(from, peer, policy, inputs)))
        })
    })
}

fn has_port(allowed: &Node, port: i64) -> bool {
    if allowed.text_at(&["protocol"]).is_some_and(|protocol| protocol != "TCP") {
        return false;
    }
    let Some(first) = allowed.get("port") else { return true };
    // The name of a port is the container's to give.
    let Some(first) = first.number() else { return true };
    let last = allowed.get("endPort").and_then(Node::number).unwrap_or(first);
    (first..=last).contains(&port)
}

/// Whether one item of `from` means a peer.
fn means(from: &Node, peer: Peer<'_>, policy: &Object, inputs: &Inputs) -> bool {
    // Nobody can tell here which addresses there will be.
    if from.get("ipBlock").is_some() {
        return true;
    }
    let place = match from.get_key("namespaceSelector") {
        None => same_namespace(policy.namespace.as_deref(), peer.namespace),
        Some(entry) => is_in(&entry.value, peer.namespace, inputs),
    };
    let pod = match (from.get_key("podSelector"), peer.labels) {
        (Some(entry), Some(labels)) => chooses(&entry.value, &|key| value(labels, key)),
        _ => true,
    };
    place && pod
}

/// Whether a selector chooses a namespace; one whose labels are not known, may be chosen.
fn is_in(selector: &Node, namespace: Option<&str>, inputs: &Inputs) -> bool {
    let Some(name) = namespace else { return true };
    let object = inputs.named("Namespace", name).next();
    let labels = object.and_then(|o| o.root.at(&["metadata", "labels"])).map(Node::entries);
    let own = |key: &str| {
        // Kubernetes labels each namespace with its name.
        (key == NAME).then_some(name).or_else(|| value(labels.unwrap_or_default(), key))
    };
    let known = object.is_some() || keys(selector).all(|key| key == NAME);
    !known || chooses(selector, &own)
}

const NAME: &str = "kubernetes.io/metadata.name";

/// The labels that a selector asks for.
fn keys(selector: &Node) -> impl Iterator<Item = &str> {
    let labels = selector.get("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.list(&["matchExpressions"]);
    labels
        .iter()
        .map(|label| label.key.as_str())
        .chain(expressions.filter_map(|expression| expression.text_at(&["key"])))
}

fn value<'a>(labels: &'a [Entry], key: &str) -> Option<&'a str> {
    labels.iter().find(|label| label.key == key).and_then(|label| label.value.text())
}

/// Whether a label selector chooses what has these labels. An empty one chooses everything.
fn chooses<'a>(selector: &Node, value: &dyn Fn(&str) -> Option<&'a str>) -> bool {
    let labels = selector.get("matchLabels").map(Node::entries).unwrap_or_default();
    let mut expressions = selector.list(&["matchExpressions"]);
    labels.iter().all(|label| value(&label.key).is_some_and(|own| label.value.text() == Some(own)))
        && expressions.all(|expression| {
            let own = value(expression.text_at(&["key"]).unwrap_or_default());
            let listed = || expression.list(&["values"]).any(|v| v.text() == own);
            match expression.text_at(&["operator"]) {
                Some("In") => own.is_some() && listed(),
                Some("NotIn") => own.is_none() || !listed(),
                Some("Exists") => own.is_some(),
                Some("DoesNotExist") => own.is_none(),
                _ => true,
            }
        })
}
