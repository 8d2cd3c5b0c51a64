//! What `render` makes of cloud-init's files.

use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::run::run;

/// The repository's own files.
fn shipped() -> String {
    format!("{}/../cloud-init", env!("CARGO_MANIFEST_DIR"))
}

/// An image of them with these values.
fn image(folder: &Path, values: &str) -> Vec<u8> {
    let (file, iso) = (folder.join("values.toml"), folder.join("disk.iso"));
    std::fs::write(&file, values).unwrap();
    let [file, iso] = [&file, &iso].map(|path| path.to_str().unwrap());
    let ran = run(&["render", &shipped(), "--values", file, "--iso", iso], "");
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    std::fs::read(iso).unwrap()
}

fn contains(image: &[u8], text: &str) -> bool {
    image.windows(text.len()).any(|part| part == text.as_bytes())
}

#[test]
fn image_holds_the_files_and_the_guests_own_values() {
    let folder = TempDir::new().unwrap();
    let values =
        "instance-id = \"one\"\nlocal-hostname = \"gpu-1\"\npublic-keys = [\"ssh-ed25519 A\"]";
    let disk = image(folder.path(), values);
    for name in ["user-data", "network-config"] {
        let text = std::fs::read_to_string(format!("{}/{name}", shipped())).unwrap();
        assert!(contains(&disk, &text), "{name} is not there as it was");
    }
    let meta_data = "{\"instance-id\":\"one\",\"local-hostname\":\"gpu-1\",\
                     \"public-keys\":[\"ssh-ed25519 A\"]}\n";
    assert!(contains(&disk, meta_data));
    assert!(image(folder.path(), values) == disk, "the same files give other bytes");
    assert!(image(folder.path(), "") != disk);
}

#[test]
fn system_takes_it_for_a_nocloud_disk() {
    let folder = TempDir::new().unwrap();
    image(folder.path(), "");
    let mut blkid = Command::new("/usr/sbin/blkid");
    blkid.args(["--probe", "--output", "export"]).arg(folder.path().join("disk.iso"));
    let Ok(child) = blkid.stdout(Stdio::piped()).spawn() else {
        eprintln!("skipped: no blkid here");
        return;
    };
    let said = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(said.contains("\nLABEL=cidata\n") && said.contains("TYPE=iso9660\n"), "{said}");
    assert!(said.contains("\nBLOCK_SIZE=2048\n"), "{said}");
}

#[test]
fn linter_reads_what_was_rendered() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    // A warning keeps nothing from being rendered.
    write("user-data", "#cloud-config\nmounts:\n  - [/dev/vdb, /data, ext4, nofail]\n");
    write("network-config", "version: 2\nethernets:\n  a: {match: {driver: b}, dhcp4: true}\n");
    write("meta-data", "instance-id: a\n");
    let iso = format!("{path}/disk.iso");
    let ran = run(&["render", path, "--iso", &iso], "");
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let lint = run(&["lint", &iso], "");
    assert!(lint.status == 1 && lint.stdout.contains("CI016"), "{}", lint.stdout);
}

#[test]
fn secrets_are_those_that_kubevirt_takes() {
    let folder = TempDir::new().unwrap();
    let values = folder.path().join("values.toml");
    std::fs::write(&values, "local-hostname = \"a\"\n[secrets]\nnamespace = \"7\"").unwrap();
    let arguments = ["render", &shipped(), "--secrets", "--values", values.to_str().unwrap()];
    let ran = run(&arguments, "");
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("local-hostname is no part of the secrets"), "{}", ran.stderr);
    // Also one that YAML would take for a number.
    for line in [
        r#"  name: "saigak-user-data""#,
        r#"  name: "saigak-network-config""#,
        r#"  namespace: "7""#,
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{}", ran.stdout);
    }
    // The linter sees through them, and finds nothing.
    let lint = run(&["lint", "-"], &ran.stdout);
    let nothing = "2 objects in 1 files: 0 errors, 0 warnings, 0 for information\n";
    assert_eq!((lint.status, lint.stdout.as_str()), (0, nothing));
}

#[test]
fn what_would_not_work_is_not_rendered() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_str().unwrap();
    let secrets = ["render", path, "--secrets"];
    let refused = |why: &str| {
        let ran = run(&secrets, "");
        assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
    };
    refused("there is no user-data");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("user-data", "#cloud-config\n{}\n");
    refused("there is no network-config");
    write("network-config", "version: \"2\"\nethernets: {}\n");
    refused("network-config:1: CI006: ");
    write("network-config", "version: 2\nethernets:\n  a: {match: {driver: b}, dhcp4: true}\n");
    assert_eq!(run(&secrets, "").status, 0);
    // An image needs to be told apart from others.
    let iso = format!("{path}/disk.iso");
    let ran = run(&["render", path, "--iso", &iso], "");
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.contains("instance-id") && !Path::new(&iso).exists(), "{}", ran.stderr);
    write("values.toml", "instance_id = \"a\"\n");
    let values = format!("--values={path}/values.toml");
    let ran = run(&["render", path, "--iso", &iso, &values], "");
    assert!(ran.status == 1 && ran.stderr.contains("unknown field"), "{}", ran.stderr);
}

#[test]
fn one_of_the_two_is_made() {
    assert_eq!(run(&["render", &shipped()], "").status, 64);
    assert_eq!(run(&["render", &shipped(), "--secrets", "--iso=a"], "").status, 64);
}
