//! `--base` with a revision of git.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::run::run;

/// Runs git in a repository of its own, whatever this machine's settings are.
fn git(folder: &Path, arguments: &[&str]) {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(Child::wait_with_output)
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn data(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/VM005/bad").join(name);
    fs::read_to_string(path).unwrap()
}

/// A repository with the manifests as they were, and a working tree with what they are now.
fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let root = folder.path();
    git(root, &["init", "-q"]);
    fs::create_dir_all(root.join("deploy/vm")).unwrap();
    fs::write(root.join("deploy/vm/vm.yaml"), data("base.yaml")).unwrap();
    fs::write(root.join("deploy/broken.yaml"), "a: [").unwrap();
    git(root, &["add", "."]);
    git(root, &["commit", "-qm", "before"]);
    git(root, &["tag", "v1"]);
    fs::write(root.join("deploy/vm/vm.yaml"), data("now.yaml")).unwrap();
    folder
}

fn path(folder: &TempDir, inner: &str) -> String {
    folder.path().join(inner).to_str().unwrap().to_owned()
}

#[test]
fn revision_is_compared_with() {
    let folder = repository();
    for revision in ["HEAD", "v1", "v1^0"] {
        let ran = run(&["lint", "--base", revision, &path(&folder, "deploy/vm")], "");
        assert!(ran.stdout.contains("error[VM005]"), "{revision}: {}{}", ran.stdout, ran.stderr);
        let ran = run(&["lint", "--base", revision, &path(&folder, "deploy/vm/vm.yaml")], "");
        assert!(ran.stdout.contains("error[VM005]"), "{revision}: {}{}", ran.stdout, ran.stderr);
    }
    git(folder.path(), &["commit", "-qam", "now"]);
    let ran = run(&["lint", "--base", "HEAD", &path(&folder, "deploy/vm")], "");
    assert!(!ran.stdout.contains("VM005"), "{}", ran.stdout);
}

#[test]
fn what_was_not_there_is_no_error() {
    let folder = repository();
    fs::write(folder.path().join("new.yaml"), data("now.yaml")).unwrap();
    let ran = run(&["lint", "--base", "HEAD", &path(&folder, "new.yaml")], "");
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    assert!(!ran.stdout.contains("VM005"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_read_there_is_said_under_its_name() {
    let folder = repository();
    fs::remove_file(folder.path().join("deploy/broken.yaml")).unwrap();
    let ran = run(&["lint", "--base", "HEAD", &path(&folder, "deploy")], "");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("HEAD:deploy/broken.yaml"), "{}", ran.stderr);
}

#[test]
fn what_is_no_revision_is_refused() {
    let folder = repository();
    for revision in ["nowhere", "--help", "HEAD..v1", ""] {
        let ran = run(&["lint", &format!("--base={revision}"), &path(&folder, "deploy/vm")], "");
        assert_ne!(ran.status, 0, "{revision}");
        assert_ne!(ran.status, 1, "{revision}");
        assert!(!ran.stderr.is_empty());
    }
    let outside = TempDir::new().unwrap();
    fs::write(outside.path().join("vm.yaml"), data("now.yaml")).unwrap();
    let ran = run(&["lint", "--base", "HEAD", &path(&outside, "vm.yaml")], "");
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("git"), "{}", ran.stderr);
}
