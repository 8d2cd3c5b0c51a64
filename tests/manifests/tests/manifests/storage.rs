//! Disks, and what becomes of the model's.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::objects::{Objects, list, require};

/// The serial that the data disk is known by in the guest.
pub(crate) const DATA: &str = "saigak-data";
/// virtio tells the guest no more of a serial.
const SERIAL_BYTES: usize = 20;

pub(crate) fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    disks(objects, &mut findings);
    data(objects, &mut findings);
    for namespace in objects.of_kind("Namespace") {
        require(
            &mut findings,
            is_kept(namespace),
            "Argo CD may delete the namespace, and the data with it",
        );
        require(
            &mut findings,
            namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged",
            "the namespace may refuse the VM's pod",
        );
    }
    findings
}

/// Each disk has a volume, each volume a disk, and each disk a serial of its own.
fn disks(objects: &Objects, findings: &mut Vec<String>) {
    let instance = objects.instance();
    let names = |value| -> BTreeSet<String> {
        list(value).iter().map(|item| item["name"].to_string()).collect()
    };
    let disks = &instance["domain"]["devices"]["disks"];
    require(
        findings,
        names(disks) == names(&instance["volumes"]),
        "disks and volumes have different names",
    );
    let mut seen = BTreeSet::new();
    for disk in list(disks) {
        let serial = disk["serial"].as_str().unwrap_or_default();
        require(
            findings,
            !serial.is_empty() && serial.len() <= SERIAL_BYTES && seen.insert(serial),
            format!("disk {} has no serial of its own", disk["name"]),
        );
    }
    for volume in list(&instance["volumes"]) {
        let root = &volume["dataVolume"]["name"];
        let templates = list(&objects.vm()["spec"]["dataVolumeTemplates"]);
        require(
            findings,
            root.is_null()
                || templates.iter().any(|template| template["metadata"]["name"] == *root),
            format!("no data volume {root}"),
        );
    }
}

/// The data disk is a claim that outlives the VM and that Argo CD leaves alone.
fn data(objects: &Objects, findings: &mut Vec<String>) {
    let instance = objects.instance();
    let disk = list(&instance["domain"]["devices"]["disks"]).iter().find(|d| d["serial"] == DATA);
    let volume = disk.and_then(|disk| {
        list(&instance["volumes"]).iter().find(|volume| volume["name"] == disk["name"])
    });
    let claim = volume.map_or(&Value::Null, |volume| &volume["persistentVolumeClaim"]["claimName"]);
    let Some(object) = objects.beside_vm("PersistentVolumeClaim", claim) else {
        findings.push(format!("the data disk is no claim of these manifests: {claim}"));
        return;
    };
    require(findings, is_kept(object), "Argo CD may delete the data");
    let templates = list(&objects.vm()["spec"]["dataVolumeTemplates"]);
    require(
        findings,
        templates.iter().all(|template| template["metadata"]["name"] != *claim),
        "the data disk is deleted with the VM",
    );
}

fn is_kept(object: &Value) -> bool {
    let options = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-options"];
    let options: Vec<_> = options.as_str().unwrap_or_default().split(',').collect();
    ["Prune=false", "Delete=false"].iter().all(|option| options.contains(option))
}
