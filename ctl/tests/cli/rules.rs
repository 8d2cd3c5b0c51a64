//! Every rule with a fault that it must find, and with what only looks like one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::run::{json, run};

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// The rules, as the program lists them.
fn rules() -> Vec<String> {
    let text = run(&["explain"], "").stdout;
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// The cases of a rule: files, or folders with a `now`, and the `base` that it is compared with or
/// the `schemas` that it is checked against.
fn cases(rule: &str) -> Vec<PathBuf> {
    let folder = data().join(rule);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut cases: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn found(case: &Path) -> Vec<String> {
    let path = |name: &str| case.join(name).to_str().unwrap().to_owned();
    let mut arguments = vec!["lint".to_owned(), "--format=json".to_owned()];
    if case.is_dir() {
        arguments.push(path("now.yaml"));
        for option in ["base", "schemas"] {
            let file = path(&format!("{option}.yaml"));
            if Path::new(&file).exists() {
                arguments.extend([format!("--{option}"), file]);
            }
        }
    } else {
        arguments.push(case.to_str().unwrap().to_owned());
    }
    let report = json(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(report["errors"], serde_json::json!([]), "{}", case.display());
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_rule_finds_its_fault_and_nothing_that_looks_like_it() {
    for rule in rules() {
        let (mut bad, mut near) = (0, 0);
        for case in cases(&rule) {
            let name = case.file_name().unwrap().to_string_lossy().into_owned();
            let found = found(&case);
            if name.starts_with("bad") {
                bad += 1;
                assert!(found.contains(&rule), "{rule}/{name}: found only {found:?}");
            } else {
                near += 1;
                assert!(!found.contains(&rule), "{rule}/{name}: found {found:?}");
            }
        }
        assert!(bad > 0 && near > 0, "{rule}: {bad} bad and {near} near");
    }
}

#[test]
fn each_folder_belongs_to_a_rule() {
    let rules = rules();
    for entry in fs::read_dir(data()).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(rules.contains(&name), "{name} is no rule");
    }
}

#[test]
fn each_rule_is_explained() {
    for rule in rules() {
        let text = run(&["explain", &rule], "").stdout;
        for heading in ["Cause", "Evidence", "Fix"] {
            assert!(text.contains(heading), "{rule}: {text}");
        }
    }
}
