//! What `saigakctl lint` says of the manifests, as they are and as they must not be.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;
use tempfile::TempDir;

use crate::choices::{HARVESTER, OVERLAYS, Overlay, POOL, TALOS_ALTRA, TALOS_CONTAINER};
use crate::repository::Repository;
use crate::tools::saigakctl;

/// What the cluster of an overlay has beside it: folders to render, files, other overlays.
struct Beside {
    rendered: &'static [&'static str],
    files: &'static [&'static str],
}

const VM_PLATFORM: Beside = Beside {
    rendered: &["vm-manifests/platform", "vm-manifests/overlays/memories-client"],
    files: &[
        "vm-manifests/platform/gpu-operator/values.yaml",
        "vm-manifests/platform/talos/machine-patch.yaml",
        "vm-manifests/platform/argocd/applications.yaml",
    ],
};
const PODS_PLATFORM: Beside = Beside {
    rendered: &["vm-manifests/platform/talos-container", "vm-manifests/overlays/memories-client"],
    files: &["vm-manifests/platform/talos-container/device-plugin-values.yaml"],
};
const HARVESTER_PLATFORM: Beside =
    Beside { rendered: &[], files: &["vm-manifests/overlays/harvester-docker-host/vm-patch.yaml"] };

fn beside(overlay: &Overlay) -> &'static Beside {
    match overlay.name {
        "talos-container" | "portkey" => &PODS_PLATFORM,
        "harvester-docker-host" => &HARVESTER_PLATFORM,
        _ => &VM_PLATFORM,
    }
}

/// Rule and message of each error and warning.
type Findings = Vec<(String, String)>;

/// What is said of an overlay and what its cluster has beside it. `None` where there is no
/// kustomize.
fn of_rendered(repository: &Repository, overlay: &Overlay, changed: &str) -> Option<Findings> {
    let folder = TempDir::new().unwrap();
    let beside = beside(overlay);
    let own = overlay.folder();
    let mut rendered = vec![own.as_str()];
    rendered.extend(beside.rendered.iter().filter(|other| **other != own));
    for (number, source) in rendered.iter().enumerate() {
        let text = if *source == own || changed.starts_with(source) {
            repository.render_text(source)?.unwrap_or_else(|e| panic!("{source}: {e}"))
        } else {
            unchanged(source)?
        };
        std::fs::write(folder.path().join(format!("{number}.yaml")), text).unwrap();
    }
    for (number, file) in beside.files.iter().enumerate() {
        let target = folder.path().join(format!("file-{number}.yaml"));
        std::fs::write(target, repository.read(file)).unwrap();
    }
    Some(lint(folder.path()))
}

/// What names will become is seen in the sources alone.
fn of_sources(repository: &Repository) -> Findings {
    lint(&repository.path("vm-manifests/base/kustomization.yaml"))
}

/// What a folder renders to as it is, rendered once.
fn unchanged(folder: &str) -> Option<String> {
    static RENDERED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let mut rendered = RENDERED.lock().unwrap();
    if let Some(text) = rendered.get(folder) {
        return Some(text.clone());
    }
    let text = Repository::copy().render_text(folder)?.unwrap_or_else(|e| panic!("{folder}: {e}"));
    rendered.insert(folder.to_owned(), text.clone());
    Some(text)
}

fn lint(path: &Path) -> Findings {
    let output = saigakctl().args(["lint", "--format=json"]).arg(path).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["errors"], serde_json::json!([]));
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter();
    // Information alone is clean, for the program itself too.
    let findings = findings.filter(|finding| text(finding, "severity") != "information");
    findings.map(|finding| (text(finding, "rule"), text(finding, "message"))).collect()
}

#[test]
fn nothing_is_found() {
    for overlay in OVERLAYS {
        let repository = overlay.repository();
        let Some(found) = of_rendered(&repository, overlay, "") else { return };
        assert_eq!(found, [], "{}", overlay.name);
    }
    assert_eq!(of_sources(&Repository::copy()), []);
}

const VM: &str = "vm-manifests/base/virtualmachine.yaml";
const BASE: &str = "vm-manifests/base/kustomization.yaml";
const NAMESPACE: &str = "vm-manifests/base/namespace.yaml";
const SERVICES: &str = "vm-manifests/base/services.yaml";
const POLICY: &str = "vm-manifests/base/network-policy.yaml";
const DATA: &str = "vm-manifests/base/data.yaml";
const ALTRA: &str = "vm-manifests/overlays/talos-altra/kustomization.yaml";
const KUBEVIRT: &str = "vm-manifests/platform/kubevirt/kubevirt.yaml";
const OPERATOR: &str = "vm-manifests/platform/gpu-operator/values.yaml";
const CLIENT: &str = "vm-manifests/overlays/memories-client/settings.yaml";
const CLAIM_VALUES: &str = "vm-manifests/overlays/harvester-docker-host/values.env";
const PLUGIN: &str = "vm-manifests/platform/talos-container/device-plugin-values.yaml";
const GPU_POD: &str = "vm-manifests/overlays/talos-container/gpu.yaml";
const POOLED: &str = "vm-manifests/overlays/pool/pool.yaml";
const USER_DATA: &str = "cloud-init/user-data";
const NETWORK: &str = "cloud-init/network-config";

/// Overlay, file, text, what replaces it, and the rule that must find it.
type Twin = (Overlay, &'static str, &'static str, &'static str, &'static str);

const TWINS: &[Twin] = &[
    // The VM, its secrets, and what is in them.
    (TALOS_ALTRA, BASE, "configurations:\n  - name-reference.yaml\n", "", "KZ001"),
    (
        TALOS_ALTRA,
        VM,
        "            networkDataSecretRef:\n              name: saigak-network-config\n",
        "",
        "VM001",
    ),
    (TALOS_ALTRA, USER_DATA, "users:\n", "network: {version: 2}\nusers:\n", "CI004"),
    (TALOS_ALTRA, USER_DATA, "#cloud-config\n", "# cloud-config\n", "CI015"),
    (TALOS_ALTRA, NETWORK, "driver: virtio_net", "macaddress: 02:5a:16:a4:00:09", "CI008"),
    (TALOS_ALTRA, NETWORK, "version: 2\n", "version: \"2\"\n", "CI006"),
    // Who it is.
    (TALOS_ALTRA, VM, "              macAddress: 02:5a:16:a4:00:01\n", "", "VM002"),
    (TALOS_ALTRA, VM, "        firmware:\n", "        chassis:\n", "VM003"),
    (TALOS_ALTRA, VM, "macAddress: 02:5a:16:a4:00:01", "macAddress: 03:5a:16:a4:00:01", "VM004"),
    (
        POOL,
        POOLED,
        "masquerade: {}",
        "macAddress: 02:5a:16:a4:00:01\n                  masquerade: {}",
        "VM004",
    ),
    // Its probe, its ports, its Services.
    (TALOS_ALTRA, VM, "      readinessProbe:", "      xProbe:", "VM006"),
    (
        TALOS_ALTRA,
        VM,
        "          port: 7244\n          path",
        "          port: 7245\n          path",
        "VM007",
    ),
    (TALOS_ALTRA, VM, "                - name: agent\n                  port: 7244\n", "", "VM007"),
    (TALOS_ALTRA, SERVICES, "targetPort: 11434", "targetPort: 11435", "VM007"),
    (TALOS_ALTRA, VM, "      readinessProbe:", "      livenessProbe:", "VM008"),
    (TALOS_ALTRA, VM, "        timeoutSeconds: 3\n", "", "VM015"),
    (
        TALOS_ALTRA,
        SERVICES,
        "  name: saigak\nspec:\n",
        "  name: saigak\nspec:\n  publishNotReadyAddresses: true\n",
        "SV003",
    ),
    // kustomize gives the label to the Services' selectors and to the VM, but not to its template.
    (
        TALOS_ALTRA,
        BASE,
        "namespace: saigak\n",
        "namespace: saigak\ncommonLabels:\n  app.kubernetes.io/name: all\n",
        "SV001",
    ),
    (TALOS_ALTRA, CLIENT, "local:11434/v1", "local:11435/v1", "SV002"),
    // Its device, the KubeVirt object, the operator, Talos.
    (TALOS_ALTRA, VM, "evictionStrategy: None", "evictionStrategy: LiveMigrate", "VM009"),
    (TALOS_ALTRA, VM, "runStrategy: Always", "running: true", "VM010"),
    (TALOS_ALTRA, VM, "nvidia.com/GA102_GEFORCE_RTX_3090", "nvidia.com/GA102", "VM011"),
    (TALOS_ALTRA, KUBEVIRT, "        - MultiArchitecture\n", "        - Multiarch\n", "KV001"),
    (TALOS_ALTRA, KUBEVIRT, "\"10DE:2204\"", "\"10DE-2204\"", "KV003"),
    (TALOS_ALTRA, KUBEVIRT, "Provider: false", "Provider: true", "KV004"),
    (
        TALOS_ALTRA,
        OPERATOR,
        "sandboxDevicePlugin:\n  enabled: false",
        "sandboxDevicePlugin:\n  enabled: true",
        "KV004",
    ),
    (
        TALOS_ALTRA,
        OPERATOR,
        "sandboxWorkloads:\n  enabled: true",
        "sandboxWorkloads:\n  enabled: false",
        "GP005",
    ),
    // Where it lies, and what outlives what.
    (
        TALOS_ALTRA,
        ALTRA,
        "nodeSelector.kubernetes\\.io/hostname",
        "domain.ioThreadsPolicy",
        "VM012",
    ),
    (TALOS_ALTRA, VM, "architecture: arm64", "architecture: amd64", "VM013"),
    (TALOS_ALTRA, NAMESPACE, "enforce: privileged", "enforce: baseline", "PS001"),
    (TALOS_ALTRA, DATA, "Prune=false,Delete=false", "Prune=false", "AR002"),
    (
        TALOS_ALTRA,
        VM,
        "  name: saigak\nspec:\n  runStrategy",
        "  name: saigak\n  annotations:\n    argocd.argoproj.io/sync-wave: \"1\"\nspec:\n  runStrategy",
        "AR001",
    ),
    (
        TALOS_ALTRA,
        VM,
        "          persistentVolumeClaim:\n            claimName: saigak-data",
        "          dataVolume:\n            name: saigak-root",
        "DV001",
    ),
    // Who may reach it.
    (TALOS_ALTRA, POLICY, "metadata.name: kubevirt", "metadata.name: vms", "NW002"),
    (TALOS_ALTRA, POLICY, "- port: 7244", "- port: 7245", "NW002"),
    (
        TALOS_ALTRA,
        OPERATOR,
        "sandboxDevicePlugin:\n  enabled: false",
        "sandboxDevicePlugin:\n  enabled: true",
        "GP007",
    ),
    // Pods with a GPU.
    (TALOS_CONTAINER, GPU_POD, "      runtimeClassName: nvidia\n", "", "WL001"),
    (TALOS_CONTAINER, PLUGIN, "deviceListStrategy: envvar", "deviceListStrategy: cdi-cri", "GP002"),
    (TALOS_CONTAINER, PLUGIN, "deviceListStrategy: envvar", "deviceListStrategy: envvars", "GP001"),
    (TALOS_CONTAINER, GPU_POD, "nvidia.com/gpu.present", "node-role.kubernetes.io/gpu", "WL002"),
    (TALOS_CONTAINER, GPU_POD, "nvidia.com/gpu: 1", "cpu: 4", "WL003"),
    // Harvester.
    (HARVESTER, CLAIM_VALUES, "gpu_claim=gpu-1-000001000", "gpu_claim=gpu-1-01000", "HV001"),
    (HARVESTER, CLAIM_VALUES, "gpu=0000:01:00.0", "gpu=01:00:0", "HV002"),
];

#[test]
fn each_broken_twin_is_found_by_its_rule() {
    let mut repositories = BTreeMap::new();
    for (overlay, file, from, to, rule) in TWINS {
        let repository = repositories.entry(overlay.name).or_insert_with(|| overlay.repository());
        let names_it = |found: &Findings| found.iter().any(|(found, _)| found == rule);
        let found = repository.broken((file, from, to), || {
            let found = of_rendered(repository, overlay, file)?;
            Some(if names_it(&found) { found } else { of_sources(repository) })
        });
        let Some(found) = found else { return };
        assert!(
            names_it(&found),
            "{}: {file}, {from:?} → {to:?}: no {rule} in {found:#?}",
            overlay.name
        );
    }
}
