//! The dashboard: its queries can be read, and ask for what there is.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::objects::list;
use crate::repository::Repository;
use crate::tools::{repository, tool};

fn dashboard() -> Value {
    serde_json::from_str(&Repository::copy().read("vm-manifests/observe/dashboard.json")).unwrap()
}

/// Title of the panel, and its query with Grafana's variables filled in.
fn queries(dashboard: &Value) -> Vec<(&str, String)> {
    let panels = list(&dashboard["panels"]).iter();
    let targets = panels.flat_map(|panel| list(&panel["targets"]).iter().map(move |t| (panel, t)));
    targets
        .map(|(panel, target)| {
            let query = target["expr"].as_str().unwrap();
            let query = query.replace("$__rate_interval", "5m").replace("$namespace", ".*");
            (panel["title"].as_str().unwrap(), query.replace("$instance", ".*"))
        })
        .collect()
}

#[test]
fn queries_can_be_read() {
    let Some(mut promtool) = tool("promtool") else { return };
    let dashboard = dashboard();
    let rules: Vec<_> = queries(&dashboard)
        .into_iter()
        .enumerate()
        .map(|(number, (_, query))| json!({ "record": format!("query:{number}"), "expr": query }))
        .collect();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.json");
    std::fs::write(&file, json!({ "groups": [{ "name": "a", "rules": rules }] }).to_string())
        .unwrap();
    let output = promtool.args(["check", "rules", "--lint=none"]).arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn queries_ask_for_metrics_that_there_are() {
    let document = std::fs::read_to_string(repository().join("docs/operating.md")).unwrap();
    let known: BTreeSet<&str> = document.split('`').collect();
    let dashboard = dashboard();
    for (panel, query) in queries(&dashboard) {
        let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let metrics: Vec<_> =
            words.filter(|word| word.starts_with("saigak_") || word.starts_with("DCGM_")).collect();
        assert_ne!(metrics.len(), 0, "{panel}");
        for metric in metrics {
            assert!(known.contains(metric), "{panel}: {metric}");
        }
    }
}

/// Grafana shows panels by their numbers, and draws those that overlap over each other.
#[test]
fn panels_stand_side_by_side() {
    let dashboard = dashboard();
    let mut numbers = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        assert!(numbers.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(at("x") + at("w") <= 24, "{}", panel["title"]);
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(cells.insert((x, y)), "{} lies over another panel", panel["title"]);
            }
        }
    }
}
