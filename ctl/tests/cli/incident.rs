//! Versions of real manifests of a VM that came back unreachable, where this machine has them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::json;
use serde_json::Value;

/// The folder whose name starts with this; `None`, said aloud, where there is none.
fn version(number: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("SAIGAK_SHARED").map_or_else(beside, PathBuf::from);
    let mut folders = fs::read_dir(shared.join("incident")).into_iter().flatten().flatten();
    let found = folders.find(|entry| entry.file_name().to_string_lossy().starts_with(number));
    if found.is_none() {
        eprintln!("skipped: no incident in {}", shared.display());
    }
    found.map(|entry| entry.path())
}

fn findings(now: &Path, base: Option<&Path>) -> Vec<Value> {
    let mut arguments = vec!["lint", "--format=json", now.to_str().unwrap()];
    arguments.extend(base.iter().flat_map(|base| ["--base", base.to_str().unwrap()]));
    let report = json(&arguments);
    assert_eq!(report["errors"], serde_json::json!([]));
    report["findings"].as_array().unwrap().clone()
}

fn of<'a>(findings: &'a [Value], rule: &str) -> Option<&'a Value> {
    findings.iter().find(|finding| finding["rule"] == rule)
}

#[test]
fn first_version_names_the_identity_the_probe_and_the_mount() {
    let Some(first) = version("00") else { return };
    let findings = findings(&first, None);
    for rule in ["VM001", "VM002", "VM003"] {
        assert_eq!(of(&findings, rule).unwrap()["severity"], "error", "{rule}");
    }
    assert!(of(&findings, "VM006").is_some());
    let mount = of(&findings, "CI011").unwrap();
    let path = mount["path"].as_str().unwrap();
    let text = fs::read_to_string(path).unwrap();
    let line =
        text.lines().nth(usize::try_from(mount["line"].as_u64().unwrap()).unwrap() - 1).unwrap();
    assert!(line.contains("/dev/vdb"), "points at {line:?}");
}

#[test]
fn change_in_the_middle_could_not_work() {
    let (Some(first), Some(middle)) = (version("00"), version("07")) else { return };
    let findings = findings(&middle, Some(&first));
    assert!(of(&findings, "CI012").unwrap()["message"].as_str().unwrap().contains("cuda-drivers"));
    assert_eq!(of(&findings, "VM005").unwrap()["severity"], "error");
    assert!(of(&findings, "CI011").is_none(), "the mount was mended by then");
}

#[test]
fn last_version_has_its_identity() {
    let (Some(middle), Some(last)) = (version("07"), version("11")) else { return };
    let findings = findings(&last, Some(&middle));
    for rule in ["VM001", "VM002", "VM003", "VM004", "VM005", "CI008"] {
        assert!(of(&findings, rule).is_none(), "{rule}");
    }
}
