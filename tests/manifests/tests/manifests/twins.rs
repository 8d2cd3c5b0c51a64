//! Files broken on purpose. Each twin differs from what is shipped in one place, and the finding
//! must be the one that belongs to it.

use crate::guest::check_meta_data;
use crate::repository::Repository;
use crate::schemas::Schemas;
use crate::shipped::findings;
use crate::typed;

const USER_DATA: &str = "cloud-init/user-data";
const NETWORK: &str = "cloud-init/network-config";
const SECRETS: &str = "cloud-init/kustomization.yaml";
const BASE: &str = "vm-manifests/base/kustomization.yaml";
const NAMESPACE: &str = "vm-manifests/base/namespace.yaml";
const SERVICES: &str = "vm-manifests/base/services.yaml";
const DATA: &str = "vm-manifests/base/data.yaml";
const POLICY: &str = "vm-manifests/base/network-policy.yaml";
const VM: &str = "vm-manifests/base/virtualmachine.yaml";

/// File, text, what replaces it, and the finding.
type Twin = (&'static str, &'static str, &'static str, &'static str);

const TWINS: &[Twin] = &[
    // Secrets.
    (BASE, "configurations:\n  - name-reference.yaml\n", "", r#"no secret "saigak-user-data""#),
    (BASE, "  - ssh-keys.yaml\n", "", r#"no secret "saigak-ssh-keys""#),
    (SECRETS, "userdata=user-data", "user-data", "secretRef: no secret"),
    (SECRETS, "networkdata=network", "network-data=network", "networkDataSecretRef: no secret"),
    (
        VM,
        "            networkDataSecretRef:\n              name: saigak-network-config\n",
        "",
        "networkDataSecretRef: no secret null",
    ),
    // Ports.
    (
        VM,
        "                - name: agent\n                  port: 7244\n",
        "",
        "the probe's port 7244 is not forwarded",
    ),
    (
        VM,
        "                - name: ollama\n                  port: 11434\n",
        "",
        r#"Service "saigak": port 11434 is not forwarded"#,
    ),
    (SERVICES, "targetPort: 11434", "targetPort: 11435", "port 11435 is not forwarded"),
    (SERVICES, "targetPort: 7244", "targetPort: agent", r#"port "agent" has no number"#),
    // Probes.
    (VM, "timeoutSeconds: 3", "timeoutSeconds: 1", "the readiness probe is"),
    (VM, "      readinessProbe:", "      livenessProbe:", "a liveness probe stops a VM"),
    // Services.
    (SERVICES, " port: 11434", " port: 80", "not one Service for 11434"),
    (SERVICES, " port: 7244", " port: 80", "not one Service for 7244"),
    (SERVICES, "  publishNotReadyAddresses: true\n", "", "that is not ready cannot be watched"),
    (SERVICES, "  clusterIP: None\n", "", "does not name each guest"),
    (
        SERVICES,
        "  name: saigak\nspec:\n",
        "  name: saigak\nspec:\n  publishNotReadyAddresses: true\n",
        "clients of 11434 are sent to a guest that is not ready",
    ),
    (
        VM,
        "        app.kubernetes.io/name: saigak",
        "        app: saigak",
        "does not select the VM's",
    ),
    // Identity, and where it runs.
    (VM, "macAddress: 02:5a:16:a4:00:01", "macAddress: 02:00:00:00:00:00", "no MAC address of"),
    (VM, "macAddress: 02:5a:16:a4:00:01", "macAddress: 03:5a:16:a4:00:01", "no MAC address of"),
    (VM, "              macAddress: 02:5a:16:a4:00:01\n", "", "no MAC address of the VM's own"),
    (VM, "        firmware:\n", "        chassis:\n", "no firmware UUID"),
    (VM, "runStrategy: Always", "running: true", "the VM does not always run"),
    (VM, "      architecture: arm64\n", "", "no architecture is stated"),
    (VM, "      evictionStrategy: None\n", "", "a VM with a GPU cannot migrate"),
    // Who may reach it, and whom it reaches.
    (BASE, "  - network-policy.yaml\n", "", "no network policy selects the VM's pod"),
    (POLICY, "kubevirt.io: virt-api", "kubevirt.io: virt-apis", "virt-api is shut out from 22"),
    (POLICY, "        - port: 7244", "        - port: 7245", "Prometheus is shut out from 7244"),
    (POLICY, "saigak-client:", "client:", "a client is shut out from 11434"),
    (POLICY, "name: saigak-smoke", "name: smoke", "the smoke test is shut out from 11434"),
    (POLICY, "saigak-client: \"true\"", "{}", "a stranger is let in to 11434"),
    (POLICY, "        - port: 443", "        - port: 444", "the registry cannot be reached at 443"),
    // Disks.
    (VM, "serial: saigak-data", "serial: saigak-root", r#"disk "data" has no serial of its own"#),
    (VM, "serial: saigak-data", "serial: saigak-models", r#"no disk has the serial "saigak-data""#),
    (VM, "            - name: data\n", "            - name: models\n", "have different names"),
    (
        VM,
        "        name: saigak-root\n      spec:",
        "        name: saigak-data\n      spec:",
        "the data disk is deleted with the VM",
    ),
    (
        VM,
        "        name: saigak-root\n      spec:",
        "        name: root\n      spec:",
        r#"no data volume "saigak-root""#,
    ),
    (
        VM,
        "          persistentVolumeClaim:\n            claimName: saigak-data",
        "          dataVolume:\n            name: saigak-root",
        "the data disk is no claim",
    ),
    (DATA, "Prune=false,Delete=false", "Prune=false", "Argo CD may delete the data"),
    (NAMESPACE, "Prune=false,Delete=false", "Delete=false", "Argo CD may delete the namespace"),
    (NAMESPACE, "enforce: privileged", "enforce: baseline", "may refuse the VM's pod"),
    // The guest.
    (USER_DATA, "#cloud-config\n", "# cloud-config\n", "user-data has no header"),
    (USER_DATA, "OLLAMA_URL=https:", "OLLAMA_URL=http:", "Ollama comes without TLS"),
    (USER_DATA, "OLLAMA_SHA256_arm64=7", "OLLAMA_SHA256_arm64=", "no SHA-256 for arm64"),
    (USER_DATA, "by-label/SAIGAKDEB ]", "by-label/saigakdeb ]", r#"the label "saigakdeb""#),
    (USER_DATA, "What=/dev/disk/by-label/saigak-data", "What=/dev/vdb", "/dev/vdb: the order"),
    (
        USER_DATA,
        r#"ENV{ID_SERIAL}=="saigak-data""#,
        r#"ENV{ID_SERIAL}=="saigak-date""#,
        r#"no disk has the serial "saigak-date""#,
    ),
    (
        USER_DATA,
        "data-format /dev/disk/by-id/virtio-saigak-data",
        "data-format /dev/disk/by-id/virtio-saigak-date",
        r#"no disk has the serial "saigak-date""#,
    ),
    (
        USER_DATA,
        "Ollama\n      BindsTo=dev-disk-by\\x2did-virtio\\x2dsaigak\\x2ddata",
        "Ollama\n      BindsTo=dev-disk-by\\x2did-virtio\\x2dsaigak\\x2ddate",
        r#"no disk has the serial "saigak-date""#,
    ),
    (
        USER_DATA,
        "-L saigak-data",
        "-L saigak-date",
        r#"no filesystem gets the label "saigak-data""#,
    ),
    (
        USER_DATA,
        r"Requires=systemd-fsck@dev-disk-by\x2dlabel-saigak\x2ddata",
        r"Requires=systemd-fsck@dev-disk-by\x2dlabel-saigak\x2ddate",
        r#"no filesystem gets the label "saigak-date""#,
    ),
    (USER_DATA, "mkfs.ext4", "mkfs.xfs", "not one filesystem is made"),
    (USER_DATA, "when: [boot]", "when: [hotplug]", "ignores a new network-config"),
    (USER_DATA, "users:\n", "network: {version: 2}\nusers:\n", "has no say in the network"),
    (USER_DATA, "[systemctl, daemon-reload]", "[ollama, serve]", "stands only in runcmd"),
    (NETWORK, "driver: virtio_net", "macaddress: 02:5a:16:a4:00:01", "primary is pinned to a MAC"),
    (NETWORK, "dhcp4: true", "dhcp4: false", "primary asks for no address"),
    (NETWORK, "dhcp-identifier: mac", "dhcp-identifier: duid", "under the image's identity"),
    (NETWORK, "version: 2\n", "version: 1\n", "network-config is not version 2"),
    (NETWORK, "ethernets:", "bridges:", "no link is configured"),
];

#[test]
fn each_check_can_fail() {
    let repository = Repository::copy();
    for (file, from, to, finding) in TWINS {
        let twin = (*file, *from, *to);
        let rendered = repository.broken(twin, || repository.render("vm-manifests/base"));
        let Some(objects) = rendered.objects() else { return };
        let found = findings(&objects);
        assert!(
            found.iter().any(|found| found.contains(finding)),
            "{file}, {from:?} → {to:?}: no {finding:?} in {found:#?}"
        );
    }
}

#[test]
fn meta_data_of_another_machine_is_found() {
    let Some(objects) = Repository::copy().render("vm-manifests/base").objects() else { return };
    let findings = check_meta_data("instance-id: other\nlocal-hostname: other\n", &objects);
    assert_eq!(findings.len(), 2, "{findings:?}");
}

/// File, text, what replaces it, and what the schema says.
const MISFITS: &[Twin] = &[
    (VM, "networkDataSecretRef", "networkSecretRef", "networkSecretRef"),
    (VM, "cores: 8", "cores: eight", "eight"),
    (VM, "            storage: 80Gi", "            - 80Gi", "80Gi"),
    (VM, "        storage:\n", "        storages:\n", "storages"),
    (DATA, "ReadWriteOnce", "{}", "expected a string"),
];

#[test]
fn each_schema_can_fail() {
    let Some(schemas) = Schemas::find() else { return };
    let repository = Repository::copy();
    for (file, from, to, finding) in MISFITS {
        let twin = (*file, *from, *to);
        let rendered = repository.broken(twin, || repository.render("vm-manifests/base"));
        let Some(objects) = rendered.objects() else { return };
        let found = [schemas.check(&objects), typed::check(&objects)].concat().join("\n");
        assert!(found.contains(finding), "{file}, {from:?} → {to:?}: no {finding:?} in {found}");
    }
    let user_data = schemas.check_user_data("#cloud-config\nwrite_file: []\n");
    assert!(user_data.join("\n").contains("write_file"), "{user_data:?}");
    let network = schemas.check_network_config("version: 2\nethernets: {a: {dhcp4: maybe}}\n");
    assert_ne!(network.len(), 0);
}
