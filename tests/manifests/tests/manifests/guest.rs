//! What cloud-init is told, read from the rendered secrets, and how it fits the VM.

use serde_json::Value;

use crate::objects::{Objects, list, require};

/// Programs that only let the guest find files which every boot finds, and note that all is
/// written.
const NUDGES: &[&str] = &["sync", "systemctl", "systemd-tmpfiles", "touch", "udevadm"];
/// Labels of disks that are made elsewhere, and attached.
const BROUGHT: &[&str] = &["SAIGAKCFG", "SAIGAKDEB"];

pub(crate) fn check(objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    let source = objects.cloud_init();
    if let Some(text) = objects.secret_text(&source["secretRef"]["name"], "userdata") {
        user_data(&text, objects, &mut findings);
    }
    let name = &source["networkDataSecretRef"]["name"];
    if let Some(text) = objects.secret_text(name, "networkdata") {
        network(&text, &mut findings);
    }
    findings
}

/// A NoCloud disk made by hand is the same instance as KubeVirt's.
pub(crate) fn check_meta_data(meta_data: &str, objects: &Objects) -> Vec<String> {
    let mut findings = Vec::new();
    let meta: Value = serde_saphyr::from_str(meta_data).unwrap();
    let uuid = &objects.instance()["domain"]["firmware"]["uuid"];
    require(&mut findings, meta["instance-id"] == *uuid, "instance-id is not the firmware's UUID");
    let name = &objects.vm()["metadata"]["name"];
    require(&mut findings, meta["local-hostname"] == *name, "local-hostname is not the VM's name");
    findings
}

fn user_data(text: &str, objects: &Objects, findings: &mut Vec<String>) {
    require(findings, text.starts_with("#cloud-config\n"), "user-data has no header");
    for word in text.split(|c: char| !(c.is_alphanumeric() || "/-_".contains(c))) {
        let unstable = ["/dev/vd", "/dev/sd", "/dev/nvme"].iter().any(|n| word.starts_with(n));
        require(findings, !unstable, format!("{word}: the order of disks is not stable"));
    }
    let disks = list(&objects.instance()["domain"]["devices"]["disks"]);
    for prefix in ["by-id/virtio-", "by-id-virtio-", "ENV{ID_SERIAL}==\""] {
        for serial in names_after(text, prefix) {
            let found = disks.iter().any(|disk| disk["serial"] == serial);
            require(findings, found, format!("no disk has the serial {serial:?}"));
        }
    }
    pinned(text, findings);
    let labels = names_after(text, "mkfs.ext4 -q -E nodiscard -L ");
    require(findings, labels.len() == 1, "not one filesystem is made");
    for prefix in ["by-label/", "by-label-"] {
        for label in names_after(text, prefix) {
            let made = labels.contains(&label) || BROUGHT.contains(&label.as_str());
            require(findings, made, format!("no filesystem gets the label {label:?}"));
        }
    }
    let config: Value = serde_saphyr::from_str(text).unwrap();
    require(
        findings,
        list(&config["updates"]["network"]["when"]).iter().any(|when| when == "boot"),
        "a guest that exists ignores a new network-config",
    );
    require(findings, config.get("network").is_none(), "user-data has no say in the network");
    for command in list(&config["runcmd"]) {
        let program = command[0].as_str().unwrap_or_default();
        let nudge = NUDGES.contains(&program);
        require(findings, nudge, format!("{command} stands only in runcmd, which runs once"));
    }
}

/// What the guest downloads is the same next year, and nobody on the way can change it.
fn pinned(text: &str, findings: &mut Vec<String>) {
    let value = |key: &str| {
        let mut lines = text.lines().filter_map(|line| line.trim_start().strip_prefix(key));
        lines.next().unwrap_or_default()
    };
    require(findings, value("OLLAMA_URL=").starts_with("https://"), "Ollama comes without TLS");
    for architecture in ["amd64", "arm64"] {
        let sum = value(&format!("OLLAMA_SHA256_{architecture}="));
        let whole = sum.len() == 64 && sum.chars().all(|c| c.is_ascii_hexdigit());
        require(findings, whole, format!("Ollama has no SHA-256 for {architecture}"));
    }
}

/// What follows a prefix, in paths of devices and in names of units.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    // As systemd writes a dash in the name of a unit.
    let text = text.replace(r"\x2d", "-");
    let ends = |c: char| !(c.is_alphanumeric() || c == '-');
    text.split(prefix)
        .skip(1)
        .filter_map(|rest| rest.split(ends).next().map(str::to_owned))
        .collect()
}

fn network(text: &str, findings: &mut Vec<String>) {
    let config: Value = serde_saphyr::from_str(text).unwrap();
    require(findings, config["version"] == 2, "network-config is not version 2");
    let links = config["ethernets"].as_object();
    require(findings, links.is_some_and(|links| !links.is_empty()), "no link is configured");
    for (name, link) in links.into_iter().flatten() {
        let pinned = link["match"].get("macaddress").is_some() || link.get("set-name").is_some();
        require(findings, !pinned, format!("{name} is pinned to a MAC address"));
        require(findings, link["dhcp4"] == true, format!("{name} asks for no address"));
        require(
            findings,
            link["dhcp-identifier"] == "mac",
            format!("{name} asks for its lease under the image's identity"),
        );
    }
}
