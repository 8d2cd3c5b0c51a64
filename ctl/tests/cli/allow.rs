//! Findings that the author or the user has decided about.

use tempfile::TempDir;

use crate::run::{Ran, run};

const VM: &str = "apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata:
  name: one
spec:
  running: true
  template:
    spec:
      architecture: amd64
      domain: {}
";

fn lint(text: &str, more: &[&str]) -> Ran {
    run(&[&["lint", "-"], more].concat(), text)
}

#[test]
fn finding_ends_with_one() {
    let ran = lint(VM, &[]);
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("VM010"));
    assert!(ran.stdout.contains("^^^^^^^"), "a caret: {}", ran.stdout);
}

#[test]
fn comment_with_a_reason_allows() {
    for text in [
        VM.replace("true\n", "true # saigakctl: allow VM010 -- an old cluster\n"),
        VM.replace("  running", "  # saigakctl: allow VM010 -- an old cluster\n  running"),
    ] {
        let ran = lint(&text, &[]);
        assert_eq!(ran.status, 0, "{}", ran.stdout);
        assert!(ran.stdout.contains("1 allowed"));
    }
}

#[test]
fn comment_without_a_reason_or_for_another_rule_does_not() {
    let ran = lint(&VM.replace("true\n", "true # saigakctl: allow VM010\n"), &[]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.contains("gives no reason"), "{}", ran.stdout);
    let other = VM.replace("true\n", "true # saigakctl: allow VM013 -- an old cluster\n");
    assert_eq!(lint(&other, &[]).status, 1);
}

#[test]
fn comment_at_the_end_of_the_line_before_is_about_that_line() {
    let text = VM.replace("spec:\n  r", "spec: # saigakctl: allow VM010 -- no\n  r");
    assert_eq!(lint(&text, &[]).status, 1);
}

#[test]
fn configuration_sets_severities() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.toml");
    let with = |text: &str, more: &[&str]| {
        std::fs::write(&file, text).unwrap();
        lint(VM, &[&["--config", file.to_str().unwrap()], more].concat()).status
    };
    assert_eq!(with("[rules]\nVM010 = \"off\"\n", &[]), 0);
    assert_eq!(with("[rules]\nVM010 = \"information\"\n", &[]), 0);
    assert_eq!(with("[rules]\nVM010 = \"information\"\n", &["--fail-on=information"]), 1);
    assert_eq!(with("[rules]\nVM010 = \"error\"\n", &["--fail-on=error"]), 1);
    assert_eq!(with("", &["--fail-on=error"]), 0);
    assert_eq!(with("[rules]\nVM999 = \"off\"\n", &[]), 2, "no such rule");
    assert_eq!(with("[rules]\nVM010 = \"loud\"\n", &[]), 2, "no such severity");
}
