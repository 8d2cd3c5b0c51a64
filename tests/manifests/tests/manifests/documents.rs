//! What the documents promise.

use std::fs;
use std::path::Path;

use crate::choices::TALOS_ALTRA;
use crate::objects::{Objects, list};
use crate::tools::{repository, saigakctl};

/// What a row says that only a cluster can show.
const UNPROVED: &str = "documented, not proved here";

/// Each row of the table names something that runs, or says that nothing does.
#[test]
fn each_failure_mode_is_kept_from_coming_back() {
    let document = read("docs/failure-modes.md");
    let scenarios = sources(&repository().join("tests/lab/src/scenario"));
    let alerts = read("vm-manifests/observe/rules.yaml");
    let mut rows = 0;
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if cells[0] == "failure" {
            continue;
        }
        assert_eq!(cells.len(), 3, "{line}");
        rows += 1;
        if cells[2] == UNPROVED {
            continue;
        }
        for proof in cells[2].split(", ") {
            let (kind, name) = proof.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            let name = name.trim_matches('`');
            let runs = match kind {
                "scenario" => scenarios.contains(&format!("name: \"{name}\",")),
                "rule" => saigakctl().args(["explain", name]).output().unwrap().status.success(),
                "alert" => alerts.contains(&format!("- alert: {name}\n")),
                _ => false,
            };
            assert!(runs, "{proof} does not run: {line}");
        }
    }
    assert!(rows > 40, "{rows} rows");
}

/// Each row of the checklist has a command, and what it shows; of the alerts, as many as there are.
#[test]
fn each_check_of_a_deployment_has_its_command() {
    let document = read("docs/validation.md");
    let mut rows = 0;
    for line in
        document.lines().filter(|line| line.starts_with("| ") && !line.contains("| command"))
    {
        // What stands between a pipe's backslash and its end is the command's own.
        let cells = line.replace("\\|", "/");
        let cells: Vec<_> = cells.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), 3, "{line}");
        assert!(cells[1].contains('`') && cells.iter().all(|cell| !cell.is_empty()), "{line}");
        rows += 1;
    }
    assert!(rows > 20, "{rows} rows");
    let rules = Objects::parse(&read("vm-manifests/observe/rules.yaml"));
    let groups = list(&rules.0[0]["spec"]["groups"]).iter().map(|group| {
        format!("`{}` {}", group["name"].as_str().unwrap(), list(&group["rules"]).len())
    });
    let loaded = groups.collect::<Vec<_>>().join(" and ");
    assert!(document.contains(&format!("| {loaded} |\n")), "{loaded}");
}

/// The longest time for which a guest that serves no more is believed: how old a proof may be, and
/// how long the kubelet takes to believe that it is too old.
#[test]
fn longest_lie_is_stated_as_it_is() {
    let Some(objects) = TALOS_ALTRA.chosen() else { return };
    let probe = &objects.instance()["readinessProbe"];
    let number = |key: &str| probe[key].as_u64().unwrap();
    // The last good answer came just before; the last bad one takes all its time.
    let probed = number("periodSeconds") * number("failureThreshold") + number("timeoutSeconds");
    let configuration = read("docs/configuration.md");
    let default = |key: &str| -> u64 {
        let row =
            configuration.lines().find(|line| line.starts_with(&format!("| `{key}`"))).unwrap();
        row.split('|').nth(3).unwrap().trim().trim_matches('`').parse().unwrap()
    };
    let fresh = default("proof.fresh_seconds");
    let grace = default("proof.grace_seconds");
    let document = read("vm-manifests/README.md");
    for (what, seconds) in [
        ("the agent's proof may be so old (`proof.fresh_seconds`)", fresh),
        ("until the kubelet's probe has failed twice, every 5 s, 3 s for an answer", probed),
        ("**a server that stops answering**", fresh + probed),
        ("a busy server, which shows progress (`proof.grace_seconds`)", grace + probed),
    ] {
        let row = document.lines().find(|line| line.contains(what));
        let row = row.unwrap_or_else(|| panic!("no row {what:?}"));
        assert!(
            row.trim_matches(['|', ' ', '*']).ends_with(&format!("{seconds} s")),
            "{row}: {seconds} s"
        );
    }
}

fn read(file: &str) -> String {
    let path = repository().join(file);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// All sources below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        text += &if path.is_dir() { sources(&path) } else { fs::read_to_string(&path).unwrap() };
    }
    text
}
