//! How bad a finding is, where the circumstances decide.

use crate::run::run;

/// A guest without network data, on a disk of this kind.
fn guest(interface: &str, disk: &str) -> String {
    format!(
        "apiVersion: kubevirt.io/v1\n\
         kind: VirtualMachine\n\
         metadata: {{name: embedder}}\n\
         spec:\n\
         \x20 template:\n\
         \x20   spec:\n\
         \x20     domain:\n\
         \x20       devices:\n\
         \x20         disks: [{{name: seed, disk: {{}}}}, {{name: root, disk: {{}}}}]\n\
         \x20         interfaces: [{interface}]\n\
         \x20     volumes:\n\
         \x20       - {{name: seed, cloudInitNoCloud: {{userData: \"#cloud-config\"}}}}\n\
         \x20       - {{name: root, {disk}}}\n"
    )
}

/// How bad one rule's finding is; `None` where it has none.
fn severity(rule: &str, input: &str) -> Option<String> {
    let ran = run(&["lint", "--format=json", "-"], input);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["rule"] == rule)?;
    found["severity"].as_str().map(str::to_owned)
}

#[test]
fn mac_that_is_not_kept_is_worse_the_longer_the_disk_is() {
    const KEPT: &str = "dataVolume: {name: root}";
    const NEW: &str = "containerDisk: {image: a}";
    const OWN: &str = "{masquerade: {}, macAddress: 02-5a-00-00-00-01}";
    for (interface, disk, expected) in [
        ("{masquerade: {}}", KEPT, Some("error")),
        (OWN, KEPT, Some("warning")),
        ("{masquerade: {}}", NEW, Some("information")),
        ("{bridge: {}}", KEPT, None),
    ] {
        let found = severity("VM001", &guest(interface, disk));
        assert_eq!(found.as_deref(), expected, "{interface} {disk}");
    }
}

#[test]
fn network_data_that_says_nothing_counts_as_none() {
    let disk = "dataVolume: {name: root}";
    for (text, expected) in [
        ("", Some("error")),
        ("# later\\n---\\n", Some("error")),
        ("version: 2\\nethernets: {a: {match: {driver: b}}}", None),
    ] {
        let input = guest("{masquerade: {}}", disk)
            .replace("#cloud-config\"}", &format!("#cloud-config\", networkData: \"{text}\"}}"));
        assert_eq!(severity("VM001", &input).as_deref(), expected, "{input}");
        assert_eq!(severity("VM002", &input).as_deref(), expected.or(Some("warning")), "{input}");
    }
}
