//! The virtual machine: its identity, its probe, its secrets.

use serde_json::{Value, json};

use crate::objects::{Objects, list, require};

pub(crate) fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    identity(objects, &mut findings);
    probes(objects, &mut findings);
    secrets(objects, &mut findings);
    let instance = objects.instance();
    let spec = &objects.vm()["spec"];
    require(
        &mut findings,
        spec["runStrategy"] == "Always" && spec.get("running").is_none(),
        "the VM does not always run",
    );
    require(&mut findings, instance["architecture"].is_string(), "no architecture is stated");
    require(
        &mut findings,
        // Unset, the cluster's own setting counts, which may well be LiveMigrate.
        instance["evictionStrategy"] == "None",
        "a VM with a GPU cannot migrate",
    );
    findings
}

/// A MAC address and a UUID that stay the same from pod to pod.
fn identity(objects: &Objects, findings: &mut Vec<String>) {
    for interface in list(&objects.instance()["domain"]["devices"]["interfaces"]) {
        let mac = interface["macAddress"].as_str().unwrap_or_default();
        let first = mac.get(..2).and_then(|octet| u8::from_str_radix(octet, 16).ok());
        // Of the first octet, bit 0 is multicast and bit 1 locally administered. KubeVirt keeps
        // 02:00:00:00:00:00 for itself.
        let own = first.is_some_and(|octet| octet & 0b11 == 0b10) && mac != "02:00:00:00:00:00";
        require(findings, own, format!("{mac:?} is no MAC address of the VM's own"));
    }
    let uuid = &objects.instance()["domain"]["firmware"]["uuid"];
    require(findings, uuid.is_string(), "no firmware UUID: every new VM is a new instance");
}

fn probes(objects: &Objects, findings: &mut Vec<String>) {
    let instance = objects.instance();
    let expected = json!({
        "httpGet": { "port": 7244, "path": "/readyz" },
        "periodSeconds": 5, "timeoutSeconds": 3, "failureThreshold": 2,
    });
    let probe = &instance["readinessProbe"];
    require(findings, *probe == expected, format!("the readiness probe is {probe}"));
    let port = &probe["httpGet"]["port"];
    require(
        findings,
        objects.forwarded_ports().contains(&port),
        format!("the probe's port {port} is not forwarded"),
    );
    require(
        findings,
        instance.get("livenessProbe").is_none(),
        "a liveness probe stops a VM that repairs itself",
    );
}

/// Every secret that the VM names is there, with the key that KubeVirt looks for.
fn secrets(objects: &Objects, findings: &mut Vec<String>) {
    let source = objects.cloud_init();
    for (reference, key) in [("secretRef", "userdata"), ("networkDataSecretRef", "networkdata")] {
        let name = &source[reference]["name"];
        require(
            findings,
            objects.secret_text(name, key).is_some(),
            format!("{reference}: no secret {name} with the key {key}"),
        );
    }
    for credentials in list(&objects.instance()["accessCredentials"]) {
        let name: &Value = &credentials["sshPublicKey"]["source"]["secret"]["secretName"];
        let found = objects.beside_vm("Secret", name).is_some();
        require(findings, found, format!("sshPublicKey: no secret {name}"));
    }
}
