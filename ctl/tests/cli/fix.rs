//! What `--fix` changes, and what it leaves alone.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::run::{Ran, json, run};

/// Mends a text as a file of this name.
fn mend(name: &str, text: &str) -> (TempDir, PathBuf, Ran) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let ran = run(&["lint", "--fix", path.to_str().unwrap()], "");
    (folder, path, ran)
}

#[track_caller]
fn becomes(name: &str, text: &str, expected: &str) {
    let (_folder, path, ran) = mend(name, text);
    assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{}", ran.stderr);
    // Once more: nothing is left to mend, and nothing changes.
    let again = run(&["lint", "--fix", path.to_str().unwrap()], "");
    assert!(!again.stderr.contains("mended"), "{}", again.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

const VM: &str = "# Mine.
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: one}   # flow
spec:
    running:   true    # odd spaces
    template:
        spec:
            # the platform
            evictionStrategy: \"LiveMigrate\"
            architecture: amd64
            domain:
                devices:
                    gpus:
                    - {name: gpu, deviceName: nvidia.com/X}
            nodeSelector: {a: b}
            readinessProbe:
                # who knows
                httpGet:
                    port: 7244
";

fn vm_mended() -> String {
    VM.replace("running:   true", "runStrategy:   Always")
        .replace("\"LiveMigrate\"", "\"None\"")
        .replace(
            "                httpGet",
            "                timeoutSeconds: 3\n                httpGet",
        )
}

#[test]
fn comments_and_layout_stay() {
    becomes("vm.yaml", VM, &vm_mended());
    let crlf = |text: &str| text.replace('\n', "\r\n");
    becomes("vm.yaml", &crlf(VM), &crlf(&vm_mended()));
    becomes("vm.yaml", &format!("\u{feff}{VM}"), &format!("\u{feff}{}", vm_mended()));
}

#[test]
fn json_stays_json() {
    let vm = r#"{"apiVersion": "kubevirt.io/v1", "kind": "VirtualMachine", "metadata": {"name": "one"},
 "spec": {"running": false, "template": {"spec": {
   "architecture": "amd64", "domain": {}, "readinessProbe": {
     "tcpSocket": {"port": 22}
   }}}}}
"#;
    let expected = vm
        .replace(r#""running": false"#, r#""runStrategy": "Halted""#)
        .replace(r#"     "tcp"#, "     \"timeoutSeconds\": 3,\n     \"tcp");
    becomes("vm.json", vm, &expected);
    let (_folder, path, _ran) = mend("vm.json", vm);
    let text = fs::read_to_string(path).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{text}");
}

#[test]
fn text_inside_a_secret_is_mended_where_it_stands() {
    let secret = "apiVersion: v1
kind: Secret
metadata:
  name: seed
stringData:
  networkdata: |
    # version 1
    config:
      - type: physical  # the only one
        name: enp1s0
  userdata: |
    #cloud-config
    runcmd:
      - 'echo \\\"it''s\\\" | awk \\\"{print \\\\$1}\\\"'  # as if in double quotes
";
    let expected = secret
        .replace("    config:", "    version: 1\n    config:")
        .replace("- type", "- subnets: [{\"type\": \"dhcp\"}]\n        type")
        .replace("- 'echo", "- \"echo")
        .replace("}\\\"'", "}\\\"\"")
        .replace("it''s", "it's");
    becomes("seed.yaml", secret, &expected);
}

#[test]
fn what_is_encoded_is_refused_aloud() {
    // ethernets: {e: {dhcp4: true}}
    let secret = "apiVersion: v1
kind: Secret
metadata:
  name: seed
data:
  networkdata: ZXRoZXJuZXRzOiB7ZToge2RoY3A0OiB0cnVlfX0K
";
    let (_folder, path, ran) = mend("seed.yaml", secret);
    assert_eq!(fs::read_to_string(path).unwrap(), secret);
    assert!(ran.stderr.contains("CI006: not mended: it is not written there"), "{}", ran.stderr);
    let ran = run(&["lint", "--fix", "-"], VM);
    assert!(
        ran.stderr.contains("VM010: not mended: it comes from standard input"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.status, 1);
}

#[test]
fn allowed_findings_are_not_mended() {
    let text = VM.replace("# odd spaces", "# saigakctl: allow VM010 -- an old cluster");
    let (_folder, path, _ran) = mend("vm.yaml", &text);
    assert!(fs::read_to_string(path).unwrap().contains("running:   true"));
}

#[test]
fn file_keeps_its_mode_and_a_link_stays_one() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = TempDir::new().unwrap();
    let (file, link) = (folder.path().join("real"), folder.path().join("vm.yaml"));
    fs::write(&file, VM).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    symlink(&file, &link).unwrap();
    run(&["lint", "--fix", link.to_str().unwrap()], "");
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&file).unwrap(), vm_mended());
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

/// Every case of every rule: what was mended is found no more, and nothing new is found.
#[test]
fn all_cases_become_better_and_stay_so() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let mut mended = 0;
    for rule in fs::read_dir(data).unwrap() {
        for case in fs::read_dir(rule.unwrap().path()).unwrap() {
            let case = case.unwrap().path();
            if case.is_dir() {
                continue;
            }
            let folder = TempDir::new().unwrap();
            let copy = folder.path().join(case.file_name().unwrap());
            fs::copy(&case, &copy).unwrap();
            let copy = copy.to_str().unwrap();
            let ran = run(&["lint", "--fix", copy], "");
            assert!(!ran.stderr.contains("not mended"), "{}: {}", case.display(), ran.stderr);
            let count = ran.stderr.matches("mended").count();
            if count == 0 {
                assert_eq!(fs::read(&case).unwrap(), fs::read(copy).unwrap());
                continue;
            }
            mended += count;
            let (before, after) = (found(case.to_str().unwrap()), found(copy));
            // One change may cure what several rules found.
            assert!(before.len() - after.len() >= count, "{}: {}", case.display(), ran.stderr);
            assert!(after.iter().all(|rule| before.contains(rule)), "{}", case.display());
        }
    }
    assert!(mended > 15, "{mended}");
}

fn found(path: &str) -> Vec<String> {
    let report = json(&["lint", "--format=json", path]);
    assert_eq!(report["errors"], serde_json::json!([]));
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|f| f["rule"].as_str().unwrap().to_owned()).collect()
}
