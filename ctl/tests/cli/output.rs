//! What scripts and services get.

use tempfile::TempDir;

use crate::run::{json, run};

const BAD: &str = "apiVersion: v1
kind: Secret
metadata:
  name: seed
stringData:
  userdata: |
    hostname: no header
";

fn file(text: &str) -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("seed.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn json_has_places_and_a_version() {
    let (_folder, path) = file(BAD);
    let report = json(&["lint", "--format=json", &path]);
    assert_eq!(report["version"], 1);
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "CI015");
    assert_eq!(finding["severity"], "error");
    assert_eq!(finding["path"], path);
    assert_eq!((&finding["line"], &finding["column"]), (&7.into(), &5.into()));
    assert_eq!((&finding["endLine"], &finding["endColumn"]), (&7.into(), &24.into()));
}

#[test]
fn github_gets_one_command_a_line() {
    let (_folder, path) = file(BAD);
    let text = run(&["lint", "--format=github", &path], "").stdout;
    let expected = format!("::error file={path},line=7,col=5,endLine=7,endColumn=24,title=CI015::");
    assert!(text.starts_with(&expected), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn sarif_names_rules_that_it_describes() {
    let (_folder, path) = file(BAD);
    let log = json(&["lint", "--format=sarif", &path]);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let result = &run["results"][0];
    assert_eq!(result["locations"][0]["physicalLocation"]["region"]["startLine"], 7);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["id"] == result["ruleId"]));
}

#[test]
fn file_that_cannot_be_read_does_not_hide_the_others() {
    let (folder, _path) = file(BAD);
    std::fs::write(folder.path().join("broken.yaml"), "a: [").unwrap();
    let report = json(&["lint", "--format=json", folder.path().to_str().unwrap()]);
    assert_eq!(report["findings"][0]["rule"], "CI015");
    let ran = run(&["lint", folder.path().to_str().unwrap()], "");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("broken.yaml:1:"), "{}", ran.stderr);
    assert_eq!(run(&["lint", "/nowhere/at/all"], "").status, 2);
}

#[test]
fn wrong_usage_is_told_apart() {
    assert_eq!(run(&["lint"], "").status, 64);
    assert_eq!(run(&["explain", "XX999"], "").status, 1);
}

#[test]
fn own_manifests_are_clean() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let overlay = format!("{root}/vm-manifests/overlays/talos-altra");
    let ran = run(&["lint", &overlay], "");
    assert_eq!(ran.status, 0, "{}{}", ran.stdout, ran.stderr);
    // The guest's own files, which kustomize makes secrets of, were read too.
    let report = json(&["lint", "--format=json", &overlay]);
    assert_eq!(report["errors"], serde_json::json!([]));
}

#[test]
fn kustomization_judges_neither_patches_nor_what_it_replaces() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let claim = "apiVersion: devices.harvesterhci.io/v1beta1
kind: PCIDeviceClaim
metadata: {name: later}
spec: {address: later, nodeName: one, userName: me}
";
    write("claim.yaml", claim);
    write(
        "patch.yaml",
        "apiVersion: kubevirt.io/v1\nkind: VirtualMachine\nmetadata: {name: vm}
spec: {template: {spec: {domain: {}, evictionStrategy: None}}}\n",
    );
    let lint = || {
        let report = json(&["lint", "--format=json", folder.path().to_str().unwrap()]);
        assert_eq!(report["errors"], serde_json::json!([]));
        let findings = report["findings"].as_array().unwrap().clone();
        findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n";
    write("kustomization.yaml", &format!("{head}resources: [claim.yaml]\n"));
    assert_eq!(lint(), ["HV002", "VM013"]);
    let rest = "resources: [claim.yaml]
patches:
  - path: patch.yaml
replacements:
  - source: {kind: ConfigMap, name: values, fieldPath: data.gpu}
    targets:
      - select: {kind: PCIDeviceClaim, name: later}
        fieldPaths: [spec.address]
";
    write("kustomization.yaml", &format!("{head}{rest}"));
    assert_eq!(lint(), Vec::<String>::new());
}
