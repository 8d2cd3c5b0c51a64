//! Objects of kinds that have a type: of Kubernetes, by a library that is made from its API's
//! description, and of a few other projects, by the fields that these manifests use.

use std::collections::BTreeMap;

use k8s_openapi::api::{apps, batch, core, networking, node, policy};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::objects::Objects;

/// What does not fit its type. Fields that a type does not know are lost on the way through it.
pub(crate) fn check(objects: &Objects) -> Vec<String> {
    objects.0.iter().filter_map(|object| fits(object).err()).collect()
}

fn fits(object: &Value) -> Result<(), String> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    match (text("apiVersion"), text("kind")) {
        ("v1", "Namespace") => through::<core::v1::Namespace>(object),
        ("v1", "ConfigMap") => through::<core::v1::ConfigMap>(object),
        ("v1", "Secret") => through::<core::v1::Secret>(&unfolded(object)),
        ("v1", "Service") => through::<core::v1::Service>(object),
        ("v1", "PersistentVolumeClaim") => through::<core::v1::PersistentVolumeClaim>(object),
        ("apps/v1", "Deployment") => through::<apps::v1::Deployment>(object),
        ("apps/v1", "DaemonSet") => through::<apps::v1::DaemonSet>(object),
        ("batch/v1", "Job") => through::<batch::v1::Job>(object),
        ("batch/v1", "CronJob") => through::<batch::v1::CronJob>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => {
            through::<networking::v1::NetworkPolicy>(object)
        }
        ("policy/v1", "PodDisruptionBudget") => through::<policy::v1::PodDisruptionBudget>(object),
        ("node.k8s.io/v1", "RuntimeClass") => through::<node::v1::RuntimeClass>(object),
        ("monitoring.coreos.com/v1", "ServiceMonitor" | "PodMonitor") => {
            through::<Custom<Monitor>>(object)
        }
        ("monitoring.coreos.com/v1", "PrometheusRule") => through::<Custom<Rules>>(object),
        ("monitoring.coreos.com/v1alpha1", "AlertmanagerConfig") => {
            through::<Custom<Alerting>>(object)
        }
        ("argoproj.io/v1alpha1", "Application") => through::<Custom<Application>>(object),
        ("argoproj.io/v1alpha1", "ApplicationSet") => through::<Custom<ApplicationSet>>(object),
        ("cdi.kubevirt.io/v1beta1", "CDI") => through::<Custom<Cdi>>(object),
        // These have schemas.
        ("kubevirt.io/v1", "VirtualMachine" | "KubeVirt")
        | ("pool.kubevirt.io/v1beta1", "VirtualMachinePool")
        | ("devices.harvesterhci.io/v1beta1", "PCIDeviceClaim") => Ok(()),
        (version, kind) => Err(format!("{version} {kind}: no type")),
    }
}

/// Without the line breaks that kustomize puts into base64, and Kubernetes ignores.
fn unfolded(secret: &Value) -> Value {
    let mut secret = secret.clone();
    for (_, value) in secret.get_mut("data").and_then(Value::as_object_mut).into_iter().flatten() {
        let text: String = value.as_str().unwrap_or_default().split_whitespace().collect();
        *value = text.into();
    }
    secret
}

/// Reads it and writes it, and compares.
fn through<T: DeserializeOwned + Serialize>(object: &Value) -> Result<(), String> {
    let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
    let typed: T = serde_json::from_value(object.clone()).map_err(|e| format!("{name}: {e}"))?;
    let again = serde_json::to_value(typed).map_err(|e| format!("{name}: {e}"))?;
    match lost(object, &again) {
        Some(path) => Err(format!("{name}: {path} is not known")),
        None => Ok(()),
    }
}

/// The first field that is in one and not in the other. What is empty counts as absent.
fn lost(before: &Value, after: &Value) -> Option<String> {
    match (before, after) {
        (Value::Object(before), _) => before.iter().find_map(|(key, value)| {
            let deeper = lost(value, after.get(key).unwrap_or(&Value::Null));
            deeper.map(|path| format!("/{key}{path}"))
        }),
        (Value::Array(before), _) => before.iter().enumerate().find_map(|(index, value)| {
            let deeper = lost(value, after.get(index).unwrap_or(&Value::Null));
            deeper.map(|path| format!("/{index}{path}"))
        }),
        (_, Value::Null) => Some(String::new()),
        _ => None,
    }
}

/// An object of a kind that Kubernetes does not bring.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Custom<T> {
    api_version: String,
    kind: String,
    metadata: Value,
    spec: T,
}

/// Of a target. Where `podMetricsEndpoints` stands, a Service's `endpoints` do not.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Monitor {
    selector: Selector,
    #[serde(default)]
    endpoints: Vec<Endpoint>,
    #[serde(default)]
    pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Endpoint {
    port: String,
    path: String,
    interval: String,
    scrape_timeout: String,
    #[serde(default)]
    relabelings: Vec<Relabeling>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Relabeling {
    source_labels: Option<Vec<String>>,
    target_label: Option<String>,
    action: Option<String>,
    regex: Option<String>,
    replacement: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Group {
    name: String,
    rules: Vec<Rule>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    alert: String,
    expr: String,
    r#for: Option<String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Alerting {
    route: Route,
    receivers: Vec<Value>,
    inhibit_rules: Vec<Inhibition>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Route {
    receiver: String,
    group_by: Vec<String>,
    group_wait: String,
    group_interval: String,
    repeat_interval: String,
    matchers: Vec<Matcher>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Inhibition {
    source_match: Vec<Matcher>,
    target_match: Vec<Matcher>,
    equal: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Matcher {
    name: String,
    match_type: String,
    value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Application {
    project: String,
    source: Source,
    destination: Destination,
    sync_policy: SyncPolicy,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    #[serde(rename = "repoURL")]
    repo_url: String,
    target_revision: String,
    path: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Destination {
    server: String,
    namespace: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SyncPolicy {
    automated: Automated,
    retry: Retry,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Automated {
    prune: Option<bool>,
    self_heal: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Retry {
    limit: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ApplicationSet {
    go_template: bool,
    go_template_options: Vec<String>,
    generators: Vec<Value>,
    template: Template,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Template {
    metadata: Value,
    spec: Application,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Cdi {
    config: CdiConfig,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CdiConfig {
    feature_gates: Vec<String>,
}

#[test]
fn a_field_that_nobody_knows_is_found() {
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "a" },
        "spec": { "ports": [{ "port": 1, "targetport": 2 }] },
    });
    let found = check(&Objects(vec![object]));
    assert_eq!(found, [r#""Service" "a": /spec/ports/0/targetport is not known"#]);
    let monitor = serde_json::json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {},
        "spec": { "selectors": {} },
    });
    assert!(check(&Objects(vec![monitor]))[0].contains("unknown field `selectors`"));
}
