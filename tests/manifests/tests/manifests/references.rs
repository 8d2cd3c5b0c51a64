//! Whether everything that a machine or a pod names by name is there, under the name that it has
//! after rendering.

use serde_json::Value;

use crate::choices::OVERLAYS;
use crate::objects::{Objects, list};

#[test]
fn no_reference_dangles() {
    for overlay in OVERLAYS {
        let Some(objects) = overlay.chosen() else { return };
        let mut named = 0;
        for object in &objects.0 {
            let Some((spec, templates)) = template(object) else { continue };
            for (kind, name) in references(spec) {
                let namespace = &object["metadata"]["namespace"];
                let found = match kind {
                    "DataVolume" => list(templates).iter().any(|t| t["metadata"]["name"] == name),
                    _ => has(&objects, kind, name, namespace),
                };
                assert!(found, "{}: {kind} {name}", overlay.name);
                named += 1;
            }
        }
        let machines = objects.0.iter().any(|object| template(object).is_some());
        assert_eq!(named > 0, machines, "{}", overlay.name);
    }
}

fn has(objects: &Objects, kind: &str, name: &str, namespace: &Value) -> bool {
    objects.of_kind(kind).any(|object| {
        object["metadata"]["name"] == name && object["metadata"]["namespace"] == *namespace
    })
}

/// The spec of what an object runs, and its data volume templates.
fn template(object: &Value) -> Option<(&Value, &Value)> {
    let spec = &object["spec"];
    match object["kind"].as_str()? {
        "VirtualMachine" => Some((&spec["template"]["spec"], &spec["dataVolumeTemplates"])),
        "VirtualMachinePool" => {
            let machine = &spec["virtualMachineTemplate"]["spec"];
            Some((&machine["template"]["spec"], &machine["dataVolumeTemplates"]))
        }
        "Deployment" if !list(&spec["template"]["spec"]["volumes"]).is_empty() => {
            Some((&spec["template"]["spec"], &Value::Null))
        }
        _ => None,
    }
}

/// Kinds and names.
fn references(spec: &Value) -> Vec<(&'static str, &str)> {
    let mut found = Vec::new();
    let mut add = |kind, name| found.extend(Value::as_str(name).map(|name| (kind, name)));
    for volume in list(&spec["volumes"]) {
        add("Secret", &volume["cloudInitNoCloud"]["secretRef"]["name"]);
        add("Secret", &volume["cloudInitNoCloud"]["networkDataSecretRef"]["name"]);
        add("Secret", &volume["secret"]["secretName"]);
        add("ConfigMap", &volume["configMap"]["name"]);
        add("PersistentVolumeClaim", &volume["persistentVolumeClaim"]["claimName"]);
        add("DataVolume", &volume["dataVolume"]["name"]);
    }
    for credentials in list(&spec["accessCredentials"]) {
        add("Secret", &credentials["sshPublicKey"]["source"]["secret"]["secretName"]);
    }
    found
}
